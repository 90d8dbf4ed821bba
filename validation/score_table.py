"""Score ranges, cut scores and levels of assessments, looked up for a million rows at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np

from configs.assessment_models import Assessment, ScoreRange
from validation.frames import Coded

Cell = tuple[int, int, int]


class ScoreTable:
    """Per row the range, the cuts and the grades of its assessment, subject, grade and year.

    The answers are worked out once for each of the few combinations and spread over the rows.
    """

    def __init__(
        self,
        assessment: Coded,
        subject: Coded,
        grade: Coded,
        school_year: np.ndarray,
        assessments: Mapping[str, Assessment],
    ) -> None:
        """Keep the columns; `school_year` is NaN where a row has none."""
        self._labels = (assessment.labels, subject.labels, grade.labels)
        self._positions = (assessment.positions, subject.positions, grade.positions)
        self._years = school_year
        self._assessments = assessments

    def lowest(self) -> np.ndarray:
        """Return per row the lowest score there is; NaN where none is known."""
        return self._spread("lowest")

    def highest(self) -> np.ndarray:
        """Return per row the highest score there is; NaN where none is known."""
        return self._spread("highest")

    @property
    def has_ranges(self) -> bool:
        """Return whether any assessment of these rows publishes score ranges."""
        return any(True for _ in self._ranges())

    @property
    def has_cuts(self) -> bool:
        """Return whether any assessment of these rows publishes cut scores."""
        return any(score_range.cuts for _, score_range in self._ranges())

    def no_such_grade(self) -> np.ndarray:
        """Return per row whether the assessment ranges over its subject but not over its grade."""
        ranged = np.zeros(self._shape[:2], dtype=bool)
        given = np.zeros(self._shape[:3], dtype=bool)
        for (a, s, g), _ in self._ranges():
            ranged[a, s] = True
            if g >= 0:
                given[a, s, g] = True
        missing = ranged[:, :, None] & ~given
        return self._known & missing.ravel()[self._cells]

    def implied_level(self, score: np.ndarray) -> np.ndarray:
        """Return per row the level that its score implies; 0 where no cuts are published."""
        level = np.zeros(len(score), dtype=np.int8)
        for order in range(self._most_cuts):
            cut = self._spread(order)
            level += (score >= cut).astype(np.int8)
            if order == 0:
                level += ~np.isnan(cut)
        return level

    def level_count(self) -> np.ndarray:
        """Return per row how many levels its assessment has; 0 where the assessment is unknown."""
        names = self._labels[0]
        counts = [len(self._assessments[n].levels) if n in self._assessments else 0 for n in names]
        return np.array([*counts, 0], dtype=np.int32)[self._positions[0]]

    def _ranges(self) -> Iterator[tuple[Cell, ScoreRange]]:
        names, subjects, grades = self._labels
        known = [(a, name) for a, name in enumerate(names) if name in self._assessments]
        for a, name in known:
            for score_range in self._assessments[name].score_ranges:
                if score_range.subject in subjects:
                    grade = grades.index(score_range.grade) if score_range.grade in grades else -1
                    yield (a, subjects.index(score_range.subject), grade), score_range

    @cached_property
    def _most_cuts(self) -> int:
        return max((len(score_range.cuts) for _, score_range in self._ranges()), default=0)

    @cached_property
    def _year_span(self) -> tuple[int, int]:
        if np.isnan(self._years).all():
            return (0, 0)
        return int(np.nanmin(self._years)), int(np.nanmax(self._years))

    @cached_property
    def _shape(self) -> tuple[int, int, int, int]:
        first, last = self._year_span
        a, s, g = (max(len(labels), 1) for labels in self._labels)
        return a, s, g, last - first + 1

    @cached_property
    def _known(self) -> np.ndarray:
        a, s, g = self._positions
        return (a >= 0) & (s >= 0) & (g >= 0)

    @cached_property
    def _cells(self) -> np.ndarray:
        """Return per row the number of its assessment, subject and grade; 0 where unknown."""
        a, s, g = self._positions
        _, subjects, grades, _ = self._shape
        cells = (a.astype(np.int32) * subjects + s) * grades + g
        return np.where(self._known, cells, 0)

    @cached_property
    def _year_cells(self) -> np.ndarray:
        """Return per row the number of its cell and year; the last number means unknown."""
        first, _ = self._year_span
        years = self._shape[3]
        unknown = int(np.prod(self._shape))
        known = self._known & ~np.isnan(self._years)
        offset = np.nan_to_num(self._years, nan=first).astype(np.int32) - first
        return np.where(known, self._cells * years + offset, unknown)

    def _spread(self, what: str | int) -> np.ndarray:
        """Return per row a bound by its name, or the cut of that number."""
        known = np.full(self._shape, np.nan)
        first, last = self._year_span
        for cell, score_range in self._ranges():
            if cell[2] < 0 or (isinstance(what, int) and what >= len(score_range.cuts)):
                continue
            value = score_range.cuts[what] if isinstance(what, int) else getattr(score_range, what)
            begin = max(score_range.from_year or first, first) - first
            end = min(score_range.to_year or last, last) - first + 1
            known[cell][begin : max(end, 0)] = value
        return np.append(known.ravel(), np.nan)[self._year_cells]
