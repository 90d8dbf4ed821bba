"""What a crash may leave behind: which error it was and where, never what its message quotes.

Python, the libraries' threads and the log of a library print an error with its message, and a
message of theirs quotes the value that they stumbled over. A core file would hold the whole memory.
"""

from __future__ import annotations

import logging
import sys
import threading
from types import TracebackType
from typing import Any

from flows.faults import places

CALM = (KeyboardInterrupt, SystemExit, GeneratorExit)


def guard() -> None:
    """Let nothing print an error with its message, and let no core file be written."""
    sys.excepthook = _told
    threading.excepthook = _told_of_thread
    sys.unraisablehook = _told_of_unraisable
    # A line that cannot be written would be printed with its arguments, and the whole stack.
    logging.raiseExceptions = False
    _without_core_files()


def _without_core_files() -> None:
    try:
        import resource
    except ImportError:  # not of this system
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _told(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, CALM):
        sys.__excepthook__(kind, kind(), None)
        return
    at = " < ".join(places(error if trace is None else error.with_traceback(trace)))
    sys.stderr.write(f"unexpected: {kind.__name__} at {at or 'an unknown place'}\n")


def _told_of_thread(told: Any) -> None:
    if told.exc_value is not None and not issubclass(told.exc_type, SystemExit):
        _told(told.exc_type, told.exc_value, told.exc_traceback)


def _told_of_unraisable(told: Any) -> None:
    if told.exc_value is not None:
        _told(told.exc_type, told.exc_value, told.exc_traceback)
