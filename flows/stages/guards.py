"""What a load must not replace without a person having looked."""

from __future__ import annotations

from configs.errors import LoadHeld, listed
from flows.context import Context
from flows.stages.work import Resolved, Work
from warehouse.ledger_records import LivePartition


def hold_what_would_lose(context: Context, work: Work, resolved: Resolved) -> None:
    """Hold a load that would put far fewer rows, or an older file's, in place of what is there.

    Raises:
        LoadHeld: PARTITION_SHRINKS or OLDER_FILE.
    """
    live = [
        part
        for part in context.ledger.live_partitions(work.source.table)
        if part.source == work.source.name and part.partition in resolved.rows
    ]
    _hold_shrinking(context, work, resolved, live)
    if work.incoming.from_raw:
        _hold_older(context, work, live)


def _hold_shrinking(
    context: Context, work: Work, resolved: Resolved, live: list[LivePartition]
) -> None:
    """Hold a load of which one partition shrinks below the floor, however the whole stands."""
    floor = context.catalogue.profile.row_count_floor_pct / 100
    shrunk = {
        part.partition: (part.rows, resolved.rows[part.partition])
        for part in live
        if resolved.rows[part.partition] < floor * part.rows
    }
    if not shrunk:
        return
    words = (f"{name}: {now:,} rows in place of {was:,}" for name, (was, now) in shrunk.items())
    raise LoadHeld(
        "PARTITION_SHRINKS",
        where=work.incoming.file_name,
        found=listed(words, at_most=5),
        expected=f"at least {100 * floor:g} percent of the rows of each partition that it replaces",
        remedy="see whether single rows carry a wrong year, district or subject; then "
        f"`roci release {work.load_id}` if the file is right, or `roci discard {work.load_id}`",
    )


def _hold_older(context: Context, work: Work, live: list[LivePartition]) -> None:
    """Hold a rerun that would put an older file in the place of a newer one."""
    mine = context.ledger.raw(work.incoming.sha256)
    newer = []
    for load_id in sorted({part.load_id for part in live}):
        raw = context.ledger.raw(context.ledger.load(load_id).sha256 or "")
        if mine and raw and raw.first_seen_at > mine.first_seen_at:
            newer.append(load_id)
    if newer:
        raise LoadHeld(
            "OLDER_FILE",
            where=work.incoming.file_name,
            found=f"a file that arrived before those of {listed(newer)}, which fill its partitions",
            expected="a rerun of the newest file of a partition",
            remedy=f"`roci discard {work.load_id}`; or `roci release {work.load_id}` if the older "
            "file is to replace the newer one",
        )
