"""Matched growth over the long state file, beside a count of our own by pandas.

The data are GPL: nothing of them is kept here.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from configs.catalogue import load_catalogue
from transforms.breaks import breaks_relation
from transforms.cell_plan import CellPlan
from transforms.cells import build_cells
from transforms.growth import GrowthInputs, build_growth, exact_growth_sql
from transforms.growth_matching import match_prior
from transforms.growth_statistics import growth_plan, growth_statistics, students_sql
from transforms.growth_vendor import build_vendor_cells
from transforms.marts import exact_achievement_sql
from transforms.organisations import Organisations

LEVELS = {"Unsatisfactory": 1, "Partially Proficient": 2, "Proficient": 3, "Advanced": 4}
NAMES = {"YEAR": "school_year", "CONTENT_AREA": "subject", "GRADE": "grade", "ID": "student_id",
         "SCALE_SCORE": "scale_score", "ACHIEVEMENT_LEVEL": "performance_level",
         "DISTRICT_NUMBER": "district_id", "SCHOOL_NUMBER": "school_id",
         "GENDER": "gender", "ETHNICITY": "ethnicity"}  # fmt: skip
TEST = ["school_year", "subject", "district_id", "student_id"]


@pytest.fixture(scope="module")
def results(realdata: Path) -> pd.DataFrame:
    file = realdata / "state_long" / "state_long.csv.gz"
    raw = pd.read_csv(file, dtype=str, keep_default_na=False)
    scored = raw[(raw["VALID_CASE"] == "VALID_CASE") & raw["ACHIEVEMENT_LEVEL"].isin(LEVELS)]
    frame = scored[list(NAMES)].rename(columns=NAMES)
    return frame.assign(
        school_year=frame["school_year"].str[-4:].astype("int32"),
        performance_level=frame["performance_level"].map(LEVELS).astype("int32"),
        scale_score=frame["scale_score"].astype(float),
        assessment="state_long",
        test_window="annual",
        is_scored=True,
    )


@pytest.fixture(scope="module")
def growth(results: pd.DataFrame) -> pd.DataFrame:
    """Return the matched rows of all students of an organisation and grade."""
    catalogue = load_catalogue()
    plan = CellPlan(("gender",), ("prior_status",), catalogue.assessments, ("gender",))
    con = duckdb.connect()
    con.register("results", results)
    con.execute("CREATE TABLE partners (school_key VARCHAR)")
    con.execute("CREATE TABLE networks (network VARCHAR, school_key VARCHAR)")
    con.execute(
        "CREATE TABLE names "
        "(org_level VARCHAR, org_id VARCHAR, school_year INTEGER, org_name VARCHAR)"
    )
    match_prior(con, "results", "results", "matched")
    unsaid = (
        "NULL::DOUBLE AS growth_index, NULL::INTEGER AS growth_percentile, "
        "NULL::BOOLEAN AS growth_met, NULL::VARCHAR AS growth_norm"
    )
    con.execute(
        f"CREATE TEMP TABLE students AS SELECT *, {unsaid} FROM ({students_sql('matched', plan)})"
    )
    organisations, own = Organisations("partners", "networks", "names"), growth_plan(plan)
    build_cells(con, "students", organisations, plan)
    build_cells(con, "students", organisations, own, growth_statistics(own), name="growth_cells")
    build_vendor_cells(con, "students", "growth_cells", plan)
    con.register("breaks", breaks_relation(catalogue.assessments))
    con.execute(f"CREATE TEMP TABLE ach AS {exact_achievement_sql(plan, catalogue.marts)}")
    con.execute(
        "CREATE TABLE group_breaks(assessment VARCHAR, org_level VARCHAR, org_id VARCHAR, "
        "school_year INTEGER)"
    )
    inputs = GrowthInputs("ach", "growth_cells", "vendor_cells", "breaks", "group_breaks")
    build_growth(con, plan, catalogue.marts, inputs, "growth")
    found = con.execute(exact_growth_sql(plan, "growth")).df()
    return found[(found["growth_type"] == "matched") & (found["gender"] == "all")]


def test_matched_growth_is_what_a_count_by_pandas_gives(
    results: pd.DataFrame, growth: pd.DataFrame
) -> None:
    once = results[~results.duplicated(TEST, keep=False)]
    before = once.assign(school_year=once["school_year"] + 1)
    pairs = once.merge(before, on=TEST, suffixes=("", "_before"))
    moved = pairs["performance_level"] - pairs["performance_level_before"]
    low = pairs["performance_level_before"] <= 2
    pairs = pairs.assign(
        up=100 * (moved > 0),
        down=100 * (moved < 0),
        low_up=(100.0 * (moved > 0)).where(low),
        school=pairs["district_id"] + "/" + pairs["school_id"],
    )
    for level, by in (("all", []), ("district", ["district_id"]), ("school", ["school", "grade"])):
        expected = pairs.groupby(["school_year", "subject", *by]).agg(
            n=("up", "size"), up=("up", "mean"), down=("down", "mean"),
            low=("low_up", "count"), low_up=("low_up", "mean"),
        )  # fmt: skip
        rows = growth[(growth["org_level"] == level) & (growth["n_matched"] > 0)]
        rows = rows[(rows["grade"] != "all") == ("grade" in by)]
        measures = ["n_matched", "pct_up", "pct_down", "n_low_prior", "pct_low_up"]
        keys = ["school_year", "subject", *(["org_id"] if by else []), *by[1:]]
        found = rows.astype(dict.fromkeys(keys, object)).set_index(keys)[measures].sort_index()
        assert len(found) == len(expected) > 0
        assert list(found.index) == list(expected.sort_index().index)
        numbers = found.to_numpy(dtype=float), expected.sort_index().to_numpy(dtype=float)
        np.testing.assert_allclose(*numbers, rtol=1e-9)
