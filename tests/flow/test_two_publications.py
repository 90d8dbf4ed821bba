"""What follows from two publications together is not shown: it waits, or a person says so."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from flows.context import Context, open_context
from flows.morning import status_lines, status_of
from flows.outcome import BuildOutcome
from flows.running import run_build, run_ingest
from flows.stages import planning, protecting, two_publications
from flows.waiting import release_moves
from tests.flow.as_configured import publishing
from tests.flow.small_files import RESULTS_HEADER
from tests.flow.two_districts import rows_of
from transforms.suppress import Dimensions, protect

SLICE = "results_csv|2024"
# Hispanic, White and Black; of the last so few that they are hidden, and one of the others as well.
GROUPS = {"500": 20, "700": 20, "600": 2}
OTHER = {"WHITE": "HISPANIC", "HISPANIC": "WHITE"}
KEY = ("org_level", "org_id", "grade", "ethnicity", "el_status", "gender")


def three_groups(path: Path) -> Path:
    """Write one school, grade and gender of three ethnicities, some students at each level."""
    codes = [code for code, students in GROUPS.items() for _ in range(students)]
    rows = [
        f"01990176990013,{9_000_000_000 + number},2024,MATH,3,{code},EO,F,Y,N,2500,{number % 4 + 1}"
        for number, code in enumerate(codes)
    ]
    path.write_text("\n".join([RESULTS_HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def the_other_way_round(
    cells: pd.DataFrame, splits: pd.DataFrame, dimensions: Dimensions, *given: object
) -> pd.DataFrame:
    """Decide as ever, but hide the one of two equal groups for the other."""
    decided = protect(cells, splits, dimensions, *given)
    of = cells[list(dict.fromkeys(("org_level", "org_id", "grade", *dimensions.columns)))]
    there = {row: at for at, row in enumerate(of.astype(str).itertuples(index=False, name=None))}
    swapped = of.astype(str).replace(OTHER).itertuples(index=False, name=None)
    return decided.iloc[[there[row] for row in swapped]].set_index(decided.index)


@pytest.fixture
def context(workspace_home: Path, tmp_path: Path) -> Iterator[Context]:
    """A workspace of which something is published."""
    opened = open_context()
    path = three_groups(tmp_path / "results.csv")
    run = run_ingest(opened, "results_csv", [path], district="0199017", engine="direct")
    assert run.build is not None and run.build.state == "published", run
    yield opened
    opened.database.close()


def built(context: Context, monkeypatch: pytest.MonkeyPatch, version: str) -> BuildOutcome:
    """Build with another version of the code: of the students nothing has changed."""
    monkeypatch.setattr(planning, "code_hash", lambda: version)
    build = run_build(context, everything=False, engine="direct").build
    assert build is not None
    return build


def numbers(context: Context) -> list[tuple]:
    path = context.publisher.path("mart_achievement", "reporting")
    return rows_of(path, ", ".join((*KEY, "n_tested", "n_proficient")))


def shown_groups(context: Context) -> set[str]:
    """Return the ethnicities whose size readers are shown of the whole school."""
    path = context.publisher.path("mart_achievement", "reporting")
    where = "org_level = 'school' AND grade = 'all' AND NOT suppressed"
    return {one for (one,) in rows_of(path, "DISTINCT ethnicity", where)}


def test_what_each_night_hides_and_both_tell_waits(context, monkeypatch, caplog):
    """Two Black students are left of the whole, of the one group then and of the other now."""
    caplog.set_level(logging.INFO, "roci")
    before, yesterday = numbers(context), shown_groups(context)
    assert len(yesterday & OTHER.keys()) == 1 and "BLACK" not in yesterday
    monkeypatch.setattr(protecting, "protect", the_other_way_round)
    outcome = built(context, monkeypatch, "next")
    assert (outcome.state, outcome.waiting) == ("waiting", (SLICE,))
    assert not outcome.needs_attention
    assert numbers(context) == before
    (one,) = status_of(context)["small_moves"]
    assert (one["code"], one["behind"]) == ("TWO_PUBLICATIONS", []) and one["cells"] > 0
    (line,) = [one for one in status_lines(status_of(context)) if "TWO_PUBLICATIONS" in one]
    assert line.endswith("-> roci marts release results_csv --year 2024")
    with closing(sqlite3.connect(context.workspace.ledger_path)) as ledger:
        told = "\n".join(ledger.iterdump()) + caplog.text
    assert "waiting=TWO_PUBLICATIONS" in told
    assert "ethnicity BLACK" not in told and "ethnicity WHITE" not in told


def test_the_plant_is_one_where_both_are_published(context, tmp_path, monkeypatch):
    yesterday = shown_groups(context)
    monkeypatch.setattr(protecting, "protect", the_other_way_round)
    monkeypatch.setenv("ROCI_CONFIG", str(publishing(tmp_path / "site")))
    site = open_context()
    assert built(site, monkeypatch, "next").state == "published"
    assert shown_groups(site) != yesterday
    site.database.close()


def test_a_release_lets_it_through_and_who_said_so_is_on_record(context, monkeypatch):
    monkeypatch.setattr("flows.waiting.getuser", lambda: "maria")
    monkeypatch.setattr(protecting, "protect", the_other_way_round)
    before, first = numbers(context), built(context, monkeypatch, "next")
    assert built(context, monkeypatch, "next").publication_id == first.publication_id
    outcome = release_moves(context, "results_csv", 2024, everything=False).build
    assert (outcome.state, outcome.waiting) == ("published", ())
    assert numbers(context) != before
    assert status_of(context)["small_moves"] == []
    (told,) = [one for one in context.ledger.checks(outcome.publication_id) if one.suite == "moves"]
    assert (told.name, told.code, told.severity) == (SLICE, "TWO_PUBLICATIONS", "release")
    assert told.expected == "maria"
    assert run_build(context, everything=False, engine="direct").build.state == "unchanged"


def test_what_would_be_shown_as_it_is_is_not_attacked_and_no_slice_is_twice(context, monkeypatch):
    attacked: list[set[str]] = []
    real = two_publications.following_from_both

    def looked(context, folder, exact, before, slices):
        attacked.append(set(slices))
        return real(context, folder, exact, before, slices)

    monkeypatch.setattr(two_publications, "following_from_both", looked)
    assert built(context, monkeypatch, "next").state == "published"
    assert attacked == []
    monkeypatch.setattr(protecting, "protect", the_other_way_round)
    assert built(context, monkeypatch, "the one after").waiting == (SLICE,)
    assert attacked == [{SLICE}]
