"""What shown parts leave of a whole, on a few sets by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from transforms.suppress_repair import FULL, HALF, HIDDEN, Repair, Told

NONE = sparse.csr_array((0, 3))
# Set 0 is 1, 2 together.
LINE = sparse.csr_array(np.array([[1.0, -1, -1]]))
# Set 1 lies in set 0; who is in 0 alone is no set.
NESTED = sparse.csr_array(np.array([[1.0, -1, 0]]))


def told(students: list[int], low: list[int], high: list[int], exact: list[int]) -> Told:
    return Told(np.array([low, exact]), np.array([high, exact]), np.array(students))


def lowered(told: Told, state: list[int], lines=LINE, nested=NONE, turn=(2, 1, 0)) -> list[int]:
    repair = Repair(lines, nested, np.array(turn), 3)
    return repair.lowered(np.array(state), told).tolist()


def test_a_part_that_leaves_nobody_proficient_is_coded():
    # 20 of 60 are proficient, 19 of them among the 52 of the first part.
    of = told([60, 52, 8], [4, 4, 0], [30, 26, 8], [20, 19, 1])
    assert lowered(of, [FULL, FULL, HIDDEN]) == [FULL, HALF, HIDDEN]


def test_a_part_that_leaves_enough_of_both_kinds_stays():
    of = told([60, 45, 15], [4, 4, 0], [30, 22, 15], [20, 15, 5])
    assert lowered(of, [FULL, FULL, HIDDEN]) == [FULL, FULL, HIDDEN]


def test_a_whole_with_no_hidden_part_leaves_nothing_and_need_not():
    of = told([60, 40, 20], [4, 3, 3], [30, 20, 10], [20, 15, 5])
    assert lowered(of, [FULL, FULL, FULL]) == [FULL, FULL, FULL]


@pytest.mark.parametrize(("most", "expected"), [(21, HIDDEN), (26, HALF)])
def test_a_code_that_still_tells_too_much_is_hidden(most, expected):
    # The whole has 20 at most, the part 18 or more by its code; or, in the other case, far fewer.
    low = 18 if most == 21 else 4
    of = told([60, 52, 8], [4, low, 0], [30, most, 8], [20, 19, 1])
    assert lowered(of, [FULL, HALF, HIDDEN]) == [FULL, expected, HIDDEN]


def test_of_two_parts_the_one_that_is_read_least_is_coded():
    lines = sparse.csr_array(np.array([[1.0, -1, -1, -1]]))
    nested = sparse.csr_array((0, 4))
    of = told([90, 40, 42, 8], [5, 3, 3, 0], [45, 20, 21, 8], [31, 15, 15, 1])
    state = [FULL, FULL, FULL, HIDDEN]
    assert lowered(of, state, lines, nested, (3, 2, 1, 0)) == [FULL, FULL, HALF, HIDDEN]
    assert lowered(of, state, lines, nested, (3, 1, 2, 0)) == [FULL, HALF, FULL, HIDDEN]


def test_who_is_in_the_wider_of_two_nested_sets_alone_counts_as_hidden():
    of = told([60, 45, 0], [4, 4, 0], [30, 22, 0], [20, 19, 0])
    assert lowered(of, [FULL, FULL, HIDDEN], sparse.csr_array((0, 3)), NESTED) == [
        FULL,
        HALF,
        HIDDEN,
    ]
    assert lowered(of, [HIDDEN, FULL, HIDDEN], sparse.csr_array((0, 3)), NESTED)[1] == FULL
