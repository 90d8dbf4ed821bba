"""The vendor's diagnostic results: one file per district, year and subject.

2021-22 comes in the older layout, without groups and with the school's name only; the later years
in the newer one. Placements and thresholds are made up in the manner of the vendor's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from flows.demo.extract import Extract, Form, Texts, header_list
from flows.demo.network import DISTRICTS, SCHOOL_YEARS, SCHOOLS, District
from flows.demo.students import RACES, Bools, Dates, Enrolments, Ints, Students

SOURCE = "iready_diagnostic"
HIGHEST_GRADE = 8
OLDER, NEWER = "2022", "2026"
OLDER_UNTIL = 2022
RUSHED_SHARE = 0.015
RUSHED_POINTS = 40
PERCENTILES = np.array([str(rank) for rank in range(100)], object)
GRADES = np.array(["K", *map(str, range(1, 13))], object)
NUMBERS = np.array([str(number) for number in range(1000)], object)
RELATIVE = np.array(
    [
        "3 or More Grade Levels Below",
        "2 Grade Levels Below",
        "1 Grade Level Below",
        "Early On Grade Level",
        "Mid or Above Grade Level",
    ],
    object,
)
RACE_TEXT = (
    "American Indian or Alaska Native",
    "Asian",
    "Native Hawaiian or Other Pacific Islander",
    "Asian",
    "",
    "Black or African American",
    "White",
    "Two or More Races",
    "",
)


@dataclass(frozen=True)
class Subject:
    """A subject of the diagnostic: what its file calls things, and where grade level begins."""

    layout: str
    domains: dict[str, tuple[str, ...]]
    measure: tuple[str, str]
    early: tuple[int, ...]
    growth: int


READING = Subject(
    layout="ela",
    domains={
        OLDER: (
            "Phonological Awareness",
            "Phonics",
            "High-Frequency Words",
            "Vocabulary",
            "Reading Comprehension: Literature",
            "Reading Comprehension: Informational Text",
        ),
        NEWER: (
            "Phonological Awareness",
            "Phonics",
            "High-Frequency Words",
            "Vocabulary",
            "Comprehension: Overall",
            "Comprehension: Literature",
            "Comprehension: Informational Text",
        ),
    },
    measure=("Lexile", "L"),
    early=(362, 434, 489, 512, 558, 582, 599, 610, 621),
    growth=27,
)
MATH_DOMAINS = (
    "Number and Operations",
    "Algebra and Algebraic Thinking",
    "Measurement and Data",
    "Geometry",
)
MATH = Subject(
    layout="math",
    domains={OLDER: MATH_DOMAINS, NEWER: MATH_DOMAINS},
    measure=("Quantile", "Q"),
    early=(361, 402, 428, 449, 465, 480, 495, 509, 518),
    growth=18,
)
SUBJECTS = (READING, MATH)
MID_ABOVE_EARLY = 26
STANDARD_DEVIATION = {"ela": 54, "math": 31}

# name, label in the newer layout, first day, days it lasts, share of the year's growth made
WINDOWS = (
    ("fall", "Fall (Beginning of Year - November 15)", "08-23", 30, 0.0),
    ("winter", "Winter (November 16 - March 1)", "12-01", 40, 0.45),
    ("spring", "Spring (March 2 - End of Year)", "04-25", 28, 1.0),
)
RETEST_AFTER_DAYS = 9


@dataclass(frozen=True)
class _Sittings:
    """One entry per diagnostic taken: by whom, in which window, when, and the overall score."""

    enrolments: Enrolments
    window: Ints
    day: Dates
    score: Ints
    is_rushed: Bools

    def __len__(self) -> int:
        return len(self.window)


def iready_extracts(students: Students, enrolments: Enrolments, seed: int) -> list[Extract]:
    """Return one file per district, year and subject."""
    extracts = []
    of_district = np.array([DISTRICTS.index(school.district) for school in SCHOOLS])
    for year in SCHOOL_YEARS:
        for position, district in enumerate(DISTRICTS):
            mask = (enrolments.school_year == year) & (enrolments.grade <= HIGHEST_GRADE)
            mask &= of_district[enrolments.school] == position
            for number, subject in enumerate(SUBJECTS):
                rng = np.random.default_rng([seed, 3, year, position, number])
                sittings = _sit(enrolments.where(mask), subject, WINDOWS, rng)
                extracts.append(_extract(students, sittings, subject, (district, year), rng))
    return extracts


def first_of_next_year(
    students: Students, enrolments: Enrolments, school_name: str, seed: int
) -> Extract:
    """Return the first autumn file after the three years, from a school that opened that summer."""
    rng = np.random.default_rng([seed, 4])
    corrin = DISTRICTS[1]
    schools = [i for i, school in enumerate(SCHOOLS) if school.district is corrin]
    mask = (enrolments.school_year == SCHOOL_YEARS[-1]) & np.isin(enrolments.school, schools)
    last = enrolments.where(mask & (enrolments.grade == 1))
    pupils = last.where(rng.random(len(last)) < 0.3)
    pupils = replace(pupils, school_year=pupils.school_year + 1, grade=pupils.grade + 1)
    sittings = _sit(pupils, MATH, WINDOWS[:1], rng)
    file = _extract(students, sittings, MATH, (corrin, SCHOOL_YEARS[-1] + 1), rng)
    everyone = np.arange(len(file))
    return file.with_values("School", everyone, school_name)


def path_of(district: District, school_year: int, subject: Subject, suffix: str = "") -> str:
    """Return where a district's diagnostic results of a year and subject land."""
    span = f"{school_year - 1}-{school_year}"
    name = f"iready_diagnostic_{subject.layout}_{span}{suffix}.csv"
    return f"{district.district_id}/{name}"


def rushed(extract: Extract) -> Ints:
    """Return the rows that a later sitting in the same window replaces: the rushed ones."""
    return np.flatnonzero(extract.columns["Rush Flag"] != "")


def _sit(
    enrolments: Enrolments, subject: Subject, windows: tuple, rng: np.random.Generator
) -> _Sittings:
    """Nearly all sit in every window; a few rush through the autumn and sit again."""
    parts = []
    for number, (_, _, first_day, days, share) in enumerate(windows):
        first = _day_of(enrolments.school_year, first_day)
        here = (rng.random(len(enrolments)) < 0.95) & (enrolments.begin_date <= first)
        sitting = enrolments.where(here)
        day = first[here] + rng.integers(0, days, len(sitting))
        rushed = rng.random(len(sitting)) < (RUSHED_SHARE if number == 0 else 0)
        score = _score(sitting, subject, share, rng)
        parts.append((sitting, number, day, score - np.where(rushed, RUSHED_POINTS, 0), rushed))
        again = np.zeros(rushed.sum(), bool)
        later = day[rushed] + RETEST_AFTER_DAYS
        parts.append((sitting.where(rushed), number, later, score[rushed], again))
    return _join(parts)


def _join(parts: list[tuple]) -> _Sittings:
    """Return all sittings by school, student and day."""
    names = Enrolments.__dataclass_fields__
    everyone = Enrolments(*(np.concatenate([getattr(p[0], name) for p in parts]) for name in names))
    window = np.concatenate([np.full(len(p[0]), p[1]) for p in parts])
    day, score, rushed = (np.concatenate([part[i] for part in parts]) for i in (2, 3, 4))
    order = np.lexsort((day, everyone.student, everyone.school))
    return _Sittings(everyone.where(order), window[order], day[order], score[order], rushed[order])


def _score(
    enrolments: Enrolments, subject: Subject, share: float, rng: np.random.Generator
) -> Ints:
    """Return overall scores: grade level, how far the year is gone, and the student."""
    early = np.array(subject.early, float)[enrolments.grade]
    noise = rng.normal(0, 0.25, len(enrolments))
    deviation = STANDARD_DEVIATION[subject.layout]
    score = early - 12 + subject.growth * share + (enrolments.level + noise) * deviation * 0.8
    return np.clip(np.rint(score), 105, 795).astype(np.int64)


def _extract(
    students: Students,
    sittings: _Sittings,
    subject: Subject,
    where: tuple[District, int],
    rng: np.random.Generator,
) -> Extract:
    district, year = where
    layout = OLDER if year <= OLDER_UNTIL else NEWER
    columns = _common(students, sittings, subject, layout)
    columns |= _domains(sittings, subject, layout, rng)
    columns |= _older(sittings) if layout == OLDER else _newer(students, sittings, where)
    header = header_list(f"iready_{layout}_{subject.layout}")
    return Extract(
        path=path_of(district, year, subject),
        source=SOURCE,
        header=header,
        columns={name: text for name, text in columns.items() if name in header},
        form=Form(empty='""') if layout == OLDER else Form(newline="\r\n", encoding="utf-8-sig"),
    )


def _common(
    students: Students, sittings: _Sittings, subject: Subject, layout: str
) -> dict[str, Texts]:
    """Return the columns that both layouts have."""
    here = sittings.enrolments
    ends = sittings.day + (here.student % 3)
    measure, unit = subject.measure
    reading = np.clip((sittings.score - 300) * 4, 5, 1600) // 5 * 5
    numbers = np.array([str(number) for number in range(1800)], object)
    rank = np.clip(50 + (sittings.score - _early(subject, here)) * 0.45, 1, 99).astype(np.int64)
    return {
        "Last Name": students.family_name[here.student],
        "First Name": students.given_name[here.student],
        "Student ID": students.local_id[here.student],
        "Student Grade": GRADES[here.grade],
        "Academic Year": np.array([f"{y - 1}-{y}" for y in here.school_year], object),
        "School": np.array([_vendor_name(s.name) for s in SCHOOLS], object)[here.school],
        "Start Date": _american(sittings.day, padded=layout == OLDER),
        "Completion Date": _american(ends, padded=layout == OLDER),
        "Duration (min)": NUMBERS[25 + here.student % 71],
        "Rush Flag": np.where(sittings.is_rushed, "Red Rush Flag", "").astype(object),
        "Percentile": PERCENTILES[rank],
        "Grouping": NUMBERS[1 + here.student % 5],
        f"{measure} Measure": numbers[reading] + unit,
        f"{measure} Range": numbers[reading] + f"{unit}-" + numbers[reading + 150] + unit,
        "Annual Typical Growth Measure": np.full(len(here), str(subject.growth), object),
        "Annual Stretch Growth Measure": np.full(len(here), str(subject.growth + 14), object),
        "Mid On Grade Level Scale Score": NUMBERS[_early(subject, here) + MID_ABOVE_EARLY],
        **_placed("Overall", sittings.score, subject, layout, here.grade),
    }


def _domains(
    sittings: _Sittings, subject: Subject, layout: str, rng: np.random.Generator
) -> dict[str, Texts]:
    """Return score and placements of each domain, scattered around the overall score."""
    columns: dict[str, Texts] = {}
    for domain in subject.domains[layout]:
        score = np.clip(sittings.score + rng.integers(-30, 31, len(sittings)), 100, 800)
        columns |= _placed(domain, score, subject, layout, sittings.enrolments.grade)
    return columns


def _placed(name: str, score: Ints, subject: Subject, layout: str, grade: Ints) -> dict[str, Texts]:
    """Return a score with its placement and its placement relative to the student's grade."""
    early = np.array(subject.early)
    on_level = 3 + (score >= early[grade] + MID_ABOVE_EARLY)
    reached = np.searchsorted(early, score, side="right") - 1
    below = np.clip(3 - (grade - np.maximum(reached, 0)), 0, 2)
    relative = np.where(score >= early[grade], on_level, below)
    word = "Level" if layout == OLDER else "Grade"
    on_names = np.array([[f"Early {g}", f"Mid {g}"] for g in GRADES], object)
    level = np.maximum(reached, 0)
    below_names = np.array([f"{word} {g}" for g in GRADES], object)[level]
    below_names[score < early[0]] = "Emerging K"
    placement = np.where(relative >= 3, on_names[grade, np.maximum(relative - 3, 0)], below_names)
    return {
        f"{name} Scale Score": NUMBERS[score],
        f"{name} Placement": placement,
        f"{name} Relative Placement": RELATIVE[relative],
    }


def _older(sittings: _Sittings) -> dict[str, Texts]:
    """Return what only the layout of 2021-22 has: nothing about the student's groups."""
    count = len(sittings)
    return {
        "Diagnostic used to establish Growth Measures (Y/N)": _y_n(sittings.window == 0),
        "Most Recent Diagnostic (Y/N)": _y_n(_is_last(sittings)),
        "Diagnostic Language": np.full(count, "English", object),
        "Reading Difficulty Indicator (Y/N)": np.full(count, "Not Provided", object),
    }


def _newer(
    students: Students, sittings: _Sittings, where: tuple[District, int]
) -> dict[str, Texts]:
    """Return what only the newer layout has, groups among it; the second district leaves out EL."""
    district, year = where
    who = sittings.enrolments.student
    sex = np.array(["female", "male", ""], object)
    learner = students.elas_on(who, sittings.day) == "EL"
    tells_status = district is DISTRICTS[0] or year > OLDER_UNTIL + 1
    count = len(who)
    return {
        "Enrolled": np.full(count, "Enrolled", object),
        "Student State ID": students.local_id[who],
        "User Name": "AUTO_" + students.local_id[who],
        "Sex": sex[np.searchsorted(["F", "M", "X"], students.gender[who].astype(str))],
        "Hispanic or Latino": _y_n(students.race[who] == RACES.index("HISPANIC")),
        "Race": np.array(RACE_TEXT, object)[students.race[who]],
        "English Language Learner": _y_n(learner) if tells_status else np.full(count, "", object),
        "Special Education": _y_n(students.is_disabled[who]),
        "Economically Disadvantaged": _y_n(students.is_poor[who]),
        "Class(es)": np.char.add("Class ", (1 + who % 4).astype(str)).astype(object),
        "Class Teacher(s)": np.char.add("Teacher ", (1 + who % 7).astype(str)).astype(object),
        "Norming Window": np.array([label for _, label, *_ in WINDOWS], object)[sittings.window],
        "Baseline Diagnostic (Y/N)": _y_n(sittings.window == 0),
        "Most Recent Diagnostic YTD (Y/N)": _y_n(_is_last(sittings)),
        "Read Aloud": np.full(count, "Off", object),
        "Diagnostic Gain": np.full(count, "0", object),
    }


def _early(subject: Subject, enrolments: Enrolments) -> Ints:
    return np.array(subject.early)[enrolments.grade]


def _is_last(sittings: _Sittings) -> Bools:
    """Return which sittings are the last of their student; they lie by student and day."""
    student = sittings.enrolments.student
    return np.append(student[1:] != student[:-1], True)


def _vendor_name(name: str) -> str:
    """Return a school's name as the vendor has it: shortened, as an office would type it."""
    return name.replace("Tolliver Bend Elementary", "Tolliver Bend Elem")


def _day_of(school_year: Ints, month_day: str) -> Dates:
    """Return a day of each school year, the autumn lying in the calendar year before."""
    before = 1 if month_day >= "07" else 0
    year = (school_year - before).astype(str)
    return np.char.add(year, f"-{month_day}").astype("datetime64[D]")


def _american(day: Dates, *, padded: bool) -> Texts:
    """Return dates as MM/DD/YYYY, or M/D/YYYY where not padded."""
    distinct, which = np.unique(day, return_inverse=True)
    texts = []
    for date in distinct.astype(object):
        texts.append(f"{date:%m/%d/%Y}" if padded else f"{date.month}/{date.day}/{date.year}")
    return np.array(texts, object)[which]


def _y_n(mask: Bools) -> Texts:
    return np.where(mask, "Y", "N").astype(object)
