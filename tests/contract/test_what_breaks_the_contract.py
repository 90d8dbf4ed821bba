"""A YAML that breaks the contract is seen to: each kind of test goes red for a fault of its own."""

from dataclasses import replace

import pytest
import yaml

from configs.errors import FileRefused
from configs.references import reference_faults
from configs.source_models import Source
from tests.contract import test_broken_twins as twins
from tests.contract import test_completeness as complete
from tests.contract import test_forms as forms
from tests.contract import test_layouts as layouts
from tests.contract import test_spoilt_values as spoilt
from tests.samples.demands import Reading
from tests.samples.loading import load
from tests.samples.shipped import CATALOGUE, readings_of, six_rows
from tests.samples.writing import json_lines, parquet

HEADER = ["Student", "Year", "Subject", "Grade", "Place", "Sex", "Score", "Level", "Econ", "Name"]
NUMBERED = [{"column": column, "start": 1 + 20 * at, "end": 20 + 20 * at}
            for at, column in enumerate(HEADER)]  # fmt: skip
PLAIN = {"name": "plain", "citation": "Column list, 10 columns.", "header": HEADER}
FIXED = {"name": "fixed", "citation": "Column list, fixed.", "positions": NUMBERED,
         "record_length": 200}  # fmt: skip
BARE = {"name": "bare", "citation": "Column list, no header.", "header": HEADER,
        "headerless": True, "marks": {"Subject": "^[EM]$"}}  # fmt: skip
GOOD = {
    "name": "invented",
    "title": "Invented results",
    "publisher": "Nobody",
    "citation": "Invented for this test.",
    "table": "student_result",
    "file_names": ["*invented*"],
    "layouts": [PLAIN, FIXED, BARE],
    "fields": {
        "assessment": {"value": "results_csv"},
        "subject": {"column": "Subject", "codes": {"E": "ela", "M": "math"}},
        "test_window": {"value": "annual"},
        "school_year": {"column": "Year", "parse": "school_year"},
        "grade": {"column": "Grade", "parse": "grade"},
        "student_id": {"column": "Student", "pattern": "^[0-9]{10}$"},
        "district_id": {"column": "Place", "pattern": "^[0-9]{9}$", "slice": [0, 4]},
        "school_id": {"column": "Place", "pattern": "^[0-9]{9}$", "slice": [4, 9]},
        "school_name": {"column": "Name"},
        "gender": {"column": "Sex", "codes": {"F": "F", "M": "M"}},
        "econ_status": {"column": "Econ", "codes": {"Y": "SED", "N": "NOT_SED"}},
        "participation": {"value": "TESTED"},
        "scale_score": {"column": "Score", "parse": "integer"},
        "performance_level": {"column": "Level", "codes": {n: n for n in "1234"}},
    },
    "grain": ["student_id", "assessment", "subject", "school_year", "test_window"],
    "partition": ["school_year"],
    "known_gaps": ["It is invented."],
}
REVERSED = {**PLAIN, "name": "reversed", "header": HEADER[::-1]}
RECORDS = [{"over": {"half": {"a": "a"}}, "columns": {"Score": "Score", "Flag": "Name"},
            "present": ["Flag"]}]  # fmt: skip


def of_fields(**changed):
    return {"fields": {**GOOD["fields"], **changed}}


def of_layouts(*changed):
    return {"layouts": list(changed)}


BREAKS = {
    "no text pleases both fields of a column": (
        layouts.test_a_sample_in_the_layout_is_recognised_and_no_row_is_rejected,
        of_fields(school_id={"column": "Place", "pattern": "^[0-9]{7}$"}),
    ),
    "a level that the test does not have": (
        layouts.test_a_sample_in_the_layout_is_recognised_and_no_row_is_rejected,
        of_fields(performance_level={"column": "Level", "codes": {"1": "9"}}),
    ),
    "records that no value shows": (
        layouts.test_nothing_of_the_sample_is_lost,
        {**of_layouts({**PLAIN, "records": RECORDS}),
         **of_fields(school_name={"value": "School"})},
    ),
    "a code that is a word for missing too": (
        layouts.test_every_field_that_the_layout_carries_is_filled_in_the_sample,
        of_fields(gender={"column": "Sex", "codes": {"-": "F"}, "missing": ["-"]}),
    ),
    "the same columns mean another year": (
        layouts.test_the_order_of_the_columns_is_irrelevant,
        of_layouts(PLAIN, {**REVERSED, "constants": {"school_year": "2001"}}),
    ),
    "a column that the layout is without is common": (
        layouts.test_ten_unknown_columns_change_nothing_and_are_told,
        of_layouts({**PLAIN, "without": ["Further column 3"]}),
    ),
    "a poorer layout takes the file with a renamed column": (
        twins.test_a_renamed_column_that_a_field_needs_is_named_with_its_likely_new_name,
        of_layouts(PLAIN, {**REVERSED, "absent": ["econ_status"]}),
    ),
    "a poorer layout takes the file without a column": (
        twins.test_a_file_without_a_column_that_a_field_needs_is_refused,
        of_layouts(PLAIN, {**REVERSED, "absent": ["econ_status"]}),
    ),
    "a poorer layout takes the bytes with a renamed column": (
        twins.test_a_whole_file_with_a_renamed_column_is_refused,
        of_layouts(PLAIN, {**REVERSED, "absent": ["econ_status"]}),
    ),
    "longer records are of another layout": (
        twins.test_records_that_are_one_character_longer_are_refused,
        of_layouts(FIXED, {**FIXED, "name": "longer", "record_length": 201}),
    ),
    "shorter records mean something else": (
        twins.test_records_that_are_one_character_shorter_are_refused_unless_only_filling_is_cut,
        of_layouts(FIXED, {**FIXED, "name": "shorter", "record_length": 199,
                           "positions": [*NUMBERED[:-1],
                                         {"column": "Name", "start": 1, "end": 2}]}),
    ),
    "a field too few is another layout's record": (
        twins.test_a_file_without_header_that_has_a_field_too_few_is_refused,
        of_layouts(BARE, {**BARE, "name": "shorter", "absent": ["school_name", "econ_status"],
                          "header": HEADER[:-1]}),
    ),
    "a delimiter that nothing should be parted by": (
        forms.test_a_delimiter_that_the_source_does_not_name_is_refused,
        {"format": {"delimiters": [",", "~"]}},
    ),
    "letters read in the wrong encoding": (
        lambda reading: forms.test_every_encoding_is_read_alike_or_refused(reading, "cp1252"),
        {"format": {"encodings": ["utf-8", "cp437", "cp1252"]}},
    ),
    "a sheet that cannot say what is read from its name": (
        forms.test_a_workbook_with_a_banner_says_what_text_says,
        {"format": {"sheets": ["Data"]},
         **of_fields(school_name={"derive": "sheet_name", "pattern": "^Week ([0-9])$"})},
    ),
    "an unknown code that is let pass": (
        spoilt.test_an_unknown_code_rejects_exactly_its_row_in_its_field,
        of_fields(gender={**GOOD["fields"]["gender"], "missing": [spoilt.UNKNOWN]}),
    ),
    "a blank that is no word for missing": (
        spoilt.test_a_blank_in_a_required_field_rejects_exactly_its_row,
        {"missing": ["NA"]},
    ),
    "another number of columns than cited": (
        complete.test_a_layout_cites_where_it_is_documented,
        of_layouts({**PLAIN, "citation": "Column list, 11 columns."}),
    ),
    "gaps that are no sentences": (
        complete.test_what_a_source_lacks_is_told_in_sentences,
        {"known_gaps": ["names"]},
    ),
    "a grain of its own": (
        complete.test_a_source_says_where_it_is_from_and_what_makes_a_row,
        {"grain": ["student_id"]},
    ),
    "a subject that the test does not have": (
        complete.test_every_test_that_a_source_may_be_of_is_defined_with_its_levels_and_subjects,
        of_fields(subject={"column": "Subject", "codes": {"E": "ela", "S": "science"}}),
    ),
    "a level without a value": (
        complete.test_every_level_that_a_source_gives_is_a_level_of_its_tests,
        of_fields(performance_level={"column": "Level", "codes": {"1": "1", "2": "2"}}),
    ),
    "a word for missing that is a code": (
        complete.test_every_word_for_missing_is_null_and_no_code,
        {"missing": ["", "F"]},
    ),
    "a code that the pattern keeps out": (
        complete.test_every_code_is_read_as_what_it_says,
        of_fields(gender={**GOOD["fields"]["gender"], "pattern": "^[F]$"}),
    ),
    "a code that another field of the column does not know": (
        complete.test_a_code_of_one_field_is_no_fault_in_another_field_of_its_column,
        of_fields(econ_status={"column": "Sex", "codes": {"F": "SED"}}),
    ),
}  # fmt: skip


def invented(*contents) -> list[Reading]:
    """Return the layouts of sources that stand alone among the shipped words."""
    sources = [Source.model_validate(content) for content in contents]
    catalogue = replace(CATALOGUE, sources={one.name: one for one in sources})
    assert list(reference_faults(catalogue)) == []
    return readings_of(catalogue)


def asked(test, reading: Reading) -> bool:
    """Return whether the test can be asked of the layout."""
    wanted = {
        "test_records": reading.layout.record_length is not None,
        "test_a_file_without_header": reading.layout.headerless,
    }
    fitting = [fits for start, fits in wanted.items() if test.__name__.startswith(start)]
    return fitting[0] if fitting else reading.has_header


@pytest.mark.parametrize("test", dict.fromkeys(test for test, _ in BREAKS.values()))
def test_the_invented_source_keeps_the_contract(test):
    """Otherwise the next test would prove nothing."""
    for reading in invented(GOOD):
        if asked(test, reading):
            test(reading)


@pytest.mark.parametrize("what", BREAKS)
def test_a_broken_source_is_found_out(what):
    test, changed = BREAKS[what]
    readings = invented({**GOOD, **changed})
    with pytest.raises((AssertionError, FileRefused, pytest.fail.Exception)):
        for reading in readings:
            if asked(test, reading):
                test(reading)


@pytest.mark.parametrize("form", [parquet, json_lines])
def test_a_form_that_loses_a_row_is_found_out(form):
    own, *_ = invented(GOOD)
    whole = form(HEADER, six_rows(own))
    forms.assert_says_what_text_says(load(whole, own), own, form.__name__)
    with pytest.raises(AssertionError):
        fewer = form(HEADER, six_rows(own)[:-1])
        forms.assert_says_what_text_says(load(fewer, own), own, form.__name__)


def test_two_sources_of_one_header_and_one_name_are_found_out(tmp_path):
    own, *_ = invented(GOOD, {**GOOD, "name": "twin"})
    with pytest.raises(FileRefused, match="AMBIGUOUS_SOURCE"):
        layouts.test_a_sample_is_claimed_by_its_own_source_among_all(own, tmp_path)


def test_a_header_file_that_no_layout_names_is_found_out(tmp_path):
    for folder in complete.FOLDERS.values():
        (tmp_path / "sources" / folder).mkdir(parents=True)
    (tmp_path / "sources" / "headers" / "left_over.txt").write_text("Student\n", encoding="utf-8")
    (tmp_path / "sources" / "invented.yml").write_text(yaml.safe_dump(GOOD), encoding="utf-8")
    assert complete.unused_files(tmp_path) == {"headers/left_over.txt"}
