"""Between what bounds every count must lie, found by adding and subtracting along the lines.

A whole is at least what its parts are at least, and a part is at most what the whole leaves of the
others; repeated until nothing moves. What is found this way is certain, but it is not always all
that could be found: see `exact`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.audit.bands import SLIP
from validation.audit.cells import Cells, Lines
from validation.audit.keys import Flags, Floats, distinct
from validation.audit.ties import Ties
from validation.audit.view import View

UNBOUNDED = 1e9
MOST_ROUNDS = 60
MOST_PASSES = 6


@dataclass
class Interval:
    """Bounds of one count of every unknown."""

    low: Floats
    high: Floats

    def copy(self) -> Interval:
        """Return the same bounds as others."""
        return Interval(self.low.copy(), self.high.copy())

    def draw(self, low: Floats, high: Floats) -> None:
        """Draw the bounds closer."""
        np.maximum(self.low, low, out=self.low)
        np.minimum(self.high, high, out=self.high)

    def differs(self, other: Interval) -> Flags:
        """Return where the two are not the same."""
        return (self.low != other.low) | (self.high != other.high)

    @property
    def broken(self) -> Flags:
        """Return where no number lies between the bounds: what is published does not add up."""
        return self.low > self.high + SLIP

    @property
    def width(self) -> Floats:
        """Return how far apart the bounds are."""
        return self.high - self.low


@dataclass
class Bounds:
    """Bounds of each cell's students, its proficient, its others and those at each level."""

    n: Interval
    proficient: Interval
    others: Interval
    levels: list[Interval]

    @property
    def all(self) -> list[Interval]:
        """Return the bounds of every count."""
        return [self.n, self.proficient, self.others, *self.levels]

    @property
    def broken(self) -> Flags:
        """Return which cells' counts do not add up."""
        return np.logical_or.reduce([one.broken for one in self.all])


class Propagation:
    """Draws bounds closer along the lines of a system.

    lines: of each cell, those that it is in. within, around: of each cell, those of `below`.
    """

    def __init__(self, cells: Cells) -> None:
        self.cells = cells
        lines, (cell, around) = cells.lines, cells.below
        members = np.append(lines.parent, lines.child)
        of = np.append(np.arange(len(lines)), lines.row)
        self.lines = Ties.of(members, of, cells.size)
        self.within = Ties.of(around, cell, cells.size)
        self.around = Ties.of(cell, around, cells.size)

    def along(self, interval: Interval, moved: Flags | None = None) -> Flags:
        """Draw the bounds closer until nothing moves.

        Args:
            interval: the bounds.
            moved: where they have been drawn since nothing moved; null if that is not known.

        Returns:
            Where they were still moving: nowhere, unless the rounds were over or they are broken.
        """
        if moved is None:
            moved = np.ones(self.cells.size, dtype=bool)
        for _ in range(MOST_ROUNDS):
            if not moved.any():
                break
            before = interval.copy()
            at = np.flatnonzero(moved)
            wide, narrow = self.within.pairs(at)
            np.minimum.at(interval.high, narrow, interval.high[wide])
            narrow, wide = self.around.pairs(at)
            np.maximum.at(interval.low, wide, interval.low[narrow])
            drawn = np.flatnonzero(moved | before.differs(interval))
            lines = self.cells.lines.at(distinct(self.lines.pairs(drawn)[1]))
            if len(lines):
                _pass(lines, interval)
            moved = before.differs(interval)
            if interval.broken.any():
                break
        return moved


def _pass(lines: Lines, interval: Interval) -> None:
    low, high = interval.low, interval.high
    begin, row = lines.start[:-1], lines.row
    least = np.add.reduceat(low[lines.child], begin)
    most = np.add.reduceat(high[lines.child], begin)
    of_whole = low[lines.parent][row] - (most[row] - high[lines.child])
    left = high[lines.parent][row] - (least[row] - low[lines.child])
    np.maximum.at(low, lines.parent, least)
    np.minimum.at(high, lines.parent, most)
    np.maximum.at(low, lines.child, of_whole)
    np.minimum.at(high, lines.child, left)


def bounds_of(view: View, absent_is_empty: bool = False) -> Bounds:
    """Return the bounds of every count of every cell.

    Args:
        view: what is published.
        absent_is_empty: whether the reader holds that a code without any row has no students.
    """
    spread = Propagation(view.cells)
    n = _sizes(view, absent_is_empty)
    still = spread.along(n)
    known = view.shown
    low = np.where(known, view.low, 0)
    high = np.where(known, view.high, n.high)
    proficient = Interval(low, high)
    others = Interval(np.where(known, view.n - high, 0), np.where(known, view.n - low, n.high))
    levels = [
        Interval(np.where(np.isnan(one), 0, one), np.where(np.isnan(one), n.high, one))
        for one in view.levels
    ]
    bounds = Bounds(n, proficient, others, levels)
    first = view.proficient_from or 0
    moving = [still, *(None for _ in bounds.all[1:])]
    for _ in range(MOST_PASSES):
        before = [one.copy() for one in bounds.all]
        _couple(bounds, first)
        for at, (was, one) in enumerate(zip(before, bounds.all, strict=True)):
            left = moving[at]
            moving[at] = spread.along(one, None if left is None else left | was.differs(one))
        same = (not a.differs(b).any() for a, b in zip(before, bounds.all, strict=True))
        if bounds.broken.any() or all(same):
            break
    return bounds


def _sizes(view: View, absent_is_empty: bool) -> Interval:
    known = view.shown
    n = Interval(np.where(known, view.n, 0), np.where(known, view.n, UNBOUNDED))
    if absent_is_empty:
        n.high[_of_no_listed_code(view.cells) & ~known] = 0
    return n


def _of_no_listed_code(cells: Cells) -> Flags:
    """Return which cells are of a code that no row of any mart is of."""
    never = np.zeros(cells.size, dtype=bool)
    for own in cells.codes.T:
        listed = np.zeros(own.max(initial=0) + 1, dtype=bool)
        listed[own[: cells.listed]] = True
        never[: cells.named] |= ~listed[own] & (own > 0)
    return never


def _couple(bounds: Bounds, proficient_from: int) -> None:
    """Draw the bounds of the counts of one cell closer by one another."""
    n, proficient, others = bounds.n, bounds.proficient, bounds.others
    proficient.draw(n.low - others.high, n.high - others.low)
    others.draw(n.low - proficient.high, n.high - proficient.low)
    n.draw(proficient.low + others.low, proficient.high + others.high)
    if not bounds.levels or not proficient_from:
        return
    for part, levels in (
        (proficient, bounds.levels[proficient_from - 1 :]),
        (others, bounds.levels[: proficient_from - 1]),
    ):
        if levels:
            least = np.sum([one.low for one in levels], axis=0)
            most = np.sum([one.high for one in levels], axis=0)
            part.draw(least, most)
            for one in levels:
                one.draw(part.low - (most - one.high), part.high - (least - one.low))
