"""Where groups by ethnicity are other groups than before: the federal standards of 1997 and 2024.

A district that goes from the one to the other counts in other groups the students whom it counted
before: whoever is Middle Eastern or North African was White, and one combined question makes other
groups than two. So a number of such a group is not held against one of before (reason
'group_break'). Of students who are matched nothing is broken: their groups are today's, then too.
"""

from __future__ import annotations

from transforms.cell_plan import ALL, CellPlan

ETHNICITY = "ethnicity"
GROUP_BREAK = "group_break"
NEW_GROUP = "MENA"


def race_standard_breaks_sql(results: str) -> str:
    """Return SQL of the school years from which on ethnicities are other groups than before.

    Grain: `assessment`, `district_id`, `school_year`: the first year in which anybody is Middle
    Eastern or North African, or was asked in one combined question, if the assessment has results
    of the district in earlier years. Whoever is in that group was White before, so a change of any
    ethnicity from a year before it to it or a later one is missing (reason 'group_break').

    Args:
        results: a relation with `assessment`, `district_id`, `school_year`, `ethnicity` and
            `race_scheme`, of all years that are compared.

    Source: OMB SPD 15 of 2024 (spd15revision.gov).
    """
    new = f"ethnicity = '{NEW_GROUP}' OR race_scheme = 'combined'"
    return f"""
        SELECT assessment, district_id, min(school_year) FILTER (is_new) AS school_year
        FROM (
            SELECT assessment, district_id, school_year,
                count(*) FILTER ({new}) > 0 AS is_new
            FROM {results} GROUP BY ALL
        )
        GROUP BY assessment, district_id
        HAVING min(school_year) FILTER (is_new) > min(school_year)
    """


def group_breaks_sql(results: str, roster: str, networks: str) -> str:
    """Return SQL of the school years from which on an organisation's ethnicities are other groups.

    Grain: `assessment`, `org_level`, `org_id`, `school_year`; one row for each break of any
    district of which the organisation has schools, wherever the district's break lies.

    Args:
        results: `assessment`, `district_id`, `school_id`, `school_year`, `ethnicity`,
            `race_scheme` of all years.
        roster: `district_id`, `school_year`, `ethnicity`, `race_scheme`: of whom results say no
            ethnicity, it is the roster's.
        networks: `network`, `school_key`, as of `organisations.network_schools`.
    """
    stated = "assessment, district_id, school_year, ethnicity, race_scheme"
    silent = f"""
        SELECT DISTINCT assessment, district_id, school_year FROM {results}
        WHERE {ETHNICITY} IS NULL
    """
    given = f"""(
        SELECT {stated} FROM {results}
        UNION ALL SELECT {stated} FROM ({silent}) JOIN {roster} USING (district_id, school_year)
    )"""
    return f"""
        WITH broken AS ({race_standard_breaks_sql(given)}),
        schools AS (
            SELECT DISTINCT assessment, district_id, district_id || '/' || school_id AS school_key
            FROM {results} SEMI JOIN broken USING (assessment, district_id)
        )
        SELECT assessment, 'all' AS org_level, 'all' AS org_id, school_year FROM broken
        UNION SELECT assessment, unnest(['district', 'partner', 'rest']), district_id, school_year
            FROM broken
        UNION SELECT assessment, 'school', school_key, school_year
            FROM broken JOIN schools USING (assessment, district_id)
        UNION SELECT assessment, 'network', network, school_year
            FROM broken JOIN schools USING (assessment, district_id)
            JOIN {networks} USING (school_key)
    """


def broken_groups(plan: CellPlan) -> tuple[str, ...]:
    """Return the dimensions that such a break is one of: ethnicity and its roll-ups."""
    base = [ETHNICITY] if ETHNICITY in plan.group_columns else []
    return (*base, *(rollup.dimension for rollup in plan.rollups if rollup.of == ETHNICITY))


def is_group_sql(plan: CellPlan, row: str) -> str:
    """Return SQL that is true where a row with the dimensions is of such a group."""
    split = (f"{row}.{dimension} <> '{ALL}'" for dimension in broken_groups(plan))
    return f"({' OR '.join(split) or 'false'})"
