"""A lake written before a column existed is read with that column, null."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from flows.context import open_context
from flows.stages.lake_relations import empty_table, relate_lake

# Columns of student_result that lakes of older releases do not have.
LATER = ("migrant_status", "lunch_status", "race_scheme", "us_school_date")


@pytest.fixture
def context(workspace_home: Path):
    opened = open_context()
    yield opened
    opened.database.close()


def test_a_column_that_the_files_lack_is_null(context, tmp_path):
    folder = tmp_path / "source=a" / "partition=2024%7CD1"
    folder.mkdir(parents=True)
    with duckdb.connect() as con:
        con.execute(
            f"COPY (SELECT 2024 AS school_year, '007' AS student_id) TO '{folder / 'x.parquet'}'"
        )
        relate_lake(context, con, "roster", "student_roster", [str(folder / "x.parquet")])
        found = con.execute(
            "SELECT school_year, student_id, record_kind, begin_date, partition FROM roster"
        ).fetchall()
    assert found == [(2024, "007", None, None, "2024|D1")]


def test_a_table_that_was_never_written_has_columns_and_no_rows(context):
    with duckdb.connect() as con:
        relate_lake(context, con, "roster", "student_roster")
        relation = con.sql("SELECT * FROM roster")
        assert {"student_id", "record_kind", "source", "partition"} <= set(relation.columns)
        assert relation.fetchall() == []


def one_result(context, student_id, left_out=(), **stated):
    """A row of student_result without some of today's columns."""
    columns = empty_table(context, "student_result").drop_columns(
        [*left_out, "source", "partition"]
    )
    row = {"student_id": student_id, **stated}
    return columns.from_pylist([row], schema=columns.schema)


def test_a_lake_without_todays_columns_takes_in_a_load_that_has_them(context, tmp_path):
    """Neither must the older load be done again, nor does its silence become a no."""
    loads = {
        "2023": one_result(context, "007", left_out=LATER),
        "2024": one_result(context, "008", migrant_status="MIGRANT"),
    }
    for partition, table in loads.items():
        path = tmp_path / f"{partition}.parquet"
        pq.write_table(table, path)
        context.lake.replace("student_result", "invented", {partition: [path]}, f"L{partition}")
    with duckdb.connect() as con:
        relate_lake(context, con, "results", "student_result")
        found = con.execute(
            f"SELECT student_id, {', '.join(LATER)} FROM results ORDER BY student_id"
        ).fetchall()
    assert found == [("007", None, None, None, None), ("008", "MIGRANT", None, None, None)]
    with duckdb.connect() as con:
        older = context.lake.files("student_result", "invented", ["2023"])
        relate_lake(context, con, "results", "student_result", older)
        assert con.execute(f"SELECT {', '.join(LATER)} FROM results").fetchall() == [(None,) * 4]
