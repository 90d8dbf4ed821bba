"""Columns as places in a short list of outcomes, so that work is done once for a distinct value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from transforms.parse import MISSING, Outcome

EPOCH = dt.date(1970, 1, 1)
TEXTS = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Coded:
    """A column: for each row the place of its outcome in the list."""

    at: np.ndarray
    outcomes: list[Outcome]

    def with_rows(self, rows: np.ndarray, outcome: Outcome) -> Coded:
        """Return the column with another outcome in some rows (a mask)."""
        if not rows.any():
            return self
        at = np.where(rows, np.int32(len(self.outcomes)), self.at)
        return Coded(at, [*self.outcomes, outcome])

    def mask(self, test: Callable[[Outcome], bool]) -> np.ndarray:
        """Return the rows whose outcome passes the test."""
        passing = np.array([test(outcome) for outcome in self.outcomes], dtype=bool)
        if not passing.any():
            return np.zeros(len(self.at), dtype=bool)
        return passing[self.at]

    def replaced(self, change: Callable[[Outcome], Outcome]) -> Coded:
        """Return the column with every outcome changed."""
        return Coded(self.at, [change(outcome) for outcome in self.outcomes])


class Marked(NamedTuple):
    """Positions of rows that earn a code."""

    positions: np.ndarray
    code: str


class Filled(NamedTuple):
    """A typed column, with the rows at fault (null in it) and the rows to be flagged."""

    array: pa.Array
    faults: list[Marked]
    flags: list[Marked]


def decoded(column: pa.DictionaryArray, decode: Callable[[str], Outcome]) -> Coded:
    """Return what each row's string means."""
    return Coded(column.indices.to_numpy(), [decode(raw) for raw in column.dictionary.to_pylist()])


def code_mask(column: pa.DictionaryArray, test: Callable[[str], bool]) -> np.ndarray:
    """Return the rows whose string passes the test."""
    passing = np.array([test(word) for word in column.dictionary.to_pylist()], dtype=bool)
    if not passing.any():
        return np.zeros(len(column), dtype=bool)
    return passing[column.indices.to_numpy()]


def constant(outcome: Outcome, count: int) -> Coded:
    """Return the same outcome for every row."""
    return Coded(np.zeros(count, dtype=np.int32), [outcome])


def first_of(columns: Sequence[Coded]) -> Coded:
    """Return, for each row, the first outcome that is not missing."""
    first, *others = columns
    for other in others:
        open_rows = first.mask(lambda outcome: outcome == MISSING)
        if not open_rows.any():
            return first
        at = np.where(open_rows, other.at + np.int32(len(first.outcomes)), first.at)
        first = Coded(at, [*first.outcomes, *other.outcomes])
    return first


def joined(
    columns: Sequence[pa.DictionaryArray],
    is_missing: Callable[[str], bool],
    plain: Callable[[str], str],
) -> pa.DictionaryArray:
    """Return the columns' strings put together; empty where one of them is missing."""
    words = [[plain(raw) for raw in column.dictionary.to_pylist()] for column in columns]
    combined = np.zeros(len(columns[0]), dtype=np.int64)
    for column, known in zip(columns, words, strict=True):
        combined = combined * len(known) + column.indices.to_numpy()
    distinct, inverse = np.unique(combined, return_inverse=True)
    texts = []
    for place in distinct.tolist():
        parts = []
        for known in reversed(words):
            place, at = divmod(place, len(known))
            parts.append(known[at])
        texts.append("" if any(is_missing(part) for part in parts) else "".join(reversed(parts)))
    return pa.DictionaryArray.from_arrays(
        pa.array(inverse, pa.int32()), pa.array(texts, pa.string())
    )


def filled(column: Coded, array: pa.Array) -> Filled:
    """Return the typed column with the rows that its outcomes mark."""
    return Filled(
        array,
        _marked(column, [outcome.fault for outcome in column.outcomes]),
        _marked(column, [outcome.flag for outcome in column.outcomes]),
    )


def _marked(column: Coded, codes: Sequence[str | None]) -> list[Marked]:
    found = []
    for code in sorted({code for code in codes if code}):
        here = np.array([one == code for one in codes], dtype=bool)
        positions = np.flatnonzero(here[column.at])
        if len(positions):
            found.append(Marked(positions, code))
    return found


def typed_array(column: Coded, kind: pa.DataType) -> pa.Array:
    """Return the column as an Arrow array of the type, null where it is at fault."""
    values = [None if outcome.fault else outcome.value for outcome in column.outcomes]
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        texts = [None if value is None else str(value) for value in values]
        array = _dictionary(column.at, texts, TEXTS)
        return array.cast(kind) if pa.types.is_string(kind) else array
    numbers = np.array([_number(value) for value in values], dtype=_numpy_type(kind))
    nulls = np.array([value is None for value in values], dtype=bool)
    mask = nulls[column.at] if nulls.any() else None
    array = pa.array(numbers[column.at], mask=mask)
    return array.view(kind) if pa.types.is_date32(kind) else array.cast(kind)


def code_array(column: Coded, codes: Sequence[str], kind: pa.DictionaryType) -> pa.Array:
    """Return the column as a dictionary array over the whole code list, alike in every piece."""
    place = {code: at for at, code in enumerate(codes)}
    at = np.array(
        [-1 if o.fault or o.value is None else place[str(o.value)] for o in column.outcomes],
        dtype=np.int32,
    )
    return _from_places(at[column.at], codes, kind)


def _dictionary(
    rows: np.ndarray, texts: Sequence[str | None], kind: pa.DictionaryType
) -> pa.DictionaryArray:
    known = dict.fromkeys(text for text in texts if text is not None)
    distinct = {text: at for at, text in enumerate(known)}
    at = np.array([-1 if text is None else distinct[text] for text in texts], dtype=np.int32)
    return _from_places(at[rows], list(distinct), kind)


def _from_places(
    places: np.ndarray, texts: Sequence[str], kind: pa.DictionaryType
) -> pa.DictionaryArray:
    absent = places < 0
    indices = pa.array(
        places.astype(kind.index_type.to_pandas_dtype(), copy=False),
        mask=absent if absent.any() else None,
    )
    return pa.DictionaryArray.from_arrays(indices, pa.array(texts, pa.string()))


def _number(value: object) -> float | int:
    if isinstance(value, dt.date):
        return (value - EPOCH).days
    return value if isinstance(value, int | float) else 0


def _numpy_type(kind: pa.DataType) -> type[np.generic]:
    if pa.types.is_floating(kind):
        return np.float64
    return np.bool_ if pa.types.is_boolean(kind) else np.int32
