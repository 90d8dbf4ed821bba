"""The sum relations that tie the cells of one system together.

A *line* says parent = sum of children: a group over the codes of one dimension, a roll-up's code
over its members, an organisation over the parts of one split, cells of one dimension over those of
another that hold the same students (suppress_ties.py). Whoever reads the published numbers may add
and subtract along every line, so suppression is decided on lines, not on cells.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from transforms.cell_plan import Rollup
from transforms.suppress_nested import find_nested, nest, nested_lines
from transforms.suppress_places import all_within, contained, split_parts, steps
from transforms.suppress_sets import (
    Flags,
    Ints,
    Members,
    implied_lines,
    line_matrix,
    merge_equal_sets,
)
from transforms.suppress_ties import KeyedCells, Ties, tie
from transforms.suppress_uncounted import find_uncounted, uncounted_lines

ALL = "all"
PLACE = ("org_level", "org_id")
COUNTS = ("n_tested", "n_proficient")
MOST_OFFENDERS_NAMED = 20


class CellsDoNotAddUp(ValueError):
    """A cell is there twice, has no code, lacks its parent, or is not the sum of its children."""


@dataclass(frozen=True)
class Dimensions:
    """Names the columns of groups.

    crossed: crossed with each other, all of them.
    one_way: alone, and crossed with each one of `crossed_with`, which are some of `crossed`.
    rollups: alone; a code's cell is the sum of its members' cells, see `Rollup`. One that no cell
        is split by is left out.
    """

    crossed: tuple[str, ...] = ("ethnicity", "el_status", "gender")
    one_way: tuple[str, ...] = ("econ_status", "disability_status")
    crossed_with: tuple[str, ...] = ()
    rollups: tuple[Rollup, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that splits an organisation's students, grade first."""
        return ("grade", *self.crossed, *self.side_columns)

    @property
    def side_columns(self) -> tuple[str, ...]:
        """The columns of which a cell is split by one at most."""
        return (*self.one_way, *(rollup.dimension for rollup in self.rollups))

    @property
    def apart(self) -> Iterator[tuple[str, str]]:
        """Pairs of dimensions that are not split together in every cell, roll-ups left out.

        What may be computed by way of a roll-up is computed by way of its members.
        """
        yield from itertools.combinations(self.one_way, 2)
        yield from itertools.product(self.one_way, self.crossed)


@dataclass(frozen=True)
class Grid:
    """Cells as integers: `codes` has one column per dimension (0 = all), `key` is unique per cell.

    `key` is `organisation * span` plus each code times its stride, so the key of a cell's parent
    along a dimension is a subtraction.
    """

    organisation: Ints
    organisations: pd.MultiIndex
    codes: Ints
    strides: Ints
    span: int
    key: Ints


@dataclass(frozen=True)
class System:
    """Distinct student sets and the distinct lines among them.

    Cells that hold the same students (the only child of a parent and the parent, two roll-ups of
    the same members) are one set, so that one decision falls on all of them. `set_of_cell` maps a
    cell's position to its set, `set_of_part` that of each part that is no cell; `parts` says which
    cells a part is the sum (1) and difference (-1) of. `matrix` has a row per line and a column per
    set: 1 for the parent, -1 for each child, and `matrix @ x == 0` for every statistic x that adds
    up over students. `basis` has lines enough that all others are sums of them (`implied_lines`).
    `nested` has a row for each two sets of which one lies in the other (1 and -1).
    `finer` has the lines whose parts are groups that no cell counts, in columns behind the sets'.
    `organisation` numbers each cell's organisation; `within[a, b]` says that organisation a lies
    within b (itself included).
    """

    set_of_cell: Ints
    set_of_part: Ints
    parts: sparse.csr_array
    matrix: sparse.csr_array
    basis: sparse.csr_array
    nested: sparse.csr_array
    finer: sparse.csr_array
    organisation: Ints
    within: sparse.csr_array

    @property
    def set_count(self) -> int:
        """How many distinct student sets the cells hold."""
        return int(self.matrix.shape[1])

    def greatest(
        self, of_cell: NDArray[np.generic], of_part: NDArray[np.generic] | None = None
    ) -> Ints:
        """Returns the greatest number of each set's cells and parts, where there is none 0.

        None of the numbers is negative. Without `of_part` that of every part is 0.
        """
        greatest = np.zeros(self.set_count, dtype=np.int64)
        np.maximum.at(greatest, self.set_of_cell, of_cell.astype(np.int64))
        if of_part is not None:
            np.maximum.at(greatest, self.set_of_part, of_part.astype(np.int64))
        return greatest


def build_system(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    dimensions: Dimensions,
    met: pd.DataFrame | None = None,
    nested_below: int = 0,
) -> System:
    """Returns the system of every line over dimensions, roll-ups and splits, checked to add up.

    `met` are the pairs of codes of two dimensions that any student has, see `codes_met`. Two cells
    of `nested_below` students or more that differ by fewer leave a part between them (`nest`).

    Raises:
        CellsDoNotAddUp: a cell twice, a parent missing, or a sum that is not its parent's.
    """
    # A message names cells by their keys: whatever else a cell has may tell about its students.
    cells = cells[[*PLACE, *dimensions.columns, *COUNTS]]
    grid = _encode_cells(cells, dimensions)
    members = _collect_members(cells, grid, splits, dimensions)
    ends = grid.organisation[members.child], grid.organisation[members.parent]
    step = steps(*ends, len(grid.organisations))
    within = all_within(step)
    keyed = KeyedCells(
        cells["n_tested"].to_numpy(dtype=np.int64),
        grid.organisation,
        grid.codes,
        grid.strides,
        grid.key,
        dimensions.columns,
        list(_rolled(cells, grid, dimensions)),
        functools.cache(lambda column: _numbers(cells, grid, dimensions, column)),
    )
    ties = tie(keyed, dimensions.apart, met)
    nested = find_nested(keyed, contained(within, step), grid.span, nested_below)
    nest(ties, nested, nested_below)
    members, parts = _tied(members, ties), ties.matrix()
    _require_sums(cells, members, parts)
    sets, matrix = merge_equal_sets(members, len(cells) + parts.shape[0])
    basis = line_matrix(members.of_lines(~implied_lines(members)), sets)
    of_cell, of_part = np.split(sets, [len(cells)])
    pairs = nested_lines(nested, sets)
    uncounted = find_uncounted(keyed, ("grade", *dimensions.crossed), dimensions.one_way)
    finer = uncounted_lines(uncounted, keyed, split_parts(grid.organisations, splits), sets)
    return System(of_cell, of_part, parts, matrix, basis, pairs, finer, grid.organisation, within)


def _tied(members: Members, ties: Ties) -> Members:
    """Returns the members of all lines with those of the ties, which are of the last kind."""
    line, parent, child = ties.members()
    lines, kinds = (int(part.max(initial=-1)) + 1 for part in (members.line, members.kind))
    return Members(
        np.append(members.line, line + lines),
        np.append(members.parent, parent),
        np.append(members.child, child),
        np.append(members.kind, np.full(len(line), kinds)),
    )


def _numbers(
    cells: pd.DataFrame, grid: Grid, dimensions: Dimensions, column: str
) -> dict[str, int]:
    """Returns the number of each of the column's codes."""
    number = grid.codes[:, dimensions.columns.index(column)]
    return dict(zip(_text(cells[column]).tolist(), number.tolist(), strict=True))


def _encode_cells(cells: pd.DataFrame, dimensions: Dimensions) -> Grid:
    """Returns the cells as integer codes; raises CellsDoNotAddUp where a cell is there twice."""
    level, levels = pd.factorize(_text(cells["org_level"]))
    own, ids = pd.factorize(_text(cells["org_id"]))
    organisation, pairs = pd.factorize(level * len(ids) + own)
    organisations = pd.MultiIndex.from_arrays(
        [levels.take(pairs // max(len(ids), 1)), ids.take(pairs % max(len(ids), 1))]
    )
    codes = np.column_stack([_codes_from_all(cells[column]) for column in dimensions.columns])
    sizes = codes.max(axis=0, initial=0) + 1
    strides = np.concatenate([[1], np.cumprod(sizes)[:-1]])
    span = int(sizes.prod())
    key = organisation * span + codes @ strides
    grid = Grid(organisation, organisations, codes, strides, span, key)
    twice = pd.Series(grid.key).duplicated(keep=False).to_numpy()
    if twice.any():
        raise CellsDoNotAddUp(f"cells that are there twice: {_name(cells, twice)}")
    return grid


def _text(column: pd.Series) -> pd.Series:
    return column.astype("string[pyarrow]")


def _codes_from_all(column: pd.Series) -> Ints:
    """Codes of the column's values with 'all' as 0, whatever the values or their order."""
    codes, values = pd.factorize(_text(column), sort=True)
    if (codes < 0).any():
        raise CellsDoNotAddUp(f"cells without a code of {column.name}, expected one or '{ALL}'")
    order = np.argsort(np.argsort(values.to_numpy() != ALL, kind="stable"), kind="stable")
    first = 0 if ALL in set(values) else 1
    return order[codes].astype(np.int64) + first


def _collect_members(
    cells: pd.DataFrame, grid: Grid, splits: pd.DataFrame, dimensions: Dimensions
) -> Members:
    """Every line's members, over all dimensions, roll-ups and splits, lines numbered from 0."""
    cell_at = pd.Index(grid.key)
    pieces, taken, kinds = [], 0, 0
    for group, parent_key, child in (
        *_dimension_members(grid),
        *_rollup_members(cells, grid, dimensions),
        _split_members(grid, splits),
    ):
        # A parent that is missing may be numbered -1; the groups are few.
        groups = group.max(initial=0) + 1
        line = pd.factorize((parent_key + 1) * groups + group)[0] + taken
        parent = cell_at.get_indexer(parent_key)
        pieces.append(np.column_stack([line, parent, child, group + kinds]))
        taken, kinds = line.max(initial=taken - 1) + 1, kinds + groups
    return Members(*np.concatenate(pieces).T.astype(np.int64))


def _dimension_members(grid: Grid) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yields (group, parent's key, child) of the lines over each dimension's codes."""
    for stride, codes in zip(grid.strides, grid.codes.T, strict=True):
        child = np.flatnonzero(codes)
        yield np.zeros_like(child), grid.key[child] - codes[child] * stride, child


def _rollup_members(
    cells: pd.DataFrame, grid: Grid, dimensions: Dimensions
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Yields (group, parent's key, child) of the lines over the members of each roll-up's codes.

    A member that is in no code's union has no parent. A member without a cell holds nobody.

    Raises:
        CellsDoNotAddUp: a roll-up's cell none of whose members has a cell.
    """
    for rollup in dimensions.rollups:
        own, base = (dimensions.columns.index(c) for c in (rollup.dimension, rollup.of))
        rolled_up = np.flatnonzero(grid.codes[:, own])
        if not len(rolled_up):
            continue
        others = np.delete(grid.codes[:, 1:], base - 1, axis=1)
        child = np.flatnonzero((grid.codes[:, base] > 0) & ~others.any(axis=1))
        code = _codes_of_members(cells, grid.codes[:, own], child, rollup)
        steps = code * grid.strides[own] - grid.codes[child, base] * grid.strides[base]
        key = np.where(code > 0, grid.key[child] + steps, -1)
        empty = np.zeros(len(cells), dtype=bool)
        empty[rolled_up[~np.isin(grid.key[rolled_up], key)]] = True
        if empty.any():
            raise CellsDoNotAddUp(f"roll-ups without a member's cell: {_name(cells, empty)}")
        yield np.zeros_like(child), key, child


def _rolled(
    cells: pd.DataFrame, grid: Grid, dimensions: Dimensions
) -> Iterator[tuple[int, int, Ints]]:
    """Yields the column that each roll-up is of, its own stride and its code of each cell."""
    for rollup in dimensions.rollups:
        own, base = (dimensions.columns.index(c) for c in (rollup.dimension, rollup.of))
        child = np.flatnonzero(grid.codes[:, base])
        if len(child) and grid.codes[:, own].any():
            code = np.zeros(len(cells), dtype=np.int64)
            code[child] = _codes_of_members(cells, grid.codes[:, own], child, rollup)
            yield base, int(grid.strides[own]), code


def _codes_of_members(cells: pd.DataFrame, codes: Ints, child: Ints, rollup: Rollup) -> Ints:
    """Returns the number of the roll-up's code that each child is a member of, 0 for none."""
    own, names = pd.factorize(_text(cells[rollup.dimension]))
    number = np.zeros(len(names), dtype=np.int64)
    number[own] = codes
    by_name = dict(zip(names, number.tolist(), strict=True))
    union = {
        member: by_name.get(c, 0) for c, members in rollup.members.items() for member in members
    }
    value, values = pd.factorize(_text(cells[rollup.of]).iloc[child])
    return np.array([union.get(name, 0) for name in values], dtype=np.int64)[value]


def _split_members(grid: Grid, splits: pd.DataFrame) -> tuple[Ints, Ints, Ints]:
    """Returns (split, parent's key, child) of the lines over the parts of organisations.

    Parts without a cell hold nobody in this system and drop out.
    """
    parts = split_parts(grid.organisations, splits)
    at = pd.DataFrame({"child": grid.organisation, "cell": np.arange(len(grid.organisation))})
    found = parts[parts["child"] >= 0].merge(at, on="child")
    cell = found["cell"].to_numpy()
    moved = found["parent"].to_numpy() - found["child"].to_numpy()
    key = np.where(found["parent"] < 0, -1, grid.key[cell] + moved * grid.span)
    return found["split"].to_numpy(), key, cell


def _require_sums(cells: pd.DataFrame, members: Members, parts: sparse.csr_array) -> None:
    orphans = np.zeros(len(cells), dtype=bool)
    orphans[members.child[members.parent < 0]] = True
    if orphans.any():
        raise CellsDoNotAddUp(f"cells whose parent is missing: {_name(cells, orphans)}")
    for column in COUNTS:
        of_cell = cells[column].to_numpy(dtype=np.int64)
        value = np.append(of_cell, parts @ of_cell)
        total = np.bincount(members.line, weights=value[members.child]).astype(np.int64)
        is_wrong = total[members.line] != value[members.parent]
        wrong = np.zeros(len(value), dtype=bool)
        wrong[members.parent[is_wrong]] = True
        wrong[members.child[is_wrong]] |= members.parent[is_wrong] >= len(cells)
        wrong = wrong[: len(cells)]
        if wrong.any():
            raise CellsDoNotAddUp(
                f"{column} is not the sum over the parts of: {_name(cells, wrong)}; "
                "complete the splits and codes before protecting"
            )


def _name(cells: pd.DataFrame, chosen: Flags) -> str:
    """Names the chosen cells by key, sorted, at most twenty; never a value."""
    keys = cells.loc[chosen].drop(columns=list(COUNTS)).astype(str)
    names = sorted({"/".join(row) for row in keys.itertuples(index=False)})
    more = len(names) - MOST_OFFENDERS_NAMED
    return ", ".join(names[:MOST_OFFENDERS_NAMED]) + (f" and {more} more" if more > 0 else "")
