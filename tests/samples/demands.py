"""What a column must hold so that every part of a source's YAML that reads it is content."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from configs.catalogue import Catalogue
from configs.references import combinations, needed_columns, spelled_out
from configs.source_models import FieldSource, Layout, OneOrMany, Source, as_list
from tests.samples.values import Field
from transforms.parse import Outcome


@dataclass(frozen=True)
class Record:
    """One of the records of a row: its codes, and the file's columns behind its own."""

    codes: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str | None] = field(default_factory=dict)

    def behind(self, column: str) -> str | None:
        """Return the file's column behind a column of rows or records; null where it has none."""
        return None if column in self.codes else self.columns.get(column, column)


def records_of(layout: Layout) -> list[Record]:
    """Return every record of a row whose columns are all filled; one where rows are records."""
    header, found = set(layout.columns), []
    nothing = dict.fromkeys(layout.record_columns)
    for one in layout.records:
        spelled = {column: list(spelled_out(one, column)) for column in one.columns}
        for at, codes in enumerate(combinations(one)):
            columns = {
                column: next((name for name in names[at] if name in header), None)
                for column, names in spelled.items()
            }
            if any(columns.values()):
                said = {name: code for name, (code, _) in codes.items()}
                found.append(Record(said, {**nothing, **columns}))
    return found or [Record()]


@dataclass(frozen=True, eq=False)
class Reading:
    """A layout of a source: its fields, the columns that they read, and what these may hold."""

    catalogue: Catalogue
    source: Source
    layout: Layout

    def __str__(self) -> str:
        """Return the names of source and layout."""
        return f"{self.source.name}-{self.layout.name}"

    @property
    def has_header(self) -> bool:
        """Return whether the layout's files name their columns."""
        return self.layout.positions is None and not self.layout.headerless

    @property
    def is_table(self) -> bool:
        """Return whether the source's files are single tables."""
        return self.source.format.kind == "table"

    @cached_property
    def records(self) -> list[Record]:
        """Return the records that a row makes."""
        return records_of(self.layout)

    @cached_property
    def header(self) -> set[str]:
        """Return the columns that fields may name: of the file's rows and of their records."""
        return {*self.layout.columns, *self.layout.record_columns}

    @cached_property
    def fields(self) -> dict[str, Field]:
        """Return the fields that the layout's columns fill."""
        apart, table = {*self.layout.absent, *self.layout.constants}, self._table
        return {
            name: Field(name, spec, table[name], self.source, self.layout, self.catalogue)
            for name, spec in self.source.fields.items()
            if name not in apart and spec.spellings
        }

    @property
    def _table(self):
        return self.catalogue.tables[self.source.table].fields

    def spelled(self, names: OneOrMany) -> str | None:
        """Return the first of a column's names that the layout has."""
        return next((name for name in as_list(names) if name in self.header), None)

    def columns(self, name: str) -> list[str]:
        """Return the columns that a field reads, all of those that it tries in turn."""
        spec = self.fields[name].spec
        if spec.coalesce is not None:
            return [column for column in spec.coalesce if column in self.header]
        return [column for names in spec.spellings if (column := self.spelled(names)) is not None]

    @cached_property
    def readers(self) -> dict[str, list[Field]]:
        """Return which fields read a column as it stands."""
        found: dict[str, list[Field]] = {column: [] for column in self.header}
        for name, one in self.fields.items():
            if one.spec.join is None:
                for column in self.columns(name):
                    found[column].append(one)
        return found

    @cached_property
    def joins(self) -> dict[str, list[Field]]:
        """Return which fields read a column joined with others."""
        found: dict[str, list[Field]] = {column: [] for column in self.header}
        for name, one in self.fields.items():
            for column in self.columns(name) if one.spec.join is not None else []:
                found[column].append(one)
        return found

    @cached_property
    def kept_by(self) -> dict[str, list[str]]:
        """Return the values without which a row is set aside, by column."""
        rules = [rule for rule in self.source.set_aside.values() if rule.unless]
        return {c: rule.unless for rule in rules if (c := self.spelled(rule.column)) is not None}

    @cached_property
    def dropped_by(self) -> dict[str, list[str]]:
        """Return the values with which a row is set aside, by column."""
        rules = [rule for rule in self.source.set_aside.values() if rule.values]
        return {c: rule.values for rule in rules if (c := self.spelled(rule.column)) is not None}

    @cached_property
    def races(self) -> list[str]:
        """Return the columns of the races."""
        flags = self.source.race
        found = [self.spelled(names) for names in flags.columns.values()] if flags else []
        return [column for column in found if column is not None]

    @cached_property
    def widths(self) -> dict[str, int]:
        """Return how many characters a column of fixed width holds."""
        return {one.column: one.end - one.start + 1 for one in self.layout.positions or []}

    @cached_property
    def needed(self) -> dict[str, list[str]]:
        """Return the file's columns that a field or a record needs, each with its other names.

        Those of which the layout has several names are left out: it can do without one of them.
        """
        header = set(self.layout.columns)
        needs = [names for _, names in needed_columns(self.source, self.layout)]
        for one in self.layout.records:
            needs += [names for column in one.columns for names in spelled_out(one, column)]
        alone = [(header & set(names), names) for names in needs]
        return {column: names for found, names in alone if len(found) == 1 for column in found}

    def overriding(self) -> Iterator[tuple[FieldSource, str, list[str]]]:
        """Yield each column that may overrule a field, with the values that do."""
        for one in self.fields.values():
            for override in one.spec.overrides:
                column = self.spelled(override.column)
                if column is not None:
                    yield one.spec, column, override.values

    def pleases(self, column: str, text: str) -> bool:
        """Return whether a text in a column is no fault, sets no row aside and is of the layout."""
        fits = len(text) <= self.widths.get(column, len(text))
        mark = self.layout.marks.get(column)
        return (
            fits
            and (mark is None or re.fullmatch(mark, text.strip()) is not None)
            and text not in self.dropped_by.get(column, [])
            and text in self.kept_by.get(column, [text])
            and all(self.meaning(one, column, text).fault is None for one in self.readers[column])
        )

    def meaning(self, one: Field, column: str, text: str) -> Outcome:
        """Return what a text in a column means to a field; its overrides come first."""
        for override in one.spec.overrides:
            if self.spelled(override.column) == column and text in override.values:
                return Outcome(override.code)
        return one.decoder(text)
