"""The widest student layout: reading it and coding its rows, beside DuckDB reading all of its text.

`wide.py make ROWS FILE` writes the file, `wide.py yardstick FILE` and `wide.py roci FILE` read it;
the two that read print one JSON object.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

SOURCE = "ca_caaspp_student"
STUDENTS = 5_000
FIRST_ID = 1_000_000_000
MARK = "{student}"

# What the source reads of a row, as a random generator gives it. Any other column has the kind of
# text that such columns have: mostly nothing, else a flag, a number or a day.
VALUES: dict[str, Callable[[random.Random], str]] = {
    "RecordType": lambda some: some.choice(("01", "02")),
    "SSID": lambda _: MARK,
    "LocalStudentID": lambda some: f"{some.randrange(10**6):06d}",
    "DateofBirth": lambda some: f"20{some.randint(10, 15)}-{some.randint(1, 12):02d}-11",
    "Gender": lambda some: some.choice("FMX"),
    "GradeAssessed": lambda some: some.choice(("03", "04", "05", "06", "07", "08", "11")),
    "ELAS": lambda some: some.choice(("EO", "EL", "RFEP", "IFEP", "TBD")),
    "EthnicityforTesting": lambda some: some.choice(("100", "200", "500", "600", "700", "800")),
    "FinalTestedDistrictCode": lambda _: "01990170000000",
    "FinalTestedSchoolCode": lambda some: f"0199017{some.randint(1, 60):07d}",
    "FinalTestedSchoolName": lambda some: f"School {some.randint(1, 60)}",
    "FinalTestCompletedDate": lambda some: f"2025-05-{some.randint(1, 28):02d}",
    "IncludeIndicator": lambda some: "Y",
    "ConditionCode": lambda _: "",
    "ScaleScore": lambda some: str(some.randint(2300, 2700)),
    "AchievementLevels": lambda some: some.choice("1234"),
    "ScienceParticipatedHighSchoolGrade": lambda _: "",
    **dict.fromkeys(
        ("ELEntryDate", "RFEPDate", "PaperTestCompletionDate", "TestCompletedDate1"), lambda _: ""
    ),
}
FLAGS = ("Hispanic", "Asian", "White", "Filipino", "Testing", "Native", "Black", "Islander")


def make(rows: int, file: Path) -> dict[str, Any]:
    """Write a file of the widest layout: the same five thousand records under ever new ids."""
    from configs.catalogue import load_catalogue

    source = load_catalogue().source(SOURCE)
    header = max((layout.columns for layout in source.layouts), key=len)
    some = random.Random(401)
    records = ["^".join(_value(name, some) for name in header) for _ in range(STUDENTS)]
    parts = [record.split(MARK) for record in records]
    with file.open("w", encoding="utf-8") as out:
        out.write("^".join(header) + "\r\n")
        for first in range(0, rows, STUDENTS):
            count = min(STUDENTS, rows - first)
            out.writelines(
                f"{before}{FIRST_ID + first + at}{after}\r\n"
                for at, (before, after) in enumerate(parts[:count])
            )
    return {"rows": rows, "columns": len(header), "bytes": file.stat().st_size}


def _value(name: str, some: random.Random) -> str:
    if name in VALUES:
        return VALUES[name](some)
    if "Date" in name or "Code" in name:
        return ""
    if any(part in name for part in FLAGS):
        return some.choice(("Yes", "No"))
    if some.random() < 0.6:
        return ""
    return some.choice(("Y", "N", str(some.randrange(5000)), "Not Applicable", "02"))


def yardstick(file: Path) -> dict[str, Any]:
    """Let DuckDB read every column as text and look at every value."""
    import duckdb

    read = f"read_csv('{file}', all_varchar = true, delim = '^', header = true, quote = '')"
    read = f"SELECT count(*), sum(length(COLUMNS(*))) FROM {read}"
    return {"rows": duckdb.execute(read).fetchall()[0][0]}


def roci(file: Path) -> dict[str, Any]:
    """Find out how the file is written, match its layout, and code every row."""
    from flows.context import open_context
    from flows.stages.extract import open_extract
    from flows.stages.intake import Incoming

    context = open_context({"ROCI_HOME": str(file.parent / "home_wide")})
    source = context.catalogue.source(SOURCE)
    rows = faults = 0
    with file.open("rb") as stream:
        extract = open_extract(context, source, Incoming(SOURCE, file.name, ""), stream)
        for piece in extract.pieces:
            encoded = extract.encoder.encode(piece)
            rows += encoded.table.num_rows
            faults += encoded.faults.num_rows
    return {"rows": rows, "faults": faults, "layout": extract.match.layout.name}


def main() -> None:
    parser = argparse.ArgumentParser(description="Make or read a file of the widest layout.")
    parser.add_argument("verb", choices=("make", "yardstick", "roci"))
    parser.add_argument("words", nargs="+")
    options = parser.parse_args()
    file = Path(options.words[-1])
    if options.verb == "make":
        told = make(int(options.words[0]), file)
    else:
        told = {"yardstick": yardstick, "roci": roci}[options.verb](file)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
