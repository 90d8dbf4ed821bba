"""How many students of the results are in no roster, and where the list of them is."""

from __future__ import annotations

from typing import Any

from flows.context import Context

LIST = "unmatched_students"


def unmatched_students(context: Context) -> list[dict[str, Any]]:
    """Return, by assessment and school year, how many students are in no roster; no ids.

    Only districts are counted that have a roster of the year. `where`: the list's place in the
    workspace.
    """
    path = context.publisher.path(LIST, "restricted")
    if not path.exists():
        return []
    import duckdb

    from warehouse.lake import path_literal

    with duckdb.connect() as con:
        counted = con.execute(
            "SELECT assessment, school_year, count(DISTINCT (district_id, student_id)) "
            f"FROM read_parquet({path_literal(path)}) GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    where = path.relative_to(context.workspace.home).as_posix()
    names = ("assessment", "school_year", "students")
    return [dict(zip(names, row, strict=True)) | {"where": where} for row in counted]


def unmatched_line(unmatched: dict[str, Any]) -> str:
    """Return one count of `unmatched_students` in words.

    >>> unmatched_line({"assessment": "star", "school_year": 2024, "students": 1200, "where": "a"})
    '1,200 students of star 2024 are in no roster: a'
    >>> unmatched_line({"assessment": "star", "school_year": 2024, "students": 1, "where": "a"})
    '1 student of star 2024 is in no roster: a'
    """
    students = unmatched["students"]
    words = "student" if students == 1 else "students"
    verb = "is" if students == 1 else "are"
    return (
        f"{students:,} {words} of {unmatched['assessment']} {unmatched['school_year']} {verb}"
        f" in no roster: {unmatched['where']}"
    )
