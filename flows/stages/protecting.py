"""Privacy: which cells are shown, decided system by system before anything is published."""

from __future__ import annotations

import duckdb
import pandas as pd

from configs.models import Marts
from transforms.cells import CELLS, CellPlan
from transforms.organisations import SYSTEM, org_splits
from transforms.suppress import Dimensions, SuppressionRule, protect

DECISIONS = "decisions"


def decide(con: duckdb.DuckDBPyConnection, plan: CellPlan, marts: Marts) -> str:
    """Make table `decisions`: `cell_id`, `suppressed`, `suppression_reason`, `rate_coding`.

    Every cell of `cells` has one. Each assessment, subject, school year and window is one system.
    """
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE {DECISIONS} (cell_id BIGINT, suppressed BOOLEAN, "
        "suppression_reason VARCHAR, rate_coding VARCHAR)"
    )
    rule = SuppressionRule(
        marts.suppression.minimum_n,
        tuple((int(n), float(limit)) for n, limit in marts.suppression.extreme_bands),
    )
    dimensions = Dimensions(plan.crossed, plan.one_way)
    systems = con.execute(f"SELECT DISTINCT {', '.join(SYSTEM)} FROM {CELLS} ORDER BY ALL")
    for system in systems.fetchall():
        decided = _decide_system(con, plan, system, dimensions, rule)
        con.register("decided", decided)
        con.execute(f"INSERT INTO {DECISIONS} SELECT * FROM decided")
        con.unregister("decided")
    return DECISIONS


def _decide_system(
    con: duckdb.DuckDBPyConnection,
    plan: CellPlan,
    system: tuple[object, ...],
    dimensions: Dimensions,
    rule: SuppressionRule,
) -> pd.DataFrame:
    where = " AND ".join(f"{column} = ?" for column in SYSTEM)
    columns = ("cell_id", "org_level", "org_id", *plan.group_columns)
    cells = con.execute(
        f"SELECT {', '.join(columns)}, n_tested, coalesce(n_proficient, 0) AS n_proficient "
        f"FROM {CELLS} WHERE {where} ORDER BY cell_id",
        list(system),
    ).df()
    decided = protect(cells, org_splits(con, system), dimensions, rule)
    decided.insert(0, "cell_id", cells["cell_id"])
    return decided[["cell_id", "suppressed", "suppression_reason", "rate_coding"]]
