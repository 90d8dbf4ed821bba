"""The formulas against values worked out elsewhere."""

from __future__ import annotations

from fractions import Fraction
from math import isclose

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from transforms.measures import (
    critical_value,
    mean,
    percent,
    wilson_centre_and_half_width,
    wilson_high,
    wilson_low,
)

CON = duckdb.connect()


def bounds(part, whole, confidence=0.95):
    centre, half = wilson_centre_and_half_width("part", "whole", confidence)
    low = wilson_low("part", "whole", f"({centre})", f"({half})")
    high = wilson_high("part", "whole", f"({centre})", f"({half})")
    sql = f"SELECT {low}, {high} FROM (SELECT ?::INTEGER AS part, ?::INTEGER AS whole)"
    return CON.execute(sql, [part, whole]).fetchone()


@pytest.mark.parametrize(
    ("confidence", "z"), [(0.95, 1.959963984540054), (0.90, 1.6448536269514722), (0.5, 0.674490)]
)
def test_critical_values_are_those_of_the_tables(confidence, z):
    assert isclose(critical_value(confidence), z, rel_tol=1e-6)


def test_confidence_is_a_share_not_a_percent():
    with pytest.raises(ValueError, match="95"):
        critical_value(95)


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [
        # R. G. Newcombe, Statistics in Medicine 17 (1998), 857-872, table I, method 3.
        (81, 263, 25.53, 36.62),
        (15, 148, 6.24, 16.05),
        (0, 20, 0.0, 16.11),
        (1, 29, 0.61, 17.18),
    ],
)
def test_wilson_bounds_are_those_that_newcombe_printed(part, whole, low, high):
    found = bounds(part, whole)
    assert [round(value, 2) for value in found] == [low, high]


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
@settings(max_examples=200, deadline=None)
def test_each_bound_is_where_the_score_test_just_rejects(pair):
    """The bounds are the roots in q of (p - q)^2 = z^2 q (1 - q) / n."""
    part, whole = pair
    p, square = Fraction(part, whole), Fraction(critical_value(0.95)) ** 2
    for bound in bounds(part, whole):
        q = Fraction(bound) / 100
        assert isclose(float((p - q) ** 2), float(square * q * (1 - q) / whole), abs_tol=1e-12)


def test_nobody_and_everybody_reach_0_and_100_exactly():
    assert bounds(0, 23)[0] == 0
    assert bounds(23, 23)[1] == 100


def test_nothing_is_defined_for_no_students():
    assert bounds(0, 0) == (None, None)
    sql = f"SELECT {percent('0', '0')}, {mean('0', '0')}"
    assert CON.execute(sql).fetchone() == (None, None)


def test_a_rate_that_is_not_known_has_no_bounds():
    assert bounds(None, 20) == (None, None)


def test_large_counts_do_not_overflow():
    low, high = bounds(1_000_000_000, 2_000_000_000)
    assert low < 50 < high


def test_percent_is_of_a_hundred():
    assert CON.execute(f"SELECT {percent('1', '3')}").fetchone()[0] == 100 / 3
