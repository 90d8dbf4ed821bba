"""Finds out how a delimited file is written: compression, encoding, delimiter, quotes, header."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO, Literal, cast

from configs.errors import FileRefused
from configs.source_models import FileFormat

HEAD_BYTES = 1 << 20
SCAN_BYTES = 4 << 20
TAIL_BYTES = 64
GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
UTF8_BOM = codecs.BOM_UTF8
OLD_END_OF_FILE = "\x1a"
# Files parted by a caret are so because their publisher does not quote: a quotation mark in them
# is a character of a name, unless the header itself is quoted.
UNQUOTED_DELIMITERS = "^"

Compression = Literal["", "gzip", "zip"]


@dataclass(frozen=True)
class Probe:
    """How a file is written.

    Attributes:
        encoding: the first of the format's encodings in which every byte can be read.
        bom: it starts with a byte order mark.
        delimiter: the character between fields.
        quoted: quotation marks part of the CSV syntax occur, so a field may hold a line end.
        newline: the line end after the header, for the record only: all three kinds are read.
        columns: the header, stripped.
        header_row: the row of the header, 1 unless blank rows stand above it.
        compression: "gzip" if the stream is compressed, "zip" for OneRoster.
        quote: quotation marks are syntax; where False they are characters like any other.
        ends_whole: the last line has a line end.
        kind: "delimited" or "oneroster".
    """

    encoding: str
    bom: bool
    delimiter: str
    quoted: bool
    newline: str
    columns: tuple[str, ...]
    header_row: int = 1
    compression: Compression = ""
    quote: bool = True
    ends_whole: bool = True
    kind: Literal["delimited", "oneroster"] = "delimited"


def probe(head: bytes, file_format: FileFormat) -> Probe:
    """Return what the first bytes of a file say of it; `examine` then reads the rest.

    Args:
        head: the first bytes, compressed or not, enough to hold the header.
        file_format: the delimiters and encodings that the source allows.

    Raises:
        FileRefused: EMPTY_FILE without a header, UNREADABLE_FILE where it is no text.
    """
    compression: Compression = "gzip" if head.startswith(GZIP_MAGIC) else ""
    plain = _unzipped_head(head) if compression else head
    _refuse_what_is_no_text(plain)
    encoding = _encoding_of_head(plain, file_format.encodings)
    text = plain.decode(encoding, errors="replace").removeprefix("\ufeff")
    header_row, columns, delimiter, quote = _header(text, file_format.delimiters)
    return Probe(
        encoding=encoding,
        bom=plain.startswith((UTF8_BOM, *_UTF16_BOMS)),
        delimiter=delimiter,
        quoted=quote and '"' in text,
        newline=_newline(text),
        columns=columns,
        header_row=header_row,
        compression=compression,
        quote=quote,
    )


def examine_delimited(stream: BinaryIO, file_format: FileFormat) -> Probe:
    """Return what the whole of a file says of it, after one quick reading of all its bytes.

    The encoding is certain then: UTF-8 if every byte is, else the format's next one.

    Raises:
        FileRefused: EMPTY_FILE without a record, UNREADABLE_FILE where bytes are in none of the
            encodings, TRUNCATED_FILE where the compressed stream breaks off or zeros end it.
    """
    stream.seek(0)
    found = probe(stream.read(HEAD_BYTES), file_format)
    scan = _Scan(_candidates(found, file_format.encodings))
    for chunk in _chunks(plain_stream(stream, found)):
        scan.take(chunk)
    scan.finish()
    stream.seek(0)
    whole = replace(
        found,
        encoding=scan.encodings[0],
        quoted=found.quote and scan.has_quotes,
        ends_whole=scan.tail.endswith((b"\n", b"\r")),
    )
    if whole.encoding != found.encoding:
        # The header was read by a guess that the rest of the file has proved wrong.
        guess = FileFormat(delimiters=[whole.delimiter], encodings=[whole.encoding])
        columns = probe(_plain_head(stream, whole), guess).columns
        whole = replace(whole, columns=columns)
    _refuse_without_records(stream, whole)
    return whole


def plain_stream(stream: BinaryIO, found: Probe) -> BinaryIO:
    """Return the stream from its start, without its compression."""
    stream.seek(0)
    if found.compression != "gzip":
        return stream
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream, mode="rb"))


_UTF16_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _unzipped_head(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(wbits=31).decompress(head, HEAD_BYTES)
    except zlib.error as error:
        raise _unreadable(f"gzip that does not unpack ({error})", "a whole gzip file") from None


def _refuse_what_is_no_text(head: bytes) -> None:
    if not head.strip(b" \t\r\n\x00\x1a" + UTF8_BOM):
        raise _empty("no header and no record")
    if head.startswith(ZIP_MAGIC):
        raise _unreadable("a zip archive or an Excel workbook", "a text file, or text in gzip")
    start = head[:4096].rstrip(b"\x00")
    if not head.startswith(_UTF16_BOMS) and start.count(0) > len(start) // 4:
        raise _unreadable("binary content, or UTF-16 without its mark", "a text file")


def _encoding_of_head(head: bytes, encodings: Sequence[str]) -> str:
    if head.startswith(_UTF16_BOMS):
        if "utf-16" in encodings:
            return "utf-16"
        raise _unreadable("UTF-16 text (Excel's Unicode Text)", " or ".join(encodings))
    for encoding in ["utf-8"] if head.startswith(UTF8_BOM) else encodings:
        if _decodes(head, encoding):
            return encoding
    raise _unreadable("bytes that are in none of the encodings allowed", " or ".join(encodings))


def _decodes(head: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return False
    return True


def _header(text: str, delimiters: Sequence[str]) -> tuple[int, tuple[str, ...], str, bool]:
    """Return row number, columns, delimiter and whether quotation marks are syntax."""
    found = [_first_record(text, delimiter) for delimiter in delimiters]
    row, columns, delimiter, quote = max(found, key=lambda record: len(record[1]))
    if not any(columns):
        raise _empty("no header and no record")
    return row, columns, delimiter, quote


def _first_record(text: str, delimiter: str) -> tuple[int, tuple[str, ...], str, bool]:
    first_line = text.lstrip("\r\n \t" + delimiter).splitlines()[:1]
    quote = delimiter not in UNQUOTED_DELIMITERS or '"' in "".join(first_line)
    for row, cells in enumerate(_records(text, delimiter, quote), start=1):
        columns = tuple(cell.strip() for cell in cells)
        if any(columns):
            return row, columns, delimiter, quote
    return 1, (), delimiter, quote


def _records(text: str, delimiter: str, quote: bool) -> Iterator[list[str]]:
    lines = io.StringIO(text, newline="")
    if quote:
        return csv.reader(lines, delimiter=delimiter)
    return csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _newline(text: str) -> str:
    at = min((text.find(mark) for mark in "\r\n" if mark in text), default=-1)
    if at < 0:
        return ""
    return "\r\n" if text[at : at + 2] == "\r\n" else text[at]


class _Scan:
    """Reads bytes once; narrows the encodings that fit; keeps the end."""

    def __init__(self, encodings: Sequence[str]) -> None:
        self.encodings = list(encodings)
        self.tried = list(encodings)
        self.decoders = {name: codecs.getincrementaldecoder(name)() for name in encodings}
        self.has_quotes = False
        self.tail = b""

    def take(self, chunk: bytes) -> None:
        self.has_quotes = self.has_quotes or b'"' in chunk
        self.tail = (self.tail + chunk)[-TAIL_BYTES:]
        ascii_only = chunk.isascii()
        for name in list(self.encodings):
            decoder = self.decoders[name]
            if not (ascii_only and _ascii_compatible(name) and decoder.getstate()[0] == b""):
                self._try(name, chunk, final=False)

    def finish(self) -> None:
        for name in list(self.encodings):
            self._try(name, b"", final=True)
        if self.tail.endswith(b"\x00" * 16):
            raise truncated("the last bytes are all zero: the file was not written to its end")

    def _try(self, name: str, chunk: bytes, final: bool) -> None:
        try:
            self.decoders[name].decode(chunk, final)
        except UnicodeDecodeError:
            self.encodings.remove(name)
            if not self.encodings:
                raise _unreadable(
                    "bytes that are in none of the encodings allowed", " or ".join(self.tried)
                ) from None


def _ascii_compatible(encoding: str) -> bool:
    return not encoding.startswith(("utf-16", "utf-32"))


def _candidates(found: Probe, encodings: Sequence[str]) -> list[str]:
    if found.bom:
        return [found.encoding]
    start = list(encodings).index(found.encoding)
    return [name for name in encodings[start:] if _ascii_compatible(name)]


def _chunks(plain: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := plain.read(SCAN_BYTES):
            yield chunk
    except EOFError:
        raise truncated("the compressed stream ends early") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise _unreadable(f"gzip that does not unpack ({error})", "a whole gzip file") from None


def _plain_head(stream: BinaryIO, found: Probe) -> bytes:
    head = plain_stream(stream, found).read(HEAD_BYTES)
    stream.seek(0)
    return head


def _refuse_without_records(stream: BinaryIO, found: Probe) -> None:
    head = _plain_head(stream, found).decode(found.encoding, errors="replace")
    records = _records(head.removeprefix("\ufeff"), found.delimiter, found.quote)
    filled = (cells for cells in records if any(c.strip(" \t" + OLD_END_OF_FILE) for c in cells))
    next(filled, None)
    if next(filled, None) is None and len(head) < HEAD_BYTES:
        raise _empty("a header and no record")


def truncated(found: str) -> FileRefused:
    """Return the refusal of a file that breaks off."""
    return FileRefused(
        "TRUNCATED_FILE",
        where="the end of the file",
        found=found,
        expected="a file that was copied to its end",
        remedy="fetch the file again and compare its size with the sender's",
    )


def unreadable(where: str, found: str, expected: str) -> FileRefused:
    """Return the refusal of a file whose bytes are not what a source allows."""
    return FileRefused(
        "UNREADABLE_FILE",
        where=where,
        found=found,
        expected=expected,
        remedy="export it again as CSV text in UTF-8, or ask the sender for the original",
    )


def _unreadable(found: str, expected: str) -> FileRefused:
    return unreadable("the file's bytes", found, expected)


def _empty(found: str) -> FileRefused:
    return FileRefused(
        "EMPTY_FILE",
        where="the file",
        found=found,
        expected="a header and at least one record",
        remedy="fetch the file again; an extract without records is not loaded",
    )
