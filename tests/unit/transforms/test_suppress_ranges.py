"""Ranges drawn along lines: certain, closed, and traced back to what they rest on."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from transforms.suppress_ranges import HIGH, LOW, TOLD, UNBOUNDED, Lines, Traces

WHOLE, FIRST, SECOND, THIRD = range(4)
LINE = sparse.csr_array(np.array([[1, -1, -1, -1]]))


def told(values, known):
    low = np.where(known, values, 0)
    return low, np.where(known, values, UNBOUNDED)


def behind(lines, drawn, count, of_interest=None):
    every = np.ones(len(drawn.width), dtype=bool)
    traces = Traces(lines)
    traces.follow(drawn, every if of_interest is None else of_interest)
    return list(traces.behind(count))


def test_a_part_is_no_more_than_the_whole_leaves_of_the_others():
    drawn = Lines(LINE).draw(np.array([20, 12, 5, 0]), np.array([20, 12, UNBOUNDED, UNBOUNDED]))
    assert drawn.bound[:, SECOND].tolist() == [5, 8]
    assert drawn.bound[:, THIRD].tolist() == [0, 3]
    assert drawn.width[THIRD] == 3


def test_a_whole_is_what_its_parts_are_together():
    drawn = Lines(LINE).draw(np.array([0, 12, 5, 1]), np.array([UNBOUNDED, 12, 8, 4]))
    assert drawn.bound[:, WHOLE].tolist() == [18, 24]


def test_a_range_rests_on_what_it_was_drawn_from_over_several_lines():
    # 0 is 1 and 2; 2 is 3 and 4. Nothing is told of 2, and nothing that matters of 5.
    lines = Lines(sparse.csr_array(np.array([[1, -1, -1, 0, 0, 0], [0, 0, 1, -1, -1, 0]])))
    values = np.array([30, 20, 10, 9, 1, 7])
    drawn = lines.draw(*told(values, np.array([1, 1, 0, 1, 0, 1], dtype=bool)))
    assert drawn.bound[:, 4].tolist() == [1, 1]
    assert set(behind(lines, drawn, 4)) == {0, 1, 3}
    source = drawn.source.reshape(-1, 2)
    assert {way // 2 for way in source[2].tolist()} == {0}
    assert (source[[0, 1, 3, 5]] == TOLD).all()


def test_only_what_is_of_interest_is_found_behind_a_range():
    lines, values = Lines(LINE), np.array([20, 12, 5, 3])
    drawn = lines.draw(*told(values, values > 3))
    assert set(behind(lines, drawn, THIRD, values == 12)) == {FIRST}
    assert behind(lines, drawn, FIRST, values == 5) == []


def test_of_two_lines_that_draw_alike_a_bound_is_kept_with_the_last():
    lines = Lines(sparse.csr_array(np.array([[1, -1], [1, -1]])))
    drawn = lines.draw(*told(np.array([7, 7]), np.array([True, False])))
    assert [way // 2 for way in drawn.source.reshape(-1, 2)[1].tolist()] == [1, 1]


@st.composite
def systems(draw):
    """A table of students by three dimensions with all its sums, some of it told."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    inside = rng.integers(0, 9, size=rng.integers(2, 4, size=3))
    table = inside
    for axis in range(3):
        table = np.concatenate([table.sum(axis=axis, keepdims=True), table], axis=axis)
    number = np.arange(table.size).reshape(table.shape)
    rows = []
    for axis in range(3):
        for line in np.moveaxis(number, axis, -1).reshape(-1, table.shape[axis]):
            row = np.zeros(table.size)
            row[line] = [1, *[-1] * (len(line) - 1)]
            rows.append(row)
    known = rng.random(table.size) < rng.uniform(0.2, 0.8)
    return sparse.csr_array(np.array(rows)), table.ravel(), known, rng


@given(systems())
def test_every_count_lies_within_its_range(system):
    matrix, values, known, _ = system
    drawn = Lines(matrix).draw(*told(values, known))
    assert (drawn.bound[LOW] <= values).all()
    assert (values <= drawn.bound[HIGH]).all()


@given(systems())
def test_nothing_more_can_be_drawn_along_any_line(system):
    matrix, values, known, _ = system
    lines = Lines(matrix)
    drawn = lines.draw(*told(values, known))
    assert (lines.draw(*drawn.bound).bound == drawn.bound).all()


@given(systems())
def test_drawn_again_with_less_told_it_is_as_if_that_had_never_been_told(system):
    matrix, values, known, rng = system
    lines = Lines(matrix)
    drawn = lines.draw(*told(values, known))
    loosened = np.flatnonzero(known & (rng.random(len(known)) < 0.2))
    known[loosened] = False
    low, high = told(values, known)
    assert (lines.redraw(drawn, low, high, loosened).bound == lines.draw(low, high).bound).all()


@given(systems())
def test_a_range_does_not_move_with_what_it_does_not_rest_on(system):
    matrix, values, known, _ = system
    lines = Lines(matrix)
    drawn = lines.draw(*told(values, known))
    for count in np.flatnonzero(~known)[:5].tolist():
        rests_on = np.isin(np.arange(len(values)), behind(lines, drawn, count))
        again = lines.draw(*told(values, known & rests_on))
        assert again.bound[:, count].tolist() == drawn.bound[:, count].tolist()
