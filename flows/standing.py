"""How the loads stand: which wait for a person, and which were made by other rules than today's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from configs.errors import UsageError
from flows.context import Context
from flows.load_key import changed_parts
from flows.slices import years_of
from flows.stages.repairs import KnownRepairs, all_repairs, inputs_today, origin_of
from warehouse.ledger_records import Load

STOPPED = ("failed", "held")
RELEASABLE = ("held",)


def open_faults(context: Context) -> list[Load]:
    """Return failed and held loads that no later attempt at the same file has mended."""
    return still_open(context.ledger.loads())


def still_open(loads: Iterable[Load]) -> list[Load]:
    """Return those of the loads, the newest first, that stopped and were not taken up again."""
    ended: set[tuple[str, str | None, str | None]] = set()
    waiting = []
    for load in loads:
        file = (load.source, load.sha256, load.district_id)
        if load.state in STOPPED and file not in ended:
            waiting.append(load)
        ended.add(file)
    return waiting


def done_again(context: Context, load: Load) -> Load | None:
    """Return the newest later attempt at a load's file; null where the load is the newest."""
    file = (load.sha256, load.district_id)
    later = context.ledger.loads(source=load.source) if load.sha256 is not None else []
    newest = next((one for one in later if (one.sha256, one.district_id) == file), load)
    return None if newest.load_id == load.load_id else newest


def require_state(context: Context, load_id: str, states: Collection[str]) -> Load:
    """Return a load that is in one of the states now.

    Raises:
        UsageError: it is in another (WRONG_STATE), or there is no such load.
    """
    load = context.ledger.load(load_id)
    if load.state not in states:
        raise UsageError(
            "WRONG_STATE",
            where=load_id,
            found=load.state,
            expected=" or ".join(states),
            remedy=f"see `roci explain {load_id}`",
        )
    return load


def standing_loads(context: Context) -> list[Load]:
    """Return the loads that stand for their file now: loaded, or stopped and not taken up again."""
    loads = context.ledger.loads()
    waiting = still_open(loads)
    return [load for load in loads if load.state == "loaded" or load in waiting]


def stale_loads(context: Context, loads: Sequence[Load] | None = None) -> list[dict[str, Any]]:
    """Return, by source, how many live loads were made by another configuration or code.

    They are never reloaded silently: a person decides, by `roci backfill` or `roci rerun`.

    Args:
        context: the opened workspace.
        loads: all that are loaded, where they are at hand.
    """
    loaded = context.ledger.loads(state="loaded") if loads is None else loads
    stale = _changed_by_load(context, loaded)
    if not stale:
        return []
    years: dict[str, set[int]] = defaultdict(set)
    for part in context.ledger.live_partitions():
        if part.load_id in stale:
            years[stale[part.load_id][0]] |= years_of(part)
    found: dict[str, dict[str, set[str]]] = {}
    for load_id, (source, parts) in stale.items():
        of_source = found.setdefault(source, {"loads": set(), "parts": set()})
        of_source["loads"].add(load_id)
        of_source["parts"].update(parts)
    return [
        {
            "source": source,
            "loads": len(one["loads"]),
            "changed": ", ".join(sorted(one["parts"])),
            "years": f"{min(years[source])}..{max(years[source])}",
        }
        for source, one in sorted(found.items())
        if years[source]
    ]


def _changed_by_load(context: Context, loaded: Iterable[Load]) -> dict[str, tuple[str, list[str]]]:
    """Return source and changed parts of the key of each load that is stale.

    Corrected rows are no part of it: handing them in loads the file again. Nor are loads whose file
    was destroyed: they cannot be done again.
    """
    inputs, repairs = context.ledger.inputs_of_loaded(), all_repairs(context)
    buried = context.forgotten.tombstones()
    stale = {}
    for load in loaded:
        if load.source not in context.catalogue.sources or load.sha256 in (None, *buried):
            continue
        now = inputs_today(context, load, repairs.get(origin_of(load), KnownRepairs()))
        parts = [p for p in changed_parts(inputs.get(load.load_id, {}), now) if p != "repairs"]
        if parts:
            stale[load.load_id] = (load.source, parts)
    return stale
