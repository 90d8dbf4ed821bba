"""Runs a command as a process of its own: its wall, processor time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The kernel counts a process's memory from the moment it is forked, so whoever measures must be
# small: nothing heavy is imported here or in run.py.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024
PROCESSES = Path("/proc")
SAMPLE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """One finished process.

    peak_mb: the most memory that it and the processes it started held together, as far as
        `/proc` shows it; elsewhere the most that any one of them held.
    told: the JSON object on the last line of what it printed.
    """

    seconds: float
    cpu_seconds: float
    peak_mb: float
    told: dict[str, Any]


def module(name: str) -> list[str]:
    """Return the command that runs a module of the benchmarks."""
    return [sys.executable, "-m", f"benchmarks.{name}"]


def measure(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; what it printed is in the message.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, **(environment or {})}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    tree = _Tree(process.pid)
    tree.start()
    printed = process.stdout.read()
    tree.stop()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}\n{printed}")
    return Run(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=max(usage.ru_maxrss * PEAK_UNIT / 1e6, tree.peak_mb),
        told=_last_object(printed),
    )


class _Tree(threading.Thread):
    """Looks again and again at the memory of a process and of those that it started."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_mb = pid, 0.0
        self._done = threading.Event()

    def run(self) -> None:
        while not self._done.wait(SAMPLE_SECONDS):
            held = sum(_resident_mb(pid) for pid in _family(self.pid))
            self.peak_mb = max(self.peak_mb, held)

    def stop(self) -> None:
        self._done.set()
        self.join()


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it."""
    yield pid
    for thread in (PROCESSES / str(pid) / "task").glob("*"):
        for child in _text(thread / "children").split():
            yield from _family(int(child))


def _resident_mb(pid: int) -> float:
    pages = _text(PROCESSES / str(pid) / "statm").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6 if pages else 0.0


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError:  # it has just ended
        return ""


def _last_object(printed: str) -> dict[str, Any]:
    lines = printed.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
