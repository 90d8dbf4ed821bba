import datetime as dt

import pytest

from configs.source_models import FieldSource, Window
from transforms.parse import Decoder, FieldRules, later_year, school_year_of, window_of

GRADES = FieldRules("code", frozenset(["KG", "03", "11"]), {"K": "KG", "3": "03"})
TEXT, INTEGER, DECIMAL, DATE = (FieldRules(kind) for kind in ("text", "integer", "decimal", "date"))


def read(raw, rules=TEXT, **spec):
    outcome = Decoder(FieldSource(column="x", **spec), rules)(raw)
    return outcome.fault or outcome.value


def test_blanks_around_a_value_are_no_part_of_it():
    assert read(" x\u00a0") == "x"


def test_a_source_may_ask_that_blanks_count():
    strict = FieldRules("code", frozenset(["EL"]), strip=False)
    assert read(" EL", strict) == "UNKNOWN_CODE"


@pytest.mark.parametrize("raw", ["", "  ", "NA", " NS "])
def test_missing_tokens_of_source_and_field_are_null(raw):
    rules = FieldRules("text", missing=frozenset(["", "NA"]))
    assert read(raw, rules, missing=["NS"]) is None


def test_codes_are_exact_and_closed():
    rules = FieldRules("code", frozenset(["ela"]))
    assert read("ELA", rules, codes={"ELA": "ela"}) == "ela"
    assert read("Ela", rules, codes={"ELA": "ela"}) == "UNKNOWN_CODE"
    assert read("Ela", rules, codes={"ELA": "ela"}, otherwise="ela") == "ela"


def test_otherwise_is_not_for_a_missing_value():
    rules = FieldRules("code", frozenset(["CAASPP"]))
    assert read("", rules, codes={}, otherwise="CAASPP") is None


def test_without_codes_a_value_must_be_in_the_vocabulary_or_one_of_its_spellings():
    assert [read(raw, GRADES, parse="grade") for raw in ("K", "3", "03", "11", "12")] == [
        "KG",
        "03",
        "03",
        "11",
        "UNKNOWN_CODE",
    ]


def test_codes_of_a_level_become_its_number():
    assert read("Proficient", INTEGER, codes={"Proficient": "3"}) == 3


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("435", 435),
        ("435.0", 435),
        ("435.", 435),
        ("-1", -1),
        ("+7", 7),
        ("435.5", "NOT_A_NUMBER"),
        ("1e3", "NOT_A_NUMBER"),
        ("1,200", "NOT_A_NUMBER"),
        ("1_0", "NOT_A_NUMBER"),
        ("nan", "NOT_A_NUMBER"),
        ("٣", "NOT_A_NUMBER"),
        ("99999999999", "OUT_OF_RANGE"),
        ("9" * 5_000, "OUT_OF_RANGE"),
        ("0" * 5_000 + "7", 7),
    ],
)
def test_an_integer_is_digits_only(raw, value):
    assert read(raw, INTEGER, parse="integer") == value


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("435.5", 435.5),
        (".5", 0.5),
        ("inf", "NOT_A_NUMBER"),
        ("4 35", "NOT_A_NUMBER"),
        ("9" * 400, "OUT_OF_RANGE"),
    ],
)
def test_a_decimal_is_digits_and_one_point(raw, value):
    assert read(raw, DECIMAL, parse="decimal") == value


def test_limits_of_source_and_table_both_hold():
    rules = FieldRules("integer", minimum=1, maximum=9)
    assert read("5", rules, parse="integer", maximum=4) == "OUT_OF_RANGE"
    assert read("0", rules, parse="integer", maximum=4) == "OUT_OF_RANGE"
    assert read("4", rules, parse="integer", maximum=4) == 4


def test_date_formats_are_tried_in_their_order():
    formats = ["%Y-%m-%d", "%m/%d/%Y"]
    assert read("1/2/2026", DATE, parse="date", date_formats=formats) == dt.date(2026, 1, 2)
    assert read("2026-01-02", DATE, parse="date", date_formats=formats) == dt.date(2026, 1, 2)


@pytest.mark.parametrize("raw", ["2026-02-30", "26-01-02", "1/2/2026", "soon"])
def test_what_is_no_day_is_no_date(raw):
    assert read(raw, DATE, parse="date") == "NOT_A_DATE"


def test_a_day_centuries_away_is_out_of_range():
    assert read("0202-01-01", DATE, parse="date") == "OUT_OF_RANGE"


@pytest.mark.parametrize(
    ("raw", "year"),
    [
        ("2020_2021", 2021),
        ("2021-2022", 2022),
        ("2021-22", 2022),
        ("1999-00", 2000),
        ("2021/22", 2022),
        ("2021-2023", None),
        ("2021", None),
        ("2021-23", None),
    ],
)
def test_a_school_year_of_two_years_is_the_later_one(raw, year):
    assert later_year(raw) == year


def test_the_school_year_turns_on_july_first():
    assert school_year_of(dt.date(2021, 6, 30)) == 2021
    assert school_year_of(dt.date(2021, 7, 1)) == 2022


def test_a_window_may_run_over_the_turn_of_the_year():
    windows = {
        "fall": Window(from_day="07-01", to_day="11-15"),
        "winter": Window(from_day="11-16", to_day="03-01"),
    }
    days = [(2021, 11, 15), (2021, 11, 16), (2022, 1, 1), (2022, 3, 1), (2022, 3, 2)]
    assert [window_of(dt.date(*day), windows) for day in days] == [
        "fall",
        "winter",
        "winter",
        "winter",
        None,
    ]


def test_a_date_in_no_window_is_out_of_range():
    rules = FieldRules("code", windows={"fall": Window(from_day="07-01", to_day="11-15")})
    assert read("2021-12-01", rules, parse="window_of_date") == "OUT_OF_RANGE"
    assert read("2021-10-01", rules, parse="window_of_date") == "fall"


def test_a_lost_leading_zero_is_repaired_not_rejected():
    decode = Decoder(FieldSource(column="x", pad=7, pattern="[0-9]{7}", slice=(0, 2)), TEXT)
    assert decode("123456") == ("01", None, "LOST_ZERO_REPAIRED")
    assert decode("0123456") == ("01", None, None)


def test_two_lost_zeros_are_put_back_and_three_are_not_guessed_at():
    decode = Decoder(FieldSource(column="x", pad=7, lost_zeros=2, pattern="[0-9]{7}"), TEXT)
    assert decode("12345") == ("0012345", None, "LOST_ZERO_REPAIRED")
    assert decode("1234").fault == "BAD_FORMAT"


def test_letters_are_never_padded():
    assert read("12345a", pad=7) == "12345a"


def test_a_repaired_value_that_is_at_fault_all_the_same_is_not_flagged():
    decode = Decoder(FieldSource(column="x", pad=3, not_values=["000"]), TEXT)
    assert decode("00") == (None, "BAD_FORMAT", None)


def test_a_pattern_must_fit_the_whole_value_in_ascii_digits():
    assert read("1234567890\n1", pattern="^[0-9]{10}$") == "BAD_FORMAT"
    assert read("12345", pattern="[0-9]{4}") == "BAD_FORMAT"
    assert read("12345٣", pattern=r"\d{6}") == "BAD_FORMAT"


def test_control_characters_in_text_are_a_bad_format():
    assert read("a\x00b") == "BAD_FORMAT"


def test_line_ends_within_text_become_blanks():
    assert read("Hill \r\n School") == "Hill School"


SEASON = {"extract": r"^(\w+) [0-9]", "codes": {"Fall": "fall"}}


def test_the_part_of_a_value_that_counts_is_taken_before_codes():
    rules = FieldRules("code", frozenset(["fall"]))
    assert read(" Fall 2021-2022 ", rules, **SEASON) == "fall"
    assert read("2021-2022", rules, **SEASON) == "BAD_FORMAT"
    assert read("", rules, **SEASON) is None


def test_the_part_of_a_value_is_padded_checked_and_sliced():
    spec = {"extract": r"\((\d+)\)$", "pad": 4, "pattern": "[0-9]{4}", "slice": (0, 2)}
    assert read("Elm (123)", **spec) == "01"
    assert read("Elm (1)", **spec) == "BAD_FORMAT"


@pytest.mark.parametrize("raw", ["46.13", "46.13%", "46.13 %"])
def test_a_percent_may_carry_its_sign(raw):
    assert read(raw, DECIMAL, parse="percent") == 46.13


@pytest.mark.parametrize(
    ("raw", "value"), [("0.29", 29.0), ("1", 100.0), (".5", 50.0), ("0.123456", 12.3456)]
)
def test_a_proportion_becomes_a_percentage_without_noise(raw, value):
    assert read(raw, DECIMAL, parse="proportion") == value


@pytest.mark.parametrize(
    ("raw", "parse", "fault"),
    [
        ("100.1", "percent", "OUT_OF_RANGE"),
        ("-1%", "percent", "OUT_OF_RANGE"),
        ("% 4", "percent", "NOT_A_NUMBER"),
        ("1.01", "proportion", "OUT_OF_RANGE"),
        ("-0.1", "proportion", "OUT_OF_RANGE"),
        ("29%", "proportion", "NOT_A_NUMBER"),
    ],
)
def test_no_share_is_less_than_none_or_more_than_all(raw, parse, fault):
    assert read(raw, DECIMAL, parse=parse) == fault
