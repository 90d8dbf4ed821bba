from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from configs.errors import InfrastructureError
from warehouse.locks import Holder, lock
from warehouse.workspace import Workspace


def test_a_lock_that_another_holds_is_refused_and_its_holder_named(workspace):
    held = lock(workspace, "marts", what="marts build")
    refused = pytest.raises(InfrastructureError)
    with held, refused as caught, lock(workspace, "marts"):
        raise AssertionError("two holders")
    assert caught.value.code == "LOCKED"
    assert str(os.getpid()) in caught.value.found
    assert "marts build" in caught.value.found


def test_other_names_are_other_locks(workspace):
    with lock(workspace, "a"), lock(workspace, "b"):
        pass


def test_a_lock_is_free_after_an_error_in_its_body(workspace):
    with pytest.raises(ValueError, match="x"), lock(workspace, "a"):
        raise ValueError("x")
    with lock(workspace, "a"):
        pass


def test_without_room_for_its_note_a_lock_holds_and_is_free_again(workspace):
    (workspace.locks / "a.json").mkdir()  # neither to be written nor to be removed
    refused = pytest.raises(InfrastructureError, match="held by another process")
    with lock(workspace, "a"), refused, lock(workspace, "a"):
        raise AssertionError("two holders")
    with lock(workspace, "a"):
        pass


def test_a_waiter_is_told_once_whom_it_waits_for_and_then_goes_on(workspace):
    told: list[Holder] = []
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock(workspace, "a", what="ingest"):
            held.set()
            let_go.wait(10)

    def note(holder: Holder) -> None:
        told.append(holder)
        let_go.set()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(10)
    with lock(workspace, "a", wait_seconds=10, on_wait=note):
        pass
    thread.join()
    assert [holder.what for holder in told] == ["ingest"]


def hold_for_ever(home: Path) -> None:
    with lock(Workspace(home), "a"):
        (home / "held").touch()
        time.sleep(60)


def test_a_lock_dies_with_its_owner(workspace):
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=hold_for_ever, args=(workspace.home,))
    process.start()
    while not (workspace.home / "held").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with lock(workspace, "a", wait_seconds=5):
        pass
