"""Groups of English learners by years, as they were at the test date."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from transforms.el_groups import EL_GROUPS, el_groups_sql

TEST = {
    "assessment": "caaspp_sb",
    "subject": "math",
    "school_year": 2024,
    "district_id": "D1",
    "student_id": "100",
    "grade": "07",
    "test_date": date(2024, 4, 10),
    "el_status": "EL",
    "el_entry_date": date(2016, 9, 1),
    "rfep_date": None,
    "us_school_date": date(2016, 9, 1),
    "performance_level": 2,
    "is_scored": True,
}
ELPAC = TEST | {"assessment": "elpac_summative", "subject": "eld"}
# What makes the student of TEST a long-term learner: level 3 twice, then Standard Not Met.
ELP_2 = ELPAC | {"school_year": 2022, "performance_level": 3}
ELP_1 = ELPAC | {"school_year": 2023, "performance_level": 3}
ELA_1 = TEST | {"subject": "ela", "school_year": 2023, "performance_level": 1}
HISTORY = [ELP_2, ELP_1, ELA_1]
TYPES = {
    "school_year": "INT",
    "performance_level": "INT",
    "is_scored": "BOOLEAN",
    **dict.fromkeys(("test_date", "el_entry_date", "rfep_date", "us_school_date"), "DATE"),
}


def make(con, name, rows):
    columns = ", ".join(f"{column} {TYPES.get(column, 'VARCHAR')}" for column in TEST)
    con.execute(f"CREATE TABLE {name}({columns})")
    for row in rows:
        marks = ", ".join("?" for _ in TEST)
        con.execute(f"INSERT INTO {name} VALUES ({marks})", [row[column] for column in TEST])


def groups(results, earlier=()):
    """The groups of each test, in the order of EL_GROUPS."""
    con = duckdb.connect()
    make(con, "results", [TEST | changes for changes in results])
    make(con, "earlier", earlier)
    sql = el_groups_sql("results", "earlier")
    return con.execute(f"SELECT {', '.join(EL_GROUPS)} FROM ({sql}) ORDER BY ALL").fetchall()


def group(name, changes, earlier=()):
    return groups([changes], earlier)[0][EL_GROUPS.index(name)]


def long_term(changes, earlier=HISTORY):
    return group("ltel_status", changes, earlier)


@pytest.mark.parametrize(
    ("entered", "expected"),
    [
        (date(2024, 4, 10), "UNDER_1"),
        (date(2023, 4, 11), "UNDER_1"),
        (date(2023, 4, 10), "Y1_TO_3"),
        (date(2020, 4, 11), "Y1_TO_3"),
        (date(2020, 4, 10), "Y4_TO_5"),
        (date(2018, 4, 11), "Y4_TO_5"),
        (date(2018, 4, 10), "Y6_PLUS"),
        (date(2024, 4, 11), "UNKNOWN"),
        (None, "UNKNOWN"),
    ],
)
def test_learners_are_grouped_by_whole_years_since_their_classification(entered, expected):
    assert group("el_years_status", {"el_entry_date": entered}) == expected


@pytest.mark.parametrize(
    ("status", "years", "dashboard"),
    [
        ("EL", "Y6_PLUS", "LTEL"),
        ("ADEL", "Y6_PLUS", "LTEL"),
        ("EO", "NOT_EL", "NOT_EL"),
        ("IFEP", "NOT_EL", "NOT_EL"),
        ("RFEP", "NOT_EL", "NOT_EL"),
        ("NOT_EL", "NOT_EL", "NOT_EL"),
        ("TBD", "UNKNOWN", "UNKNOWN"),
        ("UNKNOWN", "UNKNOWN", "UNKNOWN"),
        (None, "UNKNOWN", "UNKNOWN"),
    ],
)
def test_only_learners_have_years(status, years, dashboard):
    found = groups([{"el_status": status}], HISTORY)[0]
    assert (found[0], found[2]) == (years, dashboard)
    assert found[3] == dashboard, "in grade 7 with this history both definitions agree"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "EL_OR_RFEP4"),
        ({"el_entry_date": None}, "EL_OR_RFEP4"),
        ({"el_status": "EO"}, "OTHER"),
        ({"el_status": "IFEP"}, "OTHER"),
        ({"el_status": "RFEP", "rfep_date": date(2020, 4, 10)}, "EL_OR_RFEP4"),
        ({"el_status": "RFEP", "rfep_date": date(2020, 4, 9)}, "OTHER"),
        ({"el_status": "RFEP"}, "UNKNOWN"),
        ({"el_status": "RFEP", "rfep_date": date(2020, 5, 1), "test_date": None}, "UNKNOWN"),
        ({"el_status": "NOT_EL"}, "UNKNOWN"),
        ({"el_status": "TBD"}, "UNKNOWN"),
        ({"el_status": None}, "UNKNOWN"),
    ],
)
def test_reclassified_students_count_with_learners_for_four_years(changes, expected):
    assert group("el_recent_status", changes) == expected


@pytest.mark.parametrize(
    "later",
    [
        {"el_status": "RFEP", "rfep_date": date(2024, 4, 11)},
        {"el_entry_date": date(2024, 4, 11)},
    ],
)
def test_a_status_that_begins_after_the_test_says_nothing_of_it(later):
    assert groups([later], HISTORY) == [("UNKNOWN",) * 4]


@pytest.mark.parametrize(
    ("entered", "expected"),
    [
        (date(2017, 4, 10), "LTEL"),
        (date(2017, 4, 11), "EL_OTHER"),
        (None, "UNKNOWN"),
    ],
)
def test_a_learner_is_long_term_on_the_dashboard_after_seven_years(entered, expected):
    assert group("ltel_dashboard_status", {"el_entry_date": entered}) == expected


def test_the_first_school_day_and_not_the_classification_decides_by_the_other_law():
    lately_here = {"us_school_date": date(2022, 9, 1)}
    assert groups([lately_here], HISTORY)[0][2:] == ("LTEL", "EL_OTHER")
    assert long_term({"us_school_date": None}) == "UNKNOWN"
    assert long_term({"el_entry_date": None}) == "LTEL"


def test_a_learner_who_rose_on_the_english_test_is_not_long_term():
    risen = [ELP_2 | {"performance_level": 2}, ELP_1, ELA_1]
    fallen = [ELP_2 | {"performance_level": 4}, ELP_1, ELA_1]
    assert (long_term({}, risen), long_term({}, fallen)) == ("EL_OTHER", "LTEL")


def test_up_to_grade_9_a_learner_who_met_more_than_nothing_in_ela_is_not_long_term():
    nearly = [ELP_2, ELP_1, ELA_1 | {"performance_level": 2}]
    assert [long_term({"grade": grade}, nearly) for grade in ("09", "10")] == ["EL_OTHER", "LTEL"]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_result_that_the_warehouse_does_not_hold_leaves_it_unknown(missing):
    assert long_term({}, [row for at, row in enumerate(HISTORY) if at != missing]) == "UNKNOWN"


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_a_result_that_the_student_does_not_have_is_not_asked_for(missing):
    untested = {"performance_level": None, "is_scored": False}
    rows = [row | untested if at == missing else row for at, row in enumerate(HISTORY)]
    assert long_term({}, rows) == "LTEL"


def test_one_criterion_that_is_not_met_decides_whatever_else_is_missing():
    assert long_term({}, [ELA_1 | {"performance_level": 3}]) == "EL_OTHER"


def test_who_took_the_alternate_test_has_no_result_in_ela():
    alternate = ELA_1 | {"assessment": "caaspp_caa", "performance_level": 3}
    assert long_term({}, [ELP_2, ELP_1, alternate]) == "LTEL"


def test_no_ela_test_of_spring_2020_is_asked_for():
    year = {"school_year": 2021, "test_date": date(2021, 4, 10), "us_school_date": date(2014, 9, 1)}
    two = [row | {"school_year": row["school_year"] - 3} for row in (ELP_2, ELP_1)]
    assert long_term(year, two) == "LTEL"


def test_results_of_another_district_or_of_older_years_are_not_the_students():
    assert long_term({}, [row | {"district_id": "D2"} for row in HISTORY]) == "UNKNOWN"
    older = [row | {"school_year": row["school_year"] - 1} for row in HISTORY]
    assert long_term({}, older) == "UNKNOWN"


@pytest.mark.parametrize(
    ("grade", "expected"),
    [("05", "EL_OTHER"), ("06", "LTEL"), ("12", "LTEL"), ("KG", "EL_OTHER"), ("UG", "UNKNOWN")],
)
def test_long_term_learners_are_in_grades_6_to_12(grade, expected):
    assert long_term({"grade": grade}) == expected


@pytest.mark.parametrize(
    ("changes", "history", "expected"),
    [
        ({}, HISTORY, "AT_RISK"),
        ({"us_school_date": date(2020, 4, 10)}, HISTORY, "AT_RISK"),
        ({"us_school_date": date(2020, 4, 11)}, HISTORY, "EL_OTHER"),
        ({}, [ELP_1 | {"performance_level": 4}, ELA_1], "EL_OTHER"),
        ({}, [ELP_1, ELA_1 | {"performance_level": 2}], "EL_OTHER"),
        ({}, [ELP_1], "UNKNOWN"),
        ({"grade": "03"}, [ELP_1], "AT_RISK"),
        ({"grade": "10"}, [ELP_1], "AT_RISK"),
        ({"grade": "02"}, HISTORY, "EL_OTHER"),
    ],
)
def test_a_learner_of_four_or_five_years_may_be_at_risk(changes, history, expected):
    four_years = {"us_school_date": date(2019, 9, 1)}
    assert long_term(four_years | changes, history) == expected


def test_the_years_before_grade_3_need_no_dates():
    assert long_term({"grade": "01", "us_school_date": None}, []) == "EL_OTHER"


def test_rows_and_columns_are_those_of_the_results():
    con = duckdb.connect()
    make(con, "results", [TEST, TEST | {"student_id": "101"}])
    make(con, "earlier", [*HISTORY, *HISTORY])
    relation = con.sql(el_groups_sql("results", "earlier"))
    assert relation.columns == [*TEST, *EL_GROUPS]
    assert len(relation.fetchall()) == 2
