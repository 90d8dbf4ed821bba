"""Fills groups and days that an extract does not state from the roster, as at the test date.

An extract that states a group, 'UNKNOWN' included, is never overruled.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from transforms.identity import RATES, SPOKEN, match_students, meant_sql, used_id

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What a student is on a day: a status that begins after the test says nothing of the test.
STATES_OF_A_DAY = (
    "el_status",
    "disability_status",
    "migrant_status",
    "foster_status",
    "homeless_status",
    "gifted_status",
)
# Days that are told once in a student's life.
DATES = ("el_entry_date", "rfep_date", "us_school_date")
# What a row of an earlier year says that still holds: only of record_kind EL_STATUS are there any.
HOLDS_OVER_YEARS = "el_status"
# The day that a status begins is the date: the first of English learner, the last of reclassified.
_STATUS_DAYS = {"el_entry_date": ("min", "EL"), "rfep_date": ("max", "RFEP")}
# Whose days matter: who is or was a learner, or may be.
_LEARNERS = "(el_status IS NULL OR el_status IN ('EL', 'ADEL', 'RFEP'))"
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
    con: DuckDBPyConnection,
    results: str,
    roster: str,
    dimensions: Sequence[str],
    dates: Sequence[str] = (),
) -> str:
    """Make the view `results_filled` in `con` and return its name.

    Grain and rows are those of `results`; a group that is null there is the roster's where the
    roster knows it, else stays null (unknown: `build_cells` counts it as UNKNOWN). For each
    dimension and date a column `<name>_origin` is added: 'extract', 'roster' or 'unknown'.

    A result's roster rows are those of the same student (by the pair of ids that counts, see
    `match_students`, which is called here), school year and district: another district's ids could
    meet by chance. Statuses of English learners of earlier years are among them.

    Each group comes from the rows that state it, for one row rarely states all (enrolment,
    demographics and English-learner status are sent apart); UNKNOWN states nothing. Of several: a
    row whose days contain the test date before others, the latest begun, the result's school. So a
    student who left before the test keeps what was last said.

    A row that begins after the test date is no source of what the student was at the test: what
    begins on a day (`STATES_OF_A_DAY`) stays unknown rather than be guessed from the future. It is
    one for `ethnicity`, `gender` and `parent_education_status`, which belong to the person, and for
    `econ_status` and `lunch_status`, which are decided for the whole school year. Without a test
    date every row may speak and the latest begun does.

    Dates are filled likewise for whoever is or may have been an English learner. Where no row has
    the date itself, the day that the status EL first began, or RFEP last, is it.

    Args:
        con: an in-memory connection; temporary tables are made in it.
        results: a relation with the columns of table `student_result`: whole slices, every row of
            an assessment and school year that has any.
        roster: a relation with the columns of table `student_roster`, perhaps without rows.
        dimensions: the groups to fill.
        dates: of `DATES` those to fill.

    Source: migrant status begins with the arrival that qualifies (34 CFR 200.81), homelessness on
        the day it is identified (CALPADS, Homeless), a foster placement and an identification as
        gifted on theirs; eligibility for school meals is for the school year (7 CFR 245.6).
    """
    match_students(con, results, roster)
    return fill_matched(con, results, dimensions, dates)


def fill_matched(
    con: DuckDBPyConnection,
    results: str,
    dimensions: Sequence[str],
    dates: Sequence[str] = (),
    name: str = "results",
) -> str:
    """Make the view `<name>_filled` of results whose students have been matched, as above."""
    told = [] if _is_empty(con, RATES) else _told(con, dimensions, dates)
    names = (*dimensions, *dates)
    view = f"{name}_filled"
    if not told:
        con.execute(_view(f"SELECT *, {_origins(names)} FROM {results}", view))
        return view
    asked, found = f"{name}_asked", f"{name}_found"
    con.execute(f"CREATE OR REPLACE TEMP TABLE {asked} AS {asked_sql(results, told)}")
    con.execute(f"CREATE OR REPLACE TEMP TABLE {found} AS {found_sql(told, asked)}")
    con.execute(_view(filled_sql(results, names, told, found), view))
    return view


def _told(con: DuckDBPyConnection, dimensions: Sequence[str], dates: Sequence[str]) -> list[str]:
    """Return the groups and dates of which the rosters tell anything: no other is looked for."""
    names = (*dimensions, *dates)
    if not names:
        return []
    says = ", ".join(f"coalesce(bool_or({_tells(name)}), false)" for name in names)
    found = con.execute(f"SELECT {says} FROM {SPOKEN}").fetchall()[0]
    return [name for name, is_told in zip(names, found, strict=True) if is_told]


def _tells(name: str) -> str:
    status = f" OR {_is_status(name)}" if name in _STATUS_DAYS else ""
    return f"({name} IS NOT NULL{status})"


def _is_status(date: str) -> str:
    """Return SQL that is true of a row whose first day is the date."""
    return f"(record_kind = 'EL_STATUS' AND el_status = '{_STATUS_DAYS[date][1]}')"


def asked_sql(results: str, names: Sequence[str]) -> str:
    """Return SQL of the tests, one row each, of which some group or date is not stated."""
    unstated = " OR ".join(
        f"({name} IS NULL AND {_LEARNERS})" if name in DATES else f"{name} IS NULL"
        for name in names
    )
    return f"SELECT DISTINCT {', '.join(_TEST)} FROM {results} WHERE {unstated}"


def found_sql(names: Sequence[str], asked: str) -> str:
    """Return SQL of what the roster states, a row for each test that it knows."""
    test = ", ".join(f"t.{c}" for c in _TEST)
    stated = ", ".join(f"r.{name}" for name in dict.fromkeys(("el_status", *names)))
    begins, ends = (
        "coalesce(r.begin_date, DATE '0001-01-01')",
        "coalesce(r.end_date, DATE '9999-12-31')",
    )
    return f"""
        WITH rows_of_test AS (
            SELECT {test}, {stated},
                r.record_kind, r.begin_date, r.school_year = r.result_year AS is_of_year,
                coalesce({begins} > t.test_date, false) AS is_later,
                row(
                    coalesce(t.test_date >= {begins} AND t.test_date < {ends}, false), {begins},
                    r.school_id = t.school_id, r.school_id
                ) AS rank
            FROM {asked} AS t
            JOIN (FROM {RATES} WHERE is_used) AS used USING (assessment, school_year, district_id)
            JOIN ({meant_sql()}) AS r ON r.id = {used_id("t", "used")}
                AND r.roster_id = used.roster_id AND r.result_year = t.school_year
                AND r.district_id = t.district_id
        )
        SELECT {", ".join(_TEST)}, {", ".join(f"{_said(name)} AS {name}" for name in names)}
        FROM rows_of_test GROUP BY {", ".join(_TEST)}
    """


def _said(name: str) -> str:
    """Return SQL of what a test's rows say of one group or date; null where none may."""
    if name not in _STATUS_DAYS:
        return _stated(name)
    aggregate = f"{_STATUS_DAYS[name][0]}(begin_date)"
    return f"coalesce({_stated(name)}, {aggregate} FILTER ({_is_status(name)} AND NOT is_later))"


def _stated(name: str) -> str:
    """Return SQL of what the best of a test's rows says itself."""
    allowed = [f"{name} IS NOT NULL" if name in DATES else f"{name} <> 'UNKNOWN'"]
    if name != HOLDS_OVER_YEARS:
        allowed.append("is_of_year")
    if name in STATES_OF_A_DAY:
        allowed.append("NOT is_later")
    return f"max_by({name}, row(rank, {name})) FILTER ({' AND '.join(allowed)})"


def filled_sql(results: str, names: Sequence[str], told: Sequence[str], found: str) -> str:
    """Return SQL of the results with what was found for them.

    names: all that get an origin. told: those of them that were looked for.
    """
    same = " AND ".join(f"f.{c} IS NOT DISTINCT FROM r.{c}" for c in _TEST)
    filled = ", ".join(f"coalesce(r.{name}, f.{name}) AS {name}" for name in told)
    return f"""
        SELECT r.* REPLACE ({filled}), {_origins(names, told)}
        FROM {results} AS r LEFT JOIN {found} AS f ON {same}
    """


def _origins(names: Sequence[str], told: Sequence[str] = ()) -> str:
    """Return SQL of each origin; of what was not looked for only the extract can be one."""
    return ", ".join(
        f"CASE WHEN {'r.' if told else ''}{name} IS NOT NULL THEN 'extract' "
        + (f"WHEN f.{name} IS NOT NULL THEN 'roster' " if name in told else "")
        + f"ELSE 'unknown' END AS {name}_origin"
        for name in names
    )


def _view(sql: str, name: str) -> str:
    return f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}"


def _is_empty(con: DuckDBPyConnection, relation: str) -> bool:
    return con.execute(f"SELECT 1 FROM {relation} LIMIT 1").fetchone() is None
