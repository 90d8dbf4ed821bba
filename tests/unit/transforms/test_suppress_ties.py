"""What two dimensions tell of each other, some of whose codes never go together.

The attacker here knows which codes go together, and of each shown cell of which students it is the
sum; whatever is a sum and difference of shown cells is hers.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping

import duckdb
import numpy as np
import pandas as pd
import pytest

from transforms.cell_pairs import codes_met, combinations_sql
from transforms.cell_plan import CellPlan
from transforms.suppress import Dimensions, SuppressionRule, protect
from transforms.suppress_lines import build_system

COLUMNS = ("grade", "ethnicity", "el_status", "el_recent_status", "ltel_status")
ONE_WAY = COLUMNS[3:]
DIMENSIONS = Dimensions(("ethnicity", "el_status"), ONE_WAY, ("ethnicity", "el_status"))
UNCODED = SuppressionRule(extreme_bands=((11, -1.0),), interval=0)
NO_SPLITS = pd.DataFrame(
    [], columns=["parent_level", "parent_id", "split", "child_level", "child_id"], dtype=str
)
PRIME = 2**31 - 1

Students = Mapping[tuple[str, ...], int]
# el_status, el_recent_status, ltel_status.
EL = ("EL", "EL_OR_RFEP4", "EL_OTHER")
LTEL = ("EL", "EL_OR_RFEP4", "LTEL")
LATELY = ("RFEP", "EL_OR_RFEP4", "NOT_EL")
LONG_AGO = ("RFEP", "OTHER", "NOT_EL")
NEVER = ("EO", "OTHER", "NOT_EL")


def students(**of_grade: dict[tuple[str, ...], tuple[int, int]]) -> Students:
    """Students by grade and status, so many of either ethnicity."""
    return {
        (grade[1:], ethnicity, *status): count
        for grade, statuses in of_grade.items()
        for status, counts in statuses.items()
        for ethnicity, count in zip(("ASIAN", "WHITE"), counts, strict=True)
        if count
    }


def counted(of: Students) -> pd.DataFrame:
    """Every cell of one organisation that the dimensions ask for; half are proficient."""
    found: Counter[tuple[str, ...]] = Counter()
    for codes, count in of.items():
        for split in _splits():
            found[tuple(c if s else "all" for c, s in zip(codes, split, strict=True))] += count
    cells = pd.DataFrame(list(found), columns=list(COLUMNS))
    n = np.array(list(found.values()))
    return cells.assign(org_level="all", org_id="all", n_tested=n, n_proficient=n)


def _splits() -> Iterator[tuple[bool, ...]]:
    for split in itertools.product((False, True), repeat=len(COLUMNS)):
        grade, *crossed, recent, ltel = split
        if recent + ltel == 0 or (recent + ltel == 1 and grade + sum(crossed) <= 1):
            yield split


def met_of(of: Students) -> pd.DataFrame:
    pairs = {(ONE_WAY[0], codes[3], ONE_WAY[1], codes[4]) for codes in of}
    return pd.DataFrame(sorted(pairs), columns=["one", "code", "other", "other_code"])


def decide(of: Students) -> tuple[pd.DataFrame, pd.DataFrame]:
    cells = counted(of)
    return cells, protect(cells, NO_SPLITS, DIMENSIONS, UNCODED, met_of(of))


def given_away(of: Students, cells: pd.DataFrame, decided: pd.DataFrame) -> list[tuple[str, ...]]:
    """Groups of 1 to 10 students, cells or what two cells share, that shown cells are a sum of."""
    allowed = {codes[2:] for codes in of}
    kinds = [
        (grade, ethnicity, *status)
        for grade in sorted({codes[0] for codes in of})
        for ethnicity in sorted({codes[1] for codes in of})
        for status in sorted(allowed)
    ]
    keys = list(cells[list(COLUMNS)].itertuples(index=False, name=None))
    shown = [_sum(key, kinds) for key in itertools.compress(keys, ~decided["suppressed"])]
    asked = {*keys, *_shared(keys)}
    small = [key for key in sorted(asked) if 0 < _count(key, of) < 11]
    rank = _rank(shown)
    return [key for key in small if _rank([*shown, _sum(key, kinds)]) == rank]


def _shared(keys: list[tuple[str, ...]]) -> set[tuple[str, ...]]:
    """Returns the groups that are in a cell of each of two dimensions."""
    return {
        tuple(a if b == "all" else b for a, b in zip(one, other, strict=True))
        for one, other in itertools.combinations(keys, 2)
        if one[:2] == other[:2]
        and all("all" in pair for pair in zip(one[2:], other[2:], strict=True))
    }


def _holds(key: tuple[str, ...], codes: tuple[str, ...]) -> bool:
    return all(k in ("all", code) for k, code in zip(key, codes, strict=True))


def _sum(key: tuple[str, ...], kinds: list[tuple[str, ...]]) -> list[int]:
    return [int(_holds(key, kind)) for kind in kinds]


def _count(key: tuple[str, ...], of: Students) -> int:
    return sum(count for codes, count in of.items() if _holds(key, codes))


def _rank(rows: list[list[int]]) -> int:
    """The rank of the rows modulo a prime."""
    left, rank = np.array(rows, dtype=object), 0
    for column in range(left.shape[1]):
        found = np.flatnonzero(left[rank:, column]) + rank
        if not len(found):
            continue
        left[[rank, found[0]]] = left[[found[0], rank]]
        left[rank] = left[rank] * pow(int(left[rank, column]), -1, PRIME) % PRIME
        for row in range(rank + 1, len(left)):
            if left[row, column]:
                left[row] = (left[row] - left[row, column] * left[rank]) % PRIME
        rank += 1
        if rank == len(left):
            break
    return rank


def shown_of(cells: pd.DataFrame, decided: pd.DataFrame, **key: str) -> bool:
    wanted = dict.fromkeys(COLUMNS, "all") | key
    row = (cells[list(wanted)] == pd.Series(wanted)).all(axis=1)
    assert row.sum() == 1
    return not decided.loc[row, "suppressed"].item()


# Nobody was reclassified: EL_OR_RFEP4 is EL, OTHER and NOT_EL are EO, in every grade.
ONLY_LEARNERS = students(
    g03={EL: (40, 4), NEVER: (2, 4)},
    g04={EL: (9, 25), NEVER: (9, 2)},
    g05={EL: (9, 15), NEVER: (25, 25)},
)
# Of grade 4 three were reclassified lately: EL_OR_RFEP4 less EL.
FEW_LATELY = students(
    g03={EL: (20, 30), LATELY: (20, 20), LONG_AGO: (15, 15), NEVER: (40, 30)},
    g04={EL: (25, 14), LTEL: (12, 20), LATELY: (2, 1), LONG_AGO: (13, 14), NEVER: (30, 50)},
)


@pytest.mark.parametrize("of", [ONLY_LEARNERS, FEW_LATELY])
def test_nothing_is_given_away_by_groups_that_never_go_together(of: Students) -> None:
    cells, decided = decide(of)
    assert given_away(of, cells, decided) == []
    # The attacker does find what is given away where no dimension knows of another.
    small = (cells["n_tested"] < 11).to_frame("suppressed")
    assert given_away(of, cells, small)


def test_a_group_that_is_another_in_every_grade_shares_its_decision() -> None:
    cells, decided = decide(ONLY_LEARNERS)
    for grade, ethnicity in (("03", "all"), ("04", "all"), ("all", "ASIAN"), ("all", "WHITE")):
        at = {"grade": grade, "ethnicity": ethnicity}
        twins = [
            shown_of(cells, decided, **at, el_status="EL"),
            shown_of(cells, decided, **at, el_recent_status="EL_OR_RFEP4"),
        ]
        assert len(set(twins)) == 1


def test_who_two_groups_do_not_share_is_a_part_of_its_own_that_is_guarded() -> None:
    cells, decided = decide(FEW_LATELY)
    in_4 = {"grade": "04"}
    assert not (
        shown_of(cells, decided, **in_4, el_status="EL")
        and shown_of(cells, decided, **in_4, el_recent_status="EL_OR_RFEP4")
    )


def test_a_part_that_is_no_cell_is_counted_from_cells() -> None:
    cells = counted(FEW_LATELY)
    system = build_system(cells, NO_SPLITS, DIMENSIONS, met_of(FEW_LATELY))
    parts = system.parts @ cells["n_tested"].to_numpy()
    assert 3 in parts
    assert 0 not in parts
    x = system.greatest(cells["n_tested"].to_numpy(), parts)
    assert not (system.matrix @ x).any()


def test_dimensions_that_are_never_crossed_are_tied_by_what_the_whole_system_has() -> None:
    cells = counted(ONLY_LEARNERS)
    n = cells["n_tested"].to_numpy()
    of_system = build_system(cells, NO_SPLITS, DIMENSIONS, met_of(ONLY_LEARNERS)).set_of_cell
    at = (cells["grade"] == "03") & (cells["ethnicity"] == "all") & (cells["el_status"] == "all")
    recent = at & (cells["el_recent_status"] == "EL_OR_RFEP4")
    ltel = at & (cells["ltel_status"] == "EL_OTHER")
    assert n[recent] == n[ltel]
    assert of_system[recent] == of_system[ltel]


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_given_away_in_systems_at_random(seed: int) -> None:
    chance = np.random.default_rng(seed)
    of = students(
        **{
            grade: {
                status: tuple(chance.choice([2, 4, 9, 15, 25, 40], size=2).tolist())
                for status in (EL, LTEL, LATELY, LONG_AGO, NEVER)
            }
            for grade in ("g03", "g04", "g05")
        }
    )
    assert given_away(of, *decide(of)) == []


def test_codes_met_are_those_of_one_system() -> None:
    con = duckdb.connect()
    plan = CellPlan(("el_status",), ("econ_status",), {})
    con.execute(
        "CREATE TABLE cells_groups_seen AS SELECT * FROM (VALUES (1, '03', 'EL', 'SED'), "
        "(2, '03', 'EO', NULL), (3, '04', 'EO', 'SED')) g(code, grade, el_status, econ_status)"
    )
    con.execute(
        "CREATE TABLE cells_units AS SELECT * FROM (VALUES (1, 2024), (2, 2025)) "
        "u(code, school_year), (SELECT 'map' AS assessment, 'math' AS subject, 'x' AS test_window)"
    )
    con.execute("CREATE TABLE cells_finest AS SELECT unnest([5, 6, 11]) AS finest")
    con.execute(f"CREATE TABLE cells_combinations AS {combinations_sql('cells', plan, 3)}")
    pairs = codes_met(con, "cells", ("econ_status", "el_status"), (2024, "map", "math", "x"))
    assert sorted(pairs[["code", "other_code"]].itertuples(index=False, name=None)) == [
        ("SED", "EL"),
        ("UNKNOWN", "EO"),
    ]
    assert codes_met(con, "cells", ("el_status",), (2024, "map", "math", "x")).empty
