"""Tells less of what is read least where somebody could find a hidden count too closely.

Line by line enough may be left open (suppress_repair.py), and yet several lines together leave a
hidden group next to nothing. So the range of every protected group's counts is drawn from all that
is told; behind each that is too narrow stand the told numbers that it rests on, and of those the
one that is read least is told less of: a rate as its half only, then not at all with its number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_ranges import UNBOUNDED, Drawn, Lines
from transforms.suppress_repair import FULL, HALF, HIDDEN, Told
from transforms.suppress_search import NEVER, Search, lines_of_kinds, whole_of
from transforms.suppress_sets import Flags, Ints


@dataclass(frozen=True)
class Protection:
    """What must stay open, and of what less is told for it.

    least: how wide the range of every count is to be, in students, of each set that may have fewer
        than `minimum_n` for all that a reader knows.
    is_extreme: sets whose proficient must not be known exactly, be they ever so many.
    turn: of each set; what is read more has more of it.
    """

    least: int
    minimum_n: int
    is_extreme: Flags
    turn: Ints


class Widening:
    """The counts of one system as a reader bounds them: students, proficient, the others, levels.

    Counts are numbered one kind after another, each with a number for every set.
    """

    def __init__(
        self,
        matrix: sparse.csr_array,
        protection: Protection,
        finer: sparse.csr_array | None = None,
    ) -> None:
        """Takes the lines, a row each: 1 for the whole, -1 for each part.

        Args:
            matrix: of the sets.
            protection: what must stay open.
            finer: further lines of students alone, whose parts are groups that no set is, and of
                which nothing is told; they have columns behind the sets'. Null for none.
        """
        self._matrix, self._protection = matrix, protection
        lines = lines_of_kinds(matrix, [whole_of(3, [1, 2])])
        self._of_rates = Lines(lines if finer is None else _with_finer(lines, finer))
        self._groups = 0 if finer is None else finer.shape[1] - matrix.shape[1]

    def lowered(self, state: Ints, told: Told) -> Ints:
        """Returns the states, some of them lower, that leave every range wide enough.

        A range stays narrow only where nothing that is told stands behind it.
        """
        state = state.copy()
        search = _ProtectedSearch(self._of_rates, self._protection, self._groups)
        is_rate = np.array([[False], [True], [True]])
        while True:
            is_full = is_rate & (state == FULL)
            rank = np.where(state > HIDDEN, self._ranked(is_full), NEVER)
            behind = search.behind_narrow(*_bounds(state, told), rank)
            if not len(behind):
                return state
            of_set = behind % len(state)
            state[of_set[~is_full.ravel()[behind]]] = HIDDEN
            state[of_set[is_full.ravel()[behind]]] = HALF

    def levels_shown(self, shown: Flags, state: Ints, told: Told, levels: Ints) -> Flags:
        """Returns which of the sets may show their levels, beside what is told of rates."""
        lines = Lines(lines_of_kinds(self._matrix, _sums_of_levels(told, levels)))
        shown, search = shown.copy(), _ProtectedSearch(lines, self._protection)
        low, high = _bounds(state, told)
        never = np.full(low.shape, NEVER)
        every = np.ones(levels.shape, dtype=bool)
        while True:
            least = np.vstack([low, np.where(shown, levels, 0)])
            most = np.vstack([high, np.where(shown, levels, UNBOUNDED)])
            rank = np.vstack([never, np.where(shown, self._ranked(every), NEVER)])
            behind = search.behind_narrow(least, most, rank)
            if not len(behind):
                return shown
            shown[behind % len(shown)] = False

    def _ranked(self, is_first: Flags) -> Ints:
        """Returns in what order counts are told less of: the first ones, and by turn."""
        turn = self._protection.turn
        rank: Ints = np.where(is_first, 0, turn.max(initial=0) + 1) + turn
        return rank


class _ProtectedSearch:
    """Looks for what the narrow ranges of protected groups rest on."""

    def __init__(self, lines: Lines, protection: Protection, groups: int = 0) -> None:
        """Takes `groups`, how many counts there are behind those that anything is told of."""
        self._search, self._protection, self._groups = Search(lines), protection, groups

    def behind_narrow(self, low: Ints, high: Ints, rank: Ints) -> Ints:
        """Returns counts to be told less of: of those behind each narrow range, by rank.

        Args:
            low: the least that is told; a row per kind of count, a column per set.
            high: the most.
            rank: of each count; the lowest first, those that are NEVER not at all.
        """
        untold = np.repeat([[0], [UNBOUNDED]], self._groups, axis=1)
        told = np.append(np.stack([low.ravel(), high.ravel()]), untold, axis=1)
        drawn = self._search.draw(told)
        narrow = np.flatnonzero(self._narrow(drawn, low, high))
        return self._search.behind(drawn, narrow, np.append(rank, np.full(self._groups, NEVER)))

    def _narrow(self, drawn: Drawn, low: Ints, high: Ints) -> Flags:
        """Returns which ranges are too narrow, of who may be few and of who is extreme."""
        width = drawn.width[: low.size]
        least_n, most_n = drawn.bound[:, : low.shape[1]]
        is_told = low[0] == high[0]
        may_be_small = ~is_told & (least_n < self._protection.minimum_n) & (most_n > 0)
        is_coded = is_told & self._protection.is_extreme
        at_least = np.where(may_be_small, self._protection.least, is_coded.astype(np.int64))
        narrow: Flags = width < np.tile(at_least, len(low))
        # How many there are of a coded set may be known.
        narrow[: low.shape[1]] &= may_be_small
        return np.append(narrow, self._narrow_groups(drawn, low.size))

    def _narrow_groups(self, drawn: Drawn, first: int) -> Flags:
        """Returns the same of the groups that nothing is told of."""
        least_n, most_n = drawn.bound[:, first:]
        may_be_small = (least_n < self._protection.minimum_n) & (most_n > 0)
        narrow: Flags = may_be_small & (most_n - least_n < self._protection.least)
        return narrow


def _with_finer(lines: sparse.csr_array, finer: sparse.csr_array) -> sparse.csr_array:
    """Returns lines of every kind of count with finer ones of students, the groups' counts last."""
    sets = lines.shape[1] // 3
    before, after = finer[:, :sets], finer[:, sets:]
    between = sparse.csr_array((finer.shape[0], lines.shape[1] - sets))
    return sparse.block_array(
        [[lines, None], [sparse.hstack([before, between]), after]], format="csr"
    )


def _bounds(state: Ints, told: Told) -> tuple[Ints, Ints]:
    """Returns the least and most told of students, proficient and others, a row each."""
    is_shown, n = state > HIDDEN, told.students
    place = np.maximum(state - 1, 0), np.arange(len(state))
    low, high = told.low[place], told.high[place]
    return (
        np.where(is_shown, [n, low, n - high], 0),
        np.where(is_shown, [n, high, n - low], UNBOUNDED),
    )


def _sums_of_levels(told: Told, levels: Ints) -> list[Ints]:
    """Returns the sums of one set's counts: proficient and others, each of its own levels.

    Where no level parts the proficient from the others, students are the sum of all levels.
    """
    kinds = 3 + len(levels)
    both = [whole_of(kinds, [1, 2])]
    exact = told.low[FULL - 1] == told.high[FULL - 1]
    for first in range(1, len(levels)):
        if (levels[first:].sum(axis=0) == told.low[FULL - 1])[exact].all():
            of_proficient = whole_of(kinds, range(3 + first, kinds), whole=1)
            of_others = whole_of(kinds, range(3, 3 + first), whole=2)
            return [*both, of_proficient, of_others]
    return [*both, whole_of(kinds, range(3, kinds))]
