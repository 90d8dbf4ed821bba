"""Privacy: which cells are shown, decided system by system before anything is published."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import duckdb
import pandas as pd

from configs.errors import PublicationHeld
from configs.mart_models import Marts
from configs.workers import end_with_parent
from transforms.cell_pairs import codes_met
from transforms.cell_tables import insert_rows
from transforms.cells import CELLS, CellPlan
from transforms.listing import listed_hidden
from transforms.organisations import OF_SYSTEM, SYSTEM, org_splits
from transforms.suppress import CellsDoNotAddUp, Dimensions, SuppressionRule, protect

DECISIONS, LISTED = "decisions", "listed"
# To start a process takes as long as to decide over so many.
FEW_CELLS = 5_000


@dataclass(frozen=True)
class Decided:
    """The tables that say what is published of each cell.

    decisions: `cell_id` and what `protect` returns of it, in columns of its names; of every cell.
    listed: the keys, without `org_name`, that are listed though nothing of them is shown.
    """

    decisions: str = DECISIONS
    listed: str = LISTED


def decide(con: duckdb.DuckDBPyConnection, plan: CellPlan, marts: Marts) -> Decided:
    """Make the tables of `Decided`; each assessment, subject, year and window is a system."""
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {DECISIONS} (cell_id BIGINT, suppressed BOOLEAN, "
        "suppression_reason VARCHAR, rate_coding VARCHAR, rate_limit DOUBLE, shows_levels BOOLEAN)"
    )
    # Text, not the codes that occur: an empty group may be of another.
    key = ", ".join(f"{column}::VARCHAR AS {column}" for column in _own_key(plan))
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {LISTED} AS "
        f"SELECT {', '.join(SYSTEM)}, {key} FROM {CELLS} LIMIT 0"
    )
    dimensions = Dimensions(plan.crossed, plan.one_way, plan.crossed_with, plan.rollups)
    found = con.execute(f"SELECT DISTINCT {', '.join(SYSTEM)} FROM {CELLS} ORDER BY ALL")
    systems = found.fetchall()
    asked = Asked(dimensions, _rule(marts), plan.codes)
    given = (_cells_of(con, plan, system) for system in systems)
    for system, (decided, listed) in zip(systems, _protect_all(given, asked), strict=True):
        insert_rows(con, DECISIONS, decided)
        insert_rows(con, LISTED, listed.assign(**dict(zip(SYSTEM, system, strict=True))))
    return Decided()


def _own_key(plan: CellPlan) -> tuple[str, ...]:
    return ("org_level", "org_id", *plan.group_columns)


def _rule(marts: Marts) -> SuppressionRule:
    return SuppressionRule(
        marts.suppression.minimum_n,
        tuple((int(n), float(limit)) for n, limit in marts.suppression.extreme_bands),
        marts.suppression.interval,
    )


def _cells_of(
    con: duckdb.DuckDBPyConnection, plan: CellPlan, system: tuple[object, ...]
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the cells of one system, how its organisations add up, and which codes go together.

    A cell has a rate where each student has a level; of an assessment without levels none has.
    """
    levelled = " + ".join(["0", *(f"n_level_{k}" for k in plan.levels)])
    levels = (f"n_level_{k}" for k in plan.levels)
    columns = ("cell_id", "org_level", "org_id", *plan.group_columns, *levels)
    cells = con.execute(
        f"SELECT {', '.join(columns)}, n_tested, coalesce(n_proficient, 0) AS n_proficient, "
        f"n_tested = {levelled} AS has_rate FROM {CELLS} WHERE {OF_SYSTEM} ORDER BY cell_id",
        list(system),
    ).df()
    met = codes_met(con, CELLS, (*plan.one_way, *plan.crossed), system)
    return cells, org_splits(con, system), met


@dataclass(frozen=True)
class Asked:
    """What is asked of every system: its dimensions, the rule, the codes of each dimension."""

    dimensions: Dimensions
    rule: SuppressionRule
    codes: Mapping[str, Sequence[str]]


Given = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]


def _protect_all(
    given: Iterable[Given], asked: Asked
) -> Iterator[tuple[pd.DataFrame, pd.DataFrame]]:
    """Yield the decisions and listed keys of each system; systems know nothing of one another.

    Few cells are decided here, more by processes, not threads: the work is Python's own for the
    most part. They are spawned, since this one may have threads of Prefect and DuckDB, which a fork
    would break; each keeps to one core, or they would stand in each other's way. None looks for
    garbage in cycles: there is hardly any, and looking through the terms of all sums again and
    again takes a quarter of the time.

    Raises:
        PublicationHeld: a system's cells do not add up, or its privacy could not be shown.
    """
    systems = list(given)
    if sum(len(cells) for cells, _, _ in systems) <= FEW_CELLS:
        for system in systems:
            with proven():
                result = decide_system(system, asked)
            yield result
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    workers = os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker) as pool:
        for decided in [pool.submit(decide_system, system, asked) for system in systems]:
            with proven():
                result = decided.result()
            yield result


def _start_worker() -> None:
    end_with_parent()
    gc.disable()


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


def decide_system(given: Given, asked: Asked) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `cell_id` and the decision of every cell of one system, and the keys that are listed.

    Args:
        given: the cells, how the organisations add up, which codes go together.
        asked: of every system.
    """
    cells, splits, met = given
    decided = protect(cells, splits, asked.dimensions, asked.rule, met)
    shown = ~decided["suppressed"].to_numpy()
    listed = listed_hidden(cells, splits, asked.dimensions.columns, shown, asked.codes)
    decided.insert(0, "cell_id", cells["cell_id"])
    return decided, listed
