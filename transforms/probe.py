"""What is found out of how a file is written, and how delimited text is looked at."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, cast

from configs.source_models import FileFormat, Layout, Position, Source
from transforms.encodings import UTF8_BOM, Scan, candidates, encoding_of_head, is_marked
from transforms.headers import parted, records
from transforms.mending import NO_MENDS, Mends
from transforms.refusals import empty, truncated, unreadable, unreadable_bytes

__all__ = ["Expected", "Probe", "examine_delimited", "probe", "truncated", "unreadable"]

HEAD_BYTES = 1 << 20
SCAN_BYTES = 4 << 20
UNPACKED_AT_MOST = 2 << 30
# What the header of a worksheet can hold; no extract is as wide.
COLUMNS_AT_MOST = 16_384
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
OLD_END_OF_FILE = "\x1a"

Compression = Literal["", "gzip", "zip"]
Kind = Literal["delimited", "fixed", "workbook", "parquet", "json_lines", "oneroster"]
FORM_WORDS: dict[Kind, str] = {
    "delimited": "delimited",
    "fixed": "fixed width",
    "workbook": "workbook",
    "parquet": "Parquet",
    "json_lines": "JSON lines",
    "oneroster": "OneRoster",
}
LINE_ENDS = {"\n": "LF", "\r\n": "CRLF", "\r": "CR"}


@dataclass(frozen=True)
class Sheet:
    """A sheet that is read: its place in the workbook from 0, its name, its header."""

    position: int
    name: str
    header_row: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """How a file is written.

    Attributes:
        encoding: of text: UTF-16, or the first of the format's in which every byte can be read.
        bom: it starts with a byte order mark.
        delimiter: the character between fields.
        quoted: quotation marks part of the CSV syntax occur, so a field may hold a line end.
        newline: the line end after the header, for the record only: all three kinds are read.
        columns: the names of the columns, stripped.
        header_row: the row of the header; 0 where the file has none, so that its first record is
            row 1.
        compression: "gzip" if the stream is compressed, "zip" for OneRoster.
        quote: quotation marks are syntax; where False they are characters like any other.
        ends_whole: the last line has a line end.
        kind: the form that the bytes have.
        layout: the layout that the records themselves show, where no header names the columns.
        positions: where the columns stand in records of fixed width.
        record_length: the characters of a record of fixed width.
        trimmed: the blanks at the end of the records were left out.
        sheets: the sheets of a workbook that are read.
        sheet_named: the pieces of a workbook name their sheet, in column `#sheet`.
        mends: what people have corrected in the file; every reading of its records has it.
    """

    encoding: str
    bom: bool = False
    delimiter: str = ""
    quoted: bool = False
    newline: str = ""
    columns: tuple[str, ...] = ()
    header_row: int = 1
    compression: Compression = ""
    quote: bool = True
    ends_whole: bool = True
    kind: Kind = "delimited"
    layout: str | None = None
    positions: tuple[Position, ...] = ()
    record_length: int = 0
    trimmed: bool = False
    sheets: tuple[Sheet, ...] = ()
    sheet_named: bool = False
    mends: Mends = NO_MENDS

    @property
    def words(self) -> str:
        r"""Return how the file is written, for people.

        >>> Probe(encoding="cp1252", delimiter="^", newline="\r\n", columns=("a", "b")).words
        "delimited by '^', cp1252, CRLF, header in row 1, 2 columns"
        """
        text = self.kind in ("delimited", "fixed")
        parts = [
            FORM_WORDS[self.kind] + (f" by {self.delimiter!r}" if self.kind == "delimited" else ""),
            (self.encoding + (" with BOM" if self.bom else "")) if text else "",
            LINE_ENDS.get(self.newline, "") if text else "",
            f"header in row {self.header_row}" if self.header_row and text else "",
            f"{len(self.sheets)} sheets" if len(self.sheets) > 1 else "",
            "gzip" if self.compression == "gzip" else "",
            f"{len(self.columns)} columns",
        ]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Expected:
    """What a source says of its files before one is seen.

    Attributes:
        format: the delimiters, encodings and sheets that it allows.
        known: the columns that its layouts know.
        layouts: its layouts, in order.
        sheet_named: a field is filled from the name of the sheet.
    """

    format: FileFormat
    known: frozenset[str] = frozenset()
    layouts: tuple[Layout, ...] = ()
    sheet_named: bool = False

    @classmethod
    def of(cls, source: Source) -> Expected:
        """Return what a source expects."""
        return cls(
            format=source.format,
            known=frozenset(name for layout in source.layouts for name in layout.columns),
            layouts=tuple(source.layouts),
            sheet_named=any(spec.derive == "sheet_name" for spec in source.fields.values()),
        )


@dataclass(frozen=True)
class TextHead:
    """The first characters of a text; `cut` where more follow."""

    text: str
    encoding: str
    bom: bool
    compression: Compression
    cut: bool

    @property
    def probe(self) -> Probe:
        """Return what is known of the file before its form is."""
        return Probe(
            encoding=self.encoding,
            bom=self.bom,
            newline=_newline(self.text),
            compression=self.compression,
        )


def text_head(head: bytes, encodings: Sequence[str]) -> TextHead:
    """Return the first bytes of a file, compressed or not, as text.

    Raises:
        FileRefused: EMPTY_FILE where there are none, UNREADABLE_FILE where it is no text.
    """
    compression: Compression = "gzip" if head.startswith(GZIP_MAGIC) else ""
    plain = unzipped_head(head) if compression else head
    if not plain.strip(b" \t\r\n\x00\x1a" + UTF8_BOM):
        raise empty("no header and no record")
    if plain.startswith(ZIP_MAGIC):
        raise unreadable_bytes("a zip archive that is no workbook", "text, a workbook or Parquet")
    encoding = encoding_of_head(plain, encodings)
    text = plain.decode(encoding, errors="replace").removeprefix("\ufeff")
    return TextHead(text, encoding, is_marked(plain), compression, len(plain) >= HEAD_BYTES)


def probe(head: bytes, file_format: FileFormat, known: Collection[str] = ()) -> Probe:
    """Return what the first bytes of delimited text say of it.

    Args:
        head: the first bytes, compressed or not, enough to hold the header.
        file_format: the delimiters and encodings that the source allows.
        known: the columns by which the header is told from rows above it.

    Raises:
        FileRefused: EMPTY_FILE without a header, UNREADABLE_FILE where it is no text.
    """
    return delimited_probe(text_head(head, file_format.encodings), file_format.delimiters, known)


def delimited_probe(head: TextHead, delimiters: Sequence[str], known: Collection[str]) -> Probe:
    """Return what the head of delimited text with a header says of it.

    Raises:
        FileRefused: UNREADABLE_FILE where the header has more columns than a spreadsheet can hold.
    """
    found = parted(head.text, delimiters, known)
    _refuse_too_wide(found.header.columns)
    return replace(
        head.probe,
        delimiter=found.delimiter,
        quoted=found.quote and '"' in head.text,
        columns=found.header.columns,
        header_row=found.header.row,
        quote=found.quote,
    )


def examine_delimited(
    stream: BinaryIO, file_format: FileFormat, known: Collection[str] = ()
) -> Probe:
    """Return what the whole of a delimited file says of it, as `examine_text` does.

    Raises:
        FileRefused: as `examine_text`.
    """
    return examine_text(
        stream,
        file_format.encodings,
        lambda head: delimited_probe(head, file_format.delimiters, known),
    )


def examine_text(
    stream: BinaryIO, encodings: Sequence[str], look: Callable[[TextHead], Probe]
) -> Probe:
    """Return what the whole of a text says of it, after one quick reading of all its bytes.

    The encoding is certain then: UTF-8 if every byte is, else the format's next one. `look` tells
    the rest by the head.

    Raises:
        FileRefused: EMPTY_FILE without a record, UNREADABLE_FILE where bytes are in none of the
            encodings, TRUNCATED_FILE where the compressed stream breaks off or zeros end it.
    """
    head = text_head(_head(stream), encodings)
    scan = Scan(candidates(head.encoding, head.bom, encodings))
    for chunk in _chunks(plain_stream(stream, head.compression)):
        scan.take(chunk)
    scan.finish()
    if scan.encodings[0] != head.encoding:
        # The head was read by a guess that the rest of the file has proved wrong.
        head = text_head(_head(stream), scan.encodings[:1])
    found = look(head)
    whole = replace(found, quoted=found.quote and scan.has_quotes, ends_whole=scan.ends_whole)
    if whole.kind == "delimited":
        _refuse_without_records(head, whole)
    stream.seek(0)
    return whole


def plain_stream(stream: BinaryIO, compression: Compression) -> BinaryIO:
    """Return the stream from its start, without its compression."""
    stream.seek(0)
    if compression != "gzip":
        return stream
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb"))


def unpacked_stream(stream: BinaryIO, compression: Compression) -> BinaryIO:
    """Return a stream that can be read from any place at once: gzip is unpacked into memory.

    Raises:
        FileRefused: UNREADABLE_FILE where it is more than 2 GB, TRUNCATED_FILE.
    """
    plain = plain_stream(stream, compression)
    if compression != "gzip":
        return plain
    whole = io.BytesIO()
    for chunk in _chunks(plain):
        whole.write(chunk)
        if whole.tell() > UNPACKED_AT_MOST:
            raise unreadable_bytes("gzip that unpacks to more than 2 GB", "less")
    whole.seek(0)
    return whole


def unzipped_head(head: bytes) -> bytes:
    """Return the first bytes of a gzip file, unpacked.

    Raises:
        FileRefused: UNREADABLE_FILE.
    """
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error as error:
        raise _bad_gzip(error) from None


def _head(stream: BinaryIO) -> bytes:
    stream.seek(0)
    return stream.read(HEAD_BYTES)


def _newline(text: str) -> str:
    at = min((text.find(mark) for mark in "\r\n" if mark in text), default=-1)
    if at < 0:
        return ""
    return "\r\n" if text[at : at + 2] == "\r\n" else text[at]


def _chunks(plain: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := plain.read(SCAN_BYTES):
            yield chunk
    except EOFError:
        raise truncated("the compressed stream ends early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _bad_gzip(error) from None


def _bad_gzip(error: Exception) -> Exception:
    return unreadable_bytes(f"gzip that does not unpack ({error})", "a whole gzip file")


def _refuse_too_wide(columns: Sequence[str]) -> None:
    if len(columns) > COLUMNS_AT_MOST:
        raise unreadable(
            "the header", f"{len(columns):,} columns", f"at most {COLUMNS_AT_MOST:,}, as in a sheet"
        )


def _refuse_without_records(head: TextHead, found: Probe) -> None:
    rows = enumerate(records(head.text, found.delimiter, found.quote), start=1)
    below = (cells for row, cells in rows if row > found.header_row)
    filled = any(c.strip(" \t" + OLD_END_OF_FILE) for cells in below for c in cells)
    if not filled and not head.cut:
        raise empty("a header and no record")
