"""Marts as an SQLite file: a new file is made beside the old one and takes its place whole."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from warehouse.bulk import quoted
from warehouse.database import told_plainly
from warehouse.files import flush
from warehouse.mart_tables import (
    AreaChange,
    MartTable,
    missing_columns,
    plain,
    repeated_key,
    sql_type,
)
from warehouse.published import PUBLICATION_TABLE, Imprint

if TYPE_CHECKING:
    from adbc_driver_manager.dbapi import Cursor

# Nobody reads a file before it is whole, and one that is not is thrown away.
QUICK = (
    f"page_size = {16 * 1024}",
    "journal_mode = OFF",
    "synchronous = OFF",
    f"cache_size = -{64 * 1024}",
    "temp_store = FILE",
)


def build_file(current: Path, change: AreaChange, work: Path) -> Path:
    """Return a new file in `work` that holds the area as it is to be; `current` stays as it is.

    Nobody reads the new file before it takes the place of the old one, so that it can be written
    without a journal; it is flushed to the disk before it is handed out.
    """
    work.mkdir(parents=True, exist_ok=True)
    target = work / f"{current.name}.{uuid4().hex}"
    try:
        with told_plainly(f"SQLite {target}"):
            with _quick_connection(target) as connection:
                if current.exists() and _needs_old_rows(change):
                    _copy(current, connection)
                _drop_others(connection, change)
                fresh = [table for table in change.tables if _make_room(connection, table)]
            _fill(target, change.tables)
            with _quick_connection(target) as connection:
                for table in fresh:
                    _create_indexes(connection, table)
                _write_publication(connection, change.imprint)
        flush(target)
        return target
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def put_file_in_place(new: Path, current: Path, mode: int) -> None:
    """Let the new file be the area from now on; readers of the old one read on undisturbed."""
    if not new.exists():
        return
    new.chmod(mode)
    current.parent.mkdir(parents=True, exist_ok=True)
    for ending in ("-wal", "-shm", "-journal"):
        # A tool may have switched the old file to another journal; it must not meet the new file.
        current.with_name(current.name + ending).unlink(missing_ok=True)
    new.replace(current)
    flush(current.parent)


def table_names(connection: sqlite3.Connection) -> set[str]:
    """Return the names of the tables."""
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {name for (name,) in connection.execute(query)}


@contextmanager
def _quick_connection(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.exists():
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for pragma in QUICK:
            connection.execute(f"PRAGMA {pragma}")
        yield connection


def _needs_old_rows(change: AreaChange) -> bool:
    return bool(change.kept) or any(table.slices is not None for table in change.tables)


def _copy(current: Path, connection: sqlite3.Connection) -> None:
    with closing(sqlite3.connect(f"{current.absolute().as_uri()}?mode=ro", uri=True)) as old:
        old.backup(connection)
    connection.execute("PRAGMA journal_mode = OFF")


def _drop_others(connection: sqlite3.Connection, change: AreaChange) -> None:
    replaced = {table.name for table in change.tables if table.slices is None}
    for name in table_names(connection):
        if name in replaced or name not in change.names:
            connection.execute(f"DROP TABLE {quoted(name)}")


def _make_room(connection: sqlite3.Connection, table: MartTable) -> bool:
    """Return whether the table was made anew; where it was there, its changed slices are gone."""
    if table.name in table_names(connection):
        _delete_slices(connection, table)
        return False
    columns = [f"{quoted(f.name)} {sql_type(f.type, 'sqlite')}" for f in table.schema]
    if table.is_clustered:
        # The rows themselves lie in the order of the key: no index repeats it.
        key = ", ".join(map(quoted, table.clustered_key))
        told = f"({', '.join(columns)}, PRIMARY KEY ({key})) WITHOUT ROWID"
    else:
        told = f"({', '.join(columns)})"
    connection.execute(f"CREATE TABLE {quoted(table.name)} {told}")
    return True


def _delete_slices(connection: sqlite3.Connection, table: MartTable) -> None:
    query = f"SELECT name FROM pragma_table_info({_text(table.name)})"
    had = [name for (name,) in connection.execute(query)]
    if had != table.columns:
        raise missing_columns(table, had)
    for values in table.slices or ():
        condition = " AND ".join(f"{quoted(name)} = ?" for name in values)
        connection.execute(
            f"DELETE FROM {quoted(table.name)} WHERE {condition}", tuple(values.values())
        )


def _fill(path: Path, tables: Sequence[MartTable]) -> None:
    """Write the rows of each table, batch by batch, at the speed of the driver."""
    from adbc_driver_sqlite import dbapi  # brings PyArrow's readers: only where rows are written

    with dbapi.connect(str(path), autocommit=True) as connection, connection.cursor() as cursor:
        for pragma in QUICK:
            cursor.execute(f"PRAGMA {pragma}")
        for table in tables:
            table.require_rows(_ingest(cursor, table))


def _ingest(cursor: Cursor, table: MartTable) -> int:
    from adbc_driver_manager import Error

    try:
        return sum(
            cursor.adbc_ingest(table.name, plain(batch), mode="append") for batch in table.batches()
        )
    except Error as error:  # the driver tells its faults apart by SQLite's words alone
        if "UNIQUE constraint failed" in str(error):
            raise repeated_key(table) from error
        raise sqlite3.OperationalError(_in_words(error)) from error


def _in_words(error: Exception) -> str:
    """Return what the driver says; where SQLite ended a write by itself, it tells only of that."""
    words = str(error).partition("\n")[0]
    if "no transaction is active" in words:
        return "SQLite broke the write off, as it does where the disk is full"
    return words


def _create_indexes(connection: sqlite3.Connection, table: MartTable) -> None:
    name = quoted(table.name)
    try:
        if table.key and not table.is_clustered:
            key = ", ".join(map(quoted, table.key))
            index = quoted(f"{table.name}__key")
            connection.execute(f"CREATE UNIQUE INDEX {index} ON {name} ({key})")
        if table.analyst_index and not table.is_clustered:
            columns = ", ".join(map(quoted, table.analyst_index))
            index = quoted(f"{table.name}__analyst")
            connection.execute(f"CREATE INDEX {index} ON {name} ({columns})")
    except sqlite3.IntegrityError as error:
        raise repeated_key(table) from error


def _write_publication(connection: sqlite3.Connection, imprint: Imprint) -> None:
    told = imprint.as_record()
    columns = ", ".join(f"{name} TEXT NOT NULL" for name in told)
    connection.execute(f"DROP TABLE IF EXISTS {PUBLICATION_TABLE}")
    connection.execute(f"CREATE TABLE {PUBLICATION_TABLE} ({columns})")
    marks = ", ".join("?" * len(told))
    connection.execute(f"INSERT INTO {PUBLICATION_TABLE} VALUES ({marks})", tuple(told.values()))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
