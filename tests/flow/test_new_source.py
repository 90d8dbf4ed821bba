"""A file of a layout nobody has seen is drafted, corrected, loaded and mended, by YAML alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

from configs.catalogue import load_catalogue
from tests.command_line import Finished
from tests.flow.as_configured import publishing
from tests.flow.vendor_file import (
    ABSENT_IN_SPRING,
    BIRTHS,
    NAMES,
    ROWS,
    UNSURE_STATUS,
    vendor_file,
)

RESULTS = 2 * ROWS - ABSENT_IN_SPRING


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    return tmp_path / "site"


@pytest.fixture
def typed(roci: Callable[..., Finished], site: Path) -> Callable[..., Finished]:
    """Type a command with the site's own layer."""
    return lambda *words: roci(*words, ROCI_CONFIG=str(site))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return vendor_file(tmp_path / "quill_progress_2025.csv")


def replaced(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def corrected(site: Path) -> None:
    """Set what the draft leaves to a person."""
    replaced(site / "assessments/quill.yml", "proficient_from: SET_ME", "proficient_from: 3")
    replaced(site / "sources/quill.yml", "participation: {value: SET_ME}",
             "participation: {value: TESTED}")  # fmt: skip


def students(home: Path, what: str) -> list[tuple]:
    path = home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        return con.execute(f"SELECT {what} FROM '{path}' GROUP BY ALL ORDER BY ALL").fetchall()


def test_a_file_that_nobody_knows_is_drafted_corrected_and_loaded(
    typed, site, file, workspace_home
):
    drafted = typed("sources", "draft", file, "--name", "quill", "--district", "0199001")
    assert drafted.code == 0, drafted.said
    assert "participation" in drafted.out and "proficient_from" in drafted.out

    refused = typed("check")
    assert refused.code == 2 and "assessments/quill.yml: proficient_from" in refused.err
    corrected(site)
    publishing(site)
    assert typed("check").code == 0

    tried = typed("sources", "check", "quill", "--sample", file, "--district", "0199001")
    assert tried.code == 0, tried.said
    assert "roci sources map quill 'ELL?' U CODE" in tried.out

    loaded = typed("ingest", "quill", file, "--district", "0199001", "--json").json["loads"][0]
    unsure = 2 * UNSURE_STATUS
    assert (loaded["state"], loaded["received"]) == ("loaded", RESULTS)
    assert (loaded["loaded"], loaded["quarantined"]) == (RESULTS - unsure, unsure)

    mapped = typed("sources", "map", "quill", "ELL?", "U", "UNKNOWN")
    assert mapped.code == 0, mapped.said
    again = re.search(r"next: roci (rerun .*)", mapped.out)
    assert again and again[1] == "rerun --code UNKNOWN_CODE"
    assert f"rows wait for it in {loaded['load_id']}" in mapped.out
    rerun = typed(*again[1].split(), "--json").json["loads"][0]
    assert (rerun["state"], rerun["loaded"], rerun["quarantined"]) == ("loaded", RESULTS, 0)
    windows = students(workspace_home, "test_window, count(*), count(DISTINCT student_id)")
    assert windows == [("fall", ROWS, ROWS), ("spring", ROWS - ABSENT_IN_SPRING,
                                              ROWS - ABSENT_IN_SPRING)]  # fmt: skip
    assert students(workspace_home, "el_status, count(*)")[-1] == ("UNKNOWN", unsure)


def test_a_draft_says_how_the_file_is_read_and_names_nobody(typed, site, file):
    typed("sources", "draft", file, "--name", "quill")
    written = {path.relative_to(site).as_posix(): path.read_text(encoding="utf-8")
               for path in site.rglob("*.yml")}  # fmt: skip
    assert set(written) == {"sources/quill.yml", "assessments/quill.yml"}
    for value in (*NAMES, *BIRTHS, "1002", "Alder", "6002001"):
        assert all(value not in text for text in written.values()), value
    source = yaml.safe_load(written["sources/quill.yml"])
    assert source["format"]["delimiters"] == [";"] and "cp1252" in source["format"]["encodings"]
    assert source["missing"] == ["", "N/A"]
    assert source["layouts"][0]["records"][0]["over"] == {
        "test_window": {"fall": "Sem. 1", "spring": "Sem. 2"}
    }
    assert source["fields"]["performance_level"]["codes"] == {
        "Urgent Support": "1", "Developing": "2", "On Pace": "3", "Exceeding": "4",
    }  # fmt: skip
    assert all(len(line) <= 110 for text in written.values() for line in text.splitlines())


def test_a_draft_never_replaces_a_file(typed, site, file):
    (site / "assessments").mkdir()
    kept = site / "assessments" / "quill.yml"
    kept.write_text((load_text("iready")).replace("name: iready", "name: quill"), encoding="utf-8")
    before = kept.read_text(encoding="utf-8")
    refused = typed("sources", "draft", file, "--name", "quill")
    assert refused.code == 2 and "ALREADY_THERE" in refused.err
    assert kept.read_text(encoding="utf-8") == before
    assert not (site / "sources").exists()


def load_text(assessment: str) -> str:
    from configs.catalogue import SHIPPED

    return (SHIPPED / "assessments" / f"{assessment}.yml").read_text(encoding="utf-8")


def test_without_a_layer_the_draft_is_printed(roci, file):
    printed = roci("sources", "draft", file, "--name", "quill")
    assert printed.code == 0 and "participation: {value: SET_ME}" in printed.out
    assert "ROCI_CONFIG" in printed.err


def test_a_file_without_a_header_is_refused_without_its_values(typed, site, file, tmp_path):
    bare = tmp_path / "bare.csv"
    bare.write_text("9000000001,Okaforesti,2014-03-14,512\n9000000002,Smithsonia,2013-02-01,498\n")
    refused = typed("sources", "draft", bare)
    assert refused.code == 2 and "NO_HEADER" in refused.err
    assert not any(value in refused.said for value in ("9000000001", "Okaforesti", "2014"))
    assert list(site.iterdir()) == []


def test_a_long_header_stands_in_a_file_of_its_own(typed, site, tmp_path):
    names = ["SSID", "Score", *(f"Part {letter}" for letter in "abcdefghijklmnopqrstu")]
    wide = tmp_path / "wide.csv"
    row = ",".join("1" for _ in names)
    wide.write_text("\t".join(names) + "\n" + "\n".join([row.replace(",", "\t")] * 3) + "\n")
    assert typed("sources", "draft", wide, "--name", "wide").code == 0
    assert (site / "sources/headers/wide.txt").read_text().splitlines() == names
    source = yaml.safe_load((site / "sources/wide.yml").read_text())
    assert source["layouts"][0]["header"] == "wide.txt"
    assert source["format"]["delimiters"] == ["\t"]


def test_the_trial_says_what_becomes_of_every_code_and_shows_no_person(typed, site, file):
    typed("sources", "draft", file, "--name", "quill")
    corrected(site)
    words = ("sources", "check", "quill", "--sample", file, "--district", "0199001")
    trial = typed(*words, "--json").json
    status = {one["value"]: one["becomes"] for one in trial["codes"] if one["column"] == "ELL?"}
    unsure = 2 * UNSURE_STATUS
    assert status == {"Y": "EL", "N": "NOT_EL", "U": f"unknown: {unsure} rows would be set aside"}
    levels = [one for one in trial["codes"] if one["field"] == "performance_level"]
    assert {one["becomes"] for one in levels} == {"1", "2", "3", "4"}
    assert (trial["encoding"], trial["form"], trial["years"]) == ("cp1252", "delimited", [2025])
    assert sum(one["rows"] for one in trial["partitions"]) == RESULTS - unsure
    said = typed(*words).said
    assert not any(value in said for value in (*NAMES, *BIRTHS, "100200"))


def test_the_list_of_sources_tells_layouts_years_files_and_last_load(typed, site, file):
    typed("sources", "draft", file, "--name", "quill")
    corrected(site)
    typed("ingest", "quill", file, "--district", "0199001")
    listed = {one["source"]: one for one in typed("sources", "list", "--json").json}
    quill = listed["quill"]
    assert quill["layouts"] == ["first (2025-)"] and quill["files"] == ["*quill_progress*.csv"]
    assert quill["state"] == "loaded" and quill["finished_at"]
    assert listed["iready_diagnostic"]["last_load"] is None
    assert "quill: quill (student_result)" in typed("sources", "list").out


MAPPINGS = [
    (("quill", "ELL?", "U", "NOPE"), "NO_SUCH_CODE"),
    (("quill", "Learner No", "100200", "EL"), "PERSONAL_FIELD"),
    (("quill", "Learner No", "100200", "missing"), "PERSONAL_FIELD"),
    (("quill", "Remarks", "x", "EL"), "NO_CODED_FIELD"),
    (("quill", "ELL?", "U", "EL", "--field", "gender"), "NO_CODED_FIELD"),
    (("ca_caaspp_student", "RecordType", "02", "7"), "NO_SUCH_CODE"),
]


def test_what_cannot_be_mapped_is_refused_and_changes_nothing(typed, site, file):
    typed("sources", "draft", file, "--name", "quill")
    corrected(site)
    before = {path: path.read_bytes() for path in site.rglob("*") if path.is_file()}
    for words, code in MAPPINGS:
        refused = typed("sources", "map", *words)
        assert (refused.code, code in refused.err) == (2, True), refused.said
        assert "100200" not in refused.said
    assert {path: path.read_bytes() for path in site.rglob("*") if path.is_file()} == before


def test_a_mapping_keeps_comments_and_lies_over_a_shipped_source(typed, site, file):
    typed("sources", "draft", file, "--name", "quill")
    corrected(site)
    source = site / "sources" / "quill.yml"
    comments = [line for line in source.read_text(encoding="utf-8").splitlines() if "#" in line]
    assert typed("sources", "map", "quill", "ELL?", "No", "NOT_EL").code == 0
    assert typed("sources", "map", "quill", "Sem. 2 Placement", "Leading", "4").code == 0
    assert typed("sources", "map", "quill", "Yr", "Kinder", "KG").code == 0
    assert typed("sources", "map", "quill", "ELL?", "U", "missing").code == 0
    assert typed("sources", "map", "ca_caaspp_student", "Gender", "Z", "X").code == 0
    kept = source.read_text(encoding="utf-8").splitlines()
    assert [line for line in comments if line not in kept] == []
    fields = load_catalogue(site).source("quill").fields
    assert fields["el_status"].codes["No"] == "NOT_EL" and fields["el_status"].missing == ["U"]
    assert fields["performance_level"].codes["Leading"] == "4"
    assert fields["grade"].codes["Kinder"] == "KG" and fields["grade"].codes["3"] == "03"
    shipped = load_catalogue(site).source("ca_caaspp_student").fields["gender"].codes
    assert shipped["Z"] == "X" and shipped["F"] == "F"


def test_a_mapping_needs_a_layer_of_the_sites_own(roci):
    refused = roci("sources", "map", "ca_caaspp_student", "Gender", "Z", "X")
    assert refused.code == 2 and "ROCI_CONFIG" in refused.err
