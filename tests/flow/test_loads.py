"""Loads from the file to the marts without Prefect: again, corrected, spoilt, held, cut off."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from configs.errors import InfrastructureError, UsageError
from flows.context import Context, open_context
from flows.outcome import RunOutcome
from flows.running import discard_load, run_again, run_build, run_ingest, run_nightly, run_release
from tests.cells import whole
from tests.command_line import ROOT, environment
from tests.flow.small_files import (
    EACH_LEVEL,
    RESULTS_HEADER,
    results,
    roster_of_schools,
    state_long,
)
from tests.flow.two_districts import ingest as ingest_all
from tests.flow.two_districts import two_districts
from warehouse import publish
from warehouse.ledger import Ledger

pytestmark = pytest.mark.usefixtures("publishing")

CLOSED_PORT = "postgresql://nobody@127.0.0.1:1/none"
EXACT = "_unsuppressed"
WHOLE = f"org_level = 'all' AND {whole()}"


def ingest(context: Context, *files: Path, source: str = "results_csv") -> RunOutcome:
    return run_ingest(context, source, files, district="0199017", engine="direct")


def states(context: Context) -> list[str]:
    """The states of all loads, the oldest first."""
    return [load.state for load in reversed(context.ledger.loads())]


def mart(context: Context, name: str, what: str = "*", where: str = "true") -> list[tuple]:
    area = "restricted" if name == "student_result" or name.endswith(EXACT) else "reporting"
    path = context.workspace.home / "marts" / area / f"{name}.parquet"
    with duckdb.connect() as con:
        return con.execute(f"SELECT {what} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()


def sql_rows(context: Context, name: str, area: str = "reporting") -> list[tuple]:
    """The rows of an SQL mart, read as an analyst would."""
    if context.database.url is None:
        path = context.workspace.warehouse_dir / f"{area}.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            return connection.execute(f"SELECT * FROM {name}").fetchall()
    import psycopg

    address = context.database.url.set(drivername="postgresql")
    with psycopg.connect(address.render_as_string(hide_password=False)) as connection:
        return connection.execute(f"SELECT * FROM {area}.{name}").fetchall()


def unordered(rows: list[tuple]) -> list[tuple]:
    return sorted(rows, key=repr)


def alike(rows: list[tuple]) -> list[tuple]:
    """Rows in which SQLite's 0 and 1 are what they mean elsewhere."""
    return unordered([tuple(int(v) if isinstance(v, bool) else v for v in row) for row in rows])


def everyone(context: Context) -> tuple[Any, ...]:
    """n_tested, n_proficient and mean of all students, before suppression."""
    numbers = "n_tested, n_proficient, mean_scale_score"
    (row,) = mart(context, "mart_achievement_unsuppressed", numbers, WHOLE)
    return row


def test_a_file_is_loaded_once_and_the_same_again_is_unchanged(either_context, tmp_path):
    context, file = either_context, results(tmp_path / "results.csv")
    first = ingest(context, file)
    again = ingest(context, file)
    assert [load.state for load in (*first.loads, *again.loads)] == ["loaded", "unchanged"]
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert again.build.state == "unchanged"
    assert states(context) == ["loaded"]
    assert everyone(context) == (40, 40, 2500)


def test_sql_and_parquet_hold_the_same_rows(either_context, tmp_path):
    context = either_context
    for year in (2023, 2024):
        file = two_districts(tmp_path / f"{year}.csv", year=year, far_score=year + 400)
        assert [load.state for load in ingest_all(context, file).loads] == ["loaded"]
    marts = {f"mart_{name}" for name in ("achievement", "level", "gap", "growth", "transition")}
    names = marts | {"dim_school", "dim_assessment", "dim_student_group"}
    assert {p.stem for p in context.workspace.marts_reporting.glob("*.parquet")} == names
    twins = {p.stem for p in context.workspace.marts_restricted.glob(f"*{EXACT}.parquet")}
    assert twins == {f"{name}{EXACT}" for name in marts}
    for name in names | twins:
        rows = mart(context, name)
        area = "restricted" if name in twins else "reporting"
        assert rows and alike(sql_rows(context, name, area)) == alike(rows), name


@pytest.mark.postgres
def test_postgresql_has_three_schemas_and_no_sqlite_file_is_written(
    workspace_home, tmp_path, postgres_url, monkeypatch
):
    import psycopg

    monkeypatch.setenv("ROCI_DATABASE_URL", postgres_url)
    context = open_context()
    ingest(context, results(tmp_path / "results.csv"))
    with psycopg.connect(postgres_url) as connection:
        tables = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables "
            "WHERE schemaname IN ('ledger', 'reporting', 'restricted')"
        ).fetchall()
    context.database.close()
    assert {
        ("ledger", "load"),
        ("ledger", "rejected_row"),
        ("ledger", "publication"),
        ("reporting", "mart_achievement"),
        ("restricted", "mart_achievement_unsuppressed"),
    } <= set(tables)
    assert ("reporting", "student_result") not in tables
    assert list(context.workspace.warehouse_dir.iterdir()) == []


def test_a_corrected_file_takes_the_place_of_the_earlier(either_context, tmp_path):
    context = either_context
    ingest(context, results(tmp_path / "first.csv", 40))
    outcome = ingest(context, results(tmp_path / "second.csv", 36, score=2400, level=2))
    assert outcome.exit_code == 0
    assert states(context) == ["superseded", "loaded"]
    assert everyone(context) == (36, 0, 2400)
    assert mart(context, "student_result", "count(*), min(scale_score)") == [(36, 2400)]
    assert alike(sql_rows(context, "mart_achievement")) == alike(mart(context, "mart_achievement"))


def test_another_year_replaces_nothing_and_builds_only_its_slice(either_context, tmp_path):
    context = either_context
    ingest(context, results(tmp_path / "2023.csv", year=2023))
    outcome = ingest(context, results(tmp_path / "2024.csv", 44, year=2024, score=2512))
    assert (outcome.build.slices_built, outcome.build.slices_kept) == (1, 1)
    assert states(context) == ["loaded", "loaded"]
    assert mart(context, "mart_achievement", "school_year, n_tested", WHOLE) == [
        (2023, 40),
        (2024, 44),
    ]
    assert alike(sql_rows(context, "mart_achievement")) == alike(mart(context, "mart_achievement"))


def test_one_bad_file_never_stops_the_others(context, tmp_path):
    landing = context.workspace.landing
    results(landing / "results_2024.csv")
    state_long(landing / "state_long_2023.csv")
    (landing / "a_results_empty.csv").write_bytes(b"")
    (landing / "minutes of a meeting.csv").write_text("who,said,what\na,b,c\n", encoding="utf-8")
    results(landing / "b_results_old.csv", header=RESULTS_HEADER.replace("ssid", "student"))
    (landing / "state_long_cut.csv").write_bytes(
        state_long(tmp_path / "whole.csv").read_bytes()[:-40]
    )
    run = run_nightly(context)
    found = {load.file_name: (load.state, load.code) for load in run.loads}
    assert found == {
        "results_2024.csv": ("loaded", None),
        "state_long_2023.csv": ("loaded", None),
        "a_results_empty.csv": ("failed", "EMPTY_FILE"),
        "minutes of a meeting.csv": ("failed", "NO_SOURCE"),
        "b_results_old.csv": ("failed", "UNKNOWN_HEADER"),
        "state_long_cut.csv": ("failed", "TRUNCATED_FILE"),
    }
    assert run.exit_code == 1 and run.build.state == "published"
    assert mart(context, "mart_achievement", "assessment, n_tested", WHOLE) == [
        ("results_csv", 40),
        ("state_long", 30),
    ]
    refused = {path.name for path in context.workspace.refused.glob("*.why.txt")}
    assert len(refused) == 4 and context.landing.files() == []


def test_a_file_past_its_threshold_is_refused_whole_and_the_earlier_one_stays(context, tmp_path):
    ingest(context, results(tmp_path / "good.csv"))
    outcome = ingest(context, results(tmp_path / "bad.csv", 40, score=2600, bad_rows=3))
    (load,) = outcome.loads
    assert (load.state, load.code, load.loaded) == ("failed", "TOO_MANY_REJECTS", 0)
    assert "3 of 40 rows rejected (7.5 percent)" in load.message
    assert outcome.exit_code == 1 and outcome.build.state == "unchanged"
    assert states(context) == ["loaded", "failed"]
    assert everyone(context) == (40, 40, 2500)
    kept = context.quarantine.read(load.load_id)
    assert kept["source_row"].to_pylist() == [2, 3, 4]
    assert set(kept["reject_codes"].to_pylist()) == {"UNKNOWN_CODE"}


def test_rows_below_the_threshold_wait_in_quarantine_and_the_rest_is_loaded(context, tmp_path):
    outcome = ingest(context, results(tmp_path / "results.csv", 40, bad_rows=2))
    (load,) = outcome.loads
    assert (load.state, load.received, load.loaded, load.quarantined) == ("loaded", 40, 38, 2)
    assert outcome.exit_code == 0 and everyone(context)[0] == 38


def test_an_unknown_header_names_the_nearest_layout_and_the_likely_rename(context, tmp_path):
    header = RESULTS_HEADER.replace("scale_score", "score_scale")
    (load,) = ingest(context, results(tmp_path / "results.csv", header=header)).loads
    assert (load.state, load.code) == ("failed", "UNKNOWN_HEADER")
    assert "of layout plain they lack scale_score" in load.message
    assert "likely renamed: scale_score -> score_scale" in load.message
    assert "sources/results_csv.yml" in load.message


def test_a_refused_load_can_be_run_again_after_the_configuration_is_mended(
    workspace_home, tmp_path, monkeypatch
):
    context = open_context()
    header = RESULTS_HEADER.replace("scale_score", "score_scale")
    ingest(context, results(tmp_path / "results.csv", header=header))
    site = tmp_path / "site"
    (site / "sources").mkdir(parents=True)
    (site / "sources" / "results_csv.yml").write_text(
        "fields: {scale_score: {column: [scale_score, score_scale]}}\n", encoding="utf-8"
    )
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    mended = open_context()
    outcome = run_again(mended, [], failed=True, code=None, engine="direct")
    assert [(load.state, load.loaded) for load in outcome.loads] == [("loaded", 40)]
    assert run_again(mended, [], failed=True, code=None, engine="direct").loads == ()


@pytest.fixture
def held(context: Context, tmp_path: Path) -> str:
    """The id of a load that is held since it has a quarter of the rows of the one before."""
    ingest(context, results(tmp_path / "whole.csv", 160))
    outcome = ingest(context, results(tmp_path / "quarter.csv", 40))
    (load,) = outcome.loads
    assert (load.state, load.code, outcome.exit_code) == ("held", "ROW_COUNT_SHIFT", 1)
    assert states(context) == ["loaded", "held"] and everyone(context)[0] == 160
    assert f"roci release {load.load_id}" in load.message
    return load.load_id


def test_a_held_load_that_is_released_takes_the_place_of_the_earlier(context, held):
    outcome = run_release(context, held)
    assert [load.state for load in outcome.loads] == ["loaded"] and outcome.exit_code == 0
    assert everyone(context)[0] == 40
    assert sorted(states(context)) == ["loaded", "superseded", "superseded"]
    with pytest.raises(UsageError, match="WRONG_STATE"):
        run_release(context, held)


def test_a_held_load_that_is_discarded_leaves_all_as_it_was(context, held):
    assert discard_load(context, held) == 0
    assert states(context) == ["loaded", "discarded"]
    assert run_build(context, everything=False, engine="direct").build.state == "unchanged"
    assert everyone(context)[0] == 160
    with pytest.raises(UsageError, match="WRONG_STATE"):
        discard_load(context, held)


def test_a_file_of_unknown_schools_loads_once_a_roster_names_them(context, tmp_path):
    headers = ROOT / "configs" / "sources" / "headers" / "iready_2022_math.txt"
    names = headers.read_text(encoding="utf-8").splitlines()
    row = dict.fromkeys(names, "")
    row |= {
        "Academic Year": "2021-2022",
        "School": "Elm Elementary",
        "Student Grade": "3",
        "Completion Date": "09/14/2021",
        "Overall Scale Score": "431",
        "Overall Relative Placement": "1 Grade Level Below",
    }
    lines = [",".join(names)]
    for number in range(12):
        lines.append(",".join({**row, "Student ID": str(5000 + number)}[name] for name in names))
    file = tmp_path / "iready_math.csv"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    first = ingest(context, file, source="iready_diagnostic")
    assert [(load.state, load.code) for load in first.loads] == [("held", "UNKNOWN_SCHOOL")]
    assert "Elm Elementary" in first.loads[0].message
    roster = roster_of_schools(
        tmp_path / "roster.zip", "0199017", {"6990013": "Elm Elementary"}, "2021-08-20"
    )
    ingest(context, roster, source="oneroster")
    again = run_again(context, [], failed=False, code="UNKNOWN_SCHOOL", engine="direct")
    assert [(load.state, load.loaded) for load in again.loads] == [("loaded", 12)]
    assert mart(context, "student_result", "DISTINCT district_id, school_id") == [
        ("0199017", "6990013")
    ]


@pytest.mark.parametrize("earlier", [False, True], ids=["first", "replacing"])
@pytest.mark.parametrize("cut", [OSError("disk"), KeyboardInterrupt()], ids=["disk", "person"])
def test_a_load_cut_off_between_lake_and_ledger_is_done_again_once(
    context, tmp_path, monkeypatch, cut, earlier
):
    if earlier:
        ingest(context, results(tmp_path / "earlier.csv", 40))
    file = results(context.workspace.landing / "results.csv", 44, score=2400)

    def fail(*_: object) -> None:
        raise cut

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "finish_loaded", fail)
        with pytest.raises((InfrastructureError, KeyboardInterrupt)):
            run_nightly(context)
    assert file.exists() and states(context)[-1] == "failed"
    run = run_nightly(context)
    assert [load.state for load in run.loads] == ["loaded"]
    assert everyone(context)[:1] == (44,)
    assert mart(context, "student_result", "count(*), count(DISTINCT student_id)") == [(44, 44)]
    lake = duckdb.sql(f"SELECT count(*) FROM {context.lake.scan_sql('student_result')}").fetchall()
    assert lake == [(44,)] and not file.exists()


@pytest.mark.parametrize("again", ["nightly", "release"])
def test_a_release_cut_off_between_lake_and_ledger_is_finished(
    context, tmp_path, monkeypatch, again
):
    ingest(context, results(tmp_path / "whole.csv", 40))
    held = ingest(context, results(tmp_path / "part.csv", 12)).loads[0]
    assert (held.state, everyone(context)[0]) == ("held", 40)

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "finish_loaded", cut_off)
        with pytest.raises(KeyboardInterrupt):
            run_release(context, held.load_id)
    if again == "nightly":
        assert run_nightly(context).exit_code == 0
    else:
        assert run_release(context, held.load_id).exit_code == 0
    assert everyone(context)[0] == 12
    assert context.ledger.load(held.load_id).state == "superseded"


KILLED = """
import os, sys
from warehouse.ledger import Ledger
Ledger.finish_loaded = lambda *a: os._exit(9)
from flows.cli import app
sys.argv = ["roci", "run", "--engine", "direct"]
app()
"""


def test_a_killed_run_is_taken_up_by_the_next(context, roci, tmp_path):
    results(context.workspace.landing / "results.csv", 44)
    dead = subprocess.run(
        [sys.executable, "-c", KILLED], check=False, capture_output=True,
        env=environment({"ROCI_HOME": os.environ["ROCI_HOME"]}),
    )  # fmt: skip
    assert dead.returncode == 9, dead.stderr
    assert states(context) == ["loading"]
    run = run_nightly(context)
    assert "loaded" in [load.state for load in run.loads] and run.exit_code == 0
    assert "loading" not in states(context)
    assert mart(context, "student_result", "count(*)") == [(44,)]
    assert everyone(context)[0] == 44


@pytest.mark.parametrize("step, by", [(1, "the next build"), (3, "recovery"), (5, "recovery")])
def test_a_publication_cut_off_half_way_is_made_whole(
    either_context, tmp_path, monkeypatch, step, by
):
    context = either_context
    ingest(context, results(tmp_path / "first.csv", 40, level=EACH_LEVEL))
    real: Callable[..., None] = publish.put_in_place
    calls = iter(range(1, 100))

    def break_off(*words: Any) -> None:
        if next(calls) == step:
            raise OSError("no space left")
        real(*words)

    second = results(tmp_path / "second.csv", 44, score=2400, level=EACH_LEVEL)
    with monkeypatch.context() as patched:
        patched.setattr(publish, "put_in_place", break_off)
        patched.setattr("flows.patience.RETRY_DELAYS", [])
        with pytest.raises(InfrastructureError, match="STORAGE_FAILED"):
            ingest(context, second)
    assert next(calls) == step + 1, "the break happened"
    if by == "recovery":
        assert context.publisher.recover() == sql_rows(context, "publication")[0][0]
    else:
        run_build(context, everything=False, engine="direct")
        last = context.ledger.last_publication()
        assert last.publication_id == sql_rows(context, "publication")[0][0]
    assert everyone(context) == (44, 20, 2400)
    for name in ("mart_achievement", "mart_level", "mart_gap", "dim_school"):
        assert alike(sql_rows(context, name)) == alike(mart(context, name)), name
    assert mart(context, "student_result", "count(*)") == [(44,)]
    assert not (context.workspace.work / "publish.json").exists()


def test_student_rows_reach_sql_only_where_the_site_asks_for_it(
    workspace_home, tmp_path, monkeypatch
):
    site = tmp_path / "site"
    site.mkdir()
    (site / "marts.yml").write_text("sql_student_rows: true\n", encoding="utf-8")
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    context = open_context()
    ingest(context, results(tmp_path / "results.csv"))
    assert len(sql_rows(context, "student_result", "restricted")) == 40


def test_exit_code_0_for_a_load_and_for_one_unchanged(roci, tmp_path):
    file = results(tmp_path / "results.csv", bad_rows=1)
    first = roci("ingest", "results_csv", file, "--json")
    assert first.code == 0, first.err
    assert first.json["loads"][0]["quarantined"] == 1
    again = roci("ingest", "results_csv", file, "--json")
    assert again.code == 0 and again.json["loads"][0]["state"] == "unchanged"


def test_exit_code_1_for_a_file_that_is_refused(roci, tmp_path):
    done = roci("ingest", "results_csv", results(tmp_path / "results.csv", bad_rows=20))
    assert done.code == 1 and "[TOO_MANY_REJECTS]" in done.out


@pytest.mark.parametrize("words, code", [
    (["ingest", "no_such_source", "pyproject.toml"], "UNKNOWN_SOURCE"),
    (["ingest", "results_csv", "no/such/file.csv"], "NO_SUCH_FILE"),
    (["explain", "L19990101-0001"], "UNKNOWN_LOAD"),
    (["rerun"], "NOTHING_CHOSEN"),
    (["run", "--engine", "steam"], "UNKNOWN_ENGINE"),
    (["backfill", "results_csv", "--years", "2021"], "BAD_YEARS"),
])  # fmt: skip
def test_exit_code_2_for_a_command_that_cannot_be_carried_out(roci, words, code):
    done = roci(*words)
    assert done.code == 2 and f"[{code}]" in done.err, done.said
    assert all(part in done.err for part in ("found:", "expected:", "to do:"))


def test_exit_code_2_for_a_configuration_at_fault_names_every_fault(roci, tmp_path):
    (tmp_path / "marts.yml").write_text("minimum: 5\nsuppression: {minimum_n: 3}\n", "utf-8")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "default.yml").write_text("workers: none\n", "utf-8")
    done = roci("check", ROCI_CONFIG=str(tmp_path))
    assert done.code == 2
    assert all(key in done.err for key in ("minimum", "suppression.minimum_n", "workers"))


def test_exit_code_3_for_a_database_that_is_away(roci, tmp_path):
    done = roci(
        "ingest", "results_csv", results(tmp_path / "results.csv"), ROCI_DATABASE_URL=CLOSED_PORT
    )
    assert done.code == 3 and "[DATABASE_AWAY]" in done.err


def test_exit_code_3_for_a_workspace_that_cannot_be_written(roci, tmp_path):
    (tmp_path / "file").write_text("in the way", "utf-8")
    done = roci("status", ROCI_HOME=str(tmp_path / "file" / "home"))
    assert done.code == 3 and "[WORKSPACE_UNUSABLE]" in done.err


def test_an_error_of_our_own_shows_no_value_and_ends_with_3(context, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from flows import running
    from flows.cli import app

    def break_down(*_: object, **__: object) -> None:
        raise ValueError("student 9000000001")

    monkeypatch.setattr(running, "run_nightly", break_down)
    done = CliRunner().invoke(app, ["run"])
    assert done.exit_code == 3 and "[UNEXPECTED]" in done.output
    assert "9000000001" not in done.output
    logs = "".join(p.read_text("utf-8") for p in context.workspace.logs.glob("*.log"))
    assert "9000000001" not in logs


def test_a_lost_database_is_an_infrastructure_error(workspace_home, tmp_path):
    context = open_context({"ROCI_HOME": str(workspace_home), "ROCI_DATABASE_URL": CLOSED_PORT})
    with pytest.raises(InfrastructureError, match="DATABASE_AWAY"):
        ingest(context, results(tmp_path / "results.csv"))
