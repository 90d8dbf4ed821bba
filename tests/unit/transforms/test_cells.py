"""Every student is in exactly the cells of the contract, and cells add up."""

from __future__ import annotations

import itertools
from collections import Counter

import duckdb
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.assessment_models import Assessment
from configs.errors import PublicationHeld
from transforms.cell_keys import KeyLayout
from transforms.cell_plan import CellPlan
from transforms.cells import build_cells
from transforms.organisations import Organisations

CROSSED = ("ethnicity", "el_status", "gender")
ONE_WAY = ("econ_status", "disability_status")
GROUPS = ("grade", *CROSSED, *ONE_WAY)
KEY = ("school_year", "subject", "org_level", "org_id", *GROUPS)
PARTNERS = ("D1/S1",)
NETWORKS = (("north", "D1/S1"), ("north", "D2/S1"))
COLUMNS = [
    *("school_year", "assessment", "subject", "test_window", "district_id", "school_id"),
    *(*GROUPS, "scale_score", "performance_level", "is_scored"),
]
LEVELS = [{"order": order, "label": f"Level {order}"} for order in (1, 2, 3)]
ASSESSMENT = Assessment(
    name="invented",
    title="Invented",
    citation="none",
    subjects=["ela", "math"],
    levels=LEVELS,
    proficient_from=3,
    scale="vertical",
)
PLAN = CellPlan(CROSSED, ONE_WAY, {"invented": ASSESSMENT})


def row(**changes):
    return {
        "school_year": 2024,
        "assessment": "invented",
        "subject": "ela",
        "test_window": "annual",
        "district_id": "D1",
        "school_id": "S1",
        "grade": "03",
        "ethnicity": "WHITE",
        "el_status": "EO",
        "gender": "F",
        "econ_status": "SED",
        "disability_status": "NOT_SWD",
        "scale_score": 2400.0,
        "performance_level": 2,
        "is_scored": True,
        **changes,
    }


def cells_of(rows, plan=PLAN, partners=PARTNERS, networks=NETWORKS, threads=2):
    con = duckdb.connect(config={"threads": threads})
    frame = pd.DataFrame(rows, columns=COLUMNS)
    con.register("frame", frame)
    types = {"scale_score": "DOUBLE", "school_year": "INTEGER", "performance_level": "INTEGER"}
    types["is_scored"] = "BOOLEAN"
    columns = ", ".join(f"{c}::{types.get(c, 'VARCHAR')} AS {c}" for c in COLUMNS)
    con.execute(f"CREATE TABLE results AS SELECT {columns} FROM frame")
    con.execute("CREATE TABLE partners(school_key VARCHAR)")
    con.execute("CREATE TABLE networks(network VARCHAR, school_key VARCHAR)")
    con.execute(
        "CREATE TABLE names(org_level VARCHAR, org_id VARCHAR, school_year INT, org_name VARCHAR)"
    )
    for key in partners:
        con.execute("INSERT INTO partners VALUES (?)", [key])
    for pair in networks:
        con.execute("INSERT INTO networks VALUES (?, ?)", list(pair))
    relation = build_cells(con, "results", Organisations("partners", "networks", "names"), plan)
    return con.execute(f"FROM {relation} ORDER BY cell_id").df()


def organisations_of(row, partnered):
    school = f"{row['district_id']}/{row['school_id']}"
    yield from (("all", "all"), ("district", row["district_id"]), ("school", school))
    if (row["school_year"], row["subject"], row["district_id"]) in partnered:
        yield ("partner" if school in PARTNERS else "rest"), row["district_id"]
    yield from (("network", name) for name, key in NETWORKS if key == school)


def group_sets():
    for size in range(len(CROSSED) + 1):
        yield from itertools.combinations(CROSSED, size)
    yield from ((dimension,) for dimension in ONE_WAY)


def counted_by_hand(rows):
    scored = [row for row in rows if row["is_scored"]]
    partnered = {
        (r["school_year"], r["subject"], r["district_id"])
        for r in scored
        if f"{r['district_id']}/{r['school_id']}" in PARTNERS
    }
    tested, proficient, scores = Counter(), Counter(), Counter()
    for r in scored:
        for org, grade, shown in itertools.product(
            organisations_of(r, partnered), (r["grade"], "all"), group_sets()
        ):
            groups = [(r[c] or "UNKNOWN") if c in shown else "all" for c in GROUPS[1:]]
            key = (r["school_year"], r["subject"], *org, grade, *groups)
            tested[key] += 1
            proficient[key] += (r["performance_level"] or 0) >= 3
            scores[key] += r["scale_score"] or 0
    return tested, proficient, scores


ROWS = st.lists(
    st.builds(
        row,
        school_year=st.sampled_from([2023, 2024]),
        subject=st.sampled_from(["ela", "math"]),
        district_id=st.sampled_from(["D1", "D2"]),
        school_id=st.sampled_from(["S1", "S2"]),
        grade=st.sampled_from(["03", "04"]),
        ethnicity=st.sampled_from(["WHITE", "BLACK", "UNKNOWN", None]),
        el_status=st.sampled_from(["EO", "EL"]),
        gender=st.sampled_from(["F", "M"]),
        econ_status=st.sampled_from(["SED", "NOT_SED"]),
        disability_status=st.sampled_from(["SWD", "NOT_SWD", None]),
        scale_score=st.sampled_from([2400.0, 2400.25, 2411.5, None]),
        performance_level=st.sampled_from([1, 2, 3, None]),
        is_scored=st.sampled_from([True, True, True, False]),
    ),
    max_size=25,
)


@given(ROWS)
@settings(max_examples=15, deadline=None)
def test_cells_equal_a_count_by_hand_and_none_is_empty(rows):
    cells = cells_of(rows)
    tested, proficient, scores = counted_by_hand(rows)
    keys = list(cells[list(KEY)].astype(object).itertuples(index=False, name=None))
    assert len(keys) == len(set(keys)) == len(tested)
    assert dict(zip(keys, cells["n_tested"], strict=True)) == tested
    assert dict(zip(keys, cells["n_proficient"], strict=True)) == proficient
    assert dict(zip(keys, cells["score_sum"], strict=True)) == scores


@given(st.data(), ROWS)
@settings(max_examples=8, deadline=None)
def test_no_order_of_rows_changes_anything(data, rows):
    permuted = data.draw(st.permutations(rows))
    pd.testing.assert_frame_equal(cells_of(rows), cells_of(permuted, threads=1))


@given(ROWS)
@settings(max_examples=8, deadline=None)
def test_groups_sum_to_all_and_partner_and_rest_to_their_district(rows):
    cells = cells_of(rows)
    measures = ["n_tested", "n_proficient", "score_sum", "n_level_1", "n_level_2", "n_level_3"]
    sums = {
        tuple(key): tuple(values)
        for key, values in zip(
            cells[list(KEY)].astype(str).to_numpy(), cells[measures].to_numpy(), strict=True
        )
    }
    for position, parts in [(2, ("partner", "rest")), *((KEY.index(c), None) for c in GROUPS)]:
        whole = "district" if parts else "all"
        added = {}
        for key, values in sums.items():
            if key[position] in parts if parts else key[position] != whole:
                above = (*key[:position], whole, *key[position + 1 :])
                added[above] = tuple(map(sum, zip(added.get(above, (0,) * 6), values, strict=True)))
        assert added == {key: sums[key] for key in added}


def test_unknown_is_a_group_of_its_own_whether_stated_or_missing():
    cells = cells_of([row(gender="UNKNOWN"), row(gender=None), row(gender="F")])
    top = cells[(cells["org_level"] == "all") & (cells["grade"] == "all")]
    others = ["ethnicity", "el_status", "econ_status", "disability_status"]
    alone = top[(top[others] == "all").all(axis=1)]
    assert dict(zip(alone["gender"], alone["n_tested"], strict=True)) == {
        "all": 3,
        "F": 1,
        "UNKNOWN": 2,
    }


def test_rows_that_are_not_scored_enter_no_cell():
    cells = cells_of([row(), row(is_scored=False, scale_score=None, performance_level=None)])
    assert set(cells["n_tested"]) == {1}


def test_no_scored_row_makes_no_cell():
    assert cells_of([row(is_scored=False)]).empty
    assert cells_of([]).empty


def test_a_district_without_partner_school_in_a_system_is_not_split_there():
    cells = cells_of([row(subject="ela"), row(subject="math", school_id="S2")])
    split = cells[cells["org_level"].isin(["partner", "rest"])]
    assert set(zip(split["subject"], split["org_level"], strict=True)) == {("ela", "partner")}


def test_the_same_school_number_in_two_districts_is_two_schools():
    cells = cells_of([row(district_id="D1"), row(district_id="D2")])
    assert set(cells.loc[cells["org_level"] == "school", "org_id"]) == {"D1/S1", "D2/S1"}


def test_each_assessment_has_its_own_proficient_level():
    lenient = ASSESSMENT.model_copy(update={"name": "lenient", "proficient_from": 2})
    plan = CellPlan(CROSSED, ONE_WAY, {"invented": ASSESSMENT, "lenient": lenient})
    cells = cells_of([row(), row(assessment="lenient")], plan)
    found = dict(zip(cells["assessment"], cells["n_proficient"], strict=True))
    assert found == {"invented": 0, "lenient": 1}


def test_an_assessment_without_levels_counts_beside_one_that_has_them():
    unlevelled = ASSESSMENT.model_copy(
        update={"name": "unlevelled", "levels": [], "proficient_from": None}
    )
    plan = CellPlan(CROSSED, ONE_WAY, {"invented": ASSESSMENT, "unlevelled": unlevelled})
    rows = [row(performance_level=3), row(assessment="unlevelled", performance_level=None)]
    cells = cells_of(rows, plan).drop_duplicates("assessment").set_index("assessment")
    assert list(cells.loc[["invented", "unlevelled"], "n_tested"]) == [1, 1]
    levels = cells[[f"n_level_{k}" for k in plan.levels]].sum(axis=1)
    assert list(levels[["invented", "unlevelled"]]) == [1, 0]


def test_score_sums_are_exact_where_floats_are_not():
    cells = cells_of([row(scale_score=score) for score in [0.1] * 10 + [1e9, 0.01]])
    assert cells["score_sum"].max() == 1000000001.01


def test_the_plan_may_have_other_dimensions():
    cells = cells_of([row(), row(gender="M")], CellPlan(("gender",), (), {"invented": ASSESSMENT}))
    assert set(cells["gender"]) == {"all", "F", "M"}
    assert "ethnicity" not in cells


def test_a_row_of_an_unknown_assessment_is_refused_not_dropped():
    with pytest.raises(PublicationHeld, match="ROWS_NOT_COUNTED"):
        cells_of([row(), row(assessment="unheard_of")])


def test_a_row_without_school_is_refused_not_dropped():
    with pytest.raises(PublicationHeld, match="1 of 2 scored rows"):
        cells_of([row(), row(school_id=None)])


def test_a_code_that_means_all_is_refused():
    with pytest.raises(PublicationHeld, match="CODE_MEANS_ALL"):
        cells_of([row(gender="all")])


def test_a_key_that_does_not_fit_is_refused():
    with pytest.raises(PublicationHeld, match="TOO_MANY_CODES"):
        KeyLayout.of_sizes({"system": 2**30, "org": 2**30, "grade": 15})


def test_columns_do_not_share_bits_of_the_key():
    layout = KeyLayout.of_sizes({"system": 5, "org": 1000, "grade": 0, "gender": 3})
    assert layout.shift("gender") == 0
    assert layout.mask("system") > layout.mask("org") > layout.mask("grade") > layout.mask("gender")
    assert layout.mask("system", "org", "grade", "gender") == 2 ** (3 + 10 + 1 + 2) - 1
