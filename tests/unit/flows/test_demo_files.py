"""The demonstration's files: the same at every writing, in the real layouts, all invented."""

import csv
import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import pytest

from configs.assessment_models import Assessment
from flows.demo import DemoPlan, site_configuration, write_demo
from flows.demo.directory import listed_schools
from flows.demo.extract import header_list
from flows.demo.names import FAMILY_NAMES, GIVEN_NAMES
from flows.demo.network import DISTRICTS, FEEDER_CHAINS, PARTNERS, SCHOOLS, school_of
from tests.unit.flows.demo_catalogue import catalogue, rows_of


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, DemoPlan]:
    landing = tmp_path_factory.mktemp("landing")
    return landing, write_demo(landing, catalogue=catalogue())


def files(landing: Path) -> dict[str, str]:
    return {
        str(path.relative_to(landing)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(landing.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_writes_the_same_bytes(demo, tmp_path):
    landing, plan = demo
    again = write_demo(tmp_path, catalogue=catalogue())
    assert files(tmp_path) == files(landing)
    assert again == plan


def test_another_seed_writes_other_students(demo, tmp_path):
    landing, _ = demo
    write_demo(tmp_path, seed=7, catalogue=catalogue())
    changed = {name for name, digest in files(tmp_path).items() if files(landing)[name] != digest}
    unchanged = set(files(landing)) - changed
    assert all("entities" in name or name.endswith("2023-24_resent.txt") for name in unchanged)


def test_the_plan_names_every_file_and_its_rows(demo):
    landing, plan = demo
    assert sorted(file.path for file in plan.files) == sorted(files(landing))
    for file in plan.files:
        if file.path.endswith(".csv"):
            assert len(rows_of(landing / file.path)) == file.rows + 1


def test_the_network_has_two_districts_twelve_schools_and_four_partners():
    assert len(DISTRICTS) == 2
    assert len({school.cds for school in SCHOOLS}) == 12
    assert len(PARTNERS) == 4
    assert {school.level for school in SCHOOLS} == {"Elementary", "Middle", "High"}


def test_every_grade_has_a_school_from_every_beginning():
    for home, chain in FEEDER_CHAINS.items():
        assert {school_of(home, grade) for grade in range(13)} == set(chain)
        assert len({SCHOOLS[position].district for position in chain}) == 1


def test_about_six_thousand_students_grow_up_from_grade_to_grade(demo):
    landing, _ = demo
    grades: dict[str, dict[int, str]] = {}
    for path in sorted(landing.rglob("*.zip")):
        year = int(path.stem[-7:-3]) + 1
        with zipfile.ZipFile(path) as archive:
            users = csv.DictReader(io.StringIO(archive.read("users.csv").decode()))
            for user in users:
                if user["role"] == "student":
                    grades.setdefault(user["identifier"], {})[year] = user["grades"]
    assert 5_700 <= len(grades) <= 6_300
    number = {"KG": 0} | {f"{grade:02d}": grade for grade in range(1, 13)}
    steps = [
        number[by_year[year + 1]] - number[by_year[year]]
        for by_year in grades.values()
        for year in (2022, 2023)
        if {year, year + 1} <= set(by_year)
    ]
    assert len(steps) > 7_000
    assert set(steps) == {1}


@pytest.mark.parametrize("year", [2022, 2023, 2024])
def test_score_files_have_exactly_the_configured_columns(demo, year):
    landing, _ = demo
    for path in landing.rglob(f"caaspp*_{year - 1}-{year % 100}.txt"):
        rows = rows_of(path, "^")
        assert tuple(rows[0]) == header_list(f"caaspp_{year}")
        assert {len(row) for row in rows} == {len(rows[0])}


def test_diagnostics_have_the_older_and_then_the_newer_layout(demo):
    landing, _ = demo
    for path in landing.rglob("iready*.csv"):
        if "resent" in path.name:
            continue
        layout = "2022" if "2021-2022" in path.name else "2026"
        subject = "ela" if "_ela_" in path.name else "math"
        assert tuple(rows_of(path)[0]) == header_list(f"iready_{layout}_{subject}")
        assert path.read_bytes().startswith(b"\xef\xbb\xbf") == (layout == "2026")
        assert (b"\r\n" in path.read_bytes()) == (layout == "2026")


def test_the_type_id_moves_and_the_accent_is_cp1252(demo):
    landing, _ = demo
    for path in landing.glob("*entities*"):
        content = path.read_bytes()
        header = content.split(b"\r\n")[0].decode().split("^")
        assert header.index("Type ID") == (3 if "2024" in path.name else 5)
        assert "Montaña Quieta Elementary" in content.decode("cp1252")
        with pytest.raises(UnicodeDecodeError):
            content.decode("utf-8")


def test_each_programmes_directory_lacks_a_school_of_the_other():
    smarter = {school.code for school in listed_schools("sb")}
    science = {school.code for school in listed_schools("cast")}
    assert len(smarter - science) == len(science - smarter) == 1
    assert len(smarter | science) == 12


def test_people_have_names_from_the_invented_lists_only(demo):
    landing, _ = demo
    people: set[tuple[str, str]] = set()
    for path in landing.rglob("caaspp*.txt"):
        people |= {(row[3], row[2]) for row in rows_of(path, "^")[1:]}
    for path in landing.rglob("iready*.csv"):
        people |= {(row[1], row[0]) for row in rows_of(path)[1:]}
    for path in landing.rglob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            users = csv.DictReader(io.StringIO(archive.read("users.csv").decode()))
            people |= {(user["givenName"], user["familyName"]) for user in users}
    text = gzip.decompress(next(landing.glob("*.gz")).read_bytes()).decode()
    long = csv.DictReader(io.StringIO(text))
    people |= {(row["FIRST_NAME"], row["LAST_NAME"]) for row in long}
    assert {given for given, _ in people} == set(GIVEN_NAMES)
    assert {family for _, family in people} == set(FAMILY_NAMES)


def test_scores_and_levels_agree_with_the_configured_cut_scores(demo):
    landing, plan = demo
    smarter: Assessment = catalogue().assessments["caaspp_sb"]
    cuts = {
        (found.subject, found.grade): found
        for found in smarter.score_ranges
        if found.from_year == 2021
    }
    path = "0199017/caaspp_student_score_data_2022-23.txt"
    planted = {row for fault in plan.faults_of(path) for row in fault.rows}
    rows = rows_of(landing / path, "^")
    at = {name: position for position, name in enumerate(rows[0])}
    judged = 0
    for source_row, row in enumerate(rows[1:], start=2):
        subject = {"01": "ela", "02": "math"}.get(row[at["RecordType"]])
        if source_row in planted or subject is None or row[at["IncludeIndicator"]] != "Y":
            continue
        found = cuts[subject, row[at["GradeAssessed"]]]
        score = int(row[at["ScaleScore"]])
        assert found.lowest <= score <= found.highest
        assert int(row[at["AchievementLevels"]]) == 1 + sum(score >= cut for cut in found.cuts)
        judged += 1
    assert judged > 2_500


def test_partner_schools_gain_more_than_the_rest(demo):
    landing, _ = demo
    partners = {school.cds for school in PARTNERS}
    met: dict[tuple[bool, str], list[bool]] = {}
    for path in landing.rglob("caaspp*.txt"):
        if "resent" in path.name:
            continue
        rows = rows_of(path, "^")
        at = {name: position for position, name in enumerate(rows[0])}
        for row in rows[1:]:
            if row[at["IncludeIndicator"]] == "Y" and row[at["RecordType"]] != "06":
                side = row[at["FinalTestedSchoolCode"]].zfill(14) in partners
                key = (side, path.stem[-7:])
                met.setdefault(key, []).append(row[at["AchievementLevels"]] in "34")
    share = {key: sum(values) / len(values) for key, values in met.items()}
    gain = {side: share[side, "2023-24"] - share[side, "2021-22"] for side in (True, False)}
    assert gain[True] > gain[False] + 0.01


def test_the_site_configuration_names_partners_and_one_network(tmp_path):
    import yaml

    from configs.mart_models import Network

    folder = site_configuration(tmp_path / "site")
    network = Network(**yaml.safe_load((folder / "network.yml").read_text(encoding="utf-8")))
    assert network.partner_schools == [school.key for school in PARTNERS]
    assert len(network.networks) == 1
    named = {key for group in network.networks.values() for key in group.schools}
    assert named <= {school.key for school in SCHOOLS}
