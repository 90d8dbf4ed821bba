"""Rows of a layout, made from the YAML alone: each column says what every field of it may read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from configs.assessment_models import Assessment, ScoreRange
from tests.samples.demands import Reading, Record
from tests.samples.patterns import text_matching
from tests.samples.values import Field, year_of
from transforms.parse import Value

# What a test is decides what its grade, score and level may be, so these are told first.
FIRST = ("assessment", "subject", "test_window", "school_year", "grade", "scale_score")
Row = dict[str, str]
ROWS = 6


def sample_row(reading: Reading, number: int) -> Row:
    """Return a row of a layout by the columns of its file; the next number has the next codes."""
    return RowMaker(reading, number).row()


class RowMaker:
    """Makes one row.

    Attributes:
        cells: the file's columns; blank where nothing is said.
    """

    def __init__(self, reading: Reading, number: int) -> None:
        """Start with a blank row; another number gives another row."""
        self.reading = reading
        self.number = number
        self.cells: Row = dict.fromkeys(reading.layout.columns, "")

    def row(self) -> Row:
        """Return the row, filled."""
        names = sorted(self.reading.fields, key=lambda n: FIRST.index(n) if n in FIRST else 9)
        for name in names:
            for column in self._turn(name):
                for records in self._places(column):
                    self._fill(column, records)
        for column in self._unread():
            self._fill(column, self.reading.records[:1])
        self._flag_races()
        return self.cells

    def _turn(self, name: str) -> list[str]:
        """Return the columns of a field to fill: of those that it tries in turn, another each."""
        columns = self.reading.columns(name)
        if self.reading.fields[name].spec.coalesce is None:
            return columns
        return [columns[self.number % len(columns)]]

    def _places(self, column: str) -> Iterator[list[Record]]:
        """Yield the records that share a cell: all of them a column of the row."""
        if column in self.reading.layout.record_columns:
            yield from ([record] for record in self.reading.records)
        else:
            yield self.reading.records

    def _unread(self) -> list[str]:
        """Return columns that no field reads and that decide of the row all the same."""
        layout = self.reading.layout
        ruled = [*self.reading.kept_by, *layout.marks]
        # Every other row, so that the field's own column is seen to count too.
        ruled += [c for _, c, _ in self.reading.overriding()] if self.number % 2 else []
        return [column for column in dict.fromkeys(ruled) if not self.reading.readers[column]]

    def _flag_races(self) -> None:
        """Say yes to another race in each row, and no to the others."""
        flags = self.reading.source.race
        columns = self.reading.races
        for place, column in enumerate(columns):
            assert flags is not None
            if column in self.cells and not self.cells[column]:
                is_yes = place == self.number % len(columns)
                answers = flags.yes if is_yes else [*flags.no, ""]
                self.cells[column] = answers[0]

    def _fill(self, column: str, records: Sequence[Record]) -> None:
        place = records[0].behind(column)
        if place is None or self.cells[place]:
            return
        texts = [text for text in self._texts(column, records) if self._fits(column, text, records)]
        assert texts, f"no text is right for column {column} of layout {self.reading.layout.name}"
        aimed = [text for text in texts if self._aims(column, text, records)] or texts
        most = max(self._said_by(column, text) for text in aimed)
        telling = [text for text in aimed if self._said_by(column, text) == most]
        few = aimed if len(telling) == 1 else telling
        self.cells[place] = few[self.number % len(few)]

    def _texts(self, column: str, records: Sequence[Record]) -> list[str]:
        """Return what may stand in a column, as far as each that reads it knows."""
        reading = self.reading
        found = [one.texts(self.number) for one in reading.readers[column]]
        texts = [text for one in found for text in one]
        if len(found) > 1:
            # One text of which each field takes its part: `Fall 2023-2024`.
            texts += [f"{a.strip()} {b.strip()}" for a in found[0] for b in found[1]]
        texts += reading.kept_by.get(column, [])
        texts += [value for _, other, values in reading.overriding() if other == column
                  for value in values]  # fmt: skip
        if column in reading.layout.marks:
            texts += [text_matching(reading.layout.marks[column], n) for n in range(4)]
        for one in reading.joins[column]:
            texts += [part for text in one.texts(self.number)
                      for part in self._parts(one, column, text, records)]  # fmt: skip
        return list(dict.fromkeys(texts))

    def _parts(
        self, one: Field, column: str, text: str, records: Sequence[Record]
    ) -> Iterator[str]:
        """Yield what a column is where the joined columns together are the text."""
        columns = self.reading.columns(one.name)
        at = columns.index(column)
        for record in records:
            before = "".join(self._text(c, record) for c in columns[:at])
            after = "".join(self._text(c, record) for c in columns[at + 1 :])
            if after and text.endswith(after):
                yield text.removesuffix(after)
            elif not after:
                yield text[len(before) :]

    def _fits(self, column: str, text: str, records: Sequence[Record]) -> bool:
        return self.reading.pleases(column, text) and all(
            self._joined_fits(one, column, text, record)
            for one in self.reading.joins[column]
            for record in records
        )

    def _joined_fits(self, one: Field, column: str, text: str, record: Record) -> bool:
        """Return whether the joined columns are right, as far as they are filled."""
        columns = self.reading.columns(one.name)
        parts = [text if c == column else self._text(c, record) for c in columns]
        return not all(parts) or one.decoder("".join(parts)).fault is None

    def _text(self, column: str, record: Record) -> str:
        if column in record.codes:
            return record.codes[column]
        place = record.behind(column)
        return self.cells[place] if place is not None else ""

    def _said_by(self, column: str, text: str) -> int:
        """Return how many fields a text fills."""
        readers = self.reading.readers[column]
        return sum(self.reading.meaning(one, column, text).value is not None for one in readers)

    def _aims(self, column: str, text: str, records: Sequence[Record]) -> bool:
        """Return whether a text agrees with what the row says already of its test."""
        return all(
            (value := self.reading.meaning(one, column, text).value) is None
            or self._agrees(one.name, value, record)
            for one in self.reading.readers[column]
            for record in records
        )

    def _agrees(self, name: str, value: Value, record: Record) -> bool:
        rules: dict[str, Callable[[Value, Record], bool]] = {
            "subject": self._subject_agrees,
            "school_year": lambda year, _: year == year_of(self.reading.layout),
            "grade": self._grade_agrees,
            "scale_score": self._score_agrees,
            "performance_level": self._level_agrees,
        }
        return name not in rules or rules[name](value, record)

    def _subject_agrees(self, subject: Value, record: Record) -> bool:
        test = self._test(record)
        return test is None or subject in test.subjects

    def _grade_agrees(self, grade: Value, record: Record) -> bool:
        # A test that has no ranges for the year is still of the grades that it has in others.
        ranges = self._ranges(record) or self._ranges(record, any_year=True)
        return not ranges or grade in {one.grade for one in ranges}

    def _score_agrees(self, score: Value, record: Record) -> bool:
        grade = self.said("grade", record)
        ranges = [one for one in self._ranges(record) if one.grade == grade]
        return not ranges or any(one.lowest <= float(str(score)) <= one.highest for one in ranges)

    def _level_agrees(self, level: Value, record: Record) -> bool:
        test = self._test(record)
        return test is None or 1 <= int(str(level)) <= len(test.levels)

    def _test(self, record: Record) -> Assessment | None:
        return self.reading.catalogue.assessments.get(str(self.said("assessment", record)))

    def _ranges(self, record: Record, any_year: bool = False) -> list[ScoreRange]:
        """Return the score ranges of the record's test and subject, in the layout's year or any."""
        test, subject = self._test(record), self.said("subject", record)
        year = year_of(self.reading.layout)
        of_subject = [one for one in (test.score_ranges if test else []) if one.subject == subject]
        return [
            one
            for one in of_subject
            if any_year or (one.from_year or 0) <= year <= (one.to_year or 9999)
        ]

    def said(self, name: str, record: Record) -> Value | None:
        """Return what the row says so far in a field; null where it says nothing yet."""
        reading = self.reading
        if name in reading.layout.constants:
            return reading.layout.constants[name]
        if name not in reading.fields:
            spec = reading.source.fields.get(name)
            return spec.value if spec is not None else None
        one = reading.fields[name]
        texts = [self._text(column, record) for column in reading.columns(name)]
        if one.spec.join is not None:
            texts = ["".join(texts)] if all(texts) else []
        values = [one.decoder(text).value for text in texts]
        return next((value for value in values if value is not None), one.spec.default)
