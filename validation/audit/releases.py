"""Two publications of one system, as somebody reads them who has kept the first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from validation.audit.attacks import LEVEL, MEAN, PROFICIENT, TESTED, look_at_view
from validation.audit.finder import Finder
from validation.audit.keys import Flags
from validation.audit.published import Publication
from validation.audit.result import Fall
from validation.audit.view import View, read_views


def look_at_releases(
    finder: Finder, publications: Sequence[Publication], absent_is_empty: bool
) -> None:
    """Find what falls by holding a publication against the one before."""
    if finder.system not in dict(publications[1].systems()):
        return
    now, then = read_views(publications[:2], finder.system, finder.scheme)
    look_at_both(replace(finder, view=now), then, absent_is_empty)


def look_at_both(finder: Finder, then: View, absent_is_empty: bool) -> None:
    """Find what falls by holding the finder's view against one of the same cells from before."""
    now = finder.view
    _look_at_moves(finder, then)
    kept = _still_true(now, then)
    if not kept.any():
        return
    alone = _found(finder, now, absent_is_empty)
    for fall in _found(finder, _together(now, then, kept), absent_is_empty) - alone:
        finder.falls.add(replace(fall, kind="two_releases"))


def _look_at_moves(finder: Finder, then: View) -> None:
    """Find cells that were published before and have moved a little."""
    now = finder.view
    apart = abs(now.n - then.n)
    finder.note("moved", np.flatnonzero(finder.small(apart)), TESTED)
    same = apart < 0.5
    exact = same & now.exact & then.exact
    finder.note("changed_records", np.flatnonzero(exact & (now.low != then.low)), PROFICIENT)
    other = same & (abs(now.mean - then.mean) > 0)
    finder.note("changed_records", np.flatnonzero(other), MEAN)
    for number, (one, before) in enumerate(zip(now.levels, then.levels, strict=False), start=1):
        other = same & (abs(one - before) > 0)
        finder.note("changed_records", np.flatnonzero(other), f"level {number}", LEVEL)


def _still_true(now: View, then: View) -> Flags:
    """Return which cells were told of before, are not now, and seem to be as they were.

    That is where some cell of a line of theirs is shown in both, and none of such has moved.
    """
    lines = now.cells.lines
    matrix = abs(lines.matrix(now.cells.size))
    both = now.shown & then.shown
    moved = both & ((now.n != then.n) | (now.exact & then.exact & (now.low != then.low)))
    unmoved_lines = (matrix @ (both & ~moved).astype(float) > 0) & (
        matrix @ moved.astype(float) == 0
    )
    told = unmoved_lines @ matrix > 0
    doubted = (matrix @ moved.astype(float) > 0) @ matrix > 0
    more = (then.shown & ~now.shown) | (then.exact & ~now.exact)
    more |= (np.isnan(now.levels) & ~np.isnan(_as_many(then, now))).any(axis=0)
    return more & told & ~doubted


def _as_many(then: View, now: View) -> np.ndarray:
    """Return the levels of before, a row for each of now's."""
    levels = np.full(now.levels.shape, np.nan)
    rows = min(len(levels), len(then.levels))
    levels[:rows] = then.levels[:rows]
    return levels


def _together(now: View, then: View, kept: Flags) -> View:
    """Return what is known of both, the kept cells as they were."""
    fresh = kept & ~now.exact
    before = _as_many(then, now)
    return replace(
        now,
        n=np.where(kept & ~now.shown, then.n, now.n),
        low=np.where(fresh, then.low, now.low),
        high=np.where(fresh, then.high, now.high),
        coded=np.where(fresh & then.exact, False, now.coded),
        levels=np.where(kept & np.isnan(now.levels), before, now.levels),
    )


def _found(finder: Finder, view: View, absent_is_empty: bool) -> set[Fall]:
    """Return what falls of a view."""
    found = replace(finder, view=view, falls=set(), figures={})
    look_at_view(found, absent_is_empty)
    return found.falls
