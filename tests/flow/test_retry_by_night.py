"""A load that stopped for a cause outside its file is done again by the next nightly itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from configs.errors import InfrastructureError
from flows import patience
from flows.context import Context, open_context
from flows.running import run_again, run_nightly
from flows.stages import loading
from tests.command_line import ROOT
from tests.flow.small_files import results, roster_of_schools

PARTS = {"where": "here", "found": "this", "expected": "that", "remedy": "so"}
DISTRICT, OTHER = "0199017", "0199025"
ELM, OAK = {"6990013": "Elm Elementary"}, {"6990054": "Oak Elementary"}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the direct engine would have waited between two tries."""
    told: list[float] = []
    monkeypatch.setattr(patience.time, "sleep", told.append)
    return told


def vendor_file(path: Path, school: str = "Elm Elementary", rows: int = 12) -> Path:
    """Write a vendor's file that names schools only."""
    headers = ROOT / "configs" / "sources" / "headers" / "iready_2022_math.txt"
    names = headers.read_text(encoding="utf-8").splitlines()
    row = dict.fromkeys(names, "")
    row |= {
        "Academic Year": "2021-2022", "School": school, "Student Grade": "3",
        "Completion Date": "09/14/2021", "Overall Scale Score": "431",
        "Overall Relative Placement": "1 Grade Level Below",
    }  # fmt: skip
    lines = [",".join(names)]
    for number in range(rows):
        lines.append(",".join({**row, "Student ID": str(5000 + number)}[name] for name in names))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def night(context: Context, source: str | None = None) -> list[tuple[str, str, str | None, int]]:
    run = run_nightly(context, source=source)
    return [(load.source, load.state, load.code, load.loaded) for load in run.loads]


HELD = ("iready_diagnostic", "held", "UNKNOWN_SCHOOL", 0)


def roster(context: Context, district: str, schools: dict[str, str], name: str) -> None:
    place = context.workspace.landing / district / name
    roster_of_schools(place, district, schools, "2021-08-20")


def test_a_file_of_unknown_schools_is_loaded_in_the_night_that_its_roster_comes(context):
    vendor_file(context.workspace.landing / DISTRICT / "iready_math.csv")
    assert night(context) == [HELD]
    assert night(context) == []
    roster(context, OTHER, OAK, "other.zip")
    assert night(context) == [("oneroster", "loaded", None, 1)]
    roster(context, DISTRICT, OAK, "without.zip")
    assert night(context) == [("oneroster", "loaded", None, 1), HELD]
    assert night(context) == []
    roster(context, DISTRICT, ELM | OAK, "with.zip")
    assert night(context) == [
        ("oneroster", "loaded", None, 2),
        ("iready_diagnostic", "loaded", None, 12),
    ]
    assert night(context) == []
    attempts = context.ledger.loads(source="iready_diagnostic")
    assert [(load.state, load.attempt) for load in attempts] == [
        ("loaded", 3), ("held", 2), ("held", 1),
    ]  # fmt: skip


def test_a_nightly_of_one_source_leaves_the_loads_of_others_alone(context):
    vendor_file(context.workspace.landing / DISTRICT / "iready_math.csv")
    assert night(context) == [HELD]
    roster(context, DISTRICT, ELM, "roster.zip")
    assert night(context, "oneroster") == [("oneroster", "loaded", None, 1)]
    assert night(context) == [("iready_diagnostic", "loaded", None, 12)]


def test_a_discarded_load_is_left_alone(context):
    vendor_file(context.workspace.landing / DISTRICT / "iready_math.csv")
    night(context)
    (load,) = context.ledger.loads()
    context.ledger.finish(load.load_id, "discarded", fault=load.fault)
    roster(context, DISTRICT, ELM, "roster.zip")
    assert night(context) == [("oneroster", "loaded", None, 1)]


def test_a_refused_file_is_no_better_the_next_night(context):
    results(context.workspace.landing / DISTRICT / "bad.csv", bad_rows=20)
    assert [code for _, _, code, _ in night(context)] == ["TOO_MANY_REJECTS"]
    assert night(context) == []


def test_a_file_of_no_district_is_loaded_once_the_home_district_is_said(
    workspace_home, tmp_path, monkeypatch
):
    site = tmp_path / "site" / "profiles"
    site.mkdir(parents=True)
    monkeypatch.setenv("ROCI_CONFIG", str(site.parent))
    first = open_context()
    vendor_file(first.workspace.landing / "iready_math.csv")
    assert [code for _, _, code, _ in night(first)] == ["NO_DISTRICT"]
    assert night(first) == []
    first.database.close()
    (site / "default.yml").write_text(yaml.safe_dump({"home_district": DISTRICT}))
    second = open_context()
    assert night(second) == [HELD]
    assert night(second) == []
    assert [load.state for load in second.ledger.loads()] == ["held", "superseded"]
    second.database.close()


def cut_off(monkeypatch: pytest.MonkeyPatch, code: str, times: int) -> list[str]:
    """Let the load fail that often; return the files that were tried."""
    tried: list[str] = []
    real = loading._load

    def fail(context: Context, work: loading.Work) -> None:
        tried.append(work.incoming.file_name)
        if len(tried) <= times:
            raise InfrastructureError(code, **PARTS)
        real(context, work)

    monkeypatch.setattr(loading, "_load", fail)
    return tried


def test_a_database_that_is_away_for_a_moment_is_waited_for(context, waits, monkeypatch):
    tried = cut_off(monkeypatch, "DATABASE_AWAY", times=2)
    results(context.workspace.landing / "results.csv")
    assert night(context) == [("results_csv", "loaded", None, 40)]
    assert (len(tried), waits) == (3, [2.0, 10.0])
    assert [load.state for load in context.ledger.loads()] == ["loaded", "failed", "failed"]


def test_data_and_what_cannot_pass_are_tried_once(context, waits, monkeypatch):
    tried = cut_off(monkeypatch, "LAKE_TYPE", times=1)
    results(context.workspace.landing / "results.csv")
    with pytest.raises(InfrastructureError, match="LAKE_TYPE"):
        run_nightly(context)
    assert (len(tried), waits) == (1, [])


def test_what_a_lost_database_stopped_is_done_by_the_next_night(
    context, waits, monkeypatch, tmp_path
):
    from flows.running import run_ingest

    cut_off(monkeypatch, "DATABASE_AWAY", times=4)
    file = results(tmp_path / "results.csv")
    with pytest.raises(InfrastructureError, match="DATABASE_AWAY"):
        run_ingest(context, "results_csv", [file], district=DISTRICT, engine="direct")
    assert waits == [2.0, 10.0, 30.0]
    assert night(context) == [("results_csv", "loaded", None, 40)]
    assert night(context) == []


def test_an_accident_that_comes_back_every_night_is_left_to_a_person(
    context, waits, monkeypatch, tmp_path
):
    from flows.running import run_ingest

    tried = cut_off(monkeypatch, "DATABASE_AWAY", times=99)
    file = results(tmp_path / "results.csv")
    with pytest.raises(InfrastructureError):
        run_ingest(context, "results_csv", [file], district=DISTRICT, engine="direct")
    for _ in range(2):
        with pytest.raises(InfrastructureError):
            run_nightly(context)
    assert len(tried) == 12
    assert night(context) == []


def test_a_rerun_says_what_has_changed_since(context):
    vendor_file(context.workspace.landing / DISTRICT / "iready_math.csv")
    night(context)
    (load,) = context.ledger.loads()
    again = run_again(context, [load.load_id], failed=False, code=None, engine="direct").again
    assert [one.words for one in again] == [
        f"{load.load_id} iready_diagnostic: nothing that it depends on has changed since"
    ]
    roster(context, DISTRICT, ELM, "roster.zip")
    night(context, "oneroster")
    again = run_again(context, [], failed=True, code=None, engine="direct").again
    assert [one.changed for one in again] == [("student_roster",)]


def test_a_rerun_names_the_vocabulary_that_has_changed(workspace_home, tmp_path, monkeypatch):
    site = tmp_path / "site" / "vocabulary"
    site.mkdir(parents=True)
    monkeypatch.setenv("ROCI_CONFIG", str(site.parent))
    first = open_context()
    results(first.workspace.landing / "results.csv")
    night(first)
    (load,) = first.ledger.loads()
    first.database.close()
    codes = {"codes": {"ANOTHER": {"label": "Another"}}}
    (site / "gender.yml").write_text(yaml.safe_dump(codes), encoding="utf-8")
    second = open_context()
    run = run_again(second, [load.load_id], failed=False, code=None, engine="direct")
    assert [one.changed for one in run.again] == [("vocabulary",)]
    second.database.close()


def test_what_the_lake_has_and_the_ledger_lacks_is_finished_by_the_next_night(context, monkeypatch):
    """A person stopped the run between the two: the lake is ahead, and the load is failed."""

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    results(context.workspace.landing / DISTRICT / "results.csv")
    with monkeypatch.context() as patched:
        patched.setattr(type(context.ledger), "finish_loaded", stop)
        with pytest.raises(KeyboardInterrupt):
            run_nightly(context)
    (cut,) = context.ledger.loads()
    assert (cut.state, cut.fault.code) == ("failed", "INTERRUPTED")
    assert context.lake.partition_loads("student_result")
    for file in context.landing.files():
        context.landing.remove(file)
    run = run_nightly(context)
    assert [(load.state, load.loaded) for load in run.loads] == [("loaded", 40)]
    assert run.build.state == "published"
