"""A fault deep in a run, whose message quotes a student; and secrets: nothing tells them."""

from __future__ import annotations

import gzip
import logging
import os
import sys
import threading
from pathlib import Path

import pytest

from flows.crash_guard import guard
from tests.command_line import Finished, run_roci
from tests.flow.breaking import BREAKS
from tests.flow.small_files import results

QUOTED = "Okaforsdottir-7712345678"
SECRET = "s3cr3t-Pa55-phrase"


def crash(home: Path, where: str, *words: str) -> Finished:
    return run_roci([where, QUOTED, *words], {"ROCI_HOME": str(home)}, module="tests.flow.breaking")


def holding(home: Path, text: str) -> list[str]:
    """Every file that holds a text, as it stands or packed."""
    found = []
    for path in home.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            content += gzip.decompress(content) if content[:2] == b"\x1f\x8b" else b""
            if text.encode() in content:
                found.append(str(path.relative_to(home)))
    return found


@pytest.mark.parametrize("where", sorted(BREAKS))
def test_a_crash_tells_no_value(where, workspace_home, tmp_path):
    landing = workspace_home / "landing" / "0199017"
    results(landing / "results.csv")
    done = crash(workspace_home, where, "run", "--engine", "direct")
    assert QUOTED not in done.said and holding(workspace_home, QUOTED) == []
    assert done.code in (1, 3)
    log = "".join(path.read_text() for path in (workspace_home / "logs").glob("*.log"))
    assert "unexpected=" in log and "at=" in log
    assert "unexpected: ValueError" in done.said  # of the thread


@pytest.mark.slow
@pytest.mark.parametrize("where", ["reading", "panic", "marts"])
def test_a_crash_tells_prefect_no_value(where, workspace_home):
    results(workspace_home / "landing" / "0199017" / "results.csv")
    done = crash(workspace_home, where, "run", "--engine", "prefect")
    assert (workspace_home / "prefect" / "prefect.db").exists()
    assert QUOTED not in done.said
    assert holding(workspace_home, QUOTED) == []
    assert done.code in (1, 3)


@pytest.mark.parametrize("words", [
    ["status"], ["check", "--json"], ["run", "--engine", "direct"], ["loads", "--json"],
    ["db", "init"],
])  # fmt: skip
def test_no_secret_of_the_environment_is_told(words, workspace_home):
    told = {
        "ROCI_HOME": str(workspace_home),
        "ROCI_DATABASE_URL": f"postgresql://loader:{SECRET}@127.0.0.1:9/roci?sslpassword={SECRET}",
        "ROCI_NOTIFY_URLS": f"json://user:{SECRET}@127.0.0.1:9/",
    }
    results(workspace_home / "landing" / "0199017" / "results.csv")
    done = run_roci(words, told)
    assert SECRET not in done.said
    assert holding(workspace_home, SECRET) == []


def test_no_core_file_and_no_argument_of_a_line_that_cannot_be_written(capsys, monkeypatch):
    resource = pytest.importorskip("resource")
    for hook in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, hook, getattr(sys, hook))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(logging, "raiseExceptions", True)
    guard()
    assert resource.getrlimit(resource.RLIMIT_CORE)[0] == 0
    assert logging.raiseExceptions is False
    try:
        raise ValueError(QUOTED)
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)
    said = capsys.readouterr().err
    assert QUOTED not in said and "ValueError at test_crash.py" in said
    assert os.name == "posix"
