"""Sets of students and the lines over them: equal cells are one set, what other lines say goes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Members:
    """One row per child of a line: the line's number, the parent's and the child's position.

    `parent` is -1 where the cells lack the parent. `kind` numbers what the line is over: one
    dimension, the members of one roll-up, the parts of one split.
    """

    line: Ints
    parent: Ints
    child: Ints
    kind: Ints

    def of_lines(self, chosen: Flags) -> Members:
        """Returns the members of the chosen lines, which keep their numbers."""
        rows = chosen[self.line]
        return Members(self.line[rows], self.parent[rows], self.child[rows], self.kind[rows])


def implied_lines(members: Members) -> Flags:
    """Returns which lines are sums of others.

    Where a line's parent and all its children are split further in one and the same way, the line
    is the sum of the same line at each part, and of how its own cells are split. Of two such ways
    that imply each other's lines that of the lower kind stays.
    """
    lines, cells = (int(part.max(initial=-1)) + 1 for part in (members.line, members.child))
    kind = np.zeros(lines, dtype=np.int64)
    kind[members.line] = members.kind
    implied = np.zeros(lines, dtype=bool)
    for way in range(int(kind.max(initial=-1))):
        is_split = np.zeros(max(cells, int(members.parent.max()) + 1), dtype=bool)
        is_split[members.parent[members.kind == way]] = True
        whole = np.ones(lines, dtype=bool)
        whole[members.line[~(is_split[members.parent] & is_split[members.child])]] = False
        implied |= whole & (kind > way)
    return implied


def merge_equal_sets(members: Members, cell_count: int) -> tuple[Ints, sparse.csr_array]:
    """Returns the number of each cell's student set, and the matrix of lines over sets.

    An only child is its parent; and where two lines agree in all but one set each, those two are
    the same students, such as two roll-ups of the same members.
    """
    only = np.bincount(members.line)[members.line] == 1
    ends = (members.parent[only], members.child[only])
    set_of_cell = _joined(ends, cell_count)
    while True:
        matrix = line_matrix(members, set_of_cell)
        first, second = _alike_but_for_one(matrix)
        if not len(first):
            return set_of_cell, matrix
        set_of_cell = _joined((first, second), matrix.shape[1])[set_of_cell]


def _joined(ends: tuple[Ints, Ints], count: int) -> Ints:
    """Returns for each of `count` things the number of those that it is tied to by pairs."""
    ties = sparse.coo_array((np.ones(len(ends[0])), ends), shape=(count, count))
    return csgraph.connected_components(ties, directed=False)[1].astype(np.int64)


def _alike_but_for_one(matrix: sparse.csr_array) -> tuple[Ints, Ints]:
    """Returns pairs of sets of which each completes the same rest of a line in the same way."""
    weighted, hashed = row_hashes(matrix)
    rest = np.repeat(hashed, np.diff(matrix.indptr)) - weighted
    rest_and_sign = 2 * rest + (matrix.data > 0)
    order = np.argsort(rest_and_sign)
    same, sets = rest_and_sign[order], matrix.indices[order].astype(np.int64)
    alike = (same[1:] == same[:-1]) & (sets[1:] != sets[:-1])
    return sets[:-1][alike], sets[1:][alike]


def line_matrix(members: Members, set_of_cell: Ints) -> sparse.csr_array:
    """Returns the lines of two children or more over sets, each distinct line once."""
    lines = int(members.line.max(initial=-1)) + 1
    several = np.bincount(members.line, minlength=lines) > 1
    parent = np.zeros(lines, dtype=np.int64)
    parent[members.line] = set_of_cell[members.parent]
    child = several[members.line]
    row = np.concatenate([np.flatnonzero(several), members.line[child]])
    column = np.concatenate([parent[several], set_of_cell[members.child[child]]])
    sign = np.where(np.arange(len(row)) < several.sum(), 1.0, -1.0)
    shape = (lines, int(set_of_cell.max(initial=-1)) + 1)
    matrix = sparse.csr_array((sign, (row, column)), shape=shape)
    return matrix[_first_of_each(matrix)]


def only_parents(matrix: sparse.csr_array) -> Ints:
    """Returns the one set that each line says is the sum of others; -1 where there is not one."""
    parents = (matrix > 0).astype(np.float64).tocsr()
    found = (parents @ np.arange(matrix.shape[1])).astype(np.int64)
    return np.where(np.diff(parents.indptr) == 1, found, -1)


def _first_of_each(matrix: sparse.csr_array) -> Ints:
    """Returns the rows that are not empty, one of those that are equal (by a 64-bit hash)."""
    hashed = row_hashes(matrix)[1]
    filled = np.diff(matrix.indptr) > 0
    rows = np.flatnonzero(filled)
    return rows[np.sort(np.unique(hashed[filled], return_index=True)[1])]


def matching(left: Ints, right: Ints) -> tuple[Ints, Ints]:
    """Returns the positions of each two equal numbers, in the left's order, then the right's."""
    order = np.argsort(right, kind="stable")
    first = np.searchsorted(right[order], left, side="left")
    size = np.searchsorted(right[order], left, side="right") - first
    return np.repeat(np.arange(len(left)), size), order[stretches(first, size)]


def stretches(first: Ints, size: Ints) -> Ints:
    """Returns the positions of stretches, one after another: of each its first and its size."""
    positions: Ints = np.arange(size.sum()) + np.repeat(first - np.cumsum(size) + size, size)
    return positions


def row_hashes(matrix: sparse.csr_array) -> tuple[Ints, Ints]:
    """Returns random 64-bit numbers of each entry and, their sums, of each row (see indptr)."""
    weight = np.random.default_rng(0).integers(1, 2**62, size=matrix.shape[1])
    weighted = matrix.data.astype(np.int64) * weight[matrix.indices]
    return weighted, np.add.reduceat(np.append(weighted, 0), matrix.indptr[:-1])
