"""Which combinations are listed as suppressed: what is shown decides, not who is there.

A row for each group that has a student would tell of one girl of a group in a school, hidden or
not. So a combination is listed, hidden or empty, where all that it is a part of is shown: the same
group without one of its dimensions, grade included, and the same group in the organisation around
it. From what is listed and what is not nobody learns more than from what is shown.

Source: 34 CFR 99.31(b)(1), no student is to be found by what is released; that a suppressed row
must not say that somebody is there is our own reading of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transforms.suppress_sets import Flags, Ints

ALL = "all"
PLACE = ["org_level", "org_id"]
Pattern = tuple[int, ...]


def listed_hidden(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    columns: Sequence[str],
    shown: Flags,
    codes: Mapping[str, Sequence[str]],
) -> pd.DataFrame:
    """Returns the keys that are listed though nothing of them is shown, hidden or empty.

    Args:
        cells: of one system, with org_level, org_id and the columns.
        splits: how organisations add up: parent_level, parent_id, child_level, child_id.
        columns: the dimensions, grade included.
        shown: of each cell whether anything is.
        codes: of a dimension all that there could be; where it is not in it, those that occur.

    Returns:
        org_level, org_id and the columns as text, in no order: all students of every organisation,
        and each combination of which every parent is shown.
    """
    lattice = _Lattice.of(cells, splits, columns, shown, codes)
    rows = np.vstack([_rows(lattice, pattern) for pattern in lattice.patterns])
    keys = lattice.organisations.iloc[rows[:, 0]].reset_index(drop=True)
    for at, (column, words) in enumerate(zip(columns, lattice.words, strict=True), start=1):
        keys[column] = pd.Categorical.from_codes(rows[:, at], words)
    return keys[[*PLACE, *columns]]


@dataclass(frozen=True)
class _Lattice:
    """The shown cells by which dimensions they are split: a row of organisation and codes each.

    patterns: of the cells, whether shown or not. shown: of a pattern the organisation and, one
    column each, the codes. around: of each organisation one that it is a part of, -1 for none; as
    many times as any is a part of others. words: of each column.
    """

    columns: Sequence[str]
    organisations: pd.DataFrame
    around: list[Ints]
    words: list[list[str]]
    patterns: list[Pattern]
    shown: dict[Pattern, Ints]

    @classmethod
    def of(
        cls,
        cells: pd.DataFrame,
        splits: pd.DataFrame,
        columns: Sequence[str],
        shown: Flags,
        codes: Mapping[str, Sequence[str]],
    ) -> _Lattice:
        level, place = (pd.factorize(cells[column]) for column in PLACE)
        _, first, own = np.unique(
            level[0] * len(place[1]) + place[0], return_index=True, return_inverse=True
        )
        organisations = cells[PLACE].iloc[first].astype(str).reset_index(drop=True)
        number = {key: at for at, key in enumerate(_pairs(organisations, *PLACE))}
        words = [_words(cells[column], codes.get(column, ())) for column in columns]
        coded = np.column_stack(
            [_coded(cells[column], known) for column, known in zip(columns, words, strict=True)]
        )
        bits, of_cell = np.unique(coded > 0, axis=0, return_inverse=True)
        patterns = [tuple(np.flatnonzero(bit).tolist()) for bit in bits]
        rows = {
            pattern: np.column_stack([own[here], coded[here][:, list(pattern)]])
            for number_, pattern in enumerate(patterns)
            for here in [np.flatnonzero((of_cell.ravel() == number_) & shown)]
        }
        return cls(columns, organisations, _around(number, splits), words, patterns, rows)


def _around(number: Mapping[tuple[str, str], int], splits: pd.DataFrame) -> list[Ints]:
    """Returns what each organisation is a part of: the first such, the second and so on."""
    ends = zip(
        _pairs(splits, "child_level", "child_id"),
        _pairs(splits, "parent_level", "parent_id"),
        strict=True,
    )
    steps = sorted({(number[c], number[p]) for c, p in ends if c in number and p in number})
    around: list[Ints] = []
    for child, group in itertools.groupby(steps, key=lambda step: step[0]):
        for place, (_, whole) in enumerate(group):
            if place == len(around):
                around.append(np.full(len(number), -1, dtype=np.int64))
            around[place][child] = whole
    return around


def _pairs(frame: pd.DataFrame, one: str, other: str) -> Iterator[tuple[str, str]]:
    yield from zip(frame[one].astype(str), frame[other].astype(str), strict=True)


def _words(column: pd.Series, codes: Sequence[str]) -> list[str]:
    """Returns 'all' and every code that there could be."""
    return list(dict.fromkeys([ALL, *codes, *sorted(map(str, pd.unique(column)))]))


def _coded(column: pd.Series, known: Sequence[str]) -> Ints:
    """Returns the place of each value among the known words."""
    codes, values = pd.factorize(column)
    place = {word: at for at, word in enumerate(known)}
    return np.array([place[str(value)] for value in values], dtype=np.int64)[codes]


def _rows(lattice: _Lattice, pattern: Pattern) -> NDArray[np.int32]:
    """Returns the organisation and the code of every column of each key that is listed."""
    found = (
        _candidates(lattice, pattern) if pattern else np.arange(len(lattice.organisations))[:, None]
    )
    found = found[~_is_in(lattice, pattern, found)]
    rows = np.zeros((len(found), 1 + len(lattice.columns)), dtype=np.int32)
    rows[:, [0, *(1 + at for at in pattern)]] = found
    return rows


def _candidates(lattice: _Lattice, pattern: Pattern) -> Ints:
    """Returns the combinations of a pattern all of whose parents are shown."""
    *others, last = pattern
    base = lattice.shown.get(tuple(others), np.zeros((0, len(pattern)), dtype=np.int64))
    further = np.arange(1, len(lattice.words[last]))
    rows = np.column_stack([np.repeat(base, len(further), axis=0), np.tile(further, len(base))])
    for left_out in range(len(others)):
        parent = pattern[:left_out] + pattern[left_out + 1 :]
        rows = rows[_is_in(lattice, parent, np.delete(rows, 1 + left_out, axis=1))]
    for around in lattice.around:
        outer = around[rows[:, 0]]
        moved = np.column_stack([outer, rows[:, 1:]])
        rows = rows[(outer < 0) | _is_in(lattice, pattern, moved)]
    return rows


def _is_in(lattice: _Lattice, pattern: Pattern, rows: Ints) -> Flags:
    """Returns which rows are shown cells of the pattern."""
    shown = lattice.shown.get(pattern)
    if shown is None or not len(shown):
        return np.zeros(len(rows), dtype=bool)
    sizes = [len(lattice.organisations), *(len(lattice.words[at]) for at in pattern)]
    return np.isin(_numbers(rows, sizes), _numbers(shown, sizes))


def _numbers(rows: Ints, sizes: Sequence[int]) -> Ints:
    number = np.zeros(len(rows), dtype=np.int64)
    for column, size in enumerate(sizes):
        number = number * size + rows[:, column]
    return number
