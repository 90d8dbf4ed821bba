from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pandas as pd
import pytest
from jinja2 import Environment

from configs.errors import ConfigurationError
from configs.models import ExpectationSpec, Suite
from validation.profile import batch_profile, profile_values
from validation.suites import (
    NOTHING_TO_COMPARE,
    needed_columns,
    run_batch_suite,
    suite_for,
)

DIMENSIONS = ("ethnicity", "el_status", "gender", "econ_status", "disability_status")
SECRETS = ("PLANTED0001", "PLANTED0002", "Plantedname", "20011231")


@pytest.fixture
def batch_run(typed, catalogue, tmp_path):
    """Return a function that runs the batch suite over rows and figures of the last load."""
    suite = suite_for(catalogue, "batch", catalogue.sources["state_long"])
    table = catalogue.tables["student_result"]

    def run(rows, last=None, suite=suite, run_name="load 7", directory=None):
        con = duckdb.connect()
        con.register("load", typed(rows))
        if directory is not None:
            con.register("directory", directory)
        profile = batch_profile(
            con, "load", table, last, None if directory is None else "directory"
        )
        frame = con.sql("SELECT * FROM load").df()[needed_columns(suite)["rows"]]
        result = run_batch_suite(suite, frame, profile, tmp_path, run_name)
        return {check.code: check for check in result.checks}, profile_values(profile), result

    return run


def test_a_first_load_passes_and_says_that_there_is_nothing_to_compare_with(batch_run):
    checks, _, result = batch_run([{}] * 3)
    assert result.failed("hold") == [] == result.failed("warn")
    assert checks["ROW_COUNT_SHIFT"].observed == NOTHING_TO_COMPARE
    assert checks["GROUP_SHIFT"].observed == NOTHING_TO_COMPARE


def test_a_load_with_far_fewer_or_more_rows_than_the_last_is_held(batch_run):
    _, last, _ = batch_run([{}] * 100)
    for count, words in ((49, "49 after 100 (49%)"), (201, "201 after 100 (201%)")):
        checks, _, result = batch_run([{}] * count, last)
        assert [check.code for check in result.failed("hold")] == ["ROW_COUNT_SHIFT"]
        assert checks["ROW_COUNT_SHIFT"].observed == words
        assert checks["ROW_COUNT_SHIFT"].expected == "50.0 to 200.0"


def test_a_load_of_about_the_same_size_and_groups_passes(batch_run):
    rows = [{"gender": "F"}] * 60 + [{"gender": "M"}] * 60
    _, last, _ = batch_run(rows)
    _, _, result = batch_run([{"gender": "F"}] * 70 + [{"gender": "M"}] * 50, last)
    assert result.failed("hold") == [] == result.failed("warn")


def test_a_group_whose_share_has_moved_by_more_than_twenty_points_is_held(batch_run):
    _, last, _ = batch_run([{"el_status": "EL"}] * 20 + [{"el_status": "EO"}] * 80)
    checks, _, result = batch_run([{"el_status": "EL"}] * 41 + [{"el_status": "EO"}] * 59, last)
    assert [check.code for check in result.failed("hold")] == ["GROUP_SHIFT"]
    assert "el_status EL 41% after 20%" in checks["GROUP_SHIFT"].observed


def test_a_group_column_that_became_blank_is_held(batch_run):
    half = [{"gender": "F"}] * 50 + [{"gender": "M"}] * 50
    _, last, _ = batch_run(half)
    _, _, result = batch_run([{"gender": "F"}] * 39 + [{"gender": "M"}] * 39 + [{}] * 22, last)
    assert [check.code for check in result.failed("hold")] == ["GROUP_BLANK"]


def test_a_school_that_the_directory_does_not_know_is_a_warning(batch_run):
    directory = pd.DataFrame({"school_year": [2022], "district_id": ["D1"], "school_id": ["A"]})
    checks, _, result = batch_run([{}] * 3 + [{"school_id": "B"}], directory=directory)
    assert result.failed("hold") == []
    assert [check.code for check in result.failed("warn")] == ["UNKNOWN_SCHOOL"]
    assert checks["UNKNOWN_SCHOOL"].observed == "75%"


def test_a_code_outside_its_vocabulary_is_held(batch_run):
    _, _, result = batch_run([{"gender": "F"}, {"gender": "W"}])
    assert [check.name for check in result.failed("hold")] == [
        "rows.CODE_OUTSIDE_VOCABULARY.gender"
    ]
    assert result.failed("hold")[0].observed == "1 of 2 rows"


def test_no_rows_at_all_are_held(batch_run):
    _, _, result = batch_run([{}][:0])
    assert "NO_ROWS_LEFT" in [check.code for check in result.failed("hold")]


def test_expectations_of_other_tables_are_not_asked(catalogue):
    suite = suite_for(catalogue, "batch", catalogue.sources["ca_school_directory"])
    assert needed_columns(suite)["rows"] == ["school_id"]


def everything_under(folder) -> str:
    """Return the names and contents of all files."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return "\n".join(f"{path}\n{path.read_bytes().decode('latin-1')}" for path in files)


def test_a_page_that_cannot_be_written_is_told_in_one_line(batch_run, monkeypatch, caplog, capfd):
    from great_expectations.data_context.store.html_site_store import HtmlSiteStore

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(HtmlSiteStore, "set", full)
    batch_run([{}] * 3)
    told = [record.getMessage() for record in caplog.records if record.name != "py.warnings"]
    assert [line.split()[0] for line in told] == ["docs=incomplete"]
    assert "Traceback" not in capfd.readouterr().err


def test_no_value_of_a_row_reaches_the_data_docs(typed, catalogue, tmp_path, capfd):
    rows = [{"student_id": secret, "school_id": None, "gender": secret} for secret in SECRETS]
    asked = ["expect_column_values_to_not_be_null", "expect_column_values_to_be_unique"]
    specs = [
        ExpectationSpec(type=kind, kwargs={"column": column}, code="X", meaning="Asked.")
        for kind in asked
        for column in ("school_id", "birth_date")
    ]
    specs += [
        ExpectationSpec(
            type="expect_column_values_to_be_in_set",
            kwargs={"column": column, "value_set": ["none of them"]},
            code="Y",
            meaning="Asked.",
        )
        for column in ("student_id", "gender")
    ]
    frame = typed([*rows, *rows]).to_pandas().assign(birth_date="20011231")
    suite = Suite(name="batch", over="batch", expectations={"rows": specs, "profile": []})
    result = run_batch_suite(suite, frame, pd.DataFrame(), tmp_path, "load 8")
    assert len(result.failed("warn")) == 4
    captured = capfd.readouterr()
    written = everything_under(tmp_path) + captured.out + captured.err + repr(result)
    assert "expect" in written and "student_id" in written
    assert [secret for secret in SECRETS if secret in written] == []


def test_an_expectation_whose_result_would_show_values_is_refused(tmp_path):
    spec = ExpectationSpec(
        type="expect_column_min_to_be_between",
        kwargs={"column": "student_id"},
        code="X",
        meaning="Asked.",
    )
    suite = Suite(name="batch", over="batch", expectations={"rows": [spec], "profile": []})
    with pytest.raises(ConfigurationError, match="TELLING_EXPECTATION"):
        run_batch_suite(suite, pd.DataFrame({"student_id": ["S"]}), pd.DataFrame(), tmp_path, "x")


def test_an_expectation_that_cannot_be_evaluated_is_our_fault_and_leaves_no_page(tmp_path):
    spec = ExpectationSpec(
        type="expect_column_values_to_not_be_null",
        kwargs={"column": "no_such_column"},
        code="X",
        meaning="Asked.",
    )
    suite = Suite(name="batch", over="batch", expectations={"rows": [spec], "profile": []})
    frame = pd.DataFrame({"student_id": ["PLANTED0001"]})
    with pytest.raises(ConfigurationError, match="BROKEN_SUITE") as raised:
        run_batch_suite(suite, frame, pd.DataFrame(), tmp_path, "x")
    assert "PLANTED0001" not in str(raised.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_suite_that_names_an_unknown_setting_is_refused(catalogue):
    spec = ExpectationSpec(
        type="expect_table_row_count_to_be_between",
        kwargs={"min_value": {"profile": "no_such_setting"}},
        code="X",
        meaning="Asked.",
    )
    suite = Suite(name="batch", over="batch", expectations={"rows": [spec]})
    changed = type(catalogue)(**{**vars(catalogue), "suites": {"batch": suite}})
    with pytest.raises(ConfigurationError, match="no_such_setting"):
        suite_for(changed, "batch")


def test_loads_that_are_checked_at_the_same_time_do_not_mix(batch_run):
    def held(number):
        rows = [{"gender": "F"}] * number + [{"gender": "W"}] * number
        return batch_run(rows, run_name=f"load {number}")[2].failed("hold")[0].observed

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(held, range(1, 7))) == [f"{n} of {2 * n} rows" for n in range(1, 7)]


def test_the_index_lists_every_run_and_every_page_reads_offline(batch_run, tmp_path):
    batch_run([{}] * 3, run_name="state_long/first")
    batch_run([{}], {"row_count": 100.0}, run_name="state_long second")
    index = (tmp_path / "index.html").read_text()
    assert index.index("state_long-second") < index.index("state_long-first")
    assert "ROW_COUNT_SHIFT" in index and "1 after 100 (1%)" in index
    links = re.findall(r'href="([^"]+)"', index)
    assert len(links) == 4
    for page in [tmp_path / link for link in links] + [tmp_path / "index.html"]:
        text = page.read_text(encoding="utf-8")
        assert "<style>" in text
        assert not re.search(r"(src|href)=.https?:|url\(.?https?:", text)


def test_pages_of_a_later_run_compile_no_template_again(batch_run, tmp_path, monkeypatch):
    batch_run([{}] * 3)
    compiled: list[object] = []
    compile_one = Environment.compile
    monkeypatch.setattr(
        Environment, "compile", lambda *a, **k: compiled.append(a[2]) or compile_one(*a, **k)
    )
    batch_run([{}] * 3, run_name="load 8")
    assert len(list(tmp_path.rglob("validations/**/load-8/**/*.html"))) == 2
    assert compiled == []
