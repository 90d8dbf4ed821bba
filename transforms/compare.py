"""What a load would change, side by side: rows before and after, counted by what people look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from configs.assessment_models import Assessment
from transforms.cell_plan import quoted

SYSTEM = ("assessment", "school_year", "subject", "test_window")
MEASURES = ("rows", "students", "schools", "share_pct", "mean_scale_score", "pct_proficient")
UNKNOWN = "UNKNOWN"


@dataclass(frozen=True)
class Part:
    """One way of splitting the rows.

    by: the SQL of what they are split by. system: whether each test is counted by itself, which
    means and rates need.
    """

    section: str
    by: str
    system: bool = True


def compare_sql(before: str, after: str, parts: Sequence[Part], facts: str | None) -> str:
    """Return SQL of each part before and after.

    Grain: one row per section, test and name. Columns: `section`, those of SYSTEM (null where the
    part is of all tests together), `name`, and each of MEASURES as `before_<m>` and `after_<m>`.
    Exact numbers: for restricted use.

    Args:
        before: relation of the rows that would go; `after` of those that would come.
        after: as `before`, with the same columns.
        parts: how the rows are split.
        facts: relation as of `facts_sql`; null for tables without results.
    """
    counted = " UNION ALL ".join(_counted_sql(part, facts is not None) for part in parts)
    joined = f"LEFT JOIN {facts} AS facts USING (assessment)" if facts else ""
    key = ("section", *SYSTEM, "name")
    columns = ", ".join(
        f"max({measure}) FILTER ({side}) AS {word}_{measure}"
        for measure in MEASURES
        for word, side in (("before", "NOT is_new"), ("after", "is_new"))
    )
    return f"""
        WITH sides AS (
            SELECT false AS is_new, * FROM {before}
            UNION ALL BY NAME SELECT true AS is_new, * FROM {after}
        ), told AS (SELECT * FROM sides {joined}),
        counted AS ({counted}),
        shared AS (
            SELECT *, 100 * students / sum(students) OVER
                (PARTITION BY is_new, section, {", ".join(SYSTEM)}) AS share_pct
            FROM counted
        )
        SELECT {", ".join(key)}, {columns} FROM shared GROUP BY ALL ORDER BY {", ".join(key)}
    """


def facts_sql(assessments: Mapping[str, Assessment]) -> str:
    """Return SQL of `assessment`, `proficient_from`, `is_vertical`, a row per assessment."""
    rows = ", ".join(
        f"({quoted(name)}, {one.proficient_from or 'NULL'}::INTEGER, {one.scale == 'vertical'})"
        for name, one in sorted(assessments.items())
    )
    return f"(SELECT * FROM (VALUES {rows}) AS facts(assessment, proficient_from, is_vertical))"


def result_parts(groups: Sequence[str]) -> list[Part]:
    """Return how results are split: by test and grade, district, school, and each group."""
    return [
        Part("all", "'all'", system=False),
        Part("grade", "grade"),
        Part("district", "district_id"),
        Part("school", "district_id || '/' || school_id"),
        *(Part(group, f"coalesce({group}, '{UNKNOWN}')") for group in groups),
    ]


def _counted_sql(part: Part, has_results: bool) -> str:
    system = ", ".join(c if part.system and has_results else f"NULL AS {c}" for c in SYSTEM)
    mean, rate = "NULL::DOUBLE", "NULL::DOUBLE"
    if has_results and part.system:
        on_one_scale = "true" if part.section == "grade" else "bool_and(is_vertical)"
        mean = f"if({on_one_scale}, avg(scale_score) FILTER (is_scored), NULL)"
        at_a_level = "is_scored AND performance_level IS NOT NULL AND proficient_from IS NOT NULL"
        rate = f"100 * avg((performance_level >= proficient_from)::INTEGER) FILTER ({at_a_level})"
    return f"""
        SELECT is_new, '{part.section}' AS section, {system}, {part.by} AS name,
            count(*) AS rows, count(DISTINCT student) AS students,
            count(DISTINCT school) AS schools,
            {mean} AS mean_scale_score, {rate} AS pct_proficient
        FROM told GROUP BY ALL
    """
