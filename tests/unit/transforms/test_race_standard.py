"""A district that begins to count Middle Eastern or North African students breaks its series."""

import duckdb
import pytest

from transforms.cell_plan import CellPlan, Rollup
from transforms.race_standard import broken_groups, group_breaks_sql, race_standard_breaks_sql


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


def organisations(results, roster=(), networks=()):
    """Return the breaks by organisation of results in school S of each district."""
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE results(assessment VARCHAR, district_id VARCHAR, school_id VARCHAR, "
        "school_year INT, ethnicity VARCHAR, race_scheme VARCHAR)"
    )
    con.executemany("INSERT INTO results VALUES (?, ?, 'S', ?, ?, ?)", results)
    con.execute(
        "CREATE TABLE roster(district_id VARCHAR, school_year INT, ethnicity VARCHAR, "
        "race_scheme VARCHAR)"
    )
    con.execute("CREATE TABLE networks(network VARCHAR, school_key VARCHAR)")
    for table, rows in (("roster", roster), ("networks", networks)):
        for row in rows:
            con.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
    return sorted(con.execute(group_breaks_sql("results", "roster", "networks")).fetchall())


def test_a_break_of_a_district_is_one_of_every_organisation_that_has_schools_of_it():
    rows = [
        *[("a", "D1", year, group, None) for year, group in ((2024, "WHITE"), (2025, "MENA"))],
        *[("a", "D2", year, "WHITE", None) for year in (2024, 2025)],
    ]
    found = organisations(rows, networks=[("ours", "D1/S"), ("others", "D2/S")])
    assert found == [
        ("a", level, org, 2025)
        for level, org in (
            ("all", "all"),
            ("district", "D1"),
            ("network", "ours"),
            ("partner", "D1"),
            ("rest", "D1"),
            ("school", "D1/S"),
        )
    ]


def test_an_organisation_of_several_districts_breaks_with_each():
    first = {"D1": 2025, "D2": 2026}
    rows = [
        ("a", district, year, "MENA" if year >= new else "WHITE", None)
        for district, new in first.items()
        for year in (2024, 2025, 2026)
    ]
    of_all = [year for _, level, _, year in organisations(rows) if level == "all"]
    assert of_all == [2025, 2026]


@pytest.mark.parametrize(("stated", "is_broken"), [(None, True), ("WHITE", False)])
def test_the_roster_says_it_of_results_without_ethnicities_alone(stated, is_broken):
    rows = [("a", "D1", year, stated, None) for year in (2024, 2025)]
    roster = [("D1", 2024, "WHITE", None), ("D1", 2025, "MENA", None)]
    assert bool(organisations(rows, roster)) == is_broken


def test_ethnicity_and_its_rollups_are_the_groups_that_break():
    rollups = (Rollup("federal", "ethnicity", {}), Rollup("ever", "el_status", {}))
    assert broken_groups(CellPlan(("gender", "ethnicity"), (), {}, (), rollups)) == (
        "ethnicity",
        "federal",
    )
    assert broken_groups(CellPlan(("gender",), ("ethnicity",), {})) == ("ethnicity",)
    assert broken_groups(CellPlan(("gender",), (), {}, (), rollups[1:])) == ()
