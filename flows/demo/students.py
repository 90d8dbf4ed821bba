"""The invented students: who they are, where they are enrolled, and what they would score.

A student keeps race, gender, birth date and language history for good and moves up one grade a
year. Language status is never drawn for a date: it follows from the dates of a student's history.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from flows.demo.names import FAMILY_NAMES, GIVEN_NAMES
from flows.demo.network import FEEDER_CHAINS, KINDERGARTEN, SCHOOL_YEARS, SCHOOLS, school_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Dates = NDArray[np.datetime64]
Texts = NDArray[np.object_]

COHORT_SIZE = 402
# Share of a cohort that begins at each home school, in the order of FEEDER_CHAINS.
HOME_SHARES = (0.20, 0.15, 0.17, 0.08, 0.21, 0.19)

RACES = ("AIAN", "ASIAN", "NHPI", "FILIPINO", "HISPANIC", "BLACK", "WHITE", "MULTI", "UNKNOWN")
BASE_MIX = (0.012, 0.12, 0.012, 0.05, 0.44, 0.10, 0.20, 0.055, 0.011)
RACE_EFFECT = (-0.25, 0.40, -0.20, 0.25, -0.25, -0.35, 0.20, 0.05, -0.10)
POVERTY_SHARE = (0.62, 0.42, 0.65, 0.40, 0.76, 0.68, 0.32, 0.45, 0.50)

# How a student of each race came to English: EO, IFEP, once an English learner.
LANGUAGES = ("EO", "IFEP", "EVER_EL")
LANGUAGE_SHARES = np.array(
    [
        [0.94, 0.02, 0.04],
        [0.42, 0.16, 0.42],
        [0.80, 0.05, 0.15],
        [0.55, 0.15, 0.30],
        [0.42, 0.10, 0.48],
        [0.94, 0.02, 0.04],
        [0.92, 0.03, 0.05],
        [0.86, 0.05, 0.09],
        [0.75, 0.08, 0.17],
    ]
)
# Chance of reclassification in each year since a student was found to be an English learner.
RECLASSIFY_HAZARD = (0.0, 0.02, 0.04, 0.08, 0.13, 0.16, 0.16, 0.14, 0.12, 0.10, 0.10, 0.10, 0.10)
NEVER = np.datetime64("2200-01-01")
# In these schools the mean rises by this many standard deviations a year, elsewhere by the second.
PARTNER_GAIN, USUAL_GAIN = 0.11, 0.02


@dataclass(frozen=True)
class Students:
    """One entry per student in every array.

    `races` has one boolean column per race of RACES up to WHITE. `el_entry_date` and `rfep_date`
    are NEVER where a student has none.
    """

    ssid: Texts
    local_id: Texts
    state_id: Texts
    given_name: Texts
    family_name: Texts
    birth_date: Dates
    race: Ints
    races: Bools
    gender: Texts
    is_poor: Bools
    is_disabled: Bools
    language: Ints
    el_entry_date: Dates
    rfep_date: Dates
    us_entry_date: Dates
    ability: Floats
    first_year: Ints

    def __len__(self) -> int:
        """Return how many students there are."""
        return len(self.ssid)

    def elas_on(self, who: Ints, day: Dates) -> Texts:
        """Return the language status of students `who` on a day each, from their own dates."""
        known = np.array(LANGUAGES, object)[self.language[who]]
        ever = known == "EVER_EL"
        status = np.where(day >= self.el_entry_date[who], "EL", "TBD")
        status = np.where(day >= self.rfep_date[who], "RFEP", status)
        return np.where(ever, status, known).astype(object)


@dataclass(frozen=True)
class Enrolments:
    """One entry per student and school year: where the student is, in which grade, how able."""

    student: Ints
    school_year: Ints
    grade: Ints
    school: Ints
    begin_date: Dates
    level: Floats

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.student)

    def where(self, chosen: Bools | Ints) -> Enrolments:
        """Return those that a mask marks, or those at these places in this order."""
        return Enrolments(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def grow_network(seed: int) -> tuple[Students, Enrolments]:
    """Return every student of the network and every year of theirs in it."""
    rng = np.random.default_rng([seed, 1])
    paths = _draw_paths(rng)
    students = _draw_students(rng, paths)
    return students, _enrol(rng, students, paths)


@dataclass(frozen=True)
class _Paths:
    """Where each student begins, how old the cohort is, and the years in the network."""

    home: Ints
    grade_in_first: Ints
    first_year: Ints
    last_year: Ints
    moves_in: Ints
    moves_to: Ints


def _draw_paths(rng: np.random.Generator) -> _Paths:
    """Cohorts by grade, a few who arrive late, leave early, or move to another home school."""
    first, last = SCHOOL_YEARS[0], SCHOOL_YEARS[-1]
    grades = np.repeat(np.arange(first - last, 13), COHORT_SIZE)
    count = len(grades)
    homes = np.array(list(FEEDER_CHAINS))
    draw = rng.random(count)
    arrives = np.where(draw < 0.035, first + 1, np.where(draw < 0.07, last, first))
    arrives = np.maximum(arrives, first - np.minimum(grades, 0))
    draw = rng.random(count)
    leaves = np.where(draw < 0.03, first, np.where(draw < 0.06, first + 1, last))
    leaves = np.maximum(leaves, arrives)
    moves = np.where(rng.random(count) < 0.04, rng.integers(first + 1, last + 1, count), last + 1)
    return _Paths(
        home=rng.choice(homes, count, p=HOME_SHARES),
        grade_in_first=grades,
        first_year=arrives,
        last_year=leaves,
        moves_in=moves,
        moves_to=rng.choice(homes, count, p=HOME_SHARES),
    )


def _draw_students(rng: np.random.Generator, paths: _Paths) -> Students:
    """Identities and groups; the mix of races differs by the school where a student begins."""
    count = len(paths.home)
    homes = list(FEEDER_CHAINS)
    mixes = rng.dirichlet(np.array(BASE_MIX) * 40, len(homes))
    position = np.searchsorted(homes, paths.home)
    race = _pick(rng, mixes[position])
    language = _pick(rng, LANGUAGE_SHARES[race])
    birth = _days(2015 - paths.grade_in_first, 9, 2) + rng.integers(0, 365, count)
    entry, rfep, us_entry = _language_dates(rng, paths, language == 2)
    is_poor = rng.random(count) < np.array(POVERTY_SHARE)[race]
    is_disabled = rng.random(count) < 0.125
    ability = rng.normal(0, 0.8, count) + np.array(RACE_EFFECT)[race]
    ability += np.where(is_poor, -0.25, 0.2) + np.where(is_disabled, -0.6, 0.05)
    drawn = Students(
        ssid=_texts(8_100_000_003 + rng.permutation(count) * 97),
        local_id=_texts(410_005 + rng.permutation(count) * 7),
        state_id=_texts(2_000_011 + rng.permutation(count) * 13),
        given_name=np.array(GIVEN_NAMES, object)[rng.integers(0, len(GIVEN_NAMES), count)],
        family_name=np.array(FAMILY_NAMES, object)[rng.integers(0, len(FAMILY_NAMES), count)],
        birth_date=birth,
        race=race,
        races=_race_flags(rng, race),
        gender=np.array(["F", "M", "X"], object)[
            np.searchsorted([0.487, 0.994], rng.random(count))
        ],
        is_poor=is_poor,
        is_disabled=is_disabled,
        language=language,
        el_entry_date=entry,
        rfep_date=rfep,
        us_entry_date=us_entry,
        ability=ability,
        first_year=paths.first_year,
    )
    return replace(drawn, given_name=_told_apart(drawn))


def _told_apart(students: Students) -> Texts:
    """Return given names such that no two students share both names and the birth date."""
    given = students.given_name.copy()
    taken = set()
    for place, rest in enumerate(zip(students.family_name, students.birth_date, strict=True)):
        while (given[place], *rest) in taken:
            given[place] = GIVEN_NAMES[(GIVEN_NAMES.index(given[place]) + 1) % len(GIVEN_NAMES)]
        taken.add((given[place], *rest))
    return given


def _language_dates(
    rng: np.random.Generator, paths: _Paths, ever_learner: Bools
) -> tuple[Dates, Dates, Dates]:
    """When a student was found to be an English learner, reclassified, and first came to school.

    Some who arrive late came from abroad: they enter in their first year, a few of them in the
    year after, and stand as "to be determined" until then.
    """
    count = len(ever_learner)
    kindergarten = SCHOOL_YEARS[0] - paths.grade_in_first
    abroad = ever_learner & (paths.first_year > np.maximum(kindergarten, SCHOOL_YEARS[0]))
    abroad &= rng.random(count) < 0.6
    start = np.where(abroad, paths.first_year, kindergarten)
    us_entry = _days(start - 1, 8, 14) + rng.integers(0, 12, count)
    late = abroad & (rng.random(count) < 0.2)
    entry = us_entry + rng.integers(5, 40, count) + np.where(late, 370, 0)
    spent = np.cumprod(1 - np.array(RECLASSIFY_HAZARD))
    years = np.searchsorted(-spent, -rng.random(count))
    rfep = _days(start + np.minimum(years, 30), 2, 1) + rng.integers(0, 28, count)
    reclassified = ever_learner & ~late & (years < len(spent))
    return (
        np.where(ever_learner, entry, NEVER),
        np.where(reclassified, rfep, NEVER),
        us_entry,
    )


def _race_flags(rng: np.random.Generator, race: Ints) -> Bools:
    """Return a yes or no for each single race; Hispanic students may name another race too."""
    singles = RACES.index("WHITE") + 1
    flags = race[:, None] == np.arange(singles)
    white, hispanic = RACES.index("WHITE"), RACES.index("HISPANIC")
    flags[(race == hispanic) & (rng.random(len(race)) < 0.6), white] = True
    others = np.array([i for i in range(singles) if i != hispanic])
    pairs = np.array([rng.permutation(others)[:2] for _ in range(64)])
    multi = np.flatnonzero(race == RACES.index("MULTI"))
    chosen = pairs[rng.integers(0, len(pairs), len(multi))]
    flags[multi, chosen[:, 0]] = flags[multi, chosen[:, 1]] = True
    return flags


def _enrol(rng: np.random.Generator, students: Students, paths: _Paths) -> Enrolments:
    """Lay the years end to end, each year by school and student."""
    school_effect = rng.normal(0, 0.12, len(SCHOOLS))
    parts = [_enrol_year(rng, students, paths, year) for year in SCHOOL_YEARS]
    student, year, grade, school = (np.concatenate(piece) for piece in zip(*parts, strict=True))
    count = len(student)
    partner = np.array([place.is_partner for place in SCHOOLS])[school]
    gain = np.where(partner, PARTNER_GAIN, USUAL_GAIN) * (year - SCHOOL_YEARS[0])
    begin = _days(year - 1, 8, 16)
    arrived = (students.first_year[student] == year) & (rng.random(count) < 0.08)
    arrived &= (grade > KINDERGARTEN) & (year > SCHOOL_YEARS[0])
    begin = np.where(arrived, begin + rng.integers(20, 120, count), begin)
    level = students.ability[student] + school_effect[school] + gain + rng.normal(0, 0.25, count)
    return Enrolments(student, year, grade, school, begin, level)


def _enrol_year(
    rng: np.random.Generator, students: Students, paths: _Paths, year: int
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return student, year, grade and school of all who are in the network that year."""
    grade = paths.grade_in_first + (year - SCHOOL_YEARS[0])
    here = (paths.first_year <= year) & (year <= paths.last_year)
    student = np.flatnonzero(here & (grade >= KINDERGARTEN) & (grade <= 12))
    home = np.where(paths.moves_in <= year, paths.moves_to, paths.home)[student]
    places = np.array([[_place(h, g) for g in range(13)] for h in range(max(FEEDER_CHAINS) + 1)])
    school = places[home, grade[student]]
    order = np.lexsort((students.ssid[student].astype(np.int64), school))
    student, school = student[order], school[order]
    return student, np.full(len(student), year), grade[student], school


def _place(home: int, grade: int) -> int:
    return school_of(home, grade) if home in FEEDER_CHAINS else -1


def _pick(rng: np.random.Generator, shares: Floats) -> Ints:
    """Draw one column per row of shares that sum to one."""
    limits = np.cumsum(shares, axis=1)[:, :-1]
    return (rng.random(len(shares))[:, None] > limits).sum(axis=1)


def _days(year: Ints, month: int, day: int) -> Dates:
    """Return the same day of each year."""
    start = (np.asarray(year) - 1970).astype("datetime64[Y]").astype("datetime64[M]")
    return (start + (month - 1)).astype("datetime64[D]") + (day - 1)


def _texts(numbers: Ints) -> Texts:
    return numbers.astype(str).astype(object)
