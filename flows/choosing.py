"""Which loads a rerun does again, and what has changed since each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from configs.errors import UsageError, listed
from flows.context import Context
from flows.outcome import Again
from flows.stages.retrying import ChangesSince
from flows.standing import open_faults
from warehouse.ledger_records import Load


def chosen_loads(
    context: Context, load_ids: Iterable[str], *, failed: bool, code: str | None
) -> list[Load]:
    """Return the loads that a rerun is asked for, as they arrived.

    Raises:
        UsageError: nothing was chosen, a load does not exist, or no code is spelt so.
    """
    if code is not None:
        _require_code(context, code)
    chosen = [context.ledger.load(load_id) for load_id in load_ids]
    if failed or code:
        waiting = open_faults(context) if code is None else _of_code(context, code)
        chosen += [load for load in waiting if load.source in context.catalogue.sources]
    elif not chosen:
        raise UsageError(
            "NOTHING_CHOSEN",
            where="roci rerun",
            found="no load, no --failed, no --code",
            expected="one of them",
            remedy="name loads that `roci loads` shows, or add --failed",
        )
    # A later file of a partition must end up in the place of an earlier one.
    return sorted({load.load_id: load for load in chosen}.values(), key=lambda load: load.load_id)


def _require_code(context: Context, code: str) -> None:
    codes = context.catalogue.codes
    if code not in codes:
        near = get_close_matches(code.upper(), sorted(codes), n=3)
        raise UsageError(
            "UNKNOWN_LOAD_CODE",
            where="roci rerun --code",
            found=code,
            expected="a code of configs/codes.yml" + (f", such as {listed(near)}" if near else ""),
            remedy="`roci status` and `roci quarantine list` show the codes of loads and rows",
        )


def _of_code(context: Context, code: str) -> list[Load]:
    """Return the loads that stopped for a code, and those that have rows rejected for it.

    A loaded one has rows in the lake still: where later files replaced all, it is superseded.
    """
    rejecting = context.ledger.loads_rejecting(code)
    stopped = [
        load
        for load in open_faults(context)
        if load.load_id in rejecting or (load.fault is not None and load.fault.code == code)
    ]
    loaded = context.ledger.loads(state="loaded")
    return stopped + [load for load in loaded if load.load_id in rejecting]


def what_changed(context: Context, loads: Sequence[Load]) -> tuple[Again, ...]:
    """Return, for each load that is done again, what has changed since it ended."""
    since = ChangesSince(context)
    return tuple(Again(load.load_id, load.source, tuple(since.of(load))) for load in loads)
