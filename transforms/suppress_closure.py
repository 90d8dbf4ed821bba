"""What follows line by line: where all of a line but one set is known, that one is known as well.

It finds most of what shown sets give away, at little cost, but not all of it: sums of several lines
are left to `Knowledge` (suppress_knowledge.py).
"""

from __future__ import annotations

import itertools
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


class IndexedLines:
    """The lines of a system, as they are looked through for one statistic after another.

    of_set: the lines that each set is in.
    sizes: how many sets each line has.
    totals: the sum of the numbers of each line's sets.
    parents: the set that each line says is the sum of others, see `only_parents`.
    children: a row per line and a column per set: 1 for each child.
    """

    def __init__(self, matrix: sparse.csr_array) -> None:
        """Takes a row per line and a column per set: 1 for the parent, -1 for each child."""
        held = (matrix != 0).astype(np.float64).tocsr()
        by_set = held.tocsc()
        numbers, starts = by_set.indices.tolist(), by_set.indptr.tolist()
        self.of_set = [numbers[start:end] for start, end in itertools.pairwise(starts)]
        self.sizes: list[int] = np.diff(held.indptr).tolist()
        self.totals: list[int] = (held @ np.arange(matrix.shape[1])).astype(np.int64).tolist()
        self.parents: list[int] = only_parents(matrix).tolist()
        self.children = (matrix < 0).astype(np.float64)


class Closure:
    """What is known, closed under the lines; of each line how many unknown sets are left."""

    def __init__(self, lines: IndexedLines, rest: Rest | None = None) -> None:
        """Starts with nothing known; with `rest`, what lines leave open is looked at as well."""
        self._lines = lines
        self._open = None if rest is None else _Open(lines, rest)
        self.clear()

    def clear(self) -> None:
        """Starts again with nothing known."""
        self.known = [False] * len(self._lines.of_set)
        self._left = self._lines.sizes.copy()
        # The sum of the numbers of those that are left: of the last one, its number.
        self._sum = self._lines.totals.copy()
        self.left_too_little: set[int] = set()
        if self._open is not None:
            self._open.clear()

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
        if self._open is not None and not self._open.learn(learnt, self.known):
            self._restore(learnt, len(learnt))
            self.left_too_little.add(chosen)
            return None
        return learnt

    def forget(self, learnt: list[int]) -> None:
        """Takes back what was learnt last."""
        if self._open is not None:
            self._open.forget(learnt)
        self._restore(learnt, len(learnt))

    def _gives_away_next(self, chosen: int, guarded: list[bool]) -> bool:
        left, total = self._left, self._sum
        return any(
            left[line] == 2 and guarded[total[line] - chosen] for line in self._lines.of_set[chosen]
        )

    def _strike(self, new: int, guarded: list[bool], learnt: list[int]) -> bool:
        """Strikes a known set from its lines; returns whether no guarded set is the last of one."""
        safe = True
        for line in self._lines.of_set[new]:
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
                for line in self._lines.of_set[old]:
                    self._left[line] += 1
                    self._sum[line] += old


class _Open:
    """Of each line what its unknown children leave open together."""

    def __init__(self, lines: IndexedLines, rest: Rest) -> None:
        self._lines_of, self._parents = lines.of_set, lines.parents
        self._least, self._digits = rest.least, range(len(rest.counts))
        self._of_set = _as_digits(rest.counts)
        self._all_of_line = _as_digits(np.array([lines.children @ row for row in rest.counts]))
        self._is_protected: list[bool] = rest.protected.tolist()
        protected = (lines.children @ rest.protected).astype(np.int64)
        self._all_protected: list[int] = protected.tolist()
        self._is_enough: dict[int, bool] = {0: True}

    def clear(self) -> None:
        """Takes no set for known."""
        self._of_line = self._all_of_line.copy()
        self._protected = self._all_protected.copy()

    def learn(self, learnt: list[int], known: list[bool]) -> bool:
        """Takes known sets out; returns whether enough is open still, or nothing is changed."""
        for new in learnt:
            self._move(new, -1)
        if all(self._is_safe(line, known) for new in learnt for line in self._lines_of[new]):
            return True
        self.forget(learnt)
        return False

    def forget(self, learnt: list[int]) -> None:
        for old in learnt:
            self._move(old, 1)

    def _move(self, moved: int, sign: int) -> None:
        by, protected = sign * self._of_set[moved], sign * self._is_protected[moved]
        for line in self._lines_of[moved]:
            if self._parents[line] != moved:
                self._of_line[line] += by
                self._protected[line] += protected

    def _is_safe(self, line: int, known: list[bool]) -> bool:
        parent = self._parents[line]
        if parent < 0 or not known[parent] or not self._protected[line]:
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
