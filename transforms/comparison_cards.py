"""Metric cards of mart_comparison: a contribution is shown here, never a cause.

Worked examples, unless they say otherwise, are of one district in 2025, against 2024: two partner
schools with 100 students each, of whom 40 and 40 were proficient and then 47 and 47; five other
schools with 100 students each, of whom 40 were and then 43, 43, 43, 44 and 44.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from transforms.cards import MeasureCard

MART = "mart_comparison"
LEFT_OUT = (
    "students who were not scored. The students of two years are others for the most part. Schools "
    "were not chosen by lot: what is seen is a contribution at most, not a cause"
)
TWO = "students tested in the unit, and in what it is compared with (compared_to)"
FOUR = f"{TWO}, in both years"
NOT_SHOWN = "published: a cell that it is made from is suppressed, or its rate is coded"
RATE = (
    "a side has no such group, or a student without a level; in rows of contrast EL_EO a side has "
    f"no English learners or no English-only students; {NOT_SHOWN}"
)
SPAN = (
    f"rows of one year (from_year is school_year); across a break (scale, standard, population; of "
    f"ethnicities, a first year of the federal groups of 2024); {RATE}"
)
SCORES = (
    "rows of one year; across a break of scale or population; a student without a score; grades on "
    f"different scales are mixed; {NOT_SHOWN}"
)
SCHOOLS = (
    "rows of one year, and against the district, all or the state; fewer than "
    "comparison.fewest_schools other schools have the group in both years; published: one of the "
    "cells of any of these schools is suppressed or coded, for its gain could be computed"
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
DID = (
    "variance of a sum of independent proportions: J. L. Fleiss, B. Levin, M. C. Paik, Statistical "
    "methods for rates and proportions, 3rd edition (2003), chapter 3; design: J. D. Angrist, "
    "J.-S. Pischke, Mostly Harmless Econometrics (2009), section 5.2"
)
ERNST = (
    "M. D. Ernst, Statistical Science 19 (2004), 676-685; P. H. Garthwaite, Biometrics 52 (1996), "
    "1387-1393; B. Phipson, G. K. Smyth, Statistical Applications in Genetics and Molecular "
    "Biology 9 (2010), article 39"
)
MANTEL = "S. Greenland, J. M. Robins, Biometrics 41 (1985), 55-68"
CST = (
    "as performance_index of mart_achievement: in the style of California's Academic Performance "
    "Index, which it is not"
)
DFS = "CDE, cde.ca.gov/ta/ac/cm/statuschangedata2019.asp (change: DFS less prior DFS)"
MEAN = (
    "CDE, CAASPP, comparing scores (caaspp.cde.ca.gov/caaspp2017/help_comparescores.aspx): no "
    "direct comparison between grades on scales of single grades"
)
BH = "Y. Benjamini, Y. Hochberg, Journal of the Royal Statistical Society B 57 (1995), 289-300"

# name, title, formula, denominator, missing, source, example
_ROWS: tuple[tuple[str, str, str, str, str, str, str], ...] = (
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
        "as n_tested, of the rest (district minus partner schools), district, all or state",
        "none: a count",
        f"it has no such group; {NOT_SHOWN}",
        RATES,
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
        RATE,
        RATES,
        "47.0 - 43.4 = 3.6",
    ),
    (
        "difference_low",
        "Lower bound of the difference",
        "Newcombe's hybrid score interval. Against a whole that the unit is part of (district, "
        "all, state): that of unit and remainder, times the remainder's share of the students",
        TWO,
        f"{RATE}; the unit is the whole",
        NEWCOMBE,
        "-4.5 against the rest; against the district -4.5 * 500 / 700 = -3.2",
    ),
    (
        "difference_high",
        "Upper bound of the difference",
        "as difference_low",
        TWO,
        f"{RATE}; the unit is the whole",
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
        f"rows of one year; no such group then; {NOT_SHOWN}",
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
        f"either gain is 0 or below; {SPAN}",
        PARTNERS,
        "3.0 / 1.0 = 3.0: three times the district's annual growth",
    ),
    (
        "did",
        "Difference in differences, in percentage points (contribution, not cause)",
        "gain - gain_compared",
        FOUR,
        SPAN,
        DID,
        "7.0 - 3.4 = 3.6",
    ),
    (
        "did_low",
        "Lower bound of did, students as units",
        "did - z sqrt(sum of p (1 - p) / n over both sides and years). Against a whole, of unit "
        "and remainder. It takes students as if drawn one by one: schools differ by more, which "
        "the permutation shows",
        FOUR,
        f"{SPAN}; no variance at all",
        DID,
        "3.6 - 1.96 * 5.85 = -7.9",
    ),
    (
        "did_high",
        "Upper bound of did, students as units",
        "as did_low",
        FOUR,
        f"{SPAN}; no variance at all",
        DID,
        "3.6 + 1.96 * 5.85 = 15.1",
    ),
    (
        "did_schools",
        "Difference in differences, schools as units (contribution, not cause)",
        "mean gain of the unit's schools minus that of the other schools, of those with the group "
        "in both years, each weighing n0 n1 / (n0 + n1); contrast EL_EO: 1 / sum of 1 / n",
        "schools of the unit, and the district's schools that are no partner schools",
        SCHOOLS,
        MANTEL,
        "(7 + 7) / 2 - (3 + 3 + 3 + 4 + 4) / 5 = 3.6",
    ),
    (
        "did_permutation_low",
        "Lower bound of did_schools",
        "the least effect that the permutation of did_p_value does not reject, if it were taken "
        "from every school of the unit (test inversion)",
        "as did_schools",
        f"{SCHOOLS}; so few ways that no bound can be given (below 1 / (1 - confidence))",
        ERNST,
        "2.7, where 1 of 21 ways remains",
    ),
    (
        "did_permutation_high",
        "Upper bound of did_schools",
        "as did_permutation_low, the greatest",
        "as did_schools",
        f"{SCHOOLS}; so few ways that no bound can be given (below 1 / (1 - confidence))",
        ERNST,
        "5.0, where 1 of 21 ways remains",
    ),
    (
        "did_p_value",
        "p-value of did_schools by permutation over schools",
        "share of all ways to choose as many of these schools whose did_schools is at least as far "
        "from 0; of more than comparison.permutations ways, of so many drawn and the real one",
        "ways of choosing schools",
        SCHOOLS,
        ERNST,
        "1 of 21 ways to choose two schools of seven: 0.048",
    ),
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
        "(gain - gain_compared) / years, from the second last year before from_year that both have "
        "to from_year. Near 0 where both went alike before; if not, did goes on with that",
        FOUR,
        f"fewer than two earlier years within comparison.longest_span; {SPAN}",
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
        "as sed_share_change",
        "students tested whose English-learner status is known",
        f"rows of one year; it is known of nobody; {NOT_SHOWN}",
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
        "index in school_year - index in from_year",
        "students tested in the unit, in each year",
        f"assessments without weights; {SPAN}",
        CST,
        "626 to 812 in four years: 186",
    ),
    (
        "distance_gain",
        "Change of the unit's mean distance from the standard",
        "distance in school_year - distance in from_year",
        "students tested in the unit, in each year",
        f"assessments without cuts; a student without a score; {SPAN}",
        DFS,
        "-12 to -7: 5",
    ),
    (
        "mean_gain",
        "Change of the unit's mean scale score, on a vertical scale or in a single grade",
        "mean in school_year - mean in from_year",
        "students tested in the unit, in each year",
        SCORES,
        MEAN,
        "2440 to 2447: 7",
    ),
    (
        "p_value",
        "p-value: of did in rows of a span, of the difference in rows of one year",
        "span: 2 Phi(-|did| / its standard error), as in did_low. One year: pooled score test of "
        "the two rates (contrast EL_EO: by the four variances); against a whole, of the remainder",
        FOUR,
        f"everybody or nobody is proficient; {SPAN}",
        DID,
        "z = 3.6 / 5.85: 0.54",
    ),
    (
        "p_adjusted",
        "p_value, adjusted for all that is compared beside it",
        "Benjamini-Hochberg over all p-values of one school_year, assessment, subject, test_window "
        "and compared_to; published: over those published",
        "as p_value",
        "as p_value",
        BH,
        "of 0.01, 0.03 and 0.04 the second becomes 0.04",
    ),
    (
        "is_distinguishable",
        "Whether it is more than chance among students (contribution, not cause)",
        "p_adjusted is at most 1 - confidence. In a span of few schools did_p_value is to be read "
        "beside it, which asks for chance among schools",
        "as p_value",
        "as p_value",
        BH,
        "0.54 is more than 0.05: no",
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
                example=_COMPARED[name],
            )


CARDS: tuple[MeasureCard, ...] = tuple(_cards())
