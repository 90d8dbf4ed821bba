"""What a reader of the marts knows of each cell of one system, before any sum is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from validation.audit.bands import SLIP
from validation.audit.cells import Cells, Lattice
from validation.audit.keys import Flags, Floats
from validation.audit.places import splits_of
from validation.audit.published import ACHIEVEMENT, Publication, Rows, System, Words
from validation.audit.scheme import Scheme
from validation.audit.told import HERE, Told, told_by_derived

# A rate is published rounded to so much.
ROUNDED_BY = 0.05
# How far beside what is listed cells are looked at; on real tables a third ring finds no more.
RINGS = 2
MEASURES = ("n_tested", "n_proficient", "pct_proficient", "mean_scale_score", "rate_coding",
            "n_enrolled", "pct_participation")  # fmt: skip


@dataclass(frozen=True)
class View:
    """What is published of each cell; nan where nothing is.

    n: students. low, high: bounds of the proficient; both the number where it is exact.
    coded: a rate is told as a limit only. levels: students at each level, a row per level.
    mean: of the scores. proficient_from: the level from which a student is proficient, if known.
    achievement: the position of each row of mart_achievement, `rows`, among the cells.
    told: what derived marts tell, of cells of which mart_achievement does not tell all.
    """

    cells: Cells
    n: Floats
    low: Floats
    high: Floats
    coded: Flags
    levels: Floats
    mean: Floats
    proficient_from: int | None
    rows: Rows
    told: tuple[Told, ...]

    @property
    def shown(self) -> Flags:
        """Return whether the size of each cell is known; slack's is not."""
        return ~np.isnan(self.n)

    @property
    def exact(self) -> Flags:
        """Return whether the proficient of each cell are known."""
        return self.shown & (self.low == self.high)

    @property
    def proficient(self) -> Floats:
        """Return the proficient of each cell, nan where they are not known."""
        return np.where(self.exact, self.low, np.nan)


@dataclass(frozen=True)
class _Read:
    rows: Rows
    levels: Rows
    told: list[Told]


def read_views(
    publications: Sequence[Publication], system: System, scheme: Scheme, rings: int = RINGS
) -> list[View]:
    """Return all that each publication tells of a system, over the cells of all of them.

    `rings` says how far beside what is listed cells are looked at, see `Lattice`.
    """
    words = Words.of(scheme)
    read = [_read(publication, system, words) for publication in publications]
    schools = (one for publication in publications for one in publication.schools(system[0]))
    splits = splits_of(words, schools, scheme)
    parts: list[Rows | Told] = [one.rows for one in read]
    parts += [told for one in read for told in one.told]
    parts += [one.levels for one in read]
    shown = [one.rows.key[~np.isnan(one.rows["n_tested"])] for one in read]
    shown += [told.key[~np.isnan(told.n)] for one in read for told in one.told]
    cells = Lattice(words, splits, scheme).build(
        np.concatenate([part.organisation for part in parts]),
        np.concatenate([part.codes for part in parts]),
        np.concatenate([part.key for part in parts]),
        np.concatenate(shown),
        rings,
    )
    return [_filled(cells, one, scheme, system[1]) for one in read]


def _read(publication: Publication, system: System, words: Words) -> _Read:
    rows = publication.rows(ACHIEVEMENT, MEASURES, words, HERE, system)
    levels = publication.rows(
        "mart_level", ("performance_level", "n"), words, f"{HERE} AND n IS NOT NULL", system
    )
    return _Read(rows, levels, told_by_derived(publication, system, words))


def _filled(cells: Cells, read: _Read, scheme: Scheme, assessment: str) -> View:
    rows, levels = read.rows, read.levels
    at = cells.at(rows.key)
    n, mean = _spread(cells, at, rows["n_tested"]), _spread(cells, at, rows["mean_scale_score"])
    low, high, coded = _rates(cells, at, rows, n, scheme)
    news = []
    for one in read.told:
        there = cells.at(one.key)
        new = np.isnan(n[there])
        news.append(one.only(new | np.isnan(low[there]) | coded[there]))
        n[there] = np.where(new, one.n, n[there])
        _tighten(low, high, there, one)
    top = int(np.nanmax(levels["performance_level"], initial=0)) if len(levels) else 0
    counts = np.full((top, cells.size), np.nan)
    if top:
        counts[levels["performance_level"].astype(int) - 1, cells.at(levels.key)] = levels["n"]
    low, high = np.where(np.isnan(low), 0, low), np.where(np.isnan(high), n, high)
    kept = tuple(one for one in news if len(one.n))
    first = scheme.proficient_from.get(assessment)
    return View(cells, n, low, high, coded, counts, mean, first, rows, kept)


def _spread(cells: Cells, at: np.ndarray, values: np.ndarray) -> Floats:
    spread = np.full(cells.size, np.nan)
    spread[at] = values
    return spread


def _rates(
    cells: Cells, at: np.ndarray, rows: Rows, n: Floats, scheme: Scheme
) -> tuple[Floats, Floats, Flags]:
    """Return bounds of the proficient as mart_achievement tells them, and what is coded."""
    low = _spread(cells, at, rows["n_proficient"])
    high = low.copy()
    limit = _spread(cells, at, rows["pct_proficient"]) * n / 100
    coding = np.full(cells.size, None, dtype=object)
    coding[at] = rows["rate_coding"]
    top, bottom = coding == "top", coding == "bottom"
    # Half are told as the bottom: of a top one there are more.
    above = np.where(limit * 2 > n + SLIP, np.ceil(limit - SLIP), np.floor(limit + SLIP) + 1)
    low = np.where(top, above, np.where(bottom, 0, low))
    high = np.where(bottom, np.floor(limit + SLIP), np.where(top, n, high))
    return low, high, top | bottom


def _tighten(low: Floats, high: Floats, at: np.ndarray, one: Told) -> None:
    """Draw the bounds of the proficient as close as a rounded rate allows."""
    share, give = one.pct * one.n / 100, ROUNDED_BY * one.n / 100 + SLIP
    known = ~np.isnan(share)
    at = at[known]
    low[at] = np.fmax(low[at], np.ceil((share - give)[known]))
    high[at] = np.fmin(high[at], np.floor((share + give)[known]))
