"""A workspace of a site whose configuration changes while the test runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

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
