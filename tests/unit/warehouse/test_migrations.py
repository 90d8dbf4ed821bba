"""An earlier ledger becomes today's with all that it holds, or stays as it was."""

from __future__ import annotations

import multiprocessing
import os
import stat
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from configs.errors import InfrastructureError
from warehouse import ledger_version, migrations
from warehouse.database import Database
from warehouse.ledger import Ledger
from warehouse.ledger_version import LEDGER_VERSION
from warehouse.workspace import Workspace

LEDGERS = Path(__file__).with_name("ledgers")
TABLES = ("raw_file", "load", "load_input", "load_partition", "step", "publication")
MORE_TABLES = ("check_result", "rejected_row", "flag_count")


def statements(name: str) -> list[str]:
    text = (LEDGERS / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("--")]
    return [one for one in "\n".join(lines).split(";\n") if one.strip()]


def do(database: Database, *told: str) -> None:
    with database.write("ledger") as connection:
        if database.url is not None:
            connection.exec_driver_sql("SET LOCAL search_path TO ledger")
        for one in told:
            connection.exec_driver_sql(one)


@pytest.fixture
def first(database: Database) -> Database:
    """A database whose ledger is of version 1 and holds rows in every table."""
    database.create_areas()
    do(database, *statements(f"version_1.{database.dialect}.sql"))
    do(database, *statements("version_1.rows.sql"))
    return database


def rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    found = {}
    with database.read("ledger") as connection:
        for name in (*TABLES, *MORE_TABLES):
            place = f"ledger.{name}" if database.url is not None else name
            told = connection.exec_driver_sql(f"SELECT * FROM {place}")
            found[name] = sorted((dict(row._mapping) for row in told), key=repr)
    return found


def without_new_columns(
    now: Mapping[str, list[dict[str, Any]]], before: Mapping[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    return {
        name: sorted(
            ({key: row[key] for key in before[name][0]} for row in told),
            key=repr,
        )
        for name, told in now.items()
    }


def version(database: Database) -> int | None:
    with database.read("ledger") as connection:
        place = "ledger.ledger_version" if database.url is not None else "ledger_version"
        return connection.exec_driver_sql(f"SELECT version FROM {place}").scalar()


def shape(database: Database) -> dict[str, Any]:
    """What a database says of its ledger's tables; the order of columns is of no account."""
    inspector, schema = sa.inspect(database.engine("ledger")), database.schema("ledger")
    return {
        name: {
            "columns": {
                (one["name"], str(one["type"]), one["nullable"], str(one.get("default")))
                for one in inspector.get_columns(name, schema)
            },
            "key": inspector.get_pk_constraint(name, schema)["constrained_columns"],
            "references": {
                (*one["constrained_columns"], one["referred_table"], *one["referred_columns"])
                for one in inspector.get_foreign_keys(name, schema)
            },
            "indexes": {
                (one["name"], tuple(one["column_names"]), bool(one["unique"]))
                for one in inspector.get_indexes(name, schema)
            },
            "unique": {
                tuple(one["column_names"]) for one in inspector.get_unique_constraints(name, schema)
            },
            "checks": {
                "".join(one["sqltext"].split())
                for one in inspector.get_check_constraints(name, schema)
            },
        }
        for name in inspector.get_table_names(schema)
    }


def test_a_ledger_of_version_1_keeps_every_row_and_has_todays_tables(first, tmp_path):
    before = rows(first)
    assert all(before.values())
    migrated = Ledger(first).create()
    assert (migrated.before, migrated.now) == (1, LEDGER_VERSION)
    assert without_new_columns(rows(first), before) == before
    migrated_shape = shape(first)
    if first.url is None:
        fresh = Database.for_workspace(Workspace(tmp_path / "fresh").ensure())
    else:
        fresh = first
        do(first, "DROP SCHEMA ledger CASCADE")
    Ledger(fresh).create()
    assert migrated_shape == shape(fresh)
    fresh.close()


def test_what_was_known_before_is_answered_and_new_rows_can_be_written(first):
    ledger = Ledger(first)
    assert [load.state for load in ledger.loads()] == ["loaded", "superseded"]
    assert ledger.load("L20260103-0001").layout is None
    ledger.note_reading("L20260103-0001", "plain_2026", "csv")
    assert ledger.load("L20260103-0001").layout == "plain_2026"
    assert ledger.raw("aa").pruned_at is None
    assert ledger.checks("L20260103-0001")[0].success is True


def test_it_is_done_once_and_told_once(first):
    assert str(Ledger(first).create()).startswith(
        f"the ledger was migrated from version 1 to {LEDGER_VERSION}"
    )
    assert Ledger(first).create() is None


def test_an_sqlite_ledger_is_copied_first_for_its_owner_only(first):
    if first.url is not None:
        assert Ledger(first).create().copy is None
        return
    before = rows(first)
    copy = Ledger(first).create().copy
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    engine = sa.create_engine(f"sqlite:///{copy}")
    with engine.connect() as connection:
        told = connection.exec_driver_sql("SELECT * FROM raw_file").all()
        assert connection.exec_driver_sql("SELECT version FROM ledger_version").scalar() == 1
    engine.dispose()
    assert len(told) == len(before["raw_file"])


def test_a_ledger_from_before_versions_were_noted_is_taken_for_version_1(first):
    do(first, "DROP TABLE ledger_version")
    assert Ledger(first).create().before == 1
    assert version(first) == LEDGER_VERSION


def test_one_that_has_other_tables_than_version_1_is_refused_and_stays(first):
    do(first, "DROP TABLE ledger_version", "ALTER TABLE step ADD COLUMN colour TEXT")
    before = rows(first)
    with pytest.raises(InfrastructureError, match="LEDGER_VERSION"):
        Ledger(first).create()
    assert rows(first) == before


def test_a_step_that_fails_leaves_the_ledger_as_it_was(first, monkeypatch):
    def broken(_operations: object) -> None:
        raise OSError("no room")

    before, tables = rows(first), shape(first)
    monkeypatch.setattr(migrations, "STEPS", {**migrations.STEPS, LEDGER_VERSION: broken})
    with pytest.raises(OSError, match="no room"):
        Ledger(first).create()
    assert (rows(first), shape(first), version(first)) == (before, tables, 1)


def killed_before_the_end(workspace: Workspace, url: str | None) -> None:
    """Migrate in this process and die where everything is done but the commit."""
    done = ledger_version._upgrade

    def upgrade_and_die(*arguments: Any) -> None:
        done(*arguments)
        os._exit(9)

    ledger_version._upgrade = upgrade_and_die
    Ledger(Database.for_workspace(workspace, url)).create()


def test_a_kill_before_the_commit_leaves_the_old_ledger_and_the_next_one_migrates_it(
    first, workspace
):
    before, tables = rows(first), shape(first)
    url = first.url.render_as_string(hide_password=False) if first.url is not None else None
    first.close()
    process = multiprocessing.get_context("spawn").Process(
        target=killed_before_the_end, args=(workspace, url)
    )
    process.start()
    process.join()
    assert process.exitcode == 9
    assert (rows(first), shape(first), version(first)) == (before, tables, 1)
    assert Ledger(first).create().before == 1


def test_of_several_that_open_it_at_once_one_migrates_and_all_can_ask(first):
    told: list[object] = []
    gate = threading.Barrier(4)

    def open_it() -> None:
        ledger = Ledger(first)
        gate.wait()
        told.append(ledger.create())
        assert len(ledger.loads()) == 2

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told) == 4
    assert sum(one is not None for one in told) == 1


def test_every_version_has_its_step():
    assert sorted(migrations.STEPS) == list(range(2, LEDGER_VERSION + 1))
