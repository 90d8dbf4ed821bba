"""How configuration is read: everything at once, the site's layer over the shipped one."""

from pathlib import Path

import pytest
import yaml

from configs.catalogue import SHIPPED, allowed_codes, load_catalogue, merge
from configs.errors import ConfigurationError
from tests.unit.configs.faulty_sites import faults_of


def write(root: Path, name: str, content: object) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
    path.write_text(text, encoding="utf-8")


def test_what_is_shipped_loads():
    assert {"state_long", "results_csv"} <= set(load_catalogue().sources)


@pytest.mark.parametrize("changed", [{"levels": []}, {"proficient_from": None}])
def test_levels_and_what_is_proficient_go_together(tmp_path, changed):
    write(tmp_path, "assessments/cast.yml", changed)
    assert "assessments/cast.yml" in faults_of(tmp_path)


def test_an_assessment_may_have_neither_levels_nor_a_standard(tmp_path):
    changed = {"levels": [], "proficient_from": None}
    write(tmp_path, "assessments/fountas_pinnell.yml", changed)
    one = load_catalogue(tmp_path).assessments["fountas_pinnell"]
    assert (one.levels, one.proficient_from) == ([], None)


def test_all_faults_are_told_together_each_with_its_file_and_key(tmp_path):
    write(tmp_path, "sources/state_long.yml", {"threshold": {"rejected_pct": 400}})
    write(tmp_path, "assessments/cast.yml", {"proficient_from": 7})
    write(tmp_path, "vocabulary/gender.yml", {"codes": {"F": {"order": "first"}}})
    message = faults_of(tmp_path)
    assert "3 fault(s)" in message
    assert "sources/state_long.yml: threshold.rejected_pct:" in message
    assert "assessments/cast.yml: (file): Value error, proficient_from 7" in message
    assert "vocabulary/gender.yml: codes.F.order:" in message


def test_a_key_that_is_not_known_is_refused(tmp_path):
    write(tmp_path, "sources/state_long.yml", {"thresold": {"rejected_pct": 4}})
    assert "sources/state_long.yml: thresold: Extra inputs are not permitted" in faults_of(tmp_path)


def test_a_file_that_is_not_yaml_is_named(tmp_path):
    write(tmp_path, "network.yml", "partner_schools: [1/2\nnetworks: {}")
    message = faults_of(tmp_path)
    assert "network.yml: not YAML" in message
    assert "roci check" in message


def test_a_file_that_holds_a_list_is_named(tmp_path):
    write(tmp_path, "marts.yml", "- crossed\n")
    assert "marts.yml: found list, expected keys and values" in faults_of(tmp_path)


def test_a_source_must_be_named_as_its_file_is(tmp_path):
    write(tmp_path, "assessments/cast.yml", {"name": "caast"})
    assert "assessments/cast.yml: name must be cast" in faults_of(tmp_path)


def test_a_yes_that_yaml_reads_as_true_is_refused_not_guessed(tmp_path):
    write(
        tmp_path,
        "sources/ca_caaspp_student.yml",
        "fields: {econ_status: {codes: {Yes: SED}}}",
    )
    assert "sources/ca_caaspp_student.yml: fields.econ_status.codes" in faults_of(tmp_path)


def test_the_sites_layer_changes_one_key_and_keeps_the_others(tmp_path):
    write(tmp_path, "sources/state_long.yml", {"threshold": {"rejected_pct": 2.5}})
    write(tmp_path, "network.yml", {"partner_schools": ["0100001/0000007"]})
    shipped, sites = load_catalogue(), load_catalogue(tmp_path)
    assert sites.source("state_long").threshold.rejected_pct == 2.5
    assert sites.network.partner_schools == ["0100001/0000007"]
    assert sites.source("state_long").fields == shipped.source("state_long").fields
    assert shipped.network.partner_schools == []


def test_a_site_may_bring_a_source_and_its_header_file(tmp_path):
    write(
        tmp_path,
        "sources/headers/plain_site.txt",
        "\n".join(load_catalogue().source("results_csv").layouts[0].columns),
    )
    body = yaml.safe_load((SHIPPED / "sources/results_csv.yml").read_text(encoding="utf-8"))
    body |= {"name": "site_csv", "file_names": ["site*.csv"]}
    body["layouts"][0]["header"] = "plain_site.txt"
    write(tmp_path, "sources/site_csv.yml", body)
    assert len(load_catalogue(tmp_path).source("site_csv").layouts[0].columns) == 12


def test_a_header_file_that_is_missing_is_named(tmp_path):
    layouts = [{"name": "long", "citation": "none", "header": "nowhere.txt"}]
    write(tmp_path, "sources/state_long.yml", {"layouts": layouts})
    assert "sources/state_long.yml: file sources/headers/nowhere.txt" in faults_of(tmp_path)


def test_a_site_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="NO_SITE_CONFIGURATION"):
        load_catalogue(tmp_path / "nowhere")


def test_an_unknown_source_is_told_with_those_there_are():
    with pytest.raises(ConfigurationError, match="state_long") as caught:
        load_catalogue().source("state_lang")
    assert caught.value.code == "UNKNOWN_SOURCE"


def test_the_hash_of_a_source_follows_its_content_not_the_order_of_its_keys(tmp_path):
    shipped = load_catalogue()
    write(tmp_path, "sources/results_csv.yml", {"threshold": {"rejected_pct": 4}})
    changed = load_catalogue(tmp_path)
    assert changed.source_hash("results_csv") != shipped.source_hash("results_csv")
    assert changed.source_hash("state_long") == shipped.source_hash("state_long")
    assert changed.vocabulary_hash("results_csv") == shipped.vocabulary_hash("results_csv")
    assert load_catalogue().source_hash("results_csv") == shipped.source_hash("results_csv")


def test_lists_are_replaced_and_keys_are_merged():
    below = {"grain": ["a", "b"], "fields": {"x": 1, "y": 2}}
    assert merge(below, {"grain": ["c"], "fields": {"y": 3}}) == {
        "grain": ["c"],
        "fields": {"x": 1, "y": 3},
    }
    assert below["fields"] == {"x": 1, "y": 2}


def test_the_codes_of_assessment_are_the_assessment_files():
    catalogue = load_catalogue()
    assert allowed_codes(catalogue, "assessment") == sorted(catalogue.assessments)


def test_a_key_that_stands_twice_is_named_for_the_first_of_them_would_be_lost(tmp_path):
    (tmp_path / "vocabulary").mkdir()
    (tmp_path / "vocabulary" / "gender.yml").write_text(
        "name: gender\ncodes:\n  F: {label: Female}\n  F: {label: Also female}\n"
    )
    assert "gender.yml: not YAML: key F stands twice in the block from line 3" in faults_of(
        tmp_path
    )
