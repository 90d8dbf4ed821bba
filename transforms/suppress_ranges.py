"""Between what numbers each count must lie, and which told numbers its range rests on.

Whoever adds and subtracts along the lines finds of each hidden count a least and a most: a whole is
no less than its parts are at least, a part no more than the whole leaves of the others. Each bound
is kept with the line that it was drawn from, so that a range that is too narrow leads back to the
told numbers behind it. Of those what is read least is told less exactly, until all ranges are wide.

Source: P.-P. de Wolf, A. Hundepool, Statistical Disclosure Control (Wiley 2012), 4.4, the range
that an attacker can compute ("feasibility interval") is to be wide enough; bounds along single
lines, to a fixed point, are those of constraint propagation (E. Davis, "Constraint propagation with
interval labels", Artificial Intelligence 32, 1987).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_sets import Flags, Ints

UNBOUNDED = 10**9
# Nothing is lost by an end: what is not drawn yet leaves the ranges wider than they are.
MOST_ROUNDS = 60
TOLD = -1
LOW, HIGH = 0, 1


@dataclass(frozen=True)
class Drawn:
    """Bounds of every count, and the line that each was drawn from, TOLD where from none.

    Rows are LOW and HIGH.
    """

    bound: Ints
    source: Ints

    @property
    def width(self) -> Ints:
        """Returns how far apart the bounds are."""
        width: Ints = self.bound[HIGH] - self.bound[LOW]
        return width


class Lines:
    """Sums that hold: in each the counts of one sign are together as many as those of the other."""

    def __init__(self, matrix: sparse.csr_array) -> None:
        """Takes a row per line and a column per count: 1, -1 or 0."""
        self._start = matrix.indptr.astype(np.int64)
        self._count: Ints = matrix.indices.astype(np.int64)
        self._sign: Ints = matrix.data.astype(np.int64)
        by_count = matrix.tocsc()
        self._first = by_count.indptr.astype(np.int64)
        self._line_of: Ints = by_count.indices.astype(np.int64)

    def entries(self) -> tuple[list[int], list[int], list[int]]:
        """Returns where the entries of each line start; of each entry its count and its sign."""
        return self._start.tolist(), self._count.tolist(), self._sign.tolist()

    def draw(self, low: Ints, high: Ints) -> Drawn:
        """Returns the bounds that follow from these."""
        bound = np.stack([low, high])
        drawn = Drawn(bound, np.full(bound.shape, TOLD))
        self._draw_from(drawn, np.ones(len(low), dtype=bool))
        return drawn

    def redraw(self, drawn: Drawn, low: Ints, high: Ints, loosened: Ints) -> Drawn:
        """Returns the bounds that follow from these, which are wider only of those loosened.

        What rests on none of them stays as it was drawn before.
        """
        rests = np.zeros(len(low), dtype=bool)
        rests[loosened] = True
        told = np.stack([low, high])
        while True:
            on_any = np.append(self._with_any(rests), False)
            further = rests | on_any[drawn.source].any(axis=0)
            if (further == rests).all():
                break
            rests = further
        again = Drawn(np.where(rests, told, drawn.bound), np.where(rests, TOLD, drawn.source))
        self._draw_from(again, rests)
        return again

    def _draw_from(self, drawn: Drawn, moved: Flags) -> None:
        """Draws bounds closer along the lines of what moved, until nothing moves."""
        for _ in range(MOST_ROUNDS):
            lines = np.flatnonzero(self._with_any(moved))
            if not len(lines):
                break
            moved = self._draw_along(lines, drawn)

    def _with_any(self, chosen: Flags) -> Flags:
        """Returns which lines have any of the counts."""
        found = np.zeros(len(self._start) - 1, dtype=bool)
        found[self._line_of[_entries(self._first, np.flatnonzero(chosen))]] = True
        return found

    def _draw_along(self, lines: Ints, drawn: Drawn) -> Flags:
        """Draws bounds closer along the lines; returns which counts' bounds moved."""
        size = self._start[lines + 1] - self._start[lines]
        begin = np.cumsum(size) - size
        entry = _entries(self._start, lines)
        count, plus = self._count[entry], self._sign[entry] > 0
        low, high = drawn.bound[LOW, count], drawn.bound[HIGH, count]
        least, most = np.where(plus, low, -high), np.where(plus, high, -low)
        others_least = np.repeat(np.add.reduceat(least, begin), size) - least
        others_most = np.repeat(np.add.reduceat(most, begin), size) - most
        closer_low = np.where(plus, -others_most, others_least)
        closer_high = np.where(plus, -others_least, others_most)
        line = np.repeat(lines, size)
        moved = np.zeros(drawn.bound.shape[1], dtype=bool)
        for side, closer, is_closer in (
            (LOW, closer_low, closer_low > low),
            (HIGH, closer_high, closer_high < high),
        ):
            at = np.flatnonzero(is_closer)
            _move(drawn, side, count[at], closer[at], line[at])
            moved[count[at]] = True
        return moved


class Traces:
    """Leads from a range back to the told bounds that it rests on."""

    def __init__(self, lines: Lines, drawn: Drawn) -> None:
        """Takes the lines, and the bounds that were drawn along them."""
        self._start, self._count, self._sign = lines.entries()
        self._source: list[list[int]] = drawn.source.tolist()
        self._is_zero: list[bool] = (drawn.bound[LOW] == 0).tolist()

    def behind(self, count: int) -> Iterator[int]:
        """Yields the counts whose told bounds those of a count rest on."""
        stack = [(count, LOW), (count, HIGH)]
        seen = set(stack)
        while stack:
            at, side = stack.pop()
            line = self._source[side][at]
            if line == TOLD:
                yield at
                continue
            for further in self._rests_on(line, at, side):
                if further not in seen:
                    seen.add(further)
                    stack.append(further)

    def _rests_on(self, line: int, at: int, side: int) -> Iterator[tuple[int, int]]:
        """Yields the bounds that a bound was drawn from; to be no less than 0 says nothing."""
        first, end = self._start[line], self._start[line + 1]
        own = self._sign[self._count.index(at, first, end)]
        for entry in range(first, end):
            count = self._count[entry]
            of = 1 - side if self._sign[entry] == own else side
            if count != at and not (of == LOW and self._is_zero[count]):
                yield count, of


def _entries(start: Ints, rows: Ints) -> Ints:
    """Returns the positions of all entries of some rows, row after row."""
    size = start[rows + 1] - start[rows]
    entries: Ints = np.arange(size.sum()) + np.repeat(start[rows] - np.cumsum(size) + size, size)
    return entries


def _move(drawn: Drawn, side: int, count: Ints, value: Ints, line: Ints) -> None:
    """Moves bounds to the closest found, and keeps the line it was found along."""
    (np.maximum if side == LOW else np.minimum).at(drawn.bound[side], count, value)
    is_closest = value == drawn.bound[side, count]
    drawn.source[side, count[is_closest]] = line[is_closest]
