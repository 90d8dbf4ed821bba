"""What the columns of a sample hold: their distinct values, counted up to a limit."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

import pyarrow as pa

from transforms.pieces import Piece

KEPT_VALUES = 5_000
FEW_VALUES = 30
SMALL_LIST = 12
FEW_ROWS = 1_000
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_LONG_NUMBER = re.compile(r"\d{5,}")
# As for a header that no source knows: no ids, birth dates, sentences. A year may be part of it.
_NAME = re.compile(r"[^\W\d_][\w .,:;/()%#&?'*+-]{0,89}")
_NO_YEAR = re.compile(r"\d{3}")
_YEAR = re.compile(r"(?<!\d)(19|20)\d\d(?!\d)")


@dataclass
class Profile:
    """A column of a sample: its values, stripped, with their rows; `many` beyond a limit."""

    name: str
    rows: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    many: bool = False

    def take(self, values: pa.Array) -> None:
        """Count the values of a piece."""
        self.rows += len(values)
        for entry in values.value_counts().to_pylist():
            text = (entry["values"] or "").strip()
            if text in self.counts or len(self.counts) < KEPT_VALUES:
                self.counts[text] += entry["counts"]
            else:
                self.many = True

    def values(self, missing: Iterable[str] = ("",)) -> list[str]:
        """Return the distinct values that are not missing, the most frequent first."""
        gone = set(missing)
        return [value for value, _ in self.counts.most_common() if value not in gone]


def profiles_of(pieces: Iterable[Piece], columns: Sequence[str], at_most: int) -> list[Profile]:
    """Return the profile of every column over the first rows of a file."""
    found = [Profile(column) for column in columns]
    rows = 0
    for piece in pieces:
        for one in found:
            one.take(piece.table[one.name].combine_chunks().cast(pa.string()))
        rows += piece.table.num_rows
        if rows >= at_most:
            break
    return found


def repeated_rows(pieces: Iterable[Piece], columns: Sequence[str], at_most: int) -> int:
    """Return how many of the first rows have the values of an earlier one in these columns."""
    seen: set[tuple[str, ...]] = set()
    rows = 0
    for piece in pieces:
        values = [piece.table[name].to_pylist() for name in columns]
        for row in islice(zip(*values, strict=True), at_most - rows):
            seen.add(row)
            rows += 1
        if rows >= at_most:
            break
    return rows - len(seen)


def words(name: str) -> list[str]:
    """Return the words of a column's name in lower case.

    >>> words("TestDate (SSID)")
    ['test', 'date', 'ssid']
    """
    return [word.casefold() for word in _WORD.findall(name)]


def plain(text: str) -> str:
    """Return a text as it is compared: its words alone, without case and punctuation."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def is_column_name(cell: str) -> bool:
    """Return whether a cell of the first row is surely a column's name and not a value.

    >>> [is_column_name(cell) for cell in ("Score 2025", "9000000001", "2012-03-04", "P12345")]
    [True, False, False, False]
    """
    return bool(_NAME.fullmatch(cell)) and not _NO_YEAR.search(_YEAR.sub("", cell))


def may_be_shown(profile: Profile, identifying: Iterable[str], missing: Iterable[str]) -> bool:
    """Return whether the values of a column may be written down: few, repeated, of no person.

    At most 30 distinct values, each of them at least twice, and neither the column's name nor the
    values are those of ids, names, birth dates. Of a sample of a few rows, at most 12 values: there
    a code that occurs once is no rarity.
    """
    values = profile.values(missing)
    if profile.many or len(values) > FEW_VALUES or set(words(profile.name)) & set(identifying):
        return False
    if any(_LONG_NUMBER.search(value) for value in values):
        return False
    often = all(profile.counts[value] > 1 for value in values)
    few_rows = sum(profile.counts.values()) <= FEW_ROWS
    return often or (few_rows and len(values) <= SMALL_LIST)
