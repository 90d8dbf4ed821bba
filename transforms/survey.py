"""A first look through a file for the school names that its directory must know."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from configs.catalogue import Catalogue
from configs.source_models import Source
from transforms.layouts import LayoutMatch
from transforms.parse import Decoder, FieldRules
from transforms.probe import Probe
from transforms.read import read_pieces

SCHOOL_YEAR, SCHOOL_ID, SCHOOL_NAME = "school_year", "school_id", "school_name"


@dataclass(frozen=True)
class Named:
    """The school years and the school names that a file shows."""

    years: frozenset[int] = frozenset()
    schools: frozenset[str] = frozenset()


def survey_schools(
    stream: BinaryIO, probe: Probe, match: LayoutMatch, source: Source, catalogue: Catalogue
) -> Named:
    """Return the schools that have to be found by name; nothing is read where none has to be.

    Raises:
        FileRefused: the file is cut off or unreadable.
    """
    if not needs_school_names(source, match):
        return Named()
    of_year = match.bindings.get(SCHOOL_YEAR, [])
    of_name = match.bindings.get(SCHOOL_NAME, [])
    values = _distinct(stream, probe, [*of_year, *of_name])
    years = {
        year
        for column in of_year
        for raw in values[column]
        if (year := _year(raw, source, catalogue)) is not None
    }
    names = {raw.strip() for column in of_name for raw in values[column]}
    return Named(frozenset(years), frozenset(names - set(source.missing)))


def needs_school_names(source: Source, match: LayoutMatch) -> bool:
    """Return whether schools of this layout may have to be found by their names."""
    spec = source.fields.get(SCHOOL_ID)
    return spec is not None and "school_by_name" in (spec.derive, spec.if_missing)


def _distinct(stream: BinaryIO, probe: Probe, columns: list[str]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {column: set() for column in columns}
    for piece in read_pieces(stream, probe, columns):
        for column in columns:
            found[column].update(piece.table[column].unique().to_pylist())
    return found


def _year(raw: str, source: Source, catalogue: Catalogue) -> int | None:
    spec = source.fields[SCHOOL_YEAR]
    typed = catalogue.tables[source.table].fields[SCHOOL_YEAR]
    rules = FieldRules(
        kind=typed.kind,
        codes=frozenset(),
        spellings={},
        missing=frozenset(source.missing),
        windows=source.windows,
        minimum=typed.minimum,
        maximum=typed.maximum,
        strip=source.format.strip,
    )
    value = Decoder(spec, rules)(raw).value
    return value if isinstance(value, int) else None
