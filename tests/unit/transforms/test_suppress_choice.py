"""What shown sums tell: a few sets at a time, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from transforms.suppress_choice import Ask, Chooser, Sets
from transforms.suppress_closure import Rest
from transforms.suppress_elimination import PRIME, solve_lines


def lines(*rows: list[int]) -> sparse.csr_array:
    return sparse.csr_array(np.array(rows, dtype=np.float64))


def hidden_of(
    matrix: sparse.csr_array,
    students: list[int],
    guarded: set[int] = frozenset(),
    usefulness: list[int] | None = None,
    rest: Rest | None = None,
) -> set:
    """The sets that are not shown where all are asked for but small and guarded ones."""
    n = np.array(students)
    kept = np.isin(np.arange(len(n)), list(guarded)) | (n < 11)
    use = np.zeros_like(n) if usefulness is None else np.array(usefulness)
    chooser = Chooser(matrix, Sets(n, use, np.zeros_like(n)), 11)
    return set(np.flatnonzero(~chooser.shown(Ask(~kept, kept, rest=rest))).tolist())


# Sets 0, 1, 2 are x + y, y + z and x + z, sets 3, 4, 5 are x, y, z.
TRIANGLE = lines([1, 0, 0, -1, -1, 0], [0, 1, 0, 0, -1, -1], [0, 0, 1, -1, 0, -1])


def test_three_sums_around_three_small_sets_are_not_all_shown():
    hidden = hidden_of(TRIANGLE, [20, 20, 20, 10, 10, 10])
    assert {3, 4, 5} < hidden
    assert len(hidden) == 4


def test_the_least_useful_of_equal_ways_is_hidden():
    hidden = hidden_of(TRIANGLE, [20, 20, 20, 10, 10, 10], usefulness=[1, 0, 1, 0, 0, 0])
    assert hidden == {1, 3, 4, 5}


def test_two_small_parts_that_are_small_together_take_a_third():
    assert hidden_of(lines([1, -1, -1, -1, -1]), [90, 4, 5, 31, 50]) == {1, 2, 3}


def test_two_small_parts_that_are_enough_together_take_none():
    assert hidden_of(lines([1, -1, -1, -1, -1]), [90, 5, 6, 29, 50]) == {1, 2}


def test_a_guarded_part_takes_another_with_it():
    assert hidden_of(lines([1, -1, -1, -1]), [90, 20, 30, 40], guarded={1}) == {1, 2}


def test_two_guarded_parts_need_nothing_else_hidden():
    assert hidden_of(lines([1, -1, -1, -1]), [90, 20, 30, 40], guarded={1, 2}) == {1, 2}


def test_what_was_shown_before_is_shown_first():
    matrix, n = lines([1, -1, -1, -1]), np.array([90, 5, 30, 40])
    small = n < 11
    chooser = Chooser(matrix, Sets(n, np.zeros_like(n), np.zeros_like(n)), 11)
    for first in (2, 3):
        ask = Ask(~small, small, first=np.arange(4) == first)
        assert chooser.shown(ask).tolist() == [True, False, first == 2, first == 3]


# A sum of 60 students, 12 of them proficient, and its parts.
PROFICIENT = np.array([12, 1, 1, 10])


@pytest.mark.parametrize(("least", "hidden"), [(1, {1, 2}), (2, {1, 2}), (3, {1, 2, 3})])
def test_hidden_parts_leave_enough_open_between_them(least, hidden):
    rest = Rest(PROFICIENT[None, :], np.array([False, True, True, False]), least)
    assert hidden_of(lines([1, -1, -1, -1]), [60, 9, 9, 42], rest=rest) == hidden


def test_of_parts_that_are_not_protected_nothing_is_asked():
    rest = Rest(PROFICIENT[None, :], np.zeros(4, dtype=bool), 3)
    assert hidden_of(lines([1, -1, -1, -1]), [60, 9, 9, 42], rest=rest) == {1, 2}


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
