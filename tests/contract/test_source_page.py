"""docs/sources.md is what configs/sources says."""

from __future__ import annotations

from pathlib import Path

from configs.catalogue import load_catalogue
from flows.source_page import source_page

PAGE = Path("docs/sources.md")


def test_the_page_of_sources_is_current():
    written = source_page(load_catalogue())
    assert PAGE.read_text(encoding="utf-8") == written, (
        "run: roci sources list --markdown > docs/sources.md"
    )
