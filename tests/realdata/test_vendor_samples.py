"""The vendors' published samples, each loaded by its YAML and read beside it with pandas alone."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from tests.command_line import Finished
from tests.flow.small_files import roster_of_schools

DISTRICT = "0199017"
SAMPLES = "vendor_samples/assessments"
YTD = "iready_synthetic/iReady__test_data__diagnostic_and_instruction_{0}_ytd_window__{0}.csv"
SITTINGS = ("Most Recent", "1", "2", "3", "4", "5")
QUINTILES = {"Low": 1, "LoAvg": 2, "Avg": 3, "HiAvg": 4, "High": 5}
BENCHMARKS = {
    "Well Below Benchmark": 1,
    "Below Benchmark": 2,
    "At Benchmark": 3,
    "Above Benchmark": 4,
}
CATEGORIES = {"Urgent Intervention": 1, "Intervention": 2, "On Watch": 3, "At/Above Benchmark": 4}
PLACEMENTS = {"2 or More Levels Below": 1, "1 Level Below": 2, "On Level": 3, "Above Level": 4}
COLUMNS = "student_id, subject, test_window, school_year, scale_score, performance_level"
Run = Callable[..., Finished]


def plain(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def with_schools(roci: Run, folder: Path, names: list[str], begin: str) -> None:
    """Load a roster that names the schools."""
    codes = {f"{6_990_000 + number}": name for number, name in enumerate(names)}
    roster = roster_of_schools(folder / "oneroster.zip", DISTRICT, codes, begin)
    done = roci("ingest", "oneroster", roster)
    assert done.code == 0, done.said


def load(roci: Run, source: str, path: Path) -> dict[str, int]:
    done = roci("ingest", source, path, "--district", DISTRICT, "--json")
    assert done.code == 0, done.said
    (one,) = done.json["loads"]
    assert one["state"] == "loaded", one
    return {name: one[name] for name in ("received", "loaded", "quarantined", "set_aside")}


def kept(home: Path, columns: str = COLUMNS) -> Counter[tuple]:
    place = home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        return Counter(con.execute(f"SELECT {columns} FROM '{place}'").fetchall())


def expected(rows: pd.DataFrame, *columns: pd.Series | str | int | None) -> Counter[tuple]:
    """Return rows of columns; what is no series stands in every row."""
    series = [one.tolist() if isinstance(one, pd.Series) else [one] * len(rows) for one in columns]
    return Counter(zip(*series, strict=True))


def counted(received: int, loaded: int, set_aside: int = 0) -> dict[str, int]:
    return {"received": received, "loaded": loaded, "quarantined": 0, "set_aside": set_aside}


@pytest.fixture
def map_sample(realdata: Path, tmp_path: Path) -> Path:
    """Return the sample with the field and the line end that its last row lacks."""
    text = (realdata / SAMPLES / "MAP_Growth/data/sample_anonymized_file.csv").read_text()
    mended = tmp_path / "map_growth.csv"
    mended.write_text(text + ",\n")
    return mended


def test_the_map_growth_sample_ends_within_its_last_row(roci, realdata):
    path = realdata / SAMPLES / "MAP_Growth/data/sample_anonymized_file.csv"
    done = roci("ingest", "nwea_map_growth", path, "--district", DISTRICT, "--json")
    assert done.code != 0
    assert done.json["loads"][0]["code"] == "TRUNCATED_FILE"


def test_of_map_growth_the_growth_tests_count(roci, workspace_home, map_sample, tmp_path):
    rows = plain(map_sample)
    with_schools(roci, tmp_path, sorted(set(rows["SchoolName"])), "2021-08-15")
    assert load(roci, "nwea_map_growth", map_sample) == counted(7, 6, set_aside=1)
    growth = rows[rows["GrowthMeasureYN"] == "TRUE"]
    subject = growth["Subject"].map({"Science": "science", "Mathematics": "math"})
    assert kept(workspace_home) == expected(
        growth,
        growth["Student_StateID"],
        subject,
        "fall",
        2022,
        growth["TestRITScore"].astype(float),
        growth["AchievementQuintile"].map(QUINTILES),
    )
    assert kept(workspace_home, "grade, school_id, district_id") == expected(
        growth, "UNKNOWN", growth["School_StateID"], growth["District_StateID"]
    )


@pytest.mark.parametrize(
    "source, folder, subject",
    [("dibels8_mclass", "Dibels_8_Benchmark", "reading"), ("lectura_mclass", "Lectura", "spanish")],
)
def test_a_composite_counts_in_its_period(
    roci, workspace_home, realdata, tmp_path, source, folder, subject
):
    path = realdata / SAMPLES / folder / "data" / "sample_anonymized_file.csv"
    rows = plain(path)
    with_schools(roci, tmp_path, sorted(set(rows["School Name"])), "2023-08-15")
    found = load(roci, source, path)
    # All rows of the sample of Lectura are of one student: the highest composite counts.
    score = rows["Composite Score"].astype(float)
    student = rows["Primary ID - Student ID (State ID)"]
    best = rows[score == score.groupby(student).transform("max")]
    assert found == counted(len(rows), len(best), set_aside=len(rows) - len(best))
    assert kept(workspace_home) == expected(
        best,
        student[best.index],
        subject,
        "fall",
        2024,
        score[best.index],
        best["Composite Level"].map(BENCHMARKS),
    )
    assert kept(workspace_home, "grade, ethnicity, el_status, gender") == expected(
        best,
        "KG",
        "HISPANIC",
        best["ELL Status"].map({"Y": "EL", "N": "NOT_EL"}),
        best["Gender"],
    )


def test_star_results_have_their_screening_window_and_category(
    roci, workspace_home, realdata, tmp_path
):
    path = realdata / SAMPLES / "STAR/data/SR_sample_anonymized_file.csv"
    rows = plain(path)
    with_schools(roci, tmp_path, sorted(set(rows["SchoolName"])), "2023-08-15")
    assert load(roci, "renaissance_star", path) == counted(5, 5)
    assert kept(workspace_home) == expected(
        rows,
        rows["StudentStateID"],
        "reading",
        rows["ScreeningPeriodWindowName"].str.lower(),
        2024,
        rows["ScaledScore"].astype(float),
        rows["RenaissanceBenchmarkCategoryName"].map(CATEGORIES),
    )
    assert kept(workspace_home, "grade") == expected(rows, "0" + rows["Grade"])
    # Read to recognise a student by; kept in the roster's own table and nowhere else.
    with pytest.raises(duckdb.BinderException, match="birth_date"):
        kept(workspace_home, "birth_date")


@pytest.mark.parametrize("name", ["SR_Dashboard_Standards_v2", "SR_SkillArea_v1"])
def test_stars_other_extracts_are_refused(roci, realdata, name):
    path = realdata / SAMPLES / "STAR/data" / f"{name}_sample_anonymized_file.csv"
    done = roci("ingest", "renaissance_star", path, "--district", DISTRICT, "--json")
    assert done.code != 0
    assert done.json["loads"][0]["code"] == "UNKNOWN_HEADER"


def test_a_text_level_is_its_place_in_the_alphabet(roci, workspace_home, realdata):
    path = realdata / SAMPLES / "Fountas_and_Pinnell/data/sample_anonymized_file_FnP.csv"
    rows = plain(path)
    assert load(roci, "fountas_pinnell", path) == counted(10, 10)
    day = pd.to_datetime(rows["DateTaken"], format="%m/%d/%Y")
    season = {9: "fall", 1: "winter", 5: "spring"}
    assert kept(workspace_home) == expected(
        rows,
        rows["StudentID"],
        "reading",
        day.dt.month.map(season),
        day.dt.year + (day.dt.month > 6),
        rows["TextReading"].map(lambda letter: float(ord(letter) - ord("A") + 1)),
        None,
    )


def sittings_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row per completed diagnostic, the last of a student and window alone."""
    blocks = [
        pd.DataFrame({
            "student": rows["Student ID"],
            "day": pd.to_datetime(
                rows[f"Diagnostic: Completion Date ({one})"], format="%m/%d/%Y", errors="coerce"
            ),
            "score": rows[f"Diagnostic: Overall Scale Score ({one})"],
            "level": rows[f"Diagnostic: Overall Relative Placement ({one})"].map(PLACEMENTS),
        })
        for one in SITTINGS
    ]  # fmt: skip
    return pd.concat(blocks).query("score != ''").astype({"score": float})


def window_of(day: pd.Timestamp) -> str:
    month_day = (day.month, day.day)
    if (3, 2) <= month_day <= (6, 30):
        return "spring"
    return "fall" if (7, 1) <= month_day <= (11, 15) else "winter"


@pytest.mark.parametrize("subject, name, empty", [("reading", "ela", 0), ("math", "math", 1)])
def test_every_diagnostic_of_the_year_in_one_row_is_a_result(
    roci, workspace_home, realdata, tmp_path, subject, name, empty
):
    path = realdata / YTD.format(name)
    rows = plain(path)
    with_schools(roci, tmp_path, sorted(set(rows["School"])), "2021-08-15")
    found = load(roci, "iready_diagnostic", path)
    sittings = sittings_of(rows)
    completed = rows["Number of Completed Diagnostics during the time frame"].astype(int)
    assert len(sittings) == completed.sum(), "the most recent is beside the earlier ones"
    sittings["window"] = sittings["day"].map(window_of)
    last = sittings.sort_values(["day", "score"]).groupby(["student", "window"]).tail(1)
    assert sum(completed == 0) == empty
    assert found["quarantined"] == 0 and found["loaded"] == len(last)
    assert found["set_aside"] == len(sittings) - len(last) + empty
    assert kept(workspace_home) == expected(
        last,
        last["student"],
        subject,
        last["window"],
        2022,
        last["score"],
        last["level"],
    )
    (assessment,) = kept(workspace_home, "assessment")
    assert assessment == ("iready_on_level",)


@pytest.mark.parametrize("name", ["nwea_map", "dibels8", "lectura", "renaissance_star"])
def test_a_header_is_the_samples_own(realdata, name):
    path = {
        "nwea_map": "MAP_Growth/data/sample_anonymized_file.csv",
        "dibels8": "Dibels_8_Benchmark/data/sample_anonymized_file.csv",
        "lectura": "Lectura/data/sample_anonymized_file.csv",
        "renaissance_star": "STAR/data/SR_sample_anonymized_file.csv",
    }[name]
    with (realdata / SAMPLES / path).open(encoding="utf-8-sig", newline="") as stream:
        header = next(csv.reader(stream))
    ours = Path("configs/sources/headers", f"{name}.txt").read_text(encoding="utf-8").split("\n")
    assert ours[:-1] == header
