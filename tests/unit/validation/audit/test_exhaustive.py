"""The audit against every table of whole numbers that fits what is published."""

import itertools
from fractions import Fraction

import numpy as np
import pytest
from scipy import sparse

from tests.unit.validation.audit.small_marts import KEY, NAME, SCHEME, cells_of, drawn, publish
from validation.audit import span
from validation.audit.bounds import bounds_of
from validation.audit.exact import Program
from validation.audit.published import Publication
from validation.audit.span import Span
from validation.audit.view import read_views

MOST = 4
ATOMS = list(itertools.product(("D/1", "D/2"), ("A", "B"), ("F", "M")))


def sums_of(cells):
    """A row per cell: which atoms it is the sum of."""
    return np.array(
        [
            [
                row.org_id in ("all", "D", school)
                and row.ethnicity in ("all", ethnicity)
                and row.gender in ("all", gender)
                for school, ethnicity, gender in ATOMS
            ]
            for row in cells.itertuples()
        ],
        dtype=np.int64,
    )


def all_tables(sums, shown, n):
    """Every table of atoms that sums to what is shown. The shown total bounds them all."""
    most = [min(n[shown & (sums[:, a] > 0)], default=MOST) for a in range(len(ATOMS))]
    tables = np.zeros((1, 0), dtype=np.int16)
    for a, upper in enumerate(most):
        values = np.arange(upper + 1, dtype=np.int16)
        tables = np.column_stack(
            [np.repeat(tables, len(values), axis=0), np.tile(values, len(tables))]
        )
        part = tables @ sums[shown][:, : a + 1].T
        complete = sums[shown][:, a + 1 :].sum(axis=1) == 0
        fits = (part <= n[shown]).all(axis=1)
        fits &= (part[:, complete] == n[shown][complete]).all(axis=1)
        tables = tables[fits]
    return tables


def systems():
    for seed in range(36):
        rng = np.random.default_rng(1000 + seed)
        cells = cells_of(drawn(seed, MOST))
        cells = cells[cells["grade"] == "all"].reset_index(drop=True)
        n = cells["n"].to_numpy()
        wide = cells["org_level"].isin(("all", "district")).to_numpy()
        # From nearly all shown, so that much follows, to little, so that much is open.
        often = rng.uniform(0.05, 0.6)
        shown = (n >= 2) & (rng.random(len(cells)) < np.where(wide, often, often * 0.8))
        shown[(cells[list(KEY)] == "all").all(axis=1)] = True
        yield pytest.param((cells, shown), id=str(seed))


@pytest.fixture(params=list(systems()))
def case(request, tmp_path):
    cells, shown = request.param
    publish(tmp_path, cells, shown, levels=np.zeros(len(cells), dtype=bool), rates=False)
    view = read_views([Publication(tmp_path)], NAME, SCHEME, rings=4)[0]
    names = {view.cells.name(at): at for at in range(view.cells.named)}
    words = view.cells.words
    at = []
    for row in cells.itertuples():
        parts = ["/".join(dict.fromkeys((row.org_level, row.org_id)))]
        parts += [f"{d} {getattr(row, d)}" for d in words.dimensions if getattr(row, d) != "all"]
        at.append(names.get(", ".join(parts), -1))
    return cells, shown, view, np.array(at)


def test_bounds_hold_every_table_that_fits(case):
    cells, shown, view, at = case
    sums, n = sums_of(cells), cells["n"].to_numpy()
    every = all_tables(sums, shown, n) @ sums.T
    bounds = bounds_of(view)
    there = at >= 0
    assert len(every)
    assert (bounds.n.low[at[there]] <= every.min(axis=0)[there]).all()
    assert (bounds.n.high[at[there]] >= every.max(axis=0)[there]).all()


def test_solved_ranges_are_those_of_all_tables(case):
    cells, shown, view, at = case
    sums, n = sums_of(cells), cells["n"].to_numpy()
    every = all_tables(sums, shown, n) @ sums.T
    bounds = bounds_of(view)
    block = np.arange(view.cells.size)
    program = Program(view, bounds, block)
    missed = 0
    for cell in np.flatnonzero((at >= 0) & ~shown & (cells["org_level"] != "all")):
        ends = []
        for side in (1.0, -1.0):
            weights = np.zeros((3, len(block)))
            weights[0, at[cell]] = side
            ends.append(program.best(program.direction(weights))[0][at[cell]])
        low, high = np.ceil(ends[0] - 1e-6), np.floor(ends[1] + 1e-6)
        assert low <= every[:, cell].min() and every[:, cell].max() <= high
        missed += (low, high) != (every[:, cell].min(), every[:, cell].max())
    # Between whole numbers there may be tables of fractions that reach one further.
    assert missed <= 2


def test_what_the_span_gives_away_is_the_same_in_all_tables_and_follows_in_fractions(case):
    cells, shown, view, at = case
    sums, n = sums_of(cells), cells["n"].to_numpy()
    every = all_tables(sums, shown, n) @ sums.T
    matrix = view.cells.lines.matrix(view.cells.size)
    found = Span.of(matrix, view.shown)
    follows, value = found.solve(-(matrix @ np.nan_to_num(view.n)))
    assert found.unproven == 0
    for cell in np.flatnonzero(~shown & (at >= 0)):
        if follows[at[cell]]:
            assert set(every[:, cell]) == {round(value[at[cell]])}
    unknown = np.flatnonzero(~view.shown)
    dense = matrix.toarray().astype(int)[:, unknown]
    pivots = in_row_space(dense)
    assert sorted(np.flatnonzero(follows).tolist()) == sorted(unknown[pivots].tolist())


def in_row_space(dense):
    """Which columns are alone in a row of the reduced form, in fractions."""
    rows = [[Fraction(int(x)) for x in row] for row in dense if row.any()]
    reduced = []
    for column in range(dense.shape[1]):
        found = next((row for row in rows if row[column]), None)
        if found is None:
            continue
        rows.remove(found)
        found = [x / found[column] for x in found]
        rows = [_less(row, found, column) for row in rows]
        reduced = [_less(row, found, column) for row in reduced]
        reduced.append(found)
    return [next(i for i, x in enumerate(row) if x) for row in reduced if sum(map(bool, row)) == 1]


def _less(row, other, column):
    return [x - row[column] * y for x, y in zip(row, other, strict=True)] if row[column] else row


def test_what_is_near_to_zero_by_chance_does_not_follow(monkeypatch):
    """Of a thousand open pairs some of any one table come as near to zero as this."""
    monkeypatch.setattr(span, "ZERO", 0.01)
    lines = sparse.kron(sparse.eye_array(1000), np.array([[1, -1, -1]]), format="csr")
    known = np.tile([True, False, False], 1000)
    follows, _ = Span.of(lines, known).solve(np.full(1000, -20.0))
    assert not follows.any()
