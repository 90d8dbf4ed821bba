"""Which hidden cells linear algebra gives back.

Published cells are constants, so what is unknown of the hidden ones is the null space of the line
matrix cut to hidden columns. A hidden cell that is zero in every null vector can be computed
exactly by adding and subtracting published numbers; every other one cannot.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import lsmr

from transforms.suppress_lines import Ints, System

Flags = NDArray[np.bool_]

# A free coordinate of a projected random vector is near 1/sqrt(length of its cycle), a determined
# one near the solver's tolerance, 1e-9 and less. Between the two a cell counts as determined.
DETERMINED_BELOW = 1e-6
SOLVER_TOLERANCE = 1e-12
FIRST_ITERATIONS = 1_500
LAST_ITERATIONS = 50_000


@dataclass(frozen=True)
class _Reduced:
    """Unknowns merged where lines of two force x = y or x = -y; -1 where x = 0 is forced."""

    unknown_of: Ints
    matrix: sparse.csr_array


def find_recoverable(system: System, hidden: Flags) -> Flags:
    """Returns which hidden sets can be computed exactly from the sets that are not hidden.

    Recoveries along lines of one or two unknowns are found exactly and returned first; only where
    there are none is the rest decided by projecting two random vectors on the null space, so an
    answer without any True is always the answer of the whole system.

    Raises:
        ArithmeticError: the projection did not converge, so nothing is known.
    """
    unknown = np.flatnonzero(hidden)
    reduced = _merge_tied_unknowns(_filled_rows(system.by_set[:, unknown].tocsr()))
    determined = reduced.unknown_of < 0
    if not determined.any():
        determined = _vanishes_on_null_space(reduced.matrix)[reduced.unknown_of]
    recoverable = np.zeros(len(hidden), dtype=bool)
    recoverable[unknown[determined]] = True
    return recoverable


def _merge_tied_unknowns(matrix: sparse.csr_array) -> _Reduced:
    """Merges unknowns that a line of two ties together, until no such line is left.

    Works on a graph with a node for x and one for -x of every unknown: x that is connected with -x
    can only be zero.
    """
    unknown_of = np.arange(matrix.shape[1])
    while True:
        count = matrix.shape[1]
        first, second = _tied_pairs(matrix)
        if not len(first):
            return _Reduced(unknown_of, matrix)
        ties = sparse.coo_array((np.ones(len(first)), (first, second)), (2 * count, 2 * count))
        label = csgraph.connected_components(ties, directed=False)[1]
        plus, minus = label[:count], label[count:]
        alive = np.flatnonzero(plus != minus)
        _, merged = np.unique(np.minimum(plus, minus)[alive], return_inverse=True)
        sign = np.where(plus < minus, 1.0, -1.0)[alive]
        fold = sparse.csr_array((sign, (alive, merged)), (count, int(merged.max(initial=-1)) + 1))
        renumber = np.full(count + 1, -1)
        renumber[alive] = merged
        unknown_of = renumber[unknown_of]
        matrix = _filled_rows(matrix @ fold)


def _tied_pairs(matrix: sparse.csr_array) -> tuple[Ints, Ints]:
    """Returns edges x to -x for lone unknowns, x to y or -y for lines of two equal weights."""
    count, start, length = matrix.shape[1], matrix.indptr[:-1], np.diff(matrix.indptr)
    lone = matrix.indices[start[length == 1]].astype(np.int64)
    at = start[length == 2]
    at = at[np.abs(matrix.data[at]) == np.abs(matrix.data[at + 1])]
    x, y = matrix.indices[at].astype(np.int64), matrix.indices[at + 1].astype(np.int64)
    opposite = matrix.data[at] == matrix.data[at + 1]
    first = np.concatenate([lone, x, x + count])
    second = np.concatenate([lone + count, y + count * opposite, y + count * ~opposite])
    return first, second


def _filled_rows(matrix: sparse.csr_array) -> sparse.csr_array:
    matrix = matrix.tocsr()
    matrix.eliminate_zeros()
    return matrix[np.diff(matrix.indptr) > 0]


def _vanishes_on_null_space(matrix: sparse.csr_array) -> Flags:
    """Returns which unknowns are zero in random null vectors, in both of two.

    A determined one is zero in every null vector; a free one may come near zero once by chance.
    """
    if not matrix.shape[0] or not matrix.shape[1]:
        return np.zeros(matrix.shape[1], dtype=bool)
    random = np.random.default_rng(20)
    vectors = random.standard_normal((2, matrix.shape[1]))
    transposed = matrix.T.tocsr()
    # A projection cut short may miss determined unknowns, so only a finished one says there are
    # none; most calls find some, and then a short one is enough.
    for iterations in (FIRST_ITERATIONS, LAST_ITERATIONS):
        answers = [_project(transposed, vector, iterations) for vector in vectors]
        vanishes = np.all([np.abs(part) < DETERMINED_BELOW for part, _ in answers], axis=0)
        finished = all(done for _, done in answers)
        if vanishes.any() or finished:
            return vanishes
    raise ArithmeticError(f"recovery check did not converge in {LAST_ITERATIONS} iterations")


def _project(
    transposed: sparse.csr_array, vector: NDArray[np.float64], iterations: int
) -> tuple[NDArray[np.float64], bool]:
    """Returns the vector's part in the matrix's null space, and whether it is finished."""
    answer = lsmr(
        transposed,
        vector,
        atol=SOLVER_TOLERANCE,
        btol=SOLVER_TOLERANCE,
        conlim=0,
        maxiter=iterations,
    )
    return vector - transposed @ answer[0], answer[1] != 7
