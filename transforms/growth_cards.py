"""Metric cards of growth and of the transitions between levels."""

from __future__ import annotations

from transforms.cards import MeasureCard

_MATCHED_OF = "the matched students, n_matched"
_NOT_MATCHED = (
    "Students without a result in the system before of the same district, whoever moved in from "
    "another among them: ids are matched within a district only, for few files say who issued an "
    "id. An id that stands twice in either system is matched to none."
)
_MATCHED_MISSING = (
    "Where a new scale or new standards lie between, where a matched student has no level, where "
    "nobody is matched; in reporting where it would tell about each student."
)
_APART = (
    "Nobody: all who were tested count, each year's for itself. The two sides are not the same "
    "students."
)
_NEWCOMBE = (
    "R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10, and for the same "
    "students twice 2635-2650, method 10."
)
_NYSED = (
    "NYSED, report card business rules, https://data.nysed.gov/businessrules.php?type=assessment"
)
_NWEA = "NWEA, community.nwea.org, DOC-1642 and DOC-1630; docslib.org/doc/2972261 (norm years)."
_VENDOR_MISSING = (
    "Where the file carries none. One norm year and one measure to a row: they are never mixed. In "
    "reporting also where too few have it, or too few of those tested have none."
)

CARDS: tuple[MeasureCard, ...] = (
    MeasureCard(
        name="change_points",
        mart="mart_growth",
        title="Change of the share that reached the standard, in percentage points",
        formula="pct_proficient - pct_prior; bounds change_low and change_high by Newcombe",
        denominator="n_tested today and n_prior then; n_matched both times in rows of type matched",
        left_out=f"cross_section and cohort: {_APART} matched: {_NOT_MATCHED}",
        missing=(
            "Where either side has nobody or no levels, and across a break: a new scale, new "
            "standards, or, unless students are matched, a year in which not all were tested and, "
            "of ethnicities, the first year of the federal groups of 2024."
        ),
        source=f"{_NYSED}; {_NEWCOMBE}",
        example="56 of 70 now, 48 of 80 before: 80.0 - 60.0 = 20.0 points, from 5.2 to 33.4.",
    ),
    MeasureCard(
        name="mean_change",
        mart="mart_growth",
        title="Change of the mean scale score; of matched students their mean gain",
        formula="mean now - mean before; matched: sum of (score now - score before) / n_matched",
        denominator="all who were tested on each side; matched: n_matched",
        left_out=f"cross_section and cohort: {_APART} matched: {_NOT_MATCHED}",
        missing=(
            "Where somebody has no score, across a new scale, and between grades of an assessment "
            "whose scale does not run over the grades."
        ),
        source=(
            "CDE, CAASPP, comparing scores (caaspp.cde.ca.gov/caaspp2017/help_comparescores.aspx): "
            "no direct comparison between grades on scales of single grades."
        ),
        example="Gains 200, 0, 100, -100 and 0: mean 40, standard error 50.99 (restricted only).",
    ),
    MeasureCard(
        name="distance_change",
        mart="mart_growth",
        title="Change of the mean distance from the standard, in points",
        formula="mean of (score - cut of its own grade and year) now - the same before",
        denominator="all who were tested on each side; matched: n_matched",
        left_out=f"cross_section and cohort: {_APART} matched: {_NOT_MATCHED}",
        missing="Where no cut is known, where somebody has no score, and across a break.",
        source="CDE, cde.ca.gov/ta/ac/cm/statuschangedata2019.asp (change: DFS less prior DFS).",
        example="40 points gained while the cut rose from 200 in grade 3 to 250 in grade 4: -10.",
    ),
    MeasureCard(
        name="match_rate",
        mart="mart_growth",
        title="Percent of today's tested students whose earlier result is known",
        formula="100 n_matched / n_tested",
        denominator="n_tested",
        left_out=_NOT_MATCHED,
        missing="Where no district of the cell has results of the system before.",
        source="NYSED, as above, which labels what is not matched; printed with every matched row.",
        example="81 of 96 tested students have a result of the year before: 84.4.",
    ),
    MeasureCard(
        name="pct_up",
        mart="mart_growth",
        title="Percent of matched students who moved up, stayed (pct_same), moved down (pct_down)",
        formula="100 n_up / n_matched, a level or more; likewise pct_same and pct_down",
        denominator=_MATCHED_OF,
        left_out=_NOT_MATCHED,
        missing=_MATCHED_MISSING,
        source=(
            "Mississippi Administrative Code 7-24, accountability business rules: growth as "
            "movement between performance levels."
        ),
        example="Of 81 matched students 21 moved up, 40 stayed, 20 moved down: 25.9, 49.4, 24.7.",
    ),
    MeasureCard(
        name="pct_low_up",
        mart="mart_growth",
        title="Of students who began in the two lowest levels, the percent who moved up",
        formula="100 (moved up from level 1 or 2) / n_low_prior",
        denominator="n_low_prior: matched students whose earlier level is one of the two lowest",
        left_out=_NOT_MATCHED,
        missing=f"{_MATCHED_MISSING} Also for assessments of one or two levels.",
        source="Mississippi Administrative Code 7-24, as above (its lowest students apart).",
        example="All four of the two lowest bands moved up: n_low_prior 4, pct_low_up 100.",
    ),
    MeasureCard(
        name="mean_growth_index",
        mart="mart_growth",
        title="Mean conditional growth index, as the vendor computed it",
        formula="sum of growth_index / n_growth",
        denominator="n_growth: tested students with an index of that norm",
        left_out="Students of whom the vendor states none.",
        missing=_VENDOR_MISSING,
        source=_NWEA,
        example="0.5 and -0.1 of the norms of 2020: 0.20. A 2.0 of other norms is another row.",
    ),
    MeasureCard(
        name="median_growth_percentile",
        mart="mart_growth",
        title="Median growth percentile, as the vendor or the state computed them",
        formula="the middle growth_percentile; of an even number the mean of the middle two",
        denominator="n_growth: tested students with a percentile of that norm",
        left_out="Students of whom the vendor or the state states none.",
        missing=_VENDOR_MISSING,
        source="R package SGP, studentGrowthPercentiles (R documentation): aggregates are medians.",
        example="10, 20, 60 and 90: 40. Percentiles are never averaged.",
    ),
    MeasureCard(
        name="pct_met_growth",
        mart="mart_growth",
        title="Percent of students who met the growth that the vendor had projected",
        formula="100 (growth_met is true) / n_growth",
        denominator="n_growth: tested students of whom the vendor says whether it was met",
        left_out="Students of whom the vendor states nothing.",
        missing=_VENDOR_MISSING,
        source=_NWEA,
        example="Met by one of two: 50.0.",
    ),
    MeasureCard(
        name="pct",
        mart="mart_transition",
        title="Of the students at a level before, the percent at a level now",
        formula="100 n / n_prior_level",
        denominator="n_prior_level: matched students at that level before",
        left_out=_NOT_MATCHED,
        missing=(
            "Where nobody was at the level; there is no matrix across a new scale or standards, or "
            "where a matched student has no level. In reporting a matrix is whole or hidden."
        ),
        source="Mississippi Administrative Code 7-24, as above (the value table of levels).",
        example="Of four students at level 1 two are at level 2 a year later: 50.0.",
    ),
)
