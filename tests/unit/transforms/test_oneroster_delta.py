import io
import zipfile

import pytest

from configs.errors import FileRefused
from transforms.oneroster import read_oneroster
from transforms.oneroster_delta import is_delta, merge
from transforms.oneroster_manifest import table_modes

ORGS = (
    "sourcedId,status,name,type,identifier,parentSourcedId\n"
    "d,,Invented Unified,district,01123450000000,\n"
    "s1,,Elm Elementary,school,01123450000001,d\n"
)
USERS = "sourcedId,status,orgSourcedIds,role,givenName,familyName,identifier,grades\n"
SPELLS = "sourcedId,status,schoolSourcedId,userSourcedId,beginDate,endDate\n"
BULK = {
    "manifest.csv": "propertyName,value\nfile.users,bulk\nfile.orgs,bulk\nfile.enrollments,bulk\n",
    "orgs.csv": ORGS,
    "users.csv": f"{USERS}u1,,s1,student,Ann,Bee,1000000001,03\n"
    "u2,,s1,student,Cal,Dee,1000000002,04\nu3,,s1,student,Eve,Fox,1000000003,05\n",
    "enrollments.csv": f"{SPELLS}e1,,s1,u1,2023-08-20,\ne2,,s1,u2,2023-08-20,\n"
    "e3,,s1,u3,2023-08-20,\n",
}
DELTA = {
    "manifest.csv": "propertyName,value\nfile.users,delta\nfile.orgs,absent\n"
    "file.enrollments,delta\nfile.demographics,absent\n",
    "users.csv": f"{USERS}u1,active,s1,student,Ann,Bee,1000000001,06\n"
    "u2,tobedeleted,s1,student,Cal,Dee,1000000002,04\n"
    "u4,active,s1,student,Gus,Hay,1000000004,07\n",
    "enrollments.csv": f"{SPELLS}e3,active,s1,u3,2023-08-20,2024-01-31\n"
    "e4,active,s1,u4,2024-02-01,\n",
}


def a_zip(tables):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in tables.items():
            archive.writestr(name, content)
    return out


def merged(base, delta):
    out = io.BytesIO()
    merge(a_zip(base), a_zip(delta), out)
    return out


def roster(stream):
    rows = read_oneroster(stream).table.to_pylist()
    return {
        row["users.identifier"]: (row["users.grades"], row["enrollments.endDate"]) for row in rows
    }


def test_rows_of_a_delta_replace_their_own_and_the_others_stay():
    assert roster(merged(BULK, DELTA)) == {
        "1000000001": ("06", ""),
        "1000000003": ("05", "2024-01-31"),
        "1000000004": ("07", ""),
    }


def test_with_a_deleted_user_go_his_enrolments():
    content = zipfile.ZipFile(merged(BULK, DELTA)).read("enrollments.csv").decode()
    assert "u2" not in content
    assert "u1" in content


def test_the_same_delta_twice_changes_nothing_more():
    once = merged(BULK, DELTA)
    again = io.BytesIO()
    merge(once, a_zip(DELTA), again)
    assert roster(again) == roster(once)
    assert again.getvalue() == once.getvalue()


def test_a_bulk_table_of_a_delta_is_taken_whole():
    delta = DELTA | {
        "manifest.csv": "propertyName,value\nfile.users,bulk\nfile.enrollments,delta\n",
        "users.csv": BULK["users.csv"].replace(",03\n", ",08\n"),
        "enrollments.csv": f"{SPELLS}e3,tobedeleted,s1,u3,,\n",
    }
    found = roster(merged(BULK, delta))
    assert found["1000000001"] == ("08", "")
    assert set(found) == {"1000000001", "1000000002", "1000000003"}


@pytest.mark.parametrize("tables, expected", [(BULK, False), (DELTA, True), ({}, False)])
def test_the_manifest_says_whether_a_zip_is_a_delta(tables, expected):
    assert is_delta(a_zip(tables)) is expected


def test_text_is_no_delta():
    assert not is_delta(io.BytesIO(b"sourcedId,status\n"))


def test_a_manifest_names_the_mode_of_each_table():
    said = table_modes(zipfile.ZipFile(a_zip(DELTA)))
    assert said["users"] == "delta"
    assert said["orgs"] == "absent"
    assert "oneroster.version" not in said


def test_changes_are_never_read_as_a_whole_roster():
    tables = BULK | {"manifest.csv": DELTA["manifest.csv"]}
    with pytest.raises(FileRefused) as caught:
        read_oneroster(a_zip(tables))
    assert caught.value.code == "DELTA_WITHOUT_BULK"


def test_a_user_of_the_wrong_width_takes_his_enrolments_along():
    base = BULK | {"users.csv": BULK["users.csv"].replace("u2,,s1,student,", "u2,,student,")}
    delta = DELTA | {"users.csv": f"{USERS}u1,active,s1,student,Ann,Bee,1000000001,06\n"}
    delta |= {"enrollments.csv": f"{SPELLS}e3,active,s1,u3,2023-08-20,2024-01-31\n"}
    assert roster(merged(base, delta)) == {
        "1000000001": ("06", ""),
        "1000000003": ("05", "2024-01-31"),
    }


def test_an_enrolment_of_a_delta_without_its_user_refuses_the_roster():
    delta = DELTA | {"enrollments.csv": f"{SPELLS}e9,active,s1,u9,2024-02-01,\n"}
    with pytest.raises(FileRefused):
        roster(merged(BULK, delta))
