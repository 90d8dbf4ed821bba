"""Each student's result in the system before, and the years that may be compared."""

from __future__ import annotations

import duckdb
import pytest

from configs.assessment_models import Assessment, Break
from transforms.breaks import break_between, breaks_relation, broken_sql
from transforms.growth_matching import match_prior

COLUMNS = (
    "school_year",
    "test_window",
    "district_id",
    "student_id",
    "performance_level",
    "scale_score",
    "grade",
    "is_scored",
)
Row = tuple[object, ...]


def _results(con: duckdb.DuckDBPyConnection, name: str, rows: list[Row]) -> str:
    values = ", ".join(str(row).replace("None", "NULL") for row in rows)
    con.execute(
        f"CREATE TABLE {name} AS SELECT 'map' AS assessment, 'math' AS subject, * "
        f"FROM (VALUES {values}) AS r({', '.join(COLUMNS)})"
    )
    return name


def _matched(results: list[Row], earlier: list[Row]) -> dict[str, Row]:
    con = duckdb.connect()
    name = match_prior(con, _results(con, "r", results), _results(con, "e", earlier))
    found = con.execute(
        f"SELECT student_id, prior_status, prior_level, prior_score, prior_grade FROM {name}"
    ).fetchall()
    assert len(found) == len(results)
    return {row[0]: row[1:] for row in found}


def test_a_student_of_the_year_before_brings_level_score_and_grade() -> None:
    now = [
        (2025, "annual", "D1", "s1", 3, 2450, "04", True),
        (2025, "annual", "D1", "s2", 2, 2400, "04", True),
    ]
    before = [(2024, "annual", "D1", "s1", 1, 2350, "03", True)]
    assert _matched(now, before) == {
        "s1": ("MATCHED", 1, 2350, "03"),
        "s2": ("NOT_MATCHED", None, None, None),
    }


@pytest.mark.parametrize(
    ("window", "year_before", "window_before"),
    [("winter", 2025, "fall"), ("spring", 2025, "fall"), ("fall", 2024, "fall")],
)
def test_the_season_says_which_system_is_the_one_before(
    window: str, year_before: int, window_before: str
) -> None:
    now = [(2025, window, "D1", "s1", 3, 210, "04", True)]
    everything = [
        (year, season, "D1", "s1", 1, year * 10 + place, "04", True)
        for year in (2023, 2024, 2025)
        for place, season in enumerate(("fall", "winter", "spring"))
    ]
    found = _matched(now, everything)["s1"]
    place = ("fall", "winter", "spring").index(window_before)
    assert found == ("MATCHED", 1, year_before * 10 + place, "04")


def test_summer_has_no_system_before() -> None:
    now = [(2025, "summer", "D1", "s1", 3, 210, "04", True)]
    before = [(2025, "fall", "D1", "s1", 1, 200, "04", True)]
    assert _matched(now, before)["s1"] == (None, None, None, None)


def test_where_the_district_has_no_earlier_results_nothing_is_said() -> None:
    now = [(2025, "annual", "D1", "s1", 3, 2450, "04", True)]
    before = [(2024, "annual", "D2", "s1", 1, 2350, "03", True)]
    assert _matched(now, before)["s1"] == (None, None, None, None)


def test_a_student_with_one_id_in_two_districts_is_matched_in_each_with_its_own() -> None:
    now = [
        (2025, "annual", "D1", "s1", 3, 2450, "04", True),
        (2025, "annual", "D1", "s2", 3, 2450, "04", True),
    ]
    before = [
        (2024, "annual", "D1", "s1", 1, 2350, "03", True),
        (2024, "annual", "D2", "s1", 2, 2400, "03", True),
    ]
    assert _matched(now, before)["s1"] == ("MATCHED", 1, 2350, "03")


def test_an_id_that_stands_twice_in_either_system_is_matched_to_none() -> None:
    twice_before = _matched(
        [(2025, "annual", "D1", "s1", 3, 2450, "04", True)],
        [
            (2024, "annual", "D1", "s1", 1, 2350, "03", True),
            (2024, "annual", "D1", "s1", 2, 2400, "03", True),
        ],
    )
    assert twice_before["s1"][0] == "NOT_MATCHED"
    con = duckdb.connect()
    now = [(2025, "annual", "D1", "s1", level, 2450, "04", True) for level in (2, 3)]
    before = [(2024, "annual", "D1", "s1", 1, 2350, "03", True)]
    name = match_prior(con, _results(con, "r", now), _results(con, "e", before))
    statuses = con.execute(f"SELECT prior_status FROM {name}").fetchall()
    assert statuses == [("NOT_MATCHED",), ("NOT_MATCHED",)]


def test_results_without_a_score_are_neither_matched_nor_matched_to() -> None:
    now = [
        (2025, "annual", "D1", "s1", None, None, "04", False),
        (2025, "annual", "D1", "s2", 3, 2450, "04", True),
        (2025, "annual", "D1", "s3", 3, 2450, "04", True),
    ]
    before = [
        (2024, "annual", "D1", "s1", 1, 2350, "03", True),
        (2024, "annual", "D1", "s2", None, None, "03", False),
        (2024, "annual", "D1", "s3", 3, 2400, "03", True),
    ]
    found = _matched(now, before)
    assert [found[s][0] for s in ("s1", "s2", "s3")] == [None, "NOT_MATCHED", "MATCHED"]


def test_an_unscored_row_beside_a_scored_one_takes_nothing_from_it() -> None:
    con = duckdb.connect()
    now = [
        (2025, "annual", "D1", "s1", None, None, "04", False),
        (2025, "annual", "D1", "s1", 3, 2450, "04", True),
    ]
    before = [(2024, "annual", "D1", "s1", 1, 2350, "03", True)]
    name = match_prior(con, _results(con, "r", now), _results(con, "e", before))
    found = con.execute(f"SELECT is_scored, prior_status FROM {name} ORDER BY 1").fetchall()
    assert found == [(False, None), (True, "MATCHED")]


def _assessment(*breaks: Break) -> Assessment:
    levels = [{"order": 1, "label": "low"}, {"order": 2, "label": "high"}]
    return Assessment.model_validate(
        {
            "name": "map",
            "title": "M",
            "citation": "invented",
            "subjects": ["math", "reading"],
            "levels": levels,
            "proficient_from": 2,
            "scale": "vertical",
            "breaks": list(breaks),
        }
    )


def _break(kind: str, from_year: int, to_year: int | None = None, subject: str = "") -> Break:
    return Break.model_validate(
        {
            "kind": kind,
            "from_year": from_year,
            "to_year": to_year,
            "subjects": [subject] if subject else [],
            "reason": "invented",
            "citation": "invented",
        }
    )


def test_a_break_lies_between_the_years_before_and_after_and_no_others() -> None:
    new_test = [_break("scale", 2018)]
    found = [break_between(new_test, "math", year, year - 1) for year in (2017, 2018, 2019)]
    assert found == [None, "scale", None]


def test_a_year_apart_is_comparable_with_none_and_those_around_it_are_with_each_other() -> None:
    pandemic = [_break("population", 2021, 2021)]
    pairs = [(2021, 2020), (2022, 2021), (2022, 2020)]
    found = [break_between(pandemic, "math", *pair) for pair in pairs]
    assert found == ["population", "population", None]


def test_a_break_is_of_its_subjects_only_and_the_gravest_is_named() -> None:
    several = [_break("standard", 2018), _break("scale", 2018, subject="math")]
    assert break_between(several, "math", 2018, 2017) == "scale"
    assert break_between(several, "reading", 2018, 2017) == "standard"


def test_breaks_as_a_relation_say_the_same_of_pairs_of_years() -> None:
    breaks = [_break("standard", 2018), _break("population", 2021, 2021, "math")]
    con = duckdb.connect()
    con.register("breaks", breaks_relation({"map": _assessment(*breaks)}))
    con.execute(
        "CREATE TABLE pairs AS SELECT 'map' AS assessment, subject, y AS school_year, "
        "y - 1 AS prior_year FROM (VALUES ('math'), ('reading')) AS s(subject), range(2017, 2024) "
        "AS t(y)"
    )
    for subject, year, scale, standard, population in con.execute(
        "SELECT subject, school_year, scale_break, standard_break, population_break "
        f"FROM ({broken_sql('pairs', 'breaks')})"
    ).fetchall():
        flags = {"scale": scale, "standard": standard, "population": population}
        kind = break_between(breaks, subject, year, year - 1)
        assert {name for name, holds in flags.items() if holds} == ({kind} if kind else set())


def test_a_break_of_a_subject_that_the_assessment_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="breaks: science not among subjects"):
        _assessment(_break("scale", 2018, subject="science"))
    with pytest.raises(ValueError, match="lies before from_year"):
        _break("scale", 2018, 2017)
