"""Finds each student's result in the system before: the one that growth is measured from.

The system before has the same assessment and subject. Before a test that is given once a year it is
the year before's; before winter and spring, fall of the same school year; before fall, fall of the
year before. Other windows have none.

Students are matched by `student_id` within the district. Few files say who issued an id, and many
fill in a local one where the state's is missing, so that ids of two districts could meet by chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from transforms.cell_plan import quoted, same_sql

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# Window -> (window of the system before, years back).
BEFORE = {
    "annual": ("annual", 1),
    "fall": ("fall", 1),
    "winter": ("fall", 0),
    "spring": ("fall", 0),
}
MATCHED, NOT_MATCHED = "MATCHED", "NOT_MATCHED"
PRIOR_STATUS = "prior_status"
_SYSTEM = "assessment, subject, school_year, test_window"
_STUDENT = f"{_SYSTEM}, district_id, student_id"


def match_prior(
    con: DuckDBPyConnection, results: str, earlier: str, name: str = "results_matched"
) -> str:
    """Make table `name`: the rows of `results` beside each student's result in the system before.

    Grain and rows are those of `results`. Added columns: `prior_status` (MATCHED, NOT_MATCHED; null
    where the system before holds no scored result of the district at all, or there is none, or the
    row is not scored), and of a matched student `prior_level`, `prior_score`, `prior_grade` (null
    otherwise, and where the earlier result has none).

    An id with several scored results in either system of the district is matched to none: nobody
    knows which is whose. So no result is matched twice and no row is doubled.

    Args:
        con: an in-memory connection.
        results: student results, whole systems, with `is_scored`.
        earlier: student results among which are all of the systems before, with `is_scored`; any
            others do no harm.
        name: of the table.
    """
    con.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {matched_sql(results, earlier)}")
    return name


def before_sql() -> str:
    """Return SQL of the relation `test_window`, `prior_window`, `years_back`."""
    rows = ", ".join(
        f"({quoted(window)}, {quoted(prior)}, {years})" for window, (prior, years) in BEFORE.items()
    )
    return f"(VALUES {rows}) AS before(test_window, prior_window, years_back)"


def matched_sql(results: str, earlier: str) -> str:
    """Return SQL of what `match_prior` makes."""
    found = "e.n_results = 1 AND own.n_results = 1"
    prior = ", ".join(
        f"if({found}, e.{column}, NULL) AS prior_{short}"
        for short, column in (
            ("level", "performance_level"),
            ("score", "scale_score"),
            ("grade", "grade"),
        )
    )
    return f"""
        WITH before AS (FROM {before_sql()}),
        own AS (SELECT {_STUDENT}, count(*) AS n_results FROM {results} WHERE is_scored
            GROUP BY ALL),
        asked AS (
            SELECT DISTINCT assessment, subject, school_year - years_back AS school_year,
                prior_window AS test_window, district_id
            FROM own JOIN before USING (test_window)
        ),
        earlier AS (
            SELECT {_STUDENT}, count(*) AS n_results, min(performance_level) AS performance_level,
                min(scale_score) AS scale_score, min(grade) AS grade
            FROM {earlier} SEMI JOIN asked USING ({_SYSTEM}, district_id)
            WHERE is_scored GROUP BY ALL
        ),
        covered AS (SELECT DISTINCT {_SYSTEM}, district_id FROM earlier)
        SELECT r.*, {prior},
            CASE WHEN NOT r.is_scored OR c.district_id IS NULL THEN NULL
                WHEN {found} THEN '{MATCHED}' ELSE '{NOT_MATCHED}' END AS {PRIOR_STATUS}
        FROM {results} AS r
        LEFT JOIN before AS b ON b.test_window = r.test_window AND r.is_scored
        LEFT JOIN own ON {_same("own", "r")} AND r.is_scored
        LEFT JOIN covered AS c ON {_before("c")}
        LEFT JOIN earlier AS e ON {_before("e")} AND e.student_id = r.student_id
    """


def _same(one: str, other: str) -> str:
    return same_sql(one, other, _STUDENT.split(", "))


def _before(earlier: str) -> str:
    """Return the condition that rows are of the system before, and of the same district."""
    return (
        f"{earlier}.assessment = r.assessment AND {earlier}.subject = r.subject "
        f"AND {earlier}.school_year = r.school_year - b.years_back "
        f"AND {earlier}.test_window = b.prior_window AND {earlier}.district_id = r.district_id"
    )
