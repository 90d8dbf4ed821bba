"""An id is found wherever it stands, in whatever form; another number is not taken for it."""

from __future__ import annotations

import gzip
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.traces import Search, Unreadable

STUDENT = "9000000001"


@pytest.mark.parametrize("content", [
    b"id,x\n9000000001,1\n", b'"0009000000001"', "id\t9000000001\n".encode("utf-16"),
    b"x" * 30 + b"9000000001" + b"y" * 30, b'{"id":9000000001}', b"a" * (1 << 20) + b",9000000001,",
    b"," * ((1 << 20) - 5) + b"9000000001" + b"," * 50,
])  # fmt: skip
def test_the_search_finds_an_id_in_any_spelling(content, tmp_path):
    search = Search.of([STUDENT])
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed.gz").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "twice.zip", "w") as archive:
        archive.writestr("a.gz", gzip.compress(content))
    for path in tmp_path.iterdir():
        assert search.in_file(path), path.name


@pytest.mark.parametrize("content", [b"id,x\n19000000001,1\n", b"id,x\n900000000,4\n", b""])
def test_another_number_is_not_the_id(content, tmp_path):
    (tmp_path / "plain").write_bytes(content)
    assert Search.of([STUDENT]).in_file(tmp_path / "plain") == 0


def test_the_search_finds_an_id_in_pages_that_a_database_has_freed(tmp_path):
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path)) as con:
        con.execute("PRAGMA secure_delete = OFF")
        con.execute("CREATE TABLE t (a TEXT, b TEXT)")
        con.execute("INSERT INTO t VALUES ('ela', ?)", [STUDENT])
        con.commit()
        con.execute("DELETE FROM t")
        con.commit()
    assert Search.of([STUDENT]).in_file(path)


def test_the_search_finds_an_id_in_a_workbook_and_in_parquet(tmp_path: Path):
    book = openpyxl.Workbook()
    book.active.append(["id", int(STUDENT)])
    book.save(tmp_path / "a.xlsx")
    pq.write_table(pa.table({"n": [int(STUDENT)]}), tmp_path / "number.parquet")
    pq.write_table(pa.table({"t": [f"see {STUDENT}."]}), tmp_path / "text.parquet")
    pq.write_table(pa.table({"t": [["a", STUDENT]]}), tmp_path / "list.parquet")
    for path in tmp_path.iterdir():
        assert Search.of([STUDENT]).in_file(path), path.name


def test_rows_of_another_district_are_of_another_student(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"district_id": ["2"], "student_id": [STUDENT]}), path)
    assert Search.of([STUDENT]).in_file(path)
    assert Search.of([STUDENT], "1").in_file(path) == 0
    assert Search.of([STUDENT], "2").in_file(path)
    pq.write_table(pa.table({"district_id": [None], "student_id": [STUDENT]}), path)
    assert Search.of([STUDENT], "1").in_file(path)


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", b"\x1f\x8bbroken", b"PAR1broken"])
def test_of_a_broken_archive_nobody_can_tell(content: bytes, tmp_path: Path):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(Unreadable):
        Search.of([STUDENT]).in_file(tmp_path / "a")


def test_a_short_id_is_no_word_of_a_text(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"id,score\n77,512\n")
    assert Search.of(["512"]).in_file(tmp_path / "a") == 0
    assert Search.of(["512", STUDENT]).too_short == 1


KINDS = ["", "TEXT", "INTEGER", "REAL", "NUMERIC", "BLOB", "BOOLEAN", "CHARINT"]


def database(path: Path, kind: str, value: object) -> Path:
    path.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as con:
        con.execute(f"CREATE TABLE t (district_id TEXT, a {kind})")
        con.execute("INSERT INTO t VALUES ('2', ?)", [value])
        con.commit()
    return path


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [
    STUDENT, int(STUDENT), -int(STUDENT), float(STUDENT), f"see {STUDENT}.", "00" + STUDENT,
    STUDENT.encode(),
])  # fmt: skip
def test_a_value_of_a_database_is_found_as_a_word(value: object, kind: str, tmp_path: Path):
    path = database(tmp_path / "a.sqlite", kind, value)
    assert Search.of([STUDENT]).in_file(path)
    for others in (["1234567", "zbc12"], ["abc12"], []):
        assert Search.of([*others, STUDENT], "2").in_file(path)
        assert Search.of([*others, STUDENT]).in_file(path)
    assert Search.of([STUDENT], "1").in_file(path) == 0
    assert Search.of(["00001"], "2").in_file(path) == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [
    "1" + STUDENT, int("1" + STUDENT), float(STUDENT + "1"), 0, None, "", "AB12C9", 0.5,
])  # fmt: skip
def test_another_value_of_a_database_is_not_the_id(value: object, kind: str, tmp_path: Path):
    path = database(tmp_path / "a.sqlite", kind, value)
    for district in ("2", None):
        assert Search.of(["490001", "ab12c"], district).in_file(path) == 0
    assert Search.of([STUDENT, "ab12c"], "2").in_file(path) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_letters_of_an_id_are_large_or_small_in_a_database(kind: str, tmp_path: Path):
    path = database(tmp_path / "a.sqlite", kind, "is Ab12C.")
    assert Search.of(["aB12c"], "2").in_file(path)
    assert Search.of(["90001", "AB12C"], "2").in_file(path)


@pytest.mark.parametrize("kind", ["", "TEXT", "BLOB"])
def test_a_text_is_a_text_though_it_looks_like_a_small_number(kind: str, tmp_path: Path):
    path = database(tmp_path / "a.sqlite", kind, f"0.{STUDENT}")
    assert Search.of([STUDENT], "2").in_file(path)


def test_what_stands_behind_the_point_of_a_number_is_no_id(tmp_path: Path):
    path = database(tmp_path / "a.sqlite", "REAL", 0.410131)
    assert Search.of(["410131"]).in_file(path) == 0


def test_an_id_with_a_point_is_found_in_a_database(tmp_path: Path):
    for kind, value in (("REAL", 410131.5), ("", 410131.5), ("TEXT", "410131.5")):
        path = database(tmp_path / "a.sqlite", kind, value)
        assert Search.of(["410131.5"], "2").in_file(path)
        assert Search.of(["410132.5"], "2").in_file(path) == 0


def test_the_least_whole_number_is_no_fault(tmp_path: Path):
    path = database(tmp_path / "a.sqlite", "INTEGER", -(2**63))
    assert Search.of([STUDENT, "9" * 400, "9" * 400 + ".5"], "2").in_file(path) == 0


def test_an_id_too_long_for_a_number_is_found_in_a_database(tmp_path: Path):
    for value in ("9" * 25, 2**63 - 1):
        path = database(tmp_path / "a.sqlite", "NUMERIC" if isinstance(value, int) else "", value)
        assert Search.of([str(value)], "2").in_file(path)


def test_the_ids_letters_are_large_or_small_in_a_text_of_many_blocks(tmp_path: Path):
    (tmp_path / "a").write_bytes(b"id,x\n" + b"7,1\n" * (1 << 18) + b"aB12c,1\n")
    assert Search.of(["Ab12C"]).in_file(tmp_path / "a")
    assert Search.of(["Ab12"]).in_file(tmp_path / "a") == 0
