"""Metric cards of mart_gap.

All worked examples are of the same students: of 100 boys 10, 30, 35 and 25 are at levels 1 to 4, of
80 girls 20, 28, 22 and 10, and level 3 is proficient; a year before 61 of 100 boys and 36 of 100
girls were. Scores lie at 2300 plus 50 for each level plus 0, 3, 6, 9 or 12 in turn. The gap is that
of girls, with boys as the reference group.
"""

from __future__ import annotations

from collections.abc import Iterator

from transforms.cards import MeasureCard

MART = "mart_gap"
BOTH = "students tested in the group, and in the reference group"
LEFT_OUT = "students who were not scored; they count on neither side"
FEW = (
    "a side has fewer students than gaps.minimum_n, or none; published: a cell that the number can "
    "be computed from is suppressed, or its rate is top or bottom coded"
)
RATE = f"{FEW}; a student of either side has no level"
SCORES = f"{FEW}; a student of either side has no score, or grades on different scales are mixed"
EFFECT = f"{SCORES}; published: fewer than gaps.effect_minimum_n on a side; no spread"
V_MISSING = (
    f"{RATE}; fewer than gaps.effect_minimum_n students on a side; one group lies wholly above the "
    "other"
)
CHANGE = (
    f"{RATE}; the same the year before; a break of the assessment between them; of ethnicities, a "
    "first year of the federal groups of 2024"
)
CDE = (
    "California Department of Education, Understanding the Summative ELPAC Reports: percent at a "
    "level, of students with scores"
)
NEWCOMBE = (
    "R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10 (hybrid score interval)"
)
HEDGES = "L. V. Hedges, I. Olkin, Statistical methods for meta-analysis (1985), pages 78 to 86"
HO_REARDON = (
    "A. D. Ho, S. F. Reardon, Journal of Educational and Behavioral Statistics 37 (2012), 489-517; "
    "standard error: S. F. Reardon, A. D. Ho, the same 40 (2015), 158-189"
)
KATZ = "D. Katz, J. Baptista, S. P. Azen, M. C. Pike, Biometrics 34 (1978), 469-474, method C"
ROCI = (
    "Partners in School Innovation, objective of 2004-05: the gap closes by at least 20 percent a "
    "year"
)
MEAN = (
    "California Department of Education, Understanding the Summative ELPAC Reports: mean scale "
    "score, the sum of the scores over the tests with scores"
)

# name, title, formula, denominator, missing, source, example
_ROWS: tuple[tuple[str, str, str, str, str, str, str], ...] = (
    (
        "n_tested",
        "Students of the group",
        "scored students of the cell",
        "none: a count",
        "published: as gap_points",
        CDE,
        "20 + 28 + 22 + 10 = 80",
    ),
    (
        "n_reference",
        "Students of the reference group, or of the rest",
        "scored students of the cell's sibling; rest: those of its parent minus those of the cell",
        "none: a count",
        FEW,
        CDE,
        "10 + 30 + 35 + 25 = 100",
    ),
    (
        "pct_proficient",
        "Rate of the group",
        "100 * proficient / tested",
        "students tested in the group",
        RATE,
        CDE,
        "100 * (22 + 10) / 80 = 40.0",
    ),
    (
        "pct_reference",
        "Rate of the reference group, or of the rest",
        "100 * proficient / tested",
        "students tested in the reference group",
        RATE,
        CDE,
        "100 * (35 + 25) / 100 = 60.0",
    ),
    (
        "gap_points",
        "Gap in percentage points; positive: the group lies below",
        "pct_reference - pct_proficient",
        BOTH,
        RATE,
        NEWCOMBE,
        "60.0 - 40.0 = 20.0",
    ),
    (
        "gap_low",
        "Lower bound of the gap",
        "gap - 100 sqrt((p1 - l1)^2 + (u2 - p2)^2), Wilson bounds l and u, 1 the reference",
        BOTH,
        RATE,
        NEWCOMBE,
        "20 - 100 * sqrt((0.6 - 0.50200)^2 + (0.50955 - 0.4)^2) = 5.30",
    ),
    (
        "gap_high",
        "Upper bound of the gap",
        "gap + 100 sqrt((u1 - p1)^2 + (p2 - l2)^2), Wilson bounds l and u, 1 the reference",
        BOTH,
        RATE,
        NEWCOMBE,
        "20 + 100 * sqrt((0.69060 - 0.6)^2 + (0.4 - 0.29962)^2) = 33.52",
    ),
    (
        "mean_scale_score",
        "Mean score of the group",
        "sum of scores / tested",
        "students tested in the group",
        SCORES,
        MEAN,
        "193562 / 80 = 2419.525",
    ),
    (
        "mean_reference",
        "Mean score of the reference group, or of the rest",
        "sum of scores / tested",
        "students tested in the reference group",
        SCORES,
        MEAN,
        "244350 / 100 = 2443.5",
    ),
    (
        "effect_size",
        "Hedges g: the gap of mean scores in standard deviations; positive: the group lies below",
        "(1 - 3 / (4 (n1 + n2) - 9)) (mean_reference - mean_scale_score) / pooled SD",
        BOTH,
        EFFECT,
        HEDGES,
        "(1 - 3 / 711) * (2443.5 - 2419.525) / sqrt((99 * 47.533^2 + 79 * 49.158^2) / 178) = 0.495",
    ),
    (
        "effect_size_se",
        "Standard error of Hedges g",
        "sqrt((n1 + n2) / (n1 n2) + g^2 / (2 (n1 + n2)))",
        BOTH,
        EFFECT,
        HEDGES,
        "sqrt(180 / 8000 + 0.49468^2 / 360) = 0.1522",
    ),
    (
        "v",
        "V: the gap in standard deviations from counts by level; positive: the group lies below",
        "sqrt(2) Phi^-1(P(reference > group)), a binormal curve fitted by maximum likelihood",
        BOTH,
        V_MISSING,
        HO_REARDON,
        "P(boy > girl) = 0.645, sqrt(2) * Phi^-1(0.645) = 0.53",
    ),
    (
        "v_se",
        "Standard error of V",
        "the delta method, from the expected information of the fitted curve",
        BOTH,
        V_MISSING,
        HO_REARDON,
        "the fit of (10, 30, 35, 25) and (20, 28, 22, 10) has the standard error = 0.163",
    ),
    (
        "risk_ratio",
        "Rate of the group over the rate of the reference",
        "pct_proficient / pct_reference",
        BOTH,
        f"{RATE}; nobody of the reference is proficient",
        KATZ,
        "40 / 60 = 0.667",
    ),
    (
        "risk_ratio_low",
        "Lower bound of the ratio of rates",
        "ratio / exp(z sqrt((1 - p1) / (n1 p1) + (1 - p2) / (n2 p2)))",
        BOTH,
        f"{RATE}; nobody of a side is proficient",
        KATZ,
        "0.6667 / exp(1.95996 * sqrt(0.6 / 32 + 0.4 / 60)) = 0.488",
    ),
    (
        "risk_ratio_high",
        "Upper bound of the ratio of rates",
        "ratio * exp(z sqrt((1 - p1) / (n1 p1) + (1 - p2) / (n2 p2)))",
        BOTH,
        f"{RATE}; nobody of a side is proficient",
        KATZ,
        "0.6667 * exp(1.95996 * sqrt(0.6 / 32 + 0.4 / 60)) = 0.911",
    ),
    (
        "not_proficient_ratio",
        "Share not proficient in the group over that in the reference",
        "(100 - pct_proficient) / (100 - pct_reference)",
        BOTH,
        f"{RATE}; everybody of the reference is proficient",
        KATZ,
        "60 / 40 = 1.5",
    ),
    (
        "p_value",
        "Chance of a gap so large if both rates were one (pooled score test, two-sided)",
        "2 Phi(-|p1 - p2| / sqrt(p (1 - p) (1 / n1 + 1 / n2))), p the rate of both together",
        BOTH,
        f"{RATE}; nobody, or everybody, of both is proficient",
        "J. L. Fleiss, B. Levin, M. C. Paik, Statistical methods for rates and proportions (2003)",
        "2 * Phi(-0.2 / sqrt(0.51111 * 0.48889 * (1 / 100 + 1 / 80))) = 0.0076",
    ),
    (
        "gap_change",
        "Change of the gap since the year before, in points; negative: it has become smaller",
        "gap_points - gap_points of the year before",
        "the four groups",
        CHANGE,
        ROCI,
        "20.0 - 25.0 = -5.0",
    ),
    (
        "gap_closure_pct",
        "By how many percent the gap has closed since the year before",
        "100 * (1 - gap_points / gap_points of the year before)",
        "the gap of the year before",
        f"{CHANGE}; the gap of the year before is not positive",
        ROCI,
        "100 * (1 - 20 / 25) = 20.0",
    ),
    (
        "meets_goal",
        "Whether the gap has closed by as much as the goal of a year",
        "gap_closure_pct >= gaps.closure_goal_pct",
        "the gap of the year before",
        f"{CHANGE}; the gap of the year before is not positive",
        ROCI,
        "20.0 >= 20 = true",
    ),
)


def _cards() -> Iterator[MeasureCard]:
    for name, title, formula, denominator, missing, source, example in _ROWS:
        yield MeasureCard(
            name, MART, title, formula, denominator, LEFT_OUT, missing, source, example
        )


CARDS: tuple[MeasureCard, ...] = tuple(_cards())
