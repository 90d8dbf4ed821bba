"""What the ledger knows of earlier days: who filled a partition when, and what was published."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from warehouse import ledger_tables as tables
from warehouse.ledger_queries import LedgerQueries, _publication
from warehouse.ledger_records import LivePartition, Publication
from warehouse.published import Basis


@dataclass(frozen=True)
class PartitionLoad:
    """A load that filled a partition, and the one that took its place; null while it is live."""

    table: str
    source: str
    partition: str
    load_id: str
    rows: int
    loaded_at: datetime | None
    superseded_by: str | None
    superseded_at: datetime | None


@dataclass(frozen=True)
class Decision:
    """What a person decided of a load: `released` (then `led_to` is the load with its rows)."""

    load_id: str
    decision: str
    decided_by: str
    decided_at: datetime
    led_to: str | None


@dataclass(frozen=True)
class LedgerHistory(LedgerQueries):
    """Questions about earlier days; none of them changes the ledger."""

    def partition_loads(
        self, source: str | None = None, load_id: str | None = None
    ) -> list[PartitionLoad]:
        """Return the loads of each partition in the order in which they filled it.

        Args:
            source: only of this source.
            load_id: only of partitions that this load filled.
        """
        part, mine, later = tables.load_partition, tables.load.alias(), tables.load.alias()
        query = (
            sa.select(
                part, mine.c.finished_at.label("loaded_at"), later.c.finished_at.label("ended_at")
            )
            .join(mine, mine.c.load_id == part.c.load_id)
            .outerjoin(later, later.c.load_id == part.c.superseded_by)
            .order_by(part.c.table_name, part.c.source, part.c.partition, mine.c.finished_at)
        )
        if source is not None:
            query = query.where(part.c.source == source)
        if load_id is not None:
            own = part.alias()
            filled = sa.select(own.c.load_id).where(
                own.c.load_id == load_id,
                own.c.table_name == part.c.table_name,
                own.c.source == part.c.source,
                own.c.partition == part.c.partition,
            )
            query = query.where(filled.exists())
        return [
            PartitionLoad(
                row.table_name, row.source, row.partition, row.load_id, row.rows, row.loaded_at,
                row.superseded_by, row.ended_at,
            )
            for row in self._rows(query)
        ]  # fmt: skip

    def superseded_by(self, load_id: str) -> list[LivePartition]:
        """Return the partitions whose rows a load took the place of."""
        return self._partitions(tables.load_partition.c.superseded_by == load_id, None)

    def partitions_at(self, moment: datetime) -> dict[str, list[LivePartition]]:
        """Return each partition that was live at a moment, by table of the lake."""
        part, mine, later = tables.load_partition, tables.load.alias(), tables.load.alias()
        query = (
            sa.select(part)
            .join(mine, mine.c.load_id == part.c.load_id)
            .outerjoin(later, later.c.load_id == part.c.superseded_by)
            .where(mine.c.finished_at <= moment)
            .where(sa.or_(part.c.superseded_by.is_(None), later.c.finished_at > moment))
            .order_by(part.c.source, part.c.partition)
        )
        found: dict[str, list[LivePartition]] = {}
        for row in self._rows(query):
            live = LivePartition(
                row.load_id, row.source, row.partition, tuple(row.slices), row.rows
            )
            found.setdefault(row.table_name, []).append(live)
        return found

    def publication_at(self, moment: datetime) -> Publication | None:
        """Return what was published at a moment; null before the first publication."""
        table = tables.publication
        query = (
            sa.select(table)
            .where(table.c.state == "published", table.c.published_at <= moment)
            .order_by(table.c.published_at.desc())
            .limit(1)
        )
        rows = self._rows(query)
        return _publication(rows[0]) if rows else None

    def basis(self, publication_id: str) -> Basis | None:
        """Return what a publication was made from; null where it was not noted."""
        table = tables.publication_basis
        rows = self._rows(sa.select(table).where(table.c.publication_id == publication_id))
        if not rows:
            return None
        row = rows[0]
        return Basis(row.planned_at.isoformat(), row.code, row.configuration, row.embargo)

    def decisions(self, load_ids: Collection[str]) -> list[Decision]:
        """Return what people decided of these loads, the earliest first."""
        table = tables.load_decision
        query = sa.select(table).where(table.c.load_id.in_(sorted(load_ids)))
        return [Decision(**row._mapping) for row in self._rows(query.order_by(table.c.decided_at))]
