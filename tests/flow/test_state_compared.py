"""Partner schools beside the state: a district's own CAASPP files and the state's research file."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from flows.context import Context
from flows.running import run_ingest
from flows.stages.as_of import build_as_of
from tests.flow import as_configured
from tests.flow.two_districts import in_sql, rows_of

STUDENTS, RESEARCH = "ca_caaspp_student", "ca_caaspp_research"
DISTRICT, PARTNER, OTHERS = "0199017", "6990013", ("6990021", "6990039", "6990047")
NETWORK = f"partner_schools: [{DISTRICT}/{PARTNER}]\n"
# Of 60 students of a school, every second of whom learns English, so many of each half reached it.
REACHED = {(2023, PARTNER): 12, (2024, PARTNER): 15}
ELSEWHERE = 12
# What the state prints: students with scores, percent met and above, of everybody and learners.
STATE = {2023: {"1": ("400000", "41.25"), "160": ("80000", "12.50")},
         2024: {"1": ("410000", "42.75"), "160": ("*", "*")}}  # fmt: skip
TOLD = "n_compared, pct_compared, gain, gain_compared, did"


@pytest.fixture
def context(workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = as_configured.publishing(tmp_path / "site")
    (site / "network.yml").write_text(NETWORK, encoding="utf-8")
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    with as_configured.opened() as context:
        yield context


def write(path: Path, source: str, layout: str, rows: list[dict[str, str]]) -> Path:
    """Write rows in a layout of a source; columns that a row does not name are blank."""
    header = next(o.columns for o in load_catalogue().sources[source].layouts if o.name == layout)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, header, restval="", delimiter="^", lineterminator="\r\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def student(year: int, school: str, number: int) -> dict[str, str]:
    place = (PARTNER, *OTHERS).index(school)
    reached = number // 2 < REACHED.get((year, school), ELSEWHERE)
    return {
        "RecordType": "01",
        "SSID": f"{9_000_000_000 + 100_000 * (year - 2020) + 1000 * place + number}",
        "Gender": "FM"[number // 2 % 2],
        "GradeAssessed": "04",
        "FinalTestedDistrictCode": f"{DISTRICT}0000000",
        "FinalTestedSchoolCode": DISTRICT + school,
        "SchoolStartDateTestWindow1": f"{year}-04-10",
        "FinalTestCompletedDate": f"{year}-04-20",
        "ReportingEthnicity": "500",
        "ELAS": ("EL", "EO")[number % 2],
        "EconomicDisadvantageTesting": "Yes",
        "IncludeIndicator": "Y",
        "ScaleScore": ("2450", "2500")[reached],
        "AchievementLevels": ("2", "3")[reached],
    }


def students(folder: Path, year: int) -> Path:
    rows = [student(year, s, number) for s in (PARTNER, *OTHERS) for number in range(60)]
    layout = {2023: "2022_23", 2024: "2023_24"}[year]
    name = f"caaspp_student_score_data_{year - 1}-{year % 100}.txt"
    return write(folder / name, STUDENTS, layout, rows)


def research(path: Path, year: int, groups: Mapping[str, tuple[str, str]]) -> Path:
    """Write what the state prints of all grades in English and, otherwise, in mathematics."""
    place = {"County Code": "00", "District Code": "00000", "School Code": "0000000",
             "Type ID": "4", "Test Year": str(year), "Test Type": "B", "Grade": "13"}  # fmt: skip
    layout, scored = {
        2023: ("sb_2021", "Students with Scores"),
        2024: ("sb_2024", "Total Students Tested with Scores"),
    }[year]
    rows = [
        place
        | {"Student Group ID": group, "Test ID": test, scored: n,
           "Percentage Standard Met and Above": share}
        for test, given in (("1", groups), ("2", {"1": ("390000", "10.00")}))
        for group, (n, share) in given.items()
    ]  # fmt: skip
    return write(path, RESEARCH, layout, rows)


def load(context: Context, source: str, *paths: Path) -> str:
    """Load files and build; return what became of the build."""
    district = DISTRICT if source == STUDENTS else None
    run = run_ingest(context, source, list(paths), district=district, engine="direct")
    assert [one.state for one in run.loads] == ["loaded"] * len(paths), run
    assert run.build is not None
    return run.build.state


def beside_the_state(context: Context, area: str, what: str = TOLD, **key: object) -> list[tuple]:
    """Return rows of the partner schools beside the state."""
    exact = "_unsuppressed" if area == "restricted" else ""
    whole = {"org_level": "partner", "compared_to": "state", "subject": "ela", "grade": "all",
             "school_year": 2024, "from_year": 2023, "contrast": "all",
             **dict.fromkeys(context.catalogue.marts.dimensions, "all"), **key}  # fmt: skip
    where = " AND ".join(f"{column} = '{value}'" for column, value in whole.items())
    path = context.workspace.home / "marts" / area / f"mart_comparison{exact}.parquet"
    return rows_of(path, what, where)


def test_partner_schools_stand_beside_the_state_as_soon_as_it_publishes(context, tmp_path):
    own = [students(tmp_path, year) for year in (2023, 2024)]
    assert load(context, STUDENTS, *own) == "published"
    before = marts(context)
    assert beside_the_state(context, "reporting") == []

    files = [research(tmp_path / f"sb_ca{y}_all_csv_v1.txt", y, STATE[y]) for y in STATE]
    assert load(context, RESEARCH, *files) == "published"
    # The partner school rose from 24 of 60 to 30 of 60.
    exact = [(410000, 42.75, 10.0, 1.5, 8.5)]
    assert beside_the_state(context, "restricted") == [pytest.approx(exact[0], abs=1e-9)]
    assert beside_the_state(context, "reporting") == [(410000, 42.8, 10.0, 1.5, 8.5)]
    # Masked: neither a number nor a zero, and the school's own row is not hidden for it.
    masked = "n_tested, n_compared, pct_compared, difference, did, suppressed"
    learners = beside_the_state(context, "reporting", masked, el_status="EL")
    assert learners == [(30, None, None, None, None, False)]
    reason = beside_the_state(context, "restricted", "missing_reason", el_status="EL")
    assert reason == [("no_levels",)]
    then = {"school_year": 2023, "from_year": 2023, "el_status": "EL"}
    assert beside_the_state(context, "reporting", "n_compared, pct_compared", **then) == [
        (80000, 12.5)
    ]
    # No other mart has the state in it, and no other test is compared with it.
    now = marts(context)
    assert {name for name in now if now[name] != before[name]} == {
        "mart_comparison", "mart_comparison_unsuppressed",
    }  # fmt: skip
    assert beside_the_state(context, "restricted", subject="math") == []


def test_a_changed_research_file_alone_builds_comparisons_anew(context, tmp_path):
    first = research(tmp_path / "sb_ca2024_all_csv_v1.txt", 2024, STATE[2024])
    load(context, RESEARCH, first)
    load(context, STUDENTS, students(tmp_path, 2024))
    one_year = {"from_year": 2024, "what": "pct_compared"}
    assert beside_the_state(context, "reporting", **one_year) == [(42.8,)]

    then = context.ledger.last_publication().published_at.isoformat()
    changed = {"1": ("410000", "44.00")}
    second = research(tmp_path / "sb_ca2024_all_csv_v2.txt", 2024, changed)
    assert load(context, RESEARCH, second) == "published"
    assert beside_the_state(context, "reporting", **one_year) == [(44.0,)]
    in_tables = "SELECT DISTINCT pct_compared FROM mart_comparison WHERE compared_to = 'state'"
    assert in_sql(context, f"{in_tables} AND pct_compared IS NOT NULL") == [(44.0,)]
    other = research(tmp_path / "sb_ca2023_all_csv_v1.txt", 2023, STATE[2023])
    assert load(context, RESEARCH, other) == "unchanged"

    told = build_as_of(context, then, tmp_path / "then")
    assert told.marts["mart_comparison"]["as_then"]


def marts(context: Context) -> dict[str, str]:
    """Return the digest of every published mart."""
    last = context.ledger.last_publication()
    return {mart.name: mart.content_hash for mart in last.marts}
