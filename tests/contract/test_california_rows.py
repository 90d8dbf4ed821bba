"""What California's student files mean, in the words of each year's layout."""

import io

from configs.catalogue import load_catalogue
from transforms.encode import Encoder
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, read_pieces

CATALOGUE = load_catalogue()
PLACE = {"district": "01990170000000", "school": "01990179990013"}
CAASPP_2019 = {
    "Record Type": "01",
    "Statewide Student Identifier (SSID)": "9000000001",
    "Gender": "Female",
    "Grade Assessed": "04",
    "Tested County/District Code 1": PLACE["district"],
    "Tested School Code 1": PLACE["school"],
    "Test Completion Date 1": "2019-04-30",
    "Reporting Ethnicity": "800",
    "English Language Acquisition Status": "EL",
    "Economic Disadvantage Status": "Yes",
    "IDEA Indicator": "No",
    "Include Indicator": "Y",
    "Scale Score": "2500",
    "Achievement Levels": "3",
}
ELPAC_2019 = {
    "Assessment Type": "SA",
    "Statewide Student Identifier (SSID)": "9000000001",
    "Grade Assessed": "KN",
    "Tested County-District Code": PLACE["district"],
    "Tested School Code": PLACE["school"],
    "Include Indicator": "Y",
    "Overall Scale Score": "1425",
    "Overall Performance Level": "3",
}
CERS = {
    "DistrictId": PLACE["district"],
    "SchoolId": PLACE["school"],
    "StudentIdentifier": "9000000001",
    "SubmitDateTime": "2021-10-05T17:20:00.000Z",
    "SchoolYear": "2022",
    "AssessmentType": "Interim",
    "AssessmentSubType": "ICA",
    "Subject": "ELA",
    "GradeLevelWhenAssessed": "04",
    "Completeness": "Complete",
    "AdministrationCondition": "SD",
    "ScaleScoreAchievementLevel": "3",
    "ScaleScore": "2500",
    "Asian": "Yes",
}


def read(source_name: str, layout_name: str, *rows: dict[str, str]):
    """Return the encoded rows of a file in a layout; columns that they do not name are blank."""
    source = CATALOGUE.sources[source_name]
    layout = next(one for one in source.layouts if one.name == layout_name)
    lines = [layout.columns, *([row.get(name, "") for name in layout.columns] for row in rows)]
    delimiter = source.format.delimiters[0]
    stream = io.BytesIO("".join(delimiter.join(line) + "\n" for line in lines).encode())
    probe = examine(stream, source)
    match = match_layout(probe.columns, source, probe.layout)
    assert match.layout.name == layout_name
    encoder = Encoder(Setting(source, match, CATALOGUE, Landing("file", "0199017")))
    (piece,) = read_pieces(stream, probe, encoder.columns, encoder.plain_columns)
    return encoder.encode(piece)


def only(source_name: str, layout_name: str, row: dict[str, str]) -> dict[str, object]:
    encoded = read(source_name, layout_name, row)
    assert encoded.faults.to_pylist() == []
    (result,) = encoded.table.to_pylist()
    return result


def test_words_of_2018_19_are_read_as_the_codes_of_later_years():
    row = only("ca_caaspp_student", "2018_19", CAASPP_2019)
    assert row["gender"] == "F"
    assert (row["assessment"], row["subject"], row["school_year"]) == ("caaspp_sb", "ela", 2019)
    assert (row["district_id"], row["school_id"]) == ("0199017", "9990013")
    assert (row["econ_status"], row["disability_status"]) == ("SED", "NOT_SWD")
    assert (row["scale_score"], row["performance_level"]) == (2500, 3)


def test_a_place_that_a_student_left_before_the_test_is_that_of_the_enrolment():
    moved = CAASPP_2019 | {
        "Tested County/District Code 1": "",
        "Tested School Code 1": "",
        "CALPADS District Code": "01990250000000",
        "CALPADS School Code": "01990259990021",
    }
    row = only("ca_caaspp_student", "2018_19", moved)
    assert (row["district_id"], row["school_id"]) == ("0199025", "9990021")


def test_a_lowest_obtainable_score_of_2018_19_is_no_result():
    row = only("ca_caaspp_student", "2018_19", CAASPP_2019 | {"Condition Code": "LOSS"})
    assert row["participation"] == "TESTED_NO_SCORE"


def test_two_or_more_races_without_a_flag_are_unknown_in_2018_19_too():
    assert only("ca_caaspp_student", "2018_19", CAASPP_2019)["ethnicity"] == "UNKNOWN"
    flagged = CAASPP_2019 | {"Asian": "Yes", "Black or African American": "Yes", "White": "No"}
    assert only("ca_caaspp_student", "2018_19", flagged)["ethnicity"] == "MULTI"


def test_a_test_in_july_2021_counts_in_the_school_year_before():
    row = {
        "RecordType": "02",
        "SSID": "9000000001",
        "GradeAssessed": "04",
        "FinalTestedDistrictCode": PLACE["district"],
        "FinalTestedSchoolCode": PLACE["school"],
        "FinalTestCompletedDate": "2021-07-15",
        "IncludeIndicator": "Y",
    }
    assert only("ca_caaspp_student", "2020_21", row)["school_year"] == 2021


def caaspp_of_2023(**told: str) -> dict[str, str]:
    """A row of mathematics of 2022-23."""
    return {
        "RecordType": "02",
        "SSID": "9000000001",
        "GradeAssessed": "04",
        "FinalTestedDistrictCode": PLACE["district"],
        "FinalTestedSchoolCode": PLACE["school"],
        "IncludeIndicator": "Y",
        **told,
    }


def test_a_test_in_july_counts_in_the_year_in_which_its_window_began():
    window = {"SchoolStartDateTestWindow1": "2023-05-01", "SchoolEndDateTestWindow1": "2023-07-14"}
    row = caaspp_of_2023(FinalTestCompletedDate="2023-07-06", TestStartDate1="2023-06-28", **window)
    assert only("ca_caaspp_student", "2022_23", row)["school_year"] == 2023


def test_an_invalid_test_stays_out_even_where_its_score_is_the_lowest_obtainable():
    row = caaspp_of_2023(FinalTestCompletedDate="2023-05-02", ConditionCode="LOSS")
    assert only("ca_caaspp_student", "2022_23", row)["participation"] == "TESTED_NO_SCORE"
    invalid = row | {"IncludeIndicator": "R"}
    assert only("ca_caaspp_student", "2022_23", invalid)["participation"] == "INVALIDATED"


def test_a_science_test_of_2015_16_is_set_aside():
    row = {"RecordType": "06", "Statewide Student_Identifier(SSID)": "9000000001"}
    encoded = read("ca_caaspp_student_2016", "2015_16", row)
    assert encoded.set_aside["code"].to_pylist() == ["OTHER_TEST"]
    assert encoded.table.num_rows == 0


def test_nine_and_ns_are_no_score_of_the_elpac():
    for token in ("9", "NS"):
        blank = {"Overall Scale Score": token, "Overall Performance Level": token}
        row = only("ca_elpac_summative", "2018_19", ELPAC_2019 | blank)
        assert (row["scale_score"], row["performance_level"]) == (None, None)


def test_a_kindergartner_of_the_elpac_who_did_not_test_has_the_year_of_the_layout():
    row = only("ca_elpac_summative", "2018_19", ELPAC_2019 | {"Include Indicator": "N"})
    assert (row["grade"], row["school_year"], row["test_date"]) == ("KG", 2019, None)


def test_an_alternate_or_initial_record_is_not_of_the_summative_elpac():
    encoded = read("ca_elpac_summative", "2018_19", ELPAC_2019 | {"Assessment Type": "IA"})
    assert encoded.set_aside["code"].to_pylist() == ["OTHER_TEST"]


def test_the_levels_of_the_initial_elpac_are_read_from_their_words():
    row = {
        "RecordType": "22",
        "SSID": "9000000001",
        "GradeAssessed": "01",
        "FinalTestedDistrictCode": PLACE["district"],
        "FinalTestedSchoolCode": PLACE["school"],
        "FinalTestCompletedDate": "2022-08-30",
        "IncludeIndicator": "Y",
        "TestedStatus": "Y",
        "OverallScaleScore": "0455",
        "OverallPL": "Initial fluent English proficient (IFEP)",
    }
    read_row = only("ca_elpac_initial", "2022_23", row)
    assert (read_row["scale_score"], read_row["performance_level"]) == (455, 3)
    assert read_row["school_year"] == 2023
    encoded = read("ca_elpac_initial", "2022_23", row | {"TestedStatus": "N"})
    assert encoded.set_aside["code"].to_pylist() == ["NOT_TESTED"]


def test_an_interim_test_is_of_the_window_of_its_day_and_a_summative_of_the_year():
    row = only("cers_export", "columns_59", CERS)
    assert (row["assessment"], row["test_window"]) == ("sb_ica", "fall")
    row = only("cers_export", "columns_59", CERS | {"AssessmentSubType": "SUM"})
    assert (row["assessment"], row["test_window"]) == ("caaspp_sb", "annual")


def test_a_blank_race_of_cers_says_no():
    row = only("cers_export", "columns_59", CERS)
    assert (row["ethnicity"], row["race_flags"]) == ("ASIAN", "ASIAN")
    assert only("cers_export", "columns_59", CERS | {"Asian": ""})["race_flags"] == ""


def test_an_invalid_test_of_cers_stays_invalid_though_it_is_partial():
    partial = CERS | {"Completeness": "Partial"}
    assert only("cers_export", "columns_59", partial)["participation"] == "TESTED_NO_SCORE"
    invalid = partial | {"AdministrationCondition": "IN"}
    assert only("cers_export", "columns_59", invalid)["participation"] == "INVALIDATED"


def test_an_interim_block_and_another_subject_of_cers_are_set_aside():
    block = read("cers_export", "columns_59", CERS | {"AssessmentSubType": "IAB"})
    other = read("cers_export", "columns_59", CERS | {"Subject": "ELPAC"})
    assert block.set_aside["code"].to_pylist() == ["INTERIM_BLOCK"]
    assert other.set_aside["code"].to_pylist() == ["OTHER_SUBJECT"]
