import pyarrow as pa
import pytest

from transforms.schools import SchoolNames, plain_name

DIRECTORY = pa.table(
    {
        "district_id": ["D1", "D1", "D1", "D1", "D2"],
        "school_id": ["0000000", "0000001", "0000002", "0000003", "0000001"],
        "school_name": [None, "Elm Street Elementary", "Oak High", "St. Mary's", "Elm Street"],
        "school_year": [2024, 2024, 2024, 2024, 2024],
    }
)


@pytest.mark.parametrize(
    "name",
    [
        "Elm Street Elementary",
        "ELM STREET ELEM.",
        "Elm-Street  Elementary School",
        "elm street elem sch",
    ],
)
def test_case_punctuation_blanks_and_short_forms_do_not_matter(name):
    assert SchoolNames.of(DIRECTORY, "D1", 2024).find(name) == "0000001"


@pytest.mark.parametrize(("name", "school"), [("Oak HS", "0000002"), ("Saint Marys", "0000003")])
def test_short_forms_stand_for_their_words(name, school):
    assert SchoolNames.of(DIRECTORY, "D1", 2024).find(name) == school


def test_a_school_of_another_district_is_not_taken():
    assert SchoolNames.of(DIRECTORY, "D2", 2024).find("Oak High") is None


def test_a_name_that_two_schools_share_finds_neither():
    names = SchoolNames([("Elm Elementary", "1"), ("ELM ELEM", "2")])
    assert names.find("Elm Elementary") is None


def test_different_kinds_of_school_of_one_name_are_told_apart():
    names = SchoolNames([("Elm Elementary", "1"), ("Elm Middle", "2"), ("Elm High", "3")])
    assert [names.find(name) for name in ("Elm ES", "Elm MS", "Elm High School", "Elm")] == [
        "1",
        "2",
        "3",
        None,
    ]


def test_the_names_of_the_year_count_or_else_the_nearest_years():
    renamed = pa.table(
        {
            "district_id": ["D1"] * 2,
            "school_id": ["1"] * 2,
            "school_name": ["Old Elm", "New Elm"],
            "school_year": [2019, 2023],
        }
    )
    assert SchoolNames.of(renamed, "D1", 2019).find("Old Elm") == "1"
    assert SchoolNames.of(renamed, "D1", 2019).find("New Elm") is None
    assert SchoolNames.of(renamed, "D1", 2022).find("New Elm") == "1"
    assert SchoolNames.of(renamed, "D1").find("New Elm") == "1"


def test_a_district_without_directory_has_no_schools():
    assert SchoolNames.of(DIRECTORY, "D9").find("Oak High") is None


def test_accents_do_not_matter():
    assert plain_name("Peña Blanca") == plain_name("Pena Blanca")
