"""Two nightlies at once: the second says whom it waits for, and outlives the death of the first."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.command_line import environment
from tests.flow.small_files import results

HOLD = """
import time
from flows.context import open_context
from flows.locking import nightly_lock
with nightly_lock(open_context()):
    print("held", flush=True)
    time.sleep(120)
"""
SECONDS = 60


def started(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *words], env=environment({"ROCI_HOME": str(home)}), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_the_second_nightly_names_the_first_and_goes_on_when_it_is_killed(workspace_home):
    results(workspace_home / "landing" / "results.csv")
    first = started(workspace_home, "-c", HOLD)
    second = None
    try:
        assert first.stdout is not None and first.stdout.readline() == "held\n"
        second = started(workspace_home, "-m", "flows.cli", "run", "--engine", "direct")
        assert second.stderr is not None
        said = second.stderr.readline()
        assert f"another nightly is running (process {first.pid} (nightly) since " in said
        assert "waiting for it to end" in said
        assert second.poll() is None
        os.kill(first.pid, signal.SIGKILL)
        killed = time.monotonic()
        out, err = second.communicate(timeout=SECONDS)
        assert time.monotonic() - killed < SECONDS
        assert second.returncode == 0, err
        assert "results_csv" in out and "marts published" in out
    finally:
        for process in (first, second):
            if process is not None and process.poll() is None:
                process.kill()
            if process is not None:
                process.wait()
