"""A roll-up holds every code of its base exactly once."""

from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from configs.catalogue import load_catalogue
from configs.mart_models import Marts
from tests.unit.configs.faulty_sites import faults_of

CODES = {
    "EVER": {"label": "Ever", "members": ["EL", "ADEL", "RFEP"]},
    "NEVER": {"label": "Never", "members": ["EO", "IFEP"]},
    "UNKNOWN": {"label": "Not known", "members": ["TBD", "NOT_EL", "UNKNOWN"]},
}


def site_with(site: Path, codes=CODES, rolls_up="el_status", **marts) -> Path:
    (site / "vocabulary").mkdir(parents=True)
    content = {"name": "tried_status", "citation": "none", "codes": codes}
    if rolls_up:
        content["rolls_up"] = rolls_up
    (site / "vocabulary/tried_status.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    (site / "marts.yml").write_text(yaml.safe_dump(marts), encoding="utf-8")
    return site


def test_a_rollup_of_all_codes_is_good(tmp_path):
    catalogue = load_catalogue(site_with(tmp_path, rollups=["tried_status"]))
    assert catalogue.marts.dimensions[-1] == "tried_status"


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"NEVER": ["EO"]}, "members: in no code: IFEP"),
        ({"NEVER": ["EO", "IFEP", "EL"]}, "members: in two codes: EL"),
        ({"NEVER": ["EO", "IFEP", "MAYBE"]}, "members: not in el_status: MAYBE"),
    ],
)
def test_a_code_missing_or_twice_or_unknown_is_a_fault(tmp_path, changed, fault):
    codes = {code: {**entry} for code, entry in CODES.items()}
    for code, members in changed.items():
        codes[code]["members"] = members
    assert f"vocabulary/tried_status.yml: {fault}" in faults_of(site_with(tmp_path, codes))


def test_a_rollup_must_be_of_a_list_of_its_own(tmp_path):
    assert "rolls_up: no vocabulary nothing" in faults_of(site_with(tmp_path, rolls_up="nothing"))


def test_a_rollup_with_other_members_makes_other_marts(tmp_path):
    moved = {**CODES, "EVER": {**CODES["EVER"], "members": ["EL", "ADEL"]}}
    moved["NEVER"] = {**CODES["NEVER"], "members": ["EO", "IFEP", "RFEP"]}
    sites = (("one", CODES), ("same", CODES), ("moved", moved))
    one, same, other = (
        load_catalogue(site_with(tmp_path / name, codes, rollups=["tried_status"])).marts_hash
        for name, codes in sites
    )
    assert one == same != other


def test_a_vocabulary_that_no_mart_is_counted_by_changes_no_mart(tmp_path):
    built = load_catalogue(site_with(tmp_path, rollups=[])).marts_hash
    (tmp_path / "vocabulary/tried_status.yml").unlink()
    assert load_catalogue(tmp_path).marts_hash == built


def test_members_without_rolls_up_are_a_fault(tmp_path):
    assert "only a vocabulary with rolls_up" in faults_of(site_with(tmp_path, rolls_up=None))


def test_marts_roll_up_only_crossed_dimensions(tmp_path):
    site = site_with(
        tmp_path, rollups=["tried_status", "grade"], crossed=["gender"], crossed_with=[]
    )
    told = faults_of(site)
    assert "tried_status rolls up el_status, which is not among crossed" in told
    assert "marts.yml: rollups: no vocabulary grade with rolls_up" in told


@pytest.mark.parametrize(
    "changes",
    [{"crossed_with": ["econ_status"]}, {"rollups": ["gender"]}, {"one_way": ["gender"]}],
)
def test_a_dimension_is_of_one_kind_and_crossed_with_crossed_ones(changes):
    given = {"crossed": ["gender"], "one_way": ["econ_status"]}
    with pytest.raises(ValidationError):
        Marts.model_validate({**given, "suppression": {"extreme_bands": []}, **changes})
