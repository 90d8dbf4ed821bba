"""Rows on their way into the lake: split by partition while they are written, once.

What is staged is of the lake's own make, so that the lake takes the files over as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.errors import RociError

ROW_GROUP = 131_072
OPEN_FILES = 128
COMPRESSION = "zstd"
RECORD_BITS = 16
_RECORD = ("source_row", "source_record")

StagedFiles = dict[str, list[Path]]


@dataclass
class Staging:
    """Writes typed tables into Parquet files of one partition each.

    A row's partition is the text of its `partition_by` columns, joined by `|`; without such
    columns every row is of the partition `all`. Tables may come in any order.
    """

    folder: Path
    partition_by: Sequence[str] = ()
    _writers: dict[str, pq.ParquetWriter] = field(default_factory=dict, repr=False)
    _files: StagedFiles = field(default_factory=dict, repr=False)
    _rows: dict[str, int] = field(default_factory=dict, repr=False)

    def __enter__(self) -> Staging:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, table: pa.Table) -> None:
        """Add rows. Text may be dictionary-encoded; columns of type null become text."""
        plain = with_lake_types(table)
        for partition, part in split(plain, self.partition_by):
            self._writer(partition, part.schema).write_table(part, row_group_size=ROW_GROUP)
            self._rows[partition] = self._rows.get(partition, 0) + part.num_rows

    def close(self) -> StagedFiles:
        """Finish all files and return them by partition."""
        while self._writers:
            self._writers.popitem()[1].close()
        return self._files

    @property
    def rows(self) -> dict[str, int]:
        """How many rows each partition has so far."""
        return dict(self._rows)

    def _writer(self, partition: str, schema: pa.Schema) -> pq.ParquetWriter:
        if partition in self._writers:
            return self._writers[partition]
        if len(self._writers) >= OPEN_FILES:
            self._writers.pop(next(iter(self._writers))).close()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        files = self._files.setdefault(partition, [])
        number = sum(map(len, self._files.values()))
        files.append(self.folder / f"{number:06d}.parquet")
        self._writers[partition] = open_writer(files[-1], schema)
        return self._writers[partition]


def open_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """Return a writer of a lake file."""
    # Without the Arrow schema every reader, the lake's own commit included, sees plain text where
    # the table in memory was dictionary-encoded.
    return pq.ParquetWriter(path, schema, compression=COMPRESSION, store_schema=False)


def with_lake_types(table: pa.Table) -> pa.Table:
    """Return the table with types that Delta knows: null as text, unsigned and small as signed."""
    fields = [pa.field(f.name, _lake_type(f.type)) for f in table.schema]
    target = pa.schema(fields)
    return table if target == table.schema.remove_metadata() else table.cast(target)


def _lake_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_uint64(kind) or pa.types.is_uint32(kind):
        return pa.int64()
    if pa.types.is_unsigned_integer(kind):
        return pa.int32()
    return kind


def split(table: pa.Table, partition_by: Sequence[str]) -> Iterator[tuple[str, pa.Table]]:
    """Yield the rows of each partition, in their order."""
    if not table.num_rows:
        return
    codes, texts = partition_codes(table, partition_by)
    if len(texts) == 1:
        yield texts[0], table
        return
    changes = np.flatnonzero(np.diff(codes)) + 1
    if len(changes) >= len(texts):  # not laid end to end
        order = np.argsort(codes, kind="stable")
        table, codes = table.take(pa.array(order)), codes[order]
        changes = np.flatnonzero(np.diff(codes)) + 1
    starts = [0, *changes.tolist()]
    for start, end in zip(starts, [*starts[1:], table.num_rows], strict=True):
        yield texts[codes[start]], table.slice(start, end - start)


def partition_codes(table: pa.Table, partition_by: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return each row's partition as a number, and the text of every number.

    Raises:
        RociError: a partition column is null in some row (NO_PARTITION).
    """
    codes, texts = np.zeros(table.num_rows, dtype=np.int64), ["all"]
    for position, name in enumerate(partition_by):
        column, words = _encoded(table, name)
        found, codes = np.unique(codes * len(words) + column, return_inverse=True)
        pairs = [divmod(int(pair), len(words)) for pair in found]
        texts = [words[w] if position == 0 else f"{texts[t]}|{words[w]}" for t, w in pairs]
    return codes, texts


def _encoded(table: pa.Table, name: str) -> tuple[np.ndarray, list[str]]:
    column = table.column(name)
    if column.null_count:
        raise RociError(
            "NO_PARTITION",
            where=f"column {name}",
            found=f"{column.null_count} rows without a value",
            expected="a value in every row, since the lake is partitioned by it",
            remedy="make the field required in the source, so that such rows are quarantined",
        )
    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    column = column.unify_dictionaries().combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = column.chunk(0)
    words = pc.cast(column.dictionary, pa.string()).to_pylist()
    return column.indices.to_numpy(zero_copy_only=False).astype(np.int64), words


def amend(
    files: Mapping[str, Sequence[Path]],
    without: pa.Table | None = None,
    flags: pa.Table | None = None,
) -> tuple[StagedFiles, dict[str, int]]:
    """Return staged files less some records and with new flags, and the rows of each partition.

    Only the files that hold such a record are written again.

    Args:
        files: what `Staging.close` returned; every file has `source_row` and `source_record`, which
            together name one record.
        without: `source_row` and `source_record` of the records that leave.
        flags: the same and `flags`: what column `flags` becomes in those records.
    """
    amended: StagedFiles = {}
    rows: dict[str, int] = {}
    for partition, paths in files.items():
        kept = [new for path in paths if (new := _amended(path, without, flags))]
        if kept:
            amended[partition] = [path for path, _ in kept]
            rows[partition] = sum(count for _, count in kept)
    return amended, rows


def _amended(
    path: Path, without: pa.Table | None, flags: pa.Table | None
) -> tuple[Path, int] | None:
    numbers = record_keys(pq.read_table(path, columns=list(_RECORD), partitioning=None))
    leaving = _positions(numbers, without) if without is not None else np.array([], dtype=int)
    flagged = flags is not None and len(_positions(numbers, flags)) > 0
    if not len(leaving) and not flagged:
        return path, len(numbers)
    if len(leaving) == len(numbers):
        return None
    keep = np.ones(len(numbers), dtype=bool)
    keep[leaving] = False
    target = path.with_name(f"{path.stem}.amended.parquet")
    _write_amended(path, target, keep, flags if flagged else None)
    return target, int(keep.sum())


def _write_amended(path: Path, target: Path, keep: np.ndarray, flags: pa.Table | None) -> None:
    """Copy a staged file a row group at a time, less some rows and with new flags."""
    source = pq.ParquetFile(path)
    start = 0
    with open_writer(target, source.schema_arrow) as writer:
        for number in range(source.num_row_groups):
            group = source.read_row_group(number)
            kept = pa.array(keep[start : start + group.num_rows])
            start += group.num_rows
            group = _with_flags(group, flags) if flags is not None else group
            writer.write_table(group.filter(kept), row_group_size=ROW_GROUP)


def record_keys(table: pa.Table) -> pa.Array:
    """Return one number for each record: of its row of the file and its place in that row.

    >>> record_keys(pa.table({"source_row": [2, 3], "source_record": [0, 1]})).to_pylist()
    [131072, 196609]
    """
    rows, records = (table.column(name).to_numpy().astype(np.int64, copy=False) for name in _RECORD)
    return pa.array((rows << RECORD_BITS) | records)


def _positions(numbers: pa.Array, wanted: pa.Table) -> np.ndarray:
    found = pc.is_in(numbers, value_set=record_keys(wanted))
    return np.flatnonzero(found.to_numpy(zero_copy_only=False))


def _with_flags(table: pa.Table, flags: pa.Table) -> pa.Table:
    place = pc.index_in(record_keys(table), value_set=record_keys(flags))
    new = flags.column("flags").cast(pa.string()).take(place)
    column = table.schema.get_field_index("flags")
    old = table.column(column).cast(pa.string())
    return table.set_column(column, "flags", pc.if_else(place.is_valid(), new, old))
