"""The state's own directories: every school of every year is named as it was published."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from tests.command_line import Finished, run_roci

FILES = 17
SCHOOL_TYPES = {"7", "07", "9", "09", "10"}


@pytest.fixture(scope="module")
def files(realdata: Path) -> list[Path]:
    folders = (realdata / "california", realdata / "california_star_2013")
    return [path for folder in folders for path in sorted(folder.glob("*entities*.txt"))]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("directory")


@pytest.fixture(scope="module")
def done(home: Path, files: list[Path]) -> Finished:
    return run_roci(["ingest", "ca_school_directory", *files, "--json"], {"ROCI_HOME": str(home)})


@pytest.fixture(scope="module")
def published(done: Finished, home: Path) -> dict[tuple[int, str], str]:
    """School year and id of every school of dim_school, with its name."""
    assert done.code == 0, done.said
    place = home / "marts" / "reporting" / "dim_school.parquet"
    with duckdb.connect() as con:
        rows = con.execute(f"SELECT school_year, school_id, school_name FROM '{place}'").fetchall()
    named = {(year, school): name for year, school, name in rows}
    assert len(named) == len(rows)
    return named


def schools_of(path: Path) -> Iterator[tuple[int, str, str]]:
    """Read a file in a way of our own: school year, district/school id, name."""
    text = path.read_bytes().decode("cp1252")
    delimiter = "^" if "^" in text.partition("\n")[0] else ","
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter):
        row = {name.strip().casefold(): (value or "").strip() for name, value in row.items()}
        if row["type id"] in SCHOOL_TYPES:
            school = f"{row['county code']}{row['district code']}/{row['school code']}"
            yield int(row["test year"]), school, row["school name"]


def test_all_directories_load_without_a_rejected_row(done, files):
    assert len(files) == FILES
    loads = done.json["loads"]
    assert [load["state"] for load in loads] == ["loaded"] * FILES
    assert all(load["received"] == load["loaded"] > 10_000 for load in loads), loads


@pytest.fixture(scope="module")
def listed(files: list[Path]) -> dict[tuple[int, str], set[str]]:
    """Every school of every file by year, with the names that the year's files give it."""
    names: dict[tuple[int, str], set[str]] = {}
    for path in files:
        found = list(schools_of(path))
        assert len(found) > 9_000
        for year, school, name in found:
            names.setdefault((year, school), set()).add(name)
    return names


def test_every_school_of_every_file_is_published_under_its_own_name(published, listed):
    unnamed = [key for key, names in listed.items() if published.get(key) not in names - {""}]
    assert unnamed[:10] == []


def test_no_school_is_published_that_no_file_lists(published, listed):
    assert set(published) == set(listed)


def test_a_school_code_that_repeats_in_another_district_is_a_school_of_its_own(published, listed):
    def repeated(keys):
        districts: dict[tuple[int, str], set[str]] = {}
        for year, school in keys:
            district, _, code = school.partition("/")
            districts.setdefault((year, code), set()).add(district)
        return {key: found for key, found in districts.items() if len(found) > 1}

    assert repeated(listed)
    assert repeated(published) == repeated(listed)


def test_accents_are_kept_and_no_name_is_garbled(published):
    accented = {name for name in published.values() if not name.isascii()}
    assert any("ñ" in name for name in accented) and any("é" in name for name in accented)
    garbled = [
        name
        for name in accented
        if "\ufffd" in name or "Ã" in name or any(ord(c) < 32 or 127 <= ord(c) < 160 for c in name)
    ]
    assert garbled == []


def test_the_sb_and_the_cast_file_of_a_year_each_add_schools(published, files):
    by_programme = {
        part: {
            (y, s)
            for path in files
            if path.name.startswith(f"{part}_ca2024")
            for y, s, _ in schools_of(path)
        }
        for part in ("sb", "cast")
    }
    assert by_programme["sb"] - by_programme["cast"] and by_programme["cast"] - by_programme["sb"]
    assert by_programme["sb"] | by_programme["cast"] == {k for k in published if k[0] == 2024}
