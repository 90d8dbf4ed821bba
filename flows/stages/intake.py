"""Intake: whatever arrived is kept by content, and a source claims it by its header."""

from __future__ import annotations

import fnmatch
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from configs.errors import FileRefused, InfrastructureError, RociError, UsageError
from configs.source_models import Source
from flows.context import Context
from flows.faults import unexpected
from flows.load_key import load_key
from flows.outcome import UNCLAIMED, LoadOutcome
from transforms.claiming import header_fits, header_likeness
from warehouse.files import readable
from warehouse.landing import LandedFile
from warehouse.locks import lock

log = logging.getLogger("roci.intake")

# A header is taken for a source's where it shows more than this share of one of its layouts.
MOSTLY = 0.7
TABLE_ORDER = ("school", "student_roster", "student_result", "published_result")


@dataclass(frozen=True)
class Incoming:
    """One file that a source has claimed; its bytes are in the raw store.

    `landing_path` is where it still stands under landing/ until its fate is on record; null for a
    file that was named on the command line or comes from the raw store. `landing_mark` tells it
    from another file that may come under the same name. `from_raw`: a load done again.
    """

    source: str
    file_name: str
    sha256: str
    district_id: str | None = None
    landing_path: str | None = None
    landing_mark: str | None = None
    from_raw: bool = False


@dataclass(frozen=True)
class Taken:
    """What a look into landing/ brought: claimed files, and those that no source could take."""

    incoming: tuple[Incoming, ...] = ()
    refused: tuple[LoadOutcome, ...] = ()


def take_in(context: Context, only_source: str | None = None) -> Taken:
    """Keep and claim every file in landing/; each leaves it once its fate is on record.

    Args:
        context: the opened workspace.
        only_source: take only files that this source claims, leave the others where they are.
    """
    if only_source is not None:
        context.catalogue.source(only_source)
    incoming: list[Incoming] = []
    refused: list[LoadOutcome] = []
    for landed in sorted(context.landing.files(), key=lambda file: file.modified_at):
        try:
            source = claim(context, landed.path, landed.name)
            if only_source in (None, source.name):
                incoming.extend(_kept(context, source, landed))
        except Exception as error:
            told = unexpected(error, landed.name)
            if isinstance(told, InfrastructureError):
                raise told from None
            if only_source is None:
                refused.append(refuse(context, landed, told))
    return Taken(tuple(incoming), tuple(refused))


def _kept(context: Context, source: Source, landed: LandedFile) -> list[Incoming]:
    """Return a landed file as kept; none where it is still being written: a later run takes it."""
    inside = landed.path.relative_to(context.workspace.landing).as_posix()
    if readable(inside) != inside:
        raise _name_is_no_text(landed)
    kept = keep(context, source, landed.path, landed.name, landed.district_id)
    if not context.landing.is_still(landed):
        return []
    return [replace(kept, landing_path=inside, landing_mark=mark(landed))]


def _name_is_no_text(landed: LandedFile) -> FileRefused:
    return FileRefused(
        "BAD_FILE_NAME",
        where=landed.name,
        found="bytes in the file's name or folder that are no UTF-8",
        expected="a name that can be written down",
        remedy="rename the file and put it into landing/ again",
    )


def mark(landed: LandedFile) -> str:
    """Return what tells a landed file from another one of the same name."""
    return f"{landed.inode}:{landed.size}:{landed.mtime_ns}"


def keep(
    context: Context, source: Source, path: Path, name: str, district_id: str | None
) -> Incoming:
    """Put a file into the raw store and the ledger; the file itself stays where it is."""
    raw = context.raw.keep(path)
    context.ledger.register_file(raw.sha256, raw.size, name)
    district = district_id or context.catalogue.profile.home_district
    return Incoming(source.name, name, raw.sha256, district)


def claim(context: Context, path: Path, name: str) -> Source:
    """Return the source whose layout the file's header fits; its name decides only a tie.

    A header that fits none goes to the source that expects the name, or else to the one that it is
    most like, so that what keeps it from fitting is told.

    Raises:
        FileRefused: the file is empty or unreadable, or none or several sources claim it.
    """
    sources = context.catalogue.sources.values()
    with path.open("rb") as stream:
        fits = {s.name: share for s in sources if (share := header_fits(stream, s)) is not None}
        alike = {} if fits else {s.name: header_likeness(stream, s) for s in sources}
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


def refuse(
    context: Context, landed: LandedFile, error: RociError, source: str = UNCLAIMED
) -> LoadOutcome:
    """Keep a file that no source could take, record why, and move it to landing/refused."""
    raw = context.raw.keep(landed.path)
    context.ledger.register_file(raw.sha256, raw.size, landed.name)
    inputs = {"file": raw.sha256}
    load_id = context.ledger.open_load(
        source, load_key(inputs), inputs, raw.sha256, landed.name, landed.district_id
    )
    context.ledger.finish(load_id, "failed", fault=error)
    context.landing.refuse(landed, error)
    log.info("load=%s source=%s state=failed code=%s", load_id, source, error.code)
    return LoadOutcome(load_id, source, landed.name, "failed", error.code, str(error))


def phases(context: Context, incoming: Sequence[Incoming]) -> list[list[Incoming]]:
    """Return the files in groups to be loaded one after the other; those of one group at once.

    Directories come before rosters and rosters before results, which refer to them. Files of one
    source and district keep the order in which they arrived: a later one may replace an earlier.
    """

    def table(item: Incoming) -> str:
        return context.catalogue.source(item.source).table

    waves: dict[tuple[int, int], list[Incoming]] = {}
    before: Counter[tuple[str, str | None]] = Counter()
    for item in incoming:
        kind = (item.source, item.district_id)
        waves.setdefault((TABLE_ORDER.index(table(item)), before[kind]), []).append(item)
        before[kind] += 1
    return [waves[place] for place in sorted(waves)]


def ingest_files(
    context: Context, source_name: str, paths: Iterable[Path], district_id: str | None
) -> list[Incoming]:
    """Keep the named files for the named source; the files stay where they are.

    Raises:
        UsageError: a file does not exist.
    """
    source = context.catalogue.source(source_name)
    paths = list(paths)
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise UsageError(
            "NO_SUCH_FILE",
            where="roci ingest",
            found=", ".join(missing),
            expected="files that exist",
            remedy="check the path",
        )
    return [keep(context, source, path, path.name, district_id) for path in paths]


def take_up_interrupted(context: Context) -> list[Incoming]:
    """Close loads that a crash cut off, and return their files to be loaded again.

    Whether such a load had reached the lake is irrelevant: doing it again replaces its partitions
    by the same rows. A load that another process is at work on is left alone.
    """
    found = []
    for load in sorted(context.ledger.interrupted_loads(), key=lambda load: load.load_id):
        try:
            with lock(context.workspace, load_lock(load.load_key)):
                context.ledger.finish(load.load_id, "failed", fault=_interrupted(load.load_id))
        except InfrastructureError as error:
            if error.code != "LOCKED":
                raise
            continue
        if load.source in context.catalogue.sources and load.sha256:
            found.append(
                Incoming(
                    load.source, load.file_name or "", load.sha256, load.district_id, from_raw=True
                )
            )
    return found


def load_lock(key: str) -> str:
    """Return the name of the lock that a load of that key holds while it is under way."""
    return f"load-{key[:16]}"


def _interrupted(load_id: str) -> InfrastructureError:
    return InfrastructureError(
        "INTERRUPTED",
        where=load_id,
        found="a load that began and never ended",
        expected="a load that runs to its end",
        remedy="nothing: this run does it again",
    )


def leave_landing(context: Context, incoming: Incoming, error: RociError | None) -> None:
    """Take a file whose fate is on record out of landing/: refused beside a note, else removed."""
    if incoming.landing_path is None:
        return
    path = context.workspace.landing / incoming.landing_path
    landed = next((file for file in context.landing.files() if file.path == path), None)
    if landed is None or mark(landed) != incoming.landing_mark:
        return
    if isinstance(error, FileRefused):
        context.landing.refuse(landed, error)
    else:
        context.landing.remove(landed)
