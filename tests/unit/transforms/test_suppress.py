"""Suppression cannot be subtracted away: rules on a few rows, an exact attacker on random ones."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.transforms.attacker import computable, computable_from, hidden_of, small_unions
from transforms import suppress
from transforms.suppress import CellsDoNotAddUp, Dimensions, SuppressionRule

GROUPS = ["ethnicity", "el_status", "gender", "econ_status", "disability_status"]
NO_CODING = ((11, -1.0),)
UNCODED = SuppressionRule(extreme_bands=NO_CODING, interval=0)
SCHOOLS_ONLY = pd.DataFrame(
    [("all", "all", "schools", "school", "A"), ("all", "all", "schools", "school", "B")],
    columns=["parent_level", "parent_id", "split", "child_level", "child_id"],
)
NO_SPLITS = SCHOOLS_ONLY.iloc[:0]


def protect(
    cells: pd.DataFrame,
    splits: pd.DataFrame,
    dimensions: Dimensions = Dimensions(),  # noqa: B008 - frozen
    rule: SuppressionRule = SuppressionRule(),  # noqa: B008 - frozen
) -> pd.DataFrame:
    return suppress.protect(cells, splits, dimensions, rule)


def cells_of(*rows: tuple[str, str, str, int, int]) -> pd.DataFrame:
    """Cells from (level/id, ethnicity, gender, n_tested, n_proficient), everything else 'all'."""
    frame = pd.DataFrame(rows, columns=["org", "ethnicity", "gender", "n_tested", "n_proficient"])
    frame[["org_level", "org_id"]] = frame.pop("org").str.split("/", expand=True).to_numpy()
    return frame.assign(grade="all", el_status="all", econ_status="all", disability_status="all")


def ethnicities(**n_tested: int) -> pd.DataFrame:
    """One organisation split by ethnicity, half of everyone proficient."""
    rows = [("all/all", code, "all", n, n // 2) for code, n in n_tested.items()]
    total = (sum(row[3] for row in rows), sum(row[4] for row in rows))
    return cells_of(("all/all", "all", "all", *total), *rows)


def hidden_codes(cells: pd.DataFrame, decided: pd.DataFrame, column: str = "ethnicity") -> set:
    return set(cells.loc[decided["suppressed"], column])


def test_nothing_is_hidden_where_nothing_is_small():
    decided = protect(ethnicities(ASIAN=40, BLACK=30, WHITE=50), NO_SPLITS, rule=UNCODED)
    assert not decided["suppressed"].any()
    assert decided["suppression_reason"].isna().all()


def test_a_cell_below_the_minimum_is_hidden_with_the_smallest_cell_beside_it():
    cells = ethnicities(ASIAN=10, BLACK=30, WHITE=50)
    decided = protect(cells, NO_SPLITS, rule=UNCODED)
    assert hidden_codes(cells, decided) == {"ASIAN", "BLACK"}
    assert decided["suppression_reason"].tolist() == [pd.NA, "primary", "complementary", pd.NA]


def test_a_cell_at_the_minimum_is_shown():
    decided = protect(ethnicities(ASIAN=11, BLACK=30), NO_SPLITS, rule=UNCODED)
    assert not decided["suppressed"].any()


def test_two_hidden_cells_that_are_small_together_take_a_third():
    cells = ethnicities(ASIAN=4, BLACK=5, HISPANIC=20, WHITE=50)
    decided = protect(cells, NO_SPLITS, rule=UNCODED)
    assert hidden_codes(cells, decided) == {"ASIAN", "BLACK", "HISPANIC"}


def test_a_school_is_hidden_before_the_district_that_it_is_in():
    cells = cells_of(
        ("all/all", "all", "all", 90, 45),
        ("school/A", "all", "all", 8, 4),
        ("school/B", "all", "all", 82, 41),
    )
    decided = protect(cells, SCHOOLS_ONLY, rule=UNCODED)
    assert set(cells.loc[decided["suppressed"], "org_id"]) == {"A", "B"}


def test_an_only_child_shares_its_parents_decision():
    cells = cells_of(
        ("all/all", "all", "all", 60, 30),
        ("all/all", "ASIAN", "all", 9, 4),
        ("all/all", "WHITE", "all", 51, 26),
        ("all/all", "ASIAN", "F", 9, 4),
        ("all/all", "WHITE", "F", 51, 26),
        ("all/all", "all", "F", 60, 30),
    )
    decided = protect(cells, NO_SPLITS, rule=UNCODED)
    assert decided["suppressed"].tolist() == [False, True, True, True, True, False]


@pytest.mark.parametrize(
    ("n_tested", "n_proficient", "coding"),
    [
        (15, 3, "bottom"),
        (15, 4, "exact"),
        (15, 12, "top"),
        (20, 2, "bottom"),
        (20, 3, "exact"),
        (300, 297, "top"),
        (300, 296, "exact"),
    ],
)
def test_a_rate_at_or_beyond_its_bands_limit_is_coded(n_tested, n_proficient, coding):
    cells = cells_of(("all/all", "all", "all", n_tested, n_proficient))
    assert protect(cells, NO_SPLITS)["rate_coding"].tolist() == [coding]


def test_a_coded_cell_alone_among_exact_ones_takes_the_rate_of_another_which_keeps_its_number():
    cells = cells_of(
        ("all/all", "all", "all", 90, 31),
        ("all/all", "ASIAN", "all", 30, 1),
        ("all/all", "BLACK", "all", 25, 12),
        ("all/all", "WHITE", "all", 35, 18),
    )
    decided = protect(cells, NO_SPLITS)
    assert not decided["suppressed"].any()
    assert decided["rate_coding"].tolist() == ["exact", "bottom", "bottom", "exact"]
    assert decided["rate_limit"].iloc[1:3].tolist() == [10, 50]
    assert not computable(cells, NO_SPLITS, *hidden_of(decided)).any()


@pytest.mark.parametrize(("n_tested", "n_proficient"), [(11, 5), (12, 5), (40, 19)])
def test_the_half_that_a_rate_lies_in_is_told_where_it_would_give_away_a_coded_one(
    n_tested, n_proficient
):
    cells = cells_of(
        ("all/all", "all", "all", n_tested + 60, n_proficient + 1),
        ("all/all", "ASIAN", "all", n_tested, n_proficient),
        ("all/all", "BLACK", "all", 60, 1),
    )
    asian = protect(cells, NO_SPLITS).iloc[1]
    assert not asian["suppressed"]
    assert asian["rate_limit"] == 50


def test_what_has_no_rate_is_not_coded_and_takes_nothing_with_it():
    cells = ethnicities(ASIAN=30, BLACK=30, WHITE=40).assign(n_proficient=0)
    decided = protect(cells.assign(has_rate=False), NO_SPLITS)
    assert (decided["rate_coding"] == "exact").all()
    assert not decided["suppressed"].any()
    # One coded cell alone would take the rate of another.
    mixed = cells.assign(n_proficient=[50, 1, 20, 29])
    assert (protect(mixed, NO_SPLITS)["rate_limit"] == 50).any()
    assert (protect(mixed.assign(has_rate=False), NO_SPLITS)["rate_coding"] == "exact").all()


def test_all_students_of_a_school_and_one_group_of_them_are_hidden_after_what_is_crossed():
    crossed = [("ASIAN", "F", 9), ("ASIAN", "M", 31), ("WHITE", "F", 60), ("WHITE", "M", 60)]
    sides = [("ASIAN", "all", 40), ("WHITE", "all", 120), ("all", "F", 69), ("all", "M", 91)]
    rows = [("all/all", *row, 0) for row in [("all", "all", 160), *crossed, *sides]]
    cells = cells_of(*rows)
    decided = protect(cells, NO_SPLITS, rule=UNCODED)
    assert set(np.flatnonzero(decided["suppressed"])) == {1, 2, 3, 4}


def test_a_suppressed_cell_has_no_rate_coding():
    decided = protect(ethnicities(ASIAN=2, BLACK=30, WHITE=50), NO_SPLITS)
    assert (decided.loc[decided["suppressed"], "rate_coding"] == "exact").all()


def test_cells_that_do_not_add_up_are_refused_by_name_and_without_values():
    cells = ethnicities(ASIAN=20, BLACK=30)
    cells.loc[0, "n_tested"] = 51
    with pytest.raises(CellsDoNotAddUp, match="n_tested is not the sum") as refusal:
        protect(cells, NO_SPLITS)
    assert "51" not in str(refusal.value)


def test_a_refusal_names_the_keys_of_cells_and_nothing_else_that_they_have():
    cells = ethnicities(ASIAN=20, BLACK=30).assign(n_scores=77, cell_id=5)
    cells.loc[0, "n_tested"] = 51
    with pytest.raises(CellsDoNotAddUp) as refusal:
        protect(cells, NO_SPLITS)
    assert str(refusal.value).count("all/all/all/all/all/all/all/all") == 1
    assert "77" not in str(refusal.value)


def test_a_cell_without_a_code_is_refused():
    cells = ethnicities(ASIAN=20, BLACK=30)
    cells.loc[1, "ethnicity"] = None
    with pytest.raises(CellsDoNotAddUp, match="without a code of ethnicity"):
        protect(cells, NO_SPLITS)


def test_a_cell_without_its_parent_is_refused():
    with pytest.raises(CellsDoNotAddUp, match="parent is missing"):
        protect(ethnicities(ASIAN=20, BLACK=30).iloc[1:], NO_SPLITS)


def test_a_cell_twice_is_refused():
    cells = ethnicities(ASIAN=20, BLACK=30)
    with pytest.raises(CellsDoNotAddUp, match="twice"):
        protect(pd.concat([cells, cells.iloc[[1]]], ignore_index=True), NO_SPLITS)


def test_no_cells_give_no_decisions_of_the_same_columns():
    decided = protect(ethnicities(ASIAN=20).iloc[:0], NO_SPLITS)
    assert decided.columns.tolist() == [
        "suppressed",
        "suppression_reason",
        "rate_coding",
        "rate_limit",
        "shows_levels",
    ]
    assert decided.empty


def test_the_cells_handed_in_are_left_alone_and_categoricals_read_like_strings():
    cells = ethnicities(ASIAN=5, BLACK=30, WHITE=50)
    before = cells.copy()
    plain = protect(cells, NO_SPLITS)
    coded = protect(cells.astype(dict.fromkeys(GROUPS, "category")), NO_SPLITS)
    pd.testing.assert_frame_equal(cells, before)
    pd.testing.assert_frame_equal(plain, coded)


# --- random networks against the exact attacker


@st.composite
def networks(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cells and splits of a network of up to six schools in two districts, some of them partners.

    Groups are drawn unevenly, so that small and lone cells of every kind occur.
    """
    seed = draw(st.integers(0, 2**32 - 1))
    schools = draw(st.integers(1, 6))
    students = draw(st.integers(5, 400))
    chance = np.random.default_rng(seed)
    skew = draw(st.sampled_from([0.5, 0.75, 0.9]))
    pick = lambda codes: chance.choice(  # noqa: E731
        codes, students, p=[skew] + [(1 - skew) / (len(codes) - 1)] * (len(codes) - 1)
    )
    frame = pd.DataFrame(
        {
            "school": chance.integers(0, schools, students),
            "grade": chance.choice(["03", "04"], students),
            "ethnicity": pick(["HISPANIC", "WHITE", "ASIAN"]),
            "el_status": pick(["EO", "EL"]),
            "gender": chance.choice(["F", "M"], students),
            "econ_status": pick(["SED", "NOT_SED"]),
            "disability_status": pick(["NOT_SWD", "SWD"]),
            "is_proficient": chance.random(students) < chance.random(),
        }
    )
    partner = chance.random(schools) < 0.5
    return network_cells(frame, partner)


def network_cells(frame: pd.DataFrame, partner: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The cells and splits of student rows: school s is in district s % 2, partner or rest."""
    school = frame["school"]
    district = (school % 2).astype(str)
    side = np.where(partner[school], "partner", "rest")
    levels = {"all": "all", "district": district, "school": school.astype(str)}
    parts = [cube(frame, level, ids) for level, ids in levels.items()]
    parts += [cube(frame[side == s], s, district[side == s]) for s in ("partner", "rest")]
    return pd.concat(parts, ignore_index=True), network_splits(sorted(set(school)), partner)


def network_splits(schools: list[int], partner: np.ndarray) -> pd.DataFrame:
    rows = set()
    for school in schools:
        district, side = str(school % 2), "partner" if partner[school] else "rest"
        rows |= {
            ("all", "all", "districts", "district", district),
            ("district", district, "schools", "school", str(school)),
            ("district", district, "partnership", side, district),
            (side, district, "schools", "school", str(school)),
        }
    return pd.DataFrame(sorted(rows), columns=SCHOOLS_ONLY.columns)


def cube(frame: pd.DataFrame, level: str, ids: pd.Series | str) -> pd.DataFrame:
    """Every crossing of the first three groups, the others one-way, each by grade and for all."""
    crossings = [c for size in range(4) for c in itertools.combinations(GROUPS[:3], size)]
    parts = []
    for split in [*crossings, *((column,) for column in GROUPS[3:])]:
        for columns in (split, ("grade", *split)):
            keyed = frame.assign(org_id=ids).groupby(["org_id", *columns], observed=True)
            counts = keyed["is_proficient"].agg(n_tested="size", n_proficient="sum").reset_index()
            absent = [column for column in ["grade", *GROUPS] if column not in columns]
            parts.append(counts.assign(org_level=level, **dict.fromkeys(absent, "all")))
    return pd.concat(parts, ignore_index=True)


@settings(max_examples=25, deadline=None)
@given(networks(), st.sampled_from([3, 11]))
def test_nothing_hidden_can_be_computed_from_what_is_shown(network, minimum_n):
    cells, splits = network
    rule = SuppressionRule(minimum_n)
    decided = protect(cells, splits, rule=rule)
    suppressed, unknown = hidden_of(decided)
    small = cells["n_tested"].to_numpy() < minimum_n
    assert suppressed[small].all()
    assert not computable(cells, splits, suppressed, unknown).any()
    assert small_unions(cells, splits, suppressed, minimum_n) == []


@settings(max_examples=5, deadline=None)
@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_rows_is_irrelevant_to_the_guarantee(network, chance):
    cells, splits = network
    order = list(range(len(cells)))
    chance.shuffle(order)
    shuffled = cells.iloc[order]
    decided = protect(shuffled, splits.sample(frac=1, random_state=1))
    assert decided.index.equals(shuffled.index)
    pd.testing.assert_frame_equal(decided.sort_index(), protect(cells, splits).sort_index())


@settings(max_examples=5, deadline=None)
@given(networks())
def test_nothing_is_hidden_in_any_network_where_every_student_may_be_shown(network):
    cells, splits = network
    rule = SuppressionRule(minimum_n=1, extreme_bands=NO_CODING, interval=0)
    assert not protect(cells, splits, rule=rule)["suppressed"].any()


def uneven_network(seed: int = 3) -> tuple[pd.DataFrame, pd.DataFrame]:
    chance = np.random.default_rng(seed)
    size = 300
    columns = {column: chance.choice(["X", "Y"], size, p=[0.8, 0.2]) for column in GROUPS}
    frame = pd.DataFrame({**columns, "school": chance.integers(0, 4, size)})
    frame["grade"] = chance.choice(["03", "04"], size)
    return network_cells(
        frame.assign(is_proficient=chance.random(size) < 0.5), np.array([True, False] * 2)
    )


def test_hiding_small_cells_only_would_not_hold_against_the_attacker():
    cells, splits = uneven_network()
    assert computable(cells, splits, cells["n_tested"].to_numpy() < 11).any()


def test_hiding_until_each_sum_holds_by_itself_would_not_hold_against_the_attacker():
    # x + y, y + z and x + z are shown: each sum has two unknowns, all three are known together.
    sums = [(3, [0, 1]), (4, [1, 2]), (5, [0, 2])]
    hidden = np.array([True, True, True, False, False, False])
    assert computable_from(sums, hidden).tolist() == hidden.tolist()


def test_a_narrower_set_of_dimensions_is_protected_alike():
    cells, splits = uneven_network()
    narrow = cells[(cells[GROUPS[2:]] == "all").all(axis=1)].reset_index(drop=True)
    decided = protect(narrow, splits, Dimensions(("ethnicity", "el_status"), ()))
    assert not computable(narrow, splits, *hidden_of(decided)).any()


# --- the real file: nothing of it is kept here


@pytest.fixture(scope="module")
def state_students() -> pd.DataFrame:
    folder = os.environ.get("ROCI_REALDATA")
    if not folder:
        pytest.skip("ROCI_REALDATA names no folder with the real files")
    found = sorted(Path(folder).rglob("state_long.csv.gz"))
    if not found:
        pytest.skip(f"no state_long.csv.gz below {folder}")
    return duckdb.sql(
        f"""select YEAR as school_year, CONTENT_AREA as subject, GRADE as grade,
            coalesce(ETHNICITY, 'UNKNOWN') as ethnicity, coalesce(GENDER, 'UNKNOWN') as gender,
            coalesce(ELL_STATUS, 'UNKNOWN') as el_status,
            coalesce(FREE_REDUCED_LUNCH_STATUS, 'UNKNOWN') as econ_status,
            coalesce(IEP_STATUS, 'UNKNOWN') as disability_status,
            DISTRICT_NUMBER as district, DISTRICT_NUMBER || '/' || SCHOOL_NUMBER as school,
            ACHIEVEMENT_LEVEL in ('Proficient', 'Advanced') as is_proficient
        from read_csv('{found[0]}', all_varchar = true, header = true)
        where ACHIEVEMENT_LEVEL <> 'No Score'
            and DISTRICT_NUMBER is not null and SCHOOL_NUMBER is not null"""
    ).df()


@pytest.mark.realdata
def test_no_system_of_the_real_file_gives_a_hidden_cell_back(state_students):
    for _, frame in state_students.groupby(["school_year", "subject"]):
        levels = {"all": "all", "district": frame["district"], "school": frame["school"]}
        cells = pd.concat([cube(frame, *level) for level in levels.items()], ignore_index=True)
        schools = frame[["district", "school"]].drop_duplicates()
        rows = {("district", d, "schools", "school", s) for d, s in schools.to_numpy()}
        rows |= {("all", "all", "districts", "district", d) for d in schools["district"]}
        splits = pd.DataFrame(sorted(rows), columns=SCHOOLS_ONLY.columns)
        suppressed, unknown = hidden_of(protect(cells, splits))
        assert not computable(cells, splits, suppressed, unknown).any()
        assert small_unions(cells, splits, suppressed, 11) == []
