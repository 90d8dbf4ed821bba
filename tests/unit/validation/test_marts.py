from __future__ import annotations

import duckdb
import pandas as pd
import pytest

from configs.errors import ConfigurationError
from validation.mart_rules import mart_violations
from validation.suites import needed_columns, run_marts_suite, suite_for

DIMENSIONS = ("ethnicity", "el_status", "gender", "econ_status", "disability_status")
ALL = dict.fromkeys(DIMENSIONS, "all")
CELL = {
    "school_year": 2022, "assessment": "ruler", "subject": "ela", "test_window": "annual",
    "grade": "all", "org_level": "all", "org_id": "all", **ALL, "n_tested": 40, "n_proficient": 10,
    "pct_proficient": 25.0, "pct_proficient_low": 14.0, "pct_proficient_high": 40.0,
    "mean_scale_score": 250.0, "rate_coding": "exact", "suppressed": False,
}  # fmt: skip
MEASURES = ("n_tested", "n_proficient", "pct_proficient", "pct_proficient_low",
            "pct_proficient_high", "mean_scale_score", "rate_coding")  # fmt: skip
HIDDEN = {**dict.fromkeys(MEASURES), "suppressed": True}
DISTRICT = {"org_level": "district", "org_id": "D1"}
SCHOOL = {"org_level": "school", "org_id": "D1/A"}


def violations(cells, levels=(), schools=({"school_year": 2022, "school_id": "D1/A"},)):
    con = duckdb.connect()
    con.register("mart_achievement", pd.DataFrame([{**CELL, **cell} for cell in cells]))
    con.register("dim_school", pd.DataFrame([{"district_id": "D1", **row} for row in schools]))
    if levels:
        con.register("mart_level", pd.DataFrame([{**CELL, **level} for level in levels]))
    return mart_violations(con, DIMENSIONS)


def broken(cells, levels=()):
    counts = violations(cells, levels).iloc[0]
    return sorted(counts[counts > 0].index)


def exactly(cells):
    con = duckdb.connect()
    rows = [{**CELL, **cell} for cell in cells]
    con.register("mart_achievement", pd.DataFrame(rows))
    con.register("mart_achievement_unsuppressed", pd.DataFrame(rows))
    return int(mart_violations(con, DIMENSIONS).iloc[0]["GROUPS_DO_NOT_SUM"])


def test_groups_of_a_dimension_sum_to_all_at_every_organisation():
    girls, boys = {"gender": "F", "n_tested": 25}, {"gender": "M", "n_tested": 15}
    assert exactly([{}, girls, boys]) == 0
    assert exactly([{}, girls, {**boys, "n_tested": 14}]) == 1
    assert exactly([{}, girls, boys, {**DISTRICT, **girls}]) == 1  # nobody says of how many


def test_what_is_derived_shows_no_number_where_it_is_suppressed():
    con = duckdb.connect()
    con.register("mart_achievement", pd.DataFrame([CELL]))
    for gaps, expected in (("(true, NULL), (false, 3.5)", 0), ("(true, NULL), (true, 3.5)", 1)):
        con.execute(
            "CREATE OR REPLACE TABLE mart_gap AS SELECT 2022 AS school_year, 'F' AS gender, "
            f"suppressed, gap_points::DOUBLE AS gap_points FROM (VALUES {gaps}) "
            "AS gaps(suppressed, gap_points)"
        )
        counted = mart_violations(con, DIMENSIONS).iloc[0]["DERIVED_SHOWS_SUPPRESSED"]
        assert counted == expected


def test_cells_whose_codes_are_the_same_words_in_other_columns_are_told_apart():
    """Hashes of a word in two columns must not cancel one another, whichever word it is."""
    unknown = {"ethnicity": "UNKNOWN", "gender": "UNKNOWN"}
    other = {"ethnicity": "OTHER", "gender": "OTHER"}
    swapped = {"econ_status": "OTHER", "disability_status": "UNKNOWN"}
    turned = {"econ_status": "UNKNOWN", "disability_status": "OTHER"}
    assert broken([{}, unknown, other, swapped, turned]) == []


@pytest.fixture
def marts_run(catalogue, tmp_path):
    suite = suite_for(catalogue, "marts")

    def run(cells, counted=None):
        frame = pd.DataFrame([{**CELL, **cell} for cell in cells], columns=list(CELL))
        marts = {"mart_achievement": frame[needed_columns(suite)["mart_achievement"]]}
        counted = violations(cells) if counted is None else counted
        return run_marts_suite(suite, marts, counted, tmp_path, "marts 1")

    return run


def test_marts_that_hold_pass(marts_run):
    cells = [{}, DISTRICT, SCHOOL, {**SCHOOL, **HIDDEN, "el_status": "EL"}]
    levels = [{"performance_level": 1, "n": 30}, {"performance_level": 2, "n": 10},
              {**SCHOOL, "el_status": "EL", "performance_level": 1, "n": None}]  # fmt: skip
    result = marts_run(cells, violations(cells, levels))
    assert result.failed("hold") == [] == result.failed("warn")


def test_every_violation_that_is_counted_is_expected_by_the_suite(catalogue):
    suite = suite_for(catalogue, "marts")
    assert needed_columns(suite)["violations"] == sorted(violations([{}]).columns)


def test_any_miss_holds_the_publication(marts_run):
    wrong = {"gender": "W", "n_tested": 10, "pct_proficient": 101.0, "org_level": "planet"}
    result = marts_run([{}, wrong])
    assert [check.name for check in result.failed("hold")] == [
        "mart_achievement.SMALL_CELL",
        "mart_achievement.PCT_RANGE",
        "mart_achievement.CODE_OUTSIDE_VOCABULARY.gender",
        "mart_achievement.CODE_OUTSIDE_VOCABULARY.org_level",
        "violations.ALL_ROW_MISSING",
        "violations.PCT_OUTSIDE_BOUNDS",
    ]
    assert result.failed("hold")[-1].observed == "1"
    assert result.failed("warn") == []


def test_an_empty_mart_is_held(marts_run):
    result = marts_run([], violations([{}]))
    assert [check.code for check in result.failed("hold")] == ["MART_EMPTY"]


@pytest.mark.parametrize(
    ("cell", "codes"),
    [
        ({}, ["KEY_NOT_UNIQUE"]),
        ({"gender": "F", "suppressed": True}, ["SUPPRESSED_SHOWS_MEASURE"]),
        ({"gender": "F", **HIDDEN, "mean_scale_score": 240.0}, ["SUPPRESSED_SHOWS_MEASURE"]),
        ({"gender": "F", **HIDDEN, "suppressed": False},
         ["RATE_CODING_UNSET", "SHOWN_WITHOUT_COUNT"]),
        ({"gender": "F", "rate_coding": None}, ["RATE_CODING_UNSET"]),
        ({"gender": "F", "rate_coding": "top"}, ["CODED_RATE_SHOWS_COUNT"]),
        ({"gender": "F", "pct_proficient": 41.0}, ["PCT_OUTSIDE_BOUNDS"]),
        ({"gender": "F", "n_proficient": 41}, ["MORE_PROFICIENT_THAN_TESTED"]),
        ({"gender": "F", **SCHOOL}, ["ALL_ROW_MISSING"]),
        ({"gender": "F", "subject": "math"}, ["ALL_ROW_MISSING"]),
        ({**SCHOOL, "org_id": "D1/B"}, ["SCHOOL_NOT_IN_DIMENSION"]),
        ({**DISTRICT, "org_id": "D2"}, ["DISTRICT_NOT_IN_DIMENSION"]),
    ],
)  # fmt: skip
def test_a_mart_that_breaks_a_rule_counts_under_that_rule_only(cell, codes):
    assert broken([{}, cell]) == codes


@pytest.mark.parametrize(
    ("levels", "codes"),
    [
        ([(1, 30), (2, 10)], []),
        ([(1, 30), (2, 9)], ["LEVELS_DO_NOT_SUM"]),
        ([(1, 30), (1, 10)], ["LEVEL_KEY_NOT_UNIQUE"]),
    ],
)
def test_the_levels_of_an_exact_cell_sum_to_its_tested_students(levels, codes):
    assert broken([{}], [{"performance_level": k, "n": n} for k, n in levels]) == codes


def test_no_level_is_shown_of_a_hidden_cell():
    level = {**SCHOOL, "gender": "F", "performance_level": 1, "n": 5}
    cells = [{}, SCHOOL, {**SCHOOL, **HIDDEN, "gender": "F"}]
    assert broken(cells, [level]) == ["LEVELS_OF_HIDDEN_CELL"]


def test_a_violation_that_was_not_counted_is_our_fault(catalogue, tmp_path):
    suite = suite_for(catalogue, "marts")
    marts = {"mart_achievement": pd.DataFrame([CELL])}
    with pytest.raises(ConfigurationError, match="KEY_NOT_UNIQUE"):
        run_marts_suite(suite, marts, pd.DataFrame([{"OTHER": 0}]), tmp_path, "marts 2")
