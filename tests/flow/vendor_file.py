"""A file of a vendor that no source knows; the vendor and every student are invented."""

from __future__ import annotations

from pathlib import Path

HEADER = (
    "Learner No;Last Name;Date Born;Campus;Campus Code;Yr;Ethnic Group;ELL?;Sem. 1 Score;"
    "Sem. 1 Placement;Sem. 2 Score;Sem. 2 Placement;Content Area;School Year;Remarks"
)
LEVELS = ("Urgent Support", "Developing", "On Pace", "Exceeding")
NAMES = ("Nuñezov", "Peñalver", "Okaforesti", "Smithsonia")
BIRTHS = ("03/14/2014", "11/29/2013")
ROWS = 60
ABSENT_IN_SPRING = 6
UNSURE_STATUS = 2


def vendor_file(path: Path) -> Path:
    """Write it: semicolons, cp1252, two semesters in a row, level words, codes nobody has met.

    The English-learner status of the first two students is `U`; the spring of the last six is N/A.
    """
    lines = [HEADER, *(_line(number) for number in range(ROWS))]
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode("cp1252"))
    return path


def _line(number: int) -> str:
    score = 410 + (number * 37) % 380
    spring = "N/A;N/A" if number >= ROWS - ABSENT_IN_SPRING else _result(score + 5)
    school = ("Alder Elementary;6002001", "Birch Elementary;6002002")[number % 2]
    group = ("Hispanic", "White", "Asian", "Two or more")[number % 4]
    status = "U" if number < UNSURE_STATUS else "YN"[number % 2]
    grade, subject = ("3", "4", "K")[number % 3], ("Maths", "Literacy")[number // 30]
    name, born = NAMES[number % 4], BIRTHS[number % 2]
    return (
        f"{100_200 + number};{name};{born};{school};{grade};{group};{status};{_result(score)};"
        f"{spring};{subject};2024-25;"
    )


def _result(score: int) -> str:
    return f"{score};{LEVELS[min(3, (score - 400) // 100)]}"
