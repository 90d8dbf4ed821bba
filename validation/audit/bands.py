"""The extreme zone of a rate: so near to 0 or 100 that it tells of single students."""

from __future__ import annotations

import numpy as np

from validation.audit.keys import Flags, Floats
from validation.audit.scheme import Scheme

SLIP = 1e-6


def band(n: Floats, scheme: Scheme) -> Floats:
    """Return how many points from 0 or 100 are extreme for so many students."""
    width = np.full(len(n), scheme.bands[0][1] if scheme.bands else 0.0)
    for least, points in scheme.bands:
        width = np.where(n >= least, points, width)
    return width


def is_extreme(part: Floats, n: Floats, scheme: Scheme) -> Flags:
    """Return whether so many of n students are a rate in the extreme zone; nan is not."""
    least = band(n, scheme) * n / 100 + SLIP
    return (part <= least) | (n - part <= least)
