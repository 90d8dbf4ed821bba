"""A workspace of a site whose configuration changes while the test runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.context import Context, open_context


@contextmanager
def opened() -> Iterator[Context]:
    """Open the workspace with the configuration as it is now."""
    context = open_context()
    try:
        yield context
    finally:
        context.database.close()
