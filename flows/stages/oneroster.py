"""OneRoster in its other forms, made into the one that is read: a zip of the whole roster.

A folder of the tables is packed. A delta is laid over the last whole roster of its district.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from configs.source_models import Source
from flows.context import Context
from flows.stages.turns import ChangesWait
from transforms.oneroster_delta import is_delta, merge
from transforms.oneroster_manifest import MANIFEST, modes_said
from warehouse.files import original, readable
from warehouse.landing import LandedFile
from warehouse.packing import pack

if TYPE_CHECKING:
    from flows.stages.intake import Incoming

KIND = "oneroster"
REQUIRED = frozenset({"users.csv", "orgs.csv", "enrollments.csv"})
TABLES = REQUIRED | frozenset(
    {"manifest.csv", "demographics.csv", "academicsessions.csv", "classes.csv", "courses.csv"}
)
# The header of every table begins with the one, that of the manifest with the other.
FIRST_COLUMNS = ("sourcedid", "usersourcedid", "propertyname")
LOADED = "loaded"


@dataclass(frozen=True)
class RosterFolder:
    """The tables of one OneRoster that stand in one folder of landing/."""

    path: Path
    files: tuple[LandedFile, ...]

    @property
    def name(self) -> str:
        """Return the name of the zip that is made of it."""
        return f"{readable(self.path.name)}.zip"

    @property
    def district_id(self) -> str | None:
        """Return the district in whose folder it stands."""
        return self.files[0].district_id

    @property
    def whole(self) -> bool:
        """Return whether all tables that a roster, or its changes, needs have arrived."""
        return _has_all([file.path for file in self.files])

    @property
    def modified_at(self) -> datetime:
        """Return when the last of its tables was changed."""
        return max(file.modified_at for file in self.files)


def split_folders(landed: Sequence[LandedFile]) -> tuple[list[RosterFolder], list[LandedFile]]:
    """Return the folders that hold OneRoster tables, and the files that are none."""
    tables: dict[Path, list[LandedFile]] = defaultdict(list)
    for file in landed:
        if file.name.lower() in TABLES and _is_table(file.path):
            tables[file.path.parent].append(file)
    taken = {file.path for files in tables.values() for file in files}
    folders = [RosterFolder(path, tuple(files)) for path, files in sorted(tables.items())]
    return folders, [file for file in landed if file.path not in taken]


def tables_in(folder: Path) -> list[Path]:
    """Return the OneRoster tables in a folder; none where it has not all that a roster needs."""
    found = [path for path in sorted(folder.iterdir()) if path.name.lower() in TABLES]
    return found if _has_all(found) else []


def _has_all(paths: Sequence[Path]) -> bool:
    """Return whether a roster's tables are there, or all that the manifest of a delta names."""
    names = {path.name.lower(): path for path in paths}
    if names.keys() >= REQUIRED or MANIFEST not in names:
        return names.keys() >= REQUIRED
    modes = modes_said(names[MANIFEST].read_text(encoding="utf-8-sig", errors="replace"))
    sent = {f"{table.lower()}.csv" for table, mode in modes.items() if mode != "absent"}
    return "delta" in modes.values() and names.keys() >= sent & TABLES


def roster_source(context: Context) -> Source | None:
    """Return the source that reads OneRoster, if there is exactly one."""
    found = [one for one in context.catalogue.sources.values() if one.format.kind == KIND]
    return found[0] if len(found) == 1 else None


def is_delta_file(path: Path) -> bool:
    """Return whether the file is a OneRoster zip of what has changed only."""
    with original(path) as stream:
        return is_delta(stream)


def is_delta_of(source: Source, path: Path) -> bool:
    """Return whether the file is one of what has changed only, of the source that reads these."""
    return source.format.kind == KIND and is_delta_file(path)


@contextmanager
def packed(context: Context, files: Sequence[Path]) -> Iterator[Path]:
    """Yield a zip of the files; it is gone afterwards."""
    with _scratch(context) as target:
        pack(files, target)
        yield target


@contextmanager
def made_whole(
    context: Context, source: Source, path: Path, district_id: str | None,
    before: Sequence[Incoming],
) -> Iterator[Path]:  # fmt: skip
    """Yield the file as it is to be kept: a delta laid over the district's last whole roster.

    Args:
        context: the opened workspace.
        source: whose file it is.
        path: the file.
        district_id: its district.
        before: what was taken in just before, not yet loaded.

    Raises:
        ChangesWait: a delta, and no whole roster before it.
    """
    if not is_delta_of(source, path):
        yield path
        return
    base = _last_whole(context, source.name, district_id, before)
    if base is None:
        raise ChangesWait((source.name, district_id))
    changes = context.raw.keep(path)
    context.ledger.register_file(changes.sha256, changes.size, path.name)
    with _scratch(context) as target:
        with context.raw.open(base) as old, original(path) as new, target.open("wb") as out:
            merge(old, new, out)
        yield target


def _last_whole(
    context: Context, source: str, district_id: str | None, before: Sequence[Incoming]
) -> str | None:
    waiting = [one for one in before if (one.source, one.district_id) == (source, district_id)]
    if waiting:
        return waiting[-1].sha256
    loaded = context.ledger.loads(source, LOADED)
    return next((load.sha256 for load in loaded if load.district_id == district_id), None)


def _is_table(path: Path) -> bool:
    try:
        with original(path) as stream:
            head = stream.read(4096)
    except OSError:
        return False
    first = head.decode("utf-8-sig", errors="replace").split(",", 1)[0]
    return first.strip().strip('"').lower() in FIRST_COLUMNS


@contextmanager
def _scratch(context: Context) -> Iterator[Path]:
    context.workspace.work.mkdir(parents=True, exist_ok=True)
    target = context.workspace.work / f"oneroster.{uuid4().hex}"
    target.touch(mode=0o600)
    try:
        yield target
    finally:
        target.unlink(missing_ok=True)
