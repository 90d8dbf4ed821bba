"""What shown sets tell about the others.

Kept as one random table that satisfies every line and is zero at every shown set. What the shown
sets give away is zero in all such tables, so in this one too; what they do not is zero in it in one
of 2**61 cases, and then a set too many is hidden.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from heapq import heappop, heappush

import numpy as np

from transforms.suppress_elimination import PRIME, Solved, Terms, inverse, reduced
from transforms.suppress_sets import Flags

SEED = 20
LOOKED_AT = 40


class Knowledge:
    """Shows sets one by one, as long as no guarded one is given away.

    Within, a set goes by its place in the order of being shown: what is a sum has terms of lower
    places only.
    """

    def __init__(self, solved: Solved, first: Flags, guarded: Flags) -> None:
        """Starts with the free ones of the first sets shown, those left out that must be.

        Args:
            solved: the lines, the first sets shown before all others.
            first: the sets to start with.
            guarded: the sets that must not be given away; none of them is asked to be shown.
        """
        place = [0] * len(solved.order)
        for number, chosen in enumerate(solved.order):
            place[chosen] = number
        self._terms = {
            place[chosen]: [(place[term], weight) for term, weight in terms]
            for chosen, terms in solved.terms.items()
        }
        is_first = first[solved.order].tolist()
        free = [at for at in range(len(place)) if is_first[at] and at not in self._terms]
        watched = np.flatnonzero(guarded).tolist()
        self._show_free(free, len(place))
        self._leave_out(free, [place[chosen] for chosen in watched])
        self._merge_twins(place)
        self._guarded = [False] * len(place)
        for chosen in watched:
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
        last = max(open_terms)
        scale = -inverse(open_terms.pop(last))
        if not self._shift(chosen, last, self._value[chosen] * scale):
            return False
        self._terms[last] = [(part, reduced(by * scale)) for part, by in open_terms.items()]
        self._link(last)
        return True

    def _show_free(self, free: Iterable[int], count: int) -> None:
        """Shows free sets, and makes a table that is zero there."""
        self._shown = [False] * count
        for chosen in free:
            self._shown[chosen] = True
        chance = random.Random(SEED)
        self._value = [0] * count
        for chosen in range(count):
            terms = self._terms.get(chosen)
            if terms is not None:
                self._value[chosen] = self._total(terms)
            elif not self._shown[chosen]:
                self._value[chosen] = chance.randrange(1, PRIME)

    def _total(self, terms: Terms) -> int:
        value = self._value
        return sum([weight * value[term] for term, weight in terms]) % PRIME

    def _leave_out(self, free: list[int], watched: list[int]) -> None:
        """Shows fewer of the free sets: of what each guarded one is a sum of, one stays open.

        As they are free, a guarded one is given away if and only if all it is a sum of are shown.
        The last of these is left out, unless one of them has been already. Few of them give away
        many, so some guarded ones are looked at, and then a new table tells which are left.
        """
        left_out: set[int] = set()
        while given_away := [chosen for chosen in watched if not self._value[chosen]]:
            self._shown = [False] * len(self._shown)
            for chosen in given_away[:: 1 + len(given_away) // LOOKED_AT]:
                parts = self._open_terms(chosen)
                if left_out.isdisjoint(parts):
                    left_out.add(max(parts))
            still = (chosen for chosen in free if chosen not in left_out)
            self._show_free(still, len(self._shown))

    def _merge_twins(self, place: list[int]) -> None:
        """Puts the first of those that are the same up to the sign for all, and drops the known.

        Two sets that are not the same have the same number in one of 2**61 tables.
        """
        twin_of = self._twins()
        self._same = [twin_of.get(at, (at, 1))[0] for at in place]
        self._terms = {
            chosen: _merged(terms, twin_of)
            for chosen, terms in self._terms.items()
            if twin_of.get(chosen) == (chosen, 1)
        }
        self._sums: list[Terms] = [[] for _ in place]
        for chosen in self._terms:
            self._link(chosen)

    def _twins(self) -> dict[int, tuple[int, int]]:
        """Returns for each set that is not known the first that is the same, and the sign."""
        first_of: dict[int, int] = {}
        twin_of = {}
        for chosen, value in enumerate(self._value):
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
        sums, shown, guarded, value = self._sums, self._shown, self._guarded, self._value
        steps = {free: step}
        waiting = [free]
        while waiting:
            moved = heappop(waiting)
            step = steps[moved] = steps[moved] % PRIME
            if not step:
                continue
            if guarded[moved] and value[moved] + step == PRIME:
                return None
            for total, weight in sums[moved]:
                if total in steps:
                    steps[total] += weight * step
                elif not shown[total]:
                    steps[total] = weight * step
                    heappush(waiting, total)
        return steps

    def _open_terms(self, chosen: int) -> dict[int, int]:
        """Returns the set as a sum of free sets that are not shown."""
        all_terms, shown = self._terms, self._shown
        weights = {chosen: 1}
        waiting = [-chosen]
        free: dict[int, int] = {}
        while waiting:
            part = -heappop(waiting)
            weight = reduced(weights.pop(part))
            terms = all_terms.get(part)
            if terms is None:
                free[part] = weight
                continue
            for term, factor in terms:
                if term in weights:
                    weights[term] += weight * factor
                elif not shown[term]:
                    weights[term] = weight * factor
                    heappush(waiting, -term)
        return {part: weight for part, weight in free.items() if weight % PRIME}


def _merged(terms: Terms, twin_of: dict[int, tuple[int, int]]) -> Terms:
    """Returns the terms as those of the first twins, without what is known."""
    weights: dict[int, int] = {}
    for term, weight in terms:
        if term in twin_of:
            first, sign = twin_of[term]
            weights[first] = weights.get(first, 0) + sign * weight
    return [(term, reduced(weight)) for term, weight in weights.items() if weight % PRIME]
