"""Intake: whatever arrived is kept by content, and a source claims it by its header."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from zipfile import ZipFile

from configs.errors import FileRefused, InfrastructureError, RociError, UsageError
from configs.source_models import Source
from flows.context import Context
from flows.faults import unexpected
from flows.load_key import load_key
from flows.outcome import UNCLAIMED, FetchOutcome, LoadOutcome
from flows.stages.archives import several_files
from flows.stages.claims import claim, fits, is_taken
from flows.stages.oneroster import (
    ChangesWait,
    RosterFolder,
    is_delta_of,
    made_whole,
    packed,
    roster_source,
    split_folders,
    tables_in,
)
from transforms.oneroster import WITHOUT_BULK
from transforms.refusals import empty
from warehouse.archive import members, opened
from warehouse.files import readable
from warehouse.landing import LandedFile
from warehouse.raw import RawFile

log = logging.getLogger("roci.intake")


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
    folders, files = split_folders(context.landing.files())
    taken = Taken(retries=True, only_source=only_source)
    arrivals: list[LandedFile | RosterFolder] = [*folders, *files]
    waiting: list[LandedFile | RosterFolder] = []
    for arrival in sorted(arrivals, key=lambda one: one.modified_at):
        tried, waiting = [*waiting, arrival], []  # earlier changes go before later ones
        for one in tried:
            try:
                taken = _arrived(context, one, taken, final=False)
            except ChangesWait:
                waiting.append(one)
    for arrival in waiting:  # what they change may have come after them
        taken = _arrived(context, arrival, taken, final=True)
    return taken


def _arrived(
    context: Context, arrival: LandedFile | RosterFolder, taken: Taken, *, final: bool
) -> Taken:
    if isinstance(arrival, RosterFolder):
        return _folder_taken(context, arrival, taken, final=final)
    try:
        return _file_taken(context, arrival, taken)
    except Exception as error:
        told = _not_ours(error, arrival.name, final=final)
        if taken.only_source is not None:
            return taken
        return taken.with_refused(refuse(context, arrival, told))


def _file_taken(context: Context, landed: LandedFile, taken: Taken) -> Taken:
    archive = several_files(landed.path)
    if archive is None:
        source = claim(context, landed.path, landed.name)
        if is_taken(context, source, taken.only_source):
            return taken.with_incoming(_kept(context, source, landed, taken.incoming))
    elif context.landing.is_still(landed):
        with archive:
            return _members_taken(context, landed, archive, taken)
    return taken


def _not_ours(error: Exception, name: str, *, final: bool) -> RociError:
    """Return what is to be told of a file; what is wrong with the machine stops the run.

    Raises:
        ChangesWait: there is nothing yet that the file changes, and it is not `final`.
    """
    told = unexpected(error, name)
    if isinstance(told, InfrastructureError):
        raise told from None
    if told.code == WITHOUT_BULK and not final:
        raise ChangesWait from None
    return told


def _members_taken(context: Context, landed: LandedFile, archive: ZipFile, taken: Taken) -> Taken:
    """Claim every file of an archive by itself; the archive leaves landing/ once all are on record.

    A file that no source takes is refused alone, under its own name.
    """
    found = members(archive)
    if not found:
        raise empty("an archive without a file of data")
    raws = []
    for member in found:
        with opened(archive, member) as stream:
            raws.append((context.raw.keep_stream(stream), member.name))
    others, without_bulk = False, []
    for kept in raws:
        try:
            done, taken = _member_taken(context, landed, kept, taken, final=False)
            others = others or not done
        except ChangesWait:
            without_bulk.append(kept)
    for kept in without_bulk:
        done, taken = _member_taken(context, landed, kept, taken, final=True)
        others = others or not done
    return taken if others else replace(taken, archives=(*taken.archives, landed))


def _member_taken(
    context: Context, landed: LandedFile, member: tuple[RawFile, str], taken: Taken, *, final: bool
) -> tuple[bool, Taken]:
    """Return whether a file of an archive is on record, claimed or refused, and what is taken."""
    (raw, name), district = member, landed.district_id
    try:
        source = claim(context, raw.path, name)
        if not is_taken(context, source, taken.only_source):
            return False, taken
        kept = _of_archive(context, source, raw, name, district, taken.incoming)
    except Exception as error:
        told = _not_ours(error, f"{landed.name}: {name}", final=final)
        if taken.only_source is not None:
            return False, taken
        context.landing.refuse_copy(raw.path, name, district, told)
        return True, taken.with_refused(recorded_refusal(context, raw, name, district, told))
    return True, taken.with_incoming([replace(kept, archive=landed.name)])


def _of_archive(  # noqa: PLR0913 - what tells one file from another
    context: Context,
    source: Source,
    raw: RawFile,
    name: str,
    district_id: str | None,
    before: Sequence[Incoming],
) -> Incoming:
    """Return a file of an archive as its source's; it is in the raw store already."""
    if is_delta_of(source, raw.path):
        return keep(context, source, raw.path, name, district_id, before)
    return registered(context, source, raw, name, district_id)


def leave_archives(context: Context, taken: Taken) -> None:
    """Take the archives out of landing/ of which every file's fate is on record."""
    for landed in taken.archives:
        context.landing.remove(landed)


def _folder_taken(context: Context, folder: RosterFolder, taken: Taken, *, final: bool) -> Taken:
    """Keep a roster in a folder, or refuse its tables; one that is not whole, or not still, waits.

    Raises:
        ChangesWait: it is changes only, there is nothing yet that they change, and not `final`.
    """
    source = roster_source(context)
    if source is None or taken.only_source not in (None, source.name) or not folder.whole:
        return taken
    name, district = f"{readable(folder.path.name)}.zip", folder.files[0].district_id
    with packed(context, [file.path for file in folder.files]) as path:
        try:
            kept = keep(context, source, path, name, district, taken.incoming)
        except FileRefused as error:
            told = _not_ours(error, name, final=final)
            outcome = recorded_refusal(context, context.raw.keep(path), name, district, told)
            for file in folder.files:
                context.landing.refuse(file, told)
            return taken.with_refused(outcome)
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
    """Note a kept file in the ledger, and return it as its source's."""
    context.ledger.register_file(raw.sha256, raw.size, name)
    district = district_id or context.catalogue.profile.home_district
    return Incoming(source.name, name, raw.sha256, district)


def refuse(context: Context, landed: LandedFile, error: RociError) -> LoadOutcome:
    """Keep a file that no source could take, record why, and move it to landing/refused."""
    raw = context.raw.keep(landed.path)
    outcome = recorded_refusal(context, raw, landed.name, landed.district_id, error)
    context.landing.refuse(landed, error)
    return outcome


def recorded_refusal(
    context: Context, raw: RawFile, name: str, district_id: str | None, error: RociError
) -> LoadOutcome:
    """Record a file that no source could take as a load that failed."""
    context.ledger.register_file(raw.sha256, raw.size, name)
    inputs = {"file": raw.sha256}
    load_id = context.ledger.open_load(
        UNCLAIMED, load_key(inputs), inputs, raw.sha256, name, district_id
    )
    context.ledger.finish(load_id, "failed", fault=error)
    log.info("load=%s source=%s state=failed code=%s", load_id, UNCLAIMED, error.code)
    return LoadOutcome(load_id, UNCLAIMED, name, "failed", error.code, str(error))


def ingest_files(
    context: Context, source_name: str, paths: Iterable[Path], district_id: str | None
) -> list[Incoming]:
    """Keep the named files for the named source; the files stay where they are.

    Raises:
        UsageError: a file does not exist.
        FileRefused: an archive is not safe to unpack (BAD_ARCHIVE, TRUNCATED_FILE).
    """
    source = context.catalogue.source(source_name)
    paths = list(paths)
    missing = [str(path) for path in paths if not (path.is_file() or _is_roster(path, source))]
    if missing:
        raise UsageError(
            "NO_SUCH_FILE",
            where="roci ingest",
            found=", ".join(missing),
            expected="files that exist",
            remedy="check the path",
        )
    found: list[Incoming] = []
    for path in paths:
        found.extend(_named(context, source, path, district_id, found))
    return found


def _is_roster(path: Path, source: Source) -> bool:
    return source.format.kind == "oneroster" and path.is_dir() and bool(tables_in(path))


def _named(
    context: Context,
    source: Source,
    path: Path,
    district_id: str | None,
    before: Sequence[Incoming],
) -> list[Incoming]:
    """Keep a file for the source that was named, or those files of an archive that fit it.

    A folder is one roster.
    """
    if path.is_dir():
        with packed(context, tables_in(path)) as zipped:
            return [keep(context, source, zipped, f"{path.name}.zip", district_id, before)]
    archive = several_files(path)
    if archive is None:
        return [keep(context, source, path, path.name, district_id, before)]
    kept: list[Incoming] = []
    with archive:
        for member in members(archive):
            with opened(archive, member) as stream:
                raw = context.raw.keep_stream(stream)
            if is_delta_of(source, raw.path) or fits(raw.path, source):
                kept.append(
                    _of_archive(context, source, raw, member.name, district_id, [*before, *kept])
                )
    # Of an archive without any file of the source, the archive itself is refused in its words.
    return kept or [keep(context, source, path, path.name, district_id)]


def leave_landing(context: Context, incoming: Incoming, error: RociError | None) -> None:
    """Take a file whose fate is on record out of landing/: refused beside a note, else removed."""
    if incoming.archive is not None and isinstance(error, FileRefused):
        path = context.raw.path(incoming.sha256)
        context.landing.refuse_copy(path, incoming.file_name, incoming.district_id, error)
    if incoming.landing_path is None:
        return
    marks = {incoming.landing_path: incoming.landing_mark, **dict(incoming.also_landed)}
    for landed in context.landing.files():
        inside = landed.path.relative_to(context.workspace.landing).as_posix()
        if marks.get(inside) != mark(landed):
            continue
        if isinstance(error, FileRefused):
            context.landing.refuse(landed, error)
        else:
            context.landing.remove(landed)
