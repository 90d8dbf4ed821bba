"""The dimensions hold everything that the marts name."""

from __future__ import annotations

import json

import duckdb

from configs.assessment_models import Assessment
from configs.mart_models import Marts
from configs.models import Vocabulary
from transforms.dimensions import dim_assessment, dim_school_sql, dim_student_group


def schools(directory, results, partners=()):
    con = duckdb.connect()
    con.execute(
        "CREATE TABLE directory(school_year INT, programme VARCHAR, entity_type VARCHAR, "
        "district_id VARCHAR, district_name VARCHAR, school_id VARCHAR, school_name VARCHAR)"
    )
    con.execute(
        "CREATE TABLE results(school_year INT, district_id VARCHAR, district_name VARCHAR, "
        "school_id VARCHAR, school_name VARCHAR)"
    )
    con.execute("CREATE TABLE partners(school_key VARCHAR)")
    for row in directory:
        con.execute("INSERT INTO directory VALUES (?, ?, ?, ?, ?, ?, ?)", list(row))
    for row in results:
        con.execute("INSERT INTO results VALUES (?, ?, ?, ?, ?)", list(row))
    for key in partners:
        con.execute("INSERT INTO partners VALUES (?)", [key])
    return con.execute(
        dim_school_sql("results", "directory", "partners", ["SB", "CAST"])
    ).fetchall()


def test_schools_of_all_programmes_and_of_the_results_are_there_once_a_year():
    found = schools(
        [
            (2024, "CAST", "SCHOOL", "D1", "Elm Unified", "S1", "Elm Sch"),
            (2024, "SB", "SCHOOL", "D1", "Elm Unified", "S1", "Elm School"),
            (2024, "CAST", "CHARTER_DIRECT", "D1", "Elm Unified", "S2", "Oak Charter"),
            (2024, "SB", "DISTRICT", "D1", "Elm Unified", "0", None),
        ],
        [(2024, "D1", None, "S1", "elm"), (2024, "D2", "Ash Union", "S1", "Ash School")],
        partners=["D1/S2"],
    )
    assert found == [
        (2024, "D1/S1", "Elm School", "D1", "Elm Unified", False),
        (2024, "D1/S2", "Oak Charter", "D1", "Elm Unified", True),
        (2024, "D2/S1", "Ash School", "D2", "Ash Union", False),
    ]


def test_a_programme_without_a_name_leaves_it_to_the_next():
    found = schools(
        [
            (2024, "SB", "SCHOOL", "D1", "Elm Unified", "S1", None),
            (2024, "CAST", "SCHOOL", "D1", "Elm Unified", "S1", "Elm School"),
        ],
        [],
    )
    assert found[0][2] == "Elm School"


def test_a_district_is_named_by_its_own_row_where_the_school_is_only_in_the_results():
    found = schools(
        [(2024, "SB", "DISTRICT", "D1", "Elm Unified", "0", None)],
        [(2024, "D1", "ELM", "S9", None)],
    )
    assert found == [(2024, "D1/S9", "S9", "D1", "Elm Unified", False)]


def test_names_of_the_results_are_the_commonest_of_their_year():
    named = [(2024, "D1", "D", "S1", name) for name in ("Elm", "Elm Sch", "Elm Sch", None)]
    assert schools([], named)[0][2] == "Elm Sch"


def test_a_school_may_change_its_name_from_year_to_year():
    directory = [
        (year, "SB", "SCHOOL", "D1", "D", "S1", name)
        for year, name in [(2023, "Elm"), (2024, "Oak")]
    ]
    assert [row[2] for row in schools(directory, [])] == ["Elm", "Oak"]


def test_a_school_number_in_two_districts_is_two_schools():
    named = [("D1", "Elm", "Elm School"), ("D2", "Ash", "Ash School")]
    directory = [(2024, "SB", "SCHOOL", d, name, "S1", school) for d, name, school in named]
    results = [(2023, d, name, "S1", school) for d, name, school in named]
    assert [row[:4] for row in schools(directory, results, partners=["D2/S1"])] == [
        (2023, "D1/S1", "Elm School", "D1"),
        (2023, "D2/S1", "Ash School", "D2"),
        (2024, "D1/S1", "Elm School", "D1"),
        (2024, "D2/S1", "Ash School", "D2"),
    ]


def test_a_new_name_in_the_results_of_one_year_leaves_the_other_years_alone():
    results = [(2023, "D1", "D", "S1", "Elm"), *[(2024, "D1", "D", "S1", "Oak")] * 3]
    assert [row[2] for row in schools([], results)] == ["Elm", "Oak"]


def test_an_assessment_without_levels_has_a_row_for_each_subject_and_no_standard():
    assessment = Assessment(
        name="invented",
        title="Invented Test",
        citation="none",
        subjects=["ela", "math"],
        levels=[],
        scale="by_grade",
    )
    rows = dim_assessment({"invented": assessment}).to_pylist()
    assert [row["subject"] for row in rows] == ["ela", "math"]
    said = ("performance_level", "level_label", "is_proficient", "proficient_from")
    assert {row[name] for row in rows for name in (*said, "proficient_label")} == {None}


def test_assessments_have_a_row_for_each_subject_and_level():
    assessment = Assessment(
        name="invented",
        title="Invented Test",
        citation="none",
        subjects=["ela", "math"],
        levels=[{"order": 1, "label": "Below"}, {"order": 2, "label": "Above"}],
        proficient_from=2,
        scale="by_grade",
    )
    rows = dim_assessment({"invented": assessment}).to_pylist()
    key = [
        (r["subject"], r["performance_level"], r["level_label"], r["is_proficient"]) for r in rows
    ]
    assert key == [
        ("ela", 1, "Below", False),
        ("ela", 2, "Above", True),
        ("math", 1, "Below", False),
        ("math", 2, "Above", True),
    ]
    assert {row["scale"] for row in rows} == {"by_grade"}
    assert dim_assessment({}).num_rows == 0


def groups(codes: dict[str, dict[str, object]], kind: str, **vocabulary: str) -> list[dict]:
    """The rows of one dimension, `group_status`, of a kind."""
    listed = Vocabulary(name="group_status", citation="none", codes=codes, **vocabulary)
    grades = Vocabulary(name="grade", citation="none", codes={})
    dimensions = {"crossed": [], "one_way": [], "rollups": []}
    dimensions[kind] = ["group_status"]
    marts = Marts(**dimensions, suppression={"extreme_bands": []})
    rows = dim_student_group({"group_status": listed, "grade": grades}, marts).to_pylist()
    return [row for row in rows if row["dimension"] == "group_status"]


def test_student_groups_keep_order_and_what_others_call_them_and_begin_with_all():
    codes = {"M": {"label": "Male", "external": {"b": "2", "a": "1"}}, "F": {"label": "Female"}}
    rows = groups(codes, "crossed")
    assert [(row["code"], row["group_order"]) for row in rows] == [("all", 0), ("M", 1), ("F", 2)]
    assert json.loads(rows[1]["external_ids"]) == {"a": "1", "b": "2"}
    assert {row["dimension_kind"] for row in rows} == {"crossed"}


def test_what_known_systems_call_a_group_stands_in_columns_of_its_own():
    names = {"caaspp": "28", "edfacts": "MS", "edfi": "Migrant", "dashboard": "MIG"}
    row = groups({"MIGRANT": {"label": "Migrant", "external": names}}, "one_way")[1]
    columns = ("caaspp_group_id", "edfacts_code", "edfi_descriptor", "dashboard_code")
    assert [row[column] for column in columns] == list(names.values())
    assert groups({"OTHER": {"label": "Other"}}, "one_way")[1]["caaspp_group_id"] is None


def test_a_roll_up_names_its_base_and_the_codes_that_it_joins():
    codes = {"EVER": {"label": "Ever", "members": ["EL", "RFEP"]}}
    rows = groups(codes, "rollups", rolls_up="el_status")
    assert [(row["dimension_kind"], row["rolls_up"]) for row in rows] == [
        ("rollup", "el_status")
    ] * 2
    assert [json.loads(row["members"]) for row in rows] == [[], ["EL", "RFEP"]]


def test_a_grade_is_a_dimension_too():
    marts = Marts(crossed=[], one_way=[], suppression={"extreme_bands": []})
    grades = Vocabulary(name="grade", citation="none", codes={"03": {"label": "Grade 3"}})
    (_, third) = dim_student_group({"grade": grades}, marts).to_pylist()
    assert (third["dimension"], third["dimension_kind"], third["code"]) == ("grade", "grade", "03")
