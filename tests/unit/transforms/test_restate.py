"""How published cells move, never with a number that suppression hides."""

from __future__ import annotations

import duckdb
import pytest

from transforms.restate import moves_sql

SHAPE = (
    "k, org_name, n_tested, n_proficient, pct_proficient, pct_proficient_low, "
    "pct_proficient_high, mean_scale_score, rate_coding, suppressed"
)
SHOWN = "('c', 'Elm', 20, 10, 50.0, 40.0, 60.0, 2500.0, 'exact', false)"
HIGHER = "('c', 'Elm', 20, 12, 60.0, 50.0, 70.0, 2500.0, 'exact', false)"
CODED = "('c', 'Elm', 20, NULL, 50.0, NULL, NULL, NULL, 'bottom', false)"
HIDDEN = "('c', 'Elm', NULL, NULL, NULL, NULL, NULL, NULL, NULL, true)"


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (SHOWN, SHOWN, ("same", 20, 20)),
        (SHOWN, HIGHER, ("moves", 20, 20)),
        (SHOWN, CODED, ("moves", 20, 20)),
        (SHOWN, HIDDEN, ("vanishes", 20, None)),
        (SHOWN, None, ("vanishes", 20, None)),
        (HIDDEN, SHOWN, ("appears", None, 20)),
        (None, SHOWN, ("appears", None, 20)),
        (HIDDEN, HIDDEN, ("hidden", None, None)),
        (None, HIDDEN, ("hidden", None, None)),
    ],
)
def test_a_cell_moves_appears_vanishes_or_stays(before, after, expected):
    with duckdb.connect() as con:
        for name, row in (("before", before), ("after", after)):
            where = "" if row else " WHERE false"
            con.execute(
                f"CREATE TABLE {name} AS SELECT * FROM (VALUES {row or SHOWN}) AS r({SHAPE}){where}"
            )
        ((key, org, *numbers, change),) = con.execute(
            moves_sql("before", "after", ["k"])
        ).fetchall()
    assert (key, org) == ("c", "Elm")
    assert (change, numbers[0], numbers[1]) == expected
