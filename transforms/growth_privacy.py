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

from configs.mart_models import Suppression
from transforms.cell_pairs import codes_met
from transforms.cell_plan import ALL, CellPlan
from transforms.cell_tables import insert_rows
from transforms.growth_lines import Lines
from transforms.growth_matched import LOW_LEVELS
from transforms.growth_matching import PRIOR_STATUS
from transforms.growth_ranges import Began, BeganRanges, Open
from transforms.growth_statistics import transition
from transforms.organisations import OF_SYSTEM, SYSTEM, org_splits
from transforms.suppress_lines import Dimensions
from transforms.suppress_rule import band_limits, is_near_end
from transforms.suppress_sets import Flags, Ints

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

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
    `hides_prior` (what the students were: the rate before, how many began low, the mean before,
    which a mean gain tells), `hides_movement` (up, same, down), `hides_low` (who of those who began
    low moved up), `hides_matrix` (the transitions, whole; wherever one of the others is).

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
            insert_rows(con, name, hidden_numbers(found, splits, plan, rule))
    return name


def hidden_numbers(
    cells: pd.DataFrame, splits: pd.DataFrame, plan: CellPlan, rule: Suppression
) -> pd.DataFrame:
    """Return `cell_id` and what each cell of one system hides, see `hide_movement`."""
    n = _ints(cells, "n_matched")
    enough = n >= rule.minimum_n
    levelled = enough & cells["is_levelled"].to_numpy(dtype=bool)
    # Last year's published cell less these students is whoever has left: they may be few.
    left = np.abs(cells["n_cohort"].to_numpy(dtype=float, na_value=np.nan) - n)
    leavers = enough & (left > 0) & (left < rule.minimum_n)
    movement = np.zeros(len(cells), dtype=bool)
    for column in ("n_up", "n_same", "n_down"):
        movement |= levelled & is_extreme(_ints(cells, column), n, rule)
    low, up = _ints(cells, "n_low_prior"), _ints(cells, "n_low_up")
    # Where the standard begins at the third level, who began low is who had not reached it.
    prior = is_extreme(_ints(cells, "prior_proficient"), n, rule) | is_few(low, n, rule)
    low_up, telling = is_extreme(up, low, rule), _has_telling_row(cells, plan, rule)
    # A matrix has all the numbers, so it is hidden wherever one of them is.
    lines = Lines.of(cells, splits, Dimensions(plan.crossed_with, ()))
    hides_prior = lines.part(lines.close(leavers | levelled & prior), low, rule)
    # Who did not begin low is told with who did.
    hides_prior = lines.part(hides_prior, n - low, rule)
    hides_movement = lines.close(movement)
    hides_low = lines.close(hides_prior | hides_movement | levelled & low_up)
    hides_matrix = lines.close(hides_low | levelled & telling)
    for began in _began(cells, plan):
        hides_matrix = lines.part(hides_matrix, began, rule)
    hides_prior, hides_matrix = _widened(cells, lines, plan, rule, (hides_prior, hides_matrix))
    flags = (hides_prior, hides_movement, hides_low | hides_prior, hides_matrix)
    return pd.DataFrame({"cell_id": cells["cell_id"], **dict(zip(HIDDEN, flags, strict=True))})


def _widened(
    cells: pd.DataFrame,
    lines: Lines,
    plan: CellPlan,
    rule: Suppression,
    hidden: tuple[Flags, Flags],
) -> tuple[Flags, Flags]:
    """Return what hides who began low, and what hides its matrix, so that all ranges are wide.

    What is hidden for that is guarded from then on, so that it does not follow from the others.
    """
    prior, matrix = hidden
    guards_prior, guards_matrix = np.zeros_like(prior), np.zeros_like(matrix)
    ranges, of_cell = _ranges(cells, lines, plan, rule), lines.system.set_of_cell
    turn = np.lexsort((lines.students, lines.usefulness)).argsort()
    while True:
        shown = _shown(cells, lines, prior, matrix)
        kept = ranges.lowered(shown, turn)
        if kept is shown:
            return prior, matrix
        guards_prior |= (shown.prior & ~kept.prior)[of_cell]
        guards_matrix |= (shown.matrix & ~kept.matrix)[of_cell]
        prior = lines.close(guards_prior, prior)
        matrix = lines.close(guards_matrix, matrix | prior)


def _ranges(cells: pd.DataFrame, lines: Lines, plan: CellPlan, rule: Suppression) -> BeganRanges:
    """Return what a reader draws the ranges of matched students from."""
    of_sets, standard = lines.system.greatest, cells["proficient_from"].dropna()
    there = [of_sets(level) for level in _began(cells, plan) if level.any()]
    levels = np.array(there, dtype=np.int64).reshape(len(there), lines.system.set_count)
    cuts = {LOW_LEVELS, *(standard.astype(int) - 1)}
    began = Began(
        of_sets(_ints(cells, "n_of_cell")),
        of_sets(_ints(cells, "n_matched")),
        levels,
        sorted(cut for cut in cuts if 0 < cut < len(levels)),
    )
    return BeganRanges(lines.system.matrix, began, rule.interval, rule.minimum_n)


def _shown(cells: pd.DataFrame, lines: Lines, prior: Flags, matrix: Flags) -> Open:
    """Return what is told of each set, where cells hide who began low, and their matrix."""
    flags = ("is_suppressed", "is_matched_suppressed", "is_matched_hidden", "is_levelled")
    suppressed, unmatched, hidden, levelled = (cells[one].to_numpy(dtype=bool) for one in flags)
    is_broken = (cells["scale_break"] | cells["standard_break"]).to_numpy(dtype=bool)
    moved = ~suppressed & ~hidden & levelled & ~is_broken
    told = (~suppressed, ~unmatched, moved & ~prior, moved & ~matrix)
    return Open(*(lines.system.greatest(one) > 0 for one in told))


def hide_vendor(
    con: DuckDBPyConnection, plan: CellPlan, vendor: str, growth_cells: str, rule: Suppression
) -> str:
    """Make table `<vendor>_hidden` and return its name: the cells whose vendors are not shown.

    Grain: `cell_id`. All of a cell's measures and norms are hidden where the students of one of
    them, or the tested students who have no such measure, of this norm or of any, are too few,
    where nearly all or none met their growth, and where that could be had from other cells. It is
    one decision for all, since different measures are of the same students for the most part.

    Args:
        con: an in-memory connection.
        plan: what the marts are counted by.
        vendor: a table as of `build_vendor_cells`.
        growth_cells: the cells that it is of.
        rule: smallest group and extreme bands.
    """
    name = f"{vendor}_hidden"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} (cell_id BIGINT)")
    dimensions = tuple(d for d in (*plan.crossed, *plan.side_columns) if d != PRIOR_STATUS)
    systems = con.execute(f"SELECT DISTINCT {', '.join(SYSTEM)} FROM {vendor}").fetchall()
    for system in systems:
        cells = _cells_of_system(con, growth_cells, system)
        measures = _measures_of(con, vendor, cells, system)
        splits = org_splits(con, system, f"{growth_cells}_parts")
        lines = Lines.of(
            cells,
            splits,
            Dimensions((), dimensions),
            codes_met(con, growth_cells, dimensions, system),
        )
        hidden = hidden_vendors(cells, measures, lines, rule)
        insert_rows(con, name, cells.loc[hidden, ["cell_id"]])
    return name


def hidden_vendors(
    cells: pd.DataFrame, measures: pd.DataFrame, lines: Lines, rule: Suppression
) -> Flags:
    """Return which cells of one system show nothing of vendors, see `hide_vendor`.

    Args:
        cells: with `n_tested`.
        measures: `cell` (a position), `growth_measure`, `growth_norm`, `n_growth`, `n_met`.
        lines: how the cells add up.
        rule: smallest group and extreme bands.
    """
    n = lines.with_parts(_ints(cells, "n_tested"))
    flagged = np.zeros(len(n), dtype=bool)
    for _, norms in measures.groupby("growth_measure"):
        of_any = np.zeros_like(n)
        for _, one in norms.groupby("growth_norm"):
            measured, met = (_of_cells(one, c, lines, len(cells)) for c in ("n_growth", "n_met"))
            flagged |= _is_small(measured, rule) | _is_small(n - measured, rule)
            if one["n_met"].notna().any():
                flagged |= (measured > 0) & is_extreme(met, measured, rule)
            of_any += measured
        flagged |= _is_small(n - of_any, rule)
    return lines.close(flagged)


def _of_cells(rows: pd.DataFrame, column: str, lines: Lines, count: int) -> Ints:
    """Return a number of each cell, 0 where there is no row, and of the parts that are no cells."""
    values = np.zeros(count, dtype=np.int64)
    values[rows["cell"]] = rows[column].fillna(0)
    return lines.with_parts(values)


def _is_small(count: Ints, rule: Suppression) -> Flags:
    return (count > 0) & (count < rule.minimum_n)


def _cells_of_system(
    con: DuckDBPyConnection, growth_cells: str, system: Sequence[object]
) -> pd.DataFrame:
    """Return the growth cells of one system, as the suppression takes them."""
    return con.execute(
        f"SELECT *, 0 AS n_proficient FROM {growth_cells} WHERE {OF_SYSTEM} ORDER BY cell_id",
        list(system),
    ).df()


def _measures_of(
    con: DuckDBPyConnection, vendor: str, cells: pd.DataFrame, system: Sequence[object]
) -> pd.DataFrame:
    """Return what vendors say of the cells of one system, each with its cell's position."""
    rows = con.execute(
        "SELECT cell_id, growth_measure, growth_norm, n_growth, n_met "
        f"FROM {vendor} WHERE {OF_SYSTEM}",
        list(system),
    ).df()
    return rows.assign(cell=pd.Index(cells["cell_id"]).get_indexer(rows["cell_id"]))


def is_extreme(part: Ints, whole: Ints, rule: Suppression) -> Flags:
    """Return where `part` is so near to none or all of `whole` that it tells about each of them.

    False where there are fewer students than any band begins with: they are too few for all.
    """
    return is_near_end(part, whole, band_limits(whole, rule.extreme_bands, below=-1.0))


def is_few(part: Ints, whole: Ints, rule: Suppression) -> Flags:
    """Return where `part` of `whole`, or what it leaves over, is a group too small to be shown."""
    least = np.minimum(part, whole - part)
    return (least > 0) & (least < rule.minimum_n) | is_extreme(part, whole, rule)


def _has_telling_row(cells: pd.DataFrame, plan: CellPlan, rule: Suppression) -> Flags:
    """Return where too few, or nobody, began at some level, or all who did went to one.

    A level that nobody at all began at tells of no cell in particular.
    """
    telling = np.zeros(len(cells), dtype=bool)
    for before in plan.levels:
        row = np.array([_ints(cells, transition(before, now)) for now in plan.levels])
        total = row.sum(axis=0)
        telling |= (total < rule.minimum_n) & total.any()
        telling |= (total > 0) & (row.max(axis=0) == total)
    return telling


def _began(cells: pd.DataFrame, plan: CellPlan) -> list[Ints]:
    """Return how many of each cell began at each level."""
    return [
        np.sum([_ints(cells, transition(before, now)) for now in plan.levels], axis=0)
        for before in plan.levels
    ]


def _cells_of(
    con: DuckDBPyConnection,
    plan: CellPlan,
    matched: str,
    shown: str,
    system: Sequence[object],
) -> pd.DataFrame:
    """Return the matched cells of a system that may be shown, as the suppression takes them.

    `n_cohort`: what is published of the cell that they come from, the grade below where a year lies
    between; null where nothing is. `n_of_cell`: all students, matched or not.
    """
    where = " AND ".join(f"m.{column} = ?" for column in SYSTEM)
    others = (*plan.crossed, *plan.side_columns)
    whole = [c for c in others if c not in plan.crossed_with and c != PRIOR_STATUS]
    alone = "".join(f" AND m.{column} = '{ALL}'" for column in whole)
    return con.execute(
        f"""
        SELECT m.* REPLACE (n_matched AS n_tested), m.n_tested AS n_of_cell, 0 AS n_proficient,
            n_cohort, is_suppressed, is_matched_suppressed, is_matched_hidden
        FROM {matched} AS m JOIN {shown} USING (cell_id)
        WHERE {where} AND n_matched > 0{alone} ORDER BY m.cell_id
        """,
        list(system),
    ).df()


def _ints(cells: pd.DataFrame, column: str) -> Ints:
    return cells[column].to_numpy(dtype=np.int64)
