"""Writes seeded student-level results for `make bench`: `generate.py ROWS OUT [--state SCHOOLS]`.

60 districts of very different size hold 1,000 schools. A student begins at an elementary school
(grades 3 to 5), follows its feeder chain to a middle (6 to 8) and a high school (11) of the same
district, and keeps the same groups in every year and subject. Grades 9, 10 and below 3 are not
tested. Rows lie as yearly extracts laid end to end: by year, school, student, subject. One row in a
hundred carries one value that no code list, pattern or range allows. `--state` makes a state of so
many schools, its districts in proportion, with one subject in the last year alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

SEED = 20261121
YEARS = np.arange(2021, 2026)
DISTRICTS, SCHOOLS = 60, 1_000
FEWEST_SCHOOLS = 3
ELEMENTARY, MIDDLE, HIGH = range(3)
FAULTY_SHARE = 0.01
ROWS_AT_ONCE = 1_000_000

SUBJECTS = ("ELA", "MATH")
ETHNICITIES = ("100", "200", "300", "400", "500", "600", "700")
EL_STATUSES = ("EO", "IFEP", "EL", "RFEP", "TBD")
GENDERS = ("F", "M", "X")
YES_NO = ("N", "Y")
ETHNICITY_MIX = np.array([0.006, 0.115, 0.004, 0.5, 0.065, 0.08, 0.23])
# Chance of each language status by ethnicity.
EL_MIX = np.array(
    [
        [0.93, 0.02, 0.03, 0.02, 0.0],
        [0.45, 0.14, 0.18, 0.225, 0.005],
        [0.80, 0.05, 0.09, 0.06, 0.0],
        [0.52, 0.05, 0.23, 0.195, 0.005],
        [0.70, 0.06, 0.14, 0.095, 0.005],
        [0.95, 0.01, 0.02, 0.02, 0.0],
        [0.93, 0.02, 0.03, 0.02, 0.0],
    ]
)
POVERTY = np.array([0.62, 0.40, 0.65, 0.78, 0.42, 0.74, 0.33])
ETHNICITY_POINTS = np.array([-25, 55, -20, -25, 35, -45, 15])
EL_POINTS = np.array([0, 0, -60, 20, 0])
LOWEST_SCORE, HIGHEST_SCORE = 2_100, 2_900
# Distance of each level's lowest score from the grade's standard.
LEVEL_STEPS = (-60, 0, 70)

COLUMNS = (
    "cds_code",
    "ssid",
    "test_year",
    "subject",
    "grade",
    "ethnicity",
    "el_status",
    "gender",
    "sed",
    "swd",
    "scale_score",
    "level",
)
FAULTS = {
    "cds_code": ("1964733", "0" * 14, "1964733ABC1234"),
    "ssid": ("12345", "99999999999", ""),
    "test_year": ("1999", "2121", ""),
    "subject": ("SCI", "math", ""),
    "grade": ("2", "9", "12", "KN"),
    "ethnicity": ("900", "HI", ""),
    "el_status": ("XX", "ELL", ""),
    "gender": ("U", ""),
    "sed": ("?", "1"),
    "swd": ("?", "0"),
    "scale_score": ("-1", "9999", "NA", ""),
    "level": ("0", "5", ""),
}


@dataclass(frozen=True)
class State:
    """How many schools there are in how many districts, and what is tested when."""

    schools: int = SCHOOLS
    districts: int = DISTRICTS
    years: np.ndarray = field(default_factory=YEARS.copy)
    subjects: tuple[str, ...] = SUBJECTS

    @classmethod
    def of_one_year(cls, schools: int) -> State:
        """Return one of so many schools, the districts in proportion: a year, a subject."""
        districts = round(schools * DISTRICTS / SCHOOLS)
        return cls(schools, districts, YEARS[-1:], SUBJECTS[:1])


@dataclass(frozen=True)
class Schools:
    """The schools by position: their codes, levels, and where their students go on to."""

    codes: list[str]
    elementary: np.ndarray
    middle_of: np.ndarray
    high_of: np.ndarray
    district: np.ndarray
    effect: np.ndarray


@dataclass(frozen=True)
class Students:
    """One entry per student; groups are positions in the code lists above."""

    ssid: np.ndarray
    home: np.ndarray
    first_grade: np.ndarray
    ethnicity: np.ndarray
    el_status: np.ndarray
    gender: np.ndarray
    sed: np.ndarray
    swd: np.ndarray
    ability: np.ndarray


@dataclass(frozen=True)
class Rows:
    """One entry per result."""

    student: np.ndarray
    year: np.ndarray
    grade: np.ndarray
    school: np.ndarray
    subject: np.ndarray


def generate(rows: int, out: Path, seed: int = SEED, state: State | None = None) -> dict[str, int]:
    """Write exactly `rows` results to `out`; the same rows, seed and state give the same bytes.

    Returns:
        How many rows, students, schools and faulty rows were written.
    """
    rng, state = np.random.default_rng(seed), state or State()
    schools = draw_schools(rng, state)
    students = draw_students(rng, state, schools, rows)
    results = lay_out(rng, state, schools, students, rows)
    columns = as_columns(rng, state, schools, students, results)
    faulty = plant(rng, columns, rows)
    write(columns, out, rows)
    return {
        "rows": rows,
        "students": len(np.unique(results.student)),
        "schools": len(np.unique(results.school)),
        "faulty_rows": faulty,
    }


def draw_schools(rng: np.random.Generator, state: State) -> Schools:
    """Share the schools out among the districts, and each district's into feeder chains."""
    weight = rng.lognormal(0, 1.1, state.districts)
    spare = state.schools - FEWEST_SCHOOLS * state.districts
    counts = FEWEST_SCHOOLS + rng.multinomial(spare, weight / weight.sum())
    district = np.repeat(np.arange(state.districts), counts)
    level, middle_of, high_of = (np.zeros(state.schools, np.int64) for _ in range(3))
    start = 0
    for count in counts:
        high, middle = max(1, round(0.15 * count)), max(1, round(0.22 * count))
        elementary = count - high - middle
        place = start + np.arange(count)
        level[place] = np.repeat([ELEMENTARY, MIDDLE, HIGH], [elementary, middle, high])
        share = np.arange(elementary) / elementary
        homes = place[:elementary]
        middle_of[homes] = place[elementary] + (share * middle).astype(np.int64)
        high_of[homes] = place[elementary + middle] + (share * high).astype(np.int64)
        start += count
    county = rng.integers(1, 59, state.districts)
    codes = [
        f"{county[d]:02d}{70_000 + 41 * d:05d}{5_000_000 + 733 * position:07d}"
        for position, d in enumerate(district)
    ]
    elementary = np.flatnonzero(level == ELEMENTARY)
    return Schools(
        codes, elementary, middle_of, high_of, district, rng.normal(0, 25, state.schools)
    )


def is_tested(grade: np.ndarray) -> np.ndarray:
    """Return which grades take the test."""
    return ((grade >= 3) & (grade <= 8)) | (grade == 11)


def draw_students(rng: np.random.Generator, state: State, schools: Schools, rows: int) -> Students:
    """Draw as many students as give a few more rows than are asked for."""
    first_grades = np.arange(3 - (len(state.years) - 1), 12)
    tests = is_tested(first_grades[:, None] + np.arange(len(state.years))).sum(axis=1)
    first_grades, tests = first_grades[tests > 0], tests[tests > 0]
    count = int(rows * 1.03 / len(state.subjects) / tests.mean()) + 200
    size = rng.lognormal(0, 0.65, len(schools.elementary))
    place = rng.choice(len(schools.elementary), count, p=size / size.sum())
    home = schools.elementary[place]
    ethnicity = pick(rng, draw_mixes(rng, state, schools)[place])
    el_status = pick(rng, EL_MIX[ethnicity])
    sed = (rng.random(count) < POVERTY[ethnicity]).astype(np.int64)
    swd = (rng.random(count) < 0.13).astype(np.int64)
    ability = rng.normal(0, 75, count) + ETHNICITY_POINTS[ethnicity] + EL_POINTS[el_status]
    ability += np.where(sed, -25, 15) + np.where(swd, -55, 0)
    return Students(
        ssid=np.sort(1_000_000_000 + rng.permutation(count * 9)[:count] * 11),
        home=home,
        first_grade=rng.choice(first_grades, count),
        ethnicity=ethnicity,
        el_status=el_status,
        gender=np.searchsorted([0.4875, 0.997], rng.random(count)),
        sed=sed,
        swd=swd,
        ability=ability,
    )


def draw_mixes(rng: np.random.Generator, state: State, schools: Schools) -> np.ndarray:
    """Return each elementary school's mix of ethnicities, scattered around its district's."""
    district = rng.dirichlet(ETHNICITY_MIX * 6, state.districts)
    mixes = district[schools.district[schools.elementary]] * 12 + 0.02
    draws = rng.standard_gamma(mixes)
    return draws / draws.sum(axis=1, keepdims=True)


def pick(rng: np.random.Generator, shares: np.ndarray) -> np.ndarray:
    """Draw one position per row of shares."""
    limits = np.cumsum(shares, axis=1)[:, :-1] / shares.sum(axis=1, keepdims=True)
    return (rng.random(len(shares))[:, None] > limits).sum(axis=1)


def lay_out(
    rng: np.random.Generator, state: State, schools: Schools, students: Students, rows: int
) -> Rows:
    """Return the results by year, school, student, subject, just as many as are asked for."""
    grades = students.first_grade[:, None] + np.arange(len(state.years))
    student, year = np.nonzero(is_tested(grades))
    grade = grades[student, year]
    home = students.home[student]
    school = np.where(
        grade <= 5, home, np.where(grade <= 8, schools.middle_of[home], schools.high_of[home])
    )
    # Students are in the order of their ids, so one number sorts by year, school and student.
    place = year * state.schools + school
    order = np.argsort(place * len(students.ssid) + student, kind="stable")
    both = np.repeat(order, len(state.subjects))
    subject = np.tile(np.arange(len(state.subjects)), len(order))
    kept = np.ones(len(both), bool)
    kept[rng.permutation(len(both))[: len(both) - rows]] = False
    if kept.sum() != rows:
        raise ValueError(f"only {len(both)} results for {rows} rows")
    both, subject = both[kept], subject[kept]
    return Rows(student[both], state.years[year[both]], grade[both], school[both], subject)


@dataclass
class Column:
    """A column as positions in a list of its distinct texts."""

    positions: np.ndarray
    texts: pa.Array


def as_columns(
    rng: np.random.Generator, state: State, schools: Schools, students: Students, rows: Rows
) -> dict[str, Column]:
    """Return every column of the file, scores and levels drawn."""
    standard = 2_505 + np.where(rows.grade == 11, 85, (rows.grade - 6) * 22)
    score = standard + students.ability[rows.student] + schools.effect[rows.school]
    score += rng.normal(0, 35, len(standard)) - 8 * rows.subject
    score = np.rint(score).clip(LOWEST_SCORE, HIGHEST_SCORE).astype(np.int64)
    level = sum((score > standard + step).astype(np.int64) for step in LEVEL_STEPS)
    who = rows.student
    return {
        "cds_code": column(rows.school, schools.codes),
        "ssid": Column(who, pa.array(students.ssid).cast(pa.string())),
        "test_year": column(rows.year - state.years[0], map(str, state.years)),
        "subject": column(rows.subject, state.subjects),
        "grade": column(rows.grade, map(str, range(12))),
        "ethnicity": column(students.ethnicity[who], ETHNICITIES),
        "el_status": column(students.el_status[who], EL_STATUSES),
        "gender": column(students.gender[who], GENDERS),
        "sed": column(students.sed[who], YES_NO),
        "swd": column(students.swd[who], YES_NO),
        "scale_score": column(
            score - LOWEST_SCORE, map(str, range(LOWEST_SCORE, HIGHEST_SCORE + 1))
        ),
        "level": column(level, ("1", "2", "3", "4")),
    }


def column(positions: np.ndarray, texts: Iterable[str]) -> Column:
    """Return a column over a few texts."""
    return Column(positions, pa.array(list(texts), pa.string()))


def plant(rng: np.random.Generator, columns: dict[str, Column], rows: int) -> int:
    """Put one wrong value into one column of every hundredth row; returns how many."""
    faulty = rng.permutation(rows)[: int(rows * FAULTY_SHARE)]
    where = rng.integers(0, len(COLUMNS), len(faulty))
    which = rng.integers(0, 12, len(faulty))
    for number, name in enumerate(COLUMNS):
        wrong = FAULTS[name]
        good = columns[name]
        hit = where == number
        good.positions = good.positions.astype(np.int32)
        good.positions[faulty[hit]] = len(good.texts) + which[hit] % len(wrong)
        good.texts = pa.concat_arrays([good.texts, pa.array(wrong, pa.string())])
    return len(faulty)


def write(columns: dict[str, Column], out: Path, rows: int) -> None:
    """Write the columns as CSV without quotes, some rows at a time."""
    options = pacsv.WriteOptions(include_header=False, quoting_style="none", batch_size=32_768)
    with out.open("wb") as file:
        file.write((",".join(COLUMNS) + "\n").encode())
        for start in range(0, rows, ROWS_AT_ONCE):
            end = min(start + ROWS_AT_ONCE, rows)
            arrays = [
                columns[name].texts.take(pa.array(columns[name].positions[start:end]))
                for name in COLUMNS
            ]
            pacsv.write_csv(pa.table(arrays, names=list(COLUMNS)), file, options)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write seeded student-level results.")
    parser.add_argument("rows", type=int)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--state", type=int, metavar="SCHOOLS", help="one year, one subject")
    options = parser.parse_args()
    state = State.of_one_year(options.state) if options.state else None
    made = generate(options.rows, options.out, options.seed, state)
    print(", ".join(f"{value} {name}" for name, value in made.items()), "->", options.out)


if __name__ == "__main__":
    main()
