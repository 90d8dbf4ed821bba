"""What is handed out names no student; no id stands outside restricted storage after a nightly."""

from __future__ import annotations

import csv
import re
import tarfile
from pathlib import Path
from shutil import copytree

import duckdb
import pytest
from click.testing import Result
from openpyxl import load_workbook
from typer.testing import CliRunner

from flows.cli import app
from tests.command_line import run_roci
from tests.flow.leaks import texts_of_parquet, texts_of_sqlite
from tests.flow.two_districts import FAR, two_districts

# The contract's restricted places, and where files wait as they came.
RESTRICTED = (
    "raw/", "lake/", "quarantine/", "work/", "marts/restricted/", "warehouse/restricted.sqlite",
    "landing/", "backups/",
)  # fmt: skip
LIKE_AN_ID = re.compile("[89]0000000[0-5][0-9]")
IDS = {f"{start + number}" for start in (8_000_000_000, 9_000_000_000) for number in range(60)}


@pytest.fixture(scope="module")
def workspace_of_two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace of two districts whose nightly has run."""
    home = tmp_path_factory.mktemp("pseudonyms") / "home"
    (home / "landing").mkdir(parents=True)
    two_districts(home / "landing" / "results.csv")
    assert run_roci(["run", "--engine", "direct"], {"ROCI_HOME": str(home)}).code == 0
    return home


@pytest.fixture
def home(workspace_of_two: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ROCI_HOME", str(workspace_of_two))
    return workspace_of_two


def roci(*words: str | Path) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def hand_out(mart: str, target: Path) -> Path:
    done = roci("pseudonyms", "export", mart, target, "--i-understand")
    assert done.exit_code == 0, done.output
    return target


def table(path: Path, what: str, where: str = "true") -> list[tuple]:
    with duckdb.connect() as con:
        query = f"SELECT {what} FROM '{path}' WHERE {where} ORDER BY ALL"
        return con.execute(query).fetchall()


def texts(path: Path) -> str:
    """Return all that can be read in a file."""
    if path.suffix == ".parquet":
        return "\n".join(texts_of_parquet(path))
    if path.suffix in (".sqlite", ".db"):
        return "\n".join(texts_of_sqlite(path)) + path.read_bytes().decode("latin-1")
    return path.read_bytes().decode("utf-8", "replace")


def named_in(home: Path) -> dict[str, set[str]]:
    """Return which students' ids stand outside restricted storage, by file."""
    found = {}
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home).as_posix()
        if path.is_file() and not place.startswith(RESTRICTED):
            here = set(LIKE_AN_ID.findall(f"{place}\n{texts(path)}"))
            if here:
                found[place] = here
    return found


def test_after_a_nightly_no_id_stands_outside_restricted_storage(home):
    assert named_in(home) == {}
    ids = table(home / "marts/restricted/student_result.parquet", "DISTINCT student_id")
    assert {one for (one,) in ids} <= IDS
    planted = home / "docs" / "planted.html"
    planted.write_text(f"student={min(IDS)}\n")
    assert named_in(home) == {"docs/planted.html": {min(IDS)}}
    planted.unlink()


def test_what_is_handed_out_has_a_key_for_each_student_and_no_id(home, tmp_path):
    out = tmp_path / "out.parquet"
    refused = roci("pseudonyms", "export", "student_result", out)
    assert (refused.exit_code, "UNPROTECTED_EXPORT" in refused.output) == (2, True)
    done = roci("pseudonyms", "export", "student_result", out, "--i-understand")
    assert done.exit_code == 0, done.output
    assert out.stat().st_mode & 0o777 == 0o600
    whole = home / "marts/restricted/student_result.parquet"
    ((rows, students),) = table(whole, "count(*), count(DISTINCT (district_id, student_id))")
    assert table(out, "count(*), count(DISTINCT student_key)") == [(rows, students)]
    assert LIKE_AN_ID.search(texts(out)) is None
    columns = {name for name, *_ in duckdb.sql(f"DESCRIBE FROM '{out}'").fetchall()}
    personal = {"student_id", "local_student_id", "birth_date", "source_row", "source_record"}
    assert columns & personal == set()
    assert columns >= {"student_key", "scale_score", "district_id"}
    secret = (home / "secrets" / "pseudonym.key").read_text()
    logs = "".join(path.read_text() for path in (home / "logs").iterdir())
    assert secret not in done.output + logs + texts(out)


@pytest.mark.parametrize("ending", [".csv", ".xlsx"])
def test_a_spreadsheet_of_one_district_has_its_students_only(ending, home, tmp_path):
    out = tmp_path / f"out{ending}"
    words = ("pseudonyms", "export", "focus_students", out, "--district", FAR, "--i-understand")
    assert roci(*words).exit_code == 0
    if ending == ".csv":
        with out.open(encoding="utf-8-sig", newline="") as stream:
            header, *rows = csv.reader(stream)
    else:
        sheet = load_workbook(out).active
        header, *rows = [[str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    assert "student_id" not in header
    assert rows
    assert {row[header.index("district_id")] for row in rows} == {FAR}
    assert {len(row[header.index("student_key")]) for row in rows} == {32}


def test_keys_match_between_marts_until_they_are_rotated(home, tmp_path):
    def keys(mart: str, name: str) -> set[tuple]:
        return set(table(hand_out(mart, tmp_path / f"{name}.parquet"), "student_key"))

    results, focus = keys("student_result", "results"), keys("focus_students", "focus")
    assert focus < results
    done = roci("pseudonyms", "rotate")
    assert (done.exit_code, "rotated" in done.output) == (0, True)
    after = keys("student_result", "after")
    assert len(after) == len(results)
    assert not after & results


def test_another_installation_gives_other_keys(home, tmp_path, monkeypatch):
    other = tmp_path / "other"
    copytree(home / "marts", other / "marts")
    here = hand_out("student_result", tmp_path / "here.parquet")
    monkeypatch.setenv("ROCI_HOME", str(other))
    there = hand_out("student_result", tmp_path / "there.parquet")
    assert table(here, "count(*)") == table(there, "count(*)")
    assert not set(table(here, "student_key")) & set(table(there, "student_key"))


def test_the_secret_is_in_no_backup(home, tmp_path):
    export = home / "quarantine" / "exports" / "keyed.parquet"
    assert roci("pseudonyms", "export", "student_result", export).exit_code == 0
    assert roci("backup", tmp_path / "all.tar.gz", "--i-understand").exit_code == 0
    with tarfile.open(tmp_path / "all.tar.gz") as archive:
        names = archive.getnames()
    assert (home / "secrets" / "pseudonym.key").exists()
    assert [name for name in names if "secret" in name or "pseudonym" in name] == []
    assert any(name.startswith("marts/restricted/") for name in names)


@pytest.mark.parametrize("mart", ["mart_achievement_unsuppressed", "mart_achievement", "../x"])
def test_what_is_no_mart_of_students_is_not_handed_out(mart, home, tmp_path):
    done = roci("pseudonyms", "export", mart, tmp_path / "x.parquet", "--i-understand")
    assert (done.exit_code, "NO_SUCH_MART" in done.output) == (2, True)


def test_a_file_that_is_there_or_of_another_form_is_refused(home, tmp_path):
    there = tmp_path / "there.csv"
    there.touch()
    for target, code in ((there, "FILE_EXISTS"), (tmp_path / "x.pdf", "UNKNOWN_ENDING")):
        done = roci("pseudonyms", "export", "student_result", target, "--i-understand")
        assert (done.exit_code, code in done.output) == (2, True)
