"""The retention lets go what nobody needs, and nothing else."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis
import hypothesis.strategies as st
import pyarrow as pa
import pytest
import sqlalchemy as sa

from configs.catalogue import load_catalogue
from configs.errors import UsageError
from configs.profile_models import Retention
from flows.context import Context, open_context
from flows.prefect_runs import prune_runs
from flows.pruning import Pruned, prune, with_days
from flows.running import discard_load, run_again, run_build, run_ingest, run_nightly
from tests.command_line import Finished
from tests.flow.as_configured import publishing
from tests.flow.small_files import results
from warehouse import ledger_tables as tables
from warehouse.ledger_records import Load

pytestmark = pytest.mark.usefixtures("publishing")

YEARS = 4 * 366 * 86_400
DAYS = Retention()


def ingest(context: Context, path: Path) -> str:
    """Load a file and return its load's id."""
    run = run_ingest(context, "results_csv", [path], district="0199017", engine="direct")
    return run.loads[0].load_id


def later(context: Context, *, dry_run: bool = False) -> dict[str, int]:
    """Prune as if four years had gone by; return how many of each kind went."""
    age(context.workspace.landing, context.workspace.lake)
    done = prune(context, DAYS, dry_run=dry_run, now=time.time() + YEARS)
    return {one.what: one.removed for one in done if one.removed}


def age(*folders: Path) -> None:
    """Delta compares with the clock of the machine: let files there be as old as told."""
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file() and "_delta_log" not in path.parts:
                os.utime(path, (time.time() - YEARS,) * 2)


def hashes(context: Context) -> dict[str, str]:
    """The digest of every mart's content but the rows, which name their load."""
    marts = context.ledger.last_publication().marts
    return {one.name: one.content_hash for one in marts if one.name != "student_result"}


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of a workspace that is filled once and copied for each test; its loads."""
    folder = tmp_path_factory.mktemp("once")
    site = publishing(folder / "publishing")
    context = open_context({"ROCI_HOME": str(folder / "home"), "ROCI_CONFIG": str(site)})
    loads = loads_of_every_kind(context, folder)
    context.database.close()
    return folder, loads


@pytest.fixture
def years(
    once: tuple[Path, dict[str, str]], workspace_home: Path, tmp_path: Path, context: Context
) -> dict[str, str]:
    shutil.copytree(once[0], tmp_path, dirs_exist_ok=True)
    return once[1]


def loads_of_every_kind(context: Context, tmp_path: Path) -> dict[str, str]:
    """Load files from the folder, and return the loads by what became of them."""
    first = ingest(context, results(tmp_path / "first.csv", bad_rows=1))
    live = ingest(context, results(tmp_path / "second.csv", score=2510, bad_rows=2))
    refused = context.workspace.landing / "strange.csv"
    refused.write_text("what,is,this\n1,2,3\n", encoding="utf-8")
    unclaimed = run_nightly(context).loads[0].load_id
    failed = ingest(context, results(tmp_path / "failed.csv", rows=30, year=2023, bad_rows=20))
    given_up = ingest(context, results(tmp_path / "given.csv", rows=31, year=2023, bad_rows=21))
    discard_load(context, given_up)
    return {
        "superseded": first, "live": live, "unclaimed": unclaimed, "failed": failed,
        "discarded": given_up,
    }  # fmt: skip


def has_raw(context: Context, load_id: str) -> bool:
    return context.raw.path(context.ledger.load(load_id).sha256).exists()


def test_nothing_goes_before_its_time(context, years):
    kept = {path for path in context.workspace.home.rglob("*") if path.is_file()}
    assert all(one.removed == 0 for one in prune(context, DAYS, dry_run=False))
    assert {path for path in kept if not path.exists() and path.parent.name != "locks"} == set()
    assert context.ledger.load(years["superseded"]).state == "superseded"


def test_what_the_ledger_needs_stays_and_the_rest_goes(context, years):
    before = hashes(context)
    assert {name: context.ledger.load(one).state for name, one in years.items()} == {
        "superseded": "superseded", "live": "loaded", "unclaimed": "failed", "failed": "failed",
        "discarded": "discarded",
    }  # fmt: skip
    assert later(context) == {"raw files": 3, "rejected rows": 2, "refused files": 2}
    kept = {name for name, load_id in years.items() if has_raw(context, load_id)}
    assert kept == {"live", "failed"}
    assert context.quarantine.read(years["live"]).num_rows == 2
    assert context.quarantine.read(years["failed"]).num_rows == 20
    assert context.quarantine.read(years["superseded"]) is None
    live = context.ledger.loads(state="loaded")
    again = run_again(
        context, [load.load_id for load in live], failed=False, code=None, engine="direct"
    )
    assert {one.state for one in again.loads} == {"unchanged"}
    assert run_build(context, everything=True, engine="direct").build.state == "published"
    assert hashes(context) == before
    assert later(context) == {}


def test_a_live_load_is_done_again_from_its_file_after_a_prune(context, years):
    later(context)
    before = hashes(context)
    with context.database.write("ledger") as connection:  # as if the rules had changed
        load = tables.load
        connection.execute(
            load.update().where(load.c.load_id == years["live"]).values(load_key="other")
        )
    again = run_again(context, [years["live"]], failed=False, code=None, engine="direct")
    assert [one.state for one in again.loads] == ["loaded"]
    run_build(context, everything=True, engine="direct")
    assert hashes(context) == before


def test_a_dry_run_says_the_same_and_removes_nothing(context, years):
    would = later(context, dry_run=True)
    assert all(has_raw(context, load_id) for load_id in years.values())
    assert context.ledger.raw(context.ledger.load(years["superseded"]).sha256).pruned_at is None
    assert would == later(context)


def test_a_load_whose_file_is_gone_says_so_and_the_file_may_come_again(context, years, tmp_path):
    later(context)
    with pytest.raises(UsageError, match="RAW_FILE_PRUNED") as caught:
        run_again(context, [years["superseded"]], failed=False, code=None, engine="direct")
    assert "roci prune" in caught.value.found
    attempts = len(context.ledger.loads())
    ingest(context, tmp_path / "first.csv")
    assert len(context.ledger.loads()) == attempts + 1
    assert context.ledger.raw(context.ledger.load(years["superseded"]).sha256).pruned_at is None


def test_a_file_that_a_repair_names_stays(context, years):
    superseded = context.ledger.load(years["superseded"])
    with context.database.write("ledger") as connection:
        connection.execute(
            tables.repair.insert(),
            {
                "repair_id": "r", "source_row": 2, "source": superseded.source,
                "sha256": superseded.sha256, "corrections": superseded.sha256,
                "parent_load_id": superseded.load_id, "columns": ["gender"], "changed_by": "ann",
                "changed_at": superseded.started_at,
            },
        )  # fmt: skip
    later(context)
    assert has_raw(context, superseded.load_id)
    assert context.quarantine.read(superseded.load_id).num_rows == 1


def test_a_file_of_use_again_is_young_again(context, years, tmp_path):
    moment = time.time() + YEARS
    path = context.raw.path(context.ledger.load(years["superseded"]).sha256)
    os.utime(path, (moment, moment))
    prune(context, DAYS, dry_run=False, now=moment)
    assert path.exists()


def test_old_versions_of_the_lake_go_and_what_it_holds_stays(context, tmp_path):
    ingest(context, results(tmp_path / "first.csv"))
    ingest(context, results(tmp_path / "second.csv", score=2510))
    files = set(context.lake.path("student_result").rglob("*.parquet"))
    live = set(map(Path, context.lake.files("student_result")))
    assert live < files
    gone, size = context.lake.vacuum("student_result", 0, dry_run=True)
    assert (gone, size) == (len(files - live), sum(path.stat().st_size for path in files - live))
    assert set(context.lake.path("student_result").rglob("*.parquet")) == files
    context.lake.vacuum("student_result", 0, dry_run=False)
    assert set(context.lake.path("student_result").rglob("*.parquet")) == live
    assert context.lake.vacuum("student_result", 0, dry_run=False) == (0, 0)
    assert run_build(context, everything=True, engine="direct").build.state == "published"


def test_logs_and_parts_of_transfers_go_by_their_age(context):
    folder = context.workspace.landing / ".fetching" / "vendor"
    folder.mkdir(parents=True)
    old = [folder / "a.part", context.workspace.logs / "roci-2020-01-01.log"]
    new = [folder / "b.part", context.workspace.logs / "roci-2026-01-01.log"]
    for path in (*old, *new):
        path.write_text("x", encoding="utf-8")
    for path in old:
        os.utime(path, (time.time() - YEARS,) * 2)
    done = prune(context, DAYS, dry_run=False)
    assert [one for one in done if one.removed] == [
        Pruned("parts of transfers", 365, 1, 1), Pruned("logs", 365, 1, 1)
    ]  # fmt: skip
    assert [path.exists() for path in (*old, *new)] == [False, False, True, True]


def test_days_are_told_for_all_kinds_or_for_one():
    days = with_days(DAYS, ["logs=7", "30"])
    assert (days.raw_days, days.logs_days, days.refused_days) == (30, 7, 30)
    assert with_days(DAYS, []) == DAYS


@pytest.mark.parametrize("told", ["0", "-1", "soon", "raw=", "raws=3", "=3.5"])
def test_days_of_another_form_are_refused(told):
    with pytest.raises(UsageError, match="BAD_DAYS"):
        with_days(DAYS, [told])


def test_the_command_line_tells_counts_and_bytes(roci: Callable[..., Finished]):
    done = roci("prune", "--dry-run", "--keep-days", "logs=1")
    assert done.code == 0, done.said
    assert "bytes would be removed" in done.out
    assert "lake versions" in done.out


def test_without_a_database_of_prefect_nothing_is_asked_of_it(context, monkeypatch):
    monkeypatch.setitem(sys.modules, "prefect.client.orchestration", None)
    assert prune_runs(context.workspace, time.time(), dry_run=False) == 0


@pytest.mark.slow
def test_ended_runs_of_prefect_go(roci: Callable[..., Finished], workspace_home: Path):
    assert roci("run", "--engine", "prefect").code == 0
    database = sa.create_engine(f"sqlite:///{workspace_home / 'prefect' / 'prefect.db'}")
    with database.begin() as connection:
        connection.execute(sa.text("UPDATE flow_run SET end_time = '2020-01-01 00:00:00.000000'"))
    done = roci("prune", "--json").json
    assert {one["what"]: one["removed"] for one in done}["Prefect runs"] == 1
    with database.connect() as connection:
        assert connection.execute(sa.text("SELECT count(*) FROM flow_run")).scalar() == 0
    database.dispose()


CATALOGUE = load_catalogue()
# On both sides of the retention of originals, which is 1095 days.
AGES = (10, 1000, 1200, 2000)
STATES = ("loaded", "superseded", "discarded", "failed", "held", "loading")
LOADS = st.lists(
    st.tuples(st.sampled_from(STATES), st.integers(0, 3), st.sampled_from(AGES)),
    min_size=1, max_size=7,
)  # fmt: skip


def told_loads(context: Context, told: list[tuple[str, int, int]]) -> list[Load]:
    """Put loads into the ledger, the oldest first: state, which file, how many days ago."""
    now = datetime.now(UTC)
    for state, number, days in sorted(told, key=lambda one: -one[2]):
        path = context.workspace.work / f"{number}.csv"
        path.write_text(str(number), encoding="utf-8")
        raw = context.raw.keep(path)
        context.ledger.register_file(raw.sha256, raw.size, path.name)
        load_id = context.ledger.open_load("plain", f"k{number}", {}, raw.sha256, path.name)
        context.quarantine.write(load_id, pa.table({"source_row": [2]}))
        moment = now - timedelta(days=days)
        with context.database.write("ledger") as connection:
            load, file = tables.load, tables.raw_file
            values = {"state": state, "started_at": moment, "finished_at": moment}
            connection.execute(load.update().where(load.c.load_id == load_id).values(**values))
            connection.execute(file.update().values(first_seen_at=now - timedelta(days=3000)))
    for path in (*context.workspace.raw.glob("*/*"), *context.workspace.quarantine.glob("*")):
        os.utime(path, (time.time() - YEARS,) * 2)
    return list(reversed(context.ledger.loads()))


@hypothesis.given(LOADS)
@hypothesis.settings(max_examples=40)
def test_whatever_the_loads_what_can_be_done_again_keeps_its_file_and_rows(told):
    with TemporaryDirectory() as folder:
        context = open_context({"ROCI_HOME": folder})
        context.__dict__["catalogue"] = CATALOGUE
        loads = told_loads(context, told)
        prune(context, DAYS, dry_run=False)
        for load in loads:
            same = [one for one in loads if one.sha256 == load.sha256]
            last = same[-1] is load
            needed = load.state in ("loaded", "loading") or (
                load.state in ("failed", "held") and last
            )
            if needed:
                assert has_raw(context, load.load_id)
                assert context.quarantine.read(load.load_id) is not None
            old = all(
                one.state in ("superseded", "discarded")
                and (datetime.now(UTC) - one.finished_at).days > DAYS.raw_days
                for one in same
            )
            if old:
                assert not has_raw(context, load.load_id)
                assert context.ledger.raw(load.sha256).pruned_at is not None
        context.database.close()
