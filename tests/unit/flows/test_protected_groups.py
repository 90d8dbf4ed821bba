"""Which falls are of protected groups, by what the restricted marts hold."""

from dataclasses import replace

import pandas as pd
import pytest

from flows.counted_students import CountedStudents
from flows.protected_groups import Twins, crossing_of, standing
from transforms.cell_plan import CellPlan
from validation.audit.result import KINDS, Fall

SYSTEM = "2030/made_up/math/annual"
KEY = {"school_year": 2030, "assessment": "made_up", "subject": "math", "test_window": "annual"}
PLACE = {"org_level": "school", "org_id": "D/1"}
DIMENSIONS = ("grade", "ethnicity", "gender")
GROWN = {"growth_type": "matched", "growth_measure": "all", "growth_norm": "all"}


def fall(groups, kind="bounds_n", statistic="n_tested", mart="mart_achievement", place="D/1"):
    return Fall(kind, mart, SYSTEM, f"school/{place}{groups}", statistic)


def rows(*found):
    """Rows of a mart of one school: each its gender and numbers, the rest over all."""
    alike = {**KEY, **PLACE, "grade": "all", "ethnicity": "all", "gender": "all"}
    return pd.DataFrame([{**alike, **one} for one in found])


@pytest.fixture
def twins(tmp_path):
    """Five girls and thirteen boys; of the boys three are not matched, and nobody of the girls."""
    counted = ({"n_tested": 18}, {"gender": "F", "n_tested": 5}, {"gender": "M", "n_tested": 13})
    exact = rows(*counted).assign(n_enrolled=pd.NA, pct_participation=float("nan"))
    exact.loc[exact["gender"] == "M", ["n_enrolled", "pct_participation"]] = [15, 1400 / 15]
    grown = rows(
        {"n_tested": 18, "n_matched": 10, "n_low_prior": None},
        {"gender": "M", "n_tested": 13, "n_matched": 10, "n_low_prior": None},
    )
    return written(tmp_path, exact, exact.loc[:0], grown)


def written(folder, exact, shown, growth):
    shown.to_parquet(folder / "mart_achievement.parquet")
    exact.to_parquet(folder / "exact.parquet")
    growth.assign(**GROWN, n_growth=None).to_parquet(folder / "growth.parquet")
    files = {
        "mart_achievement": folder / "exact.parquet",
        "mart_growth": folder / "growth.parquet",
        "mart_transition": moves(folder),
    }
    return Twins(folder, files, DIMENSIONS, 11)


def moves(folder):
    told = [("M", 1, 1, 4), ("M", 1, 2, 8), ("M", 2, 2, 4), ("M", 2, 1, 0)]
    kept = {"prior_year": 2029, "prior_window": "annual"}
    table = rows(
        *(
            {"gender": gender, "prior_level": before, "performance_level": now, "n": n, **kept}
            for gender, before, now, n in told
        )
    )
    path = folder / "moves.parquet"
    table.to_parquet(path)
    return path


def one(twins, found):
    return standing([found], twins)[found]


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        (", gender F", "yes"),
        (", gender M", "no"),
        (", gender X", "no"),
        (", ethnicity A", "unknown"),
    ],
    ids=["small", "large", "nobody", "a crossing that is not counted"],
)
@pytest.mark.parametrize(
    "kind", ["bounds_n", "bounds_proficient", "bounds_level", "none", "all", "range"]
)
def test_a_fall_of_a_cell_is_of_a_protected_group_where_the_cell_is_small(
    twins, groups, expected, kind
):
    assert one(twins, fall(groups, kind)) == expected


@pytest.mark.parametrize(
    ("statistic", "mart", "expected"),
    [
        ("n_matched", "mart_growth", "yes"),
        ("not matched", "mart_growth", "yes"),
        # Of nobody knows how many of ten matched boys.
        ("n_low_prior", "mart_growth", "yes"),
        ("n_matched", "mart_transition", "no"),
        ("level 1 before", "mart_transition", "no"),
        ("level 2 before", "mart_transition", "yes"),
        ("level 3 before", "mart_transition", "unknown"),
        ("without a score", "mart_achievement", "yes"),
        ("did not take part", "mart_achievement", "yes"),
    ],
)
def test_of_other_counts_the_group_is_that_of_the_statistic(twins, statistic, mart, expected):
    assert one(twins, fall(", gender M", "bounds_other", statistic, mart)) == expected


def test_of_a_crossing_that_no_mart_counts_the_rows_of_students_say_who_is_protected(
    twins, tmp_path
):
    """Of five girls of ethnicity A four are matched; of thirteen of ethnicity B, and boys of A."""
    girls = [("A", 1)] * 4 + [("A", None)] + [("B", 2)] * 12 + [("B", 3)]
    students = pd.DataFrame(
        [
            {**KEY, "district_id": "D", "school_id": "1", "grade": "03", "is_scored": True,
             "ethnicity": ethnicity, "gender": "F", "prior_level": level,
             "prior_status": "MATCHED" if level else "NOT_MATCHED"}
            for ethnicity, level in girls
        ]
    )  # fmt: skip
    students.to_parquet(tmp_path / "student_result.parquet")
    plan = CellPlan(("ethnicity", "gender"), (), {})
    known = replace(twins, students=CountedStudents(tmp_path / "student_result.parquet", plan))

    def told(groups, statistic):
        return one(known, fall(groups, "bounds_other", statistic, "mart_transition"))

    # None of the four began at the second level: that nobody did is told of a protected group.
    assert told(", ethnicity A, gender F", "level 2 before") == "yes"
    assert told(", ethnicity B, gender F", "level 2 before") == "no"
    assert told(", ethnicity B, gender F", "level 3 before") == "yes"
    assert told(", ethnicity C, gender F", "level 3 before") == "no"
    assert one(known, fall(", ethnicity A, gender F")) == "yes"
    assert one(known, fall(", ethnicity B, gender F")) == "no"


def test_what_has_been_computed_is_of_a_protected_group_whatever_its_cell(twins):
    found = fall(", gender M", "nested", "not low before", "mart_growth")
    assert one(twins, found) == "yes"
    assert one(None, found) == "yes"


def test_without_twins_nothing_is_known_of_what_bounds_tell(twins):
    assert one(None, fall(", gender M")) == "unknown"


def test_of_two_publications_only_a_small_group_is_known(twins):
    assert one(twins, fall(", gender F", "two_releases")) == "yes"
    assert one(twins, fall(", gender M", "two_releases")) == "unknown"


def test_where_the_marts_hold_other_students_nothing_is_known(tmp_path):
    """Some are under embargo: of the restricted marts' five girls perhaps three are published."""
    exact = rows({"n_tested": 18}, {"gender": "F", "n_tested": 5}, {"gender": "M", "n_tested": 13})
    shown = rows({"n_tested": 16}, {"gender": "F", "n_tested": None})
    twins = written(tmp_path, exact, shown, rows({"n_tested": 18, "n_matched": 1}))
    assert one(twins, fall(", gender M")) == "unknown"


def test_where_an_organisation_is_kept_back_nothing_is_known(tmp_path):
    exact = rows({"n_tested": 18}, {"gender": "M", "n_tested": 13}, {"n_tested": 9})
    exact.loc[2, "org_id"] = "D/2"
    shown = rows({"n_tested": 18})
    twins = written(tmp_path, exact, shown, rows({"n_tested": 18, "n_matched": 1}))
    assert one(twins, fall(", gender M")) == "unknown"


def test_every_kind_is_known_to_be_about_something(twins):
    """But what does not add up: of that nothing can be said."""
    told = {kind: one(twins, fall(", gender F", kind)) for kind in KINDS if kind != "bounds_other"}
    assert {kind for kind, protected in told.items() if protected != "yes"} == {"contradiction"}


def test_a_crossing_is_read_from_a_name_with_commas():
    assert crossing_of("network/North, South, grade 03", DIMENSIONS) == "network, grade"
    assert crossing_of("all", DIMENSIONS) == "all"
