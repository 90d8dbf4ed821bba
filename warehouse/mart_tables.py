"""A mart on its way from Parquet into SQL: its columns, types, indexes and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from configs.errors import RociError, listed
from warehouse.published import Imprint

if TYPE_CHECKING:
    import pyarrow.dataset as ds

BATCH_ROWS = 50_000
# What an analyst filters by first, as far as the mart has it.
ANALYST_COLUMNS = ("org_id", "school_year", "assessment", "subject")

Slice = Mapping[str, str | int]


@dataclass(frozen=True)
class MartTable:
    """A mart's Parquet file, the columns that identify a row, and what of it is new.

    slices: values of some columns; only the rows that have all values of one slice are replaced in
        SQL. By default all rows are. Each slice must name the same columns.
    """

    name: str
    path: Path
    key: Sequence[str]
    slices: Sequence[Slice] | None = None

    @cached_property
    def schema(self) -> pa.Schema:
        """The mart's columns."""
        return pq.read_schema(self.path).remove_metadata()

    @property
    def columns(self) -> list[str]:
        """The names of the columns, in order."""
        return list(self.schema.names)

    @property
    def is_clustered(self) -> bool:
        """Whether the key has what an analyst filters by, so that rows may lie in its order."""
        return set(ANALYST_COLUMNS) <= set(self.key)

    @property
    def clustered_key(self) -> list[str]:
        """The columns of the key, those first that an analyst filters by."""
        return [*ANALYST_COLUMNS, *(name for name in self.key if name not in ANALYST_COLUMNS)]

    @property
    def analyst_index(self) -> list[str]:
        """Columns of the second index; none where the key begins with them."""
        columns = [name for name in ANALYST_COLUMNS if name in self.columns]
        is_prefix = list(self.key[: len(columns)]) == columns
        return [] if len(columns) < 2 or is_prefix else columns

    @cached_property
    def rows(self) -> int:
        """How many rows are to be written."""
        if self.slices is None:
            return int(pq.read_metadata(self.path).num_rows)
        return int(self._dataset().count_rows(filter=self._filter()))

    def require_rows(self, written: int) -> None:
        """Refuse a copy that is not whole.

        Raises:
            RociError: another number of rows was written than the Parquet file has (SQL_DIFFERS).
        """
        if written != self.rows:
            raise RociError(
                "SQL_DIFFERS",
                where=f"mart {self.name}",
                found=f"{written} rows in SQL",
                expected=f"{self.rows} rows, as in {self.path.name}",
                remedy="the last publication stays; build the marts again",
            )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows to be written."""
        import pyarrow.dataset as ds  # brings pandas, which looking at a publication needs not

        scanner = self._dataset().scanner(
            filter=self._filter(),
            batch_size=BATCH_ROWS,
            # More would only pile up in memory: the database is slower than the disk.
            batch_readahead=2,
            fragment_readahead=1,
            use_threads=False,
            fragment_scan_options=ds.ParquetFragmentScanOptions(pre_buffer=False),
        )
        for batch in scanner.to_batches():
            if batch.num_rows:
                yield batch

    def _dataset(self) -> ds.Dataset:
        import pyarrow.dataset as ds

        return ds.dataset(self.path, format=ds.ParquetFileFormat())

    def _filter(self) -> pc.Expression | None:
        if self.slices is None:
            return None
        chosen = pc.scalar(False)
        for values in self.slices:
            matches = pc.scalar(True)
            for name, value in values.items():
                matches = matches & (pc.field(name) == value)
            chosen = chosen | matches
        return chosen


@dataclass(frozen=True)
class AreaChange:
    """What an area's marts in SQL become: these, and beside them those that stay as they are."""

    imprint: Imprint
    tables: Sequence[MartTable]
    kept: frozenset[str] = frozenset()

    @property
    def names(self) -> set[str]:
        """Every mart that the area has afterwards."""
        return {table.name for table in self.tables} | self.kept


def plain(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the rows in the types that SQLite knows: whole and broken numbers, and text."""
    return pa.RecordBatch.from_arrays([_plain(one) for one in batch.columns], batch.schema.names)


def _plain(column: pa.Array) -> pa.Array:
    kind = column.type
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_integer(kind):
        return column
    if pa.types.is_boolean(kind):
        return column.cast(pa.int8())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = column.cast(pa.float64())
        return pc.if_else(pc.is_nan(numbers), None, numbers)  # SQLite has no NaN
    return column.cast(pa.string())


def sql_type(kind: pa.DataType, dialect: str) -> str:
    """Return the SQL type of an Arrow type."""
    postgres = dialect == "postgresql"
    if pa.types.is_boolean(kind):
        return "BOOLEAN"
    if pa.types.is_integer(kind):
        return "BIGINT" if postgres else "INTEGER"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "DOUBLE PRECISION" if postgres else "REAL"
    if pa.types.is_date(kind):
        return "DATE" if postgres else "TEXT"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP WITH TIME ZONE" if postgres else "TEXT"
    return "TEXT"


def repeated_key(table: MartTable) -> RociError:
    """Return the error of a mart in which two rows have the same key."""
    return RociError(
        "MART_KEY_REPEATED",
        where=f"mart {table.name}",
        found="two rows of the same " + ", ".join(table.key),
        expected="one row a key",
        remedy="the last publication stays; report this as a defect of roci",
    )


def missing_columns(table: MartTable, had: Sequence[str]) -> RociError:
    """Return the error of slices that do not fit the table that they go into."""
    return RociError(
        "MART_COLUMNS_CHANGED",
        where=f"mart {table.name}",
        found=f"columns in SQL: {listed(had)}",
        expected=f"the columns of {table.path.name}: {listed(table.columns)}",
        remedy="build the whole mart instead of slices of it",
    )
