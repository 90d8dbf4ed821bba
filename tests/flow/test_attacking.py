"""Nothing is published of which something hidden follows: the nightly attacks it first."""

from __future__ import annotations

import csv
import stat
from pathlib import Path

import pandas as pd
import pytest

from configs.errors import PublicationHeld
from flows.context import Context
from flows.outcome import BuildOutcome
from flows.running import run_build, run_ingest
from flows.stages import protecting
from flows.stages.attacking import require_nothing_follows
from tests.flow.small_files import EACH_LEVEL, results
from tests.unit.validation.audit.small_marts import exact_twin, publish, school_by_gender
from transforms.suppress import protect

pytestmark = pytest.mark.usefixtures("publishing")

SLICES = ["made_up|2030"]


def load(context: Context, path: Path) -> BuildOutcome:
    return run_ingest(context, "results_csv", [path], district="0199017", engine="direct").build


def small_cells_only(*given: object) -> pd.DataFrame:
    """Hide what is too small, and nothing that gives it away."""
    decided = protect(*given)
    small = (decided["suppression_reason"] == "primary").fillna(False).astype(bool)
    return decided.assign(
        suppressed=small, rate_coding="exact", rate_limit=float("nan"), shows_levels=~small
    )


@pytest.fixture
def careless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protecting, "protect", small_cells_only)


def test_what_gives_hidden_cells_away_is_not_published(context, tmp_path, monkeypatch):
    first = load(context, results(tmp_path / "first.csv", 44, level=EACH_LEVEL))
    assert first.state == "published"
    shown = context.publisher.shown()
    monkeypatch.setattr(protecting, "protect", small_cells_only)
    again = load(context, results(tmp_path / "second.csv", 50, level=EACH_LEVEL))
    assert (again.state, again.code) == ("held", "AUDIT_FALLS")
    assert context.publisher.shown() == shown
    held = context.ledger.held_publication()
    assert held is not None and held.fault is not None
    assert held.fault.code == "AUDIT_FALLS"


@pytest.mark.usefixtures("careless")
def test_the_cells_that_fall_are_named_for_the_owner_alone_and_without_a_number(context, tmp_path):
    outcome = load(context, results(tmp_path / "results.csv", 50, level=EACH_LEVEL))
    assert outcome.code == "AUDIT_FALLS"
    path = context.workspace.marts_restricted / "audit" / "falls.csv"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open(newline="", encoding="utf-8") as file:
        falls = list(csv.DictReader(file))
    assert {"span_n", "nested"} & {fall["kind"] for fall in falls}
    assert list(falls[0]) == ["kind", "mart", "system", "cell", "statistic", "protected"]
    assert str(path) in (outcome.message or "")


def test_once_the_fault_is_gone_the_next_build_publishes(context, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(protecting, "protect", small_cells_only)
        held = load(context, results(tmp_path / "results.csv", 50, level=EACH_LEVEL))
    assert held.state == "held"
    falls = context.workspace.marts_restricted / "audit" / "falls.csv"
    assert falls.exists()
    assert run_build(context, everything=False, engine="direct").build.state == "published"
    assert not falls.exists()


def ranges(folder: Path, sizes: dict[str, tuple[int, ...]]) -> tuple[Path, Path]:
    """Marts of one school, whose genders are hidden, and the exact twin of its cells."""
    made = school_by_gender(sizes)
    reporting = publish(folder / "reporting", made, made["gender"] == "all")
    return reporting, exact_twin(folder / "restricted", made)


def test_a_narrow_range_of_a_protected_group_holds_the_publication(context, tmp_path):
    """Two of all are at level 1, so of the five girls there are none to two."""
    staged = ranges(tmp_path, {"F": (1, 2, 1, 1), "M": (1, 8, 9, 8)})
    with pytest.raises(PublicationHeld, match="bounds_level") as held:
        require_nothing_follows(context, *staged, SLICES)
    assert held.value.code == "AUDIT_FALLS"


def test_a_narrow_range_of_nobody_or_of_a_large_group_does_not(context, tmp_path):
    staged = ranges(tmp_path, {"M": (2, 10, 10, 9)})
    require_nothing_follows(context, *staged, SLICES)
    assert not (context.workspace.marts_restricted / "audit" / "falls.csv").exists()


def test_a_narrow_range_of_which_nothing_is_known_holds_the_publication(context, tmp_path):
    reporting, _ = ranges(tmp_path, {"M": (2, 10, 10, 9)})
    with pytest.raises(PublicationHeld):
        require_nothing_follows(context, reporting, None, SLICES)


def test_slices_that_have_not_changed_are_not_attacked(context, tmp_path):
    staged = ranges(tmp_path, {"F": (1, 2, 1, 1), "M": (1, 8, 9, 8)})
    require_nothing_follows(context, *staged, ["made_up|2029"])
