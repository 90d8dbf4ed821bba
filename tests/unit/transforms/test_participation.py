"""Who of the enrolled is expected to be tested, and of whom nothing is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from tests.unit.transforms.enrolled_schools import (
    DAY,
    MARTS,
    Rows,
    assessment,
    build,
    enrolled,
    rows_of,
    scored,
    unscored,
)
from transforms.el_groups import el_groups_sql
from transforms.participation import (
    UNTESTED_KEY,
    find_untested,
    untested_students_sql,
)


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
    rows = rows_of(built.con, untested_students_sql(plan))
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
