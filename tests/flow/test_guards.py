"""What must not happen without a person having looked, and what a lost folder must not hide."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.context import Context, open_context
from flows.outcome import RunOutcome
from flows.running import run_again, run_build, run_ingest, run_nightly, run_release
from flows.stages.intake import take_in
from flows.stages.loading import load_incoming
from tests.flow.small_files import RESULTS_HEADER, results


@pytest.fixture
def context(workspace_home: Path) -> Iterator[Context]:
    opened = open_context()
    yield opened
    opened.database.close()


def ingest(context: Context, path: Path) -> RunOutcome:
    return run_ingest(context, "results_csv", [path], district=None, engine="direct")


def rows_loaded(context: Context) -> dict[str, int]:
    return {part.partition: part.rows for part in context.ledger.live_partitions("student_result")}


def test_a_stray_row_of_another_year_does_not_take_the_place_of_that_year(context, tmp_path):
    ingest(context, results(tmp_path / "2024.csv", rows=60, year=2024))
    stray = results(tmp_path / "2025.csv", rows=60, year=2025)
    lines = stray.read_text().splitlines()
    stray.write_text("\n".join([*lines[:-1], lines[-1].replace(",2025,", ",2024,")]) + "\n")
    load = ingest(context, stray).loads[0]
    assert (load.state, load.code) == ("held", "PARTITION_SHRINKS")
    assert "2024: 1 rows in place of 60" in (load.message or "")
    assert rows_loaded(context) == {"2024": 60}


def test_an_older_file_run_again_is_held_and_replaces_the_newer_only_when_released(
    context, tmp_path
):
    older = ingest(context, results(tmp_path / "mon.csv", rows=40)).loads[0]
    ingest(context, results(tmp_path / "tue.csv", rows=50))
    again = run_again(context, [older.load_id], failed=False, code=None, engine="direct").loads[0]
    assert (again.state, again.code) == ("held", "OLDER_FILE")
    assert rows_loaded(context) == {"2024": 50}
    assert run_release(context, again.load_id).loads[0].state == "loaded"
    assert rows_loaded(context) == {"2024": 40}


def test_nothing_is_published_from_a_lake_that_has_lost_rows(context, tmp_path):
    load = ingest(context, results(tmp_path / "a.csv")).loads[0]
    published = context.ledger.last_publication()
    shutil.rmtree(context.workspace.lake / "student_result")
    build = run_build(context, everything=True, engine="direct").build
    assert build is not None and (build.state, build.code) == ("held", "LAKE_BEHIND")
    assert context.ledger.last_publication() == published
    run_again(context, [load.load_id], failed=False, code=None, engine="direct")
    assert rows_loaded(context) == {"2024": 40}
    assert run_build(context, everything=True, engine="direct").exit_code == 0


def test_marts_that_were_deleted_are_built_anew(context, tmp_path):
    ingest(context, results(tmp_path / "a.csv"))
    mart = context.workspace.marts_reporting / "mart_achievement.parquet"
    mart.unlink()
    build = run_build(context, everything=False, engine="direct").build
    assert build is not None and build.state == "published"
    assert mart.exists()


def test_a_file_that_came_under_the_same_name_meanwhile_stays_in_landing(context):
    landed = results(context.workspace.landing / "results.csv", rows=40)
    taken = take_in(context)
    landed.unlink()
    results(landed, rows=50)
    load_incoming(context, taken.incoming[0])
    assert landed.read_text().count("\n") == 51
    assert run_nightly(context).loads[0].received == 50


def test_a_file_whose_name_is_no_text_stops_nobody(context):
    results(context.workspace.landing / "results_good.csv", rows=40)
    nameless = context.workspace.landing / os.fsdecode(b"results_\xff.csv")
    results(nameless, rows=40, year=2023)
    run = run_nightly(context)
    assert {(load.state, load.code) for load in run.loads} == {
        ("loaded", None),
        ("failed", "BAD_FILE_NAME"),
    }
    assert rows_loaded(context) == {"2024": 40}


def test_a_workspace_may_have_any_name(tmp_path, monkeypatch):
    monkeypatch.setenv("ROCI_HOME", str(tmp_path / "dis'trict [a] *"))
    context = open_context()
    run = ingest(context, results(tmp_path / "a.csv"))
    assert run.exit_code == 0
    assert (context.workspace.marts_reporting / "mart_achievement.parquet").exists()
    context.database.close()


def test_a_renamed_column_is_named_whatever_the_file_is_called(context):
    header = RESULTS_HEADER.replace("el_status", "el_stat")
    results(context.workspace.landing / "export-17.csv", header=header)
    (load,) = run_nightly(context).loads
    assert (load.source, load.code) == ("results_csv", "UNKNOWN_HEADER")
    assert "el_status -> el_stat" in (load.message or "")


def test_a_file_that_is_like_no_source_is_left_to_nobody(context):
    results(context.workspace.landing / "menu.csv", header="day,dish,price,kitchen")
    (load,) = run_nightly(context).loads
    assert (load.source, load.code) == ("(none)", "NO_SOURCE")
