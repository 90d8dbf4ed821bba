"""The vendor's published samples of two eras; the directory of their schools is made here."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.command_line import Finished
from tests.flow.small_files import roster_of_schools

DISTRICT = "0199017"
OLDER = "iready_synthetic/iReady__test_data__diagnostic_results_{0}__{0}.csv"
NEWER = "vendor_samples/assessments/i-Ready/data/sample_anonymized_file_{0}.csv"
Run = Callable[..., Finished]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return list(csv.DictReader(stream))


def school_names(files: list[Path]) -> list[str]:
    return sorted({row["School"] for path in files for row in rows_of(path)})


def ingest(roci: Run, *files: Path) -> Finished:
    return roci("ingest", "iready_diagnostic", *files, "--district", DISTRICT, "--json")


def with_schools(roci: Run, folder: Path, names: list[str], begin: str) -> dict[str, str]:
    """Load a roster that names the schools; return school name -> code."""
    codes = {f"{6_990_000 + number}": name for number, name in enumerate(names)}
    roster = roster_of_schools(folder / "oneroster.zip", DISTRICT, codes, begin)
    done = roci("ingest", "oneroster", roster)
    assert done.code == 0, done.said
    return {name: code for code, name in codes.items()}


def kept(home: Path) -> list[tuple]:
    """The results by subject, window and school."""
    place = home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        return con.execute(
            "SELECT subject, school_name, school_id, count(*), count(DISTINCT student_id || "
            f"test_window) FROM '{place}' GROUP BY ALL ORDER BY ALL"
        ).fetchall()


@pytest.mark.parametrize("pattern, begin, schools", [
    (OLDER, "2021-08-15", 7), (NEWER, "2025-08-15", 1)], ids=["2021_22", "2025_26"])  # fmt: skip
def test_the_samples_load_once_a_directory_names_their_schools(
    roci, workspace_home, realdata, tmp_path, pattern, begin, schools
):
    files = [realdata / pattern.format(subject) for subject in ("ela", "math")]
    names = school_names(files)
    assert len(names) == schools
    held = ingest(roci, *files)
    assert held.code == 1
    for load in held.json["loads"]:
        assert (load["state"], load["code"], load["loaded"]) == ("held", "UNKNOWN_SCHOOL", 0)
        assert all(name in load["message"] for name in names)
    codes = with_schools(roci, tmp_path, names, begin)
    done = ingest(roci, *files)
    assert done.code == 0, done.said
    for load, path in zip(
        sorted(done.json["loads"], key=lambda one: one["file_name"]), files, strict=True
    ):
        assert load["state"] == "loaded" and load["quarantined"] == 0, load
        assert load["received"] == len(rows_of(path)) == load["loaded"] + load["set_aside"]
    found = kept(workspace_home)
    assert {school: code for _, school, code, _, _ in found} == codes
    assert {subject for subject, *_ in found} == {"reading", "math"}
    assert all(rows == distinct for *_, rows, distinct in found), "one result per window"
    assert sum(rows for *_, rows, _ in found) == sum(load["loaded"] for load in done.json["loads"])
