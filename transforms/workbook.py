"""Reads the sheets of an Excel workbook, every cell as the string that a CSV export would have.

docs/decisions/0008-file-forms.md says why calamine.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any, BinaryIO, cast

import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum

from configs.errors import FileRefused
from transforms.delimited import Wanted
from transforms.headers import HEADER_WITHIN, Header, header_of
from transforms.json_lines import as_column
from transforms.pieces import ROWS_OF_A_SHEET, SHEET, Piece, distinct_names
from transforms.probe import (
    UNPACKED_AT_MOST,
    ZIP_MAGIC,
    Compression,
    Expected,
    Probe,
    Sheet,
    unpacked_stream,
)
from transforms.refusals import empty, unreadable

OLE2_MAGIC = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# A sheet with this share of the columns that the fullest shows is of the same table.
AKIN = 0.5
MEMBERS = ("xl/workbook.xml", "xl/workbook.bin")
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
PIECE_ROWS = 1 << 15
SHEETS_AT_MOST = 200
PACKED_AT_MOST = 200
PACKED_CHECKED_FROM = 10 << 20
HEADS_KEPT = 8

Rows = list[tuple[str, ...]]


@dataclass(frozen=True)
class Head:
    """The first rows of a sheet."""

    position: int
    name: str
    rows: Rows


def is_workbook(stream: BinaryIO, magic: bytes) -> bool:
    """Return whether the bytes, not compressed otherwise, are of an Excel workbook."""
    if magic.startswith(OLE2_MAGIC):
        return True
    if not magic.startswith(ZIP_MAGIC):
        return False
    try:
        stream.seek(0)
        with zipfile.ZipFile(stream) as archive:
            return any(name in archive.namelist() for name in MEMBERS)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
        return False


def workbook_probe(stream: BinaryIO, compression: Compression, expected: Expected) -> Probe:
    """Return the probe of a workbook, by the first rows of its sheets.

    The sheet that shows most columns of the source's layouts is read, and with it every other that
    shows at least half of these: what such a sheet lacks is blank in its rows, what it has besides
    keeps it from nothing. Where no sheet shows one, it is the first that is not blank.

    Raises:
        FileRefused: EMPTY_FILE without a header, UNREADABLE_FILE.
    """
    heads = [
        head
        for head in _heads(unpacked_stream(stream, compression))
        if any(fnmatchcase(head.name, pattern) for pattern in expected.format.sheets)
    ]
    found = [(head, header_of(head.rows, expected.known)) for head in heads]
    shown = [(head, header) for head, header in found if header is not None]
    if not shown:
        raise empty("no sheet with a header")
    best = max((header for _, header in shown), key=lambda header: header.shown)
    sheets = [
        _sheet(head, header) for head, header in shown if _alike(header, best, expected.known)
    ]
    return _probe(sheets, compression, expected.sheet_named)


def any_workbook_probe(stream: BinaryIO, compression: Compression) -> Probe:
    """Return the probe of a workbook of no known source, by its first sheet with two columns.

    Raises:
        FileRefused: EMPTY_FILE without such a sheet, UNREADABLE_FILE.
    """
    for head in _heads(unpacked_stream(stream, compression)):
        header = header_of(head.rows, ())
        if header is not None and sum(map(bool, header.columns)) > 1:
            return _probe([_sheet(head, header)], compression, False)
    raise empty("no sheet with two columns")


def refuse_without_records(stream: BinaryIO, found: Probe) -> None:
    """Refuse a workbook that has nothing below its headers.

    Raises:
        FileRefused: EMPTY_FILE.
    """
    first = {
        head.position: head.rows for head in _heads(unpacked_stream(stream, found.compression))
    }
    if any(any(row) for one in found.sheets for row in first[one.position][one.header_row :]):
        return
    pieces = read_workbook(stream, found, Wanted())
    if not any(piece.table.num_rows for piece in pieces):
        raise empty("a header and no record")


def read_workbook(stream: BinaryIO, found: Probe, wanted: Wanted) -> Iterator[Piece]:
    """Yield the records of the sheets, one sheet after another.

    A row is numbered as its sheet shows it, 10,000,000 further for every sheet before it. Column
    `#sheet` is its sheet's name, where the probe says so.

    Raises:
        FileRefused: UNREADABLE_FILE.
    """
    names = wanted.names(found)
    book = _opened(unpacked_stream(stream, found.compression))
    for sheet in found.sheets:
        rows = enumerate(_rows(book, sheet.position), start=1)
        below = islice(rows, sheet.header_row, None)
        while some := list(islice(below, PIECE_ROWS)):
            yield _piece(some, sheet, names, wanted.plain, found.sheet_named)


def _probe(sheets: Sequence[Sheet], compression: Compression, sheet_named: bool) -> Probe:
    return Probe(
        encoding="utf-8",
        columns=_columns_of_all(sheets),
        header_row=sheets[0].header_row,
        compression=compression,
        quote=False,
        kind="workbook",
        sheets=tuple(sheets),
        sheet_named=sheet_named,
    )


def _sheet(head: Head, header: Header) -> Sheet:
    return Sheet(head.position, head.name, header.row, _without_blank_end(header.columns))


def _without_blank_end(columns: Sequence[str]) -> tuple[str, ...]:
    last = max(at for at, name in enumerate(columns) if name)
    return tuple(columns[: last + 1])


def _alike(header: Header, best: Header, known: Collection[str]) -> bool:
    """Return whether a sheet is of the same table as the one that shows most."""
    if not best.shown:
        return header is best
    shown = set(best.columns) & set(known)
    return len(set(header.columns) & shown) >= AKIN * len(shown)


def _columns_of_all(sheets: Sequence[Sheet]) -> tuple[str, ...]:
    """Return the header of the first sheet, and what other sheets have besides."""
    first = sheets[0].columns
    more = (name for one in sheets[1:] for name in one.columns if name and name not in first)
    return (*first, *dict.fromkeys(more))


def _piece(
    numbered: Sequence[tuple[int, Sequence[Any]]],
    sheet: Sheet,
    names: Sequence[str],
    plain: Collection[str],
    sheet_named: bool,
) -> Piece:
    filled = [(number, cells) for number, cells in numbered if any(one != "" for one in cells)]
    by_column = list(zip(*(cells for _, cells in filled), strict=True))
    places = {name: at for at, name in enumerate(distinct_names(sheet.columns))}
    table = pa.table(
        [_column(by_column, places.get(name), name in plain, len(filled)) for name in names],
        list(names),
    )
    if sheet_named:
        table = table.append_column(SHEET, as_column([sheet.name] * len(filled), False))
    rows = [number + ROWS_OF_A_SHEET * sheet.position for number, _ in filled]
    blank = len(numbered) - len(filled)
    return Piece(table, pa.array(rows, pa.int32()), blank_rows=blank)


def _column(
    by_column: Sequence[Sequence[Any]], place: int | None, is_plain: bool, rows: int
) -> pa.Array:
    """Return a column's cells as text; a sheet that lacks the column has blanks in it."""
    if place is None:
        return as_column([""] * rows, is_plain)
    cells = by_column[place] if by_column else ()
    return as_column([one if type(one) is str else cell_text(one) for one in cells], is_plain)


def cell_text(value: Any) -> str:
    """Return a cell as a CSV export writes it.

    >>> [cell_text(one) for one in (3.0, 0.5, True, datetime(2024, 5, 1))]
    ['3', '0.5', 'TRUE', '2024-05-01']
    """
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return _number(float(value))
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else _moment(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        minutes, seconds = divmod(round(value.total_seconds()), 60)
        return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}"
    return str(value)


def _number(value: float) -> str:
    # A workbook holds fifteen digits of a number; the further ones are the machine's.
    is_whole = value.is_integer() and abs(value) < 1e21
    return f"{value:.0f}" if is_whole else f"{value:.15g}"


def _moment(value: datetime) -> str:
    return value.strftime("%Y-%m-%d %H:%M:%S")


def _rows(book: CalamineWorkbook, position: int) -> Iterator[list[Any]]:
    return _read(lambda: book.get_sheet_by_index(position)).iter_rows()


def _heads(stream: BinaryIO) -> list[Head]:
    """Return the first rows of each sheet.

    Every source looks at them when a file's source is sought: they are kept for the last few files,
    by the digest of all bytes, since unpacking a workbook takes seconds.
    """
    stream.seek(0)
    digest = hashlib.file_digest(cast(Any, stream), "blake2b").digest()
    if digest not in _KEPT:
        heads = list(_unpacked_heads(_opened(stream)))
        while len(_KEPT) >= HEADS_KEPT:
            _KEPT.pop(next(iter(_KEPT)))
        _KEPT[digest] = heads
    return _KEPT[digest]


_KEPT: dict[bytes, list[Head]] = {}


def _unpacked_heads(book: CalamineWorkbook) -> Iterator[Head]:
    for position, sheet in enumerate(book.sheets_metadata):
        if sheet.typ == SheetTypeEnum.WorkSheet:
            rows = list(_first_rows(book, position))
            yield Head(position, sheet.name, rows)


def _first_rows(book: CalamineWorkbook, position: int) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a sheet to the fortieth, and on to the first that is not blank."""
    any_filled = False
    for row, cells in enumerate(_rows(book, position), start=1):
        if row > HEADER_WITHIN and any_filled:
            return
        texts = tuple(cell_text(cell).strip() for cell in cells)
        any_filled = any_filled or any(texts)
        yield texts


def _opened(stream: BinaryIO) -> CalamineWorkbook:
    """Return the workbook, unless unpacking it would fill the memory.

    Raises:
        FileRefused: UNREADABLE_FILE.
    """
    stream.seek(0)
    if stream.read(len(ZIP_MAGIC)) == ZIP_MAGIC:
        _refuse_bomb(stream)
    else:
        _refuse_encrypted(stream)
    stream.seek(0)
    book: CalamineWorkbook = _read(lambda: CalamineWorkbook.from_filelike(stream))
    if len(book.sheets_metadata) > SHEETS_AT_MOST:
        raise unreadable("the workbook", f"more than {SHEETS_AT_MOST} sheets", "fewer")
    return book


def _refuse_bomb(stream: BinaryIO) -> None:
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
    if sum(one.file_size for one in members) > UNPACKED_AT_MOST:
        raise unreadable("the workbook", "parts that unpack to more than 2 GB", "less")
    for one in members:
        if one.file_size > PACKED_CHECKED_FROM and one.file_size > PACKED_AT_MOST * max(
            one.compress_size, 1
        ):
            raise unreadable(
                "the workbook",
                f"a part that unpacks to more than {PACKED_AT_MOST} times its size",
                "the sheets that a spreadsheet program writes",
            )


def _refuse_encrypted(stream: BinaryIO) -> None:
    stream.seek(0)
    if ENCRYPTED in stream.read():
        raise _encrypted()


def _encrypted() -> FileRefused:
    return FileRefused(
        "UNREADABLE_FILE",
        where="the workbook",
        found="a workbook that is encrypted with a password",
        expected="a workbook that opens without one",
        remedy="open it with its password, save it without one, and land it again",
    )


def _read(reading: Callable[[], Any]) -> Any:
    """Return what the library reads.

    Raises:
        FileRefused: UNREADABLE_FILE where it cannot.
    """
    try:
        return reading()
    except PasswordError:
        raise _encrypted() from None
    except (CalamineError, OSError, ValueError, zipfile.BadZipFile) as error:
        told = str(error).splitlines()[:1]
        raise unreadable(
            "the workbook",
            f"content that does not open ({''.join(told)[:120]})",
            "a whole workbook",
        ) from None
