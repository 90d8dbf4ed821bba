"""Roll-ups and one-way dimensions crossed with others are added and subtracted along as well."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.transforms.attacker import computable, hidden_of, small_unions
from transforms.cell_plan import Rollup
from transforms.suppress import CellsDoNotAddUp, Dimensions, SuppressionRule, protect
from transforms.suppress_lines import build_system

CROSSED = ("ethnicity", "el_status", "gender")
ONE_WAY = ("econ_status", "prior_status", "foster_status")
MEMBERS = {
    "ever_el_status": ("el_status", {"EVER_EL": ("EL", "RFEP"), "NEVER_EL": ("EO", "IFEP")}),
    "not_el_status": ("el_status", {"EL": ("EL",), "NOT_EL": ("EO", "IFEP", "RFEP")}),
    "federal_status": ("ethnicity", {"ASIAN_PI": ("ASIAN", "NHPI"), "OTHER": ("WHITE",)}),
    "same_status": ("ethnicity", {"AP": ("NHPI", "ASIAN"), "W": ("WHITE",)}),
}
ROLLUPS = tuple(Rollup(own, base, members) for own, (base, members) in MEMBERS.items())
COLUMNS = ["grade", *CROSSED, *ONE_WAY, *MEMBERS]
DIMENSIONS = Dimensions(CROSSED, ONE_WAY, CROSSED, ROLLUPS)
UNCODED = SuppressionRule(extreme_bands=((11, -1.0),), interval=0)
NO_SPLITS = pd.DataFrame(
    [], columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
)


def cells_of(*rows: tuple[dict[str, str], int]) -> pd.DataFrame:
    """Cells of one organisation from (groups, n_tested), everyone proficient."""
    keys = pd.DataFrame([dict.fromkeys(COLUMNS, "all") | groups for groups, _ in rows])
    n_tested = [n for _, n in rows]
    return keys.assign(org_level="all", org_id="all", n_tested=n_tested, n_proficient=n_tested)


def rolled(one: Rollup, **n_tested: int) -> pd.DataFrame:
    """One organisation split by a roll-up's base, and by the roll-up."""
    unions = {
        code: sum(n_tested.get(member, 0) for member in members)
        for code, members in one.members.items()
    }
    return cells_of(
        ({}, sum(n_tested.values())),
        *(({one.of: code}, n) for code, n in n_tested.items()),
        *(({one.dimension: code}, n) for code, n in unions.items() if n),
    )


def decide(cells: pd.DataFrame, rule: SuppressionRule = UNCODED) -> pd.DataFrame:
    return protect(cells, NO_SPLITS, DIMENSIONS, rule)


def hidden_at(cells: pd.DataFrame, decided: pd.DataFrame, column: str) -> set[str]:
    return set(cells.loc[decided["suppressed"], column]) - {"all"}


EVER_EL, NOT_EL, FEDERAL, SAME = ROLLUPS


def test_a_member_cannot_be_had_from_its_roll_up():
    cells = rolled(EVER_EL, EL=30, RFEP=2, EO=60, IFEP=40)
    decided = decide(cells)
    assert "RFEP" in hidden_at(cells, decided, "el_status")
    assert not computable(cells, NO_SPLITS, *hidden_of(decided), rollups=MEMBERS).any()
    assert len(hidden_at(cells, decided, "el_status")) > 1


def test_a_roll_up_with_one_member_that_is_there_shares_its_decision():
    cells = rolled(EVER_EL, EL=5, EO=30, IFEP=30)
    decided = decide(cells)
    assert "EL" in hidden_at(cells, decided, "el_status")
    assert "EVER_EL" in hidden_at(cells, decided, "ever_el_status")
    shares = decided["suppressed"].to_numpy()
    assert shares[cells["el_status"] == "EL"] == shares[cells["ever_el_status"] == "EVER_EL"]


def test_two_roll_ups_of_the_same_members_are_one_set_of_students():
    federal = rolled(FEDERAL, ASIAN=6, NHPI=7, WHITE=13)
    same = rolled(SAME, ASIAN=6, NHPI=7, WHITE=13)
    cells = pd.concat([federal, same[same["same_status"] != "all"]], ignore_index=True)
    set_of_cell = build_system(cells, NO_SPLITS, DIMENSIONS).set_of_cell
    union = (cells["federal_status"] == "ASIAN_PI") | (cells["same_status"] == "AP")
    assert union.sum() == 2
    assert len(set(set_of_cell[union])) == 1
    assert len(set(set_of_cell)) == 5


def test_a_roll_up_that_is_not_the_sum_of_its_members_is_refused():
    cells = rolled(EVER_EL, EL=30, RFEP=20, EO=30)
    cells.loc[cells["ever_el_status"] == "EVER_EL", ["n_tested", "n_proficient"]] = 49
    cells.loc[cells["ever_el_status"] == "NEVER_EL", ["n_tested", "n_proficient"]] = 31
    with pytest.raises(CellsDoNotAddUp, match="n_tested is not the sum"):
        decide(cells)


def test_a_roll_up_none_of_whose_members_is_there_is_refused():
    cells = rolled(EVER_EL, EL=30, EO=30)
    cells = cells[cells["el_status"] == "all"]
    with pytest.raises(CellsDoNotAddUp, match=r"without a member.*EVER_EL"):
        decide(cells)


def test_a_code_that_is_in_no_union_is_refused():
    cells = rolled(EVER_EL, EL=30, EO=30, UNKNOWN=20)
    with pytest.raises(CellsDoNotAddUp, match=r"parent is missing.*UNKNOWN"):
        decide(cells)


def test_a_dimension_that_nobody_is_split_by_is_left_out():
    cells = rolled(EVER_EL, EL=30, RFEP=20, EO=30)
    assert (cells[["foster_status", "not_el_status"]] == "all").all(axis=None)
    assert not decide(cells)["suppressed"].any()


def test_a_small_crossing_hides_crossings_and_no_cell_that_is_split_by_one():
    crossings = {("SED", "ASIAN"): 5, ("SED", "WHITE"): 35, ("NOT_SED", "ASIAN"): 35}
    crossings["NOT_SED", "WHITE"] = 45
    rows = [({"econ_status": e, "ethnicity": r}, n) for (e, r), n in crossings.items()]
    plain = [({"econ_status": code}, n) for code, n in (("SED", 40), ("NOT_SED", 80))]
    plain += [({"ethnicity": code}, n) for code, n in (("ASIAN", 40), ("WHITE", 80))]
    cells = cells_of(({}, 120), *plain, *rows)
    hidden = decide(cells)["suppressed"].tolist()
    assert hidden == [False] * 5 + [True] * 4


# --- random networks against the exact attacker


@st.composite
def networks(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells and splits of up to four schools in two districts, with crossings and roll-ups."""
    return generated(draw(st.integers(0, 2**32 - 1)), draw(st.integers(20, 500)))


def generated(seed: int, students: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    chance = np.random.default_rng(seed)
    skew = chance.choice([0.4, 0.7, 0.9])

    def pick(*codes: str) -> np.ndarray:
        rest = (1 - skew) / (len(codes) - 1)
        return chance.choice(codes, students, p=[skew, *[rest] * (len(codes) - 1)])

    frame = pd.DataFrame(
        {
            "school": chance.integers(0, 4, students).astype(str),
            "grade": chance.choice(["03", "04"], students),
            "ethnicity": pick("WHITE", "ASIAN", "NHPI"),
            "el_status": pick("EO", "EL", "RFEP", "IFEP"),
            "gender": chance.choice(["F", "M"], students),
            "econ_status": pick("SED", "NOT_SED", "UNKNOWN"),
            "prior_status": pick("MATCHED", "NOT_MATCHED"),
            "is_proficient": chance.random(students) < chance.random(),
        }
    )
    frame["district"] = (frame["school"].astype(int) % 2).astype(str)
    for own, (base, members) in MEMBERS.items():
        union = {member: code for code, parts in members.items() for member in parts}
        frame[own] = frame[base].map(union)
    ids = {"all": "all", "district": frame["district"], "school": frame["school"]}
    cells = pd.concat([cube(frame, *level) for level in ids.items()], ignore_index=True)
    places = frame[["district", "school"]].drop_duplicates()
    rows = {("district", d, "schools", "school", s) for d, s in places.to_numpy()}
    rows |= {("all", "all", "districts", "district", d) for d in places["district"]}
    return cells, pd.DataFrame(sorted(rows), columns=NO_SPLITS.columns)


def cube(frame: pd.DataFrame, level: str, ids: pd.Series | str) -> pd.DataFrame:
    """Every crossing, the one-way dimensions with one other, the roll-ups alone; each by grade."""
    crossings = [c for size in range(4) for c in itertools.combinations(CROSSED, size)]
    sides = [(side, *other) for side in ONE_WAY[:2] for other in [(), *((c,) for c in CROSSED)]]
    parts = []
    for split in [*crossings, *sides, *((own,) for own in MEMBERS)]:
        for columns in (split, ("grade", *split)):
            keyed = frame.assign(org_id=ids).groupby(["org_id", *columns], observed=True)
            counts = keyed["is_proficient"].agg(n_tested="size", n_proficient="sum").reset_index()
            absent = [column for column in COLUMNS if column not in columns]
            parts.append(counts.assign(org_level=level, **dict.fromkeys(absent, "all")))
    return pd.concat(parts, ignore_index=True)


@settings(max_examples=15, deadline=None)
@given(networks(), st.sampled_from([3, 11]))
def test_nothing_hidden_can_be_computed_along_crossings_and_roll_ups(network, minimum_n):
    cells, splits = network
    decided = protect(cells, splits, DIMENSIONS, SuppressionRule(minimum_n))
    suppressed, unknown = hidden_of(decided)
    assert suppressed[cells["n_tested"] < minimum_n].all()
    assert not computable(cells, splits, suppressed, unknown, rollups=MEMBERS).any()
    assert small_unions(cells, splits, suppressed, minimum_n, MEMBERS) == []


def hidden_without(cells: pd.DataFrame, splits: pd.DataFrame, blind: list[str]) -> pd.Series:
    """What is hidden where the cells split by `blind` are hidden only if they are small."""
    seen = (cells[blind] == "all").all(axis=1)
    dimensions = Dimensions(CROSSED, tuple(c for c in ONE_WAY if c not in blind), CROSSED)
    narrow = cells[seen].drop(columns=blind)
    rolled_up = [c for c in MEMBERS if c not in blind]
    decided = protect(narrow.drop(columns=rolled_up), splits, dimensions, UNCODED)["suppressed"]
    return decided.reindex(cells.index).fillna(cells["n_tested"] < 11).astype(bool)


@pytest.mark.parametrize(("seed", "students"), [(1, 60), (2, 120), (3, 250)])
def test_the_basis_says_all_that_the_lines_say(seed, students):
    system = build_system(*generated(seed, students), DIMENSIONS)
    assert system.basis.shape[0] < 0.9 * system.matrix.shape[0]
    basis, lines = (part.toarray() for part in (system.basis, system.matrix))
    rank = np.linalg.matrix_rank(basis)
    assert rank == np.linalg.matrix_rank(lines) == np.linalg.matrix_rank(np.vstack([basis, lines]))


@pytest.mark.parametrize("blind", [list(MEMBERS), [*MEMBERS, "econ_status", "prior_status"]])
def test_without_the_lines_of_roll_ups_and_crossings_the_attacker_finds_cells(blind):
    cells, splits = generated(4, 500)
    hidden = hidden_without(cells, splits, blind).to_numpy()
    assert computable(cells, splits, hidden, rollups=MEMBERS).any()
