"""The mart of comparisons: partner schools and networks beside the rest of their district.

Each partner school, the partner schools of a district and each named network (the *units*) are held
against the other schools of the district ('rest'), the district, everything ('all') and the state:
in each year, and in their gains over spans of years. What is seen is a contribution at most, never
a cause: schools were not chosen by lot.

`comparison_cells` finds who is compared with whom, `comparison_spans` puts years side by side,
`comparison_measures` and `comparison_schools` do the statistics, `comparison_cards` says what each
measure is. Chosen and measured in docs/decisions/0020-comparisons.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from configs.mart_models import Marts
from transforms.cell_plan import CellPlan, same_sql
from transforms.comparison_cells import ComparisonInputs, cell_tables
from transforms.comparison_measures import Floats, measured
from transforms.comparison_schools import permuted
from transforms.comparison_spans import span_tables
from transforms.organisations import SYSTEM

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

COMPARISON = "comparison"
OWN_KEY = ("compared_to", "from_year", "contrast")
RATIO_DECIMALS = 2
P_DECIMALS = 4


@dataclass(frozen=True)
class _Measure:
    """A column: SQL over the spans, and its rounding in reporting."""

    name: str
    sql: str
    rounded: Literal["count", "pct", "score", "ratio", "p"] = "pct"


_MEASURES = (
    _Measure("n_tested", "u_n_students", "count"),
    _Measure("n_compared", "c_n_students", "count"),
    _Measure("pct_proficient", "u_rate"),
    _Measure("pct_compared", "c_rate"),
    _Measure("difference", "u_rate - c_rate"),
    _Measure("difference_low", "difference_low"),
    _Measure("difference_high", "difference_high"),
    _Measure("n_from", "u_n_from", "count"),
    _Measure("n_compared_from", "c_n_from", "count"),
    _Measure("gain", "u_gain"),
    _Measure("gain_compared", "c_gain"),
    _Measure("annual_gain", "u_gain / years"),
    _Measure("annual_gain_compared", "c_gain / years"),
    _Measure("gain_ratio", "if(u_gain > 0 AND c_gain > 0, u_gain / c_gain, NULL)", "ratio"),
    _Measure("did", "u_gain - c_gain"),
    _Measure("did_low", "did_low"),
    _Measure("did_high", "did_high"),
    _Measure("did_schools", "did_schools"),
    _Measure("did_permutation_low", "did_permutation_low"),
    _Measure("did_permutation_high", "did_permutation_high"),
    _Measure("did_p_value", "did_p_value", "p"),
    _Measure("n_schools", "u_schools", "count"),
    _Measure("n_schools_compared", "c_schools", "count"),
    _Measure("pre_trend", "pre_trend"),
    _Measure("sed_share_change", "sed_share_change"),
    _Measure("el_share_change", "el_share_change"),
    _Measure("performance_index", "performance_index", "score"),
    _Measure("index_gain", "u_performance_index", "score"),
    _Measure("index_gain_compared", "c_performance_index", "score"),
    _Measure("distance_gain", "u_distance_from_standard", "score"),
    _Measure("distance_gain_compared", "c_distance_from_standard", "score"),
    _Measure("mean_gain", "u_mean_scale_score", "score"),
    _Measure("mean_gain_compared", "c_mean_scale_score", "score"),
    _Measure("p_value", "p_value", "p"),
    _Measure("p_adjusted", "p_adjusted", "p"),
    _Measure("is_distinguishable", "is_distinguishable", "count"),
)


def comparison_key(plan: CellPlan) -> tuple[str, ...]:
    """Return the columns that name a row, `org_name` among them."""
    return (*plan.key_columns, *OWN_KEY)


def build_comparison(
    con: DuckDBPyConnection,
    plan: CellPlan,
    marts: Marts,
    inputs: ComparisonInputs,
    name: str = COMPARISON,
) -> str:
    """Make view `name`, which `exact_comparison_sql` or `published_comparison_sql` reads.

    To be built whole: a row needs several years, and its p-value is adjusted among others. Twice,
    under two names: from the unsuppressed cells for the restricted mart, from `mart_achievement`
    for the published one. What is made of the latter knows published numbers only, whatever is
    computed: a permutation over schools too is there only where every school's cells are shown.

    Args:
        con: the connection of all relations.
        plan: what the cells were counted by.
        marts: `comparison`, confidence.
        inputs: names of relations.
        name: of what is made; other tables begin with it.

    Returns:
        `name`.
    """
    longest = marts.comparison.longest_span
    for end, sql in (
        *cell_tables(plan, inputs, name),
        *span_tables(plan, inputs, longest, name),
    ):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name}_{end} AS {sql}")
    con.register(f"{name}_counted", _as_arrow(measured(_counts(con, name), marts.confidence)))
    con.register(f"{name}_permuted", _as_arrow(permuted(con, marts, name)))
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {_rows_sql(plan, marts, name)}")
    return name


def exact_comparison_sql(plan: CellPlan, comparison: str = COMPARISON) -> str:
    """Return SQL of `mart_comparison_unsuppressed`, ordered by its key.

    Grain: the key of the unit's cell (all students or one group) in `school_year`, `compared_to`
    (rest, district, all, state), `from_year` (the year that gains count from; `school_year` itself
    in a row of that year alone) and `contrast` (all; EL_EO: every rate, mean, distance and index
    is that of the English learners less that of the English-only students, every n both together).
    What each column is, `comparison_cards.CARDS` says; rates, differences and gains of rates are
    points from 0 to 100.
    `missing_reason`: why a row of one year has no `difference`, why one of a span has no `did`:
    no_group, no_levels, or the break that lies between. Null where it has.
    """
    values = ", ".join(f"{m.sql} AS {m.name}" for m in _MEASURES)
    return _ordered(plan, f"{values}, missing_reason", comparison)


def published_comparison_sql(plan: CellPlan, marts: Marts, comparison: str) -> str:
    """Return SQL of `mart_comparison`: as the unsuppressed twin but rounded, without reasons.

    All measures are null, and `suppressed` is true, where a cell that the row is made from is not
    shown whole. `comparison` is built from `mart_achievement`.
    """
    decimals = {
        "pct": marts.pct_decimals,
        "score": marts.score_decimals,
        "ratio": RATIO_DECIMALS,
        "p": P_DECIMALS,
    }

    def shown(measure: _Measure) -> str:
        rounded = decimals.get(measure.rounded)
        value = measure.sql if rounded is None else f"round({measure.sql}, {rounded})"
        return f"if(is_hidden, NULL, {value}) AS {measure.name}"

    values = ", ".join(map(shown, _MEASURES))
    return _ordered(plan, f"{values}, is_hidden AS suppressed", comparison)


def _ordered(plan: CellPlan, columns: str, comparison: str) -> str:
    key = ", ".join(comparison_key(plan))
    return f"SELECT {key}, {columns} FROM {comparison} ORDER BY {key}"


def _counts(con: DuckDBPyConnection, name: str) -> dict[str, Floats]:
    """Return the numbers that the measures are computed from, null as NaN, in order of `row_no`."""
    columns = ["family", "years", "is_whole", "is_contrast", "u_gain", "c_gain"]
    columns += [
        f"{side}_{year}{count}{end}"
        for side in "uc"
        for year in ("", "before_")
        for count in "kn"
        for end in ("", "_other")
    ]
    found = con.execute(
        f"SELECT {', '.join(columns)} FROM {name}_spans ORDER BY row_no"
    ).fetchnumpy()
    return {c: np.ma.filled(np.ma.asarray(v, dtype=float), np.nan) for c, v in found.items()}


def _as_arrow(columns: Mapping[str, np.ndarray]) -> pa.Table:
    """Return columns with NaN as null; rows are numbered from 1 where they are not yet."""
    import pyarrow as pa

    rows = len(next(iter(columns.values())))
    numbers = columns.get("row_no", np.arange(1, rows + 1))
    values = {c: pa.array(v, pa.float64(), from_pandas=True) for c, v in columns.items()}
    return pa.table({**values, "row_no": pa.array(numbers, pa.int64())})


def _rows_sql(plan: CellPlan, marts: Marts, name: str) -> str:
    """Return SQL of every row with its measures and the whole key of the unit's cell."""
    dimensions = (*plan.crossed, *plan.side_columns)
    cell = (*SYSTEM, "grade", "student_group")
    largest = 1 - marts.confidence
    same = same_sql("cell", "s", cell)
    return f"""
        SELECT s.* , cell.org_level, cell.org_id, cell.org_name,
            {", ".join(f"cell.{d}" for d in dimensions)},
            counted.* EXCLUDE (row_no), permuted.* EXCLUDE (row_no),
            counted.p_adjusted <= {largest!r} AS is_distinguishable
        FROM {name}_spans AS s
        JOIN {name}_cells AS cell ON {same}
            AND (cell.org_level, cell.org_id) = (s.unit_level, s.unit_id)
        JOIN {name}_counted AS counted ON counted.row_no = s.row_no
        LEFT JOIN {name}_permuted AS permuted ON permuted.row_no = s.row_no
    """
