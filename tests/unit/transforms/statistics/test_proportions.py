"""Intervals and tests of shares agree with statsmodels, SciPy and published examples."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from transforms.statistics import proportions as p

statsmodels = pytest.importorskip("statsmodels.stats.proportion")
tables = pytest.importorskip("statsmodels.stats.contingency_tables")

CONFIDENCE = 0.95
NEAR = {"rel": 1e-9, "abs": 1e-9}


@st.composite
def shares(draw):
    n = draw(st.integers(1, 5_000))
    return draw(st.integers(0, n)), n


@given(shares(), st.sampled_from([0.8, 0.95, 0.99]))
def test_wilson_agrees_with_statsmodels(share, confidence):
    expected = statsmodels.proportion_confint(*share, alpha=1 - confidence, method="wilson")
    assert [float(bound) for bound in p.wilson(*share, confidence)] == pytest.approx(
        [float(bound) for bound in expected], **NEAR
    )


def test_wilson_bounds_of_nobody_and_of_all_are_exactly_0_and_1():
    low, high = p.wilson([0, 12], [11, 12], CONFIDENCE)
    assert (low[0], high[1]) == (0.0, 1.0)
    assert 0 < high[0] < 1 and 0 < low[1] < 1


def test_no_students_have_no_interval():
    assert np.isnan(p.wilson(0, 0, CONFIDENCE)).all()
    assert np.isnan(p.newcombe_difference(0, 0, 3, 4, CONFIDENCE)).all()


@given(shares(), shares())
def test_newcombe_agrees_with_statsmodels(first, second):
    expected = statsmodels.confint_proportions_2indep(
        *first, *second, method="newcomb", compare="diff", alpha=1 - CONFIDENCE
    )
    found = p.newcombe_difference(*first, *second, CONFIDENCE)
    assert [float(bound) for bound in found] == pytest.approx(list(map(float, expected)), **NEAR)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Newcombe 1998, table II, examples (a), (b) and (d), method 10.
        ((56, 70, 48, 80), (0.0524, 0.3339)),
        ((9, 10, 3, 10), (0.1705, 0.8090)),
        ((5, 56, 0, 29), (-0.0381, 0.1926)),
    ],
)
def test_newcombe_agrees_with_the_published_examples(counts, expected):
    found = p.newcombe_difference(*counts, CONFIDENCE)
    assert [round(float(bound), 4) for bound in found] == list(expected)


@given(shares(), shares())
def test_swapping_the_groups_changes_the_sign(first, second):
    low, high = p.newcombe_difference(*first, *second, CONFIDENCE)
    swapped = p.newcombe_difference(*second, *first, CONFIDENCE)
    assert (-float(high), -float(low)) == pytest.approx(list(map(float, swapped)), abs=1e-12)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        # Altman, Machin, Bryant, Gardner, Statistics with confidence (2000), table 6.2.
        ((14, 5, 0, 22), (0.011, 0.226)),
        # Fagerland, Lydersen, Laake, Statistical analysis of contingency tables (2017), chapter 8.
        ((1, 1, 7, 12), (-0.507, -0.026)),
    ],
)
def test_paired_newcombe_agrees_with_published_examples(counts, expected):
    found = p.newcombe_paired(*counts, CONFIDENCE)
    assert [round(float(bound), 3) for bound in found] == list(expected)


def test_paired_newcombe_by_hand():
    """Method 10 written out: Wilson bounds of 19 and 14 in 41, and phi of the fourfold table."""
    (l1, u1), (l2, u2) = (
        statsmodels.proportion_confint(k, 41, alpha=0.05, method="wilson") for k in (19, 14)
    )
    phi = (14 * 22 - 41 / 2) / np.sqrt(19 * 22 * 14 * 27)
    below = (19 / 41 - l1) ** 2 + (u2 - 14 / 41) ** 2
    below -= 2 * phi * (19 / 41 - l1) * (u2 - 14 / 41)
    above = (14 / 41 - l2) ** 2 + (u1 - 19 / 41) ** 2
    above -= 2 * phi * (14 / 41 - l2) * (u1 - 19 / 41)
    expected = 5 / 41 - np.sqrt(below), 5 / 41 + np.sqrt(above)
    assert p.newcombe_paired(14, 5, 0, 22, CONFIDENCE) == pytest.approx(expected, **NEAR)


def test_paired_newcombe_without_a_margin_takes_no_correlation():
    low, high = p.newcombe_paired(10, 0, 0, 0, CONFIDENCE)
    alone = p.newcombe_difference(10, 10, 10, 10, CONFIDENCE)
    assert (float(low), float(high)) == pytest.approx([float(bound) for bound in alone])


@given(
    shares().filter(lambda share: 0 < share[0] < share[1]),
    shares().filter(lambda share: 0 < share[0] < share[1]),
)
def test_risk_ratio_agrees_with_statsmodels(first, second):
    (k1, n1), (k2, n2) = first, second
    table = tables.Table2x2([[k1, n1 - k1], [k2, n2 - k2]], shift_zeros=False)
    expected = (table.riskratio, *table.riskratio_confint(1 - CONFIDENCE))
    found = p.risk_ratio(*first, *second, CONFIDENCE)
    assert [float(value) for value in found] == pytest.approx(list(map(float, expected)), rel=1e-9)


def test_the_ratio_of_two_groups_of_which_everybody_is_proficient_has_no_bounds():
    ratio, low, high = p.risk_ratio([20, 20, 19], [20, 20, 20], [30, 29, 30], [30] * 3, CONFIDENCE)
    assert ratio[0] == 1 and np.isnan([low[0], high[0]]).all()
    assert (low[1:] < ratio[1:]).all() and (ratio[1:] < high[1:]).all()


def test_risk_ratio_of_nobody():
    ratio, low, high = p.risk_ratio([0, 3], [20, 20], [5, 0], [20, 20], CONFIDENCE)
    assert ratio[0] == 0 and np.isnan([low[0], high[0]]).all()
    assert np.isnan([ratio[1], low[1], high[1]]).all()


@given(shares(), shares())
def test_the_p_value_is_that_of_the_pooled_test_and_of_pearson(first, second):
    (k1, n1), (k2, n2) = first, second
    found = float(p.two_proportion_p_value(*first, *second))
    if k1 + k2 in (0, n1 + n2):
        assert np.isnan(found)
        return
    _, pooled = statsmodels.proportions_ztest([k1, k2], [n1, n2])
    table = [[k1, n1 - k1], [k2, n2 - k2]]
    pearson = stats.chi2_contingency(table, correction=False).pvalue
    assert found == pytest.approx(float(pooled), rel=1e-9, abs=1e-12)
    assert found == pytest.approx(float(pearson), rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_a_confidence_is_a_share(confidence):
    with pytest.raises(ValueError, match="share between 0 and 1"):
        p.wilson(1, 2, confidence)


@given(shares(), shares())
def test_shares_with_two_added_give_agresti_and_caffos_interval(one, other):
    (share, variance), (share_2, variance_2) = p.with_two_added(*one), p.with_two_added(*other)

    half = p.critical_value(CONFIDENCE) * np.sqrt(variance + variance_2)
    expected = statsmodels.confint_proportions_2indep(
        *one, *other, method="agresti-caffo", compare="diff", alpha=1 - CONFIDENCE
    )
    found = (share - share_2 - half, share - share_2 + half)
    assert [float(bound) for bound in found] == pytest.approx(expected, **NEAR)
    assert variance > 0
