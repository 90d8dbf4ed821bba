"""Rows of students, districts and years that were forgotten are set aside, whoever sends them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from flows.context import Context
from flows.stages.rows import RowTally, StagedRows
from flows.stages.slicing import view
from transforms.cell_plan import quoted
from transforms.faults import FAULTS
from warehouse.forgotten import Barred
from warehouse.lake_forgetting import ID_COLUMNS
from warehouse.staging import amend, record_keys

FORGOTTEN = "FORGOTTEN"
_RECORD = "source_row, source_record"
_WORD = re.compile(r"[0-9A-Za-z]+")


def without_forgotten(
    context: Context, staged: StagedRows, con: duckdb.DuckDBPyConnection
) -> StagedRows:
    """Return the staged rows less those of students, districts and years that were forgotten.

    They are set aside under FORGOTTEN, and counted.
    """
    if not staged.files:
        return staged
    leaving = _leaving(context, staged, con)
    if leaving is None or not leaving.num_rows:
        return staged
    files, rows = amend(staged.files, leaving)
    before = staged.tally
    count = leaving.num_rows
    faults = leaving.select(["source_row"]).append_column(
        "code", pa.repeat(pa.scalar(FORGOTTEN), count)
    )
    faults = faults.append_column("field", pa.nulls(count, pa.string())).cast(FAULTS)
    tally: RowTally = replace(
        before,
        staged=before.staged - count,
        aside=before.aside + count,
        set_aside=[*before.set_aside, faults],
        forgotten=count,
        flags=[_staying(flags, leaving) for flags in before.flags],
    )
    return StagedRows(files, rows, tally)


def without_forgotten_cells(context: Context, table: pa.Table, district_id: str | None) -> pa.Table:
    """Return rejected rows as they stand in their file, less those that name a forgotten student.

    Their ids are looked for in every cell, under the file's district and under every district in
    which a student has been forgotten.
    """
    digests = context.forgotten.digests()
    if not digests:
        return table
    districts = {*context.forgotten.districts_of_students(), *filter(None, [district_id])}
    staying = pa.array(np.ones(table.num_rows, dtype=bool))
    for column in table.columns:
        if not pa.types.is_string(column.type):
            continue
        # Most columns have few different values.
        cells = pc.unique(column).drop_null().to_pylist()
        met = [one for one in cells if _is_forgotten(context, one, districts, digests)]
        met_here = pc.is_in(column, value_set=pa.array(met, pa.string())).combine_chunks()
        staying = pc.and_not(staying, met_here)
    return table.filter(staying)


def _is_forgotten(
    context: Context, cell: str, districts: Iterable[str], digests: frozenset[str]
) -> bool:
    """Return whether a cell is, or holds as a word, an id of a forgotten student."""
    words = {cell, *_WORD.findall(cell)}  # a line that did not part into columns is one cell
    return any(
        context.forgotten.digest(district, word) in digests
        for district in districts
        for word in words
    )


def _leaving(
    context: Context, staged: StagedRows, con: duckdb.DuckDBPyConnection
) -> pa.Table | None:
    """Return `source_row` and `source_record` of the staged rows that are not wanted any more."""
    store = context.forgotten
    barred, digests = store.barred(), store.digests()
    if not barred and not digests:
        return None
    view(con, "arriving", staged.files)
    columns = {name for name, *_ in con.execute("DESCRIBE arriving").fetchall()}
    ids = [name for name in ID_COLUMNS if name in columns]
    # A directory of schools and published figures are of nobody.
    if not ids or "district_id" not in columns:
        return None
    tests = [_barred_sql(one) for one in barred]
    for name in ids if digests else ():
        tests.append(_of_students(context, con, name, digests))
    return con.sql(f"SELECT {_RECORD} FROM arriving WHERE {' OR '.join(tests)}").to_arrow_table()


def _barred_sql(barred: Barred) -> str:
    tests = [
        *([f"district_id = {quoted(barred.district_id)}"] if barred.district_id else []),
        *([f"school_year = {barred.school_year}"] if barred.school_year else []),
    ]
    return f"({' AND '.join(tests)})"


def _of_students(
    context: Context, con: duckdb.DuckDBPyConnection, column: str, digests: frozenset[str]
) -> str:
    """Make a table of the forgotten ids that arrive in a column; return the test of their rows."""
    pairs = con.execute(
        f"SELECT DISTINCT district_id, {column} FROM arriving "
        f"WHERE district_id IS NOT NULL AND {column} IS NOT NULL"
    ).fetchall()
    met = [pair for pair in pairs if context.forgotten.digest(*pair) in digests]
    table = pa.table(
        {
            "district_id": pa.array([district for district, _ in met], pa.string()),
            "id": pa.array([one for _, one in met], pa.string()),
        }
    )
    con.register(f"forgotten_{column}", table)
    return f"(district_id, {column}) IN (SELECT (district_id, id) FROM forgotten_{column})"


def _staying(flags: pa.Table, leaving: pa.Table) -> pa.Table:
    """Return the flags of records that do not leave."""
    return flags.filter(pc.invert(pc.is_in(record_keys(flags), value_set=record_keys(leaving))))
