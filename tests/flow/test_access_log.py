"""Whoever has restricted rows written out is on record: who, when, what, where to; no value."""

from __future__ import annotations

import getpass
import json
from pathlib import Path

import pytest

from flows.backing_up import back_up
from flows.comparing import show_comparison, show_restatement
from flows.context import Context
from flows.reporting import show_accesses, show_quarantine
from flows.running import run_build
from flows.stages.as_of import build_as_of
from flows.stages.exporting import export_rows
from flows.stages.intake import ingest_files
from flows.stages.loading import load_incoming
from tests.flow.small_files import results

STUDENT = "9000000001"


@pytest.fixture
def load_id(context: Context, tmp_path: Path) -> str:
    path = results(tmp_path / "results.csv", bad_rows=2)
    (file,) = ingest_files(context, "results_csv", [path], "0199017")
    return load_incoming(context, file, suites=False).load_id


def noted(context: Context, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    show_accesses(context, limit=10, as_json=True)
    told = capsys.readouterr().out
    assert STUDENT not in told and "9000000000" not in told
    return json.loads(told)


def test_an_export_of_rejected_rows_is_noted(context, load_id, tmp_path, capsys):
    export_rows(context, load_id, tmp_path / "out.xlsx", understood=True)
    show_quarantine(context, load_id, limit=1, values=True, as_json=False)
    show_quarantine(context, load_id, limit=1, values=False, as_json=False)  # shows no value
    shown, exported = noted(context, capsys)
    assert (exported["verb"], exported["rows"]) == ("quarantine export", 2)
    assert exported["place"] == str(tmp_path / "out.xlsx")
    assert exported["filter"] == load_id and exported["accessed_by"] == getpass.getuser()
    assert (shown["verb"], shown["rows"]) == ("quarantine show --values", 1)


def test_comparisons_marts_of_a_day_and_backups_are_noted(context, load_id, tmp_path, capsys):
    run_build(context, everything=False, engine="direct")
    show_comparison(context, load_id, as_json=True)
    build_as_of(context, "2100-01-01", tmp_path / "then")
    back_up(context, tmp_path / "all.tar.gz", outside=True, logs=False)
    path = results(tmp_path / "later.csv", score=2510)
    (file,) = ingest_files(context, "results_csv", [path], "0199017")
    load_incoming(context, file, suites=False)
    show_restatement(context, load_id, as_json=True)
    told = noted(context, capsys)
    assert [one["verb"] for one in told] == [
        "restate", "backup", "marts build --as-of", "explain --compare"
    ]  # fmt: skip
    assert told[1]["rows"] is None and told[1]["place"] == str(tmp_path / "all.tar.gz")
    assert all(one["rows"] for one in told if one["verb"] != "backup")


def test_what_is_refused_is_not_noted(context, load_id, tmp_path, capsys):
    with pytest.raises(Exception, match="UNPROTECTED_EXPORT"):
        export_rows(context, load_id, tmp_path / "out.xlsx", understood=False)
    assert noted(context, capsys) == []
