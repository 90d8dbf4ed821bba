"""Whether lake and ledger tell the same of which load fills which partition."""

from __future__ import annotations

from configs.errors import PublicationHeld, listed
from flows.context import Context
from flows.stages.planning import DIRECTORY, RESULTS, ROSTER
from warehouse.ledger_records import Load
from warehouse.locks import lock

UNFINISHED = ("loading", "failed")
TABLES = (RESULTS, ROSTER, DIRECTORY)
WAIT_SECONDS = 3600

Filled = set[tuple[str, str, str]]


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


def reached_lake(context: Context, key: str) -> bool:
    """Return whether an earlier attempt at this very load was cut off with its rows in the lake.

    It had been held against everything, or a person had let it through, before they came there.
    """
    unfinished = [load for load in context.ledger.attempts(key) if load.state in UNFINISHED]
    if not unfinished:
        return False
    table = context.catalogue.source(unfinished[0].source).table
    filling = {load_id for _, _, load_id in _held(context, table)}
    return any(load.load_id in filling for load in unfinished)


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
