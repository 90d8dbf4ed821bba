"""Loads that would write the same partition wait for each other, and the later one knows the
earlier one's end."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb

from flows import load_key
from flows.context import Context
from flows.stages import loading
from flows.stages.intake import Incoming, ingest_files
from flows.stages.interrupted import take_up_interrupted
from flows.stages.loading import load_incoming
from flows.stages.repairing import take_corrections
from flows.stages.retrying import as_it_came
from tests.flow.small_files import results
from tests.flow.test_repair import corrected, exported, spoilt
from warehouse.ledger import Ledger

DISTRICT = "0199017"
LONG_ENOUGH = 60


class Pause:
    """Lets the first caller of a function wait, before or after it, until somebody says go."""

    def __init__(self, of: Callable, *, after: bool) -> None:
        self.reached, self.go = threading.Event(), threading.Event()
        self._of, self._after = of, after

    def __call__(self, *given: object) -> object:
        first = not self.reached.is_set()
        if not self._after:
            self._wait(first)
            return self._of(*given)
        result = self._of(*given)
        self._wait(first)
        return result

    def _wait(self, first: bool) -> None:
        if first:
            self.reached.set()
            assert self.go.wait(LONG_ENOUGH)


def started(does: Callable[[], object]) -> tuple[threading.Thread, list[object]]:
    ended: list[object] = []
    thread = threading.Thread(target=lambda: ended.append(does()))
    thread.start()
    return thread, ended


def loaded_scores(context: Context) -> list[tuple[int, float]]:
    scan = context.lake.scan_sql("student_result")
    query = f"SELECT count(*), max(scale_score) FROM {scan}"
    return duckdb.sql(query).fetchall()


def test_a_rerun_during_a_replay_does_not_put_unrepaired_rows_back(context, tmp_path, monkeypatch):
    first = spoilt(context, tmp_path)
    sheet = corrected(exported(context, first), {2: {"gender": "F"}, 3: {"gender": "M"}})
    file = as_it_came(context, context.ledger.load(first))
    monkeypatch.setattr(load_key, "code_hash", lambda: "another version")
    pause = Pause(loading.stage_rows, after=False)
    monkeypatch.setattr(loading, "stage_rows", pause)

    def replay() -> object:
        repair = take_corrections(context, first, sheet, "Invented Person")
        return load_incoming(context, as_it_came(context, repair.current), suites=False)

    rerun, _ = started(lambda: load_incoming(context, file, suites=False))
    assert pause.reached.wait(LONG_ENOUGH)
    replaying, replayed = started(replay)
    replaying.join(3)
    pause.go.set()
    for thread in (rerun, replaying):
        thread.join(LONG_ENOUGH)
    assert loaded_scores(context)[0][0] == 199
    (live,) = context.ledger.live_partitions("student_result")
    assert live.load_id == replayed[0].load_id
    assert load_incoming(context, file, suites=False).state == "unchanged"


def test_an_older_file_is_held_against_what_came_while_it_was_read(context, tmp_path, monkeypatch):
    older = ingested(context, results(tmp_path / "older.csv", 40, score=2500), DISTRICT)
    load_incoming(context, older, suites=False)
    newer = ingested(context, results(tmp_path / "newer.csv", 40, score=2510), "0199025")
    monkeypatch.setattr(load_key, "code_hash", lambda: "another version")
    pause = Pause(loading.hold_what_would_lose, after=True)
    monkeypatch.setattr(loading, "hold_what_would_lose", pause)
    load = context.ledger.loads()[0]
    rerun, ended = started(lambda: load_incoming(context, as_it_came(context, load), suites=False))
    assert pause.reached.wait(LONG_ENOUGH)
    assert load_incoming(context, newer, suites=False).state == "loaded"
    pause.go.set()
    rerun.join(LONG_ENOUGH)
    assert (ended[0].state, ended[0].code) == ("held", "OLDER_FILE")
    assert loaded_scores(context) == [(40, 2510)]


def test_a_load_that_ends_while_cut_off_ones_are_looked_for_stays_as_it_ended(
    context, tmp_path, monkeypatch
):
    file = ingested(context, results(tmp_path / "a.csv", 40), DISTRICT)
    ended = context.ledger.load(load_incoming(context, file, suites=False).load_id)
    monkeypatch.setattr(Ledger, "interrupted_loads", lambda _: [replace(ended, state="loading")])
    assert take_up_interrupted(context) == []
    assert context.ledger.load(ended.load_id) == ended


def ingested(context: Context, path: Path, district: str) -> Incoming:
    (incoming,) = ingest_files(context, "results_csv", [path], district)
    return incoming
