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

from transforms.suppress_ranges import HIGH, LOW, UNBOUNDED, Drawn, Lines, Traces
from transforms.suppress_sets import Flags, Ints

# So many told numbers are taken from behind each range at first; later one more, and so on.
ROUNDS_OF_EACH = 5
# Of more told numbers behind a range than so many the first that are met are weighed.
MOST_WEIGHED = 30
NEVER = -1
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
    def sums(self) -> Ints:
        """Returns a row per sum over kinds of count: 1 for the whole, -1 for each part."""
        levels, cuts = len(self.levels), len(self.cuts)
        first = FIRST_OWN + 2 * cuts
        sums = np.zeros((1 + 2 * cuts, first + levels), dtype=np.int64)
        sums[0, MATCHED], sums[0, NO_LEVEL], sums[0, first:] = 1, -1, -1
        for number, at in enumerate(self.cuts):
            below, above = sums[1 + 2 * number : 3 + 2 * number]
            below[FIRST_OWN + 2 * number], below[first : first + at] = 1, -1
            above[FIRST_OWN + 2 * number + 1], above[first + at :] = 1, -1
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
        unit = sparse.eye_array(matrix.shape[1], format="csr")
        of_kinds = sparse.block_diag([matrix] * len(self._counts), format="csr")
        of_sets = sparse.kron(sparse.csr_array(began.sums), unit)
        self._lines = Lines(sparse.csr_array(sparse.vstack([of_kinds, of_sets], format="csr")))

    def lowered(self, shown: Open, turn: Ints) -> Open:
        """Returns what may be told, so that every range is wide enough.

        A range stays narrow only where neither transitions nor who began low stand behind it.

        Args:
            shown: what is told as yet.
            turn: of each set; what is read more has more of it.
        """
        told, drawn, rounds = np.zeros((2, 0), dtype=np.int64), None, 0
        while True:
            before, told = told, self._told(shown)
            if drawn is None:
                drawn = self._lines.draw(told[LOW], told[HIGH])
            else:
                loosened = np.flatnonzero((told != before).any(axis=0))
                drawn = self._lines.redraw(drawn, told[LOW], told[HIGH], loosened)
            most = 1 + rounds // ROUNDS_OF_EACH
            narrow = self._narrow(drawn, told[LOW] == told[HIGH])
            behind = self._behind(drawn, narrow, self._rank(shown, turn), most)
            if not len(behind):
                return shown
            shown, rounds = self._without(shown, behind), rounds + 1

    def _told(self, shown: Open) -> Ints:
        """Returns the least and the most that are told of every count."""
        told = shown.told(len(self._began.cuts), len(self._began.levels))
        least, most = np.where(told, self._counts, 0), np.where(told, self._counts, UNBOUNDED)
        # No more are matched than there are students.
        most[MATCHED] = np.where(shown.tested & ~shown.matched, self._began.tested, most[MATCHED])
        return np.stack([least.ravel(), most.ravel()])

    def _rank(self, shown: Open, turn: Ints) -> list[int]:
        """Returns in what order counts are hidden: transitions, who began low; others NEVER."""
        rank = np.full(self._counts.shape, NEVER)
        first = FIRST_OWN + 2 * len(self._began.cuts)
        rank[FIRST_OWN:first] = np.where(shown.prior, turn + turn.max(initial=0) + 1, NEVER)
        rank[first:] = np.where(shown.matrix, turn, NEVER)
        of_count: list[int] = rank.ravel().tolist()
        return of_count

    def _without(self, shown: Open, behind: Ints) -> Open:
        """Returns what is told without these: who hides who began low hides the transitions too."""
        kind, of_set = np.divmod(behind, self._counts.shape[1])
        is_prior = kind < FIRST_OWN + 2 * len(self._began.cuts)
        prior, matrix = shown.prior.copy(), shown.matrix.copy()
        matrix[of_set], prior[of_set[is_prior]] = False, False
        return replace(shown, prior=prior, matrix=matrix)

    def _behind(self, drawn: Drawn, narrow: Ints, rank: list[int], most: int) -> Ints:
        """Returns counts to be hidden: of those behind each narrow range the first by rank."""
        traces = Traces(self._lines)
        traces.follow(drawn, np.array(rank) > NEVER)
        found: set[int] = set()
        for count in narrow.tolist():
            found.update(_more_behind(traces, count, rank, found, most))
        return np.array(sorted(found), dtype=np.int64)

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


def _more_behind(
    traces: Traces, count: int, rank: list[int], found: set[int], most: int
) -> list[int]:
    """Returns the first by rank behind a range; none where enough of them are found already."""
    behind, met = set[int](), 0
    for one in traces.behind(count):
        if one in found:
            met += 1
            if met == most:
                return []
        elif rank[one] > NEVER:
            behind.add(one)
            if len(behind) == MOST_WEIGHED:
                break
    return sorted(behind, key=lambda one: (rank[one], one))[: most - met]
