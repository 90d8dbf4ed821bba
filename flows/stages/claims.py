"""Which source a file is of: its header decides, its name only a tie."""

from __future__ import annotations

import fnmatch
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from configs.errors import FileRefused
from configs.source_models import Source
from flows.context import Context
from flows.stages.oneroster import is_delta_file, roster_source
from transforms.claiming import header_fits, header_likeness
from warehouse.files import original

log = logging.getLogger("roci.intake")

# A header is taken for a source's where it shows more than this share of one of its layouts.
MOSTLY = 0.7


def claim(context: Context, path: Path, name: str) -> Source:
    """Return the source whose layout the file's header fits; its name decides only a tie.

    A header that fits no source but an unfinished one is that one's: its file waits in landing/.
    A header that fits none goes to the source that expects the name, or else to the one that it is
    most like, so that what keeps it from fitting is told.

    Raises:
        FileRefused: the file is empty or unreadable, or none or several sources claim it.
    """
    roster = roster_source(context)
    if roster is not None and is_delta_file(path):
        return roster
    sources = context.catalogue.sources.values()
    with original(path) as stream:
        fits = {s.name: share for s in sources if (share := header_fits(stream, s)) is not None}
        drafts = [] if fits else _drafts_of(context, stream)
        alike = {} if fits else {s.name: header_likeness(stream, s) for s in sources}
    if drafts:
        return drafts[0]
    named = [s for s in sources if name_fits(name, s)]
    if not fits:
        nearest = [s for s in sources if MOSTLY < alike[s.name] == max(alike.values())]
        return _claimed_without_fit(named or nearest, path, name)
    best = max(fits.values())
    candidates = [name_ for name_, share in fits.items() if share == best]
    by_name = [s.name for s in named if s.name in candidates]
    winners = by_name if len(by_name) == 1 else candidates
    if len(winners) > 1:
        raise _ambiguous(name, winners)
    return context.catalogue.sources[winners[0]]


def _drafts_of(context: Context, stream: BinaryIO) -> list[Source]:
    drafts = context.catalogue.drafts.values()
    return [draft for draft in drafts if header_fits(stream, draft) is not None]


def is_taken(context: Context, source: Source, only_source: str | None) -> bool:
    """Return whether this run takes files of the source; those of an unfinished one wait."""
    if source.name in context.catalogue.unfinished:
        log.warning("source=%s state=unfinished", source.name)
        return False
    return only_source in (None, source.name)


def fits(path: Path, source: Source) -> bool:
    """Return whether the file's header is one of the source's."""
    with original(path) as stream:
        return header_fits(stream, source) is not None


def _claimed_without_fit(nearest: Sequence[Source], path: Path, name: str) -> Source:
    """Return the one source that the file is nearest to, so that its own message is given."""
    if len(nearest) == 1:
        return nearest[0]
    if path.stat().st_size == 0:
        raise FileRefused(
            "EMPTY_FILE",
            where=name,
            found="a file of 0 bytes",
            expected="a header row and at least one record",
            remedy="export the file again and put it into landing/",
        )
    raise FileRefused(
        "NO_SOURCE",
        where=name,
        found="a header that fits no layout of any source, and a name that no source expects",
        expected="a file of one of the sources that `roci sources list` shows",
        remedy="check that the right file was exported; for a new kind of file add a source "
        "(README, Adding a source)",
    )


def _ambiguous(name: str, winners: Sequence[str]) -> FileRefused:
    return FileRefused(
        "AMBIGUOUS_SOURCE",
        where=name,
        found=f"a header that fits {len(winners)} sources equally: {', '.join(sorted(winners))}",
        expected="a file that exactly one source claims",
        remedy="load it with `roci ingest SOURCE FILE`, which names the source",
    )


def name_fits(name: str, source: Source) -> bool:
    """Return whether a file name looks like one of the source's; case is irrelevant."""
    return any(fnmatch.fnmatch(name.lower(), pattern.lower()) for pattern in source.file_names)
