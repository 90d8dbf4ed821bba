"""Which ids of results and rosters meet, and which students are in no roster."""

from __future__ import annotations

import duckdb

from transforms.identity import PAIRS, match_students, roster_match_sql, unmatched_sql

RESULT = {
    "assessment": "invented",
    "school_year": 2024,
    "district_id": "D1",
    "school_id": "S1",
    "student_id": "100",
    "local_student_id": None,
}
ROSTERED = {
    "school_year": 2024,
    "district_id": "D1",
    "student_id": "100",
    "sourced_id": None,
    "local_student_id": None,
    "record_kind": None,
}


def make(con, name, whole, rows):
    kinds = ", ".join(f"{c} {'INT' if c == 'school_year' else 'VARCHAR'}" for c in whole)
    con.execute(f"CREATE TABLE {name}({kinds})")
    for row in rows:
        marks = ", ".join("?" for _ in whole)
        con.execute(f"INSERT INTO {name} VALUES ({marks})", list((whole | row).values()))


def matched(results, roster):
    con = duckdb.connect()
    make(con, "results", RESULT, results)
    make(con, "roster", ROSTERED, roster)
    match_students(con, "results", "roster")
    return con


def rates(results, roster):
    """(result_id, roster_id) -> n_students, n_matched, match_pct, is_used; of one group."""
    rows = matched(results, roster).execute(roster_match_sql()).fetchall()
    return {row[3:5]: row[5:] for row in rows}


def unmatched(results, roster):
    return matched(results, roster).execute(unmatched_sql("results")).fetchall()


def used(results, roster):
    return [pair for pair, rate in rates(results, roster).items() if rate[-1]]


def test_every_pair_is_tried_and_every_rate_is_kept():
    students = [{"student_id": f"v{n}", "local_student_id": f"{n}"} for n in range(3)]
    roster = [{"student_id": f"s{n}", "local_student_id": f"{n}"} for n in range(2)]
    found = rates(students, roster)
    assert set(found) == set(PAIRS) and len(PAIRS) == 6
    assert found.pop(("local_student_id", "local_student_id")) == (3, 2, 66.7, True)
    assert set(found.values()) == {(3, 0, 0.0, False)}


def test_the_pair_that_finds_most_students_counts_not_most_rows():
    students = [{"student_id": "a"}, {"student_id": "a", "school_id": "S2"}] + [
        {"student_id": f"v{n}", "local_student_id": f"{n}"} for n in range(2)
    ]
    roster = [{"student_id": "a"}] * 5 + [
        {"student_id": f"s{n}", "sourced_id": f"{n}"} for n in (0, 1)
    ]
    assert used(students, roster) == [("local_student_id", "sourced_id")]


def test_a_student_with_two_local_ids_is_one_student():
    twice = [{"student_id": "v", "local_student_id": local} for local in ("1", "2")]
    roster = [{"student_id": f"s{local}", "local_student_id": local} for local in ("1", "2")]
    assert rates(twice, roster)["local_student_id", "local_student_id"] == (1, 1, 100.0, True)


def test_of_pairs_that_find_as_many_the_first_listed_counts():
    assert used(
        [{"local_student_id": "100"}], [{"sourced_id": "100", "local_student_id": "100"}]
    ) == [("student_id", "student_id")]


def test_no_second_pair_is_tried_for_those_whom_the_best_leaves():
    students = [
        {"student_id": "a"},
        {"student_id": "b"},
        {"student_id": "x", "local_student_id": "7"},
    ]
    roster = [
        {"student_id": "a"},
        {"student_id": "b"},
        {"student_id": "c", "local_student_id": "7"},
    ]
    assert [row[4] for row in unmatched(students, roster)] == ["x"]


def test_no_pair_is_used_where_none_finds_anybody():
    assert used([{}], [{"student_id": "999"}]) == []
    assert [row[4] for row in unmatched([{}], [{"student_id": "999"}])] == ["100"]


def test_each_group_has_a_pair_of_its_own():
    students = [
        {},
        {"assessment": "other", "student_id": "u1"},
        {"district_id": "D2", "student_id": "u1"},
    ]
    roster = [{"sourced_id": "u1"}, {"district_id": "D2", "sourced_id": "u1"}]
    rows = matched(students, roster).execute(roster_match_sql()).fetchall()
    assert [(row[0], row[2], row[4]) for row in rows if row[-1]] == [
        ("invented", "D1", "student_id"),
        ("invented", "D2", "sourced_id"),
        ("other", "D1", "sourced_id"),
    ]


def test_the_unmatched_are_listed_by_school_with_their_results():
    lost = {"student_id": "7", "local_student_id": "l7"}
    assert unmatched([{}, lost, lost, lost | {"school_id": "S2"}], [{}]) == [
        ("invented", 2024, "D1", "S1", "7", "l7", 2),
        ("invented", 2024, "D1", "S2", "7", "l7", 1),
    ]


def test_a_student_found_by_one_of_two_local_ids_is_not_listed():
    twice = [{"student_id": "v", "local_student_id": local} for local in ("1", "2")]
    assert unmatched(twice, [{"student_id": "s", "local_student_id": "1"}]) == []


def test_without_a_roster_of_the_district_and_year_nobody_is_listed():
    assert unmatched([{}], []) == []
    assert unmatched([{}], [{"district_id": "D2"}, {"school_year": 2023}]) == []
    assert rates([{}], [{"district_id": "D2"}]) == {}


def test_a_file_of_language_statuses_alone_is_no_roster():
    status = {"record_kind": "EL_STATUS", "student_id": "8"}
    assert unmatched([{}], [status, status | {"school_year": 2020}]) == []
    assert [row[4] for row in unmatched([{}], [status, {"student_id": "9"}])] == ["100"]


def test_a_status_of_an_earlier_year_is_a_row_of_the_student():
    rows = [{"student_id": "9"}, {"record_kind": "EL_STATUS", "school_year": 2020}]
    assert unmatched([{}], rows) == []
    assert len(unmatched([{}], [rows[0], rows[1] | {"record_kind": None}])) == 1
