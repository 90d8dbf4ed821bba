"""Reads delimited text in bounded pieces, with each record's row number as a spreadsheet shows it.

docs/decisions/0005-reading.md says why pyarrow, and which of its ways these functions rest on.
"""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from configs.errors import FileRefused
from transforms.faults import fault_table
from transforms.pieces import Piece, distinct_names, raw_of_pieces
from transforms.probe import OLD_END_OF_FILE, Probe, plain_stream
from transforms.refusals import truncated, unreadable
from transforms.text_stream import as_utf8

BLOCK_BYTES = 16 << 20
# Rows that are no records are kept in mind until the reader has passed them.
MOST_BROKEN = 2_000_000
MOST_BLANK_VALUES = 100_000_000
DICTIONARY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Wanted:
    """Which columns are read (None for all) and which of them as plain strings.

    Columns of few distinct values are best read as dictionaries, columns of ids as plain strings.
    """

    columns: Sequence[str] | None = None
    plain: Collection[str] = ()
    block_bytes: int = BLOCK_BYTES

    def names(self, found: Probe) -> list[str]:
        """Return the columns read, in order."""
        return list(dict.fromkeys(self.columns or distinct_names(found.columns)))


@dataclass
class _Position:
    """Where in the file the reader stands, and what stands there that is no whole record."""

    next_row: int
    delimiter: str
    broken: dict[int, str] = field(default_factory=dict)
    skipped: int = 0
    narrow: set[int] = field(default_factory=set)
    maybe_blank: list[int] = field(default_factory=list)
    end_mark: str | None = None
    end_seen: bool = False

    def note(self, invalid: Any) -> str:
        self.end_seen = self.end_seen or invalid.text == self.end_mark
        self.broken[invalid.number] = invalid.text
        if invalid.actual_columns < invalid.expected_columns:
            self.narrow.add(invalid.number)
        self.skipped += 1
        return "skip" if self.skipped <= MOST_BROKEN else "error"

    def number(self, count: int) -> np.ndarray:
        """Return the row numbers of the next `count` records; broken rows lie between them."""
        ahead = np.array(sorted(row for row in self.broken if row >= self.next_row), dtype=np.int64)
        before = ahead - self.next_row - np.arange(len(ahead))
        order = np.arange(count)
        rows = self.next_row + order + np.searchsorted(before, order, side="right")
        self.next_row = int(rows[-1]) + 1 if count else self.next_row
        return rows.astype(np.int32)

    def take_broken(self, last: bool) -> dict[int, str]:
        """Return and forget the broken rows above the reader, blank ones left out."""
        passed = [row for row in self.broken if last or row < self.next_row]
        texts = {row: self.broken.pop(row) for row in sorted(passed)}
        nothing = f" \t\r\n{OLD_END_OF_FILE}{self.delimiter}"
        return {row: text for row, text in texts.items() if text.strip(nothing)}


def read_delimited(stream: BinaryIO, found: Probe, wanted: Wanted) -> Iterator[Piece]:
    """Yield the records of a file in pieces of about `block_bytes`.

    Values are exactly those of the file. A row in which every column is empty is no record.

    Raises:
        FileRefused: TRUNCATED_FILE, UNREADABLE_FILE.
    """
    position = _Position(found.header_row + 1, found.delimiter, end_mark=_end_mark(found))
    columns = wanted.names(found)
    partial = len(columns) < len(found.columns)
    last_broken = 0
    for batch in _batches(stream, found, wanted, position):
        rows = position.number(batch.num_rows)
        table = pa.Table.from_batches([batch]).rename_columns(columns)
        blank = _blank_rows(table)
        if partial:
            position.maybe_blank.extend(rows[blank].tolist())
        broken = position.take_broken(last=False)
        last_broken = max([last_broken, *broken])
        yield _piece(
            _without(table, blank), np.delete(rows, blank), broken, 0 if partial else len(blank)
        )
    broken = position.take_broken(last=True)
    _refuse_broken_end(found, position, max([last_broken, *broken]))
    yield from _last_piece(stream, found, wanted, position.maybe_blank, broken)


def raw_delimited(stream: BinaryIO, found: Probe, source_rows: Collection[int]) -> pa.Table:
    """Return the original values of some rows, read again from the file.

    Columns are source_row, all columns of the file, and `unparsed`: the line of a record that has
    too few or too many fields, whose columns are null then.
    """
    names = distinct_names(found.columns)
    return raw_of_pieces(read_delimited(stream, found, Wanted(plain=names)), names, source_rows)


def _batches(
    stream: BinaryIO, found: Probe, wanted: Wanted, position: _Position
) -> Iterator[pa.RecordBatch]:
    # Columns are known to pyarrow by position: headers repeat names and leave them out.
    names, plain = distinct_names(found.columns), set(wanted.plain)
    numbers = {name: str(at) for at, name in enumerate(names)}
    types = {
        numbers[name]: pa.string() if name in plain else DICTIONARY for name in wanted.names(found)
    }
    try:
        yield from pa_csv.open_csv(
            _utf8_stream(stream, found, position.end_mark or ""),
            read_options=pa_csv.ReadOptions(
                # Threads would lose the row numbers of broken rows; they gain nothing here.
                use_threads=False,
                block_size=wanted.block_bytes,
                column_names=list(numbers.values()),
                skip_rows_after_names=found.header_row,
            ),
            parse_options=_parse_options(found, position),
            convert_options=_convert_options(types),
        )
    except pa.ArrowInvalid as error:
        if position.skipped > MOST_BROKEN:
            raise _hardly_any_records(f"more than {MOST_BROKEN:,} of another width") from None
        raise unreadable(
            f"after row {position.next_row - 1}",
            f"text that does not part into records ({str(error).splitlines()[0][:120]})",
            "records that end within the file; a quotation mark may be open",
        ) from None


def _utf8_stream(stream: BinaryIO, found: Probe, end: str) -> BinaryIO:
    plain = plain_stream(stream, found.compression)
    if found.quoted or found.encoding != "utf-8":
        plain = as_utf8(plain, found.encoding, end if found.ends_whole else f"\n{end}")
    return cast(BinaryIO, _NoSwarms(plain, len(found.columns)))


class _NoSwarms(io.RawIOBase):
    """Hands a stream on, but no block of it that is empty lines for the most part.

    pyarrow makes a row of each empty line, and so a value of each column: a few megabytes of line
    ends would fill the memory of the machine.
    """

    def __init__(self, inner: BinaryIO, columns: int) -> None:
        self._inner, self._columns = inner, columns

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        block = self._inner.read(size)
        pairs = sum(block.count(ends) for ends in (b"\n\n", b"\n\r\n", b"\r\r"))
        if 2 * pairs * self._columns > MOST_BLANK_VALUES:
            raise _hardly_any_records(f"{pairs:,} pairs of empty ones close together")
        return block


def _hardly_any_records(found: str) -> FileRefused:
    return unreadable("the rows", found, "rows that are records for the most part")


def _parse_options(found: Probe, position: _Position) -> pa_csv.ParseOptions:
    return pa_csv.ParseOptions(
        delimiter=found.delimiter,
        quote_char='"' if found.quote else False,
        newlines_in_values=found.quoted,
        # An empty line must count as a row: spreadsheets show it as one.
        ignore_empty_lines=False,
        invalid_row_handler=position.note,
    )


def _convert_options(types: Mapping[str, pa.DataType]) -> pa_csv.ConvertOptions:
    return pa_csv.ConvertOptions(
        check_utf8=False,
        column_types=types,
        include_columns=list(types),
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )


def _blank_rows(table: pa.Table) -> np.ndarray:
    """Return the positions of the rows in which every column is empty."""
    if not table.num_rows:
        return np.array([], dtype=np.int64)
    rows: np.ndarray | None = None
    for column in table.columns:
        empty = _is_empty(column.chunk(0), rows)
        rows = np.flatnonzero(empty) if rows is None else rows[empty]
        if not len(rows):
            break
    return np.array([], dtype=np.int64) if rows is None else rows


def _is_empty(column: pa.Array, rows: np.ndarray | None) -> np.ndarray:
    if isinstance(column, pa.DictionaryArray):
        blank = column.dictionary.index("").as_py()
        if blank < 0:
            return np.zeros(len(column) if rows is None else len(rows), dtype=bool)
        values = column.indices.to_numpy()
        return (values if rows is None else values[rows]) == blank
    offsets = np.frombuffer(column.buffers()[1], np.int32)[column.offset :][: len(column) + 1]
    lengths = np.diff(offsets)
    return (lengths if rows is None else lengths[rows]) == 0


def _without(table: pa.Table, positions: np.ndarray) -> pa.Table:
    if not len(positions):
        return table
    return table.take(pa.array(np.delete(np.arange(table.num_rows), positions))).combine_chunks()


def _piece(table: pa.Table, rows: np.ndarray, broken: dict[int, str], blank: int) -> Piece:
    return Piece(
        table=table,
        source_row=pa.array(rows, pa.int32()),
        faults=fault_table(sorted(broken), "ROW_WIDTH", None),
        wrong_width=broken,
        blank_rows=blank,
    )


def _end_mark(found: Probe) -> str | None:
    """Return a record of too many fields to be put at the end, where a quote may be open."""
    return found.delimiter * (len(found.columns) + 1) if found.quoted else None


def _refuse_broken_end(found: Probe, position: _Position, last_broken: int) -> None:
    if position.end_mark is not None and not position.end_seen:
        # The mark was swallowed, so the last field's quote was open.
        raise truncated("the last record ends inside a quoted field")
    if found.ends_whole or last_broken < position.next_row or last_broken not in position.narrow:
        return
    raise truncated(f"row {last_broken} has too few of {len(found.columns)} fields and no line end")


def _last_piece(
    stream: BinaryIO, found: Probe, wanted: Wanted, blank: list[int], broken: dict[int, str]
) -> Iterator[Piece]:
    """Yield what is left: broken rows at the end, and rows that only seemed blank.

    Where not all columns are read, a row may be blank in those alone. Such rows were held back;
    they are looked at whole here, and are records if any column has a value.
    """
    rows = np.array([], dtype=np.int32)
    if blank:
        rows = raw_delimited(stream, found, blank)["source_row"].to_numpy()
    if blank or broken:
        empty = pa.array([""] * len(rows), pa.string())
        held = {
            name: empty if name in wanted.plain else empty.dictionary_encode()
            for name in wanted.names(found)
        }
        yield _piece(pa.table(held), rows, broken, len(blank) - len(rows))
