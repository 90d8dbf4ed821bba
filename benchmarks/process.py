"""Runs a command as a process of its own: its wall, processor time and peak memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The kernel counts a process's memory from the moment it is forked, so whoever measures must be
# small: nothing heavy is imported here or in run.py.
PEAK_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Run:
    """One finished process. `told` is the JSON object on the last line of what it printed."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    told: dict[str, Any]


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
    printed = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}\n{printed}")
    return Run(
        seconds=seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss * PEAK_UNIT / 1e6,
        told=_last_object(printed),
    )


def _last_object(printed: str) -> dict[str, Any]:
    lines = printed.strip().splitlines()
    return json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
