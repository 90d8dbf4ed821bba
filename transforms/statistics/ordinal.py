"""The V statistic: how far apart two groups are when only counts by performance level are known.

Two groups are thought of as normal on some scale that the levels cut into bands. The cuts, and mean
and spread of the second group in units of the first, are fitted to the counts by maximum
likelihood, for all rows of the arrays at once. Any monotone change of the scale leaves V as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = NDArray[np.bool_]

# Newton's next step is about the square of a step: the fit ends where that is nothing.
TOLERANCE = 1e-5
# Of scoring, and of Newton's.
MOST_STEPS = (50, 10)
# Newton's steps begin where those of scoring are smaller than this: from afar they run away.
NEAR = 0.07
# A group needs so many bands that hold somebody to show its own spread.
BANDS_FOR_SPREAD = 3
# Pairs whose step is computed at a time, so that all it takes stays in the processor's cache.
BLOCK = 8_192
# Students added to each band before the first guess, so that no band of it is empty.
START_COUNT = 0.25
SMALLEST_SHARE = 1e-14
# An odd number whose bits are mixed (2**64 over the golden ratio): spreads counts over 64 bits.
SCATTER = np.uint64(0x9E3779B97F4A7C15)


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


def v_statistic(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Return V of two groups and its standard error, one pair per row.

    V = sqrt(2) Phi^-1(P(first > second)): the difference of two means in standard deviations, if
    both groups are normal on one scale with one spread. The binormal ROC curve is fitted by the
    method of scoring, to the last digits by Newton's, and the variance of its parameters is the
    inverse of the expected information, carried over to V by the delta method. Levels that hold
    nobody of either group say nothing and are left out. A group in fewer than three levels cannot
    show its own spread: then both spreads are taken as equal. With two levels that is the
    difference of the probits, Phi^-1(p first) - Phi^-1(p second). NaN where a group is empty,
    where no student of one group is in a lower level than any of the other, for then V has no
    bound, and where else the likelihood has no maximum (one pair in sixty of eleven students each,
    none of sixty and forty) or so many that no step leads to one (students at both ends).

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
    """
    groups = (np.asarray(group, dtype=np.float64).T for group in (first, second))
    # One level of one group after the other: all below goes over whole levels.
    counts = np.ascontiguousarray(np.stack([*groups]))
    counts = _without_empty_levels(counts)
    is_turned = _turned(counts)
    one_of_kind, kind = _kinds(counts)
    v, error = _v_of_kinds(counts.take(one_of_kind, axis=2))
    return np.where(is_turned, -v[kind], v[kind]), error[kind]


def _kinds(counts: Floats) -> tuple[Ints, Ints]:
    """Return where a pair of each kind is, and the kind of each pair: those of the same counts.

    Of two groups each is the other's rest, turned around, and so the same. Pairs are known by a
    number made of their counts; should two that differ have the same, each pair is a kind.
    """
    groups, levels, pairs = counts.shape
    numbers = np.zeros(pairs, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for level in counts.reshape(groups * levels, pairs).astype(np.uint64):
            numbers = (numbers ^ level) * SCATTER
            numbers ^= numbers >> np.uint64(29)
    order = np.argsort(numbers)
    is_new = np.ones(pairs, dtype=bool)
    is_new[1:] = np.diff(numbers[order]) != 0
    one, kind = order[is_new], np.empty(pairs, dtype=np.int64)
    kind[order] = np.cumsum(is_new) - 1
    if (counts.take(one[kind], axis=2) != counts).any():
        return np.arange(pairs), np.arange(pairs)
    return one, kind


def _v_of_kinds(counts: Floats) -> tuple[Floats, Floats]:
    """Return V and its standard error of pairs (group, level, row) that are not turned."""
    v, error = np.full((2, counts.shape[2]), np.nan)
    n_bands = (counts.sum(axis=0) > 0).sum(axis=0)
    own_spread = ((counts > 0).sum(axis=1) >= BANDS_FOR_SPREAD).all(axis=0)
    bounded = _overlap(counts)
    for bands in range(2, counts.shape[1] + 1):
        for free in (False, True):
            rows = np.flatnonzero(bounded & (n_bands == bands) & (own_spread == free))
            if len(rows):
                # Every band up to here holds somebody, and none beyond.
                given = counts[:, :bands].take(rows, axis=2)
                with np.errstate(all="ignore"):
                    v[rows], error[rows] = _fitted(given, free).v()
    return v, error


def _turned(counts: Floats) -> Rows:
    """Turn pairs around whose first group has fewer in the first level that differs; return which.

    So that a pair and the same turned around are fitted alike, and have V of opposite sign to the
    last digit even where the likelihood has more than one maximum.
    """
    more = counts[0] - counts[1]
    differing = (more != 0).argmax(axis=0)
    is_turned = np.asarray(np.take_along_axis(more, differing[None], axis=0)[0] < 0)
    counts[:, :, is_turned] = counts[::-1, :, is_turned]
    return is_turned


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


def _fitted(counts: Floats, free: bool) -> Binormal:
    """Return the curves of highest likelihood; NaN where there is none.

    Scoring finds the way from afar but may take dozens of steps to the last digits, Newton's steps
    take three; where they lose the way, scoring goes it all.
    """
    start = _start(counts, free)
    curve = _climbed(counts, start, free, NEAR, is_newton=False)
    curve = _climbed(counts, curve, free, TOLERANCE, is_newton=True)
    left = np.flatnonzero(np.isnan(curve.a))
    if len(left):
        of_left = counts.take(left, axis=2), start.of(left), free, TOLERANCE**2
        curve.put(left, _climbed(*of_left, is_newton=False))
    step = _step(counts, curve, free, is_newton=False)
    curve = curve.moved(step)
    return Binormal(curve.a, curve.b, step.var_a, step.var_b, step.cov_ab)


def _climbed(
    counts: Floats, curve: _Curve, free: bool, tolerance: float, *, is_newton: bool
) -> _Curve:
    """Return where the steps have become smaller than the tolerance; NaN where they do not."""
    result = _Curve(*(np.full_like(part, np.nan) for part in (curve.cuts, curve.a, curve.b)))
    rows = np.arange(counts.shape[2])
    for _ in range(MOST_STEPS[is_newton]):
        step = _step(counts, curve, free, is_newton)
        curve = curve.moved(step)
        is_done = step.is_upward & (step.largest() < tolerance)
        if is_done.all() and len(rows) == len(result.a):
            return curve
        on, done = np.flatnonzero(~is_done), np.flatnonzero(is_done)
        result.put(rows[done], curve.of(done))
        if not len(on):
            break
        rows, counts, curve = rows[on], counts.take(on, axis=2), curve.of(on)
    return result


@dataclass(frozen=True)
class _Curve:
    """The cuts between the levels (cut, row), in units of the first group, and a and b."""

    cuts: Floats
    a: Floats
    b: Floats

    def of(self, rows: Ints) -> _Curve:
        """Return the curves of some rows."""
        return _Curve(self.cuts.take(rows, axis=1), self.a[rows], self.b[rows])

    def block(self, rows: slice) -> _Curve:
        """Return the curves of rows that follow one another, nothing copied."""
        return _Curve(self.cuts[:, rows], self.a[rows], self.b[rows])

    def put(self, rows: Ints, curves: _Curve) -> None:
        """Write the curves of some rows into these."""
        self.cuts[:, rows], self.a[rows], self.b[rows] = curves.cuts, curves.a, curves.b

    def moved(self, step: _Step) -> _Curve:
        """Return the curves a step further, shortened where cuts would change places or b end."""
        scale = np.ones_like(self.b)
        for _ in range(20):
            moved = self.cuts + scale * step.cuts
            wrong = (moved[1:] <= moved[:-1]).any(axis=0) | (self.b + scale * step.b <= 0)
            if not wrong.any():
                break
            scale[wrong] /= 2
        return _Curve(
            self.cuts + scale * step.cuts, self.a + scale * step.a, self.b + scale * step.b
        )


@dataclass(frozen=True)
class _Step:
    """By how much to change cuts, a and b, and the inverse information of a and b.

    is_upward: whether the information is positive definite, so that the step leads to a maximum.
    """

    cuts: Floats
    a: Floats
    b: Floats
    var_a: Floats
    var_b: Floats
    cov_ab: Floats
    is_upward: Rows

    @classmethod
    def together(cls, steps: Sequence[_Step]) -> _Step:
        """Return the steps of all blocks, in their order."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(s, n) for s in steps], axis=-1) for n in names))

    def largest(self) -> Floats:
        """Return the largest change of any parameter of each row."""
        of_curve = np.maximum(np.abs(self.a), np.abs(self.b))
        return np.maximum(of_curve, np.abs(self.cuts).max(axis=0))


def _start(counts: Floats, free: bool) -> _Curve:
    """Return a first guess: the line through the probits of the two groups' cumulative shares."""
    n = counts.sum(axis=1)
    bands = counts.shape[1]
    below = counts[:, :-1] + START_COUNT
    for cut in range(1, bands - 1):
        below[:, cut] += below[:, cut - 1]
    below /= (n + bands * START_COUNT)[:, None]
    probits = ndtri(below)
    first, second = probits
    middle = _total(first) / (bands - 1), _total(second) / (bands - 1)
    b = np.ones(counts.shape[2])
    if free:
        around = (one - mean for one, mean in zip(probits, middle, strict=True))
        squares, other_squares = (_product(one, one) for one in around)
        b = np.clip(np.sqrt(other_squares / squares), 0.4, 2.5)
    a = b * middle[0] - middle[1]
    cuts = (n[0] * first + n[1] * b * (second + a)) / (n[0] + n[1] * b**2)
    return _Curve(cuts, a, b)


def _step(counts: Floats, curve: _Curve, free: bool, is_newton: bool) -> _Step:
    """Return one step of all pairs, computed block by block."""
    starts = range(0, counts.shape[2], BLOCK)
    blocks = [slice(start, start + BLOCK) for start in starts]
    steps = [_block_step(counts[:, :, one], curve.block(one), free, is_newton) for one in blocks]
    return steps[0] if len(steps) == 1 else _Step.together(steps)


def _block_step(counts: Floats, curve: _Curve, free: bool, is_newton: bool) -> _Step:
    """Return one step; cuts are eliminated, as their information is tridiagonal.

    Args:
        counts: group, level, row.
        curve: where the step begins.
        free: whether b is fitted.
        is_newton: whether by the observed information, not by the expected one (scoring).
    """
    n, cuts, b = counts.sum(axis=1), curve.cuts, curve.b
    other = b * cuts - curve.a
    f, g = _density(cuts), _density(other)
    slope1, diagonal1, beside1 = _of_cumulative(counts[0], n[0], ndtr(cuts), is_newton)
    slope2, diagonal2, beside2 = _of_cumulative(counts[1], n[1], ndtr(other), is_newton)
    slope1, slope2, gb = f * slope1, g * slope2, g * b
    along_a = g * _times(diagonal2, beside2, g)
    along_b = g * _times(diagonal2, beside2, cuts * g)
    diagonal = f * f * diagonal1 + gb * gb * diagonal2
    if is_newton:
        # The densities bend, and a cut and b multiply one another.
        bend = slope2 * other
        along_a += bend
        along_b += cuts * bend
        diagonal += cuts * slope1 + b * b * bend
    right = np.empty((3, *cuts.shape))
    np.add(slope1, b * slope2, out=right[0])
    np.multiply(-b, along_a, out=right[1])
    np.multiply(b, along_b, out=right[2])
    if is_newton:
        right[2] -= slope2
    beside = f[:-1] * f[1:] * beside1 + gb[:-1] * gb[1:] * beside2
    solved, is_upward = _solved(diagonal, beside, right)
    score_a = -_total(slope2) - _product(right[1], solved[0])
    aa = _total(along_a) - _product(right[1], solved[1])
    if not free:
        step_a, zero = score_a / aa, np.zeros_like(b)
        step_cuts = solved[0] - solved[1] * step_a
        return _Step(step_cuts, step_a, zero, 1 / aa, zero, zero, is_upward & (aa > 0))
    score_b = _product(cuts, slope2) - _product(right[2], solved[0])
    ab = -_product(cuts, along_a) - _product(right[1], solved[2])
    bb = _product(cuts, along_b) - _product(right[2], solved[2])
    determinant = aa * bb - ab * ab
    var_a, var_b, cov = bb / determinant, aa / determinant, -ab / determinant
    step_a, step_b = var_a * score_a + cov * score_b, cov * score_a + var_b * score_b
    step_cuts = solved[0] - solved[1] * step_a - solved[2] * step_b
    is_upward &= (aa > 0) & (determinant > 0)
    return _Step(step_cuts, step_a, step_b, var_a, var_b, cov, is_upward)


def _total(rows: Floats) -> Floats:
    return np.einsum("ij->j", rows)


def _product(first: Floats, second: Floats) -> Floats:
    """Return the sum of the products of each column."""
    return np.einsum("ij,ij->j", first, second)


def _density(x: Floats) -> Floats:
    return np.exp(-0.5 * x * x) * (1 / np.sqrt(2 * np.pi))


def _of_cumulative(
    counts: Floats, n: Floats, below: Floats, is_newton: bool
) -> tuple[Floats, Floats, Floats]:
    """Return slope and information of a group's likelihood in its shares below each cut.

    The information is tridiagonal: its diagonal, and what stands beside it.
    """
    share = np.empty_like(counts)
    share[0] = below[0]
    share[1:-1] = below[1:] - below[:-1]
    share[-1] = 1 - below[-1]
    inverse = 1 / np.maximum(share, SMALLEST_SHARE)
    ratio = counts * inverse
    inverse *= ratio if is_newton else n
    return ratio[:-1] - ratio[1:], inverse[:-1] + inverse[1:], -inverse[1:-1]


def _times(diagonal: Floats, beside: Floats, vector: Floats) -> Floats:
    """Return a symmetric tridiagonal matrix times a vector, per column."""
    product = diagonal * vector
    product[:-1] += beside * vector[1:]
    product[1:] += beside * vector[:-1]
    return product


def _solved(diagonal: Floats, beside: Floats, right: Floats) -> tuple[Floats, Rows]:
    """Return the solutions of a symmetric tridiagonal system, and whether it is positive definite.

    Per column.
    """
    pivot, solution = diagonal.copy(), right.copy()
    last = len(pivot) - 1
    for j in range(last):
        factor = beside[j] / pivot[j]
        pivot[j + 1] -= factor * beside[j]
        solution[:, j + 1] -= factor * solution[:, j]
    solution[:, last] /= pivot[last]
    for j in reversed(range(last)):
        solution[:, j] = (solution[:, j] - beside[j] * solution[:, j + 1]) / pivot[j]
    return solution, np.asarray((pivot > 0).all(axis=0))
