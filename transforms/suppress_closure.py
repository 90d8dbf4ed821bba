"""What follows line by line: where all of a line but one set is known, that one is known as well.

It finds most of what shown sets give away, at little cost, but not all of it: sums of several lines
are left to `Knowledge` (suppress_knowledge.py).
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy import sparse


class Closure:
    """What is known, closed under the lines; of each line how many unknown sets are left."""

    def __init__(self, lines: sparse.csr_array) -> None:
        """Starts with nothing known."""
        count = lines.shape[1]
        held = (lines != 0).astype(np.float64).tocsr()
        self.known = [False] * count
        self._left: list[int] = np.diff(held.indptr).tolist()
        # The sum of the numbers of those that are left: of the last one, its number.
        self._sum: list[int] = (held @ np.arange(count)).astype(np.int64).tolist()
        by_set = held.tocsc()
        numbers, starts = by_set.indices.tolist(), by_set.indptr.tolist()
        self._lines_of = [numbers[start:end] for start, end in itertools.pairwise(starts)]

    def learn(self, chosen: int, guarded: list[bool]) -> list[int] | None:
        """Takes a set for known, and returns all that is new; nothing is changed for None.

        None is returned where a guarded set follows.
        """
        if self._gives_away_next(chosen, guarded):
            return None
        self.known[chosen] = True
        learnt = [chosen]
        for done, new in enumerate(learnt):
            if not self._strike(new, guarded, learnt):
                self._restore(learnt, done + 1)
                return None
        return learnt

    def _gives_away_next(self, chosen: int, guarded: list[bool]) -> bool:
        left, total = self._left, self._sum
        return any(
            left[line] == 2 and guarded[total[line] - chosen] for line in self._lines_of[chosen]
        )

    def _strike(self, new: int, guarded: list[bool], learnt: list[int]) -> bool:
        """Strikes a known set from its lines; returns whether no guarded set is the last of one."""
        safe = True
        for line in self._lines_of[new]:
            self._left[line] -= 1
            self._sum[line] -= new
            last = self._sum[line]
            if self._left[line] == 1 and not self.known[last]:
                self.known[last] = True
                learnt.append(last)
                safe = safe and not guarded[last]
        return safe

    def _restore(self, learnt: list[int], struck: int) -> None:
        for number, old in enumerate(learnt):
            self.known[old] = False
            if number < struck:
                for line in self._lines_of[old]:
                    self._left[line] += 1
                    self._sum[line] += old
