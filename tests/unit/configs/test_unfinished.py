"""A draft with open values is left out and told; every other fault stays fatal."""

from pathlib import Path

import pytest
import yaml

from configs.catalogue import SHIPPED, Catalogue, load_catalogue
from configs.errors import ConfigurationError
from configs.references import UNSET

ASSESSMENT = "assessments/quill.yml"
SOURCE = "sources/quill.yml"
OPEN_SOURCE = f"{SOURCE}: fields.participation.value: {UNSET} stands for a value that"
OPEN_LEVEL = f"{ASSESSMENT}: proficient_from: {UNSET} stands for a value that"


def write(root: Path, name: str, content: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def shipped(name: str) -> dict:
    return yaml.safe_load((SHIPPED / name).read_text(encoding="utf-8"))


def source(**fields: dict) -> dict:
    body = shipped("sources/results_csv.yml") | {"name": "quill", "file_names": ["quill*.csv"]}
    body["fields"] |= {"assessment": {"value": "quill"}} | fields
    return body


def assessment(**changed: object) -> dict:
    return shipped("assessments/results_csv.yml") | {"name": "quill"} | changed


def draft(site: Path) -> Catalogue:
    write(site, SOURCE, source(participation={"value": UNSET}))
    write(site, ASSESSMENT, assessment(proficient_from=UNSET, subjects=[UNSET]))
    return load_catalogue(site)


def fatal(site: Path) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load_catalogue(site)
    assert caught.value.code == "BAD_CONFIGURATION"
    return caught.value.found


def test_a_draft_is_left_out_and_the_others_are_as_they_were(tmp_path):
    catalogue, plain = draft(tmp_path), load_catalogue()
    assert catalogue.sources == plain.sources and catalogue.assessments == plain.assessments
    assert plain.unfinished == {} and plain.drafts == {}
    assert list(catalogue.unfinished) == list(catalogue.drafts) == ["quill"]
    assert len(catalogue.unfinished["quill"]) == 3


def test_who_asks_for_it_gets_the_values_of_the_source_and_its_assessment_at_once(tmp_path):
    catalogue = draft(tmp_path)
    for asked in (lambda: catalogue.source("quill"), catalogue.require_finished):
        with pytest.raises(ConfigurationError) as caught:
            asked()
        assert caught.value.exit_code == 2
        assert OPEN_SOURCE in caught.value.found and OPEN_LEVEL in caught.value.found
        assert f"{ASSESSMENT}: subjects: {UNSET} stands for" in caught.value.found
    load_catalogue().require_finished()


def test_a_source_waits_for_its_assessment_alone(tmp_path):
    write(tmp_path, SOURCE, source())
    write(tmp_path, ASSESSMENT, assessment(proficient_from=UNSET))
    (word,) = load_catalogue(tmp_path).unfinished["quill"]
    assert word.startswith(OPEN_LEVEL)


def test_a_draft_that_is_set_is_a_source(tmp_path):
    draft(tmp_path)
    write(tmp_path, SOURCE, source())
    write(tmp_path, ASSESSMENT, assessment())
    catalogue = load_catalogue(tmp_path)
    assert catalogue.source("quill").name == "quill" and "quill" in catalogue.assessments
    assert catalogue.unfinished == {}


def test_an_open_assessment_that_no_source_names_stops_nothing(tmp_path):
    write(tmp_path, ASSESSMENT, assessment(proficient_from=UNSET))
    catalogue = load_catalogue(tmp_path)
    assert list(catalogue.unfinished) == [ASSESSMENT] and "quill" not in catalogue.assessments


def test_an_assessment_that_can_be_read_but_is_open_is_left_out_too(tmp_path):
    write(tmp_path, ASSESSMENT, assessment(subjects=[UNSET]))
    assert "quill" not in load_catalogue(tmp_path).assessments


def test_what_an_open_value_makes_wrong_elsewhere_is_no_fault_of_its_own(tmp_path):
    write(tmp_path, SOURCE, source(grade={"column": UNSET}, assessment={"value": "results_csv"}))
    (word,) = load_catalogue(tmp_path).unfinished["quill"]
    assert word.startswith(f"{SOURCE}: fields.grade.column: {UNSET} stands for")


def test_open_codes_are_told_by_their_field(tmp_path):
    codes = {"column": "gender", "codes": {"A": UNSET, "B": UNSET, "F": "F"}}
    write(tmp_path, SOURCE, source(gender=codes, assessment={"value": "results_csv"}))
    (word,) = load_catalogue(tmp_path).unfinished["quill"]
    assert word.startswith(f"{SOURCE}: fields.gender.codes: {UNSET} stands for")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"gender": {"column": "gender", "codes": {"A": UNSET, "F": "GIRL"}}}, "['GIRL'] not in"),
        ({"grade": {"value": UNSET, "colum": "grade"}}, "fields.grade.colum: Extra inputs"),
        ({"grade": {"value": UNSET}, "nothing": {"value": "1"}}, "no field nothing"),
    ],
)
def test_another_fault_beside_open_values_stays_fatal_and_both_are_told(tmp_path, changed, told):
    write(tmp_path, SOURCE, source(**changed))
    write(tmp_path, ASSESSMENT, assessment())
    found = fatal(tmp_path)
    assert told in found and UNSET in found
    assert f"['{UNSET}'" not in found


def test_an_open_value_in_an_assessment_of_a_shipped_source_is_fatal(tmp_path):
    write(tmp_path, "assessments/iready.yml", {"proficient_from": UNSET})
    assert "assessments/iready.yml: proficient_from" in fatal(tmp_path)


def test_an_open_value_outside_sources_and_assessments_is_fatal(tmp_path):
    write(tmp_path, "profiles/default.yml", {"workers": UNSET})
    assert "profiles/default.yml: workers" in fatal(tmp_path)


def hashes(site: Path) -> dict[str, str]:
    catalogue = load_catalogue(site)
    return {name: catalogue.vocabulary_hash(name) for name in catalogue.sources}


def changed_by(site: Path, name: str, content: object) -> set[str]:
    write(site, name, content)
    before, after = hashes(SHIPPED), hashes(site)
    return {one for one in before if before[one] != after[one]}


def test_a_new_assessment_changes_the_vocabulary_of_no_source_that_names_its_own(tmp_path):
    assert changed_by(tmp_path, ASSESSMENT, assessment()) == set()


def test_an_assessment_changes_the_vocabulary_of_the_sources_that_name_it(tmp_path):
    changed = changed_by(tmp_path, "assessments/cast.yml", {"title": "Another"})
    assert changed == {"ca_caaspp_student", "ca_caaspp_research"}


def test_a_source_that_reads_its_assessment_from_the_file_depends_on_all(tmp_path):
    body = source(assessment={"column": "subject"})
    body["name"] = "any"
    write(tmp_path, "sources/any.yml", body)
    before = load_catalogue(tmp_path).vocabulary_hash("any")
    write(tmp_path, ASSESSMENT, assessment())
    assert load_catalogue(tmp_path).vocabulary_hash("any") != before


def test_a_vocabulary_changes_the_sources_of_the_tables_that_use_it(tmp_path):
    code = {"codes": {"ANOTHER": {"label": "Another"}}}
    sources = load_catalogue().sources.values()
    changed = changed_by(tmp_path, "vocabulary/student_group.yml", code)
    assert changed == {one.name for one in sources if one.table == "published_result"}
    changed = changed_by(tmp_path, "vocabulary/gender.yml", code)
    results = {one.name for one in sources if one.table == "student_result"}
    assert results < changed and "ca_school_directory" not in changed
