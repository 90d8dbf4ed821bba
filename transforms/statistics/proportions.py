"""Shares of students: intervals, differences, ratios and a test.

Counts come as arrays (or single numbers) of students with the property, `k`, of all students, `n`.
Results are shares from 0 to 1; NaN where a denominator is 0. `confidence` is two-sided.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]


def wilson(k: ArrayLike, n: ArrayLike, confidence: float) -> tuple[Floats, Floats]:
    """Return lower and upper bound of the Wilson score interval of k / n.

    With p = k / n and z the critical value: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n),
    without continuity correction. Where nobody has the property the lower bound is exactly 0, where
    all have it the upper is exactly 1.

    Source: E. B. Wilson, Probable inference, the law of succession, and statistical inference,
    Journal of the American Statistical Association 22 (1927), 209-212.

    >>> [float(bound.round(4)) for bound in wilson(81, 263, 0.95)]
    [0.2553, 0.3662]
    """
    k, n = _counts(k, n)
    z = critical_value(confidence)
    centre = (k + z * z / 2) / (n + z * z)
    half = z * np.sqrt(k * (n - k) / n + z * z / 4) / (n + z * z)
    low = np.where((k == 0) & (n > 0), 0.0, centre - half)
    high = np.where(k == n, 1.0, centre + half)
    return low, high


def newcombe_difference(
    k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, confidence: float
) -> tuple[Floats, Floats]:
    """Return lower and upper bound of p1 - p2 of two groups that share no student.

    The hybrid score interval: with the Wilson bounds l and u of each share,
    p1 - p2 - sqrt((p1 - l1)² + (u2 - p2)²) to p1 - p2 + sqrt((u1 - p1)² + (p2 - l2)²).

    Source: R. G. Newcombe, Interval estimation for the difference between independent proportions:
    comparison of eleven methods, Statistics in Medicine 17 (1998), 873-890, method 10 and table II.

    >>> [float(bound.round(4)) for bound in newcombe_difference(56, 70, 48, 80, 0.95)]
    [0.0524, 0.3339]
    """
    (k1, n1), (k2, n2) = _counts(k1, n1), _counts(k2, n2)
    (l1, u1), (l2, u2) = wilson(k1, n1, confidence), wilson(k2, n2, confidence)
    p1, p2 = k1 / n1, k2 / n2
    return (
        p1 - p2 - np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2),
        p1 - p2 + np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2),
    )


def newcombe_paired(
    a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike, confidence: float
) -> tuple[Floats, Floats]:
    """Return lower and upper bound of p1 - p2 of the same students at two times.

    With n = a + b + c + d, p1 = (a + b) / n and p2 = (a + c) / n: the Wilson bounds of the two
    shares, put together with their correlation phi, which is corrected for continuity where it is
    positive and 0 where a margin is empty.

    Source: R. G. Newcombe, Improved confidence intervals for the difference between binomial
    proportions based on paired data, Statistics in Medicine 17 (1998), 2635-2650, method 10.

    Args:
        a: students with the property both times.
        b: only the first time.
        c: only the second time.
        d: neither time.
        confidence: two-sided.
    """
    a, b, c, d = (np.asarray(count, dtype=np.float64) for count in (a, b, c, d))
    n = a + b + c + d
    (l1, u1), (l2, u2) = wilson(a + b, n, confidence), wilson(a + c, n, confidence)
    p1, p2 = _over(a + b, n), _over(a + c, n)
    low1, high1, low2, high2 = p1 - l1, u1 - p1, p2 - l2, u2 - p2
    phi = _paired_phi(a, b, c, d)
    below = low1**2 - 2 * phi * low1 * high2 + high2**2
    above = low2**2 - 2 * phi * low2 * high1 + high1**2
    return p1 - p2 - np.sqrt(below), p1 - p2 + np.sqrt(above)


def _paired_phi(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """Return the correlation that method 10 for paired data puts between the two shares."""
    n = a + b + c + d
    margins = (a + b) * (c + d) * (a + c) * (b + d)
    product = a * d - b * c
    corrected = np.where(product > 0, np.maximum(product - n / 2, 0), product)
    return np.where(margins > 0, corrected / np.sqrt(np.where(margins > 0, margins, 1)), 0.0)


def risk_ratio(
    k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike, confidence: float
) -> tuple[Floats, Floats, Floats]:
    """Return p1 / p2, its lower and its upper bound.

    The bounds are those of the logarithm, whose variance is (1-p1)/(n1 p1) + (1-p2)/(n2 p2). NaN
    where p2 is 0; the ratio is 0 and the bounds are NaN where only p1 is. The bounds are NaN too
    where both are 1, as that variance is then 0 whatever the number of students.

    Source: D. Katz, J. Baptista, S. P. Azen, M. C. Pike, Obtaining confidence intervals for the
    risk ratio in cohort studies, Biometrics 34 (1978), 469-474, method C.
    """
    (k1, n1), (k2, n2) = _counts(k1, n1), _counts(k2, n2)
    ratio = _over(k1 * n2, n1 * k2)
    variance = _over(n1 - k1, n1 * k1) + _over(n2 - k2, n2 * k2)
    variance = np.where(variance > 0, variance, np.nan)
    factor = np.exp(critical_value(confidence) * np.sqrt(variance))
    return ratio, ratio / factor, ratio * factor


def two_proportion_p_value(k1: ArrayLike, n1: ArrayLike, k2: ArrayLike, n2: ArrayLike) -> Floats:
    """Return the two-sided p-value of p1 = p2 by the pooled score test.

    z = (p1 - p2) / sqrt(p (1-p) (1/n1 + 1/n2)) with p = (k1 + k2) / (n1 + n2): the variance is the
    one under equal shares, no continuity correction; z² is Pearson's chi-squared of the fourfold
    table. NaN where nobody or everybody of both groups has the property.

    Source: J. L. Fleiss, B. Levin, M. C. Paik, Statistical methods for rates and proportions, 3rd
    edition (2003), section 3.1; K. Pearson, Philosophical Magazine 50 (1900), 157-175.
    """
    (k1, n1), (k2, n2) = _counts(k1, n1), _counts(k2, n2)
    pooled = (k1 + k2) / (n1 + n2)
    spread = pooled * (1 - pooled) * (1 / n1 + 1 / n2)
    z = (k1 / n1 - k2 / n2) / np.sqrt(np.where(spread > 0, spread, np.nan))
    return np.asarray(2 * ndtr(-np.abs(z)))


def with_two_added(k: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return a share with one success and one failure added, and its variance.

    p = (k + 1) / (n + 2) and p (1 - p) / (n + 2), of each sample of a difference: the variance is
    above 0 also where nobody or everybody has the property, where k (n - k) / n**3 says that all is
    known.

    Source: A. Agresti, B. Caffo, Simple and effective confidence intervals for proportions and
    differences of proportions result from adding two successes and two failures, The American
    Statistician 54 (2000), 280-288.

    >>> [float(one.round(4)) for one in with_two_added(0, 8)]
    [0.1, 0.009]
    """
    k, n = _counts(k, n)
    share = (k + 1) / (n + 2)
    return share, np.asarray(share * (1 - share) / (n + 2))


def critical_value(confidence: float) -> float:
    """Return the two-sided standard normal quantile of a confidence level."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence {confidence}: expected a share between 0 and 1")
    return float(ndtri((1 + confidence) / 2))


def _counts(k: ArrayLike, n: ArrayLike) -> tuple[Floats, Floats]:
    """Return both as floats; of no students there is no share, so 0 students become NaN."""
    whole = np.asarray(n, dtype=np.float64)
    return np.asarray(k, dtype=np.float64), np.where(whole > 0, whole, np.nan)


def _over(above: Any, below: Any) -> Floats:
    return above / np.where(below > 0, below, np.nan)
