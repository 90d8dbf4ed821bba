"""What only several files together can show to be wrong."""

from pathlib import Path

import pytest
import yaml

from configs.catalogue import load_catalogue
from configs.errors import ConfigurationError
from configs.references import needed_columns


def message_for(site: Path, name: str, content: object) -> str:
    path = site / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(site)
    return str(caught.value)


STATE_LONG = "sources/state_long.yml"
IREADY = "sources/iready_diagnostic.yml"
FIELD_FAULTS = {
    "a field that the table lacks": (
        STATE_LONG,
        {"fields": {"ethnicty": {"value": "WHITE"}}},
        "fields: table student_result has no field ethnicty",
    ),
    "a code that the vocabulary lacks": (
        STATE_LONG,
        {"fields": {"gender": {"codes": {"Gender: Other": "OTHER"}}}},
        "fields.gender: ['OTHER'] not in vocabulary gender",
    ),
    "a code of an override that the vocabulary lacks": (
        IREADY,
        {
            "fields": {
                "ethnicity": {
                    "overrides": [
                        {"column": "Hispanic or Latino", "values": ["Y"], "code": "LATINO"}
                    ]
                }
            }
        },
        "fields.ethnicity: ['LATINO'] not in vocabulary ethnicity",
    ),
    "a column that no layout has": (
        STATE_LONG,
        {"fields": {"student_id": {"column": "STUDENT_ID"}}},
        "layout long: field student_id needs column STUDENT_ID",
    ),
    "a required field that a layout cannot fill": (
        STATE_LONG,
        {
            "layouts": [
                {"name": "long", "citation": "", "header": ["VALID_CASE"], "absent": ["student_id"]}
            ]
        },
        "layout long: field student_id is required by table student_result",
    ),
    "a grain of unknown fields": (
        STATE_LONG,
        {"grain": ["student"]},
        "grain: table student_result has no field student",
    ),
    "a window that the vocabulary lacks": (
        IREADY,
        {"windows": {"autumn": {"from_day": "07-01", "to_day": "11-15"}}},
        "windows: ['autumn'] not in vocabulary test_window",
    ),
    "two layouts with one header": (
        STATE_LONG,
        {"layouts": [{"name": n, "citation": "", "header": ["ID"]} for n in "ab"]},
        "layouts: a and b have the same header",
    ),
    "a layout's column twice": (
        STATE_LONG,
        {"layouts": [{"name": "a", "citation": "", "header": ["ID", "ID"]}]},
        "layout a: header: a column stands there twice",
    ),
    "a column that a layout is without and has": (
        STATE_LONG,
        {"layouts": [{"name": "a", "citation": "", "header": ["ID"], "without": ["ID"]}]},
        "layout a: without: the header has column ID",
    ),
    "a signature that the header lacks": (
        STATE_LONG,
        {"layouts": [{"name": "a", "citation": "", "header": ["ID"], "signature": ["YEAR"]}]},
        "layout a: signature: the header has no column YEAR",
    ),
    "races without race flags": (
        STATE_LONG,
        {"fields": {"race_flags": {"derive": "race_flags"}}},
        "fields.race_flags: derive race_flags needs race",
    ),
    "windows that are not there": (
        STATE_LONG,
        {"fields": {"test_date": {"column": "YEAR", "parse": "window_of_date"}}},
        "fields.test_date: parse window_of_date needs windows",
    ),
    "a file name without a group": (
        STATE_LONG,
        {"fields": {"district_name": {"derive": "file_name", "pattern": "x"}}},
        "fields.district_name",
    ),
    "two origins of one field": (
        STATE_LONG,
        {"fields": {"gender": {"value": "F"}}},
        "give exactly one of column, coalesce, join, value, derive",
    ),
}


@pytest.mark.parametrize("case", FIELD_FAULTS)
def test_a_source_is_refused_for(case, tmp_path):
    name, content, expected = FIELD_FAULTS[case]
    message = message_for(tmp_path, name, content)
    assert expected in message
    assert name in message


def score_range(**changes: object) -> dict[str, object]:
    plain = {
        "subject": "science",
        "grade": "05",
        "lowest": 150,
        "highest": 250,
        "cuts": [179, 214, 231],
    }
    return plain | changes


RANGE_FAULTS = {
    "cuts that do not ascend": ([score_range(cuts=[214, 179, 231])], "must ascend"),
    "a cut above the highest score": ([score_range(cuts=[179, 214, 251])], "must ascend"),
    "eras that overlap": (
        [score_range(to_year=2022), score_range(from_year=2022)],
        "science grade 05 years ..2022 and science grade 05 years 2022.. overlap",
    ),
    "a grade that is no code": ([score_range(grade="5")], "['5'] not in vocabulary grade"),
    "a subject it does not have": ([score_range(subject="ela")], "ela is not among subjects"),
    "too few cuts": ([score_range(cuts=[179])], "4 levels need 3 cuts"),
}


@pytest.mark.parametrize("case", RANGE_FAULTS)
def test_an_assessment_is_refused_for(case, tmp_path):
    ranges, expected = RANGE_FAULTS[case]
    assert expected in message_for(tmp_path, "assessments/cast.yml", {"score_ranges": ranges})


def test_testers_name_grades_and_assessments_that_there_are(tmp_path):
    testers = {"citation": "invented", "grades": {"science": ["5th"]}, "alternates": ["none"]}
    message = message_for(tmp_path, "assessments/cast.yml", {"testers": testers})
    assert "testers.grades" in message and "5th" in message
    assert "testers.alternates: no assessment none" in message


def test_a_spelling_must_stand_for_a_code(tmp_path):
    message = message_for(tmp_path, "vocabulary/grade.yml", {"spellings": {"Kinder": "K5"}})
    assert "vocabulary/grade.yml: spellings.Kinder: no code K5" in message


def test_a_partner_school_is_district_and_school(tmp_path):
    message = message_for(tmp_path, "network.yml", {"partner_schools": ["0000007"]})
    assert "network.yml: partner_schools: 0000007 is not district_id/school_id" in message


def test_a_layout_need_not_have_the_columns_of_fields_it_lacks():
    source = load_catalogue().source("iready_diagnostic")
    older, newer = source.layouts[0], source.layouts[2]
    assert "school_id" not in {name for name, _ in needed_columns(source, older)}
    assert ("school_id", ["School State ID"]) in list(needed_columns(source, newer))


def test_a_field_from_race_flags_needs_every_flag():
    source = load_catalogue().source("ca_caaspp_student")
    needed = [
        names for field, names in needed_columns(source, source.layouts[0]) if field == "race_flags"
    ]
    assert ["Filipino"] in needed and len(needed) == 7
