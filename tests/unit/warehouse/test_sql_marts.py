from __future__ import annotations

import math
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import InfrastructureError, RociError
from tests.unit.warehouse.sql_reading import connect, run, tables
from warehouse import mart_tables, postgres_marts, sqlite_marts
from warehouse.database import Database
from warehouse.published import Imprint
from warehouse.sql_marts import AreaChange, MartTable, change_area, replace_tables
from warehouse.workspace import Workspace

KEY = ("school_year", "org_id")
ALL = "SELECT * FROM {}mart ORDER BY school_year, org_id"


@pytest.fixture
def path(tmp_path) -> Path:
    return tmp_path / "mart.parquet"


def write(path: Path, *rows: tuple[int, str, float | None]) -> Path:
    years, orgs, values = zip(*rows, strict=True) if rows else ((), (), ())
    table = pa.table(
        {
            "school_year": pa.array(years, pa.int32()),
            "org_id": pa.array(orgs, pa.string()),
            "pct": pa.array(values, pa.float64()),
        }
    )
    pq.write_table(table, path)
    return path


def replace(database: Database, path: Path, *rows, kept=()) -> None:
    write(path, *rows)
    replace_tables(database, "reporting", {"mart": (path, KEY)}, publication_id="P1", kept=kept)


def test_sql_holds_what_the_parquet_file_holds_nulls_and_empty_text_too(database, path):
    table = pa.table(
        {
            "school_year": pa.array([2024, 2025, 2025], pa.int32()),
            "org_id": pa.array(["all", 'a"b,c\n', ""], pa.string()),
            "label": pa.array([None, "", "Ünicode"], pa.string()).dictionary_encode(),
            "n_tested": pa.array([None, 0, 2**40], pa.int64()),
            "pct": pa.array([None, 0.1 + 0.2, -0.0], pa.float64()),
            "suppressed": pa.array([True, False, None], pa.bool_()),
            "nothing": pa.nulls(3, pa.string()),
            "small": pa.array([1, None, 3], pa.int8()),
        }
    )
    pq.write_table(table, path)
    replace_tables(database, "reporting", {"mart": (path, KEY)})
    expected = sorted(tuple(row.values()) for row in table.to_pylist())
    assert sorted(run(database, "reporting", "SELECT * FROM {}mart")) == expected


def test_dates_read_the_same_on_both_databases(database, path):
    from datetime import date

    pq.write_table(pa.table({"k": [1, 2], "day": pa.array([date(2024, 5, 1), None])}), path)
    replace_tables(database, "restricted", {"mart": (path, ["k"])})
    rows = run(database, "restricted", "SELECT k, day FROM {}mart ORDER BY k")
    assert [(k, day and str(day)) for k, day in rows] == [(1, "2024-05-01"), (2, None)]


def test_not_a_number_is_null_in_sqlite(workspace, path):
    database = Database.for_workspace(workspace)
    replace(database, path, (2024, "a", math.nan))
    assert run(database, "reporting", ALL) == [(2024, "a", None)]


def test_a_table_without_rows_is_a_table(database, path):
    replace(database, path)
    assert run(database, "reporting", ALL) == []


def test_replacing_leaves_nothing_of_the_old_rows_and_columns(database, path):
    replace(database, path, (2024, "a", 1.0), (2025, "a", 2.0))
    pq.write_table(pa.table({"school_year": [2026], "org_id": ["b"], "other": ["x"]}), path)
    replace_tables(database, "reporting", {"mart": (path, KEY)}, publication_id="P2")
    assert run(database, "reporting", ALL) == [(2026, "b", "x")]
    assert run(database, "reporting", "SELECT publication_id FROM {}publication") == [("P2",)]


def test_a_mart_that_is_no_longer_built_goes_and_a_kept_one_stays(database, path):
    write(path, (2024, "a", 1.0))
    replace_tables(database, "reporting", dict.fromkeys(("mart", "kept", "gone"), (path, KEY)))
    replace(database, path, (2025, "b", 2.0), kept=["kept"])
    assert tables(database, "reporting") == {"mart", "kept", "publication"}
    assert run(database, "reporting", "SELECT * FROM {}kept") == [(2024, "a", 1.0)]


def test_the_other_area_is_not_touched(database, path):
    write(path, (2024, "a", 1.0))
    replace_tables(database, "restricted", {"mart": (path, KEY)})
    replace(database, path, (2025, "b", 2.0))
    assert run(database, "restricted", ALL) == [(2024, "a", 1.0)]


def test_a_repeated_key_is_refused_and_the_old_rows_stay(database, path):
    replace(database, path, (2024, "a", 1.0))
    with pytest.raises(RociError, match="MART_KEY_REPEATED") as caught:
        replace(database, path, (2025, "b", 1.0), (2025, "b", 2.0))
    assert caught.value.where == "mart mart"
    assert run(database, "reporting", ALL) == [(2024, "a", 1.0)]
    assert list(database.workspace.work.glob("*.sqlite*")) == []


def test_a_failure_half_way_leaves_all_old_tables(database, path, monkeypatch, tmp_path):
    write(path, (2024, "a", 1.0))
    replace_tables(database, "reporting", {"mart": (path, KEY), "other": (path, KEY)})
    later = write(tmp_path / "later.parquet", (2025, "b", 2.0))
    batches = MartTable.batches

    def fails_in_the_second(table, **told):
        yield from batches(table, **told)
        if table.name == "other":
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(MartTable, "batches", fails_in_the_second)
    with pytest.raises(OSError, match="No space left"):
        replace_tables(database, "reporting", {"mart": (later, KEY), "other": (later, KEY)})
    monkeypatch.undo()
    for name in ("mart", "other"):
        assert run(database, "reporting", f"SELECT * FROM {{}}{name}") == [(2024, "a", 1.0)]
    replace(database, path, (2026, "c", 3.0))
    assert run(database, "reporting", ALL) == [(2026, "c", 3.0)]


def test_a_copy_that_loses_rows_is_refused(database, path, monkeypatch):
    replace(database, path, (2024, "a", 1.0))
    monkeypatch.setattr(MartTable, "batches", lambda *_, **__: iter(()))
    with pytest.raises(RociError, match="SQL_DIFFERS"):
        replace(database, path, (2025, "b", 2.0))
    assert run(database, "reporting", ALL) == [(2024, "a", 1.0)]


def test_every_batch_is_written(database, path, monkeypatch):
    monkeypatch.setattr(mart_tables, "BATCH_ROWS", 2)
    rows = [(year, "a", float(year)) for year in range(2000, 2005)]
    replace(database, path, *rows)
    assert run(database, "reporting", ALL) == rows


def test_text_is_right_where_a_batch_spans_row_groups(database, path, monkeypatch):
    monkeypatch.setattr(mart_tables, "BATCH_ROWS", 5)
    words = [None if n % 7 == 0 else f"word {n // 3}" for n in range(40)]
    pq.write_table(pa.table({"k": range(40), "text": words}), path, row_group_size=3)
    replace_tables(database, "reporting", {"mart": (path, ["k"])})
    found = run(database, "reporting", "SELECT text FROM {}mart ORDER BY k")
    assert [text for (text,) in found] == words


def test_key_and_analyst_columns_are_indexed(database, path):
    rows = {"school_year": [2024], "assessment": ["x"], "subject": ["ela"], "org_id": ["all"]}
    pq.write_table(pa.table(rows), path)
    for _ in range(2):
        replace_tables(database, "reporting", {"mart": (path, ["school_year", "org_id"])})
    queries = {
        "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'index'",
        "postgresql": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'reporting'",
    }
    found = dict(run(database, "reporting", queries[database.dialect]))
    assert set(found) == {"mart__key", "mart__analyst"}
    assert "UNIQUE" in found["mart__key"]
    assert "school_year" in found["mart__analyst"]


def test_a_mart_of_organisations_lies_in_the_order_in_which_it_is_asked_for(workspace, path):
    database = Database.for_workspace(workspace)
    rows = {
        "school_year": [2024, 2025, 2024], "assessment": ["x"] * 3, "subject": ["ela"] * 3,
        "org_id": ["b", "a", "a"], "gender": ["all"] * 3,
    }  # fmt: skip
    pq.write_table(pa.table(rows), path)
    key = ["school_year", "assessment", "subject", "org_id", "gender"]
    replace_tables(database, "reporting", {"mart": (path, key)})
    as_it_lies = run(database, "reporting", "SELECT org_id, school_year FROM {}mart")
    assert as_it_lies == [("a", 2024), ("a", 2025), ("b", 2024)]
    plan = "EXPLAIN QUERY PLAN SELECT * FROM {}mart WHERE org_id = 'a' AND school_year = 2024"
    assert "USING PRIMARY KEY" in run(database, "reporting", plan)[0][-1]
    pq.write_table(pa.table({name: values[:1] * 2 for name, values in rows.items()}), path)
    with pytest.raises(RociError, match="MART_KEY_REPEATED"):
        replace_tables(database, "reporting", {"mart": (path, key)})
    assert run(database, "reporting", "SELECT count(*) FROM {}mart") == [(3,)]


def test_a_sqlite_file_for_which_there_is_no_room_is_told_as_such(workspace, path, monkeypatch):
    database = Database.for_workspace(workspace)
    replace(database, path, (2024, "a", 1.0))
    monkeypatch.setattr(sqlite_marts, "QUICK", (*sqlite_marts.QUICK, "max_page_count = 4"))
    rows = [(year, "x" * 1000, 1.0) for year in range(200)]
    with pytest.raises(InfrastructureError, match=r"(?s)DATABASE_AWAY.*full"):
        replace(database, path, *rows)
    monkeypatch.undo()
    assert run(database, "reporting", ALL) == [(2024, "a", 1.0)]


def change(path: Path, *slices: dict[str, int | str]) -> AreaChange:
    return AreaChange(Imprint("P2"), [MartTable("mart", path, KEY, slices)])


def test_only_the_rows_of_the_changed_slices_are_replaced(database, path):
    replace(database, path, (2023, "a", 1.0), (2024, "a", 2.0), (2024, "b", 3.0))
    # The file differs for 2023 too, which shows that only 2024 is taken from it.
    write(path, (2023, "a", 9.0), (2024, "a", 8.0))
    change_area(database, "reporting", change(path, {"school_year": 2024}))
    assert run(database, "reporting", ALL) == [(2023, "a", 1.0), (2024, "a", 8.0)]


def test_slices_may_name_several_columns_and_several_may_change(database, path):
    replace(database, path, (2023, "a", 1.0), (2023, "b", 2.0), (2024, "a", 3.0))
    write(path, (2023, "a", 9.0), (2023, "b", 9.0), (2024, "a", 9.0))
    chosen = ({"school_year": 2023, "org_id": "b"}, {"school_year": 2024, "org_id": "a"})
    change_area(database, "reporting", change(path, *chosen))
    values = [pct for _, _, pct in run(database, "reporting", ALL)]
    assert values == [1.0, 9.0, 9.0]


def test_slices_of_a_table_that_is_not_there_make_it(database, path):
    write(path, (2023, "a", 1.0), (2024, "a", 2.0))
    change_area(database, "reporting", change(path, {"school_year": 2024}))
    assert run(database, "reporting", ALL) == [(2024, "a", 2.0)]


def test_slices_into_other_columns_are_refused(database, path):
    replace(database, path, (2023, "a", 1.0))
    pq.write_table(pa.table({"school_year": [2023], "org_id": ["a"], "other": ["x"]}), path)
    with pytest.raises(RociError, match="MART_COLUMNS_CHANGED"):
        change_area(database, "reporting", change(path, {"school_year": 2023}))
    assert run(database, "reporting", ALL) == [(2023, "a", 1.0)]


def test_the_new_sqlite_file_has_no_journal_and_is_readable_alone(workspace, path):
    database = Database.for_workspace(workspace)
    replace(database, path, (2024, "a", 1.0))
    # A tool that was let at the file may have switched its journal, for good.
    with closing(sqlite3.connect(workspace.reporting_path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE its_own (x)")
        replace(database, path, (2025, "b", 2.0), kept=["its_own"])
    names = {p.name for p in workspace.warehouse_dir.iterdir()}
    assert names == {"reporting.sqlite"}
    assert workspace.reporting_path.read_bytes()[18:20] == b"\x01\x01"
    assert run(database, "reporting", ALL) == [(2025, "b", 2.0)]
    assert run(database, "reporting", "SELECT count(*) FROM its_own") == [(0,)]


def test_a_reader_with_the_old_sqlite_file_open_reads_on(workspace, path):
    database = Database.for_workspace(workspace)
    replace(database, path, (2024, "a", 1.0))
    with closing(sqlite3.connect(workspace.reporting_path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT pct FROM mart").fetchall() == [(1.0,)]
        replace(database, path, (2024, "a", 2.0))
        assert reader.execute("SELECT pct FROM mart").fetchall() == [(1.0,)]


def test_the_restricted_sqlite_file_is_private(workspace, path):
    write(path, (2024, "a", 1.0))
    database = Database.for_workspace(workspace)
    replace_tables(database, "restricted", {"mart": (path, KEY)})
    replace_tables(database, "reporting", {"mart": (path, KEY)})
    assert workspace.restricted_path.stat().st_mode & 0o777 == 0o600
    assert workspace.reporting_path.stat().st_mode & 0o777 == 0o644


postgres_only = pytest.mark.parametrize(
    "database",
    [pytest.param("postgresql", id="postgresql", marks=pytest.mark.postgres)],
    indirect=True,
)


@postgres_only
def test_rights_that_were_granted_on_a_mart_stay(database, path):
    replace(database, path, (2024, "a", 1.0))
    with connect(database) as connection:
        connection.execute('CREATE ROLE "Report Reader"')
        connection.execute('GRANT SELECT ON reporting.mart TO "Report Reader"')
        connection.execute("GRANT SELECT ON reporting.mart TO PUBLIC")
        replace(database, path, (2025, "b", 2.0))
        query = "SELECT has_table_privilege(%s, 'reporting.mart', %s)"
        reader = "Report Reader"
        assert connection.execute(query, (reader, "SELECT")).fetchone() == (True,)
        assert connection.execute(query, (reader, "DELETE")).fetchone() == (False,)
        connection.execute("REVOKE ALL ON reporting.mart FROM PUBLIC")
        connection.execute('DROP OWNED BY "Report Reader"')
        connection.execute('DROP ROLE "Report Reader"')


@postgres_only
def test_rights_stay_where_the_columns_change(database, path):
    replace(database, path, (2024, "a", 1.0))
    with connect(database) as connection:
        connection.execute("GRANT SELECT ON reporting.mart TO PUBLIC")
        pq.write_table(pa.table({"school_year": [2026], "org_id": ["b"], "other": ["x"]}), path)
        replace_tables(database, "reporting", {"mart": (path, KEY)})
        query = "SELECT relacl::text FROM pg_class WHERE relname = 'mart'"
        assert "=r/" in str(connection.execute(query).fetchone())


@postgres_only
@pytest.mark.parametrize("slices", [None, ({"school_year": 2025},)])
def test_a_reader_in_a_long_transaction_goes_on_seeing_the_old_rows(database, path, slices):
    replace(database, path, (2024, "a", 1.0))
    with connect(database) as reader, reader.transaction():
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        query = "SELECT publication_id FROM reporting.publication"
        assert reader.execute(query).fetchall() == [("P1",)]
        write(path, (2025, "b", 2.0))
        later = AreaChange(Imprint("P2"), [MartTable("mart", path, KEY, slices)])
        change_area(database, "reporting", later)
        assert reader.execute("SELECT * FROM reporting.mart").fetchall() == [(2024, "a", 1.0)]
        assert reader.execute(query).fetchall() == [("P1",)]


@postgres_only
def test_a_transaction_that_somebody_left_open_holds_nothing_up(database, path, monkeypatch):
    monkeypatch.setattr(postgres_marts, "LOCK_SECONDS", 1)
    replace(database, path, (2024, "a", 1.0))
    with connect(database) as reader, reader.transaction():
        reader.execute("SELECT * FROM reporting.mart")
        replace(database, path, (2025, "b", 2.0))
        assert run(database, "reporting", ALL) == [(2025, "b", 2.0)]
        reader.execute("SELECT * FROM reporting.mart")
        pq.write_table(pa.table({"school_year": [2026], "org_id": ["b"], "other": ["x"]}), path)
        with pytest.raises(InfrastructureError, match="DATABASE_AWAY"):
            replace_tables(database, "reporting", {"mart": (path, KEY)})
    assert run(database, "reporting", ALL) == [(2025, "b", 2.0)]


@postgres_only
def test_another_key_or_type_is_taken_over(database, path):
    replace(database, path, (2024, "a", 1.0))
    write(path, (2024, "a", 1.0), (2024, "a", 2.0))
    replace_tables(database, "reporting", {"mart": (path, ["school_year", "org_id", "pct"])})
    assert len(run(database, "reporting", ALL)) == 2
    pq.write_table(pa.table({"school_year": ["24"], "org_id": ["a"], "pct": [1]}), path)
    replace_tables(database, "reporting", {"mart": (path, KEY)})
    assert run(database, "reporting", ALL) == [("24", "a", 1)]


@postgres_only
def test_a_key_of_more_columns_than_an_index_may_have_is_one_key(database, path):
    columns = {f"group_{n}": pa.array(["all", "all"]) for n in range(40)}
    columns["group_39"] = pa.array(["EL", None])
    pq.write_table(pa.table(columns), path)
    for _ in range(2):
        replace_tables(database, "reporting", {"mart": (path, list(columns))})
        assert run(database, "reporting", "SELECT count(*) FROM {}mart") == [(2,)]
    columns["group_39"] = pa.array(["EL", "EL"])
    pq.write_table(pa.table(columns), path)
    with pytest.raises(RociError, match="MART_KEY_REPEATED"):
        replace_tables(database, "reporting", {"mart": (path, list(columns))})


@postgres_only
def test_views_that_analysts_made_stay_and_see_the_new_rows(database, path):
    replace(database, path, (2024, "a", 1.0))
    with connect(database) as connection:
        connection.execute("CREATE VIEW public.seen AS SELECT * FROM reporting.mart")
        replace(database, path, (2025, "b", 2.0))
        assert connection.execute("SELECT * FROM public.seen").fetchall() == [(2025, "b", 2.0)]
        query = "SELECT indexname FROM pg_indexes WHERE tablename = 'mart' ORDER BY 1"
        indexes = connection.execute(query).fetchall()
        assert indexes == [("mart__analyst",), ("mart__key",)]


@postgres_only
def test_a_view_of_columns_that_change_is_named_and_nothing_changes(database, path):
    replace(database, path, (2024, "a", 1.0))
    with connect(database) as connection:
        connection.execute("CREATE VIEW public.seen AS SELECT * FROM reporting.mart")
    pq.write_table(pa.table({"school_year": [2026], "org_id": ["b"], "other": ["x"]}), path)
    with pytest.raises(RociError, match="VIEW_IN_THE_WAY") as caught:
        replace_tables(database, "reporting", {"mart": (path, KEY)})
    assert "seen" in caught.value.found
    with pytest.raises(RociError, match="VIEW_IN_THE_WAY"):
        replace_tables(database, "reporting", {})
    assert run(database, "reporting", ALL) == [(2024, "a", 1.0)]


@postgres_only
def test_a_reader_in_a_transaction_is_not_kept_waiting_by_the_copy(database, path, monkeypatch):
    replace(database, path, (2024, "a", 1.0))
    batches = MartTable.batches

    def read_meanwhile(table, **told):
        yield from batches(table, **told)
        assert run(database, "reporting", ALL) == [(2024, "a", 1.0)]

    monkeypatch.setattr(MartTable, "batches", read_meanwhile)
    replace(database, path, (2025, "b", 2.0))
    assert run(database, "reporting", ALL) == [(2025, "b", 2.0)]


SLICES = st.dictionaries(st.integers(2020, 2023), st.sampled_from("abc"), min_size=1)


@settings(max_examples=25, deadline=None)
@given(st.lists(SLICES, min_size=1, max_size=4))
def test_any_sequence_of_changed_slices_is_that_of_a_dictionary(changes):
    with tempfile.TemporaryDirectory() as folder:
        database = Database.for_workspace(Workspace(Path(folder)).ensure())
        path = Path(folder) / "mart.parquet"
        model: dict[int, str] = {}
        for rows in changes:
            model |= rows
            write(path, *((year, org, 1.0) for year, org in model.items()))
            slices = tuple({"school_year": year} for year in rows)
            change_area(database, "reporting", change(path, *slices))
            found = run(database, "reporting", ALL)
            assert {year: org for year, org, _ in found} == model
            assert len(found) == len(model)
