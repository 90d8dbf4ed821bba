"""docs/measures.md is what the cards say, and there is one card for each published measure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import duckdb
import pytest

from configs.catalogue import load_catalogue
from flows.measures_page import measures_page
from flows.stages.marts import KEYS, reporting_sql
from flows.stages.protecting import Decided
from transforms import all_cards
from transforms.cell_keys import CellKeys
from transforms.cell_plan import CellPlan
from transforms.comparison import published_comparison_sql
from transforms.focus import focus_students_sql
from transforms.gap_cells import CellSet
from transforms.gaps import Gaps, published_gap_sql
from transforms.growth import published_growth_sql
from transforms.growth_transition import published_transition_sql

PAGE = Path("docs/measures.md")
CATALOGUE = load_catalogue()
MARTS = CATALOGUE.marts
PLAN = CellPlan.configured(MARTS, CATALOGUE.assessments, CATALOGUE.vocabularies)
PUBLISHED = [mart for mart in KEYS if f"{mart}_unsuppressed" in KEYS]
# What a mart says of its rows besides their keys and measures.
TOLD = {"org_name", "rate_coding", "suppressed", "level_label"}
TOLD |= {"prior_level_label", "prior_year", "prior_window"}


def published_sql() -> Mapping[str, str]:
    """Return the SQL of every mart whose cells are suppressed; what it reads need not be there."""
    keys = CellKeys({"system": 0, "org": 0}, {})
    gaps = Gaps("gaps", CellSet("cells", PLAN, keys), is_decided=True)
    return {
        **reporting_sql(PLAN, MARTS, Decided()),
        "mart_gap": published_gap_sql(gaps, MARTS),
        "mart_growth": published_growth_sql(PLAN, MARTS, "growth"),
        "mart_transition": published_transition_sql(PLAN, MARTS, "growth"),
        "mart_comparison": published_comparison_sql(PLAN, MARTS, "comparison"),
    }


def columns_of(sql: str) -> Iterator[str]:
    """Yield the names of what a query selects."""
    with duckdb.connect() as con:
        [[parsed]] = con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    for column in json.loads(parsed)["statements"][0]["node"]["select_list"]:
        yield column["alias"] or column["column_names"][-1]


def test_the_page_of_measures_is_current():
    assert PAGE.read_text(encoding="utf-8") == measures_page(CATALOGUE), (
        "run: roci measures --markdown > docs/measures.md"
    )


def test_every_mart_that_is_suppressed_has_measures():
    assert {*PUBLISHED} == {*published_sql()}
    assert {*all_cards.MARTS} == {*PUBLISHED, "focus_students"}


def test_the_cards_of_focus_students_are_of_its_columns():
    columns = {*columns_of(focus_students_sql("students", PLAN, MARTS.focus, "breaks"))}
    assert {card.name for card in all_cards.cards_of("focus_students")} <= columns


@pytest.mark.parametrize("mart", PUBLISHED)
def test_every_published_measure_has_one_card_and_no_card_is_of_anything_else(mart):
    measures = [
        column
        for column in columns_of(published_sql()[mart])
        if column not in {*KEYS[mart](MARTS.dimensions), *TOLD}
    ]
    assert Counter(card.name for card in all_cards.cards_of(mart)) == Counter(measures)


@pytest.mark.parametrize("card", all_cards.CARDS, ids=lambda card: f"{card.mart}-{card.name}")
def test_the_page_links_to_every_card_once(card):
    page = measures_page(CATALOGUE)
    assert page.count(f"(#{card.mart}-{card.name})") == 1
    assert page.count(f"\n### {card.mart}: {card.name}\n") == 1


@pytest.mark.parametrize("dimension", MARTS.dimensions)
def test_the_page_has_every_dimension_with_all_its_codes(dimension):
    lines = measures_page(CATALOGUE).splitlines()
    [told] = [line for line in lines if line.startswith(f"| `{dimension}` |")]
    assert all(f"`{code}`" in told for code in CATALOGUE.vocabularies[dimension].codes)
