"""The limit of a number's band, and what is at or beyond it."""

from __future__ import annotations

import numpy as np
import pytest

from transforms.suppress_rule import band_limits, is_near_end


def test_a_number_has_the_limit_of_the_largest_band_that_it_reaches():
    bands = ((20, 10.0), (11, 20.0))
    found = band_limits(np.array([10, 11, 19, 20, 500]), bands, below=-1.0)
    assert found.tolist() == [-1.0, 20.0, 20.0, 10.0, 10.0]


@pytest.mark.parametrize(
    ("part", "expected"), [(0, True), (2, True), (3, False), (7, False), (8, True), (10, True)]
)
def test_a_part_at_the_limit_is_near_the_end_of_either_side(part, expected):
    assert is_near_end(np.array([part]), np.array([10]), np.array([20.0])).tolist() == [expected]
