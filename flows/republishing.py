"""What is published in Parquet, published again as it is: the same id, the same rows, SQL anew."""

from __future__ import annotations

import json
import shutil

from flows.context import Context
from warehouse.locks import lock
from warehouse.publish import Mart, MartArea
from warehouse.published import SIDECAR

WAIT_SECONDS = 3600


def republish(context: Context) -> None:
    """Make the SQL marts of what readers are shown from its Parquet files.

    It goes by its own id, which the ledger need not have: a crash may have come before the note.

    Raises:
        RociError: the configuration is not good, or SQL and Parquet would differ.
    """
    from flows.stages.building import sql_table
    from flows.stages.marts import KEYS

    last = context.ledger.last_publication()
    if last is None:
        return
    publisher = context.publisher
    publication_id = publisher.shown() or last.publication_id
    with lock(context.workspace, "publication", WAIT_SECONDS, what="publication"):
        try:
            areas: dict[MartArea, dict[str, Mart]] = {"reporting": {}, "restricted": {}}
            for area, marts in areas.items():
                for name in KEYS:
                    if publisher.path(name, area).exists():
                        staged = publisher.stage(name, area)
                        shutil.copyfile(publisher.path(name, area), staged)
                        marts[name] = sql_table(context, name, staged)
            publisher.publish(
                publication_id, areas["reporting"], areas["restricted"], _digests(context)
            )
        finally:
            publisher.discard_staged()


def _digests(context: Context) -> dict[str, str]:
    """Return the digests of what made the publication, as it says beside its Parquet files."""
    sidecar = context.workspace.marts_reporting / SIDECAR
    told = json.loads(sidecar.read_text(encoding="utf-8")) if sidecar.exists() else {}
    return {name: told[name] for name in ("code", "configuration") if name in told}
