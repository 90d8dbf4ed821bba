"""What must not happen without a person having looked, and what a lost folder must not hide."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.context import Context, open_context
from flows.morning import status_lines, status_of
from flows.outcome import RunOutcome
from flows.running import run_again, run_build, run_ingest, run_nightly, run_release
from flows.stages.intake import take_in
from flows.stages.loading import load_incoming
from tests.flow.small_files import RESULTS_HEADER, results


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
    told = list(status_lines(status_of(context)))[-1]
    assert f"is held (LAKE_BEHIND)  -> roci rerun {load.load_id}" in told
    again = run_build(context, everything=True, engine="direct").build
    assert again is not None and again.publication_id == build.publication_id
    run_again(context, [load.load_id], failed=False, code=None, engine="direct")
    assert "held" not in list(status_lines(status_of(context)))[-1]
    assert rows_loaded(context) == {"2024": 40}
    assert run_build(context, everything=True, engine="direct").exit_code == 0


def test_a_build_that_was_held_is_told_no_more_once_the_lake_is_back(context, tmp_path):
    ingest(context, results(tmp_path / "a.csv"))
    table = context.workspace.lake / "student_result"
    table.rename(tmp_path / "away")
    assert run_build(context, everything=False, engine="direct").exit_code == 1
    assert status_of(context)["held_publication"]["code"] == "LAKE_BEHIND"
    (tmp_path / "away").rename(table)
    assert run_build(context, everything=False, engine="direct").exit_code == 0
    assert status_of(context)["held_publication"] is None


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


@pytest.fixture
def dated_context(workspace_home: Path, tmp_path, monkeypatch) -> Iterator[Context]:
    """Open a workspace whose results_csv layout was in use from 2023 to 2024 only."""
    site = tmp_path / "site" / "sources" / "results_csv.yml"
    site.parent.mkdir(parents=True)
    header = RESULTS_HEADER.replace(",", ", ")
    site.write_text(
        "name_year: 'year_(20[0-9]{2})'\n"
        "layouts:\n"
        "  - name: dated\n"
        "    citation: Made for this test.\n"
        "    years: [2023, 2024]\n"
        f"    header: [{header}]\n"
    )
    monkeypatch.setenv("ROCI_CONFIG", str(tmp_path / "site"))
    opened = open_context()
    yield opened
    opened.database.close()


def test_rows_of_a_year_that_the_layout_was_not_in_use_are_held(dated_context, tmp_path):
    load = ingest(dated_context, results(tmp_path / "a.csv", year=2022)).loads[0]
    assert (load.state, load.code) == ("held", "WRONG_YEAR")
    assert "2022 (40)" in (load.message or "")
    assert "2023 to 2024" in (load.message or "")
    assert rows_loaded(dated_context) == {}


def test_a_file_of_another_year_than_its_name_says_is_held_until_released(dated_context, tmp_path):
    load = ingest(dated_context, results(tmp_path / "year_2024.csv", year=2023)).loads[0]
    assert (load.state, load.code) == ("held", "WRONG_YEAR")
    assert run_release(dated_context, load.load_id).loads[0].state == "loaded"
    right = results(tmp_path / "year_2024.csv", year=2024, score=2410)
    good = ingest(dated_context, right).loads[0]
    assert good.state == "loaded"
    assert rows_loaded(dated_context) == {"2023": 40, "2024": 40}


def test_rows_of_a_year_to_come_are_held(context, tmp_path):
    load = ingest(context, results(tmp_path / "a.csv", year=2030)).loads[0]
    assert (load.state, load.code) == ("held", "WRONG_YEAR")


def test_last_years_results_filed_as_this_years_are_held(context, tmp_path):
    ingest(context, results(tmp_path / "2023.csv", year=2023))
    load = ingest(context, results(tmp_path / "2024.csv", year=2024)).loads[0]
    assert (load.state, load.code) == ("held", "STALE_EXPORT")
    assert "40 of 40 results of 2024" in (load.message or "")
    assert rows_loaded(context) == {"2023": 40}


def test_students_with_new_scores_are_no_old_export(context, tmp_path):
    ingest(context, results(tmp_path / "2023.csv", year=2023))
    assert ingest(context, results(tmp_path / "2024.csv", year=2024, score=2510)).exit_code == 0


def test_a_mean_score_that_jumps_is_held(context, tmp_path):
    def spread(path: Path, shift: int) -> Path:
        lines = results(path, rows=240).read_text().splitlines()
        rows = [
            line.replace(",2500,", f",{2100 + shift + 2 * at},") for at, line in enumerate(lines)
        ]
        path.write_text("\n".join(rows) + "\n")
        return path

    ingest(context, spread(tmp_path / "a.csv", 0))
    assert ingest(context, spread(tmp_path / "b.csv", 20)).loads[0].state == "loaded"
    load = ingest(context, spread(tmp_path / "c.csv", 300)).loads[0]
    assert (load.state, load.code) == ("held", "MEAN_SHIFT")
    assert "mean" in (load.message or "")


def test_results_of_another_source_are_not_counted_twice_whoever_releases_them(
    workspace_home, tmp_path, monkeypatch
):
    shipped = Path("configs/sources/results_csv.yml").read_text()
    site = tmp_path / "site" / "sources" / "results_again.yml"
    site.parent.mkdir(parents=True)
    site.write_text(shipped.replace("name: results_csv", "name: results_again"))
    monkeypatch.setenv("ROCI_CONFIG", str(tmp_path / "site"))
    context = open_context()
    ingest(context, results(tmp_path / "a.csv"))
    twice = run_ingest(
        context, "results_again", [results(tmp_path / "b.csv", rows=30)],
        district=None, engine="direct",
    ).loads[0]  # fmt: skip
    assert (twice.state, twice.code) == ("held", "COUNTED_TWICE")
    assert "30 results that source results_csv" in (twice.message or "")
    assert run_release(context, twice.load_id).loads[0].state == "held"
    assert rows_loaded(context) == {"2024": 40}
    context.database.close()


def test_a_file_of_one_school_does_not_take_the_place_of_its_district(context, tmp_path):
    ingest(context, results(tmp_path / "district.csv", rows=40))
    lines = results(tmp_path / "school.csv", rows=76).read_text().splitlines()
    school = tmp_path / "school.csv"
    school.write_text("\n".join([lines[0], *lines[1::2]]) + "\n")
    load = ingest(context, school).loads[0]
    assert (load.state, load.code) == ("held", "SCHOOLS_LOST")
    assert "district 0199017: 1 of 2 schools" in (load.message or "")
    assert run_release(context, load.load_id).loads[0].state == "loaded"
    assert rows_loaded(context) == {"2024": 38}
