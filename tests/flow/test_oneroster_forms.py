"""A roster in a folder and a roster of changes are taken in as the whole roster they make."""

from __future__ import annotations

import json
import os
import shutil
import time
import zipfile
from pathlib import Path

import duckdb
import pytest

from tests.flow.small_files import roster_of_schools

DISTRICT = "0199017"
SCHOOLS = {"6990001": "Elm Elementary", "6990002": "Oak Middle", "6990003": "Fir High"}
USERS = "sourcedId,status,orgSourcedIds,role,givenName,familyName,identifier,grades\n"
MANIFEST = (
    "propertyName,value\nfile.users,delta\nfile.orgs,absent\nfile.enrollments,absent\n"
    "file.demographics,absent\n"
)


@pytest.fixture
def bulk(tmp_path: Path) -> Path:
    return roster_of_schools(tmp_path / "oneroster.zip", DISTRICT, SCHOOLS, "2023-08-15")


def delta(path: Path, rows: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("manifest.csv", MANIFEST)
        archive.writestr("users.csv", USERS + rows)
    return path


def grades(home: Path) -> list[tuple[str, str]]:
    """The students of the newest partition, each with the grade."""
    places = (home / "lake" / "student_roster").rglob("*.parquet")
    newest = max(places, key=lambda place: place.stat().st_mtime_ns)
    with duckdb.connect() as con:
        return con.execute(f"SELECT student_id, grade FROM '{newest}' ORDER BY ALL").fetchall()


def test_a_delta_changes_its_students_and_leaves_the_others(roci, workspace_home, bulk, tmp_path):
    assert roci("ingest", "oneroster", bulk, "--district", DISTRICT).code == 0
    assert [grade for _, grade in grades(workspace_home)] == ["03", "03", "03"]
    first = delta(tmp_path / "monday.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    second = delta(tmp_path / "tuesday.zip", "u1,tobedeleted,o1,student,Ann,Bee,7000000001,03\n")
    done = roci("ingest", "oneroster", first, second, "--district", DISTRICT)
    assert done.code == 0, done.said
    assert grades(workspace_home) == [("7000000000", "04"), ("7000000002", "03")]


def test_a_delta_without_a_whole_roster_is_refused(roci, workspace_home, tmp_path):
    roci("init")
    landing = workspace_home / "landing" / DISTRICT
    landing.mkdir(parents=True, exist_ok=True)
    delta(landing / "changes.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    done = roci("run", "--json")
    assert "DELTA_WITHOUT_BULK" in done.said
    assert [path.name for path in (workspace_home / "landing" / "refused").glob("*.zip")] == [
        "changes.zip"
    ]


def test_a_folder_of_tables_in_landing_is_one_roster(roci, workspace_home, bulk):
    roci("init")
    folder = workspace_home / "landing" / DISTRICT / "sis"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(bulk) as archive:
        for name in ("users.csv", "orgs.csv"):
            archive.extract(name, folder)
        waits = roci("run", "--json")
        assert waits.code == 0, waits.said
        assert sorted(path.name for path in folder.iterdir()) == ["orgs.csv", "users.csv"]
        archive.extractall(folder)
    done = roci("run", "--json")
    assert done.code == 0, done.said
    assert [load["file_name"] for load in json.loads(done.out)["loads"]] == ["sis.zip"]
    assert len(grades(workspace_home)) == len(SCHOOLS)
    assert list(folder.iterdir()) == []


def test_a_folder_can_be_named_on_the_command_line(roci, workspace_home, bulk, tmp_path):
    folder = tmp_path / "sis"
    with zipfile.ZipFile(bulk) as archive:
        archive.extractall(folder)
    done = roci("ingest", "oneroster", folder, "--district", DISTRICT)
    assert done.code == 0, done.said
    assert len(grades(workspace_home)) == len(SCHOOLS)
    assert (folder / "users.csv").exists()


def test_a_folder_that_lacks_a_table_is_no_roster(roci, workspace_home, bulk, tmp_path):
    folder = tmp_path / "sis"
    with zipfile.ZipFile(bulk) as archive:
        archive.extract("users.csv", folder)
    done = roci("ingest", "oneroster", folder, "--district", DISTRICT)
    assert "NO_SUCH_FILE" in done.said


def test_changes_in_a_folder_are_laid_over_the_last_roster(roci, workspace_home, bulk):
    assert roci("ingest", "oneroster", bulk, "--district", DISTRICT).code == 0
    folder = workspace_home / "landing" / DISTRICT / "changes"
    folder.mkdir(parents=True)
    (folder / "users.csv").write_text(USERS + "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    assert roci("run").code == 0
    assert [path.name for path in folder.iterdir()] == ["users.csv"]
    (folder / "manifest.csv").write_text(MANIFEST)
    done = roci("run", "--json")
    assert [load["state"] for load in json.loads(done.out)["loads"]] == ["loaded"], done.said
    assert grades(workspace_home)[0] == ("7000000000", "04")
    assert list(folder.iterdir()) == []


def test_changes_in_a_folder_without_a_roster_before_stop_nothing_else(roci, workspace_home, bulk):
    roci("init")
    folder = workspace_home / "landing" / DISTRICT / "changes"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(bulk) as archive:
        archive.extractall(folder)
    (folder / "manifest.csv").write_text(MANIFEST)
    done = roci("run", "--json")
    assert [load["code"] for load in json.loads(done.out)["loads"]] == ["DELTA_WITHOUT_BULK"]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("bulk_is", ["older", "newer"])
def test_changes_in_a_folder_wait_for_the_roster_of_the_same_night(
    roci, workspace_home, bulk, bulk_is
):
    roci("init")
    district = workspace_home / "landing" / DISTRICT
    folder = district / "changes"
    folder.mkdir(parents=True)
    (folder / "users.csv").write_text(USERS + "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    (folder / "manifest.csv").write_text(MANIFEST)
    landed = shutil.copy(bulk, district / "roster.zip")
    moment = time.time() + (60 if bulk_is == "newer" else -60)
    os.utime(landed, (moment, moment))
    done = roci("run", "--json")
    assert done.code == 0, done.said
    assert [load["state"] for load in json.loads(done.out)["loads"]] == ["loaded", "loaded"]
    assert grades(workspace_home)[0] == ("7000000000", "04")
    assert list(folder.iterdir()) == []


def test_changes_that_waited_for_their_roster_go_before_later_changes(roci, workspace_home, bulk):
    roci("init")
    district = workspace_home / "landing" / DISTRICT
    district.mkdir(parents=True, exist_ok=True)
    user = "u0,active,o0,student,Ann,Bee,7000000000,"
    first = delta(district / "monday.zip", f"{user}04\n")
    landed = shutil.copy(bulk, district / "roster.zip")
    second = delta(district / "tuesday.zip", f"{user}05\n")
    for age, path in ((120, first), (60, landed), (0, second)):
        os.utime(path, (time.time() - age, time.time() - age))
    done = roci("run", "--json")
    assert done.code == 0, done.said
    assert grades(workspace_home)[0] == ("7000000000", "05")


@pytest.mark.parametrize("with_bulk", [True, False])
def test_changes_within_a_zip_of_several_files_are_laid_over_the_roster(
    roci, workspace_home, bulk, tmp_path, with_bulk
):
    assert with_bulk or roci("ingest", "oneroster", bulk, "--district", DISTRICT).code == 0
    changes = delta(tmp_path / "d.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    landed = workspace_home / "landing" / DISTRICT / "all.zip"
    landed.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(landed, "w") as archive:
        archive.write(changes, "a/changes.zip")
        if with_bulk:
            archive.write(bulk, "b/roster.zip")
    done = roci("run", "--json")
    assert done.code == 0, done.said
    assert grades(workspace_home)[0] == ("7000000000", "04")
    assert not landed.exists()


def test_changes_within_a_zip_without_a_roster_are_refused_alone(roci, workspace_home, tmp_path):
    roci("init")
    changes = delta(tmp_path / "d.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    landed = workspace_home / "landing" / DISTRICT / "all.zip"
    landed.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(landed, "w") as archive:
        archive.write(changes, "changes.zip")
    done = roci("run", "--json")
    assert [load["code"] for load in json.loads(done.out)["loads"]] == ["DELTA_WITHOUT_BULK"]
    refused = workspace_home / "landing" / "refused"
    assert [path.name for path in refused.glob("*.zip")] == ["changes.zip"]
    assert not landed.exists()


def packed_at(path: Path, *members: tuple[int, Path]) -> Path:
    """A zip of these files, each under the time of so many seconds ago."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for age, member in members:
            os.utime(member, (time.time() - age, time.time() - age))
            archive.write(member, member.name)
    return path


@pytest.mark.parametrize("place", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_changes_around_their_roster_within_a_zip_are_laid_in_order_of_their_days(
    roci, workspace_home, bulk, tmp_path, place
):
    roci("init")
    user = "u0,active,o0,student,Ann,Bee,7000000000,"
    monday = delta(tmp_path / "monday.zip", f"{user}04\nu1,active,o1,student,A,B,7000000001,06\n")
    wednesday = delta(tmp_path / "wednesday.zip", f"{user}05\n")
    sent = ((7200, monday), (3600, bulk), (0, wednesday))
    landed = packed_at(workspace_home / "landing" / DISTRICT / "all.zip", *(sent[n] for n in place))
    done = roci("run", "--json")
    assert done.code == 0, done.said
    names = [load["file_name"] for load in json.loads(done.out)["loads"]]
    assert names == ["oneroster.zip", "monday.zip", "wednesday.zip"]
    assert [grade for _, grade in grades(workspace_home)] == ["05", "06", "03"]
    assert not landed.exists()


@pytest.mark.parametrize("bulk_is", ["older", "newer", "in a later zip"])
def test_changes_within_a_zip_wait_for_the_roster_outside_it(
    roci, workspace_home, bulk, tmp_path, bulk_is
):
    roci("init")
    district = workspace_home / "landing" / DISTRICT
    changes = delta(tmp_path / "d.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    archive = packed_at(district / "b.zip", (0, changes))
    if bulk_is == "in a later zip":
        roster = packed_at(district / "c.zip", (0, bulk))
    else:
        roster = Path(shutil.copy(bulk, district / "roster.zip"))
    moment = time.time() + (-60 if bulk_is == "older" else 60)
    os.utime(roster, (moment, moment))
    done = roci("run", "--json")
    assert done.code == 0, done.said
    assert grades(workspace_home)[0] == ("7000000000", "04")
    assert not archive.exists() and not roster.exists()


def test_changes_do_not_wait_for_the_roster_of_another_district(roci, workspace_home, bulk):
    roci("init")
    landing = workspace_home / "landing"
    for district in (DISTRICT, "0199025"):
        (landing / district).mkdir(parents=True, exist_ok=True)
    changes = delta(
        landing / "0199025" / "changes.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n"
    )
    roster = shutil.copy(bulk, landing / DISTRICT / "roster.zip")
    for age, path in ((60, changes), (0, roster)):
        os.utime(path, (time.time() - age, time.time() - age))
    loads = json.loads(roci("run", "--json").out)["loads"]
    assert {load["file_name"]: load["code"] for load in loads} == {
        "roster.zip": None,
        "changes.zip": "DELTA_WITHOUT_BULK",
    }


@pytest.mark.parametrize("as_zip", [True, False])
def test_named_changes_wait_for_the_roster_named_after_them(
    roci, workspace_home, bulk, tmp_path, as_zip
):
    changes = delta(tmp_path / "d.zip", "u0,active,o0,student,Ann,Bee,7000000000,04\n")
    named = (
        [packed_at(tmp_path / "all.zip", (9, changes), (0, bulk))] if as_zip else [changes, bulk]
    )
    done = roci("ingest", "oneroster", *named, "--district", DISTRICT)
    assert done.code == 0, done.said
    assert grades(workspace_home)[0] == ("7000000000", "04")
