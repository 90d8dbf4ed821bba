"""A lake written before a column existed is read with that column, null."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from flows.context import open_context
from flows.stages.lake_relations import relate_lake


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
