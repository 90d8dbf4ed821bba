"""Counts of other students than the tested: the matched, those with growth, the enrolled.

Each is a count of its own that adds up along the same lines, and so is what it leaves of its whole:
the unmatched, those without a score, those who did not take part.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from validation.audit.attacks import solved
from validation.audit.bounds import UNBOUNDED, Bounds, Interval, Propagation
from validation.audit.finder import Finder
from validation.audit.keys import Floats
from validation.audit.nested import Pairs
from validation.audit.published import ACHIEVEMENT, Publication, Rows
from validation.audit.told import SHOWN
from validation.audit.view import ROUNDED_BY, SLIP

GROWTH = "mart_growth"
TRANSITION = "mart_transition"
MATCHED = "n_matched"
# Counts of the matched alone.
OF_MATCHED = ("n_low_prior", "not low before")


def look_at_others(finder: Finder, publication: Publication, pairs: Pairs, bounds: Bounds) -> None:
    """Find what falls of the matched, of those with growth, and of the enrolled."""
    most_matched = bounds.n.high
    for kind, mart, statistic, value in (
        *_matched(finder, publication),
        *_moved_between_levels(finder, publication),
        *_enrolled(finder),
    ):
        if not np.isnan(value).all():
            of_tested = kind == "span_matched"
            most = bounds.n.high if of_tested else np.full(len(value), UNBOUNDED)
            most = most_matched if statistic in OF_MATCHED or _is_level(statistic) else most
            high = _look_at(finder, pairs, value, (kind, mart, statistic), most)
            if statistic == MATCHED:
                most_matched = np.minimum(most_matched, high)


def _look_at(
    finder: Finder, pairs: Pairs, value: Floats, named: tuple[str, str, str], most: Floats
) -> Floats:
    """Find what falls of one count; `most` is what it is at most where it is not told.

    Returns:
        What it is at most, for all that is published.
    """
    kind, mart, statistic = named
    spread = Propagation(finder.view.cells)
    finder.note("below_minimum", np.flatnonzero(finder.small(value)), statistic, mart)
    apart = value[pairs.outer] - value[pairs.inner]
    finder.note("nested", pairs.inner[finder.small(apart)], statistic, mart)
    cells = finder.view.cells
    follows, number = solved(finder, cells.lines.matrix(cells.size), value)
    follows[cells.named :] = False
    finder.note(kind, np.flatnonzero(follows & finder.small(number)), statistic, mart)
    interval = Interval(np.nan_to_num(value), np.where(np.isnan(value), most, value))
    spread.along(interval)
    open_ = np.isnan(value) & (interval.high >= 1) & (interval.low < finder.scheme.minimum)
    narrow = open_ & (interval.width < finder.scheme.width) & (most >= finder.scheme.width)
    if _is_level(statistic) and interval.high.max(initial=0) >= 1:
        # That nobody of a group began at a level; that nobody at all did tells of none.
        narrow |= np.isnan(value) & (interval.high < 1) & (most >= finder.scheme.width)
    narrow[cells.named :] = False
    finder.note("bounds_other", np.flatnonzero(narrow), statistic, mart)
    return interval.high


def _is_level(statistic: str) -> bool:
    return statistic.startswith("level ")


def _matched(finder: Finder, publication: Publication) -> Iterator[tuple[str, str, str, Floats]]:
    columns = ("growth_type", "growth_measure", "growth_norm", "prior_year", "prior_window",
               "n_tested", "n_matched", "n_growth", "n_low_prior")  # fmt: skip
    rows = publication.rows(GROWTH, columns, finder.view.cells.words, SHOWN, finder.system)
    for of in _apart(rows, columns[:5]):
        tested = _spread(finder, of, of["n_tested"])
        tested = np.where(np.isnan(tested), finder.view.n, tested)
        matched = _spread(finder, of, of["n_matched"])
        low, growth = (_spread(finder, of, of[name]) for name in ("n_low_prior", "n_growth"))
        for statistic, value in (
            ("n_matched", matched),
            ("not matched", tested - matched),
            ("n_low_prior", low),
            ("not low before", matched - low),
            ("n_growth", growth),
            ("without growth", tested - growth),
        ):
            yield "span_matched", GROWTH, statistic, value


def _moved_between_levels(
    finder: Finder, publication: Publication
) -> Iterator[tuple[str, str, str, Floats]]:
    """Yield the sums of a cell's transitions: all matched, and those at each level before."""
    columns = ("prior_year", "prior_window", "prior_level", "n")
    rows = publication.rows(TRANSITION, columns, finder.view.cells.words, SHOWN, finder.system)
    for of in _apart(rows, columns[:2]):
        yield "span_matched", TRANSITION, "n_matched", _summed(finder, of)
        for level in np.unique(of["prior_level"]):
            before = of.only(of["prior_level"] == level)
            yield "span_matched", TRANSITION, f"level {level:.0f} before", _summed(finder, before)


def _summed(finder: Finder, rows: Rows) -> Floats:
    """Return the sum of each cell's rows; nan where it has none, or one that is not told."""
    cells = finder.view.cells
    at = cells.at(rows.key)
    there = at >= 0
    total = np.bincount(at[there], weights=rows["n"][there], minlength=cells.size)
    return np.where(np.bincount(at[there], minlength=cells.size) > 0, total, np.nan)


def _apart(rows: Rows, columns: tuple[str, ...]) -> Iterator[Rows]:
    """Yield the rows of each kind of growth."""
    keys = list(zip(*(map(str, rows[name].tolist()) for name in columns), strict=True))
    for key in sorted(set(keys)):
        yield rows.only(np.array([one == key for one in keys]))


def _enrolled(finder: Finder) -> Iterator[tuple[str, str, str, Floats]]:
    rows = finder.view.rows
    enrolled = _spread(finder, rows, rows["n_enrolled"])
    took_part = _took_part(rows["n_enrolled"], rows["pct_participation"])
    took_part = _spread(finder, rows, took_part)
    for statistic, value in (
        ("without a score", enrolled - finder.view.n),
        ("took part without a score", took_part - finder.view.n),
        ("did not take part", enrolled - took_part),
    ):
        yield "span_not_tested", ACHIEVEMENT, statistic, value


def _took_part(enrolled: Floats, pct: Floats) -> Floats:
    """Return how many took part, nan where the rounded rate leaves it open."""
    share, give = pct * enrolled / 100, ROUNDED_BY * enrolled / 100 + SLIP
    least, most = np.ceil(share - give), np.floor(share + give)
    return np.where(least == most, least, np.nan)


def _spread(finder: Finder, rows: Rows, values: np.ndarray) -> Floats:
    spread = np.full(finder.view.cells.size, np.nan)
    at = finder.view.cells.at(rows.key)
    spread[at[at >= 0]] = values[at >= 0]
    return spread
