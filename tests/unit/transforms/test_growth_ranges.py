"""What is told of who began at each level leaves every range of a hidden group wide enough."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from transforms.growth_ranges import Began, BeganRanges, Open

# Everybody, then five groups; a row per level before.
GROUPS = sparse.csr_array(np.array([[1, -1, -1, -1, -1, -1]]))
TURN = np.array([5, 4, 3, 2, 1, 0])
YES, NO = True, False


def lowered(levels, prior, matrix, cuts=(2,), matched=None):
    """Who may tell who began low, and who the transitions; of the last two groups nothing is."""
    levels = np.array(levels)
    matched = levels.sum(axis=0) if matched is None else np.array(matched)
    began = Began(matched + 20, matched, levels, cuts)
    told = np.array([YES] * 4 + [NO] * 2)
    ranges = BeganRanges(GROUPS, began, least=3, minimum_n=11)
    shown = Open(told, told, np.array(prior) & told, np.array(matrix) & told)
    kept = ranges.lowered(shown, TURN)
    return kept.prior.tolist(), kept.matrix.tolist()


def test_two_of_a_level_that_are_left_to_hidden_groups_hide_the_table_that_is_read_least():
    # At the lowest level 2 of 40 are in one of the two hidden groups, of 8 students each.
    levels = [[40, 13, 13, 12, 1, 1], [39, 11, 11, 11, 3, 3], [38, 11, 11, 12, 2, 2],
              [41, 12, 12, 13, 2, 2]]  # fmt: skip
    prior, matrix = lowered(levels, prior=[YES] * 6, matrix=[YES] * 6)
    assert matrix == [YES, YES, YES, NO, NO, NO]
    assert prior == [YES, YES, YES, YES, NO, NO]


def test_enough_at_every_level_hides_nothing():
    levels = [[44, 13, 13, 12, 3, 3], [39, 11, 11, 11, 3, 3], [40, 11, 11, 12, 3, 3],
              [43, 12, 12, 13, 3, 3]]  # fmt: skip
    prior, matrix = lowered(levels, prior=[YES] * 6, matrix=[YES] * 6)
    assert matrix == [YES, YES, YES, YES, NO, NO]
    assert prior == [YES, YES, YES, YES, NO, NO]


def test_who_began_low_is_hidden_too_where_it_is_that_which_tells():
    # No table of transitions is shown; 2 of 80 are left to the hidden.
    levels = [[41, 13, 13, 13, 1, 1], [39, 13, 13, 13, 0, 0], [48, 11, 11, 12, 7, 7],
              [47, 12, 12, 13, 5, 5]]  # fmt: skip
    prior, matrix = lowered(levels, prior=[YES] * 6, matrix=[NO] * 6)
    assert prior == [YES, YES, YES, NO, NO, NO]
    assert matrix == [NO] * 6


def test_a_cut_below_which_nothing_is_told_hides_nothing():
    levels = [[41, 13, 13, 13, 1, 1], [39, 13, 13, 13, 0, 0], [48, 11, 11, 12, 7, 7],
              [47, 12, 12, 13, 5, 5]]  # fmt: skip
    prior, _ = lowered(levels, prior=[YES] * 6, matrix=[NO] * 6, cuts=())
    assert prior == [YES, YES, YES, YES, NO, NO]


@pytest.mark.parametrize(("of_hidden", "is_told"), [(0, False), (4, True)])
def test_that_nobody_of_a_hidden_group_began_at_a_level_is_not_told(of_hidden, is_told):
    whole = 36 + of_hidden
    levels = [[40, 11, 11, 11, 4, 3], [whole, 12, 12, 12, of_hidden, 0], [40, 11, 11, 11, 4, 3]]
    _, matrix = lowered(levels, prior=[YES] * 6, matrix=[YES] * 6, cuts=())
    assert matrix[:4].count(NO) == (0 if is_told else 1)


def test_the_ranges_left_are_as_wide_as_all_tables_that_fit_say():
    """Held against every table of who began low in three hidden groups of few students."""
    rng = np.random.default_rng(3)
    matrix = sparse.csr_array(np.array([[1, -1, -1, -1, -1]]))
    for _ in range(40):
        small = rng.integers(1, 5, size=3)
        low = np.array([0, 20, *rng.binomial(small, 0.4)])
        matched = np.array([0, 40, *small])
        low[0], matched[0] = low.sum(), matched.sum()
        began = Began(matched, matched, np.array([low, matched - low]), ())
        ranges = BeganRanges(matrix, began, least=3, minimum_n=11)
        told = np.array([YES, YES, NO, NO, NO])
        kept = ranges.lowered(Open(told, told, told & NO, told), np.arange(5))
        if not kept.matrix[[0, 1]].all():
            continue
        rest, rest_low = int(small.sum()), int(low[2:].sum())
        for of_level in (rest_low, rest - rest_low):
            open_ = range(min(of_level, rest) + 1)
            assert len(open_) > 3 or of_level == 0
