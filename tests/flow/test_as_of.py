"""What was published on a day is built again from what was live then, beside today's marts."""

from __future__ import annotations

import datetime as dt
import json
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from configs.errors import UsageError
from configs.models import EmbargoRule
from flows.context import Context, open_context
from flows.embargo import set_rule
from flows.running import run_build
from flows.stages.as_of import build_as_of
from tests.flow.as_configured import publishing
from tests.flow.small_files import EACH_LEVEL, results
from tests.flow.two_districts import FAR, in_sql, ingest, published, rows_of, two_districts
from warehouse import publish
from warehouse.published import PUBLICATION_KEY, SIDECAR, publication_id_of


@pytest.fixture
def context(workspace_home: Path, tmp_path, monkeypatch) -> Iterator[Context]:
    monkeypatch.setenv("ROCI_CONFIG", str(publishing(tmp_path / "site")))
    opened = open_context()
    yield opened
    opened.database.close()


def moment(context: Context) -> str:
    """The moment of the last publication, as it is typed."""
    last = context.ledger.last_publication()
    assert last is not None
    return last.published_at.isoformat()


def everything(context: Context) -> dict[str, bytes]:
    folder = context.workspace.home / "marts"
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for area in ("reporting", "restricted")
        for path in (folder / area).glob("*")
        if path.is_file()
    }


def test_an_earlier_publication_comes_back_as_it_was(context, tmp_path):
    ingest(context, two_districts(tmp_path / "y.csv", year=2023, far_score=2440))
    ingest(context, two_districts(tmp_path / "a.csv"))
    first, then = published(context, "*", "true"), moment(context)
    ingest(context, two_districts(tmp_path / "b.csv", near=44, far_score=2460))
    now = everything(context)
    told = build_as_of(context, then, tmp_path / "out")
    assert (told.changed, told.missing) == ([], [])
    assert told.marts["student_result"] == {"rows": 200, "as_then": True}
    assert {mart["as_then"] for mart in told.marts.values()} == {True}
    again = rows_of(tmp_path / "out" / "reporting" / "mart_achievement.parquet", "*")
    assert again == first != published(context, "*", "true")
    assert everything(context) == now
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert not list((context.workspace.work / "publish").glob("*"))


def test_a_mart_that_differs_says_so(context, tmp_path):
    ingest(context, two_districts(tmp_path / "a.csv"))
    then = moment(context)
    (tmp_path / "site" / "marts.yml").write_text("score_decimals: 1\n")
    told = build_as_of(open_context(), then)
    assert told.changed == ["configuration"]
    assert told.folder.startswith(str(context.workspace.home / "marts" / "as-of"))
    assert told.marts["mart_achievement"]["as_then"] is False
    assert told.marts["student_result"]["as_then"] is True


def test_to_look_back_releases_nothing(context, tmp_path):
    ingest(context, two_districts(tmp_path / "a.csv"))
    then = moment(context)
    rule = EmbargoRule(
        assessment="results_csv", school_year=2024, district_id=FAR, state="reviewing"
    )
    set_rule(context, rule)
    told = build_as_of(open_context(), then, tmp_path / "out")
    assert told.changed == ["embargo"]
    mart = tmp_path / "out" / "reporting" / "mart_achievement.parquet"
    assert rows_of(mart, "count(*)", f"org_id LIKE '{FAR}%'") == [(0,)]
    assert rows_of(mart, "max(n_tested)") == [(40,)]


def test_versions_that_are_gone_are_refused(context, tmp_path):
    first = ingest(context, results(tmp_path / "a.csv")).loads[0]
    then = moment(context)
    ingest(context, results(tmp_path / "b.csv", score=2510))
    for path in context.workspace.lake.rglob(f"{first.load_id}~*.parquet"):
        path.unlink()
    with pytest.raises(UsageError, match="PRUNED"):
        build_as_of(context, then, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_cannot_be_meant_is_refused(context, tmp_path):
    with pytest.raises(UsageError, match="NOT_PUBLISHED"):
        build_as_of(context, "2020-01-01")
    with pytest.raises(UsageError, match="BAD_DATE"):
        build_as_of(context, "yesterday")
    ingest(context, results(tmp_path / "a.csv"))
    today = dt.datetime.now(dt.UTC).date().isoformat()
    for folder in (context.workspace.marts_reporting, tmp_path, context.workspace.home / "marts"):
        with pytest.raises(UsageError, match="FOLDER_NOT_EMPTY"):
            build_as_of(context, today, folder)


def test_a_day_means_its_end(context, roci, tmp_path):
    ingest(context, results(tmp_path / "a.csv"))
    ingest(context, results(tmp_path / "b.csv", score=2510))
    last = context.ledger.last_publication()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    done = roci("marts", "build", "--as-of", today, "--out", tmp_path / "out", "--json")
    assert done.code == 0, done.said
    assert last is not None and done.json["publication_id"] == last.publication_id
    assert "with today's code" in roci("marts", "build", "--as-of", today).out


def test_every_mart_of_a_publication_carries_its_id(context, tmp_path):
    ingest(context, results(tmp_path / "a.csv"))
    ingest(context, results(tmp_path / "b.csv", year=2023, score=2400))
    last = context.ledger.last_publication()
    assert last is not None
    marts = list((context.workspace.home / "marts").glob("*/*.parquet"))
    assert len(marts) >= 8
    assert {publication_id_of(path) for path in marts} == {last.publication_id}
    manifest = json.loads((context.workspace.marts_reporting / SIDECAR).read_text())
    basis = context.ledger.basis(last.publication_id)
    assert basis is not None
    assert manifest["publication_id"] == last.publication_id
    assert (manifest["code"], manifest["configuration"]) == (basis.code, basis.configuration)
    (told,) = in_sql(context, "SELECT * FROM publication")
    assert told == tuple(
        manifest[name] for name in ("publication_id", "published_at", "code", "configuration")
    )


def whole_publication(folder: Path) -> tuple[str, set[int]] | None:
    """Return id and students of two marts, as a reader takes them; null while they are mixed."""
    names = ("mart_achievement", "mart_level")
    try:
        told = json.loads((folder / SIDECAR).read_text())["publication_id"]
        files = [pq.ParquetFile(folder / f"{name}.parquet") for name in names]
    except FileNotFoundError:
        return None
    ids = {(file.metadata.metadata or {}).get(PUBLICATION_KEY.encode()) for file in files}
    if ids != {told.encode()}:
        return None
    # What is open stays whole whatever takes its place meanwhile.
    years = {year for f in files for year in f.read(["school_year"])["school_year"].to_pylist()}
    return told, years


def test_a_reader_who_polls_meets_whole_publications_only(context, tmp_path):
    ingest(context, results(tmp_path / "a.csv", year=2024, level=EACH_LEVEL))
    folder, seen, ended = context.workspace.marts_reporting, [], threading.Event()
    in_tables: list[tuple] = []

    def poll() -> None:
        while not ended.is_set():
            seen.append(whole_publication(folder))
            query = (
                "SELECT publication_id, count(DISTINCT school_year) "
                "FROM publication, mart_achievement"
            )
            in_tables.extend(in_sql(context, query))

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        for year in (2023, 2022):
            ingest(
                context,
                results(tmp_path / f"{year}.csv", year=year, score=year + 400, level=EACH_LEVEL),
            )
        run_build(context, everything=True, engine="direct")
    finally:
        ended.set()
        reader.join()
    whole = [one for one in seen if one]
    years = dict(whole)
    assert len(years) > 1
    first = min(years)
    assert years[first] == {2024}
    assert all(found == years[told] for told, found in whole)
    assert len({told for told, _ in in_tables}) == len(set(in_tables)) > 1


def test_between_any_two_steps_of_a_publication_a_mixture_is_seen_as_one(
    context, tmp_path, monkeypatch
):
    ingest(context, results(tmp_path / "a.csv", year=2024, level=EACH_LEVEL))
    folder, real = context.workspace.marts_reporting, publish.put_in_place
    seen: list[tuple[str, set[int]] | None] = [whole_publication(folder)]

    def and_look(*words: Any) -> None:
        real(*words)
        seen.append(whole_publication(folder))

    monkeypatch.setattr(publish, "put_in_place", and_look)
    ingest(context, results(tmp_path / "b.csv", year=2023, score=2400, level=EACH_LEVEL))
    seen.append(whole_publication(folder))
    assert None in seen, "marts of both were there at the same time"
    assert [years for _, years in filter(None, (seen[0], seen[-1]))] == [{2024}, {2023, 2024}]
    assert {frozenset(one[1]) for one in seen if one} == {
        frozenset({2024}),
        frozenset({2023, 2024}),
    }
