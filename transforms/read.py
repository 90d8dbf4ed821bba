"""Reads any file that a source may send, from bytes to pieces of strings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, Protocol

import pyarrow as pa

from configs.source_models import Source
from transforms.columnar import read_parquet
from transforms.delimited import BLOCK_BYTES, Wanted, read_delimited
from transforms.fixed_width import read_fixed
from transforms.form import probe_of_any, probe_of_head, probe_of_whole
from transforms.json_lines import read_json_lines
from transforms.oneroster import is_oneroster, oneroster_columns, read_oneroster
from transforms.pieces import Piece, distinct_names, raw_of_piece, raw_of_pieces
from transforms.probe import Expected, Kind, Probe
from transforms.workbook import read_workbook

__all__ = ["examine", "examine_any", "examine_head", "header_columns", "raw_rows", "read_pieces"]


class Reader(Protocol):
    """Yields the records of a file of one form in bounded pieces."""

    def __call__(self, stream: BinaryIO, found: Probe, wanted: Wanted, /) -> Iterator[Piece]: ...


READERS: Mapping[Kind, Reader] = {
    "delimited": read_delimited,
    "fixed": read_fixed,
    "workbook": read_workbook,
    "parquet": read_parquet,
    "json_lines": read_json_lines,
}


def examine(stream: BinaryIO, source: Source) -> Probe:
    """Return how a source's file is written, after one quick reading of all its bytes.

    Raises:
        FileRefused: EMPTY_FILE, UNREADABLE_FILE, TRUNCATED_FILE.
    """
    if source.format.kind == "oneroster":
        return _oneroster_probe(oneroster_columns(stream))
    return probe_of_whole(stream, Expected.of(source))


def examine_head(stream: BinaryIO, source: Source) -> Probe:
    """Return what the start of a file says of how it is written, if it is of the source.

    Raises:
        FileRefused: EMPTY_FILE, UNREADABLE_FILE.
    """
    if source.format.kind == "oneroster":
        return _oneroster_probe(oneroster_columns(stream) if is_oneroster(stream) else ())
    return probe_of_head(stream, Expected.of(source))


def examine_any(stream: BinaryIO) -> Probe:
    """Return how a file is written of which no source is known: any form that names its columns.

    Raises:
        FileRefused: EMPTY_FILE, UNREADABLE_FILE, TRUNCATED_FILE.
    """
    return probe_of_any(stream)


def header_columns(stream: BinaryIO, source: Source) -> tuple[str, ...]:
    """Return the column names that the stream has when read as the source's format.

    Raises:
        FileRefused: EMPTY_FILE, UNREADABLE_FILE.
    """
    return examine_head(stream, source).columns


def read_pieces(
    stream: BinaryIO,
    found: Probe,
    columns: Sequence[str] | None = None,
    plain: Collection[str] = (),
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Piece]:
    """Yield the records of a file in bounded pieces, the named columns of them (all by default).

    What the probe says that people have corrected stands in place of what the file has.

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
        yield _only(found.mends.apply(read_oneroster(stream)), columns)
    else:
        pieces = READERS[found.kind](stream, found, Wanted(columns, plain, block_bytes))
        yield from found.mends.over(pieces)


def raw_rows(stream: BinaryIO, found: Probe, source_rows: Collection[int]) -> pa.Table:
    """Return the values of some rows, read again from the file, as `read_pieces` reads them.

    Columns are source_row, all columns of the file, and `unparsed`: the line of a record of the
    wrong width, whose columns are null then.
    """
    if found.kind == "oneroster":
        return raw_of_piece(found.mends.apply(read_oneroster(stream)), sorted(source_rows))
    names = distinct_names(found.columns)
    return raw_of_pieces(read_pieces(stream, found, plain=names), names, source_rows)


def _oneroster_probe(columns: tuple[str, ...]) -> Probe:
    return Probe(
        encoding="utf-8",
        delimiter=",",
        quoted=True,
        columns=columns,
        compression="zip",
        kind="oneroster",
    )


def _only(piece: Piece, columns: Sequence[str] | None) -> Piece:
    if columns is None:
        return piece
    return replace(piece, table=piece.table.select(list(columns)))
