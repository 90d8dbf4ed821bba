"""The mart of comparisons: partner schools and networks against the other schools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.context import Context
from flows.stages.lake_relations import relate_lake
from flows.stages.planning import PUBLISHED
from flows.stages.students import GROUP_BREAKS
from flows.stages.told import ToldAchievement
from transforms.breaks import breaks_relation
from transforms.comparison import (
    ComparisonInputs,
    build_comparison,
    exact_comparison_sql,
    published_comparison_sql,
)
from transforms.state_cells import state_cells_sql, state_groups
from warehouse.publish import MartArea

if TYPE_CHECKING:
    from flows.stages.marts import MartWriter


def write_comparison(
    context: Context, writer: MartWriter, told: ToldAchievement, area: MartArea
) -> None:
    """Write the comparisons of an area, from its own mart of achievement of all years.

    It is written whole: a gain reaches over years. What is published is computed from published
    numbers alone, the state's among them, so it can tell no others.
    """
    if not context.catalogue.network.is_compared:
        return
    suffix = "_unsuppressed" if area == "restricted" else ""
    achievement, con, plan = told.of(area), told.con, told.plan
    if achievement is None:
        return
    con.register("comparison_breaks", breaks_relation(context.catalogue.assessments))
    inputs = ComparisonInputs(
        achievement=_with_state(context, told, achievement, area),
        schools="dim_school",
        networks="networks",
        breaks="comparison_breaks",
        group_breaks=GROUP_BREAKS,
    )
    built = build_comparison(con, plan, context.catalogue.marts, inputs, f"comparison_{area}")
    if area == "restricted":
        sql = exact_comparison_sql(plan, built)
    else:
        sql = published_comparison_sql(plan, context.catalogue.marts, built)
    writer.whole(f"mart_comparison{suffix}", area, sql)


def _with_state(context: Context, told: ToldAchievement, achievement: str, area: MartArea) -> str:
    """Relate an area's cells together with what the state publishes of the same tests.

    Of its own, and only for comparisons: whatever else reads the cells has no state among them.
    """
    con, cells, name = told.con, f"state_cells_{area}", f"compared_achievement_{area}"
    relate_lake(context, con, "published", PUBLISHED)
    con.register("state_groups", state_groups(told.plan, context.catalogue.vocabularies))
    sql = state_cells_sql(told.plan, "published", "state_groups", achievement)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {cells} AS {sql}")
    con.execute(
        f"CREATE OR REPLACE TEMP VIEW {name} AS FROM {achievement} UNION ALL BY NAME FROM {cells}"
    )
    return name
