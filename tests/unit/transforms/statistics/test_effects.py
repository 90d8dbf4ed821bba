"""Variances from sums and Hedges g agree with NumPy and statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.statistics.effects import hedges_g, variance

meta = pytest.importorskip("statsmodels.stats.meta_analysis")

SCORES = st.lists(st.integers(2_100_000, 2_900_000), min_size=2, max_size=60)


def sums(thousandths):
    whole = [int(score) for score in thousandths]
    return len(whole), sum(whole) / 1e3, sum(score * score for score in whole) / 1e6


@given(SCORES)
def test_the_variance_is_that_of_the_scores(thousandths):
    expected = np.var(np.array(thousandths) / 1e3, ddof=1)
    assert float(variance(*sums(thousandths))) == pytest.approx(expected, rel=1e-9, abs=1e-5)


def test_equal_scores_have_no_variance():
    assert float(variance(*sums([2_431_777] * 7))) == 0.0


def test_one_score_has_no_variance_and_none_has_neither():
    assert np.isnan(variance([1, 0], [2400.0, 0], [2400.0**2, 0])).all()


@given(SCORES, SCORES)
def test_hedges_g_agrees_with_statsmodels(first, second):
    a, b = np.array(first) / 1e3, np.array(second) / 1e3
    if np.var(a) + np.var(b) < 1e-6:
        return
    expected, _ = meta.effectsize_smd(
        a.mean(), a.std(ddof=1), len(a), b.mean(), b.std(ddof=1), len(b)
    )
    g, error = hedges_g(
        (len(a), len(b)), (a.mean(), b.mean()), (np.var(a, ddof=1), np.var(b, ddof=1))
    )
    assert float(g) == pytest.approx(expected, rel=1e-9, abs=1e-12)
    n1, n2 = len(a), len(b)
    by_hand = ((n1 + n2) / (n1 * n2) + expected**2 / (2 * (n1 + n2))) ** 0.5
    assert float(error) == pytest.approx(by_hand, rel=1e-9)


def test_a_published_g():
    """Borenstein, Hedges, Higgins, Rothstein, Introduction to meta-analysis (2009), page 27."""
    g, _ = hedges_g((50, 50), (103.0, 100.0), (5.5**2, 4.5**2))
    assert round(float(g), 4) == 0.5924


def test_groups_without_spread_have_no_effect_size():
    assert np.isnan(hedges_g((12, 15), (2400.0, 2410.0), (0.0, 0.0))).all()
