"""Which numbers of growth are shown in which cells, beyond what is decided of the cells themselves.

Whether a cell's matched students may be spoken of is decided with the cells (`decisions`). Here it
is decided which of their numbers would tell about every one of them: nearly all moved up, few began
low, all who were at a level went to one. Such a number is hidden, and so are those of further cells
from which it could be had by adding and subtracting: what is hidden lies outside the span of what
is shown, for every number that adds up over students.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from configs.mart_models import Suppression
from transforms.cell_plan import ALL, CellPlan
from transforms.growth_matching import PRIOR_STATUS
from transforms.growth_statistics import transition
from transforms.organisations import SYSTEM, org_splits
from transforms.suppress_choice import Sets, choose_hidden
from transforms.suppress_lines import Dimensions, System, build_system

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Flags = NDArray[np.bool_]
HIDDEN = ("hides_prior", "hides_movement", "hides_low", "hides_matrix")


@dataclass(frozen=True)
class Published:
    """Names the growth cells, and what is published of them: a relation as of `shown_sql`."""

    growth_cells: str
    shown: str


def hide_movement(
    con: DuckDBPyConnection, plan: CellPlan, matched: str, inputs: Published, rule: Suppression
) -> str:
    """Make table `<matched>_hidden` and return its name: which numbers each cell does not show.

    Grain: `cell_id` of the growth cells that may be shown at all, which are those split by grade
    and by nothing else, or by one of the dimensions that `prior_status` is crossed with. Booleans:
    `hides_prior` (the rate before), `hides_movement` (up, same, down), `hides_low` (those who began
    low), `hides_matrix` (the transitions, whole).

    Args:
        con: an in-memory connection.
        plan: what the marts are counted by.
        matched: a table as of `matched_students_sql`.
        inputs: the growth cells that it is of, and what is published of them.
        rule: smallest group and extreme bands.

    Raises:
        CellsDoNotAddUp: the cells are not whole, and nothing could be promised.
    """
    name = f"{matched}_hidden"
    flags = ", ".join(f"{column} BOOLEAN" for column in HIDDEN)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} (cell_id BIGINT, {flags})")
    for system in con.execute(f"SELECT DISTINCT {', '.join(SYSTEM)} FROM {matched}").fetchall():
        found = _cells_of(con, plan, matched, inputs.shown, system)
        if len(found):
            splits = org_splits(con, system, f"{inputs.growth_cells}_parts")
            decided = hidden_numbers(found, splits, plan, rule)
            con.register("growth_decided", decided)
            con.execute(f"INSERT INTO {name} SELECT * FROM growth_decided")
            con.unregister("growth_decided")
    return name


def hidden_numbers(
    cells: pd.DataFrame, splits: pd.DataFrame, plan: CellPlan, rule: Suppression
) -> pd.DataFrame:
    """Return `cell_id` and what each cell of one system hides, see `hide_movement`."""
    n = _ints(cells, "n_matched")
    # Last year's published cell less these students is whoever has left: they may be few.
    left = np.abs(cells["n_cohort"].to_numpy(dtype=float, na_value=np.nan) - n)
    leavers = (left > 0) & (left < rule.minimum_n)
    prior = leavers | is_extreme(_ints(cells, "prior_proficient"), n, rule)
    movement = np.zeros(len(cells), dtype=bool)
    for column in ("n_up", "n_same", "n_down"):
        movement |= is_extreme(_ints(cells, column), n, rule)
    low, up = _ints(cells, "n_low_prior"), _ints(cells, "n_low_up")
    began_low = leavers | movement | is_few(low, n, rule) | is_extreme(up, low, rule)
    matrix = prior | began_low | _has_telling_row(cells, plan, rule)
    dimensions = Dimensions(plan.crossed_with, ())
    spoken_of = cells["is_levelled"].to_numpy(dtype=bool) & (n >= rule.minimum_n)
    flags = (prior, movement, began_low, matrix)
    lines = Lines.of(cells, splits, dimensions)
    closed = (lines.close(one & spoken_of) for one in flags)
    return pd.DataFrame({"cell_id": cells["cell_id"], **dict(zip(HIDDEN, closed, strict=True))})


def hide_vendor(
    con: DuckDBPyConnection, plan: CellPlan, vendor: str, growth_cells: str, rule: Suppression
) -> str:
    """Make table `<vendor>_hidden` and return its name: the rows of vendors that are not shown.

    Grain: `cell_id`, `growth_measure`, `growth_norm`. A row is hidden where its students, or the
    tested students who have no such measure, are too few, where nearly all or none met their
    growth, and where that could be had from other rows.

    Args:
        con: an in-memory connection.
        plan: what the marts are counted by.
        vendor: a table as of `build_vendor_cells`.
        growth_cells: the cells that it is of.
        rule: smallest group and extreme bands.
    """
    name = f"{vendor}_hidden"
    key = (*SYSTEM, "growth_measure", "growth_norm")
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {name} "
        "(cell_id BIGINT, growth_measure VARCHAR, growth_norm VARCHAR)"
    )
    for part in con.execute(f"SELECT DISTINCT {', '.join(key)} FROM {vendor}").fetchall():
        system, measure = part[: len(SYSTEM)], part[len(SYSTEM) :]
        cells = _vendor_cells_of(con, vendor, growth_cells, part)
        splits = org_splits(con, system, f"{growth_cells}_parts")
        hidden = cells.loc[_hidden_of_vendor(cells, splits, plan, rule), ["cell_id"]]
        con.register("growth_decided", hidden)
        con.execute(f"INSERT INTO {name} SELECT cell_id, ?, ? FROM growth_decided", list(measure))
        con.unregister("growth_decided")
    return name


def _hidden_of_vendor(
    cells: pd.DataFrame, splits: pd.DataFrame, plan: CellPlan, rule: Suppression
) -> Flags:
    n, measured = _ints(cells, "n_tested"), _ints(cells, "n_growth")
    left_over = n - measured
    flagged = (measured > 0) & (measured < rule.minimum_n)
    flagged |= (left_over > 0) & (left_over < rule.minimum_n)
    met = cells["n_met"].to_numpy(dtype=np.int64, na_value=-1)
    flagged |= (met >= 0) & is_extreme(np.maximum(met, 0), measured, rule)
    one_way = tuple(d for d in plan.one_way if d != PRIOR_STATUS)
    dimensions = Dimensions(plan.crossed, one_way, rollups=plan.rollups)
    return Lines.of(cells, splits, dimensions).close(flagged)


def _vendor_cells_of(
    con: DuckDBPyConnection, vendor: str, growth_cells: str, part: Sequence[object]
) -> pd.DataFrame:
    """Return the growth cells of one system, with what one measure of one norm has of each."""
    where = " AND ".join(f"c.{column} = ?" for column in SYSTEM)
    return con.execute(
        f"""
        SELECT c.*, 0 AS n_proficient, coalesce(v.n_growth, 0) AS n_growth, v.n_met
        FROM {growth_cells} AS c LEFT JOIN {vendor} AS v ON v.cell_id = c.cell_id
            AND v.growth_measure = ? AND v.growth_norm = ?
        WHERE {where} ORDER BY c.cell_id
        """,
        [*part[len(SYSTEM) :], *part[: len(SYSTEM)]],
    ).df()


@dataclass(frozen=True)
class Lines:
    """How the cells of one system add up: what can be computed of one from others.

    students, usefulness: of each set of students that is a cell or several.
    """

    system: System
    students: NDArray[np.int64]
    usefulness: NDArray[np.int64]

    @classmethod
    def of(cls, cells: pd.DataFrame, splits: pd.DataFrame, dimensions: Dimensions) -> Lines:
        """Return the lines of one system.

        Args:
            cells: with `n_tested`, `n_proficient` and the columns of their key.
            splits: how its organisations add up.
            dimensions: the columns of groups.
        """
        system = build_system(cells, splits, dimensions)
        students, usefulness = (np.zeros(system.set_count, dtype=np.int64) for _ in range(2))
        students[system.set_of_cell] = cells["n_tested"]
        np.maximum.at(usefulness, system.set_of_cell, _usefulness(cells, dimensions))
        return cls(system, students, usefulness)

    def close(self, flagged: Flags) -> Flags:
        """Return the flagged cells and those that have to be hidden with them."""
        if not flagged.any():
            return flagged
        of_cell = self.system.set_of_cell
        guarded = np.zeros(self.system.set_count, dtype=bool)
        guarded[of_cell[flagged]] = True
        # No set is too small here: that is decided with the cells; nobody sees those that are.
        sets = Sets(self.students, guarded, self.usefulness, np.zeros_like(self.usefulness))
        hidden = choose_hidden(self.system.matrix, sets, 1, self.system.basis)
        return (hidden | guarded)[of_cell]


def is_extreme(part: NDArray[np.int64], whole: NDArray[np.int64], rule: Suppression) -> Flags:
    """Return where `part` is so near to none or all of `whole` that it tells about each of them.

    False where there are fewer students than any band begins with: they are too few for all.
    """
    smallest, limits = (np.array(side) for side in zip(*sorted(rule.extreme_bands), strict=True))
    band = np.searchsorted(smallest, whole, side="right") - 1
    limit = np.where(band < 0, -1.0, limits[band])
    nearest = np.minimum(part, whole - part)
    return 100.0 * nearest <= limit * whole


def is_few(part: NDArray[np.int64], whole: NDArray[np.int64], rule: Suppression) -> Flags:
    """Return where `part` of `whole`, or what it leaves over, is a group too small to be shown."""
    least = np.minimum(part, whole - part)
    return (least > 0) & (least < rule.minimum_n) | is_extreme(part, whole, rule)


def _has_telling_row(cells: pd.DataFrame, plan: CellPlan, rule: Suppression) -> Flags:
    """Return where the students of some prior level are too few, or all went to one level."""
    telling = np.zeros(len(cells), dtype=bool)
    for before in plan.levels:
        row = np.array([_ints(cells, transition(before, now)) for now in plan.levels])
        total = row.sum(axis=0)
        telling |= (total > 0) & ((total < rule.minimum_n) | (row.max(axis=0) == total))
    return telling


def _cells_of(
    con: DuckDBPyConnection,
    plan: CellPlan,
    matched: str,
    shown: str,
    system: Sequence[object],
) -> pd.DataFrame:
    """Return the matched cells of a system that may be shown, as the suppression takes them.

    `n_cohort`: what is published of the cell that they come from, the grade below where a year lies
    between; null where nothing is.
    """
    where = " AND ".join(f"m.{column} = ?" for column in SYSTEM)
    others = (*plan.crossed, *plan.side_columns)
    whole = [c for c in others if c not in plan.crossed_with and c != PRIOR_STATUS]
    alone = "".join(f" AND m.{column} = '{ALL}'" for column in whole)
    return con.execute(
        f"""
        SELECT m.* EXCLUDE (n_tested), n_matched AS n_tested, 0 AS n_proficient, n_cohort
        FROM {matched} AS m JOIN {shown} USING (cell_id)
        WHERE {where} AND n_matched > 0{alone} ORDER BY m.cell_id
        """,
        list(system),
    ).df()


def _usefulness(cells: pd.DataFrame, dimensions: Dimensions) -> NDArray[np.int64]:
    """Rank cells: organisations wider than a school first, then what is split by less."""
    whole = [(cells[column] == ALL).to_numpy() for column in dimensions.columns]
    wide = (cells["org_level"] != "school").to_numpy()
    return np.sum(whole, axis=0) + wide * (len(whole) + 1)


def _ints(cells: pd.DataFrame, column: str) -> NDArray[np.int64]:
    return cells[column].to_numpy(dtype=np.int64)
