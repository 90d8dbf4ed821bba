"""Reads what is published of one system: rows of the reporting marts, groups as numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from validation.audit.keys import Ints, Keys, number, place
from validation.audit.scheme import ALL, SYSTEM, Scheme

Place = tuple[str, str]
System = tuple[int, str, str, str]
ACHIEVEMENT = "mart_achievement"


@dataclass
class Words:
    """The codes and organisations of one system as small numbers; `all` is 0.

    A code that the configuration does not know, as of a year before, is added where it is met.
    """

    dimensions: tuple[str, ...]
    codes: dict[str, dict[str, int]]
    places: dict[Place, int] = field(default_factory=dict)
    _names: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, scheme: Scheme) -> Words:
        """Return the configured codes, and no organisation."""
        codes = {
            name: {word: n for n, word in enumerate((ALL, *scheme.codes.get(name, ())))}
            for name in scheme.dimensions
        }
        return cls(scheme.dimensions, codes)

    def code(self, dimension: str, word: str) -> int:
        """Return the number of a code."""
        known = self.codes[dimension]
        return known.setdefault(word, len(known))

    def place(self, level: str, own: str) -> int:
        """Return the number of an organisation."""
        return self.places.setdefault((level, own), len(self.places))

    def place_keys(self) -> Keys:
        """Return what each organisation adds to a key."""
        return np.array([place(*one) for one in self.places], dtype=np.uint64)

    def code_keys(self, dimension: str) -> Keys:
        """Return what each code of a dimension adds to a key."""
        return np.array([number(dimension, word) for word in self.codes[dimension]], np.uint64)

    def name(self, organisation: int, codes: Sequence[int]) -> str:
        """Return a cell's name: its organisation, and its groups but `all`."""
        if len(self._names) < len(self.places):
            self._names = ["/".join(dict.fromkeys(place)) for place in self.places]
        parts = [self._names[organisation]]
        for dimension, code in zip(self.dimensions, codes, strict=True):
            if code:
                parts.append(f"{dimension} {list(self.codes[dimension])[code]}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Rows:
    """Rows of a mart: the organisation, codes and key of the cell of each, and its columns.

    Numbers are floats, nan for null; texts are objects, None for null.
    """

    organisation: Ints
    codes: NDArray[np.int16]
    key: Keys
    columns: dict[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(self.key)

    def __getitem__(self, column: str) -> NDArray[Any]:
        return self.columns[column]

    def only(self, chosen: NDArray[np.bool_]) -> Rows:
        """Return the chosen rows."""
        columns = {name: values[chosen] for name, values in self.columns.items()}
        return Rows(self.organisation[chosen], self.codes[chosen], self.key[chosen], columns)


class Publication:
    """A folder of reporting marts, as Parquet files of their names."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._con = duckdb.connect(config={"threads": 1})
        self._columns: dict[str, tuple[str, ...]] = {}

    def has(self, mart: str) -> bool:
        """Return whether the mart is there."""
        return self._path(mart).is_file()

    def columns(self, mart: str) -> tuple[str, ...]:
        """Return the columns of a mart, none where it is missing."""
        if mart not in self._columns:
            told = self._con.execute(f"DESCRIBE {self._from(mart)}") if self.has(mart) else None
            self._columns[mart] = tuple(row[0] for row in told.fetchall()) if told else ()
        return self._columns[mart]

    def systems(self) -> list[tuple[System, int]]:
        """Return every system with the number of its rows, the largest first."""
        if not self.has(ACHIEVEMENT):
            return []
        key = ", ".join(SYSTEM)
        rows = self._con.execute(
            f"SELECT {key}, count(*) {self._from(ACHIEVEMENT)} GROUP BY ALL ORDER BY 5 DESC, {key}"
        ).fetchall()
        return [((row[0], row[1], row[2], row[3]), row[4]) for row in rows]

    def schools(self, year: int) -> list[tuple[str, str, bool]]:
        """Return (school's key, district, is a partner) of the schools of a year."""
        if not self.has("dim_school"):
            return []
        partner = "is_partner" if "is_partner" in self.columns("dim_school") else "false"
        return self._con.execute(
            f"SELECT DISTINCT school_id, district_id, coalesce({partner}, false) "
            f"{self._from('dim_school')} WHERE school_year = ? ORDER BY ALL",
            [year],
        ).fetchall()

    def rows(
        self, mart: str, columns: Sequence[str], words: Words, where: str, values: Sequence[object]
    ) -> Rows:
        """Return rows of a mart with these columns; null where the mart does not have one.

        A dimension that the mart does not have is `all`.
        """
        there = self.columns(mart)
        if not there:
            return _no_rows(words, columns)
        keys = ("org_level", "org_id", *words.dimensions)
        wanted = [c if c in there else f"'{ALL}' AS {c}" for c in keys]
        wanted += [c if c in there else f"NULL AS {c}" for c in columns]
        found = self._con.sql(
            f"SELECT {', '.join(wanted)} {self._from(mart)} WHERE {where}", params=list(values)
        )
        table = found.to_arrow_table()
        return _encoded(table, columns, words)

    def _path(self, mart: str) -> Path:
        return self.folder / f"{mart}.parquet"

    def _from(self, mart: str) -> str:
        quoted = str(self._path(mart)).replace("'", "''")
        return f"FROM read_parquet('{quoted}')" if mart else ""


def _no_rows(words: Words, columns: Sequence[str]) -> Rows:
    nothing = np.zeros(0, dtype=np.int64)
    codes = np.zeros((0, len(words.dimensions)), dtype=np.int16)
    return Rows(nothing, codes, nothing.astype(np.uint64), {c: np.zeros(0) for c in columns})


def _encoded(table: pa.Table, columns: Sequence[str], words: Words) -> Rows:
    level, levels = _dictionary(table["org_level"])
    own, owns = _dictionary(table["org_id"])
    pair, first, organisation = np.unique(
        level * max(len(owns), 1) + own, return_index=True, return_inverse=True
    )
    known = [words.place(levels[level[i]], owns[own[i]]) for i in first]
    organisation = np.array(known, dtype=np.int64)[organisation] if len(pair) else level
    codes = np.zeros((len(table), len(words.dimensions)), dtype=np.int16)
    key = words.place_keys()[organisation] if len(table) else np.zeros(0, dtype=np.uint64)
    for d, dimension in enumerate(words.dimensions):
        code, texts = _dictionary(table[dimension])
        mapped = np.array([words.code(dimension, text) for text in texts], dtype=np.int16)
        if mapped.any():
            codes[:, d] = mapped[code]
            key = key + words.code_keys(dimension)[codes[:, d]]
    return Rows(organisation, codes, key, {c: _values(table[c]) for c in columns})


def _dictionary(column: pa.ChunkedArray) -> tuple[Ints, list[str]]:
    encoded = column.cast(pa.string()).combine_chunks().dictionary_encode()
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), (
        encoded.dictionary.to_pylist()
    )


def _values(column: pa.ChunkedArray) -> NDArray[Any]:
    """Return numbers and truths as floats, nan for null; texts as objects."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return np.array(column.to_pylist(), dtype=object)
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
