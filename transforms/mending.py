"""What people have corrected in a file: laid over its rows wherever the file is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.pieces import UNPARSED, Piece


@dataclass(frozen=True)
class Mend:
    """One corrected row of a file.

    Attributes:
        before: what stands in the file, by corrected column; of a row of the wrong width its whole
            line, under `unparsed`.
        after: what is to be read instead, by column; of a row of the wrong width every column.
    """

    before: Mapping[str, str]
    after: Mapping[str, str]

    @property
    def is_of_line(self) -> bool:
        """Return whether a whole line is replaced, which did not part into the file's columns."""
        return UNPARSED in self.before

    def columns(self) -> list[str]:
        """Return the names of the corrected columns; `unparsed` where a whole line was replaced."""
        return [UNPARSED] if self.is_of_line else sorted(self.after)


@dataclass(frozen=True)
class Mends:
    """The corrected rows of one file, by row number."""

    rows: Mapping[int, Mend] = field(default_factory=dict)

    def over(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """Yield the pieces of the file as they were, but for the corrected rows."""
        return map(self.apply, pieces) if self.rows else iter(pieces)

    def apply(self, piece: Piece) -> Piece:
        """Return the piece with its corrected rows, in their places.

        A row is left alone where the file does not read as it did when the row was corrected. A
        row of the wrong width comes after the others, and is no fault any more.
        """
        return self._with_lines(self._with_values(piece))

    def _with_values(self, piece: Piece) -> Piece:
        numbers = piece.source_row.to_numpy(zero_copy_only=False)
        places = {
            place: mend
            for place in np.flatnonzero(np.isin(numbers, list(self.rows))).tolist()
            if not (mend := self.rows[int(numbers[place])]).is_of_line
        }
        still = {place: one for place, one in places.items() if _reads_as(piece, place, one)}
        table = piece.table
        for name in table.column_names:
            changed = {at: one.after[name] for at, one in still.items() if name in one.after}
            if changed:
                column = _replaced(table[name], changed)
                table = table.set_column(table.column_names.index(name), name, column)
        return piece if table is piece.table else replace(piece, table=table)

    def _with_lines(self, piece: Piece) -> Piece:
        lines = {
            row: mend
            for row, text in sorted(piece.wrong_width.items())
            if (mend := self.rows.get(row)) and mend.before.get(UNPARSED) == text
        }
        if not lines:
            return piece
        mended = pa.array(lines, pa.int32())
        columns = [
            _lengthened(piece.table[name], [one.after.get(name, "") for one in lines.values()])
            for name in piece.table.column_names
        ]
        return replace(
            piece,
            table=pa.table(columns, piece.table.column_names),
            source_row=pa.concat_arrays([piece.source_row, mended]),
            faults=piece.faults.filter(pc.invert(pc.is_in(piece.faults["source_row"], mended))),
            wrong_width={row: one for row, one in piece.wrong_width.items() if row not in lines},
        )


NO_MENDS = Mends()


def _reads_as(piece: Piece, place: int, mend: Mend) -> bool:
    """Return whether a row has the values that it was corrected from, as far as they are read."""
    return all(
        piece.table[name][place].as_py() == value
        for name, value in mend.before.items()
        if name in piece.table.column_names
    )


def _replaced(column: pa.ChunkedArray, changed: Mapping[int, str]) -> pa.Array:
    mask = np.zeros(len(column), dtype=bool)
    mask[list(changed)] = True
    values = pa.array([changed[place] for place in sorted(changed)], pa.string())
    return _as_before(pc.replace_with_mask(_strings(column), mask, values), column)


def _lengthened(column: pa.ChunkedArray, values: list[str]) -> pa.Array:
    return _as_before(pa.concat_arrays([_strings(column), pa.array(values, pa.string())]), column)


def _strings(column: pa.ChunkedArray) -> pa.Array:
    whole = column.cast(pa.string()).combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def _as_before(array: pa.Array, column: pa.ChunkedArray) -> pa.Array:
    """Return plain strings as the column had them: plain, or as a dictionary."""
    if not pa.types.is_dictionary(column.type):
        return array.cast(column.type)
    return array.dictionary_encode().cast(column.type)
