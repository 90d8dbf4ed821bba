"""Processes that share in the work of the one that started them, and do not outlive it."""

from __future__ import annotations

import multiprocessing
import os
import threading

ORPHANED = 1


def end_with_parent() -> None:
    """Ends this process as soon as the one that started it has ended, however that came about.

    For the start of a worker: one whose parent is killed would wait for work for ever.
    """
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    # Nobody is left to tell, and other threads may wait for what never comes.
    os._exit(ORPHANED)
