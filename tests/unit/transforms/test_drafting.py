from collections import Counter

import pytest

from configs.catalogue import load_catalogue
from configs.references import UNSET
from transforms.drafting import guess
from transforms.profiles import Profile, is_column_name, may_be_shown

CATALOGUE = load_catalogue()
IDENTIFYING = CATALOGUE.drafting.identifying
IDS = {f"{9_000_000_000 + n}": 1 for n in range(40)}


def columns(**values):
    """Profiles of columns: a list has each value twice."""
    return [
        Profile(name, sum(counts.values()), counts)
        for name, of in values.items()
        for counts in [Counter(of) if isinstance(of, dict) else Counter(of * 2)]
    ]


def guessed(**values):
    return guess(columns(**values), CATALOGUE, "student_result")


def spec(guesses, field):
    return guesses.fields[field].spec


def test_a_column_is_known_by_the_name_that_another_source_has_for_its_field():
    found = guessed(SSID=IDS, ScaleScore=["512", "498"])
    assert spec(found, "student_id") == {
        "column": "SSID", "pad": 10, "pattern": "^[0-9]{10}$",
    }  # fmt: skip
    assert spec(found, "scale_score") == {"column": "ScaleScore", "parse": "integer"}


def test_values_veto_what_a_name_proposes():
    found = guessed(Score=["high", "low"], TestDate=["soon", "late"], Gender=["12", "35", "77"])
    assert {"scale_score", "test_date", "gender"} & set(found.fields) == set()
    assert found.unused == ["Score", "TestDate", "Gender"]


def test_a_code_is_guessed_for_each_value_and_the_others_are_named_not_mapped():
    found = guessed(Ethnicity=["Hispanic or Latino", "white", "Zq"])
    assert spec(found, "ethnicity")["codes"] == {"Hispanic or Latino": "HISPANIC", "white": "WHITE"}
    assert "no code was guessed for 'Zq'" in found.fields["ethnicity"].notes


def test_yes_and_no_are_read_in_the_words_that_the_file_has():
    found = guessed(IEP=["TRUE", "FALSE"])
    assert spec(found, "disability_status")["codes"] == {"TRUE": "SWD", "FALSE": "NOT_SWD"}


def test_a_date_that_two_formats_read_is_marked():
    found = guessed(**{"Test Date": ["03/04/2025", "05/06/2025"]})
    assert spec(found, "test_date")["date_formats"] == ["%m/%d/%Y"]
    assert found.fields["test_date"].notes == ("%d/%m/%Y reads them all too",)
    assert guessed(**{"Test Date": ["03/24/2025"]}).fields["test_date"].notes == ()


def test_a_code_of_fourteen_digits_is_district_and_school():
    found = guessed(**{"CDS Code": ["01990176990013", "01990176990021"]})
    assert spec(found, "school_id")["slice"] == [7, 14]
    assert spec(found, "district_id")["slice"] == [0, 7]
    assert spec(found, "district_id")["column"] == "CDS Code"


def test_what_no_column_says_is_left_to_a_person_and_never_invented():
    found = guessed(SSID=IDS)
    for field in ("participation", "test_window", "school_year", "grade", "subject", "school_id"):
        assert spec(found, field) == {"value": UNSET}
        assert found.fields[field].notes
    assert spec(found, "district_id") == {"derive": "landing_district"}


def test_a_school_year_may_come_from_the_test_date():
    found = guessed(**{"Test Date": ["2025-03-24"]})
    assert spec(found, "school_year") == {
        "column": "Test Date", "date_formats": ["%Y-%m-%d"], "parse": "school_year_of_date",
    }  # fmt: skip


def test_only_tokens_that_the_file_shows_are_missing():
    assert guessed(Score=["512", "N/A", "*"]).missing == ["N/A", "*"]
    assert guessed(Score=["512"]).missing == []


@pytest.mark.parametrize(
    ("names", "variable", "codes"),
    [
        (("Fall Score", "Winter Score", "Fall Level", "Winter Level"), "test_window",
         {"fall": "Fall", "winter": "Winter"}),
        (("Score.ELA", "Score.Math"), "subject", {"ela": "ELA", "math": "Math"}),
        (("Sem. 1 Score", "Sem. 2 Score"), "test_window", {"fall": "Sem. 1", "spring": "Sem. 2"}),
        (("Grade 3: Score", "Grade 4: Score"), "grade",
         {"03": "Grade 3", "04": "Grade 4"}),
    ],
)  # fmt: skip
def test_columns_that_differ_in_one_word_are_records(names, variable, codes):
    values = {name: ["1", "2"] if "Level" in name else ["512", "498"] for name in names}
    found = guessed(SSID=IDS, **values)
    assert found.records.over == {variable: codes}
    assert {one for of in found.records.members.values() for one in of} == set(names)
    assert spec(found, variable) == {"column": variable}
    assert spec(found, "scale_score")["column"] == "Score"


def test_one_column_with_the_word_of_a_window_is_no_record():
    assert guessed(**{"Fall Score": ["512"], "SSID": IDS}).records is None


def test_columns_that_spell_a_window_in_another_way_are_no_part_of_the_records():
    odd = {"FALL Level": ["1", "2"], "WINTER Level": ["1", "2"]}
    found = guessed(**{n: ["512"] for n in ("Fall Score", "Winter Score", "Spring Score")}, **odd)
    assert list(found.records.columns.values()) == ["{test_window} Score"]


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("Student Name", {"Ann": 4, "Bea": 4}),
        ("Birth Date", {"2014-01-02": 4}),
        ("Group", {"9000000001": 3, "9000000002": 3}),
        ("Group", {f"value {n}": 2 for n in range(31)}),
        ("Group", {f"value {n}": 1 + (n > 0) for n in range(13)}),
    ],
)
def test_values_of_persons_and_of_many_values_are_never_shown(name, counts):
    assert not may_be_shown(Profile(name, 9, Counter(counts)), IDENTIFYING, [""])


def test_few_values_may_be_shown():
    assert may_be_shown(Profile("Group", 9, Counter({"EL": 1, "EO": 8})), IDENTIFYING, [""])


def test_a_cell_that_may_be_a_value_is_no_column_name():
    assert is_column_name("Score 2024-25") and is_column_name("Race/Ethnicity")
    assert not is_column_name("9000000001") and not is_column_name("A1234567")


def test_zeros_in_front_of_ids_of_one_length_are_kept():
    found = guessed(**{"School Code": ["0112", "0127", "1127"], "Student Number": IDS})
    assert spec(found, "school_id") == {
        "column": "School Code", "pad": 4, "pattern": "^[0-9]{4}$",
    }  # fmt: skip
    assert "a zero in front" in " ".join(found.fields["school_id"].notes)
    plain = guessed(**{"School Code": ["112", "1127"], "Student Number": IDS})
    assert spec(plain, "school_id") == {"column": "School Code"}
