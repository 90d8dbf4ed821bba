import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.source_models import FieldSource
from transforms.coded import decoded, filled, typed_array
from transforms.ids import read_ids
from transforms.parse import Decoder, FieldRules

SPECS = [
    {"pad": 4, "pattern": "[0-9]{4}", "not_values": ["0000"]},
    {"pad": 4},
    {"pad": 4, "lost_zeros": 2},
    {"pad": 4, "pattern": "[0-9]{2,4}"},
    {"pattern": "(?=1).{4}"},
    {"missing": ["NA"], "slice": (0, 2)},
    {"pattern": ".*", "missing": ["NA"]},
    {},
]
VALUES = [
    "1234",
    "",
    " 1234 ",
    "123",
    "12",
    "1",
    "12\x0034",
    "NA",
    "0000",
    "x",
    "Peña",
    "a\nb",
    "\u00a0",
]


def read_both_ways(values, spec, strip=True):
    """The fast reading of a column, and the reading value by value."""
    rules = FieldRules("text", strip=strip)
    decoder = Decoder(FieldSource(column="id", **spec), rules)
    column = pa.array(values, pa.string())
    coded = decoded(column.dictionary_encode(), decoder)
    slow = filled(coded, typed_array(coded, pa.string()))
    fast = read_ids(column, decoder, required=False)
    return [
        (
            one.array.to_pylist(),
            sorted((code, rows.tolist()) for rows, code in one.faults),
            sorted((code, rows.tolist()) for rows, code in one.flags),
        )
        for one in (fast, slow)
    ]


@pytest.mark.parametrize("strip", [True, False])
@pytest.mark.parametrize("spec", SPECS)
@given(values=st.lists(st.sampled_from(VALUES), max_size=8))
def test_the_fast_reading_of_ids_says_what_the_reading_of_each_value_says(spec, strip, values):
    fast, slow = read_both_ways(values, spec, strip)
    assert fast == slow


def test_a_required_id_that_is_missing_is_a_fault():
    decoder = Decoder(FieldSource(column="id"), FieldRules("text"))
    found = read_ids(pa.array(["1", "", "2"]), decoder, required=True)
    assert [(mark.positions.tolist(), mark.code) for mark in found.faults] == [
        ([1], "REQUIRED_MISSING")
    ]


def test_a_part_of_a_larger_column_is_read_by_itself():
    decoder = Decoder(FieldSource(column="id"), FieldRules("text"))
    part = pa.array(["a\x00", "b", "c"]).slice(1)
    assert read_ids(part, decoder, required=True).array.to_pylist() == ["b", "c"]
