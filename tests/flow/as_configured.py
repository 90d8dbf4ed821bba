"""A workspace of a site that is configured as a test needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.context import Context, open_context

Opened = Callable[[], Context]


@contextmanager
def opened_again() -> Iterator[Opened]:
    """Open the workspace as often as it is asked for, with the configuration as it is by then."""
    contexts: list[Context] = []

    def again() -> Context:
        contexts.append(open_context())
        return contexts[-1]

    yield again
    for one in contexts:
        one.database.close()


@contextmanager
def opened() -> Iterator[Context]:
    """Open the workspace with the configuration as it is now."""
    context = open_context()
    try:
        yield context
    finally:
        context.database.close()


def publishing(folder: Path) -> Path:
    """Let the site of a folder show every correction at once, and return the folder.

    A corrected record would wait, as shipped, since it moves published cells a little; tests of
    other matters than that correct a record and look at what is published then.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "marts.yml").write_text("suppression: {small_moves: publish}\n", encoding="utf-8")
    return folder
