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
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from transforms.suppress_choice import Sets, choose_hidden
from transforms.suppress_lines import (
    ALL,
    CellsDoNotAddUp,
    Dimensions,
    Flags,
    Ints,
    System,
    build_system,
)

__all__ = ["CellsDoNotAddUp", "Dimensions", "SuppressionRule", "protect"]

HAS_RATE = "has_rate"


@dataclass(frozen=True)
class SuppressionRule:
    """From how many students a cell is shown, and how near to 0 or 100 its rate is shown.

    `extreme_bands` are (n, limit): from n students on, rates at or below `limit` percent, or at or
    above 100 - `limit`, are coded.
    """

    minimum_n: int = 11
    extreme_bands: tuple[tuple[int, float], ...] = (
        (11, 20.0),
        (20, 10.0),
        (40, 5.0),
        (100, 2.0),
        (300, 1.0),
    )


def protect(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    dimensions: Dimensions,
    rule: SuppressionRule,
) -> pd.DataFrame:
    """Returns for every cell whether it is suppressed, why, and how its rate is coded.

    Nothing hidden can be computed exactly by adding and subtracting what is shown: no suppressed
    cell's n, no suppressed or coded cell's number of proficient students. In no sum with a shown
    parent do the hidden children together have fewer than `minimum_n` students. Cells that hold
    the same students share the decision.

    Args:
        cells: one assessment, subject, school year and test window; a row per non-empty cell, with
            org_level, org_id, grade and the dimensions ('all' where not split), n_tested (1 or
            more) and n_proficient. An absent combination is taken for empty. `has_rate` (bool) says
            whether a rate of proficient students is shown of the cell at all, as where each of them
            has a level; without the column it is of every cell. What has no rate is not coded.
        splits: how organisations add up; a row per part: parent_level, parent_id, split,
            child_level, child_id. The parts of one (parent, split) are exactly the parent.
        dimensions: the columns of groups.
        rule: the smallest group shown, the limits of rates.

    Returns:
        A frame with the index of `cells`: `suppressed` (bool), `suppression_reason` ('primary',
        'complementary', null where shown), `rate_coding` ('exact', 'top', 'bottom'; 'exact' where
        suppressed).

    Raises:
        CellsDoNotAddUp: a cell twice, a parent missing, or not the sum of its children; the
            guarantee would be void.
    """
    order = _canonical_order(cells, dimensions)
    in_order = cells.iloc[order]
    splits = splits.drop_duplicates().sort_values(list(splits.columns))
    system = build_system(in_order, splits, dimensions)
    coding = _rate_coding(in_order, rule)
    usefulness, worth = _usefulness(in_order, dimensions, system)
    sets = Sets(
        _greatest_by_set(system, in_order["n_tested"].to_numpy(dtype=np.int64)),
        _greatest_by_set(system, coding != "exact").astype(bool),
        usefulness,
        worth,
    )
    hidden = choose_hidden(system.matrix, sets, rule.minimum_n, system.basis)
    suppressed = hidden[system.set_of_cell]
    return _describe(in_order, rule, coding, suppressed).iloc[np.argsort(order)]


def _canonical_order(cells: pd.DataFrame, dimensions: Dimensions) -> Ints:
    """Returns the positions of the cells by key, so that ties do not fall by the order of rows."""
    columns = ["org_level", "org_id", *dimensions.columns]
    text = [cells[column].astype("string[pyarrow]") for column in columns]
    return np.lexsort([pd.factorize(column, sort=True)[0] for column in text])


def _rate_coding(cells: pd.DataFrame, rule: SuppressionRule) -> NDArray[np.object_]:
    """Codes of the rates: 'top' and 'bottom' at or beyond the limit of n's band, else 'exact'."""
    tested = cells["n_tested"].to_numpy(dtype=np.int64)
    proficient = cells["n_proficient"].to_numpy(dtype=np.int64)
    smallest, limits = (np.array(part) for part in zip(*sorted(rule.extreme_bands), strict=True))
    band = np.searchsorted(smallest, tested, side="right") - 1
    limit = np.where(band < 0, -1.0, limits[band])
    # Products, not quotients: at a limit 100 * 2 / 10 must be exactly 20.
    bottom, top = 100.0 * proficient, 100.0 * (tested - proficient)
    coding = np.full(len(cells), "exact", dtype=object)
    coding[top <= limit * tested] = "top"
    coding[bottom <= limit * tested] = "bottom"
    if HAS_RATE in cells:
        coding[~cells[HAS_RATE].to_numpy(dtype=bool)] = "exact"
    return coding


def _greatest_by_set(system: System, of_cell: NDArray[np.generic]) -> Ints:
    """Returns the greatest number, none of them negative, of each set's cells."""
    greatest = np.zeros(system.set_count, dtype=np.int64)
    np.maximum.at(greatest, system.set_of_cell, of_cell.astype(np.int64))
    return greatest


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
    return _greatest_by_set(system, rank), 2 * count + _greatest_by_set(system, groups <= 1)


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
    cells: pd.DataFrame, rule: SuppressionRule, coding: NDArray[np.object_], suppressed: Flags
) -> pd.DataFrame:
    primary = cells["n_tested"].to_numpy() < rule.minimum_n
    reason = pd.Series(pd.NA, index=cells.index, dtype="string")
    reason[suppressed] = "complementary"
    reason[primary] = "primary"
    return pd.DataFrame(
        {
            "suppressed": suppressed,
            "suppression_reason": reason,
            "rate_coding": pd.Series(np.where(suppressed, "exact", coding), cells.index, "string"),
        },
        index=cells.index,
    )
