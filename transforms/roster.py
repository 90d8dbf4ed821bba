"""Fills the groups that an extract does not state from the roster, as they were at the test date.

An extract that states a group, 'UNKNOWN' included, is never overruled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILLED = "results_filled"
ID_COLUMNS = ("student_id", "sourced_id")
_TEST = ("assessment", "school_year", "district_id", "school_id", "student_id", "test_date")


def fill_from_roster(
    con: DuckDBPyConnection, results: str, roster: str, dimensions: Sequence[str]
) -> str:
    """Make the view `results_filled` in `con` and return its name.

    Grain and rows are those of `results`; a group that is null there is the roster's where the
    roster knows it, else stays null (unknown: `build_cells` counts it as UNKNOWN). For each
    dimension a column `<dimension>_origin` is added: 'extract', 'roster' or 'unknown'.

    The roster row of a result: the same student, school year and district (another district's ids
    could meet by chance); of several, an enrolment that contains the test date before others, the
    latest begun, the result's school. Some districts' extracts carry the id that the roster calls
    `student_id`, some the student system's own: for each assessment, school year and district the
    column counts that finds more of its students in the roster, `student_id` where both find as
    many. So a slice is filled alike whatever other slices are in `results`.

    Args:
        con: an in-memory connection; temporary tables are made in it.
        results: a relation with the columns of table `student_result`: whole slices, every row of
            an assessment and school year that has any.
        roster: a relation with the columns of table `student_roster`, perhaps without rows.
        dimensions: the groups to fill.
    """
    if _is_empty(con, roster):
        con.execute(_view(f"SELECT *, {_origins(dimensions)} FROM {results}"))
        return FILLED
    con.execute(f"CREATE OR REPLACE TEMP TABLE roster_asked AS {asked_sql(results, dimensions)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE roster_id_column AS {id_column_sql(roster)}")
    found = found_sql(roster, dimensions)
    con.execute(f"CREATE OR REPLACE TEMP TABLE roster_found AS {found}")
    con.execute(_view(filled_sql(results, dimensions)))
    return FILLED


def asked_sql(results: str, dimensions: Sequence[str]) -> str:
    """Return SQL of the tests, one row each, of which some group is not stated."""
    unstated = " OR ".join(f"{d} IS NULL" for d in dimensions)
    return f"SELECT DISTINCT {', '.join(_TEST)} FROM {results} WHERE {unstated}"


def id_column_sql(roster: str) -> str:
    """Return SQL of `assessment`, `school_year`, `district_id`, `id_column`: which id is meant."""
    matches = " UNION ALL ".join(
        f"""
        SELECT assessment, school_year, district_id, '{column}' AS id_column, {rank} AS rank,
            count(*) AS students
        FROM (SELECT DISTINCT assessment, district_id, school_year, student_id FROM roster_asked)
        SEMI JOIN (SELECT {column} AS student_id, school_year, district_id FROM {roster})
            USING (student_id, school_year, district_id)
        GROUP BY ALL
        """
        for rank, column in enumerate(ID_COLUMNS)
    )
    return f"""
        SELECT assessment, school_year, district_id,
            first(id_column ORDER BY students DESC, rank) AS id_column
        FROM ({matches}) GROUP BY ALL
    """


def found_sql(roster: str, dimensions: Sequence[str]) -> str:
    """Return SQL of the one roster row of each test that has any: the test and its groups."""
    groups = ", ".join(f"r.{d}" for d in dimensions)
    contains = (
        "coalesce(t.test_date >= coalesce(r.begin_date, DATE '0001-01-01') "
        "AND t.test_date < coalesce(r.end_date, DATE '9999-12-31'), false)"
    )
    either = " UNION ALL ".join(
        f"SELECT * EXCLUDE ({', '.join(ID_COLUMNS)}), {column} AS student_id, "
        f"'{column}' AS id_column FROM {roster} WHERE {column} IS NOT NULL"
        for column in ID_COLUMNS
    )
    return f"""
        SELECT {", ".join(f"t.{c}" for c in _TEST)}, {groups}
        FROM roster_asked AS t
        JOIN roster_id_column AS used USING (assessment, school_year, district_id)
        JOIN ({either}) AS r ON r.student_id = t.student_id AND r.school_year = t.school_year
            AND r.district_id = t.district_id AND r.id_column = used.id_column
        QUALIFY row_number() OVER (
            PARTITION BY {", ".join(f"t.{c}" for c in _TEST)}
            ORDER BY {contains} DESC, r.begin_date DESC NULLS LAST,
                r.school_id = t.school_id DESC, r.school_id, {groups}
        ) = 1
    """


def filled_sql(results: str, dimensions: Sequence[str]) -> str:
    """Return SQL of the results with what was found for them."""
    same = " AND ".join(f"f.{c} IS NOT DISTINCT FROM r.{c}" for c in _TEST)
    filled = ", ".join(f"coalesce(r.{d}, f.{d}) AS {d}" for d in dimensions)
    return f"""
        SELECT r.* REPLACE ({filled}), {_origins(dimensions, "r.", "f.")}
        FROM {results} AS r LEFT JOIN roster_found AS f ON {same}
    """


def _origins(dimensions: Sequence[str], stated: str = "", found: str | None = None) -> str:
    return ", ".join(
        f"CASE WHEN {stated}{d} IS NOT NULL THEN 'extract' "
        + (f"WHEN {found}{d} IS NOT NULL THEN 'roster' " if found else "")
        + f"ELSE 'unknown' END AS {d}_origin"
        for d in dimensions
    )


def _view(sql: str) -> str:
    return f"CREATE OR REPLACE TEMP VIEW {FILLED} AS {sql}"


def _is_empty(con: DuckDBPyConnection, relation: str) -> bool:
    return con.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is None
