"""What follows line by line, on a few lines by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from transforms.suppress_closure import Closure, IndexedLines

# Sets 0 = 1 + 2, 2 = 3 + 4.
CHAIN = IndexedLines(sparse.csr_array(np.array([[1.0, -1, -1, 0, 0], [0, 0, 1, -1, -1]])))
NOBODY = [False] * 5


def test_one_set_alone_tells_nothing_of_others():
    assert Closure(CHAIN).learn(0, NOBODY) == [0]


def test_the_last_unknown_of_a_line_follows_and_what_follows_from_it():
    lines = Closure(CHAIN)
    assert lines.learn(3, NOBODY) == [3]
    assert lines.learn(0, NOBODY) == [0]
    assert sorted(lines.learn(1, NOBODY)) == [1, 2, 4]
    assert lines.known == [True] * 5


@pytest.mark.parametrize("guarded", [2, 4])
def test_what_gives_a_guarded_set_away_is_refused_and_nothing_is_changed(guarded):
    lines = Closure(CHAIN)
    lines.learn(3, NOBODY)
    lines.learn(0, NOBODY)
    assert lines.learn(1, [number == guarded for number in range(5)]) is None
    assert lines.known == [True, False, False, True, False]
    assert sorted(lines.learn(1, NOBODY)) == [1, 2, 4]


def test_a_cleared_closure_knows_nothing_and_learns_the_same_again():
    lines = Closure(CHAIN)
    learnt = [lines.learn(number, NOBODY) for number in (3, 0, 1)]
    lines.clear()
    assert lines.known == NOBODY
    assert [lines.learn(number, NOBODY) for number in (3, 0, 1)] == learnt
