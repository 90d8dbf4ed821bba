"""The mart of growth: what became of a group between two tests, in each of four ways.

`growth_type` says which, and they are never mixed:
- `cross_section`: the same cell a year before; other students for the most part;
- `cohort`: the grade below a year before, same organisation and group, nobody matched;
- `matched`: the students who have a result in the system before, then and now;
- `vendor`: what a vendor or a state computed of each student's growth, taken in as it is.

`growth_change`, `growth_matched` and `growth_vendor` make the rows, `growth_privacy` says what is
hidden, `growth_transition` is the mart of levels, `growth_cards` says what each measure is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from configs.mart_models import Marts
from transforms.cell_plan import CellPlan
from transforms.growth_change import change_sql
from transforms.growth_keys import number_rows, shown_sql, words_sql
from transforms.growth_matched import matched_sql, matched_students_sql
from transforms.growth_privacy import Published, hide_movement, hide_vendor
from transforms.growth_vendor import vendor_sql
from transforms.measures import percent
from transforms.statistics.effects import variance
from transforms.statistics.proportions import newcombe_difference, newcombe_paired

if TYPE_CHECKING:
    import pyarrow as pa
    from duckdb import DuckDBPyConnection

Floats = NDArray[np.float64]
GROWTH = "growth"
OWN_KEY = ("growth_type", "growth_measure", "growth_norm")
INDEX_DECIMALS = 2
_RATES = (
    "now_proficient",
    "now_students",
    "prior_proficient",
    "prior_students",
    "both_proficient",
)
_GAINS = ("gains", "gain_sum", "gain_squares")


@dataclass(frozen=True)
class _Measure:
    """A column: SQL over the counted rows, its rounding in reporting, and what hides it there."""

    name: str
    sql: str
    rounded: Literal["count", "pct", "score", "index"] = "pct"
    hidden_by: str = "is_hidden"
    is_public: bool = True


_MEASURES = (
    _Measure("n_tested", "n_tested", "count"),
    _Measure("n_prior", "n_prior", "count"),
    _Measure("n_matched", "n_matched", "count"),
    _Measure("match_rate", percent("n_matched", "n_tested")),
    _Measure("pct_proficient", percent("now_proficient", "now_students")),
    _Measure("pct_prior", percent("prior_proficient", "prior_students"), "pct", "hides_prior"),
    _Measure(
        "change_points",
        f"{percent('now_proficient', 'now_students')} "
        f"- {percent('prior_proficient', 'prior_students')}",
        "pct",
        "hides_prior",
    ),
    _Measure("change_low", "change_low", "pct", "hides_prior"),
    _Measure("change_high", "change_high", "pct", "hides_prior"),
    _Measure("mean_change", "mean_change", "score"),
    # With n it is a standard deviation, of which none is published.
    _Measure("mean_change_se", "mean_change_se", "score", is_public=False),
    _Measure("distance_change", "distance_change", "score"),
    _Measure("pct_up", percent("n_up", "n_matched"), "pct", "hides_movement"),
    _Measure("pct_same", percent("n_same", "n_matched"), "pct", "hides_movement"),
    _Measure("pct_down", percent("n_down", "n_matched"), "pct", "hides_movement"),
    _Measure("n_low_prior", "n_low_prior", "count", "hides_low"),
    _Measure("pct_low_up", percent("n_low_up", "n_low_prior"), "pct", "hides_low"),
    _Measure("n_growth", "n_growth", "count"),
    _Measure("mean_growth_index", "mean_growth_index", "index"),
    _Measure("median_growth_percentile", "median_growth_percentile"),
    _Measure("pct_met_growth", "pct_met_growth"),
)


@dataclass(frozen=True)
class GrowthInputs:
    """Names the relations that growth is computed from.

    achievement: rows of `mart_achievement_unsuppressed` of all slices, kept and fresh, for the
        restricted mart; rows of `mart_achievement` for the published one, so that its changes are
        differences of published numbers. Both have `suppressed` and `rate_coding`.
    cells: the growth cells (`growth_plan`, `growth_statistics`) of the systems asked for; what is
        under embargo is not in them when growth is to be published.
    vendor: a table as of `build_vendor_cells`.
    breaks: a relation as of `breaks_relation`.
    group_breaks: a relation as of `race_standard.group_breaks_sql`.
    systems: an SQL condition on `assessment` and `school_year`: those that growth is asked for.
    published: whether it is also to be decided what is hidden.
    """

    achievement: str
    cells: str
    vendor: str
    breaks: str
    group_breaks: str
    systems: str = "true"
    published: bool = False


def growth_key(plan: CellPlan) -> tuple[str, ...]:
    """Return the columns that name a row, `org_name` among them."""
    return (*plan.key_columns, *OWN_KEY)


def build_growth(
    con: DuckDBPyConnection,
    plan: CellPlan,
    marts: Marts,
    inputs: GrowthInputs,
    name: str = GROWTH,
) -> str:
    """Make view `name`, which `exact_growth_sql` or `published_growth_sql` reads; return its name.

    Beside it `<name>_matched` (see `matched_students_sql`) and, where it is to be published,
    `<name>_matched_told`, those of them that are shown, and `<name>_matched_hidden` (see
    `hide_movement`), which the mart of transitions reads.

    Raises:
        CellsDoNotAddUp: the growth cells are not whole, so nothing could be published.
    """
    matched = f"{name}_matched"
    students = matched_students_sql(plan, inputs.cells, inputs.breaks, inputs.systems)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {matched} AS {students}")
    numbered = number_rows(con, plan, inputs.achievement, f"{name}_numbered")
    shown, hidden, kept_back = None, None, None
    if inputs.published:
        shown = f"{name}_told"
        sql = shown_sql(plan, inputs.cells, numbered)
        con.execute(f"CREATE OR REPLACE TEMP TABLE {shown} AS {sql}")
        cells = Published(inputs.cells, shown)
        hidden = hide_movement(con, plan, matched, cells, marts.suppression)
        kept_back = hide_vendor(con, plan, inputs.vendor, inputs.cells, marts.suppression)
    broken = (inputs.breaks, inputs.group_breaks)
    change = change_sql(plan, numbered, broken, inputs.systems, published=inputs.published)
    same = matched_sql(plan, matched, shown, hidden)
    by_cell = _with_intervals(con, f"{name}_by_cell", change, marts.confidence)
    by_student = _with_intervals(con, f"{name}_by_student", same, marts.confidence)
    parts = [
        words_sql(plan, by_cell, numbered),
        f"SELECT * EXCLUDE (cell_id) FROM {by_student}",
        vendor_sql(plan, inputs.vendor, shown, kept_back),
    ]
    rows = " UNION ALL BY NAME ".join(f"({part})" for part in parts)
    own = ", ".join(f"coalesce({c}, 'all') AS {c}" for c in OWN_KEY[1:])
    con.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS SELECT * REPLACE ({own}) FROM ({rows})")
    if inputs.published:
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW {matched}_told AS FROM {matched} "
            f"SEMI JOIN (FROM {by_student} WHERE NOT is_hidden) USING (cell_id)"
        )
    return name


def exact_growth_sql(plan: CellPlan, growth: str = GROWTH) -> str:
    """Return SQL of `mart_growth_unsuppressed`, in no order that is promised.

    Grain: the key of a cell (its grade, organisation and groups are today's), `growth_type`,
    `growth_measure` and `growth_norm` ('all' but in rows of type vendor). Columns:

    - `prior_year`, `prior_window`: what is compared with; null for vendors, who have their own;
    - `n_tested`; `n_prior`, students of the earlier side; `n_matched`, `match_rate` (percent of
      `n_tested`) where students are matched;
    - `pct_proficient`, `pct_prior`, `change_points` (percentage points) with `change_low`,
      `change_high`; `mean_change` of the scores, `mean_change_se` where students are matched;
      `distance_change`;
    - of matched students `pct_up`, `pct_same`, `pct_down` (levels), `n_low_prior` (those who began
      in the two lowest levels), `pct_low_up` (percent of them who moved up);
    - of vendors `n_growth`, `mean_growth_index`, `median_growth_percentile`, `pct_met_growth`;
    - `missing_reason`: why there is no `change_points`; null where there is, and for vendors.
    """
    values = ", ".join(f"{m.sql} AS {m.name}" for m in _MEASURES)
    key = growth_key(plan)
    return (
        f"SELECT {', '.join(key)}, prior_year, prior_window, {values}, missing_reason FROM {growth}"
    )


def published_growth_sql(plan: CellPlan, marts: Marts, growth: str) -> str:
    """Return SQL of `mart_growth`: as the unsuppressed twin but rounded, and without reasons.

    There is no row of a cell that is suppressed: `mart_achievement` says that it is. All measures
    are null, and `suppressed` is true, where another side is not shown whole. Some measures are
    null in a row that is shown, where they would tell about each student. `mean_change_se` is left
    out.
    """
    values = ", ".join(_shown(m, marts) for m in _MEASURES if m.is_public)
    key = growth_key(plan)
    return (
        f"SELECT {', '.join(key)}, prior_year, prior_window, {values}, is_hidden AS suppressed "
        f"FROM {growth}"
    )


def _shown(measure: _Measure, marts: Marts) -> str:
    """Return SQL of a measure as it is published."""
    decimals = {"pct": marts.pct_decimals, "score": marts.score_decimals, "index": INDEX_DECIMALS}
    value = measure.sql
    if measure.rounded in decimals:
        value = f"round({value}, {decimals[measure.rounded]})"
    hides = f"is_hidden OR coalesce({measure.hidden_by}, false)"
    return f"if({hides}, NULL, {value}) AS {measure.name}"


def _with_intervals(con: DuckDBPyConnection, name: str, sql: str, confidence: float) -> str:
    """Make relation `name` of the rows with `change_low`, `change_high` and `mean_change_se`."""
    import pyarrow as pa

    rows: pa.Table = con.sql(sql).to_arrow_table()
    values = {c: _floats(rows, c) for c in (*_RATES, *_GAINS)}
    with np.errstate(invalid="ignore", divide="ignore"):
        low, high = _change_bounds(values, confidence)
        error = np.sqrt(variance(*(values[c] for c in _GAINS)) / values["gains"])
    for column, found in (
        ("change_low", 100 * low),
        ("change_high", 100 * high),
        ("mean_change_se", error),
    ):
        rows = rows.append_column(column, pa.array(found, pa.float64(), from_pandas=True))
    con.register(name, rows)
    return name


def _floats(rows: pa.Table, column: str) -> Floats:
    """Return a column as numbers; NaN where it is null, or is not there at all."""
    if column not in rows.column_names:
        return np.full(len(rows), np.nan)
    return rows[column].to_numpy().astype(float)


def _change_bounds(of: Mapping[str, Floats], confidence: float) -> tuple[Floats, Floats]:
    """Return the bounds of the change of a rate, of two groups or of the same students twice."""
    now, n_now, prior, n_prior, both = (of[column] for column in _RATES)
    apart = newcombe_difference(now, n_now, prior, n_prior, confidence)
    neither = n_now - now - prior + both
    paired = newcombe_paired(both, now - both, prior - both, neither, confidence)
    is_paired = ~np.isnan(both)
    low, high = (np.where(is_paired, p, a) for p, a in zip(paired, apart, strict=True))
    return low, high
