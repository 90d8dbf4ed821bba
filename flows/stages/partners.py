"""The mart of comparisons: partner schools and networks against the other schools."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.context import Context
from flows.stages.students import GROUP_BREAKS
from flows.stages.told import ToldAchievement
from transforms.breaks import breaks_relation
from transforms.comparison import (
    ComparisonInputs,
    build_comparison,
    exact_comparison_sql,
    published_comparison_sql,
)
from warehouse.publish import MartArea

if TYPE_CHECKING:
    from flows.stages.marts import MartWriter


def write_comparison(
    context: Context, writer: MartWriter, told: ToldAchievement, area: MartArea
) -> None:
    """Write the comparisons of an area, from its own mart of achievement of all years.

    It is written whole: a gain reaches over years. What is published is computed from published
    numbers alone, so it can tell no others.
    """
    network = context.catalogue.network
    if not (network.partner_schools or network.networks):
        return
    suffix = "_unsuppressed" if area == "restricted" else ""
    achievement, con, plan = told.of(area), told.con, told.plan
    if achievement is None:
        return
    con.register("comparison_breaks", breaks_relation(context.catalogue.assessments))
    inputs = ComparisonInputs(
        achievement=achievement,
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
