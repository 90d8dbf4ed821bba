"""A district that begins to count Middle Eastern or North African students breaks its series."""

import duckdb
import pytest

from transforms.race_standard import race_standard_breaks_sql


def breaks(*rows: tuple[str, str, int, str, str | None]) -> list[tuple[str, str, int]]:
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE results(assessment VARCHAR, district_id VARCHAR, school_year INT, "
        "ethnicity VARCHAR, race_scheme VARCHAR)"
    )
    con.executemany("INSERT INTO results VALUES (?, ?, ?, ?, ?)", rows)
    return sorted(con.execute(race_standard_breaks_sql("results")).fetchall())


def test_the_first_year_of_the_new_group_is_the_break_of_its_district_and_assessment():
    old, new = ("a", "D1", 2024, "WHITE", None), ("a", "D1", 2025, "MENA", None)
    other = [("a", "D2", year, "WHITE", None) for year in (2024, 2025)]
    elsewhere = ("b", "D1", 2025, "WHITE", None)
    assert breaks(old, new, ("a", "D1", 2026, "MENA", None), *other, elsewhere) == [
        ("a", "D1", 2025)
    ]


def test_a_district_that_counted_so_from_its_first_year_has_no_break():
    assert breaks(("a", "D1", 2024, "MENA", None), ("a", "D1", 2025, "WHITE", None)) == []


@pytest.mark.parametrize("before", ["separate", None])
def test_one_combined_question_is_a_break_though_nobody_is_of_the_new_group(before):
    rows = ("a", "D1", 2024, "WHITE", before), ("a", "D1", 2025, "WHITE", "combined")
    assert breaks(*rows) == [("a", "D1", 2025)]


def test_unknown_ethnicities_are_no_sign_of_a_break():
    rows = [("a", "D1", 2024, "WHITE", None), ("a", "D1", 2025, None, None)]
    assert breaks(*rows) == []
