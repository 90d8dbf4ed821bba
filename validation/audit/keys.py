"""Keys of cells that can be added to and subtracted from: a parent's key is a subtraction.

Each code of each column has a number of 64 bits, drawn from the digest of its text, `all` has 0,
and a cell's key is the sum of its numbers modulo 2**64. Systems, publications and processes agree
on keys without a list that they share. The chance that any two of a million cells have one key is
about one in forty million.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from validation.audit.scheme import ALL

Keys = NDArray[np.uint64]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@lru_cache(maxsize=200_000)
def number(column: str, word: str) -> int:
    """Return the number of a code, 0 for all."""
    if word == ALL:
        return 0
    text = f"{column}={word}".encode()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def numbers(column: str, words: Iterable[str]) -> Keys:
    """Return the number of each word."""
    return np.array([number(column, word) for word in words], dtype=np.uint64)


def place(level: str, own: str) -> int:
    """Return the number of an organisation."""
    return number("organisation", f"{level}/{own}")


def positions(sorted_keys: Keys | Ints, order: Ints, wanted: Keys | Ints) -> Ints:
    """Return where each wanted key stands among keys that `order` sorts, -1 for none."""
    if not len(sorted_keys):
        return np.full(len(wanted), -1, dtype=np.int64)
    at = np.minimum(np.searchsorted(sorted_keys, wanted), len(sorted_keys) - 1)
    return np.where(sorted_keys[at] == wanted, order[at], -1)


def distinct(values: Ints) -> Ints:
    """Return the values sorted, each once; for so many numbers sorting is faster than hashing."""
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if len(ordered) else ordered
