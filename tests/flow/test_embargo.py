"""What is under embargo stands in no reporting mart, and what is released stands in all."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import ConfigurationError, UsageError
from configs.models import EmbargoRule
from flows import context as contexts
from flows.context import Context, open_context
from flows.embargo import set_rule, still_kept
from flows.morning import status_of
from flows.running import run_build
from flows.stages import building
from tests.flow.as_configured import Opened, opened_again
from tests.flow.leaks import texts_of_parquet
from tests.flow.two_districts import (
    FAR,
    NEAR,
    WHOLE,
    in_sql,
    ingest,
    published,
    rows_of,
    two_districts,
)
from warehouse.ledger import Ledger

FAR_MEAN = 2471.0
BOTH_MEAN = 2483.0
ASSESSMENT = "results_csv"


@pytest.fixture
def opened(workspace_home: Path, tmp_path, monkeypatch) -> Iterator[Opened]:
    """Open the workspace with the site's configuration as it is now."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    with opened_again() as opens:
        yield opens


def rule(state: str = "reviewing", district: str | None = None, **given) -> EmbargoRule:
    return EmbargoRule(
        assessment=ASSESSMENT, school_year=2024, district_id=district, state=state, **given
    )


def build(opened: Opened) -> Context:
    context = opened()
    assert run_build(context, everything=False, engine="direct").exit_code == 0
    return context


def test_a_year_under_embargo_is_in_no_reporting_mart_and_in_every_restricted_one(opened, tmp_path):
    set_rule(opened(), rule("loading"))
    context = opened()
    ingest(context, two_districts(tmp_path / "a.csv"))
    assert published(context) == []
    restricted = context.publisher.path("mart_achievement_unsuppressed", "restricted")
    assert rows_of(restricted, "max(n_tested)") == [(100,)]


def test_a_release_that_a_crash_kept_unrecorded_is_taken_back_all_the_same(
    opened, tmp_path, monkeypatch
):
    set_rule(opened(), rule())
    ingest(opened(), two_districts(tmp_path / "a.csv"))
    set_rule(opened(), rule("released"))
    context = opened()
    with monkeypatch.context() as killed:
        killed.setattr(Ledger, "record_publication", lambda *_, **__: sys.exit(9))
        with pytest.raises(SystemExit):
            run_build(context, everything=False, engine="direct")
    shown = context.publisher.shown()
    assert published(context) != []
    set_rule(opened(), rule())
    context = build(opened)
    assert published(context) == []
    assert context.publisher.shown() > shown


def test_the_release_shows_the_year_and_only_its_slices_are_built(opened, tmp_path):
    set_rule(opened(), rule())
    first = opened()
    ingest(first, two_districts(tmp_path / "a.csv"))
    ingest(first, two_districts(tmp_path / "b.csv", year=2023, far_score=2460))
    set_rule(first, rule("released"))
    context = opened()
    outcome = run_build(context, everything=False, engine="direct").build
    assert outcome is not None and (outcome.slices_built, outcome.slices_kept) == (1, 1)
    shown = published(context, where=f"{WHOLE} AND school_year = 2024")
    assert {("all", "all", 100, BOTH_MEAN), ("district", FAR, 60, FAR_MEAN)} <= set(shown)
    again = run_build(context, everything=False, engine="direct").build
    assert again is not None and again.state == "unchanged"


def test_one_districts_students_count_in_no_cell_of_anybody(opened, tmp_path):
    context = opened()
    ingest(context, two_districts(tmp_path / "a.csv"))
    set_rule(context, rule(district=FAR))
    after = build(opened)
    shown = published(after)
    assert ("all", "all", 40, 2500.0) in shown
    assert {org for level, org, *_ in shown if level == "district"} == {NEAR}
    assert not any(FAR in org for _, org, *_ in shown)
    assert in_sql(after, "SELECT max(n_tested) FROM mart_achievement") == [(40,)]


def test_a_district_may_be_released_before_the_others(opened, tmp_path):
    set_rule(opened(), rule())
    set_rule(opened(), rule("released", NEAR))
    context = opened()
    ingest(context, two_districts(tmp_path / "a.csv"))
    assert {org for level, org, *_ in published(context) if level == "district"} == {NEAR}


def test_no_number_under_embargo_stands_in_any_open_file(opened, tmp_path):
    set_rule(opened(), rule(district=FAR))
    context = opened()
    ingest(context, two_districts(tmp_path / "a.csv"))
    both = f"{BOTH_MEAN:.0f}"
    for path in context.workspace.marts_reporting.glob("mart_*.parquet"):
        for text in texts_of_parquet(path):
            values = set(text.split("\n"))
            assert not values & {"2471", "2471.0", both, f"{both}.0", FAR, "60", "100"}, path.name
    for table in ("mart_achievement", "mart_level"):
        assert in_sql(context, f"SELECT count(*) FROM {table} WHERE org_id LIKE '{FAR}%'") == [(0,)]
    pages = list(context.workspace.docs.rglob("*.html"))
    assert pages
    for page in pages:
        assert not {"2471", FAR, both} & set(page.read_text().replace("<", " ").split()), page.name


def test_the_day_of_until_releases_without_anybody_typing(opened, tmp_path, monkeypatch):
    monkeypatch.setattr(contexts, "today_in", lambda _: dt.date(2026, 9, 30))
    set_rule(opened(), rule(until=dt.date(2026, 10, 1)))
    context = opened()
    ingest(context, two_districts(tmp_path / "a.csv"))
    assert published(context) == []
    assert any("until 2026-10-01" in line for line in status_of(context)["embargo"])
    monkeypatch.setattr(contexts, "today_in", lambda _: dt.date(2026, 10, 1))
    assert published(build(opened)) != []
    assert status_of(context)["embargo"] == []


def test_a_rule_that_is_over_already_is_refused_before_it_shows_anything(opened, monkeypatch):
    monkeypatch.setattr(contexts, "today_in", lambda _: dt.date(2026, 9, 30))
    set_rule(opened(), rule())
    with pytest.raises(UsageError, match="EMBARGO_OVER"):
        set_rule(opened(), rule(until=dt.date(2025, 10, 1)))
    assert [one.state for one in opened().embargo] == ["reviewing"]
    set_rule(opened(), rule("released"))


def test_a_release_of_all_names_the_districts_that_are_kept_back_still(opened):
    set_rule(opened(), rule(district="0000123"))
    everyone = rule("released")
    set_rule(opened(), everyone)
    assert still_kept(opened(), everyone) == ["0000123"]
    set_rule(opened(), rule("released", "0000123"))
    assert still_kept(opened(), everyone) == []


def test_a_later_rule_takes_the_place_of_the_one_for_the_same_results(opened, tmp_path):
    path = tmp_path / "site" / "embargo.yml"
    path.write_text("# Agreed with the board.\nrules: []\n")
    set_rule(opened(), rule(district="0000123"))
    set_rule(opened(), rule("loading", "0000123"))
    assert path.read_text().startswith("# Agreed with the board.")
    assert path.read_text().count("assessment") == 1
    (kept,) = opened().catalogue.embargo.rules
    assert (kept.state, kept.district_id) == ("loading", "0000123")


def test_a_rule_of_an_unknown_assessment_is_refused(opened, tmp_path):
    unknown = EmbargoRule(assessment="nothing", school_year=2024, state="loading")
    with pytest.raises(UsageError, match="UNKNOWN_VALUE"):
        set_rule(opened(), unknown)
    (tmp_path / "site" / "embargo.yml").write_text(
        "rules:\n  - {assessment: nothing, school_year: 2024, state: loading}\n"
    )
    with pytest.raises(ConfigurationError, match="no assessment nothing"):
        _ = opened().catalogue


def test_two_rules_for_the_same_results_are_a_fault(opened, tmp_path):
    one = f"  - {{assessment: {ASSESSMENT}, school_year: 2024, state: loading}}\n"
    (tmp_path / "site" / "embargo.yml").write_text("rules:\n" + one + one)
    with pytest.raises(ConfigurationError, match="two rules"):
        _ = opened().catalogue


def test_without_a_folder_of_the_site_nothing_is_set(workspace_home):
    context = open_context()
    with pytest.raises(UsageError, match="NO_SITE_CONFIGURATION"):
        set_rule(context, rule())
    context.database.close()


def test_the_verbs_set_list_and_release(roci, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    told = roci(
        "embargo", "set", ASSESSMENT, "--year", "2024", "--until", "2099-01-01", "--no-build",
        ROCI_CONFIG=str(site),
    )  # fmt: skip
    assert told.code == 0, told.said
    assert "under embargo" in roci("status", ROCI_CONFIG=str(site)).out
    roci("embargo", "release", ASSESSMENT, "--year", "2024", ROCI_CONFIG=str(site))
    assert " 2024 " in roci("embargo", "list", ROCI_CONFIG=str(site)).out
    rules = json.loads(roci("embargo", "list", "--json", ROCI_CONFIG=str(site)).out)
    assert [(one["state"], one["until"]) for one in rules] == [("released", None)]
    wrong = roci("embargo", "set", ASSESSMENT, "--year", "2024", "--state", "maybe",
                 ROCI_CONFIG=str(site))  # fmt: skip
    assert wrong.code == 2 and "UNKNOWN_VALUE" in wrong.err


def test_what_falls_is_held_against_the_released_students_alone(opened, tmp_path, monkeypatch):
    """The restricted marts have the far district's students too, of whom nothing is published."""
    set_rule(opened(), rule(district=FAR))
    counted = []
    real = building.require_nothing_follows

    def looked(context, folder, exact, slices):
        counted.extend(rows_of(exact, "max(n_tested)"))
        real(context, folder, exact, slices)

    monkeypatch.setattr(building, "require_nothing_follows", looked)
    context = opened()
    ingest(context, two_districts(tmp_path / "a.csv"))
    assert counted == [(40,)]
    restricted = context.publisher.path("mart_achievement_unsuppressed", "restricted")
    assert rows_of(restricted, "max(n_tested)") == [(100,)]
    assert not context.publisher.path("released_cells", "restricted").exists()
