"""The measures of mart_gap: two groups of students beside each other, for whole columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from configs.mart_models import Marts
from transforms.gap_cells import (
    LEVEL_1,
    PROFICIENT,
    SCORE_SQUARES,
    SCORE_SUM,
    SCORES,
    Flags,
    Floats,
    N,
)
from transforms.statistics.effects import hedges_g, variance
from transforms.statistics.ordinal import v_statistic
from transforms.statistics.proportions import (
    newcombe_difference,
    risk_ratio,
    two_proportion_p_value,
)

# The last step of the fit of V: what is left after it is at most a ten-thousandth of its standard
# error (docs/decisions/0018-gaps.md).
V_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Side:
    """One side of each pair.

    sums: as in CellArrays, one column per pair.
    averages: whether all its scores lie on one scale.
    """

    sums: Floats
    averages: Flags

    @property
    def n(self) -> Floats:
        """Return the students tested."""
        return self.sums[N]

    @property
    def levels(self) -> Floats:
        """Return the students by level, one column per pair."""
        return self.sums[LEVEL_1:]

    @property
    def is_levelled(self) -> Flags:
        """Return whether every student has a level; where not, the group has no rate."""
        return self.levels.sum(axis=0) == self.n

    @property
    def proficient(self) -> Floats:
        """Return the proficient students; NaN where the group has no rate."""
        return np.where(self.is_levelled, self.sums[PROFICIENT], np.nan)

    @property
    def has_mean(self) -> Flags:
        """Return whether every student has a score, all on one scale."""
        return self.averages & (self.sums[SCORES] == self.n)

    def mean(self) -> Floats:
        """Return the mean score; NaN where the group has none."""
        return np.where(self.has_mean, self.sums[SCORE_SUM] / self.n, np.nan)

    def variance(self) -> Floats:
        """Return the sample variance of the scores; NaN where the group has no mean."""
        found = variance(self.n, self.sums[SCORE_SUM], self.sums[SCORE_SQUARES])
        return np.where(self.has_mean, found, np.nan)


def measures(group: Side, other: Side, marts: Marts) -> dict[str, Floats]:
    """Return every measure by its column of mart_gap; NaN where it is not defined.

    `other` is what the group is held against: the reference group, or the rest.
    """
    k, k_other = group.proficient, other.proficient
    given = (k_other, other.n, k, group.n)
    low, high = newcombe_difference(*given, marts.confidence)
    pct, pct_other = 100 * k / group.n, 100 * k_other / other.n
    ratio, ratio_low, ratio_high = risk_ratio(k, group.n, k_other, other.n, marts.confidence)
    not_ratio = _ratio((group.n - k) * other.n, group.n * (other.n - k_other))
    return {
        "n_tested": group.n,
        "n_reference": other.n,
        "pct_proficient": pct,
        "pct_reference": pct_other,
        "gap_points": pct_other - pct,
        "gap_low": 100 * low,
        "gap_high": 100 * high,
        "risk_ratio": ratio,
        "risk_ratio_low": ratio_low,
        "risk_ratio_high": ratio_high,
        "not_proficient_ratio": not_ratio,
        "p_value": two_proportion_p_value(*given),
        **_effects(group, other),
        **_v(group, other, marts.gaps.effect_minimum_n),
    }


def _effects(group: Side, other: Side) -> dict[str, Floats]:
    mean, mean_other = group.mean(), other.mean()
    g, error = hedges_g(
        (other.n, group.n), (mean_other, mean), (other.variance(), group.variance())
    )
    return {
        "mean_scale_score": mean,
        "mean_reference": mean_other,
        "effect_size": g,
        "effect_size_se": error,
    }


def _v(group: Side, other: Side, minimum_n: int) -> dict[str, Floats]:
    v, error = np.full((2, len(group.n)), np.nan)
    enough = (group.n >= minimum_n) & (other.n >= minimum_n)
    rows = np.flatnonzero(enough & group.is_levelled & other.is_levelled)
    if len(rows):
        v[rows], error[rows] = v_statistic(
            other.levels[:, rows].T, group.levels[:, rows].T, V_TOLERANCE
        )
    return {"v": v, "v_se": error}


def _ratio(above: Floats, below: Floats) -> Floats:
    return above / np.where(below > 0, below, np.nan)
