"""Small extracts of a few rows, made where a test needs them; every student is invented."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

RESULTS_HEADER = (
    "cds_code,ssid,test_year,subject,grade,ethnicity,el_status,gender,sed,swd,scale_score,level"
)
# Some students at each level, in every school: levels are published.
EACH_LEVEL = (1, 2, 3, 4)
SCHOOLS = ("01990176990013", "01990176990021")


def results(
    path: Path,
    rows: int = 40,
    *,
    score: int = 2500,
    level: int | tuple[int, ...] = 3,
    year: int = 2024,
    bad_rows: int = 0,
    header: str = RESULTS_HEADER,
) -> Path:
    """Write a plain results file: groups vary with the row; the first `bad_rows` have no gender."""
    lines = [header]
    levels = level if isinstance(level, tuple) else (level,)
    for number in range(rows):
        gender = "?" if number < bad_rows else "FM"[number % 2]
        own = levels[number // 2 % len(levels)]
        status = ("EL", "EO", "RFEP")[number % 3]
        lines.append(
            f"{SCHOOLS[number % 2]},{9_000_000_000 + number},{year},MATH,{3 + number % 2},"
            f"{('500', '700')[number % 2]},{status},{gender},Y,N,{score},{own}"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def state_long(path: Path, rows: int = 30) -> Path:
    """Write a long state file with a school of its own."""
    header = (
        "VALID_CASE,CONTENT_AREA,YEAR,ID,LAST_NAME,FIRST_NAME,GRADE,SCALE_SCORE,ACHIEVEMENT_LEVEL,"
        "GENDER,ETHNICITY,FREE_REDUCED_LUNCH_STATUS,ELL_STATUS,IEP_STATUS,"
        "GIFTED_AND_TALENTED_PROGRAM_STATUS,SCHOOL_NUMBER,SCHOOL_NAME,EMH_LEVEL,DISTRICT_NUMBER,"
        "DISTRICT_NAME,SCHOOL_ENROLLMENT_STATUS,DISTRICT_ENROLLMENT_STATUS,STATE_ENROLLMENT_STATUS"
    )
    lines = [header]
    for number in range(rows):
        lines.append(
            f"VALID_CASE,READING,2022_2023,{1000 + number},Doe,Jo,4,{500 + number},Proficient,"
            "Gender: Female,White,Free Reduced Lunch: No,ELL: No,IEP: No,"
            "Gifted and Talented Program: No,77,Elm,E,8,Eight,"
            "Enrolled School: Yes,Enrolled District: Yes,Enrolled State: Yes"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def roster_of_schools(path: Path, district: str, schools: dict[str, str], begin: str) -> Path:
    """Write a OneRoster zip of one student per school: school code -> name."""
    orgs = [
        "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId",
        f"d,,,Invented Unified,district,{district}0000000,",
    ]
    users = [
        "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,"
        "givenName,familyName,middleName,identifier,grades"
    ]
    enrolments = [
        "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,"
        "role,primary,beginDate,endDate"
    ]
    people = [
        "userSourcedId,status,dateLastModified,birthdate,sex,americanIndianOrAlaskaNative,"
        "asian,blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,"
        "demographicRaceTwoOrMoreRaces,hispanicOrLatinoEthnicity"
    ]
    for number, (code, name) in enumerate(sorted(schools.items())):
        orgs.append(f'o{number},,,"{name}",school,{district}{code},d')
        users.append(f"u{number},,,true,o{number},student,,,Ann,Bee,,{7_000_000_000 + number},03")
        enrolments.append(f"e{number},,,c,o{number},u{number},student,,{begin},")
        people.append(f"u{number},,,2015-01-02,female,,,,,true,,")
    tables = {"orgs": orgs, "users": users, "enrollments": enrolments, "demographics": people}
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("manifest.csv", "propertyName,value\noneroster.version,1.1\n")
        for name, lines in tables.items():
            archive.writestr(f"{name}.csv", "\n".join(lines) + "\n")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.getvalue())
    return path
