"""Rejected rows as a spreadsheet: what stands in the file, why it was rejected, room to correct."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from configs.errors import UsageError
from configs.models import CodeWords
from configs.source_models import Source
from flows.context import Context
from flows.stages.export_place import exports, require_export_place
from transforms.pieces import UNPARSED
from warehouse.accesses import Access
from warehouse.ledger_records import RejectedReason
from warehouse.spreadsheets import ENDINGS, WORKBOOK, Sheet, write_spreadsheet

SOURCE_ROW, REASONS, LOAD = "source_row", "reasons", "load_id"
ROWS_AT_MOST = 100_000
OF_QUARANTINE = (SOURCE_ROW, "reject_codes", "reject_fields", UNPARSED)
HOW = (
    "Correct the values where they stand; every cell is text. Leave the header, source_row,"
    " reasons, load_id and unparsed as they are.",
    "Rows may be sorted or removed, columns moved; a row that you change nothing in stays in"
    " quarantine.",
    "A row with something in `unparsed` did not part into columns: write its values into them.",
    "Of two rows that contradict each other, correct the wrong one; made the same as the right"
    " one, it is set aside as its copy.",
    "A cell that begins with = + - or @ is text and no formula; keep it so. In CSV it has an"
    " apostrophe before it, which `roci quarantine replay` takes away again.",
    "This file holds students' data: keep it where only you can read it, delete it afterwards.",
)


@dataclass(frozen=True)
class Exported:
    """How a load's rejected rows are laid out for a person.

    Attributes:
        load_id: the load whose rows they are.
        rows: the rows of quarantine, by number.
        columns: the columns of the file, in its order.
    """

    load_id: str
    rows: Mapping[int, Mapping[str, str | None]]
    columns: tuple[str, ...]

    @classmethod
    def of(cls, load_id: str, table: pa.Table) -> Exported:
        """Return the layout of a load's quarantine."""
        columns = tuple(name for name in table.column_names if name not in OF_QUARANTINE)
        return cls(load_id, {row[SOURCE_ROW]: row for row in table.to_pylist()}, columns)

    @property
    def header(self) -> tuple[str, ...]:
        """Return the header: row number, reasons, load, then the columns of the file."""
        lines = [UNPARSED] if any(row[UNPARSED] is not None for row in self.rows.values()) else []
        return (SOURCE_ROW, REASONS, LOAD, *lines, *self.columns)

    @property
    def values(self) -> tuple[str, ...]:
        """Return the columns that hold what stands in the file."""
        return self.header[3:]


def export_rows(
    context: Context, load_id: str, target: Path | None, *, understood: bool
) -> tuple[Path, int]:
    """Write a load's rejected rows into a new spreadsheet; return where, and how many.

    Raises:
        UsageError: there are none, the file exists, it would be no spreadsheet, or it would stand
            outside of quarantine/exports without the person saying that they know what it holds.
    """
    exported = exported_rows(context, load_id)
    path = target if target is not None else exports(context) / f"{load_id}{WORKBOOK}"
    require_export_place(context, path, ENDINGS, outside=understood)
    codes = context.catalogue.codes
    sheets = [_rows_sheet(context, load_id, exported), _words_sheet(exported, codes)]
    write_spreadsheet(path, sheets)
    context.accesses.note(
        Access("quarantine export", "rejected rows", str(path), len(exported.rows), load_id)
    )
    return path, len(exported.rows)


def exported_rows(context: Context, load_id: str) -> Exported:
    """Return a load's rejected rows as they are laid out for a person.

    Raises:
        UsageError: there is no such load, it has none (NO_REJECTED_ROWS), or far too many.
    """
    context.ledger.load(load_id)
    table = context.quarantine.read(load_id)
    if table is not None and table.num_rows > ROWS_AT_MOST:
        raise UsageError(
            "TOO_MANY_ROWS",
            where=load_id,
            found=f"{table.num_rows:,} rows in quarantine",
            expected=f"at most {ROWS_AT_MOST:,}, which people can look through",
            remedy="mend the cause that they share: the extract, or the source's configuration",
        )
    if table is None:
        raise UsageError(
            "NO_REJECTED_ROWS",
            where=load_id,
            found="no rows in quarantine",
            expected="a load with rejected rows",
            remedy="`roci quarantine list` names them",
        )
    return Exported.of(load_id, table)


def columns_of_fields(source: Source, columns: frozenset[str]) -> dict[str, str]:
    """Return, by field, the columns of a file that it is read from, where they bear other names."""
    found = {}
    for field, spec in source.fields.items():
        read = [one for one in spec.coalesce or [] if one in columns] or [
            next(one for one in names if one in columns)
            for names in spec.spellings
            if not columns.isdisjoint(names)
        ]
        if read and read != [field]:
            found[field] = ", ".join(read)
    return found


def reason_words(
    reason: RejectedReason, codes: Mapping[str, CodeWords], read_from: Mapping[str, str]
) -> str:
    """Return why a row was rejected, in words; `read_from`: the file's columns of each field."""
    words = codes.get(reason.code)
    field = f" in {reason.field}" if reason.field else ""
    if reason.field is not None and reason.field in read_from:
        field += f" (column {read_from[reason.field]})"
    return f"{reason.code}{field}: {words.meaning if words else ''}"


def _rows_sheet(context: Context, load_id: str, exported: Exported) -> Sheet:
    codes = context.catalogue.codes
    source = context.catalogue.source(context.ledger.load(load_id).source)
    read_from = columns_of_fields(source, frozenset(exported.columns))
    reasons: dict[int, list[str]] = {}
    for one in context.ledger.rejected_reasons(load_id):
        reasons.setdefault(one.source_row, []).append(reason_words(one, codes, read_from))
    rows: list[Sequence[str | int | None]] = [
        [number, "\n".join(reasons.get(number, [])), load_id, *map(row.get, exported.values)]
        for number, row in sorted(exported.rows.items())
    ]
    return Sheet("rows", exported.header, rows)


def _words_sheet(exported: Exported, codes: Mapping[str, CodeWords]) -> Sheet:
    met = {
        code for row in exported.rows.values() for code in (row["reject_codes"] or "").split(",")
    }
    rows = [[code, codes[code].meaning, codes[code].remedy] for code in sorted(met & set(codes))]
    return Sheet("what to do", ("code", "meaning", "to do"), [*rows, *(["", one] for one in HOW)])
