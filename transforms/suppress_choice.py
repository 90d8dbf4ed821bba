"""Chooses which sets are shown: the most useful first, each unless it gives a guarded one away.

Source: the greedy elimination is that of O. Langsrud, "Secondary cell suppression by Gaussian
elimination", Privacy in Statistical Databases 2024 (LNCS 14915, doi 10.1007/978-3-031-69651-0_6);
the order, the pairs of statistics, the unions and the first pass line by line are our own.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import sparse

from transforms.suppress_closure import Closure
from transforms.suppress_elimination import Solved, solve_lines
from transforms.suppress_knowledge import Knowledge
from transforms.suppress_lines import Flags, Ints, first_of_each

MOST_TROUBLE = 8


def choose_hidden(
    matrix: sparse.csr_array, students: Ints, coded: Flags, usefulness: Ints, minimum_n: int
) -> Flags:
    """Returns which sets are hidden, so that nothing hidden or coded is given away.

    First exact sets are shown, as long as they give away no number of proficient students of a
    hidden or coded one. Then coded sets, as long as they give away no n of a hidden one.

    What line by line would be shown is decided first, all of it at once, since it is nearly what
    can be shown; the rest is tried one by one.

    Args:
        matrix: a row per line and a column per set: 1 for the parent, -1 for each child.
        students: each set's n.
        coded: the sets of which n and the rate's limit are shown, no more.
        usefulness: what has more of it is shown first.
        minimum_n: smaller sets are hidden, and unions of a line's children that are smaller still
            are not given away.
    """
    small = students < minimum_n
    coded = coded & ~small
    turn = _turns(matrix, small, np.column_stack([~coded, usefulness]), students)
    lines = _with_small_unions(matrix, students, minimum_n)
    in_turn = np.argsort(-turn, kind="stable")
    exact, coded_ones = (in_turn[asked[in_turn]].tolist() for asked in (~(small | coded), coded))
    unions = np.ones(lines.shape[1] - len(students), dtype=bool)
    guarded = np.append(small | coded, unions)
    first = _shown_line_by_line(lines, exact, guarded.tolist())
    knowledge = Knowledge(_solve(matrix, lines, turn, first), first, guarded)
    hidden = small.copy()
    for asked in (exact, coded_ones):
        hidden[[chosen for chosen in asked if not knowledge.show(chosen)]] = True
        knowledge.guard(np.append(hidden, unions))
    return hidden


def _turns(matrix: sparse.csr_array, hidden: Flags, wanted: Ints, students: Ints) -> Ints:
    """Ranks sets by what is wanted first, then new trouble, then size (doublings of n).

    New trouble is the lines without a hidden set, in each of which hiding it would ask for another,
    less those with one, where it is the other. The hidden sets come last.
    """
    count = abs(matrix) @ hidden.astype(np.int64)
    trouble = abs(matrix).T @ ((count == 0).astype(np.int64) - (count == 1))
    trouble = np.clip(trouble, -MOST_TROUBLE, MOST_TROUBLE).astype(np.int64)
    doublings = np.log2(np.maximum(students, 1)).astype(np.int64)
    keys = np.column_stack([wanted, trouble, doublings])
    keys[hidden] = -MOST_TROUBLE - 1
    return np.unique(keys, axis=0, return_inverse=True)[1].ravel().astype(np.int64)


def _with_small_unions(
    matrix: sparse.csr_array, students: Ints, minimum_n: int
) -> sparse.csr_array:
    """Returns the lines and, as further sets and their lines, the unions that are too small.

    A union is the small children of a line that has several, too few students together.
    """
    is_small = sparse.diags_array((students < minimum_n).astype(np.float64))
    parts = (matrix < 0).astype(np.float64) @ is_small
    parts.eliminate_zeros()
    several = (parts @ np.ones(len(students)) > 1) & (parts @ students < minimum_n)
    parts = parts[several]
    parts = parts[first_of_each(parts)]
    count = parts.shape[0]
    unions = sparse.block_array([[matrix, None], [-parts, sparse.eye_array(count)]], format="csr")
    return unions if count else matrix


def _solve(matrix: sparse.csr_array, lines: sparse.csr_array, turn: Ints, first: Flags) -> Solved:
    """Returns the lines solved, so that the free ones of the first are a basis of them all."""
    count, sets = matrix.shape
    solved = solve_lines(matrix, np.where(first[:sets], turn, -1))
    unions = lines[count:, :sets]
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
