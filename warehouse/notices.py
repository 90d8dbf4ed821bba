"""What people have been told of, so that nobody is told of one thing twice."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.ledger import Ledger


def told(ledger: Ledger, channel: str) -> set[str]:
    """Return the ids of all that a channel has been told of."""
    table = tables.notification
    query = sa.select(table.c.about).where(table.c.channel == channel)
    ledger.create()
    with ledger.database.read("ledger") as connection:
        return set(connection.scalars(query))


def note_told(ledger: Ledger, channel: str, about: Iterable[str]) -> None:
    """Note that a channel has been told of these."""
    known = told(ledger, channel)
    now = datetime.now(UTC)
    rows = [
        {"about": one, "channel": channel, "told_at": now} for one in sorted({*about} - known)
    ]  # fmt: skip
    if rows:
        with ledger.database.write("ledger") as connection:
            connection.execute(tables.notification.insert(), rows)
