"""Reads any file that a source may send, from bytes to pieces of strings."""

from __future__ import annotations

import gzip
from collections.abc import Collection, Iterator, Sequence
from typing import BinaryIO, cast

import pyarrow as pa

from configs.source_models import FileFormat
from transforms.delimited import BLOCK_BYTES, Wanted, raw_delimited, read_delimited
from transforms.oneroster import oneroster_columns, read_oneroster
from transforms.pieces import Piece, raw_of_piece
from transforms.probe import GZIP_MAGIC, Probe, examine_delimited

__all__ = ["decompressed", "examine", "raw_rows", "read_pieces"]


def examine(stream: BinaryIO, file_format: FileFormat) -> Probe:
    """Return how a file is written, after one quick reading of all its bytes.

    Raises:
        FileRefused: EMPTY_FILE, UNREADABLE_FILE, TRUNCATED_FILE.
    """
    if file_format.kind == "table":
        return examine_delimited(stream, file_format)
    columns = oneroster_columns(stream)
    return Probe(
        encoding="utf-8",
        bom=False,
        delimiter=",",
        quoted=True,
        newline="",
        columns=columns,
        compression="zip",
        kind="oneroster",
    )


def read_pieces(
    stream: BinaryIO,
    found: Probe,
    columns: Sequence[str] | None = None,
    plain: Collection[str] = (),
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Piece]:
    """Yield the records of a file in bounded pieces, the named columns of them (all by default).

    Args:
        stream: the file's bytes, seekable; read to the end, left open.
        found: what `examine` returned for it.
        columns: the columns wanted, in the order wanted.
        plain: those that are read as plain strings, the others being dictionaries.
        block_bytes: about how many bytes of text make a piece.

    Raises:
        FileRefused: TRUNCATED_FILE, UNREADABLE_FILE.
    """
    if found.kind == "oneroster":
        yield _only(read_oneroster(stream), columns)
    else:
        yield from read_delimited(stream, found, Wanted(columns, plain, block_bytes))


def raw_rows(stream: BinaryIO, found: Probe, source_rows: Collection[int]) -> pa.Table:
    """Return the original values of some rows, read again from the file.

    Columns are source_row, all columns of the file, and `unparsed`: the line of a record of the
    wrong width, whose columns are null then.
    """
    if found.kind == "oneroster":
        return raw_of_piece(read_oneroster(stream), sorted(source_rows))
    return raw_delimited(stream, found, source_rows)


def decompressed(stream: BinaryIO) -> BinaryIO:
    """Return the stream from its start, unpacked if it is gzip."""
    stream.seek(0)
    magic = stream.read(len(GZIP_MAGIC))
    stream.seek(0)
    return cast(BinaryIO, gzip.GzipFile(fileobj=stream)) if magic == GZIP_MAGIC else stream


def _only(piece: Piece, columns: Sequence[str] | None) -> Piece:
    if columns is None:
        return piece
    return Piece(
        piece.table.select(list(columns)),
        piece.source_row,
        piece.faults,
        piece.set_aside,
        piece.wrong_width,
        piece.blank_rows,
        piece.rows_made,
    )
