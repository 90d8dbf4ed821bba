"""Solves the lines of a system, so that every set is free or a sum of sets shown before it.

Sparse elimination in whole numbers modulo a prime: no tolerance decides. The lines of one school
touch few others, so eliminating where least is touched keeps the work close to linear in schools.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.suppress_sets import Ints

# A sum that holds is found to hold modulo the prime as well, unless its fractions have the prime
# in a denominator; one that does not hold seems to once in 2**61, and a cell too many is hidden.
PRIME = 2**61 - 1

Terms = list[tuple[int, int]]


@dataclass(frozen=True)
class Solved:
    """The sets in the order of being shown, and what each is the sum of.

    order: all sets, the first to be shown first.
    terms: set -> (set, weight) of earlier ones that it is the sum of; a set that is not in it is
        not determined by the lines and the sets before it.
    """

    order: list[int]
    terms: dict[int, Terms]


def solve_lines(matrix: sparse.csr_array, turn: Ints) -> Solved:
    """Returns the lines solved for the sets of the lowest turns, as far as they go.

    Args:
        matrix: a row per line and a column per set, `matrix @ x == 0`.
        turn: when each set is shown, a high turn first. Among equals the one goes last whose
            elimination touches fewest lines.
    """
    lines = _Lines(matrix)
    order: list[int] = []
    terms: dict[int, Terms] = {}
    for tier in _tiers(turn):
        for chosen in lines.least_touching(tier):
            order.append(chosen)
            if lines.holders[chosen]:
                terms[chosen] = lines.solve_for(chosen)
    order.reverse()
    return Solved(order, terms)


def inverse(weight: int) -> int:
    """Returns the number that times `weight` is 1."""
    return weight if weight in (1, -1) else pow(weight, -1, PRIME)


def reduced(weight: int) -> int:
    """Returns the weight, modulo the prime if it is large: nearly all are 1 or -1."""
    return weight if -PRIME < weight < PRIME else weight % PRIME


def _tiers(turn: Ints) -> Iterator[list[int]]:
    """Yields the sets of each turn, the lowest turn first."""
    by_turn = np.argsort(turn, kind="stable")
    starts = np.flatnonzero(np.diff(turn[by_turn])) + 1
    yield from (part.tolist() for part in np.split(by_turn, starts))


class _Lines:
    """The lines that are not solved yet, as weights by set; `holders` are the lines of each set."""

    def __init__(self, matrix: sparse.csr_array) -> None:
        starts = matrix.indptr.tolist()
        sets, weights = matrix.indices.tolist(), matrix.data.astype(np.int64).tolist()
        self._rows = [
            dict(zip(sets[start:end], weights[start:end], strict=True))
            for start, end in itertools.pairwise(starts)
        ]
        self.holders: list[set[int]] = [set() for _ in range(matrix.shape[1])]
        for line, row in enumerate(self._rows):
            for held in row:
                self.holders[held].add(line)

    def least_touching(self, sets: list[int]) -> Iterator[int]:
        """Yields the sets, at each time one that is in fewest lines by then."""
        heap = [(len(self.holders[chosen]), chosen) for chosen in sets]
        heapq.heapify(heap)
        while heap:
            held_by, chosen = heapq.heappop(heap)
            if len(self.holders[chosen]) == held_by:
                yield chosen
            else:
                heapq.heappush(heap, (len(self.holders[chosen]), chosen))

    def solve_for(self, chosen: int) -> Terms:
        """Takes the set's shortest line away, puts it into the others; returns what it says."""
        line = self._shortest(self.holders[chosen])
        row = self._rows[line]
        for held in row:
            self.holders[held].discard(line)
        scale = -inverse(row.pop(chosen))
        terms = [(held, reduced(weight * scale)) for held, weight in row.items()]
        self._rows[line] = {}
        by_factor = {1: terms}
        for other in self.holders[chosen]:
            factor = self._rows[other].pop(chosen)
            if factor not in by_factor:
                by_factor[factor] = [(held, reduced(factor * weight)) for held, weight in terms]
            self._add(other, by_factor[factor])
        self.holders[chosen] = set()
        return terms

    def _shortest(self, lines: set[int]) -> int:
        if len(lines) == 1:
            return next(iter(lines))
        return min(lines, key=lambda number: (len(self._rows[number]), number))

    def _add(self, line: int, terms: Terms) -> None:
        row, holders = self._rows[line], self.holders
        for held, weight in terms:
            if held not in row:
                row[held] = weight
                holders[held].add(line)
            elif left := reduced(row[held] + weight):
                row[held] = left
            else:
                del row[held]
                holders[held].discard(line)
