"""A state's long student-level file of all three years, for some of the same schools' students.

It knows the schools by numbers of its own and has five ethnicities only, so students of others are
not in it.
"""

from __future__ import annotations

import numpy as np

from flows.demo.extract import Extract, Texts
from flows.demo.network import SCHOOLS
from flows.demo.students import RACES, Bools, Enrolments, Ints, Students

SOURCE = "state_long"
PATH = "state_long_2022-2024.csv.gz"
GRADES = (3, 10)
SHARE_OF_STUDENTS = 0.38
HEADER = (
    "VALID_CASE,CONTENT_AREA,YEAR,ID,LAST_NAME,FIRST_NAME,GRADE,SCALE_SCORE,ACHIEVEMENT_LEVEL,"
    "GENDER,ETHNICITY,FREE_REDUCED_LUNCH_STATUS,ELL_STATUS,IEP_STATUS,"
    "GIFTED_AND_TALENTED_PROGRAM_STATUS,SCHOOL_NUMBER,SCHOOL_NAME,EMH_LEVEL,DISTRICT_NUMBER,"
    "DISTRICT_NAME,SCHOOL_ENROLLMENT_STATUS,DISTRICT_ENROLLMENT_STATUS,STATE_ENROLLMENT_STATUS"
)
ETHNICITIES = {
    "AIAN": "Native American",
    "ASIAN": "Asian",
    "FILIPINO": "Asian",
    "HISPANIC": "Hispanic",
    "BLACK": "African American",
    "WHITE": "White",
}
# content area, mean of grade 3, points a grade, standard deviation, lowest score of each level
AREAS = (
    ("READING", 572, 16, 60, (-1.3, -0.25, 0.95)),
    ("MATHEMATICS", 480, 17, 72, (-1.25, -0.1, 0.9)),
)
LEVELS = ("Unsatisfactory", "Partially Proficient", "Proficient", "Advanced")
NO_SCORE_SHARE = 0.006


def state_long_extract(students: Students, enrolments: Enrolments, seed: int) -> Extract:
    """Return the file: both content areas, all years, by student."""
    rng = np.random.default_rng([seed, 6])
    told = np.array([race in ETHNICITIES for race in RACES])[students.race]
    told &= (students.gender != "X") & (rng.random(len(students)) < SHARE_OF_STUDENTS)
    in_grade = (enrolments.grade >= GRADES[0]) & (enrolments.grade <= GRADES[1])
    here = enrolments.where(in_grade & told[enrolments.student])
    parts = [_area(students, here, area, rng) for area in AREAS]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in HEADER.split(",")}
    order = np.lexsort((columns["YEAR"], columns["CONTENT_AREA"], columns["ID"]))
    return Extract(
        path=PATH,
        source=SOURCE,
        header=tuple(HEADER.split(",")),
        columns={name: text[order] for name, text in columns.items()},
    )


def _area(
    students: Students, here: Enrolments, area: tuple, rng: np.random.Generator
) -> dict[str, Texts]:
    who = here.student
    ethnicity = np.array([ETHNICITIES.get(race, "") for race in RACES], object)
    return {
        "VALID_CASE": np.full(len(here), "VALID_CASE", object),
        "CONTENT_AREA": np.full(len(here), area[0], object),
        "YEAR": np.array([f"{year - 1}_{year}" for year in here.school_year], object),
        "ID": students.state_id[who],
        "LAST_NAME": students.family_name[who],
        "FIRST_NAME": students.given_name[who],
        "GRADE": here.grade.astype(str).astype(object),
        **_result(students, here, area, rng),
        "GENDER": np.where(students.gender[who] == "F", "Gender: Female", "Gender: Male"),
        "ETHNICITY": ethnicity[students.race[who]],
        "FREE_REDUCED_LUNCH_STATUS": _yes_no("Free Reduced Lunch", students.is_poor[who]),
        "ELL_STATUS": _yes_no("ELL", _elas(students, here) == "EL"),
        "IEP_STATUS": _yes_no("IEP", students.is_disabled[who]),
        "GIFTED_AND_TALENTED_PROGRAM_STATUS": _yes_no(
            "Gifted and Talented Program", students.ability[who] > 1.2
        ),
        **_place(here),
    }


def _result(
    students: Students, here: Enrolments, area: tuple, rng: np.random.Generator
) -> dict[str, Texts]:
    _, mean, step, deviation, limits = area
    learner = _elas(students, here) == "EL"
    ability = here.level + rng.normal(0, 0.25, len(here)) - np.where(learner, 0.6, 0)
    level = (ability[:, None] >= np.array(limits)).sum(axis=1)
    score = np.rint(mean + step * (here.grade - GRADES[0]) + ability * deviation)
    untested = rng.random(len(here)) < NO_SCORE_SHARE
    return {
        "SCALE_SCORE": np.where(untested, "", score.astype(str)).astype(object),
        "ACHIEVEMENT_LEVEL": np.where(untested, "No Score", np.array(LEVELS)[level]).astype(object),
    }


def _place(here: Enrolments) -> dict[str, Texts]:
    yes = np.ones(len(here), bool)
    return {
        "SCHOOL_NUMBER": _by_school([s.state_number for s in SCHOOLS], here.school),
        "SCHOOL_NAME": _by_school([s.name for s in SCHOOLS], here.school),
        "EMH_LEVEL": _by_school([s.level for s in SCHOOLS], here.school),
        "DISTRICT_NUMBER": _by_school([s.district.state_number for s in SCHOOLS], here.school),
        "DISTRICT_NAME": _by_school([s.district.name for s in SCHOOLS], here.school),
        "SCHOOL_ENROLLMENT_STATUS": _yes_no("Enrolled School", yes),
        "DISTRICT_ENROLLMENT_STATUS": _yes_no("Enrolled District", yes),
        "STATE_ENROLLMENT_STATUS": _yes_no("Enrolled State", yes),
    }


def _elas(students: Students, here: Enrolments) -> Texts:
    """Return the language status in spring, when the test is taken."""
    day = (here.school_year - 1970).astype("datetime64[Y]").astype("datetime64[D]") + 100
    return students.elas_on(here.student, day)


def _by_school(values: list[str], school: Ints) -> Texts:
    return np.array(values, object)[school]


def _yes_no(what: str, mask: Bools) -> Texts:
    return np.where(mask, f"{what}: Yes", f"{what}: No").astype(object)
