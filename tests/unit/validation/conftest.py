"""Typed rows of an invented source, made from what a test says of them."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence

import pyarrow as pa
import pytest

from configs.assessment_models import Assessment, Level, ScoreRange
from configs.catalogue import Catalogue, load_catalogue
from configs.source_models import FieldSource, Layout, Source

Rows = Sequence[dict[str, object]]
ARROW = {
    "code": pa.dictionary(pa.int32(), pa.string()),
    "text": pa.dictionary(pa.int32(), pa.string()),
    "integer": pa.int32(),
    "decimal": pa.float64(),
    "date": pa.date32(),
    "boolean": pa.bool_(),
}
GOOD_ROW = {
    "assessment": "ruler",
    "subject": "ela",
    "test_window": "annual",
    "school_year": 2022,
    "test_date": dt.date(2022, 4, 20),
    "grade": "03",
    "student_id": "S1",
    "district_id": "D1",
    "school_id": "A",
    "participation": "TESTED",
    "scale_score": 250.0,
    "performance_level": 2,
}


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    ranges = [
        ScoreRange(subject="ela", grade="03", to_year=2020, lowest=100, highest=300),
        ScoreRange(
            subject="ela", grade="03", from_year=2021, lowest=100, highest=400, cuts=[200, 300]
        ),
        ScoreRange(subject="ela", grade="04", lowest=150, highest=450),
    ]
    levels = [Level(order=n, label=f"Level {n}") for n in (1, 2, 3)]
    common = {"citation": "invented", "levels": levels, "proficient_from": 2, "scale": "vertical"}
    ruler = Assessment(name="ruler", title="Ruler", subjects=["ela"], score_ranges=ranges, **common)
    plain = Assessment(name="plain", title="Plain", subjects=["ela"], **common)
    shipped = load_catalogue()
    return dataclasses.replace(shipped, assessments={"ruler": ruler, "plain": plain})


@pytest.fixture(scope="session")
def source() -> Source:
    filled = [*GOOD_ROW, "ethnicity", "el_status", "gender", "race_flags"]
    fields = {name: FieldSource(column=name) for name in filled}
    fields |= {name: FieldSource(column=name) for name in ("el_entry_date", "rfep_date")}
    fields["scale_score"] = FieldSource(column="scale_score", maximum=5000)
    return Source(
        name="invented",
        title="Invented",
        publisher="nobody",
        citation="invented",
        table="student_result",
        file_names=["*"],
        layouts=[Layout(name="one", citation="invented", header=list(fields))],
        fields=fields,
        grain=["student_id"],
        partition=["school_year"],
    )


@pytest.fixture(scope="session")
def typed(catalogue: Catalogue) -> Callable[[Rows], pa.Table]:
    """Return a function that makes typed rows: a good row each, but for what the test says."""
    fields = catalogue.tables["student_result"].fields

    def make(rows: Rows) -> pa.Table:
        whole = [{**GOOD_ROW, **row} for row in rows]
        columns = {
            name: pa.array([row.get(name) for row in whole], ARROW[field.kind])
            for name, field in fields.items()
        }
        columns["source_row"] = pa.array(range(2, len(whole) + 2), pa.int32())
        columns["is_scored"] = pa.array([True] * len(whole))
        return pa.table(columns)

    return make
