"""Workers end when the process that started them is killed."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from configs.workers import end_with_parent

SPAWN = multiprocessing.get_context("spawn")


def work_for_ever(folder: Path) -> None:
    (folder / f"{os.getpid()}.working").touch()
    time.sleep(60)


def start_workers(folder: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=SPAWN, initializer=end_with_parent) as pool:
        list(pool.map(work_for_ever, [folder, folder]))


def is_running(process_id: int) -> bool:
    """Whether there is such a process, one that has ended and is not waited for left out."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process_id}/status").read_text()
    except OSError:
        return False


def wait_until(is_so) -> bool:
    end = time.monotonic() + 30
    while not is_so() and time.monotonic() < end:
        time.sleep(0.05)
    return is_so()


def test_no_worker_outlives_the_process_that_started_it(tmp_path):
    process = SPAWN.Process(target=start_workers, args=(tmp_path,))
    process.start()
    assert wait_until(lambda: len(list(tmp_path.glob("*.working"))) == 2)
    workers = [int(file.stem) for file in tmp_path.glob("*.working")]
    assert all(is_running(worker) for worker in workers)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert wait_until(lambda: not any(is_running(worker) for worker in workers))


def test_a_process_that_nobody_started_goes_on():
    end_with_parent()
