"""What is decided of cells before they are published, and what holds a publication back."""

from __future__ import annotations

from types import SimpleNamespace

import duckdb
import pandas as pd
import pytest

from configs.assessment_models import Assessment
from configs.errors import PublicationHeld
from configs.mart_models import Marts
from flows.stages import derived, protecting
from transforms.cell_plan import CellPlan
from transforms.cells import build_cells
from transforms.organisations import Organisations
from transforms.suppress import CellsDoNotAddUp

ORGANISATIONS = Organisations("partners", "networks", "names")
NO_ORGANISATIONS = {
    "partners": "SELECT '' AS school_key WHERE false",
    "networks": "SELECT '' AS network, '' AS school_key WHERE false",
    "names": "SELECT '' AS org_level, '' AS org_id, NULL::INTEGER AS school_year, "
    "'' AS org_name WHERE false",
}
MARTS = Marts.model_construct(
    suppression=SimpleNamespace(minimum_n=11, extreme_bands=[(11, 20.0), (20, 10.0)], interval=3)
)


def assessment(levels: int) -> Assessment:
    return Assessment(
        name="invented",
        title="Invented",
        citation="none",
        subjects=["ela"],
        levels=[{"order": k, "label": f"Level {k}"} for k in range(1, levels + 1)],
        proficient_from=levels or None,
        scale="vertical",
    )


def decided(levels: list[int | None], of: Assessment) -> pd.DataFrame:
    """The decisions on one school's students at these levels."""
    plan = CellPlan((), (), {"invented": of, "other": assessment(2)})
    con = duckdb.connect()
    for name, sql in NO_ORGANISATIONS.items():
        con.execute(f"CREATE TEMP TABLE {name} AS {sql}")
    rows = pd.DataFrame({"performance_level": pd.array(levels, dtype="Int64")}).assign(
        school_year=2024,
        assessment="invented",
        subject="ela",
        test_window="annual",
        district_id="D1",
        school_id="S1",
        grade="03",
        scale_score=2400.0,
        is_scored=True,
    )
    con.register("results", rows)
    build_cells(con, "results", ORGANISATIONS, plan)
    protecting.decide(con, plan, MARTS)
    return con.execute(f"FROM {protecting.DECISIONS}").df()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    """Runs what would be handed to other processes here and now."""

    class AtOnce:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self):
            return self

        def __exit__(self, *_: object) -> None: ...

        def submit(self, work, *given):
            return SimpleNamespace(result=lambda: work(*given))

    monkeypatch.setattr(protecting, "ProcessPoolExecutor", AtOnce)


@pytest.mark.parametrize(
    ("levels", "of", "coding"),
    [
        ([None] * 20, assessment(0), "exact"),
        ([1] * 20, assessment(2), "bottom"),
        ([2] * 20, assessment(2), "top"),
        # One student without a level: the cell has no rate at all.
        ([1] * 19 + [None], assessment(2), "exact"),
    ],
)
def test_only_what_has_a_rate_has_it_coded(levels, of, coding):
    decisions = decided(levels, of)
    assert not decisions["suppressed"].any()
    assert set(decisions["rate_coding"]) == {coding}


def test_cells_that_do_not_add_up_hold_the_publication(monkeypatch):
    def broken(*_: object) -> None:
        raise CellsDoNotAddUp("cells whose parent is missing: school/S1")

    monkeypatch.setattr(protecting, "protect", broken)
    with pytest.raises(PublicationHeld) as held:
        decided([1] * 20, assessment(2))
    assert held.value.code == "SUPPRESSION_UNPROVEN"


def test_growth_that_does_not_add_up_holds_the_publication(monkeypatch, tmp_path):
    def broken(*_: object) -> None:
        raise CellsDoNotAddUp("n_tested is not the sum over the parts of: school/S1")

    monkeypatch.setattr(derived, "build_growth", broken)
    con = duckdb.connect()
    path = tmp_path / "mart.parquet"
    con.execute(f"COPY (SELECT 1 AS n) TO '{path}'")
    writer = SimpleNamespace(written=lambda *_: path)
    catalogue = SimpleNamespace(assessments={}, marts=MARTS)
    write = derived.Derived(
        SimpleNamespace(catalogue=catalogue),
        SimpleNamespace(changed=[]),
        con,
        writer,
        CellPlan((), ("prior_status",), {}),
        SimpleNamespace(of=lambda _: "achievement"),
        {"students": SimpleNamespace()},
        {"students": "vendor_cells"},
    )
    monkeypatch.setattr(write.__class__, "_gaps", lambda *_: None)
    with pytest.raises(PublicationHeld, match="n_tested is not the sum") as held:
        write.write("restricted", "students", "decisions")
    assert held.value.code == "SUPPRESSION_UNPROVEN"
