"""The true range of each hidden group's counts, by linear programming.

Bounds that are drawn along lines one by one are certain but may be too wide. Here all lines of a
block hold at once, within those bounds: each optimum is one more table that fits, so a count that
has been seen three apart is that wide. Random directions show it of most at once; of the rest the
smallest and the greatest are solved for one by one, until the time is up. A block is a district
with its schools or, where that is too large to be solved, each organisation by itself; what lies
outside is known to it by the bounds alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from validation.audit.attacks import PROFICIENT, TESTED, may_be_small
from validation.audit.bounds import Bounds
from validation.audit.cells import Cells
from validation.audit.finder import Finder
from validation.audit.keys import Flags, Floats, Ints
from validation.audit.view import View

SEED = 11
DIRECTIONS = 12
SLIP = 1e-6
SECONDS = 600.0
# A program with more open cells than this takes minutes to solve once.
LARGEST = 3_000
STATISTICS = (TESTED, PROFICIENT, "not proficient")


@dataclass
class Clock:
    """How much time is left."""

    seconds: float
    begun: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float:
        """Return how many seconds are left."""
        return self.seconds - (time.monotonic() - self.begun)

    @property
    def is_over(self) -> bool:
        """Return whether the time is up."""
        return self.left < 0


@dataclass
class Ranges:
    """The smallest and greatest seen so far of each statistic, a row each, of each cell."""

    low: Floats
    high: Floats

    def see(self, table: Floats) -> None:
        """Take in one table that fits."""
        np.minimum(self.low, table, out=self.low)
        np.maximum(self.high, table, out=self.high)

    @property
    def width(self) -> Floats:
        """Return how far apart they are, in whole numbers."""
        return np.floor(self.high + SLIP) - np.ceil(self.low - SLIP)


class Program:
    """All tables of a block of cells that fit: its students `n` and its proficient `p`.

    Columns are n and then p of each of the block's cells; what is known has equal bounds.
    """

    def __init__(self, view: View, bounds: Bounds, block: Ints) -> None:
        self.block = block
        count = len(block)
        position = np.full(view.cells.size, -1)
        position[block] = np.arange(count)
        low = np.append(bounds.n.low[block], bounds.proficient.low[block])
        high = np.append(bounds.n.high[block], bounds.proficient.high[block])
        self.fixed = np.where(low == high, low, 0)
        self.free = np.flatnonzero(low < high)
        self.limits = np.column_stack([low, high])[self.free]
        self.equal, self.sums = self._open(_equal(view.cells, position, count))
        below = _below(view.cells, position, count, bounds.n.width > 0)
        self.below, self.tops = self._open(below)

    def _open(self, rows: sparse.csr_array) -> tuple[sparse.csr_array | None, Floats | None]:
        """Return the rows that have something open, and what it sums to."""
        right = -(rows @ self.fixed)
        rows = rows[:, self.free]
        some = np.diff(rows.indptr) > 0
        return (rows[some], right[some]) if some.any() else (None, None)

    def best(self, direction: Floats, seconds: float = SECONDS) -> Floats | None:
        """Return n, p and n - p, a row each, of the table least in a direction; None for none."""
        table = self.fixed.copy()
        if len(self.free):
            found = linprog(
                direction[self.free],
                A_ub=self.below,
                b_ub=self.tops,
                A_eq=self.equal,
                b_eq=self.sums,
                bounds=self.limits,
                method="highs",
                options={"time_limit": max(seconds, 0.1)},
            )
            if found.status != 0:
                return None
            table[self.free] = found.x
        n, proficient = np.split(table, 2)
        return np.stack([n, proficient, n - proficient])

    def direction(self, weights: Floats) -> Floats:
        """Return what to minimise for weights of each statistic, a row each, of each cell."""
        return np.append(weights[0] + weights[2], weights[1] - weights[2])


def _equal(cells: Cells, position: Ints, count: int) -> sparse.csr_array:
    """Return the lines within the block, of n and of p."""
    lines = cells.lines
    inside = position[lines.parent] >= 0
    inside &= np.logical_and.reduceat(position[lines.child] >= 0, lines.start[:-1])
    one = lines.only(inside).matrix(cells.size)[:, np.flatnonzero(position >= 0)]
    order = position[np.flatnonzero(position >= 0)]
    one = one[:, np.argsort(order)]
    return sparse.block_diag((one, one), format="csr") if count else one


def _below(cells: Cells, position: Ints, count: int, open_: Flags) -> sparse.csr_array:
    """Return p - n <= 0, and that what lies within a cell is no more than it, of n, p, n - p."""
    inner, outer = cells.below
    chosen = (position[inner] >= 0) & (position[outer] >= 0) & open_[inner] & open_[outer]
    inner, outer = position[inner[chosen]], position[outer[chosen]]
    row = np.arange(len(inner))
    ones = np.ones(len(inner))
    pairs = sparse.csr_array(
        (np.append(ones, -ones), (np.append(row, row), np.append(inner, outer))),
        shape=(len(inner), count),
    )
    unit = sparse.eye_array(count, format="csr")
    nothing = sparse.csr_array(pairs.shape)
    return sparse.vstack(
        [
            sparse.hstack([-unit, unit]),
            sparse.hstack([pairs, nothing]),
            sparse.hstack([nothing, pairs]),
            sparse.hstack([pairs, -pairs]),
        ],
        format="csr",
    )


def blocks_of(cells: Cells, is_open: Flags) -> Iterator[tuple[str, Ints]]:
    """Yield what is solved together and what that is: a district, or a single organisation.

    Above districts are `all` and the networks. `is_open` says which cells have anything open.
    """
    places = cells.words.places
    district = np.array([_district(place, places) for place in places])
    of = np.zeros(cells.size, dtype=np.int64)
    of[: cells.named] = cells.organisation
    lines = cells.lines
    slack = lines.child >= cells.named
    of[lines.child[slack]] = of[lines.parent[lines.row[slack]]]
    for block in _apart(district[of]):
        if is_open[block].sum() <= LARGEST:
            yield "district", block
        else:
            for own in _apart(of[block]):
                yield "organisation", block[own]


def _apart(number: Ints) -> list[Ints]:
    """Return the positions of each number."""
    order = np.argsort(number, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(number[order])) + 1)


def _district(place: tuple[str, str], places: dict[tuple[str, str], int]) -> int:
    level, own = place
    if level in ("all", "network"):
        return -1
    return places[("district", own.rpartition("/")[0] if level == "school" else own)]


def look_at_ranges(finder: Finder, bounds: Bounds, clock: Clock) -> None:
    """Find hidden groups whose true range is too narrow, and count what has been shown wide."""
    wanted = may_be_small(finder, bounds)
    for interval in (bounds.n, bounds.proficient, bounds.others):
        wanted &= interval.width >= finder.scheme.width
    is_open = (bounds.n.width > 0) | (bounds.proficient.width > 0)
    for kind, block in blocks_of(finder.view.cells, is_open):
        if wanted[block].any():
            program = Program(finder.view, bounds, block)
            wide = _look_at_block(finder, program, wanted[block], clock)
            finder.count(f"hidden cells shown to be wide enough in their {kind}", wide)


def _look_at_block(finder: Finder, program: Program, wanted: Flags, clock: Clock) -> int:
    """Return of how many cells the ranges are shown to be wide enough."""
    count = len(wanted)
    seen = Ranges(np.full((3, count), np.inf), np.full((3, count), -np.inf))
    rng = np.random.default_rng(SEED)
    least = finder.scheme.width
    open_ = np.tile(wanted, (3, 1))
    for _ in range(DIRECTIONS):
        if clock.is_over or not open_.any():
            break
        signs = rng.choice([-1.0, 1.0], size=(3, count)) * open_
        for side in (1, -1):
            table = program.best(program.direction(side * signs), clock.left)
            if table is not None:
                seen.see(table)
        open_ &= seen.width < least
    _solve_rest(finder, program, seen, open_, clock)
    return int((wanted & (seen.width >= least).all(axis=0)).sum())


def _solve_rest(finder: Finder, program: Program, seen: Ranges, open_: Flags, clock: Clock) -> None:
    """Solve one by one for what no direction has shown to be wide; note what is not."""
    for statistic, cell in np.argwhere(open_).tolist():
        if clock.is_over:
            break
        if seen.width[statistic, cell] >= finder.scheme.width:
            open_[statistic, cell] = False
        elif _solve(program, seen, (statistic, cell), clock):
            open_[statistic, cell] = False
            if seen.width[statistic, cell] < finder.scheme.width:
                position = np.array([program.block[cell]])
                finder.note("range", position, STATISTICS[statistic])
    finder.count("hidden cells not looked at: the time was up", int(open_.any(axis=0).sum()))


def _solve(program: Program, seen: Ranges, at: tuple[int, int], clock: Clock) -> bool:
    """Solve for the smallest and greatest of one count; return whether both were found."""
    for side in (1.0, -1.0):
        weights = np.zeros(seen.low.shape)
        weights[at] = side
        table = program.best(program.direction(weights), clock.left)
        if table is None:
            return False
        seen.see(table)
    return True
