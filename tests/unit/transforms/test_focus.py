"""Focus students of invented classes: who is on the list, why, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import duckdb
import pytest

from configs.assessment_models import Assessment, Break
from configs.mart_models import Focus
from transforms.breaks import breaks_relation
from transforms.cell_plan import CellPlan
from transforms.focus import FOCUS_KEY, focus_students_sql
from transforms.focus_cards import CARDS

RESULT: dict[str, Any] = {
    "student_id": "1",
    "local_student_id": None,
    "assessment": "test",
    "subject": "math",
    "school_year": 2026,
    "test_window": "annual",
    "test_date": date(2026, 5, 1),
    "grade": "04",
    "district_id": "D1",
    "school_id": "S1",
    "school_name": "First",
    "performance_level": 3,
    "scale_score": 520.0,
    "is_scored": True,
    "prior_level": None,
    "ltel_status": None,
    "ltel_dashboard_status": None,
}
_TYPES = {
    "school_year": "INTEGER",
    "test_date": "DATE",
    "performance_level": "INTEGER",
    "scale_score": "DOUBLE",
    "is_scored": "BOOLEAN",
    "prior_level": "INTEGER",
}


def assessment(levels: int = 4, **more: Any) -> Assessment:
    cuts = [300, 500, 600, 700][: levels - 1]
    return Assessment.model_validate(
        {
            "name": "test",
            "title": "T",
            "citation": "invented",
            "subjects": ["math", "ela"],
            "levels": [{"order": k, "label": f"level {k}"} for k in range(1, levels + 1)],
            "proficient_from": min(3, levels),
            "scale": "by_grade",
            "score_ranges": [
                {"subject": "math", "grade": "04", "lowest": 100, "highest": 900, "cuts": cuts}
            ],
            **more,
        }
    )


def focus_of(
    *rows: dict[str, Any], test: Assessment | None = None, focus: Focus | None = None
) -> list[dict[str, Any]]:
    """Return the rows of the mart for results that differ from RESULT."""
    con = duckdb.connect()
    columns = ", ".join(f"{c} {_TYPES.get(c, 'VARCHAR')}" for c in RESULT)
    con.execute(f"CREATE TABLE results ({columns})")
    values = [list((RESULT | row).values()) for row in rows]
    con.executemany(f"INSERT INTO results VALUES ({', '.join('?' for _ in RESULT)})", values)
    assessments = {"test": test or assessment()}
    con.register("breaks", breaks_relation(assessments))
    counted = ("ltel_status", "ltel_dashboard_status", "prior_status")
    plan = CellPlan((), counted, assessments)
    found = con.execute(focus_students_sql("results", plan, focus or Focus(), "breaks"))
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def reasons(*rows: dict[str, Any], test: Assessment | None = None) -> list[str]:
    return [row["reasons"] for row in focus_of(*rows, test=test)]


@pytest.mark.parametrize(
    ("levels", "level", "expected"),
    [(4, 2, ["lowest_levels"]), (4, 3, []), (3, 2, []), (3, 1, ["lowest_levels"])],
)
def test_the_lowest_two_of_four_levels_or_the_lowest_of_fewer(
    levels: int, level: int, expected: list[str]
):
    row = {"performance_level": level, "scale_score": None}
    assert reasons(row, test=assessment(levels)) == expected


@pytest.mark.parametrize(
    ("score", "is_near"), [(500.0, False), (499.0, True), (450.0, True), (449.0, False)]
)
def test_near_the_cut_is_a_quarter_of_the_way_to_the_cut_below(score: float, is_near: bool):
    found = focus_of({"performance_level": 2, "scale_score": score})
    assert ("near_cut" in found[0]["reasons"]) == is_near
    assert found[0]["distance_to_cut"] == score - 500


def test_without_a_cut_nobody_is_near_it():
    found = focus_of({"performance_level": 2, "scale_score": 499.0, "grade": "05"})
    assert [(row["reasons"], row["distance_to_cut"]) for row in found] == [("lowest_levels", None)]


def test_falling_is_a_level_below_the_result_before():
    assert reasons({"prior_level": 4}) == ["falling"]
    assert reasons({"prior_level": 3}, {"student_id": "2", "prior_level": None}) == []


def test_nobody_falls_across_new_standards():
    new = Break(from_year=2026, kind="standard", reason="new cuts", citation="invented")
    assert reasons({"prior_level": 4}, test=assessment(breaks=[new])) == []
    within = {"prior_level": 4, "test_window": "spring"}
    assert reasons(within, test=assessment(breaks=[new])) == ["falling"]


@pytest.mark.parametrize("column", ["ltel_status", "ltel_dashboard_status"])
def test_long_term_english_learners_by_either_definition(column: str):
    assert reasons({column: "LTEL"}) == ["long_term_el"]
    assert reasons({column: "UNKNOWN"}) == []


def test_early_grades_below_grade_level_on_a_local_assessment():
    below = {"grade": "02", "test_window": "winter", "performance_level": 2, "scale_score": None}
    assert reasons(below) == ["lowest_levels+below_grade_early"]
    assert reasons(below | {"test_window": "annual"}) == ["lowest_levels"]
    assert reasons(below | {"grade": "04"}) == ["lowest_levels"]
    assert reasons(below | {"performance_level": 3}) == []


def test_the_latest_window_of_the_year_and_district_counts():
    low = {"performance_level": 1, "scale_score": None}
    rows = [
        low | {"test_window": "fall"},
        low | {"test_window": "spring", "student_id": "2"},
        low | {"test_window": "winter", "student_id": "3", "district_id": "D2"},
        low | {"test_window": "spring", "student_id": "4", "is_scored": False},
    ]
    assert [row["student_id"] for row in focus_of(*rows)] == ["2", "3"]


def test_more_reasons_come_first_then_the_lower_level_score_and_id():
    rows = [
        {"student_id": "a", "performance_level": 1, "scale_score": 200.0},
        {"student_id": "c", "performance_level": 1, "scale_score": 190.0},
        {"student_id": "b", "performance_level": 1, "scale_score": 190.0},
        {"student_id": "d", "performance_level": 2, "scale_score": 490.0},
        {"student_id": "e", "performance_level": 2, "scale_score": 400.0},
    ]
    found = focus_of(*rows, focus=Focus(per_grade_school=2))
    assert [row["student_id"] for row in found] == ["d", "b", "c", "a", "e"]
    assert [row["priority"] for row in found] == [1, 2, 3, 4, 5]
    assert [row["is_suggested"] for row in found] == [True, True, False, False, False]
    assert found == focus_of(*rows[::-1], focus=Focus(per_grade_school=2))


def test_each_school_grade_and_subject_has_a_list_of_its_own():
    low = {"performance_level": 1, "scale_score": None}
    rows = [
        low | {"student_id": "1"},
        low | {"student_id": "2", "school_id": "S2"},
        low | {"student_id": "3", "grade": "05"},
        low | {"student_id": "1", "subject": "ela"},
    ]
    assert [row["priority"] for row in focus_of(*rows)] == [1, 1, 1, 1]


def test_a_result_that_stands_twice_is_listed_once():
    low = {"performance_level": 1, "scale_score": None}
    found = focus_of(low, low | {"school_id": "S2", "test_date": date(2026, 5, 9)})
    keys: Sequence[tuple[Any, ...]] = [tuple(row[c] for c in FOCUS_KEY) for row in found]
    assert (len(keys), found[0]["school_id"]) == (1, "S2")


def test_the_worked_example_of_the_card():
    smarter = {"subject": "math", "grade": "04", "lowest": 2114, "highest": 2623}
    test = assessment(score_ranges=[smarter | {"cuts": [2367, 2432, 2490]}])
    found = focus_of({"performance_level": 2, "scale_score": 2420.0}, test=test)
    assert (found[0]["reasons"], found[0]["distance_to_cut"]) == ("lowest_levels+near_cut", -12)
    examples = {card.name: card.example for card in CARDS}
    assert examples["reasons"].endswith(found[0]["reasons"])
    assert examples["distance_to_cut"].endswith("-12")
