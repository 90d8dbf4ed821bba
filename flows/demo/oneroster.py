"""The roster of one district and year: a OneRoster 1.1 zip, written in bulk (status blank)."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass

import numpy as np

from flows.demo.extract import FIRST_DATA_ROW
from flows.demo.names import FAMILY_NAMES, GIVEN_NAMES
from flows.demo.network import DISTRICTS, SCHOOL_YEARS, SCHOOLS, District
from flows.demo.students import RACES, Bools, Dates, Enrolments, Students

SOURCE = "oneroster"
STUDENTS_PER_TEACHER = 24
WRITTEN_ON = (1980, 1, 1, 0, 0, 0)
# Nobody asked, so every race flag is blank, though the state's file calls these students "800".
FLAG_COLUMNS = {
    "americanIndianOrAlaskaNative": ("AIAN",),
    "asian": ("ASIAN", "FILIPINO"),
    "blackOrAfricanAmerican": ("BLACK",),
    "nativeHawaiianOrOtherPacificIslander": ("NHPI",),
    "white": ("WHITE",),
}
MANIFEST = {
    "manifest.version": "1.0",
    "oneroster.version": "1.1",
    "file.academicSessions": "absent",
    "file.categories": "absent",
    "file.classes": "absent",
    "file.classResources": "absent",
    "file.courses": "absent",
    "file.courseResources": "absent",
    "file.demographics": "bulk",
    "file.enrollments": "bulk",
    "file.lineItems": "absent",
    "file.orgs": "bulk",
    "file.resources": "absent",
    "file.results": "absent",
    "file.users": "bulk",
    "source.systemName": "Invented student information system",
}
USER_COLUMNS = (
    "sourcedId,status,dateLastModified,enabledUser,orgSourcedIds,role,username,userIds,givenName,"
    "familyName,middleName,identifier,email,sms,phone,agentSourcedIds,grades,password"
)
ENROLMENT_COLUMNS = (
    "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,"
    "beginDate,endDate"
)
DEMOGRAPHIC_COLUMNS = (
    "sourcedId,status,dateLastModified,birthDate,sex,americanIndianOrAlaskaNative,asian,"
    "blackOrAfricanAmerican,nativeHawaiianOrOtherPacificIslander,white,demographicRaceTwoOrMoreRaces,"
    "hispanicOrLatinoEthnicity,countryOfBirthCode,stateOfBirthAbbreviation,cityOfBirth,"
    "publicSchoolResidenceStatus"
)
ORG_COLUMNS = "sourcedId,status,dateLastModified,name,type,identifier,parentSourcedId"


@dataclass(frozen=True)
class Roster:
    """One zip: where it lands, what its members hold, and which rows of users.csv are teachers."""

    path: str
    members: dict[str, str]
    teacher_rows: list[int]
    enrolment_count: int

    def encode(self) -> bytes:
        """Return the bytes of the zip, the same at every writing."""
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            for name, text in self.members.items():
                archive.writestr(_entry(name), text.encode())
        return content.getvalue()


def rosters(students: Students, enrolments: Enrolments, seed: int) -> list[Roster]:
    """Return one roster per district and year."""
    of_district = np.array([DISTRICTS.index(school.district) for school in SCHOOLS])
    made = []
    for year in SCHOOL_YEARS:
        for position, district in enumerate(DISTRICTS):
            mask = (enrolments.school_year == year) & (of_district[enrolments.school] == position)
            rng = np.random.default_rng([seed, 5, year, position])
            made.append(_roster(students, enrolments.where(mask), (district, year), rng))
    return made


def path_of(district: District, school_year: int) -> str:
    """Return where a district's roster of a year lands."""
    return f"{district.district_id}/oneroster_{school_year - 1}-{school_year % 100:02d}.zip"


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, WRITTEN_ON)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    entry.create_system = 3
    return entry


def _roster(
    students: Students,
    here: Enrolments,
    where: tuple[District, int],
    rng: np.random.Generator,
) -> Roster:
    district, year = where
    teachers = _teachers(here, year, rng)
    enrolled = _enrolments(students, here, year, rng)
    members = {
        "manifest.csv": _table("propertyName,value", [list(MANIFEST), list(MANIFEST.values())]),
        "orgs.csv": _orgs(district),
        "users.csv": _users(students, here, teachers),
        "enrollments.csv": _table(ENROLMENT_COLUMNS, enrolled),
        "demographics.csv": _demographics(students, here),
    }
    first = FIRST_DATA_ROW + len(here)
    rows = list(range(first, first + len(teachers)))
    return Roster(path_of(district, year), members, rows, len(enrolled[0]))


def _orgs(district: District) -> str:
    schools = [school for school in SCHOOLS if school.district is district]
    top = f"org-{district.code}"
    rows = [(top, "", "", district.name, "district", district.cds, "")]
    rows += [(_org(s.cds), "", "", s.name, "school", s.cds, top) for s in schools]
    return _table(ORG_COLUMNS, list(zip(*rows, strict=True)))


def _users(students: Students, here: Enrolments, teachers: list[tuple[str, ...]]) -> str:
    """Return students first, teachers behind them."""
    who = here.student
    grades = np.array(["KG", *(f"{grade:02d}" for grade in range(1, 13))], object)[here.grade]
    local = students.local_id[who]
    columns: list[list[str]] = [
        list(local),
        *_blank(len(who), 2),
        ["true"] * len(who),
        [_org(SCHOOLS[school].cds) for school in here.school],
        ["student"] * len(who),
        [f"user{number}" for number in local],
        *_blank(len(who), 1),
        list(students.given_name[who]),
        list(students.family_name[who]),
        *_blank(len(who), 1),
        list(students.ssid[who]),
        *_blank(len(who), 4),
        list(grades),
        *_blank(len(who), 1),
    ]
    for column, values in zip(columns, zip(*teachers, strict=True), strict=True):
        column.extend(values)
    return _table(USER_COLUMNS, columns)


def _teachers(here: Enrolments, year: int, rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Return a row of users.csv for each teacher of the district."""
    rows = []
    for position in np.unique(here.school):
        size = int((here.school == position).sum())
        for number in range(max(size // STUDENTS_PER_TEACHER, 4)):
            given = GIVEN_NAMES[rng.integers(len(GIVEN_NAMES))]
            family = FAMILY_NAMES[rng.integers(len(FAMILY_NAMES))]
            key = f"staff-{year}-{position:02d}-{number:03d}"
            org = _org(SCHOOLS[position].cds)
            named = (key, "", "", "true", org, "teacher", key, "", given, family)
            rows.append((*named, *[""] * (len(USER_COLUMNS.split(",")) - len(named))))
    return rows


def _enrolments(
    students: Students, here: Enrolments, year: int, rng: np.random.Generator
) -> list[list[str]]:
    """Return the columns of enrollments.csv; a few were at another school for the first days."""
    ends = np.full(len(here), f"{year}-06-08", "datetime64[D]")
    stray = rng.random(len(here)) < 0.01
    stray &= here.begin_date == here.begin_date.min()
    schools = np.unique(here.school)
    other = schools[(np.searchsorted(schools, here.school) + 1) % len(schools)]
    moved = here.begin_date + 4
    student = np.concatenate([here.student, here.student[stray]])
    school = np.concatenate([here.school, other[stray]])
    begin = np.concatenate([np.where(stray, moved, here.begin_date), here.begin_date[stray]])
    end = np.concatenate([ends, moved[stray]])
    order = np.lexsort((begin, student))
    student, school, begin, end = student[order], school[order], begin[order], end[order]
    org = [_org(SCHOOLS[position].cds) for position in school]
    local = list(students.local_id[student])
    return [
        [f"enr-{year}-{number:05d}" for number in range(len(student))],
        *_blank(len(student), 2),
        [f"class-{name[4:]}" for name in org],
        org,
        local,
        ["student"] * len(student),
        ["true"] * len(student),
        _iso(begin),
        _iso(end),
    ]


def _demographics(students: Students, here: Enrolments) -> str:
    """Return one row per student; unknown race is blank, and so is a sex the format cannot say."""
    who = here.student
    asked = students.race[who] != RACES.index("UNKNOWN")
    flags = [
        _flag(np.any(students.races[who][:, [RACES.index(r) for r in races]], axis=1), asked)
        for races in FLAG_COLUMNS.values()
    ]
    sex = {"F": "female", "M": "male", "X": ""}
    columns = [
        list(students.local_id[who]),
        *_blank(len(who), 2),
        _iso(students.birth_date[who]),
        [sex[gender] for gender in students.gender[who]],
        *flags,
        _flag(students.race[who] == RACES.index("MULTI"), asked),
        _flag(students.races[who, RACES.index("HISPANIC")], asked),
        *_blank(len(who), 4),
    ]
    return _table(DEMOGRAPHIC_COLUMNS, columns)


def _flag(says_yes: Bools, asked: Bools) -> list[str]:
    return np.where(asked, np.where(says_yes, "true", "false"), "").tolist()


def _iso(days: Dates) -> list[str]:
    return np.datetime_as_string(days, unit="D").tolist()


def _org(cds: str) -> str:
    return f"org-{cds[2:]}"


def _blank(count: int, columns: int) -> list[list[str]]:
    return [[""] * count for _ in range(columns)]


def _table(header: str, columns: list) -> str:
    rows = (",".join(row) for row in zip(*columns, strict=True))
    return "\n".join([header, *rows]) + "\n"
