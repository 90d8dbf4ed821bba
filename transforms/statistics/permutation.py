"""What the difference of two sets of units would be had others of them been chosen.

What is asked for: if nothing was done, any as many of the units (schools) could have been those
chosen. Their values need not be alike: a small school's gain varies more than a large one's, and so
would a plain difference of means, the more the smaller the schools on a side are. So what is held
against each other is the difference over its standard error, and the units' values over theirs are
to be exchangeable: a value varies about the same middle with a variance that is inverse to its
weight, and units were not chosen for how it would turn out. Exact where weights are equal, near
where they are not.

Source: E. Chung, J. P. Romano, Exact and asymptotically robust permutation tests, Annals of
Statistics 41 (2013), 484-507: permuted differences of samples of unlike variance must be
studentised; A. Janssen, Statistics & Probability Letters 36 (1997), 9-21.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Differences that are equal but for the last digit are equal, in whatever order they were summed.
ROUNDING = 1e-9
SEED = 1


@dataclass(frozen=True)
class Permuted:
    """Differences of means, each with its two-sided p-value and the bounds of its interval.

    An interval is NaN where there are too few ways for any bound at the confidence asked for.
    """

    difference: Floats
    p_value: Floats
    low: Floats
    high: Floats


def ways_to_choose(chosen: int, others: int, most: int, seed: int = SEED) -> Floats:
    """Return ways to choose so many units: a row for each way, 1 where a unit is chosen, else 0.

    Every way where there are at most `most`; else those really chosen (the first `chosen` columns)
    and `most` ways drawn at random, always the same for the same numbers.

    Source: B. Phipson, G. K. Smyth, Permutation p-values should never be zero, Statistical
    Applications in Genetics and Molecular Biology 9 (2010), article 39: what was observed counts
    as one of the draws.
    """
    units = chosen + others
    if comb(units, chosen) <= most:
        picks = np.array(list(combinations(range(units), chosen)), dtype=np.intp)
    else:
        draws = np.random.default_rng([seed, chosen, others]).random((most, units))
        drawn = np.argpartition(draws, chosen - 1, axis=1)[:, :chosen]
        picks = np.vstack([np.arange(chosen), drawn])
    ways = np.zeros((len(picks), units))
    np.put_along_axis(ways, picks, 1.0, axis=1)
    return ways


def least_p_value(chosen: int, others: int, ways: Floats) -> float:
    """Return the least p-value that so many ways can give.

    Where every way is there and both sides are as many, each has a mirror that is as far from 0.

    >>> least_p_value(1, 4, ways_to_choose(1, 4, 99)), least_p_value(2, 2, ways_to_choose(2, 2, 99))
    (0.2, 0.3333333333333333)
    """
    is_mirrored = chosen == others and len(ways) == comb(chosen + others, chosen)
    return (2 if is_mirrored else 1) / len(ways)


def permuted_difference(
    values: Floats, weights: Floats, chosen: int, ways: Floats, confidence: float
) -> Permuted:
    """Return the weighted mean of the units chosen minus that of the others, for many rows.

    A way's difference D is measured by its standard error. With a variance inverse to the weight
    that is inverse to sqrt(W1 W2 / (W1 + W2)), W1 and W2 the weights of its two sides; s is that of
    the way over that of what was seen, so that D s stands beside the observed d.

    p-value: the share of the ways of which |D s| is at least |d|.

    Interval: all effects e that the same test does not reject, if e were taken from each unit
    chosen. With c the chosen units' share of weight on the one side of a way minus that on the
    other, the way's D s becomes (D - e c) s and the observed d becomes d - e, so the way speaks
    against rejecting e from (d - D s) / (1 - c s) to (d + D s) / (1 + c s), whichever is lower:
    |c| s is at most 1, and 1 only where both sides are the same. The interval ends where at most
    1 - confidence of the ways still do.

    Source: M. D. Ernst, Permutation methods: a basis for exact inference, Statistical Science 19
    (2004), 676-685, section 2 (test and interval by inversion); P. H. Garthwaite, Confidence
    intervals from randomization tests, Biometrics 52 (1996), 1387-1393.

    Args:
        values: a row for each question, a column for each unit, those chosen first.
        weights: above 0, of the same shape.
        chosen: how many units were chosen.
        ways: as of `ways_to_choose`.
        confidence: two-sided.

    Returns:
        All NaN for a row in which a value is NaN.
    """
    difference, own = _differences(values, weights, chosen, ways)
    seen = _observed(values, weights, chosen)
    as_large = np.abs(difference) >= np.abs(seen)[:, None] - ROUNDING
    p_value = np.where(np.isnan(seen), np.nan, as_large.mean(axis=1))
    low, high = _inverted(difference, own, seen, confidence)
    return Permuted(seen, p_value, low, high)


def _differences(
    values: Floats, weights: Floats, chosen: int, ways: Floats
) -> tuple[Floats, Floats]:
    """Return every row's D s and c s in every way (see `permuted_difference`)."""
    weighted = weights * values
    side = _over_ways(weights, ways)
    sums = _over_ways(weighted, ways)
    known = _over_ways(weights[:, :chosen], ways[:, :chosen])
    other = weights.sum(axis=1, keepdims=True) - side
    ours = weights[:, :chosen].sum(axis=1, keepdims=True)
    scale = np.sqrt(side * other / (ours * weights[:, chosen:].sum(axis=1, keepdims=True)))
    difference = sums / side - (weighted.sum(axis=1, keepdims=True) - sums) / other
    own = known / side - (ours - known) / other
    return scale * difference, scale * own


def _over_ways(numbers: Floats, ways: Floats) -> Floats:
    """Return the sum of each row over the units that each way chooses.

    Not by the matrix product of BLAS: its digits depend on how many rows and processors there are,
    and its threads are slow where others want the processors too.
    """
    return np.asarray(np.einsum("ru,wu->rw", numbers, ways))


def _observed(values: Floats, weights: Floats, chosen: int) -> Floats:
    ours, theirs = weights[:, :chosen], weights[:, chosen:]
    mean = (ours * values[:, :chosen]).sum(axis=1) / ours.sum(axis=1)
    return np.asarray(mean - (theirs * values[:, chosen:]).sum(axis=1) / theirs.sum(axis=1))


def _inverted(
    difference: Floats, own: Floats, seen: Floats, confidence: float
) -> tuple[Floats, Floats]:
    """Return the bounds outside which at most 1 - confidence of the ways speak for an effect."""
    count = difference.shape[1]
    needed = int(np.floor((1 - confidence) * count + ROUNDING)) + 1
    is_same = np.abs(own) > 1 - ROUNDING
    with np.errstate(divide="ignore", invalid="ignore"):
        one = (seen[:, None] - difference) / (1 - own)
        two = (seen[:, None] + difference) / (1 + own)
    lows = np.where(is_same, -np.inf, np.minimum(one, two))
    highs = np.where(is_same, np.inf, np.maximum(one, two))
    low = np.partition(lows, needed - 1, axis=1)[:, needed - 1]
    high = -np.partition(-highs, needed - 1, axis=1)[:, needed - 1]
    is_bounded = np.isfinite(low) & np.isfinite(high) & ~np.isnan(seen)
    return np.where(is_bounded, low, np.nan), np.where(is_bounded, high, np.nan)
