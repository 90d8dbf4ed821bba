"""Every real and sample file at hand is claimed by a source, or the page says why it is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.errors import FileRefused
from flows.context import open_context
from flows.stages.claims import claim, fits

NOT_TAKEN = Path("docs/sources-not-taken.md")
# Look-up tables and notes beside the extracts.
BESIDE = ("README*", "LICENSE*", "StudentGroups*", "Tests_*", "metatab_*", "cutscores.csv")
BESIDE_STAR = ("income.csv", "test_names.csv")
pytestmark = pytest.mark.realdata


def extracts(realdata: Path) -> list[Path]:
    folders = [
        *(realdata / "vendor_samples" / "assessments").glob("*/data"),
        *(realdata / name for name in ("california", "california_star_2013", "iready_synthetic")),
        realdata / "state_long",
    ]
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    files.append(realdata / "california_2015_results" / "data.csv")
    return [path for path in files if not any(map(path.match, (*BESIDE, *BESIDE_STAR)))]


def test_every_file_is_claimed_or_its_reason_is_given(realdata, workspace_home):
    context = open_context()
    not_taken = NOT_TAKEN.read_text(encoding="utf-8")
    unexplained = []
    for path in extracts(realdata):
        try:
            source = claim(context, path, path.name)
            claimed = fits(path, source)
        except FileRefused:
            claimed = False
        if not claimed and not any(name in not_taken for name in names(path)):
            unexplained.append(path.relative_to(realdata).as_posix())
    assert unexplained == []
    context.database.close()


def names(path: Path) -> tuple[str, str]:
    """Return how the page may call the export that a file is a sample of."""
    name = path.parent.parent.name if path.parent.name == "data" else path.name
    return name, name.replace("_", " ")
