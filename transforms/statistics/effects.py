"""Differences of means in standard deviations, from sums over students."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]

# Below this share of the squared mean a variance is what rounding has left of equal scores.
ROUNDING = 1e-13


def variance(n: ArrayLike, total: ArrayLike, squares: ArrayLike) -> Floats:
    """Return the sample variance (over n - 1) of n values from their sum and sum of squares.

    Never below 0: where all values are equal the difference of two large sums is noise, which is
    taken for what it is, 0. NaN where there are fewer than two values.

    Source: T. F. Chan, G. H. Golub, R. J. LeVeque, Algorithms for computing the sample variance:
    analysis and recommendations, The American Statistician 37 (1983), 242-247. Their warning is of
    sums in floating point; the sums of the cells are whole numbers, so that only the subtraction
    rounds.

    >>> float(variance(3, 9.0, 29.0))
    1.0
    """
    n, total, squares = _floats(n), _floats(total), _floats(squares)
    mean = total / np.where(n > 0, n, np.nan)
    around = squares - mean * total
    around = np.where(around > ROUNDING * squares, around, 0.0)
    return around / np.where(n > 1, n - 1, np.nan)


def hedges_g(
    counts: tuple[ArrayLike, ArrayLike],
    means: tuple[ArrayLike, ArrayLike],
    variances: tuple[ArrayLike, ArrayLike],
) -> tuple[Floats, Floats]:
    """Return (mean 1 - mean 2) in pooled standard deviations, corrected, and its standard error.

    g = (1 - 3 / (4 (n1 + n2) - 9)) d, with d = (m1 - m2) / s and s² the pooled variance
    ((n1-1) s1² + (n2-1) s2²) / (n1 + n2 - 2). Its variance is about
    (n1 + n2) / (n1 n2) + g² / (2 (n1 + n2)). NaN where the pooled variance is 0.

    Source: L. V. Hedges, I. Olkin, Statistical methods for meta-analysis (1985), pages 78 to 86,
    equations 5.7 (the correction, as approximated there) and 5.14 (the variance).

    Args:
        counts: students of each group.
        means: mean of each group.
        variances: sample variance of each group.
    """
    n1, n2 = map(_floats, counts)
    v1, v2 = map(_floats, variances)
    n = n1 + n2
    pooled = ((n1 - 1) * v1 + (n2 - 1) * v2) / (n - 2)
    difference = _floats(means[0]) - _floats(means[1])
    g = (1 - 3 / (4 * n - 9)) * difference / np.sqrt(np.where(pooled > 0, pooled, np.nan))
    return g, np.sqrt(n / (n1 * n2) + g * g / (2 * n))


def _floats(values: ArrayLike) -> Floats:
    return np.asarray(values, dtype=np.float64)
