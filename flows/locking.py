"""One nightly at a time, and one at a file: a person, the schedule or a test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from configs.catalogue import digest
from flows.context import Context, finish_restore
from warehouse.locks import Holder, lock

log = logging.getLogger("roci.run")

WAIT_SECONDS = 6 * 3600
FILLING_SECONDS = 3600


@contextmanager
def nightly_lock(context: Context) -> Iterator[None]:
    """Hold the nightly's lock for the body of the `with`; a second nightly says what it waits for.

    Raises:
        InfrastructureError: another nightly holds it for more than six hours.
    """
    with lock(context.workspace, "nightly", WAIT_SECONDS, on_wait=_say_waiting, what="nightly"):
        finish_restore(context)  # of a restore that was killed while this one waited
        yield


@contextmanager
def filling_lock(context: Context, source: str, district_id: str | None) -> Iterator[None]:
    """Hold the lock of whoever loads, or gives up, a file of that source and district.

    Raises:
        InfrastructureError: another holds it for more than an hour.
    """
    name = f"filling-{digest([source, district_id])[:16]}"
    with lock(context.workspace, name, FILLING_SECONDS, on_wait=_log_waiting, what=source):
        yield


def _log_waiting(holder: Holder) -> None:
    log.info("stage=wait lock=filling holder=%s", holder)


def _say_waiting(holder: Holder) -> None:
    log.info("stage=wait lock=nightly holder=%s", holder)
    typer.echo(f"another nightly is running ({holder}); waiting for it to end", err=True)
