"""Of which districts a roster can say who should have been tested, and who was enrolled there.

Who is enrolled and has no result has not been tested, unless the roster is of another time, lists
some schools only, or knows its students by other ids than the results do: then it says nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from configs.assessment_models import Assessment
from configs.mart_models import Participation
from transforms.cell_plan import quoted, same_sql
from transforms.identity import RATES, SPOKEN, meant_sql, used_id
from transforms.organisations import SYSTEM

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

KNOWN, TOLD, ENROLLED = "untested_known", "untested_told", "untested_enrolled"
EVERYONE, ENGLISH_LEARNERS, CHOSEN = "everyone", "english_learners", "chosen"
PLACE = (*SYSTEM, "district_id")
TOOK_PART, EXEMPT = "TESTED_NO_SCORE", "EXEMPT"
# What a row of results says of why there is no score, the weightiest first.
_REASONS = (TOOK_PART, EXEMPT, "INVALIDATED", "NOT_TESTED")
_PLACE = ", ".join(PLACE)


def known_rosters(
    con: DuckDBPyConnection,
    results: str,
    assessments: Mapping[str, Assessment],
    rule: Participation,
) -> str:
    """Make table `untested_known` and return its name: what the rosters can say of each district.

    Grain: the columns of SYSTEM, `district_id`, for every district with a scored result. Columns:
    `day`, the configured day, else the median of the test dates of its scored results (of two in
    the middle the earlier; null where none is dated); `who` is meant to take the test; `result_id`,
    `roster_id`, by which ids students are found; `match_pct`, how many percent of the scored
    students the roster has enrolled on that day; `missing_reason`, null where the roster can say
    who was not tested: `chosen` (no roster tells who is to take the test), `no_day`, `no_roster`,
    `ids_differ` (no two ids meet), `few_found` (`match_pct` is too low).

    Made as well, for districts in which the ids meet: `untested_told`, what the results tell of
    each student by the `id` that counts (`has_score`; `reason`, null where there are scores only),
    and `untested_enrolled`, who is enrolled on the day, once each.

    Args:
        con: a connection in which `fill_from_roster` has run on these results or more.
        results: student results, whole slices, with `is_scored`.
        assessments: who is meant to take which.
        rule: which days are configured, and from which share found a roster is believed.
    """
    for name, sql in (
        (KNOWN, _known_sql(results, assessments, rule)),
        (TOLD, _told_sql(results)),
        (ENROLLED, _enrolled_sql()),
    ):
        con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {sql}")
    con.execute(_believed_sql(rule))
    return KNOWN


def _known_sql(results: str, assessments: Mapping[str, Assessment], rule: Participation) -> str:
    return f"""
        WITH tested AS (
            SELECT {_PLACE}, quantile_disc(test_date, 0.5) AS median_day
            FROM {results} WHERE is_scored GROUP BY ALL
        ),
        rosters AS (
            SELECT DISTINCT result_year AS school_year, district_id, true AS has_roster
            FROM {SPOKEN} WHERE {_is_enrolment()} AND school_year = result_year
        )
        SELECT {_PLACE}, coalesce({_configured_day(rule)}, median_day) AS day, who,
            result_id, roster_id, NULL::DOUBLE AS match_pct,
            CASE WHEN who = '{CHOSEN}' THEN 'chosen' WHEN day IS NULL THEN 'no_day'
                WHEN has_roster IS NULL THEN 'no_roster'
                WHEN result_id IS NULL THEN 'ids_differ' END AS missing_reason
        FROM tested
        JOIN {_takers(assessments)} USING (assessment)
        LEFT JOIN rosters USING (school_year, district_id)
        LEFT JOIN (FROM {RATES} WHERE is_used) USING (assessment, school_year, district_id)
    """


def _told_sql(results: str) -> str:
    reason = f"if(participation = 'TESTED', '{TOOK_PART}', participation)"
    order = f"list_position({list(_REASONS)}, {reason})"
    return f"""
        SELECT {_PLACE}, {used_id("r", "known")} AS id, bool_or(is_scored) AS has_score,
            min_by({reason}, {order}) FILTER (NOT is_scored) AS reason
        FROM {results} AS r JOIN {KNOWN} AS known USING ({_PLACE})
        WHERE missing_reason IS NULL AND {used_id("r", "known")} IS NOT NULL
        GROUP BY ALL
    """


def _enrolled_sql() -> str:
    """Return SQL of who is enrolled on the window's day; of several enrolments the latest begun.

    An enrolment holds from its first day until the day after its last; a day that is not told is
    open. The ids are put where the results have them.
    """
    place = ", ".join(f"known.{c}" for c in PLACE)
    begins = "coalesce(r.begin_date, DATE '0001-01-01')"
    ids = ", ".join(
        f"if(known.result_id = '{c}', r.id, r.{c}) AS {c}"
        for c in ("student_id", "local_student_id")
    )
    return f"""
        SELECT {place}, day AS test_date, who, r.id, {ids}, r.school_id, r.school_name, r.grade
        FROM {KNOWN} AS known
        JOIN ({meant_sql()}) AS r ON r.roster_id = known.roster_id
            AND r.result_year = known.school_year AND r.school_year = known.school_year
            AND r.district_id = known.district_id
        WHERE missing_reason IS NULL AND {_is_enrolment("r.")}
            AND {begins} <= day AND day < coalesce(r.end_date, DATE '9999-12-31')
        QUALIFY row_number() OVER (
            PARTITION BY {place}, r.id ORDER BY {begins} DESC, r.school_id, r.grade
        ) = 1
    """


def _is_enrolment(row: str = "") -> str:
    return f"coalesce({row}record_kind, 'ENROLMENT') = 'ENROLMENT'"


def _believed_sql(rule: Participation) -> str:
    """Return SQL that says of each district how many of its tested students the roster has."""
    found = f"""
        SELECT {_PLACE}, 100.0 * count(e.id) / count(*) AS found_pct
        FROM {TOLD} LEFT JOIN {ENROLLED} AS e USING ({_PLACE}, id)
        WHERE has_score GROUP BY ALL
    """
    same = same_sql("found", KNOWN, PLACE)
    return f"""
        UPDATE {KNOWN} SET match_pct = found_pct,
            missing_reason = if(found_pct < {rule.minimum_match_pct}, 'few_found', NULL)
        FROM ({found}) AS found WHERE {same}
    """


def _configured_day(rule: Participation) -> str:
    """Return SQL of the configured day; one of a district goes before one of all."""
    whens = [
        f"WHEN assessment = {quoted(one.assessment)} AND school_year = {one.school_year} "
        f"AND test_window = {quoted(one.test_window)}"
        + (f" AND district_id = {quoted(one.district_id)}" if one.district_id else "")
        + f" THEN DATE '{one.day.isoformat()}'"
        for one in sorted(rule.days, key=lambda one: one.district_id is None)
    ]
    return f"CASE {' '.join(whens)} END" if whens else "NULL::DATE"


def _takers(assessments: Mapping[str, Assessment]) -> str:
    rows = ", ".join(
        f"({quoted(name)}, {quoted(one.testers.who if one.testers else EVERYONE)})"
        for name, one in sorted(assessments.items())
    )
    return f"(VALUES {rows}) AS takers(assessment, who)"


def grades_sql(results: str, assessments: Mapping[str, Assessment]) -> str:
    """Return SQL of the grades in which everyone who is meant is tested.

    Grain: the columns of SYSTEM, `district_id`, `grade`. The grades that the assessment's document
    names; where it names none for the subject, those with a scored result in the district.
    """
    rows = [
        f"({quoted(name)}, {quoted(subject)}, {quoted(grade)})"
        for name, one in sorted(assessments.items())
        for subject, grades in sorted((one.testers.grades if one.testers else {}).items())
        for grade in grades
    ]
    return f"""
        WITH documented AS (
            SELECT * FROM (VALUES {", ".join(rows) or "(NULL, NULL, NULL)"})
                AS grades(assessment, subject, grade)
        )
        SELECT {_PLACE}, documented.grade FROM {KNOWN} JOIN documented USING (assessment, subject)
        UNION
        SELECT {_PLACE}, grade FROM {results} AS r
        WHERE is_scored AND grade <> 'UNKNOWN' AND NOT {is_chosen_grade(assessments)}
            AND (assessment, subject) NOT IN (
                SELECT (assessment, subject) FROM documented WHERE assessment IS NOT NULL
            )
    """


def is_chosen_grade(assessments: Mapping[str, Assessment]) -> str:
    """Return SQL that is true of a grade of which only some students take the assessment."""
    conditions = [
        f"(assessment = {quoted(name)} AND subject = {quoted(subject)}"
        + (f" AND grade IN ({', '.join(map(quoted, grades))}))" if grades else ")")
        for name, one in sorted(assessments.items())
        for subject, grades in sorted((one.testers.chosen_grades if one.testers else {}).items())
    ]
    return f"({' OR '.join(conditions) or 'false'})"


def alternates_sql(assessments: Mapping[str, Assessment]) -> str:
    """Return SQL of the relation `assessment`, `alternate`: what is taken instead of what."""
    pairs = [
        f"({quoted(name)}, {quoted(other)})"
        for name, one in sorted(assessments.items())
        for other in (one.testers.alternates if one.testers else ())
    ]
    return f"(VALUES {', '.join(pairs) or '(NULL, NULL)'}) AS instead(assessment, alternate)"
