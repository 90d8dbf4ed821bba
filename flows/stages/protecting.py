"""Privacy: which cells are shown, decided system by system before anything is published."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager

import duckdb
import pandas as pd

from configs.errors import PublicationHeld
from configs.mart_models import Marts
from transforms.cell_pairs import codes_met
from transforms.cells import CELLS, CellPlan
from transforms.organisations import SYSTEM, org_splits
from transforms.suppress import CellsDoNotAddUp, Dimensions, SuppressionRule, protect

DECISIONS = "decisions"
# To start a process takes as long as to decide over so many.
FEW_CELLS = 5_000


def decide(con: duckdb.DuckDBPyConnection, plan: CellPlan, marts: Marts) -> str:
    """Make table `decisions`: `cell_id`, `suppressed`, `suppression_reason`, `rate_coding`.

    Every cell of `cells` has one. Each assessment, subject, school year and window is one system.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {DECISIONS} (cell_id BIGINT, suppressed BOOLEAN, "
        "suppression_reason VARCHAR, rate_coding VARCHAR)"
    )
    rule = _rule(marts)
    dimensions = Dimensions(plan.crossed, plan.one_way, plan.crossed_with, plan.rollups)
    systems = con.execute(f"SELECT DISTINCT {', '.join(SYSTEM)} FROM {CELLS} ORDER BY ALL")
    given = (_cells_of(con, plan, system) for system in systems.fetchall())
    for decided in _protect_all(given, dimensions, rule):
        con.register("decided", decided)
        con.execute(f"INSERT INTO {DECISIONS} SELECT * FROM decided")
        con.unregister("decided")
    return DECISIONS


def _rule(marts: Marts) -> SuppressionRule:
    return SuppressionRule(
        marts.suppression.minimum_n,
        tuple((int(n), float(limit)) for n, limit in marts.suppression.extreme_bands),
    )


def _cells_of(
    con: duckdb.DuckDBPyConnection, plan: CellPlan, system: tuple[object, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the cells of one system, how its organisations add up, and which codes go together.

    A cell has a rate where each student has a level; of an assessment without levels none has.
    """
    levelled = " + ".join(["0", *(f"n_level_{k}" for k in plan.levels)])
    where = " AND ".join(f"{column} = ?" for column in SYSTEM)
    columns = ("cell_id", "org_level", "org_id", *plan.group_columns)
    cells = con.execute(
        f"SELECT {', '.join(columns)}, n_tested, coalesce(n_proficient, 0) AS n_proficient, "
        f"n_tested = {levelled} AS has_rate FROM {CELLS} WHERE {where} ORDER BY cell_id",
        list(system),
    ).df()
    met = codes_met(con, CELLS, (*plan.one_way, *plan.crossed), system)
    return cells, org_splits(con, system), met


def _protect_all(
    given: Iterable[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]],
    dimensions: Dimensions,
    rule: SuppressionRule,
) -> Iterator[pd.DataFrame]:
    """Yield the decisions of each system, in order; systems know nothing of one another.

    Few cells are decided here, more by processes, not threads: the work is Python's own for the
    most part. They are spawned, since this one may have threads of Prefect and DuckDB, which a fork
    would break; each keeps to one core, or they would stand in each other's way. None looks for
    garbage in cycles: there is hardly any, and looking through the terms of all sums again and
    again takes a quarter of the time.

    Raises:
        PublicationHeld: a system's cells do not add up, or its privacy could not be shown.
    """
    asked = list(given)
    if sum(len(cells) for cells, _, _ in asked) <= FEW_CELLS:
        for cells, splits, met in asked:
            with proven():
                result = decide_system(cells, splits, met, dimensions, rule)
            yield result
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=context, initializer=gc.disable) as pool:
        waiting = [
            pool.submit(decide_system, cells, splits, met, dimensions, rule)
            for cells, splits, met in asked
        ]
        for decided in waiting:
            with proven():
                result = decided.result()
            yield result


@contextmanager
def proven() -> Iterator[None]:
    """Refuse to publish where what is done within could not be shown to be safe.

    Raises:
        PublicationHeld: the cells do not add up, or the arithmetic failed.
    """
    try:
        yield
    except (CellsDoNotAddUp, ArithmeticError) as error:
        raise PublicationHeld(
            "SUPPRESSION_UNPROVEN",
            where="the suppression of small groups",
            found=str(error),
            expected="cells that add up, of which none that is hidden can be computed",
            remedy="nothing is published and the last publication stays; keep the log and report "
            "this",
        ) from error


def decide_system(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    met: pd.DataFrame,
    dimensions: Dimensions,
    rule: SuppressionRule,
) -> pd.DataFrame:
    """Return `cell_id` and the decision of every cell of one system."""
    decided = protect(cells, splits, dimensions, rule, met)
    decided.insert(0, "cell_id", cells["cell_id"])
    return decided[["cell_id", "suppressed", "suppression_reason", "rate_coding"]]
