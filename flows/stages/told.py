"""What a mart of achievement tells the marts that are computed from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from flows.stages.marts import CELL_KEY, MartWriter
from transforms.cell_plan import CellPlan
from transforms.organisations import SYSTEM
from warehouse.lake import path_literal
from warehouse.publish import MartArea

ACHIEVEMENT = {
    "restricted": "mart_achievement_unsuppressed",
    "reporting": "mart_achievement",
}


@dataclass(frozen=True)
class ToldAchievement:
    """Each area's own cells of all years, which growth and comparisons are computed from.

    They are joined once for both. The area's mart of achievement has been written before they are
    asked for.
    """

    con: duckdb.DuckDBPyConnection
    writer: MartWriter
    plan: CellPlan
    _relations: dict[MartArea, str | None] = field(default_factory=dict)

    def of(self, area: MartArea) -> str | None:
        """Return the relation of an area's cells, made when first asked for; null without any.

        What is published is computed from published numbers alone, so it can tell no others. A cell
        that is not listed there, though there is one, comes as a suppressed row: nobody is not the
        same as nobody who is shown.
        """
        if area not in self._relations:
            self._relations[area] = self._relate(area)
        return self._relations[area]

    def _relate(self, area: MartArea) -> str | None:
        path = self.writer.written(ACHIEVEMENT[area], area)
        if path is None:
            return None
        name, own = f"told_achievement_{area}", f"SELECT * FROM read_parquet({path_literal(path)})"
        every = self.writer.written(ACHIEVEMENT["restricted"], "restricted")
        if area == "restricted" or every is None:
            self.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {own}")
        else:
            sql = f"{own} UNION ALL BY NAME {self._not_listed_sql(own, every)}"
            self.con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
        return name

    def _not_listed_sql(self, own: str, every: Path) -> str:
        """Return SQL of the cells that there are where an area has any, and that it does not list.

        Args:
            own: SQL of the area's own cells.
            every: the mart of all cells.
        """
        key = ", ".join((*CELL_KEY, *self.plan.group_columns[1:]))
        place = ", ".join((*SYSTEM, "org_level", "org_id"))
        return (
            f"SELECT {', '.join(self.plan.key_columns)}, true AS suppressed "
            f"FROM read_parquet({path_literal(every)}) "
            f"ANTI JOIN ({own}) USING ({key}) SEMI JOIN ({own}) USING ({place})"
        )
