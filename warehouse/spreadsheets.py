"""Tables handed out to people as a workbook or as CSV, for their owner's eyes only."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.files import storage_failed, whole_file
from warehouse.formulas import harmless
from warehouse.workspace import PRIVATE_FILE, PRIVATE_FOLDER

if TYPE_CHECKING:
    from openpyxl.worksheet._write_only import WriteOnlyWorksheet

WORKBOOK, CSV = ".xlsx", ".csv"
ENDINGS = (WORKBOOK, CSV)
CELL_LENGTH = 32_767
TEXT_FORMAT = "@"
NOTE_WIDTH = 60
# XML knows none of these, and calls every line end the same.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_ESCAPED = re.compile("_(?=x[0-9A-Fa-f]{4}_)")


@dataclass(frozen=True)
class Sheet:
    """One sheet: its name, its header and its rows; every text stays text."""

    name: str
    header: Sequence[str]
    rows: Sequence[Sequence[str | int | None]]


def as_read_back(text: str) -> str:
    r"""Return a value as a person's spreadsheet gives it back untouched.

    >>> as_read_back("a\r\nb\x00")
    'a\nb\ufffd'
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NOT_IN_XML.sub("\ufffd", lines)[:CELL_LENGTH]


def write_spreadsheet(path: Path, sheets: Sequence[Sheet]) -> None:
    """Leave a new file at `path`, for its owner only: a workbook, or the first sheet as CSV.

    Nothing in it is ever a formula. In CSV every value is quoted, and one that a program would work
    out has an apostrophe before it (`warehouse.formulas`).

    Raises:
        InfrastructureError: it cannot be written (STORAGE_FAILED).
    """
    write = _write_workbook if path.suffix.lower() == WORKBOOK else _write_csv
    try:
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        with whole_file(path, path.parent, PRIVATE_FILE) as temporary:
            temporary.touch(mode=PRIVATE_FILE)
            write(temporary, sheets)
    except OSError as error:
        raise storage_failed(
            str(path),
            error,
            expected="a disk with room, and a folder that can be written",
            remedy="free space, mend the permissions, or name another file",
        ) from error


def _write_csv(path: Path, sheets: Sequence[Sheet]) -> None:
    # With the mark, a spreadsheet program knows that it is UTF-8.
    with path.open("w", encoding="utf-8-sig", newline="", errors="replace") as stream:
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerows(map(_harmless, _together(sheets[0])))


def _harmless(row: Sequence[str | int | None]) -> list[str | int | None]:
    return [harmless(value) if isinstance(value, str) else value for value in row]


def _write_workbook(path: Path, sheets: Sequence[Sheet]) -> None:
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    for one in sheets:
        sheet = book.create_sheet(one.name)
        sheet.freeze_panes = "B2"
        for letter in "ABCD":
            sheet.column_dimensions[letter].width = NOTE_WIDTH if letter == "B" else NOTE_WIDTH / 3
        style = _text_style(sheet)
        for row in _together(one):
            sheet.append([_cell(sheet, value, style) for value in row])
    with path.open("wb") as stream:
        book.save(stream)


def _together(sheet: Sheet) -> Iterable[Sequence[Any]]:
    yield sheet.header
    yield from sheet.rows


def _text_style(sheet: WriteOnlyWorksheet) -> Any:
    """Return the style of text, worked out once: each cell's own would take most of the time."""
    from openpyxl.cell import WriteOnlyCell

    cell = WriteOnlyCell(sheet, "")
    cell.number_format = TEXT_FORMAT
    cell.quotePrefix = True
    return cell._style


def _cell(sheet: WriteOnlyWorksheet, value: str | int | None, style: Any) -> Any:
    from openpyxl.cell import WriteOnlyCell

    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, _ESCAPED.sub("_x005F_", as_read_back(value)))
    # Said to be text: what begins with = is not worked out, and no leading zero is lost.
    cell.data_type = "s"
    cell._style = style
    return cell
