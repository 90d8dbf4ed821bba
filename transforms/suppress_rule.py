"""The rule of suppression: what is too few, too near to all or none, too narrow."""

from __future__ import annotations

from dataclasses import dataclass


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
