"""Counts students once and adds the counts up to every published cell.

A cell is one system (school year, assessment, subject, window), one organisation, one grade or
'all', and one combination of groups. Its whole key is packed into one BIGINT, `cell_id`, a range of
bits per column; in the group columns 0 stands for 'all', so to sum over a group is to clear its
bits. Students are read once and summed at the finest cells; all others are sums of those, each
taken from a parent that is already small. Measured in docs/decisions/0016-cells-again.md.

`transforms.cell_plan` says what is counted, `cell_statistics` what is summed, `cell_tables` and
`cell_sums` are the SQL, `cell_keys` is the key as others use it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from configs.errors import PublicationHeld
from transforms.cell_keys import KeyLayout
from transforms.cell_pairs import combinations_sql
from transforms.cell_plan import ALL, UNKNOWN, CellPlan
from transforms.cell_statistics import ACHIEVEMENT, Statistic, counts_levels, expanded
from transforms.cell_sums import all_cells, finest_sql
from transforms.cell_tables import (
    SIDE,
    CellBuild,
    dictionary_statements,
    encoded_table,
    seen_statements,
    table,
    words_sql,
)
from transforms.organisations import Organisations

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["ACHIEVEMENT", "CELLS", "UNKNOWN", "CellPlan", "Statistic", "build_cells"]

CELLS = "cells"


def build_cells(  # noqa: PLR0913  the last two have defaults that most callers want
    con: DuckDBPyConnection,
    results: str,
    organisations: Organisations,
    plan: CellPlan,
    statistics: Sequence[Statistic] = ACHIEVEMENT,
    name: str = CELLS,
) -> str:
    """Build all cells of `results` as temporary tables of `con`; return the name of the view.

    Several sets of cells live side by side under names of their own:

        build_cells(con, "results", organisations, plan)
        gained = (Statistic("n_matched", "true"),
                  Statistic("gain_sum", units("score - prior_score", 3), "BIGINT", 3))
        build_cells(con, "matched", organisations, plan, gained, name="matched_cells")
        keys = CellKeys.of(con, "matched_cells")

    Args:
        con: an in-memory connection.
        results: a relation with the columns of UNIT, the plan's `given_columns` (null counts as
            UNKNOWN), `is_scored`, and what the statistics read (ACHIEVEMENT: `scale_score`,
            `performance_level`); only rows that are scored count. The rows may lie in any order and
            number of systems.
        organisations: who is a partner or in a network, and names.
        plan: what is counted.
        statistics: what is summed (see `Statistic`); the first COUNT counts every row.
        name: of the view, and what the names of its tables begin with.

    Returns:
        The view: one row per cell that holds a student: `cell_id` BIGINT, the plan's `key_columns`
        ('all' where a cell is not split) and the statistics. Those of ACHIEVEMENT are `n_tested`;
        `n_scores`, `score_sum` and `score_squares` over the students who have a score;
        `n_distances` and `distance_sum`, of scores minus the cut of the proficient level, over
        those of them whose assessment has a cut for subject, grade and year; `n_level_1` ...
        (students by performance level; a student without a level is in none), and beside them
        `n_proficient`. Scores are kept to thousandths, so that no order of rows or threads changes
        a digit. Beside the view lie `<name>_codes` and `<name>_masks` (see `CellKeys`) and
        `<name>_places`: `bits` of system and organisation with their words, and
        `<name>_combinations`: which codes go together in each system (see `codes_met`), and the
        view `<name>_sums`: the statistics beside `cell_id` alone, for whoever reads them all.

        A one-way dimension or roll-up of which nobody's code is known in a system has no cells
        there, `econ_status` and `disability_status` excepted.

    Raises:
        PublicationHeld: a row that is scored would be in no cell, or more than once.
    """
    build = CellBuild(name, plan, expanded(statistics, plan), counts_levels(statistics))
    _run(con, seen_statements(build, results, organisations))
    _refuse_codes_that_mean_all(con, build)
    layout = KeyLayout.of_sizes(_sizes(con, build))
    _run(con, dictionary_statements(build, organisations, layout))
    groups = _count(con, f"{name}_groups_seen")
    _run(con, [table(f"{name}_finest", finest_sql(build, results, groups))])
    _refuse_lost_rows(con, build)
    _run(con, [table(f"{name}_combinations", combinations_sql(name, plan, groups))])
    _refuse_codes_outside_rollups(con, build)
    for number, cells in enumerate(all_cells(con, build, groups)):
        con.register(f"{name}_given", cells)
        rows = f"FROM {name}_given"
        con.execute(
            f"INSERT INTO {name}_counts {rows}" if number else table(f"{name}_counts", rows)
        )
        con.unregister(f"{name}_given")
    _run(con, _view_statements(build, layout))
    return name


def _sizes(con: DuckDBPyConnection, build: CellBuild) -> dict[str, int]:
    """Return how many codes each part of the key has, highest bits first."""
    name = build.name
    codes = f"SELECT part, max(code) FROM {name}_codes_seen GROUP BY 1"
    counts = dict(con.execute(codes).fetchall())
    return {
        "system": _count(con, f"{name}_systems"),
        "org": _count(con, f"{name}_orgs"),
        **{part: counts.get(part, 0) for part in ("grade", *build.plan.crossed, SIDE)},
    }


def _view_statements(build: CellBuild, layout: KeyLayout) -> Iterator[str]:
    """Yield SQL of the view: keys as words again, one join for places, one for groups.

    Every cell has its place and its groups; left joins keep DuckDB from hashing the counts, which
    are many, instead of these, which takes twice the time. Before it one of the statistics alone,
    which needs no words of groups.
    """
    name, plan = build.name, build.plan
    words = f"{name}_groups"
    placed = (
        f"FROM {name}_counts "
        f"LEFT JOIN {name}_places AS p ON p.bits = cell_id & {layout.mask('system', 'org')}"
    )
    shown = ", ".join(_shown(build))
    yield f"CREATE OR REPLACE TEMP VIEW {name}_sums AS SELECT cell_id, {shown} {placed}"
    yield from encoded_table(build, words, words_sql(build, layout), plan.group_columns)
    yield (
        f"CREATE OR REPLACE TEMP VIEW {name} AS "
        f"SELECT cell_id, {', '.join(plan.key_columns)}, {shown} {placed} "
        f"LEFT JOIN {words} AS g ON g.bits = cell_id & {~layout.mask('system', 'org')}"
    )


def _shown(build: CellBuild) -> Iterator[str]:
    """Yield SQL of each measure of the view."""
    yield from (one.shown() for one in build.statistics)
    if build.has_rate:
        counts = (f"if(proficient_from <= {k}, n_level_{k}, 0)" for k in build.plan.levels)
        yield f"({' + '.join(['0', *counts])})::INTEGER AS n_proficient"


def _run(con: DuckDBPyConnection, statements: Iterable[str]) -> None:
    for statement in statements:
        con.execute(statement)


def _count(con: DuckDBPyConnection, relation: str) -> int:
    return _number(con, f"SELECT count(*) FROM {relation}")


def _number(con: DuckDBPyConnection, sql: str) -> int:
    row = con.execute(sql).fetchone()
    assert row is not None
    return int(row[0])


def _refuse_codes_that_mean_all(con: DuckDBPyConnection, build: CellBuild) -> None:
    found = con.execute(
        f"SELECT DISTINCT dimension FROM {build.name}_codes_seen WHERE value = ?", [ALL]
    ).fetchall()
    if found:
        raise PublicationHeld(
            "CODE_MEANS_ALL",
            where="the student results to be counted",
            found=f"the code '{ALL}' in " + ", ".join(sorted(row[0] for row in found)),
            expected=f"codes of the vocabulary; '{ALL}' names a cell that is not split",
            remedy="mend the vocabulary or the source that makes this code, and load again",
        )


def _refuse_lost_rows(con: DuckDBPyConnection, build: CellBuild) -> None:
    total = "SELECT coalesce(sum({}), 0) FROM {}"
    expected = _number(con, total.format("n_rows", f"{build.name}_units_seen"))
    counted = _number(con, total.format(build.counts[0], f"{build.name}_finest"))
    if expected != counted:
        raise PublicationHeld(
            "ROWS_NOT_COUNTED",
            where="the student results to be counted",
            found=f"{counted} of {expected} scored rows have a cell",
            expected="each scored row in exactly one finest cell",
            remedy="look for rows without school, district, assessment, subject, window or year, "
            "and for assessments without a file in configs/assessments",
        )


def _refuse_codes_outside_rollups(con: DuckDBPyConnection, build: CellBuild) -> None:
    codes = con.execute(f"SELECT dimension, value FROM {build.name}_codes ORDER BY ALL").fetchall()
    lost = [
        f"{rollup.of} {value} in {rollup.dimension}"
        for rollup in build.plan.rollups
        for column, value in codes
        if column == rollup.of
        and sum(members.count(value) for members in rollup.members.values()) != 1
    ]
    if lost:
        raise PublicationHeld(
            "ROWS_NOT_COUNTED",
            where="the roll-ups of student groups",
            found=", ".join(lost[:20]),
            expected="each code in exactly one code of the roll-up",
            remedy="mend the members in the roll-up's vocabulary",
        )
