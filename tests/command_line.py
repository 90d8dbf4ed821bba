"""The command line as a person starts it: a process, what it printed, its exit code.

Most commands are forked from a process that has imported everything already (warm_start.py); to the
test there is no difference but the time.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

from tests.warm_start import ROOT, Start, WarmStarter

SECONDS = 600
ONE_AT_A_TIME = Lock()
# Libraries set these in the tests' own process when they are imported.
OF_LIBRARIES = ("PYARROW_IGNORE_TIMEZONE", "SPARK_LOCAL_IP")


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
    left = ("ROCI_", "PREFECT_", *OF_LIBRARIES)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(left)}
    return {**kept, "PYTHONPATH": str(ROOT), **changes}


def run_roci(
    words: Sequence[str | Path],
    changes: Mapping[str, str],
    *,
    fresh: bool = False,
    umask: int = -1,
    module: str = "flows.cli",
) -> Finished:
    """Run `roci` with these words in a process of its own.

    Args:
        words: What is typed after `roci`.
        changes: What the environment has beside the test's.
        fresh: Start Python anew: for a test of the start itself, or of what Prefect starts.
        umask: The process's umask; the test's where it is not given.
        module: What runs in the place of the command line.
    """
    told = tuple(str(word) for word in words)
    under = environment(changes)
    if not fresh and sys.platform == "linux" and ONE_AT_A_TIME.acquire(blocking=False):
        try:
            if _starter().fits(under):
                return _forked(module, told, under, umask)
        finally:
            ONE_AT_A_TIME.release()
    done = subprocess.run(
        [sys.executable, "-m", module, *told], env=under, text=True, umask=umask,
        capture_output=True, timeout=SECONDS, check=False,
    )  # fmt: skip
    return Finished(told, done.returncode, done.stdout, done.stderr)


@cache
def _starter() -> WarmStarter:
    starter = WarmStarter(environment({}))
    atexit.register(starter.close)
    return starter


def _forked(module: str, words: tuple[str, ...], under: Mapping[str, str], umask: int) -> Finished:
    if umask < 0:
        os.umask(umask := os.umask(0))
    with tempfile.TemporaryDirectory(prefix="roci-said-") as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        began = (str(Path.cwd()), umask, str(out), str(err), SECONDS)
        code = _starter().run(Start(module, words, under, *began))
        if code == -signal.SIGALRM:
            raise subprocess.TimeoutExpired(words, SECONDS, out.read_bytes(), err.read_bytes())
        return Finished(words, code, out.read_text(), err.read_text())
