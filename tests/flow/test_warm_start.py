"""A command that is forked from a warm process is to a test what a process of its own is."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from flows.context import open_context
from flows.locking import nightly_lock
from tests import command_line
from tests.command_line import Finished, run_roci

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only there it forks")
MODULE = "tests.flow.telling"


def both(*words: str, umask: int = 0o022, **changes: str) -> tuple[Finished, Finished]:
    """Return how a command ends that is forked, and how one that is started truly does."""
    warm, fresh = (
        run_roci(words, changes, umask=umask, module=MODULE, fresh=fresh)
        for fresh in (False, True)
    )  # fmt: skip
    return warm, fresh


def began(done: Finished) -> dict[str, object]:
    return json.loads(done.out.splitlines()[0])


@pytest.mark.parametrize("how", ["0", "3", "259", "none"])
def test_it_begins_and_ends_as_a_process_of_its_own(how, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    warm, fresh = both(how, "ü", umask=0o027, ROCI_HOME="a", ROCI_SEEN="ü")
    assert began(warm) == began(fresh)
    assert began(warm)["umask"] == 0o027
    assert warm == fresh
    assert warm.out.splitlines()[1:] == ["the thread", "the hook"]
    assert warm.err == "on the other stream\n"


@pytest.mark.parametrize(
    ("how", "code", "last"),
    [("text", 1, "no more"), ("error", 1, "ValueError: unexpected"), ("killed", -9, None),
     ("interrupt", -2, "KeyboardInterrupt")],
)  # fmt: skip
def test_what_ends_a_process_ends_it(how, code, last):
    warm, fresh = both(how)
    for done in (warm, fresh):
        assert done.code == code
        if last is not None:
            assert last in done.err.splitlines()
            assert done.out.splitlines()[1:] == ["the thread", "the hook"]


def test_nothing_of_a_run_is_left_for_the_next(tmp_path, monkeypatch):
    homes = [tmp_path / name for name in ("one", "two")]
    for home in homes:
        assert run_roci(["status"], {"ROCI_HOME": str(home), "ROCI_SEEN": home.name}).code == 0
        assert (home / "logs").is_dir()
    here, _ = both("0", ROCI_HOME="c")
    environment = began(here)["environment"]
    assert (environment["ROCI_HOME"], "ROCI_SEEN" in environment) == ("c", False)


def forks(monkeypatch: pytest.MonkeyPatch, **changes: str) -> bool:
    """Return whether a command with these changes is forked."""
    forked = []
    monkeypatch.setattr(
        command_line, "_forked", lambda *_: forked.append(1) or Finished((), 0, "", "")
    )
    run_roci(["0"], changes, module=MODULE)
    return bool(forked)


@pytest.mark.parametrize("name", ["PREFECT_HOME", "PYTHONUTF8", "TZ", "LANG", "TMPDIR", "HOME"])
def test_what_may_be_read_while_importing_needs_a_true_start(name, monkeypatch):
    assert forks(monkeypatch, ROCI_HOME="a")
    assert not forks(monkeypatch, ROCI_HOME="a", **{name: "x"})
    if name in os.environ:
        monkeypatch.delenv(name)
        assert not forks(monkeypatch, ROCI_HOME="a")


@pytest.mark.parametrize("name", command_line.OF_LIBRARIES)
def test_what_a_library_has_set_in_the_tests_process_does_not(name, monkeypatch):
    monkeypatch.delenv(name, raising=False)
    assert forks(monkeypatch)
    monkeypatch.setenv(name, "set meanwhile")
    assert forks(monkeypatch)


def test_a_second_command_at_the_same_time_starts_truly(monkeypatch):
    with command_line.ONE_AT_A_TIME:
        assert not forks(monkeypatch)
    assert forks(monkeypatch)


def test_a_command_that_never_ends_is_ended(workspace_home, monkeypatch):
    monkeypatch.setattr(command_line, "SECONDS", 3)
    words = ["run", "--engine", "direct"]
    with (
        nightly_lock(open_context()),
        pytest.raises(subprocess.TimeoutExpired) as ended,
    ):
        run_roci(words, {"ROCI_HOME": str(workspace_home)})
    assert b"another nightly is running" in ended.value.stderr
