"""Slices that wait since what they would show is too near to what is published, as on record.

A publication's record has them among its checks. So has that of a build of which nothing was
published, in state `waiting`. Who let a slice through stands with the publication that shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.ledger import Ledger
from warehouse.ledger_records import Check

SMALL_MOVES, TWO_PUBLICATIONS = "SMALL_MOVES", "TWO_PUBLICATIONS"
SUITE, WAITING = "moves", "waiting"


@dataclass(frozen=True)
class Wait:
    """A slice that is kept as published.

    code: why, by itself or by those that it waits behind: SMALL_MOVES, or TWO_PUBLICATIONS.
    cells: how many of its cells moved a little, or how many hidden counts follow, or nearly, from
    both publications together. behind: slices that it looks back on and that wait themselves.
    since: when the first build found it so; null until that is on record.
    """

    slice_name: str
    cells: int
    behind: tuple[str, ...] = ()
    since: datetime | None = None
    code: str = SMALL_MOVES


def wait_check(wait: Wait) -> Check:
    """Return a slice that waits in the form in which a publication's record keeps it."""
    behind = ", ".join(wait.behind) or None
    return Check(SUITE, wait.slice_name, wait.code, "wait", False, str(wait.cells), behind)


def release_check(wait: Wait, by: str) -> Check:
    """Return a slice that was let through, and by whom, as a publication's record keeps it."""
    return Check(SUITE, wait.slice_name, wait.code, "release", True, str(wait.cells), by)


def slices_waiting(ledger: Ledger) -> list[Wait]:
    """Return the slices that waited at the end of the last build, by name."""
    table, check = tables.publication, tables.check_result
    told: sa.ColumnElement[bool] = table.c.state.in_(("published", WAITING))
    told |= (table.c.state == "held") & (table.c.code == SMALL_MOVES)
    number = table.c.publication_id
    told_of = (check.c.name, check.c.code, check.c.observed, check.c.expected)
    query = (
        sa.select(number, table.c.published_at, *told_of)
        .select_from(table.outerjoin(check, (check.c.publication_id == number) & _is_waiting()))
        .where(told)
        .order_by(number.desc())
    )
    ledger.create()
    with ledger.database.read("ledger") as connection:
        rows = connection.execute(query).all()
    builds: dict[str, dict[str, Wait]] = {}
    for row in rows:
        build = builds.setdefault(row.publication_id, {})
        if row.name is not None:
            behind = tuple(row.expected.split(", ")) if row.expected else ()
            since = row.published_at
            build[row.name] = Wait(row.name, int(row.observed), behind, since, row.code)
    return _unbroken(list(builds.values()))


def _unbroken(builds: Sequence[Mapping[str, Wait]]) -> list[Wait]:
    """Return the waits of the newest build, each since the first of those that all had it."""
    newest = builds[0] if builds else {}
    since = {name: wait.since for name, wait in newest.items()}
    still = set(newest)
    for build in builds[1:]:
        still &= build.keys()
        since |= {name: build[name].since for name in still}
    return [replace(wait, since=since[name]) for name, wait in sorted(newest.items())]


def end_waits(ledger: Ledger) -> None:
    """Note that no slice waits any more: what is published is what would be."""
    check = tables.check_result
    ledger.create()
    with ledger.database.write("ledger") as connection:
        connection.execute(check.update().where(_is_waiting()).values(success=True))


def note_waiting(
    ledger: Ledger, publication_id: str, slices: Mapping[str, str], waits: Iterable[Wait]
) -> str:
    """Note a build that published nothing since all that changed waits; return its id.

    One that found the same as the build before it is that one.

    Args:
        ledger: of the workspace.
        publication_id: the id that the publication would have had.
        slices: the fingerprint of the inputs of each slice, as they are now.
        waits: the slices that wait.
    """
    waits = list(waits)
    newest = _newest(ledger)
    is_same = newest is not None and newest.state == WAITING and newest.slices == dict(slices)
    before = [replace(wait, since=None) for wait in slices_waiting(ledger)]
    if newest is not None and is_same and before == sorted(waits, key=lambda one: one.slice_name):
        return str(newest.publication_id)
    ledger.record_checks(publication_id, map(wait_check, waits))
    return ledger.record_publication(slices, [], publication_id=publication_id, state=WAITING)


def _newest(ledger: Ledger) -> sa.Row[tuple[object, ...]] | None:
    number = tables.publication.c.publication_id
    query = sa.select(tables.publication).order_by(number.desc()).limit(1)
    with ledger.database.read("ledger") as connection:
        return connection.execute(query).first()


def _is_waiting() -> sa.ColumnElement[bool]:
    check = tables.check_result
    return (check.c.suite == SUITE) & (check.c.success == sa.false())
