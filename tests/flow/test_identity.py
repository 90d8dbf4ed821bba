"""Rosters after results: what is matched changes, nothing is loaded again, other slices stay."""

from __future__ import annotations

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import duckdb
import pytest

from configs.catalogue import SHIPPED
from flows.context import Context
from flows.outcome import BuildOutcome
from flows.reporting import show_status
from flows.running import run_ingest
from tests.flow.small_files import results

pytestmark = pytest.mark.usefixtures("publishing")

DISTRICT, OTHER_DISTRICT = "0199017", "0199025"
ROSTER_HEADER = (
    "student_id,local_student_id,school_id,school_name,school_year,grade,begin_date,end_date,"
    "ethnicity,el_status,gender,econ_status,disability_status,given_name,family_name,birth_date"
)


@pytest.fixture
def two_years(context: Context, tmp_path: Path) -> Context:
    """Results of 2023 and 2024, forty students each."""
    for year in (2023, 2024):
        ingest(
            context,
            "results_csv",
            results(tmp_path / f"results_{year}.csv", year=year, score=year + 400),
        )
    return context


def ingest(context: Context, source: str, *files: Path, district: str = DISTRICT) -> BuildOutcome:
    outcome = run_ingest(context, source, files, district=district, engine="direct")
    assert [load.state for load in outcome.loads] == ["loaded"] * len(files)
    return outcome.build


def roster(path: Path, students: int, *, year: int = 2024, more: tuple[str, ...] = ()) -> Path:
    """Write a roster of the first students of the results."""
    lines = [ROSTER_HEADER, *more]
    for number in range(students):
        lines.append(
            f"{9_000_000_000 + number},{number},{('6990013', '6990021')[number % 2]},Elm,{year},3,"
            f"{year - 1}-08-15,,HISPANIC,,F,,,Ann{number},Bee,2014-02-03"
        )
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def statuses(path: Path, span: str) -> Path:
    """Write a CALPADS file with the status of one student."""
    header = SHIPPED / "sources" / "headers" / "calpads_sela.txt"
    row = {
        "RecordTypeCode": "SELA",
        "AcademicYearID": span,
        "SSID": "9000000000",
        "EnglishAcquisitionStatusStartDate": "20200901",
        "EnglishAcquisitionStatusCode": "EL",
        "ReportingLEA": DISTRICT,
        "SchoolOfAttendance": "6990013",
    }
    names = header.read_text(encoding="utf-8").splitlines()
    lines = ["^".join(names), "^".join(row.get(name, "") for name in names)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def mart(context: Context, name: str, what: str = "*", where: str = "true") -> list[tuple]:
    path = context.publisher.path(name, "restricted")
    with duckdb.connect() as con:
        return con.execute(f"SELECT {what} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()


def slices(build: BuildOutcome) -> tuple[int, int]:
    return build.slices_built, build.slices_kept


def loads(context: Context) -> list[tuple[str, str]]:
    return [(load.load_id, load.state) for load in context.ledger.loads(source="results_csv")]


def test_a_roster_rebuilds_its_year_and_the_next_and_loads_no_result_again(two_years, tmp_path):
    before = loads(two_years)
    assert slices(ingest(two_years, "roster_csv", roster(tmp_path / "roster.csv", 40))) == (1, 1)
    assert loads(two_years) == before
    assert mart(two_years, "roster_match", "DISTINCT school_year") == [(2024,)]
    earlier = roster(tmp_path / "roster_2023.csv", 40, year=2023)
    # What a year grew by is counted from the year before.
    assert slices(ingest(two_years, "roster_csv", earlier)) == (2, 0)
    years = "school_year, n_students, n_matched"
    assert mart(two_years, "roster_match", years, "is_used") == [(2023, 40, 40), (2024, 40, 40)]


def test_a_roster_of_a_district_without_results_rebuilds_no_slice(two_years, tmp_path):
    kept = mart(two_years, "student_result")
    elsewhere = roster(tmp_path / "roster.csv", 40)
    built = ingest(two_years, "roster_csv", elsewhere, district=OTHER_DISTRICT)
    assert slices(built) == (0, 2)
    assert mart(two_years, "student_result") == kept


def test_statuses_of_an_earlier_year_reach_every_later_year(two_years, tmp_path):
    built = ingest(two_years, "calpads_sela", statuses(tmp_path / "sela.txt", "2022-2023"))
    assert slices(built) == (2, 0)
    built = ingest(two_years, "calpads_sela", statuses(tmp_path / "sela_24.txt", "2023-2024"))
    assert slices(built) == (1, 1)


def test_whoever_is_in_no_roster_is_listed_until_a_later_roster_has_them(
    two_years, tmp_path, capsys
):
    show_status(two_years, as_json=False)
    assert "in no roster" not in capsys.readouterr().out
    ingest(two_years, "roster_csv", roster(tmp_path / "roster.csv", 30))
    listed = mart(two_years, "unmatched_students", "assessment, school_year, student_id, n_results")
    assert listed == [("results_csv", 2024, str(9_000_000_030 + n), 1) for n in range(10)]
    assert len(mart(two_years, "student_result")) == 80
    show_status(two_years, as_json=False)
    told = "10 students of results_csv 2024 are in no roster: "
    said = capsys.readouterr().out
    assert told + "marts/restricted/unmatched_students.parquet\n" in said
    show_status(two_years, as_json=True)
    said += capsys.readouterr().out
    assert json.loads(said[said.index("{") :])["unmatched"][0]["students"] == 10
    assert not any(student_id in said for _, _, student_id, _ in listed)
    ingest(two_years, "roster_csv", roster(tmp_path / "later.csv", 40))
    assert not two_years.publisher.path("unmatched_students", "restricted").exists()
    show_status(two_years, as_json=False)
    assert "in no roster" not in capsys.readouterr().out


def test_what_names_students_is_private_and_stays_out_of_sql(two_years, tmp_path):
    ingest(two_years, "roster_csv", roster(tmp_path / "roster.csv", 30, more=TWICE))
    for name in ("roster_match", "unmatched_students", "identity_flags"):
        path = two_years.publisher.path(name, "restricted")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, name
    database = two_years.workspace.warehouse_dir / "restricted.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
        (rates,) = connection.execute("SELECT count(*) FROM roster_match").fetchone()
    assert {"unmatched_students", "identity_flags"}.isdisjoint(tables)
    assert rates == 6


TWICE = (
    "9000000050,50,6990013,Elm,2024,3,2023-08-15,,HISPANIC,,F,,,Cyd,Dee,2014-05-06",
    "9000000050,50,6990021,Oak,2024,3,2024-01-08,,HISPANIC,,F,,,Cyd,Dee,2014-05-06",
)


def test_a_student_enrolled_twice_is_flagged_in_the_load_and_over_the_lake(context, tmp_path):
    ingest(context, "roster_csv", roster(tmp_path / "roster.csv", 4, more=TWICE))
    (load,) = context.ledger.loads()
    flags = [(flag.code, flag.rows) for flag in context.ledger.flags(load.load_id)]
    assert flags == [("STUDENT_IN_TWO_SCHOOLS", 2)]
    assert mart(context, "identity_flags") == [
        ("student_roster", DISTRICT, 2024, "9000000050", "STUDENT_IN_TWO_SCHOOLS", 2)
    ]


def test_flags_over_the_lake_see_what_two_loads_show_together(two_years, tmp_path):
    """Next year's roster has the id of a student under another name and birth date."""
    ingest(two_years, "roster_csv", roster(tmp_path / "roster.csv", 2, more=TWICE[:1]))
    assert not two_years.publisher.path("identity_flags", "restricted").exists()
    reissued = "9000000050,50,6990013,Elm,2025,3,2024-08-15,,HISPANIC,,F,,,Eve,Fox,2013-07-08"
    later = roster(tmp_path / "later.csv", 2, year=2025, more=(reissued,))
    assert slices(ingest(two_years, "roster_csv", later)) == (0, 2)
    assert mart(two_years, "identity_flags", "school_year, student_id, code") == [
        (2024, "9000000050", "TWO_STUDENTS_ONE_ID"),
        (2025, "9000000050", "TWO_STUDENTS_ONE_ID"),
    ]
