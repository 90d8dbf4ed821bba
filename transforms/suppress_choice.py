"""Chooses which sets are shown: the most useful first, each unless it gives a guarded one away.

Source: the greedy elimination is that of O. Langsrud, "Secondary cell suppression by Gaussian
elimination", Privacy in Statistical Databases 2024 (LNCS 14915, doi 10.1007/978-3-031-69651-0_6);
the order, the pairs of statistics, the unions and the first pass line by line are our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_closure import Closure
from transforms.suppress_elimination import Solved, solve_lines
from transforms.suppress_knowledge import Knowledge
from transforms.suppress_sets import Flags, Ints, row_hashes


@dataclass(frozen=True)
class Sets:
    """What is known of each set of students.

    students: its n.
    coded: whether n and the rate's limit are shown of it, no more.
    usefulness: what has more of it is shown first.
    worth: among equally useful ones it is weighed against what hiding a set brings about; a point
        is as much as one line in which another set has to be hidden with it.
    """

    students: Ints
    coded: Flags
    usefulness: Ints
    worth: Ints


def choose_hidden(
    matrix: sparse.csr_array, sets: Sets, minimum_n: int, basis: sparse.csr_array | None = None
) -> Flags:
    """Returns which sets are hidden, so that nothing hidden or coded is given away.

    First exact sets are shown, as long as they give away no number of proficient students of a
    hidden or coded one. Then coded sets, as long as they give away no n of a hidden one.

    What line by line would be shown is decided first, all of it at once, since it is nearly what
    can be shown; the rest is tried one by one.

    Args:
        matrix: a row per line and a column per set: 1 for the parent, -1 for each child.
        sets: an entry per column.
        minimum_n: smaller sets are hidden, and unions of a line's children that are smaller still
            are not given away.
        basis: lines that all others are sums of; null takes them all.
    """
    small = sets.students < minimum_n
    coded = sets.coded & ~small
    parts, lines = _with_small_unions(matrix, sets.students, minimum_n)
    unions = np.ones(parts.shape[0], dtype=bool)
    guarded = np.append(small | coded, unions)
    turn = _turns(sets, small, coded, _trouble(lines, guarded)[: len(small)])
    exact, coded_ones = _in_turn(turn, ~(small | coded)), _in_turn(turn, coded)
    first = _shown_line_by_line(lines, exact, guarded.tolist())
    solved = _solve(matrix if basis is None else basis, parts, turn, first)
    knowledge = Knowledge(solved, first, guarded)
    hidden = small.copy()
    hidden[_refused(knowledge, exact)] = True
    if coded_ones:
        knowledge.guard(np.append(hidden, unions))
        hidden[_refused(knowledge, coded_ones)] = True
    return hidden


def _refused(knowledge: Knowledge, asked: list[int]) -> list[int]:
    return [chosen for chosen in asked if not knowledge.show(chosen)]


def _turns(sets: Sets, small: Flags, coded: Flags, trouble: Ints) -> Ints:
    """Ranks sets: exact ones first, by use, by worth, trouble and doublings of n, and by n.

    The small ones come last.
    """
    doublings = np.log2(np.maximum(sets.students, 1)).astype(np.int64)
    weighed = 2 * sets.worth + trouble + doublings
    keys = np.column_stack([~small, ~coded, sets.usefulness, weighed, sets.students])
    keys[small] = 0
    return np.unique(keys, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


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


def _shown_line_by_line(
    lines: sparse.csr_array, asked: Iterable[int], guarded: list[bool]
) -> Flags:
    """Returns the sets that are shown where only single lines are looked at."""
    closure = Closure(lines)
    shown = np.zeros(lines.shape[1], dtype=bool)
    for chosen in asked:
        shown[chosen] = closure.known[chosen] or closure.learn(chosen, guarded) is not None
    return shown
