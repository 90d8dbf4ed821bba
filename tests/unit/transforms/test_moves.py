"""Which published cells moved a little between two publications."""

from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from transforms.moves import SAME_STUDENTS, moved_cells_sql, moved_levels_sql

KEY = ["assessment", "school_year", "org_id"]
MINIMUM = 11


def cell(n: float | None, **more: float | None) -> dict[str, object]:
    told = {"n_proficient": None, "mean_scale_score": 2500.0, "distance_from_standard": None}
    own = {"assessment": "star", "school_year": 2024, "org_id": "elm", "n_tested": n}
    return {**own, **told, "performance_index": None, **more}


def moved(then: dict, now: dict, levels: str | None = None) -> int:
    """Return how many cells moved a little."""
    types = dict.fromkeys(("n_tested", *SAME_STUDENTS), "float64")
    with duckdb.connect() as con:
        con.register("earlier", pd.DataFrame([then]).astype(types))
        con.register("later", pd.DataFrame([now]).astype(types))
        if levels is not None:
            con.execute(levels)
        relation = "moved_levels" if levels is not None else None
        rows = con.execute(moved_cells_sql("earlier", "later", KEY, MINIMUM, relation)).fetchall()
    return rows[0][2] if rows else 0


@pytest.mark.parametrize(
    ("then", "now", "cells"),
    [
        (cell(40), cell(40), 0),
        (cell(40), cell(41), 1),
        (cell(40), cell(30), 1),
        (cell(40), cell(29, mean_scale_score=2490.0), 0),
        (cell(40), cell(51, mean_scale_score=2490.0), 0),
        (cell(40), cell(40, mean_scale_score=2501.0), 1),
        (cell(40, n_proficient=20), cell(40, n_proficient=21), 1),
        (cell(40, n_proficient=20), cell(40, n_proficient=None), 0),
        (cell(40), cell(None), 0),
        (cell(None), cell(40), 0),
        (cell(40), cell(41) | {"org_id": "oak"}, 0),
    ],
)
def test_a_cell_that_both_show_moves_by_nobody_or_by_enough(then, now, cells):
    assert moved(then, now) == cells


def test_a_level_that_moves_alone_is_a_move():
    levels = "CREATE VIEW moved_levels AS SELECT 'star' AS assessment, 2024 AS school_year, "
    assert moved(cell(40), cell(40), f"{levels} 'elm' AS org_id") == 1
    assert moved(cell(40), cell(60), f"{levels} 'elm' AS org_id") == 0
    assert moved(cell(40), cell(40), f"{levels} 'oak' AS org_id") == 0


def test_levels_are_those_that_both_show():
    frame = pd.DataFrame(
        {"assessment": "star", "school_year": 2024, "org_id": ["elm", "elm", "oak", "ash"],
         "performance_level": [1, 2, 1, 1], "n": [5.0, 6.0, None, 9.0]}
    )  # fmt: skip
    now = frame.assign(n=[4.0, 7.0, 3.0, 9.0])
    with duckdb.connect() as con:
        con.register("earlier", frame)
        con.register("later", now)
        found = con.execute(moved_levels_sql("earlier", "later", KEY)).fetchall()
    assert found == [("star", 2024, "elm")]
