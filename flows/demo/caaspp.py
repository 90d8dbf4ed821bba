"""The state's student score file of one district and year, with every column of its layout.

Record types 01 (English language arts), 02 (mathematics) and 06 (science) of grades 3 to 8 and
high school. Columns that nobody reads are blank, as most are in a real file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from configs.catalogue import Catalogue
from flows.demo.extract import Extract, Form, Texts, header_list
from flows.demo.network import DISTRICTS, SCHOOL_YEARS, SCHOOLS, District
from flows.demo.scores import scale_of
from flows.demo.students import NEVER, RACES, Bools, Dates, Enrolments, Floats, Ints, Students

SOURCE = "ca_caaspp_student"
SMARTER, SCIENCE = "caaspp_sb", "cast"
# record type, assessment, subject, grades, what a subject adds to a student's ability
TESTS = (
    ("01", SMARTER, "ela", (3, 4, 5, 6, 7, 8, 11), 0.0),
    ("02", SMARTER, "math", (3, 4, 5, 6, 7, 8, 11), -0.22),
    ("06", SCIENCE, "science", (5, 8, 10), -0.25),
)
ETHNICITY_CODES = ("100", "200", "300", "400", "500", "600", "700", "800", "800")
RACE_COLUMNS = (
    "AmericanIndianorAlaskaNative",
    "Asian",
    "HawaiianOrOtherPacificIslander",
    "Filipino",
    "HispanicorLatino",
    "BlackorAfricanAmerican",
    "White",
)
DISABILITIES = ("SLD", "SLI", "AUT", "OHI", "ID")
# What an English learner of each status adds to ability; the others add nothing.
LANGUAGE_EFFECT = {"EL": -0.65, "RFEP": 0.25, "TBD": -0.5, "IFEP": 0.3}
TESTED, NOT_TESTED, PARENT, TOO_FEW, NEWCOMER, INVALID = range(6)
CONDITION = ("", "NT", "PGE", "LOSS", "NEL", "")
INCLUDE = ("Y", "N", "N", "T", "E", "R")
ATTEMPTED = ("Y", "N", "N", "P", "N", "Y")
SCORE_STATUS = ("V", "", "", "V", "", "I")
CDS_COLUMNS = tuple(
    f"{place}{what}Code{number}"
    for place, number in (("CALPADS", ""), ("Tested", "1"), ("FinalTested", ""))
    for what in ("District", "School")
)


@dataclass(frozen=True)
class _Year:
    """What all rows of one file have in common: where it is from, and how it is scored."""

    students: Students
    catalogue: Catalogue
    district: District
    school_year: int


def caaspp_extracts(
    students: Students, enrolments: Enrolments, catalogue: Catalogue, seed: int
) -> list[Extract]:
    """Return one file per district and year."""
    of_district = np.array([DISTRICTS.index(school.district) for school in SCHOOLS])
    extracts = []
    for year in SCHOOL_YEARS:
        for position, district in enumerate(DISTRICTS):
            mask = (enrolments.school_year == year) & (of_district[enrolments.school] == position)
            rng = np.random.default_rng([seed, 2, year, position])
            file = _Year(students, catalogue, district, year)
            extracts.append(_extract(file, enrolments.where(mask), rng))
    return extracts


def header_of(school_year: int) -> tuple[str, ...]:
    """Return the columns of a year's layout, from the header list that the source is read by."""
    return header_list(f"caaspp_{school_year}")


def path_of(district: District, school_year: int, suffix: str = "") -> str:
    """Return where a district's score file of a year lands."""
    span = f"{school_year - 1}-{school_year % 100:02d}"
    return f"{district.district_id}/caaspp_student_score_data_{span}{suffix}.txt"


def _extract(file: _Year, enrolments: Enrolments, rng: np.random.Generator) -> Extract:
    parts = [_records(file, enrolments, test, rng) for test in TESTS]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((columns["RecordType"], columns["SSID"], columns["CALPADSSchoolCode"]))
    header = header_of(file.school_year)
    return Extract(
        path=path_of(file.district, file.school_year),
        source=SOURCE,
        header=header,
        columns={name: text[order] for name, text in columns.items() if name in header},
        form=Form(delimiter="^"),
    )


def _records(
    file: _Year, enrolments: Enrolments, test: tuple, rng: np.random.Generator
) -> dict[str, Texts]:
    """Return the columns of one test: who, what groups, where, when, and with what result."""
    record_type, _, _, grades, _ = test
    here = enrolments.where(np.isin(enrolments.grade, grades))
    start = np.datetime64(f"{file.school_year}-04-11") + rng.integers(0, 30, len(here))
    elas = file.students.elas_on(here.student, start)
    outcome = _outcomes(file.students, here, elas, record_type, rng)
    ability = _ability(here, elas, test, rng)
    return {
        "RecordType": np.full(len(here), record_type, object),
        **_identity(file.students, here),
        **_groups(file.students, here.student, elas, start),
        **_place(here),
        **_dates(start, outcome, rng),
        **_result(file, here, test, outcome, ability),
        "EndofRecord": np.full(len(here), "ZZ", object),
    }


def _identity(students: Students, here: Enrolments) -> dict[str, Texts]:
    who = here.student
    grade = np.array([f"{grade:02d}" for grade in range(13)], object)[here.grade]
    return {
        "SSID": students.ssid[who],
        "StudentLastName": students.family_name[who],
        "StudentFirstName": students.given_name[who],
        "DateofBirth": _iso(students.birth_date[who]),
        "Gender": students.gender[who],
        "CALPADSGrade": grade,
        "GradeAssessed": grade,
        "LocalStudentID": students.local_id[who],
    }


def _groups(students: Students, who: Ints, elas: Texts, day: Dates) -> dict[str, Texts]:
    disabled = students.is_disabled[who]
    kind = np.array(DISABILITIES, object)[who % len(DISABILITIES)]
    learner = (elas == "EL") | (elas == "RFEP")
    races = {
        name: _yes_no(students.races[who, position]) for position, name in enumerate(RACE_COLUMNS)
    }
    same = {
        name: _yes_no(students.is_poor[who])
        for name in ("EconomicDisadvantageStatus", "EconomicDisadvantageTesting")
    } | {
        name: _yes_no(disabled)
        for name in (
            "CALPADSIDEAIndicator",
            "IDEAIndicatorforTesting",
            "CALPADSSpecialEducation",
            "SpecialEducationforTesting",
        )
    }
    return {
        **races,
        **same,
        "TwoorMoreRaces": _yes_no(students.race[who] == RACES.index("MULTI")),
        "ReportingEthnicity": np.array(ETHNICITY_CODES, object)[students.race[who]],
        "PrimaryDisabilityType": np.where(disabled, kind, ""),
        "PrimaryDisabilityforTesting": np.where(disabled, kind, ""),
        "Section504Status": _yes_no(who % 41 == 0),
        "MigrantStatus": _yes_no(who % 67 == 0),
        "MilitaryStatus": _yes_no(who % 53 == 0),
        "FosterStatus": np.where(who % 89 == 0, "Yes", ""),
        "HomelessStatus": _yes_no(who % 47 == 0),
        "ELStatus": _yes_no(elas == "EL"),
        "ELAS": elas,
        "ELEntryDate": _iso(np.where(learner, students.el_entry_date[who], NEVER)),
        "RFEPDate": _iso(np.where(elas == "RFEP", students.rfep_date[who], NEVER)),
        "FirstEntryDateInUSSchool": _iso(students.us_entry_date[who]),
        "ParentEducationLevel": np.array(["10", "11", "12", "13", "14", "15"], object)[who % 6],
    }


def _place(here: Enrolments) -> dict[str, Texts]:
    """Return where the student is enrolled and was tested: for all of these, the same school."""
    place = {
        "DistrictCode": _by_school([school.district.cds for school in SCHOOLS], here),
        "DistrictName": _by_school([school.district.name for school in SCHOOLS], here),
        "SchoolCode": _by_school([school.cds for school in SCHOOLS], here),
        "SchoolName": _by_school([school.name for school in SCHOOLS], here),
        "CharterCode": _by_school([school.charter_code for school in SCHOOLS], here),
        "CharterSchoolIndicator": _by_school(
            ["LF" if school.charter_code else "" for school in SCHOOLS], here
        ),
    }
    return {
        f"{prefix}{name}{number}": text
        for prefix, number in (("CALPADS", ""), ("Tested", "1"), ("FinalTested", ""))
        for name, text in place.items()
    } | {"EnrollmentEffectiveDate": _iso(here.begin_date)}


def _dates(start: Dates, outcome: Ints, rng: np.random.Generator) -> dict[str, Texts]:
    """Return when the test was taken, blank where it was not, and the school's window."""
    took_part = np.isin(outcome, (TESTED, TOO_FEW, INVALID))
    end = start + rng.integers(0, 9, len(start))
    year = start.astype("datetime64[Y]").astype(str)
    return {
        "TestStartDate1": _iso(np.where(took_part, start, NEVER)),
        "TestCompletedDate1": _iso(np.where(took_part, end, NEVER)),
        "FinalTestCompletedDate": _iso(np.where(took_part, end, NEVER)),
        "SchoolStartDateTestWindow1": np.char.add(year, "-04-04").astype(object),
        "SchoolEndDateTestWindow1": np.char.add(year, "-05-27").astype(object),
    }


def _outcomes(
    students: Students, here: Enrolments, elas: Texts, record_type: str, rng: np.random.Generator
) -> Ints:
    """Return who was tested, who was not, whose answers were too few, who is exempt."""
    draw = rng.random(len(here))
    outcome = np.searchsorted([0.955, 0.976, 0.986, 0.994, 0.994], draw, side="right")
    if record_type == "01":
        a_year_before = np.char.add((here.school_year - 1).astype(str), "-04-01")
        fresh = students.us_entry_date[here.student] > a_year_before.astype("datetime64[D]")
        outcome = np.where((elas == "EL") & fresh, NEWCOMER, outcome)
    return np.minimum(outcome, INVALID)


def _ability(here: Enrolments, elas: Texts, test: tuple, rng: np.random.Generator) -> Floats:
    """Return how able each student is on the day, in this subject and with this much English."""
    ability = here.level + test[-1] + rng.normal(0, 0.22, len(here))
    for status, effect in LANGUAGE_EFFECT.items():
        ability += np.where(elas == status, effect, 0)
    return ability


def _result(
    file: _Year, here: Enrolments, test: tuple, outcome: Ints, ability: Floats
) -> dict[str, Texts]:
    """Return score, level and the codes around them.

    Too few answers carry the lowest obtainable score, as the state's file does. Where there is no
    score the file says so in two ways: `NS` with level 9, or blanks.
    """
    _, assessment, subject, _, _ = test
    scale = scale_of(file.catalogue.assessments[assessment], subject, file.school_year)
    score = scale.score(ability, here.grade)
    score = np.where(outcome == TOO_FEW, scale.lowest[here.grade].astype(np.int64), score)
    level = scale.level(score, here.grade)
    scored = (outcome == TESTED) | (outcome == TOO_FEW)
    blank = (outcome == PARENT) | (outcome == NEWCOMER)
    return {
        "ConditionCode": _coded(CONDITION, outcome),
        "Attemptedness": _coded(ATTEMPTED, outcome),
        "ScoreStatus": _coded(SCORE_STATUS, outcome),
        "IncludeIndicator": _coded(INCLUDE, outcome),
        "TestMode": np.full(len(here), "O", object),
        "SSREligible": np.where(scored, "Y", "").astype(object),
        "ScaleScore": _unless(scored, score, np.where(blank, "", "NS").astype(object)),
        "AchievementLevels": _unless(scored, level, np.where(blank, "", "9").astype(object)),
        "StandardErrorMeasurement": _unless(scored, 18 + here.student % 23, ""),
        "SmarterScaleScoresErrorBandsMin": _unless(scored, score - 25, ""),
        "SmarterScaleScoresErrorBandsMax": _unless(scored, score + 25, ""),
        "ItemsAttempted1": _unless(scored, 28 + here.student % 9, ""),
    }


def _by_school(values: list[str], here: Enrolments) -> Texts:
    return np.array(values, object)[here.school]


def _coded(codes: tuple[str, ...], outcome: Ints) -> Texts:
    return np.array(codes, object)[outcome]


def _unless(has_value: Bools, number: Ints, otherwise: str | Texts) -> Texts:
    return np.where(has_value, number.astype(str).astype(object), otherwise).astype(object)


def _yes_no(mask: Bools) -> Texts:
    return np.where(mask, "Yes", "No").astype(object)


def _iso(day: Dates) -> Texts:
    """Return dates as text, blank where there is none."""
    return np.where(day < NEVER, np.datetime_as_string(day, unit="D"), "").astype(object)
