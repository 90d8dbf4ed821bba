"""Ranges that are solved for find what bounds drawn line by line leave wide."""

import numpy as np
import pytest

from tests.unit.validation.audit.small_marts import NAME, SCHEME, cells_of, drawn, publish
from validation.audit.attacks import may_be_small
from validation.audit.bounds import bounds_of
from validation.audit.exact import Clock, look_at_ranges
from validation.audit.finder import Finder
from validation.audit.published import Publication
from validation.audit.view import read_views


@pytest.fixture
def finder(tmp_path):
    """A school of which the two ways are shown, and nothing of the crossing."""
    made = cells_of(drawn(3, 40))
    made = made[made["grade"] == "all"].reset_index(drop=True)
    crossed = (made["ethnicity"] != "all") & (made["gender"] != "all")
    folder = publish(tmp_path, made, ~crossed, levels=np.zeros(len(made), dtype=bool))
    return Finder(read_views([Publication(folder)], NAME, SCHEME)[0], SCHEME, NAME)


def test_every_protected_cell_is_shown_wide_or_falls_or_is_said_not_to_be_looked_at(finder):
    bounds = bounds_of(finder.view)
    protected = may_be_small(finder, bounds)
    for interval in (bounds.n, bounds.proficient, bounds.others):
        protected &= interval.width >= SCHEME.width
    look_at_ranges(finder, bounds, Clock(60))
    told = sum(finder.figures.values()) + len({fall.cell for fall in finder.falls})
    assert protected.any()
    assert told == protected.sum()


def test_without_time_nothing_is_said_to_be_wide(finder):
    bounds = bounds_of(finder.view)
    look_at_ranges(finder, bounds, Clock(-1))
    assert finder.falls == set()
    assert finder.figures["hidden cells shown to be wide enough in their district"] == 0
    assert finder.figures["hidden cells not looked at: the time was up"] > 0
