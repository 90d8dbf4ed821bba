"""Published cells one within the other, and wholes less their parts: what is left is a group."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from validation.audit.cells import Cells
from validation.audit.keys import Floats, Ints, Keys, distinct
from validation.audit.scheme import Scheme
from validation.audit.view import View


@dataclass(frozen=True)
class Pairs:
    """Pairs of shown cells by position: `inner` lies within `outer`."""

    outer: Ints
    inner: Ints


def nested_pairs(view: View, scheme: Scheme) -> Pairs:
    """Return every pair of shown cells of which one lies within the other, at any depth."""
    none = np.empty(0, dtype=np.int64)
    found = [(none, none), *_pairs(view, scheme)]
    outer, inner = (np.concatenate([one[i] for one in found]) for i in (0, 1))
    pair = distinct(outer * view.cells.size + inner)
    return Pairs(pair // view.cells.size, pair % view.cells.size)


def _pairs(view: View, scheme: Scheme) -> Iterator[tuple[Ints, Ints]]:
    cells, is_shown = view.cells, view.shown
    shown = np.flatnonzero(is_shown[: cells.named])
    around = _around(cells)
    split = cells.codes[shown] > 0
    patterns, of = np.unique(split, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        inner = shown[of.ravel() == number]
        dimensions = np.flatnonzero(pattern)
        for steps in _ways(cells, inner, dimensions.tolist(), scheme):
            for organisation in around:
                moved = organisation[cells.organisation[inner]]
                keys = steps + moved
                outer = cells.at(keys)
                there = (outer >= 0) & (outer != inner)
                there[there] &= is_shown[outer[there]]
                yield outer[there], inner[there]


def _ways(cells: Cells, inner: Ints, dimensions: list[int], scheme: Scheme) -> Iterator[np.ndarray]:
    """Yield the keys of the cells without some of the dimensions, or with one rolled up."""
    words = cells.words
    numbers = {d: words.code_keys(words.dimensions[d]) for d in dimensions}
    for size in range(len(dimensions) + 1):
        for dropped in itertools.combinations(dimensions, size):
            keys = cells.key[inner].copy()
            for d in dropped:
                keys -= numbers[d][cells.codes[inner, d]]
            yield keys
            left = [d for d in dimensions if d not in dropped and words.dimensions[d] != "grade"]
            if len(left) == 1:
                yield from _rolled_up(cells, inner, left[0], keys, scheme)


def _rolled_up(
    cells: Cells, inner: Ints, d: int, keys: np.ndarray, scheme: Scheme
) -> Iterator[np.ndarray]:
    words = cells.words
    for name, (base, members) in scheme.rollups.items():
        if base != words.dimensions[d]:
            continue
        union = np.zeros(len(words.codes[base]), dtype=np.int64)
        for code, own in members.items():
            union[[words.codes[base][member] for member in own]] = words.codes[name][code]
        code = cells.codes[inner, d]
        yield keys - words.code_keys(base)[code] + words.code_keys(name)[union[code]]


def _around(cells: Cells) -> list[Keys]:
    """Return tables of what to add to a key to have the same cell of a place around its own.

    The first is of the place itself; where a place lies within fewer, it stands for the others.
    """
    place_keys = cells.words.place_keys()
    around = [cells.splits.around(place) for place in range(len(place_keys))]
    tables = []
    for depth in range(1 + max((len(one) for one in around), default=0)):
        wholes = [([place, *one] + [place] * depth)[depth] for place, one in enumerate(around)]
        tables.append(place_keys[wholes] - place_keys)
    return tables


def line_residuals(view: View) -> tuple[Ints, Ints, Floats, Floats]:
    """Return of each line with a shown whole and two or more shown parts, but not all shown.

    Returns:
        The line; how many parts are shown; the students left; the proficient left, nan where they
        are not known.
    """
    lines, is_shown = view.cells.lines, view.shown
    shown = np.add.reduceat(is_shown[lines.child].astype(np.int64), lines.start[:-1])
    left = view.n[lines.parent] - np.add.reduceat(
        np.where(is_shown, view.n, 0)[lines.child], lines.start[:-1]
    )
    known = view.proficient
    of_shown = np.where(is_shown, known, 0)
    proficient = known[lines.parent] - np.add.reduceat(of_shown[lines.child], lines.start[:-1])
    chosen = is_shown[lines.parent] & (shown > 1) & (shown < np.diff(lines.start))
    at = np.flatnonzero(chosen)
    return at, shown[at], left[at], proficient[at]
