from pathlib import Path

import pytest
import yaml

from configs.errors import ConfigurationError, UsageError
from flows.context import open_context
from flows.mapping import Mapping, map_value

SHARED = """\
fields:
  # Both columns say yes and no alike.
  econ_status: {column: sed, required: true, codes: &yes_no {'Y': UNKNOWN}}
  disability_status: {column: sed, required: true, codes: *yes_no}
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site" / "sources").mkdir(parents=True)
    return tmp_path / "site"


def mapped(site: Path, *words: str, field: str | None = None):
    environment = {"ROCI_HOME": str(site.parent / "home"), "ROCI_CONFIG": str(site)}
    context = open_context(environment)
    try:
        return map_value(context, Mapping("results_csv", *words, field=field))
    finally:
        context.database.close()


def written(site: Path) -> dict:
    return yaml.safe_load((site / "sources" / "results_csv.yml").read_text(encoding="utf-8"))


def test_a_column_that_fills_several_fields_maps_the_one_whose_vocabulary_has_the_code(site):
    (site / "sources/results_csv.yml").write_text(SHARED, encoding="utf-8")
    assert mapped(site, "sed", "?", "NOT_SED").fields == ["econ_status"]


def test_several_fields_with_the_code_are_ambiguous_until_one_is_named(site):
    path = site / "sources/results_csv.yml"
    path.write_text(SHARED, encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        mapped(site, "sed", "?", "UNKNOWN")
    assert (caught.value.code, caught.value.exit_code) == ("SEVERAL_FIELDS", 2)
    assert "disability_status, econ_status" in caught.value.found
    assert path.read_text(encoding="utf-8") == SHARED
    assert mapped(site, "sed", "?", "UNKNOWN", field="econ_status").fields == ["econ_status"]


def test_codes_that_two_fields_share_change_in_the_one_that_is_meant(site):
    path = site / "sources/results_csv.yml"
    path.write_text(SHARED, encoding="utf-8")
    mapped(site, "sed", "?", "SED")
    fields = written(site)["fields"]
    assert fields["econ_status"]["codes"] == {"Y": "UNKNOWN", "?": "SED"}
    assert fields["disability_status"]["codes"] == {"Y": "UNKNOWN"}
    assert "# Both columns say yes and no alike." in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("value", ["No", "yes", "01", "0x1F", "1.50", "null", "~", "a: b", "'"])
def test_a_value_is_read_back_as_it_was_typed(site, value):
    mapped(site, "gender", value, "X")
    assert written(site) == {"fields": {"gender": {"codes": {value: "X"}}}}
    assert not mapped(site, "gender", value, "X").changed


def test_a_file_that_could_not_be_good_is_not_written(site, monkeypatch):
    path = site / "sources/results_csv.yml"
    monkeypatch.setattr("flows.mapping._edited", lambda *_: "fields: {gender: {codes: 7}}\n")
    with pytest.raises(ConfigurationError) as caught:
        mapped(site, "gender", "Z", "X")
    assert "sources/results_csv.yml: fields.gender.codes" in caught.value.found
    assert list(path.parent.iterdir()) == []


def test_the_file_keeps_its_mode(site):
    path = site / "sources/results_csv.yml"
    path.write_text("fields: {}\n", encoding="utf-8")
    path.chmod(0o640)
    mapped(site, "gender", "Z", "X")
    assert path.stat().st_mode & 0o777 == 0o640
    assert [one.name for one in path.parent.iterdir()] == ["results_csv.yml"]
