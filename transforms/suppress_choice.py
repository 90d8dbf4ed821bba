"""Chooses which sets are shown: the most useful first, each unless it gives a guarded one away.

Source: the greedy elimination is that of O. Langsrud, "Secondary cell suppression by Gaussian
elimination", Privacy in Statistical Databases 2024 (LNCS 14915, doi 10.1007/978-3-031-69651-0_6);
the order, the pairs of statistics and the unions are our own.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from transforms.suppress_elimination import solve_lines
from transforms.suppress_knowledge import Knowledge
from transforms.suppress_lines import Flags, Ints

Unions = list[tuple[int, ...]]

MOST_TROUBLE = 8


def choose_hidden(
    matrix: sparse.csr_array, students: Ints, coded: Flags, usefulness: Ints, minimum_n: int
) -> Flags:
    """Returns which sets are hidden, so that nothing hidden or coded is given away.

    First exact sets are shown, as long as they give away no number of proficient students of a
    hidden or coded one. Then coded sets, as long as they give away no n of a hidden one.

    Args:
        matrix: a row per line and a column per set: 1 for the parent, -1 for each child.
        students: each set's n.
        coded: the sets of which n and the rate's limit are shown, no more.
        usefulness: what has more of it is shown first.
        minimum_n: smaller sets are hidden, and unions of a line's children that are smaller still
            are not given away.
    """
    hidden = students < minimum_n
    coded = coded & ~hidden
    turn = _turns(matrix, hidden, np.column_stack([~coded, usefulness]), students)
    solved = solve_lines(matrix, turn)
    unions = _small_unions(matrix, students, minimum_n)
    knowledge = Knowledge(solved, hidden | coded, unions)
    for asked in (~(hidden | coded), coded):
        refused = np.zeros_like(hidden)
        for chosen in solved.order:
            if asked[chosen]:
                refused[chosen] = not knowledge.show(chosen)
        hidden = hidden | refused
        knowledge.guard(hidden)
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


def _small_unions(matrix: sparse.csr_array, students: Ints, minimum_n: int) -> Unions:
    """Returns the small children of each line that has several, too few students together."""
    line = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    kept = (matrix.data < 0) & (students < minimum_n)[matrix.indices]
    line, child = line[kept], matrix.indices[kept]
    count = np.bincount(line, minlength=matrix.shape[0])
    total = np.bincount(line, weights=students[child], minlength=matrix.shape[0])
    kept = ((count > 1) & (total < minimum_n))[line]
    line, child = line[kept], child[kept]
    parts = np.split(child, np.flatnonzero(np.diff(line)) + 1) if len(child) else []
    return sorted({tuple(sorted(part.tolist())) for part in parts})
