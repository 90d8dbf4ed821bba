"""Participation of invented schools: from results and rosters to what is published of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.models import Assessment, Marts
from tests.unit.transforms.attacker import computable_from, sums_of
from transforms.cell_plan import CellPlan, Rollup
from transforms.cells import build_cells
from transforms.el_groups import el_groups_sql
from transforms.organisations import SYSTEM, Organisations, org_splits
from transforms.participation import (
    UNTESTED_KEY,
    UNTESTED_STATISTICS,
    find_untested,
    untested_plan,
    untested_students_sql,
)
from transforms.participation_cards import CARDS
from transforms.participation_cells import (
    UNTESTED_CELLS,
    count_participation,
    decide_untested,
    exact_measures,
    published_measures,
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
        _rows(con, untested_students_sql(plan)),
        _rows(con, f"SELECT *, {measures} FROM cells LEFT JOIN participation USING (cell_id)"),
    )


def _table(con: duckdb.DuckDBPyConnection, name: str, like: dict[str, Any], rows: Rows) -> None:
    types = {c: "DATE" if c in _DATES else _OTHERS.get(c, "VARCHAR") for c in like}
    con.execute(f"CREATE TABLE {name} ({', '.join(f'{c} {t}' for c, t in types.items())})")
    places = ", ".join("?" for _ in types)
    if rows:
        values = [[row[c] for c in types] for row in rows]
        con.executemany(f"INSERT INTO {name} VALUES ({places})", values)


def _rows(con: duckdb.DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    found = con.execute(sql)
    names = [column[0] for column in found.description or []]
    return [
        {c: n for c, n in zip(names, row, strict=True) if c != "org_name"}
        for row in found.fetchall()
    ]


def test_who_is_enrolled_and_has_no_score_is_untested():
    built = build(scored("1", "2", "3"), enrolled("1", "2", "3", "4"))
    assert built.reasons() == {"4": "no_record"}
    assert built.cell() == (4, 75.0)
    assert built.cell("school", econ_status="SED") == (4, 75.0)
    assert built.cell("all", ever_el_status="NEVER_EL") == (4, 75.0)


def test_a_row_without_score_gives_the_reason():
    rows = [*scored("1", "2"), unscored("3", "NOT_TESTED"), unscored("4", "INVALIDATED")]
    built = build(rows, enrolled("1", "2", "3", "4"))
    assert built.reasons() == {"3": "NOT_TESTED", "4": "INVALIDATED"}
    assert built.cell() == (4, 50.0)


def test_too_few_answers_for_a_score_is_participation():
    rows = [*scored("1", "2", "3"), unscored("4", "TESTED_NO_SCORE")]
    built = build(rows, enrolled("1", "2", "3", "4"))
    assert built.reasons() == {"4": "TESTED_NO_SCORE"}
    assert built.cell() == (4, 100.0)


def test_who_took_part_counts_without_an_enrolment_as_the_tested_do():
    rows = [*scored(*"123456789"), *scored("new"), unscored("other", "TESTED_NO_SCORE")]
    built = build(rows, enrolled(*"123456789"))
    assert built.reasons() == {"other": "TESTED_NO_SCORE"}
    assert built.cell() == (11, 100.0)


def test_who_is_exempt_is_not_expected():
    built = build([*scored("1", "2"), unscored("3", "EXEMPT")], enrolled("1", "2", "3"))
    assert built.reasons() == {}
    assert built.cell() == (2, 100.0)


def test_who_took_the_alternate_assessment_is_not_expected():
    other = scored("3", assessment="alt")
    sb = assessment(alternates=["alt"])
    built = build([*scored("1", "2"), *other], enrolled("1", "2", "3", "4"), sb, assessment("alt"))
    mine = [row["student_id"] for row in built.untested if row["assessment"] == "sb"]
    assert mine == ["4"]


@pytest.mark.parametrize(
    ("days", "is_expected"),
    [
        ({"begin_date": DAY}, True),
        ({"begin_date": date(2026, 5, 2)}, False),
        ({"end_date": DAY}, False),
        ({"end_date": date(2026, 5, 2)}, True),
        ({"begin_date": None}, True),
    ],
)
def test_the_enrolment_of_the_windows_day_counts(days: dict[str, Any], is_expected: bool):
    built = build(scored("1", "2"), [*enrolled("1", "2"), *enrolled("3", **days)])
    assert ("3" in built.reasons()) == is_expected


def test_the_day_is_the_median_or_the_configured_one():
    rows = [
        *scored("1", test_date=date(2026, 4, 1)),
        *scored("2", test_date=date(2026, 4, 20)),
        *scored("3", test_date=date(2026, 4, 30)),
    ]
    roster = [*enrolled("1", "2", "3"), *enrolled("4", begin_date=date(2026, 4, 25))]
    assert build(rows, roster).reasons() == {}
    day = {"assessment": "sb", "school_year": 2026, "test_window": "annual", "day": "2026-04-25"}
    marts = MARTS.model_copy(
        update={"participation": MARTS.participation.model_validate({"days": [day]})}
    )
    assert build(rows, roster, marts=marts).reasons() == {"4": "no_record"}


def test_a_student_who_moved_counts_where_the_latest_enrolment_is():
    roster = [
        *enrolled("1", "2"),
        *enrolled("3", school_id="S1"),
        *enrolled("3", school_id="S2", begin_date=date(2026, 1, 10)),
    ]
    built = build([*scored("1"), *scored("2", school_id="S2")], roster)
    assert [(row["student_id"], row["school_id"]) for row in built.untested] == [("3", "S2")]
    assert built.cell() == (3, pytest.approx(200 / 3))


def test_who_was_tested_at_another_school_of_the_district_is_tested():
    built = build(scored("1", "2", school_id="S2"), enrolled("1", "2", school_id="S1"))
    assert built.reasons() == {}


def test_a_grade_that_is_not_tested_expects_nobody():
    roster = [*enrolled("1"), *enrolled("2", grade="04"), *enrolled("3", grade=None)]
    assert build(scored("1"), roster).reasons() == {}
    documented = assessment(grades={"ela": ["03", "04"]})
    assert build(scored("1"), roster, documented).reasons() == {"2": "no_record"}


def test_of_a_grade_that_only_some_take_nothing_is_said():
    rows = [*scored("1"), *scored("2", grade="11"), *scored("3", grade="11", school_id="S2")]
    roster = [*enrolled("1", "4"), *enrolled("2", "5", grade="11")]
    roster += enrolled("3", grade="11", school_id="S2")
    built = build(rows, roster, assessment(chosen_grades={"ela": ["11"]}))
    assert built.reasons() == {"4": "no_record"}
    assert built.cell(grade="03") == (2, 50.0)
    assert built.cell(grade="11") == (None, None)
    assert built.cell() == (None, None)


def test_of_a_subject_that_only_some_take_nothing_is_said():
    built = build(scored("1"), enrolled("1", "2"), assessment(chosen_grades={"ela": []}))
    assert built.reasons() == {}
    assert built.cell(grade="03") == built.cell() == (None, None)


def test_a_test_for_english_learners_expects_them_alone():
    rows = scored("1", "2", el_status="EL")
    roster = [*enrolled("1", "2", "3", el_status="EL"), *enrolled("4", el_status="EO")]
    learners = assessment(who="english_learners")
    built = build(rows, roster, learners)
    assert built.reasons() == {"3": "no_record"}
    assert built.cell() == (3, pytest.approx(200 / 3))
    untold = [*enrolled("1", "2", "3"), *enrolled("4")]
    untold = [row | {"el_status": None} for row in untold]
    assert build(rows, untold, learners).missing() == {"no_el_status"}


@pytest.mark.parametrize(
    ("roster", "reason"),
    [
        ([], "no_roster"),
        (enrolled("1", "2", "3", school_year=2025), "no_roster"),
        (enrolled("7", "8", "9"), "ids_differ"),
        ([*enrolled("1"), *enrolled("8", "9")], "few_found"),
        (enrolled("1", "2", "3", begin_date=date(2026, 6, 1)), "few_found"),
    ],
    ids=["none", "last year's", "other ids", "one school only", "late"],
)
def test_a_roster_that_cannot_say_who_is_untested_says_nothing(roster: Rows, reason: str):
    built = build(scored("1", "2"), roster)
    assert built.missing() == {reason}
    assert built.reasons() == {}
    assert built.cell() == (None, None)


@pytest.mark.parametrize(("change", "reason"), [({"test_date": None}, "no_day")])
def test_results_without_a_day_say_nothing(change: dict[str, Any], reason: str):
    built = build(scored("1", "2", **change), enrolled("1", "2", "3"))
    assert built.missing() == {reason}
    assert built.cell() == (None, None)


def test_an_assessment_for_chosen_students_has_no_participation():
    built = build(scored("1"), enrolled("1", "2"), assessment(who="chosen"))
    assert built.missing() == {"chosen"}
    assert built.cell() == (None, None)


def test_all_districts_are_known_only_if_each_of_them_is():
    rows = [*scored("1"), *scored("2", district_id="D2")]
    built = build(rows, enrolled("1", "3"))
    assert built.cell(org_id="D1") == (2, 50.0)
    assert built.cell(org_id="D2") == (None, None)
    assert built.cell("all") == (None, None)


def test_a_school_that_the_roster_does_not_list_is_not_known():
    many = [str(n) for n in range(20)]
    rows = [*scored(*many), *scored("lone", school_id="S9")]
    built = build(rows, enrolled(*many, "absent"))
    assert built.cell("school", org_id="D1/S9") == (None, None)
    assert built.cell("school", org_id="D1/S1") == (21, pytest.approx(2000 / 21))
    assert built.cell() == (22, pytest.approx(2100 / 22))


def test_a_group_that_the_roster_never_states_is_not_known():
    roster = [row | {"ethnicity": None} for row in enrolled("1", "2", "3")]
    built = build(scored("1", "2"), roster)
    assert built.cell(ethnicity="ASIAN") == (None, None)
    assert built.cell(el_status="EO") == (3, pytest.approx(200 / 3))
    assert built.cell(ethnicity="ASIAN", el_status="EO") == (None, None)


def test_groups_of_english_learners_are_those_of_the_windows_day():
    since = {"el_status": "EL", "el_entry_date": date(2021, 5, 1)}
    built = build(scored("1", **since), enrolled("1", "2", **since))
    built.con.execute(f"CREATE VIEW grouped AS {el_groups_sql('results_filled', 'results')}")
    plan = replace(built.plan, one_way=("econ_status", "el_years_status"))
    find_untested(built.con, "grouped", "results", plan, MARTS.participation)
    rows = _rows(built.con, untested_students_sql(plan))
    assert [(row["student_id"], row["el_years_status"]) for row in rows] == [("2", "Y4_TO_5")]


def test_other_schools_hold_all_untested_where_no_partner_school_has_any():
    rows = [*scored("1", school_id="S1"), *scored("2", school_id="S2")]
    roster = [*enrolled("1", school_id="S1"), *enrolled("2", "3", school_id="S2")]
    built = build(rows, roster, partners=["D1/S1"])
    assert built.cell("partner") == (1, 100.0)
    assert built.cell("rest") == (2, 50.0)


def test_the_grain_of_untested_students_holds_each_once():
    rows = [*scored("1", "2"), unscored("3", "TESTED_NO_SCORE"), unscored("3", "NOT_TESTED")]
    built = build(rows, [*enrolled("1", "2", "3"), *enrolled("3", school_id="S2")])
    keys = [tuple(row[c] for c in UNTESTED_KEY) for row in built.untested]
    assert len(keys) == len(set(keys)) == 1


def test_local_ids_find_students_too():
    rows = [row | {"local_student_id": f"L{row['student_id']}"} for row in scored("1", "2")]
    known = enumerate(enrolled("x", "y", "z"), 1)
    roster = [row | {"local_student_id": f"L{n}"} for n, row in known]
    built = build(rows, roster)
    assert [(row["student_id"], row["local_student_id"]) for row in built.untested] == [("z", "L3")]


def test_published_numbers_wait_for_both_cells():
    ids = [f"a{n}" for n in range(20)]
    built = build(scored(*ids), enrolled(*ids, "b"))
    shown = _published(built, "false")
    assert shown["D1"] == (None, None)
    assert _published(build(scored(*ids), enrolled(*ids)), "false")["D1"] == (20, 100.0)
    many = [f"b{n}" for n in range(15)]
    assert _published(build(scored(*ids), enrolled(*ids, *many)), "false")["D1"] == (35, 57.1)
    assert _published(build(scored(*ids), enrolled(*ids)), "true")["D1"] == (None, None)


def test_few_who_took_part_without_a_score_hide_the_number():
    ids, absent = [f"a{n}" for n in range(20)], [f"b{n}" for n in range(15)]
    rows = [*scored(*ids), unscored("c", "TESTED_NO_SCORE")]
    built = build(rows, enrolled(*ids, *absent, "c"))
    assert built.cell() == (36, pytest.approx(2100 / 36))
    assert _published(built, "false")["D1"] == (None, None)


def _published(built: Built, suppressed: str) -> dict[str, tuple[int | None, float | None]]:
    """Return n_enrolled and pct_participation of each district or school as a whole."""
    measures = ", ".join(f"{sql} AS {name}" for name, sql in published_measures(MARTS).items())
    alone = " AND ".join(f"{c} = 'all'" for c in ("grade", *DIMENSIONS))
    rows = _rows(
        built.con,
        f"SELECT org_id, {measures} FROM (SELECT *, {suppressed} AS suppressed FROM cells) "
        f"LEFT JOIN participation USING (cell_id) WHERE {alone}",
    )
    return {row["org_id"]: (row["n_enrolled"], row["pct_participation"]) for row in rows}


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["S1", "S2", "S3"]),
        st.sampled_from(["03", "04"]),
        st.sampled_from(["ASIAN", "BLACK", None]),
        st.sampled_from(["EO", "EL", "RFEP"]),
        st.sampled_from(["TESTED", "TESTED", "TESTED_NO_SCORE", "NOT_TESTED", None]),
    ),
    min_size=2,
    max_size=40,
)


def _of(people: Sequence[tuple[Any, ...]]) -> tuple[Rows, Rows]:
    """Return the results and the roster of people; the first is tested in any case."""
    results: list[dict[str, Any]] = []
    roster: list[dict[str, Any]] = []
    for number, (school_id, grade, ethnicity, el_status, took) in enumerate(people):
        who = {"school_id": school_id, "grade": grade, "ethnicity": ethnicity}
        who |= {"el_status": el_status}
        if number == 0 or took == "TESTED":
            results += scored(str(number), **who)
        elif took is not None:
            results.append(unscored(str(number), took, **who))
        roster += enrolled(str(number), **who)
    return results, roster


@settings(max_examples=12, deadline=None)
@given(PEOPLE)
def test_groups_of_the_enrolled_sum_to_all(people: list[tuple[Any, ...]]):
    built = build(*_of(people))
    keys = ["org_level", "org_id", "grade", *DIMENSIONS]
    cells = {tuple(r[c] for c in keys): r["n_enrolled"] for r in built.exact}
    alone = _rows(built.con, f"SELECT {', '.join(keys)}, n_untested FROM {UNTESTED_CELLS}")
    # A group of which nobody was tested has no row in the mart: its enrolled are the untested.
    everyone = {tuple(r[c] for c in keys): r["n_untested"] for r in alone} | cells
    for dimension in ("grade", *DIMENSIONS):
        at = keys.index(dimension)
        parents: dict[tuple[str, ...], list[int | None]] = {}
        for key, n in everyone.items():
            others = [k for c, k in zip(keys, key, strict=True) if c not in ("grade", *keys[:2])]
            if key[at] != "all" and sum(k != "all" for k in others) <= (dimension != "grade"):
                parents.setdefault((*key[:at], "all", *key[at + 1 :]), []).append(n)
        for parent, parts in parents.items():
            if parent in cells and None not in parts:
                assert sum(n or 0 for n in parts) == cells[parent]


@settings(max_examples=12, deadline=None)
@given(PEOPLE, st.integers(2, 6))
def test_no_shown_numbers_give_away_a_hidden_schools_untested(
    people: list[tuple[Any, ...]], times: int
):
    built = build(*_of(people * times))
    con = built.con
    cells = con.execute(
        f"SELECT * EXCLUDE (org_name) FROM {UNTESTED_CELLS} "
        "JOIN untested_decisions USING (cell_id) ORDER BY cell_id"
    ).df()
    if not len(cells):
        return
    splits = org_splits(con, (2026, "sb", "ela", "annual"), f"{UNTESTED_CELLS}_parts")
    for count in (cells["n_untested"] - cells["n_no_score"], cells["n_no_score"]):
        held = cells.assign(n_tested=count)[count > 0].reset_index(drop=True)
        assert not held["is_shown"][held["n_tested"] < 11].any()
        columns = ["cell_id", *SYSTEM, "n_untested", "n_no_score", "is_shown"]
        hidden = ~held["is_shown"].to_numpy()
        known = sums_of(
            held.drop(columns=columns),
            splits,
            {"ever_el_status": ("el_status", dict(EVER_EL.members))},
        )
        assert not computable_from(known, hidden)[(held["n_tested"] < 11).to_numpy()].any()


def test_the_worked_example_of_the_cards():
    ids = [str(n) for n in range(120)]
    rows = [
        *scored(*ids[:100]),
        *(unscored(one, "TESTED_NO_SCORE") for one in ids[100:104]),
        *(unscored(one, "EXEMPT") for one in ids[118:]),
    ]
    n_enrolled, pct = build(rows, enrolled(*ids)).cell("school")
    assert pct is not None
    examples = {card.name: card.example for card in CARDS}
    assert [*examples] == [*exact_measures()] == [*published_measures(MARTS)]
    assert examples["n_enrolled"].endswith(f"= {n_enrolled}")
    assert examples["pct_participation"].endswith(f"= {pct:.1f}")


def test_permuted_rows_change_nothing():
    people = [("S1", "03", "ASIAN", "EO", None), ("S2", "04", "BLACK", "EL", "NOT_TESTED")] * 4
    results, roster = _of([*people, ("S1", "03", "ASIAN", "EO", "TESTED")])
    one, other = build(results, roster), build(results[::-1], roster[::-1])
    assert one.untested == other.untested
    assert sorted(map(str, one.exact)) == sorted(map(str, other.exact))
