"""Further published samples of vendors and states: what each loads, held against pandas alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pytest

from flows.context import Context, open_context
from flows.stages.extract import open_extract
from flows.stages.intake import Incoming
from flows.stages.rows import check_piece
from flows.stages.trial import try_sample
from tests.command_line import Finished
from tests.flow.small_files import roster_of_schools

DISTRICT = "0199017"
SAMPLES = "vendor_samples/assessments"
COLLEGE_BOARD = "PSAT_SAT/data/sample_anonymized_file_"
# source, sample, layout, records in it, rejected
LOADED = [
    ("sc_ready", "SC_READY/data/sample_anonymized_file.csv", "2024", 10, 0),
    ("wi_forward", "WI_Forward/data/sample_anonymized_file.csv", "2025", 11, 0),
    ("mo_map", "Missouri_Assessment_Program/data/sample_anonymized_file.txt", "2025", 8, 0),
    # Two students' grades are 15 and 35, which stand in no list of grades.
    ("psat_sat", f"{COLLEGE_BOARD}psat_89.csv", "psat_89", 10, 4),
    ("psat_sat", f"{COLLEGE_BOARD}psat_10.csv", "psat_10", 10, 0),
    ("psat_sat", f"{COLLEGE_BOARD}psat_nmsqt.csv", "psat_nmsqt", 10, 0),
    # One student's grade is 99.
    ("psat_sat", f"{COLLEGE_BOARD}sat.csv", "sat", 10, 2),
    ("iowa", "Iowa/data/sample_anonymized_file.csv", "2023", 58, 0),
    # The names of the schools are blanked.
    ("map_fluency", "MAP_Fluency/data/sample_anonymized_file.csv", "2023", 17, 17),
    ("preact", "PreACT/data/Records_anonymized.csv", "csv", 24, 0),
    ("preact", "PreACT/data/Records_anonymized.txt", "fixed", 30, 0),
    ("kra", "KRA/data/KRA_sample_file_deidentified.csv", "2023", 10, 0),
    ("tx_kea", "TX_KEA/data/sample_anonymized_file.csv", "2024", 13, 0),
    ("sc_alternate", "SC_Alternate_Assessment/data/sample_anonymized_file_2016.csv", "2016", 20, 0),
    ("sc_alternate", "SC_Alternate_Assessment/data/sample_anonymized_file_2024.csv", "2022", 17, 0),
    ("win_career", "WIN/data/sample_anonymized_file.csv", "2024", 9, 0),
    ("pals_prek", "PALS/data/PALS_SAMPLE_data_file.csv", "2023", 240, 0),
    ("stamp", "STAMP/data/anonymized_sample_file.csv", "2023", 13, 0),
]
NAMED = [pytest.param(*one, id=f"{one[0]}-{one[2]}") for one in LOADED]
Run = Callable[..., Finished]


@pytest.fixture
def context(workspace_home: Path) -> Context:
    return open_context()


def plain(path: Path, **told: object) -> pd.DataFrame:
    rows = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", **told)
    return rows.map(str.strip)


def read(context: Context, name: str, sample: Path) -> pd.DataFrame:
    """Return the good rows of a sample before any rule for repeats."""
    source = context.catalogue.source(name)
    incoming = Incoming(name, sample.name, sha256="", district_id=DISTRICT)
    with sample.open("rb") as stream:
        extract = open_extract(context, source, incoming, stream)
        good = [
            check_piece(piece, extract.encoder, source, context.catalogue).good
            for piece in extract.pieces
        ]
    return pa.concat_tables(good).to_pandas()


def results(rows: pd.DataFrame, *columns: str) -> Counter[tuple]:
    """Return what the columns hold together, where there is a score."""
    scored = rows[rows["scale_score"].notna()][["student_id", *columns]]
    return Counter(scored.astype(object).itertuples(index=False, name=None))


def scores(rows: pd.DataFrame, student: str, subject: str, column: str) -> Counter[tuple]:
    """Return what a column says of the subject, of the students of whom it says anything."""
    there = rows[rows[column] != ""]
    return Counter((one, subject, float(score)) for one, score in zip(
        there[student], there[column], strict=True))  # fmt: skip


@pytest.mark.parametrize("name, sample, layout, records, rejected", NAMED)
def test_a_sample_is_read_by_its_layout(context, realdata, name, sample, layout, records, rejected):
    trial = try_sample(
        context, context.catalogue.source(name), realdata / SAMPLES / sample, DISTRICT
    )
    assert (trial.layout, trial.rows, trial.rejected) == (layout, records, rejected)


SUBJECTS = {
    "SC_READY/data/sample_anonymized_file.csv": (
        "sc_ready", "StateID",
        {"ela": "ELAVSS", "math": "MathVSS", "science": "SciVSS", "social_studies": "SocVSS"}),
    "WI_Forward/data/sample_anonymized_file.csv": (
        "wi_forward", "WISEID",
        {"ela": "Scale_Score_ELA", "math": "Scale_Score_MTH", "science": "Scale_Score_SCN",
         "social_studies": "Scale_Score_SS"}),
    f"{COLLEGE_BOARD}psat_10.csv": (
        "psat_sat", "STATE_STUDENT_ID",
        {"reading_writing": "LATEST_PSAT_EBRW", "math": "LATEST_PSAT_MATH_SECTION"}),
    "Iowa/data/sample_anonymized_file.csv": (
        "iowa", "Student ID", {"reading": "SS_R", "math": "SS_M"}),
    "PreACT/data/Records_anonymized.csv": (
        "preact", "Stu_ID_Num",
        {"english": "Eng", "math": "Mth", "reading": "Rdg", "science": "Sci",
         "composite": "Composite", "stem": "STEM"}),
    "SC_Alternate_Assessment/data/sample_anonymized_file_2024.csv": (
        "sc_alternate", "StateID",
        {"ela": "ELASS", "math": "MathSS", "science": "SciSS", "social_studies": "SocSS"}),
    "WIN/data/sample_anonymized_file.csv": (
        "win_career", "StateID",
        {"math": "MathSS", "workplace_data": "DataSS", "reading": "ReadSS"}),
    "KRA/data/KRA_sample_file_deidentified.csv": (
        "kra", "StudentSUNS", {"school_readiness": "OverallScore"}),
}  # fmt: skip


@pytest.mark.parametrize("sample", SUBJECTS)
def test_every_subject_of_a_row_is_a_result(context, realdata, sample):
    name, student, columns = SUBJECTS[sample]
    rows = plain(realdata / SAMPLES / sample)
    expected = sum((scores(rows, student, *one) for one in columns.items()), Counter())
    found = read(context, name, realdata / SAMPLES / sample)
    assert results(found, "subject", "scale_score") == expected


def test_levels_are_those_beside_the_scores(context, realdata):
    path = realdata / SAMPLES / "SC_READY/data/sample_anonymized_file.csv"
    rows = plain(path)
    math = read(context, "sc_ready", path).query("subject == 'math'")
    assert results(math, "grade", "performance_level", "disability_status") == Counter(
        zip(rows["StateID"], "0" + rows["MathGrade"], rows["MathLev"].astype(int),
            ["NOT_SWD"] * len(rows), strict=True)
    )  # fmt: skip


def test_of_the_sat_the_latest_test_counts_with_its_benchmark(context, realdata):
    path = realdata / SAMPLES / f"{COLLEGE_BOARD}sat.csv"
    rows = plain(path)
    rows = rows[rows["LATEST_SAT_GRADE"] != "99"]
    found = read(context, "psat_sat", path).query("subject == 'math'")
    assert set(found["assessment"]) == {"sat"}
    assert results(found, "scale_score", "performance_level") == Counter(
        zip(rows["STATE_STUDENT_ID"], rows["LATEST_SAT_MATH_SECTION"].astype(float),
            rows["MATH_CCR_BENCHMARK"].map({"N": 1, "Y": 2}), strict=True)
    )  # fmt: skip


def test_of_missouri_the_test_and_its_window_are_told(context, realdata):
    path = realdata / SAMPLES / "Missouri_Assessment_Program/data/sample_anonymized_file.txt"
    rows = plain(path, sep="\t")
    score = rows["MAP_SCALE_SCORE"].where(rows["MAP_SCALE_SCORE"] != "", rows["EOC_SCORE"])
    found = read(context, "mo_map", path)
    rows = rows.assign(score=score)[score != ""]
    assert results(found, "assessment", "test_window", "grade", "scale_score") == Counter(
        zip(
            rows["MOSIS_STATE_ID"],
            rows["TEST_NAME_MAP"].map({"MAP": "mo_map", "EOC": "mo_eoc"}),
            rows["EOC_ADMINISTRATION_WINDOW"].str.lower().replace("", "annual"),
            rows["GRADE_OF_STUDENT"].where(rows["GRADE_OF_STUDENT"] != "", rows["GRADE_LEVEL"]),
            rows["score"].astype(float),
            strict=True,
        )
    )
    alternate = found[found["assessment"] == "mo_map_a"]
    assert len(alternate) == 4 and set(alternate["performance_level"]) == {1}


def test_the_fixed_width_and_the_delimited_records_of_preact_are_alike(context, realdata):
    folder = realdata / SAMPLES / "PreACT/data"
    both = [
        results(
            read(context, "preact", folder / f"Records_anonymized.{one}"),
            *("subject", "test_date", "grade", "scale_score"),
        )
        for one in ("csv", "txt")
    ]
    assert both[0] and not both[0] - both[1], "the delimited file has one student less"


def test_a_banner_stands_above_the_header_of_tx_kea(context, realdata):
    path = realdata / SAMPLES / "TX_KEA/data/sample_anonymized_file.csv"
    rows = plain(path, header=2)
    rows = rows[rows["TEA_KG_Readiness"] != ""]
    found = read(context, "tx_kea", path).query("subject == 'school_readiness'")
    assert set(found["school_year"]) == {2024}
    levels = {"Support": 1, "Monitor": 2, "On-Track": 3}
    ranged = rows[rows["CP_TEA_KG_Readiness"] != ""]
    assert results(found.dropna(subset="performance_level"), "performance_level", "el_status") == (
        Counter(zip(ranged["Student_State_ID"], ranged["CP_TEA_KG_Readiness"].map(levels),
                    ranged["English_Language_Learner"].map({"YES": "EL", "NO": "NOT_EL"}),
                    strict=True))
    )  # fmt: skip


def test_who_attempted_nothing_of_iowa_was_not_tested(context, realdata):
    path = realdata / SAMPLES / "Iowa/data/sample_anonymized_file.csv"
    found = read(context, "iowa", path)
    untested = found[found["participation"] == "NOT_TESTED"]
    rows = plain(path)
    assert len(untested) == sum(sum(rows[f"NA_{one}"] == "0") for one in "RM") > 0
    assert untested["scale_score"].isna().all()


def load(roci: Run, source: str, sample: Path, schools: list[str], begin: str) -> dict[str, int]:
    """Load a sample once a roster names its schools."""
    codes = {f"{6_990_000 + number}": name for number, name in enumerate(sorted(set(schools)))}
    roster = roster_of_schools(sample.parent / "oneroster.zip", DISTRICT, codes, begin)
    assert roci("ingest", "oneroster", roster).code == 0
    done = roci("ingest", source, sample, "--district", DISTRICT, "--json")
    assert done.code == 0, done.said
    (one,) = done.json["loads"]
    return {name: one[name] for name in ("received", "loaded", "quarantined", "set_aside")}


def kept(home: Path, columns: str) -> Counter[tuple]:
    place = home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        return Counter(con.execute(f"SELECT {columns} FROM '{place}'").fetchall())


def own_copy(sample: Path, folder: Path, rows: pd.DataFrame) -> Path:
    place = folder / sample.name
    rows.to_csv(place, index=False)
    return place


MONTHS = ("August", "September", "October", "November", "December", "January", "February", "March",
          "April", "May", "June", "July")  # fmt: skip


def test_of_the_months_of_istation_the_last_of_each_window_counts(
    roci, workspace_home, realdata, tmp_path
):
    sample = realdata / SAMPLES / "iStation/data/sample_anonymized_file.csv"
    rows = plain(sample)
    tests = pd.concat([
        pd.DataFrame({"student": rows["STUDENT_ID"], "score": rows[f"{one}_SCORE"],
                      "tier": rows[f"{one}_TIER"], "day": rows[f"{one}_ADMIN_DATE"]})
        for one in MONTHS
    ]).query("score != ''")  # fmt: skip
    tests["day"] = pd.to_datetime(tests["day"], format="%m/%d/%Y")
    tests["window"] = tests["day"].dt.month.map(
        {**dict.fromkeys(range(7, 12), "fall"), **dict.fromkeys(range(3, 7), "spring"),
         **dict.fromkeys((12, 1, 2), "winter")}
    )  # fmt: skip
    last = tests.sort_values("day").groupby(["student", "window"]).tail(1)
    found = load(
        roci, "istation", own_copy(sample, tmp_path, rows), list(rows["DOMAIN"]), "2023-08-15"
    )
    assert found == {"received": len(tests), "loaded": len(last), "quarantined": 0,
                     "set_aside": len(tests) - len(last)}  # fmt: skip
    assert kept(workspace_home, "student_id, test_window, scale_score, performance_level") == (
        Counter(zip(last["student"], last["window"], last["score"].astype(float),
                    4 - last["tier"].astype(int), strict=True))
    )  # fmt: skip


def test_map_fluency_loads_once_the_schools_have_their_names(
    roci, workspace_home, realdata, tmp_path
):
    sample = realdata / SAMPLES / "MAP_Fluency/data/sample_anonymized_file.csv"
    rows = plain(sample).assign(SchoolName="Invented Elementary")
    copy = own_copy(sample, tmp_path, rows)
    found = load(roci, "map_fluency", copy, ["Invented Elementary"], "2023-08-15")
    assert (found["received"], found["quarantined"]) == (17, 0)
    expected = scores(rows, "StudentID", "phonics", "PhonicsWordRecognitionDomainScore")
    phonics = {one for one in kept(workspace_home, "student_id, subject, scale_score")
               if one[1] == "phonics" and one[2] is not None}  # fmt: skip
    assert phonics == set(expected)


def test_mvpa_is_percent_correct(roci, workspace_home, realdata, tmp_path):
    sample = realdata / SAMPLES / "MVPA/data/sample_anonymized_file.csv"
    rows = plain(sample)
    copy = own_copy(sample, tmp_path, rows)
    found = load(roci, "mvpa", copy, list(rows["SchID"]), "2024-08-15")
    assert (found["received"], found["loaded"], found["quarantined"]) == (5, 5, 0)
    assert kept(workspace_home, "student_id, subject, grade, scale_score") == Counter(
        (one, "math", "08", float(score))
        for one, score in zip(rows["StudentID"], rows["PercCorr"], strict=True)
    )


def test_every_measure_of_a_season_of_myigdis_is_a_result(roci, workspace_home, realdata, tmp_path):
    sample = realdata / SAMPLES / "myIGDIs/data/sample_anonymized_file.csv"
    rows = plain(sample)
    screened = rows[[one for one in rows if "Screening/" in one and one.endswith("Score")]]
    screened = screened.loc[:, [one.startswith("Early") for one in screened]]
    found = load(
        roci, "myigdis", own_copy(sample, tmp_path, rows), list(rows["School Name"]), "2022-08-15"
    )
    assert found["quarantined"] == 0 and found["loaded"] == (screened != "").sum().sum()
    naming = "Early Literacy+/Picture Naming/Fall Screening"
    tiers = {"Tier II/III": 1, "Cut Range": 2, "Tier I": 3}
    named = rows[rows[f"{naming}/Scaled Score"] != ""]
    place = "student_id, scale_score, performance_level, subject, test_window"
    assert {one[:3] for one in kept(workspace_home, place)
            if one[3:] == ("picture_naming", "fall")} == set(
        zip(named["Student Id"], named[f"{naming}/Scaled Score"].astype(float),
            named[f"{naming}/Tier"].map(tiers), strict=True)
    )  # fmt: skip
