"""The rule of suppression: what is too few, too near to all or none, too narrow."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class SuppressionRule:
    """From how many students a cell is shown, and how near to 0 or 100 its rate is shown.

    `extreme_bands` are (n, limit): from n students on, rates at or below `limit` percent, or at or
    above 100 - `limit`, are coded. `interval` is how wide what can be said of a hidden group's
    counts must be left: no less than so many students on either side.
    """

    minimum_n: int = 11
    extreme_bands: tuple[tuple[int, float], ...] = (
        (11, 20.0),
        (20, 10.0),
        (40, 5.0),
        (100, 2.0),
        (300, 1.0),
    )
    interval: int = 3


def band_limits(
    n: NDArray[np.number], bands: Iterable[tuple[int, float]], below: float
) -> NDArray[np.float64]:
    """Returns the limit, in percent, of the band that each number of students is in.

    Args:
        n: of each group.
        bands: (n, limit) as of `SuppressionRule.extreme_bands`, in any order.
        below: the limit of groups smaller than any band begins with.
    """
    smallest, limits = (np.array(part) for part in zip(*sorted(bands), strict=True))
    band = np.searchsorted(smallest, n, side="right") - 1
    return np.where(band < 0, below, limits[band])


def is_near_end(
    part: NDArray[np.number], whole: NDArray[np.number], limit: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Returns where `part` is within `limit` percent of `whole` from none or all of it."""
    # Products, not quotients: at a limit 100 * 2 / 10 must be exactly 20.
    return 100.0 * np.minimum(part, whole - part) <= limit * whole
