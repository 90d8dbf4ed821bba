"""`make bench` on a few rows, in one process: every command that it starts works and agrees."""

import contextlib
import importlib
import io
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from benchmarks import privacy, run
from benchmarks.process import Run, _last_object
from benchmarks.report import Results
from flows.context import open_context
from flows.running import run_ingest

TINY = run.Size("tiny", 3_000, 2_000)
# The fewest of which a generated state has a district.
SCHOOLS = 20


def in_this_process(command: Sequence[str], _: Mapping[str, str] | None = None) -> Run:
    """Run a module of the benchmarks as its command line does; its time is of no account."""
    python, option, module, *words = command
    assert (python, option) == (sys.executable, "-m")
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patched, contextlib.redirect_stdout(printed):
        patched.setattr(sys, "argv", [module, *words])
        importlib.import_module(module).main()
    return Run(1.0, 1.0, 1.0, _last_object(printed.getvalue()))


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(run, "measure", in_this_process)
    monkeypatch.setattr(privacy, "measure", in_this_process)
    monkeypatch.setattr(run, "WORK", tmp_path)
    return tmp_path


def test_roci_and_the_yardstick_find_the_same_cells_and_rejects(work):
    found = Results(1)
    in_this_process([*run.module("generate"), str(TINY.rows), str(TINY.file)])
    marts = run.results(TINY, found, comparing=True)
    run.slices(TINY, found)
    told = found.equality["tiny"]
    assert told["cells_roci"] == told["cells_yardstick"] > 1_000
    assert told["rejects_roci"] == told["rejects_yardstick"] > 0
    assert not any(n for what, n in told.items() if "differ" in what or "only" in what)
    copied = in_this_process(
        [*run.module("worker"), "copies", "sqlite", str(work / "sql"), str(marts[run.MART])]
    )
    assert copied.told["rows"] >= told["cells_roci"]


def test_nothing_follows_from_what_a_generated_state_publishes(work, monkeypatch):
    monkeypatch.setattr(privacy, "STUDENTS_A_SCHOOL", 40)
    found = Results(1)
    privacy.state(work, SCHOOLS, found)
    assert found.figures[f"{SCHOOLS} schools held by the exact audit"].median == 0
    assert sum(row["cells"] for row in found.kept[f"{SCHOOLS} schools"]) > 100


def test_what_a_home_has_published_is_attacked_by_its_own_counts(work):
    file, context = work / "state.csv", open_context({"ROCI_HOME": str(work / "home")})
    in_this_process([*run.module("generate"), "700", str(file), "--state", str(SCHOOLS)])
    built = run_ingest(context, "results_csv", [file], district=None, engine="direct").build
    assert built.state == "published"
    found = Results(1)
    privacy.real(work / "home", found)
    assert found.figures["state_long held by the exact audit"].median == 0


def test_the_widest_layout_is_read_whole(work):
    file = work / "wide.csv"
    in_this_process([*run.module("wide"), "make", "50", str(file)])
    run.wide(file, Results(1))
