"""Metric cards of what growth is made of: its counts, rates, bounds and shares.

`growth_cards` has the cards of what is read first.
"""

from __future__ import annotations

from transforms.cards import MeasureCard

GROWTH, TRANSITION = "mart_growth", "mart_transition"
NOT_TESTED = "students who were not tested, or whose result does not count"
NOT_MATCHED = (
    "students without a result in the system before of the same district; an id that stands twice "
    "in either system is matched to none"
)
SUPPRESSED = "published: a side is suppressed, or its rate is top or bottom coded"
RATE = (
    "a side has nobody, or a student without a level; new scales or new standards lie between; "
    f"rows of vendors; {SUPPRESSED}"
)
BOUNDS = f"{RATE}; published: of matched students where their matrix is hidden"
MOVED = (
    "rows that match nobody; a matched student has no level; new scales or new standards lie "
    f"between; published: it would tell about each student; {SUPPRESSED}"
)
MATRIX = "there is no matrix, and so no row, across a break; published: the matrix is hidden, whole"
NYSED = (
    "NYSED, report card business rules, https://data.nysed.gov/businessrules.php?type=assessment"
)
NEWCOMBE = (
    "R. G. Newcombe, Statistics in Medicine 17 (1998), 873-890, method 10; rows of type matched: "
    "the same volume, 2635-2650, method 10"
)
MISSISSIPPI = (
    "Mississippi Administrative Code 7-24, accountability business rules: growth as movement "
    "between performance levels"
)

# name, mart, title, formula, denominator, left_out, missing, source, example
_ROWS: tuple[tuple[str, str, str, str, str, str, str, str, str], ...] = (
    (
        "n_tested",
        GROWTH,
        "Students tested now",
        "the number of students with a valid result in the cell",
        "none: a count",
        NOT_TESTED,
        SUPPRESSED,
        NYSED,
        "96 students have a score: 96",
    ),
    (
        "n_prior",
        GROWTH,
        "Students of the earlier side",
        "cross_section and cohort: students tested then; matched: n_matched",
        "none: a count",
        f"{NOT_TESTED}; matched: {NOT_MATCHED}",
        f"nobody was tested then; rows of vendors; {SUPPRESSED}",
        NYSED,
        "80 were tested the year before: 80; matched, 81 of today's 96: 81",
    ),
    (
        "n_matched",
        GROWTH,
        "Students tested now whose earlier result is known",
        "the number of tested students with a scored result in the system before",
        "none: a count",
        NOT_MATCHED,
        f"rows of another type than matched; {SUPPRESSED}",
        NYSED,
        "81 of today's 96 have a result of the year before: 81",
    ),
    (
        "pct_proficient",
        GROWTH,
        "Rate now, in percent",
        "100 * proficient now / students of this side",
        "n_tested; rows of type matched: n_matched",
        f"{NOT_TESTED}; matched: {NOT_MATCHED}",
        RATE,
        NYSED,
        "56 of 70: 80.0",
    ),
    (
        "pct_prior",
        GROWTH,
        "Rate before, in percent",
        "100 * proficient before / students of the earlier side",
        "n_prior",
        f"{NOT_TESTED}; matched: {NOT_MATCHED}",
        RATE,
        NYSED,
        "48 of 80: 60.0",
    ),
    (
        "change_low",
        GROWTH,
        "Lower bound of the change of the rate",
        "Newcombe's hybrid score interval: of two groups, or of the same students twice",
        "n_tested and n_prior; rows of type matched: n_matched",
        f"{NOT_TESTED}; matched: {NOT_MATCHED}",
        BOUNDS,
        NEWCOMBE,
        "56 of 70 now, 48 of 80 before: 5.2",
    ),
    (
        "change_high",
        GROWTH,
        "Upper bound of the change of the rate",
        "as change_low",
        "n_tested and n_prior; rows of type matched: n_matched",
        f"{NOT_TESTED}; matched: {NOT_MATCHED}",
        BOUNDS,
        NEWCOMBE,
        "56 of 70 now, 48 of 80 before: 33.4",
    ),
    (
        "pct_same",
        GROWTH,
        "Percent of matched students who are at the level that they were at",
        "100 * n_same / n_matched",
        "n_matched",
        NOT_MATCHED,
        MOVED,
        MISSISSIPPI,
        "40 of 81: 49.4",
    ),
    (
        "pct_down",
        GROWTH,
        "Percent of matched students who moved down",
        "100 * n_down / n_matched, by a level or more",
        "n_matched",
        NOT_MATCHED,
        MOVED,
        MISSISSIPPI,
        "20 of 81: 24.7",
    ),
    (
        "n_low_prior",
        GROWTH,
        "Matched students who began in the two lowest levels",
        "the number of matched students whose earlier level is 1 or 2",
        "none: a count",
        NOT_MATCHED,
        f"assessments of one or two levels; {MOVED}",
        MISSISSIPPI,
        "12 at level 1 and 18 at level 2 the year before: 30",
    ),
    (
        "n_growth",
        GROWTH,
        "Students of whom the vendor or the state states that growth",
        "the number of tested students with the measure (growth_measure) of the norm (growth_norm)",
        "none: a count",
        "students of whom none is stated",
        f"rows of another type than vendor; {SUPPRESSED}",
        "NWEA, community.nwea.org, DOC-1642: growth is of students with two valid tests",
        "88 of 96 tested students have an index of the norms of 2020: 88",
    ),
    (
        "n",
        TRANSITION,
        "Students who were at prior_level and are at performance_level",
        "the number of matched students with that pair of levels; where nobody moved so, 0 in "
        "reporting and no row in the unsuppressed twin",
        "none: a count",
        NOT_MATCHED,
        MATRIX,
        MISSISSIPPI,
        "4 were at level 1; 2 of them are at level 2: 2",
    ),
    (
        "n_prior_level",
        TRANSITION,
        "Matched students who were at prior_level",
        "the sum of n over all levels of now",
        "none: a count",
        NOT_MATCHED,
        MATRIX,
        MISSISSIPPI,
        "1 + 2 + 1 + 0 = 4 at level 1",
    ),
)

CARDS: tuple[MeasureCard, ...] = tuple(MeasureCard(*row) for row in _ROWS)
