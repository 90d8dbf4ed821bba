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

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_sets import Flags, Ints, stretches

UNBOUNDED = 10**9
# What is drawn from an end that is unbounded lies below this.
UNKNOWN = -UNBOUNDED // 2
# Nothing is lost by an end: what is not drawn yet leaves the ranges wider than they are.
MOST_ROUNDS = 60
TOLD, IDLE = -1, -2
LOW, HIGH = 0, 1


@dataclass(frozen=True)
class Drawn:
    """The ends of every count's range, and what each was drawn from.

    A count's ends are numbered `2 * count + LOW` and `2 * count + HIGH`, and of the high one the
    number is kept with its sign turned, so that both move up as they are drawn closer.

    end: the number at each end.
    source: the way (see `Lines`) along which each was drawn, TOLD where along none.
    """

    end: Ints
    source: Ints

    @property
    def bound(self) -> Ints:
        """Returns the least and the most of every count, a row each."""
        return np.stack([self.end[LOW::2], -self.end[HIGH::2]])

    @property
    def width(self) -> Ints:
        """Returns how far apart the bounds are."""
        width: Ints = -(self.end[LOW::2] + self.end[HIGH::2])
        return width


class Lines:
    """Sums that hold: in each the counts of one sign are together as many as those of the other.

    A line is read in two ways: `2 * line` has the low ends of the one sign and the high ends of the
    other, `2 * line + 1` has the others. The ends of a way come to 0 at most, so of each count the
    end that is not in the way is no less than what the ends of the others in it come to.
    """

    def __init__(self, matrix: sparse.csr_array) -> None:
        """Takes a row per line and a column per count: 1, -1 or 0."""
        self._start = matrix.indptr.astype(np.int64)
        # Of each entry the end that is in the first way of its line; in the second is the other.
        self._end: Ints = 2 * matrix.indices.astype(np.int64) + (matrix.data < 0)
        by_count = matrix.tocsc()
        self._first = by_count.indptr.astype(np.int64)
        self._line_of: Ints = by_count.indices.astype(np.int64)

    def ends_of(self, way: int) -> list[int]:
        """Returns the ends of a way."""
        line = way >> 1
        ends: list[int] = (
            self._end[self._start[line] : self._start[line + 1]] ^ (way & 1)
        ).tolist()
        return ends

    def draw(self, low: Ints, high: Ints) -> Drawn:
        """Returns the bounds that follow from these."""
        told = _ends(low, high)
        drawn = Drawn(told, np.full(len(told), TOLD))
        self._draw_from(drawn, np.arange(len(low)))
        return drawn

    def redraw(self, drawn: Drawn, low: Ints, high: Ints, loosened: Ints) -> Drawn:
        """Returns the bounds that follow from these, which are wider only of those loosened.

        What rests on none of them stays as it was drawn before.
        """
        rests = self._resting_on(drawn, loosened)
        both = np.repeat(rests, 2)
        end = np.where(both, _ends(low, high), drawn.end)
        again = Drawn(end, np.where(both, TOLD, drawn.source))
        self._draw_from(again, np.flatnonzero(rests))
        return again

    def _resting_on(self, drawn: Drawn, loosened: Ints) -> Flags:
        """Returns which counts are loosened, or were drawn along a line with any such."""
        rests = np.zeros(len(drawn.end) // 2, dtype=bool)
        low, high = (drawn.source[side::2] >> 1 for side in (LOW, HIGH))
        # The last stands for what is told.
        on_any = np.zeros(len(self._start), dtype=bool)
        new = loosened
        while len(new):
            rests[new] = True
            on_any[self._lines_with(new)] = True
            new = np.flatnonzero((on_any[low] | on_any[high]) & ~rests)
        return rests

    def _draw_from(self, drawn: Drawn, moved: Ints) -> None:
        """Draws ends closer along the lines of the counts that moved, until nothing moves."""
        for _ in range(MOST_ROUNDS):
            if not len(moved):
                break
            moved = self._draw_along(self._lines_with(moved), drawn)

    def _lines_with(self, counts: Ints) -> Ints:
        """Returns the lines that have any of the counts."""
        return _chosen(self._line_of[_entries(self._first, counts)], len(self._start) - 1)

    def _draw_along(self, lines: Ints, drawn: Drawn) -> Ints:
        """Draws ends closer along the lines; returns the counts that moved."""
        size = self._start[lines + 1] - self._start[lines]
        begin, first = np.cumsum(size) - size, self._end[_entries(self._start, lines)]
        second = first ^ 1
        numbers = drawn.end[first], drawn.end[second]
        found = []
        for way, other in enumerate((second, first)):
            held, before = numbers[way], numbers[1 - way]
            closer = np.repeat(np.add.reduceat(held, begin), size) - held
            at = np.flatnonzero((closer > before) & (closer > UNKNOWN))
            line = lines[np.searchsorted(begin, at, side="right") - 1]
            found.append(np.stack([other[at], closer[at], 2 * line + way]))
        end, closer, way_of = np.concatenate(found, axis=1)
        _move(drawn, end, closer, way_of)
        return _chosen(end >> 1, len(drawn.end) // 2)


class Traces:
    """Leads from ranges back to the told bounds that they rest on."""

    def __init__(self, lines: Lines) -> None:
        """Takes the lines along which bounds are drawn."""
        self._ends_of = functools.cache(lines.ends_of)
        self._source: list[int] = []
        self._is_idle: list[bool] = []

    def follow(self, drawn: Drawn, of_interest: Flags) -> None:
        """Takes the bounds as they are drawn, and which counts are looked for behind them."""
        is_idle = (drawn.source == TOLD) & ~np.repeat(of_interest, 2)
        self._source = np.where(is_idle, IDLE, drawn.source).tolist()
        # To be no less than 0 says nothing.
        is_idle[LOW::2] |= drawn.end[LOW::2] == 0
        self._is_idle = is_idle.tolist()

    def behind(self, count: int) -> Iterator[int]:
        """Yields the counts of interest whose told bounds those of a count rest on."""
        source, is_idle, ends_of = self._source, self._is_idle, self._ends_of
        stack = [2 * count + LOW, 2 * count + HIGH]
        seen = set(stack)
        while stack:
            end = stack.pop()
            way = source[end]
            if way == TOLD:
                yield end >> 1
            if way < 0:
                continue
            other = end ^ 1
            for further in ends_of(way):
                if further not in seen and further != other and not is_idle[further]:
                    seen.add(further)
                    stack.append(further)


def _entries(start: Ints, rows: Ints) -> Ints:
    """Returns the positions of all entries of some rows, row after row."""
    return stretches(start[rows], start[rows + 1] - start[rows])


def _move(drawn: Drawn, end: Ints, value: Ints, way: Ints) -> None:
    """Moves ends to the closest found, and keeps the last of the ways it was found along."""
    np.maximum.at(drawn.end, end, value)
    is_closest = value == drawn.end[end]
    drawn.source[end[is_closest]] = TOLD
    np.maximum.at(drawn.source, end[is_closest], way[is_closest])


def _chosen(numbers: Ints, count: int) -> Ints:
    """Returns the different ones of some numbers below `count`, in order."""
    is_chosen = np.zeros(count, dtype=bool)
    is_chosen[numbers] = True
    return np.flatnonzero(is_chosen)


def _ends(low: Ints, high: Ints) -> Ints:
    """Returns the numbers at both ends of every range."""
    return np.stack([low, -high], axis=1).ravel()
