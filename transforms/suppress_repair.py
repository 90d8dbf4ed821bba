"""Hides more where what is shown leaves too little open of those who are hidden.

A rate that is coded still says between which numbers the proficient students are. A whole's most,
less what its shown parts have at least, is what its hidden parts can have at most: if that is next
to nothing, nobody among them is proficient. So a rate is coded then, or a number hidden, of what is
read least. Whatever is hidden in addition makes nothing else easier to find.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_sets import Flags, Ints

HIDDEN, HALF, FULL = 0, 1, 2


@dataclass(frozen=True)
class Told:
    """What is told of each set in each state, as the least and most of those of a kind.

    low, high: rows for the states HALF and FULL; a column per set.
    students: of each set.
    """

    low: Ints
    high: Ints
    students: Ints


class Repair:
    """The lines of a system on which hidden parts may be left with too little open."""

    def __init__(
        self, lines: sparse.csr_array, nested: sparse.csr_array, turn: Ints, least: int
    ) -> None:
        """Takes the lines.

        Args:
            lines: 1 for the whole, -1 for each part.
            nested: 1 for a set, -1 for one that lies in it; who is in the one alone is no set.
            turn: of each set; what is read more has more of it.
            least: so many of the hidden may be of the kind, and so many may not.
        """
        both = sparse.vstack([lines, nested], format="csr")
        self._whole = (both > 0).astype(np.int64).tocsr()
        self._parts = (both < 0).astype(np.int64).tocsr()
        self._is_nested = np.arange(both.shape[0]) >= lines.shape[0]
        self._turn, self._least = turn, least

    def lowered(self, state: Ints, told: Told) -> Ints:
        """Returns the states, some of them lower, that leave enough open: HIDDEN, HALF, FULL."""
        state = state.copy()
        while True:
            tight = np.flatnonzero(self._is_tight(state, told))
            lowest = self._lowest(tight, state)
            if not len(lowest):
                return state
            state[lowest] -= 1

    def _is_tight(self, state: Ints, told: Told) -> Flags:
        """Returns where shown parts leave less open, and the whole by itself would leave more."""
        is_shown = state > HIDDEN
        place = np.maximum(state - 1, 0), np.arange(len(state))
        low, high = told.low[place], told.high[place]
        tight = np.zeros(self._whole.shape[0], dtype=bool)
        for most, least_of in ((high, low), (told.students - low, told.students - high)):
            of_whole = self._whole @ np.where(is_shown, most, 0)
            of_parts = self._parts @ np.where(is_shown, least_of, 0)
            tight |= (of_parts > 0) & (of_whole - of_parts < self._least)
        leaves_some = self._is_nested | (self._parts @ (~is_shown).astype(np.int64) > 0)
        return tight & leaves_some & (self._whole @ is_shown.astype(np.int64) > 0)

    def _lowest(self, lines: Ints, state: Ints) -> Ints:
        """Returns of each line the shown part that is read least, full ones before halves."""
        parts = self._parts[lines].tocoo()
        is_shown = state[parts.col] > HIDDEN
        row, column = parts.row[is_shown], parts.col[is_shown]
        order = np.lexsort([self._turn[column], state[column] != FULL, row])
        first = np.unique(row[order], return_index=True)[1]
        return np.unique(column[order][first]).astype(np.int64)
