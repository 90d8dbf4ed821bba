"""Pandera schemas of the typed rows, derived from fields.yml, the vocabularies and the source."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from configs.catalogue import Catalogue, allowed_codes
from configs.errors import ConfigurationError
from configs.models import Kind, TableField
from configs.source_models import FieldSource, Source
from validation.faults import Hits
from validation.frames import frame_column
from validation.key_texts import fits_a_folder, is_short

REQUIRED_MISSING = "REQUIRED_MISSING"
UNKNOWN_CODE = "UNKNOWN_CODE"
OUT_OF_RANGE = "OUT_OF_RANGE"
BAD_FORMAT = "BAD_FORMAT"
_CODES = {"not_nullable": REQUIRED_MISSING} | {
    code: code for code in (UNKNOWN_CODE, OUT_OF_RANGE, BAD_FORMAT)
}
_ARROW_KINDS: dict[Kind, Callable[[pa.DataType], bool]] = {
    "text": pa.types.is_string,
    "code": pa.types.is_string,
    "integer": pa.types.is_integer,
    "decimal": pa.types.is_floating,
    "date": pa.types.is_date32,
    "boolean": pa.types.is_boolean,
}


@dataclass(frozen=True)
class ColumnRule:
    """What one column must hold: its kind, its codes, its range, and whether blanks may stand.

    `key`: a text that every row needs, which is an id. `folder`: one that names a partition's
    folder.
    """

    name: str
    kind: Kind
    required: bool
    codes: frozenset[str] | None = None
    minimum: float | None = None
    maximum: float | None = None
    key: bool = False
    folder: bool = False


def column_rules(source: Source, catalogue: Catalogue) -> tuple[ColumnRule, ...]:
    """Return the rules of every column of a source's table, the source's own included."""
    fields = catalogue.tables[source.table].fields.items()
    return tuple(_column_rule(name, field, source, catalogue) for name, field in fields)


def _column_rule(name: str, field: TableField, source: Source, catalogue: Catalogue) -> ColumnRule:
    spec = source.fields.get(name, FieldSource(value=""))
    codes = frozenset(allowed_codes(catalogue, field.vocabulary)) if field.vocabulary else None
    minima = [bound for bound in (field.minimum, spec.minimum) if bound is not None]
    maxima = [bound for bound in (field.maximum, spec.maximum) if bound is not None]
    is_text = field.kind == "text"
    return ColumnRule(
        name=name,
        kind=field.kind,
        required=field.required or spec.required,
        codes=codes,
        minimum=max(minima, default=None),
        maximum=min(maxima, default=None),
        key=is_text and field.required,
        folder=is_text and name in source.partition,
    )


def refuse_when_switched_off() -> None:
    """Make sure that Pandera checks; its own switches would let every row pass without a word.

    Raises:
        ConfigurationError: the environment switches Pandera, or its checks of data, off.
    """
    from pandera.config import ValidationDepth, get_config_context

    config = get_config_context()
    if config.validation_enabled and config.validation_depth != ValidationDepth.SCHEMA_ONLY:
        return
    names = [name for name in sorted(os.environ) if name.startswith("PANDERA_VALIDATION_")]
    raise ConfigurationError(
        "VALIDATION_SWITCHED_OFF",
        where="environment " + (", ".join(names) or "(Pandera's configuration)"),
        found="Pandera is told not to check the rows",
        expected="every row is checked before it is loaded",
        remedy="unset PANDERA_VALIDATION_ENABLED and PANDERA_VALIDATION_DEPTH",
    )


@lru_cache(maxsize=64)
def schema_of(rules: tuple[ColumnRule, ...]) -> Any:
    """Return the Pandera schema of these columns; equal rules share one schema.

    A column that is not required may be absent: one that holds nothing is left out of the frame.
    """
    import pandera.pandas as pa_

    columns = {
        rule.name: pa_.Column(
            checks=list(_checks(rule)), nullable=not rule.required, required=rule.required
        )
        for rule in rules
    }
    return pa_.DataFrameSchema(columns, coerce=False)


def _checks(rule: ColumnRule) -> Iterator[Any]:
    import pandera.pandas as pa_

    if rule.codes is not None:
        yield pa_.Check(_within(rule.codes), error=UNKNOWN_CODE, ignore_na=False)
    if rule.minimum is not None or rule.maximum is not None:
        yield pa_.Check(_between(rule.minimum, rule.maximum), error=OUT_OF_RANGE, ignore_na=False)
    if rule.folder:
        yield pa_.Check(fits_a_folder, error=BAD_FORMAT, ignore_na=False)
    elif rule.key:
        yield pa_.Check(is_short, error=BAD_FORMAT, ignore_na=False)


def _within(codes: frozenset[str]) -> Callable[[pd.Series], Any]:
    """Return a check of codes that looks at the few categories before it looks at the rows."""

    def within(column: pd.Series) -> Any:
        labels = column.cat.categories if hasattr(column, "cat") else column.dropna().unique()
        known = pd.Index(labels).isin(codes)
        if known.all():
            return True
        return column.isin(list(pd.Index(labels)[known])) | column.isna()

    return within


def _between(minimum: float | None, maximum: float | None) -> Callable[[pd.Series], Any]:
    """Return a check of a range that looks at the extremes before it looks at the rows."""
    lowest = -np.inf if minimum is None else minimum
    highest = np.inf if maximum is None else maximum

    def between(column: pd.Series) -> Any:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        within = not (np.fmin.reduce(values) < lowest or np.fmax.reduce(values) > highest)
        outside = (values < lowest) | (values > highest)
        return True if within else pd.Series(~outside, index=column.index)

    return between


def column_faults(table: pa.Table, rules: tuple[ColumnRule, ...]) -> Iterator[Hits]:
    """Yield the rows that break a column's own rule, by column.

    Args:
        table: typed rows with `source_row`.
        rules: the rules of the table's columns.

    Raises:
        TypeError: a column is absent or of another kind than fields.yml says; that is a fault of
            whoever made the table, not of the data.
    """
    import pandera.errors

    refuse_other_kinds(table.schema, rules)
    if table.num_rows == 0:
        return
    used = [rule for rule in rules if rule.required or _holds_something(table[rule.name])]
    frame = pd.DataFrame(
        {rule.name: frame_column(table[rule.name]) for rule in used},
        index=pd.RangeIndex(table.num_rows),
        copy=False,
    )
    cases = None
    try:
        schema_of(rules).validate(frame, lazy=True, inplace=True)
    except pandera.errors.SchemaErrors as errors:
        # The error's text holds values, so it must not become the cause of another error.
        cases = errors.failure_cases
    if cases is not None:
        yield from _hits(cases, table["source_row"].to_numpy())


def _holds_something(column: pa.ChunkedArray) -> bool:
    return column.null_count < len(column)


def _hits(cases: pd.DataFrame, source_rows: np.ndarray) -> Iterator[Hits]:
    if cases["index"].isna().any() or not set(cases["check"]) <= set(_CODES):
        checks = sorted({str(check) for check in cases["check"]})
        raise TypeError(f"the typed rows do not fit their schema: {', '.join(checks)[:400]}")
    for (column, check), group in cases.groupby(["column", "check"], sort=True):
        rows = source_rows[group["index"].to_numpy(dtype=np.int64)]
        yield Hits(np.unique(rows), _CODES[check], column)


def refuse_other_kinds(schema: pa.Schema, rules: tuple[ColumnRule, ...]) -> None:
    """Make sure that every column is there and of its kind.

    Raises:
        TypeError: names every column that is not.
    """
    wrong = []
    for rule in rules:
        position = schema.get_field_index(rule.name)
        found = schema.field(position).type if position >= 0 else None
        plain = found.value_type if found and pa.types.is_dictionary(found) else found
        fits = plain is not None and (pa.types.is_null(plain) or _ARROW_KINDS[rule.kind](plain))
        if not fits:
            wrong.append(f"{rule.name}: {found or 'absent'}, expected {rule.kind}")
    if wrong:
        raise TypeError("typed rows of another shape than fields.yml: " + "; ".join(wrong))
