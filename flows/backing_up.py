"""`roci backup`: the whole workspace as it was at one moment, in one file."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from configs.errors import UsageError
from flows.console import progress
from flows.context import Context
from flows.locking import nightly_lock
from flows.stages.agreement import lake_lock
from warehouse.accesses import Access
from warehouse.backup_file import BackupWriter, compression, new_backup, part_of
from warehouse.database import Database
from warehouse.ledger import Ledger
from warehouse.ledger_copy import copy_ledger
from warehouse.ledger_version import LEDGER_VERSION, copy_sqlite
from warehouse.locks import lock
from warehouse.workspace import PRIVATE_FOLDER, Workspace

WAIT_SECONDS = 3600
# Where the site's own layer is in a backup, and in a workspace that was made of one.
SITE = "config"
BACKUPS = "backups"
LEDGER = "warehouse/ledger.sqlite"
LIBRARIES = ("alembic", "deltalake", "duckdb", "pandas", "prefect", "pyarrow", "sqlalchemy")


@dataclass(frozen=True)
class BackupMade:
    """A backup that has been written."""

    path: Path
    files: int
    size: int
    packed: int


def back_up(context: Context, target: Path, *, outside: bool, logs: bool) -> BackupMade:
    """Write the whole workspace into one file; what is loaded waits meanwhile.

    Args:
        context: the opened workspace.
        target: a name that is free, ending in .tar.zst or .tar.gz.
        outside: a person has said that the file may leave the workspace.
        logs: whether the run logs go along.

    Raises:
        UsageError: BACKUP_NAME, BACKUP_EXISTS, BACKUP_OUTSIDE, NO_SUCH_FOLDER.
    """
    target = target.expanduser().absolute()
    compression(target)
    _require_place(context.workspace, target, outside)
    with (
        nightly_lock(context),
        lock(context.workspace, "publication", WAIT_SECONDS, what="backup"),
        new_backup(target) as backup,
    ):
        context.publisher.recover()
        with _lake_held(context):
            _add_ledger(context, backup)
            _add_all(backup, _lake_files(context.workspace), "backing up the lake")
        _add_all(backup, _other_files(context, target, logs), "backing up")
        manifest = backup.end(datetime.now(UTC).isoformat(timespec="seconds"), _versions(context))
    context.accesses.note(Access("backup", "the whole workspace", str(target)))
    size = sum(member.size for member in manifest.members)
    return BackupMade(target, len(manifest.members), size, target.stat().st_size)


def _require_place(workspace: Workspace, target: Path, outside: bool) -> None:
    inside = target.parent.resolve().is_relative_to(workspace.home.resolve())
    if not inside and not outside:
        raise UsageError(
            "BACKUP_OUTSIDE",
            where=str(target),
            found="a place outside the workspace, whose permissions are not roci's to keep",
            expected="--i-understand: the backup holds students' data, names and ids included",
            remedy=f"say so and guard the file, or write to {workspace.home / BACKUPS}/",
        )
    if inside:
        target.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
    elif not target.parent.is_dir():
        raise UsageError(
            "NO_SUCH_FOLDER",
            where=str(target.parent),
            found="no such folder",
            expected="a folder to write the backup to",
            remedy="make it, or check the path",
        )


@contextmanager
def _lake_held(context: Context) -> Iterator[None]:
    """Keep lake and ledger from changing, so that both are of one moment."""
    with ExitStack() as held:
        for table in sorted(context.catalogue.tables):
            held.enter_context(
                lock(context.workspace, lake_lock(table), WAIT_SECONDS, what="backup")
            )
        yield


def _add_ledger(context: Context, backup: BackupWriter) -> None:
    """Add the ledger as an SQLite file, whichever database it is in."""
    with TemporaryDirectory(prefix="backup-", dir=context.workspace.work) as folder:
        copy = Workspace(Path(folder))
        copy.warehouse_dir.mkdir()
        path = context.database.path("ledger")
        context.ledger.create()
        if path is not None:
            copy_sqlite(path, copy.ledger_path)
        else:
            database = Database.for_workspace(copy)
            Ledger(database).create()
            copy_ledger(context.database, database)
            database.close()
        backup.add(copy.ledger_path, LEDGER)


def _add_all(backup: BackupWriter, files: Iterator[tuple[Path, str]], words: str) -> None:
    listed = list(files)
    with progress(len(listed), words) as step:
        for path, name in listed:
            step()
            try:
                backup.add(path, name)
            except FileNotFoundError:
                if not name.startswith("landing/"):
                    raise  # only landing/ is not ours alone: whoever put a file in may take it


def _lake_files(workspace: Workspace) -> Iterator[tuple[Path, str]]:
    return _below(workspace.lake, "lake")


def _other_files(context: Context, target: Path, logs: bool) -> Iterator[tuple[Path, str]]:
    """Yield all else: not what is unfinished, nor what only this machine's processes need."""
    home, itself = context.workspace.home, {target, part_of(target)}
    # Beside the secret, what was handed out under keys could be told by whoever has the backup.
    left_out = {"lake", "work", "locks", "prefect", context.workspace.secrets.name, BACKUPS}
    if not logs:
        left_out.add("logs")
    if context.site is not None:
        left_out.add(SITE)
        yield from _below(context.site, SITE)
    for entry in sorted(home.iterdir()):
        if entry.name in left_out:
            continue
        if entry.is_file() and entry not in itself:
            yield entry, entry.name
        for path, name in _below(entry, entry.name):
            # The ledger is in already, and the SQL marts are made of the others again.
            if not name.startswith("warehouse/") and path not in itself:
                yield path, name


def _below(folder: Path, name: str) -> Iterator[tuple[Path, str]]:
    """Yield every file under a folder with its name in the backup; links are followed once.

    What is no file is left out: a pipe would never end, a link may lead nowhere.
    """
    seen: set[tuple[int, int]] = set()
    for here, folders, files in os.walk(folder, followlinks=True):
        facts = Path(here).stat()
        if (facts.st_dev, facts.st_ino) in seen:
            folders.clear()
            continue
        seen.add((facts.st_dev, facts.st_ino))
        folders[:] = sorted(one for one in folders if one != ".fetching")
        inside = Path(here).relative_to(folder)
        for file in sorted(files):
            # A hint that may point past what is copied; readers find the log without it.
            if file != "_last_checkpoint" and (Path(here) / file).is_file():
                yield Path(here) / file, (Path(name) / inside / file).as_posix()


def _versions(context: Context) -> dict[str, str]:
    told = {name: version(name) for name in LIBRARIES}
    try:
        told["roci"] = version("roci")
    except PackageNotFoundError:
        told["roci"] = "not installed"
    return told | {
        "ledger": str(LEDGER_VERSION),
        "database": context.database.dialect,
        "python": platform.python_version(),
    }
