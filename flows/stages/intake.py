"""Intake: whatever arrived is kept by content, and a source claims it by its header."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from configs.errors import FileRefused, InfrastructureError, RociError
from configs.source_models import Source
from flows.context import Context
from flows.faults import unexpected
from flows.given_files import require_files
from flows.outcome import FetchOutcome, LoadOutcome
from flows.stages.archives import Unpacked, several_files, unpacked
from flows.stages.arrivals import ArchivedFile, Arrival, files_of, in_landing, refuse, told_as
from flows.stages.buried import keeps_nothing, require_unforgotten
from flows.stages.claims import claim, fits, is_taken
from flows.stages.oneroster import (
    RosterFolder,
    is_delta_of,
    made_whole,
    packed,
    roster_source,
    tables_in,
)
from flows.stages.turns import ChangesWait, in_turn
from transforms.oneroster import without_bulk
from warehouse.files import readable
from warehouse.landing import LandedFile
from warehouse.raw import RawFile


@dataclass(frozen=True)
class Incoming:
    """One file that a source has claimed; its bytes are in the raw store.

    `landing_path` is where it still stands under landing/ until its fate is on record; null for a
    file that was named on the command line or comes from the raw store. `landing_mark` tells it
    from another file that may come under the same name. `also_landed`: path and mark of the other
    tables of a roster in a folder. `from_raw`: a load done again. `archive`: the name of the zip
    that it came in. `takes_up`: the refused load whose file this is, claimed or placed anew.
    """

    source: str
    file_name: str
    sha256: str
    district_id: str | None = None
    landing_path: str | None = None
    landing_mark: str | None = None
    also_landed: tuple[tuple[str, str], ...] = ()
    from_raw: bool = False
    archive: str | None = None
    takes_up: str | None = None


@dataclass(frozen=True)
class Taken:
    """What a look into landing/ brought: claimed files, and those that no source could take.

    `fetches`: what was brought into landing/ just before. `archives`: the zips that they came in.
    `retries`: whether loads that stopped for a cause outside their file are done again with them,
    those of `only_source` where it is named.
    """

    incoming: tuple[Incoming, ...] = ()
    refused: tuple[LoadOutcome, ...] = ()
    fetches: tuple[FetchOutcome, ...] = ()
    archives: tuple[LandedFile, ...] = ()
    retries: bool = False
    only_source: str | None = None

    def with_incoming(self, more: Iterable[Incoming]) -> Taken:
        """Return this with further files that a source has claimed."""
        return replace(self, incoming=(*self.incoming, *more))

    def with_refused(self, more: LoadOutcome) -> Taken:
        """Return this with a further file that no source could take."""
        return replace(self, refused=(*self.refused, more))


def take_in(context: Context, only_source: str | None = None) -> Taken:
    """Keep and claim every file in landing/; each leaves it once its fate is on record.

    Args:
        context: the opened workspace.
        only_source: take only files that this source claims, leave the others where they are.

    Raises:
        ConfigurationError: `only_source` is none, or unfinished.
    """
    if only_source is not None:
        context.catalogue.source(only_source)
    taken = Taken(retries=True, only_source=only_source)
    arrivals: list[Arrival] = []
    for landed in in_landing(context):
        found, taken = _each(context, landed, taken)
        arrivals += found
    taken, waiting = in_turn(arrivals, taken, partial(_arrived, context))
    for arrival in waiting:
        taken = _refused(context, arrival, without_bulk(told_as(arrival)), taken)
    return taken


def _each(
    context: Context, landed: LandedFile | RosterFolder, taken: Taken
) -> tuple[Sequence[Arrival], Taken]:
    """Return what is to be claimed by itself: each file of an archive, or the one that landed."""
    if isinstance(landed, RosterFolder):
        return [landed], taken
    try:
        files = files_of(context, landed)
    except Exception as error:
        return [], _refused(context, landed, error, taken)
    if files is None:
        return [landed], taken
    return files, replace(taken, archives=(*taken.archives, landed)) if files else taken


def _arrived(context: Context, arrival: Arrival, taken: Taken) -> Taken:
    """Return what is taken in with one more arrival, claimed or refused.

    Raises:
        ChangesWait: it is changes only, and there is nothing yet that they change.
    """
    try:
        if isinstance(arrival, RosterFolder):
            return _folder_taken(context, arrival, taken)
        if isinstance(arrival, ArchivedFile):
            return _archived_taken(context, arrival, taken)
        return _file_taken(context, arrival, taken)
    except ChangesWait:
        raise
    except Exception as error:
        return _refused(context, arrival, error, taken)


def _refused(context: Context, arrival: Arrival, error: Exception, taken: Taken) -> Taken:
    """Return what is taken in with one that is refused alone.

    Where one source is asked for, only a roster in a folder is known to be of it.

    Raises:
        InfrastructureError: what is wrong is wrong with the machine; it stops the run.
    """
    told = unexpected(error, told_as(arrival))
    if isinstance(told, InfrastructureError):
        raise told from None
    if taken.only_source is not None and not isinstance(arrival, RosterFolder):
        return _left(arrival, taken)
    return taken.with_refused(refuse(context, arrival, told))


def _left(arrival: Arrival, taken: Taken) -> Taken:
    """Return what is taken in where one is left in landing/, and its archive with it."""
    if not isinstance(arrival, ArchivedFile):
        return taken
    left = arrival.archive
    return replace(taken, archives=tuple(one for one in taken.archives if one != left))


def _file_taken(context: Context, landed: LandedFile, taken: Taken) -> Taken:
    source = claim(context, landed.path, landed.name)
    if is_taken(context, source, taken.only_source):
        return taken.with_incoming(_kept(context, source, landed, taken.incoming))
    return taken


def _archived_taken(context: Context, arrival: ArchivedFile, taken: Taken) -> Taken:
    file, archive = arrival.file, arrival.archive
    source = claim(context, file.raw.path, file.name)
    if not is_taken(context, source, taken.only_source):
        return _left(arrival, taken)
    kept = _of_archive(context, source, file, archive.district_id, taken.incoming)
    return taken.with_incoming([replace(kept, archive=archive.name)])


def _of_archive(
    context: Context,
    source: Source,
    file: Unpacked,
    district_id: str | None,
    before: Sequence[Incoming],
) -> Incoming:
    """Return a file of an archive as its source's; it is in the raw store already."""
    if is_delta_of(source, file.raw.path):
        return keep(context, source, file.raw.path, file.name, district_id, before)
    return registered(context, source, file.raw, file.name, district_id)


def leave_archives(context: Context, taken: Taken) -> None:
    """Take the archives out of landing/ of which every file's fate is on record."""
    for landed in taken.archives:
        context.landing.remove(landed)


def _folder_taken(context: Context, folder: RosterFolder, taken: Taken) -> Taken:
    """Keep a roster in a folder; one that is not whole, or not still, is left to a later run."""
    source = roster_source(context)
    if source is None or taken.only_source not in (None, source.name) or not folder.whole:
        return taken
    with packed(context, [file.path for file in folder.files]) as path:
        kept = keep(context, source, path, folder.name, folder.district_id, taken.incoming)
    if not all(context.landing.is_still(file) for file in folder.files):
        return taken
    return taken.with_incoming([_at_places(context, kept, folder.files)])


def _at_places(context: Context, kept: Incoming, files: Sequence[LandedFile]) -> Incoming:
    root = context.workspace.landing
    (path, its_mark), *others = ((f.path.relative_to(root).as_posix(), mark(f)) for f in files)
    return replace(kept, landing_path=path, landing_mark=its_mark, also_landed=tuple(others))


def _kept(
    context: Context, source: Source, landed: LandedFile, before: Sequence[Incoming]
) -> list[Incoming]:
    """Return a landed file as kept; none where it is still being written: a later run takes it."""
    inside = landed.path.relative_to(context.workspace.landing).as_posix()
    if readable(inside) != inside:
        raise _name_is_no_text(landed)
    kept = keep(context, source, landed.path, landed.name, landed.district_id, before)
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


def keep(  # noqa: PLR0913 - what tells one file from another
    context: Context,
    source: Source,
    path: Path,
    name: str,
    district_id: str | None,
    before: Sequence[Incoming] = (),
) -> Incoming:
    """Put a file into the raw store and the ledger; the file itself stays where it is.

    The changes of a roster are kept as they came and, laid over the last whole one, as what is
    loaded; `before` are the files that were taken in just before.
    """
    district = district_id or context.catalogue.profile.home_district
    with made_whole(context, source, path, district, before) as whole:
        return registered(context, source, context.raw.keep(whole), name, district_id)


def registered(
    context: Context, source: Source, raw: RawFile, name: str, district_id: str | None
) -> Incoming:
    """Note a kept file in the ledger, and return it as its source's.

    Raises:
        FileRefused: it was destroyed on request (RAW_FORGOTTEN).
    """
    require_unforgotten(context, raw, name)
    context.ledger.register_file(raw.sha256, raw.size, name)
    district = district_id or context.catalogue.profile.home_district
    return Incoming(source.name, name, raw.sha256, district)


def ingest_files(
    context: Context, source_name: str, paths: Iterable[Path], district_id: str | None
) -> list[Incoming]:
    """Keep the named files for the named source; the files stay where they are.

    Raises:
        UsageError: a file does not exist.
        FileRefused: an archive is not safe to unpack (BAD_ARCHIVE, TRUNCATED_FILE); changes of a
            roster that is neither loaded nor named (DELTA_WITHOUT_BULK).
    """
    source = context.catalogue.source(source_name)
    paths = list(paths)
    require_files((one for one in paths if not _is_roster(one, source)), "roci ingest")
    named = [one for path in paths for one in _each_named(context, source, path)]
    take = partial(_named_taken, context, source, district_id)
    taken, waiting = in_turn(named, Taken(), take)
    if waiting:
        raise without_bulk(waiting[0].name)
    return list(taken.incoming)


def _is_roster(path: Path, source: Source) -> bool:
    return source.format.kind == "oneroster" and path.is_dir() and bool(tables_in(path))


def _each_named(context: Context, source: Source, path: Path) -> Sequence[Path | Unpacked]:
    """Return those files of an archive that fit the source, or the file or folder itself."""
    archive = None if path.is_dir() else several_files(path)
    files = [] if archive is None else unpacked(context, archive)
    fitting = [
        file for file in files if is_delta_of(source, file.raw.path) or fits(file.raw.path, source)
    ]
    # Of an archive without any file of the source, the archive itself is refused in its words.
    return fitting or [path]


def _named_taken(
    context: Context, source: Source, district_id: str | None, named: Path | Unpacked, taken: Taken
) -> Taken:
    """Keep a file for the source that was named; a folder is one roster."""
    before = taken.incoming
    if isinstance(named, Unpacked):
        kept = _of_archive(context, source, named, district_id, before)
    elif named.is_dir():
        with packed(context, tables_in(named)) as zipped:
            kept = keep(context, source, zipped, f"{named.name}.zip", district_id, before)
    else:
        kept = keep(context, source, named, named.name, district_id, before)
    return taken.with_incoming([kept])


def leave_landing(context: Context, incoming: Incoming, error: RociError | None) -> None:
    """Take a file whose fate is on record out of landing/: refused beside a note, else removed."""
    if error is not None and keeps_nothing(error):
        context.landing.leave_note(incoming.file_name, incoming.district_id, error)
    elif incoming.archive is not None and isinstance(error, FileRefused):
        path = context.raw.path(incoming.sha256)
        context.landing.refuse_copy(path, incoming.file_name, incoming.district_id, error)
    if incoming.landing_path is None:
        return
    marks = {incoming.landing_path: incoming.landing_mark, **dict(incoming.also_landed)}
    for landed in context.landing.files():
        inside = landed.path.relative_to(context.workspace.landing).as_posix()
        if marks.get(inside) != mark(landed):
            continue
        if isinstance(error, FileRefused) and not keeps_nothing(error):
            context.landing.refuse(landed, error)
        else:
            context.landing.remove(landed)
