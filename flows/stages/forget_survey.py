"""What of a workspace holds the data that is to be forgotten."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from hashlib import file_digest
from pathlib import Path

import pyarrow.parquet as pq

from configs.errors import RociError
from flows.context import Context
from flows.stages.forget_target import Target, personal_tables
from flows.stages.recounting import read_again
from flows.stages.restating import compare_folder
from warehouse.lake import PartitionLoad
from warehouse.lake_forgetting import LakeForgetting, Rows, rows_of
from warehouse.ledger_records import Load
from warehouse.raw_uses import corrections_of
from warehouse.traces import Unreadable

NOTE = ".why.txt"
DISTRICT_IN_NOTE = "district folder: "


@dataclass(frozen=True)
class Holdings:
    """Everything that goes.

    Attributes:
        raw: digests of the raw files; `unsure` of them go since nobody can tell what they hold.
        loads: those that came from them, and cannot be done again afterwards.
        lake: the live partitions with rows that go, by table.
        history: files of the lake that are no longer live.
        set_aside: files under quarantine/; `rejected` rows are in them, others' too.
        landing: files under landing/ that go, with their notes.
        reports: comparisons and marts of an earlier day, which can be made again.
    """

    raw: frozenset[str]
    unsure: int
    loads: tuple[Load, ...]
    lake: dict[str, dict[PartitionLoad, Rows]]
    history: int
    set_aside: tuple[Path, ...]
    rejected: int
    landing: tuple[Path, ...]
    reports: tuple[Path, ...]

    def counts(self) -> dict[str, int]:
        """Return how much there is of each kind."""
        rows = {
            f"rows of {table}": sum(one.matching for one in places.values())
            for table, places in sorted(self.lake.items())
            if places
        }
        return {
            "raw files": len(self.raw),
            "raw files that nobody can read": self.unsure,
            "loads that cannot be done again": len(self.loads),
            **rows,
            "earlier files of the lake": self.history,
            "files of rejected rows": len(self.set_aside),
            "rejected rows in them": self.rejected,
            "files in landing": len(self.landing),
            "reports": len(self.reports),
        }


def survey(context: Context, target: Target) -> Holdings:
    """Return everything that holds the data, without changing any of it."""
    return _Survey(context, target).holdings()


@dataclass(frozen=True)
class _Survey:
    context: Context
    target: Target

    def holdings(self) -> Holdings:
        raw, unsure = self._raw_files()
        gone = frozenset(raw) | self._buried
        loads = tuple(load for sha, of in self._loads.items() if sha in gone for load in of)
        aside = tuple(self._set_aside(gone, {load.load_id for load in loads}))
        return Holdings(
            raw=frozenset(raw),
            unsure=unsure,
            loads=tuple(load for load in loads if load.sha256 in raw),
            lake={name: one.live() for name, one in self._tables.items()},
            history=sum(self._is_history(one) for one in self._tables.values()),
            set_aside=aside,
            rejected=sum(map(_rows, aside)),
            landing=tuple(self._landing(gone)),
            reports=tuple(self._reports()),
        )

    @cached_property
    def _tables(self) -> dict[str, LakeForgetting]:
        scope = self.target.scope
        return {
            name: LakeForgetting(self.context.lake, name, scope)
            for name in personal_tables(self.context)
            if self.context.lake.exists(name)
        }

    @cached_property
    def _loads(self) -> dict[str, list[Load]]:
        found: dict[str, list[Load]] = defaultdict(list)
        for load in self.context.ledger.loads():
            if load.sha256 is not None:
                found[load.sha256].append(load)
        return dict(found)

    @cached_property
    def _buried(self) -> frozenset[str]:
        return frozenset(self.context.forgotten.tombstones())

    @cached_property
    def _by_id(self) -> dict[str, list[Load]]:
        return {load.load_id: [load] for of in self._loads.values() for load in of}

    @cached_property
    def _in_lake(self) -> dict[str, Rows]:
        """Return how many rows of each load the lake has in any version that is kept."""
        found: dict[str, Rows] = {}
        for table in self._tables.values():
            for _, place, rows in table.files():
                before = found.get(place.load_id, Rows(0, 0))
                found[place.load_id] = Rows(before.matching + rows.matching, before.all + rows.all)
        return found

    def _is_history(self, table: LakeForgetting) -> int:
        live = {Path(file) for file in self.context.lake.files(table.table)}
        return sum(rows.matching > 0 and path not in live for path, _, rows in table.files())

    def _raw_files(self) -> tuple[set[str], int]:
        """Return the raw files that go, and how many of them nobody can read."""
        found, unsure = set(), 0
        paths = sorted(self.context.workspace.raw.glob("??/*"))
        for path in paths:
            verdict = self._holds(path.name, path)
            if verdict is not False:
                found.add(path.name)
                unsure += verdict is None
        corrections = corrections_of(self.context.database, found)
        return found | {path.name for path in paths if path.name in corrections}, unsure

    def _holds(self, sha256: str, path: Path) -> bool | None:
        """Return whether a raw file holds what is to go; null where nobody can tell."""
        if sha256 in self._buried:
            return True
        loads = self._loads.get(sha256, [])
        in_lake = [rows for load in loads if (rows := self._in_lake.get(load.load_id))]
        if any(rows.matching for rows in in_lake):
            return True
        if self.target.search is not None:
            return self._holds_student(path, loads, bool(in_lake))
        return self._holds_part(loads, bool(in_lake))

    def _holds_student(self, path: Path, loads: list[Load], is_loaded: bool) -> bool | None:
        search = self.target.search
        assert search is not None
        if self._is_of_others(loads):
            return False
        try:
            if search.in_file(path):
                return True
        except Unreadable:
            return None
        if not search.too_short or is_loaded:
            return False
        return self._by_reading(loads)

    def _is_of_others(self, loads: list[Load]) -> bool:
        """Return whether a file is of another district, whose students have one of the ids too."""
        return self.target.is_shared and are_of_others(self.target, loads)

    def _holds_part(self, loads: list[Load], is_loaded: bool) -> bool | None:
        """Return whether a file has rows of the district and year: as a file of others, not."""
        district, year = self.target.district_id, self.target.school_year
        of_district = any(load.district_id == district for load in loads)
        if is_loaded:
            return district is not None and year is None and of_district
        if self._is_directory(loads):
            return False
        by_reading = self._by_reading(loads)
        if by_reading is None and district is not None:
            others = [load.district_id for load in loads if load.district_id is not None]
            return None if of_district or not others else False
        return by_reading

    def _is_directory(self, loads: list[Load]) -> bool:
        """Return whether a file is of a source without rows of students."""
        sources = self.context.catalogue.sources
        known = [sources[load.source].table for load in loads if load.source in sources]
        return bool(known) and not set(known) & set(personal_tables(self.context))

    def _by_reading(self, loads: list[Load]) -> bool | None:
        """Return what a file's own rows say; null where none of it can be read."""
        sources = self.context.catalogue.sources
        for load in loads:
            if load.source not in sources:
                continue
            try:
                with read_again(self.context, load.load_id) as brought:
                    files = [path for paths in brought.files.values() for path in paths]
                    found = [rows for path in files if (rows := rows_of(path, self.target.scope))]
            except RociError:
                continue
            if found:
                return any(rows.matching for rows in found)
        return None

    def _set_aside(self, gone: Iterable[str], loads: set[str]) -> Iterator[Path]:
        """Yield rejected rows, exported spreadsheets and corrections of files that go."""
        folder = self.context.workspace.quarantine
        repairs = self.context.repairs.of_files(gone)
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            own = path.name.partition(".")[0]
            named = own in loads or own in repairs
            foreign = self._is_of_others(self._by_id.get(own, []))
            if named or (not foreign and self._is_met(path)) or self._is_stray(path, own):
                yield path

    def _is_stray(self, path: Path, own: str) -> bool:
        """Return whether a spreadsheet tells by nothing of which load it is."""
        if path.parent.name != "exports" or self.target.search is not None:
            return False
        known = {load.load_id for of in self._loads.values() for load in of}
        return own not in known

    def _is_met(self, path: Path) -> bool:
        """Return whether the student's ids stand in a file, or nobody can tell."""
        if self.target.search is None:
            return False
        try:
            return self.target.search.in_file(path) > 0
        except Unreadable:
            return True

    def _landing(self, gone: Iterable[str]) -> Iterator[Path]:
        """Yield what waits in landing/ or was refused: the file, and its note."""
        gone, folder = set(gone), self.context.workspace.landing
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            if path.name.endswith(NOTE) and path.with_name(path.name[: -len(NOTE)]).exists():
                continue
            met = not self._is_of_another_district(path) and self._is_met(path)
            if met or self._is_of_district(path) or _sha256(path) in gone:
                yield path
                note = path.with_name(path.name + NOTE)
                yield from [note] if note.exists() else []

    def _is_of_district(self, path: Path) -> bool:
        """Return whether a file lies in the district's folder, or lay there when it was refused."""
        whole = self.target.school_year is None and not self.target.ids
        district = self.target.district_id
        return whole and district is not None and district_of(self.context, path) == district

    def _is_of_another_district(self, path: Path) -> bool:
        district = district_of(self.context, path)
        return district is not None and district != self.target.district_id

    def _reports(self) -> Iterator[Path]:
        """Yield comparisons, and marts of an earlier day that hold any of it."""
        yield from sorted(compare_folder(self.context).glob("*"))
        earlier = self.context.workspace.home / "marts" / "as-of"
        for folder in sorted(earlier.glob("*")):
            files = [path for path in folder.rglob("*.parquet") if path.is_file()]
            if any(self._has_rows(path) or self._is_met(path) for path in files):
                yield folder

    def _has_rows(self, path: Path) -> bool:
        rows = rows_of(path, self.target.scope)
        return rows is not None and rows.matching > 0


def district_of(context: Context, path: Path) -> str | None:
    """Return the district whose folder of landing/ a file lies in, or lay in when it was refused.

    Null where it is in none.
    """
    folders = path.relative_to(context.workspace.landing).parts[:-1]
    if folders and context.workspace.landing / folders[0] != context.workspace.refused:
        return folders[0] if not folders[0].startswith(".") else None
    note = path.with_name(path.name.removesuffix(NOTE) + NOTE)
    told = note.read_text("utf-8", "replace").splitlines() if note.exists() else []
    named = [line.removeprefix(DISTRICT_IN_NOTE) for line in told]
    return next((one for line, one in zip(told, named, strict=True) if one != line), None)


def are_of_others(target: Target, loads: list[Load]) -> bool:
    """Return whether all loads of a file, of which there are some, are of another district."""
    districts = {load.district_id for load in loads}
    return bool(districts) and districts.isdisjoint({None, target.district_id})


def _rows(path: Path) -> int:
    if path.suffix != ".parquet" or path.parent.name == "repairs":
        return 0
    return pq.read_metadata(path).num_rows


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
