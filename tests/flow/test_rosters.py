"""CALPADS' extracts and the plain roster, in rows that are made here."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from configs.catalogue import load_catalogue

DISTRICT = "0199017"
PERSON = {
    "TransactionTypeCode": "A", "ReportingLEA": DISTRICT, "SchoolOfAttendance": "6990001",
    "AcademicYearID": "2023-2024", "StudentLegalFirstName": "Ann", "StudentLegalLastName": "Bee",
    "StudentBirthDate": "20150102", "StudentGenderCode": "F",
}  # fmt: skip


def line(columns: list[str], **said: str) -> str:
    values = {"SSID": "7000000001", **PERSON, **said}
    return "^".join(values.get(column, "") for column in columns)


def extract(path: Path, kind: str, rows: list[dict[str, str]], header: bool) -> Path:
    source = load_catalogue().source(f"calpads_{kind.lower()}")
    columns = source.layouts[0].columns
    lines = [line(columns, RecordTypeCode=kind, **row) for row in rows]
    path.write_text("\r\n".join([*(["^".join(columns)] if header else []), *lines]) + "\r\n")
    return path


def loaded(home: Path) -> list[dict]:
    places = (home / "lake" / "student_roster").rglob("*.parquet")
    newest = max(places, key=lambda place: place.stat().st_mtime_ns)
    with duckdb.connect() as con:
        rows = con.sql(f"SELECT * FROM '{newest}' ORDER BY begin_date").to_arrow_table()
    return rows.to_pylist()


@pytest.mark.parametrize("kind, header, row, expected", [
    ("SENR", False, {"EnrollmentSchoolStartDate": "20230815", "GradeLevelCode": "KN"},
     {"record_kind": "ENROLMENT", "grade": "KG", "school_id": "6990001", "gender": "F"}),
    ("SINF", False, {"EffectiveStartDate": "08/15/2023", "StudentHispanicEthnicityIndicator": "Y"},
     {"record_kind": "DEMOGRAPHICS", "ethnicity": "HISPANIC", "grade": None}),
    ("SINF", True, {"EffectiveStartDate": "20230815", "StudentHispanicEthnicityIndicator": "N"},
     {"record_kind": "DEMOGRAPHICS", "ethnicity": None}),
    ("SELA", True, {"EnglishAcquisitionStatusCode": "EL",
              "EnglishAcquisitionStatusStartDate": "20230815"},
     {"record_kind": "EL_STATUS", "el_status": "EL"}),
])  # fmt: skip
def test_an_extract_of_calpads_loads_with_and_without_a_header(
    roci, workspace_home, tmp_path, kind, header, row, expected
):
    file = extract(tmp_path / f"{kind.lower()}.txt", kind, [row], header)
    done = roci("ingest", f"calpads_{kind.lower()}", file)
    assert done.code == 0, done.said
    (found,) = loaded(workspace_home)
    expected |= {"district_id": DISTRICT, "school_year": 2024, "student_id": "7000000001"}
    assert {key: found[key] for key in expected} == expected


def test_a_status_that_cannot_follow_is_flagged_and_loaded(roci, workspace_home, tmp_path):
    rows = [
        {"EnglishAcquisitionStatusCode": status, "EnglishAcquisitionStatusStartDate": day}
        for status, day in (("RFEP", "20230815"), ("EL", "20240110"))
    ]
    file = extract(tmp_path / "sela.txt", "SELA", rows, header=False)
    done = roci("ingest", "calpads_sela", file)
    assert done.code == 0, done.said
    assert [row["el_status"] for row in loaded(workspace_home)] == ["RFEP", "EL"]
    load = done.said.split("L2", 1)[1][:12]
    assert "EL_RECORD_IMPOSSIBLE" in roci("explain", f"L2{load}".strip()).said
