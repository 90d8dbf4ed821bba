"""What Prefect adds: retries for infrastructure alone, runs without rows, a nightly schedule."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import pytest

from configs.errors import FileRefused, InfrastructureError, LoadHeld
from flows.stages.intake import Incoming
from tests.command_line import environment, run_roci
from tests.flow.small_files import results, state_long

pytestmark = pytest.mark.slow

PARTS = {"where": "here", "found": "this", "expected": "that", "remedy": "so"}
START_SECONDS, STOP_SECONDS = 120, 45


@pytest.mark.parametrize("cause, again", [
    (InfrastructureError("DATABASE_AWAY", **PARTS), True),
    (InfrastructureError("LAKE_TYPE", **PARTS), False),
    (OSError("share"), True),
    (TimeoutError(), True),
    (FileRefused("EMPTY_FILE", **PARTS), False),
    (LoadHeld("GROUP_SHIFT", **PARTS), False),
    (ValueError("a fault of ours"), False),
    (KeyError("x"), False),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_only_infrastructure_is_tried_again(cause, again):
    from prefect.states import Failed

    from flows.orchestration import is_infrastructure

    assert is_infrastructure(None, None, Failed(data=cause)) is again


def test_a_failed_outcome_is_final():
    """A refused or held file is an answer, not an accident."""
    from flows.orchestration import _state, is_infrastructure
    from flows.outcome import LoadOutcome

    for state in ("failed", "held"):
        outcome = LoadOutcome("L1", "results_csv", "a.csv", state, "EMPTY_FILE")
        assert is_infrastructure(None, None, _state(outcome, state)) is False


FLAKY = """
import json, sys
from collections import Counter
from flows.context import open_context
from flows.prefect_settings import prepare
prepare(open_context().workspace)
from flows import orchestration
from flows.running import run_nightly
calls, real = Counter(), orchestration.load_incoming
def flaky(context, incoming):
    calls[incoming.file_name] += 1
    if incoming.source == "results_csv" and calls[incoming.file_name] < 3:
        raise OSError("the share is away")
    return real(context, incoming)
orchestration.load_incoming = flaky
orchestration.load_task = orchestration.load_task.with_options(retry_delay_seconds=0)
run = run_nightly(open_context(), engine="prefect")
print(json.dumps([calls, [[one.file_name, one.state, one.code] for one in run.loads],
                  run.build.state]))
"""


@pytest.fixture(scope="module")
def flaky(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """A nightly through Prefect in which the disk is away twice; one file is spoilt."""
    home = tmp_path_factory.mktemp("prefect") / "home"
    landing(home)
    done = subprocess.run(
        [sys.executable, "-c", FLAKY], env=environment({"ROCI_HOME": str(home)}), text=True,
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return home, json.loads(done.stdout.splitlines()[-1])


def landing(home: Path) -> None:
    results(home / "landing" / "0199017" / "results_2024.csv")
    state_long(home / "landing" / "state_long_2023.csv")
    (home / "landing" / "results_empty.csv").write_bytes(b"")


def test_a_load_is_tried_again_until_the_disk_is_back_and_a_refused_file_never(flaky):
    _, (calls, loads, build) = flaky
    assert calls == {"results_2024.csv": 3, "state_long_2023.csv": 1, "results_empty.csv": 3}
    assert sorted(loads) == [
        ["results_2024.csv", "loaded", None],
        ["results_empty.csv", "failed", "EMPTY_FILE"],
        ["state_long_2023.csv", "loaded", None],
    ]
    assert build == "published"


def marts_of(home: Path) -> set[Path]:
    """Return the marts that name no load: what is published, and its exact twins."""
    marts = home / "marts"
    found = [*marts.glob("reporting/*.parquet"), *marts.glob("restricted/*_unsuppressed.parquet")]
    return {path.relative_to(marts) for path in found}


def test_prefect_and_direct_give_the_same_marts(flaky, tmp_path):
    home, _ = flaky
    other = tmp_path / "home"
    landing(other)
    assert run_roci(["run", "--engine", "direct"], {"ROCI_HOME": str(other)}).code == 1
    found, expected = (marts_of(place) for place in (home, other))
    assert found == expected
    assert {"mart_achievement", "mart_gap", "dim_school"} < {path.stem for path in expected}
    for name in expected:
        paths = [place / "marts" / name for place in (home, other)]
        with duckdb.connect() as con:
            ours, theirs = (
                con.execute(f"SELECT * FROM '{path}' ORDER BY ALL").fetchall() for path in paths
            )
        assert ours and ours == theirs, name


RERUN = """
import json
from flows.context import open_context
from flows.running import run_again
run = run_again(open_context(), [], failed=True, code=None, engine="prefect")
print(json.dumps([[one.changed for one in run.again], [one.code for one in run.loads]]))
"""


def test_a_rerun_through_prefect_says_what_changed_and_leaves_a_page_of_the_failed_load(flaky):
    home, _ = flaky
    done = subprocess.run(
        [sys.executable, "-c", RERUN], env=environment({"ROCI_HOME": str(home)}), text=True,
        capture_output=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[[]], ["EMPTY_FILE"]]
    names = {name for (name,) in prefect_rows(home, "SELECT name FROM flow_run")}
    assert "rerun: 1 failed" in names
    assert any(name.endswith(": 1 failed, 2 loaded, marts published") for name in names)
    pages = prefect_rows(home, "SELECT key, data FROM artifact WHERE type = 'markdown'")
    assert len(pages) == 2 and all(key.startswith("load-l20") for key, _ in pages)
    for key, page in pages:
        assert "**EMPTY_FILE**" in page and key.removeprefix("load-").upper() in page
        assert "results_empty" not in page


def prefect_rows(home: Path, sql: str) -> list[tuple]:
    place = f"file:{home / 'prefect' / 'prefect.db'}?mode=ro"
    with closing(sqlite3.connect(place, uri=True)) as con:
        return con.execute(sql).fetchall()


def test_the_parameters_of_runs_name_files_and_hold_no_row(flaky, demo):
    known = {field.name for field in fields(Incoming)} | {"source", "files", "build", "everything"}
    known |= {"loads", "failed", "code"}  # of a rerun
    for home in (flaky[0], demo.home):
        runs = prefect_rows(home, "SELECT name, parameters FROM flow_run")
        assert runs
        for name, parameters in runs:
            told = json.loads(parameters)
            names = set(told) | {key for file in told.get("files") or () for key in file}
            assert names <= known, name
            assert len(parameters) < 2_000


def test_runs_are_named_by_what_they_load_and_artifacts_hold_counts(demo):
    names = {name for (name,) in prefect_rows(demo.home, "SELECT name FROM task_run")}
    assert "load oneroster: oneroster_2021-22.zip" in names and "marts" in names
    ((artifact,),) = prefect_rows(demo.home, "SELECT data FROM artifact WHERE key = 'loads'")
    rows = json.loads(json.loads(artifact))
    assert len(rows) == len(demo.plan.files)
    assert set(rows[0]) == {
        "load_id",
        "source",
        "state",
        "code",
        "received",
        "loaded",
        "quarantined",
        "set_aside",
    }


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def asked(port: int, path: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/{path}", data=b"{}", method="POST",
        headers={"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=5) as reply:
        return json.load(reply)


def deployment(port: int, served: subprocess.Popen[str]) -> dict[str, Any]:
    """Return the deployment of the nightly, once it and that of the reruns are there."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and served.poll() is None:
        try:
            found = {one["name"]: one for one in asked(port, "deployments/filter")}
            if {"nightly", "rerun"} <= set(found):
                return dict(found["nightly"])
        except OSError:
            pass
        time.sleep(0.5)
    served.kill()
    raise AssertionError(f"no deployment; exit {served.poll()}: {served.communicate()}")


@contextmanager
def serving(home: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    settings = {"ROCI_HOME": str(home), "ROCI_PREFECT_PORT": str(port), "ROCI_NO_UI": "1"}
    served = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "serve"], env=environment(settings), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    try:
        yield served
    finally:
        if served.poll() is None:
            os.killpg(served.pid, signal.SIGKILL)
        served.wait()


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT], ids=lambda one: one.name)
def test_serve_brings_its_server_and_a_stop_leaves_the_schedule_active(tmp_path, stop):
    home, port = tmp_path / "home", free_port()
    with serving(home, port) as served:
        found = deployment(port, served)
        (schedule,) = found["schedules"]
        assert found["name"] == "nightly" and schedule["active"]
        assert schedule["schedule"]["cron"] == "0 2 * * *"
        served.send_signal(stop)
        _, err = served.communicate(timeout=STOP_SECONDS)
    assert "Traceback" not in err, err
    assert served.returncode in (0, 130, 143, -stop), (served.returncode, err)
    with pytest.raises(OSError):
        asked(port, "deployments/filter")
    assert prefect_rows(home, "SELECT name, paused FROM deployment ORDER BY name") == [
        ("nightly", 0), ("rerun", 0),
    ]  # fmt: skip
    assert prefect_rows(home, "SELECT active FROM deployment_schedule") == [(1,)]


def test_serve_refuses_a_port_that_is_none(roci):
    done = roci("serve", fresh=True, ROCI_PREFECT_PORT="many")
    assert done.code == 2 and "[BAD_PORT]" in done.err
