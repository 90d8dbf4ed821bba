from __future__ import annotations

import datetime as dt
import random

import pyarrow as pa
import pytest

from configs.errors import ConfigurationError
from validation.faults import FAULT_SCHEMA
from validation.rows import RULES, check_rows


def pairs(faults):
    return [(fault["source_row"], fault["code"]) for fault in faults.to_pylist()]


@pytest.fixture
def checked(typed, source, catalogue):
    def check(*rows, already=None, source=source):
        return check_rows(typed(rows), source, catalogue, already)

    return check


def already(*faults):
    rows = [dict(zip(FAULT_SCHEMA.names, fault, strict=True)) for fault in faults]
    return pa.Table.from_pylist(rows, schema=FAULT_SCHEMA)


def test_good_rows_have_no_faults(checked):
    found = checked({}, {"student_id": "S2"}, {"assessment": "plain"})
    assert found.rejects.schema == FAULT_SCHEMA
    assert (found.rejects.num_rows, found.flags.num_rows) == (0, 0)


@pytest.mark.parametrize(
    ("row", "code", "field"),
    [
        ({"student_id": None}, "REQUIRED_MISSING", "student_id"),
        ({"school_year": None}, "REQUIRED_MISSING", "school_year"),
        ({"ethnicity": "MARTIAN"}, "UNKNOWN_CODE", "ethnicity"),
        ({"school_year": 1066}, "OUT_OF_RANGE", "school_year"),
        ({"performance_level": 0}, "OUT_OF_RANGE", "performance_level"),
        ({"assessment": "plain", "scale_score": 5001.0}, "OUT_OF_RANGE", "scale_score"),
        ({"scale_score": 99.0}, "SCORE_OUT_OF_RANGE", "scale_score"),
        ({"scale_score": 401.0}, "SCORE_OUT_OF_RANGE", "scale_score"),
        ({"grade": "05"}, "NO_SUCH_GRADE", "grade"),
        ({"student_id": "9" * 10_000}, "BAD_FORMAT", "student_id"),
        ({"student_id": "9" * 101}, "BAD_FORMAT", "student_id"),
        ({"performance_level": 4}, "LEVEL_UNKNOWN", "performance_level"),
        ({"scale_score": None, "performance_level": None}, "NO_SCORE_FOR_TESTED", "scale_score"),
    ],
)
def test_a_row_that_breaks_one_rule_is_rejected_for_that_rule_only(checked, row, code, field):
    found = checked({}, row, {})
    assert found.rejects.to_pylist() == [{"source_row": 3, "code": code, "field": field}]


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"scale_score": 199.0}, "LEVEL_SCORE_MISMATCH"),
        ({"scale_score": 300.0}, "LEVEL_SCORE_MISMATCH"),
        ({"condition_code": "LOSS"}, "SCORE_WITH_CONDITION"),
        ({"participation": "TESTED_NO_SCORE"}, "SCORE_WITH_CONDITION"),
        ({"el_status": "RFEP"}, "RFEP_WITHOUT_DATE"),
        ({"el_status": "EO", "el_entry_date": dt.date(2019, 8, 1)}, "EO_WITH_EL_DATE"),
        ({"el_status": "EL", "el_entry_date": dt.date(2022, 4, 21)}, "EL_ENTRY_AFTER_TEST"),
        ({"el_status": "RFEP", "rfep_date": dt.date(2022, 5, 1)}, "RFEP_DATE_AFTER_TEST"),
        ({"race_flags": ""}, "NO_RACE_FLAG"),
        ({"test_date": dt.date(2022, 7, 1)}, "TEST_DATE_OUTSIDE_YEAR"),
        ({"test_date": dt.date(2021, 6, 30)}, "TEST_DATE_OUTSIDE_YEAR"),
    ],
)
def test_a_row_that_looks_wrong_is_flagged_and_stays(checked, row, code):
    found = checked({}, row)
    assert found.rejects.num_rows == 0
    assert pairs(found.flags) == [(3, code)]


@pytest.mark.parametrize(
    "district", ["9" * 10_000, "9" * 101, "\u00c5" * 20, "../../etc", "1990176|2024", "1/2"]
)
def test_a_text_that_cannot_name_a_partition_rejects_its_row(checked, source, district):
    by_district = source.model_copy(update={"partition": ["school_year", "district_id"]})
    found = checked({}, {"district_id": district}, {}, source=by_district)
    fault = {"source_row": 3, "code": "BAD_FORMAT", "field": "district_id"}
    assert found.rejects.to_pylist() == [fault]


def test_ids_of_a_usual_length_are_keys_in_plain_text_too(typed, source, catalogue):
    table = typed([{"student_id": "S" * 100}, {"student_id": "S" * 101}])
    place = table.schema.get_field_index("student_id")
    plain = table.set_column(place, "student_id", table["student_id"].cast(pa.string()))
    rejects = check_rows(plain, source, catalogue).rejects
    assert pairs(rejects) == [(3, "BAD_FORMAT")]


def test_a_key_that_no_row_has_is_missing_in_each(typed, source, catalogue):
    table = typed([{}, {}])
    place = table.schema.get_field_index("student_id")
    plain = table.set_column(place, "student_id", pa.nulls(2, pa.string()))
    rejects = check_rows(plain, source, catalogue).rejects
    assert pairs(rejects) == [(2, "REQUIRED_MISSING"), (3, "REQUIRED_MISSING")]


def test_reclassification_before_entry_is_flagged(checked):
    row = {"el_status": "RFEP", "el_entry_date": dt.date(2019, 8, 1),
           "rfep_date": dt.date(2018, 5, 1)}  # fmt: skip
    assert pairs(checked(row).flags) == [(2, "EL_DATES_OUT_OF_ORDER")]


def test_a_score_at_the_edge_of_its_range_or_cut_is_good(checked):
    found = checked(
        {"scale_score": 100.0, "performance_level": 1},
        {"scale_score": 200.0, "performance_level": 2},
        {"scale_score": 300.0, "performance_level": 3},
        {"scale_score": 400.0, "performance_level": 3},
    )
    assert (found.rejects.num_rows, found.flags.num_rows) == (0, 0)


def test_a_score_is_judged_by_the_range_of_its_own_era(checked):
    old = {"school_year": 2020, "test_date": None, "scale_score": 350.0}
    assert pairs(checked(old, {"scale_score": 350.0, "performance_level": 3}).rejects) == [
        (2, "SCORE_OUT_OF_RANGE")
    ]


def test_without_published_cuts_a_level_is_not_judged_by_its_score(checked):
    found = checked({"grade": "04", "scale_score": 160.0, "performance_level": 3})
    assert found.flags.num_rows == 0


def test_without_published_ranges_any_score_and_grade_may_stand(checked):
    found = checked({"assessment": "plain", "grade": "11", "scale_score": 4000.0})
    assert found.rejects.num_rows == 0


def test_an_untested_student_needs_no_score(checked):
    row = {"participation": "NOT_TESTED", "scale_score": None, "performance_level": None}
    assert checked(row).rejects.num_rows == 0


def test_an_english_learner_may_be_reclassified_after_the_test(checked):
    row = {"el_status": "EL", "rfep_date": dt.date(2022, 6, 1)}
    assert checked(row).flags.num_rows == 0


def test_rfep_without_date_is_not_flagged_where_the_source_carries_no_date(checked, source):
    fields = {name: spec for name, spec in source.fields.items() if name != "rfep_date"}
    bare = source.model_copy(update={"fields": fields})
    assert checked({"el_status": "RFEP"}, source=bare).flags.num_rows == 0


def test_rfep_without_date_is_not_flagged_where_a_layout_of_the_source_lacks_the_date(
    checked, source
):
    (layout, *_) = source.layouts
    poorer = layout.model_copy(update={"name": "poorer", "absent": ["rfep_date"]})
    both = source.model_copy(update={"layouts": [*source.layouts, poorer]})
    assert checked({"el_status": "RFEP"}, source=both).flags.num_rows == 0


def test_a_score_without_its_level_and_a_level_without_its_score_are_flagged(checked):
    rows = ({}, {"performance_level": None}, {"scale_score": None})
    assert pairs(checked(*rows).flags) == [(3, "SCORE_WITHOUT_LEVEL"), (4, "LEVEL_WITHOUT_SCORE")]


def test_a_field_that_is_faulted_already_is_not_reported_again(checked):
    known = already((2, "NOT_A_NUMBER", "scale_score"), (3, "UNKNOWN_CODE", "student_id"))
    rows = ({"scale_score": None, "performance_level": None}, {"student_id": None},
            {"student_id": None})  # fmt: skip
    assert pairs(checked(*rows, already=known).rejects) == [(4, "REQUIRED_MISSING")]


def test_a_row_that_leaves_carries_no_flags(checked):
    known = already((2, "ROW_WIDTH", None))
    found = checked({"race_flags": ""}, {"race_flags": "", "grade": "05"}, already=known)
    assert found.flags.num_rows == 0


def test_every_fault_of_a_row_is_reported(checked):
    found = checked({"student_id": None, "scale_score": 9.0, "ethnicity": "MARTIAN"})
    assert [code for _, code in pairs(found.rejects)] == [
        "REQUIRED_MISSING",
        "SCORE_OUT_OF_RANGE",
        "UNKNOWN_CODE",
    ]


def test_faults_name_the_row_of_the_file_whatever_the_order_of_rows(typed, source, catalogue):
    rows = [{} for _ in range(50)]
    rows[7], rows[31] = {"grade": "05"}, {"student_id": None}
    table = typed(rows)
    shuffled = table.take(random.Random(1).sample(range(50), 50))
    expected = [(9, "NO_SUCH_GRADE"), (33, "REQUIRED_MISSING")]
    assert pairs(check_rows(table, source, catalogue).rejects) == expected
    assert pairs(check_rows(shuffled, source, catalogue).rejects) == expected


def test_a_dictionary_that_repeats_an_entry_is_read_by_its_labels(typed, source, catalogue):
    table = typed([{}, {}, {}])
    grades = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2], pa.int32()), ["03", "03", "05"])
    at = table.schema.get_field_index("grade")
    table = table.set_column(at, "grade", grades)
    assert pairs(check_rows(table, source, catalogue).rejects) == [(4, "NO_SUCH_GRADE")]


def test_no_rows_have_no_faults(typed, source, catalogue):
    found = check_rows(typed([{}]).slice(0, 0), source, catalogue)
    assert (found.rejects.num_rows, found.flags.num_rows) == (0, 0)


def test_a_required_column_without_any_value_rejects_every_row(checked):
    found = checked({"school_id": None}, {"school_id": None})
    assert pairs(found.rejects) == [(2, "REQUIRED_MISSING"), (3, "REQUIRED_MISSING")]


def test_a_table_of_another_shape_is_our_fault_and_raises_without_values(typed, source, catalogue):
    table = typed([{"student_id": "SECRET"}])
    at = table.schema.get_field_index("school_year")
    broken = table.set_column(at, "school_year", pa.array(["2022"]))
    with pytest.raises(TypeError, match="school_year") as raised:
        check_rows(broken, source, catalogue)
    assert "SECRET" not in str(raised.value)
    with pytest.raises(TypeError, match="grade: absent"):
        check_rows(table.drop_columns("grade"), source, catalogue)


def test_the_table_that_was_handed_in_is_not_changed(typed, source, catalogue):
    rows = [{"student_id": None}, {"scale_score": 9.0}, {"ethnicity": "MARTIAN"}]
    table = typed(rows)
    check_rows(table, source, catalogue)
    assert table.equals(typed(rows))


@pytest.mark.parametrize(
    "switch", [{"validation_enabled": False}, {"validation_depth": "SCHEMA_ONLY"}]
)
def test_it_refuses_to_start_when_pandera_is_switched_off(checked, switch):
    from pandera.config import ValidationDepth, config_context

    if "validation_depth" in switch:
        switch = {"validation_depth": ValidationDepth[switch["validation_depth"]]}
    with config_context(**switch), pytest.raises(ConfigurationError, match="SWITCHED_OFF"):
        checked({})


def test_every_rule_is_documented_with_its_source():
    for rule in RULES.values():
        assert "Source:" in (rule.broken.__doc__ or ""), rule.code
        assert rule.field in rule.reads and set(rule.needs) <= set(rule.reads), rule.code
