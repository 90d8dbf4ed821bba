"""The state's cells say what it publishes: of the same tests, in our groups, masked as null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import duckdb
import pandas as pd
import pytest

from configs.assessment_models import Assessment
from configs.catalogue import load_catalogue
from transforms.cell_plan import CellPlan
from transforms.state_cells import state_cells_sql, state_groups

CATALOGUE = load_catalogue()
DIMENSIONS = ("ethnicity", "el_status", "gender", "econ_status")
TEST = {"school_year": 2024, "assessment": "sb", "subject": "ela", "test_window": "annual"}
ROW = {
    **TEST,
    "source": "research",
    "entity_type": "STATE",
    "domain": "OVERALL",
    "district_id": "0000000",
    "student_group": "ALL",
    "grade": "all",
    "n_tested": 1010,
    "n_scored": 1000,
    "pct_proficient": 41.23,
}
EMPTY = ("n_proficient", "mean_scale_score", *(f"{k}_level_{n}" for k in ("n", "pct")
         for n in range(1, 6)))  # fmt: skip
TYPES = dict.fromkeys((*EMPTY, "n_tested", "n_scored", "pct_proficient"), "Float64")


def assessment(name: str, scale: str = "vertical", standard: int = 3) -> Assessment:
    return Assessment.model_validate({
        "name": name, "title": name, "citation": "none", "subjects": ["ela"],
        "levels": [{"order": n, "label": str(n)} for n in (1, 2, 3, 4)],
        "proficient_from": standard, "scale": scale,
    })  # fmt: skip


PLAN = CellPlan(
    DIMENSIONS[:3],
    DIMENSIONS[3:],
    {
        one.name: one
        for one in (assessment("sb"), assessment("elpac", scale="by_grade", standard=4))
    },
)


def cells(*printed: Mapping[str, Any], tests: Mapping[str, Any] = TEST) -> list[dict[str, Any]]:
    """Return the state's cells of published results, each said beside ROW."""
    with duckdb.connect() as con:
        rows = [dict.fromkeys(EMPTY) | ROW | one for one in printed]
        con.register("published", pd.DataFrame(rows).astype(TYPES))
        con.register("own", pd.DataFrame([tests]))
        con.register("groups", state_groups(PLAN, CATALOGUE.vocabularies))
        found = con.execute(state_cells_sql(PLAN, "published", "groups", "own")).df()
    return found.astype(object).where(found.notna(), None).to_dict("records")


def numbers(*printed: Mapping[str, Any]) -> list[tuple]:
    return [(c["n_tested"], c["n_proficient"], c["mean_scale_score"]) for c in cells(*printed)]


def test_everybody_is_all_of_every_dimension_and_the_rate_is_the_printed_one():
    (cell,) = cells({})

    assert {cell[d] for d in DIMENSIONS} == {"all"}
    assert (cell["org_level"], cell["org_id"], cell["grade"]) == ("state", "0000000", "all")
    assert (cell["n_tested"], cell["n_proficient"]) == (1000, pytest.approx(412.3, abs=1e-9))
    assert (cell["suppressed"], cell["rate_coding"]) == (False, "exact")


@pytest.mark.parametrize(
    ("published", "dimension", "code"),
    [
        ("EL", "el_status", "EL"),
        ("EO", "el_status", "EO"),
        ("HISPANIC", "ethnicity", "HISPANIC"),
        ("FEMALE", "gender", "F"),
        ("NOT_SED", "econ_status", "NOT_SED"),
    ],
)
def test_a_published_group_is_the_one_of_the_same_id(published, dimension, code):
    (cell,) = cells({"student_group": published})
    assert {d: cell[d] for d in DIMENSIONS} == dict.fromkeys(DIMENSIONS, "all") | {dimension: code}


def test_a_group_of_no_dimension_is_left_out():
    assert cells({"student_group": "SED_ASIAN"}, {"student_group": "LTEL"}) == []


def test_a_group_may_be_one_of_several_dimensions():
    plan = CellPlan(("el_status", "english_fluent_status"), (), {})
    rows = state_groups(plan, CATALOGUE.vocabularies).to_pylist()
    assert [row["dimension"] for row in rows if row["student_group"] == "EL"] == [
        "el_status",
        "english_fluent_status",
    ]


def test_what_is_masked_is_null_and_never_zero():
    masked = dict.fromkeys(("n_tested", "n_scored", "pct_proficient"))
    assert numbers(masked) == [(None, None, None)]
    assert numbers({"pct_proficient": None}) == [(1000, None, None)]
    assert numbers(masked | {"pct_proficient": 50.0}) == [(None, None, None)]
    assert numbers({"n_scored": 0}) == [(None, None, None)]


def test_printed_counts_go_before_levels_and_these_before_shares():
    levels = {"n_level_3": 300, "n_level_4": 112}
    assert numbers({"n_proficient": 413} | levels) == [(1000, 413, None)]
    assert numbers(levels) == [(1000, 412, None)]
    assert numbers({"n_level_3": 300})[0][1] == pytest.approx(412.3, abs=1e-9)


def test_shares_of_levels_are_added_from_the_standard_of_the_test_up():
    shares = {"pct_proficient": None, "pct_level_3": 30.0, "pct_level_4": 11.5}
    assert numbers(shares) == [(1000, 415, None)]
    own = TEST | {"assessment": "elpac"}
    (cell,) = cells(shares | {"assessment": "elpac"}, tests=own)
    assert cell["n_proficient"] == 115


def test_students_tested_stand_in_where_those_with_a_score_are_not_printed():
    (cell,) = cells({"n_scored": None})
    assert cell["n_tested"] == 1010


def test_a_mean_over_grades_is_there_on_a_vertical_scale_only():
    assert numbers({"mean_scale_score": 2431.5})[0][2] == 2431.5
    own, printed = TEST | {"assessment": "elpac"}, {"assessment": "elpac", "mean_scale_score": 1500}
    found = cells(printed, printed | {"grade": "03"}, tests=own)
    assert {cell["grade"]: cell["mean_scale_score"] for cell in found} == {"all": None, "03": 1500}


@pytest.mark.parametrize(
    "other",
    [
        {"assessment": "elpac"},
        {"subject": "math"},
        {"school_year": 2023},
        {"test_window": "fall"},
        {"domain": "READING"},
        {"entity_type": "COUNTY"},
    ],
)
def test_another_test_part_or_place_is_not_used(other):
    assert cells(other) == []


def test_of_two_sources_the_one_that_says_more_is_taken():
    poor = {"source": "a", "n_tested": None, "n_scored": None}
    found = cells(poor, {}, poor | {"source": "z"})
    assert [(cell["n_tested"], cell["org_id"]) for cell in found] == [(1000, "0000000")]


def test_two_states_stay_two():
    found = cells({}, {"district_id": "XY"})
    assert {cell["org_id"] for cell in found} == {"0000000", "XY"}
