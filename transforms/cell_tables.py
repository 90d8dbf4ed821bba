"""The small tables between the words of a cell's key and its bits.

Of cells built under the name `cells`: `cells_codes` (dimension, value, bits), `cells_masks`
(dimension, mask), `cells_places` (bits of system and organisation, with their words), `cells_units`
and `cells_groups_seen` (the schools of each system and the combinations of groups that occur,
numbered), `cells_lineage` (which place is added to which), `cells_cuts`.

Functions named `..._sql` and `..._statements` build text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from transforms import organisations as orgs
from transforms.cell_keys import KeyLayout
from transforms.cell_plan import ALL, UNKNOWN, CellPlan, Rollup, quoted
from transforms.cell_statistics import SCORE_DECIMALS, Statistic
from transforms.organisations import SYSTEM, UNIT, Organisations

if TYPE_CHECKING:
    import pandas as pd
    from duckdb import DuckDBPyConnection

SIDE = "side"


@dataclass(frozen=True)
class CellBuild:
    """What is built: the name that its tables begin with, the plan, the statistics.

    has_rate: whether students are counted by level, so that it is known who is proficient.
    """

    name: str
    plan: CellPlan
    statistics: tuple[Statistic, ...]
    has_rate: bool

    @property
    def counts(self) -> tuple[str, ...]:
        """Return the columns that hold counts."""
        return tuple(one.name for one in self.statistics if one.type == "COUNT")

    @property
    def totals(self) -> tuple[str, ...]:
        """Return the columns that hold other sums."""
        return tuple(c for one in self.statistics if one.type != "COUNT" for c in one.stored)

    def part(self, column: str) -> str:
        """Return the part of the key that holds a column of groups."""
        return SIDE if column in self.plan.side_columns else column


def seen_statements(build: CellBuild, results: str, organisations: Organisations) -> Iterator[str]:
    """Yield SQL that lists the units and combinations of groups that occur, and numbers them."""
    name, unit, groups = build.name, ", ".join(UNIT), ", ".join(build.plan.given_columns)
    yield table(
        f"{name}_units_seen",
        f"SELECT *, row_number() OVER () AS code FROM "
        f"(SELECT {unit}, count(*) AS n_rows FROM {results} WHERE is_scored GROUP BY ALL)",
    )
    yield table(
        f"{name}_groups_seen",
        f"SELECT *, row_number() OVER () AS code FROM "
        f"(SELECT DISTINCT {groups} FROM {results} WHERE is_scored)",
    )
    yield table(f"{name}_codes_seen", _codes_sql(build))
    yield table(f"{name}_members", orgs.members_sql(f"{name}_units_seen", organisations))
    yield table(f"{name}_parts", orgs.parts_sql(f"{name}_members"))
    yield table(f"{name}_systems", _numbered(SYSTEM, SYSTEM, f"{name}_units_seen"))
    by_level = (f"list_position({list(orgs.LEVELS)}, org_level)", "org_id")
    yield table(f"{name}_orgs", _numbered(("org_level", "org_id"), by_level, f"{name}_members"))


def _codes_sql(build: CellBuild) -> str:
    """Return SQL of `dimension`, `value`, `part` and the number of each code within its part."""
    seen = [
        f"SELECT DISTINCT '{c}' AS dimension, coalesce({c}, '{UNKNOWN}') AS value "
        f"FROM {build.name}_groups_seen"
        for c in build.plan.given_columns
    ]
    for rollup in build.plan.rollups:
        seen.append(
            f"SELECT DISTINCT '{rollup.dimension}', union_code FROM {_members_sql(rollup)} "
            f"JOIN {build.name}_groups_seen ON member = coalesce({rollup.of}, '{UNKNOWN}')"
        )
    order = f"list_position({list(build.plan.group_columns)}, dimension), value"
    part = f"if(dimension IN {_texts(build.plan.side_columns)}, '{SIDE}', dimension)"
    return (
        f"SELECT *, row_number() OVER (PARTITION BY part ORDER BY {order}) AS code "
        f"FROM (SELECT *, {part} AS part FROM ({' UNION ALL '.join(seen)}))"
    )


def _members_sql(rollup: Rollup) -> str:
    """Return SQL of the relation `union_code`, `member` of a roll-up."""
    pairs = [(code, one) for code, members in sorted(rollup.members.items()) for one in members]
    rows = ", ".join(f"({quoted(code)}, {quoted(member)})" for code, member in pairs)
    return f"(VALUES {rows or '(NULL, NULL)'}) AS members(union_code, member)"


def _texts(values: Sequence[str]) -> str:
    return f"({', '.join(map(quoted, values)) or 'NULL'})"


def _numbered(columns: tuple[str, ...], order: tuple[str, ...], relation: str) -> str:
    names = ", ".join(columns)
    return (
        f"SELECT *, row_number() OVER (ORDER BY {', '.join(order)}) AS code "
        f"FROM (SELECT DISTINCT {names} FROM {relation})"
    )


def dictionary_statements(
    build: CellBuild, organisations: Organisations, layout: KeyLayout
) -> Iterator[str]:
    """Yield SQL of the tables between key columns and bits."""
    name = build.name
    shifts = " ".join(f"WHEN '{part}' THEN {layout.shift(part)}" for part in layout.widths)
    yield table(
        f"{name}_codes",
        f"SELECT dimension, value, code << (CASE part {shifts} END) AS bits FROM {name}_codes_seen",
    )
    masks = {
        "system": layout.mask("system"),
        "org": layout.mask("org"),
        **{c: layout.mask(build.part(c)) for c in build.plan.group_columns},
    }
    rows = ", ".join(f"('{column}', {mask}::BIGINT)" for column, mask in masks.items())
    yield table(f"{name}_masks", f"SELECT * FROM (VALUES {rows}) AS masks(dimension, mask)")
    yield table(f"{name}_facts", _facts_sql(build.plan))
    text = (*SYSTEM[1:], "org_level", "org_id", "org_name")
    places = _places_sql(build.name, organisations, layout)
    yield from encoded_table(build, f"{name}_places", places, text)
    yield table(f"{name}_lineage", _lineage_sql(name))
    yield table(f"{name}_units", _units_sql(name))
    yield table(f"{name}_groups_coded", _coded_groups_sql(build))
    yield table(f"{name}_cuts", _cuts_sql(build, layout))


def _facts_sql(plan: CellPlan) -> str:
    """Return SQL of what each assessment's levels mean, one row per assessment."""
    rows = ", ".join(
        f"({quoted(name)}, {assessment.proficient_from or 'NULL'}::INTEGER)"
        for name, assessment in sorted(plan.assessments.items())
    )
    return f"SELECT * FROM (VALUES {rows}) AS facts(assessment, proficient_from)"


def _places_sql(name: str, organisations: Organisations, layout: KeyLayout) -> str:
    """Return SQL of one row per system and organisation, with its bits and name."""
    system = ", ".join(f"s.{c}" for c in SYSTEM)
    names = (
        "(SELECT org_level, org_id, school_year, min(org_name) AS org_name "
        f"FROM {organisations.names} GROUP BY ALL)"
    )
    return f"""
        SELECT (s.code << {layout.shift("system")}) + (o.code << {layout.shift("org")}) AS bits,
            {system}, o.org_level, o.org_id, proficient_from,
            coalesce(in_year.org_name, always.org_name, o.org_id) AS org_name
        FROM (
            SELECT DISTINCT {", ".join(SYSTEM)}, org_level, org_id FROM {name}_members
        ) AS m
        JOIN {name}_systems AS s USING ({", ".join(SYSTEM)})
        JOIN {name}_orgs AS o USING (org_level, org_id)
        JOIN {name}_facts USING (assessment)
        LEFT JOIN {names} AS in_year ON in_year.org_level = o.org_level
            AND in_year.org_id = o.org_id AND in_year.school_year = s.school_year
        LEFT JOIN {names} AS always ON always.org_level = o.org_level
            AND always.org_id = o.org_id AND always.school_year IS NULL
    """


def _lineage_sql(name: str) -> str:
    """Return SQL of which place is added to which: `parent_level`, bits of `child`, `parent`."""
    ends = ", ".join(SYSTEM)
    return f"""
        SELECT parent_level, child.bits AS child, parent.bits AS parent
        FROM {name}_parts AS part
        JOIN {name}_places AS child USING ({ends})
        JOIN {name}_places AS parent USING ({ends})
        WHERE part.split IN ('schools', 'districts')
            AND (part.child_level, part.child_id) = (child.org_level, child.org_id)
            AND (part.parent_level, part.parent_id) = (parent.org_level, parent.org_id)
    """


def _units_sql(name: str) -> str:
    return f"""
        SELECT u.*, p.bits FROM {name}_units_seen AS u
        JOIN {name}_places AS p USING ({", ".join(SYSTEM)})
        WHERE p.org_level = 'school' AND p.org_id = u.district_id || '/' || u.school_id
    """


def _coded_groups_sql(build: CellBuild) -> str:
    """Return SQL of each combination's number and, by column, the bits of its codes."""
    plan, name = build.plan, build.name
    bits = ", ".join(f"{c}_codes.bits AS {c}" for c in plan.given_columns)
    joins = " ".join(
        f"JOIN {name}_codes AS {c}_codes ON {c}_codes.dimension = '{c}' "
        f"AND {c}_codes.value = coalesce(seen.{c}, '{UNKNOWN}')"
        for c in plan.given_columns
    )
    return f"SELECT seen.code, {bits} FROM {name}_groups_seen AS seen {joins}"


def _cuts_sql(build: CellBuild, layout: KeyLayout) -> str:
    """Return SQL of `bits` of system and grade, and the cut of the proficient level there."""
    unit = 10**SCORE_DECIMALS
    rows = ", ".join(
        f"({quoted(name)}, {quoted(one.subject)}, {quoted(one.grade)}, "
        f"{one.from_year or 0}, {one.to_year or 9999}, "
        f"{round(one.cuts[level - 2] * unit)})"
        for name, assessment in sorted(build.plan.assessments.items())
        if (level := assessment.proficient_from or 0) >= 2
        for one in assessment.score_ranges
        if one.cuts
    )
    return f"""
        SELECT (s.code << {layout.shift("system")}) + g.bits AS bits, cut::BIGINT AS cut
        FROM (VALUES {rows or "(NULL, NULL, NULL, 0, 0, 0)"})
            AS cuts(assessment, subject, grade, from_year, to_year, cut)
        JOIN {build.name}_systems AS s
            ON (s.assessment, s.subject) = (cuts.assessment, cuts.subject)
            AND s.school_year BETWEEN from_year AND to_year
        JOIN {build.name}_codes AS g ON g.dimension = 'grade' AND g.value = cuts.grade
    """


def words_sql(build: CellBuild, layout: KeyLayout) -> str:
    """Return SQL of each combination of groups among the counted cells: its bits and its words."""
    plan, name = build.plan, build.name
    plain = ("grade", *plan.crossed)
    words = [f"coalesce({c}_codes.value, '{ALL}') AS {c}" for c in plain]
    words += [
        f"if(side_codes.dimension = '{c}', side_codes.value, '{ALL}') AS {c}"
        for c in plan.side_columns
    ]
    joins = [
        f"LEFT JOIN {name}_codes AS {c}_codes ON {c}_codes.dimension = '{c}' "
        f"AND {c}_codes.bits = cells.bits & {layout.mask(c)}"
        for c in plain
    ]
    joins.append(
        f"LEFT JOIN {name}_codes AS side_codes "
        f"ON side_codes.dimension IN {_texts(plan.side_columns)} "
        f"AND side_codes.bits = cells.bits & {layout.mask(SIDE)}"
    )
    bits = f"SELECT DISTINCT cell_id & {layout.mask(*plain, SIDE)} AS bits FROM {name}_counts"
    return f"SELECT cells.bits, {', '.join(words)} FROM ({bits}) AS cells {' '.join(joins)}"


def table(name: str, sql: str) -> str:
    """Return SQL that makes a temporary table."""
    return f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}"


def insert_rows(con: DuckDBPyConnection, name: str, rows: pd.DataFrame) -> None:
    """Add the rows to a table, each column to the one of its name."""
    con.register("coming", rows)
    con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM coming")
    con.unregister("coming")


def encoded_table(build: CellBuild, name: str, sql: str, columns: tuple[str, ...]) -> Iterator[str]:
    """Yield SQL of a table whose text columns are ENUMs: a byte or two in each row joined."""
    yield table(f"{name}_text", sql)
    for c in columns:
        yield (
            f"CREATE OR REPLACE TEMP TYPE {build.name}_{c} AS ENUM "
            f"(SELECT DISTINCT {c} FROM {name}_text ORDER BY {c})"
        )
    enums = ", ".join(f"{c}::{build.name}_{c} AS {c}" for c in columns)
    yield table(name, f"SELECT * REPLACE ({enums}) FROM {name}_text")
