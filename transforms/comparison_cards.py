"""Metric cards of mart_comparison: a contribution is shown here, never a cause.

Worked examples, unless they say otherwise, are of one district in 2025, against 2024: two partner
schools with 100 students each, of whom 40 and 40 were proficient and then 47 and 47; five other
schools with 100 students each, of whom 40 were and then 43, 43, 43, 44 and 44.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from transforms.cards import MeasureCard
from transforms.comparison_school_cards import BH, FEW, Row
from transforms.comparison_school_cards import ROWS as SCHOOL_ROWS

MART = "mart_comparison"
LEFT_OUT = (
    "students who were not scored. The students of two years are others for the most part. Schools "
    "were not chosen by lot: what is seen is a contribution at most, not a cause"
)
TWO = "students tested in the unit, and in what it is compared with (compared_to)"
FOUR = f"{TWO}, in both years"
NOT_SHOWN = "published: a cell that it is made from is suppressed, or its rate is coded"
MASKED = "the state masks it or does not print it"
RATE = (
    "a side has no such group, or a student without a level; in rows of contrast EL_EO a side has "
    f"no English learners or no English-only students; {MASKED}; {NOT_SHOWN}"
)
SPAN = (
    f"rows of one year (from_year is school_year); across a break (scale, standard, population; of "
    f"ethnicities, a first year of the federal groups of 2024); {RATE}"
)
ROUNDED = (
    "published: of the published, rounded numbers, so up to one unit of their last place off "
    "(EL_EO: two), for what is rounded once of exact ones tells more of them than is published"
)
BOTH = f"{FEW}; {SPAN}"
SCORES = (
    "rows of one year; across a break of scale or population; a student without a score; grades on "
    f"different scales are mixed; {NOT_SHOWN}"
)
RATES = (
    "California Department of Education, Understanding the Summative ELPAC Reports: percent at a "
    "level, of students with scores"
)
NEWCOMBE = (
    "R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10; contrast EL_EO: G. Y. "
    "Zou, A. Donner, Statistics in Medicine 27 (2008), 1693-1702, equation 7"
)
PARTNERS = (
    "Partners in School Innovation, 2008-09 report to donors: growth in percentage points of "
    "partner schools, their districts and the state, and of English learners"
)
DID = "design: J. D. Angrist, J.-S. Pischke, Mostly Harmless Econometrics (2009), section 5.2"
MOVER = (
    "G. Y. Zou, A. Donner, Statistics in Medicine 27 (2008), 1693-1702, equation 7, of R. G. "
    "Newcombe's margins, Statistics in Medicine 17 (1998), 873-890, method 10"
)
CAFFO = (
    "A. Agresti, B. Caffo, The American Statistician 54 (2000), 280-288; one year: J. L. Fleiss, "
    "B. Levin, M. C. Paik, Statistical methods for rates and proportions, 3rd edition (2003), 3.1"
)
CST = (
    "as performance_index of mart_achievement: in the style of California's Academic Performance "
    "Index, which it is not"
)
DFS = "CDE, cde.ca.gov/ta/ac/cm/statuschangedata2019.asp (change: DFS less prior DFS)"
MEAN = (
    "CDE, CAASPP, comparing scores (caaspp.cde.ca.gov/caaspp2017/help_comparescores.aspx): no "
    "direct comparison between grades on scales of single grades"
)

_ROWS: tuple[Row, ...] = (
    (
        "n_tested",
        "Students of the unit: a partner school, all of a district, or a network",
        "scored students of the cell; contrast EL_EO: English learners and English-only students",
        "none: a count",
        NOT_SHOWN,
        RATES,
        "100 + 100 = 200",
    ),
    (
        "n_compared",
        "Students of what the unit is compared with",
        "as n_tested, of the rest (district minus partner schools), district, all or state. The "
        "state's numbers are its own, as it publishes them (table published_result): of the same "
        "assessment, subject, window, school year and grade, and of the group that it has under "
        "the same id (caaspp_group_id of dim_student_group). Students with a score, or where "
        "these are not printed students tested. The rate is from its counts of students, else of "
        "levels, else the printed percentage",
        "none: a count",
        f"it has no such group; {MASKED}; {NOT_SHOWN}",
        f"{RATES}; the state: CDE, CAASPP and ELPAC research files",
        "5 * 100 = 500 against the rest, 700 against the district",
    ),
    (
        "pct_proficient",
        "Rate of the unit; contrast EL_EO: of English learners minus that of English-only students",
        "100 * proficient / tested",
        "students tested in the unit",
        RATE,
        RATES,
        "100 * 94 / 200 = 47.0",
    ),
    (
        "pct_compared",
        "Rate of what the unit is compared with; contrast EL_EO as in pct_proficient",
        "100 * proficient / tested",
        "students tested there",
        RATE,
        RATES,
        "100 * 217 / 500 = 43.4",
    ),
    (
        "difference",
        "Difference of the rates in school_year, in percentage points",
        "pct_proficient - pct_compared; positive where the unit lies above",
        TWO,
        f"{FEW}; {RATE}",
        RATES,
        "47.0 - 43.4 = 3.6",
    ),
    (
        "difference_low",
        "Lower bound of the difference",
        "Newcombe's hybrid score interval. Against a whole that the unit is part of (district, "
        "all, state): that of unit and remainder, times the remainder's share of the students",
        TWO,
        f"{FEW}, or the remainder has; {RATE}",
        NEWCOMBE,
        "-4.5 against the rest; against the district -4.5 * 500 / 700 = -3.2",
    ),
    (
        "difference_high",
        "Upper bound of the difference",
        "as difference_low",
        TWO,
        f"{FEW}, or the remainder has; {RATE}",
        NEWCOMBE,
        "11.7 against the rest; against the district 11.7 * 500 / 700 = 8.4",
    ),
    (
        "n_from",
        "Students of the unit in from_year",
        "as n_tested",
        "none: a count",
        f"rows of one year; no such group then; {NOT_SHOWN}",
        RATES,
        "100 + 100 = 200",
    ),
    (
        "n_compared_from",
        "Students of what the unit is compared with in from_year",
        "as n_compared",
        "none: a count",
        f"rows of one year; no such group then; {MASKED}; {NOT_SHOWN}",
        RATES,
        "5 * 100 = 500",
    ),
    (
        "gain",
        "Gain of the unit since from_year, in percentage points",
        "rate in school_year - rate in from_year; contrast EL_EO: positive where English learners "
        "have gained on English-only students",
        "students tested in the unit, in each year",
        SPAN,
        PARTNERS,
        "47.0 - 40.0 = 7.0",
    ),
    (
        "annual_gain",
        "Gain of the unit per year",
        "gain / (school_year - from_year), years without a test included",
        "students tested in the unit, in each year",
        SPAN,
        PARTNERS,
        "a gain of 9.0 in three years: 3.0",
    ),
    (
        "gain_ratio",
        "How many times the other's annual gain the unit's is (contribution, not cause)",
        "annual_gain / annual_gain_compared, only where both have gained: a ratio to a loss says "
        "nothing",
        FOUR,
        f"either gain is 0 or below; {BOTH}",
        PARTNERS,
        "3.0 / 1.0 = 3.0: three times the district's annual growth",
    ),
    (
        "did",
        "Difference in differences, in percentage points (contribution, not cause)",
        "gain - gain_compared",
        FOUR,
        BOTH,
        DID,
        "7.0 - 3.4 = 3.6",
    ),
    (
        "did_low",
        "Lower bound of did, students as units",
        "did - m, m^2 being (margin of this year's difference below it)^2 + (that of from_year's "
        "above it)^2, each as in difference_low. The years are taken as independent: where the "
        "students are the same, bounds are too wide. Students are taken as if drawn one by one: "
        "schools differ by more, which did_permutation_low shows and this does not",
        FOUR,
        f"{FEW}, or the remainder has; {SPAN}",
        MOVER,
        "3.6 - sqrt(8.1^2 + 8.1^2) = -7.8",
    ),
    (
        "did_high",
        "Upper bound of did, students as units",
        "as did_low, with the margin of the year above and that of from_year below",
        FOUR,
        f"{FEW}, or the remainder has; {SPAN}",
        MOVER,
        "3.6 + sqrt(8.1^2 + 7.9^2) = 14.9",
    ),
    *SCHOOL_ROWS,
    (
        "n_schools",
        "Schools of the unit that have the group in both years",
        "count of schools with a cell in school_year and from_year",
        "none: a count",
        "no school has it in both years",
        "none",
        "2",
    ),
    (
        "n_schools_compared",
        "Schools of what the unit is compared with that have the group in both years",
        "count of schools with a cell in school_year and from_year",
        "none: a count",
        "no school has it in both years; against all and the state",
        "none",
        "5 of the rest, 7 of the district",
    ),
    (
        "pre_trend",
        "What the unit had gained on the others, per year, before from_year",
        "(gain - gain_compared) / years to from_year, from the second last of the earlier years in "
        "which both have students enough and between which and from_year no break lies. Near 0 "
        "where both went alike before; if not, did goes on with that",
        FOUR,
        f"fewer than two such years within comparison.longest_span; {BOTH}",
        DID,
        "10 to 34 against 20 to 30 in two years: (24 - 10) / 2 = 7.0",
    ),
    (
        "sed_share_change",
        "Change of the share of socio-economically disadvantaged students, unit minus the others",
        "(share now - share in from_year) of the unit minus the same of the others, in points; of "
        "all students of the grade, whatever the group of the row",
        "students tested whose economic status is known",
        f"rows of one year; it is known of nobody; {NOT_SHOWN}",
        PARTNERS,
        "50 to 50 percent, elsewhere 50 to 0: 50.0",
    ),
    (
        "el_share_change",
        "Change of the share of English learners, unit minus the others",
        "as sed_share_change; learners (EL, ADEL) and of whom it is not known (TBD, UNKNOWN) as "
        "not_el_status says",
        "students tested of whom it is known whether they are learners",
        f"rows of one year; it is known of nobody; rollups are without not_el_status; {NOT_SHOWN}",
        PARTNERS,
        "50 to 25 percent, elsewhere 0 to 0: -25.0",
    ),
    (
        "performance_index",
        "Performance index of the unit",
        "mean weight of the levels",
        "students tested in the unit",
        f"assessments without weights; {RATE}",
        CST,
        "levels 6, 10, 20, 24, 40 with weights 200, 500, 700, 875, 1000: 812",
    ),
    (
        "index_gain",
        "Gain of the performance index of the unit since from_year",
        f"index in school_year - index in from_year; {ROUNDED}",
        "students tested in the unit, in each year",
        f"assessments without weights; {SPAN}",
        CST,
        "626 to 812 in four years: 186",
    ),
    (
        "distance_gain",
        "Change of the unit's mean distance from the standard",
        f"distance in school_year - distance in from_year; {ROUNDED}",
        "students tested in the unit, in each year",
        f"assessments without cuts; a student without a score; {SPAN}",
        DFS,
        "-12 to -7: 5",
    ),
    (
        "mean_gain",
        "Change of the unit's mean scale score, on a vertical scale or in a single grade",
        f"mean in school_year - mean in from_year; {ROUNDED}",
        "students tested in the unit, in each year",
        SCORES,
        MEAN,
        "2440 to 2447: 7",
    ),
    (
        "p_value",
        "p-value: of did in rows of a span, of the difference in rows of one year",
        "span: 2 Phi(-|d| / e), d being did with one success and one failure added to each cell of "
        "students, p = (k + 1) / (n + 2), and e^2 the sum of p (1 - p) / (n + 2). One year: pooled "
        "score test of the two rates (EL_EO: as a span, of four). Against a whole, of the "
        "remainder. Students are taken as if drawn one by one and the years as independent",
        FOUR,
        f"one year: everybody or nobody is proficient; {FEW}, or the remainder has; {SPAN}",
        CAFFO,
        "d = 3.54, e = 5.82, z = 0.61: 0.54",
    ),
    (
        "p_adjusted",
        "p_value, adjusted for all that is compared beside it",
        "Benjamini-Hochberg over the p-values of one metric of a release: of one school_year, "
        "assessment, subject, test_window, compared_to, contrast and from_year (the difference in "
        "one year is a metric, each span another). What stands in several rows of a unit with the "
        "same numbers, as a roll-up that repeats a group, counts once; published: over those "
        "published",
        "as p_value",
        "as p_value",
        BH,
        "of 0.01, 0.03 and 0.04 the second becomes 0.04",
    ),
    (
        "is_distinguishable",
        "Whether did_schools is more than chance among schools (contribution, not cause)",
        "did_p_adjusted is at most 1 - confidence. Only of spans against the rest of a district: "
        "elsewhere p_value asks for chance among students alone, which does not answer it",
        "ways of choosing schools",
        "as did_p_adjusted: missing, and not no, where no test over schools can be made",
        BH,
        "0.048 is not more than 0.05: yes; with four other schools: missing",
    ),
)


# Columns that there are of both sides: name, example of the other side.
_COMPARED = {
    "gain": "43.4 - 40.0 = 3.4",
    "annual_gain": "a gain of 3.0 in three years: 1.0",
    "index_gain": "626 to 626 in four years: 0",
    "distance_gain": "-12 to -10: 2",
    "mean_gain": "2440 to 2443: 3",
}
# Of these nothing is made of what a state prints.
_NOT_OF_STATES = ("index_gain", "distance_gain")


def _cards() -> Iterator[MeasureCard]:
    for name, title, formula, denominator, missing, source, example in _ROWS:
        card = MeasureCard(
            name, MART, title, formula, denominator, LEFT_OUT, missing, source, example
        )
        yield card
        if name in _COMPARED:
            yield replace(
                card,
                name=f"{name}_compared",
                title=f"{title}: the same of what the unit is compared with",
                denominator="students tested there, in each year",
                missing=f"of the state; {missing}" if name in _NOT_OF_STATES else missing,
                example=_COMPARED[name],
            )


CARDS: tuple[MeasureCard, ...] = tuple(_cards())
