"""Files that hold several results in a row: every record has a fate of its own, a row has one."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from configs.catalogue import load_catalogue
from configs.source_models import FieldSource, RecordSet, Source
from flows.context import Context, open_context
from flows.outcome import LoadOutcome
from flows.running import run_ingest
from flows.stages.intake import Incoming
from flows.stages.resolving import resolve_rows
from flows.stages.rows import StagedRows, stage_rows
from flows.stages.trial import try_sample
from flows.stages.work import Resolved, Work
from transforms.encode import Encoder
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, raw_rows, read_pieces

OWN = ["ssid", "test_year", "grade", "cds_code", "ethnicity", "el_status", "gender", "sed", "swd"]
HEADER = [*OWN, "ELA score", "ELA level", "Math score", "Math level"]
STUDENT = "{},2024,3,01990176990013,500,EO,F,Y,N"
GOOD = "2500,3"


def wide_source() -> Source:
    """The plain results with both subjects beside one another."""
    plain = load_catalogue().source("results_csv")
    both = RecordSet(
        over={"subject": {"ela": "ELA", "math": "Math"}},
        columns={"scale_score": "{subject} score", "level": "{subject} level"},
        present=["scale_score", "level"],
    )
    layout = plain.layouts[0].model_copy(
        update={"name": "wide", "header": HEADER, "records": [both]}
    )
    fields = plain.fields | {"subject": FieldSource(column="subject", required=True)}
    return plain.model_copy(
        update={"name": "wide", "file_names": ["*wide*"], "layouts": [layout], "fields": fields}
    )


def wide_file(path: Path, rows: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([",".join(HEADER), *rows, ""]), encoding="utf-8")
    return path


def row(student: int, ela: str, math: str) -> str:
    return ",".join([STUDENT.format(9_000_000_000 + student), ela, math])


@pytest.fixture
def context(
    workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """A workspace that knows the wide source."""
    site = tmp_path / "site"
    (site / "sources").mkdir(parents=True)
    content = wide_source().model_dump(mode="json", exclude_none=True)
    (site / "sources/wide.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    opened = open_context()
    yield opened
    opened.database.close()


def ingest(context: Context, folder: Path, rows: list[str]) -> LoadOutcome:
    file = wide_file(folder / "wide.csv", rows)
    (load,) = run_ingest(context, "wide", [file], district=None, engine="direct").loads
    return load


MANY = [row(number, GOOD, GOOD) for number in range(100, 140)]


def test_every_result_of_a_row_is_loaded_and_counted(context: Context, tmp_path: Path):
    rows = [row(1, GOOD, ","), row(2, ",", ","), *MANY]
    load = ingest(context, tmp_path, rows)
    assert (load.state, load.received) == ("loaded", 1 + 1 + 80)
    assert (load.loaded, load.quarantined, load.set_aside) == (81, 0, 1)
    scan = context.lake.scan_sql("student_result")
    with duckdb.connect() as con:
        counts = con.execute(
            f"SELECT source_record, subject, count(*) FROM {scan} GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert counts == [(0, "ela", 41), (1, "math", 40)]


def test_a_fault_in_one_record_keeps_the_whole_row_in_quarantine(context: Context, tmp_path: Path):
    rows = [row(1, GOOD, "x,3"), *MANY]
    load = ingest(context, tmp_path, rows)
    assert (load.loaded, load.quarantined) == (80, 2)
    kept = context.quarantine.read(load.load_id).to_pylist()
    assert [(one["source_row"], one["reject_codes"], one["Math score"]) for one in kept] == [
        (2, "NOT_A_NUMBER", "x")
    ]


def test_a_sample_tells_which_record_and_field_a_column_fills(context: Context, tmp_path: Path):
    sample = wide_file(tmp_path / "wide.csv", MANY)
    trial = try_sample(context, context.catalogue.source("wide"), sample, None)
    uses = {one["column"]: one["use"] for one in trial.columns}
    assert uses["Math score"] == "scale_score of math: fills scale_score"
    assert uses["ELA level"] == "level of ela: fills performance_level"
    assert uses["ssid"] == "fills student_id"
    assert trial.rows == 80


CELLS = st.sampled_from([",", GOOD, "2400,2", "x,3", "2500,"])
ROWS = st.lists(st.tuples(st.integers(1, 3), CELLS, CELLS), min_size=1, max_size=12)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
def test_nothing_is_lost_or_doubled_from_the_file_to_the_lake(
    context: Context, tmp_path: Path, rows: list[tuple[int, str, str]]
):
    file = wide_file(tmp_path / "any.csv", [row(*one) for one in rows])
    staged, resolved, raw = settled(context, file, tmp_path / "work")
    for tally in (staged.tally, resolved.tally):
        assert tally.received == len(rows)
        assert tally.received + tally.made == tally.staged + tally.rejected + tally.aside
    kept, rejected = records(resolved), rows_of(resolved.tally.rejects)
    assert resolved.tally.staged == sum(resolved.rows.values()) == len(kept)
    assert not {number for number, *_ in kept} & rejected
    assert max(Counter(kept).values(), default=0) <= 1
    grains = Counter((student, subject) for _, _, student, subject in kept)
    assert max(grains.values(), default=0) <= 1
    assert raw == len(rejected)
    accounted = {number for number, *_ in kept} | rejected | rows_of(resolved.tally.set_aside)
    assert accounted == set(range(2, len(rows) + 2))


def settled(context: Context, file: Path, folder: Path) -> tuple[StagedRows, Resolved, int]:
    """Stage a file and settle it across rows; count its rejected rows as quarantine shows them."""
    shutil.rmtree(folder, ignore_errors=True)
    source = context.catalogue.source("wide")
    with file.open("rb") as stream, duckdb.connect() as con:
        found = examine(stream, source)
        match = match_layout(found.columns, source)
        encoder = Encoder(Setting(source, match, context.catalogue, Landing()))
        pieces = read_pieces(stream, found, encoder.columns, encoder.plain_columns)
        staged = stage_rows(pieces, encoder, source, context.catalogue, folder)
        work = Work("L1", source, Incoming("wide", file.name, sha256=""), folder)
        resolved = resolve_rows(context, work, staged, con)
        raw = raw_rows(stream, found, sorted(rows_of(resolved.tally.rejects)))
    return staged, resolved, raw.num_rows


def rows_of(tables: list) -> set[int]:
    return {number for table in tables for number in table["source_row"].to_pylist()}


def records(resolved: Resolved) -> list[tuple]:
    """(row, record, student, subject) of everything that goes to the lake."""
    paths = [str(path) for files in resolved.files.values() for path in files]
    if not paths:
        return []
    with duckdb.connect() as con:
        return con.execute(
            "SELECT source_row, source_record, student_id, subject FROM "
            "read_parquet($paths, hive_partitioning = false)",
            {"paths": paths},
        ).fetchall()
