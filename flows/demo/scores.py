"""Scale scores and levels that agree with an assessment's own cut scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from configs.assessment_models import Assessment, ScoreRange
from flows.demo.students import Floats, Ints

# One standard deviation of ability in units of the distance from the lowest to the highest cut.
SPREAD = 0.62


@dataclass(frozen=True)
class Scale:
    """Ranges and cut scores of one subject by grade, as arrays indexed by the grade's number."""

    lowest: Floats
    highest: Floats
    cuts: Floats
    proficient: int

    def score(self, ability: Floats, grade: Ints) -> Ints:
        """Return scores, a student of ability 0 standing a little under the proficient cut."""
        cuts = self.cuts[grade]
        middle = cuts[:, self.proficient - 2]
        spread = (cuts[:, -1] - cuts[:, 0]) * SPREAD
        score = np.rint(middle + (ability - 0.1) * spread)
        return np.clip(score, self.lowest[grade] + 2, self.highest[grade]).astype(np.int64)

    def level(self, score: NDArray[np.number], grade: Ints) -> Ints:
        """Return the level that each score implies, 1 the lowest."""
        return 1 + (score[:, None] >= self.cuts[grade]).sum(axis=1)


def scale_of(assessment: Assessment, subject: str, school_year: int) -> Scale:
    """Return the scale of a subject in a school year; grades without one hold no number."""
    ranges = {
        int(found.grade): found
        for found in assessment.score_ranges
        if found.subject == subject and _holds_in(found, school_year)
    }
    count = max(ranges) + 1
    levels = len(assessment.levels) - 1
    missing = ScoreRange(subject=subject, grade="", lowest=np.nan, highest=np.nan)
    by_grade = [ranges.get(grade, missing) for grade in range(count)]
    return Scale(
        lowest=np.array([found.lowest for found in by_grade]),
        highest=np.array([found.highest for found in by_grade]),
        cuts=np.array([found.cuts or [np.nan] * levels for found in by_grade]),
        proficient=assessment.proficient_from or 0,
    )


def _holds_in(found: ScoreRange, school_year: int) -> bool:
    begun = found.from_year is None or found.from_year <= school_year
    return begun and (found.to_year is None or school_year <= found.to_year)
