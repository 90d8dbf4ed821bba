"""Every layout of every source takes a sample of its own making; one renamed column refuses it.

The samples are derived from the YAML alone (codes, patterns, vocabularies, score ranges), so that a
new source or layout is tested the moment it exists.
"""

import csv
import datetime as dt
import io
import re
import zipfile
from collections.abc import Iterator

import pyarrow as pa
import pytest

from configs.catalogue import load_catalogue
from configs.errors import FileRefused
from configs.models import TableField
from configs.references import allowed_codes, needed_columns, spelled_out
from configs.source_models import FieldSource, Layout, Source, as_list
from transforms.encode import Encoder
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, read_pieces
from validation.rows import check_rows

CATALOGUE = load_catalogue()
LAYOUTS = [
    pytest.param(source, layout, id=f"{source.name}-{layout.name}")
    for source in CATALOGUE.sources.values()
    for layout in source.layouts
]
DELIMITED = [
    one
    for one in LAYOUTS
    if one.values[0].format.kind == "table" and one.values[1].record_length is None
]
ROWS = 6
DIGITS = re.compile(r"\^\[0-9\]\{(\d+)\}\$")


def spring_year(layout: Layout) -> int:
    """Return a year that the layout is of."""
    return layout.years[1] or layout.years[0] or 2024


def sample_rows(source: Source, layout: Layout) -> list[dict[str, str]]:
    """Return rows whose every column says something that the source's YAML allows there."""
    rows: list[dict[str, str]] = []
    for number in range(ROWS):
        row = dict.fromkeys(layout.columns, "")
        carried = {
            name: spec
            for name, spec in source.fields.items()
            if name not in layout.absent and name not in layout.constants
        }
        for spec in carried.values():
            fill_beside_records(row, spec, layout, number)
        for name, spec in carried.items():
            fill(row, name, spec, source, layout, number)
        if source.race is not None:
            flag_races(row, source, number)
        rows.append(agreeing(belonging(row, source, layout), source, layout))
    return rows


def belonging(row: dict[str, str], source: Source, layout: Layout) -> dict[str, str]:
    """Return the row with the layout's marks and with what keeps it from being set aside."""
    changed = dict(row)
    for rule in source.set_aside.values():
        column = next((name for name in as_list(rule.column) if name in row), None)
        if column is not None and rule.unless and row[column] not in rule.unless:
            mark = layout.marks.get(column, "")
            changed[column] = next(text for text in rule.unless if re.search(mark, text))
    for column, pattern in layout.marks.items():
        if column in changed and not re.search(pattern, changed[column]):
            changed[column] = pattern.strip("^$")
    return changed


def fill(
    row: dict[str, str], name: str, spec: FieldSource, source: Source, layout: Layout, number: int
) -> None:
    columns = [
        next((column for column in names if column in row), None) for names in spec.spellings
    ]
    if spec.coalesce is not None:
        columns = [next((column for column in spec.coalesce if column in row), None)]
    field = CATALOGUE.tables[source.table].fields[name]
    for place, column in enumerate(columns):
        if column is not None and (not row[column] or spec.extract):
            text = value(field, spec, source, layout, number)
            text = around(row[column], text, spec.extract) if spec.extract else text
            widths = join_widths(spec)
            row[column] = cut(text, widths, place) if widths else text
    for column in columns_of_records(spec, layout):
        row[column] = row[column] or value(field, spec, source, layout, number)


def around(old: str, text: str, extract: str) -> str:
    """Return what may stand in a column of which the text is the part that counts."""
    tries = (text, f"{old or 'x'} {text}", f"{text} x")
    return next(one for one in tries if (found := re.search(extract, one)) and found[1] == text)


def columns_of_records(spec: FieldSource, layout: Layout) -> list[str]:
    """Return the file's columns behind the record's column that fills a field."""
    named = as_list(spec.column)
    spelled = [
        names
        for one in layout.records
        for column in one.columns
        if column in named
        for names in spelled_out(one, column)
    ]
    return [
        next(name for name in names if name in layout.columns)
        for names in spelled
        if set(names) & set(layout.columns)
    ]


def fill_beside_records(
    row: dict[str, str], spec: FieldSource, layout: Layout, number: int
) -> None:
    """Fill a column that is joined with the records' variable: all of them must have a code."""
    variables = {
        name: codes
        for one in layout.records
        for name in one.over
        for codes in [codes_of(name, layout)]
    }
    parts = [as_list(part) for part in spec.join or []]
    if not spec.codes or not any(set(names) & set(variables) for names in parts):
        return
    (column,) = [name for names in parts for name in names if name in row]
    (codes,) = [variables[name] for names in parts for name in names if name in variables]
    firsts = list(dict.fromkeys(code.removesuffix(codes[0]) for code in spec.codes))
    fitting = [first for first in firsts if all(first + code in spec.codes for code in codes)]
    row[column] = fitting[number % len(fitting)]


def codes_of(variable: str, layout: Layout) -> list[str]:
    """Return every code that the records of a layout have in a variable."""
    return [code for one in layout.records for code in one.over.get(variable, {})]


def records_in_a_row(layout: Layout) -> int:
    """Return how many records a row makes whose every column is filled."""
    made = 0
    for one in layout.records:
        columns = [list(spelled_out(one, column)) for column in one.columns]
        there = [
            any(set(names) & set(layout.columns) for names in found)
            for found in zip(*columns, strict=True)
        ]
        made += sum(there)
    return made or 1


def join_widths(spec: FieldSource) -> list[int]:
    """Return how the parts of a joined field are cut: county and district make seven digits."""
    return [2, 5] if spec.join is not None else []


def cut(text: str, widths: list[int], place: int) -> str:
    start = sum(widths[:place])
    return text[start : start + widths[place]]


def value(field: TableField, spec: FieldSource, source: Source, layout: Layout, number: int) -> str:
    """Return a value that the field's rules allow; codes are gone through in turn."""
    year = spring_year(layout)
    if spec.codes:
        codes = list(spec.codes)
        return codes[number % len(codes)]
    if spec.parse == "grade":
        return "4"
    if spec.parse == "school_year":
        return str(year)
    if spec.parse == "school_year_span":
        return f"{year - 1}-{year}"
    if spec.parse in ("date", "school_year_of_date", "window_of_date"):
        return dt.date(year, 4, 10 + number).strftime(spec.date_formats[0])
    if digits := DIGITS.fullmatch(spec.pattern or ""):
        width = int(digits[1])
        return f"{10 ** (width - 1) + 7 * (number + 1)}"
    if field.kind == "code":
        return allowed_codes(CATALOGUE, field.vocabulary or "")[0]
    if spec.parse in ("proportion", "percent"):
        return "0.5"
    if field.kind in ("integer", "decimal") or spec.pattern:
        return "1" if field.maximum and field.maximum <= 100 else "2500"
    return f"Text {number}"


def flag_races(row: dict[str, str], source: Source, number: int) -> None:
    """Let each row say yes to another race and no to the others."""
    assert source.race is not None
    for place, names in enumerate(source.race.columns.values()):
        column = next((name for name in as_list(names) if name in row), None)
        if column is not None:
            is_yes = place == number % len(source.race.columns)
            row[column] = (source.race.yes if is_yes else source.race.no or [""])[0]


def agreeing(row: dict[str, str], source: Source, layout: Layout) -> dict[str, str]:
    """Return the row with a grade, score and level that its test gives together."""
    if source.table != "student_result":
        return row
    said = {name: decoded(row, name, source, layout) for name in ("assessment", "subject")}
    assessment = CATALOGUE.assessments[said["assessment"]]
    of_subject = [one for one in assessment.score_ranges if one.subject == said["subject"]]
    ranges = [
        one
        for one in of_subject
        if (one.to_year or 9999) >= spring_year(layout)
        and (one.from_year or 0) <= spring_year(layout)
    ]
    changed = dict(row)
    if of_subject:
        put(changed, "grade", of_subject[0].grade, source)
    if ranges:
        put(changed, "grade", ranges[0].grade, source)
        put(changed, "scale_score", f"{ranges[0].lowest:g}", source)
    if "performance_level" not in source.fields:
        return changed
    if not source.fields["performance_level"].codes:
        put(changed, "performance_level", "1", source)
    elif ranges:
        first = next(
            raw for raw, code in source.fields["performance_level"].codes.items() if code == "1"
        )
        put(changed, "performance_level", first, source)
    return changed


def decoded(row: dict[str, str], name: str, source: Source, layout: Layout) -> str:
    spec = source.fields.get(name)
    if name in layout.constants or spec is None or spec.value is not None:
        return layout.constants.get(name) or (spec.value if spec else "") or ""
    raw = next((row[column] for column in as_list(spec.column) if column in row), "")
    return (spec.codes or {}).get(raw, raw)


def put(row: dict[str, str], name: str, text: str, source: Source) -> None:
    for column in as_list(source.fields[name].column):
        if column in row:
            codes = source.fields[name].codes
            row[column] = next((raw for raw, code in (codes or {}).items() if code == text), text)


def written(source: Source, header: list[str], rows: list[list[str]]) -> io.BytesIO:
    delimiter = source.format.delimiters[0]
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows([header, *rows])
    return io.BytesIO(out.getvalue().encode())


def zipped(rows: list[dict[str, str]]) -> io.BytesIO:
    """Return a OneRoster zip of the joined rows, a student and an enrolment each."""
    tables: dict[str, list[dict[str, str]]] = {
        n: [] for n in ("orgs", "users", "enrollments", "demographics")
    }
    for number, row in enumerate(rows):
        part = {
            name: {k.split(".")[1]: v for k, v in row.items() if k.startswith(f"{name}.")}
            for name in ("users", "orgs", "district", "enrollments", "demographics")
        }
        ids = {"sourcedId": f"d{number}"}
        tables["orgs"].append({**part["district"], **ids, "type": "district"})
        tables["orgs"].append(
            {
                **part["orgs"],
                "sourcedId": f"s{number}",
                "type": "school",
                "parentSourcedId": f"d{number}",
            }
        )
        tables["users"].append(
            {
                **part["users"],
                "sourcedId": f"u{number}",
                "role": "student",
                "status": "",
                "orgSourcedIds": f"s{number}",
            }
        )
        tables["enrollments"].append(
            {
                **part["enrollments"],
                "sourcedId": f"e{number}",
                "status": "",
                "role": "student",
                "classSourcedId": "c",
                "schoolSourcedId": f"s{number}",
                "userSourcedId": f"u{number}",
            }
        )
        tables["demographics"].append({**part["demographics"], "userSourcedId": f"u{number}"})
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("manifest.csv", "propertyName,value\noneroster.version,1.1\n")
        for name, records in tables.items():
            text = io.StringIO()
            fields = list(dict.fromkeys(key for record in records for key in record))
            writer = csv.DictWriter(text, fields, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(records)
            archive.writestr(f"{name}.csv", text.getvalue())
    return content


def sample(source: Source, layout: Layout) -> io.BytesIO:
    rows = sample_rows(source, layout)
    if source.format.kind == "oneroster":
        return zipped(rows)
    if layout.record_length is not None:
        return fixed(layout, rows)
    header = list(layout.columns)
    values = [[row[name] for name in header] for row in rows]
    if layout.headerless:
        return written(source, values[0], values[1:])
    return written(source, header, values)


def fixed(layout: Layout, rows: list[dict[str, str]]) -> io.BytesIO:
    """Return records of fixed width; a code too long for its column gives way to one that fits."""
    lines = [[" "] * (layout.record_length or 0) for _ in rows]
    for one in layout.positions or []:
        width = one.end - one.start + 1
        texts = [row[one.column] for row in rows]
        fitting = next(text for text in texts if len(text) <= width)
        for line, text in zip(lines, texts, strict=True):
            kept = text if len(text) <= width else fitting
            line[one.start - 1 : one.end] = kept.ljust(width)
    return io.BytesIO("".join("".join(line) + "\n" for line in lines).encode())


class _AnySchool:
    """A directory that knows every name."""

    def find(self, name: str) -> str:
        return "6990013"


def loaded(source: Source, stream: io.BytesIO) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield every piece's typed rows and their faults, after row rules."""
    probe = examine(stream, source)
    name = source.file_names[0].replace("*", "x")
    landing = Landing(name, "0199017", schools=_AnySchool())
    match = match_layout(probe.columns, source, probe.layout)
    setting = Setting(source, match, CATALOGUE, landing)
    encoder = Encoder(setting)
    for piece in read_pieces(stream, probe, encoder.columns, encoder.plain_columns):
        encoded = encoder.encode(piece)
        found = check_rows(encoded.table, source, CATALOGUE, encoded.faults)
        assert encoded.set_aside.num_rows == 0
        yield encoded.table, pa.concat_tables([encoded.faults, found.rejects])


@pytest.mark.parametrize("source, layout", LAYOUTS)
def test_a_sample_in_the_layout_is_recognised_and_no_row_is_rejected(source, layout):
    stream = sample(source, layout)
    probe = examine(stream, source)
    assert match_layout(probe.columns, source, probe.layout).layout.name == layout.name
    tables = list(loaded(source, stream))
    assert sum(table.num_rows for table, _ in tables) == ROWS * records_in_a_row(layout)
    assert [fault for _, faults in tables for fault in faults.to_pylist()] == []


@pytest.mark.parametrize("source, layout", LAYOUTS)
def test_every_field_that_the_layout_carries_is_filled_in_the_sample(source, layout):
    """So that a sample without faults is no empty one."""
    (table, _), *_ = loaded(source, sample(source, layout))
    carried = {
        name
        for name, spec in source.fields.items()
        if name not in layout.absent and (spec.spellings or spec.value or spec.derive)
    }
    empty = {name for name in carried if table[name].null_count == table.num_rows}
    assert empty == set()


@pytest.mark.parametrize("source, layout", DELIMITED)
def test_a_sample_without_one_needed_column_is_refused_and_the_rename_is_told(source, layout):
    rows = sample_rows(source, layout)
    header = list(layout.columns)
    needed = {
        next(column for column in names if column in header)
        for _, names in needed_columns(source, layout)
        if len(set(names) & set(header)) == 1
    }
    assert needed
    for column in sorted(needed):
        renamed = [f"{name} renewed" if name == column else name for name in header]
        stream = written(source, renamed, [[row[name] for name in header] for row in rows])
        with pytest.raises(FileRefused) as caught:
            match_layout(examine(stream, source).columns, source)
        assert caught.value.code == "UNKNOWN_HEADER"
        assert column in caught.value.found and f"{column} renewed" in caught.value.found


def spoilable(source: Source, layout: Layout) -> tuple[str, str]:
    """Return a column of codes, or else of a pattern, and what no such value there is called."""
    watched = {c for rule in source.set_aside.values() if rule.unless for c in as_list(rule.column)}
    found = [
        (code, column)
        for name, spec in source.fields.items()
        for code, strict in (("UNKNOWN_CODE", spec.codes), ("BAD_FORMAT", spec.pattern))
        if strict and spec.otherwise is None and not spec.derive and name not in layout.absent
        for column in as_list(spec.column)
        if column in layout.columns and column not in watched
    ]
    read = [c for spec in source.fields.values() for names in spec.spellings for c in names]
    code, column = max(found, key=lambda one: (one[0] == "UNKNOWN_CODE", -read.count(one[1])))
    return column, code


@pytest.mark.parametrize("source, layout", DELIMITED)
def test_a_spoilt_sample_is_not_without_faults(source, layout):
    """The test above can fail: a code that no list has is found."""
    rows = sample_rows(source, layout)
    header = list(layout.columns)
    coded, expected = spoilable(source, layout)
    body = [[("no such code" if name == coded else row[name]) for name in header] for row in rows]
    faults = [
        f for _, found in loaded(source, written(source, header, body)) for f in found.to_pylist()
    ]
    assert {fault["code"] for fault in faults} == {expected}
    assert len({fault["source_row"] for fault in faults}) == ROWS
