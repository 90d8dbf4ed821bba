"""Chooses which sets are shown: the most useful first, each unless it gives a guarded one away.

Source: the greedy elimination is that of O. Langsrud, "Secondary cell suppression by Gaussian
elimination", Privacy in Statistical Databases 2024 (LNCS 14915, doi 10.1007/978-3-031-69651-0_6);
the order, the pairs of statistics, the unions and the first pass line by line are our own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_closure import Closure, IndexedLines, Rest
from transforms.suppress_elimination import Solved, solve_lines
from transforms.suppress_knowledge import Knowledge
from transforms.suppress_sets import Flags, Ints, row_hashes


@dataclass(frozen=True)
class Sets:
    """What is known of each set of students.

    students: its n.
    usefulness: what has more of it is shown first.
    worth: among equally useful ones it is weighed against what hiding a set brings about; a point
        is as much as one line in which another set has to be hidden with it.
    """

    students: Ints
    usefulness: Ints
    worth: Ints


@dataclass(frozen=True)
class Ask:
    """Which sets are to show a statistic, and of which it must not be given away.

    asked: to be shown if they can be; none of them guarded.
    guarded: not to follow from what is shown.
    first: those of the asked that are shown before all others.
    rest: what the hidden children of a shown sum must leave open; null asks for nothing.
    """

    asked: Flags
    guarded: Flags
    first: Flags | None = None
    rest: Rest | None = None


class Chooser:
    """Chooses which sets of one system show a statistic, so that no guarded one is given away."""

    def __init__(
        self,
        matrix: sparse.csr_array,
        sets: Sets,
        minimum_n: int,
        basis: sparse.csr_array | None = None,
    ) -> None:
        """Prepares the lines of a system.

        Args:
            matrix: a row per line and a column per set: 1 for the parent, -1 for each child.
            sets: an entry per column.
            minimum_n: unions of a line's children that are smaller are not given away.
            basis: lines that all others are sums of; null takes them all.
        """
        self._sets, self._basis = sets, matrix if basis is None else basis
        self._unions, self._lines = _with_small_unions(matrix, sets.students, minimum_n)
        self._indexed = IndexedLines(self._lines)

    def shown(self, ask: Ask) -> Flags:
        """Returns which of the asked sets are shown.

        What line by line would be shown is decided first, all of it at once, since it is nearly
        what can be shown; the rest is tried one by one.
        """
        guarded = self._guarded(ask)
        turn = self.turns(ask)
        order = _in_turn(turn, ask.asked)
        closure = Closure(self._indexed, self._with_unions(ask.rest))
        first = _shown_line_by_line(closure, order, guarded.tolist())
        guarded[list(closure.left_too_little)] = True
        solved = _solve(self._basis, self._unions, turn, first)
        knowledge = Knowledge(solved, first, guarded)
        closure.clear()
        return _one_by_one(order, closure, knowledge, guarded.tolist())[: len(ask.asked)]

    def turns(self, ask: Ask) -> Ints:
        """Ranks sets: by use, by worth, trouble and doublings of n, and by n; the unasked last."""
        sets, guarded = self._sets, self._guarded(ask)
        trouble = _trouble(self._lines, guarded)[: len(ask.asked)]
        doublings = np.log2(np.maximum(sets.students, 1)).astype(np.int64)
        weighed = 2 * sets.worth + trouble + doublings
        first = np.zeros_like(ask.asked) if ask.first is None else ask.first
        keys = np.column_stack([ask.asked, first, sets.usefulness, weighed, sets.students])
        keys[~ask.asked] = 0
        return np.unique(keys, axis=0, return_inverse=True)[1].ravel().astype(np.int64)

    def _guarded(self, ask: Ask) -> Flags:
        return np.append(ask.guarded, np.ones(self._unions.shape[0], dtype=bool))

    def _with_unions(self, rest: Rest | None) -> Rest | None:
        """Returns the rest with an entry for each union as well."""
        if rest is None:
            return None
        counts = np.hstack([rest.counts, (self._unions @ rest.counts.T).T.astype(np.int64)])
        protected = np.append(rest.protected, self._unions @ rest.protected > 0)
        return Rest(counts, protected, rest.least)


def _one_by_one(
    order: list[int], closure: Closure, knowledge: Knowledge, guarded: list[bool]
) -> Flags:
    """Returns the sets that are shown: what is known, and each other unless it gives one away."""
    shown = np.zeros(len(guarded), dtype=bool)
    for chosen in order:
        if knowledge.knows(chosen):
            shown[chosen] = True
            if not closure.known[chosen]:
                closure.learn(chosen, guarded)
    for chosen in order:
        if not (shown[chosen] or guarded[chosen]):
            shown[chosen] = _shows(chosen, closure, knowledge, guarded)
    return shown


def _shows(chosen: int, closure: Closure, knowledge: Knowledge, guarded: list[bool]) -> bool:
    """Shows the set and returns True, unless a line or a sum of lines speaks against it."""
    if knowledge.knows(chosen):
        return True
    learnt = [] if closure.known[chosen] else closure.learn(chosen, guarded)
    if learnt is None:
        knowledge.keep(chosen)
        return False
    if knowledge.show(chosen):
        return True
    closure.forget(learnt)
    return False


def _trouble(lines: sparse.csr_array, guarded: Flags) -> Ints:
    """Returns what would follow from hiding a set, in halves of a line.

    That is the lines without a guarded set, in each of which another has to be hidden with it, less
    half of those with one, where it is the other.
    """
    count = abs(lines) @ guarded.astype(np.int64)
    halves = 2 * (count == 0).astype(np.int64) - (count == 1)
    return (abs(lines).T @ halves).astype(np.int64)


def _in_turn(turn: Ints, asked: Flags) -> list[int]:
    """Returns the sets that are asked, those of the highest turn first."""
    order = np.argsort(-turn, kind="stable")
    chosen: list[int] = order[asked[order]].tolist()
    return chosen


def _with_small_unions(
    matrix: sparse.csr_array, students: Ints, minimum_n: int
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Returns the parts of each union that is too small, and the lines with unions as sets.

    A union is the small children of a line that has several, too few students together. In that
    line it stands in their place; a line of its own says what it is made of.
    """
    is_small = sparse.diags_array((students < minimum_n).astype(np.float64))
    parts = (matrix < 0).astype(np.float64) @ is_small
    parts.eliminate_zeros()
    several = (parts @ np.ones(len(students)) > 1) & (parts @ students < minimum_n)
    rows = np.flatnonzero(several)
    if not len(rows):
        return parts[rows], matrix
    _, one, union = np.unique(row_hashes(parts)[1][rows], return_index=True, return_inverse=True)
    unions = parts[rows[one]]
    blocks = [
        [matrix[np.flatnonzero(~several)], None],
        [matrix[rows] + parts[rows], -sparse.eye_array(len(one), format="csr")[union]],
        [-unions, sparse.eye_array(len(one))],
    ]
    lines = sparse.block_array(blocks, format="csr")
    lines.eliminate_zeros()
    return unions, lines


def _solve(matrix: sparse.csr_array, unions: sparse.csr_array, turn: Ints, first: Flags) -> Solved:
    """Returns the lines solved, so that the free ones of the first are a basis of them all."""
    sets = matrix.shape[1]
    solved = solve_lines(matrix, np.where(first[:sets], turn, -1))
    parts = np.split(unions.indices, unions.indptr[1:-1])
    for number, members in enumerate(parts if unions.shape[0] else [], start=sets):
        solved.order.append(number)
        solved.terms[number] = [(part, 1) for part in members.tolist()]
    return solved


def _shown_line_by_line(closure: Closure, asked: list[int], guarded: list[bool]) -> Flags:
    """Returns the sets that are shown where only single lines are looked at."""
    shown = np.zeros(len(guarded), dtype=bool)
    for chosen in asked:
        shown[chosen] = closure.known[chosen] or closure.learn(chosen, guarded) is not None
    return shown
