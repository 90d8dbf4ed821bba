"""Suppression beside gconfid's, on the same table and before the same attacker.

    python -m benchmarks.oracle PYTHON [--students FILE] [--schools N] [--solved N]

PYTHON is an interpreter that has gconfid (`python -m venv`, `pip install gconfid`), which is no
dependency of roci. The table: schools, their district (several districts: their network too) by
every crossing of ethnicity, el_status and gender; one grade, one count. FILE has a row per student:
school, ethnicity, el_status, gender, is_proficient (0 or 1) and, where there are several, district;
without it the students of one district are generated. See docs/decisions/0023-oracle.md.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import linprog

from tests.unit.transforms.attacker import computable, small_unions, sums_of
from transforms.suppress import Dimensions, SuppressionRule, protect

Flags = NDArray[np.bool_]
HERE = Path(__file__).parent
SEED = 20261122
GROUPS = ["ethnicity", "el_status", "gender"]
KEYS = ["org", *GROUPS]
ALL = "all"
MINIMUM = 11
NARROW = 3
SLIP = 1e-6
# How wide a hidden count must be left, and what hiding a cell costs in each phase of gconfid.
WAYS = {
    "gconfid, as it comes": ("1", "SIZE"),
    "gconfid, two phases": ("1", "SIZE", "INFORMATION"),
    "gconfid, width 3, two phases": ("3", "SIZE", "INFORMATION"),
}
# A reader who does not know which combinations have no student; one who does; one who knows of each
# hidden cell that it has some.
READERS = {"unaware": (False, 0), "knows empty": (True, 0), "knows rows": (True, 1)}


@dataclass(frozen=True)
class Table:
    """Cells and how organisations add up.

    students: org (the school) and the groups.
    wider: the organisation around each, named level/id.
    """

    students: pd.DataFrame
    cells: pd.DataFrame
    wider: Mapping[str, str]

    @property
    def splits(self) -> pd.DataFrame:
        """Return the parts of each organisation, as `protect` takes them."""
        rows = [
            (*whole.split("/", 1), "parts", *part.split("/", 1))
            for part, whole in self.wider.items()
        ]
        columns = ["parent_level", "parent_id", "split", "child_level", "child_id"]
        return pd.DataFrame(rows, columns=columns)

    @property
    def n(self) -> NDArray[np.int64]:
        """Return the students of each cell."""
        return self.cells["n_tested"].to_numpy()

    def bare(self) -> pd.DataFrame:
        """Return the cells without the name that only this file gives an organisation."""
        return self.cells.drop(columns="org")

    def full(self) -> Table:
        """Return the table with a cell of nobody for each combination that has no student."""
        codes = [sorted(set(self.cells[column])) for column in KEYS]
        every = pd.MultiIndex.from_product(codes, names=KEYS)
        counts = self.cells.set_index(KEYS)[["n_tested", "n_proficient"]]
        rest = every.difference(counts.index, sort=False)
        empty = pd.DataFrame(0, rest, counts.columns)
        return Table(self.students, _placed(pd.concat([counts, empty]).reset_index()), self.wider)


def generated(schools: int) -> pd.DataFrame:
    """Draw the students of a district of schools that differ in size and in who goes there."""
    chance = np.random.default_rng(SEED)
    ethnicities = ["HISPANIC", "WHITE", "ASIAN", "BLACK", "MULTI", "AIAN"]
    parts = []
    for school in range(schools):
        size = int(chance.integers(60, 320))
        mix = chance.dirichlet([8, 4, 3, 1.5, 0.6, 0.3])
        columns = {
            "ethnicity": chance.choice(ethnicities, size, p=mix),
            "el_status": chance.choice(
                ["EO", "EL", "RFEP", "IFEP"], size, p=[0.6, 0.22, 0.13, 0.05]
            ),
            "gender": chance.choice(["F", "M", "X"], size, p=[0.49, 0.5, 0.01]),
            "is_proficient": (chance.random(size) < chance.uniform(0.3, 0.7)).astype(int),
        }
        parts.append(pd.DataFrame(columns).assign(school=f"S{school:02}"))
    return pd.concat(parts, ignore_index=True)


def table_of(students: pd.DataFrame) -> Table:
    """Count every cell of the schools, of their districts and, of several, of their network."""
    if "district" not in students:
        students = students.assign(district="D")
    school, district = "school/" + students["school"], "district/" + students["district"]
    orgs = [school, district, *(["all/all"] if district.nunique() > 1 else [])]
    wider = dict(zip(school, district, strict=True))
    if len(orgs) > 2:
        wider |= dict.fromkeys(district, "all/all")
    parts = []
    for org, size in itertools.product(orgs, range(4)):
        for split in itertools.combinations(GROUPS, size):
            others = dict.fromkeys(set(GROUPS) - set(split), ALL)
            keyed = students.assign(org=org, **others).groupby(KEYS)["is_proficient"]
            parts.append(keyed.agg(n_tested="size", n_proficient="sum").reset_index())
    cells = _placed(pd.concat(parts, ignore_index=True))
    return Table(students.assign(org=school)[KEYS], cells, wider)


def _placed(cells: pd.DataFrame) -> pd.DataFrame:
    named = cells["org"].str.split("/", n=1, expand=True)
    return cells.assign(org_level=named[0], org_id=named[1], grade=ALL)


def by_roci(table: Table, *, rates: bool) -> tuple[Flags, float]:
    """Return which cells roci hides, and its processor seconds."""
    cells = table.bare()
    if not rates:
        cells = cells.assign(n_proficient=0, has_rate=False)
    began = time.process_time()
    decided = protect(cells, table.splits, Dimensions(tuple(GROUPS), ()), SuppressionRule(MINIMUM))
    return decided["suppressed"].to_numpy(), time.process_time() - began


def by_gconfid(python: str, table: Table, way: tuple[str, ...]) -> tuple[Flags, float, str]:
    """Return which cells gconfid hides, its processor seconds, and what it says of itself."""
    codes = {
        column: {name: f"{column[0]}{at}" for at, name in enumerate(pd.unique(table.cells[column]))}
        for column in KEYS
    }
    codes["el_status"] = {name: f"l{code}" for name, code in codes["el_status"].items()}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        coded = _coded(table.students, codes)
        coded.insert(0, "unit_id", [f"u{number}" for number in range(len(coded))])
        coded.to_csv(folder / "students.csv", index=False)
        (folder / "hierarchy.txt").write_text(_hierarchy(table, codes))
        command = [python, str(HERE / "oracle_gconfid.py"), name, str(MINIMUM), *way]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        hidden = pd.read_csv(folder / "cells.csv").set_index(KEYS)["hidden"]
        told = json.loads((folder / "told.json").read_text())
    found = hidden.reindex(pd.MultiIndex.from_frame(_coded(table.cells[KEYS], codes)))
    assert len(hidden) == len(found) and found.notna().all(), "gconfid has other cells"
    about = f"{told['version']}, {told['aggregates']} unions"
    return found.to_numpy(dtype=bool), told["seconds"], about


def _coded(frame: pd.DataFrame, codes: Mapping[str, Mapping[str, str]]) -> pd.DataFrame:
    return pd.DataFrame({column: frame[column].map(codes[column]) for column in KEYS})


def _hierarchy(table: Table, codes: Mapping[str, Mapping[str, str]]) -> str:
    parts: dict[str, list[str]] = {}
    for part, whole in reversed([*table.wider.items()]):
        parts.setdefault(whole, []).append(codes["org"][part])
    levels = [" ".join([codes["org"][whole], *of]) for whole, of in parts.items()]
    lists = [": ".join(levels)]
    for column in GROUPS:
        own = dict(codes[column])
        lists.append(" ".join([own.pop(ALL), *own.values()]))
    return "; ".join(lists) + ";"


def widths(table: Table, hidden: Flags, floor: int, look_at: NDArray[np.intp]) -> NDArray[np.int64]:
    """Return of some hidden cells how far apart their least and greatest count may be.

    The reader knows every shown count, every line, and that each hidden cell has `floor` students
    or more. Whole numbers between the bounds of a linear programme: not each of them need occur.
    """
    at, n = np.cumsum(hidden) - 1, table.n
    entries: list[tuple[int, int, int]] = []
    rest: list[int] = []
    for parent, children in sums_of(table.bare(), table.splits):
        signed = [(parent, 1), *((child, -1) for child in children)]
        of_hidden = [(len(rest), at[cell], sign) for cell, sign in signed if hidden[cell]]
        if of_hidden:
            entries += of_hidden
            rest.append(-sum(sign * n[cell] for cell, sign in signed if not hidden[cell]))
    row, column, value = zip(*entries, strict=True)
    matrix = sparse.csr_array((value, (row, column)), shape=(len(rest), int(hidden.sum())))
    right = np.array(rest)
    return np.array([_width(matrix, right, at[cell], floor) for cell in look_at])


def _width(matrix: sparse.csr_array, right: NDArray[np.int64], of: int, floor: int) -> int:
    goal = np.zeros(matrix.shape[1])
    ends = []
    for sign in (1, -1):
        goal[of] = sign
        solved = linprog(goal, A_eq=matrix, b_eq=right, bounds=(floor, None), method="highs")
        assert solved.status == 0, solved.message
        ends.append(sign * solved.fun)
    return int(np.floor(ends[1] + SLIP) - np.ceil(ends[0] - SLIP))


def ranges(table: Table, hidden: Flags, most: int) -> dict[str, object]:
    """Return how many small hidden cells each reader knows closely; of `most` at random."""
    small = np.flatnonzero(hidden & (table.n < MINIMUM))
    look_at = np.random.default_rng(SEED).permutation(small)[:most]
    full = table.full()
    of_all = np.append(hidden, np.ones(len(full.cells) - len(hidden), dtype=bool))
    found: dict[str, object] = {"solved for": len(look_at)}
    for reader, (knows, floor) in READERS.items():
        of, what = (table, hidden) if knows else (full, of_all)
        width = widths(of, what, floor, look_at)
        found[f"one number, {reader}"] = int((width == 0).sum())
        found[f"narrow, {reader}"] = int((width < NARROW).sum())
    return found


def nested(table: Table, hidden: Flags) -> int:
    """Count the pairs of shown cells, one within the other, that are a few students apart."""
    keys = list(table.cells[KEYS].itertuples(index=False, name=None))
    shown = {
        key: n for key, n, is_hidden in zip(keys, table.n, hidden, strict=True) if not is_hidden
    }
    pairs = ((n, around) for key, n in shown.items() for around in _around(table, key))
    return sum(0 < int(shown.get(around, n) - n) < MINIMUM for n, around in pairs)


def _around(table: Table, key: tuple[str, ...]) -> set[tuple[str, ...]]:
    orgs = [key[0]]
    while orgs[-1] in table.wider:
        orgs.append(table.wider[orgs[-1]])
    return set(itertools.product(orgs, *((code, ALL) for code in key[1:])))


def attack(name: str, table: Table, hidden: Flags, seconds: float, most: int) -> dict[str, object]:
    """Return what is lost and what leaks."""
    cells, n = table.bare(), table.n
    large, groups = n >= MINIMUM, (cells[GROUPS] != ALL).sum(axis=1).to_numpy()
    lost = hidden & large
    exact = computable(cells, table.splits, hidden)
    return {
        "way": name,
        "hidden": int(hidden.sum()),
        "large hidden": int(lost.sum()),
        "share": _share(lost, large),
        "by students": f"{n[lost].sum() / n[large].sum():.1%}",
        "all students": _share(lost & (groups == 0), large & (groups == 0)),
        "one group": _share(lost & (groups == 1), large & (groups == 1)),
        "exact, small": int((exact & ~large).sum()),
        "exact, large": int((exact & large).sum()),
        "small unions": len(small_unions(cells, table.splits, hidden, MINIMUM)),
        "nested few apart": nested(table, hidden),
        **ranges(table, hidden, most),
        "seconds": round(seconds, 2),
    }


def _share(some: Flags, of: Flags) -> str:
    return f"{some.sum() / of.sum():.1%}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("python")
    parser.add_argument("--students", type=Path)
    parser.add_argument("--schools", type=int, default=10)
    parser.add_argument("--solved", type=int, default=1_000_000)
    given = parser.parse_args()
    students = (
        pd.read_csv(given.students, dtype=str) if given.students else generated(given.schools)
    )
    table = table_of(students.astype({"is_proficient": int}))
    small = table.n < MINIMUM
    print(f"{len(students)} students, {len(small)} cells, {small.sum()} of 1 to {MINIMUM - 1}")
    _tell(attack("small cells only", table, small, 0.0, given.solved))
    for name, rates in (("roci, counts alone", False), ("roci, with rates", True)):
        _tell(attack(name, table, *by_roci(table, rates=rates), given.solved))
    for name, way in WAYS.items():
        hidden, seconds, about = by_gconfid(given.python, table, way)
        _tell(attack(f"{name} ({about})", table, hidden, seconds, given.solved))


def _tell(row: dict[str, object]) -> None:
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
