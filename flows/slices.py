"""Slices: the parts of the marts that are built and kept as one, an assessment in a school year."""

from __future__ import annotations

from collections.abc import Iterable

from transforms.cell_plan import quoted
from warehouse.ledger_records import LivePartition

SEPARATOR = "|"


def slice_name(assessment: str, school_year: int) -> str:
    """Return the name under which ledger and publication know a slice.

    >>> slice_name("iready", 2024)
    'iready|2024'
    """
    return f"{assessment}{SEPARATOR}{school_year}"


def slice_parts(name: str) -> tuple[str, int]:
    """Return assessment and school year of a slice; the assessment is empty outside results.

    >>> slice_parts("iready|2024")
    ('iready', 2024)
    >>> slice_parts("2024")
    ('', 2024)
    """
    assessment, _, year = name.rpartition(SEPARATOR)
    return assessment, int(year)


def of_slices(names: Iterable[str]) -> str:
    """Return the SQL condition of the rows of these slices, of which there is one at least.

    >>> of_slices(["iready|2024"])
    "(assessment, school_year) IN (('iready', 2024))"
    """
    pairs = ((quoted(assessment), year) for assessment, year in map(slice_parts, names))
    return f"(assessment, school_year) IN ({', '.join(f'({a}, {year})' for a, year in pairs)})"


def years_of(partition: LivePartition) -> set[int]:
    """Return the school years that a live partition has rows of."""
    return {slice_parts(name)[1] for name in partition.slices}
