from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from configs.errors import InfrastructureError
from warehouse import raw
from warehouse.raw import RawStore
from warehouse.workspace import Workspace


def test_a_file_is_kept_under_its_digest_and_read_only(workspace, tmp_path):
    source = tmp_path / "scores.csv"
    source.write_bytes(b"a,b\n1,2\n")
    kept = RawStore(workspace).keep(source)
    digest = hashlib.sha256(b"a,b\n1,2\n").hexdigest()
    assert (kept.sha256, kept.size) == (digest, 8)
    assert kept.path == workspace.raw / digest[:2] / digest
    assert kept.path.stat().st_mode & 0o777 == 0o400
    assert RawStore(workspace).open(digest).read() == b"a,b\n1,2\n"
    assert source.exists()


def test_the_same_content_under_another_name_is_kept_once(workspace, tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("same")
    first, second = (RawStore(workspace).keep(tmp_path / name) for name in ("a.csv", "b.csv"))
    assert first == second
    assert len([path for path in workspace.raw.rglob("*") if path.is_file()]) == 1


def test_nothing_is_left_in_work(workspace, tmp_path):
    (tmp_path / "a").write_text("x")
    RawStore(workspace).keep(tmp_path / "a")
    assert [path for path in workspace.work.rglob("*") if path.is_file()] == []


def test_content_that_is_gone_is_told_as_infrastructure(workspace):
    with pytest.raises(InfrastructureError, match="RAW_FILE_GONE"):
        RawStore(workspace).open("0" * 64)


def keep_slowly(home: Path, source: Path) -> None:
    def fsync(_: int) -> None:
        (home / "copied").touch()
        time.sleep(60)

    raw.BLOCK = 1
    os.fsync = fsync
    RawStore(Workspace(home)).keep(source)


def test_a_kill_before_the_copy_is_on_the_disk_leaves_no_file_in_the_store(workspace, tmp_path):
    source = tmp_path / "big.csv"
    source.write_bytes(b"x" * 1000)
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=keep_slowly, args=(workspace.home, source))
    process.start()
    while not (workspace.home / "copied").exists():
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert [path for path in workspace.raw.rglob("*") if path.is_file()] == []
    assert RawStore(workspace).keep(source).path.read_bytes() == b"x" * 1000


def test_a_copy_that_fails_half_way_leaves_nothing(workspace, tmp_path, monkeypatch):
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a").write_text("x")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        RawStore(workspace).keep(tmp_path / "a")
    assert [path for path in workspace.home.rglob("*") if path.is_file()] == []
