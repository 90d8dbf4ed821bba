"""Who had restricted rows written out: when, by which command, which, how many, where to.

Never a value: a filter names loads, marts, days, districts and years.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from getpass import getuser

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.database import Database
from warehouse.files import readable


@dataclass(frozen=True)
class Access:
    """Rows of restricted storage that were written out. `rows`: null where it is everything."""

    verb: str
    what: str
    place: str
    rows: int | None = None
    filter: str | None = None
    accessed_at: datetime | None = None
    accessed_by: str | None = None


@dataclass(frozen=True)
class Accesses:
    """The table `access` of the ledger: it is only ever added to."""

    database: Database

    def note(self, access: Access) -> None:
        """Add one, of now and of whoever is logged in."""
        row = asdict(access) | {"accessed_at": datetime.now(UTC), "accessed_by": readable(_user())}
        row["place"] = readable(access.place)
        with self.database.write("ledger") as connection:
            connection.execute(tables.access.insert(), row)

    def all(self) -> list[Access]:
        """Return them, the newest first."""
        table = tables.access
        query = sa.select(table).order_by(table.c.access_id.desc())
        with self.database.read("ledger") as connection:
            return list(map(_access, connection.execute(query)))


def _access(row: sa.Row[tuple[object, ...]]) -> Access:
    told: Iterable[str] = Access.__dataclass_fields__
    return Access(**{name: row._mapping[name] for name in told})


def _user() -> str:
    """Return who is logged in; the number of a user whom the system has no name for."""
    try:
        return getuser()
    except (KeyError, OSError):
        return str(os.getuid())
