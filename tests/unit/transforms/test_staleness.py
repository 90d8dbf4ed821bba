from __future__ import annotations

import duckdb
import pytest

from transforms.staleness import same_results_sql

RESULT = "('{student}', 'state', 'math', 'annual', '{grade}', {score}, 2, {year})"
COLUMNS = (
    "student_id, assessment, subject, test_window, grade, scale_score, performance_level, "
    "school_year"
)


@pytest.fixture
def compared():
    def compare(now, before):
        con = duckdb.connect()
        for name, rows in (("final", now), ("earlier", before)):
            values = ", ".join(
                RESULT.format(student=student, grade=grade, score=score or "NULL", year=year)
                for student, grade, score, year in rows
            )
            con.execute(f"CREATE VIEW {name} AS SELECT * FROM (VALUES {values}) AS t({COLUMNS})")
        return con.execute(same_results_sql("student_result", "earlier")).fetchall()

    return compare


def test_only_the_same_grade_and_score_in_an_earlier_year_is_the_same_result(compared):
    now = [("a", "04", 500, 2024), ("b", "04", 510, 2024), ("c", "05", 520, 2024)]
    before = [("a", "04", 500, 2023), ("b", "04", 400, 2023), ("c", "04", 520, 2023)]
    assert compared(now, before) == [(2024, 3, 1)]


def test_a_later_year_and_a_result_without_a_score_say_nothing(compared):
    now = [("a", "04", 500, 2023), ("b", "04", None, 2023)]
    before = [("a", "04", 500, 2024), ("b", "04", None, 2022)]
    assert compared(now, before) == [(2023, 1, 0)]
