"""What follows line by line: where all of a line but one set is known, that one is known as well.

It finds most of what shown sets give away, at little cost, but not all of it: sums of several lines
are left to `Knowledge` (suppress_knowledge.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_sets import Flags, Ints, only_parents

# Numbers of one set are kept as digits of one whole number, so that they are added in one step.
DIGIT = 32


@dataclass(frozen=True)
class Rest:
    """What the hidden children of a shown sum must leave open between them.

    counts: a row per statistic and a column per set: how many students of it are open, as those at
        or above the standard and those below.
    protected: the sets about which that must not tell; of a rest without any nothing is asked.
    least: so many at least of each statistic, or the rest tells that none of it, or too few, are.
    """

    counts: Ints
    protected: Flags
    least: int


class Closure:
    """What is known, closed under the lines; of each line how many unknown sets are left."""

    def __init__(self, lines: sparse.csr_array, rest: Rest | None = None) -> None:
        """Starts with nothing known; with `rest`, what lines leave open is looked at as well."""
        count = lines.shape[1]
        held = (lines != 0).astype(np.float64).tocsr()
        self.known = [False] * count
        self._left: list[int] = np.diff(held.indptr).tolist()
        # The sum of the numbers of those that are left: of the last one, its number.
        self._sum: list[int] = (held @ np.arange(count)).astype(np.int64).tolist()
        by_set = held.tocsc()
        numbers, starts = by_set.indices.tolist(), by_set.indptr.tolist()
        self._lines_of = [numbers[start:end] for start, end in itertools.pairwise(starts)]
        self._open = None if rest is None else _Open(lines, rest)
        self.left_too_little: set[int] = set()

    def learn(self, chosen: int, guarded: list[bool]) -> list[int] | None:
        """Takes a set for known, and returns all that is new; nothing is changed for None.

        None is returned where a guarded set follows, or a line would leave too little open; the set
        is in `left_too_little` then.
        """
        if self._gives_away_next(chosen, guarded):
            return None
        self.known[chosen] = True
        learnt = [chosen]
        for done, new in enumerate(learnt):
            if not self._strike(new, guarded, learnt):
                self._restore(learnt, done + 1)
                return None
        if self._open is not None and not self._open.learn(learnt, self):
            self._restore(learnt, len(learnt))
            self.left_too_little.add(chosen)
            return None
        return learnt

    def forget(self, learnt: list[int]) -> None:
        """Takes back what was learnt last."""
        if self._open is not None:
            self._open.forget(learnt, self)
        self._restore(learnt, len(learnt))

    def lines_of(self, chosen: int) -> list[int]:
        """Returns the lines that a set is in."""
        return self._lines_of[chosen]

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


class _Open:
    """Of each line what its unknown children leave open together."""

    def __init__(self, lines: sparse.csr_array, rest: Rest) -> None:
        children = (lines < 0).astype(np.float64)
        self._parent: list[int] = only_parents(lines).tolist()
        self._least, self._digits = rest.least, range(len(rest.counts))
        self._of_set = _as_digits(rest.counts)
        self._of_line = _as_digits(np.array([(children @ row) for row in rest.counts]))
        self._is_protected: list[bool] = rest.protected.tolist()
        self._protected: list[int] = (children @ rest.protected).astype(np.int64).tolist()
        self._is_enough: dict[int, bool] = {0: True}

    def learn(self, learnt: Iterable[int], closure: Closure) -> bool:
        """Takes known sets out; returns whether enough is open still, or nothing is changed."""
        done = list(learnt)
        for new in done:
            self._move(new, closure, -1)
        if all(self._is_safe(line, closure) for new in done for line in closure.lines_of(new)):
            return True
        self.forget(done, closure)
        return False

    def forget(self, learnt: Iterable[int], closure: Closure) -> None:
        for old in learnt:
            self._move(old, closure, 1)

    def _move(self, moved: int, closure: Closure, sign: int) -> None:
        by, protected = sign * self._of_set[moved], sign * self._is_protected[moved]
        for line in closure.lines_of(moved):
            if self._parent[line] != moved:
                self._of_line[line] += by
                self._protected[line] += protected

    def _is_safe(self, line: int, closure: Closure) -> bool:
        parent = self._parent[line]
        if parent < 0 or not closure.known[parent] or not self._protected[line]:
            return True
        total = self._of_line[line]
        if total not in self._is_enough:
            digits = ((total >> (DIGIT * place)) % 2**DIGIT for place in self._digits)
            self._is_enough[total] = min(digits) >= self._least
        return self._is_enough[total]


def _as_digits(counts: Ints) -> list[int]:
    """Returns the rows of each column as the digits of one number, the first row the lowest."""
    total = [0] * counts.shape[1]
    for place, row in enumerate(counts):
        shifted = (int(number) << (DIGIT * place) for number in row)
        total = [before + number for before, number in zip(total, shifted, strict=True)]
    return total
