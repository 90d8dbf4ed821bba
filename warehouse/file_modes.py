"""Who may open the workspace's files: what stands for roles where the database is SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from warehouse.workspace import Workspace

FOR_OTHERS = 0o077


def restricted_places(workspace: Workspace) -> list[Path]:
    """Return every folder and file of the workspace that is its owner's only, in order."""
    warehouse = workspace.warehouse_dir
    return sorted(
        {
            workspace.refused,
            workspace.raw,
            workspace.lake,
            workspace.work,
            workspace.quarantine,
            workspace.marts_restricted,
            workspace.locks,
            workspace.logs,
            workspace.secrets,
            workspace.prefect,
            workspace.home / "backups",
            workspace.home / "marts" / "as-of",
            # SQLite puts -wal, -shm and -journal beside a file; a migration leaves a copy.
            *warehouse.glob("ledger.*"),
            *warehouse.glob("restricted.*"),
        }
    )


def open_paths(workspace: Workspace) -> Iterator[Path]:
    """Yield the restricted files and folders that others than their owner may open."""
    for place in restricted_places(workspace):
        if place.exists():
            for path in (place, *(place.rglob("*") if place.is_dir() else ())):
                with suppress(FileNotFoundError):  # removed meanwhile by whoever works there
                    if not path.is_symlink() and path.stat().st_mode & FOR_OTHERS:
                        yield path


def mend_modes(workspace: Workspace) -> list[Path]:
    """Close what is restricted to all but its owner; return what was open."""
    mended = list(open_paths(workspace))
    for path in mended:
        with suppress(FileNotFoundError):
            path.chmod(path.stat().st_mode & 0o7777 & ~FOR_OTHERS)
    return mended
