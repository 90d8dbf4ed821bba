"""Texts that a source's YAML allows in one field, and whether a text means anything there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from configs.catalogue import Catalogue
from configs.models import TableField
from configs.references import allowed_codes
from configs.source_models import FieldSource, Layout, Source, Window
from tests.samples.patterns import text_matching
from transforms.parse import Decoder, FieldRules

NUMBERS = ["2500", "500", "100", "60", "50", "12", "1", "2", "3", "4"]
SHARES = {"percent": ["50", "25.5%", "12"], "proportion": ["0.5", "0.25", "0.12"]}
VARIANTS = 12


@dataclass(frozen=True)
class Field:
    """One field of a source: what may stand in its columns, and what such a text means."""

    name: str
    spec: FieldSource
    table_field: TableField
    source: Source
    layout: Layout
    catalogue: Catalogue

    @cached_property
    def decoder(self) -> Decoder:
        """Return what reads the field's columns."""
        known = self.catalogue.vocabularies.get(self.table_field.vocabulary or "")
        return Decoder(
            self.spec,
            FieldRules(
                kind=self.table_field.kind,
                codes=frozenset(self.codes),
                spellings=known.spellings if known else {},
                missing=frozenset(self.source.missing),
                windows=self.source.windows,
                minimum=self.table_field.minimum,
                maximum=self.table_field.maximum,
                strip=self.source.format.strip,
            ),
        )

    @cached_property
    def codes(self) -> list[str]:
        """Return the codes of the field's vocabulary."""
        vocabulary = self.table_field.vocabulary
        return allowed_codes(self.catalogue, vocabulary) if vocabulary else []

    def texts(self, number: int) -> list[str]:
        """Return what may be written in the field's column; another number gives other text."""
        texts = list(dict.fromkeys(self._plain(number)))
        if self.spec.extract is None:
            return texts
        parts = [text_matching(self.spec.extract, inner=one) for one in texts]
        # Blanks around a value do not count, and the part may have to stand behind one.
        return [*parts, *(f"Text{part}" for part in parts if part.startswith(" "))]

    def _plain(self, number: int) -> Iterator[str]:
        spec = self.spec
        if spec.codes is not None:
            yield from spec.codes
        if spec.pattern is not None:
            yield from (text_matching(spec.pattern, number + more) for more in range(VARIANTS))
        if spec.codes is None or spec.otherwise is not None:
            yield from self._typed(number)
        for override in spec.overrides:
            yield from override.values

    def _typed(self, number: int) -> Iterator[str]:
        kind, year = self.table_field.kind, year_of(self.layout)
        if self.spec.parse in SHARES:
            yield from SHARES[self.spec.parse]
        elif self.spec.parse in ("school_year", "school_year_span"):
            yield from (str(year), f"{year - 1}-{year}")
        elif "date" in self.spec.parse or kind == "date":
            for day in days(year, number, self.source.windows):
                yield from (day.strftime(one) for one in self.spec.date_formats)
        elif kind == "code":
            yield from (*self.codes, *self._spellings())
        elif kind in ("integer", "decimal"):
            yield from (*(f"{score:g}" for score in self._scores()), *NUMBERS)
        else:
            yield from (f"Text {number}", f"{1000 + number}", "true")

    def _spellings(self) -> dict[str, str]:
        known = self.catalogue.vocabularies.get(self.table_field.vocabulary or "")
        return known.spellings if known else {}

    def _scores(self) -> list[float]:
        """Return the lowest scores of each test that the source may be of."""
        if self.name != "scale_score":
            return []
        tests = {*codes_given(self.source, "assessment")}
        return sorted(
            {one.lowest for test in tests for one in self.catalogue.assessments[test].score_ranges}
        )


def codes_given(source: Source, name: str) -> list[str]:
    """Return every code that a source may give in a field, whatever its files say."""
    given = [layout.constants[name] for layout in source.layouts if name in layout.constants]
    spec = source.fields.get(name)
    if spec is not None:
        said = (spec.value, spec.otherwise, spec.default, spec.unflagged)
        given += [*(spec.codes or {}).values(), *(one.code for one in spec.overrides)]
        given += [code for code in said if code is not None]
    return list(dict.fromkeys(given))


def year_of(layout: Layout) -> int:
    """Return a spring year that the layout is of."""
    said = layout.constants.get("school_year")
    return int(said) if said else layout.years[1] or layout.years[0] or 2024


def days(year: int, number: int, windows: dict[str, Window]) -> list[dt.date]:
    """Return days of a school year: one in spring, and one early in each of the windows."""
    found = [dt.date(year, 4, 10 + number % 20)]
    for window in windows.values():
        month, day = map(int, window.from_day.split("-"))
        found.append(dt.date(year - (month >= 7), month, min(day + number % 5, 28)))
    turn = number % len(found)
    return found[turn:] + found[:turn]
