from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.context import Context, open_context
from tests.flow.demo_story import DemoStory, told_once


@pytest.fixture
def context(workspace_home: Path) -> Iterator[Context]:
    """An opened workspace, empty and of the test's own."""
    opened = open_context()
    yield opened
    opened.database.close()


@pytest.fixture(scope="session")
def demo(shared_folder: Path) -> DemoStory:
    """The demonstration, run once for all workers, and what a person typed after it."""
    return told_once(shared_folder)
