"""Every fault of the demonstration stands where the plan says, and nowhere else."""

import gzip
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from flows.demo import DemoPlan, expected_outcome, write_demo
from flows.demo.extract import header_list
from flows.demo.network import SCHOOLS
from tests.unit.flows.demo_catalogue import catalogue, rows_of

ETHNICITIES = {"100", "200", "300", "400", "500", "600", "700", "800"}
STATUSES = {"EO", "IFEP", "EL", "RFEP", "TBD", "ADEL"}
RACES = (
    "HispanicorLatino",
    "AmericanIndianorAlaskaNative",
    "Asian",
    "HawaiianOrOtherPacificIslander",
    "Filipino",
    "BlackorAfricanAmerican",
    "White",
)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoPlan]:
    landing = tmp_path_factory.mktemp("landing")
    return landing, write_demo(landing, catalogue=catalogue())


@pytest.fixture(scope="module")
def scores(demo) -> dict[str, dict[int, dict[str, str]]]:
    """Every whole score file: its rows by the number that a spreadsheet shows."""
    landing, plan = demo
    found = {}
    for file in plan.files:
        if file.source == "ca_caaspp_student" and "resent" not in file.path:
            header, *rows = rows_of(landing / file.path, "^")
            named = (dict(zip(header, row, strict=True)) for row in rows)
            found[file.path] = dict(enumerate(named, start=2))
    return found


def planted(plan: DemoPlan, code: str) -> dict[str, list[int]]:
    rows: dict[str, list[int]] = {}
    for fault in plan.faults:
        if fault.code == code and fault.source == "ca_caaspp_student":
            rows.setdefault(fault.file, []).extend(fault.rows)
    return {file: sorted(found) for file, found in rows.items()}


def test_counts_and_rows_of_a_fault_agree(demo):
    _, plan = demo
    for fault in plan.faults:
        whole_file = fault.kind in {"refused", "held"}
        assert fault.count == (1 if whole_file else len(set(fault.rows)))
        assert fault.words


def test_unknown_codes_stand_in_the_planted_rows_and_nowhere_else(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        strange = [
            number
            for number, row in rows.items()
            if row["ReportingEthnicity"] not in ETHNICITIES or row["ELAS"] not in STATUSES
        ]
        assert strange == planted(plan, "UNKNOWN_CODE")[file]


def test_scores_out_of_range_stand_in_the_planted_rows(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        high = [n for n, row in rows.items() if row["ScaleScore"].isdigit() and
                int(row["ScaleScore"]) > 2900]  # fmt: skip
        assert high == planted(plan, "SCORE_OUT_OF_RANGE")[file]


def test_lost_zeros_are_lost_in_every_code_of_the_planted_rows(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        short = [n for n, row in rows.items() if len(row["FinalTestedSchoolCode"]) == 13]
        assert short == planted(plan, "LOST_ZERO_REPAIRED")[file]
        assert all(len(rows[n]["FinalTestedDistrictCode"]) == 13 for n in short)
        codes = {row["FinalTestedSchoolCode"].zfill(14) for row in rows.values()}
        assert codes <= {school.cds for school in SCHOOLS}


def test_shortened_ids_stand_in_the_planted_rows(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        short = [number for number, row in rows.items() if len(row["SSID"]) != 10]
        assert short == planted(plan, "BAD_FORMAT")[file]


def test_repeated_rows_are_either_exact_or_in_conflict_as_planned(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        first: dict[tuple[str, str], int] = {}
        exact, conflicting = [], []
        for number, row in rows.items():
            earlier = first.setdefault((row["SSID"], row["RecordType"]), number)
            if earlier != number:
                same = rows[earlier] == row
                (exact if same else conflicting).extend([number] if same else [earlier, number])
        assert exact == planted(plan, "DUPLICATE_EXACT")[file]
        assert sorted(conflicting) == planted(plan, "DUPLICATE_CONFLICT")[file]


def test_language_histories_are_impossible_in_the_planted_rows_only(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        dated = [n for n, row in rows.items() if row["ELAS"] == "EO" and row["ELEntryDate"]]
        undated = [n for n, row in rows.items() if row["ELAS"] == "RFEP" and not row["RFEPDate"]]
        assert dated == planted(plan, "EO_WITH_EL_DATE")[file]
        assert undated == planted(plan, "RFEP_WITHOUT_DATE")[file]
        for row in rows.values():
            if row["RFEPDate"] and row["FinalTestCompletedDate"]:
                assert row["ELEntryDate"] < row["RFEPDate"] < row["FinalTestCompletedDate"]


def test_scores_for_too_few_answers_and_unreported_races_are_noted(demo, scores):
    _, plan = demo
    for file, rows in scores.items():
        loss = [number for number, row in rows.items() if row["ConditionCode"] == "LOSS"]
        silent = [n for n, row in rows.items() if not any(row[race] == "Yes" for race in RACES)]
        assert loss == planted(plan, "SCORE_WITH_CONDITION")[file]
        assert silent == planted(plan, "NO_RACE_FLAG")[file]
        assert {rows[number]["ReportingEthnicity"] for number in silent} == {"800"}


def test_no_row_carries_two_planted_faults(demo):
    _, plan = demo
    for file in plan.files:
        rows = Counter(
            row
            for fault in plan.faults_of(file.path)
            for row in fault.rows
            if fault.code not in {"SCORE_WITH_CONDITION", "NO_RACE_FLAG"}
        )
        assert not [row for row, count in rows.items() if count > 1]


def test_the_truncated_file_breaks_off_within_a_row_and_its_twin_is_whole(demo):
    landing, plan = demo
    [fault] = [fault for fault in plan.faults if fault.code == "TRUNCATED_FILE"]
    content = (landing / fault.file).read_bytes()
    twin = (landing / fault.file.replace("_resent", "")).read_bytes()
    assert twin.startswith(content)
    assert not content.endswith(b"\n")
    last = content.rsplit(b"\n", 1)[1]
    assert 0 < last.count(b"^") < content.split(b"\n", 1)[0].count(b"^")


def test_the_empty_file_is_empty(demo):
    landing, plan = demo
    [fault] = [fault for fault in plan.faults if fault.code == "EMPTY_FILE"]
    assert (landing / fault.file).read_bytes() == b""


def test_one_export_has_a_column_that_no_layout_knows(demo):
    landing, plan = demo
    [fault] = [fault for fault in plan.faults if fault.code == "UNKNOWN_HEADER"]
    found = set(rows_of(landing / fault.file)[0])
    known = set(header_list("iready_2026_math"))
    assert found - known == {"Overall Score"}
    assert known - found == {"Overall Scale Score"}


def test_one_export_names_a_school_that_is_in_no_directory(demo):
    landing, plan = demo
    [fault] = [fault for fault in plan.faults if fault.code == "UNKNOWN_SCHOOL"]
    header, *rows = rows_of(landing / fault.file)
    names = {row[header.index("School")] for row in rows}
    assert len(names) == 1
    assert not names & {school.name for school in SCHOOLS}


def test_the_earlier_of_two_sittings_in_a_window_is_the_one_set_aside(demo):
    landing, plan = demo
    for fault in plan.faults:
        if fault.code != "REPEATED_TEST":
            continue
        header, *rows = rows_of(landing / fault.file)
        at = {name: position for position, name in enumerate(header)}
        for number in fault.rows:
            earlier, later = rows[number - 2], rows[number - 1]
            assert earlier[at["Student ID"]] == later[at["Student ID"]]
            assert earlier[at["Rush Flag"]] and not later[at["Rush Flag"]]


def test_the_teachers_of_a_roster_are_the_rows_set_aside(demo):
    landing, plan = demo
    for fault in plan.faults:
        if fault.code == "NOT_A_STUDENT":
            with zipfile.ZipFile(landing / fault.file) as archive:
                lines = archive.read("users.csv").decode().splitlines()
            role = lines[0].split(",").index("role")
            teachers = [
                number
                for number, line in enumerate(lines[1:], start=2)
                if line.split(",")[role] == "teacher"
            ]
            assert teachers == fault.rows


def test_the_long_file_repeats_rows_and_has_codes_of_its_own(demo):
    landing, plan = demo
    [path] = landing.glob("*.gz")
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    by_code = {fault.code: fault.rows for fault in plan.faults_of(path.name)}
    repeated = [n for n in range(3, len(lines) + 1) if lines[n - 1] == lines[n - 2]]
    assert repeated == by_code["DUPLICATE_EXACT"]
    strange = [n for n, line in enumerate(lines, start=1) if ",Not listed," in line]
    assert strange == by_code["UNKNOWN_CODE"]


def test_the_expected_outcome_adds_up_by_source_and_code(demo):
    _, plan = demo
    expected = expected_outcome(plan)
    assert sum(expected.values()) == sum(fault.count for fault in plan.faults)
    assert expected["ca_caaspp_student", "TRUNCATED_FILE"] == 1
    assert expected["iready_diagnostic", "UNKNOWN_SCHOOL"] == 1
    rejected = sum(f.count for f in plan.faults if f.kind == "reject" and f.rows)
    rows = sum(f.rows for f in plan.files if f.source == "ca_caaspp_student")
    assert rejected < 0.02 * rows, "a file past its threshold would be refused whole"
