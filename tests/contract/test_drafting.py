"""What a draft goes by names fields and codes that exist, and a value left open is refused."""

from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from configs.errors import ConfigurationError
from configs.references import UNSET, allowed_codes

CATALOGUE = load_catalogue()
DRAFTING = CATALOGUE.drafting
FIELDS = {name for table in CATALOGUE.tables.values() for name in table.fields}


def test_columns_are_of_fields_that_exist():
    assert set(DRAFTING.columns) - FIELDS == set()


@pytest.mark.parametrize("vocabulary", sorted(DRAFTING.values))
def test_values_are_of_codes_that_exist(vocabulary):
    known = allowed_codes(CATALOGUE, vocabulary)
    assert set(DRAFTING.values[vocabulary].values()) - set(known) == set()


def test_words_of_proficiency_are_words_of_levels():
    assert set(DRAFTING.proficient) - set(DRAFTING.levels) == set()


@pytest.mark.parametrize("field", ["school_year", "student_id", "gender"])
def test_a_value_that_a_draft_leaves_open_is_refused_by_file_and_key(field: str, tmp_path: Path):
    sources = tmp_path / "sources"
    sources.mkdir()
    text = f"fields: {{{field}: {{column: null, codes: null, value: {UNSET}}}}}\n"
    (sources / "results_csv.yml").write_text(text, encoding="utf-8")
    catalogue = load_catalogue(tmp_path)
    with pytest.raises(ConfigurationError) as caught:
        catalogue.require_finished()
    words = f"sources/results_csv.yml: fields.{field}.value: {UNSET} stands for"
    assert words in caught.value.found
