"""A text that stands in a database is always met in its bytes, or they do not tell."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from warehouse.sqlite_bytes import texts_within
from warehouse.traces import Search

ID = "4900012"


def made(path: Path, values: list[object], *pragmas: str) -> Path:
    with closing(sqlite3.connect(path)) as con:
        for one in pragmas:
            con.execute(f"PRAGMA {one}")
        con.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, a TEXT)")
        con.executemany("INSERT INTO t (a) VALUES (?)", [(value,) for value in values])
        con.commit()
    return path


@pytest.mark.parametrize("size", [512, 4096, 16384, 65536])
def test_texts_are_met_in_pages_of_any_size_and_in_large_letters(size: int, tmp_path: Path):
    values = [f"row {number:06d}" for number in range(40_000)]
    path = made(tmp_path / "a", [*values[:20_000], "has AB12C", *values[20_000:]],
                f"page_size = {size}")  # fmt: skip
    asked = [b"ab12c", b"row 039999", b"row 040000", b"ab12d"]
    assert texts_within(path, asked) == {b"ab12c", b"row 039999"}
    assert texts_within(path, []) == frozenset()


def test_a_text_over_the_end_of_a_block_is_met(tmp_path: Path):
    """Every text of a file of many blocks, wherever in a page it happens to lie."""
    values = [f"{number:07d}" for number in range(150_000)]
    path = made(tmp_path / "a", values, "page_size = 512")
    assert path.stat().st_size > 2 << 20
    assert texts_within(path, [one.encode() for one in values[::97]]) == {
        one.encode() for one in values[::97]
    }


@pytest.mark.parametrize("before", range(3900, 4110, 3))
def test_a_row_that_goes_on_in_another_page_is_looked_for_by_its_value(before, tmp_path: Path):
    path = made(tmp_path / "a", ["x" * before + f" {ID} " + "x" * 100], "page_size = 4096")
    within = texts_within(path, [ID.encode()])
    assert within is None or ID.encode() in within
    assert Search.of([ID]).in_file(path)


def test_bytes_of_another_encoding_do_not_tell(tmp_path: Path):
    path = made(tmp_path / "a", [f"see {ID}"], "encoding = 'UTF-16le'")
    assert texts_within(path, [ID.encode()]) is None
    assert Search.of([ID]).in_file(path)


def test_what_was_last_written_may_stand_beside_the_file(tmp_path: Path):
    path = made(tmp_path / "a", ["x"], "journal_mode = WAL")
    assert texts_within(path, [ID.encode()]) == frozenset()
    with closing(sqlite3.connect(path)) as con:
        con.execute("INSERT INTO t (a) VALUES (?)", [ID])
        con.commit()
        assert texts_within(path, [ID.encode()]) is None
        assert Search.of([ID]).in_file(path)
