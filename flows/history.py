"""Which loads filled a partition one after the other, and who decided it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flows.console import show_records
from flows.context import Context
from warehouse.ledger_history import Decision, PartitionLoad


def show_history(context: Context, of: str, *, as_json: bool) -> int:
    """Print which loads filled the partitions of a source or of a load, in order."""
    show_records(history_records(context, of), as_json, f"{of} has filled no partition")
    return 0


def history_records(context: Context, of: str) -> list[dict[str, Any]]:
    """Return the loads of each partition in order, of a source or of those that a load filled.

    A load that people released or discarded and that filled nothing stands at the end.

    Raises:
        UsageError: there is neither a source nor a load of that name.
    """
    ledger = context.ledger
    is_source = of in context.catalogue.sources or of in context.catalogue.drafts
    if is_source:
        filled = ledger.partition_loads(source=of)
        loads = {load.load_id for load in ledger.loads(source=of)}
    else:
        loads = {ledger.load(of).load_id}
        filled = ledger.partition_loads(load_id=of)
    decided = ledger.decisions(loads | {one.load_id for one in filled})
    released = {one.led_to: one for one in decided if one.led_to}
    records = [_record(one, released.get(one.load_id)) for one in filled]
    own = {one.load_id for one in filled}
    return records + [
        _given_up(one) for one in decided if one.led_to is None and one.load_id not in own
    ]


def _record(one: PartitionLoad, decision: Decision | None) -> dict[str, Any]:
    return {
        "table": one.table,
        "partition": one.partition,
        "load": one.load_id,
        "loaded_at": _moment(one.loaded_at),
        "rows": one.rows,
        "superseded_by": one.superseded_by,
        "superseded_at": _moment(one.superseded_at),
        "decided": _words(decision),
    }


def _given_up(one: Decision) -> dict[str, Any]:
    empty = dict.fromkeys(("table", "partition"))
    return {
        **empty, "load": one.load_id, "loaded_at": None, "rows": None, "superseded_by": None,
        "superseded_at": None, "decided": _words(one),
    }  # fmt: skip


def _words(decision: Decision | None) -> str | None:
    if decision is None:
        return None
    of = f" (held as {decision.load_id})" if decision.led_to else ""
    return f"{decision.decision} by {decision.decided_by} {_moment(decision.decided_at)}{of}"


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat(sep=" ", timespec="seconds") if moment else None
