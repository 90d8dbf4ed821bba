"""Rows of growth from results of two years side by side: of one cell, and of one cohort.

Nobody is matched here: a year's students are held against another year's. `cross_section` compares
a cell with the same cell a year before; `cohort` a grade with the grade below it a year before, in
the same organisation and group, whoever has come and gone since.

Source: New York State Education Department, report card data, business rules
(https://data.nysed.gov/businessrules.php?type=assessment), which publishes both and calls them
unmatched.
"""

from __future__ import annotations

from itertools import pairwise

from transforms.breaks import broken_sql
from transforms.cell_plan import CellPlan, quoted
from transforms.growth_matching import PRIOR_STATUS
from transforms.organisations import SYSTEM

CROSS_SECTION, COHORT = "cross_section", "cohort"
DISTANCE = "distance_from_standard"
GRADES = ("KG", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
_TEST = ("assessment", "subject", "test_window")


def hidden(row: str) -> str:
    """Return SQL that is true where a row of achievement does not show all of its numbers."""
    return f"(coalesce({row}.suppressed, true) OR {row}.rate_coding IS DISTINCT FROM 'exact')"


def change_sql(plan: CellPlan, achievement: str, breaks: str, systems: str) -> str:
    """Return SQL of the rows of `cross_section` and `cohort`, as `growth.COLUMNS` names them.

    There is a row for every cell of the systems asked for in whose system, and for cohorts in whose
    grade below, anybody has results of the year before.

    Args:
        plan: what the cells were counted by.
        achievement: rows of a mart of achievement, of all years: its key, `n_tested`,
            `n_proficient`, `mean_scale_score`, `distance_from_standard`, `suppressed`,
            `rate_coding`.
        breaks: a relation as of `breaks_relation`.
        systems: an SQL condition on a row of achievement: those that growth is asked for.
    """
    key = [c for c in plan.key_columns if c not in (*SYSTEM, "grade", "org_name")]
    now = ", ".join(f"now.{c}" for c in plan.key_columns)
    same = " AND ".join(f"prior.{c} = now.{c}" for c in (*_TEST, *key))
    both = "now.n_proficient IS NOT NULL AND prior.n_proficient IS NOT NULL"
    return f"""
        WITH results AS (SELECT * FROM {achievement} {_of_everyone(plan)}),
        grades AS (SELECT DISTINCT {", ".join(SYSTEM)}, grade FROM results),
        pairs AS ({broken_sql(f"({_pairs_sql(systems)})", breaks)}),
        places AS (SELECT DISTINCT {", ".join(SYSTEM)}, grade, org_level, org_id FROM results)
        SELECT {now}, p.growth_type, p.prior_year, p.test_window AS prior_window,
            now.n_tested, prior.n_tested AS n_prior,
            if({both} AND {_rates_hold()}, now.n_proficient, NULL)::DOUBLE AS now_proficient,
            if({both} AND {_rates_hold()}, prior.n_proficient, NULL)::DOUBLE AS prior_proficient,
            now.n_tested::DOUBLE AS now_students, prior.n_tested::DOUBLE AS prior_students,
            NULL::DOUBLE AS both_proficient, NULL::DOUBLE AS gains, NULL::DOUBLE AS gain_sum,
            NULL::DOUBLE AS gain_squares,
            if({_scores_hold(plan)}, now.mean_scale_score - prior.mean_scale_score, NULL)
                AS mean_change,
            if({_rates_hold()}, now.{DISTANCE} - prior.{DISTANCE}, NULL) AS distance_change,
            CASE WHEN p.scale_break THEN 'scale_break'
                WHEN p.population_break THEN 'population_break'
                WHEN place.org_id IS NULL THEN 'no_prior'
                WHEN prior.assessment IS NULL THEN 'no_group'
                WHEN p.standard_break THEN 'standard_break'
                WHEN NOT ({both}) THEN 'no_levels' END AS missing_reason,
            {hidden("now")} OR (prior.assessment IS NOT NULL AND {hidden("prior")}) AS is_hidden
        FROM results AS now
        JOIN pairs AS p ON {_joined("p", "now", (*SYSTEM, "grade"))}
        LEFT JOIN results AS prior ON {same} AND prior.school_year = p.prior_year
            AND prior.grade = p.prior_grade
        LEFT JOIN places AS place ON {_joined("place", "now", (*_TEST, "org_level", "org_id"))}
            AND place.school_year = p.prior_year AND place.grade = p.prior_grade
    """


def _pairs_sql(systems: str) -> str:
    """Return SQL of each system and grade asked for, beside year and grade that it is held to."""
    columns = ", ".join(f"now.{c}" for c in (*SYSTEM, "grade"))
    below = ", ".join(f"({quoted(grade)}, {quoted(before)})" for before, grade in pairwise(GRADES))
    return f"""
        SELECT DISTINCT {columns}, now.school_year - 1 AS prior_year, now.grade AS prior_grade,
            '{CROSS_SECTION}' AS growth_type
        FROM (FROM grades WHERE {systems}) AS now
        JOIN grades AS prior ON {_joined("prior", "now", _TEST)}
            AND prior.school_year = now.school_year - 1
        UNION ALL
        SELECT {columns}, now.school_year - 1, below.prior_grade, '{COHORT}'
        FROM (FROM grades WHERE {systems}) AS now
        JOIN (VALUES {below}) AS below(grade, prior_grade) ON below.grade = now.grade
        JOIN grades AS prior ON {_joined("prior", "now", _TEST)}
            AND prior.school_year = now.school_year - 1 AND prior.grade = below.prior_grade
    """


def _of_everyone(plan: CellPlan) -> str:
    """Return the condition of rows that are not of the matched alone: those compare themselves."""
    return f"WHERE {PRIOR_STATUS} = 'all'" if PRIOR_STATUS in plan.key_columns else ""


def _rates_hold() -> str:
    return "NOT (p.scale_break OR p.standard_break OR p.population_break)"


def _scores_hold(plan: CellPlan) -> str:
    """Return the condition that the means of both cells lie on one scale.

    On a scale of its own in each grade only the same grade may be compared.
    """
    vertical = [n for n, a in sorted(plan.assessments.items()) if a.scale == "vertical"]
    names = ", ".join(map(quoted, vertical)) or "NULL"
    return (
        "NOT (p.scale_break OR p.population_break) "
        f"AND (p.growth_type = '{CROSS_SECTION}' OR p.assessment IN ({names}))"
    )


def _joined(one: str, other: str, columns: tuple[str, ...]) -> str:
    return " AND ".join(f"{one}.{c} = {other}.{c}" for c in columns)
