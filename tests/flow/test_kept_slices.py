"""What a build keeps of the last publication it keeps byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.context import Context
from flows.outcome import BuildOutcome
from flows.running import run_build, run_ingest
from flows.stages import sliced_marts
from tests.flow.small_files import EACH_LEVEL, results
from warehouse.published import publication_id_of
from warehouse.row_groups import ParquetFooter

pytestmark = pytest.mark.usefixtures("publishing")

SLICED = {
    "reporting": ("mart_achievement", "mart_level", "mart_gap"),
    "restricted": (
        "mart_achievement_unsuppressed",
        "mart_level_unsuppressed",
        "mart_gap_unsuppressed",
        "student_result",
    ),
}


@pytest.fixture
def each_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let row groups as small as those of forty students stay."""
    monkeypatch.setattr(sliced_marts, "SMALL", 0)
    monkeypatch.setattr(sliced_marts, "STRETCH", 1)


def load(context: Context, path: Path) -> BuildOutcome:
    return run_ingest(context, "results_csv", [path], district="0199017", engine="direct").build


def row_groups(context: Context) -> dict[str, list[bytes]]:
    """Return the bytes of each row group of every mart that is built by slice."""
    found = {}
    for area, names in SLICED.items():
        for name in names:
            path = context.publisher.path(name, area)
            footer, data = ParquetFooter.read(path), path.read_bytes()
            spans = map(footer.span, range(len(footer.rows)))
            found[name] = [data[start:end] for start, end in spans]
    return found


def rows_and_digests(context: Context) -> dict[str, tuple[int, str]]:
    """Return of each published mart what the ledger knows: equal rows have equal digests."""
    last = context.ledger.last_publication()
    return {mart.name: (mart.rows, mart.content_hash) for mart in last.marts}


@pytest.mark.usefixtures("each_copied")
def test_a_changed_slice_leaves_the_bytes_of_the_others(context, tmp_path):
    load(context, results(tmp_path / "results_2023.csv", year=2023, level=EACH_LEVEL))
    first = row_groups(context)
    load(context, results(tmp_path / "results_2024.csv", year=2024, score=2512, level=EACH_LEVEL))
    before = row_groups(context)
    outcome = load(
        context, results(tmp_path / "again_2024.csv", 44, year=2024, score=2498, level=EACH_LEVEL)
    )
    assert (outcome.slices_built, outcome.slices_kept) == (1, 1)
    after = row_groups(context)
    for name, groups in after.items():
        assert groups[:-1] == before[name][:-1] == first[name], name
        assert groups[-1] != before[name][-1], name
    incremental = rows_and_digests(context)
    run_build(context, everything=True, engine="direct")
    assert rows_and_digests(context) == incremental
    assert row_groups(context).keys() == after.keys()
    assert all(len(groups) == 1 for groups in row_groups(context).values())


@pytest.mark.usefixtures("each_copied")
def test_files_with_copied_row_groups_are_of_the_new_publication(context, tmp_path):
    load(context, results(tmp_path / "results_2023.csv", year=2023, level=EACH_LEVEL))
    modes = modes_of(context)
    outcome = load(
        context, results(tmp_path / "results_2024.csv", 44, year=2024, score=2512, level=EACH_LEVEL)
    )
    paths = [context.publisher.path(name, area) for area in SLICED for name in SLICED[area]]
    assert {publication_id_of(path) for path in paths} == {outcome.publication_id}
    assert modes_of(context) == modes
    assert not list(context.workspace.work.rglob("parts-*"))


def modes_of(context: Context) -> dict[Path, int]:
    paths = [context.publisher.path(name, area) for area in SLICED for name in SLICED[area]]
    return {path: path.stat().st_mode for path in paths}
