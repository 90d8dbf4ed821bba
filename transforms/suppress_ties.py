"""The sums between two dimensions some of whose codes never go together.

Where no student of an organisation is of one group and of another, that holds in each grade and
within each further group too, where the two dimensions are not crossed with each other. Codes that
go together, through whatever others, are a *component*: its students are the same along both
dimensions, so the cells of one add up to those of the other. If English learners are all of
EL_OR_RFEP4 and nobody else is, the two are the same students in every grade. A pair of codes that
alone holds a component together is a *bridge*: how many students have both follows from the cells
(EL_OR_RFEP4 less EL are those lately reclassified), so they are a part to be guarded of their own.

Which codes go together is read from the cells that are split by both dimensions, which anybody may
read; of dimensions that are not crossed at all, from the students of the whole system.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse import csgraph

from transforms.cell_pairs import MET
from transforms.suppress_sets import Flags, Ints, matching

Edge = tuple[int, int]


@dataclass(frozen=True)
class KeyedCells:
    """Cells as integers, see `suppress_lines.Grid`, and the words of their codes.

    students: of each cell.
    rolled: of each roll-up the column that it is of, its own stride, and the number of its code
        that each cell's code is a member of, 0 for none.
    words: per column, code -> number.
    """

    students: Ints
    organisation: Ints
    codes: Ints
    strides: Ints
    key: Ints
    columns: tuple[str, ...]
    rolled: Sequence[tuple[int, int, Ints]]
    words: Callable[[str], dict[str, int]]


@dataclass
class Ties:
    """Sums over cells, and over parts that are no cells: (whole, its parts) by position.

    parts: of each part that is no cell, the cells that are added (1) and subtracted (-1); they are
        numbered after the cells, of which there are `cell_count`.
    """

    students: Ints
    sums: list[tuple[int, list[int]]] = field(default_factory=list)
    parts: list[tuple[list[int], list[int]]] = field(default_factory=list)

    def equate(self, one: list[int], other: list[int]) -> None:
        """Says that these cells together hold the students of those together."""
        if len(one) > 1 and len(other) > 1:
            whole = self._part(one, [])
            self.sums += [(whole, one), (whole, other)]
        elif len(one) == 1:
            self.sums.append((one[0], other))
        else:
            self.sums.append((other[0], one))

    def separate(self, one: list[int], other: list[int]) -> None:
        """Says that the cells of one hold those of the other, and a part that is left."""
        left = int(self.students[one].sum() - self.students[other].sum())
        self.equate(one, [*other, self._part(one, other)] if left else other)

    def _part(self, added: list[int], subtracted: list[int]) -> int:
        self.parts.append((added, subtracted))
        return len(self.students) + len(self.parts) - 1

    def members(self) -> tuple[Ints, Ints, Ints]:
        """Returns (line, parent, child) of every sum."""
        rows = [(n, whole, p) for n, (whole, parts) in enumerate(self.sums) for p in parts]
        line, parent, child = np.array(rows, dtype=np.int64).reshape(-1, 3).T
        return line, parent, child

    def matrix(self) -> sparse.csr_array:
        """Returns a row per part that is no cell and a column per cell."""
        entries = [
            (row, cell, sign)
            for row, ends in enumerate(self.parts)
            for cells, sign in zip(ends, (1, -1), strict=True)
            for cell in cells
        ]
        row, column, sign = np.array(entries, dtype=np.int64).reshape(-1, 3).T
        return sparse.csr_array((sign, (row, column)), (len(self.parts), len(self.students)))


def tie(cells: KeyedCells, pairs: Iterable[tuple[str, str]], met: pd.DataFrame | None) -> Ties:
    """Returns the sums between the cells of each pair of dimensions.

    Args:
        cells: of one system.
        pairs: of dimensions that are not split together in every cell.
        met: pairs of codes that any student of the system has, see `codes_met`; null where that is
            not known, and only cells that are split by both tell of it.
    """
    ties = Ties(cells.students)
    at = pd.Index(cells.key)
    split = np.ascontiguousarray(cells.codes.T > 0)
    by_two = split.sum(axis=0) == 2
    for one, other in pairs:
        i, j = cells.columns.index(one), cells.columns.index(other)
        if not (split[i].any() and split[j].any()):
            continue
        seen = _seen_together(cells, split[i] & split[j] & by_two, i, j)
        if not len(seen) and met is not None:
            seen = _named_together(cells, one, other, met)
        if len(seen):
            _tie_pair(ties, _edges(cells, at, (i, j), seen))
    return ties


def _seen_together(cells: KeyedCells, both: Flags, i: int, j: int) -> pd.DataFrame:
    """Returns `one`, `other` by `organisation`, of the cells that are split by just these two."""
    return pd.DataFrame(
        {
            "organisation": cells.organisation[both],
            "one": cells.codes[both, i],
            "other": cells.codes[both, j],
        }
    )


def _named_together(cells: KeyedCells, one: str, other: str, met: pd.DataFrame) -> pd.DataFrame:
    """Returns the same of what is known of the whole system, without organisations."""
    turned = met.rename(columns=dict(zip(MET, (*MET[2:], *MET[:2]), strict=True)))
    both = pd.concat([met, turned])
    both = both[(both["one"] == one) & (both["other"] == other)]
    numbers = {
        "one": both["code"].map(cells.words(one)),
        "other": both["other_code"].map(cells.words(other)),
    }
    return pd.DataFrame(numbers).dropna().astype(np.int64).drop_duplicates()


def _edges(
    cells: KeyedCells, at: pd.Index, ends: tuple[int, int], seen: pd.DataFrame
) -> tuple[Ints, Ints, Ints]:
    """Returns the pairs of cells that may share students, of each context in which both are split.

    That is of each pair its context (the key of what both are split from) and both positions. A
    context whose cells are split by both together has its sums already.
    """
    (i, j), key = ends, cells.key
    of_one, of_other = (cells.codes[:, end] * cells.strides[end] for end in ends)
    crossed = (of_one > 0) & (of_other > 0)
    one = np.flatnonzero((of_one > 0) & (of_other == 0))
    one = one[~np.isin((key - of_one)[one], (key - of_one - of_other)[crossed])]
    known, code = seen["one"].to_numpy(), cells.codes[one, i]
    if "organisation" in seen:
        codes = int(cells.codes[:, i].max(initial=0)) + 1
        known = known + seen["organisation"].to_numpy() * codes
        code = code + cells.organisation[one] * codes
    split, met = matching(code, known)
    one = one[split]
    context = (key - of_one)[one]
    other = at.get_indexer(context + seen["other"].to_numpy()[met] * cells.strides[j])
    found = other >= 0
    return context[found], one[found], other[found]


def _tie_pair(ties: Ties, edges: tuple[Ints, Ints, Ints]) -> None:
    """Adds the sums of each component, and of each bridge that is not a whole cell itself."""
    for is_alone, found in _components(*edges, len(ties.students)):
        shape = tuple(found)
        one, other = (sorted({edge[end] for edge in shape}) for end in (0, 1))
        if not is_alone:
            ties.equate(one, other)
        for ones, others in _bridges(shape):
            ties.separate(sorted(ones), sorted(others))


def _components(
    context: Ints, one: Ints, other: Ints, count: int
) -> Iterator[tuple[bool, list[Edge]]]:
    """Yields each component's edges, and whether it is the only one of its context.

    One in which all go with all, and which is alone, tells nothing.
    """
    graph = sparse.coo_array((np.ones(len(one)), (one, other)), shape=(count, count))
    parts, part_of = csgraph.connected_components(graph, directed=False)
    whole = np.bincount(part_of[np.unique(one)], minlength=parts)
    whole = whole * np.bincount(part_of[np.unique(other)], minlength=parts)
    part, first = np.unique(part_of[one], return_index=True)
    _, number, size = np.unique(context[first], return_inverse=True, return_counts=True)
    alone = np.zeros(parts, dtype=bool)
    alone[part] = size[number] == 1
    tells = ~alone | (np.bincount(part_of[one], minlength=parts) != whole)
    telling = np.flatnonzero(tells[part_of[one]])
    telling = telling[np.argsort(part_of[one[telling]])]
    of_part = part_of[one[telling]]
    starts = np.flatnonzero(np.diff(of_part, prepend=-1))
    pairs = list(zip(one[telling].tolist(), other[telling].tolist(), strict=True))
    for start, end in itertools.pairwise([*starts.tolist(), len(pairs)]):
        yield bool(alone[of_part[start]]), pairs[start:end]


def _bridges(edges: Sequence[Edge]) -> Iterator[tuple[set[int], set[int]]]:
    """Yields the cells of either dimension on the first one's side of each bridge.

    Not of one whose end is in no other pair: that end is what both have.
    """
    met: dict[int, list[int]] = {}
    for one, other in edges:
        met.setdefault(one, []).append(other)
        met.setdefault(other, []).append(one)
    # Between the two sides of a bridge no other codes go together: at least so many pairs lack.
    ones = len({one for one, _ in edges})
    others = len(met) - ones
    if ones * others - len(edges) < min(ones + others - 3, (ones - 1) * (others - 1)):
        return
    bridges: set[Edge] = set()
    _look_for_bridges(edges[0][0], -1, met, {}, bridges)
    for edge in edges:
        if (edge in bridges or edge[::-1] in bridges) and min(len(met[end]) for end in edge) > 1:
            yield _reached(edge, edges)


def _look_for_bridges(
    cell: int, before: int, met: dict[int, list[int]], order: dict[int, int], found: set[Edge]
) -> int:
    """Visits what hangs together with a cell; returns the earliest that it is in a circle with.

    Source: R. E. Tarjan, "A note on finding the bridges of a graph", Information Processing Letters
    2 (1974), 160-161.
    """
    order[cell] = earliest = len(order)
    for further in met[cell]:
        if further == before:
            continue
        is_new = further not in order
        reached = _look_for_bridges(further, cell, met, order, found) if is_new else order[further]
        if is_new and reached > order[cell]:
            found.add((cell, further))
        earliest = min(earliest, reached)
    return earliest


def _reached(without: Edge, edges: Sequence[Edge]) -> tuple[set[int], set[int]]:
    """Returns the cells that hang together with the edge's first one, without the edge."""
    ones, others = {without[0]}, set[int]()
    while True:
        further = {b for a, b in edges if a in ones and (a, b) != without} - others
        if not further:
            return ones, others
        others |= further
        ones |= {a for a, b in edges if b in others and (a, b) != without}
