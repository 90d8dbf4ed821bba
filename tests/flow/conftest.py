from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.context import Context, open_context
from tests.flow import as_configured
from tests.flow.demo_story import DemoStory, told_once

DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)]


@pytest.fixture
def context(workspace_home: Path) -> Iterator[Context]:
    """An opened workspace, empty and of the test's own."""
    opened = open_context()
    yield opened
    opened.database.close()


@pytest.fixture(params=DATABASES)
def either_context(
    request: pytest.FixtureRequest, workspace_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Context]:
    """A workspace whose ledger and SQL marts are in SQLite, then one in PostgreSQL."""
    if request.param == "postgresql":
        monkeypatch.setenv("ROCI_DATABASE_URL", request.getfixturevalue("postgres_url"))
    opened = open_context()
    yield opened
    opened.database.close()


@pytest.fixture
def publishing(workspace_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A site that shows every correction at once, for tests of other matters."""
    site = as_configured.publishing(tmp_path / "publishing")
    monkeypatch.setenv("ROCI_CONFIG", str(site))


@pytest.fixture(scope="session")
def demo(shared_folder: Path) -> DemoStory:
    """The demonstration, run once for all workers, and what a person typed after it."""
    return told_once(shared_folder)
