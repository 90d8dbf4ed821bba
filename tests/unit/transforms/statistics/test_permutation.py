"""Permutation over units against SciPy, and its interval against the test that it inverts."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from scipy.stats import permutation_test

from transforms.statistics.permutation import (
    least_p_value,
    permuted_difference,
    ways_to_choose,
)

RNG = np.random.default_rng(11)


def by_scipy(values, weights, chosen):
    """Return the exact p-value of the weighted means' difference over its standard error."""

    def statistic(one, other):
        sides = [side.astype(int) for side in (one, other)]
        means = [np.average(values[side], weights=weights[side]) for side in sides]
        error = np.sqrt(sum(1 / weights[side].sum() for side in sides))
        return abs(means[0] - means[1]) / error

    units = np.arange(len(values))
    return permutation_test(
        (units[:chosen], units[chosen:]),
        statistic,
        vectorized=False,
        n_resamples=np.inf,
        alternative="greater",
    ).pvalue


def by_counting(values, weights, chosen):
    """Return the same, way after way; SciPy wants two units on each side."""

    def difference(picked):
        is_in = np.isin(np.arange(len(values)), picked)
        means = [np.average(values[side], weights=weights[side]) for side in (is_in, ~is_in)]
        error = np.sqrt(1 / weights[is_in].sum() + 1 / weights[~is_in].sum())
        return abs(means[0] - means[1]) / error

    found = [difference(picked) for picked in combinations(range(len(values)), chosen)]
    return np.mean(np.array(found) >= difference(range(chosen)) - 1e-12)


@pytest.mark.parametrize(("chosen", "others"), [(2, 6), (3, 5), (4, 4)])
def test_the_exact_p_value_agrees_with_scipy(chosen, others):
    values = RNG.normal(size=(3, chosen + others))
    weights = RNG.integers(10, 90, size=values.shape).astype(float)
    ways = ways_to_choose(chosen, others, 9_999)

    found = permuted_difference(values, weights, chosen, ways, 0.9)

    assert len(ways) == comb(chosen + others, chosen)
    for row in range(3):
        expected = by_scipy(values[row], weights[row], chosen)
        assert found.p_value[row] == pytest.approx(expected, abs=1e-9)


def test_with_equal_weights_it_is_the_difference_of_means():
    values = RNG.normal(size=(1, 9))

    found = permuted_difference(values, np.ones((1, 9)), 4, ways_to_choose(4, 5, 9_999), 0.95)

    expected = permutation_test(
        (values[0, :4], values[0, 4:]),
        lambda one, other, axis: abs(one.mean(axis=axis) - other.mean(axis=axis)),
        n_resamples=np.inf,
        alternative="greater",
    )
    assert abs(found.difference[0]) == pytest.approx(expected.statistic, abs=1e-9)
    assert found.p_value[0] == pytest.approx(expected.pvalue, abs=1e-9)


@pytest.mark.parametrize(("chosen", "others"), [(3, 5), (4, 4), (1, 24)])
def test_the_interval_ends_where_the_test_begins_to_reject(chosen, others):
    values = RNG.normal(size=chosen + others)
    weights = RNG.integers(10, 90, size=chosen + others).astype(float)
    ways = ways_to_choose(chosen, others, 9_999)
    found = permuted_difference(values[None], weights[None], chosen, ways, 0.9)

    def p_value_of(effect):
        less = values - effect * (np.arange(values.size) < chosen)
        return by_counting(less, weights, chosen)

    assert found.low[0] < found.difference[0] < found.high[0]
    for bound, outside in ((found.low[0], -1e-6), (found.high[0], 1e-6)):
        assert p_value_of(bound - outside) > 0.1
        assert p_value_of(bound + outside) <= 0.1 + 1e-12


@pytest.mark.parametrize(
    ("chosen", "others", "students", "students_of_others"),
    [(1, 24, 15, 300), (3, 20, 30, 300), (3, 20, 300, 30), (4, 17, 100, 100)],
)
def test_without_an_effect_about_one_in_twenty_is_rejected_however_large_the_schools_are(
    chosen, others, students, students_of_others
):
    random = np.random.default_rng(17)
    n = np.repeat([students, students_of_others], [chosen, others])
    before, now = random.binomial(n, 0.5, (2, 2_000, n.size)) / n
    weights = np.broadcast_to(n / 2, now.shape)
    ways = ways_to_choose(chosen, others, 999)

    found = permuted_difference(now - before, weights, chosen, ways, 0.95)

    # The least p of 25 ways is 1 / 25. Of a difference that is not studentised it would be 0.6.
    rejected = found.p_value <= 0.05
    assert 0.02 < rejected.mean() < 0.075
    holds = (found.low <= 1e-9) & (found.high >= -1e-9)
    assert (holds == ~rejected).all()


def test_the_least_p_value_is_that_of_the_farthest_difference():
    for chosen, others in ((1, 4), (2, 2), (3, 3), (2, 5)):
        values = np.array([[9.0] * chosen + [*range(others)]])
        ways = ways_to_choose(chosen, others, 99)
        found = permuted_difference(values, np.ones(values.shape), chosen, ways, 0.5)
        assert found.p_value[0] == pytest.approx(least_p_value(chosen, others, ways))


def test_too_few_ways_give_no_interval_but_a_p_value():
    values = np.array([[5.0, 1, 2, 3, 4, 0]])

    found = permuted_difference(values, np.ones((1, 6)), 1, ways_to_choose(1, 5, 9_999), 0.95)

    # Six ways: 5 and 0 are equally far from the mean of the others, no bound at 1 in 20.
    assert found.p_value[0] == pytest.approx(2 / 6)
    assert np.isnan(found.low[0]) and np.isnan(found.high[0])


def test_drawn_ways_are_the_same_each_time_and_begin_with_what_was_seen():
    ways = ways_to_choose(10, 20, 999)

    assert ways.shape == (1_000, 30)
    assert (ways.sum(axis=1) == 10).all()
    assert ways[0, :10].all()
    assert (ways == ways_to_choose(10, 20, 999)).all()
    # Every unit is chosen in about a third of the ways.
    assert ways[1:].mean(axis=0) == pytest.approx(np.full(30, 1 / 3), abs=0.06)


def test_drawn_ways_come_near_all_ways():
    values = RNG.normal(size=(1, 12))
    values[0, :4] += 0.8
    every = permuted_difference(values, np.ones((1, 12)), 4, ways_to_choose(4, 8, 495), 0.95)
    drawn = permuted_difference(values, np.ones((1, 12)), 4, ways_to_choose(4, 8, 494), 0.95)

    assert drawn.p_value[0] == pytest.approx(every.p_value[0], abs=0.05)
    assert drawn.p_value[0] >= 1 / 495
    assert drawn.high[0] == pytest.approx(every.high[0], abs=0.4)


def test_a_missing_value_leaves_its_row_without_a_result():
    values = np.array([[1.0, 2, 3, 4, 5, 6], [1, 2, np.nan, 4, 5, 6]])

    found = permuted_difference(values, np.ones((2, 6)), 3, ways_to_choose(3, 3, 99), 0.5)

    measures = (found.difference, found.p_value, found.low, found.high)
    assert all(np.isnan(one).tolist() == [False, True] for one in measures)


def test_equal_gains_are_never_told_apart():
    values = np.full((1, 8), 0.1 + 0.2)

    found = permuted_difference(values, np.ones((1, 8)), 3, ways_to_choose(3, 5, 99), 0.9)

    assert found.p_value[0] == 1
    assert found.difference[0] == pytest.approx(0, abs=1e-12)
