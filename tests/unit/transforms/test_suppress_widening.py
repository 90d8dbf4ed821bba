"""What is told less of, so that the ranges of small groups stay wide."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tests.unit.transforms.test_suppress_ranges import systems
from transforms.suppress_ranges import UNBOUNDED, Lines
from transforms.suppress_repair import FULL, HALF, HIDDEN, Told
from transforms.suppress_widening import Protection, Widening

LEAST, MINIMUM = 3, 11


def told_of(students, proficient):
    n, k = np.array(students), np.array(proficient)
    half = np.where(2 * k <= n, [0 * n, n // 2], [n // 2 + 1, n])
    return Told(np.array([half[0], k]), np.array([half[1], k]), n)


def widening(matrix, turn, is_extreme=None):
    turn = np.array(turn)
    never = np.zeros(len(turn), dtype=bool)
    extreme = never if is_extreme is None else np.array(is_extreme)
    return Widening(sparse.csr_array(matrix), Protection(LEAST, MINIMUM, extreme, turn))


# 0 is 1 and 2; 1 is 3 and 4; 2 is 5 and 6; 3 and 5 are 7, 4 and 6 are 8, which are 0 as well.
SQUARE = np.array(
    [
        [1, -1, -1, 0, 0, 0, 0, 0, 0],
        [0, 1, 0, -1, -1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, -1, -1, 0, 0],
        [0, 0, 0, -1, 0, -1, 0, 1, 0],
        [0, 0, 0, 0, -1, 0, -1, 0, 1],
        [1, 0, 0, 0, 0, 0, 0, -1, -1],
    ]
)
STUDENTS = [100, 52, 48, 44, 8, 42, 6, 86, 14]


@pytest.mark.parametrize(("of_few", "expected"), [(4, FULL), (1, HALF)])
def test_a_rate_is_told_as_its_half_where_two_lines_leave_a_small_group_nothing(of_few, expected):
    """Each of the two small groups has at most as many as the whole of both, on the other side."""
    proficient = [40 + of_few, 20 + of_few, 20, 20, of_few, 20, 0, 40, of_few]
    state = np.array([FULL, FULL, FULL, HIDDEN, HIDDEN, HIDDEN, HIDDEN, FULL, FULL])
    turn = [9, 8, 7, 0, 0, 0, 0, 6, 5]
    found = widening(SQUARE, turn).lowered(state, told_of(STUDENTS, proficient))
    assert found[8] == expected
    assert (found[:3] == FULL).all()


def test_who_is_read_least_goes_first_and_hidden_stays_hidden():
    state = np.array([FULL, FULL, HIDDEN, HIDDEN])
    line = np.array([[1, -1, -1, -1]])
    of = told_of([60, 44, 8, 8], [20, 19, 1, 0])
    assert widening(line, [2, 1, 0, 0]).lowered(state, of).tolist()[:2] == [FULL, HALF]
    assert widening(line, [1, 2, 0, 0]).lowered(state, of).tolist() == [HALF, FULL, HIDDEN, HIDDEN]


def test_a_number_is_hidden_where_it_leaves_a_small_group_next_to_nothing():
    state = np.array([FULL, FULL, HIDDEN])
    of = told_of([60, 52, 8], [20, 15, 5])
    found = widening(np.array([[1, -1, -1]]), [2, 1, 0]).lowered(state, of)
    assert found.tolist() == [FULL, HIDDEN, HIDDEN]


def test_an_extreme_rate_must_not_follow_from_bounds():
    """One of 20 is proficient, coded as at most 10 percent; of the other 40 the code tells 20."""
    n, exact = np.array([60, 40, 20]), np.array([21, 20, 1])
    told = Told(np.array([[0, 0, 0], [21, 20, 0]]), np.array([[30, 20, 10], [21, 20, 2]]), n)
    assert exact.tolist() == [told.high[1, 0], told.high[1, 1], 1]
    state = np.array([FULL, FULL, FULL])
    line = np.array([[1, -1, -1]])
    found = widening(line, [2, 1, 0], [False, False, True]).lowered(state, told)
    assert found.tolist() == [FULL, HALF, FULL]
    assert widening(line, [2, 1, 0]).lowered(state, told).tolist() == [FULL, FULL, FULL]


def test_levels_are_not_shown_where_they_leave_nobody_at_one():
    students, proficient = [40, 32, 8], [20, 15, 5]
    levels = np.array([[10, 9, 1], [10, 8, 2], [10, 8, 2], [10, 7, 3]])
    state = np.array([FULL, FULL, HIDDEN])
    shown = np.array([True, True, False])
    of = told_of(students, proficient)
    line = widening(np.array([[1, -1, -1]]), [2, 1, 0])
    assert line.levels_shown(shown, state, of, levels).tolist() == [True, False, False]
    wide = np.array([[10, 6, 4], [10, 6, 4], [10, 5, 5], [10, 6, 4]])
    state[1], of = HIDDEN, told_of([40, 23, 17], [20, 11, 9])
    assert line.levels_shown(shown & [1, 0, 0], state, of, wide).tolist() == [True, False, False]


@given(systems(), st.integers(0, 2**32 - 1))
def test_afterwards_every_range_of_a_hidden_group_that_may_be_small_is_wide(system, seed):
    matrix, students, _, _ = system
    rng = np.random.default_rng(seed)
    lines, count = sparse.csr_array(matrix), len(students)
    # Proficient students add up along every line: drawn from the parts that have no parts.
    is_part = np.asarray((matrix > 0).sum(axis=0)).ravel() == 0
    proficient = np.linalg.lstsq(
        np.vstack([matrix.toarray(), np.eye(count)[is_part]]),
        np.append(np.zeros(matrix.shape[0]), rng.binomial(students[is_part], 0.5)),
        rcond=None,
    )[0]
    told = told_of(students, np.rint(proficient).astype(np.int64))
    state = np.where(students >= MINIMUM, rng.choice([HIDDEN, HALF, FULL], count), HIDDEN)
    after = widening(matrix, rng.permutation(count)).lowered(state, told)
    assert (after <= state).all()
    shown = after > HIDDEN
    n = Lines(lines).draw(np.where(shown, students, 0), np.where(shown, students, UNBOUNDED)).bound
    may_be_small = ~shown & (n[0] < MINIMUM) & (n[1] > 0)
    assert ((n[1] - n[0])[may_be_small] >= LEAST).all()
    row = np.maximum(after - 1, 0), np.arange(count)
    for low, high in (
        (told.low[row], told.high[row]),
        (students - told.high[row], students - told.low[row]),
    ):
        drawn = Lines(lines).draw(np.where(shown, low, 0), np.where(shown, high, UNBOUNDED))
        assert (drawn.width[may_be_small] >= LEAST).all()
