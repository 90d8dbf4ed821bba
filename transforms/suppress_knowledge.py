"""What shown sets tell about the others.

Kept as one random table that satisfies every line and is zero at every shown set. What the shown
sets give away is zero in all such tables, so in this one too; what they do not is zero in it in one
of 2**61 cases, and then a set too many is hidden.
"""

from __future__ import annotations

import heapq
import random

import numpy as np

from transforms.suppress_elimination import PRIME, Solved, Terms, inverse, reduced
from transforms.suppress_sets import Flags

SEED = 20
LOOKED_AT = 40


class Knowledge:
    """Shows sets one by one, as long as no guarded one is given away."""

    def __init__(self, solved: Solved, first: Flags, guarded: Flags) -> None:
        """Starts with the free ones of the first sets shown, those left out that must be.

        Args:
            solved: the lines, the first sets shown before all others.
            first: the sets to start with.
            guarded: the sets that must not be given away; none of them is asked to be shown.
        """
        self._order, self._terms = solved.order, dict(solved.terms)
        self._place = [0] * len(solved.order)
        for place, chosen in enumerate(solved.order):
            self._place[chosen] = place
        free = [chosen for chosen in solved.order if first[chosen] and chosen not in self._terms]
        self._show_free(free)
        self._leave_out(free, guarded)
        self._merge_twins()
        self._guarded = [False] * len(self._place)
        for chosen in np.flatnonzero(guarded).tolist():
            self.keep(chosen)

    def knows(self, chosen: int) -> bool:
        """Returns whether the set is shown, or follows from those that are."""
        return not self._value[self._same[chosen]]

    def keep(self, chosen: int) -> None:
        """Guards one more set, which is not given away so far."""
        self._guarded[self._same[chosen]] = True

    def show(self, chosen: int) -> bool:
        """Shows the set and returns True, or leaves all as it is where that gives one away."""
        twin = self._same[chosen]
        if not self._value[twin]:
            return True
        return not self._guarded[twin] and self._show_unknown(twin)

    def _show_unknown(self, chosen: int) -> bool:
        if chosen not in self._terms:
            return self._shift(chosen, chosen, -self._value[chosen])
        open_terms = self._open_terms(chosen)
        # The last of them, so that it comes to be a sum of earlier ones as all others are.
        last = max(open_terms, key=self._place.__getitem__)
        scale = -inverse(open_terms.pop(last))
        if not self._shift(chosen, last, self._value[chosen] * scale):
            return False
        self._terms[last] = [(part, reduced(by * scale)) for part, by in open_terms.items()]
        self._link(last)
        return True

    def _show_free(self, free: list[int]) -> None:
        """Shows free sets, and makes a table that is zero there."""
        self._shown = [False] * len(self._place)
        for chosen in free:
            self._shown[chosen] = True
        chance = random.Random(SEED)
        self._value = [0] * len(self._place)
        for chosen in self._order:
            terms = self._terms.get(chosen)
            if terms is not None:
                self._value[chosen] = self._total(terms)
            elif not self._shown[chosen]:
                self._value[chosen] = chance.randrange(1, PRIME)

    def _total(self, terms: Terms) -> int:
        value = self._value
        return sum([weight * value[term] for term, weight in terms]) % PRIME

    def _leave_out(self, free: list[int], guarded: Flags) -> None:
        """Shows fewer of the free sets: of what each guarded one is a sum of, one stays open.

        As they are free, a guarded one is given away if and only if all it is a sum of are shown.
        The last of these is left out, unless one of them has been already. Few of them give away
        many, so some guarded ones are looked at, and then a new table tells which are left.
        """
        watched = np.flatnonzero(guarded).tolist()
        left_out: set[int] = set()
        while given_away := [chosen for chosen in watched if not self._value[chosen]]:
            self._shown = [False] * len(self._place)
            for chosen in given_away[:: 1 + len(given_away) // LOOKED_AT]:
                parts = self._open_terms(chosen)
                if left_out.isdisjoint(parts):
                    left_out.add(max(parts, key=self._place.__getitem__))
            self._show_free([chosen for chosen in free if chosen not in left_out])

    def _merge_twins(self) -> None:
        """Puts the first of those that are the same up to the sign for all, and drops the known.

        Two sets that are not the same have the same number in one of 2**61 tables.
        """
        twin_of = self._twins()
        self._same = [twin_of.get(chosen, (chosen, 1))[0] for chosen in range(len(self._place))]
        self._order = [chosen for chosen in self._order if twin_of.get(chosen) == (chosen, 1)]
        kept = ((chosen, self._terms.get(chosen)) for chosen in self._order)
        self._terms = {
            chosen: _merged(terms, twin_of) for chosen, terms in kept if terms is not None
        }
        self._sums: list[Terms] = [[] for _ in self._place]
        for chosen in self._terms:
            self._link(chosen)

    def _twins(self) -> dict[int, tuple[int, int]]:
        """Returns for each set that is not known the first that is the same, and the sign."""
        first_of: dict[int, int] = {}
        twin_of = {}
        for chosen in self._order:
            value = self._value[chosen]
            if value:
                first = first_of.setdefault(min(value, PRIME - value), chosen)
                twin_of[chosen] = (first, 1 if self._value[first] == value else -1)
        return twin_of

    def _link(self, chosen: int) -> None:
        for term, weight in self._terms[chosen]:
            self._sums[term].append((chosen, weight))

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
            if self._guarded[moved] and self._value[moved] + step == PRIME:
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
            weight = reduced(weights.pop(part))
            if part not in self._terms:
                free[part] = weight
                continue
            for term, factor in self._terms[part]:
                if term in weights:
                    weights[term] += weight * factor
                elif not self._shown[term]:
                    weights[term] = weight * factor
                    heapq.heappush(waiting, (-self._place[term], term))
        return {part: weight for part, weight in free.items() if weight % PRIME}


def _merged(terms: Terms, twin_of: dict[int, tuple[int, int]]) -> Terms:
    """Returns the terms as those of the first twins, without what is known."""
    weights: dict[int, int] = {}
    for term, weight in terms:
        if term in twin_of:
            first, sign = twin_of[term]
            weights[first] = weights.get(first, 0) + sign * weight
    return [(term, reduced(weight)) for term, weight in weights.items() if weight % PRIME]
