"""A ledger's rows in another database, whichever kind each of the two is."""

from __future__ import annotations

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.database import Database

ROWS_AT_ONCE = 5_000
# What a ledger has from its first day on, used or not.
ALWAYS_THERE = {tables.ledger_version.name}


def copy_ledger(old: Database, new: Database) -> bool:
    """Fill an empty ledger with another's rows, in one transaction; return whether it was empty.

    Both have today's tables. What is written to `old` meanwhile is not seen.
    """
    with old.read("ledger") as reader, new.write("ledger") as writer:
        if not _is_empty(writer):
            return False
        for table in tables.metadata.sorted_tables:
            if table.name not in ALWAYS_THERE:
                _copy_table(table, reader, writer)
        if new.url is not None:
            _count_on(writer)
    return True


def is_empty(database: Database) -> bool:
    """Return whether a ledger has no row in any table."""
    with database.read("ledger") as connection:
        return _is_empty(connection)


def _is_empty(connection: sa.Connection) -> bool:
    asked = (
        sa.select(sa.literal(1)).select_from(table).limit(1)
        for table in tables.metadata.sorted_tables
        if table.name not in ALWAYS_THERE
    )
    return all(connection.execute(one).first() is None for one in asked)


def _copy_table(table: sa.Table, reader: sa.Connection, writer: sa.Connection) -> None:
    query = sa.select(table).order_by(*table.primary_key.columns)
    rows = reader.execution_options(yield_per=ROWS_AT_ONCE).execute(query)
    for part in rows.mappings().partitions():
        writer.execute(table.insert(), [dict(row) for row in part])


def _count_on(writer: sa.Connection) -> None:
    """Let PostgreSQL number the next row after the last that was copied."""
    for table in tables.metadata.sorted_tables:
        column = table.autoincrement_column
        if column is None or not isinstance(column.type, sa.Integer):
            continue
        last = writer.scalar(sa.select(sa.func.max(column)))
        if last is not None:
            told = {"place": f"ledger.{table.name}", "name": column.name, "last": last}
            writer.execute(
                sa.text("SELECT setval(pg_get_serial_sequence(:place, :name), :last)"), told
            )
