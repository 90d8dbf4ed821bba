"""Finds the students of results in the rosters: which ids meet, how often, and who is in none.

Every id column of the results is tried against every id column of the rosters. Ids of different
kinds may meet by chance, so one pair is used for all students of an assessment, school year and
district, and no second pair for those whom it leaves: an unmatched student is listed and can be
mended, a student who got another's groups is seen by nobody.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

RESULT_IDS = ("student_id", "local_student_id")
ROSTER_IDS = ("student_id", "sourced_id", "local_student_id")
# Where two pairs find as many students the earlier one counts.
PAIRS = tuple(product(RESULT_IDS, ROSTER_IDS))
MATCH_KEY = ("assessment", "school_year", "district_id", "result_id", "roster_id")

SPOKEN = "roster_spoken"
RATES = "roster_rates"
UNMATCHED = "roster_unmatched"
_STUDENTS = "result_students"
_GROUP = "assessment, school_year, district_id"
_DISTRICT = "school_year, district_id"


def match_students(con: DuckDBPyConnection, results: str, roster: str) -> None:
    """Make the temporary tables of what meets whom, one group at a time.

    A group is the students of an assessment, school year and district of which a roster speaks, so
    a slice is matched alike whatever other slices are in `results`.

    - `roster_spoken`: the rows of the rosters with `result_year`, the school year of the results
      that a row speaks of: its own, and for a row of record_kind EL_STATUS every later one too, as
      a status holds until the next begins.
    - `roster_rates`: the rows of the mart `roster_match`, see `rates_sql`.
    - `roster_unmatched`: `assessment`, `school_year`, `district_id`, `student_id` of whoever is in
      none of these rows though a roster of that district and year is loaded. A file of statuses
      alone lists English learners only, so it is no roster here.

    Args:
        con: an in-memory connection.
        results: a relation with the columns of table `student_result`, whole slices.
        roster: a relation with the columns of table `student_roster`, perhaps without rows.
    """
    for name, sql in (
        (SPOKEN, spoken_sql(results, roster)),
        (_STUDENTS, _students_sql(results)),
        (RATES, rates_sql()),
        (UNMATCHED, _unmatched_students_sql()),
    ):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")


def spoken_sql(results: str, roster: str) -> str:
    """Return SQL of `roster_spoken`: what the rosters say of the results' districts and years."""
    asked = f"(SELECT DISTINCT school_year AS result_year, district_id FROM {results})"
    return f"""
        SELECT asked.result_year, r.* FROM {roster} AS r JOIN {asked} AS asked
            ON r.district_id = asked.district_id AND r.school_year = asked.result_year
        UNION ALL
        SELECT asked.result_year, r.* FROM {roster} AS r JOIN {asked} AS asked
            ON r.district_id = asked.district_id AND r.school_year < asked.result_year
        WHERE r.record_kind = 'EL_STATUS'
    """


def _students_sql(results: str) -> str:
    return f"""
        SELECT DISTINCT {_GROUP}, {", ".join(RESULT_IDS)} FROM {results}
        SEMI JOIN (SELECT result_year AS school_year, district_id FROM {SPOKEN})
            USING ({_DISTRICT})
    """


def rates_sql() -> str:
    """Return SQL of `roster_match`: how many students each pair of id columns finds.

    Grain: `assessment`, `school_year`, `district_id`, `result_id`, `roster_id` (names of columns).
    Further columns: `n_students`; `n_matched` of them; `match_pct`, 0 to 100; `is_used`, true for
    the one pair that counts, for none where no pair finds anybody. Counts only.
    """
    counts = " UNION ALL ".join(
        f"""
        SELECT {_GROUP}, {rank} AS rank, count(DISTINCT student_id) AS n_matched
        FROM {_STUDENTS} AS s SEMI JOIN {SPOKEN} AS r ON {_meets(result_id, roster_id)}
        GROUP BY ALL
        """
        for rank, (result_id, roster_id) in enumerate(PAIRS)
    )
    pairs = ", ".join(f"({rank}, '{a}', '{b}')" for rank, (a, b) in enumerate(PAIRS))
    return f"""
        SELECT {_GROUP}, result_id, roster_id, n_students, coalesce(n_matched, 0) AS n_matched,
            round(100.0 * coalesce(n_matched, 0) / n_students, 1)::DOUBLE AS match_pct,
            coalesce(n_matched, 0) > 0 AND row_number() OVER (
                PARTITION BY {_GROUP} ORDER BY coalesce(n_matched, 0) DESC, rank
            ) = 1 AS is_used
        FROM (SELECT {_GROUP}, count(DISTINCT student_id) AS n_students
            FROM {_STUDENTS} GROUP BY ALL)
        CROSS JOIN (VALUES {pairs}) AS pairs(rank, result_id, roster_id)
        LEFT JOIN ({counts}) USING ({_GROUP}, rank)
    """


def _meets(result_id: str, roster_id: str) -> str:
    return (
        f"r.{roster_id} = s.{result_id} AND r.result_year = s.school_year "
        "AND r.district_id = s.district_id"
    )


def meant_sql() -> str:
    """Return SQL of the rows of the rosters under the id that the used pairs mean.

    Columns: those of `roster_spoken` and `roster_id`, `id`.
    """
    return " UNION ALL ".join(
        f"""
        SELECT r.*, '{column}' AS roster_id, {column} AS id FROM {SPOKEN} AS r
        SEMI JOIN (
            SELECT school_year, district_id FROM {RATES} WHERE is_used AND roster_id = '{column}'
        ) AS used ON used.school_year = r.result_year AND used.district_id = r.district_id
        WHERE {column} IS NOT NULL
        """
        for column in ROSTER_IDS
    )


def used_id(row: str, pair: str) -> str:
    """Return SQL of the id by which a row of results is looked for."""
    return f"CASE {pair}.result_id " + "".join(
        [*(f"WHEN '{name}' THEN {row}.{name} " for name in RESULT_IDS), "END"]
    )


def _unmatched_students_sql() -> str:
    return f"""
        SELECT DISTINCT {_GROUP}, student_id FROM {_STUDENTS}
        SEMI JOIN (
            SELECT result_year AS school_year, district_id FROM {SPOKEN}
            WHERE record_kind IS DISTINCT FROM 'EL_STATUS'
        ) USING ({_DISTRICT})
        ANTI JOIN (
            SELECT {_GROUP}, s.student_id FROM {_STUDENTS} AS s
            JOIN (FROM {RATES} WHERE is_used) AS used USING ({_GROUP})
            SEMI JOIN ({meant_sql()}) AS r ON r.id = {used_id("s", "used")}
                AND r.roster_id = used.roster_id AND r.result_year = s.school_year
                AND r.district_id = s.district_id
        ) USING ({_GROUP}, student_id)
    """


def roster_match_sql() -> str:
    """Return SQL of the mart `roster_match`, ordered by its grain; see `rates_sql`."""
    return f"SELECT * FROM {RATES} ORDER BY {', '.join(MATCH_KEY)}"


def unmatched_sql(results: str) -> str:
    """Return SQL of `unmatched_students`: results whose student no roster row was found for.

    Grain: `assessment`, `school_year`, `district_id`, `school_id`, `student_id`,
    `local_student_id` (null where the extract has none). `n_results`: how many rows.
    """
    return f"""
        SELECT {_GROUP}, school_id, student_id, local_student_id, count(*) AS n_results
        FROM {results} SEMI JOIN {UNMATCHED} USING ({_GROUP}, student_id)
        GROUP BY ALL ORDER BY ALL
    """
