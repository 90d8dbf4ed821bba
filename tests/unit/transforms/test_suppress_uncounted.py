"""Groups that no cell counts are not found either, from the cells of any two of their codes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.transforms.reader import ALL, Key, counted, narrow, without
from transforms.suppress import Dimensions, SuppressionRule, protect
from transforms.suppress_lines import build_system

CROSSED, ONE_WAY = ("ethnicity", "el_status"), "prior_status"
COLUMNS = ("grade", *CROSSED, ONE_WAY)
DIMENSIONS = Dimensions(CROSSED, (ONE_WAY,), CROSSED)
RULE = SuppressionRule(extreme_bands=((11, -1.0),), interval=3)
SPLITS = ["parent_level", "parent_id", "split", "child_level", "child_id"]
NO_SPLITS = pd.DataFrame([], columns=SPLITS, dtype=str)
MATCHED, NOT_MATCHED = "MATCHED", "NOT_MATCHED"


def is_cell(key: Key) -> bool:
    """Whether the marts count it: who is matched is crossed with one dimension at most."""
    return key[-1] == ALL or sum(code != ALL for code in key[:-1]) <= 1


def cells_of(finest: Mapping[Key, int], org_id: str = ALL) -> pd.DataFrame:
    counts = {key: n for key, n in counted(finest).items() if is_cell(key)}
    rows = pd.DataFrame([dict(zip(COLUMNS, key, strict=True)) for key in counts])
    n = list(counts.values())
    level = ALL if org_id == ALL else "school"
    place = rows.assign(org_level=level, org_id=org_id)
    return place.assign(n_tested=n, n_proficient=0, has_rate=False)


def told_of(finest: Mapping[Key, int]) -> dict[Key, int]:
    cells = cells_of(finest)
    shown = cells[~protect(cells, NO_SPLITS, DIMENSIONS, RULE)["suppressed"]]
    keys = shown[list(COLUMNS)].itertuples(index=False, name=None)
    return dict(zip(keys, shown["n_tested"], strict=True))


def may_be(finest: Mapping[Key, int]) -> set[Key]:
    """The cells, and the groups of three codes of which any two have a cell."""
    cells = {key for key in counted(finest) if is_cell(key)}
    codes = [sorted({key[axis] for key in cells} - {ALL}) for axis in range(len(COLUMNS))]
    three = set()
    for left_out in range(len(COLUMNS) - 1):
        of_each = [[ALL] if axis == left_out else codes[axis] for axis in range(len(COLUMNS))]
        for key in itertools.product(*of_each):
            axes = [axis for axis, code in enumerate(key) if code != ALL]
            if len(axes) == 3 and all(without(key, axis) in cells for axis in axes):
                three.add(key)
    return cells | three


# All learners are Hispanic; of the Hispanic students who are none, ten are matched.
LEARNERS = {
    (ALL, "HISPANIC", "EL", MATCHED): 66,
    (ALL, "HISPANIC", "EL", NOT_MATCHED): 37,
    (ALL, "HISPANIC", "EO", MATCHED): 10,
    (ALL, "HISPANIC", "EO", NOT_MATCHED): 8,
    (ALL, "WHITE", "EO", MATCHED): 40,
    (ALL, "WHITE", "EO", NOT_MATCHED): 30,
}
# Nobody of grade 03 was tested before, so all who were not matched of grade 04 are told as well.
GRADES = {
    ("03", "HISPANIC", ALL, NOT_MATCHED): 53,
    ("03", "WHITE", ALL, NOT_MATCHED): 68,
    ("04", "HISPANIC", ALL, MATCHED): 72,
    ("04", "HISPANIC", ALL, NOT_MATCHED): 5,
    ("04", "WHITE", ALL, MATCHED): 56,
    ("04", "WHITE", ALL, NOT_MATCHED): 9,
}


def of_all(finest: Mapping[Key, int]) -> dict[Key, int]:
    """The same with a code of every dimension: of one that is not split there is one code only."""
    codes = ("05", "ASIAN", "IFEP", MATCHED)
    return {
        tuple(c if c != ALL else one for c, one in zip(key, codes, strict=True)): n
        for key, n in finest.items()
    }


@pytest.mark.parametrize(
    ("finest", "group"),
    [
        (LEARNERS, ("05", "HISPANIC", "EO", MATCHED)),
        (GRADES, ("04", "HISPANIC", "IFEP", NOT_MATCHED)),
    ],
)
def test_a_group_that_no_cell_counts_is_not_had_from_two_cells_of_it(finest, group):
    finest = of_all(finest)
    everything = {key: n for key, n in counted(finest).items() if is_cell(key)}
    of_three = {tuple(c if c in kept else ALL for c in group) for kept in _threes(group)}
    enough = {key: n for key, n in everything.items() if n >= RULE.minimum_n}
    assert of_three & narrow(enough, may_be(finest)), "where only the small are hidden it is found"
    told = told_of(finest)
    assert not narrow(told, may_be(finest))
    assert (ALL,) * 4 in told


def _threes(group: Key) -> Iterator[Key]:
    return ((*two, group[-1]) for two in itertools.combinations(group[:-1], 2))


@st.composite
def tables(draw: st.DrawFn) -> dict[Key, int]:
    """Students by all four codes; some codes never go together."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    codes = (("03", "04"), ("ASIAN", "WHITE"), ("EL", "EO", "RFEP"), (MATCHED, NOT_MATCHED))
    pairs = [
        pair
        for one, other in itertools.combinations(range(len(codes)), 2)
        for pair in itertools.product(*([(axis, c) for c in codes[axis]] for axis in (one, other)))
    ]
    never = [pair for pair in pairs if chance.random() < 0.15]
    many = draw(st.sampled_from([20, 60]))
    table = {
        key: int(chance.integers(0, many))
        for key in itertools.product(*codes)
        if not any(all(key[axis] == code for axis, code in pair) for pair in never)
    }
    return table if sum(table.values()) else {("03", "ASIAN", "EL", MATCHED): 20}


@settings(max_examples=60, deadline=None)
@given(tables())
def test_no_hidden_group_s_range_is_narrow_whether_a_cell_counts_it_or_not(finest):
    assert not narrow(told_of(finest), may_be(finest))


def test_what_a_cell_counts_is_no_group_of_its_own_and_schools_add_up_to_their_district():
    finest = of_all(LEARNERS)
    schools = {name: {key: n + i for key, n in finest.items()} for i, name in enumerate("AB")}
    both = {key: sum(one[key] for one in schools.values()) for key in finest}
    cells = pd.concat(
        [cells_of(both), *(cells_of(one, name) for name, one in schools.items())],
        ignore_index=True,
    )
    parts = [("all", "all", "schools", "school", name) for name in schools]
    system = build_system(cells, pd.DataFrame(parts, columns=SPLITS), DIMENSIONS)
    sets = system.set_count
    groups = {key for key in may_be(finest) if not is_cell(key)}
    assert system.finer.shape[1] == sets + 3 * len(groups)
    # Every finer line has parts that are groups; a district's group is that of its two schools.
    of_groups = system.finer[:, sets:]
    assert (of_groups.min(axis=1).toarray() == -1).all()
    wholes = (of_groups > 0).sum(axis=1)
    assert wholes.sum() == len(groups)
    assert ((of_groups < 0).sum(axis=1)[wholes > 0] == 2).all()
