"""Two cells that nearly are the same students tell of those between them."""

from __future__ import annotations

import itertools

import pandas as pd

from transforms.cell_plan import Rollup
from transforms.suppress import Dimensions, SuppressionRule, protect
from transforms.suppress_lines import build_system

GROUPS = ("ethnicity", "gender")
DIMENSIONS = Dimensions(GROUPS, ())
NO_SPLITS = pd.DataFrame(
    [], columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
)
RULE = SuppressionRule(extreme_bands=((11, -1.0),), interval=0)


def cells_of(finest: dict[tuple[str, str], int]) -> pd.DataFrame:
    """Every cell of one organisation of which the crossed groups are given."""
    counts: dict[tuple[str, str], int] = {}
    for group, n in finest.items():
        for kept in itertools.product([True, False], repeat=2):
            key = tuple(g if keep else "all" for g, keep in zip(group, kept, strict=True))
            counts[key] = counts.get(key, 0) + n
    rows = pd.DataFrame([dict(zip(GROUPS, key, strict=True)) for key in counts])
    n = list(counts.values())
    return rows.assign(grade="all", org_level="all", org_id="all", n_tested=n, n_proficient=n)


def decide(cells: pd.DataFrame) -> set[tuple[str, str]]:
    decided = protect(cells, NO_SPLITS, DIMENSIONS, RULE)
    return set(cells.loc[decided["suppressed"], list(GROUPS)].itertuples(index=False, name=None))


# 40 students, 33 of them ASIAN girls: the 7 others are 4 boys of the same group and 3 more.
NEARLY_ALL = {("ASIAN", "F"): 33, ("ASIAN", "M"): 4, ("WHITE", "F"): 3}


def test_a_cell_two_steps_within_another_is_not_shown_beside_it_where_few_are_between():
    hidden = decide(cells_of(NEARLY_ALL))
    assert {("ASIAN", "F"), ("all", "all")} & hidden
    assert {("ASIAN", "M"), ("WHITE", "F")} <= hidden


def test_what_lies_between_is_a_part_that_is_guarded():
    cells = cells_of(NEARLY_ALL)
    plain = build_system(cells, NO_SPLITS, DIMENSIONS)
    nested = build_system(cells, NO_SPLITS, DIMENSIONS, nested_below=11)
    n = cells["n_tested"].to_numpy()
    assert plain.parts.shape[0] == 0
    assert (nested.parts @ n).tolist() == [7]


def test_enough_students_between_need_no_guard():
    cells = cells_of({("ASIAN", "F"): 30, ("ASIAN", "M"): 12, ("WHITE", "F"): 14})
    assert build_system(cells, NO_SPLITS, DIMENSIONS, nested_below=11).parts.shape[0] == 0


def test_nested_sets_of_any_depth_are_paired():
    cells = cells_of({("ASIAN", "F"): 30, ("ASIAN", "M"): 12, ("WHITE", "F"): 14})
    system = build_system(cells, NO_SPLITS, DIMENSIONS, nested_below=11)
    at = {tuple(k): i for i, k in enumerate(cells[list(GROUPS)].to_numpy().tolist())}
    inner, outer = (system.set_of_cell[at[key]] for key in (("ASIAN", "F"), ("all", "all")))
    pairs = {tuple(row.indices[row.data.argsort()].tolist()) for row in system.nested}
    assert (inner, outer) in pairs


def test_a_roll_up_is_a_wider_group_too():
    el = {("EL", "F"): 33, ("EL", "M"): 4, ("RFEP", "F"): 3, ("EO", "F"): 40, ("EO", "M"): 40}
    cells = cells_of(el).rename(columns={"ethnicity": "el_status"}).assign(ever_el_status="all")
    rolled = [("EVER_EL", 40), ("NEVER_EL", 80)]
    more = pd.DataFrame([{"ever_el_status": code, "n_tested": n} for code, n in rolled]).assign(
        el_status="all", gender="all", grade="all", org_level="all", org_id="all"
    )
    cells = pd.concat([cells, more.assign(n_proficient=more["n_tested"])], ignore_index=True)
    members = {"EVER_EL": ("EL", "RFEP"), "NEVER_EL": ("EO",)}
    dimensions = Dimensions(
        ("el_status", "gender"), (), rollups=(Rollup("ever_el_status", "el_status", members),)
    )
    system = build_system(cells, NO_SPLITS, dimensions, nested_below=11)
    # EVER_EL less the girls who are EL: four boys and three who were reclassified.
    assert 7 in (system.parts @ cells["n_tested"].to_numpy()).tolist()
