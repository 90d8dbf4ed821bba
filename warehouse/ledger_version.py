"""Which version of its tables a ledger has, and how an earlier one becomes today's."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from configs.errors import InfrastructureError
from warehouse import ledger_tables as tables
from warehouse.database import Database, one_at_a_time, told_plainly
from warehouse.locks import lock
from warehouse.workspace import PRIVATE_FILE

log = logging.getLogger("roci.ledger")

# Raised by one whenever a table of the ledger changes, with a step in warehouse/migrations; a test
# holds the three together.
LEDGER_VERSION = 4
FIRST = 1
WAIT_SECONDS = 3600


@dataclass(frozen=True)
class Migrated:
    """A ledger that has been brought to today's version. `copy`: the one before, where it is kept.

    >>> str(Migrated(1, 3, None))
    'the ledger was migrated from version 1 to 3'
    """

    before: int
    now: int
    copy: Path | None

    def __str__(self) -> str:
        kept = f"; as it was before: {self.copy}" if self.copy else ""
        return f"the ledger was migrated from version {self.before} to {self.now}{kept}"


def make(connection: sa.Connection) -> None:
    """Create the ledger's tables and note their version."""
    tables.metadata.create_all(connection)
    connection.execute(tables.ledger_version.insert(), {"version": LEDGER_VERSION})


def version_of(connection: sa.Connection, database: Database) -> int | None:
    """Return which version of the tables is there; null where there are none.

    Raises:
        InfrastructureError: a later version than this roci knows, or none that can be told
            (LEDGER_VERSION).
    """
    inspector, schema = sa.inspect(connection), database.schema("ledger")
    names = set(inspector.get_table_names(schema))
    if not names & set(tables.metadata.tables):
        return None
    if tables.ledger_version.name in names:
        version = connection.scalar(sa.select(tables.ledger_version.c.version))
    else:
        version = FIRST if _is_first(inspector, schema, names) else None
    if version is None or version > LEDGER_VERSION:
        raise _other_version(database.place("ledger"), version)
    return version


def migrate(database: Database) -> Migrated | None:
    """Bring an earlier ledger to today's version; null where another process has done it.

    All of it happens in one transaction, so that a kill leaves the old tables or the new ones. An
    SQLite ledger is copied first, beside itself.

    Raises:
        InfrastructureError: LEDGER_VERSION, or another process takes longer than an hour.
    """
    with (
        lock(database.workspace, "ledger", WAIT_SECONDS, what="migration of the ledger"),
        told_plainly(database.place("ledger")),
        _transaction(database) as connection,
    ):
        before = version_of(connection, database)
        if before is None or before == LEDGER_VERSION:
            return None
        copy = _copied(database, before)
        _upgrade(connection, database, before)
    migrated = Migrated(before, LEDGER_VERSION, copy)
    log.info("ledger=migrated before=%d now=%d copy=%s", before, LEDGER_VERSION, copy)
    return migrated


def _upgrade(connection: sa.Connection, database: Database, before: int) -> None:
    from warehouse.migrations import upgrade  # Alembic is imported where there is work for it

    schema = database.schema("ledger")
    if schema is not None:
        connection.execute(sa.text(f"SET LOCAL search_path TO {schema}"))
    version = upgrade(connection, before)
    assert version == LEDGER_VERSION, f"no step of warehouse/migrations leads to {LEDGER_VERSION}"
    tables.ledger_version.create(connection, checkfirst=True)
    connection.execute(tables.ledger_version.delete())
    connection.execute(tables.ledger_version.insert(), {"version": version})


@contextmanager
def _transaction(database: Database) -> Iterator[sa.Connection]:
    """Yield a connection of the only writer, in which tables may be made anew."""
    engine = database.engine("ledger").execution_options(roci_writes=True)
    with engine.connect() as connection:
        if database.url is None:
            # SQLite changes a table by making it anew; with the keys watched, that would empty
            # the tables that refer to it. It can be said outside a transaction only.
            connection.connection.cursor().execute("PRAGMA foreign_keys = OFF")
        with connection.begin():
            one_at_a_time(connection)
            yield connection
            if database.url is None:
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                assert not broken, f"{len(broken)} rows of the ledger refer to nothing"


def _is_first(inspector: sa.Inspector, schema: str | None, names: set[str]) -> bool:
    from warehouse.migrations.version_1 import COLUMNS

    if set(tables.metadata.tables) & names != set(COLUMNS):
        return False
    return all(
        {column["name"] for column in inspector.get_columns(table, schema)} == columns
        for table, columns in COLUMNS.items()
    )


def _copied(database: Database, version: int) -> Path | None:
    """Leave a copy of an SQLite ledger beside it; PostgreSQL's transaction needs none."""
    path = database.path("ledger")
    if path is None:
        return None
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    copy = path.with_name(f"{path.stem}.version-{version}.{moment}{path.suffix}")
    copy_sqlite(path, copy)
    return copy


def copy_sqlite(path: Path, target: Path) -> None:
    """Leave at `target` what is committed in an SQLite file now, readable by its owner only."""
    target.touch(mode=PRIVATE_FILE)
    with closing(sqlite3.connect(path)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def _other_version(place: str, version: int | None) -> InfrastructureError:
    return InfrastructureError(
        "LEDGER_VERSION",
        where=place,
        found="a ledger from before versions were noted"
        if version is None
        else f"a ledger of version {version}",
        expected=f"version {LEDGER_VERSION} or an earlier one, which this roci works with",
        remedy="install the roci that made it, or set ROCI_HOME (and ROCI_DATABASE_URL) to a "
        "new place and load the files of raw/ again",
    )
