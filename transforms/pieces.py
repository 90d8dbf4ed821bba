"""A bounded part of a file: strings as they stand there, each record with its row number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from transforms.faults import no_faults

UNPARSED = "unparsed"
# What a row number of a workbook is counted up by from sheet to sheet.
ROWS_OF_A_SHEET = 10_000_000
# The column that names the sheet of each record, where a source asks for it.
SHEET = "#sheet"


@dataclass(frozen=True)
class Piece:
    """Some records of a file.

    Attributes:
        table: the columns read, strings (plain or dictionary), never null. One row per record.
        source_row: int32, each record's row as a spreadsheet shows the file; the header is row 1.
            Not sorted across pieces, and repeated where one row of the file makes several records.
        faults: records that are not in `table`, since their number of fields is wrong (ROW_WIDTH).
        set_aside: records that are not in `table` and are no fault either.
        wrong_width: the text of the ROW_WIDTH records by row number.
        blank_rows: rows without a single value; they count as no records at all.
        rows_made: rows of `table` beyond the first of the same row of the file.
        source_record: int16, which record of its row of the file this is, from 0; without it every
            row makes one.
    """

    table: pa.Table
    source_row: pa.Array
    faults: pa.Table = field(default_factory=no_faults)
    set_aside: pa.Table = field(default_factory=no_faults)
    wrong_width: dict[int, str] = field(default_factory=dict)
    blank_rows: int = 0
    rows_made: int = 0
    source_record: pa.Array | None = None

    @property
    def record_numbers(self) -> pa.Array:
        """Return `source_record`, 0 throughout where every row makes one record."""
        if self.source_record is not None:
            return self.source_record
        return pa.repeat(pa.scalar(0, pa.int16()), self.table.num_rows)

    @property
    def rows_in(self) -> int:
        """Return the number of records of the file that this piece accounts for."""
        apart = self.faults.num_rows + self.set_aside.num_rows
        return int(self.table.num_rows - self.rows_made + apart)


def distinct_names(columns: Sequence[str]) -> list[str]:
    """Return the header with repeated names told apart.

    >>> distinct_names(["Blank", "ID", "Blank"])
    ['Blank', 'ID', 'Blank (2)']
    """
    taken = set(columns)
    seen: Counter[str] = Counter()
    names = []
    for column in columns:
        seen[column] += 1
        name = column
        while seen[column] > 1 and name in taken:
            name = f"{column} ({seen[column]})"
            seen[column] += name in taken
        taken.add(name)
        names.append(name)
    return names


def raw_of_piece(piece: Piece, source_rows: Sequence[int] | np.ndarray) -> pa.Table:
    """Return the original values of some rows of a piece, as `raw_rows` does for a whole file.

    Columns are source_row, those of the piece, and `unparsed` (the line of a ROW_WIDTH record).
    Use it in place of `raw_rows` where the piece was read with all columns of the file.
    """
    wanted = np.asarray(source_rows, dtype=np.int32)
    keep = np.flatnonzero(np.isin(piece.source_row.to_numpy(), wanted))
    parsed = plain_strings(piece.table.take(pa.array(keep)))
    parsed = parsed.add_column(0, "source_row", piece.source_row.take(pa.array(keep)))
    chosen = set(wanted.tolist())
    broken = {row: text for row, text in piece.wrong_width.items() if row in chosen}
    return with_unparsed(parsed, broken)


def raw_of_pieces(
    pieces: Iterable[Piece], names: Sequence[str], source_rows: Collection[int]
) -> pa.Table:
    """Return the original values of some rows, as `raw_of_piece`, from pieces of all columns."""
    chosen = set(source_rows)
    sought = np.array(sorted(chosen), dtype=np.int32)
    fields = [("source_row", pa.int32()), *((name, pa.string()) for name in names)]
    parts = [pa.schema(fields).empty_table()]
    broken: dict[int, str] = {}
    for piece in pieces:
        keep = pa.array(np.flatnonzero(np.isin(piece.source_row.to_numpy(), sought)))
        if len(keep):
            part = plain_strings(piece.table.select(list(names)).take(keep))
            parts.append(part.add_column(0, "source_row", piece.source_row.take(keep)))
        broken |= {row: text for row, text in piece.wrong_width.items() if row in chosen}
    return with_unparsed(pa.concat_tables(parts), broken)


def plain_strings(table: pa.Table) -> pa.Table:
    """Return the table with dictionary columns as plain strings."""
    schema = pa.schema([(name, pa.string()) for name in table.column_names])
    return table.cast(schema)


def with_unparsed(parsed: pa.Table, broken: dict[int, str]) -> pa.Table:
    """Return the parsed rows followed by the lines that do not parse, in column `unparsed`."""
    parsed = parsed.append_column(UNPARSED, pa.nulls(parsed.num_rows, pa.string()))
    rows = sorted(broken)
    lines = pa.table(
        {
            "source_row": pa.array(rows, pa.int32()),
            UNPARSED: pa.array([broken[row] for row in rows], pa.string()),
        }
    )
    return pa.concat_tables([parsed, lines], promote_options="default")
