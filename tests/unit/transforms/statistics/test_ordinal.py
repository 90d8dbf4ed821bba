"""V from counts by level: against published fits, SciPy's optimiser and simulated scores."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from scipy.special import ndtr
from scipy.stats import norm

from transforms.statistics import ordinal
from transforms.statistics.ordinal import v_statistic


def v_of(first, second):
    v, error = v_statistic([first], [second])
    return float(v[0]), float(error[0])


def v_by_scipy(first, second):
    a, b = parameters_by_scipy(first, second)[:2]
    return -np.sqrt(2) * a / np.sqrt(1 + b * b)


def parameters_by_scipy(first, second):
    """Return a, b and cuts where SciPy's root finder finds the slope of the likelihood to be 0."""
    first, second = np.array(first, float), np.array(second, float)

    def by_cut(counts, z):
        ratios = counts / np.diff(np.r_[0, norm.cdf(z), 1])
        return (ratios[:-1] - ratios[1:]) * norm.pdf(z)

    def slope(values):
        a, b, cuts = values[0], values[1], values[2:]
        of_first, of_second = by_cut(first, cuts), by_cut(second, b * cuts - a)
        return np.r_[-of_second.sum(), cuts @ of_second, of_first + b * of_second]

    cuts = norm.ppf(np.cumsum(first + second)[:-1] / (first + second).sum())
    found = optimize.root(slope, np.r_[0, 1, cuts], tol=1e-13)
    assert np.abs(slope(found.x)).max() < 1e-8
    return found.x


def test_v_of_a_published_binormal_fit():
    """Chakraborty, RJafroc: ROC book, section 6.8.

    Ratings of 60 and 50 cases; AUC 0.870452, its standard error 0.0379 (there from the observed
    information, here from the expected). V = sqrt(2) Phi^-1(AUC).
    """
    v, error = v_of([5, 6, 5, 12, 22], [30, 19, 8, 2, 1])
    assert ndtr(v / np.sqrt(2)) == pytest.approx(0.870452157, abs=1e-6)
    assert norm.pdf(v / np.sqrt(2)) * error / np.sqrt(2) == pytest.approx(0.0379, abs=2e-4)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([30, 60, 80, 40], [50, 70, 40, 12]),
        ([12, 9, 14, 8, 3], [25, 7, 5, 2, 1]),
        ([3, 20, 30, 17], [40, 30, 9, 1]),
        ([10, 20, 30], [15, 20, 10]),
        # Of these, scoring alone leaves two thirds of what is missing at each step, or more.
        ([13, 45, 260, 32], [7, 18, 6, 1]),
        ([5, 20, 8, 1], [7, 28, 243, 45]),
        ([34, 103, 607, 79], [10, 34, 15, 1]),
    ],
)
def test_the_fit_is_the_maximum_that_scipy_finds(first, second):
    assert v_of(first, second)[0] == pytest.approx(v_by_scipy(first, second), abs=1e-9)


@given(st.integers(1, 99), st.integers(1, 99))
def test_two_levels_give_the_difference_of_probits(above1, above2):
    v, error = v_of([100 - above1, above1], [100 - above2, above2])
    if above1 == above2:
        assert v == pytest.approx(0, abs=1e-9)
    z1, z2 = norm.ppf(above1 / 100), norm.ppf(above2 / 100)
    assert v == pytest.approx(z1 - z2, abs=1e-9)
    variances = (
        share * (1 - share) / 100 / norm.pdf(z) ** 2
        for share, z in ((above1 / 100, z1), (above2 / 100, z2))
    )
    assert error == pytest.approx(sum(variances) ** 0.5, rel=1e-6)


def simulated(difference, spread, sizes, seed=1):
    """Return counts by four levels of two normal groups, a thousand pairs of them."""
    generator = np.random.default_rng(seed)
    cuts = np.array([-0.7, 0.1, 0.9])
    shares = (
        np.diff(np.r_[0, ndtr(cuts), 1]),
        np.diff(np.r_[0, ndtr((cuts + difference) / spread), 1]),
    )
    return (
        generator.multinomial(n, share, size=1_000) for n, share in zip(sizes, shares, strict=True)
    )


@pytest.mark.parametrize(("difference", "spread"), [(0.0, 1.0), (0.5, 1.0), (0.8, 1.3)])
def test_v_of_normal_scores_is_their_difference_in_standard_deviations(difference, spread):
    v, error = v_statistic(*simulated(difference, spread, (400, 300)))
    true = difference / np.sqrt((1 + spread**2) / 2)
    assert np.mean(v) == pytest.approx(true, abs=0.01)
    assert np.std(v) == pytest.approx(np.mean(error), rel=0.08)


def test_the_standard_error_shrinks_with_the_root_of_the_students():
    first, second = [30, 60, 80, 40], [50, 70, 40, 12]
    _, error = v_of(first, second)
    _, of_many = v_of([100 * n for n in first], [100 * n for n in second])
    assert of_many == pytest.approx(error / 10, rel=1e-6)


@pytest.mark.parametrize(
    ("first", "second"), [([48, 50, 5, 1], [69, 12, 76, 234]), ([1, 30, 175, 58], [4, 92, 2, 43])]
)
def test_groups_that_lie_at_both_ends_have_one_v_whichever_comes_first(first, second):
    """Their likelihood has more than one maximum; of the first pair none is found."""
    v, error = v_of(first, second)
    assert v_of(second, first) == pytest.approx((-v, error), abs=1e-9, nan_ok=True)


LEVELS = st.lists(st.integers(0, 60), min_size=4, max_size=4)


@settings(max_examples=60)
@given(LEVELS, LEVELS)
def test_swapping_the_groups_changes_the_sign(first, second):
    v, error = v_of(first, second)
    swapped, same = v_of(second, first)
    assert np.isnan(v) == np.isnan(swapped)
    if not np.isnan(v):
        assert (swapped, same) == pytest.approx((-v, error), abs=1e-9)


def test_a_level_that_holds_nobody_says_nothing():
    without = v_of([30, 60, 80, 40], [50, 70, 40, 12])
    assert v_of([30, 60, 0, 80, 40, 0], [50, 70, 0, 40, 12, 0]) == pytest.approx(without)


def test_no_students_at_all_have_no_v():
    assert np.isnan(v_statistic([[0, 0, 0]], [[0, 0, 0]])).all()
    assert v_statistic(np.zeros((0, 4)), np.zeros((0, 4)))[0].shape == (0,)


def test_rows_do_not_touch_one_another():
    firsts = [[30, 60, 80, 40], [0, 11, 9, 0], [5, 0, 0, 20], [0, 0, 0, 30]]
    seconds = [[50, 70, 40, 12], [4, 12, 3, 0], [9, 0, 0, 30], [20, 10, 0, 0]]
    together = v_statistic(firsts, seconds)[0]
    alone = [v_of(*pair)[0] for pair in zip(firsts, seconds, strict=True)]
    assert together == pytest.approx(alone, nan_ok=True, abs=1e-12)


@pytest.mark.parametrize("is_told_apart", [True, False])
def test_pairs_of_the_same_counts_are_fitted_once_and_others_never(monkeypatch, is_told_apart):
    if not is_told_apart:
        monkeypatch.setattr(ordinal, "SCATTER", np.uint64(0))
    fitted = []
    fit = ordinal._v_of_kinds
    monkeypatch.setattr(ordinal, "_v_of_kinds", lambda c: fitted.append(c.shape[2]) or fit(c))
    one, other, third = [30, 60, 80, 40], [50, 70, 40, 12], [40, 60, 80, 30]
    v, error = v_statistic([one, other, third, one], [other, one, other, other])
    assert fitted == [2 if is_told_apart else 4]
    assert v[1] == -v[0] and v[3] == v[0] != v[2]
    assert error[0] == error[1] == error[3] != error[2]
    assert v[2] == pytest.approx(v_of(third, other)[0], abs=1e-12)


def test_a_group_in_two_levels_has_the_other_groups_spread():
    """Of 10 and 20 students in two levels no spread can be told; one is fitted for both."""
    v, error = v_of([10, 20, 30, 15], [10, 20, 0, 0])
    assert 0.8 < v < 1.8 and 0 < error < 0.5


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ([0, 0, 0, 0], [5, 10, 10, 5]),
        ([0, 0, 20, 10], [12, 18, 0, 0]),
        ([0, 0, 20, 10], [12, 18, 4, 0]),
        ([0, 30, 0, 0], [0, 40, 0, 0]),
    ],
)
def test_groups_that_do_not_overlap_have_no_v(first, second):
    assert np.isnan(v_of(first, second)).all()
    assert np.isnan(v_of(second, first)).all()


def test_a_likelihood_without_a_maximum_has_no_v():
    """The counts of the second group fit ever better the smaller its spread becomes."""
    assert np.isnan(v_of([7, 0, 17, 9], [15, 8, 14, 0])).all()


def test_a_fit_that_scoring_alone_does_not_end_has_its_v():
    v, error = v_of([13, 45, 260, 32], [7, 18, 6, 1])
    assert v == pytest.approx(1.3881927055, abs=1e-9) and 0 < error < 0.4


def test_the_standard_error_is_that_of_the_information_at_the_maximum():
    """The variance of a and b by numbers: the inverse of J' W J, J the slopes of the shares."""
    first, second = np.array([13, 45, 260, 32]), np.array([7, 18, 6, 1])
    _, error = v_of(first, second)
    found = parameters_by_scipy(first, second)

    def shares(values):
        a, b, *cuts = values
        return [np.diff(np.r_[0, ndtr(z), 1]) for z in (np.array(cuts), b * np.array(cuts) - a)]

    steps = 1e-6 * np.eye(5)
    slopes = np.array(
        [(np.r_[*shares(found + h)] - np.r_[*shares(found - h)]) / 2e-6 for h in steps]
    )
    weights = np.r_[*(n.sum() / p for n, p in zip((first, second), shares(found), strict=True))]
    variance = np.linalg.inv(slopes * weights @ slopes.T)[:2, :2]
    a, b = found[:2]
    along = np.array([-np.sqrt(2 / (1 + b * b)), np.sqrt(2) * a * b * (1 + b * b) ** -1.5])
    assert error == pytest.approx(np.sqrt(along @ variance @ along), rel=1e-6)
