"""The same rows say the same in every delimiter, encoding and kind of file that is taken."""

from functools import cache

import pytest

from configs.errors import FileRefused
from tests.samples.demands import Reading
from tests.samples.loading import Loaded, load, sheet_name
from tests.samples.rows import Row
from tests.samples.shipped import (
    each_layout,
    each_source,
    is_delimited,
    is_fixed,
    is_headerless,
    six_loaded,
    six_rows,
)
from tests.samples.writing import Writing, delimited, json_lines, parquet, sample, workbook

FOREIGN_DELIMITER = "~"
ACCENTED = "José Núñez"
FURTHER = "Further column"
MARKED = ("utf-8-sig", "utf-16")


@each_layout(lambda one: one.is_table and not is_fixed(one))
def test_every_delimiter_of_the_source_is_read_alike(reading):
    for delimiter in reading.source.format.delimiters:
        loaded = load(sample(reading, six_rows(reading), delimiter=delimiter), reading)
        assert loaded.probe.delimiter == delimiter
        assert (loaded.layout, loaded.rows) == (reading.layout.name, six_loaded(reading).rows)
        assert loaded.faults == set()


@each_layout(lambda one: one.is_table and not is_fixed(one))
def test_a_delimiter_that_the_source_does_not_name_is_refused(reading):
    assert FOREIGN_DELIMITER not in reading.source.format.delimiters
    with pytest.raises(FileRefused) as caught:
        load(sample(reading, six_rows(reading), delimiter=FOREIGN_DELIMITER), reading)
    assert caught.value.code == "UNKNOWN_HEADER"


def accented(reading: Reading) -> list[Row]:
    """Return the rows with an accent in a column of free text, in one that a field reads if any."""
    text = [
        column
        for column in reading.layout.columns
        if len(ACCENTED) <= reading.widths.get(column, len(ACCENTED))
        and reading.pleases(column, ACCENTED)
        and not reading.joins[column]
        and column not in reading.races
    ]
    read = [column for column in text if reading.readers[column]]
    column = [*read, *text, FURTHER][0]
    return [{**row, FURTHER: "", column: ACCENTED} for row in six_rows(reading)]


def with_further_column(reading: Reading, encoding: str) -> bytes:
    usual = Writing(reading.source.format.delimiters[0], encoding)
    return delimited([*reading.layout.columns, FURTHER], accented(reading), usual)


@cache
def in_utf8(reading: Reading) -> Loaded:
    return load(with_further_column(reading, "utf-8"), reading)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@each_source(is_delimited)
def test_every_encoding_is_read_alike_or_refused(reading, encoding):
    content = with_further_column(reading, encoding)
    if encoding == "cp1252" and "cp1252" not in reading.source.format.encodings:
        with pytest.raises(FileRefused) as caught:
            load(content, reading)
        assert caught.value.code == "UNREADABLE_FILE"
        return
    loaded = load(content, reading)
    assert loaded.rows == in_utf8(reading).rows
    assert loaded.probe.bom == (encoding in MARKED)
    assert loaded.faults == set()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@each_layout(lambda one: is_fixed(one) or is_headerless(one))
def test_every_encoding_of_a_file_without_header_is_read_alike(reading, encoding):
    """Positions count characters, whatever bytes they are."""
    rows = accented(reading)
    loaded = load(sample(reading, rows, encoding=encoding), reading)
    assert loaded.rows == load(sample(reading, rows), reading).rows
    assert loaded.layout == reading.layout.name
    assert loaded.faults == set()


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
@each_layout(lambda one: one.is_table)
def test_every_line_end_is_read_alike(reading, newline):
    loaded = load(sample(reading, six_rows(reading), newline=newline), reading)
    assert (loaded.layout, loaded.rows) == (reading.layout.name, six_loaded(reading).rows)
    assert loaded.faults == set()


def assert_says_what_text_says(loaded: Loaded, reading: Reading, kind: str) -> None:
    """Hold the rows against those of the text; what a sheet's name tells is in no text."""
    assert (loaded.probe.kind, loaded.layout) == (kind, reading.layout.name)
    by_sheet = {n for n, one in reading.source.fields.items() if one.derive == "sheet_name"}
    apart = {"source_row", *by_sheet}  # a table below a banner starts further down
    whole = [{n: v for n, v in row.items() if n not in apart} for row in loaded.rows]
    usual = [{n: v for n, v in r.items() if n not in apart} for r in six_loaded(reading).rows]
    assert whole == usual
    assert loaded.faults == set() and loaded.is_balanced


@each_source(is_delimited)
def test_a_workbook_with_a_banner_says_what_text_says(reading):
    name = sheet_name(reading.source)
    content = workbook(reading.layout.columns, six_rows(reading), name)
    assert_says_what_text_says(load(content, reading), reading, "workbook")


@each_source(is_delimited)
def test_parquet_says_what_text_says(reading):
    content = parquet(reading.layout.columns, six_rows(reading))
    assert_says_what_text_says(load(content, reading), reading, "parquet")


@each_source(is_delimited)
def test_json_lines_say_what_text_says(reading):
    content = json_lines(reading.layout.columns, six_rows(reading))
    assert_says_what_text_says(load(content, reading), reading, "json_lines")
