"""Differences of cells that lie within one another by more than one step.

A line says what a cell's parts are one step below it. Whoever has a school's 40 students and its 33
girls who are English learners has the 7 others as well, though no line says so when the steps
between are hidden.

Source: 34 CFR 99.31(b)(1), no student is to be found through single or multiple releases.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import sparse

from transforms.suppress_sets import Ints
from transforms.suppress_ties import KeyedCells, Ties


def nest(
    ties: Ties, cells: KeyedCells, within: sparse.csr_array, span: int, minimum_n: int
) -> None:
    """Adds a part for each difference of two cells that may be shown and are nearly the same.

    Args:
        ties: takes the parts: what a wider cell has more than one within it, 1 to minimum_n - 1
            students, where more than one step lies between.
        cells: of one system.
        within: which organisation lies within which, itself included: 1 for one split, 2 for more.
        span: of the keys of one organisation.
        minimum_n: smaller cells are never shown.
    """
    if not minimum_n:
        return
    shown = np.flatnonzero(cells.students >= minimum_n)
    at = pd.Index(cells.key)
    for narrow, wide in _nested(cells, at, within, shown, span):
        left = cells.students[wide] - cells.students[narrow]
        few = (left > 0) & (left < minimum_n)
        for one, other in zip(wide[few].tolist(), narrow[few].tolist(), strict=True):
            ties.separate([one], [other])


def nested_pairs(
    cells: KeyedCells, within: sparse.csr_array, sets: Ints, span: int, minimum_n: int
) -> sparse.csr_array:
    """Returns a row for each two sets that may be shown, one of cells within the other's: 1 and -1.

    Args:
        cells: of one system, with `students`.
        within: which organisation lies within which, itself included.
        sets: of each cell.
        span: of the keys of one organisation.
        minimum_n: smaller cells are never shown.
    """
    chosen = np.flatnonzero(cells.students >= minimum_n)
    found = [np.zeros((2, 0), dtype=np.int64)]
    for narrow, wide in _nested(cells, pd.Index(cells.key), within, chosen, span):
        apart = cells.students[wide] > cells.students[narrow]
        found.append(np.stack([sets[wide[apart]], sets[narrow[apart]]]))
    wide, narrow = np.unique(np.concatenate(found, axis=1), axis=1)
    rows = np.arange(len(wide))
    ends = np.concatenate([rows, rows]), np.concatenate([wide, narrow])
    sign = np.repeat([1.0, -1.0], len(wide))
    return sparse.csr_array((sign, ends), shape=(len(wide), int(sets.max(initial=-1)) + 1))


def _nested(
    cells: KeyedCells, at: pd.Index, within: sparse.csr_array, chosen: Ints, span: int
) -> Iterator[tuple[Ints, Ints]]:
    """Yields (narrow, wide) of the chosen cells and those that they lie in by several steps."""
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
                found = (wide >= 0) & (splits + len(left_out) > 1)
                yield narrow[cell[found]], wide[found]


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
