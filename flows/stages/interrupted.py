"""Loads that a crash cut off: closed, and their files loaded again."""

from __future__ import annotations

from configs.errors import InfrastructureError
from flows.context import Context
from flows.stages.intake import Incoming
from warehouse.ledger_records import Load
from warehouse.locks import lock


def take_up_interrupted(context: Context) -> list[Incoming]:
    """Close loads that a crash cut off, and return their files to be loaded again.

    A load that had reached the lake replaces its own rows by the same ones; those that another has
    put in their place since, it holds. A load that another process is at work on is left alone.
    """
    found = []
    for load in sorted(context.ledger.interrupted_loads(), key=lambda load: load.load_id):
        try:
            with lock(context.workspace, load_lock(load.load_key)):
                if context.ledger.load(load.load_id).state != load.state:
                    continue  # it was under way, and has ended since it was listed
                context.ledger.finish(load.load_id, "failed", fault=_interrupted(load.load_id))
        except InfrastructureError as error:
            if error.code != "LOCKED":
                raise
            continue
        if load.source in context.catalogue.sources and _is_kept(context, load):
            found.append(
                Incoming(
                    load.source,
                    load.file_name or "",
                    load.sha256 or "",
                    load.district_id,
                    from_raw=True,
                )
            )
    return found


def _is_kept(context: Context, load: Load) -> bool:
    """Return whether a load's file is still there to be loaded: `roci forget` may have come by."""
    return load.sha256 is not None and context.forgotten.tombstone(load.sha256) is None


def load_lock(key: str) -> str:
    """Return the name of the lock that a load of that key holds while it is under way."""
    return f"load-{key[:16]}"


def _interrupted(load_id: str) -> InfrastructureError:
    return InfrastructureError(
        "INTERRUPTED",
        where=load_id,
        found="a load that began and never ended",
        expected="a load that runs to its end",
        remedy="nothing: this run does it again",
    )
