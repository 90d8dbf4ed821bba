"""Invented results and rosters for the tests of participation, and what is built of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import duckdb

from configs.assessment_models import Assessment
from configs.mart_models import Marts
from transforms.cell_plan import CellPlan, Rollup
from transforms.cells import build_cells
from transforms.organisations import Organisations
from transforms.participation import (
    UNTESTED_STATISTICS,
    find_untested,
    untested_plan,
    untested_students_sql,
)
from transforms.participation_cells import (
    UNTESTED_CELLS,
    count_participation,
    decide_untested,
    exact_measures,
)
from transforms.roster import DATES, fill_from_roster

DAY = date(2026, 5, 1)
MARTS = Marts.model_validate(
    {
        "crossed": ["ethnicity", "el_status"],
        "one_way": ["econ_status"],
        "crossed_with": ["ethnicity"],
        "suppression": {"minimum_n": 11, "extreme_bands": [[11, 20]]},
    }
)
EVER_EL = Rollup(
    "ever_el_status",
    "el_status",
    {"EVER_EL": ("EL", "RFEP"), "NEVER_EL": ("EO",), "UNKNOWN": ("UNKNOWN",)},
)
GROUPS = ("ethnicity", "el_status", "econ_status")
DIMENSIONS = (*GROUPS, "ever_el_status")
RESULT: dict[str, Any] = {
    "student_id": "1",
    "local_student_id": None,
    "assessment": "sb",
    "subject": "ela",
    "school_year": 2026,
    "test_window": "annual",
    "test_date": DAY,
    "grade": "03",
    "district_id": "D1",
    "school_id": "S1",
    "school_name": "First",
    "ethnicity": "ASIAN",
    "el_status": "EO",
    "econ_status": None,
    "participation": "TESTED",
    "performance_level": 2,
    "scale_score": 2400.0,
    "is_scored": True,
    **dict.fromkeys(DATES),
}
ENROLMENT: dict[str, Any] = {
    "school_year": 2026,
    "student_id": "1",
    "sourced_id": None,
    "local_student_id": None,
    "record_kind": None,
    "district_id": "D1",
    "school_id": "S1",
    "school_name": "First",
    "grade": "03",
    "begin_date": date(2025, 8, 20),
    "end_date": None,
    "ethnicity": "ASIAN",
    "el_status": "EO",
    "econ_status": "SED",
    **dict.fromkeys(DATES),
}
_DATES = {*DATES, "test_date", "begin_date", "end_date"}
_OTHERS = {
    "school_year": "INTEGER",
    "performance_level": "INTEGER",
    "scale_score": "DOUBLE",
    "is_scored": "BOOLEAN",
}
Rows = Sequence[dict[str, Any]]


@dataclass
class Built:
    """What was built, to be asked for."""

    con: duckdb.DuckDBPyConnection
    plan: CellPlan
    untested: list[dict[str, Any]] = field(default_factory=list)
    exact: list[dict[str, Any]] = field(default_factory=list)

    def reasons(self) -> dict[str, str]:
        return {row["student_id"]: row["reason"] for row in self.untested}

    def cell(self, org_level: str = "district", **key: str) -> tuple[int | None, float | None]:
        """Return n_enrolled and pct_participation of the only cell with that key."""
        wanted = {"org_level": org_level, "grade": "all", **dict.fromkeys(DIMENSIONS, "all")} | key
        found = [row for row in self.exact if all(row[c] == v for c, v in wanted.items())]
        assert len(found) == 1, found
        return found[0]["n_enrolled"], found[0]["pct_participation"]

    def missing(self) -> set[str | None]:
        sql = "SELECT DISTINCT missing_reason FROM untested_known"
        return {row[0] for row in self.con.execute(sql).fetchall()}


def scored(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [RESULT | {"student_id": one} | more for one in ids]


def unscored(one: str, participation: str, **more: Any) -> dict[str, Any]:
    nothing = {"is_scored": False, "performance_level": None, "scale_score": None}
    return RESULT | nothing | {"student_id": one, "participation": participation} | more


def enrolled(*ids: str, **more: Any) -> list[dict[str, Any]]:
    return [ENROLMENT | {"student_id": one} | more for one in ids]


def assessment(name: str = "sb", **testers: Any) -> Assessment:
    return Assessment.model_validate(
        {
            "name": name,
            "title": "S",
            "citation": "invented",
            "subjects": ["ela", "science"],
            "levels": [{"order": k, "label": f"level {k}"} for k in (1, 2, 3, 4)],
            "proficient_from": 3,
            "scale": "by_grade",
            "testers": {"citation": "invented", **testers} if testers else None,
        }
    )


def build(
    results: Rows,
    roster: Rows,
    *assessments: Assessment,
    marts: Marts = MARTS,
    partners: Sequence[str] = (),
) -> Built:
    """Build cells, untested cells and participation; decisions on the tested are not asked for."""
    con = duckdb.connect()
    _table(con, "results", RESULT, results)
    _table(con, "roster", ENROLMENT, roster)
    con.execute("CREATE TABLE partners (school_key VARCHAR)")
    con.executemany("INSERT INTO partners VALUES (?)", [[key] for key in (*partners, "none/none")])
    con.execute("CREATE TABLE networks (network VARCHAR, school_key VARCHAR)")
    con.execute("CREATE TABLE names (org_level TEXT, org_id TEXT, school_year INT, org_name TEXT)")
    known = {one.name: one for one in assessments or (assessment(),)}
    plan = CellPlan(("ethnicity", "el_status"), ("econ_status",), known, ("ethnicity",), (EVER_EL,))
    filled = fill_from_roster(con, "results", "roster", GROUPS, DATES)
    organisations = Organisations("partners", "networks", "names")
    build_cells(con, filled, organisations, plan)
    find_untested(con, filled, "results", plan, marts.participation)
    own = untested_plan(plan)
    build_cells(con, "untested", organisations, own, UNTESTED_STATISTICS, name=UNTESTED_CELLS)
    decide_untested(con, plan, marts.suppression)
    count_participation(con, plan, decided=True)
    measures = ", ".join(f"{sql} AS {name}" for name, sql in exact_measures().items())
    return Built(
        con,
        plan,
        rows_of(con, untested_students_sql(plan)),
        rows_of(con, f"SELECT *, {measures} FROM cells LEFT JOIN participation USING (cell_id)"),
    )


def _table(con: duckdb.DuckDBPyConnection, name: str, like: dict[str, Any], rows: Rows) -> None:
    types = {c: "DATE" if c in _DATES else _OTHERS.get(c, "VARCHAR") for c in like}
    con.execute(f"CREATE TABLE {name} ({', '.join(f'{c} {t}' for c, t in types.items())})")
    places = ", ".join("?" for _ in types)
    if rows:
        values = [[row[c] for c in types] for row in rows]
        con.executemany(f"INSERT INTO {name} VALUES ({places})", values)


def rows_of(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = con.execute(sql)
    names = [column[0] for column in found.description or []]
    return [
        {c: n for c, n in zip(names, row, strict=True) if c != "org_name"}
        for row in found.fetchall()
    ]
