"""Where a district goes from the federal standard of race of 1997 to that of 2024."""

from __future__ import annotations

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
