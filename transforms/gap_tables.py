"""Measured and missing pairs as Arrow tables that SQL reads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from transforms.gap_cells import CHANGE_REASONS, CLOSURE_REASONS, MISSING_REASONS
from transforms.gap_changes import YearGaps
from transforms.gap_pairs import Columns, Compared

WORD = pa.dictionary(pa.int8(), pa.string())
NAMES = ("dimension", "reference")
COUNTS = ("n_tested", "n_reference")
MEASURES = (
    *("pct_proficient", "pct_reference", "gap_points", "gap_low", "gap_high"),
    *("mean_scale_score", "mean_reference"),
    *("effect_size", "effect_size_se", "v", "v_se"),
    *("risk_ratio", "risk_ratio_low", "risk_ratio_high", "not_proficient_ratio"),
)
CHANGES = ("gap_change", "gap_closure_pct", "meets_goal")

_KEY = [("cell_id", pa.int64()), *((name, WORD) for name in NAMES)]
_COUNTS = [(name, pa.int32()) for name in COUNTS]
# Whether the group itself is published in some way.
_TOLD = ("is_told", pa.bool_())
MISSING = pa.schema([*_KEY, ("n_tested", pa.int32()), ("missing_reason", WORD), _TOLD])
# Whether the gap is published, and what is computed from levels.
_SHOWN = [("is_shown", pa.bool_()), ("is_v_shown", pa.bool_())]
COMPARED = pa.schema(
    [*_KEY, *_COUNTS, *((name, pa.float64()) for name in MEASURES), *_SHOWN, _TOLD]
)
CHANGED = pa.schema(
    [
        ("gap_change", pa.float64()),
        ("gap_closure_pct", pa.float64()),
        ("meets_goal", pa.bool_()),
        ("change_missing_reason", WORD),
        ("closure_missing_reason", WORD),
        ("change_is_shown", pa.bool_()),
    ]
)
MEASURED = pa.schema([*COMPARED, *CHANGED])


@dataclass(frozen=True)
class Part:
    """One block of pairs of one dimension against one reference."""

    dimension: str
    reference: str
    gaps: YearGaps
    measured: pa.RecordBatch
    missing: pa.RecordBatch


def part_of(compared: Compared) -> Part:
    """Return a block as Arrow; NaN becomes null."""
    measured, names = compared.measured, (compared.dimension, compared.reference)
    gaps = YearGaps(
        measured["cell_id"],
        measured["gap_points"],
        measured["gap_low"],
        measured.get("is_shown"),
        compared.missing["cell_id"],
        compared.missing["reason"],
    )
    return Part(
        *names, gaps, _batch(COMPARED, measured, names), missing_batch(compared.missing, *names)
    )


def missing_batch(missing: Columns, dimension: str, reference: str) -> pa.RecordBatch:
    """Return pairs without numbers, each with its reason."""
    reasons = {"missing_reason": _words(missing["reason"], MISSING_REASONS)}
    return _batch(MISSING, {**missing, **reasons}, (dimension, reference))


def _words(places: Any, words: Sequence[str | None]) -> pa.Array:
    """Return words by their positions; a position whose word is null is null."""
    empty = np.array([word is None for word in words])[places]
    indices = pa.array(places, pa.int8(), mask=empty)
    return pa.DictionaryArray.from_arrays(indices, pa.array([word or "" for word in words]))


def _batch(schema: pa.Schema, columns: Columns, names: tuple[str, str]) -> pa.RecordBatch:
    """Return columns as Arrow; dimension and reference are the same in every row."""
    rows = len(columns["cell_id"])
    same = np.zeros(rows, dtype=np.int8)
    columns = {**columns, **{c: _words(same, (v,)) for c, v in zip(NAMES, names, strict=True)}}
    return pa.record_batch(
        [_array(columns.get(field.name), field, rows) for field in schema], schema=schema
    )


def _array(values: Any, field: pa.Field, rows: int) -> pa.Array:
    if values is None:
        return pa.nulls(rows, field.type)
    if isinstance(values, pa.Array):
        return values
    if pa.types.is_int32(field.type):
        values = values.astype(np.int32)
    return pa.array(values, field.type, from_pandas=True)


def year_gaps(parts: Sequence[Part]) -> YearGaps:
    """Return the gaps of all blocks of one dimension and reference, in the order of their cells."""

    def all_of(name: str) -> Any:
        return np.concatenate([getattr(part.gaps, name) for part in parts])

    return YearGaps(
        all_of("ids"),
        all_of("points"),
        all_of("low"),
        None if parts[0].gaps.is_shown is None else all_of("is_shown"),
        all_of("missing_ids"),
        all_of("missing_reason"),
    )


def with_changes(parts: Sequence[Part], changes: Columns) -> pa.Table:
    """Return all blocks of one dimension and reference with the columns of their change."""
    table = pa.Table.from_batches([part.measured for part in parts])
    columns = {
        **changes,
        "meets_goal": pa.array(changes["meets_goal"], mask=np.isnan(changes["gap_closure_pct"])),
        "change_missing_reason": _words(changes["change_reason"], CHANGE_REASONS),
        "closure_missing_reason": _words(changes["closure_reason"], CLOSURE_REASONS),
    }
    for field in CHANGED:
        table = table.append_column(field, _array(columns.get(field.name), field, len(table)))
    return table


def measured(tables: Iterable[pa.Table]) -> pa.Table:
    """Return the tables of all dimensions and references as one."""
    return pa.concat_tables([MEASURED.empty_table(), *tables])


def missing(batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Return the pairs without numbers of all blocks as one."""
    return pa.Table.from_batches(list(batches), MISSING)
