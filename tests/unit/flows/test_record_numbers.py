import duckdb
import numpy as np
import pyarrow as pa

from flows.stages.records import RecordNumbers
from flows.stages.rows import flag_texts, with_flags
from transforms.faults import FAULTS, FLAGS, all_flags, fault_table, flag_table


def records(*pairs):
    return pa.table(
        {
            "source_row": pa.array([row for row, _ in pairs], pa.int32()),
            "source_record": pa.array([record for _, record in pairs], pa.int16()),
        }
    )


THREE = records((2, 0), (2, 1), (3, 0))


def test_each_record_has_a_number_of_its_own_and_is_found_again_by_it():
    numbers = RecordNumbers.of(THREE)
    numbered = numbers.numbered(THREE)["source_row"]
    assert len(set(numbered.to_pylist())) == 3
    found = numbers.flags(fault_table(numbered.to_numpy(), "TWO_SCHOOLS", None))
    assert found.schema == FLAGS
    assert found.select(["source_row", "source_record"]).equals(THREE)


def test_where_rows_make_one_record_the_number_is_the_rows():
    one = records((2, 0), (5, 0))
    assert RecordNumbers.of(one).numbered(one) is one
    assert RecordNumbers.of(records()).most == 1


def test_a_relation_is_numbered_like_a_table():
    numbers = RecordNumbers.of(THREE)
    with duckdb.connect() as con:
        con.register("staged", THREE)
        assert RecordNumbers.of_relation(con, "staged") == numbers
        name = numbers.numbered_view(con, "staged")
        found = con.execute(f"SELECT source_row FROM {name}").fetchall()
    assert [row for (row,) in found] == numbers.numbered(THREE)["source_row"].to_pylist()


def test_a_fault_of_a_row_is_known_of_each_record_and_told_of_the_row():
    numbers = RecordNumbers.of(THREE)
    known = numbers.of_every_record(fault_table([2], "NOT_A_NUMBER", "scale_score"))
    assert known["source_row"].to_pylist() == numbers.numbered(THREE)["source_row"].to_pylist()[:2]
    told = numbers.rejects(known)
    assert told.schema == FAULTS
    assert told["source_row"].to_pylist() == [2, 2]


def test_a_flag_is_of_the_one_record_that_earned_it():
    flags = flag_table(np.array([2, 3]), np.array([1, 0]), "TWO_SCHOOLS", None)
    more = flag_table(np.array([2]), np.array([1]), "LOST_ZERO_REPAIRED", "student_id")
    flagged = with_flags(THREE, all_flags([flags, more]))
    both = "LOST_ZERO_REPAIRED,TWO_SCHOOLS"
    assert flagged["flags"].to_pylist() == [None, both, "TWO_SCHOOLS"]
    assert flag_texts(flags)["source_record"].to_pylist() == [1, 0]


LAST_SHEET = 1_990_000_002


def test_rows_of_a_late_sheet_keep_their_numbers_however_many_records_they_make():
    late = records((LAST_SHEET, 0), (LAST_SHEET, 23), (LAST_SHEET + 1, 0))
    numbers = RecordNumbers.of(late)
    found = numbers.flags(fault_table(numbers.numbered(late)["source_row"], "TWO_SCHOOLS", None))
    assert found.select(["source_row", "source_record"]).equals(late)
    known = numbers.of_every_record(fault_table([LAST_SHEET - 5], "ROW_WIDTH", None))
    assert set(numbers.rejects(known)["source_row"].to_pylist()) == {LAST_SHEET - 5}


def test_records_of_sheets_far_apart_are_numbered_by_the_places_of_their_rows():
    sheets = records((2, 0), (2, 23), (LAST_SHEET, 0), (LAST_SHEET, 1))
    with duckdb.connect() as con:
        con.register("staged", sheets)
        numbers = RecordNumbers.of_relation(con, "staged")
        name = numbers.numbered_view(con, "staged")
        found = con.sql(f"SELECT source_row, 'A' AS code, '' AS field FROM {name}").to_arrow_table()
    told = numbers.flags(found).sort_by(
        [("source_row", "ascending"), ("source_record", "ascending")]
    )
    assert told.select(["source_row", "source_record"]).equals(sheets)
