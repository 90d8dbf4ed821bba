"""An unfinished draft stops nobody's night: its files wait, all else is loaded."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from configs.catalogue import SHIPPED
from configs.errors import ConfigurationError, UsageError
from configs.references import UNSET
from flows.context import Context
from flows.drafting import Request, draft, faults_of, write
from flows.reporting import show_status
from flows.running import run_again, run_backfill, run_ingest, run_nightly
from flows.source_reporting import show_source_check, show_sources
from tests.flow.as_configured import opened
from tests.flow.small_files import RESULTS_HEADER, results
from tests.flow.vendor_file import vendor_file

OTHER_HEADER = RESULTS_HEADER.replace("level", "placement")
LINE = "quill: unfinished, 1 to be set; its files wait in landing/  -> roci check"


@pytest.fixture
def site(workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROCI_CONFIG", str(tmp_path / "site"))
    (tmp_path / "site" / "sources").mkdir(parents=True)
    return tmp_path / "site"


def quill(site: Path, participation: str) -> None:
    """Write a source of the site's own: the plain results with another name of a column."""
    body = yaml.safe_load((SHIPPED / "sources/results_csv.yml").read_text(encoding="utf-8"))
    body |= {"name": "quill", "file_names": ["*quill*.csv"]}
    body["layouts"][0]["header"] = OTHER_HEADER.split(",")
    body["fields"]["performance_level"]["column"] = "placement"
    body["fields"]["participation"] = {"value": participation}
    (site / "sources/quill.yml").write_text(yaml.safe_dump(body), encoding="utf-8")


def waiting(context: Context) -> list[str]:
    return [file.name for file in context.landing.files()]


def loaded(context: Context) -> list[tuple[str, str, str]]:
    run = run_nightly(context)
    return sorted((load.source, load.file_name, load.state) for load in run.loads)


def test_the_night_goes_on_and_the_files_of_a_draft_wait_for_it(site, tmp_path, capsys):
    quill(site, UNSET)
    with opened() as context:
        landing = context.workspace.landing
        results(landing / "results.csv")
        results(landing / "quill.csv", header=OTHER_HEADER, year=2023)
        assert loaded(context) == [("results_csv", "results.csv", "loaded")]
        assert waiting(context) == ["quill.csv"]
        assert list(context.workspace.refused.iterdir()) == []
        capsys.readouterr()
        show_status(context, as_json=False)
        assert LINE in capsys.readouterr().out.splitlines()
        show_sources(context, as_json=False)
        assert LINE in capsys.readouterr().out.splitlines()
    quill(site, "TESTED")
    with opened() as context:
        assert loaded(context) == [("quill", "quill.csv", "loaded")]
        assert waiting(context) == []


def test_an_archive_waits_while_a_file_in_it_is_of_a_draft(site, tmp_path):
    quill(site, UNSET)
    files = [results(tmp_path / "results.csv"),
             results(tmp_path / "quill.csv", header=OTHER_HEADER, year=2023)]  # fmt: skip
    with opened() as context:
        context.workspace.landing.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(context.workspace.landing / "both.zip", "w") as archive:
            for file in files:
                archive.write(file, file.name)
        assert loaded(context) == [("results_csv", "results.csv", "loaded")]
        assert waiting(context) == ["both.zip"]


def asked(name: str) -> dict[str, Callable[[Context, Path], object]]:
    return {
        "ingest": lambda context, file: run_ingest(
            context, name, [file], district=None, engine="direct"
        ),
        "run --source": lambda context, _: run_nightly(context, source=name),
        "backfill": lambda context, _: run_backfill(context, name, "2023..2024", engine="direct"),
        "sources check": lambda context, file: show_source_check(
            context, name, file, None, as_json=False
        ),
    }


@pytest.mark.parametrize("verb", sorted(asked("quill")))
def test_who_names_an_unfinished_source_is_told_what_is_open(site, tmp_path, verb):
    quill(site, UNSET)
    with opened() as context, pytest.raises(ConfigurationError) as caught:
        asked("quill")[verb](context, results(tmp_path / "quill.csv", header=OTHER_HEADER))
    assert (caught.value.code, caught.value.exit_code) == ("UNFINISHED_SOURCE", 2)
    assert f"sources/quill.yml: fields.participation.value: {UNSET}" in caught.value.found


def test_a_load_of_a_source_that_is_open_again_is_not_done_again(site, tmp_path):
    quill(site, "TESTED")
    file = results(tmp_path / "quill.csv", header=OTHER_HEADER)
    with opened() as context:
        (load,) = run_ingest(context, "quill", [file], district=None, engine="direct").loads
    quill(site, UNSET)
    with opened() as context, pytest.raises(ConfigurationError, match="UNFINISHED_SOURCE"):
        run_again(context, [load.load_id], failed=False, code=None, engine="direct")


def test_a_draft_says_what_is_open_and_a_second_one_can_be_made(site, tmp_path):
    file = vendor_file(tmp_path / "quill_progress.csv")
    for name in ("quill", "second"):
        with opened() as context:
            drafted = draft(context.catalogue, Request(file, name=name), one_file=False)
        write(drafted, site)
        words, faults = faults_of(site, name)
        assert f"leaves {name} out" in words
        assert [one.split(":")[0] for one in faults] == [
            f"sources/{name}.yml", f"assessments/{name}.yml",
        ]  # fmt: skip
    with opened() as context, pytest.raises(UsageError, match="ALREADY_THERE"):
        draft(context.catalogue, Request(file, name="quill"), one_file=False)
    (site / "assessments/quill.yml").write_text("name: quill\n", encoding="utf-8")
    words, faults = faults_of(site, "quill")
    assert "refuses to run" in words and any("title: Field required" in one for one in faults)
