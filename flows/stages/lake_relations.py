"""The tables of the lake as relations of DuckDB, whole in columns whatever files they are of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import duckdb

from flows.context import Context
from transforms.encode import typed_schema
from warehouse.lake import scan_sql

if TYPE_CHECKING:
    import pyarrow as pa


def relate_lake(
    context: Context,
    con: duckdb.DuckDBPyConnection,
    name: str,
    table: str,
    files: Iterable[str] | None = None,
) -> None:
    """Make a view of a lake table, or of these files of it; without rows where there are none.

    A column that fields.yml has gained since the files were written is null in it.
    """
    scan = scan_sql(context.lake.files(table) if files is None else files)
    con.register(f"{name}_fields", empty_table(context, table))
    rows = f"SELECT * FROM {name}_fields"
    if scan is not None:
        had = {column for column, *_ in con.execute(f"DESCRIBE FROM {scan}").fetchall()}
        wanted = {column for column, *_ in con.execute(f"DESCRIBE {name}_fields").fetchall()}
        later = f" UNION ALL BY NAME {rows}" if wanted - had else ""
        rows = f"SELECT * FROM {scan}{later}"
    con.execute(f"CREATE OR REPLACE VIEW {name} AS {rows}")


def empty_table(context: Context, table: str) -> pa.Table:
    """Return a lake table that has never been written: its columns and no rows."""
    import pyarrow as pa

    schema = typed_schema(table, context.catalogue)
    plain = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in schema
    ]
    extra = [pa.field(name, pa.string()) for name in ("flags", "source", "partition")]
    return pa.schema([*plain, *extra]).empty_table()
