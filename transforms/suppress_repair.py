"""Frees hidden sets that linear algebra over several lines still gives back.

A set is free when some null vector of the hidden columns is not zero there. The cheapest such
vector that may also use shown sets is a linear programme; the shown sets on it are hidden, and as
they lie on a null vector, none of them is recoverable itself: no cascade follows.

Source: the linear programme is the network heuristic of M. Fischetti and J. J. Salazar, "Solving
the cell suppression problem on tabular data with linear constraints", Management Science 47
(2001), for general linear constraints.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import linprog
from scipy.sparse import csgraph

from transforms.suppress_closure import Floats, Pattern, close_lines, hiding_order
from transforms.suppress_lines import Ints, System
from transforms.suppress_recovery import Flags, find_recoverable

# How many organisations without parts are looked at, in turn, for a way to free a set. The first
# mostly has one, in some ten milliseconds; beyond ENOUGH only where there was none at all.
NEIGHBOURHOODS = (6, 24, 60)
ENOUGH = 24
# Of so many recoverable sets that hang together, one is freed before the next check.
KNOT_SIZE = 100
OTHER_GRADES = 3
COST_OF_A_STEP = 1.5
SOLVER_ITERATIONS = 20_000
ON_THE_VECTOR = 1e-7


def free_recoverable(system: System, pattern: Pattern) -> Pattern:
    """Returns the pattern with further sets suppressed until nothing hidden is recoverable.

    Every line holds by itself as well, see `close_lines`.
    """
    pattern = close_lines(system, pattern)
    while True:
        unknown = pattern.suppressed
        recoverable = find_recoverable(system, unknown)
        if not recoverable.any():
            unknown = pattern.unknown_counts
            recoverable = find_recoverable(system, unknown)
        if not recoverable.any():
            return pattern
        knots = _one_of_each_knot(system, recoverable)
        freed = _free(system, pattern, unknown, knots)
        if freed.suppressed.sum() == pattern.suppressed.sum():
            # The programmes call free what the check does not: trust the check, and get on.
            freed = freed.hiding(_cheapest_shown_nearby(system, freed, knots[0]))
        pattern = close_lines(system, freed)


def _free(system: System, pattern: Pattern, unknown: Flags, knots: Ints) -> Pattern:
    for blocked in knots:
        way = _cheapest_way_out(system, pattern, unknown, blocked)
        unknown, pattern = unknown | way, pattern.hiding(way)
    return pattern


def _one_of_each_knot(system: System, recoverable: Flags) -> Ints:
    """Returns one recoverable set of each group that shares lines, a few of large groups.

    Freeing one mostly frees the others of its group; whichever are free by then cost nothing.
    """
    sets = np.flatnonzero(recoverable)
    shared = system.by_set[:, sets]
    knot = csgraph.connected_components(shared.T @ shared, directed=False)[1]
    order = np.argsort(knot, kind="stable")
    place = np.arange(len(sets)) - np.searchsorted(knot[order], knot[order])
    return sets[order[place % KNOT_SIZE == 0]]


def _cheapest_way_out(system: System, pattern: Pattern, unknown: Flags, blocked: int) -> Flags:
    """Returns the sets to suppress so that `blocked` is no longer recoverable.

    None, where an earlier way has freed it already. A way that needs nothing more useful than
    `blocked` itself is taken at once, else the cheapest. Where no programme answers, the cheapest
    shown set that shares a line, or at the last of all, so that every call gets on.
    """
    ways: list[Flags] = []
    for size in NEIGHBOURHOODS:
        if ways and size > ENOUGH:
            break
        sets = _neighbourhood(system, pattern, blocked, size)
        way = _cheapest_null_vector(system, pattern, unknown, blocked, sets)
        if way is None:
            continue
        if pattern.usefulness[way].max(initial=0) <= pattern.usefulness[blocked]:
            return way
        ways.append(way)
    if ways:
        return min(ways, key=lambda way: _cost(pattern)[way].sum())
    return _cheapest_shown_nearby(system, pattern, blocked)


def _cheapest_shown_nearby(system: System, pattern: Pattern, blocked: int) -> Flags:
    near = (system.lines_of[[blocked]] @ system.members).indices
    shown = near[~pattern.suppressed[near]]
    shown = shown if len(shown) else np.flatnonzero(~pattern.suppressed)
    rank = hiding_order(system, pattern, np.zeros(system.matrix.shape[0], dtype=bool))
    way = np.zeros(system.set_count, dtype=bool)
    way[shown[np.argmin(rank[shown])]] = True
    return way


def _neighbourhood(system: System, pattern: Pattern, blocked: int, size: int) -> Ints:
    """Returns the sets of the organisations nearest to the blocked set's and of its grades.

    Near are parts of the same wholes; among equals those with most hidden in the same grades. The
    wholes of all these, and the grades with most hidden there, come along.
    """
    cells = np.flatnonzero(system.set_of_cell == blocked)
    hidden = pattern.suppressed[system.set_of_cell]
    home, grades = np.unique(system.organisation[cells]), np.unique(system.grade[cells])
    own_grade = grades[grades > 0] if (grades > 0).any() else grades
    count = system.within.shape[0]
    helpful = np.bincount(
        system.organisation, weights=hidden & np.isin(system.grade, own_grade), minlength=count
    )
    shared = np.asarray((system.within @ system.within[home].T).sum(axis=1)).ravel()
    smallest = np.asarray(system.within.sum(axis=0)).ravel() == 1
    order = np.lexsort((-helpful, -shared, ~smallest))[: min(size, int(smallest.sum()))]
    wholes = system.within[np.concatenate([home, order])].indices
    inside = np.isin(system.organisation, wholes)
    at_home = hidden & np.isin(system.organisation, home)
    busiest = np.argsort(-np.bincount(system.grade, weights=at_home), kind="stable")
    inside &= np.isin(system.grade, np.concatenate([[0], grades, busiest[:OTHER_GRADES]]))
    return np.unique(system.set_of_cell[inside])


def _cheapest_null_vector(
    system: System, pattern: Pattern, unknown: Flags, blocked: int, sets: Ints
) -> Flags | None:
    """Returns what to suppress on the cheapest null vector within `sets` that is 1 at `blocked`.

    None where there is no such vector. Unknown sets cost nothing.
    """
    lines = system.by_set[:, sets].tocsr()
    lines = lines[np.diff(lines.indptr) > 0]
    hidden = unknown[sets]
    # A shown set's value is the difference of two variables, each at the cost of hiding the set.
    paid = np.flatnonzero(~hidden)
    cost = _cost(pattern)[sets]
    lower = np.where(hidden, -np.inf, 0.0)
    upper = np.full(len(sets), np.inf)
    lower[sets == blocked] = upper[sets == blocked] = 1.0
    bounds = np.concatenate(
        [np.column_stack([lower, upper]), np.tile([0.0, np.inf], (len(paid), 1))]
    )
    answer = linprog(
        np.concatenate([np.where(hidden, 0.0, cost), cost[paid]]),
        A_eq=sparse.hstack([lines, -lines[:, paid]], format="csr"),
        b_eq=np.zeros(lines.shape[0]),
        bounds=bounds,
        method="highs-ds",
        options={"maxiter": SOLVER_ITERATIONS},
    )
    if answer.x is None:
        return None
    value = answer.x[: len(sets)].copy()
    value[paid] -= answer.x[len(sets) :]
    way = np.zeros(system.set_count, dtype=bool)
    way[sets[np.abs(value) > ON_THE_VECTOR]] = True
    return way & ~unknown


def _cost(pattern: Pattern) -> Floats:
    """What hiding a set costs: doubled a step of usefulness, and a little more by its size."""
    size = pattern.students / max(int(pattern.students.max(initial=1)), 1)
    return COST_OF_A_STEP**pattern.usefulness * (1.0 + size)
