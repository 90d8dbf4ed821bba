"""Corrected rows: who changed what and when is in the ledger, the values in restricted storage."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from configs.errors import InfrastructureError
from warehouse import ledger_tables as tables
from warehouse.database import Database
from warehouse.files import readable, whole_file
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER, Workspace

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Origin:
    """The file whose rows are corrected, as a load of it names it."""

    source: str
    sha256: str
    district_id: str | None


@dataclass(frozen=True)
class Correction:
    """Where corrections come from: the load whose rows they are, the spreadsheet, the person."""

    parent_load_id: str
    spreadsheet: str
    changed_by: str


@dataclass(frozen=True)
class RepairedRow:
    """One corrected row: which columns, by whom, when. `load_id`: the first load that has it."""

    repair_id: str
    source_row: int
    origin: Origin
    parent_load_id: str
    columns: tuple[str, ...]
    changed_by: str
    changed_at: datetime
    load_id: str | None


@dataclass(frozen=True)
class Repairs:
    """The table `repair` of the ledger and the folder `quarantine/repairs/`."""

    database: Database
    workspace: Workspace

    def path(self, repair_id: str) -> Path:
        """Return where the values of one handing-in of corrections are."""
        return self.workspace.quarantine / "repairs" / f"{repair_id}.parquet"

    def record(
        self,
        repair_id: str,
        origin: Origin,
        of: Correction,
        columns: Mapping[int, Collection[str]],
        values: pa.Table,
    ) -> None:
        """Keep corrections: their values first, so that the ledger never names what is not there.

        Args:
            repair_id: of these corrections; it must tell nothing of the values.
            origin: the file whose rows they are.
            of: where they come from.
            columns: the corrected columns of each row.
            values: what stood there and what is to stand there.
        """
        self._write_values(repair_id, values)
        shared = asdict(origin) | {
            "repair_id": repair_id,
            "parent_load_id": of.parent_load_id,
            "corrections": of.spreadsheet,
            "changed_by": readable(of.changed_by),
            "changed_at": datetime.now(UTC),
        }
        rows = [
            {**shared, "source_row": row, "columns": sorted(names)}
            for row, names in columns.items()
        ]  # fmt: skip
        with self.database.write("ledger") as connection:
            connection.execute(tables.repair.insert(), rows)

    def of_file(self, origin: Origin) -> dict[int, RepairedRow]:
        """Return what counts of each corrected row of a file: the newest correction, by row."""
        table = tables.repair
        same = (table.c.source == origin.source, table.c.sha256 == origin.sha256)
        found = self._rows(sa.select(table).where(*same))
        return {
            row: one
            for (of, row), one in _newest(found).items()
            if of.district_id == origin.district_id
        }

    def of_all_files(self) -> dict[Origin, dict[int, RepairedRow]]:
        """Return what counts of the corrected rows of every file."""
        files: dict[Origin, dict[int, RepairedRow]] = {}
        for (origin, row), one in _newest(self._rows(sa.select(tables.repair))).items():
            files.setdefault(origin, {})[row] = one
        return files

    def of_load(self, load_id: str) -> list[RepairedRow]:
        """Return what was corrected of a load's rows, the earliest first."""
        table = tables.repair
        return self._rows(sa.select(table).where(table.c.parent_load_id == load_id))

    def first_in(self, load_id: str) -> list[RepairedRow]:
        """Return the corrections that this load was the first to have."""
        return self._rows(sa.select(tables.repair).where(tables.repair.c.load_id == load_id))

    def of_files(self, sha256s: Iterable[str]) -> frozenset[str]:
        """Return the ids of all corrections of these raw files, or handed in as one of them."""
        wanted, table = set(sha256s), tables.repair
        asked = sa.select(table.c.repair_id, table.c.sha256, table.c.corrections).distinct()
        with self.database.read("ledger") as connection:
            rows = connection.execute(asked).all()
        return frozenset(
            row.repair_id for row in rows if row.sha256 in wanted or row.corrections in wanted
        )

    def values(self, repair_id: str) -> pa.Table:
        """Return the values of one handing-in of corrections.

        Raises:
            InfrastructureError: they are gone (REPAIR_GONE).
        """
        import pyarrow.parquet as pq

        path = self.path(repair_id)
        if not path.exists():
            raise InfrastructureError(
                "REPAIR_GONE",
                where=str(path),
                found="no such file",
                expected="the values of corrections that the ledger names",
                remedy="restore quarantine/repairs from a backup",
            )
        return pq.ParquetFile(path).read()

    def _write_values(self, repair_id: str, values: pa.Table) -> None:
        import pyarrow.parquet as pq

        target = self.path(repair_id)
        target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with whole_file(target, self.workspace.work, PRIVATE_FILE) as temporary:
            temporary.touch(mode=PRIVATE_FILE)
            pq.write_table(values, temporary, compression="zstd")

    def _rows(self, query: sa.Select[tuple[object, ...]]) -> list[RepairedRow]:
        table = tables.repair
        ordered = query.order_by(table.c.changed_at, table.c.repair_id, table.c.source_row)
        with self.database.read("ledger") as connection:
            return [_row(row) for row in connection.execute(ordered)]


def mark_repaired(connection: sa.Connection, load_id: str, repairs: Collection[str]) -> None:
    """Note which load is the first to have these corrections, in the transaction of its end."""
    table = tables.repair
    if repairs:
        named = table.c.repair_id.in_(sorted(repairs))
        first = table.update().where(named, table.c.load_id.is_(None)).values(load_id=load_id)
        connection.execute(first)


def _newest(rows: Iterable[RepairedRow]) -> dict[tuple[Origin, int], RepairedRow]:
    return {(one.origin, one.source_row): one for one in rows}


def _row(row: sa.Row[tuple[object, ...]]) -> RepairedRow:
    return RepairedRow(
        repair_id=row.repair_id,
        source_row=row.source_row,
        origin=Origin(row.source, row.sha256, row.district_id),
        parent_load_id=row.parent_load_id,
        columns=tuple(row.columns),
        changed_by=row.changed_by,
        changed_at=row.changed_at,
        load_id=row.load_id,
    )
