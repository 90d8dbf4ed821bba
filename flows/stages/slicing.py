"""The staged rows of a load as a relation, and which slices of the marts they belong to."""

from __future__ import annotations

import duckdb

from flows.slices import slice_name
from transforms.cell_plan import quoted
from warehouse.lake import path_literal
from warehouse.staging import StagedFiles


def slices_of(con: duckdb.DuckDBPyConnection, relation: str, table: str) -> dict[str, list[str]]:
    """Return the slices of each partition: assessment and school year, or the school year alone.

    Args:
        con: where `relation` is known.
        relation: the load's rows with their `partition`.
        table: the lake table that they go to.
    """
    columns = "assessment, school_year" if table == "student_result" else "'', school_year"
    rows = con.execute(f"SELECT DISTINCT partition, {columns} FROM {relation} ORDER BY ALL")
    slices: dict[str, list[str]] = {}
    for partition, assessment, year in rows.fetchall():
        name = slice_name(assessment, year) if assessment else str(year)
        slices.setdefault(partition, []).append(name)
    return slices


def view(con: duckdb.DuckDBPyConnection, name: str, files: StagedFiles) -> None:
    """Make a view over staged files, with column `partition`."""
    selects = [
        f"SELECT *, {quoted(partition)} AS partition FROM read_parquet("
        + "["
        + ", ".join(map(path_literal, paths))
        + "], hive_partitioning = false)"
        for partition, paths in files.items()
    ]
    con.execute(f"CREATE OR REPLACE VIEW {name} AS " + " UNION ALL BY NAME ".join(selects))
