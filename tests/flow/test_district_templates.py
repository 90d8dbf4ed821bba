"""A district's own spreadsheets in roci's templates: benchmarks side by side, a writing rubric."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import openpyxl
import pytest

from configs.catalogue import load_catalogue

DISTRICT = "0199017"
LAYOUTS = {
    (source, layout.name): layout.columns
    for source in ("local_benchmark_wide", "local_benchmark_long", "writing_rubric")
    for layout in load_catalogue().sources[source].layouts
}
PERSON = {
    "school_id": "6990013",
    "grade": "3",
    "school_year": "2024-2025",
    "ethnicity": "WHITE",
    "el_status": "EL",
    "gender": "X",
    "economically_disadvantaged": "no",
}


def lines(source: str, layout: str, rows: list[dict[str, str]]) -> list[list[str]]:
    header = LAYOUTS[source, layout]
    return [header, *([{**PERSON, **row}.get(name, "") for name in header] for row in rows)]


def as_csv(path: Path, table: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(table)
    return path


def as_workbook(path: Path, table: list[list[str]]) -> Path:
    """Write a workbook with a title and a blank row above the header."""
    book = openpyxl.Workbook()
    sheet = book.active
    for line in [["District benchmark 2024-25"], [], *table]:
        sheet.append([text or None for text in line])
    book.save(path)
    return path


def kept(home: Path, columns: str) -> list[tuple]:
    place = home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        return con.execute(f"SELECT {columns} FROM '{place}' ORDER BY ALL").fetchall()


@pytest.mark.parametrize("written, name", [(as_csv, "a.csv"), (as_workbook, "a.xlsx")])
def test_windows_and_subjects_side_by_side_are_results_of_their_own(
    roci, workspace_home, tmp_path, written, name
):
    rows = [
        {
            "student_id": "s1",
            "fall_ela_percent": "40%",
            "fall_ela_band": "2",
            "spring_math_percent": "87.5",
            "spring_math_band": "At standard",
        },
        {"student_id": "s2"},
    ]
    table = lines("local_benchmark_wide", "by_window_and_subject", rows)
    path = written(tmp_path / f"benchmark_wide_{name}", table)
    done = roci("ingest", "local_benchmark_wide", path, "--district", DISTRICT, "--json")
    assert done.code == 0, done.said
    assert kept(
        workspace_home, "student_id, subject, test_window, scale_score, performance_level, grade"
    ) == [
        ("s1", "ela", "fall", 40.0, 2, "03"),
        ("s1", "math", "spring", 87.5, 3, "03"),
    ]
    assert done.json["loads"][0]["set_aside"] == 1, "a row without any result"


def test_who_has_no_percent_did_not_test(roci, workspace_home, tmp_path):
    common = {"subject": "Math", "test_window": "Winter"}
    rows = [
        {"student_id": "s1", **common, "percent_correct": "71", "performance_band": "3"},
        {"student_id": "s2", **common, "percent_correct": "absent"},
    ]
    path = as_csv(tmp_path / "benchmark_long.csv", lines("local_benchmark_long", "template", rows))
    done = roci("ingest", "local_benchmark_long", path, "--district", DISTRICT, "--json")
    assert done.code == 0, done.said
    columns = "student_id, participation, econ_status, disability_status, el_status"
    assert kept(workspace_home, columns) == [
        ("s1", "TESTED", "NOT_SED", "UNKNOWN", "EL"),
        ("s2", "NOT_TESTED", "NOT_SED", "UNKNOWN", "EL"),
    ]


@pytest.mark.parametrize(
    "layout, column, totals",
    [
        ("four_points", "total_of_24", {"8": 1, "9": 2, "14": 2, "15": 3, "20": 3, "21": 4}),
        ("six_points", "total_of_36", {"8": 1, "9": 2, "21": 4, "26": 4, "27": 5, "33": 6}),
    ],
)
def test_the_band_is_the_average_trait(roci, workspace_home, tmp_path, layout, column, totals):
    rows = [{"student_id": f"s{total}", "test_window": "fall", column: total} for total in totals]
    path = as_csv(tmp_path / "writing_rubric.csv", lines("writing_rubric", layout, rows))
    done = roci("ingest", "writing_rubric", path, "--district", DISTRICT, "--json")
    assert done.code == 0, done.said
    found = kept(workspace_home, "CAST(CAST(scale_score AS INTEGER) AS VARCHAR), performance_level")
    assert dict(found) == totals
    (assessment,) = set(kept(workspace_home, "assessment"))
    assert assessment == (f"writing_rubric_{'4' if layout == 'four_points' else '6'}",)
