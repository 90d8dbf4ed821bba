"""What a state publishes of itself, as rows beside those of a mart of achievement.

These are numbers that anybody can read at the state: nothing of them is hidden, and they are part
of no sum. Comparisons read them and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from configs.models import Vocabulary
from transforms.cell_plan import ALL, CellPlan, quoted, same_sql
from transforms.organisations import SYSTEM

if TYPE_CHECKING:
    import pyarrow as pa

STATE = "state"
EVERYBODY = "ALL"
# Whose ids of student groups tell which group of a dimension a published one is.
IDS = "caaspp"
# A published result has so many levels at most.
MOST_LEVELS = 5


def state_groups(plan: CellPlan, vocabularies: Mapping[str, Vocabulary]) -> pa.Table:
    """Return which group of which dimension each published student group is.

    Grain: `student_group`, `dimension`. Further column: `code`. Groups are the same where the
    publisher's id of them is; all students are 'all' of no dimension (null). One of several
    dimensions has a row in each; one of none, such as a crossing of two, has no row.
    """
    import pyarrow as pa

    published = vocabularies["student_group"].codes
    named = {own.external[IDS]: code for code, own in published.items() if IDS in own.external}
    rows = [(EVERYBODY, None, ALL), *_groups_of(plan, vocabularies, named)]
    columns = zip(*rows, strict=True)
    names = ("student_group", "dimension", "code")
    return pa.table(
        {name: pa.array(values, pa.string()) for name, values in zip(names, columns, strict=True)}
    )


def _groups_of(
    plan: CellPlan, vocabularies: Mapping[str, Vocabulary], named: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Yield published group, dimension and code. `named`: the published group of each id."""
    for dimension in (*plan.crossed, *plan.side_columns):
        for code, entry in vocabularies[dimension].codes.items():
            if (group := named.get(entry.external.get(IDS, ""))) is not None:
                yield group, dimension, code


def state_cells_sql(plan: CellPlan, published: str, groups: str, achievement: str) -> str:
    """Return SQL of the state's cells of the tests that a mart of achievement has rows of.

    Grain: the key of a cell, `org_level` being 'state'; `org_id` is the id that the publisher has
    in the place of a district. Further columns: `n_tested` (students with a score; where their
    number is not printed, students tested), `n_proficient` (whole where printed or added up from
    levels, else the printed share of `n_tested`, so that the rate is the printed one),
    `mean_scale_score`, `suppressed`, `rate_coding`. Null is what the publisher masks or does not
    print. Of two sources of one cell the one that says more is taken.

    Args:
        plan: what the cells were counted by.
        published: rows of `published_result` with their `source`.
        groups: as of `state_groups`.
        achievement: rows of a mart of achievement.
    """
    place = (*SYSTEM, "grade", "org_id", "student_group")
    dimensions = ", ".join(
        f"if(g.dimension = {quoted(d)}, g.code, '{ALL}') AS {d}"
        for d in (*plan.crossed, *plan.side_columns)
    )
    return f"""
        WITH tests AS (SELECT DISTINCT {", ".join(SYSTEM)} FROM {achievement}),
        printed AS (
            SELECT p.*, district_id AS org_id, nullif(coalesce(n_scored, p.n_tested), 0) AS n
            FROM {published} AS p SEMI JOIN tests ON {same_sql("p", "tests", SYSTEM)}
            WHERE entity_type = 'STATE' AND domain = 'OVERALL'
        ), cells AS (
            SELECT {", ".join(place)}, n::BIGINT AS n_tested, {_proficient_sql(plan)}
                AS n_proficient, {_mean_sql(plan)} AS mean_scale_score, source
            FROM printed
        ), chosen AS (
            SELECT * FROM cells
            QUALIFY row_number() OVER (PARTITION BY {", ".join(place)}
                ORDER BY n_proficient IS NULL, n_tested IS NULL, source) = 1
        )
        SELECT {", ".join(SYSTEM)}, grade, '{STATE}' AS org_level, org_id, 'State' AS org_name,
            {dimensions}, n_tested, n_proficient, mean_scale_score, false AS suppressed,
            'exact' AS rate_coding
        FROM chosen JOIN {groups} AS g USING (student_group)
    """


def _proficient_sql(plan: CellPlan) -> str:
    """Return SQL of the students at the standard; null without students or a printed share."""
    share = f"coalesce(pct_proficient, {_from_standard_sql(plan, 'pct_level')})"
    counted = f"coalesce(n_proficient, {_from_standard_sql(plan, 'n_level')})::DOUBLE"
    return f"if(n IS NULL, NULL, coalesce({counted}, n * {share} / 100))"


def _from_standard_sql(plan: CellPlan, column: str) -> str:
    """Return SQL of the sum of the levels that reach the standard; null where one is."""
    whens = " ".join(
        f"WHEN {quoted(name)} THEN "
        + " + ".join(f"{column}_{level.order}" for level in one.levels[one.proficient_from - 1 :])
        for name, one in sorted(plan.assessments.items())
        if one.proficient_from is not None and len(one.levels) <= MOST_LEVELS
    )
    return f"CASE assessment {whens} END" if whens else "NULL"


def _mean_sql(plan: CellPlan) -> str:
    """Return SQL of the mean score, null where grades on different scales are together."""
    vertical = [quoted(name) for name, one in plan.assessments.items() if one.scale == "vertical"]
    one_scale = f"assessment IN ({', '.join(sorted(vertical))})" if vertical else "false"
    return f"if(grade <> '{ALL}' OR {one_scale}, mean_scale_score, NULL)"
