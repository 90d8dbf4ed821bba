"""Which version of its tables a ledger was made with."""

from __future__ import annotations

import sqlalchemy as sa

from configs.errors import InfrastructureError
from warehouse import ledger_tables as tables
from warehouse.database import Database

# Raised by one whenever a table of the ledger changes; a test holds the two together.
LEDGER_VERSION = 2


def make(connection: sa.Connection) -> None:
    """Create the ledger's tables and note their version."""
    tables.metadata.create_all(connection)
    connection.execute(tables.ledger_version.insert(), {"version": LEDGER_VERSION})


def is_made(connection: sa.Connection, database: Database) -> bool:
    """Return whether the ledger's tables are there, made by this version.

    Raises:
        InfrastructureError: another version made them (LEDGER_VERSION).
    """
    names = set(sa.inspect(connection).get_table_names(database.schema("ledger")))
    if not names & set(tables.metadata.tables):
        return False
    noted = tables.ledger_version.name in names
    version = connection.scalar(sa.select(tables.ledger_version.c.version)) if noted else None
    if version != LEDGER_VERSION:
        raise _other_version(database.place("ledger"), version)
    return True


def _other_version(place: str, version: int | None) -> InfrastructureError:
    return InfrastructureError(
        "LEDGER_VERSION",
        where=place,
        found="a ledger from before versions were noted"
        if version is None
        else f"a ledger of version {version}",
        expected=f"version {LEDGER_VERSION}, which this roci works with",
        remedy="go back to the roci that made it, or set ROCI_HOME (and ROCI_DATABASE_URL) to a "
        "new place and load the files of raw/ again; migrations come with a later version",
    )
