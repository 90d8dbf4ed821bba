"""What was destroyed on request and must not come back: the ledger's part of `roci forget`.

Of a student only keyed digests are kept. The key is a file of the workspace, apart from the ledger:
without it nobody can try ids against the digests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property

import sqlalchemy as sa

from configs.errors import InfrastructureError
from warehouse import ledger_tables as tables
from warehouse.database import Database
from warehouse.lake import PartitionLoad
from warehouse.secret_keys import make_secret, student_digest
from warehouse.workspace import Workspace

KEY_FILE = "forgotten.key"
GONE = "(forgotten)"


@dataclass(frozen=True)
class Asked:
    """Whose data is to be destroyed, by whose order; `digest`: of the student, null for all."""

    district_id: str | None
    school_year: int | None
    digest: str | None = None
    reason: str | None = None
    asked_by: str = ""
    is_once: bool = False


@dataclass(frozen=True)
class Certificate:
    """What was destroyed and what a search of the whole workspace found of it afterwards.

    Attributes:
        found: counts of what there was, by kind.
        remaining: places (in the workspace, or tables) and how often it still stands there; null
            until the search has ended.
        backups: files that cannot be edited and hold it still, as far as they are known.
    """

    forgetting_id: str
    asked_at: datetime
    asked: Asked
    ended_at: datetime | None = None
    found: Mapping[str, int] = field(default_factory=dict)
    remaining: Mapping[str, int] | None = None
    backups: Sequence[str] = ()


@dataclass(frozen=True)
class Barred:
    """A district, or a school year of one or of all, whose rows are not taken in any more."""

    district_id: str | None
    school_year: int | None


@dataclass(frozen=True)
class Forgotten:
    """The tables `forgetting`, `forgotten_id` and `raw_tombstone`, and the key of the digests."""

    database: Database
    workspace: Workspace

    def digest(self, district_id: str, student_id: str) -> str:
        """Return the keyed digest of an id within its district; zeros before it do not count.

        Raises:
            InfrastructureError: the key is lost, though there are digests made with it
                (FORGOTTEN_KEY_GONE).
        """
        plain = student_id.strip().lstrip("0").casefold()
        return student_digest(self._key, district_id, plain)

    def begin(self, asked: Asked, digests: Collection[str]) -> str:
        """Note that a forgetting begins; from now on what it is about is not taken in any more."""
        table = tables.forgetting
        moment = datetime.now(UTC)
        with self.database.write("ledger") as connection:
            day = f"F{moment:%Y%m%d}-"
            same_day = table.c.forgetting_id.startswith(day)
            count = connection.scalar(sa.select(sa.func.count()).where(same_day)) or 0
            new_id = f"{day}{count + 1:04d}"
            row = asdict(asked) | {"forgetting_id": new_id, "asked_at": moment}
            connection.execute(table.insert(), row)
            rows = [{"forgetting_id": new_id, "digest": one} for one in sorted(digests)]
            if rows:
                connection.execute(tables.forgotten_id.insert(), rows)
        return new_id

    def bury(self, forgetting_id: str, sha256s: Collection[str]) -> None:
        """Note that raw files are destroyed; those that have a tombstone keep it."""
        table, moment = tables.raw_tombstone, datetime.now(UTC)
        told = {"forgetting_id": forgetting_id, "destroyed_at": moment}
        with self.database.write("ledger") as connection:
            there = set(connection.scalars(sa.select(table.c.sha256)))
            rows = [{"sha256": one, **told} for one in sorted(set(sha256s) - there)]
            if rows:
                connection.execute(table.insert(), rows)

    def end(self, certificate: Certificate) -> None:
        """Note how a forgetting ended; digests that hold for this once alone are taken back."""
        table, ids = tables.forgetting, tables.forgotten_id
        values = {
            "ended_at": datetime.now(UTC), "found": dict(certificate.found),
            "remaining": dict(certificate.remaining or {}), "backups": list(certificate.backups),
        }  # fmt: skip
        same = certificate.forgetting_id
        with self.database.write("ledger") as connection:
            connection.execute(table.update().where(table.c.forgetting_id == same).values(**values))
            if certificate.asked.is_once:
                connection.execute(ids.delete().where(ids.c.forgetting_id == same))

    def certificate(self, forgetting_id: str) -> Certificate:
        """Return one certificate."""
        return next(one for one in self.certificates() if one.forgetting_id == forgetting_id)

    def certificates(self) -> list[Certificate]:
        """Return every certificate, the newest first."""
        table = tables.forgetting
        query = sa.select(table).order_by(table.c.asked_at.desc(), table.c.forgetting_id.desc())
        with self.database.read("ledger") as connection:
            return [_certificate(row) for row in connection.execute(query)]

    def tombstones(self) -> dict[str, tuple[str, datetime]]:
        """Return, by digest of its content, by which forgetting and when a raw file went."""
        table = tables.raw_tombstone
        with self.database.read("ledger") as connection:
            rows = connection.execute(sa.select(table)).all()
        return {row.sha256: (row.forgetting_id, row.destroyed_at) for row in rows}

    def tombstone(self, sha256: str) -> tuple[str, datetime] | None:
        """Return by which forgetting and when a raw file went; null where it did not."""
        table = tables.raw_tombstone
        with self.database.read("ledger") as connection:
            row = connection.execute(sa.select(table).where(table.c.sha256 == sha256)).first()
        return None if row is None else (row.forgetting_id, row.destroyed_at)

    def digests(self) -> frozenset[str]:
        """Return the digests of the ids that are not taken in any more."""
        with self.database.read("ledger") as connection:
            return frozenset(connection.scalars(sa.select(tables.forgotten_id.c.digest)))

    def barred(self) -> list[Barred]:
        """Return the districts and years that are not taken in any more."""
        table = tables.forgetting
        query = sa.select(table.c.district_id, table.c.school_year).where(
            table.c.digest.is_(None), sa.or_(~table.c.is_once, table.c.ended_at.is_(None))
        )
        with self.database.read("ledger") as connection:
            rows = connection.execute(query.distinct()).all()
        return [Barred(row.district_id, row.school_year) for row in rows]

    def districts_of_students(self) -> list[str]:
        """Return the districts in which a student has been forgotten."""
        table = tables.forgetting
        query = sa.select(table.c.district_id).where(table.c.digest.is_not(None)).distinct()
        with self.database.read("ledger") as connection:
            return sorted(connection.scalars(query))

    @cached_property
    def _key(self) -> bytes:
        path = self.workspace.home / KEY_FILE
        if not path.exists():
            if self.digests():
                raise _key_gone(str(path))
            make_secret(path, self.workspace.work)
        return bytes.fromhex(path.read_text(encoding="ascii").strip())


def _key_gone(place: str) -> InfrastructureError:
    return InfrastructureError(
        "FORGOTTEN_KEY_GONE",
        where=place,
        found="no such file, though students have been forgotten with that key",
        expected="the key by which forgotten students are known again",
        remedy="restore the file from the last backup; nothing is taken in without it",
    )


def _certificate(row: sa.Row[tuple[object, ...]]) -> Certificate:
    told = row._mapping
    asked = Asked(**{name: told[name] for name in Asked.__dataclass_fields__})
    return Certificate(
        row.forgetting_id,
        row.asked_at,
        asked,
        row.ended_at,
        row.found or {},
        row.remaining,
        tuple(row.backups or ()),
    )


def note_rows_left(database: Database, table: str, place: PartitionLoad, rows: int) -> None:
    """Note how many rows a live partition is left with; without any it is live no more.

    A load that is left without partitions is `discarded`.
    """
    part, load = tables.load_partition, tables.load
    same = (
        (part.c.table_name == table)
        & (part.c.source == place.source)
        & (part.c.partition == place.partition)
        & (part.c.load_id == place.load_id)
    )
    with database.write("ledger") as connection:
        if rows:
            connection.execute(part.update().where(same).values(rows=rows))
            return
        connection.execute(part.delete().where(same))
        live = sa.select(part.c.load_id).where(part.c.superseded_by.is_(None))
        empty = (load.c.load_id == place.load_id) & load.c.load_id.not_in(live)
        connection.execute(load.update().where(empty).values(state="discarded"))


def note_slices_left(
    database: Database, table: str, place: PartitionLoad, slices: Sequence[str]
) -> None:
    """Note which slices a live partition still has rows of."""
    part = tables.load_partition
    with database.write("ledger") as connection:
        connection.execute(
            part.update()
            .where(part.c.table_name == table, part.c.source == place.source)
            .where(part.c.partition == place.partition, part.c.load_id == place.load_id)
            .values(slices=list(slices))
        )
