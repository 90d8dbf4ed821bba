"""What is listed as suppressed says nothing of who is there."""

from __future__ import annotations

import numpy as np
import pandas as pd

from transforms.listing import listed_hidden

COLUMNS = ("grade", "ethnicity", "gender")
CODES = {"ethnicity": ("ASIAN", "BLACK", "WHITE"), "gender": ("F", "M", "X")}
DISTRICT, SCHOOL = ("district", "D"), ("school", "D/S")
SPLITS = pd.DataFrame(
    [(*DISTRICT, "schools", *SCHOOL)],
    columns=["parent_level", "parent_id", "split", "child_level", "child_id"],
)


def cells_of(*rows: tuple[tuple[str, str], dict[str, str]]) -> pd.DataFrame:
    groups = [dict.fromkeys(COLUMNS, "all") | given for _, given in rows]
    places = [{"org_level": level, "org_id": own} for (level, own), _ in rows]
    return pd.DataFrame([{**p, **g} for p, g in zip(places, groups, strict=True)])


def listed(cells: pd.DataFrame, shown: list[bool]) -> set[tuple[str, ...]]:
    """The listed keys: the level, and the groups that are not 'all'."""
    found = listed_hidden(cells, SPLITS, COLUMNS, np.array(shown), CODES)
    assert not found.duplicated().any()
    rows = found.astype(str).itertuples(index=False)
    return {(row.org_level, *(g for g in row[2:] if g != "all")) for row in rows}


def one_way(place: tuple[str, str], **codes: list[str]) -> list[tuple]:
    return [(place, {}), *((place, {d: c}) for d, some in codes.items() for c in some)]


def test_every_code_of_a_shown_organisation_is_listed_whether_anybody_is_there_or_not():
    rows = one_way(DISTRICT, gender=["F", "M", "X"])
    without = one_way(DISTRICT, gender=["F", "M"])
    with_one = listed(cells_of(*rows), [True, True, True, False])
    assert with_one == {("district", "X")}
    assert listed(cells_of(*without), [True, True, True]) == with_one


def test_below_a_hidden_group_nothing_is_listed():
    crossed = (DISTRICT, {"ethnicity": "BLACK", "gender": "F"})
    rows = [*one_way(DISTRICT, ethnicity=["BLACK", "WHITE"], gender=["F", "M"]), crossed]
    both = listed(cells_of(*rows), [True, True, True, True, True, False])
    assert ("district", "BLACK", "F") in both
    assert ("district", "WHITE", "M") in both, "nobody is there, and nobody can tell"
    hidden = listed(cells_of(*rows), [True, False, True, True, True, False])
    assert ("district", "BLACK") in hidden
    assert not {row for row in hidden if row[1] == "BLACK" and len(row) > 2}


def test_a_group_that_the_organisation_around_does_not_show_is_not_listed_within_it():
    rows = [*one_way(DISTRICT, gender=["F", "M"]), *one_way(SCHOOL, gender=["F", "M"])]
    shown = [True, True, True, True, False, False]
    assert listed(cells_of(*rows), shown) >= {("school", "F"), ("school", "M")}
    shown[2] = False
    assert ("school", "M") not in listed(cells_of(*rows), shown)


def test_an_organisation_is_listed_even_where_nothing_of_it_is_shown():
    rows = [*one_way(DISTRICT, gender=["F"]), *one_way(SCHOOL, gender=["F"])]
    found = listed(cells_of(*rows), [True, True, False, False])
    assert ("school",) in found
    assert ("school", "F") not in found


def test_three_groups_are_listed_where_each_two_of_them_are_shown():
    two = [{"grade": "03", "gender": "F"}, {"grade": "03", "ethnicity": "BLACK"}]
    two.append({"ethnicity": "BLACK", "gender": "F"})
    three = {"grade": "03", "ethnicity": "BLACK", "gender": "F"}
    rows = one_way(DISTRICT, grade=["03"], ethnicity=["BLACK"], gender=["F"])
    rows += [(DISTRICT, given) for given in (*two, three)]
    cells = cells_of(*rows)
    assert ("district", "03", "BLACK", "F") in listed(cells, [True] * 7 + [False])
    assert ("district", "03", "BLACK", "F") not in listed(cells, [True] * 6 + [False] * 2)
