"""What a load that was cut off may replace once it is taken up again, and what not unasked."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from configs.errors import UsageError
from flows import running
from flows.context import Context
from flows.locking import filling_lock
from flows.running import discard_load, run_again, run_nightly, run_release
from flows.stages import loading
from flows.stages.intake import ingest_files
from flows.stages.retrying import as_it_came
from tests.flow.small_files import results
from tests.flow.two_districts import FAR, ingest
from warehouse.ledger import Ledger

pytestmark = pytest.mark.usefixtures("publishing")


def two_years(path: Path, rows: int = 40) -> Path:
    """Write as many students of 2023 as of 2024, with other scores."""
    first = results(path, rows, year=2023, score=2400).read_text()
    second = results(path, rows, year=2024).read_text().splitlines()[1:]
    path.write_text("\n".join([first.rstrip("\n"), *second]) + "\n", encoding="utf-8")
    return path


def rows_loaded(context: Context) -> dict[str, int]:
    return {part.partition: part.rows for part in context.ledger.live_partitions("student_result")}


def cut_off_after_the_lake(monkeypatch, work, *given) -> None:
    """Do what is given, and break off where a load's rows are in the lake and not in the ledger."""

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "finish_loaded", cut_off)
        with pytest.raises(KeyboardInterrupt):
            work(*given)


@pytest.mark.parametrize("again", ["landing", "raw store"])
def test_a_load_cut_off_does_not_replace_what_a_newer_one_filled_since(
    context, tmp_path, monkeypatch, again
):
    older = two_years(context.workspace.landing / "results_two.csv")
    cut_off_after_the_lake(monkeypatch, run_nightly, context)
    if again == "raw store":
        older.unlink()
    newer = ingest(context, results(tmp_path / "newer.csv", 44)).loads[0]
    taken_up = run_nightly(context).loads[0]
    assert (taken_up.state, taken_up.code) == ("held", "OLDER_FILE")
    assert rows_loaded(context) == {"2024": 44}
    assert f"roci release {taken_up.load_id}`, then `roci rerun {newer.load_id}" in (
        taken_up.message or ""
    )
    assert run_release(context, taken_up.load_id).loads[0].state == "loaded"
    run = run_again(context, [newer.load_id], failed=False, code=None, engine="direct")
    assert (run.build.state, rows_loaded(context)) == ("published", {"2023": 40, "2024": 44})


def test_a_release_cut_off_holds_for_what_others_have_filled_since_and_no_more(
    context, tmp_path, monkeypatch
):
    ingest(context, two_years(tmp_path / "whole.csv", 60))
    held = ingest(context, two_years(tmp_path / "part.csv", 24)).loads[0]
    assert (held.state, rows_loaded(context)) == ("held", {"2023": 60, "2024": 60})
    cut_off_after_the_lake(monkeypatch, run_release, context, held.load_id)
    ingest(context, results(tmp_path / "newer.csv", 58))
    taken_up = run_nightly(context).loads[0]
    assert (taken_up.state, taken_up.code) == ("held", "OLDER_FILE")
    assert rows_loaded(context) == {"2023": 60, "2024": 58}


def test_a_load_cut_off_waits_for_a_person_if_another_fills_its_place_while_it_is_read(
    context, tmp_path, monkeypatch
):
    two_years(context.workspace.landing / "results_two.csv")
    cut_off_after_the_lake(monkeypatch, run_nightly, context)
    checked = loading.check_batch

    def check_while_another_loads(*given) -> None:
        monkeypatch.setattr(loading, "check_batch", checked)
        newer = ingest_files(context, "results_csv", [results(tmp_path / "newer.csv", 44)], FAR)
        assert loading.load_incoming(context, newer[0]).state == "loaded"
        checked(*given)

    monkeypatch.setattr(loading, "check_batch", check_while_another_loads)
    taken_up = run_nightly(context).loads[0]
    assert (taken_up.state, taken_up.code) == ("held", "OLDER_FILE")
    assert rows_loaded(context) == {"2024": 44}


@pytest.fixture
def held(context: Context, tmp_path: Path) -> str:
    """The id of a load that is held since it has a quarter of the rows of the one before."""
    ingest(context, results(tmp_path / "whole.csv", 160))
    load = ingest(context, results(tmp_path / "quarter.csv", 40)).loads[0]
    assert load.state == "held"
    return load.load_id


def test_a_load_that_another_has_given_up_meanwhile_is_not_released(context, held, monkeypatch):
    def as_it_came_once_discarded(*given):
        context.ledger.discard(given[1], "another")
        return as_it_came(*given)

    monkeypatch.setattr(running, "as_it_came", as_it_came_once_discarded)
    with pytest.raises(UsageError, match="WRONG_STATE"):
        run_release(context, held)
    assert context.ledger.load(held).state == "discarded"
    assert rows_loaded(context) == {"2024": 160}


def test_a_load_that_is_being_released_is_not_given_up(context, held):
    refused: list[UsageError] = []

    def discard() -> None:
        try:
            discard_load(context, held)
        except UsageError as error:
            refused.append(error)

    with filling_lock(context, "results_csv", None):
        thread = threading.Thread(target=discard)
        thread.start()
        thread.join(0.5)
        assert context.ledger.load(held).state == "held"
        context.ledger.finish(held, "superseded")
    thread.join(60)
    assert [error.code for error in refused] == ["WRONG_STATE"]
    assert context.ledger.load(held).state == "superseded"
