"""Fills the groups that an extract does not state from the roster, as they were at the test date.

An extract that states a group, 'UNKNOWN' included, is never overruled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transforms.identity import RATES, match_students, meant_sql, used_id

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

FILLED = "results_filled"
# What a student is on a day: a status that begins after the test says nothing of the test.
STATES_OF_A_DAY = ("el_status", "disability_status")
# What a row of an earlier year says that still holds: only of record_kind EL_STATUS are there any.
HOLDS_OVER_YEARS = "el_status"
_TEST = (
    "assessment",
    "school_year",
    "district_id",
    "school_id",
    "student_id",
    "local_student_id",
    "test_date",
)


def fill_from_roster(
    con: DuckDBPyConnection, results: str, roster: str, dimensions: Sequence[str]
) -> str:
    """Make the view `results_filled` in `con` and return its name.

    Grain and rows are those of `results`; a group that is null there is the roster's where the
    roster knows it, else stays null (unknown: `build_cells` counts it as UNKNOWN). For each
    dimension a column `<dimension>_origin` is added: 'extract', 'roster' or 'unknown'.

    A result's roster rows are those of the same student (by the pair of ids that counts, see
    `match_students`, which is called here), school year and district: another district's ids could
    meet by chance. Statuses of English learners of earlier years are among them.

    Each group comes from the rows that state it, for one row rarely states all (enrolment,
    demographics and English-learner status are sent apart); UNKNOWN states nothing. Of several: a
    row whose days contain the test date before others, the latest begun, the result's school. So a
    student who left before the test keeps what was last said.

    A row that begins after the test date is no source of what the student was at the test:
    `el_status` and `disability_status` change from day to day and the change is what is studied, so
    they stay unknown rather than be guessed from the future. It is one for `ethnicity` and
    `gender`, which belong to the person, and for `econ_status`, which is decided for the whole
    school year. Without a test date every row may speak and the latest begun does.

    Args:
        con: an in-memory connection; temporary tables are made in it.
        results: a relation with the columns of table `student_result`: whole slices, every row of
            an assessment and school year that has any.
        roster: a relation with the columns of table `student_roster`, perhaps without rows.
        dimensions: the groups to fill.
    """
    match_students(con, results, roster)
    if _is_empty(con, RATES):
        con.execute(_view(f"SELECT *, {_origins(dimensions)} FROM {results}"))
        return FILLED
    con.execute(f"CREATE OR REPLACE TEMP TABLE roster_asked AS {asked_sql(results, dimensions)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE roster_found AS {found_sql(dimensions)}")
    con.execute(_view(filled_sql(results, dimensions)))
    return FILLED


def asked_sql(results: str, dimensions: Sequence[str]) -> str:
    """Return SQL of the tests, one row each, of which some group is not stated."""
    unstated = " OR ".join(f"{d} IS NULL" for d in dimensions)
    return f"SELECT DISTINCT {', '.join(_TEST)} FROM {results} WHERE {unstated}"


def found_sql(dimensions: Sequence[str]) -> str:
    """Return SQL of the groups that the roster states, a row for each test that it knows."""
    test = ", ".join(f"t.{c}" for c in _TEST)
    groups = ", ".join(f"r.{d}" for d in dimensions)
    begins, ends = (
        "coalesce(r.begin_date, DATE '0001-01-01')",
        "coalesce(r.end_date, DATE '9999-12-31')",
    )
    return f"""
        WITH rows_of_test AS (
            SELECT {test}, {groups}, r.school_year = r.result_year AS is_of_year,
                coalesce({begins} > t.test_date, false) AS is_later,
                row(
                    coalesce(t.test_date >= {begins} AND t.test_date < {ends}, false), {begins},
                    r.school_id = t.school_id, r.school_id
                ) AS rank
            FROM roster_asked AS t
            JOIN (FROM {RATES} WHERE is_used) AS used USING (assessment, school_year, district_id)
            JOIN ({meant_sql()}) AS r ON r.id = {used_id("t", "used")}
                AND r.roster_id = used.roster_id AND r.result_year = t.school_year
                AND r.district_id = t.district_id
        )
        SELECT {", ".join(_TEST)}, {", ".join(map(_stated, dimensions))}
        FROM rows_of_test GROUP BY {", ".join(_TEST)}
    """


def _stated(dimension: str) -> str:
    """Return SQL of what the best of a test's rows says of one group; null where none may."""
    allowed = [f"{dimension} <> 'UNKNOWN'"]
    if dimension != HOLDS_OVER_YEARS:
        allowed.append("is_of_year")
    if dimension in STATES_OF_A_DAY:
        allowed.append("NOT is_later")
    return (
        f"max_by({dimension}, row(rank, {dimension})) FILTER ({' AND '.join(allowed)})"
        f" AS {dimension}"
    )


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
