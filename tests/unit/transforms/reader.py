"""A reader who bounds what is hidden: by adding and subtracting counts, none of them negative.

Shares no code with the transform. A group is named by its codes, one for each dimension or 'all'.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

ALL, UNBOUNDED = "all", 10**6
MINIMUM_N, INTERVAL = 11, 3
Key = tuple[str, ...]


def counted(finest: Mapping[Key, int]) -> dict[Key, int]:
    """How many are in each group of any of the codes; none of them empty."""
    total: dict[Key, int] = {}
    for codes, n in finest.items():
        for kept in itertools.product([True, False], repeat=len(codes)):
            key = tuple(c if keep else ALL for c, keep in zip(codes, kept, strict=True))
            total[key] = total.get(key, 0) + n
    return {key: n for key, n in total.items() if n}


def lines_among(keys: set[Key]) -> Iterator[tuple[Key, list[Key]]]:
    """Every whole and its parts along each dimension."""
    for whole in sorted(keys):
        for axis, code in enumerate(whole):
            if code == ALL:
                parts = [k for k in keys if k[axis] != ALL and without(k, axis) == whole]
                if parts:
                    yield whole, sorted(parts)


def without(key: Key, axis: int) -> Key:
    """The group that one is in, whatever its code of one dimension."""
    return (*key[:axis], ALL, *key[axis + 1 :])


def ranges(told: Mapping[Key, int], keys: set[Key]) -> dict[Key, tuple[int, int]]:
    """The ranges of a reader who adds and subtracts along each sum until nothing moves."""
    low = {key: told.get(key, 0) for key in keys}
    high = {key: told.get(key, UNBOUNDED) for key in keys}
    lines = list(lines_among(keys))
    while True:
        before = dict(low), dict(high)
        for whole, parts in lines:
            least, most = sum(low[p] for p in parts), sum(high[p] for p in parts)
            low[whole], high[whole] = max(low[whole], least), min(high[whole], most)
            for part in parts:
                high[part] = min(high[part], high[whole] - least + low[part])
                low[part] = max(low[part], low[whole] - most + high[part])
        if before == (low, high):
            return {key: (low[key], high[key]) for key in keys}


def narrow(told: Mapping[Key, int], keys: set[Key]) -> set[Key]:
    """The hidden groups of maybe one to ten students whose range is less than three wide."""
    return {
        key
        for key, (least, most) in ranges(told, keys).items()
        if key not in told and least < MINIMUM_N and 0 < most < least + INTERVAL
    }
