from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from configs.errors import RociError
from tests.unit.warehouse.sql_reading import run, tables
from warehouse import publish
from warehouse.database import Database
from warehouse.publish import Mart, Publisher
from warehouse.published import SIDECAR
from warehouse.workspace import Workspace


@pytest.fixture
def publisher(database) -> Publisher:
    return Publisher(database.workspace, database)


def another(publisher: Publisher) -> Publisher:
    """What the next run of the program would have."""
    return Publisher(publisher.workspace, publisher.database)


def mart(publisher: Publisher, name: str, value: int, area="reporting", **told) -> Mart:
    path = publisher.stage(name, area)
    pq.write_table(pa.table({"k": [1], "value": [value]}), path)
    return Mart(path, ("k",), **told)


def published_id(publisher: Publisher) -> str:
    """The publication that a reader of the Parquet files meets."""
    return json.loads((publisher.workspace.marts_reporting / SIDECAR).read_text())["publication_id"]


def release(publisher: Publisher, number: int) -> None:
    publisher.publish(
        f"P{number}",
        {name: mart(publisher, name, number) for name in ("mart_a", "mart_b")},
        {
            "twin": mart(publisher, "twin", number, "restricted"),
            "student_result": mart(publisher, "student_result", number, "restricted", sql=False),
        },
    )


def seen(publisher: Publisher) -> set[object]:
    """Every value that a reader meets anywhere."""
    workspace, found = publisher.workspace, set()
    for folder in (workspace.marts_reporting, workspace.marts_restricted):
        for path in folder.glob("*.parquet"):
            found |= set(pq.read_table(path).column("value").to_pylist())
    for area, name in (("reporting", "mart_a"), ("reporting", "mart_b"), ("restricted", "twin")):
        found |= {v for (v,) in run(publisher.database, area, f"SELECT value FROM {{}}{name}")}
    return found


def test_everything_is_published_in_parquet_and_in_sql(publisher):
    release(publisher, 1)
    assert seen(publisher) == {1}
    assert published_id(publisher) == "P1"
    workspace, database = publisher.workspace, publisher.database
    names = {path.name for path in workspace.marts_reporting.iterdir()}
    assert names == {"mart_a.parquet", "mart_b.parquet", "publication.json"}
    for area, expected in (("reporting", {"mart_a", "mart_b"}), ("restricted", {"twin"})):
        assert tables(database, area) == expected | {"publication"}
        assert run(database, area, "SELECT publication_id FROM {}publication") == [("P1",)]


def test_restricted_marts_are_private_and_reporting_marts_are_not(publisher, request):
    # The service runs with this umask; who reads reporting marts is decided by their folder.
    request.addfinalizer(partial(os.umask, os.umask(0o077)))
    release(publisher, 1)
    workspace = publisher.workspace
    private = {path.stat().st_mode & 0o777 for path in workspace.marts_restricted.iterdir()}
    assert private == {0o600}
    public = {path.stat().st_mode & 0o777 for path in workspace.marts_reporting.iterdir()}
    assert public == {0o644}


def test_before_the_first_publication_there_is_none(publisher):
    assert not (publisher.workspace.marts_reporting / SIDECAR).exists()
    assert publisher.recover() is None


def test_nothing_is_left_in_work(publisher):
    release(publisher, 1)
    assert [path for path in publisher.workspace.work.rglob("*") if path.is_file()] == []


def test_a_mart_that_is_no_longer_built_goes_from_both_and_a_kept_one_stays(publisher):
    release(publisher, 1)
    later = another(publisher)
    later.publish("P2", {"mart_a": mart(later, "mart_a", 2), "mart_b": Mart(None)}, {})
    workspace, database = publisher.workspace, publisher.database
    assert pq.read_table(later.path("mart_b", "reporting")).column("value").to_pylist() == [1]
    assert run(database, "reporting", "SELECT value FROM {}mart_b") == [(1,)]
    assert run(database, "reporting", "SELECT value FROM {}mart_a") == [(2,)]
    assert list(workspace.marts_restricted.glob("*.parquet")) == []
    assert tables(database, "restricted") == {"publication"}


def test_a_mart_that_fails_leaves_the_whole_last_publication(publisher):
    release(publisher, 1)
    later = another(publisher)
    path = later.stage("twin", "restricted")
    pq.write_table(pa.table({"k": [1, 1], "value": [2, 2]}), path)
    with pytest.raises(RociError, match="MART_KEY_REPEATED"):
        later.publish(
            "P2",
            {name: mart(later, name, 2) for name in ("mart_a", "mart_b")},
            {"twin": Mart(path, ("k",))},
        )
    assert seen(publisher) == {1}
    assert published_id(publisher) == "P1"
    assert another(publisher).recover() is None
    assert list(publisher.workspace.work.glob("*.sqlite*")) == []


def test_marts_that_must_not_be_published_leave_the_last_publication(publisher):
    def refuse() -> None:
        raise RociError("HELD", where="a", found="b", expected="c", remedy="d")

    release(publisher, 1)
    later = another(publisher)
    with pytest.raises(RociError, match="HELD"):
        later.publish("P2", {"mart_a": mart(later, "mart_a", 2)}, {}, provided=refuse)
    assert seen(publisher) == {1}
    assert published_id(publisher) == "P1"
    assert another(publisher).recover() is None
    assert list(publisher.workspace.work.glob("*.sqlite*")) == []


class KilledError(BaseException):
    """Stands for the end of the process: nothing catches it."""


STAGES = ["before the plan", "after the plan", "first file", "third file", "before the end"]


def kill_at(stage: str, monkeypatch) -> None:
    """Let the program end at that stage of a publication."""
    place, count = publish.put_in_place, iter(range(100))

    def killed(*_: object, **__: object) -> None:
        raise KilledError

    def place_some(*arguments: object) -> None:
        if next(count) == (0 if stage == "first file" else 2):
            raise KilledError
        place(*arguments)

    if stage == "before the plan":
        monkeypatch.setattr(Publisher, "_write_plan", killed)
    elif stage == "after the plan":
        monkeypatch.setattr(Publisher, "_carry_out", killed)
    elif stage == "before the end":
        monkeypatch.setattr(publish.shutil, "rmtree", killed)
    else:
        monkeypatch.setattr(publish, "put_in_place", place_some)


@pytest.mark.parametrize("stage", STAGES)
def test_wherever_a_publication_is_killed_recovery_leaves_it_whole(publisher, stage, monkeypatch):
    release(publisher, 1)
    with monkeypatch.context() as patch:
        kill_at(stage, patch)
        with pytest.raises(KilledError):
            release(another(publisher), 2)
    recovered = another(publisher).recover()
    never_began, at_the_end = stage == "before the plan", stage == "before the end"
    expected = 1 if never_began else 2
    assert recovered == (None if never_began or at_the_end else "P2")
    assert seen(publisher) == {expected}
    assert published_id(publisher) == f"P{expected}"
    assert another(publisher).recover() is None


@pytest.mark.parametrize("stage", STAGES)
def test_the_next_publication_first_finishes_the_broken_one(publisher, stage, monkeypatch):
    release(publisher, 1)
    with monkeypatch.context() as patch:
        kill_at(stage, patch)
        with pytest.raises(KilledError):
            release(another(publisher), 2)
    later = another(publisher)
    later.publish("P3", {"mart_a": mart(later, "mart_a", 3), "mart_b": Mart(None)}, {})
    assert published_id(later) == "P3"
    kept = 1 if stage == "before the plan" else 2
    assert pq.read_table(later.path("mart_a", "reporting")).column("value").to_pylist() == [3]
    assert pq.read_table(later.path("mart_b", "reporting")).column("value").to_pylist() == [kept]
    query = "SELECT a.value, b.value FROM {0}mart_a a, {0}mart_b b"
    assert run(publisher.database, "reporting", query) == [(3, kept)]


@pytest.mark.postgres
def test_a_plan_whose_transaction_never_committed_is_dropped(workspace, postgres_url, monkeypatch):
    database = Database.for_workspace(workspace, postgres_url)
    publisher = Publisher(workspace, database)
    release(publisher, 1)
    write_plan = Publisher._write_plan

    def killed_before_the_commit(*arguments: object) -> None:
        write_plan(*arguments)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Publisher, "_write_plan", killed_before_the_commit)
        with pytest.raises(KilledError):
            release(another(publisher), 2)
    assert another(publisher).recover() is None
    assert seen(publisher) == {1}
    database.close()


def test_a_broken_publication_is_finished_where_the_workspace_has_moved_to(workspace, monkeypatch):
    publisher = Publisher(workspace, Database.for_workspace(workspace))
    release(publisher, 1)
    kill_at("first file", monkeypatch)
    with pytest.raises(KilledError):
        release(publisher, 2)
    monkeypatch.undo()
    moved = Workspace(workspace.home.rename(workspace.home.with_name("moved")))
    after = Publisher(moved, Database.for_workspace(moved))
    assert after.recover() == "P2"
    assert seen(after) == {2}


def test_stopped_when_the_plan_is_written_nothing_of_it_is_shown_ever(workspace, monkeypatch):
    database = Database.for_workspace(workspace)
    release(Publisher(workspace, database), 1)

    def stopped(self, plan):
        write(self, plan)
        raise KeyboardInterrupt

    write = Publisher._write_plan
    monkeypatch.setattr(Publisher, "_write_plan", stopped)
    with pytest.raises(KeyboardInterrupt):
        release(Publisher(workspace, database), 2)
    monkeypatch.undo()
    after = Publisher(workspace, database)
    assert after.recover() is None
    assert seen(after) == {1}
    assert after.shown() == "P1"


def test_staged_marts_can_be_discarded_but_not_those_that_recovery_needs(publisher, monkeypatch):
    path = mart(publisher, "mart_a", 1).path
    publisher.discard_staged()
    assert not path.exists()
    broken = another(publisher)
    with monkeypatch.context() as patch:
        kill_at("first file", patch)
        with pytest.raises(KilledError):
            release(broken, 2)
    broken.discard_staged()
    assert another(publisher).recover() == "P2"
    assert seen(publisher) == {2}


def test_staged_marts_of_two_builds_do_not_meet(publisher):
    assert publisher.stage("mart_a", "reporting") != another(publisher).stage("mart_a", "reporting")
    assert publisher.stage("mart_a", "reporting").parent.is_dir()


def test_sqlite_and_duckdb_return_the_same_numbers(publisher):
    import duckdb

    release(publisher, 1)
    path: Path = publisher.path("mart_a", "reporting")
    from_parquet = duckdb.sql(f"SELECT * FROM '{path}'").fetchall()
    assert run(publisher.database, "reporting", "SELECT * FROM {}mart_a") == from_parquet
