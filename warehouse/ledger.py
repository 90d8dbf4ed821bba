"""The ledger: every file, load, step, check, rejected row and publication."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from configs.errors import RociError
from warehouse import ledger_tables as tables
from warehouse.bulk import insert_rows
from warehouse.files import readable
from warehouse.ledger_history import LedgerHistory
from warehouse.ledger_records import Check, Counts, Fault, FlagCount, Load, MartRecord, Step
from warehouse.published import Basis
from warehouse.remote import RemoteFile
from warehouse.repairs import mark_repaired

__all__ = ["Check", "Counts", "Fault", "Ledger", "LoadedPartitions", "MartRecord", "Step"]

_ATTEMPTS = 20


@dataclass(frozen=True)
class LoadedPartitions:
    """What a load put into one lake table: rows by partition, and the slices each belongs to."""

    table: str
    rows: Mapping[str, int]
    slices: Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Ledger(LedgerHistory):
    """Writes and answers. Every method is one transaction.

    Names of files and folders whose bytes are no UTF-8 are noted with those bytes spelt out.
    """

    def register_file(self, sha256: str, size: int, name: str) -> None:
        """Note a raw file that is kept; the first name it came under stays."""
        row = {
            "sha256": sha256, "size_bytes": size, "original_name": readable(name),
            "first_seen_at": _now(),
        }  # fmt: skip
        table = tables.raw_file
        known = sa.select(table.c.pruned_at).where(table.c.sha256 == sha256)
        with self._write() as connection:
            found = connection.execute(known).first()
            if found is None:
                _insert_unless_there(connection, table, row)
            elif found.pruned_at is not None:
                back = table.update().where(table.c.sha256 == sha256)
                connection.execute(back.values(pruned_at=None))

    def record_pruned(self, sha256: str) -> None:
        """Note that the retention removes a raw file."""
        table = tables.raw_file
        with self._write() as connection:
            gone = table.update().where(table.c.sha256 == sha256)
            connection.execute(gone.values(pruned_at=_now()))

    def record_fetched(self, remote: str, file: RemoteFile) -> None:
        """Note that a file of a remote folder has been fetched, as it was listed there."""
        row = {
            "remote": remote, "path": readable(file.path), "size_bytes": file.size,
            "modified_at": file.modified, "fetched_at": _now(),
        }  # fmt: skip
        with self._write() as connection:
            _insert_unless_there(connection, tables.fetched_file, row)

    def open_load(  # noqa: PLR0913 - the columns of a load
        self,
        source: str,
        load_key: str,
        inputs: Mapping[str, str],
        sha256: str | None = None,
        file_name: str | None = None,
        district_id: str | None = None,
    ) -> str:
        """Note that a load begins and return its id, such as `L20261121-0001`."""
        names = {"file_name": file_name, "district_id": district_id}
        told = {"source": source, "load_key": load_key, "sha256": sha256} | {
            column: None if name is None else readable(name) for column, name in names.items()
        }
        for attempts_left in reversed(range(_ATTEMPTS)):
            try:
                with self._write() as connection:
                    return _insert_load(connection, told, inputs)
            except IntegrityError:  # another process took that number
                if not attempts_left:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def record_step(self, load_id: str, step: Step) -> None:
        """Note one step, after those that were noted before."""
        table = tables.step
        with self._write() as connection:
            last = sa.select(sa.func.max(table.c.position)).where(table.c.load_id == load_id)
            position = (connection.scalar(last) or 0) + 1
            row = dict(asdict(step), load_id=load_id, position=position)
            connection.execute(table.insert(), row)

    def record_checks(self, of: str, checks: Iterable[Check]) -> None:
        """Note the checks of a load (`L...`) or of a publication (`P...`).

        Those of a load are added to. Those of a publication take the place of others under its id:
        a build that was cut off before it published had that id, and never came to be.
        """
        table, column = tables.check_result, "publication_id" if of.startswith("P") else "load_id"
        rows = [{**asdict(check), column: of} for check in checks]
        if rows:
            with self._write() as connection:
                connection.execute(table.delete().where(table.c.publication_id == of))
                connection.execute(table.insert(), rows)

    def record_rows(self, load_id: str, faults: Any, kind: str) -> None:
        """Note rows that left a load, by number and code.

        Args:
            load_id: whose rows.
            faults: Arrow table or frame with `source_row`, `code`, `field` (null allowed).
            kind: `reject` or `set_aside`.
        """
        source_rows, codes, fields = (_values(faults, name) for name in _FAULT_COLUMNS)
        rows = [
            (load_id, source_row, code, field, kind)
            for source_row, code, field in zip(source_rows, codes, fields, strict=True)
        ]
        with self._write() as connection:
            insert_rows(connection, tables.rejected_row, rows)

    def record_flags(self, load_id: str, counts: Iterable[FlagCount]) -> None:
        """Note how many loaded rows carry each flag, by code and field, and the first of them."""
        rows = [
            dict(asdict(count), load_id=load_id, field=count.field or "") for count in counts
        ]  # fmt: skip
        if rows:
            with self._write() as connection:
                connection.execute(tables.flag_count.insert(), rows)

    def note_reading(self, load_id: str, layout: str, written: str) -> None:
        """Note which layout a load's file has, and how it is written, in words."""
        with self._write() as connection:
            _update_load(connection, load_id, layout=layout, written=written)

    def finish(
        self,
        load_id: str,
        state: str,
        *,
        fault: Fault | RociError | None = None,
        counts: Counts | None = None,
    ) -> None:
        """Note how a load ended: `held`, `failed`, `discarded`, or `loaded` without any rows.

        Raises:
            RociError: `loaded` with counts that do not balance (UNBALANCED_LOAD).
        """
        if state == "loaded":
            counts = counts or Counts(0, 0, 0, 0)
            counts.require_balance(load_id)
        with self._write() as connection:
            outcome = _outcome(state, fault, counts)
            _update_load(connection, load_id, **outcome)

    def finish_loaded(
        self,
        load_id: str,
        counts: Counts,
        partitions: Collection[LoadedPartitions],
        repairs: Collection[str] = (),
    ) -> None:
        """Note that a load is in the lake, and which earlier loads it takes the place of.

        In one transaction: its partitions become the live ones, the same partitions of earlier
        loads superseded, and loads that are left without any live partition become `superseded`.
        `repairs`: what people had corrected in its file; they are in the lake with it.

        Raises:
            RociError: the counts do not balance (UNBALANCED_LOAD).
        """
        counts.require_balance(load_id)
        with self._write() as connection:
            _update_load(connection, load_id, **_outcome("loaded", None, counts))
            for part in partitions:
                self._set_partitions(connection, load_id, part)
            mark_repaired(connection, load_id, repairs)
            _supersede_loads_without_partitions(connection, load_id)

    def record_publication(  # noqa: PLR0913 - the columns of a publication
        self,
        slices: Mapping[str, str],
        marts: Sequence[MartRecord],
        *,
        publication_id: str | None = None,
        state: str = "published",
        fault: Fault | RociError | None = None,
        basis: Basis | None = None,
    ) -> str:
        """Note a publication, published or held, and return its id."""
        row = dict(
            published_at=_now(),
            state=state,
            slices=dict(slices),
            marts=[asdict(mart) for mart in marts],
            **_fault_columns(fault),
        )
        with self._write() as connection:
            column = tables.publication.c.publication_id
            new_id = publication_id or _next_id(connection, column, "P")
            connection.execute(tables.publication.insert(), dict(row, publication_id=new_id))
            if basis is not None:
                told = asdict(basis) | {"planned_at": datetime.fromisoformat(basis.planned_at)}
                noted = dict(told, publication_id=new_id)
                connection.execute(tables.publication_basis.insert(), noted)
        return new_id

    def withdraw_held(self) -> None:
        """Note that a publication that is held is wanted no more: what is published stands."""
        table = tables.publication
        held = self.held_publication()
        if held is not None:
            with self._write() as connection:
                same = table.c.publication_id == held.publication_id
                connection.execute(table.update().where(same).values(state="withdrawn"))

    def record_decision(
        self, load_id: str, decision: str, by: str, led_to: str | None = None
    ) -> None:
        """Note who `released` or `discarded` a load."""
        with self._write() as connection:
            _insert_decision(connection, load_id, decision, by, led_to)

    def discard(self, load: Load, by: str) -> None:
        """Note that a load is given up, and who said so, in one transaction."""
        with self._write() as connection:
            _update_load(connection, load.load_id, **_outcome("discarded", load.fault, None))
            _insert_decision(connection, load.load_id, "discarded", by, None)

    def new_publication_id(self, shown: str | None = None) -> str:
        """Return the id of the next publication; it is taken once it is recorded.

        `shown`: what readers are shown now; where a crash kept it from being recorded, another
        publication must not go by its name.
        """
        with self._write() as connection:
            return _next_id(connection, tables.publication.c.publication_id, "P", shown or "")

    def _set_partitions(
        self, connection: sa.Connection, load_id: str, part: LoadedPartitions
    ) -> None:
        table = tables.load_partition
        source = connection.scalar(
            sa.select(tables.load.c.source).where(tables.load.c.load_id == load_id)
        )
        earlier = (
            table.update()
            .where(table.c.table_name == part.table, table.c.source == source)
            .where(table.c.partition == sa.bindparam("named"))
            .where(table.c.load_id != load_id, table.c.superseded_by.is_(None))
            .values(superseded_by=load_id)
        )
        mine = (table.c.load_id == load_id) & (table.c.table_name == part.table)
        connection.execute(table.delete().where(mine))
        if not part.rows:
            return
        connection.execute(earlier, [{"named": name} for name in part.rows])
        rows = [
            {
                "load_id": load_id, "table_name": part.table, "source": source, "partition": name,
                "rows": count, "slices": list(part.slices.get(name, ())),
            }
            for name, count in part.rows.items()
        ]  # fmt: skip
        connection.execute(table.insert(), rows)

    def _write(self) -> AbstractContextManager[sa.Connection]:
        assert self._created
        return self.database.write("ledger")


_FAULT_COLUMNS = ("source_row", "code", "field")
_COUNT_COLUMNS = ("rows_received", "rows_loaded", "rows_quarantined", "rows_set_aside")
_FAULT_PARTS = ("code", "fault_where", "fault_found", "fault_expected", "fault_remedy")


def _now() -> datetime:
    return datetime.now(UTC)


def _next_id(
    connection: sa.Connection, column: sa.Column[str], letter: str, shown: str = ""
) -> str:
    today = f"{letter}{_now():%Y%m%d}-"
    newest_day = connection.scalar(sa.select(sa.func.max(column))) or ""
    # Ids tell what came later, also after a clock that was ahead has been set right.
    day = max(today, newest_day[: len(today)], shown[: len(today)])
    # By length first: the ten thousandth of a day has one digit more.
    newest = (
        sa.select(column)
        .where(column.startswith(day, autoescape=True))
        .order_by(sa.func.length(column).desc(), column.desc())
        .limit(1)
    )
    taken = [one for one in (connection.scalar(newest), shown) if one and one.startswith(day)]
    return f"{day}{max((int(one.removeprefix(day)) for one in taken), default=0) + 1:04d}"


def _attempts(connection: sa.Connection, load_key: str) -> int:
    same = tables.load.c.load_key == load_key
    return connection.scalar(sa.select(sa.func.count()).where(same)) or 0


def _insert_load(
    connection: sa.Connection, told: Mapping[str, str | None], inputs: Mapping[str, str]
) -> str:
    load_id = _next_id(connection, tables.load.c.load_id, "L")
    row: dict[str, Any] = {**told, "load_id": load_id, "state": "loading", "started_at": _now()}
    row["attempt"] = _attempts(connection, row["load_key"]) + 1
    connection.execute(tables.load.insert(), row)
    _insert_inputs(connection, load_id, inputs, row)
    return load_id


def _insert_inputs(
    connection: sa.Connection, load_id: str, inputs: Mapping[str, str], row: Mapping[str, Any]
) -> None:
    names = {"file": row["file_name"] or "", "source": row["source"]}
    rows = [
        {"load_id": load_id, "kind": kind, "name": names.get(kind, kind), "hash": digest}
        for kind, digest in inputs.items()
    ]
    if rows:
        connection.execute(tables.load_input.insert(), rows)


def _insert_unless_there(connection: sa.Connection, table: sa.Table, row: dict[str, Any]) -> None:
    try:
        with connection.begin_nested():
            connection.execute(table.insert(), row)
    except IntegrityError:
        pass  # another process was quicker


def _update_load(connection: sa.Connection, load_id: str, **values: Any) -> None:
    query = tables.load.update().where(tables.load.c.load_id == load_id).values(**values)
    connection.execute(query)


def _insert_decision(
    connection: sa.Connection, load_id: str, decision: str, by: str, led_to: str | None
) -> None:
    row = {
        "load_id": load_id, "decision": decision, "decided_by": readable(by),
        "decided_at": _now(), "led_to": led_to,
    }  # fmt: skip
    connection.execute(tables.load_decision.insert(), row)


def _outcome(state: str, fault: Fault | RociError | None, counts: Counts | None) -> dict[str, Any]:
    outcome: dict[str, Any] = dict(state=state, finished_at=_now(), **_fault_columns(fault))
    if counts is not None:
        numbers = (counts.received, counts.loaded, counts.quarantined, counts.set_aside)
        outcome |= zip(_COUNT_COLUMNS, numbers, strict=True)
    return outcome


def _fault_columns(fault: Fault | RociError | None) -> dict[str, str | None]:
    if fault is None:
        return dict.fromkeys(_FAULT_PARTS)
    parts = (fault.code, fault.where, fault.found, fault.expected, fault.remedy)
    return dict(zip(_FAULT_PARTS, map(readable, parts), strict=True))


def _supersede_loads_without_partitions(connection: sa.Connection, newest: str) -> None:
    part = tables.load_partition
    touched = sa.select(part.c.load_id).where(part.c.superseded_by == newest)
    live = sa.select(part.c.load_id).where(part.c.superseded_by.is_(None))
    query = (
        tables.load.update()
        .where(tables.load.c.state == "loaded", tables.load.c.load_id != newest)
        .where(tables.load.c.load_id.in_(touched), tables.load.c.load_id.not_in(live))
        .values(state="superseded")
    )
    connection.execute(query)


def _values(faults: Any, name: str) -> list[Any]:
    """Return a column as a list of plain values, null as None."""
    column = faults[name]
    if hasattr(column, "to_pylist"):
        return list(column.to_pylist())
    return list(column.astype(object).where(column.notna(), None))
