"""Single records for the checks, which know a row by one number: several may share a file's row."""

from __future__ import annotations

from dataclasses import dataclass, field

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.faults import FAULTS, FLAGS

INT32_LIMIT = 2**31


@dataclass(frozen=True)
class RecordNumbers:
    """Gives each record a number of its own, and takes it apart again.

    Where every row makes one record, the number is the row's. Else rows are counted from `first`,
    or by their places in `rows`: the row numbers of a workbook's sheets lie so far apart that their
    multiples would leave the range of a row number.

    Attributes:
        most: the most records that one row of the file makes.
        first: the row that counts as 0.
        rows: every row of a relation whose rows lie too far apart, in order.
    """

    most: int = 1
    first: int = 0
    rows: np.ndarray | None = field(default=None, compare=False)

    @classmethod
    def of(cls, table: pa.Table) -> RecordNumbers:
        """Return the numbers that suffice for a piece of a file, whose rows are near each other."""
        last = pc.max(table["source_record"]).as_py()
        return cls(1 + last, pc.min(table["source_row"]).as_py()) if last else cls()

    @classmethod
    def of_relation(cls, con: duckdb.DuckDBPyConnection, relation: str) -> RecordNumbers:
        """Return the numbers that suffice for a relation."""
        query = f"SELECT max(source_record), min(source_row), max(source_row) FROM {relation}"
        last, lowest, highest = con.execute(query).fetchall()[0]
        if not last:
            return cls()
        if (highest - lowest + 1) * (1 + last) < INT32_LIMIT:
            return cls(1 + last, lowest)
        query = f"SELECT DISTINCT source_row FROM {relation} ORDER BY 1"
        return cls(1 + last, rows=con.execute(query).fetchnumpy()["source_row"])

    def numbered(self, table: pa.Table) -> pa.Table:
        """Return the table with the records' numbers in place of `source_row`."""
        if self.most == 1:
            return table
        rows = table["source_row"].to_numpy().astype(np.int64) - self.first
        numbers = pa.array(rows * self.most + table["source_record"].to_numpy())
        at = table.schema.get_field_index("source_row")
        return table.set_column(at, "source_row", numbers.cast(pa.int32()))

    def numbered_view(self, con: duckdb.DuckDBPyConnection, relation: str) -> str:
        """Return the name of a relation like the one given, with numbers for `source_row`."""
        if self.most == 1:
            return relation
        place, places = f"(source_row - {self.first})", ""
        if self.rows is not None:
            known = {"source_row": self.rows, "place": np.arange(len(self.rows))}
            con.register("places_of_rows", pa.table(known))
            place, places = "place", "JOIN places_of_rows USING (source_row)"
        con.execute(
            f"CREATE OR REPLACE VIEW numbered AS SELECT {relation}.* REPLACE "
            f"(({place}::BIGINT * {self.most} + source_record)::INTEGER AS source_row) "
            f"FROM {relation} {places}"
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
        rows = rows + self.first if self.rows is None else self.rows[rows]
        return rows.astype(np.int32), records.astype(np.int16)
