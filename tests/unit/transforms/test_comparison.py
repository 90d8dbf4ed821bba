"""Partner schools beside the rest of their district: the field's own sentences, and statistics."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from scipy.stats import false_discovery_control, norm, permutation_test
from statsmodels.stats.proportion import confint_proportions_2indep, proportions_ztest

from tests.unit.transforms.compared_schools import (
    DISTRICT,
    MARTS,
    OTHERS,
    ROSE,
    Case,
    Students,
    assessment,
    compared,
    in_years,
    rate,
)


@pytest.fixture(scope="module")
def rose():
    return compared(Case(ROSE))


def test_partner_schools_rose_by_7_0_points_while_the_rest_of_the_district_rose_by_3_4(rose):
    for of_shown in (False, True):
        row = rose.one(school_year=2025, from_year=2024, of_shown=of_shown)

        assert row["gain"] == pytest.approx(7.0)
        assert row["gain_compared"] == pytest.approx(3.4)
        assert row["did"] == pytest.approx(3.6)
        assert row["gain_ratio"] == pytest.approx(7.0 / 3.4, abs=0.005)
        assert (row["n_tested"], row["n_compared"]) == (200, 500)
        assert (row["n_schools"], row["n_schools_compared"]) == (2, 5)


def test_english_learners_rose_by_9_5_points_against_6_6():
    case = Case(
        [
            *in_years(["S1"], {2024: 40, 2025: 59}, 200, el_status="EL"),
            *in_years(OTHERS, {2024: 50, 2025: 53}, el_status="EO"),
            *in_years(["S1"], {2024: 50, 2025: 52}, el_status="EO"),
            *in_years(["S3"], {2024: 100, 2025: 133}, 500, el_status="EL"),
        ]
    )
    found = compared(replace(case, partners=["D1/S1"]))

    learners = found.one(school_year=2025, from_year=2024, el_status="EL")
    assert (learners["gain"], learners["gain_compared"]) == pytest.approx((9.5, 6.6))

    gap = found.one(school_year=2025, from_year=2024, contrast="EL_EO")
    # English learners 20.0 to 29.5, English only 50 to 52; elsewhere 20.0 to 26.6 and 50 to 53.
    assert (gap["pct_proficient"], gap["pct_compared"]) == pytest.approx((-22.5, -26.4))
    assert (gap["gain"], gap["gain_compared"]) == pytest.approx((7.5, 3.6))
    assert gap["did"] == pytest.approx(3.9)
    assert (gap["n_tested"], gap["n_compared"]) == (300, 1_000)


def test_partner_schools_at_three_times_the_districts_annual_growth_over_three_years():
    case = Case(
        [
            *in_years(["S1"], {2022: 30, 2025: 39}),
            *in_years(["S3"], {2022: 200, 2025: 209}, 500),
        ]
    )
    row = compared(replace(case, partners=["D1/S1"])).one(
        school_year=2025, from_year=2022, compared_to="district"
    )

    assert row["annual_gain"] == pytest.approx(3.0)
    assert row["annual_gain_compared"] == pytest.approx(1.0)
    assert row["gain_ratio"] == pytest.approx(3.0)


def test_an_index_from_626_to_812_in_four_years():
    bands = ("Far Below Basic", "Below Basic", "Basic", "Proficient", "Advanced")
    cst = assessment(
        levels=[{"order": k, "label": band} for k, band in enumerate(bands, start=1)],
        proficient_from=4,
        index_weights=[200, 500, 700, 875, 1000],
    )
    found = compared(
        Case(
            [
                Students("S1", 2021, (20, 20, 38, 0, 22)),
                Students("S1", 2025, (6, 10, 20, 24, 40)),
                Students("S3", 2021, (20, 20, 38, 0, 22)),
                Students("S3", 2025, (20, 20, 38, 0, 22)),
            ],
            partners=["D1/S1"],
            assessment=cst,
        )
    )
    row = found.one(school_year=2025, from_year=2021, org_level="school", of_shown=True)

    assert row["performance_index"] - row["index_gain"] == 626
    assert row["performance_index"] == 812
    assert (row["index_gain"], row["index_gain_compared"]) == (186, 0)


def test_a_school_and_a_network_are_compared_as_the_partner_schools_are():
    found = compared(Case(ROSE, networks=[("river", "D1/S1"), ("river", "D1/S2")]))
    span = {"school_year": 2025, "from_year": 2024}

    partner = found.one(**span)
    network = found.one(**span, org_level="network", org_id="river")
    school = found.one(**span, org_level="school", org_id="D1/S1")

    same = ("gain", "did", "did_low", "did_p_value", "n_schools", "p_value")
    assert [network[c] for c in same] == [partner[c] for c in same]
    assert (school["gain"], school["n_schools"]) == (pytest.approx(7.0), 1)
    assert {*found.exact["org_level"]} == {"school", "partner", "network"}


def test_the_difference_has_newcombes_bounds_and_the_pooled_test(rose):
    row = rose.one(school_year=2025, from_year=2025)

    low, high = confint_proportions_2indep(94, 200, 217, 500, method="newcomb", compare="diff")
    assert row["difference"] == pytest.approx(3.6)
    assert row["difference_low"] == pytest.approx(100 * low, abs=1e-9)
    assert row["difference_high"] == pytest.approx(100 * high, abs=1e-9)
    assert row["p_value"] == pytest.approx(proportions_ztest([94, 217], [200, 500])[1], abs=1e-9)
    assert row["gain"] is None and row["did"] is None and row["did_low"] is None


def test_of_a_whole_that_it_is_part_of_the_difference_is_a_share_of_that_to_the_remainder(rose):
    rest = rose.one(school_year=2025, from_year=2025)
    for whole in ("district", "all"):
        row = rose.one(school_year=2025, from_year=2025, compared_to=whole)

        assert row["n_compared"] == 700
        for measure in ("difference", "difference_low", "difference_high"):
            assert row[measure] == pytest.approx(rest[measure] * 500 / 700, abs=1e-9)
        assert row["p_value"] == pytest.approx(rest["p_value"], abs=1e-9)


def test_the_interval_of_did_adds_the_variances_of_four_cross_sections(rose):
    row = rose.one(school_year=2025, from_year=2024)

    shares = ((94, 200), (80, 200), (217, 500), (200, 500))
    error = 100 * sqrt(sum(k / n * (1 - k / n) / n for k, n in shares))
    z = norm.ppf(0.975)
    assert row["did_low"] == pytest.approx(3.6 - z * error, abs=1e-9)
    assert row["did_high"] == pytest.approx(3.6 + z * error, abs=1e-9)
    assert row["p_value"] == pytest.approx(2 * norm.sf(3.6 / error), abs=1e-9)


def test_did_against_a_whole_counts_no_student_twice(rose):
    row = rose.one(school_year=2025, from_year=2024, compared_to="district")
    rest = rose.one(school_year=2025, from_year=2024)

    assert row["did_high"] - row["did"] == pytest.approx(
        (rest["did_high"] - rest["did"]) * 500 / 700, abs=1e-9
    )


def test_the_contrast_of_english_learners_squares_and_adds_the_margins_of_both():
    found = compared(
        Case(
            [
                *in_years(["S1"], {2025: 40}, el_status="EL"),
                *in_years(["S1"], {2025: 60}, el_status="EO"),
                *in_years(["S3"], {2025: 30}, el_status="EL"),
                *in_years(["S3"], {2025: 65}, el_status="EO"),
            ],
            partners=["D1/S1"],
        )
    )
    row = found.one(school_year=2025, from_year=2025, contrast="EL_EO")

    learners = confint_proportions_2indep(40, 100, 30, 100, method="newcomb", compare="diff")
    only = confint_proportions_2indep(60, 100, 65, 100, method="newcomb", compare="diff")
    low = 0.15 - sqrt((0.10 - learners[0]) ** 2 + (only[1] + 0.05) ** 2)
    high = 0.15 + sqrt((learners[1] - 0.10) ** 2 + (-0.05 - only[0]) ** 2)
    assert row["difference"] == pytest.approx(15)
    assert row["difference_low"] == pytest.approx(100 * low, abs=1e-9)
    assert row["difference_high"] == pytest.approx(100 * high, abs=1e-9)
    error = sqrt(sum(p * (1 - p) / 100 for p in (0.4, 0.3, 0.6, 0.65)))
    assert row["p_value"] == pytest.approx(2 * norm.sf(0.15 / error), abs=1e-9)


# What each school's rate was and became, of how many students then and now.
UNEQUAL = {
    "S1": (40, 55, 100, 90),
    "S2": (30, 38, 50, 80),
    "S3": (40, 41, 100, 100),
    "S4": (40, 47, 60, 100),
    "S5": (45, 40, 90, 90),
    "S6": (20, 24, 40, 60),
    "S7": (50, 52, 110, 100),
}


def unequal():
    return [
        Students(school, year, rate(k, n))
        for school, (k0, k1, n0, n1) in UNEQUAL.items()
        for year, k, n in ((2024, k0, n0), (2025, k1, n1))
    ]


def test_the_permutation_over_schools_agrees_with_scipy():
    row = compared(Case(unequal())).one(school_year=2025, from_year=2024)

    k0, k1, n0, n1 = np.array(list(UNEQUAL.values()), dtype=float).T
    gains, weights = 100 * (k1 / n1 - k0 / n0), n0 * n1 / (n0 + n1)

    def statistic(one, other):
        means = (np.average(gains[s], weights=weights[s]) for s in (one, other))
        return abs(next(means) - next(means))

    schools = np.arange(7)
    expected = permutation_test(
        (schools[:2], schools[2:]),
        lambda one, other: statistic(one.astype(int), other.astype(int)),
        vectorized=False,
        n_resamples=np.inf,
        alternative="greater",
    )
    assert row["did_schools"] == pytest.approx(expected.statistic, abs=1e-9)
    assert row["did_p_value"] == pytest.approx(expected.pvalue, abs=1e-9)
    assert (row["n_schools"], row["n_schools_compared"]) == (2, 5)


def test_the_permutation_interval_holds_the_effect_that_was_seen():
    marts = MARTS.model_copy(update={"confidence": 0.8})
    row = compared(Case(unequal(), marts=marts)).one(school_year=2025, from_year=2024)

    assert row["did_permutation_low"] < row["did_schools"] < row["did_permutation_high"]


def test_with_too_few_other_schools_there_is_no_permutation():
    few = [one for one in unequal() if one.school_id != "S7"]
    row = compared(Case(few)).one(school_year=2025, from_year=2024)

    assert row["did"] is not None
    assert row["did_p_value"] is None and row["did_permutation_low"] is None
    assert row["n_schools_compared"] == 4


def test_p_values_are_adjusted_within_what_is_published_together():
    exact = compared(Case(unequal())).exact
    known = exact[exact["p_value"].notna()]

    for _, family in known.groupby(["school_year", "compared_to"]):
        expected = false_discovery_control(family["p_value"])
        assert family["p_adjusted"].to_numpy() == pytest.approx(expected, abs=1e-9)
        told_apart = family["is_distinguishable"].to_numpy().astype(bool)
        assert (told_apart == (expected <= 0.05)).all()
    assert known.groupby(["school_year", "compared_to"]).ngroups == 6


def test_a_difference_that_is_too_large_for_chance_is_distinguishable():
    case = Case([*in_years(["S1"], {2025: 90}), *in_years(["S3"], {2025: 10})], ["D1/S1"])

    assert compared(case).one(school_year=2025, from_year=2025)["is_distinguishable"]


def test_the_trend_before_is_that_of_the_two_years_before():
    case = Case(
        [
            *in_years(["S1"], {2021: 10, 2022: 30, 2023: 34, 2024: 40}),
            *in_years(["S3"], {2021: 20, 2022: 30, 2023: 30, 2024: 35}),
        ],
        partners=["D1/S1"],
    )
    found = compared(case)

    # 2021 to 2023: 24 points against 10, in two years.
    assert found.one(school_year=2024, from_year=2023)["pre_trend"] == pytest.approx(7)
    assert found.one(school_year=2024, from_year=2022)["pre_trend"] is None
    assert found.one(school_year=2024, from_year=2024)["pre_trend"] is None


def test_a_change_of_composition_is_told():
    case = Case(
        [
            *in_years(["S1"], {2024: 40}, econ_status="SED"),
            *in_years(["S1"], {2025: 40}, econ_status="SED"),
            *in_years(["S1"], {2024: 40, 2025: 40}, el_status="EL"),
            *in_years(["S1"], {2025: 40}, 200, econ_status="UNKNOWN"),
            *in_years(["S3"], {2024: 40}, 50, econ_status="SED"),
            *in_years(["S3"], {2024: 40, 2025: 40}, 50),
        ],
        partners=["D1/S1"],
    )
    row = compared(case).one(school_year=2025, from_year=2024)

    # SED 50 to 50 percent of those known, elsewhere 50 to 0; English learners 50 to 25, 0 to 0.
    assert row["sed_share_change"] == pytest.approx(50)
    assert row["el_share_change"] == pytest.approx(-25)


def test_every_earlier_year_within_the_longest_span_is_a_row_of_its_own():
    case = Case(in_years(DISTRICT, {year: year - 1980 for year in range(2018, 2026)}))
    exact = compared(case).exact

    years = exact[(exact["school_year"] == 2025) & (exact["org_level"] == "partner")]["from_year"]
    assert {*years} == {2020, 2021, 2022, 2023, 2024, 2025}


def drawn():
    """Return schools of random sizes and rates, some without a group in some years."""
    random = np.random.default_rng(5)
    return [
        Students(
            school, year, rate(int(random.integers(0, n + 1)), n), grade=grade, ethnicity=group
        )
        for school in DISTRICT
        for year in (2022, 2024, 2025)
        for grade in ("03", "04")
        for group in ("ASIAN", "BLACK")
        if (n := int(random.integers(0, 40))) > 4
    ]


def test_every_row_agrees_with_an_independent_count():
    students = drawn()
    exact = compared(Case(students)).exact
    exact = exact[(exact["contrast"] == "all") & exact["el_status"].isin(["all"])]
    exact = exact[exact["econ_status"] == "all"]
    sides = {
        **{f"D1/{school}": {school} for school in DISTRICT},
        "partner": {"S1", "S2"},
        "rest": {*OTHERS},
        "district": {*DISTRICT},
        "all": {*DISTRICT},
    }

    def count(side, year, row):
        found = [
            one.levels
            for one in students
            if one.school_id in sides[side]
            and one.school_year == year
            and row.grade in ("all", one.grade)
            and row.ethnicity in ("all", one.ethnicity)
        ]
        return sum(levels[2] for levels in found), sum(map(sum, found))

    for row in exact.itertuples():
        unit = row.org_id if row.org_level == "school" else "partner"
        (k, n), (k_other, n_other) = (
            count(side, row.school_year, row) for side in (unit, row.compared_to)
        )
        assert (row.n_tested, row.n_compared) == (n, n_other)
        assert row.difference == pytest.approx(100 * (k / n - k_other / n_other), abs=1e-9)
        before = [count(side, row.from_year, row) for side in (unit, row.compared_to)]
        if row.from_year < row.school_year and all(tested for _, tested in before):
            gains = [
                100 * (now / of - then / of_then)
                for (now, of), (then, of_then) in zip(
                    ((k, n), (k_other, n_other)), before, strict=True
                )
            ]
            assert (row.gain, row.gain_compared) == pytest.approx(gains, abs=1e-9)
            assert row.did == pytest.approx(gains[0] - gains[1], abs=1e-9)
        else:
            assert np.isnan(row.gain) and np.isnan(row.did)
    assert len(exact) > 250
