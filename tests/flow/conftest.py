from __future__ import annotations

from pathlib import Path

import pytest

from tests.flow.demo_story import DemoStory, told_once


@pytest.fixture(scope="session")
def demo(shared_folder: Path) -> DemoStory:
    """The demonstration, run once for all workers, and what a person typed after it."""
    return told_once(shared_folder)
