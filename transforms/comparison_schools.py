"""The difference in differences with schools as the units: a permutation over schools."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from configs.mart_models import Marts
from transforms.statistics.permutation import permuted_difference, ways_to_choose

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MEASURES = ("did_schools", "did_permutation_low", "did_permutation_high", "did_p_value")
# Numbers of one array that is worked on at a time: few enough to stay near the processor.
BLOCK = 1_000_000


@dataclass(frozen=True)
class SchoolSets:
    """Gains and weights of schools, set after set; a set's schools in the order of their ids."""

    numbers: Ints
    starts: Ints
    sizes: Ints
    gains: Floats
    weights: Floats

    @classmethod
    def read(cls, con: DuckDBPyConnection, sets: str, spans: str) -> SchoolSets:
        """Return the sets that rows of spans against the rest of a district need."""
        table = con.sql(
            f"SELECT set_no, gains, weights FROM {sets} WHERE set_no IN ("
            f"SELECT unnest([u_set, c_set]) FROM {spans} WHERE {_PERMUTED}) ORDER BY set_no"
        ).to_arrow_table()
        gains = table["gains"].combine_chunks()
        weights = table["weights"].combine_chunks()
        sizes = np.asarray(gains.value_lengths().to_numpy(zero_copy_only=False), dtype=np.int64)
        return cls(
            np.asarray(table["set_no"].to_numpy(), dtype=np.int64),
            np.cumsum(sizes) - sizes,
            sizes,
            np.asarray(gains.flatten().to_numpy(zero_copy_only=False), dtype=np.float64),
            np.asarray(weights.flatten().to_numpy(zero_copy_only=False), dtype=np.float64),
        )

    def schools_of(self, places: Ints) -> Ints:
        """Return where the schools of sets of one size stand: a row for each set."""
        return self.starts[places][:, None] + np.arange(self.sizes[places[0]])


_PERMUTED = "compared_to = 'rest' AND years IS NOT NULL AND u_gain IS NOT NULL"


def permuted(con: DuckDBPyConnection, marts: Marts, name: str) -> dict[str, Floats | Ints]:
    """Return `row_no` and MEASURES of the rows that are held against the rest of a district.

    The mean gain of the unit's schools minus that of the others, a school's gain weighing
    n0 n1 / (n0 + n1), the reciprocal of its variance but for p (1 - p): Mantel and Haenszel's mean
    of risk differences, each school a stratum of two years. NaN where there are fewer than
    `comparison.fewest_schools` others, or the gain of a school is not known.

    Source: S. Greenland, J. M. Robins, Estimation of a common effect parameter from sparse
    follow-up data, Biometrics 41 (1985), 55-68; `statistics.permutation` for the rest.
    """
    spans = f"{name}_spans"
    rows = con.execute(
        f"SELECT row_no, u_set, c_set FROM {spans} WHERE {_PERMUTED} AND u_set IS NOT NULL "
        f"AND c_schools >= {marts.comparison.fewest_schools} ORDER BY row_no"
    ).fetchnumpy()
    sets = SchoolSets.read(con, f"{name}_school_sets", spans)
    ours, theirs = (
        np.searchsorted(sets.numbers, np.asarray(rows[c], dtype=np.int64))
        for c in ("u_set", "c_set")
    )
    found = np.full((len(MEASURES), len(ours)), np.nan)
    for places in _alike(sets.sizes[ours], sets.sizes[theirs]):
        found[:, places] = _permuted_alike(sets, ours[places], theirs[places], marts)
    return {"row_no": np.asarray(rows["row_no"]), **dict(zip(MEASURES, found, strict=True))}


def _alike(chosen: Ints, others: Ints) -> Iterator[Ints]:
    """Yield the rows that have the same numbers of schools on both sides."""
    order = np.lexsort((others, chosen))
    is_new = np.diff(chosen[order], prepend=-1) | np.diff(others[order], prepend=-1)
    yield from np.split(order, np.flatnonzero(is_new)[1:]) if order.size else ()


def _permuted_alike(sets: SchoolSets, ours: Ints, theirs: Ints, marts: Marts) -> Floats:
    schools = np.hstack([sets.schools_of(ours), sets.schools_of(theirs)])
    chosen = int(sets.sizes[ours[0]])
    found = np.full((len(MEASURES), len(schools)), np.nan)
    known = np.flatnonzero(~np.isnan(sets.gains[schools]).any(axis=1))
    if not known.size:
        return found
    ways = ways_to_choose(chosen, schools.shape[1] - chosen, marts.comparison.permutations)
    for block in np.array_split(known, 1 + known.size * len(ways) // BLOCK):
        these = schools[block]
        result = permuted_difference(
            sets.gains[these], sets.weights[these], chosen, ways, marts.confidence
        )
        found[:, block] = (result.difference, result.low, result.high, result.p_value)
    return found
