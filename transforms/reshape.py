"""Turns rows that hold several results beside one another into one row for each record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from transforms.coded import TEXTS, code_mask
from transforms.faults import all_faults, fault_table
from transforms.layouts import BoundRecord
from transforms.pieces import Piece


class Reshaper:
    """Reshapes the pieces of one file, whose layout has records in a row.

    Attributes:
        own: the columns of the file's row that are kept beside the records, in order.
    """

    def __init__(
        self,
        own: Sequence[str],
        records: Sequence[BoundRecord],
        missing: Collection[str],
        strip: bool,
    ) -> None:
        """Keep which records a row may have.

        Args:
            own: the row's own columns that are needed.
            records: every record that a row may have, in the order in which they are made.
            missing: tokens of a value that is not there.
            strip: blanks around a value are not part of it.
        """
        self.own = list(own)
        self._records = list(records)
        self._missing = frozenset(missing)
        self._strip = strip

    def reshape(self, piece: Piece) -> Piece:
        """Return the piece with one row for each record that is present.

        Its columns are `own` and those of the records, all dictionaries but the plain ones of
        `own`. The order is that of the file's rows, then of the records. `source_record` counts
        the records of a row from 0. A row without any record is set aside as NO_RESULT.
        """
        columns = {name: _dictionary(piece.table[name]) for name in self._looked_at()}
        chosen = [np.flatnonzero(self._present(one, columns, piece)) for one in self._records]
        counts = np.bincount(np.concatenate([*chosen, _NO_ROWS]), minlength=piece.table.num_rows)
        places = _places(chosen, counts)
        rows = np.repeat(np.arange(len(counts)), counts)
        table = {name: piece.table[name].take(pa.array(rows)) for name in self.own}
        for name in self._named():
            table[name] = self._melted(name, columns, chosen, places)
        first = np.cumsum(counts) - counts
        without = piece.source_row.to_numpy()[counts == 0]
        return replace(
            piece,
            table=pa.table(table),
            source_row=piece.source_row.take(pa.array(rows)),
            source_record=pa.array(np.arange(len(rows)) - first[rows], pa.int16()),
            set_aside=all_faults([piece.set_aside, fault_table(without, "NO_RESULT", None)]),
            rows_made=piece.rows_made + len(rows) - int(np.count_nonzero(counts)),
        )

    def _looked_at(self) -> list[str]:
        physical = [name for one in self._records for name in one.columns.values() if name]
        return list(dict.fromkeys(physical))

    def _named(self) -> list[str]:
        named = [name for one in self._records for name in (*one.codes, *one.columns)]
        return list(dict.fromkeys(named))

    def _present(
        self, one: BoundRecord, columns: Mapping[str, pa.DictionaryArray], piece: Piece
    ) -> np.ndarray:
        """Return the rows that have the record."""
        if not one.present or any(name in one.codes for name in one.present):
            return np.ones(piece.table.num_rows, dtype=bool)
        there = np.zeros(piece.table.num_rows, dtype=bool)
        for name in one.present:
            physical = one.columns.get(name)
            if physical is not None:
                there |= code_mask(columns[physical], self._says_something)
        return there

    def _says_something(self, raw: str) -> bool:
        return (raw.strip() if self._strip else raw) not in self._missing

    def _melted(
        self,
        name: str,
        columns: Mapping[str, pa.DictionaryArray],
        chosen: Sequence[np.ndarray],
        places: Sequence[np.ndarray],
    ) -> pa.DictionaryArray:
        """Return a column of the records, laid together from the columns of the file."""
        parts = [
            _part(one, name, columns, rows) for one, rows in zip(self._records, chosen, strict=True)
        ]
        together = pa.chunked_array(parts, TEXTS).unify_dictionaries()
        if not len(together):
            return pa.array([], TEXTS)
        at = np.empty(len(together), dtype=np.int32)
        at[np.concatenate(places)] = np.concatenate(
            [chunk.indices.to_numpy() for chunk in together.chunks]
        )
        return pa.DictionaryArray.from_arrays(pa.array(at), together.chunk(0).dictionary)


_NO_ROWS = np.array([], dtype=np.int64)


def _places(chosen: Sequence[np.ndarray], counts: np.ndarray) -> list[np.ndarray]:
    """Return where each record of each row comes to stand, records of one row side by side."""
    free = np.cumsum(counts) - counts
    places = []
    for rows in chosen:
        places.append(free[rows])
        free[rows] += 1
    return places


def _part(
    one: BoundRecord, name: str, columns: Mapping[str, pa.DictionaryArray], rows: np.ndarray
) -> pa.DictionaryArray:
    """Return one record's column in the rows that have the record; blank where it has none."""
    physical = one.columns.get(name)
    if physical is not None:
        return columns[physical].take(pa.array(rows))
    indices = pa.array(np.zeros(len(rows), dtype=np.int32))
    return pa.DictionaryArray.from_arrays(indices, pa.array([one.codes.get(name, "")]))


def _dictionary(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.unify_dictionaries().combine_chunks()
    array = whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
    return array if isinstance(array, pa.DictionaryArray) else array.dictionary_encode()
