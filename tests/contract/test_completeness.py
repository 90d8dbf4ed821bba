"""Every word that a source uses is defined somewhere, and every file beside it is used."""

import re
from pathlib import Path

import pytest
import yaml

from configs.assessment_models import Assessment
from configs.catalogue import SHIPPED
from tests.samples.demands import Reading
from tests.samples.shipped import CATALOGUE, each_layout, each_source
from tests.samples.values import Field, codes_given
from transforms.parse import MISSING

UNLISTED = "no code of any list"
SENTENCE = re.compile(r"\S.*[.]", re.DOTALL)
COUNTED = re.compile(r"\b([0-9]+) columns\b")
FOLDERS = {"header": "headers", "positions": "positions"}


def is_of_tests(reading: Reading) -> bool:
    return "assessment" in reading.catalogue.tables[reading.source.table].fields


def assessments_of(reading: Reading) -> list[Assessment]:
    names = codes_given(reading.source, "assessment")
    return [reading.catalogue.assessments[name] for name in names]


def fields_of(reading: Reading) -> dict[str, Field]:
    """Return every field of a source that any of its layouts fills from columns."""
    catalogue, source = reading.catalogue, reading.source
    every = [Reading(catalogue, source, layout) for layout in source.layouts]
    return {name: one for each in every for name, one in each.fields.items()}


def unused_files(shipped: Path) -> set[str]:
    """Return the header and position files that no layout of a folder of configuration names."""
    layouts = [
        layout
        for path in (shipped / "sources").glob("*.yml")
        for layout in yaml.safe_load(path.read_text(encoding="utf-8"))["layouts"]
    ]
    named = {f"{folder}/{one.get(key)}" for one in layouts for key, folder in FOLDERS.items()}
    there = {
        f"{folder}/{path.name}"
        for folder in FOLDERS.values()
        for path in (shipped / "sources" / folder).iterdir()
    }
    return there - named


def test_every_header_and_every_position_file_is_used():
    assert unused_files(SHIPPED) == set()


@each_layout()
def test_a_layout_cites_where_it_is_documented(reading):
    assert len(reading.layout.citation.split()) >= 2
    columns = reading.layout.columns
    assert all(column == column.strip() != "" for column in columns)
    counted = COUNTED.search(reading.layout.citation)
    if counted and reading.layout.positions is None:
        assert len(columns) == int(counted[1]), "the citation counts other columns"


@each_source()
def test_what_a_source_lacks_is_told_in_sentences(reading):
    assert reading.source.known_gaps
    for gap in reading.source.known_gaps:
        assert SENTENCE.fullmatch(gap.strip()), gap


@each_source()
def test_a_source_says_where_it_is_from_and_what_makes_a_row(reading):
    source, table = reading.source, reading.catalogue.tables[reading.source.table]
    assert source.publisher and source.citation and source.file_names
    assert source.grain == table.grain
    assert set(source.partition) <= set(table.fields)
    assert source.threshold.rejected_pct <= 10


@each_source(is_of_tests)
def test_every_test_that_a_source_may_be_of_is_defined_with_its_levels_and_subjects(reading):
    tests = assessments_of(reading)
    assert tests
    subjects = {subject for one in tests for subject in one.subjects}
    assert set(codes_given(reading.source, "subject")) <= subjects
    for one in tests:
        assert one.citation and all(level.label for level in one.levels)


@each_source(is_of_tests)
def test_every_level_that_a_source_gives_is_a_level_of_its_tests(reading):
    given = codes_given(reading.source, "performance_level")
    levels = {str(level.order) for one in assessments_of(reading) for level in one.levels}
    assert set(given) <= levels
    if given and len(codes_given(reading.source, "assessment")) == 1:
        assert set(given) == levels, "no value of the file is that level"


@each_source()
def test_every_word_for_missing_is_null_and_no_code(reading):
    for one in fields_of(reading).values():
        words = {*reading.source.missing, *one.spec.missing}
        assert all(one.decoder(word) == MISSING for word in words), one.name
        assert not words & set(one.spec.codes or {}), f"{one.name}: a code that is never read"


@each_source()
def test_every_code_is_read_as_what_it_says(reading):
    """A pattern, a padding or the words for missing may keep a code from ever being read."""
    for one in fields_of(reading).values():
        if one.spec.slice is not None or one.spec.extract is not None:
            continue
        for raw, code in (one.spec.codes or {}).items():
            meant = one.decoder(raw)
            assert meant.fault is None, (one.name, raw)
            assert meant == one.decoder.typed(code)._replace(flag=meant.flag), (one.name, raw)


@each_source()
def test_a_value_that_no_code_lists_is_what_the_field_says_of_the_rest(reading):
    for one in fields_of(reading).values():
        formed = one.spec.pattern or one.spec.extract
        if one.spec.otherwise is not None and not formed:
            assert one.decoder(UNLISTED) == one.decoder.typed(one.spec.otherwise), one.name


@each_layout()
def test_a_code_of_one_field_is_no_fault_in_another_field_of_its_column(reading: Reading):
    for column, readers in reading.readers.items():
        whole = [one for one in readers if one.spec.extract is None and one.spec.coalesce is None]
        codes = {raw for one in whole for raw in one.spec.codes or {}}
        codes -= set(reading.dropped_by.get(column, []))
        for raw in codes & set(reading.kept_by.get(column, codes)):
            faults = {o.name for o in readers if reading.meaning(o, column, raw).fault}
            assert not faults, f"{raw} of column {column}"


@pytest.mark.parametrize("name", CATALOGUE.vocabularies)
def test_every_code_of_a_vocabulary_has_a_label_and_the_list_a_citation(name):
    vocabulary = CATALOGUE.vocabularies[name]
    assert vocabulary.citation and vocabulary.codes
    assert all(code.label for code in vocabulary.codes.values())


@each_source()
def test_every_field_that_a_source_fills_is_described(reading):
    described = reading.catalogue.tables[reading.source.table].fields
    assert all(described[name].description for name in reading.source.fields)
