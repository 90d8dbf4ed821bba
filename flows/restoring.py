"""`roci restore`: a backup becomes an empty workspace, wholly or not at all."""

from __future__ import annotations

import json
import logging
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import typer

from configs.errors import InfrastructureError, RociError, UsageError, listed
from flows.backing_up import LEDGER, SITE
from flows.context import RESTORE_PLAN, Context
from flows.locking import nightly_lock
from flows.republishing import republish
from warehouse.backup_file import Manifest, unpack
from warehouse.database import Database
from warehouse.files import whole_file
from warehouse.ledger import Ledger
from warehouse.ledger_copy import copy_ledger, is_empty
from warehouse.locks import lock
from warehouse.workspace import Workspace

log = logging.getLogger("roci.restore")

WAIT_SECONDS = 3600
# What a workspace has from its first command on.
OWN = ("locks", "logs", "prefect", "work")


@dataclass(frozen=True)
class Restored:
    """A backup that has become this workspace. `site`: where its own configuration is now."""

    home: Path
    files: int
    created_at: str
    site: Path | None


def restore(context: Context, path: Path) -> Restored:
    """Let an empty workspace be what a backup holds.

    Every digest is verified in a folder aside; only then is the restore certain. A kill before
    that leaves the workspace empty, one after it is made good by the next command (`finish`).

    Raises:
        UsageError: WORKSPACE_IN_USE, NO_SUCH_FILE, BACKUP_NAME.
        InfrastructureError: BAD_BACKUP, LEDGER_VERSION.
    """
    with nightly_lock(context), _alone(context.workspace):
        _require_empty(context)
        folder = context.workspace.work / f"restore-{uuid4().hex}"
        try:
            manifest = unpack(path.expanduser().absolute(), folder)
            _prepare_ledger(folder, path)
            _require_empty(context)
            _write_plan(context.workspace, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        _carry_out(context)
    return _restored(context, manifest)


def finish(context: Context) -> None:
    """Finish the restore that a crash broke off, if there is one; others wait until it is done."""
    if _plan_path(context.workspace).exists():
        with _alone(context.workspace):
            if _plan_path(context.workspace).exists():
                _carry_out(context)


def _alone(workspace: Workspace) -> AbstractContextManager[None]:
    return lock(workspace, "restore", WAIT_SECONDS, what="restore")


def _restored(context: Context, manifest: Manifest) -> Restored:
    home = context.workspace.home
    site = home / SITE
    return Restored(
        home, len(manifest.members), manifest.created_at, site if site.is_dir() else None
    )


def _require_empty(context: Context) -> None:
    """Refuse a workspace or a database that holds anything.

    Raises:
        UsageError: WORKSPACE_IN_USE.
    """
    home = context.workspace.home
    ours = context.workspace.ledger_path
    found = [
        path.relative_to(home).as_posix()
        for entry in home.iterdir()
        if entry.name not in OWN
        for path in ([entry] if entry.is_file() else entry.rglob("*"))
        if path.is_file() and not path.name.startswith(ours.name)
    ]
    context.ledger.create()
    if not is_empty(context.database):
        found.append(context.database.place("ledger"))
    if found:
        raise UsageError(
            "WORKSPACE_IN_USE",
            where=str(home),
            found=listed(found, at_most=5),
            expected="an empty workspace, so that a restore never mixes with other data",
            remedy="set ROCI_HOME (and ROCI_DATABASE_URL) to empty places, or use --home",
        )


def _prepare_ledger(folder: Path, path: Path) -> None:
    """Bring the backup's ledger up to date while it is aside.

    Raises:
        InfrastructureError: it is of a later version, or there is none (BAD_BACKUP).
    """
    if not (folder / LEDGER).is_file():
        raise InfrastructureError(
            "BAD_BACKUP",
            where=str(path),
            found="no ledger",
            expected="a backup of a workspace",
            remedy="take a file that `roci backup` wrote",
        )
    aside = Database.for_workspace(Workspace(folder))
    migrated = Ledger(aside).create()
    aside.close()
    shutil.rmtree(folder / "locks", ignore_errors=True)
    if migrated is not None:
        typer.echo(f"in the backup, {migrated}".partition(";")[0], err=True)
        if migrated.copy is not None:
            migrated.copy.unlink()


def _plan_path(workspace: Workspace) -> Path:
    return workspace.work / RESTORE_PLAN


def _write_plan(workspace: Workspace, folder: Path) -> None:
    """Let the restore be certain."""
    with whole_file(_plan_path(workspace), workspace.work) as temporary:
        temporary.write_text(json.dumps({"folder": folder.name}), encoding="utf-8")


def _carry_out(context: Context) -> None:
    """Do the plan; what is done already is passed over."""
    workspace = context.workspace
    plan = json.loads(_plan_path(workspace).read_text(encoding="utf-8"))
    folder = workspace.work / plan["folder"]
    if context.database.url is not None and (folder / LEDGER).exists():
        _fill_database(context, folder)
        (folder / LEDGER).unlink()
    _move(folder, workspace)
    workspace.ensure()
    _publish_again(context)
    _plan_path(workspace).unlink()
    log.info("restore=done folder=%s", plan["folder"])


def _fill_database(context: Context, folder: Path) -> None:
    aside = Database.for_workspace(Workspace(folder))
    Ledger(context.database).create()
    copy_ledger(aside, context.database)
    aside.close()


def _move(folder: Path, workspace: Workspace) -> None:
    """Move everything below the folder to its place below the workspace, a ledger first.

    While a ledger without rows stands in its place, it goes with all that SQLite keeps beside it.
    """
    if (folder / LEDGER).exists():
        for name in ("-wal", "-shm", ""):
            workspace.ledger_path.with_name(workspace.ledger_path.name + name).unlink(
                missing_ok=True
            )
    _move_below(folder, workspace.home)


def _move_below(folder: Path, target: Path) -> None:
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        to = target / path.name
        if path.is_dir() and to.is_dir():
            _move_below(path, to)
        elif to.exists():  # a log of the same day
            shutil.move(path, to.with_name(f"restored-{to.name}"))
        else:
            shutil.move(path, to)
    if folder.is_dir():
        folder.rmdir()


def _publish_again(context: Context) -> None:
    """Make the SQL marts of the Parquet marts; what keeps it from that is told, and stops nothing.

    The restored site's own layer says which keys they have.
    """
    site = context.workspace.home / SITE
    restored = Context(context.workspace, context.database, site if site.is_dir() else None)
    try:
        republish(restored)
    except RociError as error:
        log.warning("restore=without_sql_marts code=%s", error.code)
        typer.echo(f"{error}\n  SQL marts are not there yet: roci marts build --all", err=True)
