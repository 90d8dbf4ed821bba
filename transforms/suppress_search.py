"""Looks for the told numbers that narrow ranges rest on, time and again while less is told.

What a reader's ranges are of, which are too narrow and what is told less of is for the caller to
say: of achievement suppress_widening.py, of growth growth_ranges.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from scipy import sparse

from transforms.suppress_ranges import Drawn, Lines, Traces
from transforms.suppress_sets import Ints

# So many times one told number is taken from behind each range; then two, and so on.
ROUNDS_OF_EACH = 5
# Of more told numbers behind a range than so many the first that are met are weighed.
MOST_WEIGHED = 30
NEVER = -1


class Search:
    """The ranges of one system's counts as less and less is told, and what stands behind them."""

    def __init__(self, lines: Lines) -> None:
        """Takes the lines along which ranges are drawn."""
        self._lines, self._traces = lines, Traces(lines)
        self._told: Ints = np.zeros((2, 0), dtype=np.int64)
        self._drawn: Drawn | None = None
        self._rounds = 0

    def draw(self, told: Ints) -> Drawn:
        """Draws every range the first time, then those that rest on what is told less of.

        Args:
            told: the least and the most that are told of every count, a row each.
        """
        if self._drawn is None:
            self._drawn = self._lines.draw(told[0], told[1])
        else:
            loosened = np.flatnonzero((told != self._told).any(axis=0))
            self._drawn = self._lines.redraw(self._drawn, told[0], told[1], loosened)
        self._told = told
        return self._drawn

    def behind(self, drawn: Drawn, narrow: Ints, rank: Ints) -> Ints:
        """Returns counts to be told less of: of those behind each narrow range the first by rank.

        Args:
            drawn: the ranges.
            narrow: the counts whose range is too narrow.
            rank: of each count; the lowest first, those that are NEVER not at all.
        """
        if not len(narrow):
            return narrow
        most = 1 + self._rounds // ROUNDS_OF_EACH
        self._rounds += 1
        self._traces.follow(drawn, rank > NEVER)
        found, ranks = set[int](), rank.tolist()
        for count in narrow.tolist():
            found.update(self._more_behind(count, ranks, found, most))
        return np.array(sorted(found), dtype=np.int64)

    def _more_behind(self, count: int, ranks: list[int], found: set[int], most: int) -> list[int]:
        """Returns the first by rank behind a range; none where enough of them are found already."""
        behind, met = set[int](), 0
        for one in self._traces.behind(count):
            if one in found:
                met += 1
                if met == most:
                    return []
            else:
                behind.add(one)
                if len(behind) == MOST_WEIGHED:
                    break
        return sorted(behind, key=lambda one: (ranks[one], one))[: most - met]


def whole_of(kinds: int, parts: Iterable[int], whole: int = 0) -> Ints:
    """Returns a sum over kinds of counts: 1 for the whole, -1 for each part."""
    signs = np.zeros(kinds, dtype=np.int64)
    signs[whole], signs[list(parts)] = 1, -1
    return signs


def lines_of_kinds(matrix: sparse.csr_array, sums: Sequence[Ints]) -> sparse.csr_array:
    """Returns every line for every kind of count, and the sums of kinds for every set.

    Counts are numbered one kind after another, each with a number for every set.

    Args:
        matrix: a row per line and a column per set: 1 for the whole, -1 for each part.
        sums: as of `whole_of`.
    """
    unit = sparse.eye_array(matrix.shape[1], format="csr")
    kinds = sparse.block_diag([matrix] * len(sums[0]), format="csr")
    return sparse.vstack([kinds, *(sparse.kron(one[None, :], unit) for one in sums)], format="csr")
