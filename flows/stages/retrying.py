"""Loads that stopped for a cause outside their file are done again by the nightly itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import cached_property

import duckdb

from configs.errors import UsageError
from flows.context import Context
from flows.load_key import changed_parts
from flows.pruned import require_kept
from flows.stages.intake import Incoming, Taken
from flows.stages.interrupted import take_up_interrupted
from flows.stages.ordering import phases
from flows.stages.repairs import inputs_today
from flows.standing import open_faults
from warehouse.ledger_records import Load

REFERRED_TO = ("school", "student_roster")
# An accident that comes back so often, within nights of several tries each, needs a person.
MOST_ACCIDENTS = 12


def waves(context: Context, taken: Taken) -> Iterator[list[Incoming]]:
    """Yield the files in groups to be loaded one after the other.

    What the caller asks for next depends on what it has loaded: loads that wait for a directory or
    a roster are tried again as soon as those of this night are in.
    """
    incoming = [*take_up_interrupted(context), *taken.incoming]
    first = [item for item in incoming if _table(context, item) in REFERRED_TO]
    yield from phases(context, first)
    # Earlier files first: a later one of the same partition must end up in their place.
    again = retried(context, incoming, taken.only_source) if taken.retries else []
    yield from phases(context, [*again, *(item for item in incoming if item not in first)])


def retried(
    context: Context, incoming: Iterable[Incoming], only_source: str | None = None
) -> list[Incoming]:
    """Return the files of loads that may end otherwise tonight, as they arrived."""
    taken = {(item.source, item.sha256, item.district_id) for item in incoming}
    since = ChangesSince(context)
    found = []
    for load in sorted(open_faults(context), key=lambda load: load.load_id):
        if only_source in (None, load.source) and since.may_end_otherwise(load):
            item = _as_it_would_come(context, load)
            if (item.source, item.sha256, item.district_id) not in taken:
                found.append(item)
    return found


def _table(context: Context, item: Incoming) -> str:
    return context.catalogue.source(item.source).table


def _district(context: Context, load: Load) -> str | None:
    return load.district_id or context.catalogue.profile.home_district


def as_it_came(context: Context, load: Load) -> Incoming:
    """Return a load's file as it first came in.

    Raises:
        UsageError: no source has claimed it (NO_SOURCE), or its file is gone (RAW_FILE_PRUNED).
        ConfigurationError: its source is unfinished.
    """
    if load.source in context.catalogue.unfinished:
        context.catalogue.source(load.source)
    if load.source not in context.catalogue.sources:
        raise UsageError(
            "NO_SOURCE",
            where=load.load_id,
            found=f"a file that no source claimed ({load.file_name})",
            expected="a load of a source",
            remedy="put the file into landing/ again, or `roci ingest SOURCE FILE`",
        )
    require_kept(context, load)
    return Incoming(
        load.source, load.file_name or "", load.sha256 or "", load.district_id, from_raw=True
    )


def _as_it_would_come(context: Context, load: Load) -> Incoming:
    """Return a load's file as it would come in today: a home district may have been set since."""
    incoming, district = as_it_came(context, load), _district(context, load)
    if district == load.district_id:
        return incoming
    return replace(incoming, district_id=district, takes_up=load.load_id)


class ChangesSince:
    """What has changed since loads stopped, of that which could let them end otherwise."""

    def __init__(self, context: Context) -> None:
        """Look at nothing yet."""
        self._context = context

    def may_end_otherwise(self, load: Load) -> bool:
        """Return whether the nightly should do a stopped load again."""
        words = self._context.catalogue.codes.get(load.fault.code if load.fault else "")
        if words is None or words.retry != "nightly" or not self._is_kept(load):
            return False
        if words.kind == "infrastructure":
            return load.attempt < MOST_ACCIDENTS
        return bool(self.of(load))

    def of(self, load: Load) -> list[str]:
        """Return what has changed since a load ended: parts of its key, tables it waits for."""
        words = self._context.catalogue.codes.get(load.fault.code if load.fault else "")
        waits_for = words.waits_for if words else []
        return [*self._key(load), *(table for table in waits_for if self._is_newer(table, load))]

    def _is_kept(self, load: Load) -> bool:
        """Return whether its source and its file are still there."""
        known = load.source in self._context.catalogue.sources and load.sha256 is not None
        return known and self._context.raw.path(load.sha256 or "").exists()

    def _key(self, load: Load) -> list[str]:
        if load.source not in self._context.catalogue.sources or load.sha256 is None:
            return []
        today = replace(load, district_id=_district(self._context, load))
        now = inputs_today(self._context, today)
        return changed_parts(self._context.ledger.inputs(load.load_id), now)

    def _is_newer(self, table: str, load: Load) -> bool:
        """Return whether the lake has rows of the load's district that came after it ended."""
        ended, district = load.finished_at, load.district_id
        return ended is not None and any(
            at > ended and (district is None or district in districts)
            for at, districts in self._arrived.get(table, ())
        )

    @cached_property
    def _arrived(self) -> dict[str, list[tuple[datetime, set[str]]]]:
        """Return when each live partition of a table came, and whose rows are in it."""
        ledger, lake = self._context.ledger, self._context.lake
        ended = {one.load_id: one.finished_at for one in ledger.loads(state="loaded")}
        found: dict[str, list[tuple[datetime, set[str]]]] = {}
        with duckdb.connect() as con:
            for table in REFERRED_TO:
                for part in ledger.live_partitions(table):
                    at = ended.get(part.load_id)
                    scan = lake.scan_sql(table, part.source, [part.partition])
                    if at is not None and scan is not None:
                        rows = con.execute(f"SELECT DISTINCT district_id FROM {scan}").fetchall()
                        found.setdefault(table, []).append((at, {row[0] for row in rows}))
        return found
