"""What shown sums tell: a few sets at a time, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from transforms.suppress_choice import Sets, choose_hidden
from transforms.suppress_elimination import PRIME, solve_lines


def lines(*rows: list[int]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, dtype=np.float64))


def hidden_of(matrix: sparse.csr_array, students: list[int], coded: set[int] = frozenset()) -> set:
    flags = np.isin(np.arange(len(students)), list(coded))
    usefulness = np.zeros(len(students), dtype=np.int64)
    sets = Sets(np.array(students), flags, usefulness, usefulness)
    chosen = choose_hidden(matrix, sets, 11)
    return set(np.flatnonzero(chosen).tolist())


# Sets 0, 1, 2 are x + y, y + z and x + z, sets 3, 4, 5 are x, y, z.
TRIANGLE = lines([1, 0, 0, -1, -1, 0], [0, 1, 0, 0, -1, -1], [0, 0, 1, -1, 0, -1])


def test_three_sums_around_three_small_sets_are_not_all_shown():
    hidden = hidden_of(TRIANGLE, [20, 20, 20, 10, 10, 10])
    assert {3, 4, 5} < hidden
    assert len(hidden) == 4


def test_the_least_useful_of_equal_ways_is_hidden():
    usefulness = np.array([1, 0, 1, 0, 0, 0])
    students, nothing = np.array([20, 20, 20, 10, 10, 10]), np.zeros(6, dtype=np.int64)
    hidden = choose_hidden(TRIANGLE, Sets(students, nothing > 0, usefulness, nothing), 11)
    assert np.flatnonzero(hidden).tolist() == [1, 3, 4, 5]


def test_two_small_parts_that_are_small_together_take_a_third():
    assert hidden_of(lines([1, -1, -1, -1, -1]), [90, 4, 5, 31, 50]) == {1, 2, 3}


def test_two_small_parts_that_are_enough_together_take_none():
    assert hidden_of(lines([1, -1, -1, -1, -1]), [90, 5, 6, 29, 50]) == {1, 2}


def test_a_coded_part_takes_an_exact_one_with_it():
    # n of the exact one is hidden, so that of the coded one is too, or they would give it away.
    assert hidden_of(lines([1, -1, -1, -1]), [90, 20, 30, 40], coded={1}) == {1, 2}


def test_two_coded_parts_need_nothing_else_hidden():
    assert hidden_of(lines([1, -1, -1, -1]), [90, 20, 30, 40], coded={1, 2}) == set()


@pytest.mark.parametrize("seed", range(5))
def test_what_is_solved_satisfies_every_line(seed):
    chance = np.random.default_rng(seed)
    matrix = sparse.csr_array(chance.integers(-1, 2, size=(6, 10)).astype(np.float64))
    solved = solve_lines(matrix, chance.integers(0, 3, size=10))
    value = dict.fromkeys(range(10), 0)
    for chosen in solved.order:
        terms = solved.terms.get(chosen)
        own = sum(weight * value[term] for term, weight in terms) if terms else chosen + 1
        value[chosen] = own % PRIME
    totals = matrix.toarray().astype(np.int64).astype(object) @ np.array(list(value.values()))
    assert [total % PRIME for total in totals] == [0] * 6
    assert sorted(solved.order) == list(range(10))
