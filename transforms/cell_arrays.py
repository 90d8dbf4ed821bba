"""From the finest cells of one system to all its cells: sums along the axes of an array.

The cells are a dense array with an axis for each column of groups, in which position 0 is 'all',
and one for organisations. To sum over a group is to sum along its axis; to sum over schools is to
add their columns. Organisations are the last axis, as they are many: what lies side by side in
memory is added fastest. Nothing is summed over systems, so only one is in memory at a time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Numbers = NDArray[np.signedinteger[Any]]
# Arrays (statistics, cells): counts, which fit into 32 bits, and other sums. The first counts all
# students of a cell.
Sums = tuple[Numbers, Numbers]
# So many numbers are summed at a time: what a processor's cache holds is summed twice as fast.
AT_A_TIME = 1 << 20


@dataclass(frozen=True)
class Axis:
    """One column of groups in one system.

    bits: of each code that occurs, in `cell_id`.
    codes: of each finest cell, a position in `bits`.
    """

    bits: Ints
    codes: Ints

    @classmethod
    def of(cls, bits: Ints, codes: Ints, group: Ints) -> Axis:
        """Return the axis of a column.

        Args:
            bits: of all its codes.
            codes: of each combination of groups, a position in `bits`.
            group: the finest cells' combinations.
        """
        found = codes[group]
        used = np.flatnonzero(np.bincount(found, minlength=len(bits)))
        return cls(bits[used], np.searchsorted(used, np.arange(len(bits)))[found])


@dataclass(frozen=True)
class Step:
    """Organisations that are added to others: positions, and where a parent's children begin."""

    children: Ints | slice
    starts: Ints
    parents: Ints | slice


@dataclass(frozen=True)
class Finest:
    """The finest cells of one system, one per school and combination of groups.

    place_bits: of the system's organisations, ascending. `org`: each cell's school, as a position
        in it. `steps`: schools to districts and others, then districts to everything.
    sums: of the cells.
    """

    place_bits: Ints
    org: Ints
    steps: tuple[Step, ...]
    grade: Axis
    sums: Sums


@dataclass(frozen=True)
class Cells:
    """Cells in any order: their keys and sums."""

    cell_id: Ints
    sums: Sums


def steps_of(place_bits: Ints, links: Sequence[tuple[Ints, Ints]]) -> tuple[Step, ...]:
    """Return the steps for links (child's bits, parent's bits), in the order they are added."""
    steps = []
    for child, parent in links:
        if len(child):
            order = np.lexsort((child, parent))
            parents, starts = np.unique(parent[order], return_index=True)
            children = _positions(np.searchsorted(place_bits, child[order]))
            parents_at = _positions(np.searchsorted(place_bits, parents))
            steps.append(Step(children, starts, parents_at))
    return tuple(steps)


def _positions(found: Ints) -> Ints | slice:
    """Return a slice where the positions follow one another: nothing is copied to read it."""
    if np.array_equal(found, np.arange(found[0], found[0] + len(found))):
        return slice(int(found[0]), int(found[0]) + len(found))
    return found


def crossed_cells(finest: Finest, columns: Sequence[Axis]) -> Cells:
    """Return the cells of every combination of columns, 'all' included in each."""
    return _summed(finest, columns, [True] * len(columns))


def side_cells(finest: Finest, side: Axis, columns: Sequence[Axis]) -> Iterator[Cells]:
    """Yield the cells of a dimension with each one of the columns, and once of it alone."""
    if not columns:
        yield _summed(finest, [side], [False])
    for position, column in enumerate(columns, start=1):
        # Alone, it is a sum of the last pairs: in marts.yml the column with the fewest codes.
        yield _summed(finest, [column, side], [position == len(columns), False])


def rolled_up(alone: Cells, mask: int, unions: dict[int, int]) -> Cells:
    """Return the cells of a roll-up from those of its base alone, by the bits of base and union."""
    bases = np.array(sorted(unions), dtype=np.int64)
    union_of = np.array([unions[base] for base in bases.tolist()], dtype=np.int64)
    rolled = union_of[np.searchsorted(bases, alone.cell_id & mask)]
    cell_id, position = np.unique((alone.cell_id & ~mask) + rolled, return_inverse=True)
    counts, totals = (filled(part, position, len(cell_id)) for part in alone.sums)
    return Cells(cell_id, (counts, totals))


def _summed(finest: Finest, columns: Sequence[Axis], with_all: Sequence[bool]) -> Cells:
    """Return the cells by columns, grade or all grades, and organisation.

    A column without 'all' is split in every cell.
    """
    axes, totals = [*columns, finest.grade], [*with_all, True]
    shape = [*(len(a.bits) + t for a, t in zip(axes, totals, strict=True)), len(finest.place_bits)]
    codes = (*(a.codes + t for a, t in zip(axes, totals, strict=True)), finest.org)
    dense = _Dense(tuple(shape), np.ravel_multi_index(codes, shape), tuple(totals), finest.steps)
    counts, totalled = finest.sums
    students = dense.added_up(counts[:1])[0]
    held = np.flatnonzero(students)
    counted = np.concatenate([students[None, held], dense.cells(counts[1:], held)])
    bits = [np.append(0, a.bits) if t else a.bits for a, t in zip(axes, totals, strict=True)]
    keys = reduce(np.add.outer, [*bits, finest.place_bits]).ravel()
    return Cells(keys[held], (counted, dense.cells(totalled, held)))


@dataclass(frozen=True)
class _Dense:
    """An array of cells: its shape, where each finest cell lies in it, which axes have 'all'."""

    shape: tuple[int, ...]
    index: Ints
    totals: tuple[bool, ...]
    steps: tuple[Step, ...]

    def cells(self, sums: Numbers, held: Ints) -> Numbers:
        """Return the sums of the cells that hold a student, some statistics at a time."""
        found = np.zeros((len(sums), len(held)), sums.dtype)
        live = np.flatnonzero(sums.any(axis=1))
        block = max(1, AT_A_TIME // math.prod(self.shape))
        for start in range(0, len(live), block):
            rows = live[start : start + block]
            found[rows] = self.added_up(sums[rows])[:, held]
        return found

    def added_up(self, sums: Numbers) -> Numbers:
        """Return the sums of all cells: schools' added to organisations', then each axis to 'all'.

        Of an axis that has not been summed yet 'all' is empty, and is left out.
        """
        flat = filled(sums, self.index, math.prod(self.shape))
        array = flat.reshape(-1, *self.shape)
        summed = [slice(None), *(slice(int(total), None) for total in self.totals)]
        split = array[tuple(summed)]
        for step in self.steps:
            children = split[..., step.children]
            split[..., step.parents] += np.add.reduceat(children, step.starts, axis=-1)
        for number in range(len(self.totals), 0, -1):
            if self.totals[number - 1]:
                summed[number] = slice(None)
                axis = np.moveaxis(array[tuple(summed)], number, 0)
                np.sum(axis[1:], axis=0, out=axis[0])
        return flat


def filled(sums: Numbers, index: Ints, size: int) -> Numbers:
    """Return an array (statistics, size) of the sums at an index, zero elsewhere."""
    array = np.zeros((len(sums), size), sums.dtype)
    for row, values in zip(array, sums, strict=True):
        np.add.at(row, index, values)
    return array
