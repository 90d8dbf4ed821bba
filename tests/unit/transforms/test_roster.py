"""The roster fills what an extract does not say, as of the test date, and says so."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.roster import STATES_OF_A_DAY, fill_from_roster

DIMENSIONS = ("el_status", "gender")
RESULT = {
    "assessment": "invented",
    "school_year": 2024,
    "district_id": "D1",
    "school_id": "S1",
    "student_id": "100",
    "local_student_id": None,
    "test_date": date(2024, 4, 10),
    "el_status": None,
    "gender": "F",
    "disability_status": "NOT_SWD",
    "econ_status": "SED",
}
ENROLMENT = {
    "school_year": 2024,
    "student_id": "100",
    "sourced_id": "u-100",
    "local_student_id": None,
    "record_kind": None,
    "district_id": "D1",
    "school_id": "S1",
    "begin_date": date(2023, 8, 15),
    "end_date": date(2024, 6, 15),
    "el_status": "EL",
    "gender": "M",
    "disability_status": None,
    "econ_status": None,
}
STATUS = {"record_kind": "EL_STATUS", "end_date": None, "gender": None}
DATES = ("test_date", "begin_date", "end_date", "el_entry_date", "rfep_date", "us_school_date")


def make(con, name, columns, rows):
    types = {
        c: "DATE" if c in DATES else "INT" if c == "school_year" else "VARCHAR" for c in columns
    }
    con.execute(f"CREATE TABLE {name}({', '.join(f'{c} {t}' for c, t in types.items())})")
    for row in rows:
        con.execute(
            f"INSERT INTO {name} VALUES ({', '.join('?' for _ in columns)})",
            [row[c] for c in columns],
        )


def filled(results, roster):
    con = duckdb.connect()
    make(con, "results", RESULT, [RESULT | changes for changes in results])
    make(con, "roster", ENROLMENT, [ENROLMENT | changes for changes in roster])
    name = fill_from_roster(con, "results", "roster", DIMENSIONS)
    return con.execute(
        f"SELECT student_id, el_status, el_status_origin, gender, gender_origin FROM {name} "
        "ORDER BY ALL"
    ).fetchall()


def el_status(results, roster):
    return [row[1] for row in filled(results, roster)]


def group(dimension, roster):
    """What the roster says of one group of the one test, where the extract says nothing."""
    con = duckdb.connect()
    make(con, "results", RESULT, [RESULT | {dimension: None}])
    make(con, "roster", ENROLMENT, [ENROLMENT | changes for changes in roster])
    name = fill_from_roster(con, "results", "roster", [dimension])
    return con.execute(f"SELECT {dimension} FROM {name}").fetchall()[0][0]


def test_a_group_is_filled_only_where_the_extract_does_not_state_it():
    assert filled([{}], [{}]) == [("100", "EL", "roster", "F", "extract")]


def test_a_stated_unknown_is_not_overruled():
    assert filled([{"el_status": "UNKNOWN"}], [{}])[0][1:3] == ("UNKNOWN", "extract")


def test_without_a_roster_nothing_is_filled_and_the_origin_says_so():
    assert filled([{}], []) == [("100", None, "unknown", "F", "extract")]


def test_a_student_whom_the_roster_lacks_stays_unknown():
    found = filled([{}, {"student_id": "101"}], [{}])
    assert [row[2] for row in found] == ["roster", "unknown"]


def test_blank_in_the_roster_stays_unknown_not_no():
    assert filled([{}], [{"el_status": None}])[0][1:3] == (None, "unknown")


def test_the_enrolment_at_the_test_date_counts_not_the_latest():
    before = {"end_date": date(2024, 4, 11), "el_status": "EL"}
    after = {"begin_date": date(2024, 4, 11), "end_date": None, "el_status": "RFEP"}
    assert el_status([{}], [before, after]) == ["EL"]


def test_the_end_date_is_the_day_after_the_last():
    ended = {"end_date": date(2024, 4, 10), "el_status": "EL"}
    lasting = {"begin_date": date(2023, 7, 1), "end_date": None, "el_status": "RFEP"}
    assert el_status([{}], [ended, lasting]) == ["RFEP"]


def test_without_a_test_date_the_enrolment_last_begun_counts():
    early = {"end_date": date(2024, 1, 10), "el_status": "EL"}
    late = {"begin_date": date(2024, 1, 10), "el_status": "RFEP"}
    assert el_status([{"test_date": None}], [early, late]) == ["RFEP"]


def test_an_enrolment_of_another_year_does_not_count():
    assert el_status([{}], [{"school_year": 2023}]) == [None]


def test_the_own_district_counts_even_if_the_enrolment_has_ended():
    own = {"end_date": date(2023, 12, 1), "el_status": "EL"}
    other = {"district_id": "D2", "el_status": "RFEP"}
    assert el_status([{}], [own, other]) == ["EL"]


def test_another_districts_roster_never_fills_even_where_its_ids_are_those_of_the_extract():
    moved = {"student_id": "200", "district_id": "D2", "el_status": "RFEP"}
    assert el_status([{}, {"student_id": "200"}], [{}, moved]) == ["EL", None]


def test_an_id_that_meets_only_another_districts_student_fills_nothing():
    assert el_status([{}], [{"district_id": "D2"}]) == [None]


def test_the_id_column_that_finds_more_students_is_used_for_the_whole_district():
    students = [{"student_id": name} for name in ("a", "b", "c")]
    roster = [
        {"student_id": "1", "sourced_id": "a"},
        {"student_id": "2", "sourced_id": "b"},
        {"student_id": "c", "sourced_id": "3", "el_status": "RFEP"},
    ]
    assert el_status(students, roster) == ["EL", "EL", None]


def test_the_id_column_of_a_slice_does_not_depend_on_the_other_slices():
    """In 2024 `student_id` finds a student; in 2023 `sourced_id` finds two."""
    now = {"student_id": "c"}
    earlier = [{"student_id": name, "school_year": 2023} for name in ("a", "b")]
    roster = [
        {"student_id": "c", "sourced_id": "3", "el_status": "RFEP"},
        {"student_id": "4", "sourced_id": "c"},
        {"student_id": "1", "sourced_id": "a", "school_year": 2023},
        {"student_id": "2", "sourced_id": "b", "school_year": 2023},
    ]
    assert el_status([now], roster) == ["RFEP"]
    assert el_status([now, *earlier], roster) == ["EL", "EL", "RFEP"]


def test_each_group_comes_from_a_row_that_states_it():
    enrolment = {"el_status": None, "gender": None}
    person = {"record_kind": "DEMOGRAPHICS", "el_status": None, "gender": "X"}
    status = STATUS | {"begin_date": date(2023, 9, 1), "el_status": "RFEP"}
    for rows in ([enrolment, person, status], [status, enrolment, person]):
        assert filled([{"gender": None}], rows) == [("100", "RFEP", "roster", "X", "roster")]


def test_of_rows_that_state_a_group_the_one_whose_days_hold_the_test_counts():
    before = {"record_kind": "DEMOGRAPHICS", "end_date": date(2024, 2, 1), "gender": "M"}
    at_test = before | {"begin_date": date(2024, 2, 1), "end_date": date(2024, 5, 1), "gender": "X"}
    after = before | {"begin_date": date(2024, 5, 1), "end_date": None, "gender": "F"}
    assert filled([{"gender": None}], [before, at_test, after])[0][3] == "X"


def test_a_row_that_says_unknown_states_nothing():
    later = {"begin_date": date(2024, 1, 1), "el_status": "UNKNOWN"}
    assert el_status([{}], [{}, later]) == ["EL"]
    assert filled([{}], [later])[0][1:3] == (None, "unknown")


def test_a_status_that_begins_after_the_test_is_not_guessed_back():
    future = STATUS | {"begin_date": date(2024, 5, 1), "el_status": "RFEP"}
    assert filled([{}], [{"el_status": None}, future])[0][1:3] == (None, "unknown")
    assert el_status([{}], [{}, future]) == ["EL"]
    assert el_status([{"test_date": date(2024, 5, 1)}], [{}, future]) == ["RFEP"]


def test_a_disability_found_after_the_test_is_none_of_the_test():
    found = {"begin_date": date(2024, 5, 1), "disability_status": "SWD"}
    assert group("disability_status", [found]) is None
    assert group("disability_status", [found | {"begin_date": date(2024, 4, 10)}]) == "SWD"


def test_traits_of_the_person_and_of_the_year_may_be_told_after_the_test():
    told = {"begin_date": date(2024, 5, 1), "econ_status": "SED", "gender": "X"}
    assert (group("econ_status", [told]), group("gender", [told])) == ("SED", "X")


def test_a_status_of_an_earlier_year_holds_until_the_next_begins():
    first = STATUS | {"school_year": 2018, "begin_date": date(2017, 9, 1)}
    second = STATUS | {"school_year": 2022, "begin_date": date(2022, 3, 1), "el_status": "RFEP"}
    tests = [{"school_year": 2019, "test_date": date(2019, 4, 1)}, {}]
    assert el_status(tests, [first]) == ["EL", "EL"]
    assert sorted(el_status(tests, [first, second])) == ["EL", "RFEP"]


def test_a_status_of_a_later_year_says_nothing():
    later = STATUS | {"school_year": 2025, "begin_date": date(2023, 9, 1)}
    assert el_status([{}], [later]) == [None]


def test_a_status_row_of_an_earlier_year_says_nothing_of_other_groups():
    earlier = STATUS | {"school_year": 2020, "gender": "X"}
    assert filled([{"gender": None}], [earlier])[0] == ("100", "EL", "roster", None, "unknown")


def test_an_id_of_the_extracts_second_column_finds_the_student():
    tests = [{"student_id": f"v{n}", "local_student_id": str(n)} for n in (1, 2)]
    roster = [{"student_id": "9", "local_student_id": "1"}, {"student_id": "8", "sourced_id": "2"}]
    assert sorted(el_status(tests, roster), key=str) == ["EL", None]


def test_two_equal_enrolments_never_double_a_result():
    twins = [{}, {"el_status": "RFEP"}, {"school_id": "S2"}]
    assert len(filled([{}], twins)) == 1
    assert filled([{}], twins) == filled([{}], twins[::-1])


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "student_id": st.sampled_from(["100", "101", "u-100"]),
                "district_id": st.sampled_from(["D1", "D2"]),
                "test_date": st.sampled_from([None, date(2024, 4, 10)]),
                "gender": st.sampled_from([None, "F"]),
            }
        ),
        max_size=6,
    ),
    st.lists(
        st.fixed_dictionaries(
            {
                "student_id": st.sampled_from(["100", "101", None]),
                "district_id": st.sampled_from(["D1", "D2"]),
                "begin_date": st.sampled_from([None, date(2024, 1, 1), date(2024, 5, 1)]),
                "end_date": st.sampled_from([None, date(2024, 6, 1)]),
                "gender": st.sampled_from([None, "M", "X"]),
            }
        ),
        max_size=6,
    ),
)
@settings(max_examples=20, deadline=None)
def test_the_rows_are_exactly_those_of_the_results(results, roster):
    found = filled(results, roster)
    assert [row[0] for row in found] == sorted(row["student_id"] for row in results)
    stated = sorted(row["student_id"] for row in results if row["gender"])
    assert [row[0] for row in found if row[4] == "extract"] == stated


DAYS = ("el_entry_date", "rfep_date", "us_school_date")


def days(results, roster, status="EL"):
    """What becomes of the days of each test, where only some rows of the roster tell them."""
    con = duckdb.connect()
    result = RESULT | {"el_status": status} | dict.fromkeys(DAYS)
    enrolment = ENROLMENT | {"el_status": None} | dict.fromkeys(DAYS)
    make(con, "results", result, [result | changes for changes in results])
    make(con, "roster", enrolment, [enrolment | changes for changes in roster])
    name = fill_from_roster(con, "results", "roster", DIMENSIONS, DAYS)
    columns = ", ".join(f"{day}, {day}_origin" for day in DAYS)
    return con.execute(f"SELECT {columns} FROM {name} ORDER BY student_id").fetchall()


def test_days_that_the_roster_tells_are_filled_and_say_so():
    told = {"us_school_date": date(2019, 9, 2), "el_entry_date": date(2019, 10, 1)}
    stated = {"el_entry_date": date(2018, 1, 1)}
    assert days([{}], [told]) == [
        (date(2019, 10, 1), "roster", None, "unknown", date(2019, 9, 2), "roster")
    ]
    assert days([stated], [told])[0][:2] == (date(2018, 1, 1), "extract")


def test_the_day_of_a_status_is_that_on_which_it_first_began():
    first = STATUS | {"school_year": 2018, "begin_date": date(2017, 9, 1), "el_status": "EL"}
    again = first | {"school_year": 2022, "begin_date": date(2021, 9, 1)}
    reclassified = first | {"begin_date": date(2024, 1, 9), "el_status": "RFEP"}
    found = days([{}], [{}, again, first, reclassified], status="RFEP")
    assert found == [(date(2017, 9, 1), "roster", date(2024, 1, 9), "roster", None, "unknown")]


def test_a_reclassification_after_the_test_is_no_day_of_the_test():
    later = STATUS | {"begin_date": date(2024, 5, 1), "el_status": "RFEP"}
    assert days([{}], [{}, later])[0][2:4] == (None, "unknown")


def test_nobody_looks_for_the_days_of_who_never_was_a_learner():
    told = {"us_school_date": date(2019, 9, 2)}
    assert days([{}], [told], status="EO")[0][4:] == (None, "unknown")


@pytest.mark.parametrize("dimension", ["foster_status", "homeless_status", "migrant_status"])
def test_a_programme_that_begins_after_the_test_is_none_of_the_test(dimension):
    assert dimension in STATES_OF_A_DAY
    con = duckdb.connect()
    make(con, "results", RESULT | {dimension: None}, [RESULT | {dimension: None}])
    begun = ENROLMENT | {"begin_date": date(2024, 4, 11), dimension: "YES"}
    make(con, "roster", begun, [begun])
    name = fill_from_roster(con, "results", "roster", [dimension])
    assert con.execute(f"SELECT {dimension} FROM {name}").fetchall() == [(None,)]


@pytest.mark.parametrize("dimension", ["lunch_status", "parent_education_status"])
def test_what_holds_for_the_year_or_the_person_may_be_told_later(dimension):
    con = duckdb.connect()
    make(con, "results", RESULT | {dimension: None}, [RESULT | {dimension: None}])
    told = ENROLMENT | {"begin_date": date(2024, 5, 1), dimension: "TOLD"}
    make(con, "roster", told, [told])
    name = fill_from_roster(con, "results", "roster", [dimension])
    assert con.execute(f"SELECT {dimension} FROM {name}").fetchall() == [("TOLD",)]
