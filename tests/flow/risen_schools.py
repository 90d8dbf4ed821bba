"""Two years of an invented district whose partner schools rose faster, as a plain results file.

In mathematics each of seven schools tests 200 students a year, of whom 100 learn English: 80 of 200
reach the standard in 2024, and in 2025 as many as `REACHED` says. 156 students of a school stay
from year to year. In English 60 students of one school are tested twice: everybody who was at level
1 or 2 has moved up by one level.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.flow.small_files import RESULTS_HEADER

DISTRICT = "0199017"
PARTNERS = ("6990013", "6990021")
OTHERS = ("6990039", "6990047", "6990054", "6990062", "6990070")
NETWORK = f"partner_schools: [{', '.join(f'{DISTRICT}/{school}' for school in PARTNERS)}]\n"
BEFORE, NOW = 2024, 2025
STAYED = 156
# One after the other.
STATUSES = ("EL", "EL", "EO", "RFEP")
# Of 100 English learners, 50 English-only students and 50 reclassified ones so many reached it.
REACHED = {
    BEFORE: {school: {"EL": 30, "EO": 25, "RFEP": 25} for school in (*PARTNERS, *OTHERS)},
    NOW: {
        PARTNERS[0]: {"EL": 39, "EO": 28, "RFEP": 27},
        PARTNERS[1]: {"EL": 40, "EO": 27, "RFEP": 27},
        **{school: {"EL": 36, "EO": 25, "RFEP": 25} for school in OTHERS[:3]},
        OTHERS[3]: {"EL": 38, "EO": 25, "RFEP": 25},
        OTHERS[4]: {"EL": 37, "EO": 26, "RFEP": 25},
    },
}
# Of 20 students at each of the levels 1 to 3 in English, the levels a year later.
LATER = {1: (2,), 2: (3,), 3: (3, 2)}


def write_year(path: Path, year: int) -> Path:
    """Write the results of a year; return the path."""
    schools = (*PARTNERS, *OTHERS)
    rows = [row for place in range(len(schools)) for row in _math(schools[place], place, year)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([RESULTS_HEADER, *rows, *_english(year)]) + "\n", encoding="utf-8")
    return path


def level_of(school: str, number: int, year: int) -> int:
    """Return the level of a student in mathematics."""
    status, place = STATUSES[number % 4], number // 4
    place, size = (2 * place + number % 4, 100) if status == "EL" else (place, 50)
    reached = place * 7 % size < REACHED[year][school][status]
    moves = year == NOW and number % 3 == 0
    return 1 + 2 * reached + (number // 3 + moves) % 2


def _math(school: str, place: int, year: int) -> Iterator[str]:
    for number in range(200):
        comes = 0 if number < STAYED else 1000 * (year - BEFORE)
        student = f"{9_000_000_000 + 10_000 * place + number + comes}"
        level = level_of(school, number, year)
        yield _row(school, student, year, "MATH", number, level)


def _english(year: int) -> Iterator[str]:
    for number in range(60):
        before = 1 + number % 3
        level = before if year == BEFORE else LATER[before][number // 3 % len(LATER[before])]
        yield _row(PARTNERS[0], f"{8_000_000_000 + number}", year, "ELA", number, level)


def _row(school: str, student: str, year: int, subject: str, number: int, level: int) -> str:
    place = number // 4
    groups = (
        ("500", "700")[place // 2 % 2],
        STATUSES[number % 4],
        "FM"[place % 2],
        "YN"[place // 4 % 2],
        "N",
    )
    test = (DISTRICT + school, student, year, subject, 3 + year - BEFORE)
    return ",".join(map(str, (*test, *groups, 2300 + 60 * level, level)))
