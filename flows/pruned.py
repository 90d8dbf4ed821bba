"""A load whose original file was removed or destroyed cannot be done again."""

from __future__ import annotations

from configs.errors import UsageError
from flows.context import Context
from warehouse.ledger_records import Load


def require_kept(context: Context, load: Load) -> None:
    """Refuse to do a load again whose file is no longer there.

    Raises:
        UsageError: RAW_FORGOTTEN, RAW_FILE_PRUNED.
    """
    if load.sha256 is None or context.raw.path(load.sha256).exists():
        return
    buried = context.forgotten.tombstone(load.sha256)
    if buried is not None:
        raise UsageError(
            "RAW_FORGOTTEN",
            where=f"{load.load_id} ({load.file_name})",
            found=f"a file that `roci forget` destroyed on {buried[1]:%Y-%m-%d} ({buried[0]})",
            expected="a load whose original file is kept",
            remedy="what the lake has of it stays as it is; export the file again, without what "
            "had to be forgotten, and land it",
        )
    known = context.ledger.raw(load.sha256)
    if known is not None and known.pruned_at is not None:
        raise UsageError(
            "RAW_FILE_PRUNED",
            where=f"{load.load_id} ({load.file_name})",
            found=f"a file that `roci prune` removed on {known.pruned_at:%Y-%m-%d}",
            expected="a load whose original file is kept",
            remedy="land the original file again, or restore it from a backup",
        )
