"""One writer at a time, by locks that die with their owner."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from configs.errors import InfrastructureError
from warehouse.workspace import Workspace


@dataclass(frozen=True)
class Holder:
    """Who holds a lock; all null where that is not known."""

    process_id: int | None = None
    since: str | None = None
    what: str | None = None

    def __str__(self) -> str:
        if self.process_id is None:
            return "another process"
        return f"process {self.process_id} ({self.what}) since {self.since}"


@contextmanager
def lock(
    workspace: Workspace,
    name: str,
    wait_seconds: float = 0,
    on_wait: Callable[[Holder], None] | None = None,
    what: str = "roci",
) -> Iterator[None]:
    """Hold the lock of that name for the body of the `with`.

    The operating system lets go of it when its owner dies, however it dies.

    Args:
        workspace: whose lock.
        name: of the thing that has one writer at a time.
        wait_seconds: how long to wait for another holder.
        on_wait: called once, with the holder, when there is something to wait for.
        what: is being done, for others who wait.

    Raises:
        InfrastructureError: somebody else still holds it after `wait_seconds`.
    """
    workspace.locks.mkdir(parents=True, exist_ok=True)
    note = workspace.locks / f"{name}.json"
    held = FileLock(workspace.locks / f"{name}.lock", thread_local=False)
    _acquire(held, note, wait_seconds, on_wait)
    try:
        _leave_note(note, what)
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        held.release()


def _leave_note(note: Path, what: str) -> None:
    """Say who holds the lock; where there is no room for that, the lock holds all the same."""
    since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    with suppress(OSError):
        note.write_text(json.dumps(asdict(Holder(os.getpid(), since, what))), encoding="utf-8")


def _acquire(
    held: FileLock, note: Path, wait_seconds: float, on_wait: Callable[[Holder], None] | None
) -> None:
    try:
        held.acquire(timeout=0)
        return
    except Timeout:
        if on_wait is not None:
            on_wait(_holder(note))
    try:
        held.acquire(timeout=wait_seconds, poll_interval=0.05)
    except Timeout as error:
        raise InfrastructureError(
            "LOCKED",
            where=str(held.lock_file),
            found=f"held by {_holder(note)}",
            expected=f"to be free within {wait_seconds:g} seconds",
            remedy="wait until that run has ended, then give the same command again",
        ) from error


def _holder(note: Path) -> Holder:
    try:
        return Holder(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Holder()
