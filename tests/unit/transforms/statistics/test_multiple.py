"""Benjamini-Hochberg against SciPy and statsmodels, family by family."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control
from statsmodels.stats.multitest import multipletests

from transforms.statistics.multiple import benjamini_hochberg

RNG = np.random.default_rng(7)


@pytest.mark.parametrize("size", [1, 2, 40])
def test_one_family_agrees_with_scipy_and_statsmodels(size):
    p = np.round(RNG.random(size) ** 3, 2)

    adjusted = benjamini_hochberg(p, np.ones(size))

    assert adjusted == pytest.approx(false_discovery_control(p, method="bh"), abs=1e-12)
    assert adjusted == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


def test_families_are_adjusted_apart_and_a_missing_value_is_not_counted():
    p, family = RNG.random(30), RNG.integers(3, 6, 30)
    p[::7] = np.nan

    adjusted = benjamini_hochberg(p, family)

    for one in (3, 4, 5):
        known = (family == one) & ~np.isnan(p)
        assert adjusted[known] == pytest.approx(false_discovery_control(p[known]), abs=1e-12)
    assert np.isnan(adjusted[::7]).all()


def test_what_is_tested_twice_in_a_family_counts_once():
    p, test = np.round(RNG.random(8), 3), [1, 2, 3, 4, 5, 6, 7, 8]

    twice = benjamini_hochberg([*p, *p[:5], p[0]], [1] * 14, [*test, *test[:5], 1])

    assert twice[:8] == pytest.approx(false_discovery_control(p), abs=1e-12)
    assert twice[8:].tolist() == [*twice[:5], twice[0]]
    # In another family it is another test; a missing value hides nothing that stands beside it.
    apart = benjamini_hochberg([0.01, 0.01, np.nan], [1, 2, 1], [1, 1, 1])
    assert apart[:2].tolist() == [0.01, 0.01] and np.isnan(apart[2])


def test_of_no_values_nothing_is_adjusted():
    assert benjamini_hochberg([], []).size == 0
    assert np.isnan(benjamini_hochberg([np.nan], [1])).all()


def test_the_first_published_example_rejects_four_at_five_percent():
    # Benjamini and Hochberg (1995), section 3.2: 15 ordered p-values, the first four are rejected.
    p = [
        *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
        *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000),
    ]

    assert (benjamini_hochberg(p, np.zeros(15)) <= 0.05).sum() == 4
