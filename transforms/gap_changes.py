"""How each gap has changed since the year before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from transforms.cell_plan import same_sql
from transforms.gap_cells import (
    CHANGE_REASONS,
    CellSet,
    Flags,
    Floats,
    Ints,
    Systems,
    broken_of,
    found,
)

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# A gap that closes from 25 points to 20 has closed by 20 percent, whatever the last digit says.
ROUNDING = 1e-9
NO_PRIOR = CHANGE_REASONS.index("no_prior")


@dataclass(frozen=True)
class YearGaps:
    """Gaps of one dimension against one reference, in the order of their cells.

    is_shown: whether they are published; null where nothing is.
    """

    ids: Ints
    points: Floats
    is_shown: Flags | None


Earlier = Mapping[tuple[str, str], YearGaps]


def read_earlier(
    con: DuckDBPyConnection, cells: CellSet, systems: Systems, earlier: str | None
) -> Earlier:
    """Return the gaps of a year before that is not among the cells, under the keys of this year.

    Args:
        con: the connection of both relations.
        cells: the set of cells.
        systems: of those cells; those that have the year before here are left out.
        earlier: a relation with the columns of mart_gap_unsuppressed.
    """
    without = ", ".join(str(bits) for bits in systems.bits[systems.prior < 0])
    if earlier is None or not without:
        return {}
    kept = f"{cells.view}_earlier_gaps"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {kept} AS {_earlier_sql(cells, earlier, without)}")
    pairs = con.execute(f"SELECT DISTINCT dimension, reference FROM {kept}").fetchall()
    return {pair: _year_of(con, kept, pair) for pair in pairs}


def _earlier_sql(cells: CellSet, earlier: str, systems: str) -> str:
    """Return SQL of last year's gaps with the `cell_id` of the same cell of this year."""
    keys = (c for c in cells.plan.key_columns if c not in ("school_year", "org_name"))
    same = same_sql("c", "e", keys)
    return f"""
        SELECT c.cell_id, e.dimension, e.reference, e.gap_points,
            NOT coalesce(e.suppressed, true) AS is_shown
        FROM {earlier} AS e
        JOIN {cells.view} AS c ON c.school_year = e.school_year + 1 AND {same}
        WHERE c.cell_id & {cells.keys.mask("system")} IN ({systems}) AND e.gap_points IS NOT NULL
    """


def _year_of(con: DuckDBPyConnection, kept: str, pair: tuple[str, str]) -> YearGaps:
    found_rows = con.execute(
        f"SELECT cell_id, gap_points, is_shown FROM {kept} "
        "WHERE dimension = ? AND reference = ? ORDER BY cell_id",
        list(pair),
    ).fetchnumpy()
    return YearGaps(*(np.asarray(found_rows[c]) for c in ("cell_id", "gap_points", "is_shown")))


def changes(
    gaps: YearGaps, systems: Systems, cells: CellSet, earlier: YearGaps | None, goal_pct: float
) -> dict[str, Any]:
    """Return the change of each gap, and why there is none.

    Args:
        gaps: of all systems.
        systems: which year is whose.
        cells: what they are of.
        earlier: the year before of systems that have it not among `gaps`.
        goal_pct: by how much a gap should close.

    Returns:
        `gap_change` in points, `gap_closure_pct` (NaN where the gap of the year before is not
        positive), `meets_goal` (of those that have a closure), `change_reason` (a position in
        CHANGE_REASONS) and, where gaps say what is published, `change_is_shown`.
    """
    mask = cells.keys.mask("system")
    system = systems.place(gaps.ids, mask)
    points, is_shown = _year_before(gaps, systems.prior[system], mask, earlier)
    broken = broken_of(gaps.ids, systems, cells)
    points = np.where(broken > 0, np.nan, points)
    change = gaps.points - points
    closure = 100 * (1 - gaps.points / np.where(points > 0, points, np.nan))
    reason = np.where((broken == 0) & np.isnan(change), NO_PRIOR, broken)
    columns = {
        "gap_change": change,
        "gap_closure_pct": closure,
        "meets_goal": closure >= goal_pct - ROUNDING,
        "change_reason": reason.astype(np.int8),
    }
    if gaps.is_shown is not None:
        columns["change_is_shown"] = gaps.is_shown & is_shown
    return columns


def _year_before(
    gaps: YearGaps, prior: Ints, mask: int, earlier: YearGaps | None
) -> tuple[Floats, Flags]:
    """Return each gap a year before (NaN: none), and whether it is published."""
    place = np.where(prior >= 0, found(gaps.ids, (gaps.ids & ~mask) | prior), -1)
    points = np.where(place >= 0, gaps.points[place], np.nan)
    is_shown = np.zeros(len(place), dtype=bool)
    if gaps.is_shown is not None:
        is_shown = (place >= 0) & gaps.is_shown[place]
    if earlier is not None:
        place = np.where(prior < 0, found(earlier.ids, gaps.ids), -1)
        points = np.where(place >= 0, earlier.points[place], points)
        if earlier.is_shown is not None:
            is_shown = np.where(place >= 0, earlier.is_shown[place], is_shown)
    return points, is_shown
