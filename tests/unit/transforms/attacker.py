"""An attacker who adds and subtracts what is shown, exactly.

Shares no code with the transform: builds the sums from the frame alone and eliminates them modulo a
prime (another than the transform's), so that no tolerance decides.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict

import numpy as np
import pandas as pd

PRIME = 2**31 - 1
NOT_GROUPS = ["org_level", "org_id", "n_tested", "n_proficient"]
# The roll-up's column -> its base's column, and code -> members.
Rollups = dict[str, tuple[str, dict[str, tuple[str, ...]]]]
NO_ROLLUPS: Rollups = {}


def hidden_of(decided: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """What the public does not know: n, and the number of proficient students."""
    suppressed = decided["suppressed"].to_numpy()
    return suppressed, suppressed | (decided["rate_coding"] != "exact").to_numpy()


def sums_of(
    cells: pd.DataFrame, splits: pd.DataFrame, rollups: Rollups = NO_ROLLUPS
) -> list[tuple[int, list[int]]]:
    """Every (parent, children) by position, over groups, roll-ups and splits of organisations."""
    columns = ["org_level", "org_id", *cells.columns.drop(NOT_GROUPS, errors="ignore")]
    keys = list(cells[columns].astype(str).itertuples(index=False, name=None))
    at = {key: position for position, key in enumerate(keys)}
    sums: dict[tuple[int, int | str], list[int]] = defaultdict(list)
    wholes = defaultdict(list)
    for row in splits.itertuples(index=False):
        wholes[row.child_level, row.child_id].append((row.parent_level, row.parent_id, row.split))
    for position, key in enumerate(keys):
        for axis in range(2, len(columns)):
            if key[axis] != "all":
                sums[at[(*key[:axis], "all", *key[axis + 1 :])], axis].append(position)
        for level, whole, split in wholes[key[:2]]:
            sums[at[(level, whole, *key[2:])], split].append(position)
        for own, (base, members) in rollups.items():
            if (code := key[columns.index(own)]) != "all":
                parts = (_moved(key, columns, {own: "all", base: m}) for m in members[code])
                sums[position, own] = [at[part] for part in parts if part in at]
    return [(parent, children) for (parent, _), children in sums.items()]


def _moved(key: tuple[str, ...], columns: list[str], to: dict[str, str]) -> tuple[str, ...]:
    return tuple(to.get(column, value) for column, value in zip(columns, key, strict=True))


def computable(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    *hidden: np.ndarray,
    rollups: Rollups = NO_ROLLUPS,
) -> np.ndarray:
    """Which cells that are hidden in one of the statistics come out of the shown ones exactly."""
    sums = sums_of(cells, splits, rollups)
    return np.any([computable_from(sums, each) for each in hidden], axis=0)


def computable_from(sums: list[tuple[int, list[int]]], hidden: np.ndarray) -> np.ndarray:
    """Which hidden cells are zero in a random null vector modulo a prime.

    One that can be computed is zero in all of them, one that cannot is in one of 2**31.
    """
    rows = []
    for parent, children in sums:
        row = {child: PRIME - 1 for child in children if hidden[child]}
        rows.append(row | ({parent: 1} if hidden[parent] else {}))
    value = random_null_vector(rows, random.Random(1))
    return np.array([h and value.get(i, 1) == 0 for i, h in enumerate(hidden)], dtype=bool)


def random_null_vector(rows: list[dict[int, int]], chance: random.Random) -> dict[int, int]:
    """Solves rows @ x = 0 modulo the prime, the free unknowns drawn at random."""
    holders = defaultdict(set)
    for number, row in enumerate(rows):
        for column in row:
            holders[column].add(number)
    shortest = [(len(row), number) for number, row in enumerate(rows)]
    heapq.heapify(shortest)
    solved, done = [], set()
    while shortest:
        length, number = heapq.heappop(shortest)
        row = rows[number]
        if number in done or length != len(row) or not row:
            continue
        done.add(number)
        pivot = min(row, key=lambda column: (len(holders[column]), column))
        scale = pow(row[pivot], PRIME - 2, PRIME)
        rest = {column: weight * scale % PRIME for column, weight in row.items()}
        solved.append((pivot, rest))
        for column in row:
            holders[column].discard(number)
        for other in list(holders[pivot]):
            _subtract(rows[other], rest, rows[other][pivot], other, holders)
            heapq.heappush(shortest, (len(rows[other]), other))
    value: dict[int, int] = {}
    for pivot, rest in reversed(solved):
        others = (column for column in rest if column != pivot)
        total = sum(rest[c] * value.setdefault(c, chance.randrange(1, PRIME)) for c in others)
        value[pivot] = -total % PRIME
    return value


def _subtract(row: dict, pivot_row: dict, factor: int, number: int, holders: dict) -> None:
    for column, weight in pivot_row.items():
        left = (row.get(column, 0) - factor * weight) % PRIME
        if left:
            row[column] = left
            holders[column].add(number)
        elif column in row:
            del row[column]
            holders[column].discard(number)


def small_unions(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    suppressed: np.ndarray,
    minimum_n: int,
    rollups: Rollups = NO_ROLLUPS,
) -> list[int]:
    """Shown parents whose hidden children together are 1 to minimum_n - 1 students."""
    n_tested = cells["n_tested"].to_numpy()
    return [
        parent
        for parent, children in sums_of(cells, splits, rollups)
        if not suppressed[parent] and 0 < n_tested[children][suppressed[children]].sum() < minimum_n
    ]
