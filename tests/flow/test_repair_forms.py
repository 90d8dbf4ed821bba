"""Rejected rows are repaired alike whatever the form of their file."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml

from configs.catalogue import load_catalogue
from configs.source_models import Layout, Position, Source
from flows.context import Context, open_context
from tests.flow.small_files import results, roster_of_schools
from tests.flow.test_records import MANY, row, wide_file, wide_source
from tests.flow.test_repair import corrected, exported, ingest, replay, require_nothing_twice
from tests.samples.writing import fixed, json_lines, parquet, workbook

WIDTH = 16


def fixed_source() -> Source:
    """The plain results as records of fixed width."""
    plain = load_catalogue().source("results_csv")
    names = plain.layouts[0].columns
    positions = [
        Position(column=name, start=1 + at * WIDTH, end=(at + 1) * WIDTH)
        for at, name in enumerate(names)
    ]
    layout = Layout(
        name="fixed", citation="-", positions=positions, record_length=WIDTH * len(names)
    )
    return plain.model_copy(
        update={"name": "fixed_results", "file_names": ["*fixed*"], "layouts": [layout]}
    )


@pytest.fixture
def context(
    workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """A workspace that knows results of fixed width and of several records in a row."""
    site = tmp_path / "site"
    (site / "sources").mkdir(parents=True)
    for source in (fixed_source(), wide_source()):
        content = source.model_dump(mode="json", exclude_none=True)
        (site / "sources" / f"{source.name}.yml").write_text(yaml.safe_dump(content), "utf-8")
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    opened = open_context()
    yield opened
    opened.database.close()


def rows_of(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return list(rows[0]), rows


WRITERS = {"workbook": workbook, "json_lines": json_lines, "parquet": parquet}


@pytest.mark.parametrize("form", WRITERS)
def test_rows_of_another_form_come_back(context, tmp_path, form):
    header, rows = rows_of(results(tmp_path / "plain.csv", 100, bad_rows=2))
    file = tmp_path / f"results_{form}"
    file.write_bytes(WRITERS[form](header, rows))
    load = ingest(context, file)
    assert (load.state, load.loaded, load.quarantined) == ("loaded", 98, 2)
    first = min(context.quarantine.read(load.load_id)["source_row"].to_pylist())
    sheet = corrected(exported(context, load.load_id), {first: {"gender": "F"}})
    repair, run = replay(context, load.load_id, sheet)
    assert repair.taken == (first,) and (run.loaded, run.quarantined) == (99, 1)
    require_nothing_twice(context, run.load_id)


def test_rows_of_fixed_width_come_back(context, tmp_path):
    _, rows = rows_of(results(tmp_path / "plain.csv", 100, bad_rows=2))
    file = tmp_path / "fixed.txt"
    file.write_bytes(fixed(fixed_source().layouts[0], rows))
    load = ingest(context, file, "fixed_results")
    assert (load.state, load.loaded, load.quarantined) == ("loaded", 98, 2)
    sheet = corrected(exported(context, load.load_id), {1: {"gender": "F"}})
    repair, run = replay(context, load.load_id, sheet)
    assert (repair.taken, repair.wrong) == ((1,), ())
    assert (run.loaded, run.quarantined) == (99, 1)


def test_a_row_of_several_records_comes_back_whole(context, tmp_path):
    file = wide_file(tmp_path / "wide.csv", [row(1, "2500,3", "x,3"), *MANY])
    load = ingest(context, file, "wide")
    assert (load.loaded, load.quarantined) == (80, 2)
    sheet = exported(context, load.load_id)
    repair, _ = replay(context, load.load_id, corrected(sheet, {2: {"Math score": "y"}}))
    assert [(one.source_row, one.code) for one in repair.wrong] == [(2, "NOT_A_NUMBER")]
    repair, run = replay(context, load.load_id, corrected(sheet, {2: {"Math score": "2490"}}))
    assert repair.taken == (2,) and (run.loaded, run.quarantined) == (82, 0)
    scan = context.lake.scan_sql("student_result")
    scores = duckdb.sql(f"SELECT scale_score FROM {scan} WHERE source_row = 2 ORDER BY 1")
    assert scores.fetchall() == [(2490,), (2500,)]


def test_a_student_of_a_roster_comes_back(context, tmp_path):
    schools = {f"{6_990_000 + number}": f"School {number}" for number in range(100)}
    whole = roster_of_schools(tmp_path / "whole.zip", "0199017", schools, "2023-08-20")
    spoilt = tmp_path / "roster.zip"
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(spoilt, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            new.writestr(name, text.replace(",female,", ",no such sex,", 1))
    load = ingest(context, spoilt, "oneroster")
    assert (load.state, load.loaded, load.quarantined) == ("loaded", 99, 1), load
    table = context.quarantine.read(load.load_id)
    (number,) = table["source_row"].to_pylist()
    (column,) = [name for name in table.column_names if table[name][0].as_py() == "no such sex"]
    sheet = corrected(exported(context, load.load_id), {number: {column: "female"}})
    repair, run = replay(context, load.load_id, sheet)
    assert repair.taken == (number,) and (run.loaded, run.quarantined) == (100, 0)
