from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import tempfile
import threading
import time
from itertools import count
from pathlib import Path
from uuid import uuid4

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.errors import InfrastructureError, RociError
from warehouse import lake_commit
from warehouse.lake import Lake, PartitionLoad, path_literal
from warehouse.staging import StagedFiles, Staging
from warehouse.workspace import Workspace

TABLE = "student_result"
ODD_NAMES = ["2024", "2024|0100001|ela", "a b/c%é:x", "..", "'quoted'", "x=y&z", "~+?#"]


@pytest.fixture
def lake(workspace) -> Lake:
    return Lake(workspace)


def stage(lake: Lake, rows: dict[str, list[int]], **columns: object) -> StagedFiles:
    """Stage rows that carry a number, by partition."""
    files: StagedFiles = {}
    for name, numbers in rows.items():
        extra = {key: [value] * len(numbers) for key, value in columns.items()}
        with Staging(lake.workspace.staging / uuid4().hex) as staging:
            staging.write(pa.table({"n": pa.array(numbers, pa.int64()), **extra}))
        files[name] = staging.close().get("all", [])
    return files


def put(lake: Lake, rows: dict[str, list[int]], load_id: str = "L1", source: str = "s") -> int:
    return lake.replace(TABLE, source, stage(lake, rows), load_id)


def contents(lake: Lake, **where: object) -> dict[tuple[str, str], list[int]]:
    scan = lake.scan_sql(TABLE, **where)
    found: dict[tuple[str, str], list[int]] = {}
    if scan is not None:
        query = f"SELECT source, partition, n FROM {scan} ORDER BY n"
        for source, partition, n in duckdb.sql(query).fetchall():
            found.setdefault((source, partition), []).append(n)
    return found


def test_a_table_that_was_never_written_is_empty(lake):
    assert not lake.exists(TABLE)
    assert lake.files(TABLE) == lake.partition_loads(TABLE) == []
    assert lake.scan_sql(TABLE) is None


def test_only_the_named_partitions_are_replaced(lake):
    assert put(lake, {"2023": [1], "2024": [2, 3]}) == 0
    assert put(lake, {"2024": [4]}, "L2") == 1
    assert contents(lake) == {("s", "2023"): [1], ("s", "2024"): [4]}


def test_the_same_partition_of_another_source_stays(lake):
    put(lake, {"2024": [1]}, source="a")
    put(lake, {"2024": [2]}, source="b")
    put(lake, {"2024": [3]}, source="b")
    assert contents(lake) == {("a", "2024"): [1], ("b", "2024"): [3]}


def test_replacing_twice_leaves_what_replacing_once_leaves(lake):
    files = stage(lake, {"2023": [1], "2024": [2]})
    lake.replace(TABLE, "s", files, "L1")
    once = contents(lake)
    lake.replace(TABLE, "s", files, "L1")
    assert contents(lake) == once


def test_a_partition_without_new_files_becomes_empty(lake):
    put(lake, {"2023": [1], "2024": [2]})
    lake.replace(TABLE, "s", stage(lake, {"2023": [3]}), "L2", partitions=["2023", "2024"])
    assert contents(lake) == {("s", "2023"): [3]}


def test_rows_of_a_partition_that_is_not_to_be_replaced_are_refused(lake):
    with pytest.raises(RociError, match="UNLISTED_PARTITION"):
        lake.replace(TABLE, "s", stage(lake, {"2024": [1]}), "L1", partitions=["2023"])
    assert not lake.exists(TABLE)


def test_a_partition_without_a_name_is_refused(lake):
    with pytest.raises(RociError, match="NO_PARTITION"):
        put(lake, {"": [1]})


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_text_is_a_partition_for_duckdb_and_for_delta(lake, name):
    put(lake, {name: [1, 2], "other": [3]}, source="a/b c")
    assert contents(lake) == {("a/b c", name): [1, 2], ("a/b c", "other"): [3]}
    assert contents(lake, partitions=[name]) == {("a/b c", name): [1, 2]}
    delta = DeltaTable(lake.path(TABLE)).to_pyarrow_table()
    assert sorted(set(delta.column("partition").to_pylist())) == sorted({name, "other"})
    assert PartitionLoad("a/b c", name, "L1") in lake.partition_loads(TABLE)
    put(lake, {name: [9]}, source="a/b c")
    assert contents(lake)[("a/b c", name)] == [9]


@pytest.mark.parametrize("home", ["données 100% 'ours'", "a[1]*?", "x{y}"])
def test_a_home_with_blanks_accents_and_patterns_is_no_hindrance(tmp_path, home):
    lake = Lake(Workspace(tmp_path / home).ensure())
    put(lake, {"2024": [1]})
    assert contents(lake) == {("s", "2024"): [1]}
    assert all(Path(path).is_file() for path in lake.files(TABLE))


@pytest.mark.parametrize("name", ["a[1]*?.parquet", "it's.parquet", "x{y}é %.parquet"])
def test_a_path_literal_names_one_file_to_duckdb(tmp_path, name):
    for number, one in enumerate((name, "a1xx.parquet")):
        pq.write_table(pa.table({"n": [number]}), tmp_path / one)
    rows = duckdb.sql(f"SELECT n FROM read_parquet({path_literal(tmp_path / name)})").fetchall()
    assert rows == [(0,)]


def test_files_are_found_by_source_and_partition(lake):
    put(lake, {"2023": [1], "2024": [2]}, source="a")
    put(lake, {"2024": [3]}, source="b")
    assert len(lake.files(TABLE)) == 3
    assert contents(lake, source="a") == {("a", "2023"): [1], ("a", "2024"): [2]}
    assert contents(lake, source="b", partitions=["2023"]) == {}


def test_columns_that_are_new_are_null_in_older_rows(lake):
    put(lake, {"2023": [1]})
    lake.replace(TABLE, "s", stage(lake, {"2024": [2]}, extra="x"), "L2")
    query = f"SELECT n, extra FROM {lake.scan_sql(TABLE)} ORDER BY n"
    assert duckdb.sql(query).fetchall() == [(1, None), (2, "x")]
    assert columns(lake) == ["n", "extra", "source", "partition"]
    put(lake, {"2024": [3]})
    assert columns(lake) == ["n", "extra", "source", "partition"]


def columns(lake: Lake) -> list[str]:
    return [field.name for field in DeltaTable(lake.path(TABLE)).schema().fields]


def test_a_column_that_changes_its_type_is_refused_and_nothing_changes(lake):
    put(lake, {"2023": [1]})
    with Staging(lake.workspace.staging / "x") as staging:
        staging.write(pa.table({"n": ["text"]}))
    with pytest.raises(RociError, match="LAKE_TYPE") as caught:
        lake.replace(TABLE, "s", {"2023": staging.close()["all"]}, "L2")
    assert "n (int64, now string)" in caught.value.found
    assert contents(lake) == {("s", "2023"): [1]}
    assert len(list(lake.path(TABLE).rglob("*.parquet"))) == 1


def test_the_commit_and_the_files_carry_the_load(lake):
    put(lake, {"2023": [1], "2024": [1]}, "L20261121-0001")
    put(lake, {"2024": [2]}, "L20261121-0002")
    assert lake.partition_loads(TABLE) == [
        PartitionLoad("s", "2023", "L20261121-0001"),
        PartitionLoad("s", "2024", "L20261121-0002"),
    ]
    commits = {entry["load_id"] for entry in DeltaTable(lake.path(TABLE)).history()}
    assert commits == {"L20261121-0001", "L20261121-0002"}


def test_the_log_holds_counts_and_no_values(lake):
    files = stage(lake, {"2024": [1, 2]}, student_id="s-4711")
    lake.replace(TABLE, "s", files, "L1")
    log = "".join(path.read_text() for path in lake.path(TABLE).glob("_delta_log/*.json"))
    assert "numRecords" in log
    assert "s-4711" not in log


def test_files_of_the_lake_are_private(lake):
    put(lake, {"2024": [1]})
    assert {Path(path).stat().st_mode & 0o777 for path in lake.files(TABLE)} == {0o600}


def test_staging_may_be_on_another_file_system(lake, monkeypatch):
    def cross_device(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", cross_device)
    put(lake, {"2024": [1]})
    assert contents(lake) == {("s", "2024"): [1]}


def test_a_reader_of_the_old_files_reads_on(lake):
    put(lake, {"2024": [1]})
    old = lake.scan_sql(TABLE)
    put(lake, {"2024": [2]})
    assert duckdb.sql(f"SELECT n FROM {old}").fetchall() == [(1,)]
    assert contents(lake) == {("s", "2024"): [2]}


def test_a_commit_that_fails_leaves_neither_rows_nor_files(lake, monkeypatch):
    put(lake, {"2024": [1]})

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lake_commit.Change, "apply", fails)
    with pytest.raises(InfrastructureError, match="STORAGE_FAILED") as caught:
        put(lake, {"2024": [2]})
    assert caught.value.found == "No space left on device"
    assert contents(lake) == {("s", "2024"): [1]}
    assert len(list(lake.path(TABLE).rglob("*.parquet"))) == 1


def test_a_disk_that_fills_while_files_are_taken_over_leaves_none_of_them(lake, monkeypatch):
    files = stage(lake, {"2023": [1], "2024": [2]})
    copied = count(1)

    def no_link(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    def fills(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes())
        if next(copied) == 2:
            raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "link", no_link)
        patch.setattr("shutil.copyfile", fills)
        with pytest.raises(InfrastructureError, match="STORAGE_FAILED"):
            lake.replace(TABLE, "s", files, "L1")
    assert list(lake.path(TABLE).rglob("*.parquet")) == []
    lake.replace(TABLE, "s", files, "L1")
    assert contents(lake) == {("s", "2023"): [1], ("s", "2024"): [2]}


def write_past_a_limit(home: Path, queue) -> None:
    """Write the log where no file may grow beyond 100 bytes, as on a disk that is full."""
    lake = Lake(Workspace(home))
    files = stage(lake, {"2024": [1]})
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        lake.replace(TABLE, "s", files, "L1")
        code = "none"
    except InfrastructureError as error:
        code = f"{error.code}: {error.found}"
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    queue.put(code)


@pytest.mark.parametrize("is_new", [True, False])
def test_a_log_that_cannot_be_written_is_told_as_storage_and_can_be_done_again(lake, is_new):
    if not is_new:
        put(lake, {"2023": [0]}, "L0")
    before = contents(lake)
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=write_past_a_limit, args=(lake.workspace.home, queue))
    process.start()
    told = queue.get(timeout=60)
    process.join()
    assert told == "STORAGE_FAILED: File too large (os error 27)"
    assert lake.exists(TABLE) is not is_new
    assert contents(lake) == before
    assert len(list(lake.path(TABLE).rglob("*.parquet"))) == len(before)
    put(lake, {"2024": [1]})
    assert contents(lake) == before | {("s", "2024"): [1]}


def test_an_error_after_the_commit_takes_no_rows_away(lake, monkeypatch):
    put(lake, {"2024": [1]})
    apply = lake_commit.Change.apply

    def fails_late(change, opened) -> None:
        apply(change, opened)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lake_commit.Change, "apply", fails_late)
    with pytest.raises(InfrastructureError, match="No space left"):
        put(lake, {"2024": [2]})
    assert contents(lake) == {("s", "2024"): [2]}


def replace_and_stop(home: Path) -> None:
    def stop(*_: object) -> None:
        (home / "adopted").touch()
        time.sleep(60)

    lake_commit.Change.apply = stop
    put(Lake(Workspace(home)), {"2024": [2]}, "L2")


def test_a_kill_between_files_and_commit_leaves_the_old_rows(lake):
    put(lake, {"2024": [1]})
    home = lake.workspace.home
    process = multiprocessing.get_context("spawn").Process(target=replace_and_stop, args=(home,))
    process.start()
    while not (home / "adopted").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert contents(lake) == {("s", "2024"): [1]}
    assert lake.partition_loads(TABLE) == [PartitionLoad("s", "2024", "L1")]


def test_writers_of_different_partitions_at_once_all_succeed(lake):
    staged = {str(year): stage(lake, {str(year): [year]}) for year in range(2016, 2024)}
    barrier = threading.Barrier(len(staged))
    failed: list[BaseException] = []

    def replace(year: str) -> None:
        barrier.wait()
        try:
            for _ in range(3):
                lake.replace(TABLE, "s", staged[year], f"L{year}")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=replace, args=(year,)) for year in staged]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert contents(lake) == {("s", year): [int(year)] for year in staged}


PARTS = st.dictionaries(
    st.sampled_from(["2023", "2024|a", "2025"]), st.lists(st.integers(0, 9), max_size=3), max_size=3
)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), PARTS), max_size=5))
def test_any_sequence_of_replacements_is_that_of_a_dictionary(changes):
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Workspace(Path(folder)))
        model: dict[tuple[str, str], list[int]] = {}
        for number, (source, parts) in enumerate(changes):
            if not any(parts.values()) and not lake.exists(TABLE):
                continue
            lake.replace(TABLE, source, stage(lake, parts), f"L{number}")
            model |= {(source, name): sorted(rows) for name, rows in parts.items()}
            assert contents(lake) == {place: rows for place, rows in model.items() if rows}
