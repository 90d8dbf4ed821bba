"""Reads Parquet in bounded pieces, every value as the string that a CSV export would have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from transforms.delimited import DICTIONARY, Wanted
from transforms.pieces import Piece
from transforms.probe import Compression, Probe, unpacked_stream
from transforms.refusals import empty, unreadable, unreadable_bytes

PARQUET_MAGIC = b"PAR1"
BATCH_ROWS = 1 << 16
NESTED_AT_MOST = 8
# Names and properties of a spoilt file may be no text.
SPOILT = (pa.ArrowException, OSError, UnicodeDecodeError)


def parquet_probe(stream: BinaryIO, compression: Compression) -> Probe:
    """Return the probe of a Parquet file: its columns, nested ones by names joined by a point.

    Raises:
        FileRefused: EMPTY_FILE without a record, UNREADABLE_FILE.
    """
    file = _opened(stream, compression)
    if not file.metadata.num_rows:
        raise empty("columns and no record")
    columns = tuple(_origins(file))
    return Probe(
        encoding="utf-8",
        columns=columns,
        header_row=0,
        compression=compression,
        quote=False,
        kind="parquet",
    )


def read_parquet(stream: BinaryIO, found: Probe, wanted: Wanted) -> Iterator[Piece]:
    """Yield the records of a Parquet file; the first is row 1. Every row of it is a record.

    Raises:
        FileRefused: UNREADABLE_FILE.
    """
    names, row = wanted.names(found), 1
    file = _opened(stream, found.compression)
    origins = _origins(file)
    for batch in _batches(file, sorted({origins[name] for name in names})):
        table = _flat(pa.Table.from_batches([batch]))
        table = table.rename_columns([name.strip() for name in table.column_names])
        columns = [_as_wanted(table.column(name), name, wanted) for name in names]
        numbers = np.arange(row, row + len(table), dtype=np.int32)
        row += len(table)
        yield Piece(pa.table(columns, names), pa.array(numbers, pa.int32()))


def _opened(stream: BinaryIO, compression: Compression) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(unpacked_stream(stream, compression))
    except SPOILT as error:
        raise _broken(error) from None


def _batches(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    try:
        yield from file.iter_batches(BATCH_ROWS, columns=columns, use_threads=False)
    except SPOILT as error:
        raise _broken(error) from None


def _broken(error: Exception) -> Exception:
    told = str(error).splitlines()[0][:120]
    return unreadable_bytes(f"Parquet that does not unpack ({told})", "a whole Parquet file")


def _origins(file: pq.ParquetFile) -> dict[str, str]:
    """Return the columns, each with the column of the file that it is or is a part of."""
    try:
        flat = [
            (name.strip(), field.name)
            for field in file.schema_arrow
            for name in _flat(pa.schema([field]).empty_table()).column_names
        ]
    except SPOILT as error:
        raise _broken(error) from None
    if len(dict(flat)) < len(flat):
        raise unreadable("the columns", "several columns of one name", "each name once")
    return dict(flat)


def _flat(table: pa.Table) -> pa.Table:
    for _ in range(NESTED_AT_MOST):
        if any(pa.types.is_struct(kind) for kind in table.schema.types):
            table = table.flatten()
    return table


def _as_wanted(column: pa.ChunkedArray, name: str, wanted: Wanted) -> pa.Array:
    try:
        strings = _strings(column.combine_chunks())
    except pa.ArrowException:
        raise unreadable(f"column {name}", f"values of type {column.type}", "text") from None
    return strings if name in wanted.plain else strings.dictionary_encode().cast(DICTIONARY)


def _strings(array: Any) -> pa.Array:
    """Return values as text, nothing where there is none."""
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return pc.fill_null(_texts(array), "")


def _texts(array: pa.Array) -> pa.Array:
    kind = array.type
    if pa.types.is_dictionary(kind):
        return _texts(array.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        return _moments(array)
    if pa.types.is_boolean(kind):
        return pc.utf8_upper(array.cast(pa.string()))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _listed(array)
    if pa.types.is_floating(kind):
        # A number that is none is what a data frame writes where there is no value.
        array = pc.if_else(pc.is_nan(array), pa.scalar(None, kind), array)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return pc.replace_substring_regex(array.cast(pa.string()), r"\.0*$", "")
    return array.cast(pa.string())


def _moments(array: pa.Array) -> pa.Array:
    """Return date and time, the date alone where it is midnight."""
    local = pc.local_timestamp(array) if array.type.tz else array
    text = pc.strftime(local, "%Y-%m-%d %H:%M:%S")
    return pc.replace_substring_regex(text, r"(\.0+)?$|( 00:00:00(\.0+)?)$", "")


def _listed(array: pa.Array) -> pa.Array:
    values = _strings(pc.list_flatten(array))
    parents = pc.fill_null(pc.list_value_length(array), 0).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(parents)]), pa.int32())
    return pc.binary_join(pa.ListArray.from_arrays(offsets, values), ",")
