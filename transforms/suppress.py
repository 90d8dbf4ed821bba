"""Decides which cells of a published system are hidden, so that none can be worked out.

A cell of few students is hidden (primary suppression). Whatever adding and subtracting published
cells would give it back is hidden as well (complementary suppression). Rates near 0 or 100 are
shown as the limit of their band only (top and bottom coding), as they tell about every student.

Source: NCES, SLDS Technical Brief 3 (NCES 2011-603), minimum group size, complementary
suppression, coding of extreme percentages by size of group; the bands are those of
docs/decisions/0003-complementary-suppression.md.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from transforms.suppress_choice import Chooser, Sets
from transforms.suppress_lines import ALL, CellsDoNotAddUp, Dimensions, System, build_system
from transforms.suppress_rule import SuppressionRule
from transforms.suppress_sets import Ints
from transforms.suppress_tiers import Counts, Shown, choose_shown, counts_of

__all__ = ["CellsDoNotAddUp", "Dimensions", "SuppressionRule", "protect"]

HALF = 50.0


def protect(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    dimensions: Dimensions,
    rule: SuppressionRule,
    met: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Returns for every cell whether it is suppressed, why, and how much of the others is shown.

    Three things are decided one after another, each on the same sets of students: whose rate is
    shown, whose n, whose levels. Nothing hidden can be computed exactly by adding and subtracting
    what is shown: no suppressed cell's n, no suppressed or coded cell's number of proficient
    students, no level that is not shown; and no difference of two shown cells of which one lies in
    the other has fewer than `minimum_n` students. In no sum with a shown parent do the hidden
    children together have fewer than `minimum_n` students.

    Of what shown children leave of a shown parent, at least `interval` may be proficient and as
    many may not, by all that exact and coded rates of them tell; where levels are shown, at least
    `interval` are at each level, and as many at the others. So it is between two shown cells of
    which one lies in the other. Only what the parent tells of all its students, as by a rate near
    0 or 100, is told of the hidden ones too. Cells that hold the same students share the decision.

    Args:
        cells: one assessment, subject, school year and test window; a row per non-empty cell, with
            org_level, org_id, grade and the dimensions ('all' where not split), n_tested (1 or
            more), n_proficient and, where levels are published, `n_level_<k>`. An absent
            combination is taken for empty. `has_rate` (bool) says whether a rate of proficient
            students is shown of the cell at all, as where each of them has a level; without the
            column it is of every cell. What has no rate is not coded.
        splits: how organisations add up; a row per part: parent_level, parent_id, split,
            child_level, child_id. The parts of one (parent, split) are exactly the parent.
        dimensions: the columns of groups.
        rule: the smallest group shown, the limits of rates.
        met: the pairs of codes of two dimensions that any student has (`codes_met`), so that what
            never goes together is not computed with; null where that is not known.

    Returns:
        A frame with the index of `cells`: `suppressed` (bool), `suppression_reason` ('primary',
        'complementary', null where shown), `rate_coding` ('exact', 'top', 'bottom'; 'exact' where
        suppressed), `rate_limit` (how far from 0 or 100 a coded rate lies at most, 50 where it is
        coded since it would give another away), `shows_levels` (bool).

    Raises:
        CellsDoNotAddUp: a cell twice, a parent missing, or not the sum of its children; the
            guarantee would be void.
    """
    order = _canonical_order(cells, dimensions)
    in_order = cells.iloc[order]
    splits = splits.drop_duplicates().sort_values(list(splits.columns))
    system = build_system(in_order, splits, dimensions, met, rule.minimum_n)
    counts = counts_of(in_order, system, rule)
    usefulness, worth = _usefulness(in_order, dimensions, system)
    chooser = Chooser(
        system.matrix, Sets(counts.students, usefulness, worth), rule.minimum_n, system.basis
    )
    shown = choose_shown(chooser, counts, rule, system)
    return _describe(in_order, rule, counts, shown, system).iloc[np.argsort(order)]


def _canonical_order(cells: pd.DataFrame, dimensions: Dimensions) -> Ints:
    """Returns the positions of the cells by key, so that ties do not fall by the order of rows."""
    columns = ["org_level", "org_id", *dimensions.columns]
    text = [cells[column].astype("string[pyarrow]") for column in columns]
    return np.lexsort([pd.factorize(column, sort=True)[0] for column in text])


def _usefulness(cells: pd.DataFrame, dimensions: Dimensions, system: System) -> tuple[Ints, Ints]:
    """Ranks sets of students by what is read most, and by what would be lost with them.

    All students of an organisation come first, over all grades and then by grade, then one group
    over all grades, the rest last; of the first three, wide organisations before others. How wide
    one is, is how many of the others' kinds lie within it, so that no list of levels is needed: a
    school 0, what is made of schools 1 and so on, the same for all of a level. What is lost are the
    cells of these students, twice each, and a point for one group alone.
    """
    groups = _count_split(cells, dimensions.columns[1:])
    all_grades = (cells["grade"] == ALL).to_numpy()
    kind = np.where(groups == 0, 2 + all_grades, (groups == 1) & all_grades)
    width = _width_of_level(cells, system)
    rank = np.where(kind > 0, kind * (int(width.max(initial=0)) + 1) + width, 0)
    count = np.bincount(system.set_of_cell, minlength=system.set_count)
    return system.greatest(rank), 2 * count + system.greatest(groups <= 1)


def _count_split(cells: pd.DataFrame, columns: Iterable[str]) -> Ints:
    """Returns by how many of the columns each cell is split."""
    return sum((cells[c] != ALL).to_numpy(dtype=np.int64) for c in columns) + np.zeros(
        len(cells), dtype=np.int64
    )


def _width_of_level(cells: pd.DataFrame, system: System) -> Ints:
    """Returns for each cell how many other levels have organisations within its level's."""
    level, levels = pd.factorize(cells["org_level"].astype("string[pyarrow]"))
    level_of = np.zeros(system.within.shape[0], dtype=np.int64)
    level_of[system.organisation] = level
    part, whole = system.within.nonzero()
    pairs = np.unique(np.column_stack([level_of[part], level_of[whole]]), axis=0)
    width = np.bincount(pairs[pairs[:, 0] != pairs[:, 1], 1], minlength=len(levels))
    return np.unique(width, return_inverse=True)[1][level]


def _describe(
    cells: pd.DataFrame, rule: SuppressionRule, counts: Counts, shown: Shown, system: System
) -> pd.DataFrame:
    of_cell = system.set_of_cell
    suppressed = ~shown.number[of_cell]
    primary = cells["n_tested"].to_numpy() < rule.minimum_n
    reason = pd.Series(pd.NA, index=cells.index, dtype="string")
    reason[suppressed] = "complementary"
    reason[primary] = "primary"
    side = np.where(counts.is_bottom, "bottom", "top")
    coding = np.where(shown.rate[of_cell] | suppressed, "exact", side[of_cell])
    limit = np.where(shown.half, HALF, counts.limit)[of_cell]
    return pd.DataFrame(
        {
            "suppressed": suppressed,
            "suppression_reason": reason,
            "rate_coding": pd.Series(coding, cells.index, "string"),
            "rate_limit": np.where(coding == "exact", np.nan, limit),
            "shows_levels": shown.levels[of_cell],
        },
        index=cells.index,
    )
