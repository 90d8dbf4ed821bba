"""Fetching: new files of the remote folders come into landing/, each once."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import InfrastructureError
from configs.profile_models import RemoteLanding
from flows.context import Context
from flows.credentials import credentials_of
from flows.outcome import FetchOutcome
from flows.patience import patiently
from flows.prefect_settings import prepare
from warehouse.landing import written_here
from warehouse.locks import lock

if TYPE_CHECKING:
    from warehouse.remote import Remote, RemoteFile

log = logging.getLogger("roci.fetch")


def fetch_all(
    context: Context, environment: Mapping[str, str] = os.environ
) -> tuple[FetchOutcome, ...]:
    """Fetch what is new in every remote folder of the profile.

    A folder that cannot be reached keeps nothing else from being loaded: it is an outcome.
    """
    return tuple(
        _outcome(context, landing, environment)
        for landing in context.catalogue.profile.remote_landings
    )


def _outcome(
    context: Context, landing: RemoteLanding, environment: Mapping[str, str]
) -> FetchOutcome:
    try:
        with lock(context.workspace, f"remote-{landing.name}"):
            fetched = patiently("fetch", partial(fetch, context, landing, environment))
    except InfrastructureError as error:
        log.warning("remote=%s state=failed code=%s", landing.name, error.code)
        return FetchOutcome(landing.name, "failed", code=error.code, message=str(error))
    log.info("remote=%s state=fetched files=%d", landing.name, fetched)
    return FetchOutcome(landing.name, "fetched", files=fetched)


def fetch(context: Context, landing: RemoteLanding, environment: Mapping[str, str]) -> int:
    """Fetch what is new in one remote folder and return how many files came.

    Raises:
        InfrastructureError: NO_CREDENTIALS, REMOTE_HOST_KEY, REMOTE_LOGIN, REMOTE_UNREACHABLE, or
            STORAGE_FAILED: landing/ may not be written.
    """
    from warehouse.remote import open_remote

    if landing.block is not None:  # blocks are those of the workspace's own Prefect
        prepare(context.workspace)
    folder = context.workspace.landing / ".fetching" / landing.name
    known = context.ledger.fetched(landing.name)
    with open_remote(landing, credentials_of(landing, environment)) as remote:
        listed = remote.files()
        _forget_others(folder, listed)
        new = [file for file in listed if (file.path, file.size, file.modified) not in known]
        return _fetched_of(context, landing, remote, new)


def _fetched_of(
    context: Context, landing: RemoteLanding, remote: Remote, files: Iterable[RemoteFile]
) -> int:
    """Bring the files and return how many came; one that may not be read keeps no other back.

    Raises:
        PermissionError: after the others have come.
    """
    came, closed = 0, None
    for file in files:
        try:
            came += _fetched(context, landing, remote, file)
        except FileNotFoundError:  # taken away since the folder was listed
            continue
        except PermissionError as error:
            closed = error
    if closed is not None:
        raise closed
    return came


def _fetched(context: Context, landing: RemoteLanding, remote: Remote, file: RemoteFile) -> bool:
    """Bring one file into landing/ and note it; a file that still grows waits for the next run.

    Killed between the two it is fetched again, and its load is found unchanged.
    """
    part = context.workspace.landing / ".fetching" / landing.name / f"{file.mark}.part"
    if not remote.fetch(file, part):
        return False
    district = landing.district_id or context.catalogue.profile.home_district
    context.landing.put(part, file.name, district)
    context.ledger.record_fetched(landing.name, file)
    return True


def _forget_others(folder: Path, listed: Iterable[RemoteFile]) -> None:
    """Remove parts of files that are no longer there as they were."""
    wanted = {f"{file.mark}.part" for file in listed}
    for part in folder.glob("*.part"):
        if part.name not in wanted:
            with written_here(folder):
                part.unlink()
