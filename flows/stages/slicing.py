"""Which slices of the marts each partition of a load has rows of."""

from __future__ import annotations

import duckdb

from flows.slices import slice_name


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
