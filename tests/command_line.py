"""The command line as a person starts it: a process, what it printed, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    words: tuple[str, ...]
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Return what it printed as JSON."""
        return json.loads(self.out)

    @property
    def said(self) -> str:
        """Return all that it printed."""
        return self.out + self.err


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this environment without any installation's settings, then changed."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("ROCI_", "PREFECT_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def run_roci(words: Sequence[str | Path], changes: Mapping[str, str]) -> Finished:
    """Run `roci` with these words in a process of its own."""
    told = tuple(str(word) for word in words)
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *told], env=environment(changes), text=True,
        capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    return Finished(told, done.returncode, done.stdout, done.stderr)
