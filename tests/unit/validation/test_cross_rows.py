from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from validation.cross_rows import check_cross_rows
from validation.el_history import MAY_FOLLOW, impossible_pairs


@pytest.fixture
def flagged(typed, source):
    def check(*rows, earlier=None):
        con = duckdb.connect()
        con.register("load", typed(rows))
        if earlier is not None:
            con.register("lake", typed(earlier))
        found = check_cross_rows(con, "load", source, None if earlier is None else "lake")
        return [(fault["source_row"], fault["code"]) for fault in found.to_pylist()]

    return check


def only(code, found):
    """The rows that carry a code."""
    return [row for row, carried in found if carried == code]


def year(year: int, status: str | None, **more):
    return {"school_year": year, "el_status": status, "test_date": dt.date(year, 4, 1), **more}


def test_every_row_of_a_student_at_two_schools_in_one_year_is_flagged(flagged):
    rows = ({"subject": "ela"}, {"subject": "math", "school_id": "B"}, {"student_id": "S2"})
    assert only("TWO_SCHOOLS", flagged(*rows)) == [2, 3]


@pytest.mark.parametrize("subject", ["ela", "math"], ids=["a_repeat", "another_subject"])
def test_a_student_at_two_schools_in_one_window_is_flagged(flagged, subject):
    rows = ({"subject": "ela"}, {"subject": subject, "school_id": "B"}, {"student_id": "S2"})
    assert only("STUDENT_IN_TWO_SCHOOLS", flagged(*rows)) == [2, 3]


def test_a_student_who_moved_between_windows_is_not_at_two_schools_at_once(flagged):
    rows = ({"test_window": "fall"}, {"test_window": "spring", "school_id": "B"})
    assert flagged(*rows) == [(2, "TWO_SCHOOLS"), (3, "TWO_SCHOOLS")]


def test_the_same_school_number_in_two_districts_is_two_schools(flagged):
    found = flagged({}, {"district_id": "D2"})
    assert only("TWO_SCHOOLS", found) == only("STUDENT_IN_TWO_SCHOOLS", found) == [2, 3]


def test_one_id_with_two_birth_dates_may_be_two_students(flagged):
    born = {"birth_date": dt.date(2013, 1, 2)}
    rows = (born, born | {"subject": "math"}, {"birth_date": dt.date(2012, 5, 6)}, {})
    assert flagged(*rows[:2], {}) == []
    assert only("TWO_STUDENTS_ONE_ID", flagged(*rows)) == [2, 3, 4, 5]


def test_equal_ids_of_two_districts_are_not_held_together(flagged):
    rows = [
        {"birth_date": dt.date(2013, n, 2), "district_id": f"D{n}", "school_year": 2020 + n}
        for n in (1, 2)
    ]
    assert flagged(*rows) == []


def test_a_student_may_be_at_another_school_next_year(flagged):
    assert flagged({}, {"school_year": 2023, "school_id": "B"}) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [("RFEP", "EL"), ("IFEP", "EL"), ("EO", "RFEP"), ("RFEP", "EO"), ("IFEP", "RFEP")],
)
def test_the_later_row_of_an_impossible_history_is_flagged(flagged, before, after):
    assert flagged(year(2021, before), year(2022, after)) == [(3, "EL_HISTORY_IMPOSSIBLE")]


@pytest.mark.parametrize(
    ("before", "after"),
    [("EL", "RFEP"), ("EL", "EL"), ("TBD", "EL"), ("EO", "EL"), ("NOT_EL", "EL"), (None, "EL"),
     ("UNKNOWN", "RFEP")],
)  # fmt: skip
def test_a_possible_history_is_not_flagged(flagged, before, after):
    assert flagged(year(2021, before), year(2022, after)) == []


def test_a_year_without_status_does_not_hide_an_impossible_history(flagged):
    rows = (year(2020, "RFEP"), year(2021, "UNKNOWN"), year(2022, "EL"))
    assert flagged(*rows) == [(4, "EL_HISTORY_IMPOSSIBLE")]


def test_only_the_year_that_contradicts_the_one_before_is_flagged(flagged):
    rows = (year(2020, "RFEP"), year(2021, "EL"), year(2022, "EL"))
    assert flagged(*rows) == [(3, "EL_HISTORY_IMPOSSIBLE")]


def test_the_status_at_the_end_of_the_earlier_year_counts(flagged):
    rows = (
        year(2021, "EL"),
        year(2021, "RFEP", test_date=dt.date(2021, 5, 1), subject="math"),
        year(2022, "RFEP"),
    )
    assert flagged(*rows) == []


def test_histories_reach_into_earlier_years_of_the_lake(flagged):
    assert flagged(year(2022, "EL"), earlier=[year(2021, "RFEP")]) == [(2, "EL_HISTORY_IMPOSSIBLE")]
    assert flagged(year(2022, "EL"), earlier=[year(2023, "RFEP")]) == []


def test_another_student_has_another_history(flagged):
    assert flagged(year(2021, "RFEP"), year(2022, "EL", student_id="S2")) == []


def test_reclassified_is_the_end_of_every_history():
    assert MAY_FOLLOW["RFEP"] == {"RFEP"}
    assert impossible_pairs(["EL"], ["EO", "IFEP", "EL", "RFEP"]) == [("EL", "EO"), ("EL", "IFEP")]
