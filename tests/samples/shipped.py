"""Every layout of every source, found by itself: a new YAML is tested the moment it exists."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from configs.catalogue import Catalogue, load_catalogue
from tests.samples.demands import Reading
from tests.samples.loading import Loaded, load
from tests.samples.rows import ROWS, Row, sample_row
from tests.samples.writing import sample

CATALOGUE = load_catalogue()


def readings_of(catalogue: Catalogue) -> list[Reading]:
    """Return every layout of every source of a catalogue."""
    return [
        Reading(catalogue, source, layout)
        for source in catalogue.sources.values()
        for layout in source.layouts
    ]


READINGS = readings_of(CATALOGUE)


def each_layout(which: Callable[[Reading], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Ask a test of every layout, or of those that it can be asked of."""
    return pytest.mark.parametrize("reading", [one for one in READINGS if which(one)], ids=str)


def each_source(which: Callable[[Reading], bool] = lambda _: True) -> pytest.MarkDecorator:
    """Ask a test of every source, of the last such layout that it has."""
    last = {one.source.name: one for one in READINGS if which(one)}
    return pytest.mark.parametrize("reading", last.values(), ids=str)


def is_delimited(reading: Reading) -> bool:
    """Return whether the layout's files are delimited text with a header."""
    return reading.is_table and reading.has_header


def is_fixed(reading: Reading) -> bool:
    """Return whether the layout's records have a fixed width."""
    return reading.layout.record_length is not None


def is_headerless(reading: Reading) -> bool:
    """Return whether the layout's first row is a record."""
    return reading.layout.headerless


@cache
def _row(reading: Reading, number: int) -> Row:
    return sample_row(reading, number)


def some_rows(reading: Reading, count: int) -> list[Row]:
    """Return so many rows of a layout; whoever changes one copies it."""
    return [_row(reading, number) for number in range(count)]


def six_rows(reading: Reading) -> list[Row]:
    """Return the rows of a sample."""
    return some_rows(reading, ROWS)


@cache
def six_loaded(reading: Reading) -> Loaded:
    """Return what becomes of the sample in the layout's own form."""
    return load(sample(reading, six_rows(reading)), reading)
