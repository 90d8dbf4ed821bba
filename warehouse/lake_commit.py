"""One commit to a table of the lake, and the columns that the table has after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import RociError, listed

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable
    from deltalake.transaction import AddAction

PARTITION_COLUMNS = ("source", "partition")


@dataclass(frozen=True)
class Change:
    """One commit: these partitions of a source are these files from now on."""

    source: str
    partitions: list[str]
    added: list[AddAction]
    schema: pa.Schema | None
    load_id: str

    def create(self, path: Path) -> None:
        """Commit it as the first version of the table."""
        from deltalake import CommitProperties, Schema
        from deltalake.transaction import create_table_with_add_actions

        assert self.schema is not None, "a table is created by its first rows"
        create_table_with_add_actions(
            str(path),
            Schema.from_arrow(_with_partition_columns(self.schema)),
            self.added,
            mode="error",
            partition_by=list(PARTITION_COLUMNS),
            commit_properties=CommitProperties(custom_metadata={"load_id": self.load_id}),
        )

    def apply(self, opened: DeltaTable) -> None:
        """Commit it as the next version of the table."""
        from deltalake import CommitProperties

        opened.create_write_transaction(
            list(self.added),
            "overwrite",
            _merged_schema(opened, self.schema),
            partition_by=list(PARTITION_COLUMNS),
            partition_filters=[
                ("source", "=", self.source),
                ("partition", "in", self.partitions or [""]),
            ],
            commit_properties=CommitProperties(custom_metadata={"load_id": self.load_id}),
        )


def common_schema(table: str, paths: Sequence[Path]) -> pa.Schema | None:
    """Return the columns of all files together; null without files.

    Raises:
        RociError: two files have a column of different types (LAKE_TYPE).
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    merged = pa.schema([])
    for path in paths:
        merged = _merged(table, merged, pq.read_schema(path).remove_metadata())
    return merged if paths else None


def _merged_schema(opened: DeltaTable, new: pa.Schema | None) -> pa.Schema:
    import pyarrow as pa

    old = pa.schema(opened.schema().to_arrow())
    columns = pa.schema([f for f in old if f.name not in PARTITION_COLUMNS])
    if new is None:
        return _with_partition_columns(columns)
    name = Path(opened.table_uri).name
    return _with_partition_columns(_merged(name, columns, new))


def _merged(table: str, old: pa.Schema, new: pa.Schema) -> pa.Schema:
    types = {field.name: field.type for field in old}
    clashes = [
        f"{f.name} ({types[f.name]}, now {f.type})"
        for f in new
        if f.name in types and types[f.name] != f.type
    ]
    if clashes:
        raise RociError(
            "LAKE_TYPE",
            where=f"lake table {table}",
            found=f"other types than before: {listed(clashes)}",
            expected="each column keeps the type that its first rows had",
            remedy="undo the change in configs/fields.yml, or give the field a new name",
        )
    for added in new:
        if added.name not in types:
            old = old.append(added.with_nullable(True))
    return old


def _with_partition_columns(schema: pa.Schema) -> pa.Schema:
    import pyarrow as pa

    for name in PARTITION_COLUMNS:
        schema = schema.append(pa.field(name, pa.string()))
    return schema
