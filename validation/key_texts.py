"""What the text of a key may be: an id is short, and a partition's has to fit a folder's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pandas as pd

# No id that anybody issues is as long; a spoilt line makes one of everything up to the next quote.
LONGEST_ID = 100
# A file system's names have at most 255 bytes, and a partition's name has other parts too.
LONGEST_IN_FOLDER = 100
# They part the texts of a partition, and a district from its school.
PARTING = ("|", "/")


def is_short(column: pd.Series) -> Any:
    """Return per row whether a key's text is no longer than an id may be."""
    if hasattr(column, "cat"):
        return by_label(column, lambda text: len(text) <= LONGEST_ID)
    lengths = column.str.len()
    longest = lengths.max()
    if pd.isna(longest) or longest <= LONGEST_ID:
        return True
    return lengths.le(LONGEST_ID) | column.isna()


def fits_a_folder(column: pd.Series) -> Any:
    """Return per row whether a text can be a part of the name of a partition's folder."""
    return by_label(column, names_a_folder)


def names_a_folder(text: str) -> bool:
    """Return whether a text can be a part of the name of a partition's folder.

    >>> [names_a_folder(text) for text in ("1990176", "Å" * 20, "1|2", "9" * 101)]
    [True, False, False, False]
    """
    return len(quote(text, safe="")) <= LONGEST_IN_FOLDER and not any(p in text for p in PARTING)


def by_label(column: pd.Series, is_good: Callable[[str], bool]) -> Any:
    """Return what holds of each row, asked of the few distinct texts; true where it does of all."""
    texts = column.cat.categories if hasattr(column, "cat") else column.dropna().unique()
    bad = [text for text in texts if not is_good(text)]
    return ~column.isin(bad) if bad else True
