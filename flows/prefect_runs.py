"""Old runs in Prefect's own database."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from flows.prefect_settings import prepare
from warehouse.workspace import Workspace

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

AT_ONCE = 200


def prune_runs(workspace: Workspace, before: float, *, dry_run: bool) -> int:
    """Remove runs that ended before a moment (in seconds); return how many there were.

    Nothing is asked of Prefect where the workspace has no database of it.
    """
    if not (workspace.prefect / "prefect.db").exists():
        return 0
    prepare(workspace)
    with _client() as client:
        ended = _ended_before(datetime.fromtimestamp(before, UTC))
        if dry_run:
            return sum(1 for _ in _all_runs(client, ended))
        removed = 0
        while runs := client.read_flow_runs(flow_run_filter=ended, limit=AT_ONCE):
            for run in runs:
                client.delete_flow_run(run.id)
            removed += len(runs)
        return removed


@contextmanager
def _client() -> Iterator[SyncPrefectClient]:
    """Yield a client of the server that runs, or of one for this moment only."""
    from flows.serving import HOST, answers, server_port

    own = f"http://{HOST}:{server_port()}/api"
    if "PREFECT_API_URL" not in os.environ and answers(own):
        os.environ["PREFECT_API_URL"] = own
    # What it says about a server that it starts is for those who run flows.
    logging.getLogger("prefect").setLevel(logging.WARNING)
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        yield client


def _ended_before(moment: datetime) -> Any:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterEndTime

    return FlowRunFilter(end_time=FlowRunFilterEndTime(before_=moment))


def _all_runs(client: SyncPrefectClient, ended: Any) -> Iterator[Any]:
    offset = 0
    while runs := client.read_flow_runs(flow_run_filter=ended, limit=AT_ONCE, offset=offset):
        yield from runs
        offset += len(runs)
