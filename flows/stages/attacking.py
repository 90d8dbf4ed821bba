"""What is to be published is attacked first, as anybody could who reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import PublicationHeld
from flows.context import Context
from flows.protected_groups import CELLS, Twins
from flows.slices import slice_name, slice_parts

if TYPE_CHECKING:
    from validation.audit.result import Fall

# What of the marts of achievement and levels must not be: a held publication is told by these.
KINDS = frozenset(
    {
        "contradiction", "below_minimum", "extreme_rate", "span_n", "span_coded", "nested",
        "residual", "bounds_n", "bounds_proficient", "bounds_level", "none", "all", "bounds_coded",
    }
)  # fmt: skip
# What of no mart must be: a number of a cell that mart_achievement hides.
TOLD_OF_HIDDEN = frozenset({"derived", "rate_of_hidden"})
MARTS = ("mart_achievement", "mart_level")


def require_nothing_follows(
    context: Context, folder: Path, exact: Path | None, slices: Sequence[str]
) -> None:
    """Attack the reporting marts of a folder, those slices of them that are new.

    What falls holds the publication unless it is known to be of no protected group. Every cell
    that falls is named in restricted/audit/falls.csv; where nothing holds the publication, a file
    of an attack before goes.

    Args:
        context: of the workspace.
        folder: the reporting marts.
        exact: `mart_achievement_unsuppressed` of the same students; null where there is none.
        slices: those that are new.

    Raises:
        PublicationHeld: AUDIT_FALLS.
    """
    from flows.auditing import Judged, remove_falls, write_falls
    from validation.audit.folder import audit_folder

    chosen = _are_of(slices)
    audit = audit_folder(folder, context.catalogue, chosen=chosen, tested_only=True)
    judged = Judged.of(audit, _twins(context, folder, exact))
    falls = [fall for fall in judged.grave if _holds(fall)]
    if not falls:
        remove_falls(context)
        return
    path = write_falls(context, judged)
    kinds = sorted({fall.kind for fall in falls})
    raise PublicationHeld(
        "AUDIT_FALLS",
        where="the audit of what would be published",
        found=f"{len(falls):,} cells of which something hidden follows ({', '.join(kinds)})",
        expected="marts that tell nothing of what they hide",
        remedy=f"nothing is published and the last publication stays; the cells are in {path}: "
        "keep it and the log and report this",
    )


def following_from_both(
    context: Context, folder: Path, exact: Path | None, before: Path, slices: Collection[str]
) -> dict[str, int]:
    """Hold slices against what is published of them; count in each what follows from both.

    What follows from the one or the other alone is not counted, nor what is known to be of no
    protected group. Slices without any are left out.

    Args:
        context: of the workspace.
        folder: the reporting marts that would be published.
        exact: `mart_achievement_unsuppressed` of the same students; null where there is none.
        before: the reporting marts that are published.
        slices: those to look at.
    """
    from flows.auditing import Judged
    from validation.audit.folder import audit_two_folders

    audit = audit_two_folders(folder, before, context.catalogue, _are_of(slices))
    judged = Judged.of(audit, _twins(context, folder, exact))
    return dict(Counter(slice_name(*_slice_of(fall.system)) for fall in judged.grave))


def _are_of(slices: Collection[str]) -> Callable[[str], bool]:
    """Return what tells whether a system is of one of the slices."""
    parts = {slice_parts(name) for name in slices}
    return lambda system: _slice_of(system) in parts


def _twins(context: Context, folder: Path, exact: Path | None) -> Twins:
    files = {} if exact is None else {CELLS: exact}
    return Twins.of(folder, files, context.catalogue.marts)


def _holds(fall: Fall) -> bool:
    return fall.kind in TOLD_OF_HIDDEN or (fall.kind in KINDS and fall.mart in MARTS)


def _slice_of(system: str) -> tuple[str, int]:
    year, assessment, *_ = system.split("/")
    return assessment, int(year)
