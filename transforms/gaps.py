"""mart_gap: every group against the reference of its dimension and against all other students.

A gap is the rate of the reference minus the rate of the group, in percentage points: positive where
the group lies below. So are the effect size and V; the risk ratio is the group's rate over the
reference's. `build_gaps` computes all of it from the cells, `exact_gap_sql` and `published_gap_sql`
make the marts of it. Measured in docs/decisions/0018-gaps.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from configs.mart_models import Marts
from transforms import gap_tables as tables
from transforms.cell_keys import CellKeys
from transforms.cell_plan import CellPlan, quoted
from transforms.cells import CELLS
from transforms.gap_cells import (
    CLOSURE_REASONS,
    MISSING_REASONS,
    NO_LEVELS,
    REST,
    CellArrays,
    CellSet,
    Ints,
    Systems,
    groups_of,
    pairs_of,
    read_cells,
    read_systems,
)
from transforms.gap_changes import Earlier, changes, read_earlier
from transforms.gap_pairs import PairBlock, blocks

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

GAPS = "gaps"
REASONS = ("missing_reason", "change_missing_reason", "closure_missing_reason")
MEASURES = (*tables.COUNTS, *tables.MEASURES, *tables.CHANGES)
EFFECT_DECIMALS = 2
RATIO_DECIMALS = 2


@dataclass(frozen=True)
class GapInputs:
    """What gaps are computed from.

    cells: the view that `build_cells` has made.
    decisions: a relation `cell_id`, `suppressed`, `rate_coding`, `shows_levels`; without, nothing
        is published.
    earlier: a relation with the columns of mart_gap_unsuppressed, which holds the year before for
        systems of which that year is not among the cells.
    group_breaks: a relation as of `race_standard.group_breaks_sql`; without, ethnicities stay what
        they are.
    """

    cells: str = CELLS
    decisions: str | None = None
    earlier: str | None = None
    group_breaks: str | None = None


@dataclass(frozen=True)
class Gaps:
    """All gaps of a set of cells, as `build_gaps` has left them in a connection.

    name: what the names of the relations begin with: `<name>_measured` and `<name>_missing`.
    cells: what they are of.
    is_decided: whether it is known what may be published.
    """

    name: str
    cells: CellSet
    is_decided: bool


def build_gaps(
    con: DuckDBPyConnection,
    plan: CellPlan,
    marts: Marts,
    inputs: GapInputs | None = None,
    name: str = GAPS,
) -> Gaps:
    """Compute all gaps of a set of cells, in as many threads as the connection has.

    A year's gaps have a change since the year before, so they are to be computed again when the
    cells of the year before have changed.

    Args:
        con: the connection in which the cells are.
        plan: what was counted in them.
        marts: references, limits and goal (`gaps`), confidence, and the privacy rule.
        inputs: names of relations.
        name: of what is made; several may live side by side.
    """
    inputs = inputs or GapInputs()
    cells = CellSet(inputs.cells, plan, CellKeys.of(con, inputs.cells))
    systems = read_systems(con, cells, inputs.group_breaks)
    earlier = read_earlier(con, cells, systems, inputs.earlier)
    arrays = read_cells(con, cells, marts.gaps.minimum_n, inputs.decisions)
    work = _Work(cells, arrays, systems, marts)
    [[threads]] = con.execute("SELECT current_setting('threads')").fetchall()
    with ThreadPoolExecutor(threads) as pool:
        parts = [part for found in pool.map(work.compared, work.blocks()) for part in found]
        alike = _alike(parts)
        changed = list(pool.map(lambda group: work.changed(group, earlier), alike))
    con.register(f"{name}_measured", tables.measured(changed))
    con.register(f"{name}_missing", tables.missing(part.missing for part in parts))
    for statement in _types(name, plan, marts):
        con.execute(statement)
    return Gaps(name, cells, inputs.decisions is not None)


def _types(name: str, plan: CellPlan, marts: Marts) -> Iterator[str]:
    """Yield SQL of the types of the words: ENUMs, a byte in each row that is put in order."""
    words = {
        "dimension": sorted((*plan.crossed, *plan.side_columns)),
        "reference": sorted({REST, *marts.gaps.references.values()}),
        "reason": sorted({NO_LEVELS, *MISSING_REASONS, *filter(None, CLOSURE_REASONS)}),
    }
    for word, values in words.items():
        listed = ", ".join(map(quoted, values))
        yield f"CREATE OR REPLACE TEMP TYPE {name}_{word} AS ENUM ({listed})"


@dataclass(frozen=True)
class _Work:
    """What the threads share: it is only read."""

    cells: CellSet
    arrays: CellArrays
    systems: Systems
    marts: Marts

    def blocks(self) -> Iterator[tuple[str, Ints]]:
        """Yield the groups that are compared, dimension by dimension, in the order of their key."""
        for dimension, own in groups_of(self.arrays.ids, self.cells, self.marts.gaps.within):
            for block in blocks(own):
                yield dimension, block

    def compared(self, block: tuple[str, Ints]) -> list[tables.Part]:
        """Return a block measured."""
        dimension, own = block
        keys, reference = self.cells.keys, self.marts.gaps.references.get(dimension)
        pairs = pairs_of(self.arrays, own, dimension, keys, reference)
        ids = self.arrays.ids[own]
        by_grade = self.systems.by_grade[self.systems.place(ids, keys.mask("system"))]
        averages = ~by_grade | (ids & keys.mask("grade") != 0)
        found = PairBlock(self.arrays, pairs, averages, self.marts).compared(reference)
        return [tables.part_of(compared) for compared in found]

    def changed(self, parts: list[tables.Part], earlier: Earlier) -> pa.Table:
        """Return all blocks of one dimension and reference, with their change."""
        gaps = tables.year_gaps(parts)
        before = earlier.get((parts[0].dimension, parts[0].reference))
        goal = self.marts.gaps.closure_goal_pct
        return tables.with_changes(parts, changes(gaps, self.systems, self.cells, before, goal))


def _alike(parts: list[tables.Part]) -> list[list[tables.Part]]:
    """Return the blocks of each dimension and reference, in their order."""

    def compared(part: tables.Part) -> tuple[str, str]:
        return part.dimension, part.reference

    return [list(group) for _, group in groupby(sorted(parts, key=compared), key=compared)]


def exact_gap_sql(gaps: Gaps) -> str:
    """Return SQL of `mart_gap_unsuppressed`, in no order that is promised.

    Columns: the key of the cell, `dimension`, `reference` (a code, or 'rest'), every measure
    unrounded, `missing_reason` (why there is no gap: no_group, too_few, no_levels),
    `change_missing_reason` (why there is no change: the same; a break; no_prior, where the year
    before has no such row; prior_no_group, prior_too_few, prior_no_levels, where that row has no
    gap), `closure_missing_reason` (why there is no closure: the same as of the change;
    prior_not_positive; prior_uncertain, where the interval of that gap includes 0), `suppressed`
    (what is done in mart_gap; null without decisions). One row for each cell of
    `gaps.minimum_n` students and more, and each dimension that it is split by and, the reference's
    own cell excepted, each of its references. Of smaller cells nothing could be said.
    """
    columns = (*MEASURES, *REASONS, "suppressed")
    return _in_words(gaps, ", ".join(columns))


def published_gap_sql(gaps: Gaps, marts: Marts) -> str:
    """Return SQL of `mart_gap`: rounded, and null where `suppressed`; in no order that is promised.

    A gap is shown where both cells are published as they are, a gap to the rest where the cell and
    its parent are and the rest would be; a change where both years are. Whatever the cause, what is
    not shown is `suppressed`; of a cell that is suppressed itself there is no row, as
    `mart_achievement` says that it is. Effect size and V need `gaps.effect_minimum_n` students on
    each side.
    """
    columns = (*_published(marts), "coalesce(suppressed, true) AS suppressed")
    return f"{_in_words(gaps, ', '.join(columns))} WHERE is_told"


def _published(marts: Marts) -> Iterator[str]:
    decimals = {
        **dict.fromkeys(tables.MEASURES, marts.pct_decimals),
        **dict.fromkeys(("mean_scale_score", "mean_reference"), marts.score_decimals),
        **dict.fromkeys(("effect_size", "effect_size_se", "v", "v_se"), EFFECT_DECIMALS),
        **dict.fromkeys((c for c in tables.MEASURES if "ratio" in c), RATIO_DECIMALS),
        "gap_change": marts.pct_decimals,
        "gap_closure_pct": marts.pct_decimals,
    }
    smallest = marts.gaps.effect_minimum_n
    for column in MEASURES:
        shown = "change_is_shown" if column in tables.CHANGES else "is_shown"
        if column in ("v", "v_se"):
            shown += " AND is_v_shown"
        if column in ("effect_size", "effect_size_se", "v", "v_se"):
            shown += f" AND least(n_tested, n_reference) >= {smallest}"
        value = f"round({column}, {decimals[column]})" if column in decimals else column
        yield f"if({shown}, {value}, NULL) AS {column}"


def _in_words(gaps: Gaps, columns: str) -> str:
    """Return SQL of columns of all gaps beside their keys in words.

    Left joins to the small tables of words: DuckDB then hashes those and not the gaps, which mostly
    stay in their order, by dimension, reference and cell.
    """
    view, mask = gaps.cells.view, gaps.cells.keys.mask("system", "org")
    return f"""
        SELECT {", ".join(gaps.cells.plan.key_columns)}, dimension, reference, {columns}
        FROM {_all(gaps)} AS gaps
        LEFT JOIN {view}_places AS p ON p.bits = gaps.cell_id & {mask}
        LEFT JOIN {view}_groups AS g ON g.bits = gaps.cell_id & {~mask}
    """


def _all(gaps: Gaps) -> str:
    """Return SQL of measured and missing gaps with the columns of both."""
    name = gaps.name
    reason = f"if(gap_points IS NULL, '{NO_LEVELS}', NULL)"
    words = ", ".join(f"{c}::VARCHAR::{name}_{c} AS {c}" for c in tables.NAMES)
    because = f"missing_reason::VARCHAR::{name}_reason"
    of_change = ", ".join(
        f"coalesce({reason}, {c}::VARCHAR)::{name}_reason AS {c}" for c in REASONS[1:]
    )
    hidden = "true" if gaps.is_decided else "NULL::BOOLEAN"
    return f"""(
        SELECT * REPLACE ({words},
                {of_change}),
            {reason}::{name}_reason AS missing_reason, NOT is_shown AS suppressed
        FROM {name}_measured
        UNION ALL BY NAME
        SELECT * REPLACE ({words}, {because} AS missing_reason),
            {because} AS change_missing_reason, {because} AS closure_missing_reason,
            {hidden} AS suppressed
        FROM {name}_missing
    )"""
