"""Metric cards of the restricted list of focus students."""

from __future__ import annotations

from transforms.cards import MeasureCard

MART = "focus_students"
_OF = (
    "none: one row for a student's result in the latest window of the year in which the district "
    "has results of the grade, in that assessment and subject"
)
_LEFT_OUT = "students without a scored result in that window, and those with no reason"
_PRACTICE = (
    "Partners in School Innovation: focal students, three to five of a classroom who are below "
    "grade level"
)

CARDS: tuple[MeasureCard, ...] = (
    MeasureCard(
        name="distance_to_cut",
        mart=MART,
        title="Points above or below the proficient level",
        formula="scale_score - the lowest score of the proficient level of subject, grade and year",
        denominator=_OF,
        left_out=_LEFT_OUT,
        missing="no score, or no cut score is known for subject, grade and year",
        source="the citation of the assessment's file (configs/assessments)",
        example="2420 where the level begins at 2432: -12",
    ),
    MeasureCard(
        name="reasons",
        mart=MART,
        title="Why to look at this student first",
        formula=(
            "joined by '+': lowest_levels (the two lowest of four or more, else the lowest); "
            "near_cut (below the proficient level by at most focus.near_points_pct percent of the "
            "distance from its cut to the next cut below); falling (a level or more below the "
            "result before); long_term_el (LTEL by ltel_status or ltel_dashboard_status); "
            "below_grade_early (to grade 3 below the proficient level, in a window that is not "
            "annual)"
        ),
        denominator=_OF,
        left_out=_LEFT_OUT,
        missing=(
            "never; what is not known is no reason: a cut, a result before, one across a break of "
            "scale or standards, a group that is not counted"
        ),
        source=(
            f"{_PRACTICE}; California Education Code 313.1 and 52052 (long-term English learners)"
        ),
        example=(
            "grade 3, level 2 of 4, 2420 where level 2 begins at 2367 and level 3 at 2432: 12 "
            "points below, of 65 * 25 / 100 = 16.25: lowest_levels+near_cut"
        ),
    ),
    MeasureCard(
        name="priority",
        mart=MART,
        title="Place in the list of the school's grade",
        formula=(
            "counted from 1 within school, grade, subject, assessment and window: those known to "
            "be below the proficient level first, then more reasons, then the lower level, the "
            "lower score, the lower id; is_suggested: below the proficient level, and priority is "
            "at most focus.per_grade_school"
        ),
        denominator=_OF,
        left_out=_LEFT_OUT,
        missing="never",
        source=f"{_PRACTICE}; classes are in no file that is loaded, so it is per school and grade",
        example=(
            "two reasons at level 2 come before one reason at level 1; who fell from level 4 to 3, "
            "where 3 is proficient, comes last and is not suggested"
        ),
    ),
)
