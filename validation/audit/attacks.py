"""The attacks on the counts of tested students and their results, one function each."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from validation.audit.bands import is_extreme
from validation.audit.bounds import Bounds, Interval, bounds_of
from validation.audit.finder import Finder
from validation.audit.keys import Flags, Floats
from validation.audit.nested import Pairs, line_residuals, nested_pairs
from validation.audit.published import ACHIEVEMENT
from validation.audit.span import Span

TESTED = "n_tested"
PROFICIENT = "n_proficient"
MEAN = "mean_scale_score"
LEVEL = "mart_level"


def look_at_view(finder: Finder, absent_is_empty: bool) -> tuple[Bounds, Pairs]:
    """Find what falls by adding and subtracting what is shown; return the bounds and the pairs."""
    bounds = bounds_of(finder.view, absent_is_empty)
    pairs = nested_pairs(finder.view, finder.scheme)
    finder.note("contradiction", np.flatnonzero(bounds.broken[: finder.view.cells.named]), TESTED)
    if not bounds.broken.any():
        look_at_bounds(finder, bounds)
    look_at_span(finder, bounds.n)
    look_at_pairs(finder, pairs)
    look_at_residuals(finder)
    return bounds, pairs


def look_at_shown(finder: Finder) -> None:
    """Find what is shown though the rule of one cell forbids it."""
    view, scheme = finder.view, finder.scheme
    finder.note("below_minimum", np.flatnonzero(finder.small(view.n)), TESTED)
    rows = view.rows
    at = view.cells.at(rows.key)
    proficient, n = rows["n_proficient"], rows["n_tested"]
    finder.note("extreme_rate", at[is_extreme(proficient, n, scheme)], PROFICIENT)
    hidden = np.zeros(view.cells.size, dtype=bool)
    hidden[at] = np.isnan(n)
    for told in view.told:
        there = view.cells.at(told.key)
        finder.note("derived", there[hidden[there] & ~np.isnan(told.n)], TESTED, told.mart)
        exact = view.exact[there] & view.coded[there]
        finder.note("derived", there[exact], PROFICIENT, told.mart)
    look_at_rates(finder)


def look_at_rates(finder: Finder) -> None:
    """Find rates and means that are told of a hidden size: with those around it, it follows."""
    view, rows = finder.view, finder.view.rows
    own = (ACHIEVEMENT, view.cells.at(rows.key), rows["pct_proficient"], rows["mean_scale_score"])
    others = ((one.mart, view.cells.at(one.key), one.pct, one.mean) for one in view.told)
    for mart, there, pct, mean in (own, *others):
        hidden = np.isnan(view.n[there])
        finder.note("rate_of_hidden", there[hidden & ~np.isnan(pct)], PROFICIENT, mart)
        finder.note("rate_of_hidden", there[hidden & ~np.isnan(mean)], MEAN, mart)


def may_be_small(finder: Finder, bounds: Bounds) -> Flags:
    """Return which cells are hidden and may have 1 to the minimum less one students."""
    cells = finder.view.cells
    n = bounds.n
    possible = (n.high >= 1) & (n.low < finder.scheme.minimum) & ~finder.view.shown
    possible[cells.named :] = False
    return possible


def look_at_bounds(finder: Finder, bounds: Bounds) -> None:
    """Find hidden groups of whose counts too little is open."""
    small, width = may_be_small(finder, bounds), finder.scheme.width
    finder.note("bounds_n", np.flatnonzero(small & (bounds.n.width < width)), TESTED)
    for kind, mart, statistic, interval in _counts(bounds):
        narrow = small & (interval.width < width)
        finder.note(kind, np.flatnonzero(narrow & (interval.high > 0)), statistic, mart)
        finder.note("none", np.flatnonzero(small & (interval.high <= 0)), statistic, mart)
    for level, statistic in _but_one(bounds):
        finder.note("all", np.flatnonzero(small & (level <= 0)), statistic, LEVEL)
    # A rate may be coded for the sake of others only: known, it tells no more than a shown one.
    coded = finder.view.coded & (bounds.proficient.width == 0)
    coded &= is_extreme(bounds.proficient.low, finder.view.n, finder.scheme)
    finder.note("bounds_coded", np.flatnonzero(coded), PROFICIENT)


def _counts(bounds: Bounds) -> Iterator[tuple[str, str, str, Interval]]:
    yield "bounds_proficient", ACHIEVEMENT, PROFICIENT, bounds.proficient
    yield "bounds_proficient", ACHIEVEMENT, "not proficient", bounds.others
    for number, level in enumerate(bounds.levels, start=1):
        # That nobody at all is at a level the whole says, of no group in particular.
        if level.high.max(initial=0) > 0:
            yield "bounds_level", LEVEL, f"level {number}", level


def _but_one(bounds: Bounds) -> Iterator[tuple[Floats, str]]:
    """Yield how many may be at any other level than each one."""
    for number in range(len(bounds.levels)):
        others = [one.high for at, one in enumerate(bounds.levels) if at != number]
        yield sum(others, np.zeros(len(bounds.n.high))), f"level {number + 1}"


def look_at_span(finder: Finder, sizes: Interval) -> None:
    """Find what follows exactly by linear algebra."""
    view = finder.view
    matrix = view.cells.lines.matrix(view.cells.size)
    nobody = sizes.high <= 0
    follows, value = solved(finder, matrix, np.where(nobody, 0, view.n))
    named = np.arange(view.cells.size) < view.cells.named
    follows &= named & ~nobody
    finder.note("span_n", np.flatnonzero(follows & finder.small(value)), TESTED)
    large = follows & (value >= finder.scheme.minimum - 0.5)
    finder.count("hidden of the minimum or more that follow", large.sum())
    follows, _ = solved(finder, matrix, np.where(nobody, 0, view.proficient))
    finder.note("span_coded", np.flatnonzero(follows & view.coded), PROFICIENT)
    for level in _differing(view.levels):
        follows, _ = solved(finder, matrix, np.where(nobody, 0, level))
        finder.count("cells whose withheld levels follow", (follows & view.exact & named).sum())


def _differing(levels: Floats) -> Iterator[Floats]:
    """Yield a level for each set of cells that tell one: of the same set the same follows."""
    seen = set()
    for level in levels:
        told = (~np.isnan(level)).tobytes()
        if told not in seen:
            seen.add(told)
            yield level


def solved(finder: Finder, matrix: sparse.csr_array, value: Floats) -> tuple[Flags, Floats]:
    """Return what follows of a count from those of its values that are not nan."""
    span = Span.of(matrix, ~np.isnan(value))
    found = span.solve(-(matrix @ np.nan_to_num(value)))
    finder.count("follow and are not proven in whole numbers", span.unproven)
    return found


def look_at_pairs(finder: Finder, pairs: Pairs) -> None:
    """Find pairs of nested shown cells that are a small group apart, or one all alike."""
    view = finder.view
    finder.count("nested pairs", len(pairs.outer))
    apart = view.n[pairs.outer] - view.n[pairs.inner]
    finder.note("nested", pairs.inner[finder.small(apart)], TESTED)
    some = apart > 0.5
    left = view.proficient[pairs.outer] - view.proficient[pairs.inner]
    alike = some & finder.few_or_all(left, apart)
    finder.note("nested_all_or_none", pairs.inner[alike], PROFICIENT)
    for number, level in enumerate(view.levels, start=1):
        left = level[pairs.outer] - level[pairs.inner]
        finder.note("nested_level", pairs.inner[some & (left == apart)], f"level {number}", LEVEL)
        finder.count("nobody between nested cells at a level", (some & (left == 0)).sum())


def look_at_residuals(finder: Finder) -> None:
    """Find what several shown parts leave of their shown whole."""
    line, _, left, proficient = line_residuals(finder.view)
    parent = finder.view.cells.lines.parent[line]
    finder.count("unions of fewer than the minimum", finder.small(left).sum())
    finder.note("residual", parent[(left > 0.5) & (left < 2.5)], TESTED)
    alike = (left > 0.5) & finder.few_or_all(proficient, left)
    finder.note("residual_all_or_none", parent[alike], PROFICIENT)
