"""What is to be published is attacked first, as anybody could who reads it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from configs.errors import PublicationHeld
from flows.context import Context
from flows.slices import slice_parts

if TYPE_CHECKING:
    from validation.audit.result import Fall

# What of a mart of achievement alone must not be: a held publication is told by these.
KINDS = frozenset({"below_minimum", "extreme_rate", "span_n", "span_coded", "nested", "residual"})
# What of any other mart must not be: the count of a cell that mart_achievement hides.
DERIVED = "derived"
ACHIEVEMENT = "mart_achievement"


def require_nothing_follows(context: Context, folder: Path, slices: Sequence[str]) -> None:
    """Attack the reporting marts of a folder, those slices of them that are new.

    Every cell that can be computed is named in restricted/audit/falls.csv; where nothing holds the
    publication, a file of an attack before goes.

    Raises:
        PublicationHeld: AUDIT_FALLS.
    """
    from flows.auditing import remove_falls, write_falls
    from validation.audit.folder import audit_what_follows

    parts = {slice_parts(name) for name in slices}
    audit = audit_what_follows(folder, context.catalogue, lambda name: _slice_of(name) in parts)
    falls = [fall for fall in audit.falls if _holds(fall)]
    if not falls:
        remove_falls(context)
        return
    path = write_falls(context, audit)
    kinds = sorted({fall.kind for fall in falls})
    raise PublicationHeld(
        "AUDIT_FALLS",
        where="the audit of what would be published",
        found=f"{len(falls):,} cells of which something hidden follows ({', '.join(kinds)})",
        expected="marts that tell nothing of what they hide",
        remedy=f"nothing is published and the last publication stays; the cells are in {path}: "
        "keep it and the log and report this",
    )


def _holds(fall: Fall) -> bool:
    return fall.kind == DERIVED or (fall.kind in KINDS and fall.mart == ACHIEVEMENT)


def _slice_of(system: str) -> tuple[str, int]:
    year, assessment, *_ = system.split("/")
    return assessment, int(year)
