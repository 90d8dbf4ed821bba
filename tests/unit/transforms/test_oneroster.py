import io
import zipfile

import pytest

from configs.errors import FileRefused
from configs.source_models import FieldSource, FileFormat, Layout, Source
from transforms.oneroster import is_oneroster, oneroster_columns, read_oneroster
from transforms.read import examine, raw_rows, read_pieces

SOURCE = Source(
    name="example",
    title="-",
    publisher="-",
    citation="-",
    table="student_roster",
    file_names=["*"],
    format=FileFormat(kind="oneroster", encodings=["utf-8"]),
    layouts=[Layout(name="only", citation="-", header=["users.identifier"])],
    fields={"student_id": FieldSource(column="users.identifier")},
    grain=["student_id"],
    partition=["school_year"],
)
TABLES = {
    "manifest.csv": "propertyName,value\noneroster.version,1.1\n",
    "orgs.csv": "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId\n"
    "d,,,Invented Unified,district,01123450000000,\n"
    "s1,,,Elm Elementary,school,01123450000001,d\n"
    "s2,,,Oak Middle,school,01123450000002,d\n",
    "users.csv": "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,"
    "userIds,givenName,familyName,middleName,identifier,grades\n"
    'u1,,,true,"s1,s2",student,,,Ann,"Bee, Jr.",,1000000001,03\n'
    "t1,,,true,s1,teacher,,,Tea,Cher,,,\n"
    "u2,tobedeleted,,true,s1,student,,,Gone,Kid,,1000000002,04\n"
    "u3,,,true,s2,student,,,New,Kid,,1000000003,07\n",
    "enrollments.csv": "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,"
    "userSourcedId,role,primary,beginDate,endDate\n"
    "e1,,,c1,s1,u1,student,,2023-08-20,2024-06-10\n"
    "e2,,,c2,s1,u1,student,,2023-08-18,2024-06-12\n"
    "e3,,,c3,s2,u1,student,,2023-11-01,\n"
    "e4,,,c1,s1,u1,student,,2024-08-20,2025-06-10\n"
    "e5,tobedeleted,,c4,s2,u3,student,,2022-08-20,\n",
    "demographics.csv": "userSourcedId,status,dateLastModified,birthdate,sex,"
    "americanIndianOrAlaskaNative,asian,blackOrAfricanAmerican,"
    "naitiveHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,"
    "hispanicOrLatinoEthnicity\n"
    "u1,,,2015-01-02,female,false,true,,false,true,,false\n",
}


def a_zip(folder="", **changed):
    tables = TABLES | {f"{name}.csv": content for name, content in changed.items()}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tables.items():
            if content is not None:
                archive.writestr(folder + name, content)
    return out


def rows(piece):
    numbers = piece.source_row.to_pylist()
    return [row | {"row": n} for n, row in zip(numbers, piece.table.to_pylist(), strict=True)]


def refusal(stream):
    with pytest.raises(FileRefused) as caught:
        read_oneroster(stream)
    return caught.value


def test_a_student_has_one_row_per_school_and_school_year_of_enrolment():
    found = [
        (
            row["row"],
            row["orgs.sourcedId"],
            row["enrollments.beginDate"],
            row["enrollments.endDate"],
        )
        for row in rows(read_oneroster(a_zip()))
        if row["users.sourcedId"] == "u1"
    ]
    assert found == [
        (2, "s1", "2023-08-18", "2024-06-12"),
        (2, "s2", "2023-11-01", ""),
        (2, "s1", "2024-08-20", "2025-06-10"),
    ]


def test_a_student_without_enrolment_stands_at_the_first_of_its_orgs():
    (row,) = [r for r in rows(read_oneroster(a_zip())) if r["users.sourcedId"] == "u3"]
    assert (row["orgs.identifier"], row["enrollments.beginDate"]) == ("01123450000002", "")


def test_school_district_and_person_stand_beside_the_student():
    row = rows(read_oneroster(a_zip()))[0]
    assert row["users.familyName"] == "Bee, Jr."
    assert row["district.identifier"] == "01123450000000"
    assert row["demographics.birthDate"] == "2015-01-02"
    assert row["demographics.nativeHawaiianOrOtherPacificIslander"] == "false"


def test_blank_and_absent_demographics_stay_blank():
    first, *_, last = rows(read_oneroster(a_zip()))
    assert first["demographics.blackOrAfricanAmerican"] == ""
    assert last["demographics.asian"] == ""


def test_other_users_and_deleted_ones_are_set_aside():
    found = read_oneroster(a_zip()).set_aside.to_pylist()
    assert [(row["source_row"], row["code"]) for row in found] == [
        (4, "DELETED"),
        (3, "NOT_A_STUDENT"),
    ]


def test_the_rows_of_users_are_all_accounted_for():
    piece = read_oneroster(a_zip())
    assert (piece.rows_in, piece.rows_made, piece.table.num_rows) == (4, 2, 4)


def test_a_user_of_the_wrong_width_is_a_fault():
    users = TABLES["users.csv"] + "u9,broken\n"
    piece = read_oneroster(a_zip(users=users))
    assert piece.faults["source_row"].to_pylist() == [6]
    assert piece.rows_in == 5


@pytest.mark.parametrize("table", ["orgs", "enrollments", "demographics"])
@pytest.mark.parametrize("line", ["x9,broken\n", "," * 40 + "x9\n"])
def test_a_row_of_the_wrong_width_in_another_table_refuses_the_zip_with_its_row(table, line):
    content = TABLES[f"{table}.csv"] + line
    error = refusal(a_zip(**{table: content}))
    row = content.count("\n")
    assert (error.code, error.where) == ("UNREADABLE_FILE", f"{table}.csv: row {row}")
    assert error.found.endswith(": 1") and "x9" not in str(error)


def test_an_enrolment_of_a_user_that_the_zip_lacks_refuses_it():
    more = "e6,,,c1,s1,u99,student,,2023-08-20,\n"
    error = refusal(a_zip(enrollments=TABLES["enrollments.csv"] + more))
    assert (error.code, error.where) == ("UNREADABLE_FILE", "enrollments.csv: row 7")
    assert "u99" not in str(error)


def test_a_deleted_enrolment_of_a_user_that_the_zip_lacks_is_no_loss():
    more = "e6,tobedeleted,,c1,s1,u99,student,,2023-08-20,\n"
    piece = read_oneroster(a_zip(enrollments=TABLES["enrollments.csv"] + more))
    assert piece.table.num_rows == 4


def test_enrolments_of_a_user_at_fault_are_counted_with_that_user():
    more = "e6,,,c1,s1,u9,student,,2023-08-20,\ne7,,,c2,s1,u9,student,,2023-08-20,\n"
    changed = {"users": TABLES["users.csv"] + "u9,broken\n"}
    piece = read_oneroster(a_zip(enrollments=TABLES["enrollments.csv"] + more, **changed))
    assert piece.faults.num_rows == 1
    more += "e8,,,c2,s1,u99,student,,2023-08-20,\n"
    error = refusal(a_zip(enrollments=TABLES["enrollments.csv"] + more, **changed))
    assert error.code == "UNREADABLE_FILE"


def test_an_enrolment_in_a_school_that_the_zip_lacks_stays_with_a_blank_school():
    more = "e6,,,c1,s9,u3,student,,2023-08-20,\n"
    piece = read_oneroster(a_zip(enrollments=TABLES["enrollments.csv"] + more))
    (row,) = [r for r in rows(piece) if r["users.sourcedId"] == "u3"]
    assert (row["orgs.identifier"], row["enrollments.beginDate"]) == ("", "2023-08-20")
    assert (piece.rows_in, piece.rows_made) == (4, 2)


def test_repeated_orgs_and_demographics_double_nobody():
    orgs = TABLES["orgs.csv"] + "s1,,,Elm Again,school,9,d\n"
    demographics = TABLES["demographics.csv"] + "u1,,,2016-01-02,male,,,,,,,\n"
    piece = read_oneroster(a_zip(orgs=orgs, demographics=demographics))
    assert piece.table.num_rows == 4
    assert rows(piece)[0]["orgs.name"] == "Elm Elementary"


def test_a_school_above_which_another_org_stands_has_the_district_above_that():
    orgs = TABLES["orgs.csv"].replace(
        "s1,,,Elm Elementary,school,01123450000001,d",
        "s1,,,Elm Elementary,school,01123450000001,r\nr,,,Region,local,R,d",
    )
    assert rows(read_oneroster(a_zip(orgs=orgs)))[0]["district.sourcedId"] == "d"


def test_a_zip_without_demographics_has_blank_ones():
    piece = read_oneroster(a_zip(demographics=None))
    assert set(piece.table["demographics.sex"].to_pylist()) == {""}


def test_a_column_that_a_table_lacks_is_no_column_of_the_rows():
    users = TABLES["users.csv"].replace(",identifier,", ",ident,")
    assert "users.identifier" not in oneroster_columns(a_zip(users=users))


def test_tables_may_stand_in_a_folder_and_no_path_is_followed():
    assert read_oneroster(a_zip(folder="../../export/")).table.num_rows == 4


def test_a_zip_without_users_is_refused():
    assert not is_oneroster(a_zip(users=None))
    assert refusal(a_zip(users=None)).code == "UNREADABLE_FILE"


def test_a_zip_whose_end_is_missing_is_truncated():
    content = a_zip().getvalue()
    assert refusal(io.BytesIO(content[:-40])).code == "TRUNCATED_FILE"


def test_a_damaged_member_is_unreadable():
    content = bytearray(a_zip().getvalue())
    content[content.index(b"users.csv") + 30] ^= 0xFF
    assert refusal(io.BytesIO(bytes(content))).code == "UNREADABLE_FILE"


def test_users_that_break_off_refuse_the_zip_with_the_member():
    error = refusal(a_zip(users=TABLES["users.csv"] + "u9,,,tr"))
    assert (error.code, "users" in error.where) == ("TRUNCATED_FILE", True)


def test_other_files_are_no_oneroster():
    assert not is_oneroster(io.BytesIO(b"a,b\n1,2\n"))
    assert not is_oneroster(io.BytesIO(b"PK\x03\x04broken"))


def test_it_is_read_like_any_other_file():
    stream = a_zip()
    found = examine(stream, SOURCE)
    (piece,) = read_pieces(stream, found, ["users.identifier", "orgs.name"])
    assert piece.table.column_names == ["users.identifier", "orgs.name"]
    raw = raw_rows(stream, found, [5])
    assert raw["users.sourcedId"].to_pylist() == ["u3"]
