"""Writes the whole demonstration into landing/ and returns what was planted where."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from configs.catalogue import Catalogue, load_catalogue
from flows.demo import caaspp, iready, oneroster, state_long
from flows.demo.directory import directory_extracts
from flows.demo.extract import Extract, source_rows
from flows.demo.faults import (
    file_fault,
    plant_in_caaspp,
    plant_in_state_long,
    row_fault,
    truncated,
)
from flows.demo.network import DISTRICTS, SCHOOL_YEARS
from flows.demo.plan import DemoFile, DemoPlan, PlantedFault
from flows.demo.students import Enrolments, Students, grow_network

SEED = 20261121
NEW_SCHOOL = "Foxmantle Elementary"
RENAMED = ("Overall Scale Score", "Overall Score")
RENAMED_ROWS = 240


@dataclass(frozen=True)
class _Made:
    """A file ready to be written, and what is wrong with it."""

    file: DemoFile
    content: bytes
    faults: list[PlantedFault]


def write_demo(landing: Path, seed: int = SEED, catalogue: Catalogue | None = None) -> DemoPlan:
    """Write three school years of extracts of the invented network under `landing`.

    The same seed writes the same bytes.

    Args:
        landing: the folder where files arrive; it is made where it is missing.
        seed: decides every student, score and fault.
        catalogue: the configuration whose cut scores the scores agree with; read if not given.

    Returns:
        The files, and every fault planted in them by file and row.
    """
    catalogue = catalogue or load_catalogue()
    students, enrolments = grow_network(seed)
    made = list(_make(students, enrolments, catalogue, seed))
    for one in made:
        path = landing / one.file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(one.content)
    return DemoPlan(seed, [one.file for one in made], [f for one in made for f in one.faults])


def _make(
    students: Students, enrolments: Enrolments, catalogue: Catalogue, seed: int
) -> Iterator[_Made]:
    yield from (_sound(extract) for extract in directory_extracts())
    yield from _rosters(students, enrolments, seed)
    yield from _score_files(students, enrolments, catalogue, seed)
    yield from _diagnostics(students, enrolments, seed)
    yield _long_file(students, enrolments, seed)


def _sound(extract: Extract) -> _Made:
    file = DemoFile(extract.path, extract.source, len(extract))
    return _Made(file, extract.encode(), [])


def _rosters(students: Students, enrolments: Enrolments, seed: int) -> Iterator[_Made]:
    for roster in oneroster.rosters(students, enrolments, seed):
        words = "a teacher: rosters list everyone, only students are kept"
        fault = PlantedFault(
            roster.path,
            oneroster.SOURCE,
            "set_aside",
            "NOT_A_STUDENT",
            len(roster.teacher_rows),
            roster.teacher_rows,
            words,
        )
        rows = roster.enrolment_count + len(roster.teacher_rows)
        yield _Made(DemoFile(roster.path, oneroster.SOURCE, rows), roster.encode(), [fault])


def _score_files(
    students: Students, enrolments: Enrolments, catalogue: Catalogue, seed: int
) -> Iterator[_Made]:
    """Yield the state's score files, a broken re-sending of one, and one that came empty."""
    extracts = caaspp.caaspp_extracts(students, enrolments, catalogue, seed)
    planted = []
    for number, extract in enumerate(extracts):
        extract, faults = plant_in_caaspp(extract, np.random.default_rng([seed, 7, number]))
        planted.append(extract)
        yield replace(_sound(extract), faults=faults)
    last = SCHOOL_YEARS[-1]
    again = caaspp.path_of(DISTRICTS[0], last, "_resent")
    twin = next(e for e in planted if e.path == caaspp.path_of(DISTRICTS[0], last))
    yield _file_at_fault(
        again,
        truncated(twin, again),
        caaspp.SOURCE,
        "TRUNCATED_FILE",
        "the transfer broke off in the middle of a row; the whole file came before",
    )
    yield _file_at_fault(
        caaspp.path_of(DISTRICTS[1], last, "_resent"),
        b"",
        caaspp.SOURCE,
        "EMPTY_FILE",
        "nothing arrived but the file's name",
    )


def _diagnostics(students: Students, enrolments: Enrolments, seed: int) -> Iterator[_Made]:
    """Yield the diagnostics, an export with a renamed column, and one from an unknown school."""
    extracts = iready.iready_extracts(students, enrolments, seed)
    for extract in extracts:
        words = "rushed, and taken again in the same window; the later sitting counts"
        rows = source_rows(iready.rushed(extract))
        fault = row_fault(extract, ("set_aside", "REPEATED_TEST", words), rows)
        yield replace(_sound(extract), faults=[fault])
    path = iready.path_of(DISTRICTS[0], SCHOOL_YEARS[-1], iready.MATH)
    yield _renamed_column(next(e for e in extracts if e.path == path))
    unknown = iready.first_of_next_year(students, enrolments, NEW_SCHOOL, seed)
    yield replace(
        _sound(unknown),
        faults=[
            file_fault(
                unknown.path,
                unknown.source,
                ("held", "UNKNOWN_SCHOOL", f"no directory knows {NEW_SCHOOL}"),
            )
        ],
    )


def _renamed_column(extract: Extract) -> _Made:
    """Return the first rows of an export sent again after somebody renamed a column."""
    old, new = RENAMED
    few = extract.taking(np.arange(RENAMED_ROWS))
    header = tuple(new if name == old else name for name in few.header)
    columns = {new if name == old else name: text for name, text in few.columns.items()}
    path = iready.path_of(DISTRICTS[0], SCHOOL_YEARS[-1], iready.MATH, "_resent")
    renamed = replace(few, path=path, header=header, columns=columns)
    return _file_at_fault(
        path,
        renamed.encode(),
        extract.source,
        "UNKNOWN_HEADER",
        f"column {old} is now called {new}",
    )


def _file_at_fault(path: str, content: bytes, source: str, code: str, words: str) -> _Made:
    rows = max(content.count(b"\n") - 1, 0)
    fault = file_fault(path, source, ("refused", code, words))
    return _Made(DemoFile(path, source, rows), content, [fault])


def _long_file(students: Students, enrolments: Enrolments, seed: int) -> _Made:
    extract = state_long.state_long_extract(students, enrolments, seed)
    extract, faults = plant_in_state_long(extract, np.random.default_rng([seed, 8]))
    file = DemoFile(extract.path, extract.source, len(extract))
    return _Made(file, gzip.compress(extract.encode(), compresslevel=6, mtime=0), faults)
