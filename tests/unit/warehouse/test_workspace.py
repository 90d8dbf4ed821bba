from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from configs.errors import InfrastructureError
from warehouse.workspace import Workspace


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_home_is_ROCI_HOME_and_else_data_under_the_current_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert Workspace.from_environment({}).home == tmp_path / "data"
    assert Workspace.from_environment({"ROCI_HOME": "x"}).home == tmp_path / "x"
    assert Workspace.from_environment({"ROCI_HOME": "/y"}).home == Path("/y")


def test_the_paths_are_those_of_the_contract():
    workspace = Workspace(Path("/h"))
    assert workspace.refused == Path("/h/landing/refused")
    assert workspace.marts_reporting == Path("/h/marts/reporting")
    assert workspace.marts_restricted == Path("/h/marts/restricted")
    assert workspace.ledger_path == Path("/h/warehouse/ledger.sqlite")
    assert workspace.reporting_path == Path("/h/warehouse/reporting.sqlite")
    assert workspace.restricted_path == Path("/h/warehouse/restricted.sqlite")


def test_folders_that_hold_students_are_open_to_their_owner_only(tmp_path):
    workspace = Workspace(tmp_path / "data").ensure()
    private = ["landing/refused", "raw", "lake", "quarantine", "work", "marts/restricted"]
    assert {mode(workspace.home / name) for name in private} == {0o700}
    assert mode(workspace.marts_reporting) & 0o050 == 0o050


def test_a_group_may_put_files_into_landing_and_nobody_else(tmp_path):
    assert mode(Workspace(tmp_path / "data").ensure().landing) == 0o770


def test_what_a_site_makes_of_the_rights_of_the_group_on_landing_stays(workspace):
    for chosen in (0o2770, 0o700):
        workspace.landing.chmod(chosen)
        workspace.ensure()
        assert workspace.landing.stat().st_mode & 0o7777 == chosen
    workspace.landing.chmod(0o2775)
    workspace.ensure()
    assert workspace.landing.stat().st_mode & 0o7777 == 0o2770


def test_ensuring_twice_changes_nothing(workspace):
    (workspace.landing / "kept.csv").write_text("x")
    workspace.ensure()
    assert (workspace.landing / "kept.csv").read_text() == "x"


def test_a_home_that_is_a_file_is_told_as_infrastructure(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(InfrastructureError, match="WORKSPACE_UNUSABLE"):
        Workspace(tmp_path / "data").ensure()


def test_tidying_removes_old_leftovers_and_keeps_what_is_under_way(workspace):
    old, new = workspace.staging / "L1", workspace.staging / "L2"
    for folder in (old, new):
        folder.mkdir()
        (folder / "a.parquet").touch()
    long_ago = time.time() - 200_000
    os.utime(old, (long_ago, long_ago))
    assert workspace.tidy() == 1
    assert not old.exists()
    assert new.exists()


def test_what_goes_while_tidying_is_no_error(workspace, monkeypatch):
    for name in ("L1", "L2"):
        (workspace.staging / name).mkdir()
        os.utime(workspace.staging / name, (0, 0))

    def remove_all(_: Path) -> None:
        for path in list(workspace.staging.iterdir()):
            path.rmdir()

    monkeypatch.setattr("warehouse.workspace.shutil.rmtree", remove_all)
    assert workspace.tidy() == 1


def test_tidying_waits_while_a_publication_is_unfinished(workspace):
    leftover = workspace.work / "x"
    leftover.touch()
    os.utime(leftover, (0, 0))
    (workspace.work / "publish.json").write_text("{}")
    assert workspace.tidy() == 0
    assert leftover.exists()
