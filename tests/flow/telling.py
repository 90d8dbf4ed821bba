"""A command that tells what it began with, and ends as its first word says: for test_warm_start."""

from __future__ import annotations

import atexit
import json
import locale
import os
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path


def told() -> dict[str, object]:
    """Return what a process can know of its start."""
    umask = os.umask(0)
    os.umask(umask)
    return {
        "words": sys.argv,
        "name": [__name__, __spec__.name if __spec__ else None],
        "environment": dict(os.environ),
        "folder": str(Path.cwd()),
        "path": sys.path[0],
        "umask": umask,
        "input": sys.stdin.read(),
        "threads": len(os.listdir("/proc/self/task")),  # noqa: PTH208
        "files": sorted(os.listdir("/proc/self/fd")),  # noqa: PTH208
        "signals": [str(signal.getsignal(one)) for one in (signal.SIGINT, signal.SIGTERM)],
        "streams": [(one.encoding, one.errors) for one in (sys.stdout, sys.stderr)],
        "place": [tempfile.gettempdir(), locale.getlocale(), time.tzname],
        "prefect": "prefect" in sys.modules,
    }


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def finish_late() -> None:
    """Write after the main thread has ended."""
    time.sleep(0.2)
    say("the thread")


def end(how: str) -> None:
    """End as asked."""
    if how == "text":
        sys.exit("no more")
    if how == "error":
        raise ValueError("unexpected")
    if how == "interrupt":
        raise KeyboardInterrupt
    if how == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if how.isdigit():
        sys.exit(int(how))


if __name__ == "__main__":
    atexit.register(say, "the hook")
    threading.Thread(target=finish_late).start()
    say(json.dumps(told()))
    sys.stderr.write("on the other stream\n")
    end(sys.argv[1])
