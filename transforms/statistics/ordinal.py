"""The V statistic: how far apart two groups are when only counts by performance level are known.

Two groups are thought of as normal on some scale that the levels cut into bands. The cuts, and mean
and spread of the second group in units of the first, are fitted to the counts by maximum
likelihood, for all rows of the arrays at once. Any monotone change of the scale leaves V as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Rows = NDArray[np.bool_]

TOLERANCE = 1e-10
MOST_STEPS = 50
# A group needs so many bands that hold somebody to show its own spread.
BANDS_FOR_SPREAD = 3
# Students added to each band before the first guess, so that no band of it is empty.
START_COUNT = 0.25
SMALLEST_SHARE = 1e-14


@dataclass(frozen=True)
class Binormal:
    """One binormal ROC curve per column: P(first group < cut) against P(second group < cut).

    The first group is standard normal, the second lies below a cut z with chance Phi(b z - a).
    """

    a: Floats
    b: Floats
    var_a: Floats
    var_b: Floats
    cov_ab: Floats

    def v(self) -> tuple[Floats, Floats]:
        """Return V, positive where the first group is the higher one, and its standard error."""
        spread = 1 + self.b**2
        variance = (
            2 / spread * self.var_a
            + 2 * (self.a * self.b) ** 2 / spread**3 * self.var_b
            - 4 * self.a * self.b / spread**2 * self.cov_ab
        )
        return -np.sqrt(2 / spread) * self.a, np.sqrt(variance)


def v_statistic(
    first: ArrayLike, second: ArrayLike, tolerance: float = TOLERANCE
) -> tuple[Floats, Floats]:
    """Return V of two groups and its standard error, one pair per row.

    V = sqrt(2) Phi^-1(P(first > second)): the difference of two means in standard deviations, if
    both groups are normal on one scale with one spread. The binormal ROC curve is fitted by the
    method of scoring, and the variance of its parameters is the inverse of the expected
    information, carried over to V by the delta method. Levels that hold nobody of either group say
    nothing and are left out. A group in fewer than three levels cannot show its own spread: then
    both spreads are taken as equal. With two levels that is the difference of the probits,
    Phi^-1(p first) - Phi^-1(p second). NaN where a group is empty, where no student of one group is
    in a lower level than any of the other, for then V has no bound, and where else the likelihood
    has no maximum (one pair in sixty of eleven students each, none of sixty and forty).

    Sources: A. D. Ho, S. F. Reardon, Estimating achievement gaps from test scores reported in
    ordinal 'proficiency' categories, Journal of Educational and Behavioral Statistics 37 (2012),
    489-517; S. F. Reardon, A. D. Ho, Practical issues in estimating achievement gaps from coarsened
    data, the same 40 (2015), 158-189 (standard error). D. D. Dorfman, E. Alf, Maximum-likelihood
    estimation of parameters of signal-detection theory and determination of confidence intervals,
    rating-method data, Journal of Mathematical Psychology 6 (1969), 487-496 (the fit). S. F.
    Reardon, B. R. Shear, K. E. Castellano, A. D. Ho, Using heteroskedastic ordered probit models,
    Journal of Educational and Behavioral Statistics 42 (2017), 3-45 (equal spreads where a group is
    in too few levels). D. Anderson, gapr, estimate-v.R (the delta method; what it names v_se is the
    variance).

    Args:
        first: students by level, the lowest first: one row per pair, one column per level.
        second: the same of the other group.
        tolerance: how little a step may change the parameters for the fit to end.
    """
    counts = np.stack([np.asarray(group, dtype=np.float64).T for group in (first, second)])
    counts = _without_empty_levels(counts)
    v, error = np.full((2, counts.shape[2]), np.nan)
    n_bands = (counts.sum(axis=0) > 0).sum(axis=0)
    own_spread = ((counts > 0).sum(axis=1) >= BANDS_FOR_SPREAD).all(axis=0)
    bounded = _overlap(counts)
    for bands in range(2, counts.shape[1] + 1):
        for free in (False, True):
            rows = np.flatnonzero(bounded & (n_bands == bands) & (own_spread == free))
            if len(rows):
                # Every band up to here holds somebody, and none beyond.
                given = counts[:, :bands, rows]
                with np.errstate(all="ignore"):
                    v[rows], error[rows] = _fitted(given, free, tolerance).v()
    return v, error


def _without_empty_levels(counts: Floats) -> Floats:
    """Return the counts (group, level, row) with levels that nobody is in moved to the end.

    Levels that are empty in all rows are left out, the first excepted.
    """
    used: Rows = np.asarray(counts.any(axis=(0, 2)))
    used[0] = True
    counts = counts[:, used]
    empty = counts.sum(axis=0) == 0
    rows = np.flatnonzero(empty.any(axis=0))
    if len(rows):
        order = np.argsort(empty[:, rows], axis=0, kind="stable")
        counts[:, :, rows] = np.take_along_axis(counts[:, :, rows], order[None], axis=1)
    return counts


def _overlap(counts: Floats) -> Rows:
    """Return whether each group has somebody below somebody of the other."""
    held = counts > 0
    levels = counts.shape[1]
    lowest = np.where(held.any(axis=1), held.argmax(axis=1), levels)
    highest = np.where(held.any(axis=1), levels - 1 - held[:, ::-1].argmax(axis=1), -1)
    return (lowest[0] < highest[1]) & (lowest[1] < highest[0])


def _fitted(counts: Floats, free: bool, tolerance: float) -> Binormal:
    """Return the curves by the method of scoring; NaN where the likelihood has no maximum."""
    result = np.full((5, counts.shape[2]), np.nan)
    rows = np.arange(counts.shape[2])
    cuts, a, b = _start(counts, free)
    for _ in range(MOST_STEPS):
        step = _step(counts, cuts, a, b, free)
        scale = _scale(cuts, b, step)
        cuts, a, b = cuts + scale * step.cuts, a + scale * step.a, b + scale * step.b
        largest = step.largest()
        done = largest < tolerance
        result[:, rows[done]] = np.stack([a, b, step.var_a, step.var_b, step.cov_ab])[:, done]
        on = np.flatnonzero(largest >= tolerance)
        if not len(on):
            break
        rows, counts, cuts, a, b = rows[on], counts[:, :, on], cuts[:, on], a[on], b[on]
    return Binormal(*result)


@dataclass(frozen=True)
class _Step:
    """By how much to change cuts, a and b, and the inverse information of a and b."""

    cuts: Floats
    a: Floats
    b: Floats
    var_a: Floats
    var_b: Floats
    cov_ab: Floats

    def largest(self) -> Floats:
        """Return the largest change of any parameter of each row."""
        of_curve = np.maximum(np.abs(self.a), np.abs(self.b))
        return np.maximum(of_curve, np.abs(self.cuts).max(axis=0))


def _start(counts: Floats, free: bool) -> tuple[Floats, Floats, Floats]:
    """Return a first guess: the line through the probits of the two groups' cumulative shares."""
    n = counts.sum(axis=1)
    bands = counts.shape[1]
    below = np.cumsum(counts[:, :-1] + START_COUNT, axis=1)
    first, second = ndtri(below / (n + bands * START_COUNT)[:, None])
    b = np.ones(counts.shape[2])
    if free:
        b = np.clip(second.std(axis=0) / first.std(axis=0), 0.4, 2.5)
    a = b * first.mean(axis=0) - second.mean(axis=0)
    cuts = (n[0] * first + n[1] * b * (second + a)) / (n[0] + n[1] * b**2)
    return cuts, a, b


def _step(counts: Floats, cuts: Floats, a: Floats, b: Floats, free: bool) -> _Step:
    """Return one step of scoring; cuts are eliminated, as their information is tridiagonal."""
    n = counts.sum(axis=1)
    other = b * cuts - a
    f, g = _density(cuts), _density(other)
    slope1, diagonal1, beside1 = _of_cumulative(counts[0], n[0], ndtr(cuts))
    slope2, diagonal2, beside2 = _of_cumulative(counts[1], n[1], ndtr(other))
    gb = g * b
    along_a = _times(diagonal2, beside2, g)
    along_b = _times(diagonal2, beside2, cuts * g)
    right = np.stack([f * slope1 + gb * slope2, -gb * along_a, gb * along_b])
    diagonal = f * f * diagonal1 + gb * gb * diagonal2
    beside = f[:-1] * f[1:] * beside1 + gb[:-1] * gb[1:] * beside2
    solved = _solved(diagonal, beside, right)
    score_a = -(g * slope2).sum(axis=0) - (right[1] * solved[0]).sum(axis=0)
    aa = (g * along_a).sum(axis=0) - (right[1] * solved[1]).sum(axis=0)
    if not free:
        step_a, zero = score_a / aa, np.zeros_like(a)
        return _Step(solved[0] - solved[1] * step_a, step_a, zero, 1 / aa, zero, zero)
    score_b = (cuts * g * slope2).sum(axis=0) - (right[2] * solved[0]).sum(axis=0)
    ab = -(cuts * g * along_a).sum(axis=0) - (right[1] * solved[2]).sum(axis=0)
    bb = (cuts * g * along_b).sum(axis=0) - (right[2] * solved[2]).sum(axis=0)
    determinant = aa * bb - ab * ab
    var_a, var_b, cov = bb / determinant, aa / determinant, -ab / determinant
    step_a, step_b = var_a * score_a + cov * score_b, cov * score_a + var_b * score_b
    step_cuts = solved[0] - solved[1] * step_a - solved[2] * step_b
    return _Step(step_cuts, step_a, step_b, var_a, var_b, cov)


def _density(x: Floats) -> Floats:
    return np.exp(-0.5 * x * x) * (1 / np.sqrt(2 * np.pi))


def _of_cumulative(counts: Floats, n: Floats, below: Floats) -> tuple[Floats, Floats, Floats]:
    """Return slope and information of a group's likelihood in its shares below each cut.

    The information is tridiagonal: its diagonal, and what stands beside it.
    """
    share = np.empty_like(counts)
    share[0] = below[0]
    share[1:-1] = below[1:] - below[:-1]
    share[-1] = 1 - below[-1]
    inverse = 1 / np.maximum(share, SMALLEST_SHARE)
    ratio = counts * inverse
    inverse *= n
    return ratio[:-1] - ratio[1:], inverse[:-1] + inverse[1:], -inverse[1:-1]


def _times(diagonal: Floats, beside: Floats, vector: Floats) -> Floats:
    """Return a symmetric tridiagonal matrix times a vector, per column."""
    product = diagonal * vector
    product[:-1] += beside * vector[1:]
    product[1:] += beside * vector[:-1]
    return product


def _solved(diagonal: Floats, beside: Floats, right: Floats) -> Floats:
    """Return the solutions of a symmetric tridiagonal system, per column."""
    pivot, solution = diagonal.copy(), right.copy()
    last = len(pivot) - 1
    for j in range(last):
        factor = beside[j] / pivot[j]
        pivot[j + 1] -= factor * beside[j]
        solution[:, j + 1] -= factor * solution[:, j]
    solution[:, last] /= pivot[last]
    for j in reversed(range(last)):
        solution[:, j] = (solution[:, j] - beside[j] * solution[:, j + 1]) / pivot[j]
    return solution


def _scale(cuts: Floats, b: Floats, step: _Step) -> Floats:
    """Return by how much to shorten each step so that cuts stay in order and b above 0."""
    scale = np.ones_like(b)
    for _ in range(20):
        moved = cuts + scale * step.cuts
        wrong = (moved[1:] <= moved[:-1]).any(axis=0) | (b + scale * step.b <= 0)
        if not wrong.any():
            break
        scale[wrong] /= 2
    return scale
