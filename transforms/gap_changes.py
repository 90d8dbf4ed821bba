"""How each gap has changed since the year before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from transforms.cell_plan import quoted, same_sql
from transforms.gap_cells import (
    CHANGE_REASONS,
    CLOSURE_REASONS,
    MISSING_REASONS,
    NO_LEVELS,
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

Reasons = NDArray[np.int8]

# No cell has this key.
NOWHERE = -1
# A gap that closes from 25 points to 20 has closed by 20 percent, whatever the last digit says.
ROUNDING = 1e-9
NO_PRIOR = CHANGE_REASONS.index("no_prior")
PRIOR_MISSING = np.array(
    [CHANGE_REASONS.index(f"prior_{reason}") for reason in MISSING_REASONS], dtype=np.int8
)
PRIOR_NO_LEVELS = CHANGE_REASONS.index(f"prior_{NO_LEVELS}")
NOT_POSITIVE, UNCERTAIN = (
    CLOSURE_REASONS.index(f"prior_{reason}") for reason in ("not_positive", "uncertain")
)


@dataclass(frozen=True)
class YearGaps:
    """Gaps of one dimension against one reference, in the order of their cells.

    points: NaN where a student of either side has no level.
    low: the lower bounds of the points.
    is_shown: whether they are published; null where nothing is.
    missing_ids: the cells without a side to be held against, in their order too.
    missing_reason: why, as positions in MISSING_REASONS.
    """

    ids: Ints
    points: Floats
    low: Floats
    is_shown: Flags | None
    missing_ids: Ints
    missing_reason: Reasons


@dataclass(frozen=True)
class Before:
    """The year before of each gap.

    reason: why there is none, as a position in CHANGE_REASONS; 0 where there is.
    """

    points: Floats
    low: Floats
    is_shown: Flags
    reason: Reasons


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
    known = ", ".join(map(quoted, MISSING_REASONS))
    return f"""
        SELECT c.cell_id, e.dimension, e.reference, e.gap_points, e.gap_low,
            NOT coalesce(e.suppressed, true) AS is_shown,
            list_position([{known}], e.missing_reason::VARCHAR) - 1 AS missing
        FROM {earlier} AS e
        JOIN {cells.view} AS c ON c.school_year = e.school_year + 1 AND {same}
        WHERE c.cell_id & {cells.keys.mask("system")} IN ({systems})
    """


def _year_of(con: DuckDBPyConnection, kept: str, pair: tuple[str, str]) -> YearGaps:
    def of(columns: str, which: str) -> list[NDArray[Any]]:
        rows = con.execute(
            f"SELECT cell_id, {columns} FROM {kept} WHERE dimension = ? AND reference = ? "
            f"AND {which} ORDER BY cell_id",
            list(pair),
        ).fetchnumpy()
        return [np.ma.filled(values, np.nan) for values in rows.values()]

    measured = of("gap_points, gap_low, is_shown", "missing IS NULL")
    return YearGaps(*measured, *of("missing", "missing IS NOT NULL"))


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
        `gap_change` in points, `gap_closure_pct` (NaN where the interval of the gap of the year
        before is not all above 0: a share of what may be nothing is noise), `meets_goal` (of those
        that have a closure), `change_reason` and `closure_reason` (positions in CHANGE_REASONS and
        CLOSURE_REASONS) and, where gaps say what is published, `change_is_shown`.
    """
    mask = cells.keys.mask("system")
    system = systems.place(gaps.ids, mask)
    before = _year_before(gaps, systems.prior[system], mask, earlier)
    broken = broken_of(gaps.ids, systems, cells)
    reason = np.where(np.isnan(gaps.points) | (broken > 0), broken, before.reason)
    points = np.where(reason > 0, np.nan, before.points)
    is_certain = before.low > 0
    closure = 100 * (1 - gaps.points / np.where(is_certain, points, np.nan))
    no_closure = np.where(points > 0, UNCERTAIN, NOT_POSITIVE)
    columns = {
        "gap_change": gaps.points - points,
        "gap_closure_pct": closure,
        "meets_goal": closure >= goal_pct - ROUNDING,
        "change_reason": reason.astype(np.int8),
        "closure_reason": np.where((reason > 0) | is_certain, reason, no_closure).astype(np.int8),
    }
    if gaps.is_shown is not None:
        columns["change_is_shown"] = gaps.is_shown & before.is_shown
    return columns


def _year_before(gaps: YearGaps, prior: Ints, mask: int, earlier: YearGaps | None) -> Before:
    """Return each gap a year before: of these cells, or of those kept from an earlier build."""
    is_here = prior >= 0
    here = _found(gaps, np.where(is_here, (gaps.ids & ~mask) | prior, NOWHERE))
    if earlier is None:
        return here
    kept = _found(earlier, np.where(is_here, NOWHERE, gaps.ids))
    return Before(
        *(np.where(is_here, getattr(here, c.name), getattr(kept, c.name)) for c in fields(Before))
    )


def _found(gaps: YearGaps, wanted: Ints) -> Before:
    """Return the gaps of some cells; a place of -1 is the last, which stands for no gap."""
    place = found(gaps.ids, wanted)
    points, low = (np.append(values, np.nan)[place] for values in (gaps.points, gaps.low))
    is_shown = np.zeros(len(place), dtype=bool)
    if gaps.is_shown is not None:
        is_shown = np.append(gaps.is_shown, False)[place]
    reason = np.where(np.isnan(points), PRIOR_NO_LEVELS, 0).astype(np.int8)
    left = np.flatnonzero(place < 0)
    missing = found(gaps.missing_ids, wanted[left])
    reasons = PRIOR_MISSING[gaps.missing_reason.astype(np.int8)]
    reason[left] = np.append(reasons, np.int8(NO_PRIOR))[missing]
    return Before(points, low, is_shown, reason)
