"""Gaps between groups: against a direct count, and what is missing or not published."""

from __future__ import annotations

import itertools

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from configs.assessment_models import Assessment, Break
from configs.catalogue import load_catalogue
from configs.mart_models import Gaps, Marts, Suppression
from transforms.cell_plan import CellPlan, Rollup
from transforms.cells import build_cells
from transforms.gap_cards import CARDS
from transforms.gaps import MEASURES, GapInputs, build_gaps, exact_gap_sql, published_gap_sql
from transforms.organisations import Organisations
from transforms.statistics.effects import hedges_g
from transforms.statistics.ordinal import v_statistic
from transforms.statistics.proportions import newcombe_difference, risk_ratio

CROSSED = ("ethnicity", "el_status", "gender")
GROUPS = (*CROSSED, "econ_status")
KEY = ("school_year", "subject", "org_level", "grade", *GROUPS, "dimension", "reference")
TEXT = (*("assessment", "subject", "test_window", "district_id", "school_id", "grade", *GROUPS),)
TYPES = {
    **dict.fromkeys(TEXT, "VARCHAR"),
    "school_year": "INTEGER",
    "scale_score": "DOUBLE",
    "performance_level": "INTEGER",
    "is_scored": "BOOLEAN",
}
REFERENCES = {"ethnicity": "WHITE", "el_status": "EO", "gender": "M", "econ_status": "NOT_SED"}
BANDS = [(11, 20.0), (20, 10.0), (40, 5.0), (100, 2.0), (300, 1.0)]


def assessment(**changes):
    given = {
        "name": "invented",
        "title": "Invented",
        "citation": "none",
        "subjects": ["ela", "math"],
        "levels": [{"order": order, "label": f"Level {order}"} for order in (1, 2, 3, 4)],
        "proficient_from": 3,
        "scale": "vertical",
    }
    return Assessment(**{**given, **changes})


def plan_of(one=None):
    return CellPlan(CROSSED, ("econ_status",), {"invented": one or assessment()}, ("gender",))


def marts_of(smallest_published=11, **gaps):
    return Marts(
        crossed=list(CROSSED),
        one_way=["econ_status"],
        suppression=Suppression(minimum_n=smallest_published, extreme_bands=BANDS),
        gaps=Gaps(**{"references": REFERENCES, **gaps}),
    )


def students(levels, **changes):
    """Return students by level, `levels` of them at 1, 2, ...; scores follow from the level."""
    base = {
        "school_year": 2025,
        "assessment": "invented",
        "subject": "ela",
        "test_window": "annual",
        "district_id": "D1",
        "school_id": "S1",
        "grade": "03",
        "ethnicity": "WHITE",
        "el_status": "EO",
        "gender": "M",
        "econ_status": "NOT_SED",
        "is_scored": True,
    }
    return [
        {
            **base,
            "performance_level": level,
            "scale_score": 2300.0 + 50 * level + 3 * (number % 5),
            **changes,
        }
        for level, n in enumerate(levels, start=1)
        for number in range(n)
    ]


def built(rows, plan=None, marts=None, decide=None, earlier=None, group_breaks=()):
    """Return a connection with cells and gaps of the rows, and the gaps."""
    con = duckdb.connect(config={"threads": 2})
    con.register("frame", pd.DataFrame(rows))
    columns = ", ".join(f"{column}::{kind} AS {column}" for column, kind in TYPES.items())
    con.execute(f"CREATE TABLE results AS SELECT {columns} FROM frame")
    con.execute("CREATE TABLE partners(school_key VARCHAR)")
    con.execute("CREATE TABLE networks(network VARCHAR, school_key VARCHAR)")
    con.execute(
        "CREATE TABLE names(org_level VARCHAR, org_id VARCHAR, school_year INT, org_name VARCHAR)"
    )
    plan = plan or plan_of()
    build_cells(con, "results", Organisations("partners", "networks", "names"), plan)
    if decide:
        con.execute(
            f"CREATE TABLE decisions AS SELECT cell_id, {decide} AS suppressed, "
            "'exact' AS rate_coding, true AS shows_levels FROM cells"
        )
    if earlier is not None:
        con.register("earlier", earlier)
    con.execute(
        "CREATE TABLE group_breaks(assessment VARCHAR, org_level VARCHAR, org_id VARCHAR, "
        "school_year INT)"
    )
    for place in group_breaks:
        con.execute("INSERT INTO group_breaks VALUES ('invented', ?, ?, ?)", place)
    inputs = GapInputs(
        decisions="decisions" if decide else None,
        earlier="earlier" if earlier is not None else None,
        group_breaks="group_breaks",
    )
    return con, build_gaps(con, plan, marts or marts_of(), inputs)


def exact(rows, **settings):
    con, gaps = built(rows, **settings)
    return con.execute(exact_gap_sql(gaps)).df().sort_values(list(KEY), ignore_index=True)


def published(rows, marts=None, **settings):
    marts = marts or marts_of()
    con, gaps = built(rows, marts=marts, **settings)
    return con.execute(published_gap_sql(gaps, marts)).df()


def one(frame, **key):
    """Return the one row of all students, unless the key says otherwise."""
    wanted = {
        "school_year": 2025,
        "org_level": "school",
        "grade": "all",
        **dict.fromkeys(GROUPS, "all"),
        **key,
    }
    for column, value in wanted.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1, frame[list(KEY)]
    return frame.iloc[0]


BOYS = (10, 30, 35, 25)
GIRLS = (20, 28, 22, 10)
TWO_GENDERS = students(BOYS) + students(GIRLS, gender="F")


def test_a_gap_is_the_reference_less_the_group_so_it_is_positive_below_the_reference():
    row = one(exact(TWO_GENDERS), gender="F", dimension="gender", reference="M")
    assert (row.n_tested, row.n_reference) == (80, 100)
    assert (row.pct_proficient, row.pct_reference, row.gap_points) == (40.0, 60.0, 20.0)
    low, high = newcombe_difference(60, 100, 32, 80, 0.95)
    assert (row.gap_low, row.gap_high) == pytest.approx((100 * low, 100 * high), abs=1e-9)
    ratio = risk_ratio(32, 80, 60, 100, 0.95)
    found = (row.risk_ratio, row.risk_ratio_low, row.risk_ratio_high)
    assert found == pytest.approx(tuple(map(float, ratio)), abs=1e-9)
    assert row.not_proficient_ratio == pytest.approx(48 / 80 / (40 / 100))
    assert pd.isna(row.missing_reason) and pd.isna(row.suppressed)


def test_effect_sizes_come_from_scores_and_from_levels():
    row = one(exact(TWO_GENDERS), gender="F", dimension="gender", reference="M", grade="03")
    boys, girls = (
        np.array([student["scale_score"] for student in group])
        for group in (students(BOYS), students(GIRLS))
    )
    assert row.mean_scale_score == pytest.approx(girls.mean(), abs=1e-9)
    assert row.mean_reference == pytest.approx(boys.mean(), abs=1e-9)
    variances = (boys.var(ddof=1), girls.var(ddof=1))
    g, error = hedges_g((100, 80), (boys.mean(), girls.mean()), variances)
    assert (row.effect_size, row.effect_size_se) == pytest.approx((float(g), float(error)), 1e-9)
    (v,), (error,) = v_statistic([BOYS], [GIRLS])
    assert (row.v, row.v_se) == pytest.approx((v, error), abs=1e-9)


def test_grades_together_have_no_effect_size_as_they_would_be_part_of_it():
    """Half a standard deviation within each grade, and next to nothing between the sums of both."""
    rows = []
    for grade, more, boys_in, girls_in in (("03", 0, 4, 1), ("04", 90, 1, 4)):
        for gender, times, below in (("M", boys_in, 0), ("F", girls_in, 25)):
            for student in students((10, 10, 10, 10), grade=grade, gender=gender) * times:
                score = student["scale_score"] + more - below
                rows.append({**student, "scale_score": score})
    frame = exact(rows)
    key = {"gender": "F", "dimension": "gender", "reference": "M"}
    within = [one(frame, **key, grade=grade).effect_size for grade in ("03", "04")]
    assert within == pytest.approx([0.445, 0.445], abs=0.005)
    whole = one(frame, **key)
    assert np.isnan([whole.effect_size, whole.effect_size_se]).all()
    assert whole.mean_scale_score > whole.mean_reference and whole.gap_points == 0


def test_a_v_of_which_a_few_students_decide_is_missing():
    rows = students((2, 3, 26, 0)) + students((2, 1, 24, 9), gender="F")
    (v,), (error,) = v_statistic([(2, 3, 26, 0)], [(2, 1, 24, 9)])
    assert v < -1 and error > 0.4
    row = one(exact(rows), gender="F", dimension="gender", reference="M")
    assert np.isnan([row.v, row.v_se]).all() and row.n_tested == 36 and row.gap_points < 0


def test_where_everybody_is_proficient_the_ratio_has_no_bounds():
    rows = students((0, 0, 20, 20)) + students((0, 0, 30, 9), gender="F")
    row = one(exact(rows), gender="F", dimension="gender", reference="M")
    assert row.risk_ratio == 1 and row.gap_low < 0 < row.gap_high
    assert np.isnan([row.risk_ratio_low, row.risk_ratio_high]).all()


def counted(rows, cell, dimension):
    """Return students and proficient ones of a cell and of those who differ in one dimension."""
    frame = pd.DataFrame(rows)
    parent = np.ones(len(frame), dtype=bool)
    for column in ("grade", *GROUPS):
        if column != dimension and cell[column] != "all":
            parent &= frame[column] == cell[column]
    own = parent & (frame[dimension] == cell[dimension])
    proficient = frame["performance_level"] >= 3
    return [(int(part.sum()), int((part & proficient).sum())) for part in (own, parent & ~own)]


STUDENTS = st.lists(
    st.tuples(
        st.integers(1, 40),
        st.sampled_from(["WHITE", "BLACK", "UNKNOWN"]),
        st.sampled_from(["EO", "EL"]),
        st.sampled_from(["M", "F", "X"]),
        st.sampled_from(["SED", "NOT_SED"]),
        st.integers(1, 4),
        st.sampled_from(["03", "04"]),
    ),
    min_size=4,
    max_size=14,
)


def rows_of(drawn):
    names = ("ethnicity", "el_status", "gender", "econ_status")
    found = []
    for n, *groups, level, grade in drawn:
        levels = [n if k == level else 0 for k in (1, 2, 3, 4)]
        found += students(levels, grade=grade, **dict(zip(names, groups, strict=True)))
    return found


@settings(max_examples=15, deadline=None)
@given(STUDENTS)
def test_a_gap_against_the_rest_agrees_with_a_direct_count(drawn):
    rows = rows_of(drawn)
    frame = exact(rows)
    frame = frame[(frame.reference == "rest") & (frame.org_level == "school")]
    girls_and_boys = pd.DataFrame(rows)["gender"].value_counts()
    assert (frame["dimension"] == "gender").any() == (girls_and_boys.max() >= 11)
    for row in frame.itertuples():
        (n, k), (n_rest, k_rest) = counted(rows, row._asdict(), row.dimension)
        assert row.n_tested == n >= 11
        if n_rest < 11:
            assert row.missing_reason == ("too_few" if n_rest else "no_group")
            assert np.isnan(row.gap_points)
        else:
            assert row.n_reference == n_rest
            gap = 100 * k_rest / n_rest - 100 * k / n
            assert row.gap_points == pytest.approx(gap, abs=1e-9)


@settings(max_examples=8, deadline=None)
@given(STUDENTS, st.randoms())
def test_the_order_of_rows_changes_nothing(drawn, random):
    rows = rows_of(drawn)
    mixed = random.sample(rows, len(rows))
    pd.testing.assert_frame_equal(exact(rows), exact(mixed), check_exact=True)


def test_all_pairs_are_within_at_most_one_further_dimension():
    rows = [
        row
        for ethnicity, el_status, gender in itertools.product(
            ("WHITE", "BLACK"), ("EO", "EL"), ("M", "F")
        )
        for row in students((3, 5, 4, 2), ethnicity=ethnicity, el_status=el_status, gender=gender)
    ]
    split = (exact(rows)[list(GROUPS)] != "all").sum(axis=1)
    assert set(split) == {1, 2}
    alone = (exact(rows, marts=marts_of(within=0))[list(GROUPS)] != "all").sum(axis=1)
    assert set(alone) == {1}


def test_girls_who_learn_english_are_held_against_boys_who_do():
    rows = TWO_GENDERS + students((10, 10, 5, 0), el_status="EL")
    rows += students((12, 6, 2, 0), el_status="EL", gender="F")
    row = one(exact(rows), gender="F", el_status="EL", dimension="gender", reference="M")
    assert (row.n_tested, row.n_reference, row.gap_points) == (20, 25, 10.0)


def test_a_reference_group_that_is_not_there_or_too_small_makes_a_missing_gap():
    nobody = one(exact(students(GIRLS, gender="F")), gender="F", dimension="gender", reference="M")
    few = exact(students(GIRLS, gender="F") + students((5, 5, 0, 0)))
    small = one(few, gender="F", dimension="gender", reference="M")
    assert (nobody.missing_reason, small.missing_reason) == ("no_group", "too_few")
    assert nobody[list(MEASURES[1:])].isna().all() and small[list(MEASURES[1:])].isna().all()
    assert not ((few.gender == "M") | (few.n_tested < 11)).any()


def test_the_reference_has_no_gap_to_itself_but_one_to_the_rest():
    frame = exact(TWO_GENDERS)
    boys = frame[(frame.gender == "M") & (frame.econ_status == "all")]
    assert set(boys[boys.dimension == "gender"].reference) == {"rest"}


def test_swapping_group_and_reference_changes_the_sign():
    key = {"dimension": "gender", "grade": "03"}
    girls = one(exact(TWO_GENDERS), gender="F", reference="M", **key)
    swapped = marts_of(references={"gender": "F"})
    boys = one(exact(TWO_GENDERS, marts=swapped), gender="M", reference="F", **key)
    for column in ("gap_points", "effect_size", "v"):
        assert boys[column] == pytest.approx(-girls[column], abs=1e-9)
    assert (boys.gap_low, boys.gap_high) == pytest.approx((-girls.gap_high, -girls.gap_low))
    assert boys.risk_ratio == pytest.approx(1 / girls.risk_ratio)


def test_a_dimension_without_a_reference_is_held_against_the_rest_only():
    frame = exact(TWO_GENDERS, marts=marts_of(references={}))
    assert set(frame.reference) == {"rest"}


def test_a_one_way_dimension_has_its_own_reference_and_its_crossing():
    rows = TWO_GENDERS + students((20, 20, 8, 2), econ_status="SED")
    frame = exact(rows)
    row = one(frame, econ_status="SED", dimension="econ_status", reference="NOT_SED")
    assert (row.n_tested, row.n_reference) == (50, 180)
    boys = one(frame, econ_status="SED", gender="M", dimension="econ_status", reference="rest")
    assert (boys.n_tested, boys.n_reference) == (50, 100)


def test_a_rollup_has_its_own_reference_and_none_of_its_neighbours_codes():
    """Roll-up and one-way dimension share the bits of their codes."""
    members = {"NOT_EL": ("EO",), "EL": ("EL",), "UNKNOWN": ("UNKNOWN",)}
    rollup = Rollup("not_el_status", "el_status", members)
    plan = CellPlan(CROSSED, ("econ_status",), {"invented": assessment()}, ("gender",), (rollup,))
    rows = TWO_GENDERS + students((20, 20, 8, 2), el_status="EL")
    marts = marts_of(references={"not_el_status": "NOT_EL"})
    frame = exact(rows, plan=plan, marts=marts)
    frame = frame[frame.org_level == "school"]
    split = frame[frame.dimension == "not_el_status"]
    assert set(split.not_el_status) == {"EL", "NOT_EL"} and set(split.econ_status) == {"all"}
    [row] = split[(split.reference == "NOT_EL") & (split.grade == "all")].itertuples()
    assert (row.not_el_status, row.n_tested, row.n_reference) == ("EL", 50, 180)


def test_too_few_students_for_a_spread_have_no_v():
    rows = students((4, 8, 9, 4)) + students((6, 7, 5, 2), gender="F")
    row = one(exact(rows), gender="F", dimension="gender", reference="M", grade="03")
    assert np.isnan(row.v) and not np.isnan(row.effect_size)


def test_scores_of_different_grades_are_averaged_on_a_vertical_scale_only():
    by_grade = plan_of(assessment(scale="by_grade"))
    frame = exact(TWO_GENDERS, plan=by_grade)
    key = {"gender": "F", "dimension": "gender", "reference": "M"}
    whole, grade = one(frame, **key), one(frame, grade="03", **key)
    assert np.isnan([whole.mean_scale_score, whole.effect_size]).all() and whole.v > 0
    assert grade.effect_size > 0


def test_a_student_without_a_level_leaves_no_rate_and_one_without_a_score_no_mean():
    unlevelled = TWO_GENDERS + students((1,), gender="F", performance_level=None)
    row = one(exact(unlevelled), gender="F", dimension="gender", reference="M", grade="03")
    assert np.isnan([row.gap_points, row.pct_proficient, row.v, row.risk_ratio]).all()
    assert row.missing_reason == row.change_missing_reason == "no_levels"
    assert row.effect_size > 0
    unscored = TWO_GENDERS + students((1,), gender="F", scale_score=None)
    row = one(exact(unscored), gender="F", dimension="gender", reference="M", grade="03")
    assert np.isnan([row.mean_scale_score, row.effect_size]).all() and row.gap_points > 0


def test_an_assessment_without_levels_has_gaps_of_scores_only():
    plan = plan_of(assessment(levels=[], proficient_from=None))
    rows = [{**student, "performance_level": None} for student in TWO_GENDERS]
    key = {"gender": "F", "dimension": "gender", "reference": "M", "grade": "03"}
    row = one(exact(rows, plan=plan), **key)
    assert row.missing_reason == "no_levels" and np.isnan(row.gap_points)
    assert row.effect_size > 0


# A year before: 61 percent of 100 boys and 36.25 percent of 80 girls, 24.75 points apart.
LAST_YEAR = students((10, 29, 36, 25), school_year=2024)
LAST_YEAR += students((20, 31, 19, 10), school_year=2024, gender="F")


def girls(frame, **key):
    return one(frame, gender="F", dimension="gender", reference="M", **key)


def test_a_gap_that_is_a_fifth_smaller_than_last_year_meets_the_goal():
    rows = students(BOYS) + students(GIRLS, gender="F") + LAST_YEAR
    row = girls(exact(rows))
    assert girls(exact(rows), school_year=2024).gap_points == pytest.approx(24.75)
    assert row.gap_change == pytest.approx(20 - 24.75)
    assert row.gap_closure_pct == pytest.approx(100 * (1 - 20 / 24.75))
    assert row.meets_goal == False  # noqa: E712 - a nullable boolean of pandas
    easier = girls(exact(rows, marts=marts_of(closure_goal_pct=19)))
    assert easier.meets_goal == True  # noqa: E712
    first = girls(exact(rows), school_year=2024)
    assert first.change_missing_reason == "no_prior" and pd.isna(first.meets_goal)


@pytest.mark.parametrize(("girls_before", "change"), [(BOYS, 20), ((5, 25, 40, 30), 30)])
def test_a_gap_that_was_none_or_the_other_way_cannot_close(girls_before, change):
    before = students(BOYS, school_year=2024)
    before += students(girls_before, school_year=2024, gender="F")
    row = girls(exact(TWO_GENDERS + before))
    assert row.gap_change == pytest.approx(change)
    assert np.isnan(row.gap_closure_pct) and pd.isna(row.meets_goal)
    assert pd.isna(row.change_missing_reason)
    assert row.closure_missing_reason == "prior_not_positive"


def test_a_gap_that_may_have_been_none_is_not_said_to_close():
    """Of 61 and 55 percent a year before, the interval of the difference includes 0."""
    before = students((10, 29, 36, 25), school_year=2024)
    before += students((15, 21, 34, 10), school_year=2024, gender="F")
    frame = exact(TWO_GENDERS + before)
    prior, row = girls(frame, school_year=2024), girls(frame)
    assert prior.gap_points == 6.0 and prior.gap_low < 0
    assert row.gap_change == pytest.approx(14) and pd.isna(row.change_missing_reason)
    assert np.isnan(row.gap_closure_pct) and pd.isna(row.meets_goal)
    assert row.closure_missing_reason == "prior_uncertain"


@pytest.mark.parametrize(
    ("before", "reason"),
    [
        ([], "no_prior"),
        (students(GIRLS, gender="F"), "prior_no_group"),
        (students((4, 5, 0, 0)) + students(GIRLS, gender="F"), "prior_too_few"),
        (students(BOYS) + students((2, 2, 1, 1), gender="F"), "no_prior"),
        (students(BOYS) + students(GIRLS, gender="F", performance_level=None), "prior_no_levels"),
    ],
    ids=["nobody", "no boys", "few boys", "few girls: no row", "no levels"],
)
def test_a_gap_that_was_missing_a_year_before_is_told_from_none_at_all(before, reason):
    """The same, whether the year before is counted now or was in an earlier build."""
    before = [{**student, "school_year": 2024} for student in before]
    row = girls(exact(TWO_GENDERS + before))
    assert (row.change_missing_reason, row.closure_missing_reason) == (reason, reason)
    assert np.isnan(row.gap_change) and row.gap_points == 20.0
    if before:
        kept = girls(exact(TWO_GENDERS, earlier=exact(before)))
        assert kept.change_missing_reason == reason


@pytest.mark.parametrize("kind", ["scale", "standard", "population"])
def test_there_is_no_change_across_a_break(kind):
    broken = Break(from_year=2025, kind=kind, reason="a new test", citation="invented")
    row = girls(exact(TWO_GENDERS + LAST_YEAR, plan=plan_of(assessment(breaks=[broken]))))
    assert np.isnan(row.gap_change) and row.change_missing_reason == f"{kind}_break"
    assert row.gap_points == 20.0


FEDERAL = Rollup("federal_status", "ethnicity", {"WHITE": ("WHITE",), "OTHER": ("ASIAN", "MENA")})
TWO_ETHNICITIES = [
    student
    for ethnicity in ("WHITE", "ASIAN")
    for year in (2024, 2025)
    for gender, levels in (("M", BOYS), ("F", GIRLS))
    for student in students(levels, school_year=year, ethnicity=ethnicity, gender=gender)
]


@pytest.mark.parametrize(
    ("place", "is_broken"),
    [
        (("school", "D1/S1", 2025), True),
        (("school", "D1/S1", 2024), False),
        (("school", "D1/S2", 2025), False),
    ],
)
def test_gaps_of_ethnicities_have_no_change_where_these_are_other_groups_than_before(
    place, is_broken
):
    given = {"invented": assessment()}
    plan = CellPlan(CROSSED, ("econ_status",), given, (), (FEDERAL,))
    frame = exact(TWO_ETHNICITIES, plan=plan, group_breaks=[place])
    asian = {"ethnicity": "ASIAN", "dimension": "ethnicity", "reference": "WHITE"}
    other = {"federal_status": "OTHER", "dimension": "federal_status", "reference": "rest"}
    girls_among = {"gender": "F", "ethnicity": "ASIAN", "dimension": "gender", "reference": "M"}
    for key in (asian, other, girls_among):
        row = one(frame, **{"federal_status": "all", **key})
        assert (row.change_missing_reason == "group_break") == is_broken
        assert row.gap_points >= 0
        assert (row.gap_change == 0) != is_broken
    assert girls(frame, federal_status="all").gap_change == 0


def test_a_new_scale_is_a_graver_reason_than_other_groups():
    new = Break(from_year=2025, kind="scale", reason="a new test", citation="invented")
    found = exact(
        TWO_ETHNICITIES,
        plan=plan_of(assessment(breaks=[new])),
        group_breaks=[("school", "D1/S1", 2025)],
    )
    asian = one(found, ethnicity="ASIAN", dimension="ethnicity", reference="WHITE")
    assert asian.change_missing_reason == "scale_break"


def test_the_year_before_may_come_from_the_last_publication():
    both = exact(TWO_GENDERS + LAST_YEAR, decide="false")
    earlier = exact(LAST_YEAR, decide="false")
    alone = exact(TWO_GENDERS, decide="false", earlier=earlier)
    this_year = both[both.school_year == 2025].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, this_year)
    shown = published(TWO_GENDERS, decide="false", earlier=earlier)
    assert girls(shown).gap_change == round(20 - 24.75, 1)
    earlier["suppressed"] = True
    assert np.isnan(girls(published(TWO_GENDERS, decide="false", earlier=earlier)).gap_change)


def test_a_published_gap_is_rounded_and_has_no_reason():
    frame = published(TWO_GENDERS + LAST_YEAR, decide="false")
    row = girls(frame, grade="03")
    assert (row.gap_points, row.gap_change, row.suppressed) == (20.0, -4.8, False)
    whole = girls(exact(TWO_GENDERS + LAST_YEAR, decide="false"), grade="03")
    assert row.effect_size == round(whole.effect_size, 2) and row.v == round(whole.v, 2)
    assert row.risk_ratio == round(whole.risk_ratio, 2)
    assert row.mean_scale_score == round(whole.mean_scale_score)
    assert not [column for column in frame.columns if column.endswith("missing_reason")]


@pytest.mark.parametrize(
    ("hidden", "against_boys", "against_rest"),
    [
        ("gender = 'M'", True, False),
        ("gender = 'all'", False, True),
    ],
)
def test_a_gap_is_published_only_if_all_it_is_made_of_is(hidden, against_boys, against_rest):
    rows = TWO_GENDERS + students((4, 8, 9, 4), gender="X")
    frame = published(rows, decide=hidden)
    for reference, is_hidden in (("M", against_boys), ("rest", against_rest)):
        row = one(frame, gender="F", dimension="gender", reference=reference)
        assert row.suppressed == is_hidden
        assert row[list(MEASURES)].isna().all() == is_hidden


def test_of_a_suppressed_cell_there_is_no_row_among_what_is_published():
    frame = published(TWO_GENDERS, decide="gender = 'F'")
    assert set(frame.gender) == {"M", "all"}
    assert (exact(TWO_GENDERS, decide="gender = 'F'").gender == "F").any()


def test_without_a_decision_nothing_is_published():
    assert published(TWO_GENDERS).empty


@pytest.mark.parametrize("others", [(0, 10, 0, 0), (19, 20, 1, 0), (0, 1, 20, 20)])
def test_a_rest_that_is_small_or_extreme_is_not_published(others):
    """Of these ten, or 1 of 40, or 40 of 41, nothing may be seen through parent and group."""
    rows = students(BOYS) + students(others, gender="F")
    row = one(
        published(rows, decide="gender = 'F'"), gender="M", dimension="gender", reference="rest"
    )
    assert row.suppressed and row[list(MEASURES)].isna().all()
    open_rows = students(BOYS) + students((10, 10, 10, 10), gender="F")
    row = one(
        published(open_rows, decide="false"), gender="M", dimension="gender", reference="rest"
    )
    assert not row.suppressed


def test_a_rest_smaller_than_what_is_published_is_not_published():
    rows = students(BOYS) + students((4, 4, 4, 3), gender="F")
    key = {"gender": "M", "dimension": "gender", "reference": "rest"}
    for smallest, is_hidden in ((15, False), (16, True)):
        frame = published(rows, marts=marts_of(smallest_published=smallest), decide="false")
        assert one(frame, **key).suppressed == is_hidden


def test_a_change_is_published_only_if_both_years_are():
    row = girls(published(TWO_GENDERS + LAST_YEAR, decide="school_year = 2024 AND gender = 'F'"))
    assert row.gap_points == 20.0
    assert np.isnan([row.gap_change, row.gap_closure_pct]).all() and pd.isna(row.meets_goal)


def test_effect_sizes_of_few_students_are_not_published():
    rows = students((10, 30, 35, 25)) + students((6, 10, 8, 4), gender="F")
    row = girls(published(rows, decide="false"), grade="03")
    assert row.gap_points > 0 and np.isnan([row.effect_size, row.effect_size_se, row.v]).all()


def test_missing_gaps_are_published_as_suppressed_whatever_the_cause():
    rows = students(GIRLS, gender="F") + students((5, 5, 0, 0))
    frame = published(rows, decide="false")
    assert girls(frame).suppressed and girls(exact(rows, decide="false")).suppressed
    assert one(frame, gender="F", dimension="gender", reference="rest").suppressed


def test_nobody_tested_makes_marts_without_rows():
    rows = [{**row, "is_scored": False} for row in TWO_GENDERS]
    assert len(exact(rows)) == 0 and len(published(rows)) == 0


def test_every_configured_reference_is_a_code_of_its_vocabulary():
    catalogue = load_catalogue()
    for dimension, code in catalogue.marts.gaps.references.items():
        assert code in catalogue.vocabularies[dimension].codes, dimension


def test_every_measure_has_a_card():
    assert [card.name for card in CARDS] == list(MEASURES)
    assert {card.mart for card in CARDS} == {"mart_gap"}


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_the_worked_example_of_a_card_is_what_the_mart_says(card):
    """The students of `gap_cards.EXAMPLE`; the result stands behind the last equals sign."""
    rows = TWO_GENDERS + students((10, 29, 35, 26), school_year=2024)
    rows += students((28, 36, 24, 12), school_year=2024, gender="F")
    value = girls(exact(rows), grade="03")[card.name]
    told = card.example.rsplit("= ", 1)[1].removesuffix(".")
    if told in ("true", "false"):
        assert bool(value) == (told == "true")
        return
    decimals = len(told.partition(".")[2])
    assert round(float(value), decimals) == pytest.approx(float(told), abs=1e-12)
