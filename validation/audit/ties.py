"""Numbers that belong to others, looked up for a few of them at the cost of those few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from validation.audit.keys import Ints


@dataclass(frozen=True)
class Ties:
    """Of each number from 0 on, those that are tied to it: `tied[start[i]:start[i + 1]]`."""

    start: Ints
    tied: Ints

    @classmethod
    def of(cls, one: Ints, other: Ints, size: int) -> Ties:
        """Return pairs as ties of the first of each, of which all are below `size`."""
        order = np.argsort(one, kind="stable")
        start = np.append(0, np.cumsum(np.bincount(one, minlength=size)))
        return cls(start, other[order])

    def sizes(self, chosen: Ints) -> Ints:
        """Return how many are tied to each of the chosen."""
        return self.start[chosen + 1] - self.start[chosen]

    def pairs(self, chosen: Ints) -> tuple[Ints, Ints]:
        """Return the chosen, each as often as something is tied to it, and what is."""
        sizes = self.sizes(chosen)
        before = np.cumsum(sizes) - sizes
        at = np.arange(sizes.sum()) + np.repeat(self.start[chosen] - before, sizes)
        return np.repeat(chosen, sizes), self.tied[at]
