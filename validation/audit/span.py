"""Which unknowns follow exactly from what is known, by adding and subtracting lines.

Random tables that every line holds of, and that are zero at all that is known, are zero at what
follows and, but for a chance of nothing, nowhere else all of them. A line with an unknown of its
own, which no other line has, says nothing of the others: such lines are taken off, round by round,
before the rest is solved. What seems to follow is then proven in whole numbers: line after line, or
by a sum of many. What cannot be proven counts as given away all the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from validation.audit.keys import Flags, Floats, Ints

SEED = 7
RIDGE = 1e-7
REFINED = 8
# A table is zero where it is nearer than this; its other entries are around one.
ZERO = 1e-6
# Of so many entries as a system has, some of one table come so near to zero by chance.
TABLES = 2
# Weights of a proof are looked for among multiples of one over these.
DENOMINATORS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 15, 16, 18, 20, 24, 30, 36, 48, 60)
# A proof by a sum is slow; where so much falls, the rest falls without one.
MOST_PROVEN = 16


@dataclass
class _Off:
    """Lines taken off in one round, each with the unknown that is its own."""

    lines: Ints
    own: Ints


@dataclass
class Span:
    """What follows from lines in which some unknowns are known.

    matrix: a row per line over the unknowns alone, in whole numbers.
    unknown: the position of each unknown among all.
    """

    matrix: sparse.csr_array
    unknown: Ints
    size: int
    unproven: int = 0
    _off: list[_Off] = field(default_factory=list)

    @classmethod
    def of(cls, lines: sparse.csr_array, known: Flags) -> Span:
        """Return the span of lines whose known unknowns are left out."""
        unknown = np.flatnonzero(~known)
        matrix = lines[:, unknown].tocsr()
        return cls(matrix, unknown, lines.shape[1])

    def solve(self, right: Floats) -> tuple[Flags, Floats]:
        """Return which unknowns follow, and one solution, in which those that follow are right.

        Args:
            right: of each line, what its unknowns sum to.
        """
        core, columns = self._core()
        free = np.random.default_rng(SEED).standard_normal((len(self.unknown), TABLES))
        value, proven = np.zeros(len(free)), np.zeros(len(free), dtype=bool)
        if len(core):
            solver = _Solver(self.matrix[core][:, columns])
            free[columns] = solver.projected(free[columns])
            value[columns] = solver.particular(right[core])
            proven[columns] = solver.proven(_is_zero(free[columns]))
        for off in reversed(self._off):
            rows = self.matrix[off.lines]
            weight = np.asarray(rows[np.arange(len(off.own)), off.own]).ravel()
            free[off.own], value[off.own], proven[off.own] = 0, 0, True
            free[off.own] = -(rows @ free) / weight[:, None]
            value[off.own] = (right[off.lines] - rows @ value) / weight
            proven[off.own] = abs(rows) @ (~proven).astype(float) == 0
        follows = _is_zero(free)
        self.unproven = int((follows & ~proven).sum())
        return self._spread(follows, False), self._spread(value, np.nan)

    def _spread(self, values: np.ndarray, nothing: object) -> np.ndarray:
        spread = np.full(self.size, nothing)
        spread[self.unknown] = values
        return spread

    def _core(self) -> tuple[Ints, Ints]:
        """Take off every line with an unknown of its own; return what is left."""
        self._off.clear()
        by_row = abs(self.matrix)
        alive_row = np.diff(by_row.indptr) > 0
        alive_column = np.ones(by_row.shape[1], dtype=bool)
        while True:
            count = by_row.T @ alive_row.astype(float)
            single = alive_column & (count == 1)
            entry = np.repeat(np.arange(by_row.shape[0]), np.diff(by_row.indptr))
            chosen = single[by_row.indices] & alive_row[entry]
            lines, first = np.unique(entry[chosen], return_index=True)
            if not len(lines):
                break
            own = by_row.indices[chosen][first]
            self._off.append(_Off(lines, own))
            alive_row[lines] = False
            alive_column[own] = False
        core = np.flatnonzero(alive_row)
        used = np.zeros(by_row.shape[1], dtype=bool)
        used[self.matrix[core].indices] = True
        return core, np.flatnonzero(used & alive_column)


class _Solver:
    """Solves sums over lines by least squares."""

    def __init__(self, matrix: sparse.csr_array) -> None:
        self.matrix = matrix.tocsr()
        self.turned = self.matrix.T.tocsr()
        square = (self.matrix @ self.turned + RIDGE * sparse.eye_array(matrix.shape[0])).tocsc()
        self.factors = splu(
            square, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )  # fmt: skip

    def projected(self, tables: Floats) -> Floats:
        """Return the part of each table, a column, that every line sums to zero in."""
        for _ in range(REFINED):
            tables = tables - self.turned @ self.factors.solve(self.matrix @ tables)
        return tables

    def particular(self, right: Floats) -> Floats:
        """Return the smallest table whose lines sum to `right`."""
        table = np.zeros(self.matrix.shape[1])
        for _ in range(REFINED):
            table = table + self.turned @ self.factors.solve(right - self.matrix @ table)
        return table

    def proven(self, candidates: Flags) -> Flags:
        """Return which of the candidates are proven to follow."""
        found = self._one_by_one() & candidates
        left = np.flatnonzero(candidates & ~found)[:MOST_PROVEN]
        if len(left):
            found[left] = self._summed(left)
        return found

    def _one_by_one(self) -> Flags:
        """Return which unknowns are the only one of a line, once others that are have been told."""
        pattern = abs(self.matrix)
        row = np.repeat(np.arange(pattern.shape[0]), np.diff(pattern.indptr))
        found = np.zeros(pattern.shape[1], dtype=bool)
        while True:
            single = (pattern @ (~found).astype(float)) == 1
            new = pattern.indices[single[row] & ~found[pattern.indices]]
            if not len(new):
                return found
            found[new] = True

    def _summed(self, unknowns: Ints) -> Flags:
        """Return of which unknowns lines times whole numbers sum to a multiple of that one."""
        wanted = np.zeros((self.matrix.shape[1], len(unknowns)))
        wanted[unknowns, np.arange(len(unknowns))] = 1
        weights = np.zeros((self.matrix.shape[0], len(unknowns)))
        for _ in range(3):
            weights += self.factors.solve(self.matrix @ (wanted - self.turned @ weights))
        found = np.zeros(len(unknowns), dtype=bool)
        for denominator in DENOMINATORS:
            open_ = np.flatnonzero(~found)
            if not len(open_):
                break
            whole = np.rint(weights[:, open_] * denominator)
            sums = self.turned @ whole
            found[open_] = (sums == denominator * wanted[:, open_]).all(axis=0)
        return found


def _is_zero(tables: Floats) -> Flags:
    is_zero: Flags = np.all(np.abs(tables) < ZERO, axis=1)
    return is_zero
