"""Students of a roster who cannot be told apart, and the same over everything that is loaded."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from validation.cross_rows import check_cross_rows
from validation.identity_rules import identity_flags_sql

ENROLMENT = {
    "school_year": 2024,
    "student_id": "1",
    "record_kind": None,
    "el_status": None,
    "district_id": "D1",
    "school_id": "A",
    "begin_date": dt.date(2023, 8, 15),
    "end_date": None,
    "given_name": "Ann",
    "family_name": "Bee",
    "birth_date": dt.date(2014, 3, 4),
}
RESULT = {
    "assessment": "ruler",
    "school_year": 2024,
    "test_window": "annual",
    "student_id": "1",
    "district_id": "D1",
    "school_id": "A",
    "birth_date": None,
}
OTHER_BIRTH = {"birth_date": dt.date(2013, 3, 4)}
OTHER_NAME = {"family_name": "Sea"}
NEXT_ROW = {"school_year": 2025}


def relation(con, name, whole, rows):
    kinds = {"school_year": "INT", "begin_date": "DATE", "end_date": "DATE", "birth_date": "DATE"}
    columns = ", ".join(f"{c} {kinds.get(c, 'VARCHAR')}" for c in whole)
    con.execute(f"CREATE TABLE {name}(source_row INT, {columns})")
    for number, row in enumerate(rows, start=2):
        marks = ", ".join("?" for _ in range(len(whole) + 1))
        con.execute(f"INSERT INTO {name} VALUES ({marks})", [number, *(whole | row).values()])


@pytest.fixture
def flagged(source):
    of_roster = source.model_copy(update={"table": "student_roster"})

    def check(*rows):
        con = duckdb.connect()
        relation(con, "load", ENROLMENT, rows)
        found = check_cross_rows(con, "load", of_roster)
        return [(fault["source_row"], fault["code"]) for fault in found.to_pylist()]

    return check


def test_an_ordinary_roster_has_no_flags(flagged):
    assert flagged({}, {"student_id": "2", "given_name": "Bob"}, NEXT_ROW) == []


def test_one_id_with_another_birth_date_and_name_may_be_two_students(flagged):
    found = flagged({}, OTHER_BIRTH | OTHER_NAME | NEXT_ROW, {"student_id": "2", "given_name": "B"})
    assert found == [(2, "TWO_STUDENTS_ONE_ID"), (3, "TWO_STUDENTS_ONE_ID")]


def test_a_mended_birth_date_or_a_new_name_alone_is_one_student(flagged):
    assert flagged({}, OTHER_BIRTH | NEXT_ROW) == flagged({}, OTHER_NAME | NEXT_ROW) == []
    assert flagged({}, OTHER_BIRTH | {"family_name": " BEE"} | NEXT_ROW) == []


def test_ids_of_two_districts_are_not_held_together(flagged):
    assert flagged({}, OTHER_BIRTH | OTHER_NAME | {"district_id": "D2"}) == []
    assert flagged({}, {"student_id": "2", "district_id": "D2"}) == []


def test_one_name_and_birth_date_under_two_ids_may_be_one_student(flagged):
    again = {"student_id": "2", "given_name": " ann", "family_name": "BEE "}
    assert flagged({}, again) == [(2, "ONE_STUDENT_TWO_IDS"), (3, "ONE_STUDENT_TWO_IDS")]


@pytest.mark.parametrize("missing", ["given_name", "family_name", "birth_date"])
def test_what_is_blank_is_not_the_same(flagged, missing):
    assert flagged({missing: None}, {"student_id": "2", missing: None}) == []


def test_overlapping_enrolments_at_two_schools_are_flagged(flagged):
    other = {"school_id": "B", "begin_date": dt.date(2024, 1, 8)}
    assert flagged({}, other) == [(2, "STUDENT_IN_TWO_SCHOOLS"), (3, "STUDENT_IN_TWO_SCHOOLS")]


def test_enrolments_one_after_another_do_not_overlap(flagged):
    moved = dt.date(2024, 1, 8)
    assert flagged({"end_date": moved}, {"school_id": "B", "begin_date": moved}) == []


def test_only_enrolments_place_a_student(flagged):
    assert flagged({}, {"school_id": "B", "record_kind": "DEMOGRAPHICS"}) == []
    assert len(flagged({}, {"school_id": "B", "record_kind": "ENROLMENT"})) == 2


def test_over_the_whole_lake_rows_are_counted_by_table_student_and_year():
    con = duckdb.connect()
    births = [dt.date(2013, 1, n) for n in (1, 2)]
    results = [{"birth_date": births[0]}, {"birth_date": births[1], "school_year": 2023}, {}]
    relation(con, "results", RESULT, [*results, {"student_id": "3"}])
    relation(con, "roster", ENROLMENT, [{}, {"school_id": "B"}])
    relations = {"student_result": "results", "student_roster": "roster"}
    assert con.execute(identity_flags_sql(relations)).fetchall() == [
        ("student_result", "D1", 2023, "1", "TWO_STUDENTS_ONE_ID", 1),
        ("student_result", "D1", 2024, "1", "TWO_STUDENTS_ONE_ID", 2),
        ("student_roster", "D1", 2024, "1", "STUDENT_IN_TWO_SCHOOLS", 2),
    ]


def test_results_of_two_loads_in_one_window_at_two_schools_are_flagged_together():
    con = duckdb.connect()
    relation(
        con, "results", RESULT, [{}, {"school_id": "B"}, {"school_id": "B", "school_year": 2023}]
    )
    relation(con, "roster", ENROLMENT, [])
    relations = {"student_result": "results", "student_roster": "roster"}
    assert con.execute(identity_flags_sql(relations)).fetchall() == [
        ("student_result", "D1", 2024, "1", "STUDENT_IN_TWO_SCHOOLS", 2)
    ]
