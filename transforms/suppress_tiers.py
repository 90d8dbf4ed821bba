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
from transforms.suppress_repair import CODED, EXACT, HIDDEN, Repair, Told
from transforms.suppress_rule import SuppressionRule, band_limits, is_near_end
from transforms.suppress_sets import Flags, Ints

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
    """Which sets show their rate (and mean), their number of students, their levels."""

    rate: Flags
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
    state = _rates_and_numbers(chooser, repair, counts, may, rule)
    rate, number = state == EXACT, state > HIDDEN
    return Shown(rate, number, _levels(chooser, repair, counts, rate, rule))


def _rates_and_numbers(
    chooser: Chooser, repair: Repair, counts: Counts, may: Flags, rule: SuppressionRule
) -> Ints:
    """Returns the state of each set: HIDDEN, its number (CODED), or its number and rate (EXACT).

    What is lowered is guarded the next time, so that it does not follow from the others.
    """
    small = counts.students < rule.minimum_n
    told = _told(counts, rule)
    numbered = may & counts.has_rate & (counts.is_extreme | _is_wide(told, rule))
    state = np.where(may, EXACT, HIDDEN)
    rate, lowered = may, np.zeros_like(may)
    while True:
        # Only of what was shown, less that: each time there is less, so it comes to an end.
        rate = chooser.shown(_ask_rates(counts, rate, lowered, rule))
        number = (state > HIDDEN) & (rate | numbered)
        number = chooser.shown(_ask_numbers(may, rate, number, small))
        before = np.where(rate, EXACT, np.where(number, CODED, HIDDEN))
        state = repair.lowered(before, told)
        if np.array_equal(state, before):
            return state
        lowered = lowered | (rate & (state < EXACT))


def _ask_numbers(may: Flags, rate: Flags, asked: Flags, small: Flags) -> Ask:
    """Asks for numbers beside the rates that are shown; what is not asked for must not follow."""
    return Ask(asked, small | (may & ~asked), first=rate)


def _levels(
    chooser: Chooser, repair: Repair, counts: Counts, rate: Flags, rule: SuppressionRule
) -> Flags:
    """Returns of which sets the levels are shown; there is no code between all and none."""
    shown = chooser.shown(_ask_levels(counts, rate, rule))
    kept = _open_levels(repair, counts, shown)
    # Only of what was shown: nothing has to be lowered again, and what was does not follow.
    return kept if (kept == shown).all() else chooser.shown(_ask_levels(counts, kept, rule))


def _open_levels(repair: Repair, counts: Counts, shown: Flags) -> Flags:
    """Returns which of the shown leave enough of the hidden open at each level."""
    state = np.where(shown, CODED, HIDDEN)
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


def _is_wide(told: Told, rule: SuppressionRule) -> Flags:
    """Returns where a coded rate says little: its numbers lie `interval` apart or more."""
    low, high = (of_state[CODED - 1] for of_state in (told.low, told.high))
    return high - low >= rule.interval


def _told(counts: Counts, rule: SuppressionRule) -> Told:
    """Returns between what numbers of proficient students a coded, and an exact, rate is."""
    n, k = counts.students, counts.proficient
    edge = np.floor(counts.limit * n / 100.0).astype(np.int64)
    is_extreme = counts.is_extreme
    bottom = np.where(is_extreme, [0 * n, edge], [edge + 1, n // 2])
    top = np.where(is_extreme, [n - edge, n], [n // 2 + 1, n - edge - 1])
    low, high = np.where(counts.is_bottom, bottom, top)
    without = ~counts.has_rate
    low, high = np.where(without, 0, low), np.where(without, n, high)
    exact = np.where(without, 0, k), np.where(without, n, k)
    return Told(np.array([low, exact[0]]), np.array([high, exact[1]]), n)


def _ask_levels(counts: Counts, rate: Flags, rule: SuppressionRule) -> Ask:
    """Asks for the levels of every set with a rate that has students at each level.

    Of an assessment without levels there are none to ask for.
    """
    levels = counts.levels
    asked = rate & counts.has_rate & (levels > 0).all(axis=0) & (len(levels) > 1)
    small = counts.students < rule.minimum_n
    return Ask(asked, ~asked, rest=Rest(levels, small, rule.interval) if len(levels) else None)
