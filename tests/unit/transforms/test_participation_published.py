"""What is published of participation, and what no numbers give away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.transforms.attacker import computable_from, sums_of
from tests.unit.transforms.enrolled_schools import (
    DIMENSIONS,
    EVER_EL,
    MARTS,
    Built,
    Rows,
    build,
    enrolled,
    rows_of,
    scored,
    unscored,
)
from transforms.cell_plan import CellPlan
from transforms.organisations import SYSTEM, org_splits
from transforms.participation_cards import CARDS
from transforms.participation_cells import (
    UNTESTED_CELLS,
    exact_measures,
    published_measures,
    shown_cells,
)


def test_published_numbers_wait_for_both_cells():
    ids = [f"a{n}" for n in range(20)]
    built = build(scored(*ids), enrolled(*ids, "b"))
    shown = _published(built, "false")
    assert shown["D1"] == (None, None)
    assert _published(build(scored(*ids), enrolled(*ids)), "false")["D1"] == (20, 100.0)
    many = [f"b{n}" for n in range(15)]
    assert _published(build(scored(*ids), enrolled(*ids, *many)), "false")["D1"] == (35, 57.1)
    assert _published(build(scored(*ids), enrolled(*ids)), "true")["D1"] == (None, None)


def test_few_who_took_part_without_a_score_hide_the_number():
    ids, absent = [f"a{n}" for n in range(20)], [f"b{n}" for n in range(15)]
    rows = [*scored(*ids), unscored("c", "TESTED_NO_SCORE")]
    built = build(rows, enrolled(*ids, *absent, "c"))
    assert built.cell() == (36, pytest.approx(2100 / 36))
    assert _published(built, "false")["D1"] == (None, None)


def _published(built: Built, suppressed: str) -> dict[str, tuple[int | None, float | None]]:
    """Return n_enrolled and pct_participation of each district or school as a whole."""
    measures = ", ".join(f"{sql} AS {name}" for name, sql in published_measures(MARTS).items())
    alone = " AND ".join(f"{c} = 'all'" for c in ("grade", *DIMENSIONS))
    rows = rows_of(
        built.con,
        f"SELECT org_id, {measures} FROM (SELECT *, {suppressed} AS suppressed FROM cells) "
        f"LEFT JOIN participation USING (cell_id) WHERE {alone}",
    )
    return {row["org_id"]: (row["n_enrolled"], row["pct_participation"]) for row in rows}


PEOPLE = st.lists(
    st.tuples(
        st.sampled_from(["S1", "S2", "S3"]),
        st.sampled_from(["03", "04"]),
        st.sampled_from(["ASIAN", "BLACK", None]),
        st.sampled_from(["EO", "EL", "RFEP"]),
        st.sampled_from(["TESTED", "TESTED", "TESTED_NO_SCORE", "NOT_TESTED", None]),
    ),
    min_size=2,
    max_size=40,
)


def _of(people: Sequence[tuple[Any, ...]]) -> tuple[Rows, Rows]:
    """Return the results and the roster of people; the first is tested in any case."""
    results: list[dict[str, Any]] = []
    roster: list[dict[str, Any]] = []
    for number, (school_id, grade, ethnicity, el_status, took) in enumerate(people):
        who = {"school_id": school_id, "grade": grade, "ethnicity": ethnicity}
        who |= {"el_status": el_status}
        if number == 0 or took == "TESTED":
            results += scored(str(number), **who)
        elif took is not None:
            results.append(unscored(str(number), took, **who))
        roster += enrolled(str(number), **who)
    return results, roster


@pytest.mark.parametrize(("interval", "hidden"), [(3, [1, 2]), (30, [0, 1])])
def test_how_many_are_hidden_stays_as_open_as_the_rule_says(interval: int, hidden: list[int]):
    """Nine hidden with eleven lie between 0 and 20: where 30 are asked for, with forty instead."""
    key = {"org_level": "district", "org_id": "D1", "grade": "all"} | dict.fromkeys(
        DIMENSIONS, "all"
    )
    groups = [{"ethnicity": code} for code in ("ASIAN", "BLACK", "WHITE", "all")]
    cells = pd.DataFrame([key | group for group in groups])
    cells = cells.assign(cell_id=range(4), n_untested=[40, 9, 11, 60], n_no_score=0)
    splits = pd.DataFrame(
        [], columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
    )
    plan = CellPlan(("ethnicity", "el_status"), ("econ_status",), {}, ("ethnicity",), (EVER_EL,))
    rule = MARTS.suppression.model_copy(update={"interval": interval})
    shown = shown_cells(cells, splits, plan, rule)["is_shown"]
    assert shown[~shown].index.tolist() == hidden


@settings(max_examples=12, deadline=None)
@given(PEOPLE)
def test_groups_of_the_enrolled_sum_to_all(people: list[tuple[Any, ...]]):
    built = build(*_of(people))
    keys = ["org_level", "org_id", "grade", *DIMENSIONS]
    cells = {tuple(r[c] for c in keys): r["n_enrolled"] for r in built.exact}
    alone = rows_of(built.con, f"SELECT {', '.join(keys)}, n_untested FROM {UNTESTED_CELLS}")
    # A group of which nobody was tested has no row in the mart: its enrolled are the untested.
    everyone = {tuple(r[c] for c in keys): r["n_untested"] for r in alone} | cells
    for dimension in ("grade", *DIMENSIONS):
        at = keys.index(dimension)
        parents: dict[tuple[str, ...], list[int | None]] = {}
        for key, n in everyone.items():
            others = [k for c, k in zip(keys, key, strict=True) if c not in ("grade", *keys[:2])]
            if key[at] != "all" and sum(k != "all" for k in others) <= (dimension != "grade"):
                parents.setdefault((*key[:at], "all", *key[at + 1 :]), []).append(n)
        for parent, parts in parents.items():
            if parent in cells and None not in parts:
                assert sum(n or 0 for n in parts) == cells[parent]


@settings(max_examples=12, deadline=None)
@given(PEOPLE, st.integers(2, 6))
def test_no_shown_numbers_give_away_a_hidden_schools_untested(
    people: list[tuple[Any, ...]], times: int
):
    built = build(*_of(people * times))
    con = built.con
    cells = con.execute(
        f"SELECT * EXCLUDE (org_name) FROM {UNTESTED_CELLS} "
        "JOIN untested_decisions USING (cell_id) ORDER BY cell_id"
    ).df()
    if not len(cells):
        return
    splits = org_splits(con, (2026, "sb", "ela", "annual"), f"{UNTESTED_CELLS}_parts")
    for count in (cells["n_untested"] - cells["n_no_score"], cells["n_no_score"]):
        held = cells.assign(n_tested=count)[count > 0].reset_index(drop=True)
        assert not held["is_shown"][held["n_tested"] < 11].any()
        columns = ["cell_id", *SYSTEM, "n_untested", "n_no_score", "is_shown"]
        hidden = ~held["is_shown"].to_numpy()
        known = sums_of(
            held.drop(columns=columns),
            splits,
            {"ever_el_status": ("el_status", dict(EVER_EL.members))},
        )
        assert not computable_from(known, hidden)[(held["n_tested"] < 11).to_numpy()].any()


def test_the_worked_example_of_the_cards():
    ids = [str(n) for n in range(120)]
    rows = [
        *scored(*ids[:100]),
        *(unscored(one, "TESTED_NO_SCORE") for one in ids[100:104]),
        *(unscored(one, "EXEMPT") for one in ids[118:]),
    ]
    n_enrolled, pct = build(rows, enrolled(*ids)).cell("school")
    assert pct is not None
    examples = {card.name: card.example for card in CARDS}
    assert [*examples] == [*exact_measures()] == [*published_measures(MARTS)]
    assert examples["n_enrolled"].endswith(f"= {n_enrolled}")
    assert examples["pct_participation"].endswith(f"= {pct:.1f}")


def test_permuted_rows_change_nothing():
    people = [("S1", "03", "ASIAN", "EO", None), ("S2", "04", "BLACK", "EL", "NOT_TESTED")] * 4
    results, roster = _of([*people, ("S1", "03", "ASIAN", "EO", "TESTED")])
    one, other = build(results, roster), build(results[::-1], roster[::-1])
    assert one.untested == other.untested
    assert sorted(map(str, one.exact)) == sorted(map(str, other.exact))
