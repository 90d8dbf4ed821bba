"""What a load's explanation offers next leads on, and nothing is done to an attempt of the past."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from configs.errors import UsageError
from flows.choosing import chosen_loads
from flows.context import Context
from flows.explaining import explanation_lines, next_commands
from flows.outcome import UNCLAIMED, LoadOutcome
from flows.running import discard_load, run_again
from flows.stages.intake import ingest_files
from flows.stages.loading import load_incoming
from flows.stages.retrying import as_it_came
from tests.flow.small_files import results


def ingest(context: Context, file: Path) -> LoadOutcome:
    (incoming,) = ingest_files(context, "results_csv", [file], "0199017")
    return load_incoming(context, incoming)


def following(context: Context, load_id: str) -> list[str]:
    """Return the commands that a load's explanation ends with."""
    told = [line for line in explanation_lines(context, load_id) if line.startswith("Next: ")]
    return [line.removeprefix("Next: ").partition("   ")[0] for line in told]


def test_an_attempt_that_was_done_again_leads_to_the_newest(context, tmp_path, capsys):
    first = ingest(context, results(tmp_path / "a.csv", 100, bad_rows=60)).load_id
    again = load_incoming(context, as_it_came(context, context.ledger.load(first))).load_id
    said = "\n".join(explanation_lines(context, first))
    assert f"The file was refused, and done again since: {again} is failed." in said
    assert following(context, first) == [f"roci explain {again}"]
    discard_load(context, first)
    assert f"{again} is failed as it was.\nNext: roci explain {again}" in capsys.readouterr().out
    discard_load(context, again)
    assert "Next:" not in capsys.readouterr().out


def test_a_file_of_too_many_bad_rows_can_be_corrected_in_a_spreadsheet(context, tmp_path):
    load = ingest(context, results(tmp_path / "a.csv", 100, bad_rows=60))
    assert load.code == "TOO_MANY_REJECTS"
    assert following(context, load.load_id) == [
        f"roci quarantine export {load.load_id}",
        f"roci rerun {load.load_id}",
        f"roci discard {load.load_id}",
    ]


def test_rows_of_a_file_that_was_replaced_are_not_offered_for_correction(context, tmp_path):
    load = ingest(context, results(tmp_path / "a.csv", 200, bad_rows=3)).load_id
    assert f"roci quarantine export {load}" in following(context, load)
    ingest(context, results(tmp_path / "b.csv", 200, score=2510))
    assert following(context, load) == [f"roci quarantine show {load}"]


def test_no_release_is_offered_where_none_helps(context, tmp_path):
    ingest(context, results(tmp_path / "a.csv", 200))
    load = context.ledger.load(ingest(context, results(tmp_path / "b.csv", 40)).load_id)
    codes = context.catalogue.codes
    assert f"roci release {load.load_id}" in next_commands(load, codes)
    assert load.fault is not None
    unknown = replace(load, fault=replace(load.fault, code="UNKNOWN_SCHOOL"))
    assert not any("release" in one or "--compare" in one for one in next_commands(unknown, codes))
    twice = replace(load, fault=replace(load.fault, code="COUNTED_TWICE"))
    assert next_commands(twice, codes) == [f"roci discard {load.load_id}"]


def test_a_file_of_no_source_is_not_to_be_done_again(context, tmp_path):
    load = context.ledger.load(
        ingest(context, results(tmp_path / "a.csv", 100, bad_rows=60)).load_id
    )
    unclaimed = replace(load, source=UNCLAIMED)
    assert [one.split("   ")[0] for one in next_commands(unclaimed, context.catalogue.codes)] == [
        f"roci discard {load.load_id}"
    ]


def test_a_rerun_of_nothing_is_nothing_new_through_prefect_too(context):
    run = run_again(context, [], failed=True, code=None, engine="prefect")
    assert (run.loads, run.exit_code) == ((), 0)


def test_a_code_that_is_none_is_refused_with_the_nearest(context):
    with pytest.raises(UsageError, match="UNKNOWN_LOAD_CODE") as refused:
        chosen_loads(context, [], failed=False, code="UNKNOWN_SCHOOLS")
    assert "UNKNOWN_SCHOOL" in refused.value.expected
