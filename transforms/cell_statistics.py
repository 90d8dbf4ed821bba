"""What is summed over the students of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from transforms.cell_plan import CellPlan

SumType = Literal["COUNT", "BIGINT", "HUGEINT"]
LEVEL = "{level}"
LIMB_BITS = 32


@dataclass(frozen=True)
class Statistic:
    """A number that adds up over students, and so over cells.

    Sums are whole numbers, so that no order of rows or threads changes a digit. One with `decimals`
    is kept in units of 1, 10, 100 ... parts and is a DOUBLE in the view of the cells.

    name: the column. With `{level}` in it, one column per level of the plan.
    sql: COUNT: a condition on one row of results. Else a whole number of units (see `units`) from
        one row; null adds nothing.
    type: COUNT (of rows for which `sql` holds), BIGINT (a sum), or HUGEINT (a sum of numbers that
        are not negative, for which BIGINT is too small).
    decimals: how many digits behind the point the units are.
    of_finest: `sql` is of a finest cell instead: over the statistics named before this one and
        `cut`, the lowest score of the proficient level of its subject, grade and year in
        thousandths; null where the assessment does not say it.
    """

    name: str
    sql: str
    type: SumType = "COUNT"
    decimals: int = 0
    of_finest: bool = False

    def per_student(self) -> str:
        """Return SQL of the sum over student rows."""
        if self.type == "COUNT":
            return f"count_if(({self.sql})::BOOLEAN)::INTEGER AS {self.name}"
        return f"coalesce(sum({self.sql}), 0)::{self.type} AS {self.name}"

    @property
    def stored(self) -> tuple[str, ...]:
        """Return the columns that hold the sum: of a HUGEINT its upper and its lower bits."""
        return (f"{self.name}_high", f"{self.name}_low") if self.type == "HUGEINT" else (self.name,)

    def shown(self) -> str:
        """Return SQL of the column of the view."""
        value = self.name
        if self.type == "HUGEINT":
            value = f"({self.name}_high::HUGEINT * {1 << LIMB_BITS} + {self.name}_low)"
        return f"{value}::DOUBLE / {10**self.decimals} AS {self.name}" if self.decimals else value


def units(column: str, decimals: int) -> str:
    """Return SQL of a number as whole units, rounded: thousandths where `decimals` is 3."""
    return f"round(({column}) * {10**decimals})::BIGINT"


SCORE_DECIMALS = 3
_SCORE = units("scale_score", SCORE_DECIMALS)
ACHIEVEMENT: tuple[Statistic, ...] = (
    Statistic("n_tested", "true"),
    Statistic("n_scores", "scale_score IS NOT NULL"),
    Statistic("score_sum", _SCORE, "BIGINT", SCORE_DECIMALS),
    Statistic("score_squares", f"{_SCORE}::HUGEINT * {_SCORE}", "HUGEINT", 2 * SCORE_DECIMALS),
    Statistic("n_distances", "if(cut IS NULL, 0, n_scores)", of_finest=True),
    Statistic(
        "distance_sum",
        "if(cut IS NULL, 0, score_sum - n_scores * cut)",
        "BIGINT",
        SCORE_DECIMALS,
        of_finest=True,
    ),
    Statistic("n_level_{level}", "performance_level = {level}"),
)


def counts_levels(statistics: Sequence[Statistic]) -> bool:
    """Return whether some of the statistics count students by level."""
    return any(LEVEL in one.name for one in statistics)


def expanded(statistics: Sequence[Statistic], plan: CellPlan) -> tuple[Statistic, ...]:
    """Return the statistics with one for each level in the place of those that name `{level}`."""
    found: list[Statistic] = []
    for one in statistics:
        if LEVEL not in one.name:
            found.append(one)
            continue
        found += (
            replace(one, name=one.name.format(level=k), sql=one.sql.format(level=k))
            for k in plan.levels
        )
    return tuple(found)
