"""Published results whole, beside a melt of our own over the raw file: every record and value."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from deltalake import DeltaTable

from tests.command_line import Finished, run_roci

SUBJECTS = {"ela": "eng", "math": "math"}
GRADES = ["3", "4", "5", "6", "7", "8", "11"]
GROUPS = {"MALE": "male", "FEMALE": "female", "BLACK": "black", "AIAN": "aian", "ASIAN": "asian",
          "FILIPINO": "filipino", "HISPANIC": "hisp", "NHPI": "pi", "WHITE": "white", "SED": "ed",
          "EL": "el"}  # fmt: skip
OVERALL = {"pct_level_1": "pct_standard_not_met", "pct_level_2": "pct_standard_nearly_met",
           "pct_level_3": "pct_standard_met", "pct_level_4": "pct_standard_exceeded",
           "pct_proficient": "pct_standard_met_or_exceeded"}  # fmt: skip
SHARES = list(OVERALL)
KEY = ["district_id", "subject", "grade", "student_group"]
ENTITIES = 1_003
RECORDS = ENTITIES * len(SUBJECTS) * (1 + len(GRADES) + len(GROUPS))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("published")


@pytest.fixture(scope="module")
def raw(realdata: Path) -> pd.DataFrame:
    path = realdata / "california_2015_results" / "data.csv"
    return pd.read_csv(path, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def done(home: Path, realdata: Path) -> Finished:
    path = realdata / "california_2015_results" / "data.csv"
    return run_roci(["ingest", "ca_2015_results", path, "--json"], {"ROCI_HOME": str(home)})


def in_lake(home: Path, source: str) -> pd.DataFrame:
    frame = DeltaTable(home / "lake" / "published_result").to_pandas()
    return frame[frame["source"] == source]


@pytest.fixture(scope="module")
def lake(done: Finished, home: Path) -> pd.DataFrame:
    assert done.code == 0, done.said
    return in_lake(home, "ca_2015_results").set_index(KEY).sort_index()


def blocks() -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield subject, grade, group and the share columns of every block, as the file spells them."""
    for subject, word in SUBJECTS.items():
        yield subject, "all", "ALL", {k: f"{v}_{word}" for k, v in OVERALL.items()}
        for grade in GRADES:
            shares = {f"pct_level_{n}": f"grade{grade}_{word}_lvl{n}" for n in (1, 2, 3, 4)}
            yield subject, grade.zfill(2), "ALL", shares
        for group, name in GROUPS.items():
            # ed_eng_lvl_4 and male_eng_lvl_4, but ed_math_lvl_4 and male_math_lvl4 (lvl_3_4).
            marks = {"pct_level_1": "1", "pct_level_2": "2", "pct_level_3": "3",
                     "pct_level_4": "4", "pct_proficient": "3_4"}  # fmt: skip
            yield subject, "all", group, {k: f"{name}_{word}_lvl{v}" for k, v in marks.items()}


@pytest.fixture(scope="module")
def melted(raw: pd.DataFrame) -> pd.DataFrame:
    """A record for each entity and block, made with pandas alone; shares in percent."""
    renamed = raw.rename(columns=lambda name: name.replace("_lvl_", "_lvl"))
    district = raw["district_code"].str.zfill(7)
    parts = []
    for subject, grade, group, columns in blocks():
        shares = {k: pd.to_numeric(renamed[v].replace("", None)) * 100 for k, v in columns.items()}
        part = pd.DataFrame({"district_id": district, "subject": subject, "grade": grade,
                             "student_group": group, **shares})  # fmt: skip
        parts.append(part)
    return pd.concat(parts).reindex(columns=[*KEY, *SHARES]).set_index(KEY).sort_index()


def test_every_entity_has_every_record_and_none_is_lost(done, raw, lake, melted):
    (load,) = done.json["loads"]
    assert len(raw) == raw["district_code"].nunique() == ENTITIES
    assert (load["state"], load["loaded"], load["quarantined"], load["set_aside"]) == (
        "loaded", RECORDS, 0, 0,
    )  # fmt: skip
    assert len(lake) == len(melted) == RECORDS


def test_the_records_are_those_of_a_plain_melt_in_every_value(lake, melted):
    assert lake.index.is_unique
    pd.testing.assert_frame_equal(
        lake[SHARES].astype(float), melted.astype(float), check_exact=False, rtol=0, atol=1e-9
    )
    assert melted["pct_level_1"].notna().sum() > 20_000


def test_every_column_of_shares_is_read(raw):
    """So that a block which nobody melts cannot be missed."""
    used = {column for *_, columns in blocks() for column in columns.values()}
    shares = {c.replace("_lvl_", "_lvl") for c in raw.columns if "_lvl" in c or c[:4] == "pct_"}
    assert used == shares


def test_a_share_that_is_null_says_why_and_one_that_is_printed_says_so(lake):
    published = lake["score_status"] == "PUBLISHED"
    assert (lake["pct_level_4"].notna() == published).all()
    assert set(lake["score_status"]) == {"PUBLISHED", "NOT_AVAILABLE"}


def test_the_state_and_every_district_are_told_apart(lake, raw):
    state = lake[lake["entity_type"] == "STATE"]
    assert set(state.index.get_level_values("district_id")) == {"0000000"}
    assert set(state["county_code"]) == {"00"}
    districts = lake[lake["entity_type"] == "DISTRICT"].reset_index()
    assert districts["district_id"].nunique() == ENTITIES - 1
    assert (districts["county_code"] == districts["district_id"].str[:2]).all()
    names = dict(
        zip(raw["district_code"].str.zfill(7), raw["entity_name"].str.strip(), strict=True)
    )
    assert dict(zip(districts["district_id"], districts["district_name"], strict=True)) == {
        code: name for code, name in names.items() if code != "0000000"
    }


def test_the_county_means_of_2013_are_loaded_in_every_value(home, realdata):
    path = realdata / "california_star_2013" / "star_2013_clean_wide.csv"
    run = run_roci(["ingest", "ca_star_county_means", path, "--json"], {"ROCI_HOME": str(home)})
    assert run.code == 0, run.said
    raw = pd.read_csv(path, dtype=str)
    tests = pd.read_csv(path.with_name("test_names.csv"), dtype=str).set_index("Test ID")
    found = in_lake(home, "ca_star_county_means")
    assert len(found) == len(raw) == 3_730
    key = ["district_id", "subject", "grade"]
    assert not found.duplicated(key).any()
    ours = found.sort_values("source_row").reset_index(drop=True)
    assert (ours["district_id"] == raw["County.Code"].str.zfill(2) + "00000").all()
    assert (ours["county_name"] == raw["County.Name"]).all()
    assert (ours["n_tested"] == raw["Students.Tested"].astype(int)).all()
    assert (ours["mean_scale_score"] == raw["Mean.Scale.Score"].astype(float)).all()
    assert (ours["grade"] == raw["Grade"].str.zfill(2).replace("13", "all")).all()
    names = raw["Test.Id"].str.zfill(2).map(tests["Test Name"])
    assert (names == raw["Test.Name"]).all()
    assert names.groupby(ours["subject"]).nunique().eq(1).all()
    assert ours["subject"].groupby(names).nunique().eq(1).all()
