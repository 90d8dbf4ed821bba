"""Each pair of groups measured, or the reason why not, in blocks of whole columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from configs.mart_models import Marts
from transforms.gap_cells import (
    MISSING_REASONS,
    PROFICIENT,
    REST,
    CellArrays,
    Flags,
    Ints,
    N,
    Pairs,
)
from transforms.gap_measures import Side, measures
from transforms.suppress_rule import band_limits, is_near_end

# Pairs at a time: enough for NumPy's own cost not to count, few enough for the processor's cache.
BLOCK = 65_536
NO_GROUP, TOO_FEW = range(len(MISSING_REASONS))

Columns = dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """Groups of one dimension held against one reference, or against the rest.

    measured: arrays of the pairs with students enough: `cell_id`, the measures and, where there are
        decisions, `is_shown`, `is_v_shown` and `is_told`.
    missing: `cell_id`, `n_tested`, `is_told`, `reason` (a position in MISSING_REASONS) of the other
        pairs.
    """

    dimension: str
    reference: str
    measured: Columns
    missing: Columns


def blocks(rows: Ints) -> Iterator[Ints]:
    """Yield positions in blocks, in their order."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


class PairBlock:
    """Some pairs of one dimension, whose own cells have students enough.

    Args:
        cells: all cells.
        pairs: which of them are compared.
        averages: whether the scores of each pair's group lie on one scale.
        marts: from how many students on there are numbers, and what may be published.
    """

    def __init__(self, cells: CellArrays, pairs: Pairs, averages: Flags, marts: Marts) -> None:
        self._cells, self._pairs, self._marts = cells, pairs, marts
        self._averages = averages
        self._own = cells.sums[N, pairs.own]
        self._rest = cells.sums[N, pairs.parent] - self._own
        self._sibling = np.where(pairs.sibling >= 0, cells.sums[N, pairs.sibling], 0.0)

    def compared(self, reference: str | None) -> Iterator[Compared]:
        """Yield the pairs against the rest and, where the dimension has one, their reference.

        Where all who are not in the group are in the reference group, the rest is that group and is
        not measured again.
        """
        to_sibling = (self._pairs.sibling >= 0) & ~self._pairs.is_reference
        to_rest = self._rest >= self._marts.gaps.minimum_n
        once = to_rest & ~(to_sibling & (self._sibling == self._rest))
        siblings, rests = np.flatnonzero(to_sibling), np.flatnonzero(once)
        numbers = self._measures(siblings, rests)
        rows = np.flatnonzero(to_rest)
        place: Ints | slice = slice(len(siblings), None)
        if len(rows) > len(rests):
            places = np.empty(len(self._own), dtype=np.int64)
            places[siblings] = np.arange(len(siblings))
            places[rests] = len(siblings) + np.arange(len(rests))
            place = places[rows]
        against = {name: values[place] for name, values in numbers.items()}
        yield self._table(REST, rows, against, self._missing(~to_rest, self._rest > 0))
        if reference is not None:
            against = {name: values[: len(siblings)] for name, values in numbers.items()}
            left = ~to_sibling & ~self._pairs.is_reference
            missing = self._missing(left, self._pairs.has_sibling)
            yield self._table(reference, siblings, against, missing)

    def _measures(self, siblings: Ints, rests: Ints) -> Columns:
        """Return the measures of pairs against their siblings, then of pairs against their rest."""
        sums, pairs = self._cells.sums, self._pairs
        rows = np.concatenate([siblings, rests])
        # `take` keeps each sum in one piece of memory, which an index of the columns does not.
        own = sums.take(pairs.own[rows], axis=1)
        others = np.concatenate([pairs.sibling[siblings], pairs.parent[rests]])
        other = sums.take(others, axis=1)
        other[:, len(siblings) :] -= own[:, len(siblings) :]
        scores = self._averages[rows], pairs.is_one_grade[rows]
        return measures(Side(own, *scores), Side(other, *scores), self._marts)

    def _missing(self, rows: Flags, has_other: Flags) -> Columns:
        own = self._pairs.own[rows]
        return {
            "cell_id": self._cells.ids[own],
            "n_tested": self._own[rows],
            "is_told": None if self._cells.is_told is None else self._cells.is_told[own],
            "reason": np.where(has_other[rows], TOO_FEW, NO_GROUP).astype(np.int8),
        }

    def _table(self, reference: str, rows: Ints, numbers: Columns, missing: Columns) -> Compared:
        own = self._pairs.own[rows]
        measured: Columns = {"cell_id": self._cells.ids[own], **numbers}
        cells = self._cells
        if cells.is_told is not None and cells.is_exact is not None:
            measured["is_told"] = cells.is_told[own]
            measured["is_shown"] = self._shown(reference, rows, cells.is_exact)
        if cells.shows_levels is not None:
            measured["is_v_shown"] = self._shown(reference, rows, cells.shows_levels)
        return Compared(self._pairs.dimension, reference, measured, missing)

    def _shown(self, reference: str, rows: Ints, is_exact: Flags) -> Flags:
        """Return whether all that a gap can be computed from is published as it is."""
        own = is_exact[self._pairs.own[rows]]
        if reference != REST:
            return own & is_exact[self._pairs.sibling[rows]]
        return own & is_exact[self._pairs.parent[rows]] & self._rest_may_be_shown(rows)

    def _rest_may_be_shown(self, rows: Ints) -> Flags:
        """Return whether the rest would be published as it is, were it a cell."""
        rule, sums = self._marts.suppression, self._cells.sums
        n = self._rest[rows]
        parent, own = self._pairs.parent[rows], self._pairs.own[rows]
        proficient = sums[PROFICIENT, parent] - sums[PROFICIENT, own]
        limit = band_limits(n, rule.extreme_bands, below=100.0)
        return (n >= rule.minimum_n) & ~is_near_end(proficient, n, limit)
