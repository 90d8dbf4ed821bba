"""A first look through a file for the school names that its directory must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

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
    without_id = _Missing(tuple(match.bindings.get(SCHOOL_ID, [])), source)
    values = _distinct(
        stream, probe, match, {**dict.fromkeys(of_year), **dict.fromkeys(of_name, without_id)}
    )
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


@dataclass(frozen=True)
class _Missing:
    """The rows in which none of some columns says anything; all rows where there are no columns."""

    columns: tuple[str, ...]
    source: Source

    def of(self, table: pa.Table) -> pa.Table:
        """Return those rows of a table."""
        for column in self.columns:
            text = table[column].cast(pa.string())
            text = pc.utf8_trim_whitespace(text) if self.source.format.strip else text
            tokens = [*self.source.missing, *self.source.fields[SCHOOL_ID].missing]
            table = table.filter(pc.is_in(text, value_set=pa.array(tokens, pa.string())))
        return table


def _distinct(
    stream: BinaryIO,
    probe: Probe,
    match: LayoutMatch,
    columns: Mapping[str, _Missing | None],
) -> dict[str, set[str]]:
    """Return the values of each column in the rows asked for, or in the records of these rows."""
    found = {column: set(match.codes_of(column)) for column in columns}
    behind = {column: match.behind(column) for column in columns}
    asked = {name for one in columns.values() if one for name in one.columns}
    physical = [name for names in behind.values() for name in names]
    if not physical:
        return found
    for piece in read_pieces(stream, probe, list(dict.fromkeys([*physical, *sorted(asked)]))):
        for column, names in behind.items():
            rows = columns[column]
            table = rows.of(piece.table) if rows else piece.table
            for name in names:
                found[column].update(table[name].unique().to_pylist())
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
