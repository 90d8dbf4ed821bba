"""Invented schools for the tests of comparisons: from counts of students to both marts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pandas as pd

from configs.assessment_models import Assessment
from configs.mart_models import Marts, Suppression
from transforms.breaks import breaks_relation
from transforms.cell_plan import CellPlan, Rollup
from transforms.cells import build_cells
from transforms.comparison import (
    ComparisonInputs,
    build_comparison,
    exact_comparison_sql,
    published_comparison_sql,
)
from transforms.marts import exact_achievement_sql, published_achievement_sql
from transforms.organisations import Organisations

CROSSED = ("ethnicity", "el_status")
LEARNERS = Rollup(
    "not_el_status",
    "el_status",
    {"NOT_EL": ("EO", "RFEP"), "EL": ("EL", "ADEL"), "UNKNOWN": ("TBD", "UNKNOWN")},
)
GROUPS = (*CROSSED, "econ_status", "not_el_status")
DISTRICT = tuple(f"S{number}" for number in range(1, 8))
OTHERS = DISTRICT[2:]
PARTNERS = ("D1/S1", "D1/S2")
MARTS = Marts(
    crossed=list(CROSSED),
    one_way=["econ_status"],
    suppression=Suppression(minimum_n=11, extreme_bands=[(11, 20.0), (20, 10.0)]),
)


@dataclass(frozen=True)
class Students:
    """Students of a school in a year, `levels` of them at level 1, 2, ...; beyond, at none."""

    school_id: str
    school_year: int
    levels: Sequence[int]
    el_status: str = "EO"
    ethnicity: str = "ASIAN"
    econ_status: str = "NOT_SED"
    grade: str = "03"
    district_id: str = "D1"


def rate(proficient: int, students: int = 100) -> tuple[int, ...]:
    """Return levels of which so many of the students reach the standard."""
    return (students - proficient, 0, proficient, 0)


def in_years(
    schools: Sequence[str], proficient: Mapping[int, int], students: int = 100, **changes: Any
) -> list[Students]:
    """Return schools that all have the same numbers at the standard: year -> how many."""
    return [
        Students(school, year, rate(k, students), **changes)
        for school in schools
        for year, k in proficient.items()
    ]


# Partner schools 40 to 47 of a hundred, the others 200 to 217 of five hundred.
ROSE = [
    *in_years(["S1", "S2"], {2024: 40, 2025: 47}),
    *in_years(OTHERS[:3], {2024: 40, 2025: 43}),
    *in_years(OTHERS[3:], {2024: 40, 2025: 44}),
]


def assessment(**changes: Any) -> Assessment:
    given = {
        "name": "invented",
        "title": "Invented",
        "citation": "none",
        "subjects": ["ela"],
        "levels": [{"order": order, "label": f"Level {order}"} for order in (1, 2, 3, 4)],
        "proficient_from": 3,
        "scale": "vertical",
    }
    return Assessment.model_validate({**given, **changes})


@dataclass(frozen=True)
class Case:
    """What is compared, and how.

    hidden: SQL over a cell that is true where it is not published.
    more: SQL of further rows of the mart of achievement, such as a state's.
    group_breaks: organisation's level and id, and the year from which on ethnicities are other
        groups.
    """

    tested: Sequence[Students]
    partners: Sequence[str] = PARTNERS
    networks: Sequence[tuple[str, str]] = ()
    assessment: Assessment = field(default_factory=assessment)
    marts: Marts = MARTS
    hidden: str = "false"
    more: str | None = None
    group_breaks: Sequence[tuple[str, str, int]] = ()

    @property
    def plan(self) -> CellPlan:
        tests = {"invented": self.assessment}
        return CellPlan(CROSSED, ("econ_status",), tests, ("el_status",), (LEARNERS,))


@dataclass(frozen=True)
class Compared:
    """Both marts, a frame each."""

    exact: pd.DataFrame
    shown: pd.DataFrame

    def one(self, *, of_shown: bool = False, **key: Any) -> dict[str, Any]:
        """Return the only row of that key: the partner schools against the rest, all students."""
        wanted = {
            "org_level": "partner",
            "compared_to": "rest",
            "contrast": "all",
            "grade": "all",
            **dict.fromkeys(GROUPS, "all"),
            **key,
        }
        frame = self.shown if of_shown else self.exact
        for column, value in wanted.items():
            frame = frame[frame[column] == value]
        [row] = frame.astype(object).where(frame.notna(), None).to_dict("records")
        return row


def compared(case: Case) -> Compared:
    """Return both marts of a case."""
    con = duckdb.connect(config={"threads": 2})
    _students(con, case)
    plan, marts = case.plan, case.marts
    build_cells(con, "results", Organisations("partners", "networks", "names"), plan)
    con.execute(
        f"CREATE TABLE decided AS SELECT cell_id, {case.hidden} AS suppressed, 'too_few' AS "
        "suppression_reason, 'exact' AS rate_coding, NULL::DOUBLE AS rate_limit, NOT suppressed AS "
        "shows_levels FROM cells"
    )
    key = ", ".join(column for column in plan.key_columns if column != "org_name")
    con.execute(
        f"CREATE TABLE listed AS SELECT {key} FROM cells JOIN decided USING (cell_id) "
        "WHERE suppressed"
    )
    more = f"UNION ALL BY NAME ({case.more})" if case.more else ""
    for name, sql in (
        ("exact", exact_achievement_sql(plan, marts, "decided")),
        ("shown", published_achievement_sql(plan, marts, "decided", "listed")),
    ):
        con.execute(f"CREATE TABLE achievement_{name} AS SELECT * FROM ({sql}) {more}")
        inputs = ComparisonInputs(f"achievement_{name}")
        build_comparison(con, plan, marts, inputs, f"comparison_{name}")
    return Compared(
        con.execute(exact_comparison_sql(plan, "comparison_exact")).df(),
        con.execute(published_comparison_sql(plan, marts, "comparison_shown")).df(),
    )


def _students(con: duckdb.DuckDBPyConnection, case: Case) -> None:
    """Make the relations that cells and comparisons are made from."""
    con.register("tested", pd.DataFrame([vars(one) for one in case.tested]))
    con.execute(f"""
        CREATE TABLE results AS
        SELECT * EXCLUDE (levels, n) REPLACE (
                nullif(performance_level, {1 + len(case.assessment.levels)}) AS performance_level
            ), 'invented' AS assessment, 'ela' AS subject,
            'annual' AS test_window, 2300.0 + 50 * performance_level AS scale_score,
            true AS is_scored
        FROM (
            SELECT * REPLACE (school_year::INTEGER AS school_year), unnest(levels) AS n,
                generate_subscripts(levels, 1)::INTEGER AS performance_level
            FROM tested
        ) JOIN range(10000) AS student(number) ON number < n
    """)
    con.execute("ALTER TABLE results DROP number")
    con.register("given_partners", pd.DataFrame({"school_key": list(case.partners)}, dtype="str"))
    con.execute("CREATE TABLE partners AS FROM given_partners")
    con.execute("CREATE TABLE networks(network VARCHAR, school_key VARCHAR)")
    for network in case.networks:
        con.execute("INSERT INTO networks VALUES (?, ?)", list(network))
    con.execute("""
        CREATE TABLE dim_school AS
        SELECT DISTINCT school_year, district_id || '/' || school_id AS school_id, district_id,
            district_id || '/' || school_id IN (FROM partners) AS is_partner
        FROM tested
    """)
    con.execute(
        "CREATE TABLE names(org_level VARCHAR, org_id VARCHAR, school_year INT, org_name VARCHAR)"
    )
    con.register("given_breaks", breaks_relation({"invented": case.assessment}))
    con.execute("CREATE TABLE breaks AS FROM given_breaks")
    con.execute(
        "CREATE TABLE group_breaks(assessment VARCHAR, org_level VARCHAR, org_id VARCHAR, "
        "school_year INT)"
    )
    for one in case.group_breaks:
        con.execute("INSERT INTO group_breaks VALUES ('invented', ?, ?, ?)", list(one))
