"""What shown sets tell about the others.

Kept as one random table that satisfies every line and is zero at every shown set. What the shown
sets give away is zero in all such tables, so in this one too; what they do not is zero in it in one
of 2**61 cases, and then a set too many is hidden.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Sequence

import numpy as np

from transforms.suppress_elimination import PRIME, Solved, Terms, inverse
from transforms.suppress_lines import Flags

SEED = 20


class Knowledge:
    """Shows sets one by one, in the order of `solved`, as long as no guarded one is given away."""

    def __init__(self, solved: Solved, guarded: Flags, unions: Sequence[Sequence[int]]) -> None:
        """Starts with nothing shown.

        Args:
            solved: the lines.
            guarded: the sets that must not be given away; none of them is asked to be shown.
            unions: groups of sets of which the sum must not be given away either.
        """
        count = len(solved.order)
        numbers = range(count, count + len(unions))
        self._unions = set(numbers)
        own: dict[int, Terms] = {
            number: [(part, 1) for part in union]
            for number, union in zip(numbers, unions, strict=True)
        }
        self._terms = {**solved.terms, **own}
        order = [*solved.order, *numbers]
        self._place = [0] * len(order)
        for place, chosen in enumerate(order):
            self._place[chosen] = place
        self._sums: list[Terms] = [[] for _ in order]
        for chosen, terms in self._terms.items():
            self._link(chosen, terms)
        self._shown = [False] * len(order)
        self._value = self._random_table(order)
        self.guard(guarded)

    def guard(self, guarded: Flags) -> None:
        """Guards these sets from now on, which are not given away so far, in place of others."""
        self._guarded = self._unions.union(np.flatnonzero(guarded).tolist())

    def show(self, chosen: int) -> bool:
        """Shows the set and returns True, or leaves all as it is where that gives one away."""
        if chosen not in self._terms:
            return self._shift(chosen, chosen, -self._value[chosen])
        if not self._value[chosen]:
            self._shown[chosen] = True
            return True
        open_terms = self._open_terms(chosen)
        # The last of them, so that it comes to be a sum of earlier ones as all others are.
        last = max(open_terms, key=self._place.__getitem__)
        scale = -inverse(open_terms.pop(last))
        if not self._shift(chosen, last, self._value[chosen] * scale):
            return False
        self._terms[last] = [(term, weight * scale % PRIME) for term, weight in open_terms.items()]
        self._link(last, self._terms[last])
        return True

    def _link(self, chosen: int, terms: Terms) -> None:
        for term, weight in terms:
            self._sums[term].append((chosen, weight))

    def _random_table(self, order: list[int]) -> list[int]:
        chance = random.Random(SEED)
        value = [0] * len(order)
        for chosen in order:
            terms = self._terms.get(chosen)
            if terms is None:
                value[chosen] = chance.randrange(1, PRIME)
            else:
                value[chosen] = sum(weight * value[term] for term, weight in terms) % PRIME
        return value

    def _shift(self, chosen: int, free: int, step: int) -> bool:
        """Adds `step` to a free set and what is a sum of it, and `chosen` is shown by that.

        Nothing is changed where a guarded set would be zero.
        """
        steps = self._steps(free, step)
        if steps is None:
            return False
        for moved, by in steps.items():
            self._value[moved] = (self._value[moved] + by) % PRIME
        self._shown[chosen] = True
        return True

    def _steps(self, free: int, step: int) -> dict[int, int] | None:
        """Returns by how much each set moves, or None where a guarded one would be zero."""
        steps = {free: step}
        waiting = [(self._place[free], free)]
        while waiting:
            moved = heapq.heappop(waiting)[1]
            step = steps[moved] = steps[moved] % PRIME
            if not step:
                continue
            if moved in self._guarded and self._value[moved] + step == PRIME:
                return None
            for total, weight in self._sums[moved]:
                if total in steps:
                    steps[total] += weight * step
                elif not self._shown[total]:
                    steps[total] = weight * step
                    heapq.heappush(waiting, (self._place[total], total))
        return steps

    def _open_terms(self, chosen: int) -> dict[int, int]:
        """Returns the set as a sum of free sets that are not shown."""
        weights = {chosen: 1}
        waiting = [(-self._place[chosen], chosen)]
        free: dict[int, int] = {}
        while waiting:
            part = heapq.heappop(waiting)[1]
            weight = weights.pop(part) % PRIME
            if part not in self._terms:
                free[part] = weight
                continue
            for term, factor in self._terms[part]:
                if term in weights:
                    weights[term] += weight * factor
                elif not self._shown[term]:
                    weights[term] = weight * factor
                    heapq.heappush(waiting, (-self._place[term], term))
        return {part: weight for part, weight in free.items() if weight}
