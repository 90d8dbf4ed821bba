from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.errors import RociError
from warehouse.staging import Staging, amend, split


def rows(*years: int, start: int = 2) -> pa.Table:
    numbers = range(start, start + len(years))
    return pa.table(
        {
            "source_row": pa.array(numbers, pa.int32()),
            "source_record": pa.array([0] * len(years), pa.int16()),
            "school_year": pa.array(years, pa.int32()),
            "subject": pa.array(["ela" if n % 2 else "math" for n in numbers]).dictionary_encode(),
            "flags": pa.nulls(len(years), pa.string()),
        }
    )


def named(*records: tuple[int, int]) -> pa.Table:
    return pa.table(
        {
            "source_row": pa.array([row for row, _ in records], pa.int32()),
            "source_record": pa.array([record for _, record in records], pa.int16()),
        }
    )


def numbers(paths) -> list[int]:
    tables = [pq.read_table(path, partitioning=None) for path in paths]
    return [n for table in tables for n in table.column("source_row").to_pylist()]


def staged(tmp_path, *tables: pa.Table, by=("school_year",)):
    with Staging(tmp_path / "L1", by) as staging:
        for table in tables:
            staging.write(table)
    return staging.close(), staging.rows


def test_rows_are_split_by_partition_across_pieces(tmp_path):
    files, counts = staged(tmp_path, rows(2023, 2024, 2023), rows(2024, 2025, start=5))
    assert {name: numbers(paths) for name, paths in files.items()} == {
        "2023": [2, 4],
        "2024": [3, 5],
        "2025": [6],
    }
    assert counts == {"2023": 2, "2024": 2, "2025": 1}


def test_several_columns_make_one_name(tmp_path):
    files, _ = staged(tmp_path, rows(2023, 2024), by=("school_year", "subject"))
    assert set(files) == {"2023|math", "2024|ela"}


def test_without_partition_columns_everything_is_one_partition(tmp_path):
    files, _ = staged(tmp_path, rows(2023, 2024), by=())
    assert {name: numbers(paths) for name, paths in files.items()} == {"all": [2, 3]}


def test_an_empty_piece_makes_no_partition(tmp_path):
    files, counts = staged(tmp_path, rows())
    assert files == counts == {}


def test_a_partition_column_without_a_value_is_refused(tmp_path):
    table = rows(2023).set_column(2, "school_year", pa.array([None], pa.int32()))
    with pytest.raises(RociError, match="NO_PARTITION"):
        staged(tmp_path, table)


def test_more_partitions_than_open_files_still_hold_every_row(tmp_path, monkeypatch):
    monkeypatch.setattr("warehouse.staging.OPEN_FILES", 2)
    files, _ = staged(tmp_path, rows(1, 2, 3, 4), rows(1, 2, 3, 4, start=6))
    assert {name: sorted(numbers(paths)) for name, paths in files.items()} == {
        "1": [2, 6],
        "2": [3, 7],
        "3": [4, 8],
        "4": [5, 9],
    }


def test_types_that_delta_does_not_know_become_types_that_it_knows(tmp_path):
    table = pa.table(
        {"a": pa.nulls(1), "b": pa.array([1], pa.uint8()), "c": pa.array([1], pa.uint32())}
    )
    files, _ = staged(tmp_path, table, by=())
    schema = pq.read_schema(files["all"][0])
    assert [str(field.type) for field in schema] == ["string", "int32", "int64"]


def test_the_table_that_was_handed_in_is_as_it_was(tmp_path):
    table = rows(2024, 2023)
    before = table.to_pydict()
    staged(tmp_path, table)
    assert table.to_pydict() == before


def test_rows_that_leave_are_gone_and_other_files_are_not_written_again(tmp_path):
    files, _ = staged(tmp_path, rows(2023, 2024, 2023, 2024))
    amended, counts = amend(files, without=named((4, 0)))
    assert numbers(amended["2023"]) == [2]
    assert amended["2024"] == files["2024"]
    assert counts == {"2023": 1, "2024": 2}
    assert numbers(files["2023"]) == [2, 4]


def test_a_partition_that_loses_all_its_rows_is_gone(tmp_path):
    files, _ = staged(tmp_path, rows(2023, 2024))
    amended, counts = amend(files, without=named((2, 0)))
    assert set(amended) == set(counts) == {"2024"}


def test_flags_are_set_in_the_named_rows_only(tmp_path):
    files, _ = staged(tmp_path, rows(2023, 2023, 2023))
    flags = named((3, 0), (99, 0)).append_column("flags", pa.array(["A,B", "C"]))
    amended, counts = amend(files, without=named((2, 0)), flags=flags)
    table = pq.read_table(amended["2023"][0], partitioning=None)
    assert table.select(["source_row", "flags"]).to_pydict() == {
        "source_row": [3, 4],
        "flags": ["A,B", None],
    }
    assert counts == {"2023": 2}


def test_of_a_rows_records_only_the_named_one_leaves_or_is_flagged(tmp_path):
    table = rows(2023, 2023, 2023)
    table = table.set_column(0, "source_row", pa.array([2, 2, 2], pa.int32()))
    table = table.set_column(1, "source_record", pa.array([0, 1, 2], pa.int16()))
    files, _ = staged(tmp_path, table)
    flags = named((2, 2)).append_column("flags", pa.array(["A"]))
    amended, counts = amend(files, without=named((2, 0)), flags=flags)
    left = pq.read_table(amended["2023"][0], partitioning=None)
    assert left.select(["source_record", "flags"]).to_pylist() == [
        {"source_record": 1, "flags": None},
        {"source_record": 2, "flags": "A"},
    ]
    assert counts == {"2023": 2}


def test_an_amended_file_keeps_all_row_groups_and_columns(tmp_path, monkeypatch):
    monkeypatch.setattr("warehouse.staging.ROW_GROUP", 2)
    files, _ = staged(tmp_path, rows(*[2023] * 7))
    amended, _ = amend(files, without=named((5, 0)))
    before = pq.read_table(files["2023"][0], partitioning=None)
    after = pq.read_table(amended["2023"][0], partitioning=None)
    assert after.to_pylist() == [row for row in before.to_pylist() if row["source_row"] != 5]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["a", "b"])), max_size=30))
def test_splitting_loses_and_doubles_no_row_and_keeps_their_order(pairs):
    table = pa.table(
        {
            "n": pa.array(range(len(pairs)), pa.int64()),
            "x": pa.array([x for x, _ in pairs], pa.int32()),
            "y": pa.array([y for _, y in pairs], pa.string()),
        }
    )
    expected: dict[str, list[int]] = {}
    for n, (x, y) in enumerate(pairs):
        expected.setdefault(f"{x}|{y}", []).append(n)
    found: dict[str, list[int]] = {}
    for name, part in split(table, ("x", "y")):
        found.setdefault(name, []).extend(part.column("n").to_pylist())
    assert found == expected
