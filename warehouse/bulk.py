"""Many rows into one table at the speed of the driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa


def insert_rows(
    connection: sa.Connection, table: sa.Table, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert tuples in the order of the table's columns, in the connection's transaction."""
    if not rows:
        return
    # By name: in a table that was migrated, columns stand in another order.
    columns = ", ".join(quoted(column.name) for column in table.columns)
    if connection.dialect.name == "postgresql":
        statement = f"COPY {qualified(connection, table.name)} ({columns}) FROM STDIN"
        with postgres_cursor(connection) as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
        return
    marks = ", ".join("?" * len(table.columns))
    sqlite_cursor(connection).executemany(
        f"INSERT INTO {quoted(table.name)} ({columns}) VALUES ({marks})", rows
    )


def postgres_cursor(connection: sa.Connection) -> Any:
    """Return a psycopg cursor in the connection's transaction."""
    connection.execute(sa.text("SELECT 1"))  # the transaction begins with the first statement
    return connection.connection.driver_connection.cursor()  # type: ignore[union-attr]


def sqlite_cursor(connection: sa.Connection) -> Any:
    """Return an sqlite3 cursor in the connection's transaction."""
    return connection.connection.cursor()


def qualified(connection: sa.Connection, name: str) -> str:
    """Return a table's quoted name with the schema of the connection's area."""
    schemas = connection.get_execution_options().get("schema_translate_map") or {}
    schema = schemas.get(None)
    return f"{quoted(schema)}.{quoted(name)}" if schema else quoted(name)


def quoted(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
