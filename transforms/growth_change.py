"""Rows of growth from results of two years side by side: of one cell, and of one cohort.

Nobody is matched here: a year's students are held against another year's. `cross_section` compares
a cell with the same cell a year before; `cohort` a grade with the grade below it a year before, in
the same organisation and group, whoever has come and gone since.

Source: New York State Education Department, report card data, business rules
(https://data.nysed.gov/businessrules.php?type=assessment), which publishes both and calls them
unmatched.
"""

from __future__ import annotations

from transforms.breaks import broken_sql
from transforms.cell_plan import CellPlan, quoted, same_sql
from transforms.growth_keys import GRADE_BITS, GRADE_SHIFT, PLACE_SHIFT, below_sql
from transforms.organisations import SYSTEM
from transforms.race_standard import GROUP_BREAK, is_group_sql

CROSS_SECTION, COHORT = "cross_section", "cohort"
DISTANCE = "distance_from_standard"
_TEST = ("assessment", "subject", "test_window")


def change_sql(
    plan: CellPlan, numbered: str, broken: tuple[str, str], systems: str, *, published: bool
) -> str:
    """Return SQL of the rows of `cross_section` and `cohort`, as `growth.COLUMNS` names them.

    There is a row for every cell of the systems asked for in whose system, and for cohorts in whose
    grade below, anybody has results of the year before. Each has its `key` in place of words.

    Args:
        plan: what the cells were counted by.
        numbered: tables as of `growth_keys.number_rows`.
        broken: relations as of `breaks_relation` and of `race_standard.group_breaks_sql`.
        systems: an SQL condition on a row of achievement: those that growth is asked for.
        published: whether cells that are suppressed are left out: achievement says that they are.
    """
    both = "now.n_proficient IS NOT NULL AND prior.n_proficient IS NOT NULL"
    told = "WHERE NOT coalesce(now.suppressed, true)" if published else ""
    # That nobody of the group was there is not told: it could be somebody who is not listed.
    without = "p.prior_place_grade IS NOT NULL" if published else "false"
    breaks, group_breaks = broken
    return f"""
        WITH seen AS (
            SELECT DISTINCT place_grade, place_grade >> {PLACE_SHIFT} AS place,
                (place_grade >> {GRADE_SHIFT}) & {GRADE_BITS} AS grade_number
            FROM {numbered}_results
        ),
        places AS (
            SELECT * FROM seen JOIN {numbered}_places USING (place)
            JOIN {numbered}_grades USING (grade_number)
        ),
        grades AS (SELECT DISTINCT {", ".join(SYSTEM)}, grade FROM places),
        pairs AS ({broken_sql(f"({_pairs_sql(systems)})", breaks)}),
        asked AS (
            SELECT now.place_grade, prior.place_grade AS prior_place_grade, p.*,
                {_regrouped(group_breaks)} AS is_regrouped
            FROM pairs AS p
            JOIN places AS now ON {same_sql("p", "now", (*SYSTEM, "grade"))}
            LEFT JOIN places AS prior
                ON {same_sql("prior", "now", (*_TEST, "org_level", "org_id"))}
                AND prior.school_year = p.prior_year AND prior.grade = p.prior_grade
        )
        SELECT now.key, p.growth_type, p.prior_year, p.test_window AS prior_window,
            now.n_tested, prior.n_tested AS n_prior,
            if({both} AND {_rates_hold()}, now.n_proficient, NULL)::DOUBLE AS now_proficient,
            if({both} AND {_rates_hold()}, prior.n_proficient, NULL)::DOUBLE AS prior_proficient,
            now.n_tested::DOUBLE AS now_students, prior.n_tested::DOUBLE AS prior_students,
            if({_scores_hold(plan)}, now.mean_scale_score - prior.mean_scale_score, NULL)
                AS mean_change,
            if({_rates_hold()}, now.{DISTANCE} - prior.{DISTANCE}, NULL) AS distance_change,
            CASE WHEN p.scale_break THEN 'scale_break'
                WHEN p.population_break THEN 'population_break'
                WHEN p.prior_place_grade IS NULL THEN 'no_prior'
                WHEN {_other_groups()} THEN '{GROUP_BREAK}'
                WHEN prior.key IS NULL THEN 'no_group'
                WHEN p.standard_break THEN 'standard_break'
                WHEN NOT ({both}) THEN 'no_levels' END AS missing_reason,
            now.is_hidden OR coalesce(prior.is_hidden, {without}) AS is_hidden
        FROM {numbered}_results AS now
        JOIN asked AS p ON p.place_grade = now.place_grade
        JOIN (
            SELECT group_number, {is_group_sql(plan, "words")} AS is_ethnicity
            FROM {numbered}_groups AS words
        ) AS of_group ON of_group.group_number = now.group_number
        LEFT JOIN {numbered}_results AS prior ON prior.key = p.prior_place_grade + now.group_number
        {told}
    """


def _pairs_sql(systems: str) -> str:
    """Return SQL of each system and grade asked for, beside year and grade that it is held to."""
    columns = ", ".join(f"now.{c}" for c in (*SYSTEM, "grade"))
    return f"""
        SELECT DISTINCT {columns}, now.school_year - 1 AS prior_year, now.grade AS prior_grade,
            '{CROSS_SECTION}' AS growth_type
        FROM (FROM grades WHERE {systems}) AS now
        JOIN grades AS prior ON {same_sql("prior", "now", _TEST)}
            AND prior.school_year = now.school_year - 1
        UNION ALL
        SELECT {columns}, now.school_year - 1, below.below, '{COHORT}'
        FROM (FROM grades WHERE {systems}) AS now
        JOIN {below_sql()} ON below.grade = now.grade
        JOIN grades AS prior ON {same_sql("prior", "now", _TEST)}
            AND prior.school_year = now.school_year - 1 AND prior.grade = below.below
    """


def _rates_hold() -> str:
    return f"NOT (p.scale_break OR p.standard_break OR p.population_break OR {_other_groups()})"


def _other_groups() -> str:
    """Return the condition that a cell's ethnicity is another group than the year before."""
    return "(p.is_regrouped AND of_group.is_ethnicity)"


def _regrouped(group_breaks: str) -> str:
    """Return SQL that is true where ethnicities are other groups now than in the year before."""
    return f"""EXISTS (
        SELECT 1 FROM {group_breaks} AS b
        WHERE {same_sql("b", "now", ("assessment", "org_level", "org_id"))}
            AND b.school_year > p.prior_year AND b.school_year <= p.school_year
    )"""


def _scores_hold(plan: CellPlan) -> str:
    """Return the condition that the means of both cells lie on one scale.

    On a scale of its own in each grade only the same grade may be compared.
    """
    vertical = [n for n, a in sorted(plan.assessments.items()) if a.scale == "vertical"]
    names = ", ".join(map(quoted, vertical)) or "NULL"
    return (
        f"NOT (p.scale_break OR p.population_break OR {_other_groups()}) "
        f"AND (p.growth_type = '{CROSS_SECTION}' OR p.assessment IN ({names}))"
    )
