from __future__ import annotations

import sqlite3
import traceback

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from configs.errors import ConfigurationError, InfrastructureError
from tests.unit.warehouse.sql_reading import run
from warehouse import ledger_tables as tables
from warehouse.database import Database
from warehouse.ledger import Ledger
from warehouse.sql_marts import replace_tables

SECRET = "correct-horse"


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_usual_spelling_of_a_postgresql_address_is_taken(workspace, scheme):
    database = Database.for_workspace(workspace, f"{scheme}://u:p@h:5432/d")
    assert database.dialect == "postgresql"
    assert database.url.drivername == "postgresql+psycopg"
    assert database.schema("reporting") == "reporting"
    assert database.path("reporting") is None


@pytest.mark.parametrize("address", ["mysql://u:p@h/d", "nonsense", "sqlite:///x"])
def test_another_address_is_refused_before_anything_is_opened(workspace, address):
    with pytest.raises(ConfigurationError, match="BAD_DATABASE_URL"):
        Database.for_workspace(workspace, address)


def test_without_an_address_there_are_three_sqlite_files(workspace):
    database = Database.for_workspace(workspace)
    assert database.dialect == "sqlite"
    assert database.schema("ledger") is None
    assert database.path("restricted") == workspace.restricted_path
    assert not workspace.ledger_path.exists()


@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://user:{SECRET}@127.0.0.1:1/d?connect_timeout=1",
        f"postgresql://user@127.0.0.1:1/d?connect_timeout=1&password={SECRET}",
        f"postgresql://user:p@127.0.0.1:1/d?connect_timeout=1&sslpassword={SECRET}",
        f"postgresql://user:p@127.0.0.1:1/d?sslpassword={SECRET}&connect_timeout=1"
        f"&sslpassword={SECRET}",
    ],
)
def test_a_password_stands_in_no_message(workspace, address):
    database = Database.for_workspace(workspace, address)
    with pytest.raises(InfrastructureError, match="DATABASE_AWAY") as caught:
        Ledger(database).loads()
    told = "".join(traceback.format_exception(caught.value)) + str(caught.value)
    assert SECRET not in told
    assert "user:***@127.0.0.1:1/d" in str(caught.value)
    assert SECRET not in repr(database)


def test_the_ledger_file_has_a_write_ahead_log_and_is_private(workspace):
    Ledger(Database.for_workspace(workspace)).create()
    assert workspace.ledger_path.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(workspace.ledger_path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_areas_are_made_once_and_for_all_and_sqlite_needs_none(database):
    database.create_areas()
    database.create_areas()
    if database.dialect == "sqlite":
        assert not database.path("ledger").exists()
        return
    names = set(sa.inspect(database.engine("ledger")).get_schema_names())
    assert {"ledger", "reporting", "restricted"} <= names


def test_foreign_keys_are_kept(database):
    Ledger(database).create()
    insert = "INSERT INTO {}load_input VALUES ('L0', 'file', 'x', 'y')"
    schema = "ledger." if database.dialect == "postgresql" else ""
    with pytest.raises(sa.exc.IntegrityError), database.write("ledger") as connection:
        connection.exec_driver_sql(insert.format(schema))


def test_a_reader_sees_one_state_whatever_is_written_meanwhile(ledger):
    ledger.register_file("a", 1, "a.csv")
    query = sa.select(sa.func.count()).select_from(tables.raw_file)
    with ledger.database.read("ledger") as reader:
        assert reader.scalar(query) == 1
        ledger.register_file("b", 1, "b.csv")
        assert reader.scalar(query) == 1
    with ledger.database.read("ledger") as reader:
        assert reader.scalar(query) == 2


def test_a_transaction_that_raises_leaves_nothing(database):
    ledger = Ledger(database)
    ledger.create()
    with pytest.raises(ValueError, match="half way"), database.write("ledger") as connection:
        schema = "ledger." if database.dialect == "postgresql" else ""
        connection.exec_driver_sql(f"DELETE FROM {schema}load")
        connection.exec_driver_sql(
            f"INSERT INTO {schema}raw_file (sha256, size_bytes, original_name, first_seen_at) "
            "VALUES ('a', 1, 'n', '2026-01-01 00:00:00')"
        )
        raise ValueError("half way")
    assert ledger.raw("a") is None


def test_a_mistake_in_our_own_sql_is_not_told_as_a_database_that_is_away(database):
    Ledger(database).create()
    with pytest.raises(sa.exc.DBAPIError), database.read("ledger") as connection:
        connection.exec_driver_sql("SELECT no_such_column FROM no_such_table")


def test_a_locked_ledger_is_told_as_infrastructure(workspace, monkeypatch):
    monkeypatch.setattr("warehouse.database.BUSY_MILLISECONDS", 50)
    ledger = Ledger(Database.for_workspace(workspace))
    ledger.create()
    other = sqlite3.connect(workspace.ledger_path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(InfrastructureError, match="locked"):
        ledger.register_file("a", 1, "n")
    assert ledger.loads() == []
    other.close()


@pytest.mark.parametrize("cut", [0, 3000])
def test_a_damaged_ledger_is_told_as_one(workspace, cut):
    database = Database.for_workspace(workspace)
    Ledger(database).loads()
    whole = workspace.ledger_path.read_bytes()
    workspace.ledger_path.write_bytes((whole[:cut] or b"no ledger") + b"x" * 9000)
    with pytest.raises(InfrastructureError, match="DATABASE_DAMAGED"):
        Ledger(database).loads()


def test_damaged_marts_are_told_as_such_and_mended_when_all_are_built(workspace, tmp_path):
    database, path = Database.for_workspace(workspace), tmp_path / "mart.parquet"
    pq.write_table(pa.table({"k": [1]}), path)
    workspace.reporting_path.write_bytes(b"x" * 9000)
    with pytest.raises(InfrastructureError, match="DATABASE_DAMAGED"):
        replace_tables(database, "reporting", {"mart": (path, ["k"])}, kept=["other"])
    replace_tables(database, "reporting", {"mart": (path, ["k"])})
    assert run(database, "reporting", "SELECT k FROM mart") == [(1,)]


def test_reading_marts_that_were_never_published_creates_no_file(workspace):
    database = Database.for_workspace(workspace)
    with pytest.raises(InfrastructureError), database.read("reporting") as connection:
        connection.exec_driver_sql("SELECT 1 FROM mart_achievement")
    assert not workspace.reporting_path.exists()
