"""Row rules on scores, levels and participation."""

from __future__ import annotations

import numpy as np

from validation.rule import Rows, Rule


def score_out_of_range(rows: Rows) -> np.ndarray:
    """Return where the score lies outside the lowest and highest score of its test.

    By assessment, subject, grade and school year; where no range is published, nothing is broken.

    Source: Smarter Balanced scale score ranges by grade and era (California Department of
    Education, CAASPP student data layout 2021-22, pages 199 to 201); other assessments as their
    file in configs/assessments cites.
    """
    if not rows.scores.has_ranges:
        return np.zeros(len(rows), dtype=bool)
    score = rows.numbers("scale_score")
    return (score < rows.scores.lowest()) | (score > rows.scores.highest())


def no_such_grade(rows: Rows) -> np.ndarray:
    """Return where the assessment has score ranges for the subject but none for the grade.

    Asked of students only: a published result may be of all grades together.

    Source: the grades of each assessment's score ranges, as its file in configs/assessments cites.
    """
    if rows.source.table != "student_result" or not rows.scores.has_ranges:
        return np.zeros(len(rows), dtype=bool)
    return rows.scores.no_such_grade()


def level_unknown(rows: Rows) -> np.ndarray:
    """Return where the performance level is none of the assessment's levels.

    Source: the levels of each assessment, as its file in configs/assessments cites.
    """
    level, count = rows.numbers("performance_level"), rows.scores.level_count()
    return (count > 0) & ((level < 1) | (level > count))


def no_score_for_tested(rows: Rows) -> np.ndarray:
    """Return where a tested student has neither score nor level.

    Source: CAASPP student data layout 2021-22, pages 191 to 198: an attempt that counts as tested
    (include indicator Y) carries a score; every other record carries a condition code.
    """
    tested = rows.is_code("participation", "TESTED")
    return tested & ~rows.has("scale_score") & ~rows.has("performance_level")


def level_score_mismatch(rows: Rows) -> np.ndarray:
    """Return where the level is not the one that the score implies by the published cut scores.

    Rows without score, level or cuts are not judged, nor is a level that does not exist.

    Source: Smarter Balanced cut scores (CAASPP student data layout 2021-22, pages 199 to 201);
    other assessments as their file in configs/assessments cites.
    """
    if not rows.scores.has_cuts:
        return np.zeros(len(rows), dtype=bool)
    score, level = rows.numbers("scale_score"), rows.numbers("performance_level")
    implied = rows.scores.implied_level(score)
    return (implied > 0) & ~np.isnan(score) & ~np.isnan(level) & (implied != level)


def score_with_condition(rows: Rows) -> np.ndarray:
    """Return where a score stands beside a condition code, or beside a student who did not test.

    Source: CAASPP student data layout 2021-22, pages 191 to 198: LOSS and INC0 set the lowest
    obtainable score, every other condition code says that there is none.
    """
    unusual = ~rows.is_code("participation", "TESTED")
    if rows.holds("condition_code"):
        unusual |= rows.has("condition_code")
    return rows.has("scale_score") & unusual


def score_without_level(rows: Rows) -> np.ndarray:
    """Return where a tested row carries a score and no level, though its source carries levels.

    Source: this project's own: such a row is kept and enters no denominator, since a cell's rate
    and mean are of the same students.
    """
    return _one_without_other(rows, "scale_score", "performance_level")


def level_without_score(rows: Rows) -> np.ndarray:
    """Return where a tested row carries a level and no score, though its source carries scores.

    Source: as `score_without_level`.
    """
    return _one_without_other(rows, "performance_level", "scale_score")


def _one_without_other(rows: Rows, there: str, lacking: str) -> np.ndarray:
    tested = rows.is_code("participation", "TESTED")
    return rows.has(there) & ~rows.has(lacking) & tested


_PLACE = ("assessment", "subject", "grade", "school_year")

SCORE_RULES = (
    Rule("SCORE_OUT_OF_RANGE", "reject", "scale_score", (*_PLACE, "scale_score"),
         needs=(*_PLACE, "scale_score"), broken=score_out_of_range),
    Rule("NO_SUCH_GRADE", "reject", "grade", _PLACE, needs=_PLACE, broken=no_such_grade),
    Rule("LEVEL_UNKNOWN", "reject", "performance_level", ("assessment", "performance_level"),
         needs=("assessment", "performance_level"), broken=level_unknown),
    Rule("NO_SCORE_FOR_TESTED", "reject", "scale_score",
         ("participation", "scale_score", "performance_level"),
         needs=("participation",), broken=no_score_for_tested),
    Rule("LEVEL_SCORE_MISMATCH", "flag", "performance_level",
         (*_PLACE, "scale_score", "performance_level"),
         needs=(*_PLACE, "scale_score", "performance_level"), broken=level_score_mismatch),
    Rule("SCORE_WITH_CONDITION", "flag", "scale_score",
         ("participation", "scale_score", "condition_code"),
         needs=("participation", "scale_score"), broken=score_with_condition),
    Rule("SCORE_WITHOUT_LEVEL", "flag", "performance_level",
         ("participation", "scale_score", "performance_level"),
         needs=("participation", "scale_score", "performance_level"), broken=score_without_level),
    Rule("LEVEL_WITHOUT_SCORE", "flag", "scale_score",
         ("participation", "scale_score", "performance_level"),
         needs=("participation", "scale_score", "performance_level"), broken=level_without_score),
)  # fmt: skip
