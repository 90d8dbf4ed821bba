"""The marts that are computed from counted cells: gaps, growth and transitions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import duckdb

from flows.context import Context
from flows.slices import of_slices
from flows.stages.marts import ORGANISATIONS
from flows.stages.planning import BuildPlan
from flows.stages.protecting import proven
from flows.stages.sliced_marts import in_order_of_slices
from flows.stages.students import GROUP_BREAKS
from flows.stages.told import ToldAchievement
from transforms.breaks import breaks_relation
from transforms.cell_plan import CellPlan
from transforms.cells import build_cells
from transforms.gaps import GapInputs, Gaps, build_gaps, exact_gap_sql, published_gap_sql
from transforms.growth import (
    GrowthInputs,
    build_growth,
    exact_growth_sql,
    published_growth_sql,
)
from transforms.growth_matching import PRIOR_STATUS
from transforms.growth_statistics import GROWTH_CELLS, growth_plan, growth_statistics
from transforms.growth_statistics import STUDENTS as GROWTH_STUDENTS
from transforms.growth_statistics import students_sql as growth_students_sql
from transforms.growth_transition import exact_transition_sql, published_transition_sql
from transforms.growth_vendor import build_vendor_cells
from warehouse.lake import path_literal
from warehouse.publish import MartArea

if TYPE_CHECKING:
    from flows.stages.marts import MartWriter


@dataclass(frozen=True)
class Derived:
    """Writes the marts that are computed from the cells of one build, area by area.

    The marts of achievement of the area have been written; the cells are those of its students.
    What depends on the students alone is computed once where both areas have the same.
    """

    context: Context
    plan: BuildPlan
    con: duckdb.DuckDBPyConnection
    writer: MartWriter
    cells: CellPlan
    told: ToldAchievement
    _gaps_of: dict[str, Gaps] = field(default_factory=dict)
    _vendors_of: dict[str, str] = field(default_factory=dict)

    def write(self, area: MartArea, students: str, decisions: str) -> None:
        """Write the marts of an area.

        Args:
            area: of the marts.
            students: the relation that the cells were counted from.
            decisions: what is done to each cell before it is published.
        """
        self._gaps(area, students, decisions)
        if PRIOR_STATUS in self.cells.one_way:
            self._growth(area, students)

    def _write(self, name: str, area: MartArea, sql: str) -> None:
        self.writer.sliced(name, area, in_order_of_slices(sql))

    def _gaps(self, area: MartArea, students: str, decisions: str) -> None:
        marts = self.context.catalogue.marts
        if students not in self._gaps_of:
            inputs = GapInputs(
                decisions=decisions, earlier=self._earlier_gaps(area), group_breaks=GROUP_BREAKS
            )
            self._gaps_of[students] = build_gaps(self.con, self.cells, marts, inputs)
        gaps = self._gaps_of[students]
        if area == "restricted":
            self._write("mart_gap_unsuppressed", area, exact_gap_sql(gaps))
        else:
            self._write("mart_gap", area, published_gap_sql(gaps, marts))

    def _earlier_gaps(self, area: MartArea) -> str | None:
        """Make view `earlier_gaps` of the kept slices that a change is measured from.

        For reporting, slices of which anything is under embargo are left out.
        """
        path = self.context.publisher.path("mart_gap_unsuppressed", "restricted")
        names = [name for name in self.plan.earlier if name in self.plan.kept]
        if area == "reporting":
            names = [name for name in names if not self.plan.keeps_back_of(name)]
        if not names or not path.exists():
            return None
        return self._view(
            "earlier_gaps",
            f"SELECT * FROM read_parquet({path_literal(path)}) WHERE {of_slices(names)}",
        )

    def _growth(self, area: MartArea, students: str) -> None:
        """Write growth and transitions; without a mart of achievement there is nothing to grow."""
        achievement = self.told.of(area)
        if achievement is None:
            return
        growth = self._built_growth(area, students, achievement)
        marts = self.context.catalogue.marts
        if area == "restricted":
            sql = exact_growth_sql(self.cells, growth)
            moves = exact_transition_sql(self.cells, growth)
        else:
            sql = published_growth_sql(self.cells, marts, growth)
            moves = published_transition_sql(self.cells, marts, growth)
        suffix = "_unsuppressed" if area == "restricted" else ""
        self._write(f"mart_growth{suffix}", area, sql)
        self._write(f"mart_transition{suffix}", area, moves)

    def _built_growth(self, area: MartArea, students: str, achievement: str) -> str:
        assessments = self.context.catalogue.assessments
        self.con.register("breaks_given", breaks_relation(assessments))
        inputs = GrowthInputs(
            achievement=achievement,
            cells=GROWTH_CELLS,
            vendor=self._growth_cells(students),
            breaks="breaks_given",
            group_breaks=GROUP_BREAKS,
            systems=of_slices(self.plan.changed) if self.plan.changed else "false",
            published=area == "reporting",
        )
        with proven():
            return build_growth(self.con, self.cells, self.context.catalogue.marts, inputs)

    def _growth_cells(self, students: str) -> str:
        """Build the growth cells of the students; return the name of what vendors say of them."""
        if students not in self._vendors_of:
            rows = self._view(GROWTH_STUDENTS, growth_students_sql(students, self.cells))
            plan, statistics = growth_plan(self.cells), growth_statistics(self.cells)
            build_cells(self.con, rows, ORGANISATIONS, plan, statistics, GROWTH_CELLS)
            vendor = build_vendor_cells(self.con, rows, GROWTH_CELLS, self.cells)
            self._vendors_of[students] = vendor
        return self._vendors_of[students]

    def _view(self, name: str, sql: str) -> str:
        self.con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {sql}")
        return name
