"""Tells by a file's bytes, never by its name, which form it has: text of some kind, or which other.

docs/decisions/0008-file-forms.md says in which order the forms are tried, and why.
"""

from __future__ import annotations

from dataclasses import replace
from typing import BinaryIO

from configs.source_models import FileFormat
from transforms.columnar import PARQUET_MAGIC, parquet_probe
from transforms.fixed_width import fixed_probe
from transforms.headers import headerless
from transforms.json_lines import is_json_lines, json_probe, with_all_columns
from transforms.probe import (
    GZIP_MAGIC,
    HEAD_BYTES,
    ZIP_MAGIC,
    Compression,
    Expected,
    Probe,
    TextHead,
    delimited_probe,
    examine_text,
    text_head,
    unpacked_stream,
    unzipped_head,
)
from transforms.workbook import (
    OLE2_MAGIC,
    any_workbook_probe,
    is_workbook,
    refuse_without_records,
    workbook_probe,
)

ANY_DELIMITERS = [",", "\t", ";", "|", "^"]


def probe_of_head(stream: BinaryIO, expected: Expected) -> Probe:
    """Return what the start of a file says of it: form, columns and layout, quickly.

    Raises:
        FileRefused: EMPTY_FILE without a header, UNREADABLE_FILE.
    """
    other = _of_no_text(stream, expected)
    if other is not None:
        return other
    stream.seek(0)
    return _text_probe(text_head(stream.read(HEAD_BYTES), expected.format.encodings), expected)


def probe_of_whole(stream: BinaryIO, expected: Expected) -> Probe:
    """Return what the whole of a file says of it, after one reading of all its bytes.

    Raises:
        FileRefused: EMPTY_FILE, UNREADABLE_FILE, TRUNCATED_FILE.
    """
    other = _of_no_text(stream, expected)
    if other is None:
        return _whole_text(stream, expected)
    if other.kind == "workbook":
        refuse_without_records(stream, other)
    return other


def probe_of_any(stream: BinaryIO) -> Probe:
    """Return what a file of no known source is: any form with names of columns in it.

    Raises:
        FileRefused: as `probe_of_whole`.
    """
    compression, magic = _magic(stream)
    if _is_workbook(stream, compression, magic):
        return any_workbook_probe(stream, compression)
    return probe_of_whole(stream, Expected(FileFormat(delimiters=ANY_DELIMITERS)))


def _of_no_text(stream: BinaryIO, expected: Expected) -> Probe | None:
    compression, magic = _magic(stream)
    if magic.startswith(PARQUET_MAGIC):
        return parquet_probe(stream, compression)
    if _is_workbook(stream, compression, magic):
        return workbook_probe(stream, compression, expected)
    return None


def _magic(stream: BinaryIO) -> tuple[Compression, bytes]:
    stream.seek(0)
    start = stream.read(1 << 12)
    if not start.startswith(GZIP_MAGIC):
        return "", start
    return "gzip", unzipped_head(start)


def _is_workbook(stream: BinaryIO, compression: Compression, magic: bytes) -> bool:
    if not magic.startswith((ZIP_MAGIC, OLE2_MAGIC)):
        return False
    return is_workbook(unpacked_stream(stream, compression), magic)


def _whole_text(stream: BinaryIO, expected: Expected) -> Probe:
    found = examine_text(
        stream, expected.format.encodings, lambda head: _text_probe(head, expected)
    )
    if found.kind == "json_lines":
        return with_all_columns(stream, found, expected.known)
    return found


def _text_probe(head: TextHead, expected: Expected) -> Probe:
    """Return the probe of the first kind of text that the head shows."""
    if is_json_lines(head.text):
        return json_probe(head)
    fixed = fixed_probe(head, expected.layouts)
    if fixed is not None:
        return fixed
    delimiters = expected.format.delimiters
    placed = headerless(head.text, delimiters, expected.layouts)
    if placed is None:
        return delimited_probe(head, delimiters, expected.known)
    return replace(
        head.probe,
        delimiter=placed.delimiter,
        quoted=placed.quote and '"' in head.text,
        columns=placed.header.columns,
        header_row=0,
        quote=placed.quote,
        layout=placed.layout,
    )
