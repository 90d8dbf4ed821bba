"""Takes corrected rows back: those that pass every check are kept, and loaded with their file."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import duckdb

from configs.errors import UsageError, listed
from flows.context import Context
from flows.given_files import require_files
from flows.load_key import changed_parts
from flows.stages.corrections import changes, laid_over, read_corrections
from flows.stages.exporting import columns_of_fields, exported_rows
from flows.stages.extract import open_extract
from flows.stages.repairs import (
    inputs_today,
    known_repairs,
    origin_of,
    values_of,
)
from flows.stages.resolving import resolve_rows
from flows.stages.retrying import as_it_came
from flows.stages.rows import stage_rows
from flows.stages.slicing import view
from flows.stages.work import Resolved, Work
from transforms.faults import all_faults
from transforms.mending import Mend, Mends
from warehouse.ledger_records import Load, RejectedReason
from warehouse.locks import lock
from warehouse.repairs import Correction

WAIT_SECONDS = 3600
# A corrected row that now belongs where another file's rows are.
REPAIR_MOVES = "REPAIR_MOVES"
# The part of a load's key that corrections are.
REPAIRS = "repairs"


@dataclass(frozen=True)
class Repair:
    """What became of a spreadsheet of corrected rows, before its file is loaded again.

    Attributes:
        current: the load that stands for the file now.
        handed: how many rows the spreadsheet has.
        taken: rows that pass with what was changed in them.
        wrong: why changed rows would still be rejected; they stay as they were.
        changed: the columns that were changed in each of these.
        read_from: the columns of the file that each field is read from.
        waits: the file has to be loaded again, for corrections of today or of a run cut off.
        changed_since: what else has changed since the file was loaded, and now takes effect.
    """

    current: Load
    handed: int
    taken: tuple[int, ...]
    wrong: tuple[RejectedReason, ...]
    changed: Mapping[int, Sequence[str]]
    read_from: Mapping[str, str]
    waits: bool
    changed_since: tuple[str, ...]


def take_corrections(context: Context, load_id: str, path: Path, changed_by: str) -> Repair:
    """Keep the corrected rows of a spreadsheet that pass every check; the others stay as they were.

    The file is then to be loaded again, with them. Doing it twice changes nothing.

    Raises:
        UsageError: there is no such file, it is not of that load, or another file has taken the
            place of the load's.
    """
    require_files([path], "roci quarantine replay")
    load = context.ledger.load(load_id)
    source = context.catalogue.source(load.source)
    file = origin_of(load)
    with lock(context.workspace, f"repair-{file.sha256[:16]}", WAIT_SECONDS, what=load_id):
        current = _current(context, load)
        exported = exported_rows(context, load_id)
        spreadsheet = _kept(context, path)
        with context.raw.open(spreadsheet) as stream:
            handed = read_corrections(stream, path.name, exported)
        trial = Trial(context, current, known_repairs(context, file).mends(context))
        new = trial.news(changes(handed, exported))
        taken, wrong = trial.passing(new)
        if taken:
            columns = {row: mend.columns() for row, mend in taken.items()}
            of = Correction(load_id, spreadsheet, changed_by)
            context.repairs.record(uuid4().hex, file, of, columns, values_of(taken))
        changed = _changed(context, current)
    return Repair(
        current=current,
        handed=len(handed.rows),
        taken=tuple(sorted(taken)),
        wrong=wrong,
        changed={one.source_row: new[one.source_row].columns() for one in wrong},
        read_from=columns_of_fields(source, frozenset(exported.columns)),
        waits=REPAIRS in changed,
        changed_since=tuple(part for part in changed if part != REPAIRS),
    )


@dataclass(frozen=True)
class Trial:
    """Tries corrections on their file, next to those that are known: nothing of it is kept."""

    context: Context
    current: Load
    known: Mends

    def news(self, changed: Mapping[int, Mend]) -> dict[int, Mend]:
        """Return the corrections that say something else than what is known already."""
        laid = {row: laid_over(mend, self.known.rows.get(row)) for row, mend in changed.items()}
        return {row: mend for row, mend in laid.items() if mend != self.known.rows.get(row)}

    def passing(
        self, new: Mapping[int, Mend]
    ) -> tuple[dict[int, Mend], tuple[RejectedReason, ...]]:
        """Return the corrections with which their rows pass, all together, and why others do not.

        One that does not pass is left out before the others are tried again: no row that is good
        may be rejected for a correction that is not taken.
        """
        taken = dict(new)
        wrong: list[RejectedReason] = []
        while taken:
            # A row whose corrections were taken back is as the file has it, whatever that is.
            asked = {row for row, mend in taken.items() if mend.after}
            found = self._rejected(taken)
            rejected = [one for one in found if one.source_row in asked]
            if not rejected:
                self._require_harmless({one.source_row for one in found})
                break
            wrong += rejected
            for one in rejected:
                taken.pop(one.source_row, None)
        return taken, tuple(sorted(set(wrong), key=lambda one: (one.source_row, one.code)))

    def _require_harmless(self, rejected: set[int]) -> None:
        """Refuse corrections with which rows that are loaded would not be, such as a date's year.

        Raises:
            UsageError: REPAIR_HARMS.
        """
        if self.current.state != "loaded" or set(_changed(self.context, self.current)) - {REPAIRS}:
            return  # nothing is loaded, or other rules than then may reject rows
        harmed = rejected - {
            one.source_row for one in self.context.ledger.rejected_reasons(self.current.load_id)
        }
        if harmed:
            raise UsageError(
                "REPAIR_HARMS",
                where=f"{self.current.load_id}: rows {listed(sorted(harmed), at_most=5)}",
                found=f"{len(harmed):,} loaded rows that would be rejected with the corrections",
                expected="corrections that leave the loaded rows as they are",
                remedy="look for a date, year or test that no other row of the file has; correct "
                "the extract itself, and land it again, where it is right",
            )

    def _rejected(self, new: Mapping[int, Mend]) -> list[RejectedReason]:
        """Return which rows of the file would be rejected with these corrections, and why."""
        incoming = as_it_came(self.context, self.current)
        source = self.context.catalogue.source(self.current.source)
        mends = Mends({row: one for row, one in {**self.known.rows, **new}.items() if one.after})
        with (
            _folder(self.context) as folder,
            self.context.raw.open(incoming.sha256) as stream,
            duckdb.connect() as con,
        ):
            extract = open_extract(self.context, source, incoming, stream, mends)
            work = Work(self.current.load_id, source, incoming, folder)
            staged = stage_rows(
                extract.pieces, extract.encoder, source, self.context.catalogue, folder
            )
            resolved = resolve_rows(self.context, work, staged, con)
            moved = self._moved(resolved, con)
        faults = all_faults(resolved.tally.rejects).to_pylist()
        return [*(RejectedReason(**one) for one in faults), *moved]

    def _moved(self, resolved: Resolved, con: duckdb.DuckDBPyConnection) -> list[RejectedReason]:
        """Return the rows that would take the place of another file's, in a loaded file."""
        if self.current.state != "loaded":
            return []
        table = self.context.catalogue.source(self.current.source).table
        foreign = {
            live.partition
            for live in self.context.ledger.live_partitions(table)
            if live.source == self.current.source and live.load_id != self.current.load_id
        }
        files = {name: paths for name, paths in resolved.files.items() if name in foreign}
        if not files:
            return []
        view(con, "moved", files)
        rows = con.execute("SELECT DISTINCT source_row FROM moved ORDER BY 1").fetchall()
        return [RejectedReason(row, REPAIR_MOVES, None) for (row,) in rows]


def _current(context: Context, load: Load) -> Load:
    """Return the load that stands for the file now.

    Raises:
        UsageError: nothing does any more: another file has taken its place, or it was given up.
    """
    same = [
        one
        for one in context.ledger.loads(source=load.source)
        if origin_of(one) == origin_of(load) and one.state not in ("loading", "received")
    ]
    newest = next((one for one in same if one.state == "loaded"), next(iter(same), load))
    if newest.state == "loaded":
        filled = context.ledger.partitions_of(newest.load_id)
        live = [one for one in context.ledger.live_partitions() if one.load_id == newest.load_id]
        stands = len(live) == len(filled)
    else:
        stands = newest.state in ("failed", "held")
    if stands:
        return newest
    raise UsageError(
        "REPAIR_SUPERSEDED",
        where=load.load_id,
        found=f"its file is {newest.state}, and not all of its partitions are its own any more",
        expected="a file whose rows are those that are loaded, or that waits to be loaded",
        remedy="correct the rows of the file that took its place: `roci quarantine list`",
    )


def _kept(context: Context, path: Path) -> str:
    """Keep the spreadsheet as it was handed in, and return its digest."""
    raw = context.raw.keep(path)
    context.ledger.register_file(raw.sha256, raw.size, path.name)
    return raw.sha256


def _changed(context: Context, current: Load) -> list[str]:
    """Return what has changed since the current load: `repairs`, where it lacks corrections."""
    return changed_parts(context.ledger.inputs(current.load_id), inputs_today(context, current))


@contextmanager
def _folder(context: Context) -> Iterator[Path]:
    folder = context.workspace.staging / f"trial-{uuid4().hex}"
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
