"""Whether lake and ledger tell the same of which load fills which partition."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from configs.errors import PublicationHeld, listed
from flows.context import Context
from flows.stages.planning import DIRECTORY, PUBLISHED, RESULTS, ROSTER
from warehouse.ledger_records import Load
from warehouse.locks import lock

if TYPE_CHECKING:
    from flows.stages.work import Work

UNFINISHED = ("loading", "failed")
TABLES = (RESULTS, ROSTER, DIRECTORY, PUBLISHED)
WAIT_SECONDS = 3600

# Source, partition, load.
Place = tuple[str, str, str]
Filled = set[Place]


def lake_lock(table: str) -> str:
    """Return the name of the lock that is held while lake and ledger change together."""
    return f"lake-{table}"


def require_agreement(context: Context) -> None:
    """Refuse to build from a lake that holds other rows than the ledger says.

    A crash between the two leaves rows that the ledger does not know; a lost folder leaves it
    without rows that it does know. Either way loads have to be done again first.

    Raises:
        PublicationHeld: LAKE_AHEAD or LAKE_BEHIND.
    """
    ahead: set[str] = set()
    behind: set[str] = set()
    for table in TABLES:
        with lock(context.workspace, lake_lock(table), WAIT_SECONDS, what="comparison"):
            told, held = _told(context, table), _held(context, table)
        ahead |= {load_id for _, _, load_id in held - told}
        behind |= {load_id for _, _, load_id in told - held}
    if behind:
        raise _held_back("LAKE_BEHIND", f"no rows of {listed(behind)}, which are loaded", behind)
    if ahead:
        raise _held_back("LAKE_AHEAD", f"rows of {listed(ahead)}, which are not loaded", ahead)


def reached_lake(context: Context, key: str) -> frozenset[Place]:
    """Return what earlier attempts at this very load, cut off, fill in the lake.

    It had been held against everything, or a person had let it through, before its rows came there.
    """
    attempts = context.ledger.attempts(key)
    unfinished = {load.load_id: load for load in attempts if load.state in UNFINISHED}
    if not unfinished:
        return frozenset()
    table = context.catalogue.source(attempts[0].source).table
    return frozenset(place for place in _held(context, table) if place[2] in unfinished)


def unreached(context: Context, work: Work, partitions: Collection[str]) -> set[str]:
    """Return those of a load's partitions that no attempt at it, cut off, fills in the lake now.

    What is live in them may have come after that attempt: nobody has looked at its being replaced.
    """
    reached = work.terms.reached
    filled = reached & _held(context, work.source.table) if reached else reached
    return set(partitions) - {partition for _, partition, _ in filled}


def let_through(context: Context, work: Work, partitions: Collection[str]) -> bool:
    """Return whether a person has released a load, or all of it had passed when it was cut off."""
    if work.terms.released:
        return True
    return bool(partitions) and not unreached(context, work, partitions)


def stands_whole(context: Context, load: Load, table: str) -> bool:
    """Return whether the lake still holds every partition of a load that the ledger calls live."""
    live = {filled for filled in _told(context, table) if filled[2] == load.load_id}
    return bool(live) and live <= _held(context, table)


def _told(context: Context, table: str) -> Filled:
    return {(p.source, p.partition, p.load_id) for p in context.ledger.live_partitions(table)}


def _held(context: Context, table: str) -> Filled:
    return {(p.source, p.partition, p.load_id) for p in context.lake.partition_loads(table)}


def _held_back(code: str, found: str, loads: set[str]) -> PublicationHeld:
    return PublicationHeld(
        code,
        where="the lake",
        found=found,
        expected="the rows of loaded loads, no more and no fewer",
        remedy=f"type `roci rerun {' '.join(sorted(loads)[:5])}`; the last publication stays",
    )
