"""Differences of cells that lie within one another by more than one step.

A line says what a cell's parts are one step below it. Whoever has a school's 40 students and its 33
girls who are English learners has the 7 others as well, though no line says so when the steps
between are hidden.

Source: 34 CFR 99.31(b)(1), no student is to be found through single or multiple releases.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from transforms.suppress_sets import Flags, Ints
from transforms.suppress_ties import KeyedCells, Ties


@dataclass(frozen=True)
class Nested:
    """Cells that may be shown, and the wider ones that they lie in: positions.

    No two of them hold the same students. `is_far` says where more than one step lies between, so
    that no line may have both.
    """

    narrow: Ints
    wide: Ints
    is_far: Flags


def find_nested(cells: KeyedCells, within: sparse.csr_array, span: int, minimum_n: int) -> Nested:
    """Returns each two cells of which one lies in the other.

    Args:
        cells: of one system.
        within: which organisation lies within which, itself included: 1 for one split, 2 for more.
        span: of the keys of one organisation.
        minimum_n: smaller cells are never shown.
    """
    shown = np.flatnonzero(cells.students >= minimum_n)
    found = [np.zeros((3, 0), dtype=np.int64)]
    found += [np.stack(pair) for pair in _nested(cells, pd.Index(cells.key), within, shown, span)]
    narrow, wide, steps = np.concatenate(found, axis=1)
    apart = cells.students[wide] > cells.students[narrow]
    return Nested(narrow[apart], wide[apart], steps[apart] > 1)


def nest(ties: Ties, nested: Nested, minimum_n: int) -> None:
    """Adds a part for what a wider cell has more than one within it, where that is too few."""
    left = ties.students[nested.wide] - ties.students[nested.narrow]
    few = nested.is_far & (left < minimum_n)
    for one, other in zip(nested.wide[few].tolist(), nested.narrow[few].tolist(), strict=True):
        ties.separate([one], [other])


def nested_lines(nested: Nested, sets: Ints) -> sparse.csr_array:
    """Returns a row for each two sets of students, the wide one (1) and the narrow one (-1).

    Args:
        nested: cells of one system.
        sets: of each cell, and of each part that is none.
    """
    count = int(sets.max(initial=-1)) + 1
    pairs = np.unique(sets[nested.wide] * count + sets[nested.narrow])
    rows = np.arange(len(pairs))
    ends = np.append(rows, rows), np.append(pairs // max(count, 1), pairs % max(count, 1))
    sign = np.repeat([1.0, -1.0], len(pairs))
    return sparse.csr_array((sign, ends), shape=(len(pairs), count))


def _nested(
    cells: KeyedCells, at: pd.Index, within: sparse.csr_array, chosen: Ints, span: int
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yields (narrow, wide, steps) of the chosen cells and those that they lie in."""
    split = cells.codes[chosen] > 0
    patterns, of_cell = np.unique(split, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        narrow = chosen[of_cell.ravel() == number]
        cell, outer, splits = _wider_organisations(cells.organisation[narrow], within)
        step = (outer - cells.organisation[narrow][cell]) * span
        for left_out in _subsets(np.flatnonzero(pattern)):
            less = (cells.codes[narrow][:, left_out] * cells.strides[left_out]).sum(axis=1)
            key = cells.key[narrow][cell] - less[cell] + step
            for keys in (key, *_rolled_up(cells, narrow[cell], left_out, key)):
                wide = at.get_indexer(keys)
                steps = splits + len(left_out)
                found = (wide >= 0) & (steps > 0)
                yield narrow[cell[found]], wide[found], steps[found]


def _rolled_up(cells: KeyedCells, narrow: Ints, left_out: list[int], key: Ints) -> Iterator[Ints]:
    """Yields the keys of the roll-ups that hold the cells, in place of a code that is left out."""
    for base, stride, code in cells.rolled:
        if base in left_out:
            yield np.where(code[narrow] > 0, key + code[narrow] * stride, -1)


def _wider_organisations(organisation: Ints, within: sparse.csr_array) -> tuple[Ints, Ints, Ints]:
    """Returns (position, organisation that it lies in, by how many splits) of each pair."""
    rows = within[organisation].tocoo()
    outer = rows.col.astype(np.int64)
    position = rows.row.astype(np.int64)
    return position, outer, np.where(outer == organisation[position], 0, rows.data).astype(np.int64)


def _subsets(columns: Ints) -> Iterator[list[int]]:
    chosen = columns.tolist()
    for size in range(len(chosen) + 1):
        yield from (list(some) for some in itertools.combinations(chosen, size))
