"""Differences of a unit and what it is compared with, with their intervals and p-values.

A unit is compared with others who are apart from it, or with a whole that it is a part of. The
difference of a part and its whole is (1 - w) times that of the part and the remainder, where w is
the part's share of the students: those are apart, so their interval is known.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from transforms.statistics.multiple import benjamini_hochberg
from transforms.statistics.proportions import (
    newcombe_difference,
    two_proportion_p_value,
    with_two_added,
)

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Apart:
    """Students of a unit and those apart from it: `k` of `n` have reached the standard.

    NaN where either are fewer than a minimum.

    scale: what the difference of their shares is to be multiplied by.
    """

    k: Floats
    n: Floats
    k_apart: Floats
    n_apart: Floats
    scale: Floats

    @classmethod
    def of(
        cls,
        unit: tuple[Floats, Floats],
        other: tuple[Floats, Floats],
        whole: Flags,
        minimum_n: int,
    ) -> Apart:
        """Return a unit and others, or (where `whole`) the unit and the remainder of its whole."""
        (k, n), (k_other, n_other) = unit, other
        k_apart = np.where(whole, k_other - k, k_other)
        n_apart = np.where(whole, n_other - n, n_other)
        is_possible = (k_apart >= 0) & (k_apart <= n_apart)
        is_possible &= (n >= minimum_n) & (n_apart >= minimum_n)
        return cls(
            k,
            n,
            k_apart=np.where(is_possible, k_apart, np.nan),
            n_apart=np.where(is_possible, n_apart, np.nan),
            scale=np.where(whole, n_apart / n_other, 1.0),
        )

    @property
    def difference(self) -> Floats:
        """Return the difference as a share."""
        return np.asarray(self.scale * (self.k / self.n - self.k_apart / self.n_apart))

    def margins(self, confidence: float) -> tuple[Floats, Floats]:
        """Return how far below and above the difference its bounds by Newcombe lie."""
        low, high = newcombe_difference(self.k, self.n, self.k_apart, self.n_apart, confidence)
        return self.difference - self.scale * low, self.scale * high - self.difference

    @property
    def added(self) -> tuple[Floats, Floats]:
        """Return the difference with one success and one failure added to each, its variance."""
        own, own_variance = with_two_added(self.k, self.n)
        apart, apart_variance = with_two_added(self.k_apart, self.n_apart)
        return (
            np.asarray(self.scale * (own - apart)),
            np.asarray(self.scale**2 * (own_variance + apart_variance)),
        )

    @property
    def p_value(self) -> Floats:
        """Return the p-value of the pooled score test."""
        return two_proportion_p_value(self.k, self.n, self.k_apart, self.n_apart)


@dataclass(frozen=True)
class YearContrast:
    """A year's difference: one, or that of English learners less that of English-only students.

    Margins of the latter: those of both, squared and added. Source: G. Y. Zou, A. Donner,
    Construction of confidence limits about effect measures: a general approach, Statistics in
    Medicine 27 (2008), 1693-1702, equation 7.
    """

    one: Apart
    other: Apart
    is_contrast: Flags

    @classmethod
    def of(cls, found: Mapping[str, Floats], year: str, minimum_n: int) -> YearContrast:
        """Return the contrast of columns `u_<year>k`, `u_<year>n`, ... of the rows."""
        whole, contrast = found["is_whole"].astype(bool), found["is_contrast"].astype(bool)

        def apart(end: str) -> Apart:
            sides = ((found[f"{s}_{year}k{end}"], found[f"{s}_{year}n{end}"]) for s in "uc")
            return Apart.of(next(sides), next(sides), whole, minimum_n)

        return cls(apart(""), apart("_other"), contrast)

    @property
    def difference(self) -> Floats:
        """Return the difference as a share."""
        return self._joined(self.one.difference, -self.other.difference)

    @property
    def added(self) -> tuple[Floats, Floats]:
        """Return the difference with one success and one failure added to each, its variance."""
        (one, one_variance), (other, other_variance) = self.one.added, self.other.added
        return self._joined(one, -other), self._joined(one_variance, other_variance)

    def margins(self, confidence: float) -> tuple[Floats, Floats]:
        """Return how far below and above the difference its bounds lie."""
        (below, above), (over, under) = (
            part.margins(confidence) for part in (self.one, self.other)
        )
        low = np.sqrt(self._joined(below**2, under**2))
        return low, np.sqrt(self._joined(above**2, over**2))

    @property
    def p_value(self) -> Floats:
        """Return the p-value of no difference: of two shares pooled, of four as `added`."""
        return np.where(self.is_contrast, normal_p_value(*self.added), self.one.p_value)

    def _joined(self, one: Floats, other: Floats) -> Floats:
        return one + np.where(self.is_contrast, other, 0.0)


def measured(found: Mapping[str, Floats], confidence: float, minimum_n: int) -> dict[str, Floats]:
    """Return, in points, what counts say of each row; NaN where it is not defined.

    `difference_low`, `difference_high`; `did_low`, `did_high`: the margins of the differences of
    both years, squared and added, students of different years being taken for others; `p_value` of
    `did` in a row that spans years, else of the difference; `p_adjusted`.

    Args:
        found: the columns of spans, null as NaN.
        confidence: two-sided.
        minimum_n: students that everything here needs in each cell, of a whole in its remainder.

    Source: G. Y. Zou, A. Donner (see `YearContrast`), of two differences as of two shares.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        now = YearContrast.of(found, "", minimum_n)
        before = YearContrast.of(found, "before_", minimum_n)
        (below, above), (below_then, above_then) = (
            year.margins(confidence) for year in (now, before)
        )
        did = now.difference - before.difference
        p_value = np.where(np.isnan(found["years"]), now.p_value, _p_of_change(now, before))
    return {
        "difference_low": 100 * (now.difference - below),
        "difference_high": 100 * (now.difference + above),
        "did_low": 100 * (did - np.hypot(below, above_then)),
        "did_high": 100 * (did + np.hypot(above, below_then)),
        "p_value": p_value,
        "p_adjusted": benjamini_hochberg(p_value, found["family"], found["hypothesis"]),
    }


def _p_of_change(now: YearContrast, before: YearContrast) -> Floats:
    (change, variance), (then, variance_then) = now.added, before.added
    return normal_p_value(change - then, variance + variance_then)


def normal_p_value(difference: Floats, variance: Floats) -> Floats:
    """Return the two-sided p-value of no difference."""
    return np.asarray(2 * ndtr(-np.abs(difference) / np.sqrt(variance)))
