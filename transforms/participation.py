"""Finds the students who should have been tested and have no score, a row for each.

Expected in a system are the students whom the roster has enrolled in the district on the window's
day, in a grade that the assessment tests, and whoever took part. Of several enrolments on that day
the latest begun counts.

Not expected are students who took an alternate assessment of the subject, and those whom the
publisher excuses (EXEMPT: English learners of less than twelve months in English language arts).
Refusals of parents and medical emergencies are expected, as no extract tells them from other
absence in one way.

Source: ESEA section 1111(c)(4)(E), 95 percent of all students; ETS, TOMS help, CAASPP test
administration, Student Participation (ca-toms-help.ets.org): who is required, alternate
assessments, the exemption of 5 CCR 851.5(a); CAASPP student data layout 2021-22, Include Indicator,
field 125, page 90: who is below the number of answers that a score needs has taken part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from configs.mart_models import Participation
from transforms.cell_plan import UNKNOWN, CellPlan, Rollup, quoted, same_sql
from transforms.cell_statistics import Statistic
from transforms.el_groups import EL_GROUPS, el_groups_sql
from transforms.growth_matching import PRIOR_STATUS
from transforms.identity import used_id
from transforms.organisations import SYSTEM
from transforms.participation_known import (
    ENGLISH_LEARNERS,
    ENROLLED,
    EXEMPT,
    KNOWN,
    PLACE,
    TOLD,
    TOOK_PART,
    alternates_sql,
    grades_sql,
    known_rosters,
)
from transforms.roster import DATES, fill_matched

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

UNTESTED = "untested"
NO_RECORD = "no_record"
UNTESTED_STATISTICS = (
    Statistic("n_untested", "true"),
    Statistic("n_no_score", f"reason = '{TOOK_PART}'"),
)
UNTESTED_KEY = (*SYSTEM, "district_id", "student_id")
_ASKED = "untested_asked"
_EL = "el_status"
_PLACE = ", ".join(PLACE)


def untested_plan(plan: CellPlan) -> CellPlan:
    """Return what students without a score are counted by: each dimension alone, none crossed.

    Roll-ups are columns of the rows here. `prior_status` is of results, which these have not.
    """
    alone = tuple(d for d in (*plan.crossed, *plan.side_columns) if d != PRIOR_STATUS)
    return CellPlan((), alone, plan.assessments)


def find_untested(
    con: DuckDBPyConnection, results: str, everything: str, plan: CellPlan, rule: Participation
) -> str:
    """Make table `untested` and return its name: expected students without a score.

    Grain: the columns of SYSTEM, `district_id`, `student_id` as the results know it; only of
    districts of which `untested_known` has no `missing_reason`. Columns: besides those
    `local_student_id`, `school_id` and `school_name` (of the enrolment on the window's day; of the
    result, where the student took part), `grade`, `test_date` (the window's day), the dimensions of
    `untested_plan` (the roster's on that day; null is not known), `reason` (a code of the
    vocabulary `participation` from a row of results without a score, else `no_record`), and
    `is_scored`, which is true so that `build_cells` counts the row.

    Args:
        con: a connection in which `fill_from_roster` has run on these results or more.
        results: student results, whole slices, with `is_scored` and all groups that are counted.
        everything: results of whatever years and assessments, with `is_scored`: those of alternate
            assessments, and earlier ones, which decide groups of English learners.
        plan: what the marts are counted by.
        rule: which rosters are believed.
    """
    known_rosters(con, results, plan.assessments, rule)
    grades = grades_sql(results, plan.assessments)
    con.execute(f"CREATE OR REPLACE TEMP TABLE untested_grades AS {grades}")
    asked = _asked_sql(everything, plan)
    con.execute(f"CREATE OR REPLACE TEMP TABLE {_ASKED} AS {asked}")
    absent = f"SELECT * FROM {_with_groups(con, everything, plan)}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE untested_absent AS {absent}")
    con.execute(_learners_known_sql(rule))
    con.execute(f"CREATE OR REPLACE TEMP TABLE {UNTESTED} AS {_untested_sql(results, plan)}")
    return UNTESTED


def untested_students_sql(plan: CellPlan) -> str:
    """Return SQL of the restricted mart `untested_students`, ordered by its grain.

    Grain: `school_year`, `assessment`, `subject`, `test_window`, `district_id`, `student_id`.
    Columns: besides those `local_student_id`, `school_id`, `school_name`, `grade`, `window_day`,
    `reason` (see `find_untested`) and the groups that are counted, UNKNOWN where not known.
    """
    groups = (f"coalesce({d}, '{UNKNOWN}') AS {d}" for d in untested_plan(plan).one_way)
    return f"""
        SELECT {", ".join(UNTESTED_KEY)}, local_student_id, school_id, school_name, grade,
            test_date AS window_day, reason, {", ".join(groups)}
        FROM {UNTESTED} ORDER BY {", ".join(UNTESTED_KEY)}
    """


def _stated(plan: CellPlan) -> tuple[str, ...]:
    """Return the dimensions that a roster states itself; the others follow from them."""
    rolled = {rollup.dimension for rollup in plan.rollups}
    follow = {*EL_GROUPS, *rolled}
    return tuple(dict.fromkeys((*(d for d in untested_plan(plan).one_way if d not in follow), _EL)))


def _asked_sql(everything: str, plan: CellPlan) -> str:
    """Return SQL of the enrolled who are expected and took no part, without groups as yet."""
    columns = (
        *(f"NULL::VARCHAR AS {d}" for d in _stated(plan)),
        *(f"NULL::DATE AS {date}" for date in DATES),
    )
    instead = f"""
        SELECT instead.assessment, r.subject, r.school_year, r.district_id,
            r.student_id, r.local_student_id
        FROM {everything} AS r
        JOIN {alternates_sql(plan.assessments)} ON instead.alternate = r.assessment
    """
    return f"""
        WITH instead AS ({instead}),
        alternates AS (
            SELECT DISTINCT known.* EXCLUDE (day, who, result_id, roster_id, match_pct,
                missing_reason), {used_id("r", "known")} AS id
            FROM {KNOWN} AS known
            JOIN instead AS r USING (assessment, subject, school_year, district_id)
        )
        SELECT e.*, coalesce(told.reason, '{NO_RECORD}') AS reason, {", ".join(columns)}
        FROM {ENROLLED} AS e
        SEMI JOIN (FROM {KNOWN} WHERE missing_reason IS NULL) AS known USING ({_PLACE})
        SEMI JOIN untested_grades USING ({_PLACE}, grade)
        ANTI JOIN alternates USING ({_PLACE}, id)
        LEFT JOIN {TOLD} AS told USING ({_PLACE}, id)
        WHERE NOT coalesce(has_score, false)
            AND coalesce(told.reason, '{NO_RECORD}') NOT IN ('{TOOK_PART}', '{EXEMPT}')
    """


def _with_groups(con: DuckDBPyConnection, everything: str, plan: CellPlan) -> str:
    """Return SQL of those who are asked for, with their groups on the window's day."""
    filled = fill_matched(con, _ASKED, _stated(plan), DATES, name=_ASKED)
    if set(EL_GROUPS).isdisjoint(plan.one_way):
        return filled
    return f"({el_groups_sql(filled, everything)})"


def _learners_known_sql(rule: Participation) -> str:
    """Return SQL that says where too few are known to be English learners or not.

    Of an assessment for English learners alone nobody else is expected.
    """
    told = f"coalesce({_EL}, '{UNKNOWN}') NOT IN ('{UNKNOWN}', 'TBD')"
    pct = f"""
        SELECT {_PLACE}, 100.0 * count_if({told}) / count(*) AS told_pct
        FROM untested_absent WHERE who = '{ENGLISH_LEARNERS}' GROUP BY ALL
    """
    same = same_sql("told", KNOWN, PLACE)
    return f"""
        UPDATE {KNOWN} SET missing_reason = 'no_el_status'
        FROM ({pct}) AS told WHERE {same} AND told_pct < {rule.minimum_match_pct}
    """


def _untested_sql(results: str, plan: CellPlan) -> str:
    """Return SQL of the absent and of those who took part and have no score."""
    rolled_up = {rollup.dimension for rollup in plan.rollups}
    groups = [d for d in untested_plan(plan).one_way if d not in rolled_up]
    columns = (
        *UNTESTED_KEY,
        *("local_student_id", "school_id", "school_name", "grade", "test_date", "reason"),
        *groups,
    )
    chosen = ", ".join(columns)
    rolled = "".join(f", {_union(rollup)} AS {rollup.dimension}" for rollup in plan.rollups)
    return f"""
        SELECT *{rolled}, true AS is_scored
        FROM (
            SELECT {chosen} FROM untested_absent
            WHERE who <> '{ENGLISH_LEARNERS}' OR {_EL} = 'EL'
            UNION ALL BY NAME
            SELECT {chosen} FROM ({_took_part_sql(results)})
        )
        SEMI JOIN (FROM {KNOWN} WHERE missing_reason IS NULL) AS known USING ({_PLACE})
    """


def _took_part_sql(results: str) -> str:
    """Return SQL of one row of results for each student who took part and has no score."""
    key = ", ".join(UNTESTED_KEY)
    return f"""
        SELECT r.* REPLACE (day AS test_date), '{TOOK_PART}' AS reason
        FROM {results} AS r JOIN {KNOWN} AS known USING ({_PLACE})
        ANTI JOIN (SELECT {key} FROM {results} WHERE is_scored) AS scored USING ({key})
        WHERE NOT is_scored AND participation IN ('TESTED', '{TOOK_PART}')
        QUALIFY row_number() OVER (PARTITION BY {key} ORDER BY school_id, grade) = 1
    """


def _union(rollup: Rollup) -> str:
    """Return SQL of the union that a row's code of the base belongs to."""
    whens = " ".join(
        f"WHEN {quoted(member)} THEN {quoted(code)}"
        for code, members in rollup.members.items()
        for member in members
    )
    return f"CASE coalesce({rollup.of}, '{UNKNOWN}') {whens} END"
