"""The mart of transitions: of the students at a level before, how many are at which level now."""

from __future__ import annotations

from configs.mart_models import Marts
from transforms.cell_plan import CellPlan, levels_sql
from transforms.growth import GROWTH
from transforms.growth_matching import PRIOR_STATUS
from transforms.growth_statistics import transition
from transforms.measures import percent

OWN_KEY = ("prior_level", "performance_level")


def transition_key(plan: CellPlan) -> tuple[str, ...]:
    """Return the columns that name a row, `org_name` among them."""
    return (*plan.key_columns, *OWN_KEY)


def exact_transition_sql(plan: CellPlan, growth: str = GROWTH) -> str:
    """Return SQL of `mart_transition_unsuppressed`, in no order that is promised.

    Grain: the key of a cell of matched students (grade, organisation and groups are today's, one
    group at a time), `prior_level`, `performance_level`; a pair of levels between which nobody
    moved has no row. Columns: `prior_year`, `prior_window`, `prior_level_label`, `level_label`,
    `n`, `n_prior_level` (students at the level before), `pct` (`n` in percent of them). There is no
    row where a new scale or new standards lie between, where nobody is matched, and where a matched
    student has no level.

    Args:
        plan: what the marts are counted by.
        growth: the table that `build_growth` has made.
    """
    return f"""
        SELECT {_columns(plan)}, n, n_prior_level, {percent("n", "n_prior_level")} AS pct
        FROM ({_moves_sql(plan, f"{growth}_matched")}) WHERE n > 0
    """


def published_transition_sql(plan: CellPlan, marts: Marts, growth: str) -> str:
    """Return SQL of `mart_transition`: as the unsuppressed twin but rounded, and with `suppressed`.

    A pair of levels between which nobody moved has a row too, with `n` 0: were it not there, the
    rows of a hidden matrix would tell who moved. There is a matrix for each row of matched students
    that `mart_growth` shows. It is shown whole or not at all: its students and each row of it must
    be enough, no row wholly at one level, no number of it to be had from other matrices, and no
    hidden group's students to be found too closely at a level before.
    """
    shown = f"""(
        SELECT m.*, coalesce(hides_matrix, true) AS suppressed
        FROM ({_moves_sql(plan, f"{growth}_matched_told")}) AS m
        LEFT JOIN {growth}_matched_hidden USING (cell_id)
    )"""
    pct = f"round({percent('n', 'n_prior_level')}, {marts.pct_decimals})"
    values = {"n": "n", "n_prior_level": "n_prior_level", "pct": pct}
    measures = ", ".join(f"if(suppressed, NULL, {sql}) AS {name}" for name, sql in values.items())
    return f"SELECT {_columns(plan)}, {measures}, suppressed FROM {shown}"


def _columns(plan: CellPlan) -> str:
    labels = ("prior_year", "prior_window", "prior_level_label", "level_label")
    return ", ".join((*transition_key(plan), *labels))


def _moves_sql(plan: CellPlan, matched: str) -> str:
    """Return SQL of every matched cell at each pair of levels of its assessment."""
    nobody = "WHEN NULL THEN 0"
    counts = " ".join(
        f"WHEN {before} THEN CASE now.level "
        + " ".join(f"WHEN {now} THEN {transition(before, now)}" for now in plan.levels)
        + " END"
        for before in plan.levels
    )
    began = " ".join(
        f"WHEN {before} THEN {' + '.join(transition(before, now) for now in plan.levels)}"
        for before in plan.levels
    )
    cell = ", ".join(f"c.{column}" for column in plan.key_columns if column != PRIOR_STATUS)
    status = f", 'all' AS {PRIOR_STATUS}" if PRIOR_STATUS in plan.key_columns else ""
    return f"""
        SELECT c.cell_id, {cell}{status}, prior_year, prior_window,
            before.level AS prior_level, before.label AS prior_level_label,
            now.level AS performance_level, now.label AS level_label,
            (CASE before.level {counts or nobody} END)::INTEGER AS n,
            (CASE before.level {began or nobody} END)::BIGINT AS n_prior_level
        FROM {matched} AS c
        JOIN {levels_sql(plan)} AS before USING (assessment)
        JOIN {levels_sql(plan)} AS now USING (assessment)
        WHERE n_matched > 0 AND is_levelled AND NOT (scale_break OR standard_break)
    """
