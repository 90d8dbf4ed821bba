"""The broken twin of a sample is refused: a column renamed or dropped, a record cut or longer."""

import re

import pytest

from configs.errors import FileRefused
from tests.samples.demands import Reading
from tests.samples.loading import load
from tests.samples.rows import ROWS
from tests.samples.shipped import (
    each_layout,
    is_delimited,
    is_fixed,
    is_headerless,
    six_loaded,
    six_rows,
)
from tests.samples.writing import Writing, delimited, ended, fixed_record
from transforms.layouts import match_layout

HEADER_ROWS = 1
NUMBER = re.compile(r"\d{3}")


def refusal(header: list[str], reading: Reading) -> FileRefused | None:
    """Return how a header is refused; null where another layout of the source documents it.

    That layout has no column of the names that are gone, and what is new is told as extra.
    """
    try:
        match = match_layout(header, reading.source)
    except FileRefused as error:
        return error
    gone = set(reading.layout.columns) - set(header)
    assert match.layout.name != reading.layout.name, "it passes for the whole layout"
    assert not gone & set(match.layout.columns), f"{match.layout.name} should have {sorted(gone)}"
    assert set(header) - set(reading.layout.columns) <= set(match.extra)
    return None


def assert_refused_for(column: str, refused: FileRefused, reading: Reading) -> None:
    assert refused.code == "UNKNOWN_HEADER"
    assert any(name in refused.found for name in reading.needed[column])


def new_names(column: str, reading: Reading) -> list[str]:
    """Return names like the column's which no layout of the source knows."""
    known = {name for layout in reading.source.layouts for name in layout.columns}
    known |= {name for spec in reading.source.fields.values() for n in spec.spellings for name in n}
    return [name for name in (f"{column}_X", column.swapcase()) if name not in known]


@each_layout(lambda one: one.has_header)
def test_a_renamed_column_that_a_field_needs_is_named_with_its_likely_new_name(reading):
    header = reading.layout.columns
    assert reading.needed
    for place, (column, spellings) in enumerate(reading.needed.items()):
        names = new_names(column, reading)
        name = names[place % len(names)]
        refused = refusal([name if one == column else one for one in header], reading)
        assert refused is not None, "it passes for a poorer layout: a signature would tell them"
        assert_refused_for(column, refused, reading)
        told = any(f"{one} -> {name}" in refused.found for one in spellings)
        assert told or NUMBER.search(name), "a name with a number may be a value"


@each_layout(lambda one: one.has_header)
def test_a_file_without_a_column_that_a_field_needs_is_refused(reading):
    header = reading.layout.columns
    for column in reading.needed:
        refused = refusal([one for one in header if one != column], reading)
        if refused is not None:
            assert_refused_for(column, refused, reading)


@each_layout(lambda one: one.has_header)
def test_a_header_without_a_column_of_its_signature_is_of_no_poorer_layout(reading):
    for column in set(reading.layout.signature) - set(reading.needed):
        refused = refusal([one for one in reading.layout.columns if one != column], reading)
        assert refused is None or refused.code == "UNKNOWN_HEADER"


@each_layout(is_delimited)
def test_a_whole_file_with_a_renamed_column_is_refused(reading):
    """What holds for the header alone holds for the bytes."""
    column = min(reading.needed)
    (name, *_) = new_names(column, reading)
    header = [name if one == column else one for one in reading.layout.columns]
    rows = [{**row, name: row[column]} for row in six_rows(reading)]
    content = delimited(header, rows, Writing(reading.source.format.delimiters[0]))
    with pytest.raises(FileRefused) as caught:
        load(content, reading)
    assert_refused_for(column, caught.value, reading)


@each_layout(is_fixed)
def test_records_that_are_one_character_longer_are_refused(reading):
    lines = [fixed_record(reading.layout, row) + "Z" for row in six_rows(reading)]
    with pytest.raises(FileRefused):
        load(ended(lines), reading)


@each_layout(is_fixed)
def test_records_that_are_one_character_shorter_are_refused_unless_only_filling_is_cut(reading):
    lines = [fixed_record(reading.layout, row)[:-1] for row in six_rows(reading)]
    try:
        loaded = load(ended(lines), reading)
    except FileRefused:
        return
    assert all(fixed_record(reading.layout, row).endswith(" ") for row in six_rows(reading))
    assert loaded.rows == six_loaded(reading).rows


@each_layout(is_fixed)
@pytest.mark.parametrize("at", range(2))
def test_one_record_of_another_width_is_a_fault_and_the_others_load(reading, at):
    lines = [fixed_record(reading.layout, row) for row in six_rows(reading)]
    lines[3] = [lines[3] + "Z", lines[3][:-3] + " "][at]
    loaded = load(ended(lines), reading)
    assert loaded.faults == {(4, "ROW_WIDTH", None)}
    assert loaded.is_balanced
    kept = [row for row in six_loaded(reading).rows if row["source_row"] != 4]
    assert loaded.rows == kept


@each_layout(is_headerless)
def test_a_file_without_header_that_has_a_field_too_few_is_refused(reading):
    how = Writing(reading.source.format.delimiters[0], with_header=False)
    content = delimited(reading.layout.columns[:-1], six_rows(reading), how)
    try:
        loaded = load(content, reading)
    except FileRefused:
        return
    # Another layout of the source has as many fields: it must mean the very same by them.
    assert loaded.layout != reading.layout.name
    assert loaded.values == six_loaded(reading).values


@each_layout(lambda one: one.is_table and not is_fixed(one))
def test_one_record_that_has_a_field_too_few_is_a_fault_and_the_others_load(reading):
    """A header says how many fields there are; without one the layout does."""
    header, rows = reading.layout.columns, six_rows(reading)
    first = HEADER_ROWS if reading.has_header else 0
    how = Writing(reading.source.format.delimiters[0], with_header=reading.has_header)
    short = Writing(how.delimiter, with_header=False)
    content = b"".join(
        [
            delimited(header, rows[:3], how),
            delimited(header[:-2], rows[3:4], short),
            delimited(header, rows[4:], short),
        ]
    )
    loaded = load(content, reading)
    assert loaded.faults == {(first + 4, "ROW_WIDTH", None)}
    assert loaded.rows_in == ROWS and loaded.is_balanced
