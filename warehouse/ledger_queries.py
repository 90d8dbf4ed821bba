"""What can be asked of the ledger."""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from configs.errors import UsageError, listed
from warehouse import ledger_tables as tables
from warehouse.database import Database, one_at_a_time
from warehouse.ledger_records import (
    Arrival,
    Check,
    Fault,
    FlagCount,
    LivePartition,
    Load,
    MartRecord,
    Publication,
    RawRecord,
    RejectedCount,
    RejectedReason,
    Step,
)
from warehouse.ledger_version import LEDGER_VERSION, Migrated, make, migrate, version_of

FIRST_ROWS = 5
Fetched = tuple[str, int, int]
# Of several loads of one key, that which says most about whether it must be loaded.
_BY_WEIGHT = ("loaded", "held", "superseded", "loading", "received", "failed", "discarded")


@dataclass(frozen=True)
class LedgerQueries:
    """Questions to the ledger; none of them changes it."""

    database: Database

    @cached_property
    def _created(self) -> bool:
        self.create()
        return True

    def create(self) -> Migrated | None:
        """Create the ledger's tables where they are missing; return what migrated earlier ones.

        Raises:
            InfrastructureError: a later version of roci made them (LEDGER_VERSION).
        """
        path = self.database.path("ledger")
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
        # Asked first, since a reader must not wait for the turn of a writer.
        with self.database.read("ledger") as connection:
            version = version_of(connection, self.database)
        if version is not None:
            return migrate(self.database) if version < LEDGER_VERSION else None
        self.database.create_areas()
        with self.database.write("ledger") as connection:
            one_at_a_time(connection)
            if version_of(connection, self.database) is None:
                make(connection)
        return None

    def load(self, load_id: str) -> Load:
        """Return one load.

        Raises:
            UsageError: there is none of that id (UNKNOWN_LOAD).
        """
        rows = self._rows(sa.select(tables.load).where(tables.load.c.load_id == load_id))
        if not rows:
            raise self._unknown_load(load_id)
        return _load(rows[0])

    def loads(
        self,
        source: str | None = None,
        state: str | Collection[str] | None = None,
        limit: int | None = None,
    ) -> list[Load]:
        """Return loads, the newest first."""
        query = sa.select(tables.load).order_by(tables.load.c.load_id.desc()).limit(limit)
        if source is not None:
            query = query.where(tables.load.c.source == source)
        if state is not None:
            states = [state] if isinstance(state, str) else sorted(state)
            query = query.where(tables.load.c.state.in_(states))
        return [_load(row) for row in self._rows(query)]

    def find_by_key(self, load_key: str) -> Load | None:
        """Return the load of that key that counts most (loaded, then held ...), the newest."""
        found = self.attempts(load_key)
        return min(found, key=lambda load: _BY_WEIGHT.index(load.state), default=None)

    def attempts(self, load_key: str) -> list[Load]:
        """Return every load of that key, the newest first."""
        return self._loads_where(tables.load.c.load_key == load_key)

    def interrupted_loads(self) -> list[Load]:
        """Return loads that began and never ended; with no run under way, a crash left them."""
        return self._loads_where(tables.load.c.state == "loading")

    def inputs(self, load_id: str) -> dict[str, str]:
        """Return the digest of each kind of input of a load."""
        query = sa.select(tables.load_input).where(tables.load_input.c.load_id == load_id)
        return {row.kind: row.hash for row in self._rows(query)}

    def inputs_of_loaded(self) -> dict[str, dict[str, str]]:
        """Return what each loaded load depended on: kind -> digest, by load."""
        table, load = tables.load_input, tables.load
        loaded = sa.select(load.c.load_id).where(load.c.state == "loaded")
        found: dict[str, dict[str, str]] = {}
        for row in self._rows(sa.select(table).where(table.c.load_id.in_(loaded))):
            found.setdefault(row.load_id, {})[row.kind] = row.hash
        return found

    def arrivals(self) -> list[Arrival]:
        """Return when the newest file of each source and district came; a rerun is no arrival."""
        load, raw = tables.load, tables.raw_file
        newest = sa.func.max(raw.c.first_seen_at, type_=tables.Moment()).label("at")
        query = (
            sa.select(load.c.source, load.c.district_id, newest)
            .join(raw, raw.c.sha256 == load.c.sha256)
            .group_by(load.c.source, load.c.district_id)
        )
        return [Arrival(row.source, row.district_id, row.at) for row in self._rows(query)]

    def fetched(self, remote: str) -> set[Fetched]:
        """Return path, size and time of change of every file fetched from a remote folder."""
        table = tables.fetched_file
        asked = sa.select(table.c.path, table.c.size_bytes, table.c.modified_at)
        rows = self._rows(asked.where(table.c.remote == remote))
        return {(row.path, row.size_bytes, row.modified_at) for row in rows}

    def raw(self, sha256: str) -> RawRecord | None:
        """Return what is known of a raw file; null where it was never registered."""
        rows = self._rows(sa.select(tables.raw_file).where(tables.raw_file.c.sha256 == sha256))
        return RawRecord(**rows[0]._mapping) if rows else None

    def steps(self, load_id: str) -> list[Step]:
        """Return the steps of a load in their order."""
        table = tables.step
        query = sa.select(table).where(table.c.load_id == load_id).order_by(table.c.position)
        left_out = ("load_id", "position")
        return [Step(**_without(row, left_out)) for row in self._rows(query)]

    def checks(self, of: str) -> list[Check]:
        """Return the checks of a load or of a publication, in the order they were made."""
        table = tables.check_result
        query = (
            sa.select(table)
            .where(sa.or_(table.c.load_id == of, table.c.publication_id == of))
            .order_by(table.c.check_id)
        )
        left_out = ("check_id", "load_id", "publication_id")
        return [Check(**_without(row, left_out)) for row in self._rows(query)]

    def rejected_counts(self, load_id: str) -> list[RejectedCount]:
        """Return how often each code was met, the commonest first, with its first rows."""
        table = tables.rejected_row
        key = (table.c.kind, table.c.code, table.c.field)
        place = sa.func.row_number().over(partition_by=key, order_by=table.c.source_row)
        total = sa.func.count().over(partition_by=key)
        ranked = (
            sa.select(*key, table.c.source_row, place.label("place"), total.label("total"))
            .where(table.c.load_id == load_id)
            .subquery()
        )
        query = sa.select(ranked).where(ranked.c.place <= FIRST_ROWS).order_by(ranked.c.place)
        first_rows: dict[tuple[str, str, str | None, int], list[int]] = {}
        for row in self._rows(query):
            key_of = (row.kind, row.code, row.field, row.total)
            first_rows.setdefault(key_of, []).append(row.source_row)
        counts = [
            RejectedCount(kind, code, field, total, tuple(rows))
            for (kind, code, field, total), rows in first_rows.items()
        ]
        return sorted(counts, key=lambda c: (c.kind, -c.rows, c.code, c.field or ""))

    def rejected_reasons(self, load_id: str) -> list[RejectedReason]:
        """Return every reason of every rejected row of a load, in the order of its rows."""
        table = tables.rejected_row
        query = (
            sa.select(table.c.source_row, table.c.code, table.c.field)
            .where(table.c.load_id == load_id, table.c.kind == "reject")
            .order_by(table.c.source_row, table.c.code)
        )
        return [RejectedReason(row.source_row, row.code, row.field) for row in self._rows(query)]

    def loads_rejecting(self, code: str) -> set[str]:
        """Return the loads that have rows rejected for a code."""
        table = tables.rejected_row
        asked = sa.select(table.c.load_id).where(table.c.kind == "reject", table.c.code == code)
        return {row.load_id for row in self._rows(asked.distinct())}

    def flags(self, load_id: str) -> list[FlagCount]:
        """Return how many loaded rows carry each flag, the commonest first."""
        table = tables.flag_count
        query = (
            sa.select(table)
            .where(table.c.load_id == load_id)
            .order_by(table.c.rows.desc(), table.c.code, table.c.field)
        )
        return [
            FlagCount(row.code, row.field or None, row.rows, tuple(row.first_rows))
            for row in self._rows(query)
        ]

    def live_partitions(self, table: str | None = None) -> list[LivePartition]:
        """Return each partition of a lake table, or of all, with the load whose rows it holds."""
        return self._partitions(tables.load_partition.c.superseded_by.is_(None), table)

    def partitions_of(self, load_id: str) -> list[LivePartition]:
        """Return every partition that a load filled, whether its rows are still in it or not."""
        return self._partitions(tables.load_partition.c.load_id == load_id, None)

    def last_publication(self) -> Publication | None:
        """Return what is published now; null before the first publication."""
        table = tables.publication
        query = (
            sa.select(table)
            .where(table.c.state == "published")
            .order_by(table.c.publication_id.desc())
            .limit(1)
        )
        rows = self._rows(query)
        return _publication(rows[0]) if rows else None

    def held_publication(self) -> Publication | None:
        """Return the newest publication where it is held: what is published is older."""
        table = tables.publication
        query = sa.select(table).order_by(table.c.publication_id.desc()).limit(1)
        rows = self._rows(query)
        return _publication(rows[0]) if rows and rows[0].state == "held" else None

    def _partitions(
        self, condition: sa.ColumnElement[bool], table: str | None
    ) -> list[LivePartition]:
        part = tables.load_partition
        query = sa.select(part).where(condition).order_by(part.c.source, part.c.partition)
        if table is not None:
            query = query.where(part.c.table_name == table)
        return [
            LivePartition(row.load_id, row.source, row.partition, tuple(row.slices), row.rows)
            for row in self._rows(query)
        ]

    def _loads_where(self, condition: sa.ColumnElement[bool]) -> list[Load]:
        query = sa.select(tables.load).where(condition).order_by(tables.load.c.load_id.desc())
        return [_load(row) for row in self._rows(query)]

    def _rows(self, query: sa.Select[Any]) -> list[sa.Row[Any]]:
        assert self._created
        with self.database.read("ledger") as connection:
            return list(connection.execute(query).all())

    def _unknown_load(self, load_id: str) -> UsageError:
        newest_first = sa.select(tables.load.c.load_id).order_by(tables.load.c.load_id.desc())
        known = [row.load_id for row in self._rows(newest_first.limit(10_000))]
        nearest = difflib.get_close_matches(load_id, known, n=3, cutoff=0.6) or known[:3]
        return UsageError(
            "UNKNOWN_LOAD",
            where=f"load {load_id}",
            found="no load of that id",
            expected=f"an id such as {listed(nearest)}" if nearest else "an id; there are none yet",
            remedy="`roci loads` lists them",
        )


def _without(row: sa.Row[Any], left_out: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name not in left_out}


def _fault(row: sa.Row[Any]) -> Fault | None:
    if row.code is None:
        return None
    parts = (row.fault_where, row.fault_found, row.fault_expected, row.fault_remedy)
    return Fault(row.code, *(part or "" for part in parts))


def _load(row: sa.Row[Any]) -> Load:
    fault_columns = ("code", "fault_where", "fault_found", "fault_expected", "fault_remedy")
    return Load(**_without(row, fault_columns), fault=_fault(row))


def _publication(row: sa.Row[Any]) -> Publication:
    return Publication(
        publication_id=row.publication_id,
        published_at=row.published_at,
        state=row.state,
        slices=row.slices,
        marts=tuple(MartRecord(**mart) for mart in row.marts),
        fault=_fault(row),
    )
