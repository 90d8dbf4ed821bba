"""The groups of students: closed lists that part everybody, with the ids that others give them."""

from __future__ import annotations

import pytest

from tests.samples.shipped import CATALOGUE, each_source
from transforms.el_groups import EL_GROUPS
from transforms.roster import DATES, STATES_OF_A_DAY

PROGRAMMES = (
    "migrant_status",
    "foster_status",
    "homeless_status",
    "parent_education_status",
    "gifted_status",
    "lunch_status",
)
ROLLUPS = {
    "federal_1997_status": {"ASIAN": ["ASIAN", "FILIPINO"], "WHITE": ["WHITE", "MENA"]},
    "federal_2024_status": {"ASIAN": ["ASIAN", "FILIPINO"], "WHITE": ["WHITE"], "MENA": ["MENA"]},
    "ever_el_status": {"EVER_EL": ["EL", "ADEL", "RFEP"], "NEVER_EL": ["EO", "IFEP"]},
    "english_fluent_status": {
        "ENGLISH_FLUENT": ["EO", "IFEP", "RFEP"],
        "ENGLISH_LEARNER": ["EL", "ADEL"],
    },
    "not_el_status": {"NOT_EL": ["EO", "IFEP", "RFEP", "NOT_EL"], "EL": ["EL", "ADEL"]},
}
DIMENSIONS = ("econ_status", "disability_status", *PROGRAMMES, *EL_GROUPS, "prior_status", *ROLLUPS)


def ids_of(vocabulary: str, system: str) -> dict[str, str]:
    codes = CATALOGUE.vocabularies[vocabulary].codes
    return {one.external[system]: code for code, one in codes.items() if system in one.external}


@pytest.mark.parametrize("table", ["student_result", "student_roster"])
def test_every_programme_and_day_is_a_field_of_results_and_of_rosters(table):
    fields = CATALOGUE.tables[table].fields
    assert {fields[name].vocabulary for name in PROGRAMMES} == set(PROGRAMMES)
    assert {fields[name].kind for name in DATES} == {"date"}
    assert not any(fields[name].required for name in (*PROGRAMMES, *DATES, "race_scheme"))


@pytest.mark.parametrize("name", DIMENSIONS)
def test_unknown_is_a_group_of_its_own_and_the_last(name):
    codes = CATALOGUE.vocabularies[name].codes
    assert max(codes, key=lambda code: codes[code].order or 0) == "UNKNOWN"


@pytest.mark.parametrize("name", DIMENSIONS)
@pytest.mark.parametrize("system", ["caaspp", "dashboard"])
def test_an_external_id_is_one_that_the_publisher_prints(name, system):
    assert set(ids_of(name, system)) <= set(ids_of("student_group", system))


@pytest.mark.parametrize("name", ROLLUPS)
def test_a_roll_up_parts_the_codes_of_its_base(name):
    vocabulary = CATALOGUE.vocabularies[name]
    members = {code: one.members for code, one in vocabulary.codes.items()}
    assert members.items() >= ROLLUPS[name].items()
    listed = [code for each in members.values() for code in each]
    assert sorted(listed) == sorted(CATALOGUE.vocabularies[vocabulary.rolls_up or ""].codes)


def test_what_begins_on_a_day_is_a_group():
    assert set(STATES_OF_A_DAY) - {"el_status"} <= set(DIMENSIONS)


@each_source(lambda one: set(one.source.fields) & set(PROGRAMMES))
def test_a_blank_is_never_no(reading):
    for name in set(reading.source.fields) & set(PROGRAMMES):
        spec = reading.source.fields[name]
        assert spec.default is None, name
        assert "" not in (spec.codes or {}), name
        assert spec.otherwise in (None, "UNKNOWN"), name
