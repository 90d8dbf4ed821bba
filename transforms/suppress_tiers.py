"""What is shown of each set of students: its rate, its number, its levels, one after another.

Who shows the rate shows the number, who shows the levels shows the rate. Rates are chosen first, as
they are what is read; then every number that may stand beside them; then levels among the rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transforms.suppress_choice import Ask, Chooser
from transforms.suppress_closure import Rest
from transforms.suppress_lines import System
from transforms.suppress_repair import FULL, HALF, HIDDEN, Repair, Told
from transforms.suppress_rule import SuppressionRule, band_limits, is_near_end
from transforms.suppress_sets import Flags, Ints
from transforms.suppress_widening import Protection, Widening

HAS_RATE = "has_rate"
LEVEL = "n_level_"


@dataclass(frozen=True)
class Counts:
    """Students of each set, by what is published of them.

    students, proficient: how many; 0 proficient where there is no rate.
    levels: a row per level.
    has_rate: whether a rate is shown of it at all.
    is_cell: whether it is a cell, which may be shown, and not just a part of some.
    limit: of its band, in percent; 0 where it is smaller than any.
    is_extreme: whether its rate is at or beyond the limit.
    """

    students: Ints
    proficient: Ints
    levels: Ints
    has_rate: Flags
    is_cell: Flags
    limit: NDArray[np.float64]
    is_extreme: Flags

    @property
    def is_bottom(self) -> Flags:
        """Whether at most half are proficient, so that a coded rate is told from 0 on."""
        return 2 * self.proficient <= self.students


@dataclass(frozen=True)
class Shown:
    """Which sets show what.

    rate: its rate and mean. half: of its rate only on which side of a half it is. number: its
    students. levels: its students at each level.
    """

    rate: Flags
    half: Flags
    number: Flags
    levels: Flags


def counts_of(cells: pd.DataFrame, system: System, rule: SuppressionRule) -> Counts:
    """Returns the counts of every set of a system, those of parts that are no cells included."""

    def of_sets(values: NDArray[np.generic]) -> Ints:
        of_cell = values.astype(np.int64)
        return system.greatest(of_cell, system.parts @ of_cell)

    nothing = np.zeros(len(cells), dtype=np.int64)
    students = of_sets(cells["n_tested"].to_numpy())
    proficient = of_sets(cells["n_proficient"].to_numpy())
    levels = [of_sets(cells[c].to_numpy()) for c in cells.columns if c.startswith(LEVEL)]
    has_rate = cells[HAS_RATE].to_numpy() if HAS_RATE in cells else nothing == 0
    rated = system.greatest(has_rate, np.full(len(system.set_of_part), has_rate.any()))
    is_cell = system.greatest(nothing + 1)
    limit = band_limits(students, rule.extreme_bands, below=0.0)
    is_extreme = is_near_end(proficient, students, limit) & (limit > 0) & (rated > 0)
    some = [level for level in levels if level.any()]
    return Counts(
        students,
        proficient,
        np.array(some).reshape(len(some), len(students)),
        rated > 0,
        is_cell > 0,
        limit,
        is_extreme,
    )


def choose_shown(chooser: Chooser, counts: Counts, rule: SuppressionRule, system: System) -> Shown:
    """Returns what is shown of each set of a system, so that nothing hidden is given away."""
    may = counts.is_cell & (counts.students >= rule.minimum_n)
    turn = chooser.turns(Ask(may, ~may))
    repair = Repair(system.matrix, system.nested, turn, rule.interval)
    protection = Protection(rule.interval, rule.minimum_n, counts.is_extreme, turn)
    widening = Widening(system.matrix, protection, system.finer)
    state = _rates_and_numbers(chooser, (repair, widening), counts, may, rule)
    levels = _levels(chooser, (repair, widening), counts, state, rule)
    rate = (state == FULL) & ~counts.is_extreme
    return Shown(rate, state == HALF, state > HIDDEN, levels)


def _rates_and_numbers(
    chooser: Chooser,
    wider: tuple[Repair, Widening],
    counts: Counts,
    may: Flags,
    rule: SuppressionRule,
) -> Ints:
    """Returns the state of each set: HIDDEN, its number and half, or its number and rate (FULL).

    What is lowered is guarded the next time, so that it does not follow from the others.
    """
    repair, widening = wider
    small = counts.students < rule.minimum_n
    told = _told(counts)
    numbered = may & counts.has_rate
    state = np.where(may, FULL, HIDDEN)
    rate, lowered = may, np.zeros_like(may)
    while True:
        # Only of what was shown, less that: each time there is less, so it comes to an end.
        rate = chooser.shown(_ask_rates(counts, rate, lowered, rule))
        number = (state > HIDDEN) & (rate | numbered)
        number = chooser.shown(_ask_numbers(may, rate, number, small))
        full = rate | (number & counts.is_extreme & ~lowered)
        before = np.where(full, FULL, np.where(number, HALF, HIDDEN))
        state = widening.lowered(repair.lowered(before, told), told)
        if np.array_equal(state, before):
            return state
        lowered = lowered | (full & (state < FULL))


def _ask_numbers(may: Flags, rate: Flags, asked: Flags, small: Flags) -> Ask:
    """Asks for numbers beside the rates that are shown; what is not asked for must not follow."""
    return Ask(asked, small | (may & ~asked), first=rate)


def _levels(
    chooser: Chooser,
    wider: tuple[Repair, Widening],
    counts: Counts,
    state: Ints,
    rule: SuppressionRule,
) -> Flags:
    """Returns of which sets the levels are shown; there is no code between all and none."""
    repair, widening = wider
    rate = (state == FULL) & ~counts.is_extreme
    shown = chooser.shown(_ask_levels(counts, rate, rule))
    if not shown.any():
        return shown
    kept = _open_levels(repair, counts, shown)
    kept = widening.levels_shown(kept, state, _told(counts), counts.levels)
    # Only of what was shown: nothing has to be lowered again, and what was does not follow.
    return kept if (kept == shown).all() else chooser.shown(_ask_levels(counts, kept, rule))


def _open_levels(repair: Repair, counts: Counts, shown: Flags) -> Flags:
    """Returns which of the shown leave enough of the hidden open at each level."""
    state = np.where(shown, HALF, HIDDEN)
    for level in counts.levels:
        of_level = np.array([level, level])
        state = repair.lowered(state, Told(of_level, of_level, counts.students))
    return state > HIDDEN


def _ask_rates(counts: Counts, may: Flags, lowered: Flags, rule: SuppressionRule) -> Ask:
    """Asks for every rate that may be shown, is not extreme, and has not been lowered."""
    small = counts.students < rule.minimum_n
    is_coded = counts.is_extreme & ~small
    proficient = np.where(counts.has_rate, counts.proficient, counts.students)
    others = np.where(counts.has_rate, counts.students - counts.proficient, counts.students)
    rest = Rest(np.array([proficient, others]), small, rule.interval)
    return Ask(may & ~is_coded & ~lowered, small | is_coded | lowered, rest=rest)


def _told(counts: Counts) -> Told:
    """Returns between what numbers of proficient students a set is that tells all, or its half.

    All of an extreme rate is the code of its band. Which half one is in may be told of an extreme
    rate as well.
    """
    n, k = counts.students, counts.proficient
    edge = np.floor(counts.limit * n / 100.0).astype(np.int64)
    half = np.where(counts.is_bottom, [0 * n, n // 2], [n // 2 + 1, n])
    code = np.where(counts.is_bottom, [0 * n, edge], [n - edge, n])
    low, high = np.where(counts.is_extreme, code, [k, k])
    return Told(
        np.where(counts.has_rate, [half[0], low], 0),
        np.where(counts.has_rate, [half[1], high], n),
        n,
    )


def _ask_levels(counts: Counts, rate: Flags, rule: SuppressionRule) -> Ask:
    """Asks for the levels of every set with a rate that has students at each level.

    Of an assessment without levels there are none to ask for.
    """
    levels = counts.levels
    asked = rate & counts.has_rate & (levels > 0).all(axis=0) & (len(levels) > 1)
    small = counts.students < rule.minimum_n
    return Ask(asked, ~asked, rest=Rest(levels, small, rule.interval) if len(levels) else None)
