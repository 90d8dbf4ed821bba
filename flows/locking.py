"""One nightly at a time, whoever starts it: a person, the schedule or a test."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager

import typer

from flows.context import Context
from warehouse.locks import Holder, lock

log = logging.getLogger("roci.run")

WAIT_SECONDS = 6 * 3600


def nightly_lock(context: Context) -> AbstractContextManager[None]:
    """Hold the nightly's lock for the body of the `with`; a second nightly says what it waits for.

    Raises:
        InfrastructureError: another nightly holds it for more than six hours.
    """
    return lock(context.workspace, "nightly", WAIT_SECONDS, on_wait=_say_waiting, what="nightly")


def _say_waiting(holder: Holder) -> None:
    log.info("stage=wait lock=nightly holder=%s", holder)
    typer.echo(f"another nightly is running ({holder}); waiting for it to end", err=True)
