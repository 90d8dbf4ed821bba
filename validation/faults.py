"""Fault tables: which row, under which code, in which field. Never which value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

FAULT_SCHEMA = pa.schema(
    [
        pa.field("source_row", pa.int32()),
        pa.field("code", pa.string()),
        pa.field("field", pa.string()),
    ]
)


@dataclass(frozen=True)
class Hits:
    """The rows that one check found at fault, under its code and the field that it reports."""

    source_rows: np.ndarray
    code: str
    field: str | None


def fault_table(hits: Iterable[Hits]) -> pa.Table:
    """Return one fault table of all hits, in order of row, code and field.

    >>> fault_table([Hits(np.array([5, 3]), "OUT_OF_RANGE", "scale_score")]).to_pylist()[0]
    {'source_row': 3, 'code': 'OUT_OF_RANGE', 'field': 'scale_score'}
    """
    pieces = [_piece(hit) for hit in hits if len(hit.source_rows)]
    if not pieces:
        return FAULT_SCHEMA.empty_table()
    keys = [(name, "ascending") for name in FAULT_SCHEMA.names]
    return pa.concat_tables(pieces).sort_by(keys)


def _piece(hit: Hits) -> pa.Table:
    count = len(hit.source_rows)
    columns = [
        pa.array(hit.source_rows, pa.int32()),
        pa.repeat(pa.scalar(hit.code, pa.string()), count),
        pa.repeat(pa.scalar(hit.field, pa.string()), count),
    ]
    return pa.table(columns, schema=FAULT_SCHEMA)


class Faulted:
    """Knows which fields of which rows are faulted already, so that nothing is told twice."""

    def __init__(self, already: pa.Table | None = None) -> None:
        self._by_field: dict[str | None, list[np.ndarray]] = {}
        if already is None:
            return
        rows = already["source_row"].to_numpy()
        fields = already["field"].combine_chunks().dictionary_encode(null_encoding="encode")
        if isinstance(fields, pa.ChunkedArray):
            fields = fields.combine_chunks()
        for position, field in enumerate(fields.dictionary.to_pylist()):
            self._by_field[field] = [rows[fields.indices.to_numpy() == position]]

    def add(self, hits: Hits) -> Hits:
        """Remember the hits, and return them."""
        self._by_field.setdefault(hits.field, []).append(hits.source_rows)
        return hits

    def without(self, hits: Hits, fields: Iterable[str | None] | None = None) -> Hits:
        """Return the hits less the rows where one of `fields`, or any field, is faulted."""
        rows = hits.source_rows
        for field in self._by_field if fields is None else fields:
            for faulted in self._by_field.get(field, []):
                if len(rows) and len(faulted):
                    rows = rows[~np.isin(rows, faulted)]
        return Hits(rows, hits.code, hits.field)
