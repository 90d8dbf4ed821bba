"""Writes rows of a layout in every form that a file may have."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq

from configs.source_models import Layout, Source
from tests.samples.rows import Row

BANNER = ["Report of results", "Made on request", ""]
UNQUOTED = "^"
DISTRICT, SCHOOL = "d", "s"


@dataclass(frozen=True)
class Writing:
    """How text is written; `bom` puts a mark before UTF-8, UTF-16 has its own."""

    delimiter: str = ","
    encoding: str = "utf-8"
    newline: str = "\n"
    with_header: bool = True


def sample(source: Source, layout: Layout, rows: Sequence[Row]) -> bytes:
    """Return the rows as the layout's own kind of file."""
    if source.format.kind == "oneroster":
        return oneroster(rows)
    if layout.record_length is not None:
        return fixed(layout, rows)
    return delimited(layout.columns, rows, writing_of(source, layout))


def writing_of(source: Source, layout: Layout) -> Writing:
    """Return how the source's files are written where nothing else is said."""
    return Writing(source.format.delimiters[0], with_header=not layout.headerless)


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


def fixed(layout: Layout, rows: Sequence[Row], length: int | None = None) -> bytes:
    """Return records of fixed width, of another length than the layout's if one is given.

    Columns that hold something are written last: where columns overlap, they count.
    """
    assert not isinstance(layout.positions, str)
    whole = layout.record_length or 0
    positions = layout.positions or []
    lines = []
    for row in rows:
        line = [" "] * whole
        for one in positions:
            if row[one.column]:
                line[one.start - 1 : one.end] = row[one.column].ljust(one.end - one.start + 1)
        lines.append("".join(line)[: length or whole].ljust(length or whole, "Z"))
    return "".join(f"{line}\n" for line in lines).encode()


def workbook(header: Sequence[str], rows: Sequence[Row], banner: Sequence[str] = BANNER) -> bytes:
    """Return an Excel workbook whose table stands below some rows of words; all cells are text."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("Results")
    for words in banner:
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
