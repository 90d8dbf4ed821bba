"""What the ledger still needs of the raw store and of quarantine, and since when it does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.database import Database


@dataclass(frozen=True)
class Uses:
    """Who names which raw file, and when each was last of use.

    Attributes:
        loads: the last moment of every load, that of the load that took its place included.
        files: the last moment of every raw file: when it came, and the moments of its loads.
        named: raw files that something else than a load names, such as a repair.
        named_loads: loads that the same names.
    """

    loads: Mapping[str, datetime]
    files: Mapping[str, datetime]
    named: frozenset[str]
    named_loads: frozenset[str]


def uses(database: Database) -> Uses:
    """Return who uses what, as the ledger is now."""
    with database.read("ledger") as connection:
        moments = _loads(connection)
        others = [table for table in tables.metadata.tables.values() if _names_files(table)]
        return Uses(
            loads=moments,
            files=_files(connection, moments),
            named=frozenset(_named(connection, others, tables.raw_file.c.sha256)),
            named_loads=frozenset(_named(connection, others, tables.load.c.load_id)),
        )


def _loads(connection: sa.Connection) -> dict[str, datetime]:
    load, part = tables.load.c, tables.load_partition.c
    asked = sa.select(load.load_id, load.started_at, load.finished_at)
    own = {row.load_id: row.finished_at or row.started_at for row in connection.execute(asked)}
    moments = dict(own)
    later = sa.select(part.load_id, part.superseded_by).where(part.superseded_by.is_not(None))
    for row in connection.execute(later.distinct()):
        moments[row.load_id] = max(moments[row.load_id], own[row.superseded_by])
    return moments


def _files(connection: sa.Connection, loads: Mapping[str, datetime]) -> dict[str, datetime]:
    raw, load = tables.raw_file.c, tables.load.c
    asked = sa.select(raw.sha256, raw.first_seen_at)
    moments = {row.sha256: row.first_seen_at for row in connection.execute(asked)}
    of_loads = sa.select(load.load_id, load.sha256).where(load.sha256.is_not(None))
    for row in connection.execute(of_loads):
        moments[row.sha256] = max(moments[row.sha256], loads[row.load_id])
    return moments


def _names_files(table: sa.Table) -> bool:
    return table is not tables.load and any(
        key.column is tables.raw_file.c.sha256 for key in table.foreign_keys
    )


def _named(
    connection: sa.Connection, others: Iterable[sa.Table], column: sa.Column[str]
) -> set[str]:
    """Return every value with which these tables name a row by its key `column`."""
    found: set[str] = set()
    for table in others:
        for key in table.foreign_keys:
            if key.column is column:
                values = connection.execute(sa.select(key.parent).distinct()).scalars()
                found |= {value for value in values if value is not None}
    return found


def corrections_of(database: Database, sha256s: Iterable[str]) -> frozenset[str]:
    """Return the raw files that are spreadsheets of corrections of these raw files."""
    table, wanted = tables.repair, set(sha256s)
    with database.read("ledger") as connection:
        rows = connection.execute(sa.select(table.c.sha256, table.c.corrections).distinct()).all()
    return frozenset(row.corrections for row in rows if row.sha256 in wanted)
