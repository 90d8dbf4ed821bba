"""Crossed one-way dimensions, roll-ups, statistics and keys of cells."""

from __future__ import annotations

import itertools
import statistics as by_hand

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.assessment_models import Assessment
from configs.errors import PublicationHeld
from configs.mart_models import Marts, Suppression
from transforms.cell_keys import CellKeys
from transforms.cell_plan import CellPlan, Rollup
from transforms.cell_statistics import Statistic, units
from transforms.cells import ACHIEVEMENT, build_cells
from transforms.organisations import SYSTEM, Organisations

LEVELS = [{"order": order, "label": f"Level {order}"} for order in (1, 2, 3)]
CUTS = [
    {"subject": "ela", "grade": "03", "from_year": 2024, "cuts": [2300, 2400.5]},
    {"subject": "ela", "grade": "03", "to_year": 2023, "cuts": [2300, 2390]},
    {"subject": "ela", "grade": "04", "cuts": [2350, 2450]},
]
ASSESSMENT = Assessment(
    name="invented",
    title="Invented",
    citation="none",
    subjects=["ela", "math"],
    levels=LEVELS,
    proficient_from=3,
    scale="vertical",
    score_ranges=[{"lowest": 2000, "highest": 3000, **cut} for cut in CUTS],
)
EVER_EL = Rollup(
    "ever_el_status",
    "el_status",
    {"EVER_EL": ("EL", "RFEP"), "NEVER_EL": ("EO",), "UNKNOWN": ("UNKNOWN",)},
)
PLAN = CellPlan(
    ("el_status", "gender"),
    ("econ_status", "migrant_status"),
    {"invented": ASSESSMENT},
    crossed_with=("el_status", "gender"),
    rollups=(EVER_EL,),
)
GROUPS = ("el_status", "gender", "econ_status", "migrant_status", "ever_el_status")
SUMS = (
    *("n_tested", "n_scores", "score_sum", "score_squares", "n_distances", "distance_sum"),
    *("n_level_1", "n_level_2", "n_level_3", "n_proficient"),
)
COLUMNS = [
    *("school_year", "assessment", "subject", "test_window", "district_id", "school_id", "grade"),
    *GROUPS[:-1],
    *("scale_score", "performance_level", "is_scored"),
]
TYPES = {
    "scale_score": "DOUBLE",
    "school_year": "INTEGER",
    "performance_level": "INTEGER",
    "is_scored": "BOOLEAN",
}


def row(**changes):
    return {
        "school_year": 2024,
        "assessment": "invented",
        "subject": "ela",
        "test_window": "annual",
        "district_id": "D1",
        "school_id": "S1",
        "grade": "03",
        "el_status": "EO",
        "gender": "F",
        "econ_status": "SED",
        "migrant_status": "NOT_MIGRANT",
        "scale_score": 2400.0,
        "performance_level": 2,
        "is_scored": True,
        **changes,
    }


def connection(rows):
    con = duckdb.connect()
    con.register("frame", pd.DataFrame(rows, columns=COLUMNS))
    columns = ", ".join(f"{c}::{TYPES.get(c, 'VARCHAR')} AS {c}" for c in COLUMNS)
    con.execute(f"CREATE TABLE results AS SELECT {columns} FROM frame")
    con.execute("CREATE TABLE partners AS SELECT 'D1/S1' AS school_key")
    con.execute("CREATE TABLE networks AS SELECT 'north' AS network, 'D2/S1' AS school_key")
    con.execute(
        "CREATE TABLE names(org_level VARCHAR, org_id VARCHAR, school_year INT, org_name VARCHAR)"
    )
    return con


def built(con, plan=PLAN, results="results", **more):
    organisations = Organisations("partners", "networks", "names")
    return build_cells(con, results, organisations, plan, **more)


def cells_of(rows, plan=PLAN, **more):
    con = connection(rows)
    return con.execute(f"FROM {built(con, plan, **more)} ORDER BY cell_id").df()


def top(cells, *shown):
    """The cells of everything, all grades, split by these dimensions and by no other."""
    chosen = cells[(cells["org_level"] == "all") & (cells["grade"] == "all")]
    for group in GROUPS:
        chosen = chosen[(chosen[group] != "all") == (group in shown)]
    keys = chosen[list(shown)].itertuples(index=False, name=None)
    return dict(zip(keys, chosen["n_tested"], strict=True))


ROWS = st.lists(
    st.builds(
        row,
        school_year=st.sampled_from([2023, 2024]),
        subject=st.sampled_from(["ela", "math"]),
        district_id=st.sampled_from(["D1", "D2"]),
        school_id=st.sampled_from(["S1", "S2"]),
        grade=st.sampled_from(["03", "04"]),
        el_status=st.sampled_from(["EO", "EL", "RFEP", None]),
        gender=st.sampled_from(["F", "M"]),
        econ_status=st.sampled_from(["SED", "NOT_SED", None]),
        migrant_status=st.sampled_from(["MIGRANT", "UNKNOWN", None]),
        scale_score=st.sampled_from([2400.0, 2400.25, 2411.503, None]),
        performance_level=st.sampled_from([1, 2, 3, None]),
        is_scored=st.sampled_from([True, True, True, False]),
    ),
    max_size=20,
)


def test_a_one_way_dimension_is_counted_alone_and_with_each_one_it_is_crossed_with():
    rows = [row(), row(gender="M", el_status="EL"), row(econ_status="NOT_SED")]
    cells = cells_of(rows)
    assert top(cells, "econ_status") == {("SED",): 2, ("NOT_SED",): 1}
    assert top(cells, "el_status", "econ_status") == {
        ("EO", "SED"): 1,
        ("EO", "NOT_SED"): 1,
        ("EL", "SED"): 1,
    }
    assert top(cells, "gender", "econ_status")[("M", "SED")] == 1
    assert top(cells, "el_status", "gender", "econ_status") == {}
    assert top(cells, "econ_status", "migrant_status") == {}


@pytest.mark.parametrize("by_grade", [True, False])
def test_crossings_of_one_way_dimensions_are_counted_in_each_grade_where_it_is_asked_for(by_grade):
    asked = Marts(
        crossed=list(PLAN.crossed),
        one_way=list(PLAN.one_way),
        crossed_with=list(PLAN.crossed_with),
        crossed_with_by_grade=by_grade,
        suppression=Suppression(extreme_bands=[]),
    )
    plan = CellPlan.configured(asked, PLAN.assessments)
    cells = cells_of([row(), row(grade="04", el_status="EL"), row(grade="04", gender="M")], plan)
    every = cells[(cells["org_level"] == "all") & (cells["econ_status"] == "SED")]
    is_crossed = (every["el_status"] != "all") | (every["gender"] != "all")
    assert set(every[~is_crossed]["grade"]) == {"all", "03", "04"}
    assert set(every[is_crossed]["grade"]) == ({"all", "03", "04"} if by_grade else {"all"})
    girls = every[(every["gender"] == "F") & (every["el_status"] == "all")]
    found = dict(zip(girls["grade"], girls["n_tested"], strict=True))
    assert found == ({"all": 2, "03": 1, "04": 1} if by_grade else {"all": 2})


def test_a_dimension_that_nobody_is_known_of_is_left_out_of_that_system_only():
    unknown = {"migrant_status": None, "econ_status": None}
    rows = [row(), row(subject="math", **unknown), row(subject="math", migrant_status="UNKNOWN")]
    split = cells_of(rows)
    migrant = split[split["migrant_status"] != "all"]
    assert set(migrant["subject"]) == {"ela"}
    math = split[(split["subject"] == "math") & (split["econ_status"] != "all")]
    assert set(math["econ_status"]) == {"UNKNOWN", "SED"}


def test_economic_status_is_split_even_where_nobody_is_known():
    cells = cells_of([row(econ_status=None)])
    assert top(cells, "econ_status") == {("UNKNOWN",): 1}


def test_a_rollup_is_the_union_of_its_members_in_every_organisation_and_grade():
    rows = [row(el_status="EL"), row(el_status="RFEP", grade="04", school_id="S2"), row()]
    cells = cells_of(rows)
    assert top(cells, "ever_el_status") == {("EVER_EL",): 2, ("NEVER_EL",): 1}
    ever = cells[cells["ever_el_status"] == "EVER_EL"]
    assert set(ever["gender"]) == set(ever["el_status"]) == {"all"}
    found = {(r.org_id, r.grade): r.n_tested for r in ever.itertuples() if r.org_level != "all"}
    assert found[("D1/S2", "04")] == 1
    assert found[("D1", "all")] in (1, 2)


def test_a_rollup_of_which_nothing_is_known_is_left_out():
    cells = cells_of([row(el_status=None), row(el_status="UNKNOWN")])
    assert set(cells["ever_el_status"]) == {"all"}


def test_a_code_in_no_union_is_refused():
    with pytest.raises(PublicationHeld, match="el_status ADEL in ever_el_status"):
        cells_of([row(el_status="ADEL")])


def test_squares_and_distances_are_those_of_the_scores():
    scores = [2400.25, 2411.503, 2390.0]
    rows = [row(scale_score=s) for s in scores] + [row(scale_score=None)]
    rows += [row(grade="04", scale_score=2500.0), row(grade="05", scale_score=2700.0)]
    cells = cells_of(rows).set_index("grade")
    whole = cells[(cells["org_level"] == "all") & (cells[list(GROUPS)] == "all").all(axis=1)]
    third = whole.loc["03"]
    assert third["score_squares"] == pytest.approx(sum(s * s for s in scores), rel=1e-15)
    spread = (third["score_squares"] - third["score_sum"] ** 2 / 3) / 2
    assert spread == pytest.approx(by_hand.variance(scores), rel=1e-9)
    assert (third["n_distances"], third["distance_sum"]) == (3, 0.253)
    assert (whole.loc["05", "n_distances"], whole.loc["05", "distance_sum"]) == (0, 0)
    assert whole.loc["all", "n_distances"] == 4
    assert whole.loc["all", "distance_sum"] == pytest.approx(50.253, abs=1e-9)


def test_the_cut_is_that_of_the_school_year():
    cells = cells_of([row(), row(school_year=2023)])
    found = cells.drop_duplicates("school_year").set_index("school_year")["distance_sum"]
    assert found.to_dict() == {2024: -0.5, 2023: 10.0}


def test_sets_of_cells_live_side_by_side_with_statistics_of_their_own():
    con = connection([row(scale_score=2400.5), row(scale_score=2300.0, gender="M")])
    built(con)
    wide = (
        Statistic("n_high", "true"),
        Statistic("above", units("scale_score - 2300", 3), "BIGINT", 3),
    )
    other = built(con, statistics=wide, name="other_cells")
    total = "SELECT {} FROM {} WHERE org_level = 'all' AND cell_id & {} = 0"
    low = CellKeys.of(con, other).mask("grade", *GROUPS)
    assert con.execute(total.format("n_high, above", other, low)).fetchall() == [(2, 100.5)]
    assert con.execute(total.format("n_tested", "cells", low)).fetchall() == [(2,)]


def test_a_sum_that_does_not_fit_is_refused_not_wrapped():
    con = connection([row(), row()])
    large = (Statistic("n", "true"), Statistic("total", str(2**62), "BIGINT"))
    with pytest.raises((OverflowError, duckdb.Error)):
        built(con, statistics=large)


@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_every_dimension_sums_to_all_at_every_organisation(rows):
    con = connection(rows)
    built(con)
    keys = CellKeys.of(con)
    cells = con.execute("FROM cells").df()
    whole = cells.set_index("cell_id")[list(SUMS)]
    for group in ("grade", *GROUPS):
        split = cells[cells[group] != "all"]
        added = split.groupby(split["cell_id"] & ~keys.mask(group))[list(SUMS)].sum()
        expected = whole.loc[added.index]
        assert ((added - expected).abs() <= 1e-6 * expected.abs()).all(axis=None)


@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_keys_lead_to_siblings_and_words(rows):
    con = connection(rows)
    built(con)
    keys = CellKeys.of(con)
    cells = con.execute("FROM cells").df()
    for group in ("grade", *GROUPS):
        for code, there in cells.groupby(group):
            bits = keys.bits(group, code)
            same = there["cell_id"] & keys.mask(group) == bits
            assert same.all() or (code == "all" and group not in PLAN.crossed)
    assert keys.bits("gender", "X") is None


@given(st.data(), ROWS)
@settings(max_examples=8, deadline=None)
def test_splitting_and_uniting_and_reordering_the_rows_changes_nothing(data, rows):
    cut = data.draw(st.integers(0, len(rows)))
    permuted = data.draw(st.permutations(rows))
    con = connection(permuted)
    con.execute(f"CREATE VIEW one AS FROM results LIMIT {cut}")
    con.execute(f"CREATE VIEW other AS FROM results OFFSET {cut}")
    con.execute("CREATE VIEW united AS FROM other UNION ALL FROM one")
    built(con, results="united")
    united = con.execute("FROM cells ORDER BY cell_id").df()
    pd.testing.assert_frame_equal(united, cells_of(rows))


@given(ROWS)
@settings(max_examples=6, deadline=None)
def test_systems_built_apart_are_those_built_together(rows):
    key = [*SYSTEM, "grade", "org_level", "org_id", *GROUPS]

    def in_order(frames):
        frame = pd.concat(frames)[[*key, *SUMS]].astype(dict.fromkeys(SUMS, float))
        return frame.astype(dict.fromkeys(key, str)).sort_values(key, ignore_index=True)

    together = cells_of(rows)
    apart = [
        cells_of([r for r in rows if (r["school_year"], r["subject"]) == system])
        for system in itertools.product([2024, 2023], ["math", "ela"])
    ]
    pd.testing.assert_frame_equal(in_order(apart), in_order([together]))


def test_the_first_statistic_counts_every_row():
    assert ACHIEVEMENT[0].name == "n_tested"
