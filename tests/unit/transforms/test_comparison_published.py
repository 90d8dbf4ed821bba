"""Comparisons: what is missing and why, what is not published, and that order is irrelevant."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from tests.unit.transforms.compared_schools import (
    DISTRICT,
    ROSE,
    Case,
    Students,
    assessment,
    compared,
    in_years,
)
from transforms.comparison import _MEASURES
from transforms.comparison_cards import CARDS

MEASURES = [measure.name for measure in _MEASURES]
SPAN = {"school_year": 2025, "from_year": 2024}


def hidden(row):
    return row["suppressed"] and all(row[measure] is None for measure in MEASURES)


def test_a_group_that_is_missing_on_one_side_makes_a_missing_comparison():
    case = Case([*ROSE, *in_years(["S1"], {2025: 20}, ethnicity="BLACK")])
    row = compared(case).one(**SPAN, ethnicity="BLACK")

    assert row["missing_reason"] == "no_group"
    assert row["n_tested"] == 100 and row["n_compared"] is None
    assert row["gain"] is None and row["did"] is None and row["difference"] is None


def test_a_group_that_is_missing_in_the_earlier_year_has_no_gain_but_a_difference():
    case = Case(
        [*ROSE, *in_years(["S1", "S3"], {2025: 20}, ethnicity="BLACK")],
    )
    row = compared(case).one(**SPAN, ethnicity="BLACK")

    assert row["missing_reason"] == "no_group"
    assert row["difference"] == 0 and row["gain"] is None and row["p_value"] is None


@pytest.mark.parametrize(
    ("kind", "mean_gain"), [("scale", None), ("population", None), ("standard", 7.0)]
)
def test_nothing_is_compared_across_a_break(kind, mean_gain):
    new = {"from_year": 2025, "kind": kind, "reason": "invented", "citation": "invented"}
    found = compared(Case(ROSE, assessment=assessment(breaks=[new])))
    row = found.one(**SPAN)

    assert row["missing_reason"] == f"{kind}_break"
    assert row["difference"] is not None
    gains = ("gain", "gain_compared", "annual_gain", "gain_ratio", "did", "did_low", "p_value")
    permuted = ("did_schools", "did_p_value", "did_permutation_low")
    assert [row[c] for c in (*gains, *permuted, "index_gain", "distance_gain")] == [None] * 12
    # Seven of a hundred went up two levels of fifty points.
    assert row["mean_gain"] == (mean_gain and pytest.approx(mean_gain))
    assert found.one(school_year=2025, from_year=2025)["missing_reason"] is None


@pytest.mark.parametrize("side", [("partner", "D1"), ("rest", "D1")])
def test_ethnicities_that_are_other_groups_than_before_have_no_gain_on_either_side(side):
    found = compared(Case(ROSE, group_breaks=[(*side, 2025)]))
    asian = found.one(**SPAN, ethnicity="ASIAN")

    assert asian["missing_reason"] == "group_break" and asian["difference"] is not None
    gains = ("gain", "did", "p_value", "did_schools", "index_gain", "distance_gain", "mean_gain")
    assert [asian[c] for c in gains] == [None] * 7
    everyone = found.one(**SPAN)
    assert everyone["missing_reason"] is None and everyone["gain"] == pytest.approx(7.0)
    assert found.one(school_year=2025, from_year=2025, ethnicity="ASIAN")["missing_reason"] is None


def test_a_trend_before_ethnicities_were_other_groups_is_not_told():
    rates = {2021: 10, 2022: 20, 2023: 30, 2024: 40, 2025: 45}
    case = Case(in_years(DISTRICT, rates), group_breaks=[("rest", "D1", 2023)])
    found = compared(case)

    span = {"school_year": 2025, "from_year": 2024}
    assert found.one(**span, ethnicity="ASIAN")["pre_trend"] is None
    assert found.one(**span, ethnicity="ASIAN")["gain"] == pytest.approx(5)
    assert found.one(**span)["pre_trend"] == pytest.approx(0)


def test_a_trend_before_a_break_is_not_told():
    new = {"from_year": 2023, "kind": "standard", "reason": "invented", "citation": "invented"}
    rates = {2021: 10, 2022: 20, 2023: 30, 2024: 40, 2025: 45}
    case = Case(in_years(DISTRICT, rates), assessment=assessment(breaks=[new]))
    found = compared(case)

    assert found.one(school_year=2025, from_year=2024)["pre_trend"] is None
    assert found.one(school_year=2025, from_year=2024)["gain"] == pytest.approx(5)


def test_students_without_a_level_leave_the_cell_without_a_rate():
    found = compared(Case([*ROSE, Students("S1", 2024, (0, 0, 0, 0, 1))]))
    row = found.one(**SPAN)

    assert row["missing_reason"] == "no_levels"
    assert row["pct_proficient"] is not None and row["mean_gain"] is not None
    assert row["gain"] is None and row["did"] is None and row["did_p_value"] is None
    assert found.one(school_year=2024, from_year=2024)["pct_proficient"] is None


def test_without_partner_schools_and_networks_nothing_is_compared():
    found = compared(Case(ROSE, partners=[]))

    assert found.exact.empty and found.shown.empty
    assert "suppressed" in found.shown.columns


def test_a_district_of_partner_schools_only_has_no_rest():
    found = compared(Case(ROSE[:4]))

    assert {*found.exact["compared_to"]} == {"district", "all"}
    row = found.one(**SPAN, compared_to="district")
    assert (row["difference"], row["did"]) == (0, 0)
    assert row["difference_low"] is None and row["did_low"] is None and row["p_value"] is None


def test_a_network_over_two_districts_is_compared_with_everything_only():
    elsewhere = in_years(["S9"], {2024: 10, 2025: 20}, district_id="D2")
    networks = [("wide", "D1/S1"), ("wide", "D2/S9")]
    exact = compared(Case([*ROSE, *elsewhere], networks=networks)).exact

    wide = exact[exact["org_level"] == "network"]
    assert {*wide["compared_to"]} == {"all"}
    assert {*wide["n_schools"]} == {2}


def test_a_network_with_other_than_partner_schools_is_not_compared_with_the_rest():
    networks = [("near", "D1/S1"), ("near", "D1/S3")]
    exact = compared(Case(ROSE, networks=networks)).exact

    near = exact[exact["org_level"] == "network"]
    assert {*near["compared_to"]} == {"district", "all"}


def test_the_state_is_compared_with_where_a_source_gives_it():
    state = """
        SELECT year::INTEGER AS school_year, 'invented' AS assessment, 'ela' AS subject,
            'annual' AS test_window, 'all' AS grade, 'state' AS org_level, 'XY' AS org_id,
            'State' AS org_name, 'all' AS ethnicity, 'all' AS el_status, 'all' AS econ_status,
            'all' AS not_el_status, 10000 AS n_tested,
            3000 + 100 * (year - 2024) AS n_proficient, false AS suppressed, 'exact' AS rate_coding
        FROM range(2024, 2026) AS years(year)
    """
    row = compared(Case(ROSE, more=state)).one(**SPAN, compared_to="state")

    assert row["gain_compared"] == pytest.approx(1.0)
    assert row["did"] == pytest.approx(6.0)
    assert row["n_schools_compared"] is None and row["did_p_value"] is None


def test_where_there_are_two_states_none_is_compared_with():
    state = """
        SELECT 2025 AS school_year, 'invented' AS assessment, 'ela' AS subject,
            'annual' AS test_window, 'all' AS grade, 'state' AS org_level, unnest({ids}) AS org_id,
            'State' AS org_name, 'all' AS ethnicity, 'all' AS el_status, 'all' AS econ_status,
            'all' AS not_el_status, 10000 AS n_tested, 3000.0 AS n_proficient,
            false AS suppressed, 'exact' AS rate_coding
    """
    found = [compared(Case(ROSE, more=state.format(ids=ids))) for ids in (["XY"], ["XY", "ZZ"])]

    assert ["state" in {*one.exact["compared_to"]} for one in found] == [True, False]


def test_a_state_that_masks_its_number_makes_a_missing_comparison_that_is_not_hidden():
    state = """
        SELECT year::INTEGER AS school_year, 'invented' AS assessment, 'ela' AS subject,
            'annual' AS test_window, 'all' AS grade, 'state' AS org_level, 'XY' AS org_id,
            'State' AS org_name, 'all' AS ethnicity, 'all' AS el_status, 'all' AS econ_status,
            'all' AS not_el_status, NULL::BIGINT AS n_tested, NULL::DOUBLE AS n_proficient,
            false AS suppressed, 'exact' AS rate_coding
        FROM range(2024, 2026) AS years(year)
    """
    found = compared(Case(ROSE, more=state))
    row = found.one(**SPAN, compared_to="state")
    assert row["missing_reason"] == "no_levels" and row["gain"] == pytest.approx(7.0)
    null = ("n_compared", "pct_compared", "difference", "gain_compared", "did", "p_value")
    assert [row[c] for c in null] == [None] * 6
    shown = found.one(**SPAN, compared_to="state", of_shown=True)
    assert not shown["suppressed"] and shown["n_compared"] is None


def test_a_row_is_hidden_where_a_cell_of_either_side_or_year_is():
    for level, year in (("partner", 2025), ("rest", 2025), ("partner", 2024), ("rest", 2024)):
        found = compared(Case(ROSE, hidden=f"(org_level, school_year) = ('{level}', {year})"))

        assert hidden(found.one(**SPAN, of_shown=True))
        assert found.one(**SPAN)["did"] == pytest.approx(3.6)
        of_2025 = found.one(school_year=2025, from_year=2025, of_shown=True)
        assert hidden(of_2025) == (year == 2025)


def test_a_contrast_of_english_learners_is_hidden_where_one_of_its_cells_is():
    case = [
        *in_years(["S1", "S3"], {2024: 40, 2025: 45}, el_status="EL"),
        *in_years(["S1", "S3"], {2024: 50, 2025: 60}, el_status="EO"),
    ]
    where = "(org_level, el_status, school_year) = ('rest', 'EO', 2024) AND ethnicity = 'all'"
    found = compared(Case(case, ["D1/S1"], hidden=where))

    assert hidden(found.one(**SPAN, contrast="EL_EO", of_shown=True))
    row = found.one(school_year=2025, from_year=2025, contrast="EL_EO", of_shown=True)
    assert not row["suppressed"] and row["difference"] == 0


def test_where_one_school_is_hidden_the_permutation_is_too_and_nothing_else():
    shown = compared(Case(ROSE)).one(**SPAN, of_shown=True)
    found = compared(Case(ROSE, hidden="org_id = 'D1/S5' AND school_year = 2024"))
    row = found.one(**SPAN, of_shown=True)

    permuted = {"did_schools", "did_permutation_low", "did_permutation_high", "did_p_value"}
    permuted |= {"did_p_adjusted", "is_distinguishable"}
    assert shown["did_p_value"] == round(found.one(**SPAN)["did_p_value"], 4)
    assert all(row[measure] is None for measure in permuted)
    same = [measure for measure in MEASURES if measure not in {*permuted, "p_adjusted"}]
    assert [row[c] for c in same] == [shown[c] for c in same]
    assert not row["suppressed"]


def test_the_trend_before_and_composition_are_hidden_where_what_they_are_made_of_is():
    case = [
        *in_years(DISTRICT, {2022: 30, 2023: 32, 2024: 40, 2025: 45}, econ_status="SED"),
        *in_years(DISTRICT, {2022: 30, 2023: 32, 2024: 40, 2025: 45}),
    ]
    shown = compared(Case(case)).one(**SPAN, of_shown=True)
    assert (shown["pre_trend"], shown["sed_share_change"]) == (0, 0)

    early = "org_level = 'rest' AND school_year = 2022"
    poor = "org_level = 'rest' AND school_year = 2024 AND econ_status = 'SED'"
    row = compared(Case(case, hidden=f"({early}) OR ({poor})")).one(**SPAN, of_shown=True)
    assert row["pre_trend"] is None and row["sed_share_change"] is None
    assert row["el_share_change"] == 0 and row["did"] == 0


def test_the_published_mart_is_rounded_and_gives_no_reason():
    found = compared(Case([*ROSE, *in_years(["S1"], {2024: 1}, 3)]))
    row = found.one(**SPAN, of_shown=True)
    exact = found.one(**SPAN)

    assert "missing_reason" not in found.shown.columns
    assert row["gain"] == round(exact["gain"], 1) != exact["gain"]
    assert row["p_value"] == round(exact["p_value"], 4)


def test_the_order_of_students_and_schools_changes_nothing():
    learners = in_years(DISTRICT, {2024: 20, 2025: 25}, 50, el_status="EL")
    tested = [*ROSE, *learners]
    first = compared(Case(tested))
    random.Random(3).shuffle(tested)
    again = compared(Case(tested))

    pd.testing.assert_frame_equal(first.exact, again.exact, check_exact=True)
    pd.testing.assert_frame_equal(first.shown, again.shown, check_exact=True)


def test_every_measure_has_a_card_that_speaks_of_contribution():
    assert [card.name for card in CARDS] == MEASURES
    assert all("contribution" in card.left_out for card in CARDS)
