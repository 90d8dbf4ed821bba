"""Metric cards of mart_achievement and mart_level.

All worked examples but two are of the same 12 students: 2 at level 1, 6 at level 2, 3 at level 3
and 1 at level 4; level 3 is proficient, and their scores sum to 29,196.
"""

from __future__ import annotations

from transforms.cards import MeasureCard

MART = "mart_achievement"
LEVEL_MART = "mart_level"
TESTED = (
    "n_tested: the students of the cell who have a valid score and level, or the one of the two "
    "that their source carries"
)
LEFT_OUT = (
    "students who were not tested, or whose result does not count; where a source carries both, "
    "those with a level and no score, or with a score and no level; nobody is counted twice"
)
HIDDEN = "published: the cell is suppressed, or its rate is top or bottom coded"
NO_LEVEL = f"a student of the cell has no level; {HIDDEN}"
ELPAC = (
    "California Department of Education, Understanding the Summative ELPAC Reports, "
    "https://www3.cde.ca.gov/elpac/understandingelpacreports"
)
WILSON = (
    "E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209-212; "
    "L. D. Brown, T. T. Cai, A. DasGupta, Statistical Science 16 (2001), 101-133"
)
BOUNDS = (
    "(p + z^2/2n {sign} z sqrt(p (1-p) / n + z^2/4n^2)) / (1 + z^2/n), in percent, with "
    "p = n_proficient / n, n = n_tested and z = 1.96 for marts.confidence 0.95"
)
STABILITY = (
    "All students tested are counted, not a sample: the interval says how far a rate of so few "
    "students would move from year to year by chance. "
)

CARDS: tuple[MeasureCard, ...] = (
    MeasureCard(
        name="n_tested",
        mart=MART,
        title="Students tested",
        formula=(
            "the number of students with a valid score and level in the cell, or with the one of "
            "the two that their source carries"
        ),
        denominator="none: a count, and the denominator of everything in the row",
        left_out=LEFT_OUT,
        missing="published: the cell is suppressed",
        source=ELPAC,
        example="2 + 6 + 3 + 1 = 12",
    ),
    MeasureCard(
        name="n_proficient",
        mart=MART,
        title="Students at or above the proficient level",
        formula="the number of students at proficient_from of the assessment or above",
        denominator="none: a count",
        left_out=LEFT_OUT,
        missing=NO_LEVEL,
        source=ELPAC,
        example="3 + 1 = 4",
    ),
    MeasureCard(
        name="pct_proficient",
        mart=MART,
        title="Proficiency rate, in percent",
        formula="100 * n_proficient / n_tested",
        denominator=TESTED,
        left_out=LEFT_OUT,
        missing=(
            "a student of the cell has no level; published: the cell is suppressed. Where the rate "
            "is top or bottom coded it is the limit of its band, or 50"
        ),
        source=ELPAC,
        example="100 * 4 / 12 = 33.3",
    ),
    MeasureCard(
        name="pct_proficient_low",
        mart=MART,
        title="Lower bound of the rate (Wilson)",
        formula=BOUNDS.format(sign="-"),
        denominator=TESTED,
        left_out=LEFT_OUT,
        missing=NO_LEVEL,
        source=WILSON,
        example=f"{STABILITY}4 of 12: 13.8",
    ),
    MeasureCard(
        name="pct_proficient_high",
        mart=MART,
        title="Upper bound of the rate (Wilson)",
        formula=BOUNDS.format(sign="+"),
        denominator=TESTED,
        left_out=LEFT_OUT,
        missing=NO_LEVEL,
        source=WILSON,
        example=f"{STABILITY}4 of 12: 60.9",
    ),
    MeasureCard(
        name="mean_scale_score",
        mart=MART,
        title="Mean scale score",
        formula="the sum of the scale scores / n_tested",
        denominator=TESTED,
        left_out=LEFT_OUT,
        missing=(
            "a student of the cell has no score; grades are mixed whose scales differ (scale: "
            f"by_grade); {HIDDEN}"
        ),
        source=ELPAC,
        example="29,196 / 12 = 2,433",
    ),
    MeasureCard(
        name="distance_from_standard",
        mart=MART,
        title="Mean distance from the standard, in points of the scale",
        formula=(
            "the sum of (score - lowest score of the proficient level in the student's subject, "
            "grade and year) / n_tested"
        ),
        denominator=TESTED,
        left_out=(
            f"{LEFT_OUT}. The Dashboard's own measure leaves out students who were not enrolled "
            "all year, and adds lowest scores where fewer than 95 percent took part; this one does "
            "neither"
        ),
        missing=(
            "a student of the cell has no score, or the assessment's score_ranges have no cut for "
            f"the subject, grade and year; {HIDDEN}"
        ),
        source=(
            "California Department of Education, California School Dashboard, Status and Change "
            "data, https://cde.ca.gov/ta/ac/cm/statuschangedata2019.asp"
        ),
        example="scores 2450 and 2400 in a grade whose standard begins at 2432: (18 - 32) / 2 = -7",
    ),
    MeasureCard(
        name="performance_index",
        mart=MART,
        title="API-style index of performance levels",
        formula="the sum over levels of index_weights * students at the level / n_tested",
        denominator=TESTED,
        left_out=LEFT_OUT,
        missing=f"the assessment has no index_weights; {NO_LEVEL}",
        source=(
            "in the style of California's Academic Performance Index, 200 to 1000, target 800 "
            "(https://foundersacademy.org/Gallery_TestPrep07/TestPrep07.html; weights from a "
            "secondary source). Not the index itself, which weighted subjects and tests too"
        ),
        example=(
            "10, 20, 30, 25 and 15 of 100 students at the five CST levels: (200 * 10 + 500 * 20 + "
            "700 * 30 + 875 * 25 + 1000 * 15) / 100 = 698.75"
        ),
    ),
    MeasureCard(
        name="n",
        mart=LEVEL_MART,
        title="Students at a performance level",
        formula="the number of students of the cell at the level; 0 where nobody is",
        denominator="none: a count",
        left_out=LEFT_OUT,
        missing=NO_LEVEL,
        source=ELPAC,
        example="6 at level 2",
    ),
    MeasureCard(
        name="pct",
        mart=LEVEL_MART,
        title="Share of students at a performance level, in percent",
        formula="100 * n / n_tested",
        denominator=TESTED,
        left_out=LEFT_OUT,
        missing=NO_LEVEL,
        source=ELPAC,
        example="100 * 6 / 12 = 50.0",
    ),
)
