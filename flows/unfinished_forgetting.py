"""A forgetting that was cut off is done to its end by whatever nightly comes next."""

from __future__ import annotations

import logging

import typer

from configs.errors import InfrastructureError
from flows.context import Context
from warehouse.workspace import FORGET_PLAN

log = logging.getLogger("roci.forget")


def is_forgetting_unfinished(context: Context) -> bool:
    """Return whether a forgetting was cut off, or could not be done to its end."""
    return (context.workspace.work / FORGET_PLAN).exists()


def finish_forgetting(context: Context) -> None:
    """Finish the forgetting that was cut off, if there is one; the nightly's lock is held.

    What cannot be destroyed yet, since a publication is held, does not keep the nightly from its
    work: it is said, and tried again by the next one.
    """
    if not is_forgetting_unfinished(context):
        return
    from flows.stages.forgetting import take_up_forgetting

    try:
        take_up_forgetting(context)
    except InfrastructureError as error:
        if error.code != "FORGET_UNFINISHED":
            raise
        log.error("code=%s where=%s", error.code, error.where)
        typer.echo(str(error), err=True)
