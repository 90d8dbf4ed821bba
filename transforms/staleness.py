"""Finds results that are there already: an earlier year's under a new one, or another source's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Sameness(NamedTuple):
    """What makes two rows of different years one and the same result.

    place: who or what a row is of, the year aside. content: what changes from year to year.
    counted: which rows say enough to be compared.
    """

    place: tuple[str, ...]
    content: tuple[str, ...]
    counted: str


COMPARABLE = {
    # A student who is tested again is a grade further, or else has another score.
    "student_result": Sameness(
        ("student_id", "assessment", "subject", "test_window", "grade"),
        ("scale_score", "performance_level"),
        "scale_score IS NOT NULL",
    ),
    # Small groups may repeat a share by chance, so that the number of students must repeat too.
    "published_result": Sameness(
        (
            *("assessment", "subject", "test_window", "grade"),
            *("district_id", "school_id", "student_group", "domain"),
        ),
        ("n_tested", "mean_scale_score", "pct_proficient"),
        "n_tested IS NOT NULL AND coalesce(mean_scale_score, pct_proficient) IS NOT NULL",
    ),
}


def same_results_sql(table: str, earlier: str) -> str:
    """Return SQL of school_year, compared, same: how many results of `final` an earlier year has.

    Args:
        table: a table of COMPARABLE; the view `final` has its columns.
        earlier: a relation of the same columns; of it only years before that of a row count.
    """
    same = COMPARABLE[table]
    joined = [f"o.{name} = n.{name}" for name in same.place]
    joined += [f"o.{name} IS NOT DISTINCT FROM n.{name}" for name in same.content]
    return f"""
        WITH now AS (SELECT * FROM final WHERE {same.counted}),
        before AS (SELECT * FROM {earlier} WHERE {same.counted})
        SELECT school_year, count(*), count(*) FILTER (is_same) FROM (
            SELECT n.school_year, EXISTS (
                SELECT 1 FROM before o
                WHERE {" AND ".join(joined)} AND o.school_year < n.school_year) AS is_same
            FROM now n)
        GROUP BY 1 ORDER BY 1"""


def same_grain_sql(grain: Sequence[str], other: str) -> str:
    """Return SQL of one number: the rows of `final` whose grain another relation has too."""
    joined = " AND ".join(f"o.{name} IS NOT DISTINCT FROM n.{name}" for name in grain)
    return f"SELECT count(*) FROM final n WHERE EXISTS (SELECT 1 FROM {other} o WHERE {joined})"


def schools_kept_sql(before: str) -> str:
    """Return SQL of district_id, schools, kept: of the schools before, those that `final` has."""
    return f"""
        SELECT district_id, count(*), count(*) FILTER (is_kept) FROM (
            SELECT district_id, (district_id, school_id) IN
                (SELECT (district_id, school_id) FROM final) AS is_kept
            FROM (SELECT DISTINCT district_id, school_id FROM {before}))
        GROUP BY 1 ORDER BY 1"""
