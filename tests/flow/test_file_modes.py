"""Whatever the umask, files of students and of counts are their owner's only."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tests.command_line import Finished, run_roci
from tests.flow.small_files import results

OTHERS, WRITE = 0o077, 0o022
# Whoever may enter the folder reads these; the site decides who may.
READ_BY_OTHERS = ("marts/reporting", "warehouse/reporting.sqlite")
# Folders on the way to them, and those of pages; nobody else writes in any.
ENTERED_BY_OTHERS = {".", "marts", "marts/reporting", "warehouse", "docs", "site"}
NIGHTS = [
    (0o000, "direct"),
    (0o077, "direct"),
    pytest.param(0o000, "prefect", marks=pytest.mark.slow),
]
# One row in a hundred is rejected: few enough for the load to go on.
ROWS, BAD_ROWS = 300, 1


def roci(home: Path, umask: int, *words: str | Path) -> Finished:
    """Run the command line under an umask."""
    told = {"ROCI_HOME": str(home), "ROCI_CONFIG": str(home.parent / "site")}
    return run_roci(words, told, umask=umask)


def modes(home: Path) -> dict[str, int]:
    """Return the rights of every file and folder of a workspace."""
    return {
        path.relative_to(home).as_posix(): stat.S_IMODE(path.lstat().st_mode)
        for path in (home, *home.rglob("*"))
        if not path.is_symlink()
    }


def left_open(home: Path) -> dict[str, str]:
    """Return what others can open and should not, or can write."""
    return {
        place: oct(mode)
        for place, mode in modes(home).items()
        if mode & _closed(place) and place != "landing"
    }


def _closed(place: str) -> int:
    is_read = place.startswith(READ_BY_OTHERS) or place in ENTERED_BY_OTHERS
    return WRITE if is_read else OTHERS


@pytest.mark.parametrize(("umask", "engine"), NIGHTS)
def test_after_a_nightly_only_published_marts_can_be_read_by_others(umask, engine, tmp_path):
    home, site = tmp_path / "home", tmp_path / "site"
    site.mkdir()
    (site / "marts.yml").write_text("sql_student_rows: true\n", encoding="utf-8")
    assert roci(home, umask, "status").code == 0
    results(home / "landing" / "few.csv", ROWS, year=2023, bad_rows=BAD_ROWS)
    (home / "landing" / "unknown.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    done = roci(home, umask, "run", "--engine", engine, "--json")
    states = sorted(load["state"] for load in json.loads(done.out)["loads"])
    assert states == ["failed", "loaded"], done.err
    assert roci(home, umask, "backup", home / "backups" / "all.tar.gz").code == 0
    load = json.loads(roci(home, umask, "quarantine", "list", "--json").out)[0]["load_id"]
    assert roci(home, umask, "quarantine", "export", load).code == 0
    found = modes(home)
    assert {"warehouse/restricted.sqlite", "backups/all.tar.gz", "quarantine/exports"} <= set(found)
    assert any(place.startswith("lake/student_result/_delta_log/") for place in found)
    assert left_open(home) == {}
    readable = 0o644
    assert found["warehouse/reporting.sqlite"] == readable
    assert found["marts/reporting/mart_achievement.parquet"] == readable
    entered = 0o777 & ~umask & ~WRITE
    assert {found[place] for place in ENTERED_BY_OTHERS} == {entered}


def test_files_that_were_opened_by_hand_are_closed_by_db_init(workspace_home):
    run = CliRunner().invoke
    assert run(app, ["db", "init"]).exit_code == 0
    journal, raw = workspace_home / "warehouse" / "restricted.sqlite-wal", workspace_home / "raw/ab"
    journal.touch()
    raw.mkdir()
    (raw / "abc").touch()
    for path, mode in ((journal, 0o644), (raw, 0o755), (raw / "abc", 0o444)):
        path.chmod(mode)
    published = workspace_home / "warehouse" / "reporting.sqlite"
    published.touch()
    published.chmod(0o644)
    done = run(app, ["db", "init"])
    assert "done: closed to all but its owner: warehouse/restricted.sqlite-wal" in done.output
    assert left_open(workspace_home) == {}
    assert stat.S_IMODE((raw / "abc").stat().st_mode) == 0o400
    assert stat.S_IMODE(published.stat().st_mode) == 0o644
    assert "done:" not in run(app, ["db", "init"]).output


def test_sqlite_keeps_no_districts_apart(workspace_home):
    done = CliRunner().invoke(app, ["db", "init", "--district-reader", "0100001"])
    assert (done.exit_code, "NO_DISTRICT_READERS" in done.output) == (2, True)
