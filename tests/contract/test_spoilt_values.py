"""One spoilt value rejects its own row, in its own field, and no other row."""

from collections.abc import Iterator

import pytest

from tests.samples.demands import Reading
from tests.samples.loading import load
from tests.samples.rows import Row
from tests.samples.shipped import each_layout, six_loaded, some_rows
from tests.samples.values import Field
from tests.samples.writing import sample

UNKNOWN = "?!?!?!"


def decides_of_the_row(column: str, reading: Reading) -> bool:
    """Return whether the row is another source's, or no row at all, without the column's value."""
    present = {name for one in reading.layout.records for name in one.present}
    dropped = [name for name, values in reading.dropped_by.items() if "" in values]
    return column in {*reading.kept_by, *reading.layout.marks, *present, *dropped}


def cells_of(one: Field, reading: Reading) -> list[str]:
    """Return the file's columns that fill a field, of the first record that has them."""
    for record in reading.records:
        places = [record.behind(column) for column in reading.columns(one.name)]
        found = [place for place in places if place is not None]
        if found:
            return found
    return []


def coded(reading: Reading) -> Iterator[tuple[Field, list[str], str]]:
    """Yield each coded field without a code for the rest, its columns, and the code of a fault."""
    for one in reading.fields.values():
        is_coded = one.spec.codes is not None or one.table_field.kind == "code"
        watched = any(decides_of_the_row(column, reading) for column in reading.columns(one.name))
        cells = cells_of(one, reading)
        is_open = one.spec.otherwise is not None or "date" in one.spec.parse
        if is_coded and cells and not watched and not is_open:
            formed = one.spec.pattern or one.spec.extract
            yield one, cells[:1], "BAD_FORMAT" if formed else "UNKNOWN_CODE"


def required(reading: Reading) -> Iterator[tuple[Field, list[str], str]]:
    """Yield each required field that nothing else fills, its columns, and the code of a fault."""
    for one in reading.fields.values():
        is_required = one.table_field.required or one.spec.required
        filled = one.spec.if_missing is not None or one.spec.default is not None
        watched = any(decides_of_the_row(column, reading) for column in reading.columns(one.name))
        cells = cells_of(one, reading)
        if is_required and cells and not filled and not watched:
            yield one, cells, "REQUIRED_MISSING"


def spoilt(row: Row, one: Field, cells: list[str], text: str, reading: Reading) -> Row:
    """Return the row with a text in these cells, and nothing that overrules the field."""
    blank = {}
    for override in one.spec.overrides:
        column = reading.spelled(override.column)
        behind = [record.behind(column) for record in reading.records] if column else []
        blank |= {place: "" for place in behind if place and row.get(place) in override.values}
    fitting = {cell: text[: reading.widths.get(cell, len(text))] for cell in cells}
    return {**row, **blank, **fitting}


def assert_each_rejects_its_own_row(reading, faulty, text) -> None:
    """Spoil one field in each row of a sample, and hold every fault against it."""
    rows = some_rows(reading, len(faulty))
    changed = [
        spoilt(row, one, cells, text, reading)
        for row, (one, cells, _) in zip(rows, faulty, strict=True)
    ]
    loaded = load(sample(reading, changed), reading)
    first = min(row["source_row"] for row in six_loaded(reading).rows)
    places = range(first, first + len(rows))
    for at, row, other, (one, _, code) in zip(places, rows, changed, faulty, strict=True):
        found = {(code, name) for place, code, name in loaded.faults if place == at}
        assert (code, one.name) in found
        assert {name for _, name in found} <= touched(row, other, reading)
    assert loaded.is_balanced and loaded.set_aside == []


def touched(row: Row, changed: Row, reading: Reading) -> set[str]:
    """Return the fields that read what was changed; a test may lack its score then."""
    cells = {column for column, text in row.items() if changed[column] != text}
    found = {"scale_score"}
    for name, one in reading.fields.items():
        overruled = [reading.spelled(override.column) for override in one.spec.overrides]
        columns = [*reading.columns(name), *(column for column in overruled if column)]
        if any(record.behind(c) in cells for c in columns for record in reading.records):
            found.add(name)
    return found | ({"race_flags", "ethnicity"} if cells & set(reading.races) else set())


@each_layout(lambda one: any(coded(one)))
def test_an_unknown_code_rejects_exactly_its_row_in_its_field(reading):
    assert_each_rejects_its_own_row(reading, list(coded(reading)), UNKNOWN)


@each_layout(lambda one: any(required(one)))
def test_a_blank_in_a_required_field_rejects_exactly_its_row(reading):
    assert_each_rejects_its_own_row(reading, list(required(reading)), "")


@each_layout(lambda one: bool(one.source.race) and bool(one.races))
def test_an_answer_about_race_that_is_neither_yes_nor_no_is_a_fault(reading):
    if not {"race_flags", "ethnicity"} & set(reading.source.fields):
        pytest.skip("no field is derived from the flags")
    rows = some_rows(reading, 3)
    column = reading.races[0]
    rows[1] = {**rows[1], column: UNKNOWN[: reading.widths.get(column, 6)]}
    loaded = load(sample(reading, rows), reading)
    (at,) = {row for row, _, _ in loaded.faults}
    assert at == sorted({row["source_row"] for row in loaded.rows})[1]
    assert {code for _, code, _ in loaded.faults} == {"UNKNOWN_CODE"}
