"""docs/groups.md names the dimensions that are shipped, and sites may write what it says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from tests.samples.shipped import CATALOGUE
from transforms.cell_plan import CellPlan

PAGE = Path("docs/groups.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n# (\S+)\n(.*?)```", PAGE, re.DOTALL)
# The last one builds the roll-up that stands before it.
FEWER, GAPS, *OWN = BLOCKS


@pytest.mark.parametrize("key", ["crossed", "one_way", "rollups"])
def test_the_page_lists_the_dimensions_of_each_kind(key):
    [told] = re.findall(rf"^\| `{key}` \| (.*?) \|", PAGE, re.MULTILINE)
    assert told.replace("`", "").split(", ") == getattr(CATALOGUE.marts, key)


@pytest.mark.parametrize(
    "blocks", [[FEWER], [GAPS], OWN], ids=["fewer groups", "other gaps", "a roll-up of its own"]
)
def test_what_a_site_is_told_to_write_is_a_good_configuration(tmp_path, blocks):
    for name, text in blocks:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    site = load_catalogue(tmp_path)
    assert site.marts != CATALOGUE.marts
    assert CellPlan.configured(site.marts, site.assessments, site.vocabularies).rollups
