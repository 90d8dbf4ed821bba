"""The long state file whole, beside a count of our own over the raw file.

The data are GPL: nothing of them is kept here but the numbers that the project's issue names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.command_line import Finished, run_roci

KEY = ["school_year", "subject", "grade", "org_level", "org_id"]
CROSSED = ["ethnicity", "el_status", "gender"]
ONE_WAY = ["econ_status", "disability_status"]
DIMENSIONS = [*CROSSED, *ONE_WAY]
ETHNICITY = {"African American": "BLACK", "Asian": "ASIAN", "Hispanic": "HISPANIC",
             "Native American": "AIAN", "White": "WHITE"}  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state_long")


@pytest.fixture(scope="module")
def raw_file(realdata: Path) -> Path:
    return realdata / "state_long" / "state_long.csv.gz"


@pytest.fixture(scope="module")
def done(home: Path, raw_file: Path) -> Finished:
    return run_roci(["ingest", "state_long", raw_file, "--json"], {"ROCI_HOME": str(home)})


@pytest.fixture(scope="module")
def raw(raw_file: Path) -> pd.DataFrame:
    return pd.read_csv(raw_file, dtype=str, keep_default_na=False)


def parquet(home: Path, name: str, area: str = "restricted") -> str:
    return f"'{home / 'marts' / area / name}.parquet'"


def asked(sql: str) -> list[tuple]:
    with duckdb.connect() as con:
        return con.execute(sql).fetchall()


def counted(raw: pd.DataFrame) -> pd.DataFrame:
    """The scored rows with the names and codes that the marts use, made with pandas alone."""
    scored = raw[raw["SCALE_SCORE"].ne("") & raw["SCALE_SCORE"].ne("NA")]
    district, school = scored["DISTRICT_NUMBER"], scored["SCHOOL_NUMBER"]
    return pd.DataFrame({
        "school_year": scored["YEAR"].str[-4:].astype(int),
        "subject": scored["CONTENT_AREA"].map({"READING": "reading", "MATHEMATICS": "math"}),
        "grade": scored["GRADE"].str.zfill(2),
        "district_id": district,
        "school_id": district + "/" + school,
        "ethnicity": scored["ETHNICITY"].map(ETHNICITY).fillna("UNKNOWN"),
        "el_status": scored["ELL_STATUS"].map(
            {"ELL: Yes": "EL", "ELL: No": "NOT_EL"}).fillna("UNKNOWN"),
        "gender": scored["GENDER"].map(
            {"Gender: Female": "F", "Gender: Male": "M"}).fillna("UNKNOWN"),
        "econ_status": scored["FREE_REDUCED_LUNCH_STATUS"].map(
            {"Free Reduced Lunch: Yes": "SED", "Free Reduced Lunch: No": "NOT_SED"}
        ).fillna("UNKNOWN"),
        "disability_status": scored["IEP_STATUS"].map(
            {"IEP: Yes": "SWD", "IEP: No": "NOT_SWD"}).fillna("UNKNOWN"),
        "score": scored["SCALE_SCORE"].astype(float),
        "proficient": scored["ACHIEVEMENT_LEVEL"].isin(["Proficient", "Advanced"]),
    })  # fmt: skip


def splits() -> Iterator[tuple[str, ...]]:
    """Every crossing of the crossed dimensions, and each of the others by itself."""
    for size in range(len(CROSSED) + 1):
        yield from itertools.combinations(CROSSED, size)
    yield from ((name,) for name in ONE_WAY)


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Every cell of the mart, counted over the rows.

    No partner school is configured, so no district is split into partners and the rest.
    """
    levels = {"all": None, "district": "district_id", "school": "school_id"}
    parts = []
    for (level, column), by_grade, split in itertools.product(
        levels.items(), (False, True), splits()
    ):
        keys = ["school_year", "subject", *(["grade"] if by_grade else []),
                *([column] if column else []), *split]  # fmt: skip
        part = rows.groupby(keys, as_index=False, observed=True).agg(
            n_tested=("score", "size"), n_proficient=("proficient", "sum"),
            mean_scale_score=("score", "mean"),
        )  # fmt: skip
        part["org_level"] = level
        part["org_id"] = part[column] if column else "all"
        for name in ("grade", *DIMENSIONS):
            if name not in keys:
                part[name] = "all"
        parts.append(part[[*KEY, *DIMENSIONS, "n_tested", "n_proficient", "mean_scale_score"]])
    return pd.concat(parts, ignore_index=True)


def indexed(frame: pd.DataFrame) -> pd.DataFrame:
    return (
        frame.astype(dict.fromkeys([*KEY[1:], *DIMENSIONS], object))
        .set_index([*KEY, *DIMENSIONS])
        .sort_index()
    )


def test_every_row_is_loaded_and_those_without_a_score_are_kept(done, home, raw):
    assert done.code == 0, done.said
    (load,) = done.json["loads"]
    assert (load["state"], load["received"], load["loaded"]) == ("loaded", len(raw), len(raw))
    unscored = int((raw["ACHIEVEMENT_LEVEL"] == "No Score").sum())
    assert unscored > 0
    assert asked(
        "SELECT count(*) FILTER (is_scored), count(*) FILTER (participation = 'NOT_TESTED') "
        f"FROM {parquet(home, 'student_result')}"
    ) == [(len(raw) - unscored, unscored)]


def test_a_school_number_that_stands_in_several_districts_is_several_schools(done, home, raw):
    keys = raw[["DISTRICT_NUMBER", "SCHOOL_NUMBER"]].drop_duplicates()
    numbers = keys["SCHOOL_NUMBER"].nunique()
    assert numbers < len(keys)
    (row,) = asked(
        "SELECT count(DISTINCT split_part(school_id, '/', 2)), count(DISTINCT school_id) "
        f"FROM {parquet(home, 'dim_school', 'reporting')}"
    )
    assert row == (numbers, len(keys))


def test_every_cell_equals_a_count_over_the_raw_file_and_none_is_missing_or_extra(done, home, raw):
    ours = indexed(duckdb_frame(home))
    theirs = indexed(cells(counted(raw)))
    assert not ours.index.duplicated().any()
    assert len(theirs) > 100_000
    missing, extra = theirs.index.difference(ours.index), ours.index.difference(theirs.index)
    assert (list(missing[:5]), list(extra[:5])) == ([], [])
    theirs = theirs.loc[ours.index]
    for name in ("n_tested", "n_proficient"):
        assert (ours[name].astype("int64") == theirs[name].astype("int64")).all(), name
    assert (ours["mean_scale_score"] - theirs["mean_scale_score"]).abs().max() < 1e-6


def duckdb_frame(home: Path) -> pd.DataFrame:
    columns: Sequence[str] = [*KEY, *DIMENSIONS, "n_tested", "n_proficient", "mean_scale_score"]
    with duckdb.connect() as con:
        return con.execute(
            f"SELECT {', '.join(columns)} FROM {parquet(home, 'mart_achievement_unsuppressed')}"
        ).df()


def test_the_groups_of_every_organisation_and_grade_sum_to_all(done, home):
    twin = parquet(home, "mart_achievement_unsuppressed")
    place = ", ".join([*KEY, "assessment", "test_window"])
    for name in DIMENSIONS:
        others = " AND ".join(f"{other} = 'all'" for other in DIMENSIONS if other != name)
        (row,) = asked(
            f"SELECT count(*), count(*) FILTER (whole = parts) FROM (SELECT {place}, "
            f"sum(n_tested) FILTER ({name} = 'all') AS whole, "
            f"sum(n_tested) FILTER ({name} <> 'all') AS parts FROM {twin} WHERE {others} "
            f"GROUP BY ALL)"
        )
        assert row[0] > 1_000 and row[0] == row[1], name


def test_the_same_file_again_is_unchanged(done, home, raw_file):
    again = run_roci(["ingest", "state_long", raw_file, "--json"], {"ROCI_HOME": str(home)})
    assert again.code == 0 and again.json["loads"][0]["state"] == "unchanged"
    assert again.json["build"]["state"] == "unchanged"
