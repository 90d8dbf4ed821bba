"""Writes rows of a layout in every form that a file may have."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from configs.source_models import Layout
from tests.samples.demands import Reading
from tests.samples.rows import Row

BANNER = ["Report of results", "Made on request", ""]
UNQUOTED = "^"
DISTRICT, SCHOOL = "d", "s"


@dataclass(frozen=True)
class Writing:
    """How text is written."""

    delimiter: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    with_header: bool = True


def sample(reading: Reading, rows: Sequence[Row], **how: str) -> bytes:
    """Return the rows as the layout's own kind of file; `how` are attributes of Writing."""
    layout, source = reading.layout, reading.source
    if source.format.kind == "oneroster":
        return oneroster(rows)
    as_usual = Writing(source.format.delimiters[0], with_header=not layout.headerless)
    writing = replace(as_usual, **how)
    if layout.record_length is not None:
        return fixed(layout, rows, writing)
    return delimited(layout.columns, rows, writing)


def delimited(header: Sequence[str], rows: Sequence[Row], how: Writing) -> bytes:
    """Return delimited text: the header, if it has one, and the columns of each row."""
    out = io.StringIO(newline="")
    unquoted = how.delimiter == UNQUOTED
    writer = csv.writer(
        out,
        delimiter=how.delimiter,
        lineterminator=how.newline,
        quoting=csv.QUOTE_NONE if unquoted else csv.QUOTE_MINIMAL,
        quotechar=None if unquoted else '"',
    )
    if how.with_header:
        writer.writerow(header)
    writer.writerows([row[name] for name in header] for row in rows)
    return out.getvalue().encode(how.encoding)


def fixed(layout: Layout, rows: Sequence[Row], how: Writing = Writing()) -> bytes:
    """Return records of fixed width."""
    return ended((fixed_record(layout, row) for row in rows), how)


def fixed_record(layout: Layout, row: Row) -> str:
    """Return one record; of columns that lie over one another those that say something count."""
    line = [" "] * (layout.record_length or 0)
    for one in layout.positions or []:
        assert not isinstance(one, str)
        if row[one.column]:
            line[one.start - 1 : one.end] = row[one.column].ljust(one.end - one.start + 1)
    return "".join(line)


def ended(lines: Iterable[str], how: Writing = Writing()) -> bytes:
    """Return lines as text, each with its end."""
    return "".join(f"{line}{how.newline}" for line in lines).encode(how.encoding)


def workbook(header: Sequence[str], rows: Sequence[Row], sheet_name: str = "Results") -> bytes:
    """Return an Excel workbook whose table stands below three rows of words; all cells are text."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(sheet_name)
    for words in BANNER:
        sheet.append([words])
    sheet.append(list(header))
    for row in rows:
        sheet.append([row[name] or None for name in header])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def parquet(header: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Return Parquet of strings; blanks are null."""
    columns = {name: pa.array([row[name] or None for row in rows], pa.string()) for name in header}
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def json_lines(header: Sequence[str], rows: Sequence[Row]) -> bytes:
    """Return JSON lines; blanks are null."""
    lines = [json.dumps({name: row[name] or None for name in header}) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def oneroster(rows: Sequence[Row]) -> bytes:
    """Return a OneRoster zip of the joined rows: each a student with one enrolment."""
    tables: dict[str, list[Row]] = {"orgs": [], "users": [], "enrollments": [], "demographics": []}
    for number, row in enumerate(rows):
        for name, record in _joined_from(row, number):
            tables[name].append(record)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("manifest.csv", "propertyName,value\noneroster.version,1.1\n")
        for name, records in tables.items():
            archive.writestr(f"{name}.csv", _table(records))
    return content.getvalue()


def _joined_from(row: Row, number: int) -> list[tuple[str, Row]]:
    """Return the records of the tables that a joined row comes from, with the keys between them."""
    part = {
        name: {k.split(".", 1)[1]: v for k, v in row.items() if k.startswith(f"{name}.")}
        for name in ("users", "orgs", "district", "enrollments", "demographics")
    }
    district, school, user = f"{DISTRICT}{number}", f"{SCHOOL}{number}", f"u{number}"
    links = {"classSourcedId": "c", "schoolSourcedId": school, "userSourcedId": user}
    student = {"role": "student", "status": ""}
    return [
        ("orgs", {**part["district"], "sourcedId": district, "type": "district"}),
        ("orgs", {**part["orgs"], "sourcedId": school, "type": "school",
                  "parentSourcedId": district}),
        ("users", {**part["users"], **student, "sourcedId": user, "orgSourcedIds": school}),
        ("enrollments", {**part["enrollments"], **student, **links, "sourcedId": f"e{number}"}),
        ("demographics", {**part["demographics"], "userSourcedId": user}),
    ]  # fmt: skip


def _table(records: Sequence[Row]) -> str:
    text = io.StringIO()
    fields = list(dict.fromkeys(key for record in records for key in record))
    writer = csv.DictWriter(text, fields, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue()
