"""The state's school directory: one file per programme and year, in cp1252, caret-delimited.

The Smarter Balanced and the science file of a year are each short of one school: the lower campus
teaches no grade with a Smarter Balanced test, the primary school none with a science test.
"""

from __future__ import annotations

import numpy as np

from flows.demo.extract import Extract, Form
from flows.demo.network import (
    COUNTY_CODE,
    COUNTY_NAME,
    DISTRICTS,
    SCHOOL_YEARS,
    SCHOOLS,
    STATE_NAME,
    School,
)

SOURCE = "ca_school_directory"
TESTED_GRADES = {"sb": {3, 4, 5, 6, 7, 8, 11}, "cast": {5, 8, 10, 11, 12}}
COLUMNS = (
    "County Code",
    "District Code",
    "School Code",
    "Type ID",
    "Test Year",
    "County Name",
    "District Name",
    "School Name",
    "Zip Code",
)
STATE, COUNTY, DISTRICT, SCHOOL, LOCAL_CHARTER = "4", "5", "6", "7", "10"
OLDER = ("Filler", "Test Year", "Type ID")
NEWER = ("Type ID", "Filler", "Test Year")
TYPE_MOVED_IN = 2024
ZIP_CODE = "99999"


def directory_extracts() -> list[Extract]:
    """Return the directory files of both programmes and all years."""
    return [_directory(programme, year) for year in SCHOOL_YEARS for programme in TESTED_GRADES]


def listed_schools(programme: str) -> list[School]:
    """Return the schools that a programme's directory knows: those with a grade it tests."""
    tested = TESTED_GRADES[programme]
    return [s for s in SCHOOLS if tested & set(range(s.grades[0], s.grades[1] + 1))]


def _directory(programme: str, year: int) -> Extract:
    rows = [(*row[:4], str(year), *row[4:]) for row in _entities(programme)]
    columns = dict(
        zip(COLUMNS, (np.array(c, object) for c in zip(*rows, strict=True)), strict=True)
    )
    moving = NEWER if year >= TYPE_MOVED_IN else OLDER
    return Extract(
        path=f"{programme}_ca{year}entities_csv.txt",
        source=SOURCE,
        header=(*COLUMNS[:3], *moving, *COLUMNS[5:]),
        columns=columns,
        form=Form(delimiter="^", newline="\r\n", encoding="cp1252"),
    )


def _entities(programme: str) -> list[tuple[str, ...]]:
    """Return state, county, then each district before its schools."""
    rows: list[tuple[str, ...]] = [
        ("00", "00000", "0000000", STATE, STATE_NAME, "", "", ""),
        (COUNTY_CODE, "00000", "0000000", COUNTY, COUNTY_NAME, "", "", ""),
    ]
    listed = listed_schools(programme)
    for district in DISTRICTS:
        place = (COUNTY_CODE, district.code)
        rows.append((*place, "0000000", DISTRICT, COUNTY_NAME, district.name, "", ""))
        for school in sorted((s for s in listed if s.district is district), key=lambda s: s.code):
            kind = LOCAL_CHARTER if school.charter_code else SCHOOL
            name = (COUNTY_NAME, district.name, school.name, ZIP_CODE)
            rows.append((*place, school.code, kind, *name))
    return rows
