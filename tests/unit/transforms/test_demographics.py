import pyarrow as pa
import pytest

from configs.source_models import RaceFlags
from transforms.demographics import RaceReader, reporting_category

FLAGS = RaceFlags(
    columns={"HISPANIC": "h", "ASIAN": "a", "WHITE": "w"},
    multiple="m",
    yes=["Yes"],
    no=["No"],
)
COLUMNS = {"HISPANIC": "h", "ASIAN": "a", "WHITE": "w", "MULTI": "m"}


def read(*rows, flags=FLAGS, missing=("",)):
    """(kept text, category) of rows of four answers each."""
    columns = {
        name: pa.array(list(answers)).dictionary_encode()
        for name, answers in zip("hawm", zip(*rows, strict=True), strict=True)
    }
    races = RaceReader(flags, COLUMNS, missing).read(columns, len(rows))
    return [(races.texts[at].value, races.categories[at].value) for at in races.at], races


@pytest.mark.parametrize(
    ("races", "category"),
    [
        (["HISPANIC", "WHITE"], "HISPANIC"),
        (["ASIAN", "WHITE"], "MULTI"),
        (["ASIAN"], "ASIAN"),
        (["MULTI"], "MULTI"),
        ([], None),
        (["HISPANIC", "MULTI"], "HISPANIC"),
    ],
)
def test_hispanic_of_any_race_wins_and_two_races_are_multi(races, category):
    assert reporting_category(races) == category


def test_all_flags_that_say_yes_are_kept():
    found, _ = read(("Yes", "No", "Yes", "No"), ("No", "Yes", "No", "No"))
    assert found == [("HISPANIC+WHITE", "HISPANIC"), ("ASIAN", "ASIAN")]


def test_all_no_is_an_answer_but_no_category():
    found, _ = read(("No", "No", "No", "No"))
    assert found == [("", None)]


def test_all_blank_is_no_answer_never_a_no():
    found, _ = read(("", " ", "", ""))
    assert found == [(None, None)]


def test_the_flag_of_two_or_more_races_is_kept_and_makes_multi():
    found, _ = read(("No", "No", "No", "Yes"))
    assert found == [("MULTI", "MULTI")]


def test_where_a_source_says_that_blank_is_no_it_is():
    found, _ = read(
        ("Yes", "", "", ""), ("", "", "", ""), flags=FLAGS.model_copy(update={"no": ["", "No"]})
    )
    assert found == [("HISPANIC", "HISPANIC"), ("", None)]


def test_an_answer_that_is_neither_is_a_fault():
    _, races = read(("Yes", "perhaps", "", ""), ("Yes", "", "", ""))
    faults = [races.texts[at].fault for at in races.at]
    assert faults == ["UNKNOWN_CODE", None]


def test_rows_without_any_yes_are_the_unflagged():
    _, races = read(("No", "No", "No", "No"), ("", "", "", ""), ("No", "Yes", "No", "No"))
    assert races.unflagged.tolist() == [True, True, False]
