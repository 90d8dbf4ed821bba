"""Metric cards of participation.

The worked examples are of one school: 120 students enrolled on the window's day in the grades that
are tested, 2 of them excused by the state, 100 with a score, 4 who answered too little for one, and
14 of whom there is no result.
"""

from __future__ import annotations

from transforms.cards import MeasureCard

MART = "mart_achievement"
_EXPECTED = (
    "whoever the roster has enrolled in the district on the window's day (the median test date of "
    "the district's scored results, or the day in marts.yml) in a grade that the assessment tests, "
    "and whoever took part"
)
_LEFT_OUT = (
    "students excused by the publisher (EXEMPT: English learners of less than twelve months in "
    "English language arts), whoever has a row of the alternate assessment of the subject, and who "
    "came after the day or left before it and did not take part. Parents' refusals and medical "
    "emergencies are counted as not tested"
)
_MISSING = (
    "the roster of the district and year is missing, or has fewer than "
    "participation.minimum_match_pct percent of the tested students enrolled on that day (for "
    "all districts, a network or partner schools: of any of its districts); the school is not "
    "in it; it never states the group; nobody knows who is to take the assessment (tests at the "
    "end of a course, grades of which some students take it); the cell is split by more than "
    "grade and one group, or by prior_status. Published also where the cell is suppressed, or "
    "where those who did not take part, or those who did without a score, are hidden by "
    "decisions of their own (one to ten students, or more that would give them away)"
)

CARDS: tuple[MeasureCard, ...] = (
    MeasureCard(
        name="n_enrolled",
        mart=MART,
        title="Students expected to be tested",
        formula="n_tested + the expected students without a score",
        denominator=f"none: a count of {_EXPECTED}",
        left_out=_LEFT_OUT,
        missing=_MISSING,
        source=(
            "ETS, TOMS help, CAASPP test administration, Student Participation "
            "(https://ca-toms-help.ets.org/caaspp-ppt-tam/general-test-admin/student-participation)"
        ),
        example="100 + 4 + 14 = 118",
    ),
    MeasureCard(
        name="pct_participation",
        mart=MART,
        title="Participation rate, in percent",
        formula=(
            "100 * (n_tested + the students who took part without a score) / n_enrolled; n_tested "
            "are those with a score alone, so the rate may be above 100 * n_tested / n_enrolled"
        ),
        denominator=f"n_enrolled: {_EXPECTED}",
        left_out=_LEFT_OUT,
        missing=_MISSING,
        source=(
            "ESEA section 1111(c)(4)(E) (95 percent of all students and of each group); CDE, "
            "https://www.cde.ca.gov/ta/AC/cm/dashboardacad.asp; Include Indicator, CAASPP student "
            "data layout 2021-22, field 125, page 90 (too few answers for a score is participation)"
        ),
        example="100 * (100 + 4) / 118 = 88.1",
    ),
)
