"""Students whom a teacher may want to look at first, with the reasons. Restricted, never public.

A list for people, not a measure: it says where to look, and decides nothing about a student.

Source: Partners in School Innovation, focal students: three to five of a classroom who are below
grade level.
"""

from __future__ import annotations

from collections.abc import Mapping

from configs.assessment_models import Assessment
from configs.mart_models import Focus
from transforms.breaks import broken_sql
from transforms.cell_plan import CellPlan, quoted
from transforms.growth_matching import PRIOR_STATUS, before_sql

# In the order in which they are written in `reasons`.
REASONS = ("lowest_levels", "near_cut", "falling", "long_term_el", "below_grade_early")
FOCUS_KEY = ("school_year", "assessment", "subject", "test_window", "district_id", "student_id")
EARLY_GRADES = ("TK", "KG", "01", "02", "03")
YEARLY = "annual"
# Of a year the last of these that has results counts.
_WINDOWS = ["fall", "winter", "spring", "summer", YEARLY]
_LATEST_OF = "school_year, assessment, subject, district_id"
# With four levels or more the lowest two count, else the lowest.
_LEVELS_FOR_TWO = 4


def focus_students_sql(results: str, plan: CellPlan, focus: Focus, breaks: str) -> str:
    """Return SQL of the restricted mart `focus_students`, ordered by place and priority.

    Grain: `school_year`, `assessment`, `subject`, `test_window`, `district_id`, `student_id`: each
    student's scored result in the latest window of the year that the district has scored results
    of, if there is a reason to look at it. Columns besides those: `local_student_id`, `school_id`,
    `school_name`, `grade`, `performance_level`, `level_label`, `scale_score`, `distance_to_cut`
    (score minus the lowest score of the proficient level of that subject, grade and year; null
    where no cut is known), `reasons`, `priority`, `is_suggested`.

    `reasons` are joined by '+', in the order of `REASONS`:
    - `lowest_levels`: in the two lowest levels, or in the lowest where there are three or fewer;
    - `near_cut`: below the proficient level by at most `near_points_pct` percent of the distance
      between its cut and the next cut below (below level 2: the lowest possible score);
    - `falling`: a level or more below the result before (see `match_prior`), where no break of
      scale or standards lies between;
    - `long_term_el`: a long-term English learner by either definition of California;
    - `below_grade_early`: to grade 3, below the proficient level of an assessment that is given
      several times a year.
    What is not known, and what marts.yml does not count by (`prior_status`, the groups of English
    learners), is no reason.

    `priority` counts from 1 within school, grade, subject, assessment and window: who has more
    reasons comes first, then the lower level, the lower score, the lower id. `is_suggested` is true
    of the first `per_grade_school`. Classes are in no file that is loaded, so none is named.

    Args:
        results: student results, whole slices, with the groups that are counted, and what
            `match_prior` adds where `prior_status` is one of them.
        plan: what the marts are counted by, and what the assessments' levels and scores mean.
        focus: from marts.yml.
        breaks: a relation as of `breaks_relation`.
    """
    reasons = ", ".join(f"if({name}, '{name}', NULL)" for name in REASONS)
    place = "school_year, assessment, subject, test_window, district_id, school_id, grade"
    first = "reason_count DESC, performance_level NULLS LAST, scale_score NULLS LAST, student_id"
    return f"""
        WITH reasoned AS ({_reasoned_sql(results, plan, focus, breaks)}),
        chosen AS (
            SELECT *, concat_ws('+', {reasons}) AS reasons,
                {" + ".join(f"coalesce({name}, false)::INTEGER" for name in REASONS)}
                    AS reason_count
            FROM reasoned WHERE reason_count > 0
        )
        SELECT {", ".join(FOCUS_KEY)}, local_student_id, school_id, school_name, grade,
            performance_level, level_label, scale_score, scale_score - cut AS distance_to_cut,
            reasons,
            (row_number() OVER (PARTITION BY {place} ORDER BY {first}))::INTEGER AS priority,
            priority <= {focus.per_grade_school} AS is_suggested
        FROM chosen ORDER BY {place}, priority
    """


def _reasoned_sql(results: str, plan: CellPlan, focus: Focus, breaks: str) -> str:
    """Return SQL of the latest results with a boolean or null for each reason."""
    dated = f"""(
        SELECT r.*, school_year - coalesce(years_back, 0) AS prior_year
        FROM ({_latest_sql(results)}) AS r LEFT JOIN {before_sql()} USING (test_window)
    )"""
    below = "r.performance_level < l.proficient_from"
    near = f"(c.cut - c.cut_below) * {focus.near_points_pct} / 100"
    early = ", ".join(map(quoted, EARLY_GRADES))
    prior = "r.prior_level" if PRIOR_STATUS in plan.one_way else "NULL"
    return f"""
        SELECT r.*, l.level_label, c.cut, r.performance_level <= l.low_levels AS lowest_levels,
            r.scale_score < c.cut AND c.cut - r.scale_score <= {near} AS near_cut,
            r.performance_level < {prior} AND NOT (scale_break OR standard_break) AS falling,
            {_long_term(plan)} AS long_term_el,
            r.grade IN ({early}) AND r.test_window <> '{YEARLY}' AND {below} AS below_grade_early
        FROM ({broken_sql(dated, breaks)}) AS r
        LEFT JOIN {_levels(plan.assessments)}
            ON l.assessment = r.assessment AND l.performance_level = r.performance_level
        LEFT JOIN {_cuts(plan.assessments)}
            ON c.assessment = r.assessment AND c.subject = r.subject AND c.grade = r.grade
            AND r.school_year BETWEEN c.from_year AND c.to_year
    """


def _latest_sql(results: str) -> str:
    """Return SQL of one scored result of each student in the district's latest window."""
    return f"""
        SELECT * FROM {results} WHERE is_scored
        QUALIFY test_window = max_by(test_window, list_position({_WINDOWS}, test_window))
                OVER (PARTITION BY {_LATEST_OF})
            AND row_number() OVER (
                PARTITION BY {", ".join(FOCUS_KEY)}
                ORDER BY test_date DESC NULLS LAST, school_id, grade, performance_level, scale_score
            ) = 1
    """


def _long_term(plan: CellPlan) -> str:
    """Return SQL that is true of long-term English learners by either definition, if counted."""
    both = ("ltel_status", "ltel_dashboard_status")
    known = [f"coalesce(r.{column} = 'LTEL', false)" for column in both if column in plan.one_way]
    return f"({' OR '.join(known) or 'false'})"


def _levels(assessments: Mapping[str, Assessment]) -> str:
    """Return SQL of each level: its label, the proficient level, and how many count as lowest."""
    rows = [
        f"({quoted(name)}, {level.order}, {quoted(level.label)}, {one.proficient_from}, "
        f"{2 if len(one.levels) >= _LEVELS_FOR_TWO else 1})"
        for name, one in sorted(assessments.items())
        for level in one.levels
    ]
    columns = "assessment, performance_level, level_label, proficient_from, low_levels"
    nothing = "(NULL, NULL, NULL, NULL, NULL)"
    return f"(VALUES {', '.join(rows) or nothing}) AS l({columns})"


def _cuts(assessments: Mapping[str, Assessment]) -> str:
    """Return SQL of the proficient level's cut, and the next below it, of subject, grade, years."""
    rows = [
        f"({quoted(name)}, {quoted(one.subject)}, {quoted(one.grade)}, {one.from_year or 0}, "
        f"{one.to_year or 9999}, {ladder[level - 1]}, {ladder[level - 2]})"
        for name, assessment in sorted(assessments.items())
        if (level := assessment.proficient_from or 0) > 1
        for one in assessment.score_ranges
        if one.cuts and (ladder := [one.lowest, *one.cuts])
    ]
    columns = "assessment, subject, grade, from_year, to_year, cut, cut_below"
    nothing = "(NULL, NULL, NULL, 0, 0, 0.0, 0.0)"
    return f"(VALUES {', '.join(rows) or nothing}) AS c({columns})"
