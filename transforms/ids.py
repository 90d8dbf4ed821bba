"""Reads columns in which nearly every value is another one: ids and names of persons.

The plain majority is passed through by vectorised tests; what fails them is looked at value by
value, exactly as in any other column.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from configs.models import TableField
from configs.source_models import FieldSource
from transforms.coded import Coded, Filled, Marked, decoded, filled, typed_array
from transforms.parse import MISSING, REQUIRED_MISSING, Decoder

_CONTROL = r"[\x00-\x1f\x7f]"


def is_plain(field: TableField, spec: FieldSource | None) -> bool:
    """Return whether a field is personal text, straight out of one column."""
    if spec is None or spec.column is None or spec.codes is not None or spec.parse != "text":
        return False
    filled_otherwise = spec.overrides or spec.if_missing or spec.extract or spec.default is not None
    return field.kind == "text" and field.personal and not filled_otherwise


def read_ids(column: pa.Array, decoder: Decoder, required: bool) -> Filled:
    """Return a plain string column cleaned, with its faults and flags."""
    unusual = ~_plainly_good(column, decoder)
    positions = np.flatnonzero(unusual)
    spec = decoder.spec
    values = column if spec.slice is None else pc.utf8_slice_codeunits(column, *spec.slice)
    if not len(positions):
        return Filled(values, [], [])
    coded = decoded(column.take(pa.array(positions)).dictionary_encode(), decoder)
    coded = _demanded(coded) if required else coded
    few = filled(coded, typed_array(coded, pa.string()))
    return Filled(
        pc.replace_with_mask(values, pa.array(unusual), few.array),
        [Marked(positions[rows], code) for rows, code in few.faults],
        [Marked(positions[rows], code) for rows, code in few.flags],
    )


def _demanded(coded: Coded) -> Coded:
    return coded.replaced(lambda one: REQUIRED_MISSING if one == MISSING else one)


def _plainly_good(column: pa.Array, decoder: Decoder) -> np.ndarray:
    """Return the rows whose value stands for itself; the others need a closer look."""
    good = _of_form(column, decoder)
    if decoder.rules.strip:
        good &= _mask(pc.equal(pc.utf8_trim_whitespace(column), column))
    if decoder.spec.pad is not None:
        lost = pc.subtract(pa.scalar(decoder.spec.pad, pa.int32()), pc.utf8_length(column))
        good &= ~_mask(pc.and_(pc.greater(lost, 0), pc.less_equal(lost, decoder.spec.lost_zeros)))
    for token in decoder.missing | decoder.not_values:
        if decoder.pattern is None or decoder.pattern.fullmatch(token):
            good &= _mask(pc.not_equal(column, token))
    if _has_control(column):
        good &= ~_mask(pc.match_substring_regex(column, _CONTROL))
    return good


def _of_form(column: pa.Array, decoder: Decoder) -> np.ndarray:
    if decoder.pattern is None:
        return np.ones(len(column), dtype=bool)
    try:
        return _mask(pc.match_substring_regex(column, f"^(?:{decoder.pattern.pattern})$"))
    except pa.ArrowInvalid:
        # RE2 lacks what backtracking needs (lookahead, backreferences): look at every value.
        return np.zeros(len(column), dtype=bool)


def _has_control(column: pa.Array) -> bool:
    data = column.buffers()[2]
    if data is None or not data.size:
        return False
    characters = np.frombuffer(data, np.uint8)
    return bool(characters.min() < 32 or (characters == 127).any())


def _mask(array: pa.Array) -> np.ndarray:
    return np.array(array.to_numpy(zero_copy_only=False), dtype=bool)
