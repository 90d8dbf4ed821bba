import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.source_models import FieldSource, Layout, Repeat, Source
from transforms.repeats import RESOLVED, resolve

NAMES = ["student_id", "school_year", "test_date", "scale_score"]


def a_source(order=None):
    repeat = Repeat(order=order, reason="-") if order else None
    return Source(
        name="example",
        title="-",
        publisher="-",
        citation="-",
        table="student_result",
        file_names=["*"],
        layouts=[Layout(name="only", citation="-", header=["a"])],
        fields={"student_id": FieldSource(column="a")},
        grain=["student_id", "school_year"],
        partition=["school_year"],
        repeat=repeat,
    )


def leaving(rows, order=None):
    """source_row -> code, of rows (student_id, school_year, test_date, scale_score)."""
    columns = list(zip(*rows, strict=True))
    load = pa.table({name: list(values) for name, values in zip(NAMES, columns, strict=True)})
    load = load.append_column("source_row", pa.array(range(2, len(rows) + 2), pa.int32()))
    load = load.append_column("source_record", pa.array([0] * len(rows), pa.int16()))
    with duckdb.connect() as con:
        con.register("load", load)
        found = resolve(con, "load", a_source(order))
    assert found.schema == RESOLVED
    return dict(zip(found["source_row"].to_pylist(), found["code"].to_pylist(), strict=True))


def test_rows_of_different_grain_all_stay():
    assert leaving([("A", 2024, "d", 1), ("A", 2023, "d", 1), ("B", 2024, "d", 1)]) == {}


def test_of_rows_alike_in_all_fields_the_first_stays():
    assert leaving([("A", 2024, "d", 1)] * 3) == {3: "DUPLICATE_EXACT", 4: "DUPLICATE_EXACT"}


def test_rows_that_differ_under_one_grain_are_all_in_conflict():
    assert leaving([("A", 2024, "d", 1), ("A", 2024, "d", 2), ("B", 2024, "d", 1)]) == {
        2: "DUPLICATE_CONFLICT",
        3: "DUPLICATE_CONFLICT",
    }


def test_an_exact_copy_of_a_row_in_conflict_is_a_copy():
    rows = [("A", 2024, "d", 1), ("A", 2024, "d", 2), ("A", 2024, "d", 1)]
    assert leaving(rows) == {
        2: "DUPLICATE_CONFLICT",
        3: "DUPLICATE_CONFLICT",
        4: "DUPLICATE_EXACT",
    }


def test_the_sources_rule_keeps_the_row_that_is_highest_in_its_fields_in_turn():
    rows = [("A", 2024, "01-02", 5), ("A", 2024, "01-09", 3), ("A", 2024, "01-09", 4)]
    assert leaving(rows, ["test_date", "scale_score"]) == {
        2: "REPEATED_TEST",
        3: "REPEATED_TEST",
    }


def test_a_row_without_the_value_that_decides_is_not_kept():
    assert leaving([("A", 2024, "d", None), ("A", 2024, "d", 1)], ["scale_score"]) == {
        2: "REPEATED_TEST"
    }


def test_the_later_row_of_the_file_breaks_the_last_tie():
    assert leaving([("A", 2024, "d", 1), ("A", 2024, "e", 1)], ["scale_score"]) == {
        2: "REPEATED_TEST"
    }


def test_nulls_in_the_grain_are_equal():
    assert leaving([("A", None, "d", 1), ("A", None, "d", 2)]) == {
        2: "DUPLICATE_CONFLICT",
        3: "DUPLICATE_CONFLICT",
    }


def test_a_load_without_rows_has_no_repeats():
    schema = pa.schema(
        [
            ("student_id", pa.string()),
            ("school_year", pa.int32()),
            ("source_row", pa.int32()),
            ("source_record", pa.int16()),
        ]
    )
    with duckdb.connect() as con:
        con.register("load", schema.empty_table())
        assert resolve(con, "load", a_source()).num_rows == 0


def leaving_records(records, order=None):
    """(source_row, source_record) -> code, of records (row, record, student_id, scale_score)."""
    columns = list(zip(*records, strict=True))
    load = pa.table(
        {
            "source_row": pa.array(columns[0], pa.int32()),
            "source_record": pa.array(columns[1], pa.int16()),
            "student_id": list(columns[2]),
            "school_year": pa.array([2024] * len(records), pa.int32()),
            "scale_score": list(columns[3]),
        }
    )
    with duckdb.connect() as con:
        con.register("load", load)
        found = resolve(con, "load", a_source(order)).to_pylist()
    return {(one["source_row"], one["source_record"]): one["code"] for one in found}


def test_a_record_in_conflict_takes_its_whole_row_along():
    records = [(2, 0, "A", 1), (2, 1, "B", 1), (3, 0, "A", 2), (4, 0, "C", 1)]
    assert leaving_records(records) == {
        (2, 0): "DUPLICATE_CONFLICT",
        (2, 1): "DUPLICATE_CONFLICT",
        (3, 0): "DUPLICATE_CONFLICT",
    }


def test_a_repeated_record_leaves_without_its_row():
    records = [(2, 0, "A", 1), (2, 1, "B", 1), (3, 0, "A", 2)]
    assert leaving_records(records, ["scale_score"]) == {(2, 0): "REPEATED_TEST"}


def test_two_records_of_one_row_that_are_alike_count_once():
    assert leaving_records([(2, 0, "A", 1), (2, 1, "A", 1)]) == {(2, 1): "DUPLICATE_EXACT"}


def test_the_copy_of_a_record_whose_row_is_rejected_takes_its_place():
    records = [(2, 0, "A", 1), (2, 1, "B", 1), (3, 0, "A", 2), (4, 0, "B", 1)]
    assert (4, 0) not in leaving_records(records)


def test_the_copy_of_a_record_in_conflict_does_not_take_its_place():
    records = [(2, 0, "A", 1), (3, 0, "A", 2), (4, 0, "A", 1)]
    assert leaving_records(records)[4, 0] == "DUPLICATE_EXACT"


ROWS = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from([2023, 2024]),
        st.sampled_from("de"),
        st.sampled_from([1, 2, None]),
    ),
    min_size=1,
    max_size=12,
)


@pytest.mark.parametrize("order", [None, ["scale_score"]])
@settings(max_examples=25, deadline=None)
@given(rows=ROWS)
def test_what_stays_has_one_row_a_grain_and_only_conflicts_lose_a_grain(order, rows):
    gone = leaving(rows, order)
    stays = [row[:2] for at, row in enumerate(rows, start=2) if at not in gone]
    assert len(stays) == len(set(stays))
    lost = {row[:2] for row in rows} - set(stays)
    in_conflict = {rows[at - 2][:2] for at, code in gone.items() if code == "DUPLICATE_CONFLICT"}
    assert lost == in_conflict


def test_who_has_a_result_counts_before_who_has_none_though_the_latter_is_later():
    load = pa.table(
        {
            "student_id": ["A", "A", "A"],
            "school_year": [2024, 2024, 2024],
            "test_date": ["d1", "d2", "d3"],
            "participation": ["TESTED", "TESTED", "TESTED_NO_SCORE"],
            "source_row": pa.array([2, 3, 4], pa.int32()),
            "source_record": pa.array([0, 0, 0], pa.int16()),
        }
    )
    with duckdb.connect() as con:
        con.register("load", load)
        found = resolve(con, "load", a_source(["participation", "test_date"]))
    assert found["source_row"].to_pylist() == [2, 4]
