"""The long state file whole, beside a count of our own over the raw file.

The data are GPL: nothing of them is kept here but the numbers that the project's issue names.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.cells import MARTS, whole
from tests.command_line import Finished, run_roci

KEY = ["school_year", "subject", "grade", "org_level", "org_id"]
CROSSED, ROLLUPS = MARTS.crossed, MARTS.rollups
# What the file tells of, and what it is that a result of the year before stands beside it.
ONE_WAY = ["econ_status", "disability_status", "gifted_status", "el_recent_status", "prior_status"]
SPLIT = [*CROSSED, *ONE_WAY, *ROLLUPS]
ETHNICITY = {"African American": "BLACK", "Asian": "ASIAN", "Hispanic": "HISPANIC",
             "Native American": "AIAN", "White": "WHITE"}  # fmt: skip
YES_OR_NO = {
    "gender": ("GENDER", {"Gender: Female": "F", "Gender: Male": "M"}),
    "econ_status": ("FREE_REDUCED_LUNCH_STATUS", {
        "Free Reduced Lunch: Yes": "SED", "Free Reduced Lunch: No": "NOT_SED"}),
    "disability_status": ("IEP_STATUS", {"IEP: Yes": "SWD", "IEP: No": "NOT_SWD"}),
    "gifted_status": ("GIFTED_AND_TALENTED_PROGRAM_STATUS", {
        "Gifted and Talented Program: Yes": "GIFTED",
        "Gifted and Talented Program: No": "NOT_GIFTED"}),
    "el_status": ("ELL_STATUS", {"ELL: Yes": "EL", "ELL: No": "NOT_EL"}),
    # Of who is no learner now the file does not say whether they ever were one.
    "not_el_status": ("ELL_STATUS", {"ELL: Yes": "EL", "ELL: No": "NOT_EL"}),
    "ever_el_status": ("ELL_STATUS", {"ELL: Yes": "EVER_EL"}),
    "english_fluent_status": ("ELL_STATUS", {"ELL: Yes": "ENGLISH_LEARNER"}),
    "el_recent_status": ("ELL_STATUS", {"ELL: Yes": "EL_OR_RFEP4"}),
    "ethnicity": ("ETHNICITY", ETHNICITY),
    "federal_1997_status": ("ETHNICITY", ETHNICITY),
    "federal_2024_status": ("ETHNICITY", ETHNICITY),
}  # fmt: skip


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
    rows = pd.DataFrame({
        "school_year": scored["YEAR"].str[-4:].astype(int),
        "subject": scored["CONTENT_AREA"].map({"READING": "reading", "MATHEMATICS": "math"}),
        "grade": scored["GRADE"].str.zfill(2),
        "student_id": scored["ID"],
        "district_id": district,
        "school_id": district + "/" + school,
        **{name: scored[column].map(codes).fillna("UNKNOWN")
           for name, (column, codes) in YES_OR_NO.items()},
        "score": scored["SCALE_SCORE"].astype(float),
        "proficient": scored["ACHIEVEMENT_LEVEL"].isin(["Proficient", "Advanced"]),
    })  # fmt: skip
    rows["prior_status"] = prior_status(rows)
    words = [*KEY[1:3], "district_id", "school_id", *SPLIT]
    return rows.astype(dict.fromkeys(words, "category"))


def prior_status(rows: pd.DataFrame) -> pd.Series:
    """Whether each row's student has a result of the year before in the same district.

    Nobody is known where the district has none of that year at all; nothing where nobody has.
    """
    system = ["school_year", "subject"]
    student, district = [*system, "district_id", "student_id"], [*system, "district_id"]
    before = rows.assign(school_year=rows["school_year"] + 1)

    def among(columns: list[str]) -> pd.Series:
        keys = pd.MultiIndex.from_frame(before[columns].drop_duplicates())
        return pd.Series(pd.MultiIndex.from_frame(rows[columns]).isin(keys), rows.index)

    told = among(student).map({True: "MATCHED", False: "NOT_MATCHED"})
    return told.where(among(district), "UNKNOWN").where(among(system))


def splits() -> Iterator[tuple[bool, tuple[str, ...]]]:
    """Every crossing of the crossed dimensions, and each of the others by itself, by grade or not.

    Besides, over all grades, each one-way dimension with each of the crossed.
    """
    for by_grade in (False, True):
        for size in range(len(CROSSED) + 1):
            yield from ((by_grade, split) for split in itertools.combinations(CROSSED, size))
        yield from ((by_grade, (name,)) for name in (*ONE_WAY, *ROLLUPS))
    yield from ((False, pair) for pair in itertools.product(MARTS.crossed_with, ONE_WAY))


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Every cell of the mart, counted over the rows.

    No partner school is configured, so no district is split into partners and the rest.
    """
    levels = {"all": None, "district": "district_id", "school": "school_id"}
    parts = []
    for (level, column), (by_grade, split) in itertools.product(levels.items(), splits()):
        keys = ["school_year", "subject", *(["grade"] if by_grade else []),
                *([column] if column else []), *split]  # fmt: skip
        part = rows.groupby(keys, as_index=False, observed=True).agg(
            n_tested=("score", "size"), n_proficient=("proficient", "sum"),
            mean_scale_score=("score", "mean"),
        )  # fmt: skip
        part["org_level"] = level
        part["org_id"] = part[column] if column else "all"
        for name in ("grade", *MARTS.dimensions):
            if name not in keys:
                part[name] = "all"
        columns = [*KEY, *MARTS.dimensions, "n_tested", "n_proficient", "mean_scale_score"]
        parts.append(part[columns].astype(dict.fromkeys((*KEY[1:], *MARTS.dimensions), str)))
    return pd.concat(parts, ignore_index=True)


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
    expected = cells(counted(raw))
    with duckdb.connect() as con:
        con.register("expected", expected)
        (row,) = con.execute(f"""
            SELECT count(*), count(*) FILTER (theirs.n_tested IS NULL) AS missing,
                count(*) FILTER (expected.n_tested IS NULL) AS extra,
                count(*) FILTER (theirs.n_tested <> expected.n_tested
                    OR theirs.n_proficient IS DISTINCT FROM expected.n_proficient) AS other,
                bool_and(coalesce(
                    abs(theirs.mean_scale_score - expected.mean_scale_score) < 1e-6, false))
            FROM expected FULL JOIN {parquet(home, "mart_achievement_unsuppressed")} AS theirs
                USING ({", ".join((*KEY, *MARTS.dimensions))})
        """).fetchall()
    assert len(expected) > 100_000
    assert row == (len(expected), 0, 0, 0, True)


def test_the_groups_of_every_organisation_and_grade_sum_to_all(done, home):
    twin = parquet(home, "mart_achievement_unsuppressed")
    place = ", ".join([*KEY, "assessment", "test_window"])
    for name in SPLIT:
        # Of the first year nobody knows a year before.
        years = "school_year > 2021" if name == "prior_status" else "true"
        (row,) = asked(
            f"SELECT count(*), count(*) FILTER (whole = parts) FROM (SELECT {place}, "
            f"sum(n_tested) FILTER ({name} = 'all') AS whole, "
            f"sum(n_tested) FILTER ({name} <> 'all') AS parts FROM {twin} "
            f"WHERE {whole(name, 'grade')} AND {years} GROUP BY ALL)"
        )
        assert row[0] > 1_000 and row[0] == row[1], name


def test_the_same_file_again_is_unchanged(done, home, raw_file):
    again = run_roci(["ingest", "state_long", raw_file, "--json"], {"ROCI_HOME": str(home)})
    assert again.code == 0 and again.json["loads"][0]["state"] == "unchanged"
    assert again.json["build"]["state"] == "unchanged"
