"""Hides further cells until no single line gives one back, and shows again those not needed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from transforms.suppress_lines import Ints, System
from transforms.suppress_recovery import Flags

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pattern:
    """What is hidden, by set: `suppressed` shows nothing, `coded` shows n and a limit only.

    `must` are the sets that are small by themselves. `students` is each set's n and `usefulness`
    what hiding it loses (higher is hidden later), `minimum_n` the fewest students that may be left
    over in a line.
    """

    suppressed: Flags
    coded: Flags
    must: Flags
    students: Ints
    usefulness: Ints
    minimum_n: int

    def hiding(self, more: Flags) -> Pattern:
        """Returns the pattern with these sets suppressed as well."""
        return replace(self, suppressed=self.suppressed | more)

    @property
    def unknown_counts(self) -> Flags:
        """Sets whose number of proficient students is not shown."""
        return self.suppressed | self.coded


def close_lines(system: System, pattern: Pattern) -> Pattern:
    """Returns the pattern with further sets suppressed until every line holds by itself.

    A line holds when neither exactly one n nor exactly one number of proficient students in it is
    unknown, and, where its parent is shown, its hidden children together have `minimum_n` students
    or more (or none is hidden).
    """
    tally = _Tally(system, pattern)
    while (failing := tally.failing_lines()).any():
        rank = hiding_order(system, tally.pattern(), failing)
        for line in np.flatnonzero(failing):
            tally.mend(int(line), rank)
    return tally.pattern()


def hiding_order(system: System, pattern: Pattern, failing: Flags) -> Ints:
    """Returns each set's rank: least useful first, then least new trouble, then smallest n.

    New trouble is the lines without any suppressed set, which one more would break, less the
    failing lines that it would mend.
    """
    untouched = system.members @ pattern.suppressed == 0
    trouble = system.lines_of @ (untouched.astype(np.int64) - failing)
    order = np.lexsort((pattern.students, trouble, pattern.usefulness))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank


def thin(system: System, pattern: Pattern) -> Pattern:
    """Returns the pattern with complementary sets shown again where every line still holds.

    The most useful come first. Lines are looked at one by one: the whole system has to be checked
    for recovery afterwards.
    """
    order = np.lexsort((-pattern.students, -pattern.usefulness))
    tally = _Tally(system, pattern)
    tally.show_where_possible(order[(pattern.suppressed & ~pattern.must)[order]])
    return tally.pattern()


class _Tally:
    """Counts of what is hidden in every line, kept true while single sets are hidden or shown."""

    def __init__(self, system: System, pattern: Pattern) -> None:
        self._system, self._start = system, pattern
        self._suppressed = pattern.suppressed.copy()
        hidden, unknown = pattern.suppressed, pattern.unknown_counts
        self._parent = system.parents.indices
        self._hidden = (system.members @ hidden.astype(np.int64)).astype(np.int64)
        self._unknown = (system.members @ unknown.astype(np.int64)).astype(np.int64)
        self._students = system.children @ (pattern.students * hidden)

    def pattern(self) -> Pattern:
        return replace(self._start, suppressed=self._suppressed.copy())

    def failing_lines(self) -> Flags:
        return self._fails(slice(None))

    def mend(self, line: int, rank: Ints) -> None:
        """Hides one further set of the line, if an earlier one has not mended it already."""
        if not self._fails(np.array([line]))[0]:
            return
        sets = _row(self._system.members, line)
        shown = sets[~self._suppressed[sets]]
        exact = shown[~self._start.coded[shown]]
        # A coded set's proficient count is unknown already: only an exact one helps there.
        choice = exact if self._unknown[line] == 1 and len(exact) else shown
        if len(choice):
            self._set(choice[np.argmin(rank[choice])], hidden=True)

    def show_where_possible(self, sets: Iterable[int]) -> None:
        for chosen in sets:
            self._set(chosen, hidden=False)
            if self._fails(_row(self._system.lines_of, chosen)).any():
                self._set(chosen, hidden=True)

    def _fails(self, lines: Ints | slice) -> Flags:
        hidden, parent_shown = self._hidden[lines], ~self._suppressed[self._parent[lines]]
        too_few = self._students[lines] < self._start.minimum_n
        revealed = (hidden == 1) | (self._unknown[lines] == 1)
        return revealed | (parent_shown & (hidden > 0) & too_few)

    def _set(self, chosen: int, *, hidden: bool) -> None:
        lines = _row(self._system.lines_of, chosen)
        step = 1 if hidden else -1
        self._suppressed[chosen] = hidden
        self._hidden[lines] += step
        self._unknown[lines] += step * (not self._start.coded[chosen])
        as_child = lines[self._parent[lines] != chosen]
        self._students[as_child] += step * self._start.students[chosen]


def _row(matrix: sparse.csr_array, row: int) -> Ints:
    """Returns the columns of a row, read raw: a slice of a sparse array is fifty times slower."""
    return matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]]
