"""How the cells of one system of growth add up, and what has to be hidden with some of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from configs.mart_models import Suppression
from transforms.cell_plan import ALL
from transforms.suppress_choice import Ask, Chooser, Sets
from transforms.suppress_lines import Dimensions, System, build_system
from transforms.suppress_sets import Flags, Ints, only_parents


@dataclass(frozen=True)
class Lines:
    """How the cells of one system add up: what can be computed of one from others.

    students, usefulness: of each set of students that is a cell or several.
    """

    system: System
    students: Ints
    usefulness: Ints

    @classmethod
    def of(
        cls,
        cells: pd.DataFrame,
        splits: pd.DataFrame,
        dimensions: Dimensions,
        met: pd.DataFrame | None = None,
    ) -> Lines:
        """Return the lines of one system.

        Args:
            cells: with `n_tested`, `n_proficient` and the columns of their key.
            splits: how its organisations add up.
            dimensions: the columns of groups.
            met: which of their codes go together, see `codes_met`; null where none are tied.
        """
        system = build_system(cells, splits, dimensions, met)
        n = cells["n_tested"].to_numpy(dtype=np.int64)
        students = system.greatest(n, system.parts @ n)
        return cls(system, students, system.greatest(_usefulness(cells, dimensions)))

    def with_parts(self, values: Ints) -> Ints:
        """Return a number of each cell, which adds up, and behind it of the parts that are none."""
        return np.append(values, self.system.parts @ values)

    def part(self, hidden: Flags, count: Ints, rule: Suppression) -> Flags:
        """Return the hidden cells, and those that a shown one around them has few more than.

        Whoever hides more tells no more, so it is done once all else is decided.

        Args:
            hidden: of each cell.
            count: a number of each cell that is shown where the cell is not hidden.
            rule: how many are few.
        """
        of_set = self.system.greatest(count)
        is_hidden = self.system.greatest(hidden) > 0
        wide, narrow = self._pairs
        between = of_set[wide] - of_set[narrow]
        few = (between > 0) & (between < rule.minimum_n) & ~is_hidden[wide] & ~is_hidden[narrow]
        is_hidden[narrow[few]] = True
        return is_hidden[self.system.set_of_cell]

    @functools.cached_property
    def _pairs(self) -> tuple[Ints, Ints]:
        """Return (wide, narrow) of each two sets of which one lies in the other."""
        lines = sparse.vstack([self.system.matrix, self.system.nested], format="csr")
        parts = (lines < 0).tocoo()
        return only_parents(lines)[parts.row], parts.col.astype(np.int64)

    def close(self, flagged: Flags, hidden: Flags | None = None) -> Flags:
        """Return the flagged cells, those hidden anyway, and who has to be hidden with the flagged.

        Parts that are no cells may be flagged too, behind the cells.
        """
        of_cell, of_part = self.system.set_of_cell, self.system.set_of_part
        guarded = np.zeros(self.system.set_count, dtype=bool)
        guarded[np.append(of_cell, of_part)[: len(flagged)][flagged]] = True
        if not flagged.any():
            return guarded[of_cell] if hidden is None else hidden
        held = np.zeros(self.system.set_count, dtype=bool)
        held[of_cell] = True
        if hidden is not None:
            held[of_cell[hidden]] = False
        worth = np.zeros_like(self.usefulness)
        sets = Sets(self.students, self.usefulness, worth)
        # No set is too small here: that is decided with the cells; nobody sees those that are.
        chooser = Chooser(self.system.matrix, sets, 1, self.system.basis)
        return ~chooser.shown(Ask(held & ~guarded, guarded))[of_cell]


def _usefulness(cells: pd.DataFrame, dimensions: Dimensions) -> Ints:
    """Rank cells: organisations wider than a school first, then what is split by less."""
    whole = [(cells[column] == ALL).to_numpy() for column in dimensions.columns]
    wide = (cells["org_level"] != "school").to_numpy()
    return np.sum(whole, axis=0) + wide * (len(whole) + 1)
