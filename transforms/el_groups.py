"""How long a student has been an English learner, as groups at the test date.

Each group is a dimension of its own beside `el_status`: English learners by years, learners with
those lately reclassified, and long-term learners by California's two definitions. What decides a
group and is not known makes it UNKNOWN, never the other group.
"""

from __future__ import annotations

EL_GROUPS = ("el_years_status", "el_recent_status", "ltel_dashboard_status", "ltel_status")
RECENT_YEARS = 4
DASHBOARD_YEARS = 7
LONG_TERM_YEARS = 6
AT_RISK_YEARS = 4
# Of the Summative ELPAC's four levels the highest alone is above "intermediate".
AT_RISK_LEVEL = 3
# Smarter Balanced was not given in spring 2020.
YEARS_WITHOUT_CAASPP = (2020,)
ELPAC, CAASPP = ("elpac_summative",), ("caaspp_sb", "caaspp_caa")

_LEARNER = "r.el_status IN ('EL', 'ADEL')"
_NEVER_OR_NO_LONGER = "r.el_status IN ('EO', 'IFEP', 'RFEP', 'NOT_EL')"
# A status that begins after the test says nothing of what the student was at the test.
_BEGINS_LATER = (
    "r.el_status = 'RFEP' AND r.rfep_date > r.test_date "
    f"OR {_LEARNER} AND r.el_entry_date > r.test_date"
)
_BEFORE_GRADE_1 = "('IT', 'PR', 'PK', 'TK', 'KG')"


def el_groups_sql(results: str, earlier: str) -> str:
    """Return SQL of the results with the groups of `EL_GROUPS`.

    Grain and columns are those of `results`, and:

    - `el_years_status`: English learners by the whole years from `el_entry_date` to the test;
      NOT_EL for the others.
    - `el_recent_status`: EL_OR_RFEP4 for learners and those reclassified at most four years before
      the test; OTHER for EO, IFEP and RFEP of longer ago. Of NOT_EL nobody knows which.
    - `ltel_dashboard_status`: LTEL for learners seven years or more after `el_entry_date`.
    - `ltel_status`: LTEL and AT_RISK by years from `us_school_date` and by earlier results, see
      `_long_term` and `_at_risk`.

    Adult learners (ADEL) are learners; TBD and UNKNOWN are UNKNOWN everywhere. A status or day
    after the test says nothing of it. Without a test date nothing that depends on years is known.

    Args:
        results: a relation with the columns of table `student_result`, its groups and days filled
            from the roster.
        earlier: student results with `is_scored` of whatever years and assessments; those of the
            two school years before a result are looked at, of the same student and district.

    Source: ESEA section 1111(b)(3)(B); California Education Code 52052 and 313.1
        (cde.ca.gov/ds/ad/lteldef.asp, law.justia.com/codes/california, section 313-1).
    """
    return f"""
        WITH learners AS (
            SELECT DISTINCT district_id, student_id FROM {results} AS r WHERE {_LEARNER}
        ),
        years AS (
            SELECT min(school_year) - 2 AS first, max(school_year) - 1 AS last FROM {results}
        ),
        prior AS ({_prior_sql(earlier)}),
        told AS (
            SELECT r.*, {_years("r.el_entry_date")} AS el_years,
                {_years("r.us_school_date")} AS us_years, {_grade()} AS grade_number,
                one.elp_level AS elp_1, two.elp_level AS elp_2,
                coalesce(one.lacks_elp OR two.lacks_elp, false) AS lacks_elp,
                coalesce(one.lacks_elp, false) AS lacks_last_elp,
                one.ela_level AS ela_1, {_lacks_ela()} AS lacks_ela
            FROM {results} AS r
            LEFT JOIN prior AS one ON {_of_year("one", 1)}
            LEFT JOIN prior AS two ON {_of_year("two", 2)}
        )
        SELECT r.* EXCLUDE (el_years, us_years, grade_number, elp_1, elp_2, lacks_elp,
                lacks_last_elp, ela_1, lacks_ela),
            {_group(_years_cases())} AS el_years_status,
            {_recent()} AS el_recent_status,
            {_group(_dashboard_cases())} AS ltel_dashboard_status,
            {_group(_ltel_cases())} AS ltel_status
        FROM told AS r
    """


def _prior_sql(earlier: str) -> str:
    """Return SQL of the learners' levels in English proficiency and in ELA by school year.

    `lacks_elp` and `lacks_ela` say that a row tells of no level: the student did not test, or took
    another test. Without any row they are null, for the result may only not be in the warehouse.
    """
    elp = f"assessment IN ({_texts(ELPAC)})"
    ela = f"assessment IN ({_texts(CAASPP)}) AND subject = 'ela'"
    standard = f"assessment = '{CAASPP[0]}' AND is_scored"
    return f"""
        SELECT district_id, student_id, school_year,
            max(performance_level) FILTER ({elp} AND is_scored) AS elp_level,
            max(performance_level) FILTER ({ela} AND {standard}) AS ela_level,
            count(*) FILTER ({elp}) > 0 AND elp_level IS NULL AS lacks_elp,
            count(*) FILTER ({ela}) > 0 AND ela_level IS NULL AS lacks_ela
        FROM {earlier} SEMI JOIN learners USING (district_id, student_id)
        WHERE (({elp}) OR ({ela}))
            AND school_year BETWEEN (SELECT first FROM years) AND (SELECT last FROM years)
        GROUP BY district_id, student_id, school_year
    """


def _texts(codes: tuple[str, ...]) -> str:
    return ", ".join(f"'{code}'" for code in codes)


def _of_year(prior: str, years: int) -> str:
    return (
        f"{prior}.district_id = r.district_id AND {prior}.student_id = r.student_id "
        f"AND {prior}.school_year = r.school_year - {years}"
    )


def _lacks_ela() -> str:
    """Return SQL that is true where there can be no result in ELA of the year before."""
    never = ", ".join(str(year + 1) for year in YEARS_WITHOUT_CAASPP)
    return f"(coalesce(one.lacks_ela, false) OR r.school_year IN ({never}))"


def _years(since: str) -> str:
    """Return SQL of the whole years from a day to the test; null where the day is later."""
    return f"CASE WHEN {since} <= r.test_date THEN datesub('year', {since}, r.test_date) END"


def _grade() -> str:
    """Return SQL of the grade as a number, 0 before grade 1; null where it is none."""
    number = "TRY_CAST(r.grade AS INTEGER)"
    return f"CASE WHEN r.grade IN {_BEFORE_GRADE_1} THEN 0 ELSE {number} END"


def _group(learners: str) -> str:
    """Return SQL of a group that only learners are split by."""
    return (
        f"CASE WHEN {_BEGINS_LATER} THEN 'UNKNOWN' "
        f"WHEN {_NEVER_OR_NO_LONGER} THEN 'NOT_EL' "
        f"WHEN NOT coalesce({_LEARNER}, false) THEN 'UNKNOWN' {learners} ELSE 'UNKNOWN' END"
    )


def _years_cases() -> str:
    return (
        "WHEN r.el_years < 1 THEN 'UNDER_1' WHEN r.el_years < 4 THEN 'Y1_TO_3' "
        f"WHEN r.el_years < {LONG_TERM_YEARS} THEN 'Y4_TO_5' "
        f"WHEN r.el_years >= {LONG_TERM_YEARS} THEN 'Y6_PLUS'"
    )


def _dashboard_cases() -> str:
    return (
        f"WHEN r.el_years >= {DASHBOARD_YEARS} THEN 'LTEL' "
        f"WHEN r.el_years < {DASHBOARD_YEARS} THEN 'EL_OTHER'"
    )


def _recent() -> str:
    """Return SQL of `el_recent_status`."""
    limit = f"r.test_date - INTERVAL {RECENT_YEARS} YEAR"
    return f"""CASE
        WHEN {_BEGINS_LATER} THEN 'UNKNOWN'
        WHEN {_LEARNER} THEN 'EL_OR_RFEP4'
        WHEN r.el_status IN ('EO', 'IFEP') THEN 'OTHER'
        WHEN r.el_status = 'RFEP' AND r.rfep_date >= {limit} THEN 'EL_OR_RFEP4'
        WHEN r.el_status = 'RFEP' AND r.rfep_date < {limit} THEN 'OTHER'
        ELSE 'UNKNOWN' END"""


def _ltel_cases() -> str:
    """Return SQL of the cases of `ltel_status`; a criterion that is null leaves it UNKNOWN."""
    long_term, at_risk = _long_term(), _at_risk()
    return f"""
        WHEN r.grade_number < 3 THEN 'EL_OTHER'
        WHEN r.us_years IS NULL OR r.grade_number IS NULL THEN 'UNKNOWN'
        WHEN r.us_years >= {LONG_TERM_YEARS} AND r.grade_number BETWEEN 6 AND 12 THEN
            CASE WHEN {long_term} THEN 'LTEL' WHEN NOT ({long_term}) THEN 'EL_OTHER'
                ELSE 'UNKNOWN' END
        WHEN r.us_years >= {AT_RISK_YEARS} AND r.us_years < {LONG_TERM_YEARS}
            AND r.grade_number BETWEEN 3 AND 12 THEN
            CASE WHEN {at_risk} THEN 'AT_RISK' WHEN NOT ({at_risk}) THEN 'EL_OTHER'
                ELSE 'UNKNOWN' END
        WHEN true THEN 'EL_OTHER'"""


def _long_term() -> str:
    """Return SQL of the tests' part of EC 313.1(a)(1): (C) and, in grades 6 to 9, (D).

    (C) the ELPAC's level of the year before is that of two years before or lower; (D) the Smarter
    Balanced ELA of the year before was Standard Not Met. A result that the student does not have is
    not asked for (a)(2); one of which no row tells leaves the criterion unknown.
    """
    return (
        "(r.lacks_elp OR r.elp_1 <= r.elp_2) "
        "AND (r.grade_number >= 10 OR r.lacks_ela OR r.ela_1 = 1)"
    )


def _at_risk() -> str:
    """Return SQL of the tests' part of EC 313.1(b)(1): (C) and, in grades 4 to 9, (D).

    (C) intermediate or below on the English test of the year before, which is read as below the
    highest level of the ELPAC; (D) as for long-term learners. Who is in grade 3 has no ELA test of
    the year before.
    """
    return (
        f"(r.lacks_last_elp OR r.elp_1 <= {AT_RISK_LEVEL}) "
        "AND (r.grade_number >= 10 OR r.grade_number = 3 OR r.lacks_ela OR r.ela_1 = 1)"
    )
