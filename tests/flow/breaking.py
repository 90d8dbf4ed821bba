"""`roci` with a fault planted in it: `python -m tests.flow.breaking WHERE TEXT WORDS...`.

What breaks says TEXT in a log line, in a thread of its own, and in an error and its cause.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
import threading
from typing import Any, NoReturn

from flows.prefect_settings import prepare
from warehouse.workspace import Workspace


class PanicException(BaseException):
    """An error of a library in Rust: no Exception, of the name that such a library gives it."""


# Where it breaks: the module, a class of it or nothing, the name; and what breaks.
BREAKS: dict[str, tuple[str, str, str, type[BaseException]]] = {
    "reading": ("transforms.encode", "Encoder", "encode", ValueError),
    "resolving": ("flows.stages.resolving", "", "resolve", KeyError),
    "panic": ("flows.stages.resolving", "", "resolve", PanicException),
    "marts": ("flows.stages.building", "", "write_marts", TypeError),
    "suite": ("validation.suites", "", "run_marts_suite", RuntimeError),
}


def main(where: str, text: str, *words: str) -> None:
    """Plant the fault and run the command line."""
    prepare(Workspace.from_environment(os.environ))
    module, owner, name, broken = BREAKS[where]
    place = importlib.import_module(module)

    def breaks(*_: Any, **__: Any) -> NoReturn:
        logging.getLogger("roci.test").error("one=%d", text)
        thread = threading.Thread(target=lambda: int(text))
        thread.start()
        thread.join()
        try:
            raise LookupError(text)
        except LookupError as cause:
            raise broken(f"could not convert {text}") from cause

    setattr(getattr(place, owner) if owner else place, name, breaks)
    from flows.cli import app

    sys.argv = ["roci", *words]
    app()


if __name__ == "__main__":
    main(*sys.argv[1:])
