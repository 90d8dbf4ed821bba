"""A site may leave out dimensions of the marts, but none that something else counts on."""

from pathlib import Path

import pytest
import yaml

from configs.catalogue import load_catalogue
from configs.dimensions import COMPUTED
from tests.unit.configs.faulty_sites import faults_of
from transforms.el_groups import EL_GROUPS
from transforms.growth_matching import PRIOR_STATUS


def site_of(folder: Path, **marts) -> Path:
    (folder / "marts.yml").write_text(yaml.safe_dump(marts), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    "left",
    [
        {"rollups": []},
        {"one_way": ["econ_status", "disability_status"], "rollups": ["ever_el_status"]},
        {
            "crossed": ["gender"],
            "crossed_with": [],
            "one_way": ["ethnicity", "el_status", "econ_status", "disability_status"],
            "rollups": [],
        },
    ],
)
def test_what_readers_do_not_count_on_may_be_left_out(tmp_path, left):
    catalogue = load_catalogue(site_of(tmp_path, **left))
    assert "migrant_status" in catalogue.marts.gaps.references


def test_every_dimension_that_readers_count_on_and_is_left_out_is_named(tmp_path):
    left = {"crossed": ["ethnicity"], "crossed_with": [], "one_way": ["econ_status"], "rollups": []}
    told = faults_of(site_of(tmp_path, **left))
    assert "crossed, one_way: neither has el_status, gender, disability_status: readers" in told


def test_faults_of_dimensions_and_references_are_told_together(tmp_path):
    crossed = ["ethnicity", "el_status", "gender", "prior_status", "gendre"]
    references = {"gender": "BOYS", "gendre": "M"}
    site = site_of(
        tmp_path,
        crossed=crossed,
        one_way=["econ_status", "disability_status", "race_flags"],
        gaps={"references": references},
    )
    told = faults_of(site)
    for fault in (
        "crossed: prior_status is computed from other results and can be one_way only",
        "crossed: gendre is no field of student_result with a vocabulary of that name",
        "one_way: race_flags is no field of student_result with a vocabulary of that name",
        "gaps.references: no dimension gendre",
        "gaps.references.gender: BOYS not in vocabulary gender",
    ):
        assert f"marts.yml: {fault}" in told


def test_the_dimensions_that_are_computed_are_those_of_results():
    assert {*EL_GROUPS, PRIOR_STATUS} == set(COMPUTED)
