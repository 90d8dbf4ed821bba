"""Which codes of two dimensions go together: of any student of a system, anywhere.

Two that never do may be kept apart by construction (whoever is an English learner is in the group
of learners and those lately reclassified), and whoever knows that may compute with it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from transforms.cell_plan import UNKNOWN, CellPlan, quoted
from transforms.organisations import OF_SYSTEM, SYSTEM

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MET = ("one", "code", "other", "other_code")


def combinations_sql(name: str, plan: CellPlan, groups: int) -> str:
    """Return SQL of the combinations of codes in each system, from the finest cells `name` has."""
    bits = groups.bit_length()
    system = ", ".join(f"u.{column}" for column in SYSTEM)
    codes = ", ".join(f"coalesce(g.{c}, '{UNKNOWN}') AS {c}" for c in plan.given_columns)
    return f"""
        SELECT DISTINCT {system}, {codes}
        FROM {name}_finest AS f
        JOIN {name}_units AS u ON u.code = f.finest >> {bits}
        JOIN {name}_groups_seen AS g ON g.code = f.finest & {(1 << bits) - 1}
    """


def codes_met(
    con: DuckDBPyConnection, name: str, dimensions: Sequence[str], system: Sequence[object]
) -> pd.DataFrame:
    """Return the pairs of codes of two dimensions that a student of the system has: columns MET.

    Args:
        con: the connection in which the cells were built.
        name: theirs.
        dimensions: some of the plan's `given_columns`; pairs are of an earlier and a later one.
        system: a value for each column of SYSTEM.
    """
    pairs = [
        f"SELECT DISTINCT {quoted(one)} AS one, {one} AS code, {quoted(other)} AS other, "
        f"{other} AS other_code FROM combined"
        for one, other in itertools.combinations(dimensions, 2)
    ]
    if not pairs:
        return pd.DataFrame(columns=list(MET), dtype=str)
    return con.execute(
        f"WITH combined AS MATERIALIZED (FROM {name}_combinations WHERE {OF_SYSTEM}) "
        f"{' UNION ALL '.join(pairs)} ORDER BY ALL",
        list(system),
    ).df()
