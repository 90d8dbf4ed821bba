"""The achievement marts as SQL over `cells`: exact for restricted use, and as they are published.

Decisions on privacy come as a relation `cell_id`, `suppressed`, `suppression_reason`,
`rate_coding`, `rate_limit`, `shows_levels`. A cell without a decision is not published. Where a
student of a cell has no level, the cell has no rate, and where one has no score it has no mean:
`n_tested` is the denominator of everything in a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from configs.mart_models import Marts
from transforms import measures
from transforms.cell_plan import ALL, CellPlan, levels_sql, quoted
from transforms.cells import CELLS
from transforms.organisations import SYSTEM
from transforms.participation_cells import exact_measures, published_measures

EXACT = "exact"
DECISIONS = ("rate_coding", "suppressed", "suppression_reason")
MEASURES = (
    "n_tested",
    "n_proficient",
    "pct_proficient",
    "pct_proficient_low",
    "pct_proficient_high",
    "mean_scale_score",
    "distance_from_standard",
    "performance_index",
)
# What derived marts are computed from; never published.
STATISTICS = ("n_scores", "score_sum", "score_squares", "n_distances", "distance_sum")


def exact_achievement_sql(
    plan: CellPlan, marts: Marts, decisions: str | None = None, participation: str | None = None
) -> str:
    """Return SQL of `mart_achievement_unsuppressed`, ordered by its key.

    Unrounded measures of every cell, beside what is done to it in `mart_achievement`. Without
    decisions `rate_coding`, `suppressed` and `suppression_reason` are null. `participation` is a
    relation as of `count_participation`; without it nobody knows who was enrolled. Last, what
    derived marts are computed from: the sums that `build_cells` documents, and `sd_scale_score`,
    null where scores may not be averaged or one student alone has one.
    """
    levels = (f"n_level_{k}" for k in plan.levels)
    statistics = (*STATISTICS, *levels, "sd_scale_score")
    enrolled = _enrolled(exact_measures(), participation)
    columns = ", ".join((*plan.key_columns, *MEASURES, *enrolled, *DECISIONS, *statistics))
    cells = _with_enrolled(_measured(plan, marts, decisions), participation)
    return f"SELECT {columns} FROM {cells} ORDER BY cell_id"


def published_achievement_sql(
    plan: CellPlan, marts: Marts, decisions: str, listed: str, participation: str | None = None
) -> str:
    """Return SQL of `mart_achievement`, ordered by its key.

    Cells of which something is shown, and those that are `listed`, a relation of their keys without
    `org_name`: a suppressed row may be of nobody, and where there is no row there may be somebody.

    Rounded measures; all null where `suppressed`. Where `rate_coding` is top or bottom only
    `n_tested` and, as `pct_proficient`, the limit remain: that of the band, or 50 where the rate
    is coded since it would give another away. An index of levels is shown where levels are. No
    reason is published.
    """
    exact = f"rate_coding = '{EXACT}'"
    pct = "pct_proficient"
    limit = "if(is_levelled, if(rate_coding = 'top', 100 - rate_limit, rate_limit), NULL)"
    shown = {
        "n_tested": "if(suppressed, NULL, n_tested)",
        "n_proficient": f"if({exact}, n_proficient, NULL)",
        pct: f"if(suppressed, NULL, if({exact}, {_rounded(pct, marts)}, {limit}))",
        "pct_proficient_low": f"if({exact}, {_rounded('pct_proficient_low', marts)}, NULL)",
        "pct_proficient_high": f"if({exact}, {_rounded('pct_proficient_high', marts)}, NULL)",
        **{
            score: f"if({exact}, {_score(score, marts)}, NULL)"
            for score in ("mean_scale_score", "distance_from_standard")
        },
        "performance_index": f"if(shows_levels, {_score('performance_index', marts)}, NULL)",
    }
    enrolled = _enrolled(published_measures(marts), participation)
    values = ", ".join((*(f"{value} AS {column}" for column, value in shown.items()), *enrolled))
    cells = _with_enrolled(_measured(plan, marts, decisions), participation)
    key = [column for column in plan.key_columns if column != "org_name"]
    names = (
        ("n_enrolled", "pct_participation") if participation is None else published_measures(marts)
    )
    return f"""
        WITH told AS MATERIALIZED (
            SELECT * FROM (
                SELECT {", ".join(plan.key_columns)}, {values}, rate_coding, suppressed FROM {cells}
            ) WHERE NOT suppressed OR n_enrolled IS NOT NULL
        )
        SELECT {", ".join((*plan.key_columns, *shown, *names))}, rate_coding, suppressed
        FROM (
            FROM told UNION ALL BY NAME
            SELECT l.*, org_name, true AS suppressed
            FROM {listed} AS l ANTI JOIN told USING ({", ".join(key)})
            JOIN ({_org_names(plan)}) USING ({", ".join((*SYSTEM, "org_level", "org_id"))})
        ) ORDER BY {", ".join(key)}
    """


def _org_names(plan: CellPlan) -> str:
    """Return SQL of each system's organisations and their names."""
    whole = " AND ".join(f"{column} = '{ALL}'" for column in plan.group_columns)
    columns = ", ".join((*SYSTEM, "org_level", "org_id", "org_name"))
    return f"SELECT {columns} FROM {CELLS} WHERE {whole}"


def _enrolled(values: Mapping[str, str], participation: str | None) -> list[str]:
    """Return SQL of the columns of participation, null where nothing is known of it."""
    if participation is None:
        return ["NULL::INTEGER AS n_enrolled", "NULL::DOUBLE AS pct_participation"]
    return [f"{value} AS {column}" for column, value in values.items()]


def _with_enrolled(cells: str, participation: str | None) -> str:
    if participation is None:
        return cells
    return f"(SELECT * FROM {cells} LEFT JOIN {participation} USING (cell_id))"


def exact_level_sql(plan: CellPlan, marts: Marts, decisions: str | None = None) -> str:
    """Return SQL of `mart_level_unsuppressed`: each cell at each level of its assessment.

    Columns: the key, `performance_level`, `level_label`, `n` (0 where nobody is at the level),
    `pct` of `n_tested` (null where a student has no level), `suppressed` (null without decisions).
    """
    hidden = "NULL::BOOLEAN" if decisions is None else "NOT shows_levels"
    return _level_sql(plan, decisions, _LevelRows("n", "pct", hidden))


def published_level_sql(plan: CellPlan, marts: Marts, decisions: str) -> str:
    """Return SQL of `mart_level`, as `mart_level_unsuppressed` but rounded.

    Only cells whose rate is shown as it is have rows; where their levels are not, `n` and `pct` are
    null and `suppressed` is true.
    """
    n = "if(shows_levels AND pct IS NOT NULL, n, NULL)"
    pct = f"if(shows_levels, {_rounded('pct', marts)}, NULL)"
    listed = f"is_levelled AND rate_coding = '{EXACT}'"
    return _level_sql(plan, decisions, _LevelRows(n, pct, "NOT shows_levels", listed))


def _measured(plan: CellPlan, marts: Marts, decisions: str | None) -> str:
    """Return SQL of every cell with its exact measures and its decision."""
    part, whole = "n_proficient", "n_tested"
    centre, half_width = measures.wilson_centre_and_half_width(part, whole, marts.confidence)
    deviation = measures.standard_deviation("score_squares", "score_sum", whole)
    distance = measures.distance_from_standard("distance_sum", whole)
    return f"""(
        SELECT *,
            {measures.wilson_low(part, whole, "centre", "half_width")} AS pct_proficient_low,
            {measures.wilson_high(part, whole, "centre", "half_width")} AS pct_proficient_high
        FROM (
            SELECT *, {measures.percent(part, whole)} AS pct_proficient,
                {centre} AS centre, {half_width} AS half_width,
                if(has_mean, {measures.mean("score_sum", whole)}, NULL) AS mean_scale_score,
                if(has_mean, {deviation}, NULL) AS sd_scale_score,
                if(n_distances = n_tested, {distance}, NULL) AS distance_from_standard,
                if(is_levelled, {_index(plan)}, NULL) AS performance_index
            FROM (
                SELECT * REPLACE (if(is_levelled, n_proficient, NULL) AS n_proficient),
                    {_has_mean(plan)} AS has_mean
                FROM {_decided(plan, decisions)}
            )
        )
    )"""


def _decided(plan: CellPlan, decisions: str | None) -> str:
    """Return SQL of the cells beside their decisions; a cell that has none is suppressed.

    `is_levelled` says whether every student has a level; where not, there is no rate to show.
    """
    levels = " + ".join(["0", *(f"n_level_{k}" for k in plan.levels)])
    cells = f"(SELECT *, n_tested = {levels} AS is_levelled FROM {CELLS})"
    if decisions is None:
        return (
            "(SELECT *, NULL::VARCHAR AS rate_coding, NULL::BOOLEAN AS suppressed, "
            "NULL::VARCHAR AS suppression_reason, NULL::DOUBLE AS rate_limit, "
            f"NULL::BOOLEAN AS shows_levels FROM {cells})"
        )
    return f"""(
        SELECT c.*, coalesce(d.suppressed, true) AS suppressed,
            CASE WHEN d.cell_id IS NULL THEN 'undecided' WHEN d.suppressed THEN suppression_reason
                END AS suppression_reason,
            if(d.suppressed, NULL, d.rate_coding) AS rate_coding,
            if(d.suppressed, NULL, d.rate_limit) AS rate_limit,
            coalesce(d.shows_levels AND NOT d.suppressed, false) AS shows_levels
        FROM {cells} AS c LEFT JOIN {decisions} AS d USING (cell_id)
    )"""


def _has_mean(plan: CellPlan) -> str:
    """Return SQL that is true where scores may be averaged: all students have one, on one scale."""
    by_grade = sorted(n for n, a in plan.assessments.items() if a.scale == "by_grade")
    if not by_grade:
        return "n_tested = n_scores"
    names = ", ".join(map(quoted, by_grade))
    return f"n_tested = n_scores AND NOT (grade = '{ALL}' AND assessment IN ({names}))"


def _index(plan: CellPlan) -> str:
    """Return SQL of the performance index; null for assessments without weights."""
    whens = " ".join(
        f"WHEN {quoted(name)} THEN {measures.performance_index(weights, counts, 'n_tested')}"
        for name, assessment in sorted(plan.assessments.items())
        if (weights := assessment.index_weights)
        and (counts := [f"n_level_{level.order}" for level in assessment.levels])
    )
    return f"CASE assessment {whens} END" if whens else "NULL::DOUBLE"


def _score(column: str, marts: Marts) -> str:
    return f"round({column}, {marts.score_decimals})"


def _rounded(column: str, marts: Marts) -> str:
    return f"round({column}, {marts.pct_decimals})"


@dataclass(frozen=True)
class _LevelRows:
    """SQL of what is said of a cell's level, and of which cells have rows."""

    n: str
    pct: str
    hidden: str
    listed: str = "true"


def _level_sql(plan: CellPlan, decisions: str | None, rows: _LevelRows) -> str:
    """Return SQL of every listed cell at each level of its assessment, ordered by its key.

    The cells are put in order before they are split into levels: four times fewer rows to sort.
    """
    count = " ".join(f"WHEN {k} THEN n_level_{k}" for k in plan.levels) or "WHEN NULL THEN 0"
    key = ", ".join(plan.key_columns)
    return f"""
        SELECT {key}, performance_level, level_label, {rows.n} AS n, {rows.pct} AS pct,
            {rows.hidden} AS suppressed
        FROM (
            SELECT *, if(is_levelled, {measures.percent("n", "n_tested")}, NULL) AS pct
            FROM (
                SELECT *, level.performance_level, level.level_label,
                    CASE level.performance_level {count} END AS n
                FROM (
                    SELECT *, unnest(levels) AS level
                    FROM (
                        SELECT c.*, levels
                        FROM {_decided(plan, decisions)} AS c
                        JOIN {_levels(plan)} USING (assessment)
                        WHERE {rows.listed}
                        ORDER BY cell_id
                    )
                )
            )
        )
    """


def _levels(plan: CellPlan) -> str:
    """Return SQL of `assessment` and its `levels`: a list of order and label, lowest first."""
    return f"""(
        SELECT assessment, list(
            {{'performance_level': level, 'level_label': label}} ORDER BY level
        ) AS levels
        FROM {levels_sql(plan)} GROUP BY assessment
    )"""
