from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warehouse.thrift_compact import (
    Elements,
    Field,
    Kind,
    NotThrift,
    Pairs,
    read_struct,
    write_struct,
)

NUMBERS = st.integers(-(1 << 15), (1 << 15) - 1)
INTEGERS = st.integers(-(1 << 63), (1 << 63) - 1)
SIMPLE = {
    Kind.I8: st.binary(min_size=1, max_size=1),
    Kind.I16: NUMBERS,
    Kind.I32: INTEGERS,
    Kind.I64: INTEGERS,
    Kind.DOUBLE: st.binary(min_size=8, max_size=8),
    Kind.BINARY: st.binary(max_size=200),
    Kind.UUID: st.binary(min_size=16, max_size=16),
}


def structs(values):
    return st.dictionaries(NUMBERS, flags() | values, max_size=5)


def flags():
    return st.sampled_from([Kind.TRUE, Kind.FALSE]).map(lambda kind: Field(kind, None))


def of_kind(kind, values):
    return values.map(lambda value: Field(kind, value))


@st.composite
def elements(draw, inner):
    kind, values = draw(st.sampled_from(inner))
    return Elements(kind, draw(st.lists(values, max_size=20)))


@st.composite
def pairs(draw, inner):
    (of_keys, keys), (of_values, values) = draw(st.tuples(*[st.sampled_from(inner)] * 2))
    found = draw(st.lists(st.tuples(keys, values), max_size=3))
    return Pairs((of_keys, of_values), found) if found else Pairs(None, [])


def wider(values):
    inner = [*SIMPLE.items(), (Kind.STRUCT, structs(values)), (Kind.TRUE, SIMPLE[Kind.I8])]
    return st.one_of(
        values,
        of_kind(Kind.LIST, elements(inner)),
        of_kind(Kind.SET, elements(inner)),
        of_kind(Kind.MAP, pairs(inner)),
        of_kind(Kind.STRUCT, structs(values)),
    )


ANY_STRUCT = structs(
    st.recursive(st.one_of(*[of_kind(*one) for one in SIMPLE.items()]), wider, max_leaves=8)
)


@given(ANY_STRUCT)
def test_what_is_written_is_read_again(struct):
    assert read_struct(write_struct(struct)) == struct


@given(ANY_STRUCT, st.data())
def test_a_struct_that_is_cut_off_is_refused(struct, data):
    written = write_struct(struct)
    cut = data.draw(st.integers(0, len(written) - 1))
    with pytest.raises(NotThrift):
        read_struct(written[:cut])


@given(st.binary(max_size=60))
def test_any_bytes_are_a_struct_or_refused(data):
    try:
        struct = read_struct(data)
    except NotThrift:
        return
    assert read_struct(write_struct(struct)) == struct


def test_the_specification_s_example_of_a_number():
    # 50399 as var int is DF 89 03; folded it is that of -25200.
    assert read_struct(bytes([0x15, 0xDF, 0x89, 0x03, 0])) == {1: Field(Kind.I32, -25200)}


def test_a_field_far_from_the_last_says_its_own_number():
    struct = {1: Field(Kind.TRUE, None), 17: Field(Kind.FALSE, None)}
    assert write_struct(struct) == bytes([0x11, 0x02, 34, 0])
    assert read_struct(bytes([0x11, 0x02, 34, 0])) == struct


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00\x00", id="more than a struct"),
        pytest.param(b"\x1e\x00", id="a kind that there is not"),
        pytest.param(b"\x19\x10\x00\x00", id="elements of no kind"),
        pytest.param(b"\x15\x02\x05\x02\x02\x00", id="one field twice"),
        pytest.param(b"\x15" + b"\xff" * 12 + b"\x00", id="a number without end"),
        pytest.param(b"\x18\xff\xff\xff\xff\xff\xff\xff\xff\x7f", id="bytes that are not there"),
        pytest.param(b"\x1c" * 100_000, id="structs in structs"),
    ],
)
def test_no_struct(data):
    with pytest.raises(NotThrift):
        read_struct(data)
