"""`roci status`: the morning in ten lines, and what is late."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from configs.catalogue import load_catalogue
from configs.errors import ConfigurationError
from configs.profile_models import Expected
from flows.context import Context, open_context
from flows.expecting import Late, late_on
from flows.load_key import load_inputs
from flows.morning import status_lines, status_of
from flows.reporting import show_status
from flows.running import run_nightly
from tests.flow.small_files import results
from warehouse import ledger_tables as tables
from warehouse.ledger_records import Arrival

MANY = 5_000
FILLED = {
    "raw_file": tables.raw_file,
    "load": tables.load,
    "load_input": tables.load_input,
    "load_partition": tables.load_partition,
}
UTC = dt.UTC


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def came(text: str, district: str | None = None) -> Arrival:
    return Arrival("star", district, dt.datetime.fromisoformat(f"{text}T12:00:00+00:00"))


def late(today: str, by: str, *arrivals: Arrival, grace: int = 0, of: str | None = None) -> list:
    expected = [Expected(source="star", by=by, grace_days=grace, district_id=of)]
    found = late_on(day(today), expected, arrivals, UTC)
    return [str(one.since) for one in found]


# 2026-11-16 is a Monday.
@pytest.mark.parametrize("today, arrivals, since", [
    ("2026-11-16", ["2026-11-16"], []),
    ("2026-11-16", ["2026-11-09"], ["2026-11-16"]),
    ("2026-11-16", ["2026-11-14"], []),
    ("2026-11-22", ["2026-11-10"], []),
    ("2026-11-23", ["2026-11-16"], ["2026-11-23"]),
    ("2026-11-22", [], ["2026-11-16"]),
])  # fmt: skip
def test_a_weekly_file_is_late_until_one_of_its_week_has_come(today, arrivals, since):
    assert late(today, "monday", *map(came, arrivals)) == since


def test_nobody_asks_within_the_days_of_grace():
    last_week = came("2026-11-09")
    assert late("2026-11-18", "monday", last_week, grace=3) == []
    assert late("2026-11-19", "monday", last_week, grace=3) == ["2026-11-16"]
    assert late("2026-11-20", "monday", came("2026-11-19"), grace=3) == []


def test_a_monthly_file_is_late_across_the_turn_of_the_year():
    assert late("2027-01-04", "day 5", came("2026-12-05")) == []
    assert late("2027-01-05", "day 5", came("2026-12-05")) == ["2027-01-05"]
    assert late("2027-01-05", "day 5", came("2026-12-20")) == []
    assert late("2027-01-04", "day 5", came("2026-11-05")) == ["2026-12-05"]


def test_a_yearly_file_counts_from_july_to_july():
    assert late("2026-10-14", "10-15", came("2025-10-20")) == []
    assert late("2026-10-15", "10-15", came("2026-06-30")) == ["2026-10-15"]
    assert late("2026-10-15", "10-15", came("2026-07-01")) == []
    assert late("2027-03-01", "10-15", came("2026-06-30")) == ["2026-10-15"]
    assert late("2027-03-01", "02-15", came("2026-09-01")) == []


def test_another_district_is_no_arrival_where_one_is_named():
    theirs = came("2026-11-16", "0199017")
    assert late("2026-11-16", "monday", theirs, of="0199025") == ["2026-11-16"]
    assert late("2026-11-16", "monday", theirs, of="0199017") == []
    assert late("2026-11-16", "monday", theirs) == []


def test_another_source_is_no_arrival_and_the_last_one_is_told():
    expected = [Expected(source="star", by="monday")]
    seen = [came("2026-11-09"), Arrival("iready", None, came("2026-11-16").at)]
    assert late_on(day("2026-11-16"), expected, seen, UTC) == [
        Late("star", None, day("2026-11-16"), day("2026-11-09"))
    ]


@pytest.mark.parametrize("by", ["someday", "13-01", "day 29", "2026-10-15", "", "10-32"])
def test_a_day_that_is_none_is_refused(by):
    with pytest.raises(ValidationError, match="no day"):
        Expected(source="star", by=by)


def put_profile(site: Path, content: dict) -> None:
    (site / "profiles").mkdir(parents=True, exist_ok=True)
    (site / "profiles" / "default.yml").write_text(yaml.safe_dump(content), encoding="utf-8")


def test_a_source_that_is_none_cannot_be_expected(tmp_path):
    put_profile(tmp_path, {"expected": [{"source": "nobody", "by": "monday"}]})
    with pytest.raises(ConfigurationError, match="no source nobody"):
        load_catalogue(tmp_path)


def test_a_code_cannot_wait_for_a_table_that_is_none(tmp_path):
    words = {"UNKNOWN_SCHOOL": {"waits_for": ["nothing"]}}
    (tmp_path / "codes.yml").write_text(yaml.safe_dump(words), encoding="utf-8")
    with pytest.raises(ConfigurationError, match="no table nothing"):
        load_catalogue(tmp_path)


def test_an_empty_morning_says_where_to_begin(context, capsys):
    show_status(context, as_json=False)
    assert capsys.readouterr().out == (
        "published: nothing yet, nothing loaded  -> put files into landing/, then roci run\n"
    )


def test_the_most_urgent_stands_first_and_says_what_to_type(workspace_home, tmp_path, monkeypatch):
    put_profile(tmp_path / "site", {"expected": [{"source": "oneroster", "by": "day 1"}]})
    monkeypatch.setenv("ROCI_CONFIG", str(tmp_path / "site"))
    context = open_context()
    landing = context.workspace.landing
    results(landing / "0199017" / "results_2023.csv", year=2023, score=2510, bad_rows=1)
    results(landing / "0199017" / "bad.csv", bad_rows=20)
    (landing / "what.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    run = run_nightly(context)
    ids = {load.code: load.load_id for load in run.loads}
    results(landing / "tomorrow.csv", year=2022)
    (failed, late_, waiting, quarantined, published) = status_lines(status_of(context))
    newest = max(ids["NO_SOURCE"], ids["TOO_MANY_REJECTS"])
    assert failed.startswith("failed: 2 (")
    assert failed.endswith(f"  -> roci explain {newest}")
    assert all(ids[code] in failed for code in ("NO_SOURCE", "TOO_MANY_REJECTS"))
    assert late_.startswith("late: oneroster since ") and late_.endswith("-> ask the sender")
    assert waiting == "waiting in landing/: 1  -> roci run"
    assert quarantined == "quarantined: 1 row of 1 load  -> roci quarantine list"
    assert published.startswith(f"published: {run.build.publication_id} at ")
    assert published.endswith("; 1 load, 1 in the last 24 hours (1 results_csv)")
    context.database.close()


def test_json_has_every_load_that_waits(context):
    results(context.workspace.landing / "0199017" / "bad.csv", bad_rows=20)
    run_nightly(context)
    status = status_of(context)
    assert [one["code"] for one in status["failed"]] == ["TOO_MANY_REJECTS"]
    assert status["held"] == [] and status["attention"] == status["failed"]
    assert status["quarantined"] == {"rows": 0, "loads": 0}


def test_however_much_waits_there_are_ten_lines():
    stopped = [{"load_id": f"L{n}", "code": f"CODE_{n}"} for n in range(300)]
    stale = [
        {"source": f"s{n}", "loads": 2, "changed": "code", "years": "2022..2024"} for n in range(9)
    ]
    unmatched = [
        {"assessment": f"a{n}", "school_year": 2024, "students": 5, "where": "list"}
        for n in range(9)
    ]
    late_ = [{"source": f"s{n}", "district_id": None, "since": "2026-11-16"} for n in range(9)]
    draft = [{"source": f"d{n}", "to_set": 2, "files_wait": True} for n in range(9)]
    at = dt.datetime(2026, 11, 22, 2, 3, tzinfo=UTC)
    status = {
        "failed": stopped, "held": stopped, "late": late_, "waiting": 3, "unmatched": unmatched,
        "quarantined": {"rows": 1200, "loads": 2}, "stale": stale, "unfinished": draft,
        "embargo": ["under embargo: star 2026 (loading)  -> roci embargo list"],
        "loads": {"loaded": 31}, "last_night": {f"s{n}": 3 for n in range(9)}, "timezone": "UTC",
        "publication": {"publication_id": "P1", "published_at": at, "code": None},
        "held_publication": None, "forgetting_unfinished": False, "small_moves": [],
    }  # fmt: skip
    lines = list(status_lines(status))
    assert len(lines) == 10
    assert max(map(len, lines)) < 200
    assert lines[0].startswith("failed: 300 (1 CODE_0, 1 CODE_1, 1 CODE_2, 1 CODE_3 and 296 more)")
    assert lines[-1] == (
        "published: P1 at 2026-11-22 02:03 UTC; 31 loads, 27 in the last 24 hours "
        "(3 s0, 3 s1, 3 s2, 3 s3 and 5 more)"
    )


def fill(context: Context, loads: int) -> None:
    """Put that many loaded loads into the ledger, each with a partition of its own."""
    source, now = "results_csv", dt.datetime.now(UTC)
    assert context.ledger.loads() == []
    rows: dict[str, list[dict]] = {name: [] for name in FILLED}
    for number in range(loads):
        sha256, load_id = f"{number:064x}", f"L20260101-{number:04d}"
        rows["raw_file"].append(
            {"sha256": sha256, "size_bytes": 1, "original_name": "a.csv", "first_seen_at": now}
        )
        rows["load"].append(
            {
                "load_id": load_id, "source": source, "state": "loaded", "load_key": sha256,
                "attempt": 1, "sha256": sha256, "started_at": now, "finished_at": now,
                "rows_quarantined": 1,
            }
        )  # fmt: skip
        inputs = load_inputs(context.catalogue, source, sha256, None)
        rows["load_input"] += [
            {"load_id": load_id, "kind": kind, "name": kind, "hash": digest}
            for kind, digest in inputs.items()
        ]
        rows["load_partition"].append(
            {
                "load_id": load_id, "table_name": "student_result", "source": source,
                "partition": str(number), "rows": 10, "slices": [f"star|{2000 + number % 20}"],
            }
        )  # fmt: skip
    with context.database.write("ledger") as connection:
        for name, table in FILLED.items():
            connection.execute(table.insert(), rows[name])


def test_a_ledger_of_five_thousand_loads_answers_within_a_second(context):
    fill(context, MANY)
    started = time.process_time()
    lines = list(status_lines(status_of(context)))
    assert time.process_time() - started < 1
    assert "; 5,000 loads" in lines[-1]
