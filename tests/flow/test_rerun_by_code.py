"""Loads with rows that wait for a code are done again by that code; a new list makes them stale."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from configs.catalogue import SHIPPED
from flows.context import Context
from flows.mapping import Mapping
from flows.running import run_again, run_ingest
from flows.source_reporting import show_mapping
from flows.standing import stale_loads
from tests.flow.as_configured import opened
from tests.flow.small_files import results

UNKNOWN = "UNKNOWN_CODE"


@pytest.fixture
def site(workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROCI_CONFIG", str(tmp_path / "site"))
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


def ingest(context: Context, file: Path) -> str:
    (load,) = run_ingest(context, "results_csv", [file], district=None, engine="direct").loads
    return f"{load.state} {load.loaded}"


def again(context: Context, code: str) -> list[tuple[str, str, int | None]]:
    run = run_again(context, [], failed=False, code=code, engine="direct")
    return [(load.file_name, load.state, load.loaded) for load in run.loads]


def test_rows_that_waited_for_a_code_come_in_once_it_is_said(site, tmp_path, capsys):
    with opened() as context:
        assert ingest(context, results(tmp_path / "clean.csv", year=2022)) == "loaded 40"
        few = results(tmp_path / "few.csv", year=2023, score=2510, bad_rows=1)
        assert ingest(context, few) == "loaded 39"
        many = results(tmp_path / "many.csv", year=2024, score=2520, bad_rows=20)
        assert ingest(context, many) == "failed 0"
        capsys.readouterr()
        show_mapping(context, Mapping("results_csv", "gender", "?", "X"), as_json=False)
        assert f"next: roci rerun --code {UNKNOWN}" in capsys.readouterr().out.splitlines()
    with opened() as context:
        assert again(context, "BAD_FORMAT") == []
        assert again(context, UNKNOWN) == [("few.csv", "loaded", 40), ("many.csv", "loaded", 40)]
        assert again(context, UNKNOWN) == []


def test_a_load_that_a_later_file_replaced_is_not_done_again(site, tmp_path):
    with opened() as context:
        ingest(context, results(tmp_path / "first.csv", bad_rows=1))
        assert ingest(context, results(tmp_path / "second.csv", score=2510)) == "loaded 40"
        assert again(context, UNKNOWN) == []


def test_a_load_is_chosen_by_the_code_that_stopped_it(site, tmp_path):
    with opened() as context:
        ingest(context, results(tmp_path / "many.csv", bad_rows=20))
        (load,) = context.ledger.loads()
        assert [name for name, *_ in again(context, load.fault.code)] == ["many.csv"]


def put(site: Path, name: str, content: dict) -> None:
    (site / name).parent.mkdir(exist_ok=True)
    (site / name).write_text(yaml.safe_dump(content), encoding="utf-8")


def new_assessment(site: Path) -> None:
    text = (SHIPPED / "assessments/cast.yml").read_text(encoding="utf-8")
    put(site, "assessments/quill.yml", yaml.safe_load(text) | {"name": "quill"})


def vocabulary_of_another_table(site: Path) -> None:
    put(site, "vocabulary/student_group.yml", {"codes": {"ANOTHER": {"label": "Another"}}})


def vocabulary_of_its_own(site: Path) -> None:
    put(site, "vocabulary/gender.yml", {"codes": {"ANOTHER": {"label": "Another"}}})


@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (new_assessment, []),
        (vocabulary_of_another_table, []),
        (vocabulary_of_its_own, ["vocabulary"]),
    ],
)
def test_only_what_a_load_uses_makes_it_stale(
    site: Path, tmp_path: Path, change: Callable[[Path], None], stale: list[str]
):
    file = results(tmp_path / "results.csv")
    with opened() as context:
        ingest(context, file)
    change(site)
    with opened() as context:
        assert [one["changed"] for one in stale_loads(context)] == stale
        (load,) = run_ingest(context, "results_csv", [file], district=None, engine="direct").loads
        assert load.state == ("loaded" if stale else "unchanged")
