from __future__ import annotations

import datetime as dt

import duckdb
import pyarrow as pa
import pytest

from validation.el_history import impossible_records_sql


def flagged(*rows):
    """Flag records of (status, first day), all of one student unless one is named."""
    table = pa.Table.from_pylist([
        {"source_row": number, "district_id": "D", "student_id": (*row, "S")[2],
         "record_kind": "EL_STATUS", "el_status": row[0],
         "begin_date": dt.date.fromisoformat(row[1]) if row[1] else None}
        for number, row in enumerate(rows, start=2)
    ])  # fmt: skip
    with duckdb.connect() as con:
        con.register("records", table)
        return [row for (row,) in con.execute(impossible_records_sql("records", "source_row"))
                .fetchall()]  # fmt: skip


@pytest.mark.parametrize("before, after, bad", [
    ("TBD", "EL", False), ("EL", "RFEP", False), ("EL", "ADEL", False), ("EO", "TBD", False),
    ("EL", "EL", False), ("RFEP", "RFEP", False),
    ("RFEP", "EL", True), ("EL", "TBD", True), ("EL", "EO", True), ("EL", "IFEP", True),
    ("IFEP", "EL", True), ("IFEP", "EO", True), ("EO", "EL", True), ("TBD", "RFEP", True),
    ("ADEL", "RFEP", True), ("IFEP", "RFEP", True)])  # fmt: skip
def test_a_status_follows_the_one_before_as_calpads_lists_it(before, after, bad):
    assert flagged((before, "2020-09-01"), (after, "2021-09-01")) == ([3] if bad else [])


@pytest.mark.parametrize("day, bad", [("2018-06-30", False), ("2018-07-01", True)])
def test_an_english_only_student_became_a_learner_without_correction_until_2018(day, bad):
    assert flagged(("EO", "2016-09-01"), ("EL", day)) == ([3] if bad else [])


def test_records_are_judged_in_the_order_of_their_days():
    assert flagged(("RFEP", "2022-05-01"), ("EL", "2018-09-01"), ("TBD", "2018-08-15")) == []


def test_a_first_record_and_another_student_are_not_judged():
    assert flagged(("RFEP", "2020-09-01"), ("EL", "2021-09-01", "S2")) == []


def test_a_record_without_a_day_says_nothing():
    assert flagged(("RFEP", "2020-09-01"), ("EL", "")) == []
