"""Single records for the checks, which know a row by one number: several may share a file's row."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.faults import FAULTS, FLAGS


@dataclass(frozen=True)
class RecordNumbers:
    """Gives each record a number of its own, and takes it apart again.

    Where every row makes one record, the number is the row's.

    Attributes:
        most: the most records that one row of the file makes.
    """

    most: int = 1

    @classmethod
    def of(cls, table: pa.Table) -> RecordNumbers:
        """Return the numbers that suffice for a table."""
        last = pc.max(table["source_record"]).as_py()
        return cls(1 + (last or 0))

    @classmethod
    def of_relation(cls, con: duckdb.DuckDBPyConnection, relation: str) -> RecordNumbers:
        """Return the numbers that suffice for a relation."""
        (last,) = con.execute(f"SELECT max(source_record) FROM {relation}").fetchall()[0]
        return cls(1 + (last or 0))

    def numbered(self, table: pa.Table) -> pa.Table:
        """Return the table with the records' numbers in place of `source_row`."""
        if self.most == 1:
            return table
        rows = table["source_row"].to_numpy().astype(np.int64)
        numbers = pa.array(rows * self.most + table["source_record"].to_numpy())
        at = table.schema.get_field_index("source_row")
        return table.set_column(at, "source_row", numbers.cast(pa.int32()))

    def numbered_view(self, con: duckdb.DuckDBPyConnection, relation: str) -> str:
        """Return the name of a relation like the one given, with numbers for `source_row`."""
        if self.most == 1:
            return relation
        con.execute(
            f"CREATE OR REPLACE VIEW numbered AS SELECT * REPLACE "
            f"((source_row::BIGINT * {self.most} + source_record)::INTEGER AS source_row) "
            f"FROM {relation}"
        )
        return "numbered"

    def of_every_record(self, faults: pa.Table) -> pa.Table:
        """Return each fault of a row once for every record that the row may make."""
        if self.most == 1 or not faults.num_rows:
            return faults
        spread = faults.take(pa.array(np.repeat(np.arange(faults.num_rows), self.most)))
        which = np.tile(np.arange(self.most, dtype=np.int16), faults.num_rows)
        return self.numbered(spread.append_column("source_record", pa.array(which))).select(
            FAULTS.names
        )

    def flags(self, found: pa.Table) -> pa.Table:
        """Return what a check found as flags, each with its row and its record."""
        rows, records = self._apart(found)
        columns = [pa.array(rows), found["code"], found["field"], pa.array(records)]
        return pa.table(columns, names=FLAGS.names).cast(FLAGS)

    def rejects(self, found: pa.Table) -> pa.Table:
        """Return what a check found as faults of whole rows."""
        if self.most == 1:
            return found
        rows, _ = self._apart(found)
        return found.set_column(0, "source_row", pa.array(rows)).cast(FAULTS)

    def _apart(self, found: pa.Table) -> tuple[np.ndarray, np.ndarray]:
        rows, records = np.divmod(found["source_row"].to_numpy(), self.most)
        return rows.astype(np.int32), records.astype(np.int16)
