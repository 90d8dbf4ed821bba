"""Statistics of comparisons: bounds, p-values, permutations over schools, and what is too few."""

from __future__ import annotations

from math import hypot, sqrt

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
    compared,
    in_years,
    rate,
)


@pytest.fixture(scope="module")
def rose():
    return compared(Case(ROSE))


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


def newcombe(*counts):
    """Return the bounds of a difference of two shares, in points, by statsmodels."""
    low, high = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
    return 100 * low, 100 * high


def p_of_did(*counts):
    """Return Agresti and Caffo's p-value of (one - two) - (three - four), each as `k`, `n`."""
    added = [((k + 1) / (n + 2), n + 2) for k, n in counts]
    did = sum(sign * p for sign, (p, _) in zip((1, -1, -1, 1), added, strict=True))
    return 2 * norm.sf(abs(did) / sqrt(sum(p * (1 - p) / n for p, n in added)))


def test_the_interval_of_did_squares_and_adds_the_margins_of_both_years(rose):
    row = rose.one(school_year=2025, from_year=2024)

    now, before = newcombe(94, 200, 217, 500), newcombe(80, 200, 200, 500)
    assert row["did_low"] == pytest.approx(3.6 - hypot(3.6 - now[0], before[1]), abs=1e-9)
    assert row["did_high"] == pytest.approx(3.6 + hypot(now[1] - 3.6, before[0]), abs=1e-9)
    expected = p_of_did((94, 200), (217, 500), (80, 200), (200, 500))
    assert row["p_value"] == pytest.approx(expected, abs=1e-9)


def test_where_everybody_is_proficient_chance_is_not_left_out():
    case = Case(
        [
            *in_years(["S1"], {2024: 11, 2025: 11}, 11),
            *in_years(OTHERS, {2024: 40, 2025: 44}),
        ],
        partners=["D1/S1"],
    )
    row = compared(case).one(school_year=2025, from_year=2024)

    # What is known of eleven, all proficient, is by far less than that 0 of 0 points are chance.
    assert row["did"] == pytest.approx(-4)
    assert row["did_low"] < -30 and row["did_high"] > 20
    expected = p_of_did((11, 11), (220, 500), (11, 11), (200, 500))
    assert row["p_value"] == pytest.approx(expected, abs=1e-9) and expected > 0.5


@pytest.mark.parametrize("side", ["S1", "S3"])
@pytest.mark.parametrize("year", [2024, 2025])
def test_of_fewer_than_eleven_students_in_any_cell_there_is_no_comparison(side, year):
    def tested(n):
        return [
            Students(school, at, rate(4, n if (school, at) == (side, year) else 100))
            for school in ("S1", "S3")
            for at in (2024, 2025)
        ]

    few, enough = (
        compared(Case(tested(n), partners=["D1/S1"])).one(school_year=2025, from_year=2024)
        for n in (10, 11)
    )
    assert (few["missing_reason"], enough["missing_reason"]) == ("too_few", None)
    compares = ("did", "did_low", "did_high", "gain_ratio", "p_value", "p_adjusted")
    assert [few[c] for c in compares] == [None] * 6
    assert all(enough[c] is not None for c in ("did", "did_low", "did_high", "p_value"))
    # What either side is by itself stays.
    assert few["gain"] is not None and few["gain_compared"] is not None
    assert (few["difference"] is None) == (year == 2025) == (few["difference_low"] is None)


def test_how_many_students_are_few_is_configured():
    tested = in_years(["S1", "S3"], {2024: 4, 2025: 5}, 10)
    rule = MARTS.comparison.model_copy(update={"minimum_n": 10})
    marts = MARTS.model_copy(update={"comparison": rule})
    row = compared(Case(tested, ["D1/S1"], marts=marts)).one(school_year=2025, from_year=2024)

    assert row["missing_reason"] is None and row["did"] == 0 and row["p_value"] == 1


def test_of_a_whole_the_remainder_too_needs_eleven_students():
    def bounds(n):
        tested = [*in_years(["S1"], {2024: 40, 2025: 44}), *in_years(["S3"], {2024: 4, 2025: 5}, n)]
        row = compared(Case(tested, partners=["D1/S1"])).one(
            school_year=2025, from_year=2024, compared_to="district"
        )
        assert row["difference"] is not None and row["did"] is not None
        return [row[c] for c in ("difference_low", "did_low", "did_high", "p_value")]

    assert bounds(10) == [None] * 4
    assert None not in bounds(11)


def test_the_contrast_needs_eleven_students_of_each_group():
    tested = [
        *in_years(["S1", "S3"], {2025: 40}, el_status="EO"),
        *in_years(["S1"], {2025: 5}, 10, el_status="EL"),
        *in_years(["S3"], {2025: 5}, 11, el_status="EL"),
    ]
    row = compared(Case(tested, partners=["D1/S1"])).one(
        school_year=2025, from_year=2025, contrast="EL_EO"
    )
    assert row["missing_reason"] == "too_few"
    assert [row[c] for c in ("difference", "difference_low", "p_value")] == [None] * 3
    assert row["pct_proficient"] == pytest.approx(10)


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
    expected = p_of_did((40, 100), (30, 100), (60, 100), (65, 100))
    assert row["p_value"] == pytest.approx(expected, abs=1e-9)


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

    def mean(side):
        return np.average(gains[side], weights=weights[side])

    def statistic(one, other):
        sums = weights[one].sum(), weights[other].sum()
        return abs(mean(one) - mean(other)) * sqrt(sums[0] * sums[1] / sum(sums))

    schools = np.arange(7)
    expected = permutation_test(
        (schools[:2], schools[2:]),
        lambda one, other: statistic(one.astype(int), other.astype(int)),
        vectorized=False,
        n_resamples=np.inf,
        alternative="greater",
    )
    seen = abs(mean(schools[:2]) - mean(schools[2:]))
    assert row["did_schools"] == pytest.approx(seen, abs=1e-9)
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


# A metric of a release: within it p-values are adjusted.
METRIC = ["school_year", "compared_to", "from_year", "contrast"]


NUMBERS = ["org_level", "org_id", "n_tested", "n_compared", "pct_proficient", "pct_compared"]


BEFORE = ["n_from", "n_compared_from", "gain", "gain_compared"]


def two_groups():
    """Return schools of two grades and of learners and others, each with other numbers."""
    return [
        Students(school, year, rate((7 * place + 5 * year) % 29, 30 + place), el, grade=grade)
        for place, (school, grade, el) in enumerate(
            (school, grade, el)
            for school in DISTRICT
            for grade in ("03", "04")
            for el in ("EL", "EO")
        )
        for year in (2023, 2024, 2025)
    ]


def test_p_values_are_adjusted_within_a_release_and_metric_and_the_same_counts_once():
    exact = compared(Case(two_groups())).exact
    known = exact[exact["p_value"].notna()]
    once = known.drop_duplicates([*METRIC, *NUMBERS, *BEFORE])
    assert known.groupby(METRIC).ngroups == 36 and len(once) < len(known)

    for _, family in known.groupby(METRIC):
        tests = family.drop_duplicates([*NUMBERS, *BEFORE])
        expected = dict(
            zip(tests["p_value"], false_discovery_control(tests["p_value"]), strict=True)
        )
        wanted = [expected[p] for p in family["p_value"]]
        assert family["p_adjusted"].to_numpy() == pytest.approx(wanted, abs=1e-9)


def test_students_who_are_counted_again_by_a_roll_up_do_not_change_an_adjustment():
    found = compared(Case(two_groups()))
    key = {"school_year": 2025, "from_year": 2024, "grade": "03"}

    base, again = found.one(**key, el_status="EL"), found.one(**key, not_el_status="EL")
    same = ("n_tested", "p_value", "p_adjusted", "did_p_value", "did_p_adjusted")
    assert [base[c] for c in same] == [again[c] for c in same]
    assert base["p_adjusted"] is not None


# So many others that one school of them can be one in twenty.
MANY = tuple(f"S{number}" for number in range(2, 22))


def test_distinguishable_is_what_the_schools_say_and_not_the_students():
    others = [
        one
        for place, school in enumerate(MANY)
        for one in in_years([school], {2024: 400, 2025: 300 + 10 * place}, 1000)
    ]
    far, near = (
        compared(
            Case([*in_years(["S1"], {2024: 400, 2025: now}, 1000), *others], partners=["D1/S1"])
        ).one(school_year=2025, from_year=2024)
        for now in (900, 480)
    )
    assert far["is_distinguishable"] and far["did_p_adjusted"] == far["did_p_value"] <= 0.05
    # More than chance among students, and nothing that other schools have not too.
    assert near["p_value"] < 0.001 and near["did_p_value"] > 0.1
    assert near["is_distinguishable"] is False


def test_of_one_year_of_a_whole_and_of_too_few_schools_nothing_is_distinguishable():
    far = [*in_years(["S1"], {2024: 10, 2025: 90}), *in_years(MANY, {2024: 40, 2025: 40})]
    found = compared(Case(far, partners=["D1/S1"]))
    for key in ({"from_year": 2025}, {"from_year": 2024, "compared_to": "district"}):
        row = found.one(school_year=2025, **key)
        assert row["p_value"] < 1e-9
        assert row["is_distinguishable"] is None and row["did_p_adjusted"] is None

    # One of twenty schools is one in twenty at best, one of nineteen is not even that.
    schools = {n: [one for one in far if one.school_id in ("S1", *MANY[: n - 1])] for n in (19, 20)}
    rows = {
        n: compared(Case(tested, partners=["D1/S1"])).one(school_year=2025, from_year=2024)
        for n, tested in schools.items()
    }
    assert rows[20]["is_distinguishable"] is True
    assert rows[19]["did_p_value"] == pytest.approx(1 / 19)
    assert rows[19]["is_distinguishable"] is None and rows[19]["did_p_adjusted"] is None
