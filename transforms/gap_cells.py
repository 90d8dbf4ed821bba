"""The cells as arrays, and which cell is compared with which.

All cells of a set lie in one matrix in the order of their packed key, so that a parent or a
sibling is found by its key and a group of the rest is a difference of two columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from configs.assessment_models import Assessment
from transforms.breaks import break_between
from transforms.cell_keys import CellKeys
from transforms.cell_plan import ALL, CellPlan
from transforms.organisations import SYSTEM
from transforms.race_standard import GROUP_BREAK, broken_groups

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

REST = "rest"
# Why there is no gap: nobody on the other side, a side too small, or a student without a level. The
# last is seen by the numbers themselves.
MISSING_REASONS = ("no_group", "too_few")
NO_LEVELS = "no_levels"
# Why there is no change since the year before; a system's entry is a position in this.
CHANGE_REASONS = (
    None,
    "no_prior",
    "scale_break",
    "standard_break",
    "population_break",
    GROUP_BREAK,
    *(f"prior_{reason}" for reason in (*MISSING_REASONS, NO_LEVELS)),
)
# Why it is not said by how much a gap has closed.
CLOSURE_REASONS = (*CHANGE_REASONS, "prior_not_positive", "prior_uncertain")
N, PROFICIENT, SCORES, SCORE_SUM, SCORE_SQUARES, LEVEL_1 = range(6)
SUMS = ("n_tested", "n_proficient", "n_scores", "score_sum", "score_squares")


@dataclass(frozen=True)
class CellSet:
    """A set of cells that `build_cells` has made: its view, what was counted, and its keys."""

    view: str
    plan: CellPlan
    keys: CellKeys


@dataclass(frozen=True)
class Systems:
    """What is known of the systems; one entry for each, in the order of their bits.

    prior: the bits of the same assessment, subject and window a year before, -1 where it is not
        among these cells.
    broken: why nothing can be said of a change since then, as a position in CHANGE_REASONS.
    by_grade: whether scores of different grades lie on different scales.
    regrouped: not one each, but the bits of every system and organisation whose ethnicities are
        other groups than the year before, in their order.
    """

    bits: Ints
    prior: Ints
    broken: NDArray[np.int8]
    by_grade: Flags
    regrouped: Ints

    def place(self, ids: Ints, mask: int) -> Ints:
        """Return the position of the system of each cell."""
        return np.searchsorted(self.bits, ids & mask)


@dataclass(frozen=True)
class CellArrays:
    """Every cell, in the order of its key.

    ids: of the cells with students enough for numbers; only these have more than a key.
    sums: one row per additive number of SUMS and then students by level; one column per cell.
    is_told: whether it is published in some way; null without decisions.
    is_exact: whether its rate and mean are published as they are; null without decisions.
    shows_levels: whether its levels are as well; null without decisions.
    small_ids: of the other cells.
    """

    ids: Ints
    sums: Floats
    is_told: Flags | None
    is_exact: Flags | None
    shows_levels: Flags | None
    small_ids: Ints


@dataclass(frozen=True)
class Pairs:
    """Cells of one dimension beside the cells they are compared with, as positions in the arrays.

    own: the groups. parent: the same of all codes of the dimension. sibling: the reference group,
    -1 where it is not among the cells with students enough; `has_sibling` whether there is one at
    all. `is_reference`: the own cell is the reference itself. `is_one_grade`: it is of one grade.
    """

    dimension: str
    own: Ints
    parent: Ints
    sibling: Ints
    has_sibling: Flags
    is_reference: Flags
    is_one_grade: Flags


def read_cells(
    con: DuckDBPyConnection, cells: CellSet, minimum_n: int, decisions: str | None
) -> CellArrays:
    """Return all cells of a set.

    Args:
        con: the connection that has them.
        cells: which.
        minimum_n: from how many students on a cell has numbers.
        decisions: a relation `cell_id`, `suppressed`, `rate_coding`, `shows_levels`; a cell without
            is not shown.
    """
    columns = (*SUMS, *(f"n_level_{k}" for k in cells.plan.levels))
    public, join = "", ""
    if decisions is not None:
        public = (
            ", coalesce(NOT d.suppressed, false) AS is_told"
            ", is_told AND coalesce(d.rate_coding = 'exact', false) AS is_exact"
            ", is_exact AND coalesce(d.shows_levels, false) AS shows_levels"
        )
        join = f"LEFT JOIN {decisions} AS d USING (cell_id)"
    large = _in_order(
        con,
        f"SELECT cell_id, {', '.join(columns)}{public} FROM {cells.view}_sums {join} "
        f"WHERE n_tested >= {minimum_n}",
    )
    # The counts themselves: the view would look up the words of each key.
    small = _in_order(con, f"SELECT cell_id FROM {cells.view}_counts WHERE n_tested < {minimum_n}")
    sums = np.empty((len(columns), len(large["cell_id"])))
    for row, column in enumerate(columns):
        sums[row] = large.pop(column)
    is_told, is_exact, shows_levels = (
        None if decisions is None else large[name].astype(bool)
        for name in ("is_told", "is_exact", "shows_levels")
    )
    return CellArrays(large["cell_id"], sums, is_told, is_exact, shows_levels, small["cell_id"])


def _in_order(con: DuckDBPyConnection, sql: str) -> dict[str, NDArray[Any]]:
    """Return the columns of a query by name, rows by `cell_id`; mostly they lie so already."""
    columns = {name: np.asarray(values) for name, values in con.execute(sql).fetchnumpy().items()}
    ids = columns["cell_id"]
    if (ids[1:] > ids[:-1]).all():
        return columns
    order = np.argsort(ids, kind="stable")
    return {name: values[order] for name, values in columns.items()}


def read_systems(con: DuckDBPyConnection, cells: CellSet, group_breaks: str | None) -> Systems:
    """Return the systems of a set of cells.

    Args:
        con: the connection that has them.
        cells: which.
        group_breaks: a relation as of `group_breaks_sql`; without, ethnicities stay what they are.
    """
    rows = con.execute(
        f"SELECT DISTINCT bits & {cells.keys.mask('system')} AS system_bits, {', '.join(SYSTEM)} "
        f"FROM {cells.view}_places ORDER BY system_bits"
    ).fetchall()
    assessments = cells.plan.assessments
    bits = {(int(y), str(a), str(s), str(w)): found for found, y, a, s, w in rows}
    prior = [bits.get((y - 1, a, s, w), -1) for y, a, s, w in bits]
    return Systems(
        np.array(list(bits.values()), dtype=np.int64),
        np.array(prior, dtype=np.int64),
        np.array([_broken(assessments, system) for system in bits], dtype=np.int8),
        np.array([assessments[system[1]].scale == "by_grade" for system in bits], dtype=bool),
        _regrouped(con, cells, group_breaks),
    )


def _broken(assessments: Mapping[str, Assessment], system: tuple[int, str, str, str]) -> int:
    year, assessment, subject, _ = system
    kind = break_between(assessments[assessment].breaks, subject, year, year - 1)
    return CHANGE_REASONS.index(f"{kind}_break" if kind else None)


def _regrouped(con: DuckDBPyConnection, cells: CellSet, group_breaks: str | None) -> Ints:
    if group_breaks is None:
        return np.empty(0, dtype=np.int64)
    found = con.execute(
        f"SELECT bits FROM {cells.view}_places SEMI JOIN {group_breaks} "
        "USING (assessment, org_level, org_id, school_year) ORDER BY bits"
    )
    return np.asarray(found.fetchnumpy()["bits"], dtype=np.int64)


def broken_of(ids: Ints, systems: Systems, cells: CellSet) -> NDArray[np.int8]:
    """Return why nothing can be said of each cell's change, as positions in CHANGE_REASONS."""
    keys = cells.keys
    broken = systems.broken[systems.place(ids, keys.mask("system"))]
    if not systems.regrouped.size:
        return broken
    regrouped = np.isin(ids & keys.mask("system", "org"), systems.regrouped)
    of_ethnicity = np.zeros(len(ids), dtype=bool)
    for dimension in broken_groups(cells.plan):
        of_ethnicity |= _is_split(ids, dimension, cells)
    other_groups = (broken == 0) & regrouped & of_ethnicity
    return np.where(other_groups, CHANGE_REASONS.index(GROUP_BREAK), broken).astype(np.int8)


def groups_of(ids: Ints, cells: CellSet, within: int) -> Iterator[tuple[str, Ints]]:
    """Yield each dimension with the positions of the cells that are compared along it.

    within: how many further dimensions they may be split by.
    """
    dimensions = (*cells.plan.crossed, *cells.plan.side_columns)
    split = np.zeros(len(ids), dtype=np.int8)
    for mask in {cells.keys.mask(dimension) for dimension in dimensions}:
        split += (ids & mask) != 0
    candidates = np.flatnonzero((split > 0) & (split <= within + 1))
    keyed = ids[candidates]
    for dimension in dimensions:
        yield dimension, candidates[_is_split(keyed, dimension, cells)]


def _is_split(ids: Ints, dimension: str, cells: CellSet) -> Flags:
    """Return which cells are split by a dimension; side dimensions share their bits."""
    part = ids & cells.keys.mask(dimension)
    if dimension in cells.plan.crossed:
        return part != 0
    codes = [bits for code, bits in cells.keys.codes[dimension].items() if code != ALL]
    return np.isin(part, codes)


def pairs_of(
    arrays: CellArrays, own: Ints, dimension: str, keys: CellKeys, reference: str | None
) -> Pairs:
    """Return some cells of a dimension beside their parents and their reference groups."""
    ids, mask = arrays.ids, keys.mask(dimension)
    keyed = ids[own]
    parents = keyed & ~mask
    bits = None if reference is None else keys.bits(dimension, reference)
    nowhere, is_one_grade = np.full(len(own), -1), keyed & keys.mask("grade") != 0
    if bits is None:
        no, is_reference = nowhere >= 0, np.full(len(own), reference is None)
        return Pairs(dimension, own, found(ids, parents), nowhere, no, is_reference, is_one_grade)
    sibling = found(ids, parents | bits)
    has_sibling = sibling >= 0
    left = np.flatnonzero(~has_sibling)
    has_sibling[left] = found(arrays.small_ids, parents[left] | bits) >= 0
    is_reference = keyed & mask == bits
    parent = found(ids, parents)
    return Pairs(dimension, own, parent, sibling, has_sibling, is_reference, is_one_grade)


def found(ids: Ints, wanted: Ints) -> Ints:
    """Return the position of each wanted key among sorted ones, -1 where it is not there."""
    if not len(ids):
        return np.full(len(wanted), -1)
    place = np.searchsorted(ids, wanted)
    place[place == len(ids)] = 0
    return np.where(ids[place] == wanted, place, -1)
