"""Rows of growth of the students who have a result in the system before: the same students twice.

All is computed from the growth cells. Their transitions say who moved up, stayed or moved down, who
began in the two lowest levels, and who reached the standard then and now.
"""

from __future__ import annotations

from collections.abc import Callable

from transforms.breaks import broken_sql
from transforms.cell_plan import CellPlan, quoted
from transforms.growth_matching import PRIOR_STATUS, before_sql
from transforms.growth_statistics import transition

MATCHED_TYPE = "matched"
# Who begins low is meant to have two levels below and one above at the least.
LOW_LEVELS = 2


def matched_students_sql(plan: CellPlan, cells: str, breaks: str, systems: str) -> str:
    """Return SQL of the growth cells in whose districts anybody could be matched.

    Columns: those of the growth cells, `prior_status` ('all') where the marts have it, `prior_year`
    and `prior_window`, `proficient_from`, `level_count`, `is_vertical`, `scale_break`,
    `standard_break`, `is_levelled` (all matched students have both levels), and of the transitions
    the sums `n_up`, `n_same`, `n_down`, `now_proficient`, `prior_proficient`, `both_proficient`,
    `n_low_prior`, `n_low_up`.
    """
    status = f", 'all' AS {PRIOR_STATUS}" if PRIOR_STATUS in plan.key_columns else ""
    dated = f"""(
        SELECT c.*{status}, c.school_year - years_back AS prior_year, prior_window
        FROM {cells} AS c JOIN {before_sql()} USING (test_window)
        WHERE n_asked > 0 AND {systems}
    )"""
    sums = ", ".join(f"{sql} AS {name}" for name, sql in _moves(plan).items())
    return f"""
        SELECT *, n_same + n_up + n_down = n_matched AS is_levelled
        FROM (
            SELECT c.*, facts.* EXCLUDE (assessment), {sums}
            FROM ({broken_sql(dated, breaks)}) AS c JOIN {_facts_sql(plan)} USING (assessment)
        )
    """


def matched_sql(plan: CellPlan, matched: str, shown: str | None, privacy: str | None) -> str:
    """Return SQL of the rows of `matched`, as `growth.COLUMNS` names them, each with its `cell_id`.

    Of what is published cells that are suppressed are left out: achievement says that they are.

    Args:
        plan: what the marts are counted by.
        matched: a relation as of `matched_students_sql`.
        shown: a relation as of `growth_keys.shown_sql`; null where nothing is published.
        privacy: a relation as of `growth_privacy.hide_movement`; null as well.
    """
    key = ", ".join(f"c.{column}" for column in plan.key_columns)
    rates = "is_levelled AND NOT (scale_break OR standard_break)"
    scores = "is_vertical AND n_gains = n_matched AND NOT scale_break"
    flags = ", ".join(
        f"coalesce(p.hides_{what}, true) AS hides_{what}" if privacy else f"true AS hides_{what}"
        for what in ("prior", "movement", "low", "matrix")
    )
    is_hidden, joined = "true", ""
    if shown:
        is_hidden = "s.is_suppressed OR s.is_matched_hidden"
        joined = (
            f"JOIN {shown} AS s ON s.cell_id = c.cell_id AND NOT s.is_suppressed "
            f"LEFT JOIN {privacy} AS p ON p.cell_id = c.cell_id"
        )
    return f"""
        SELECT c.cell_id, {key}, '{MATCHED_TYPE}' AS growth_type, prior_year, prior_window,
            c.n_tested, n_matched AS n_prior, n_matched, {_if(rates, "now_proficient")},
            {_if(rates, "prior_proficient")}, {_if(rates, "both_proficient")},
            n_matched::DOUBLE AS now_students, n_matched::DOUBLE AS prior_students,
            if({scores}, gain_sum / nullif(n_matched, 0), NULL) AS mean_change,
            if({scores}, n_gains, NULL)::DOUBLE AS gains, gain_sum, gain_squares,
            if({rates} AND n_distance_gains = n_matched, distance_gain_sum / nullif(n_matched, 0),
                NULL) AS distance_change,
            {_if(rates, "n_up")}, {_if(rates, "n_same")}, {_if(rates, "n_down")},
            {_if(f"{rates} AND level_count > {LOW_LEVELS}", "n_low_prior")},
            {_if(f"{rates} AND level_count > {LOW_LEVELS}", "n_low_up")},
            CASE WHEN scale_break THEN 'scale_break' WHEN n_matched = 0 THEN 'nobody_matched'
                WHEN standard_break THEN 'standard_break' WHEN NOT is_levelled THEN 'no_levels' END
                AS missing_reason,
            {is_hidden} AS is_hidden, {flags}
        FROM {matched} AS c {joined}
    """


def _moves(plan: CellPlan) -> dict[str, str]:
    """Return SQL of each sum over transitions."""
    return {
        "n_up": _moved(plan, lambda before, now: now > before),
        "n_same": _moved(plan, lambda before, now: now == before),
        "n_down": _moved(plan, lambda before, now: now < before),
        "now_proficient": _reached(plan, lambda before, now: now),
        "prior_proficient": _reached(plan, lambda before, now: before),
        "both_proficient": _reached(plan, min),
        "n_low_prior": _moved(plan, lambda before, now: before <= LOW_LEVELS),
        "n_low_up": _moved(plan, lambda before, now: before <= LOW_LEVELS and now > before),
    }


def _moved(plan: CellPlan, counts: Callable[[int, int], bool]) -> str:
    """Return SQL of the students whose level before and level now count."""
    moves = ((before, now) for before in plan.levels for now in plan.levels)
    return " + ".join(transition(*move) for move in moves if counts(*move)) or "0"


def _reached(plan: CellPlan, lowest: Callable[[int, int], int]) -> str:
    """Return SQL of the students of whom that level, of before and now, reaches the standard."""
    moves = ((before, now) for before in plan.levels for now in plan.levels)
    terms = (f"if({lowest(*m)} >= proficient_from, {transition(*m)}, 0)" for m in moves)
    return " + ".join(terms) or "0"


def _facts_sql(plan: CellPlan) -> str:
    """Return SQL of what each assessment's levels and scores mean."""
    rows = ", ".join(
        f"({quoted(name)}, {one.proficient_from or 'NULL'}::INTEGER, {len(one.levels)}, "
        f"{one.scale == 'vertical'})"
        for name, one in sorted(plan.assessments.items())
    )
    columns = "assessment, proficient_from, level_count, is_vertical"
    return f"(VALUES {rows}) AS facts({columns})"


def _if(condition: str, column: str) -> str:
    return f"if({condition}, {column}, NULL)::DOUBLE AS {column}"
