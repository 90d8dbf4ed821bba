"""Names stand in the roster alone, birth dates in no mart; what a source drops stands nowhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from configs.errors import ConfigurationError
from flows.context import Context
from flows.running import run_ingest
from tests.flow.as_configured import Opened, opened_again
from tests.flow.leaks import texts_of_parquet, texts_of_sqlite
from tests.flow.small_files import state_long

DISTRICT = "0199017"
GIVEN, FAMILY, BIRTH = "Annelunde", "Beespeare", "2014-02-03"
PERSONAL = ("given_name", "family_name", "birth_date")
ROSTER = (
    "student_id,local_student_id,school_id,school_name,school_year,grade,begin_date,end_date,"
    "ethnicity,el_status,gender,econ_status,disability_status,given_name,family_name,birth_date"
)
BENCHMARK = (
    "student_id,local_student_id,birth_date,school_id,school_name,grade,school_year,subject,"
    "test_window,test_date,percent_correct,performance_band,ethnicity,el_status,gender,"
    "economically_disadvantaged,disability"
)
ROWS = 40


def roster(path: Path, bad_rows: int = 0) -> Path:
    """Write forty students; the first `bad_rows` have a gender that nobody knows."""
    lines = [ROSTER]
    for number in range(ROWS):
        gender = "?" if number < bad_rows else "F"
        lines.append(
            f"{9_000_000_000 + number},{number},6990013,Elm,2024,3,2023-08-15,,HISPANIC,EO,"
            f"{gender},,,{GIVEN},{FAMILY},{BIRTH}"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def benchmark(path: Path) -> Path:
    """Write forty results with birth dates."""
    lines = [BENCHMARK]
    for number in range(ROWS):
        lines.append(
            f"{9_000_000_000 + number},{number},{BIRTH},6990013,Elm,3,2023-2024,math,fall,"
            f"2023-10-01,{50 + number % 30},{1 + number % 4},WHITE,EO,F,no,no"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    (folder / "sources").mkdir(parents=True)
    (folder / "marts.yml").write_text("sql_student_rows: true\n", encoding="utf-8")
    return folder


@pytest.fixture
def opened(site: Path, workspace_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    with opened_again() as opens:
        yield opens


def ingest(context: Context, source: str, path: Path) -> None:
    outcome = run_ingest(context, source, [path], district=DISTRICT, engine="direct")
    assert [load.state for load in outcome.loads] == ["loaded"]


def places_of(home: Path, word: str) -> set[str]:
    """Return the tables and folders in which a word stands, the raw store apart."""
    found = set()
    for path in home.rglob("*.parquet"):
        if any(word in text for text in texts_of_parquet(path)):
            found.add("/".join(path.relative_to(home).parts[:2]))
    for path in home.rglob("*.sqlite"):
        if any(word in text for text in texts_of_sqlite(path)):
            found.add(path.name)
    return found


def test_names_stand_in_the_roster_alone_and_birth_dates_in_no_mart(opened, tmp_path):
    context = opened()
    ingest(context, "roster_csv", roster(tmp_path / "roster.csv"))
    ingest(context, "local_benchmark_long", benchmark(tmp_path / "benchmark_long.csv"))
    state = state_long(tmp_path / "state_long.csv")
    state.write_text(state.read_text().replace("Doe", "Zebrowane"), encoding="utf-8")
    ingest(context, "state_long", state)
    home = context.workspace.home
    assert context.publisher.path("student_result", "restricted").exists()
    assert places_of(home, GIVEN) == places_of(home, FAMILY) == {"lake/student_roster"}
    # Those of results only tell whether an id is of one student.
    assert places_of(home, BIRTH) == {"lake/student_roster", "lake/student_result"}
    assert places_of(home, "Zebrowane") == set()  # a name that the state file has, and no field


def test_what_a_source_drops_stands_in_no_lake_and_no_quarantine(site, opened, tmp_path):
    dropped = f"drop: [{', '.join(PERSONAL)}]\n"
    (site / "sources" / "roster_csv.yml").write_text(dropped, encoding="utf-8")
    (site / "sources" / "local_benchmark_long.yml").write_text("drop: [birth_date]\n", "utf-8")
    context = opened()
    ingest(context, "roster_csv", roster(tmp_path / "roster.csv", bad_rows=2))
    ingest(context, "local_benchmark_long", benchmark(tmp_path / "benchmark_long.csv"))
    home = context.workspace.home
    for word in (GIVEN, FAMILY, BIRTH):
        assert places_of(home, word) == set(), word
    (kept,) = (context.quarantine.read(load.load_id) for load in context.ledger.loads()
               if load.rows_quarantined)  # fmt: skip
    assert kept["gender"].to_pylist() == ["?", "?"]
    assert {value for name in PERSONAL for value in kept[name].to_pylist()} == {None}


def test_rejected_rows_whose_names_were_dropped_can_be_corrected(site, opened, roci, tmp_path):
    (site / "sources" / "roster_csv.yml").write_text("drop: [family_name]\n", encoding="utf-8")
    context = opened()
    ingest(context, "roster_csv", roster(tmp_path / "roster.csv", bad_rows=1))
    (load,) = (load.load_id for load in context.ledger.loads())
    told, sheet = {"ROCI_CONFIG": str(site)}, tmp_path / "rows.csv"
    done = roci("quarantine", "export", load, sheet, "--i-understand", **told)
    assert done.code == 0, done.said
    text = sheet.read_text(encoding="utf-8-sig")
    assert FAMILY not in text
    sheet.write_text(text.replace("?", "M"), encoding="utf-8")
    done = roci("quarantine", "replay", load, sheet, **told)
    assert done.code == 0, done.said
    assert places_of(context.workspace.home, FAMILY) == set()
    assert len(context.ledger.loads()) == 2


def test_only_the_roster_has_names_and_no_mart_has_birth_dates():
    tables = load_catalogue().tables
    names = {name for name, table in tables.items() if set(PERSONAL[:2]) & set(table.fields)}
    assert names == {"student_roster"}


@pytest.mark.parametrize(
    ("column", "words"),
    [
        ("ssid", "fills student_id, which rows need"),
        ("gender", "fills gender, which rows need"),
        ("nickname", "no layout has a column nickname"),
    ],
)
def test_a_column_that_rows_need_or_that_is_none_cannot_be_dropped(column, words, site):
    (site / "sources" / "results_csv.yml").write_text(f"drop: [{column}]\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=words):
        load_catalogue(site)


def test_a_column_that_tells_the_race_cannot_be_dropped(site):
    path = site / "sources" / "ca_caaspp_student.yml"
    race = load_catalogue().sources["ca_caaspp_student"].race
    assert race is not None
    column = next(iter(race.columns.values()))
    path.write_text(f"drop: ['{column if isinstance(column, str) else column[0]}']\n", "utf-8")
    with pytest.raises(ConfigurationError, match="decides what a row is or becomes"):
        load_catalogue(site)
