"""Hides levels before that let somebody find a hidden group of matched students too closely.

No number of a hidden group follows exactly from those that are shown (growth_privacy.py), and yet
several together may leave next to nothing open: of 40 who began at the lowest level 38 are in
groups that are shown, so that no hidden one has more than two. So the range of how many of each
group are matched, and began at each level, is drawn from all that is told; of the told numbers that
a narrow range rests on the one that is read least is hidden: transitions, then who began low.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from transforms.suppress_ranges import HIGH, LOW, UNBOUNDED, Drawn, Lines
from transforms.suppress_search import NEVER, Search, lines_of_kinds, whole_of
from transforms.suppress_sets import Flags, Ints

# How many are matched is decided with the cells; of those without a level nothing is told.
MATCHED, NO_LEVEL, FIRST_OWN = range(3)


@dataclass(frozen=True)
class Began:
    """Students of each set: all, the matched, and of these who began at which level.

    levels: a row per level, the lowest first. cuts: where who began low is told from the others,
        so many levels below.
    """

    tested: Ints
    matched: Ints
    levels: Ints
    cuts: Sequence[int]

    @property
    def counts(self) -> Ints:
        """Returns a row per kind of count: MATCHED, NO_LEVEL, of each cut two, of each level."""
        no_level = self.matched - self.levels.sum(axis=0)
        cut = [
            part.sum(axis=0)
            for at in self.cuts
            for part in (self.levels[:at], self.levels[at:])
        ]  # fmt: skip
        return np.array([self.matched, no_level, *cut, *self.levels])

    @property
    def sums(self) -> list[Ints]:
        """Returns the sums over kinds of count: the matched, and of each cut both parts."""
        first, levels = FIRST_OWN + 2 * len(self.cuts), len(self.levels)
        last = first + levels
        sums = [whole_of(last, [NO_LEVEL, *range(first, last)], whole=MATCHED)]
        for number, at in enumerate(self.cuts):
            below = FIRST_OWN + 2 * number
            sums.append(whole_of(last, range(first, first + at), whole=below))
            sums.append(whole_of(last, range(first + at, last), whole=below + 1))
        return sums


@dataclass(frozen=True)
class Open:
    """Which sets tell which of their counts.

    tested: all students. matched: of these. prior: who began below each cut. matrix: at each level.
    """

    tested: Flags
    matched: Flags
    prior: Flags
    matrix: Flags

    def told(self, cuts: int, levels: int) -> Flags:
        """Returns a row per kind of count: of which sets it is told."""
        whole = [self.matched, self.prior | self.matrix]
        return np.array([*whole, *[self.prior] * 2 * cuts, *[self.matrix] * levels])


class BeganRanges:
    """The counts of one system as a reader bounds them."""

    def __init__(self, matrix: sparse.csr_array, began: Began, least: int, minimum_n: int) -> None:
        """Takes the lines of the sets, a row each: 1 for the whole, -1 for each part.

        Args:
            matrix: of the sets.
            began: the counts.
            least: how wide the range of every count is to be.
            minimum_n: of each group that may have fewer, and of each count that may be less.
        """
        self._counts, self._began = began.counts, began
        self._least, self._minimum = least, minimum_n
        self._lines = Lines(lines_of_kinds(matrix, began.sums))

    def lowered(self, shown: Open, turn: Ints) -> Open:
        """Returns what may be told, so that every range is wide enough.

        A range stays narrow only where neither transitions nor who began low stand behind it.

        Args:
            shown: what is told as yet.
            turn: of each set; what is read more has more of it.
        """
        search = Search(self._lines)
        while True:
            told = self._told(shown)
            drawn = search.draw(told)
            narrow = self._narrow(drawn, told[LOW] == told[HIGH])
            behind = search.behind(drawn, narrow, self._rank(shown, turn))
            if not len(behind):
                return shown
            shown = self._without(shown, behind)

    def _told(self, shown: Open) -> Ints:
        """Returns the least and the most that are told of every count."""
        told = shown.told(len(self._began.cuts), len(self._began.levels))
        least, most = np.where(told, self._counts, 0), np.where(told, self._counts, UNBOUNDED)
        # No more are matched than there are students.
        most[MATCHED] = np.where(shown.tested & ~shown.matched, self._began.tested, most[MATCHED])
        return np.stack([least.ravel(), most.ravel()])

    def _rank(self, shown: Open, turn: Ints) -> Ints:
        """Returns in what order counts are hidden: transitions, who began low; others NEVER."""
        rank = np.full(self._counts.shape, NEVER)
        first = FIRST_OWN + 2 * len(self._began.cuts)
        rank[FIRST_OWN:first] = np.where(shown.prior, turn + turn.max(initial=0) + 1, NEVER)
        rank[first:] = np.where(shown.matrix, turn, NEVER)
        return rank.ravel()

    def _without(self, shown: Open, behind: Ints) -> Open:
        """Returns what is told without these: who hides who began low hides the transitions too."""
        kind, of_set = np.divmod(behind, self._counts.shape[1])
        is_prior = kind < FIRST_OWN + 2 * len(self._began.cuts)
        prior, matrix = shown.prior.copy(), shown.matrix.copy()
        matrix[of_set], prior[of_set[is_prior]] = False, False
        return replace(shown, prior=prior, matrix=matrix)

    def _narrow(self, drawn: Drawn, is_told: Flags) -> Ints:
        """Returns which counts that are not told have too narrow a range.

        Those of whom there may be somebody, and few, or who are of a group that may be small: that
        nobody of such a one began at a level is not told either.
        """
        shape = self._counts.shape
        low, high = (drawn.bound[side].reshape(shape) for side in (LOW, HIGH))
        may_be_few = ~is_told.reshape(shape) & (low < self._minimum) & (high > 0)
        may_be_few[FIRST_OWN:] |= may_be_few[MATCHED]
        may_be_few[NO_LEVEL] = False
        return np.flatnonzero((may_be_few & (high - low < self._least)).ravel())
