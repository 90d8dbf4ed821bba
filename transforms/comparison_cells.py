"""Who is compared with whom, and their cells side by side.

A *unit* is a partner school, the partner schools of a district, or a network. A *side* is a cell of
a unit or of what it is compared with, as one of two contrasts: 'all', the cell as it is, or
'EL_EO', its English learners less its English-only students.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from transforms.cell_plan import ALL, UNKNOWN, CellPlan, quoted
from transforms.growth_keys import hidden
from transforms.growth_matching import PRIOR_STATUS
from transforms.organisations import SYSTEM

LEARNER_CONTRAST = "EL_EO"
CONTRASTED = ("el_status", "EL", "EO")
# Of English learners by the roll-up that says which statuses are a learner's, which no one's.
SHARES = {"sed_share": ("econ_status", "SED"), "el_share": ("not_el_status", "EL")}
SCORES = ("mean_scale_score", "distance_from_standard", "performance_index")
# Of these a unit is a part, and they are compared as the part with its whole.
WHOLES = ("district", "all", "state")
SIDE = ("grade", "student_group", "contrast")
COUNTS = ("n", "k", "n_other", "k_other")
VALUES = (*COUNTS, "n_students", "rate", *SCORES, *SHARES)


@dataclass(frozen=True)
class ComparisonInputs:
    """Names the relations that comparisons are made from.

    achievement: all slices of `mart_achievement_unsuppressed` for the restricted mart, of
        `mart_achievement` for the published one, which so is made of published numbers only. Beside
        them the state's cells, where there are any, as of `state_cells.state_cells_sql`.
    schools: `dim_school` (school_id, district_id, is_partner).
    networks: `network`, `school_key`, as of `organisations.network_schools`.
    breaks: as of `breaks.breaks_relation`.
    group_breaks: as of `race_standard.group_breaks_sql`.
    """

    achievement: str
    schools: str = "dim_school"
    networks: str = "networks"
    breaks: str = "breaks"
    group_breaks: str = "group_breaks"


def cell_tables(plan: CellPlan, inputs: ComparisonInputs, name: str) -> Iterator[tuple[str, str]]:
    """Yield the tables that comparisons begin with, in order: the end of their name, and SQL.

    - `schools`: school_id, district_id, is_partner, each school once;
    - `units`: unit_level, unit_id, compared_to, compared_level, compared_id;
    - `members`: org_level, org_id, school_id: the schools of units, of districts and their rest;
    - `cells`: the cells of at most one group, by `student_group`, of all these organisations;
    - `sides`: SYSTEM, SIDE, org_level, org_id, VALUES, is_hidden.
    """
    yield "schools", _schools_sql(inputs)
    yield "units", _units_sql(inputs, name)
    yield "members", _members_sql(inputs, name)
    yield "cells", _cells_sql(plan, inputs, name)
    yield "sides", _sides_sql(plan, name)


def _schools_sql(inputs: ComparisonInputs) -> str:
    return (
        "SELECT school_id, min(district_id) AS district_id, bool_or(is_partner) AS is_partner "
        f"FROM {inputs.schools} GROUP BY school_id"
    )


def _units_sql(inputs: ComparisonInputs, name: str) -> str:
    """Return SQL of who is compared with whom.

    A network has a district only if all its schools lie there, and is compared with the other
    schools of it only if all are partner schools, for else some would stand on both sides. The
    state is compared with where there is just one.
    """
    return f"""
        WITH units AS (
            SELECT 'school' AS unit_level, school_id AS unit_id, district_id, true AS is_apart
            FROM {name}_schools WHERE is_partner
            UNION ALL SELECT DISTINCT 'partner', district_id, district_id, true
            FROM {name}_schools WHERE is_partner
            UNION ALL SELECT 'network', network,
                if(count(DISTINCT district_id) = 1, min(district_id), NULL), bool_and(is_partner)
            FROM {inputs.networks} JOIN {name}_schools ON school_id = school_key GROUP BY network
        ), states AS (
            SELECT min(org_id) AS org_id FROM {inputs.achievement} WHERE org_level = 'state'
            HAVING count(DISTINCT org_id) = 1
        )
        SELECT unit_level, unit_id, 'rest' AS compared_to, 'rest' AS compared_level,
            district_id AS compared_id
        FROM units WHERE district_id IS NOT NULL AND is_apart
        UNION ALL SELECT unit_level, unit_id, 'district', 'district', district_id
        FROM units WHERE district_id IS NOT NULL
        UNION ALL SELECT unit_level, unit_id, 'all', 'all', 'all' FROM units
        UNION ALL SELECT unit_level, unit_id, 'state', 'state', org_id FROM units CROSS JOIN states
    """


def _members_sql(inputs: ComparisonInputs, name: str) -> str:
    districts = f"SELECT compared_id FROM {name}_units WHERE compared_level IN ('rest', 'district')"
    return f"""
        WITH own AS (
            FROM {name}_schools WHERE district_id IN ({districts})
                OR school_id IN (SELECT school_key FROM {inputs.networks})
        )
        SELECT 'school' AS org_level, school_id AS org_id, school_id FROM own WHERE is_partner
        UNION ALL SELECT 'district', district_id, school_id FROM own
        UNION ALL SELECT if(is_partner, 'partner', 'rest'), district_id, school_id FROM own
        UNION ALL SELECT DISTINCT 'network', network, school_key FROM {inputs.networks}
    """


def _cells_sql(plan: CellPlan, inputs: ComparisonInputs, name: str) -> str:
    dimensions = (*plan.crossed, *plan.side_columns)
    split = " + ".join(f"({d} <> '{ALL}')::INTEGER" for d in dimensions) or "0"
    group = " ".join(f"WHEN {d} <> '{ALL}' THEN '{d}=' || {d}" for d in dimensions)
    every = f"AND {PRIOR_STATUS} = '{ALL}'" if PRIOR_STATUS in dimensions else ""
    return f"""
        SELECT {", ".join(plan.key_columns)}, n_tested, n_proficient, {", ".join(SCORES)},
            {hidden("a")} AS is_hidden, CASE {group or "WHEN false THEN ''"} ELSE '{ALL}' END
                AS student_group
        FROM {inputs.achievement} AS a
        WHERE {split} <= 1 {every} AND (org_level, org_id) IN (
            SELECT ('school', school_id) FROM {name}_members
            UNION SELECT (compared_level, compared_id) FROM {name}_units
            UNION SELECT (unit_level, unit_id) FROM {name}_units
        )
    """


def _sides_sql(plan: CellPlan, name: str) -> str:
    place = (*SYSTEM, "grade", "org_level", "org_id")
    values = ", ".join(SCORES)
    alone = f"""
        SELECT {", ".join(place)}, student_group, '{ALL}' AS contrast, n_tested AS n,
            n_proficient AS k, NULL::BIGINT AS n_other, NULL::BIGINT AS k_other,
            n_tested AS n_students, 100 * n_proficient::DOUBLE / n_tested AS rate, {values},
            is_hidden
        FROM {name}_cells
    """
    if CONTRASTED[0] in plan.crossed:
        alone = f"{alone} UNION ALL {_contrast_sql(place, name)}"
    return f"""
        SELECT sides.*, {", ".join(SHARES)}
        FROM ({alone}) AS sides
        LEFT JOIN ({_shares_sql(plan, place, name)}) USING ({", ".join(place)})
    """


def _contrast_sql(place: tuple[str, ...], name: str) -> str:
    dimension, one, other = CONTRASTED
    scores = ", ".join(f"one.{c} - other.{c} AS {c}" for c in SCORES)
    return f"""
        SELECT {", ".join(f"one.{c}" for c in place)}, '{ALL}', '{LEARNER_CONTRAST}', one.n_tested,
            one.n_proficient, other.n_tested, other.n_proficient, one.n_tested + other.n_tested,
            100 * one.n_proficient::DOUBLE / one.n_tested
                - 100 * other.n_proficient::DOUBLE / other.n_tested, {scores},
            one.is_hidden OR other.is_hidden
        FROM (FROM {name}_cells WHERE student_group = {quoted(f"{dimension}={one}")}) AS one
        JOIN (FROM {name}_cells WHERE student_group = {quoted(f"{dimension}={other}")}) AS other
            USING ({", ".join(place)})
    """


def _shares_sql(plan: CellPlan, place: tuple[str, ...], name: str) -> str:
    """Return SQL of the share, in percent, of two groups in the students of whom it is known.

    Null where a number that it is made from is hidden, where it is known of nobody, and where the
    students are not split by it.
    """
    columns = ", ".join(
        f"{_share(dimension, code) if dimension in plan.group_columns else 'NULL::DOUBLE'} AS {c}"
        for c, (dimension, code) in SHARES.items()
    )
    keys = ", ".join(place)
    return f"SELECT {keys}, {columns} FROM {name}_cells GROUP BY {keys}"


def _share(dimension: str, code: str) -> str:
    unknown, own = (quoted(f"{dimension}={c}") for c in (UNKNOWN, code))

    def students(group: str) -> str:
        return f"coalesce(max(n_tested) FILTER (student_group = {group}), 0)"

    counts = f"('{ALL}', {unknown}, {own})"
    is_split = f"bool_or(starts_with(student_group, {quoted(f'{dimension}=')}))"
    return (
        f"if(NOT {is_split} OR bool_or(n_tested IS NULL) FILTER (student_group IN {counts}), NULL, "
        f"100 * {students(own)}::DOUBLE / "
        f"nullif({students(quoted(ALL))} - {students(unknown)}, 0))"
    )
