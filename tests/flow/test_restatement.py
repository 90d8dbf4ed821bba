"""What a load would replace and how published numbers would move, told before they do."""

from __future__ import annotations

import csv
import stat
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from flows.comparing import comparison_lines, restatement_lines
from flows.context import Context, open_context
from flows.history import history_records
from flows.running import discard_load, run_release
from flows.stages.comparing import compare_load
from flows.stages.recounting import read_again
from flows.stages.restating import Restatement, compare_folder, restatement
from tests.cells import MARTS
from tests.flow.as_configured import publishing
from tests.flow.small_files import results
from tests.flow.two_districts import ingest, published, rows_of, two_districts

pytestmark = pytest.mark.usefixtures("publishing")

REVIEWED = "review_restatements: true\n"


@pytest.fixture
def reviewing(workspace_home: Path, tmp_path, monkeypatch) -> Iterator[Context]:
    """Open a workspace whose people look at every restatement first."""
    site = publishing(tmp_path / "site")
    profile = site / "profiles" / "default.yml"
    profile.parent.mkdir(parents=True)
    profile.write_text(REVIEWED)
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    opened = open_context()
    yield opened
    opened.database.close()


def restated(context: Context, load_id: str) -> Restatement:
    path = compare_folder(context) / f"{load_id}-published.csv"
    with read_again(context, load_id) as load:
        return restatement(context, load, path)


def everything(context: Context) -> list[tuple]:
    return published(context, "*", "true")


def test_a_held_load_is_told_beside_what_it_would_replace(context, tmp_path):
    ingest(context, two_districts(tmp_path / "a.csv"))
    held = ingest(context, results(tmp_path / "b.csv", rows=30, score=2400)).loads[0]
    assert held.state == "held"
    before = everything(context)
    told = compare_load(context, held.load_id)
    by_name = {(one["section"], one["name"]): one for one in told.records}
    whole = by_name["all", "all"]
    assert (whole["before_students"], whole["after_students"]) == (100, 30)
    assert (whole["before_schools"], whole["after_schools"]) == (4, 2)
    assert by_name["district", "0199025"]["after_students"] is None
    near = by_name["district", "0199017"]
    assert (near["before_mean_scale_score"], near["after_mean_scale_score"]) == (2500.0, 2400.0)
    assert (near["before_pct_proficient"], near["after_pct_proficient"]) == (75.0, 100.0)
    assert by_name["gender", "F"]["after_share_pct"] == 50.0
    assert everything(context) == before
    assert list(context.workspace.staging.iterdir()) == []


def test_groups_below_the_minimum_stay_in_the_restricted_file(context, tmp_path):
    loaded = ingest(context, results(tmp_path / "a.csv", rows=24)).loads[0]
    told = compare_load(context, loaded.load_id)
    small = next(one for one in told.records if one["name"] == "EL")
    assert (small["after_students"], small["after_mean_scale_score"]) == ("<11", None)
    assert " 8 " not in "\n".join(comparison_lines(told))
    with Path(told.path).open(newline="") as file:
        exact = next(row for row in csv.DictReader(file) if row["name"] == "EL")
    assert (exact["after_students"], float(exact["after_mean_scale_score"])) == ("8", 2500.0)
    assert stat.S_IMODE(Path(told.path).stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(told.path).parent.stat().st_mode) & 0o077 == 0


def test_a_live_load_is_told_beside_those_it_took_the_place_of(context, tmp_path):
    first = ingest(context, results(tmp_path / "a.csv", rows=40)).loads[0]
    second = ingest(context, results(tmp_path / "b.csv", rows=44, score=2510)).loads[0]
    told = compare_load(context, second.load_id)
    assert told.replaces == [first.load_id] and told.is_whole
    whole = told.records[0]
    assert (whole["before_rows"], whole["after_rows"]) == (40, 44)


def test_rosters_and_directories_are_counted_only(context, tmp_path):
    from flows.running import run_ingest
    from tests.flow.small_files import roster_of_schools

    file = roster_of_schools(
        tmp_path / "r.zip", "0199017", {f"69900{n:02d}": "Elm" for n in range(13, 27)}, "2023-08-15"
    )
    load = run_ingest(context, "oneroster", [file], district=None, engine="direct").loads[0]
    if load.state != "loaded":
        pytest.fail(load.message or "")
    told = compare_load(context, load.load_id)
    assert told.records[0]["after_students"] == 14
    assert told.records[0]["after_mean_scale_score"] is None


def test_every_published_number_that_would_move_is_told_before_it_does(reviewing, tmp_path):
    context = reviewing
    ingest(context, two_districts(tmp_path / "a.csv"))
    before = everything(context)
    held = ingest(context, two_districts(tmp_path / "b.csv", near=44, far_score=2465)).loads[0]
    assert (held.state, held.code) == ("held", "RESTATES")
    assert everything(context) == before
    told = restated(context, held.load_id)
    wide = {(one["org_level"], one["org_id"], one["grade"]): one for one in told.widest}
    near = wide["district", "0199017", "all"]
    assert (near["before_n_tested"], near["after_n_tested"]) == (40, 44)
    assert (wide["all", "all", "all"]["change"], told.cells["moves"] > 0) == ("moves", True)
    run_release(context, held.load_id)
    key = ", ".join(("org_level", "org_id", "grade", *MARTS.dimensions))
    told_rows = rows_of(
        Path(told.path or ""),
        f"{key}, after_n_tested, after_pct_proficient, after_mean_scale_score",
        "after_n_tested IS NOT NULL",
    )
    now = published(
        context,
        f"{key}, n_tested, pct_proficient, mean_scale_score",
        "NOT suppressed",
    )
    assert len(now) > 50
    assert sorted(map(str, told_rows)) == sorted(map(str, now))


def test_nothing_that_suppression_hides_is_told(context, tmp_path):
    ingest(context, two_districts(tmp_path / "a.csv"))
    second = ingest(context, two_districts(tmp_path / "b.csv", near=46)).loads[0]
    told = restated(context, second.load_id)
    assert told.slices == [] or told.moving == 0  # it is live already
    earlier = context.ledger.loads(state="superseded")[0].load_id
    told = restated(context, earlier)
    assert told.cells["hidden"] > 0
    assert rows_of(
        Path(told.path or ""), "count(*)",
        "change = 'hidden' AND (before_n_tested IS NOT NULL OR after_n_tested IS NOT NULL "
        "OR before_mean_scale_score IS NOT NULL OR after_mean_scale_score IS NOT NULL)",
    ) == [(0,)]  # fmt: skip
    words = "\n".join(restatement_lines(told))
    assert "suppressed or missing before and after" in words


def test_only_a_site_that_asks_for_it_holds_a_restatement(context, tmp_path):
    ingest(context, results(tmp_path / "a.csv"))
    assert ingest(context, results(tmp_path / "b.csv", score=2510)).loads[0].state == "loaded"


def test_a_file_of_new_partitions_restates_nothing(reviewing, tmp_path):
    ingest(reviewing, results(tmp_path / "a.csv"))
    new = ingest(reviewing, results(tmp_path / "b.csv", year=2023, score=2405)).loads[0]
    assert new.state == "loaded"


def test_a_file_that_says_the_same_restates_nothing(reviewing, tmp_path):
    first = results(tmp_path / "a.csv")
    ingest(reviewing, first)
    lines = first.read_text().splitlines()
    (tmp_path / "b.csv").write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    assert ingest(reviewing, tmp_path / "b.csv").loads[0].state == "loaded"


def test_history_tells_who_came_after_whom_and_who_decided(reviewing, tmp_path):
    context = reviewing
    first = ingest(context, two_districts(tmp_path / "a.csv")).loads[0]
    held = ingest(context, two_districts(tmp_path / "b.csv", far_score=2465)).loads[0]
    second = run_release(context, held.load_id).loads[0]
    given_up = ingest(context, two_districts(tmp_path / "c.csv", far_score=2468)).loads[0]
    discard_load(context, given_up.load_id)
    records = history_records(context, "results_csv")
    assert [one["load"] for one in records] == [first.load_id, second.load_id, given_up.load_id]
    assert records[0]["superseded_by"] == second.load_id
    assert records[1]["superseded_by"] is None
    assert f"(held as {held.load_id})" in records[1]["decided"]
    assert records[2]["decided"].startswith("discarded by ")
    assert [one["load"] for one in history_records(context, first.load_id)] == [
        first.load_id,
        second.load_id,
    ]


def test_the_verbs_print_it(roci, workspace_home, tmp_path):
    roci("ingest", "results_csv", results(tmp_path / "a.csv", rows=60))
    held = roci("ingest", "results_csv", results(tmp_path / "b.csv", rows=20), "--json")
    load = held.json["loads"][0]["load_id"]
    compared = roci("explain", load, "--compare")
    assert compared.code == 0 and "60 > 20" in compared.out
    assert roci("explain", load, "--compare", "--json").json["load_id"] == load
    moved = roci("restate", load)
    assert moved.code == 0 and "would show another number" in moved.out
    assert asdict(Restatement("L", None, [])).keys() == roci("restate", load, "--json").json.keys()
    assert "results_csv" not in roci("explain", "--history", "results_csv").err
    assert f"roci explain {load} --compare" in roci("explain", load).out
