"""More of the vendors' published samples, each read by its YAML and beside it with pandas alone."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from configs.catalogue import load_catalogue
from flows.stages.rows import check_piece
from tests.flow.small_files import roster_of_schools
from transforms.file_year import encoder_of_file
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, read_pieces

SAMPLES = "vendor_samples/assessments"
DISTRICT, SCHOOL = "0199017", "6990013"
CATALOGUE = load_catalogue()
LEVELS_OF_RISK = {"highRisk": 1, "someRisk": 2, "lowRisk": 3, "AD": 4}
SEASONS = {"fall": "Fall", "winter": "Winter", "spring": "Spring"}
TESTS_OF_ILEARN = {
    "ILEARN English/Language Arts": "ela",
    "ILEARN Mathematics": "math",
    "ILEARN Social Studies": "social_studies",
}
SCORED = ("student_id", "subject", "test_window", "school_year", "scale_score")
Rows = Counter[tuple[Any, ...]]


class AnySchool:
    """A directory that knows every name."""

    def find(self, name: str) -> str:
        return SCHOOL


@dataclass(frozen=True)
class Read:
    """What became of a sample: its layout, good rows, and how many others by code."""

    layout: str
    good: pd.DataFrame
    rejected: dict[str, int]
    set_aside: dict[str, int]

    def rows(self, *columns: str) -> Rows:
        return rows_of(self.good[list(columns)])


def rows_of(frame: pd.DataFrame) -> Rows:
    plain_values = frame.astype(object).where(frame.notna(), None)
    return Counter(plain_values.itertuples(index=False, name=None))


def read(source_name: str, content: bytes, file_name: str) -> Read:
    """Read a file's rows by its YAML, as a load does before it settles repeats."""
    source, stream = CATALOGUE.sources[source_name], io.BytesIO(content)
    probe = examine(stream, source)
    match = match_layout(probe.columns, source, probe.layout)
    landing = Landing(file_name, DISTRICT, schools=AnySchool())
    encoder = encoder_of_file(stream, probe, Setting(source, match, CATALOGUE, landing))
    pieces = [
        check_piece(piece, encoder, source, CATALOGUE)
        for piece in read_pieces(stream, probe, encoder.columns, encoder.plain_columns)
    ]
    return Read(
        match.layout.name,
        pa.concat_tables([one.good for one in pieces]).to_pandas(),
        Counter(code for one in pieces for code in one.rejects["code"].to_pylist()),
        Counter(code for one in pieces for code in one.set_aside["code"].to_pylist()),
    )


def plain(path: Path, header: int = 0) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", header=header)


def expected(rows: pd.DataFrame, *columns: pd.Series | str | int | None) -> Rows:
    """Return rows of columns; what is no series stands in every row."""
    named = {str(at): one for at, one in enumerate(columns)}
    return rows_of(pd.DataFrame(named, index=rows.index))


def by_subject(rows: pd.DataFrame, student: str, scores: dict[str, str]) -> Rows:
    """Return student, subject and score of every cell that has one."""
    found: Rows = Counter()
    for subject, column in scores.items():
        there = rows[rows[column] != ""]
        found += expected(there, there[student], subject, there[column].astype(float))
    return found


@pytest.fixture
def samples(realdata: Path) -> Path:
    return realdata / SAMPLES


def test_a_cmas_test_not_taken_is_a_row_without_a_score(samples):
    path = samples / "CMAS/data/sample_anonymized_file.csv"
    rows, found = plain(path), read("co_cmas", path.read_bytes(), path.name)
    assert found.rejected == {} and found.set_aside == {}
    subjects = {"Mathematics": "math", "English Language Arts/Literacy": "ela"}
    taken = {"Valid Score": "TESTED", "Parent Excuse": "NOT_TESTED"}
    assert found.rows(*SCORED, "performance_level", "participation") == expected(
        rows,
        rows["StateStudentIdentifier"],
        rows["Subject"].map(subjects),
        "annual",
        2023,
        pd.to_numeric(rows["SS"]),
        pd.to_numeric(rows["PerfLVL"]),
        rows["CalculatedInvalidation"].map(taken),
    )
    assert found.rows("disability_status", "grade") == expected(
        rows,
        rows["StudentwithDisabilities"].map({"IEP": "SWD", "504": "UNKNOWN"}),
        "0" + rows["GradeLevelWhenAssessed"],
    )


@pytest.mark.parametrize(
    "file, name, assessment, window",
    [
        ("ilearn_sample_data.csv", "ilearn_2024.csv", "in_ilearn", "annual"),
        ("ilearn_checkpoint_sample_data.csv", "ilearn_2025.csv", "in_ilearn_checkpoint", "fall"),
    ],
)
def test_ilearn_has_its_year_from_the_files_name(samples, file, name, assessment, window):
    path = samples / "IN_ILEARN/data" / file
    rows, found = plain(path), read("in_ilearn", path.read_bytes(), name)
    assert found.rejected == {} and found.set_aside == {}
    levels = {"Below Proficiency": 1, "At Proficiency": 3, "Above Proficiency": 4}
    assert found.rows(*SCORED, "assessment", "performance_level") == expected(
        rows,
        rows["STN"],
        rows["Test name"].str.split(" Grade").str[0].map(TESTS_OF_ILEARN),
        window,
        int(name[7:11]),
        rows["Overall scale score"].astype(float),
        assessment,
        rows["Overall proficiency level"].map(levels),
    )
    assert found.rows("district_id", "school_id") == expected(
        rows, rows["Enrolled Corporation ID"], rows["Enrolled School ID"].str.split("_").str[1]
    )


def test_ilearn_without_a_year_in_its_name_is_rejected_row_by_row(samples):
    path = samples / "IN_ILEARN/data/ilearn_sample_data.csv"
    found = read("in_ilearn", path.read_bytes(), "ilearn.csv")
    assert len(found.good) == 0 and sum(found.rejected.values()) == len(plain(path))


def test_a_letter_of_the_eocep_is_its_level(samples):
    path = samples / "EOCEP/data/sample_anonymized_file_EOCEP.csv"
    rows, found = plain(path), read("sc_eocep", path.read_bytes(), path.name)
    assert found.rejected == {} and found.set_aside == {}
    subjects = {"A": "algebra_1", "B": "biology", "E2": "english_2", "H": "us_history"}
    assert found.rows(*SCORED, "performance_level", "school_id", "grade") == expected(
        rows,
        rows["StateID"],
        rows["Subject"].str.strip().map(subjects),
        "fall",
        2024,
        rows["SS"].astype(float),
        rows["Level"].map({"F": 1, "D": 2, "C": 3, "B": 4, "A": 5}),
        rows["RSchoolID"],
        rows["Grade"],
    )


@pytest.mark.parametrize("years, year, unknown", [("24_25", 2025, 0), ("25_26", 2026, 1)])
def test_only_full_beacon_tests_count(samples, years, year, unknown):
    """The later sample has one test, Ready, of which no document says the subject."""
    path = samples / f"Beacon/data/sample_anonymized_file_{years}.csv"
    rows, found = plain(path), read("drc_beacon", path.read_bytes(), path.name)
    full = rows[(rows["Test_Type"] == "FULL") & (rows["Test"] != "Ready")]
    assert found.rejected == ({"UNKNOWN_CODE": unknown} if unknown else {})
    assert found.set_aside == {"TESTLET": sum(rows["Test_Type"] == "Testlet")}
    words = {"Support Needed": 1, "Near Target": 2, "Prepared": 3, "1": 1, "2": 2}
    assert found.rows(*SCORED, "performance_level") == expected(
        full,
        full["State_Student_ID"],
        full["Test"].map(lambda one: "ela" if one == "ELA_RWR" else "math"),
        full["Season"].str.lower(),
        year,
        full["Total_Scale_Score"].astype(float),
        full["Total_Achievement_Level"].map(words),
    )


def test_a_dibels_next_composite_counts_in_its_period(samples):
    path = samples / "Dibels_Next_Benchmark/data/sample_anonymized_file.csv"
    rows, found = plain(path), read("dibels_next_mclass", path.read_bytes(), path.name)
    assert found.rejected == {} and found.set_aside == {}
    levels = {"Well Below Benchmark": 1, "Below Benchmark": 2, "Above Benchmark": 4}
    assert found.rows(*SCORED, "performance_level", "school_id") == expected(
        rows,
        rows["Student Primary ID"],
        "reading",
        rows["Benchmark Period"].map({"BOY": "fall", "MOY": "winter", "EOY": "spring"}),
        2023,
        rows["Assessment Measure-Composite Score-Score"].astype(float),
        rows["Assessment Measure-Composite Score-Levels"].map(levels),
        SCHOOL,
    )


def test_idel_has_a_recommendation_and_no_score(samples):
    path = samples / "IDEL/data/sample_anonymized_file.csv"
    rows, found = plain(path), read("idel_mclass", path.read_bytes(), path.name)
    assert found.rejected == {} and found.set_aside == {}
    recommended = rows["Assessment Measure-Instructional Recommendation-Levels"]
    assert found.rows("test_window", "subject", "performance_level", "participation") == expected(
        rows,
        rows["Benchmark Period"].map({"BOY": "fall", "MOY": "winter", "EOY": "spring"}),
        "spanish",
        recommended.map({"Strategic": 2, "Benchmark": 3}),
        "TESTED",
    )


def test_of_idel_benchmarks_in_a_period_the_higher_counts(roci, samples, tmp_path):
    """All rows of the sample are of one student and one day."""
    path = samples / "IDEL/data/sample_anonymized_file.csv"
    rows = plain(path)
    (school,) = set(rows["School Name"])
    roster = roster_of_schools(tmp_path / "oneroster.zip", DISTRICT, {SCHOOL: school}, "2022-08-15")
    assert roci("ingest", "oneroster", roster).code == 0
    done = roci("ingest", "idel_mclass", path, "--district", DISTRICT, "--json")
    assert done.code == 0, done.said
    (load,) = done.json["loads"]
    periods = rows["Benchmark Period"].nunique()
    assert (load["loaded"], load["quarantined"]) == (periods, 0), load
    assert load["set_aside"] == len(rows) - periods


def test_the_third_row_of_circle_is_its_header_and_each_measure_a_result(samples):
    path = samples / "CIRCLE/data/sample_anonymized_file.csv"
    rows = plain(path, header=2)
    found = read("circle", path.read_bytes(), path.name)
    assert len(rows) == 7 and found.rejected == {} and found.set_aside == {}
    measures = {
        "letter_names": "RLN_v1",
        "phonological_awareness": "PA_v2",
        "writing": "Early_Writing_v1",
        "spanish": "PA_spa_v2",
    }
    assert found.rows("student_id", "subject", "scale_score") == by_subject(
        rows, "Student_State_ID", measures
    )
    levels = {"Needs Support": 1, "Monitor": 2, "On Track": 3}
    told = pd.concat([rows[f"CP_{one}"].map(levels).dropna() for one in measures.values()])
    assert Counter(found.good["performance_level"].dropna()) == Counter(told)
    assert set(found.good["test_window"]) == {"fall", "spring"}
    assert set(found.good["school_year"]) == {2024}


@pytest.mark.parametrize("form, layout", [("csv", "csv_2023"), ("txt", "fixed_2023")])
def test_cogat_says_the_same_in_columns_and_in_places(samples, form, layout):
    path = samples / f"CogAT/data/sample_anonymized_file.{form}"
    rows = plain(samples / "CogAT/data/sample_anonymized_file.csv")
    found = read("cogat", path.read_bytes(), path.name)
    assert found.layout == layout and found.rejected == {} and found.set_aside == {}
    batteries = {
        "verbal_reasoning": "V",
        "quantitative_reasoning": "Q",
        "nonverbal_reasoning": "N",
        "composite": "VQN",
    }
    scores = {one: f"Universal Scale Score (USS) {name}" for one, name in batteries.items()}
    assert found.rows("student_id", "subject", "scale_score") == by_subject(
        rows, "Student ID", scores
    )
    assert found.rows("test_window", "school_year", "grade", "district_id") == Counter(
        {("fall", 2024, "KG", DISTRICT): 4 * len(rows)}
    )


def test_each_score_of_an_act_test_is_a_result_of_its_month(samples):
    path = samples / "ACT/data/sample_anonymized_file.csv"
    rows, found = plain(path), read("act", path.read_bytes(), path.name)
    assert found.rejected == {} and found.set_aside == {}
    scores = {
        "english": "Eng",
        "math": "Mth",
        "reading": "Rdg",
        "science": "Sci",
        "writing": "Writing",
        "composite": "Composite",
    }
    assert found.rows("student_id", "subject", "scale_score") == by_subject(
        rows, "ID_StateAssign", scores
    )
    april = set(rows.loc[rows["Test_Dte"] == "042025", "ID_StateAssign"])
    assert set(found.good.loc[found.good["test_window"] == "spring", "student_id"]) == april
    assert set(found.good["school_year"]) == {2025} and found.good["test_date"].isna().all()


def test_each_score_of_an_accuplacer_report_is_a_result(samples):
    path = samples / "ACCUPLACER/data/sample_anonymized_file.csv"
    rows, found = plain(path), read("accuplacer", path.read_bytes(), path.name)
    assert found.rejected == {}
    scores = {
        "reading": "Next-Generation Reading",
        "writing": "Next-Generation Writing",
        "arithmetic": "Next-Generation Arithmetic",
        "advanced_algebra": "Next-Generation Advanced Algebra and Functions",
        "quantitative_reasoning": (
            "Next-Generation Quantitative Reasoning, Algebra, and Statistics"
        ),
    }
    assert found.rows("student_id", "subject", "scale_score") == by_subject(
        rows, "Student ID", scores
    )
    without = sum((rows[list(scores.values())] == "").all(axis=1))
    assert found.set_aside == ({"NO_RESULT": without} if without else {})


FASTBRIDGE = {
    "areading": (
        "FastBridgeCAT/data/sample_anonymized_aReading.csv",
        "aReading",
        "aReading Test Theta",
    ),
    "amath": ("FastBridgeCAT/data/sample_anonymized_aMath.csv", "aMath", "aMath Test Theta"),
    "early_reading": (
        "FastBridge_English/data/sample_anonymized_file.csv",
        "Early Reading English",
        "Early Reading English Composite Score",
    ),
    "early_math": (
        "FastBridge_Math/data/sample_anonymized_file.csv",
        "Early Math",
        "Early Math Composite Score",
    ),
    "autoreading": (
        "FastBridge_AUTOreading/data/sample_anonymized_file_fastbridge_autoreading.csv",
        "AUTOreading",
        "AUTOreading Graded Response Composite Auto Scaled",
    ),
    "cbmreading": (
        "FastBridge_CBMreading/data/sample_anonymized_file_fastbridge_cbmreading.csv",
        "CBMR-English",
        "CBMR-English Median WRC",
    ),
    "cbmmath_cap": (
        "FastBridge_CBMmath/data/sample_anonymized_file_cbmm_cap.csv",
        "CBMmath CAP",
        "CBMmath CAP IC per ten minute",
    ),
}


def seasons_of(rows: pd.DataFrame, test: str, score: str) -> pd.DataFrame:
    """Return a row per student and season that has a score."""
    student = rows["State ID"].where(rows["State ID"] != "", rows["Local ID"])
    blocks = []
    for window, season in SEASONS.items():
        day = pd.to_datetime(rows[f"{season} {test} Final Date"], format="%m/%d/%Y")
        blocks.append(pd.DataFrame({
            "student": student,
            "window": window,
            "year": day.dt.year + (day.dt.month > 6),
            "score": pd.to_numeric(rows[f"{season} {score}"]),
            "level": rows[f"{season} {test} Risk Level"].map(LEVELS_OF_RISK),
        }))  # fmt: skip
    return pd.concat(blocks).dropna(subset="score")


@pytest.mark.parametrize("layout", FASTBRIDGE)
def test_every_season_of_a_fastbridge_row_is_a_result(samples, layout):
    file, test, score = FASTBRIDGE[layout]
    path = samples / file
    rows = plain(path)
    # Two samples were stripped of their schools, by which results are placed.
    rows["School"] = rows["School"].where(rows["School"] != "", "Quellwood Elementary")
    header = path.read_text(encoding="utf-8-sig").split("\n", 1)[0]
    body = rows.to_csv(index=False, header=False, lineterminator="\n")
    found = read("fastbridge", f"{header}\n{body}".encode(), path.name)
    seasons = seasons_of(rows, test, score)
    assert found.layout == layout and found.rejected == {}
    assert len(seasons) > 0 and set(found.set_aside) <= {"NO_RESULT"}
    assert set(found.good["assessment"]) == {f"fastbridge_{layout}"}
    results = ("student_id", "test_window", "school_year", "scale_score", "performance_level")
    assert found.rows(*results) == rows_of(seasons[["student", "window", "year", "score", "level"]])
    assert set(found.good["school_id"]) == {SCHOOL}
