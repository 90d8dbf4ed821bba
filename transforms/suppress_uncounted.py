"""Groups that no cell counts, and that the cells of any two of their three codes give away.

A one-way dimension is crossed with each of the others, but not with two at once: nobody counts the
Hispanic students who are no English learners and were matched. Whoever reads that all learners are
Hispanic takes the matched learners from the matched Hispanic students and has them all the same. So
such a group's range is drawn beside those of the cells, and kept as wide.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from transforms.suppress_sets import Ints, matching
from transforms.suppress_ties import KeyedCells


@dataclass(frozen=True)
class Uncounted:
    """Groups of three codes of which any two have a cell, and all three nowhere have one."""

    organisation: Ints
    codes: Ints
    key: Ints


def find_uncounted(cells: KeyedCells, crossed: Sequence[str], one_way: Sequence[str]) -> Uncounted:
    """Returns the groups of two crossed codes and a one-way one, of each organisation.

    Args:
        cells: of one system.
        crossed: dimensions that are crossed with one another, grade among them.
        one_way: dimensions that are crossed with each of these, but not with two.
    """
    crossed_at = [cells.columns.index(column) for column in crossed]
    one_way_at = [cells.columns.index(column) for column in one_way]
    pairs = _Pairs(cells)
    found = [(np.zeros(0, dtype=np.int64), np.zeros((0, len(cells.columns)), dtype=np.int64))]
    for one, other in itertools.combinations(crossed_at, 2):
        found += [pairs.of_three(one, other, single) for single in one_way_at]
    organisation, codes = (np.concatenate(parts) for parts in zip(*found, strict=True))
    span = _span(cells)
    return Uncounted(organisation, codes, organisation * span + codes @ cells.strides)


def _span(cells: KeyedCells) -> int:
    """Returns how many keys an organisation has."""
    return int((cells.codes.max(axis=0, initial=0) + 1).prod())


class _Pairs:
    """The cells that are split by just two dimensions."""

    def __init__(self, cells: KeyedCells) -> None:
        self._cells = cells
        self._split = np.ascontiguousarray(cells.codes.T > 0)
        self._by_two = self._split.sum(axis=0) == 2
        self._codes = int(cells.codes.max(initial=0)) + 1
        self._of_two = functools.cache(self._split_by)

    def of_three(self, one: int, other: int, single: int) -> tuple[Ints, Ints]:
        """Returns organisation and codes of the groups of three dimensions; none if any is a cell.

        A group is there where each two of its codes have a cell.
        """
        if (self._split[one] & self._split[other] & self._split[single]).any():
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, np.zeros((0, len(self._split)), dtype=np.int64)
        first, second = self._of_two(one, other), self._of_two(one, single)
        at, to = matching(self._key(first, one), self._key(second, one))
        first, second, third = first[at], second[to], self._of_two(other, single)
        met = self._key(first, other) * self._codes + self._cells.codes[second, single]
        chosen = np.isin(met, self._key(third, other, single))
        codes = np.zeros((int(chosen.sum()), len(self._split)), dtype=np.int64)
        for dimension, cell in ((one, first), (other, first), (single, second)):
            codes[:, dimension] = self._cells.codes[cell[chosen], dimension]
        return self._cells.organisation[first[chosen]], codes

    def _split_by(self, one: int, other: int) -> Ints:
        """Returns the cells that are split by just these."""
        return np.flatnonzero(self._split[one] & self._split[other] & self._by_two)

    def _key(self, cell: Ints, *dimensions: int) -> Ints:
        """Returns a number for the organisation and the codes of these dimensions."""
        key = self._cells.organisation[cell]
        for dimension in dimensions:
            key = key * self._codes + self._cells.codes[cell, dimension]
        return key


def uncounted_lines(
    uncounted: Uncounted, cells: KeyedCells, parts: pd.DataFrame, sets: Ints
) -> sparse.csr_array:
    """Returns the lines whose parts are no cells; a column per set, then one per group.

    Args:
        uncounted: groups that are no cells.
        cells: of the same system.
        parts: how organisations add up, numbers `split`, `parent`, `child`.
        sets: of each cell, and of each part that is none.
    """
    count = int(sets.max(initial=-1)) + 1
    column = pd.Series(
        np.append(sets[: len(cells.key)], count + np.arange(len(uncounted.key))),
        index=np.append(cells.key, uncounted.key),
    )
    pieces = [*_over_codes(uncounted, cells), *_over_parts(uncounted, parts, _span(cells))]
    rows = [np.zeros((3, 0), dtype=np.int64)]
    taken = 0
    for whole, part in pieces:
        line, wholes = pd.factorize(whole)
        at = column.reindex(wholes).to_numpy()
        rows.append(np.stack([taken + np.arange(len(at)), at, np.ones(len(at), dtype=np.int64)]))
        rows.append(np.stack([taken + line, count + part, np.full(len(part), -1)]))
        taken += len(at)
    row, columns, sign = np.concatenate(rows, axis=1)
    shape = (taken, count + len(uncounted.key))
    return sparse.csr_array((sign.astype(np.float64), (row, columns)), shape=shape)


def _over_codes(uncounted: Uncounted, cells: KeyedCells) -> Iterator[tuple[Ints, Ints]]:
    """Yields (key of the whole, group) of the lines over each dimension's codes."""
    for stride, codes in zip(cells.strides, uncounted.codes.T, strict=True):
        part = np.flatnonzero(codes)
        yield uncounted.key[part] - codes[part] * stride, part


def _over_parts(
    uncounted: Uncounted, parts: pd.DataFrame, span: int
) -> Iterator[tuple[Ints, Ints]]:
    """Yields the same of the lines over each split's organisations."""
    groups = pd.DataFrame({"child": uncounted.organisation, "part": np.arange(len(uncounted.key))})
    for _, of_split in parts[parts["parent"] >= 0].groupby("split"):
        found = of_split.merge(groups, on="child")
        part = found["part"].to_numpy()
        moved = found["parent"].to_numpy() - found["child"].to_numpy()
        yield uncounted.key[part] + moved * span, part
