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
    RosterFolder,
    made_whole,
    packed,
    roster_source,
    split_folders,
    tables_in,
)
from transforms.refusals import empty
from warehouse.archive import members, opened
from warehouse.files import readable
from warehouse.landing import LandedFile
from warehouse.locks import lock
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
    taken = replace(
        _kept_folders(context, folders, only_source), retries=True, only_source=only_source
    )
    for landed in sorted(files, key=lambda file: file.modified_at):
        try:
            archive = several_files(landed.path)
            if archive is None:
                source = claim(context, landed.path, landed.name)
                if is_taken(context, source, only_source):
                    kept = _kept(context, source, landed, taken.incoming)
                    taken = taken.with_incoming(kept)
            elif context.landing.is_still(landed):
                with archive:
                    taken = _members_taken(context, landed, archive, only_source, taken)
        except Exception as error:
            told = _not_ours(error, landed.name)
            if only_source is None:
                taken = taken.with_refused(refuse(context, landed, told))
    return taken


def _not_ours(error: Exception, name: str) -> RociError:
    """Return what is to be told of a file; what is wrong with the machine stops the run."""
    told = unexpected(error, name)
    if isinstance(told, InfrastructureError):
        raise told from None
    return told


def _members_taken(
    context: Context,
    landed: LandedFile,
    archive: ZipFile,
    only_source: str | None,
    taken: Taken,
) -> Taken:
    """Claim every file of an archive by itself; the archive leaves landing/ once all are on record.

    A file that no source takes is refused alone, under its own name.
    """
    others = False
    found = members(archive)
    if not found:
        raise empty("an archive without a file of data")
    for member in found:
        with opened(archive, member) as stream:
            raw = context.raw.keep_stream(stream)
        try:
            source = claim(context, raw.path, member.name)
        except Exception as error:
            told = _not_ours(error, f"{landed.name}: {member.name}")
            others = others or only_source is not None
            if only_source is None:
                context.landing.refuse_copy(raw.path, member.name, landed.district_id, told)
                taken = taken.with_refused(
                    recorded_refusal(context, raw, member.name, landed.district_id, told)
                )
            continue
        if is_taken(context, source, only_source):
            kept = registered(context, source, raw, member.name, landed.district_id)
            taken = taken.with_incoming([replace(kept, archive=landed.name)])
        else:
            others = True
    return taken if others else replace(taken, archives=(*taken.archives, landed))


def leave_archives(context: Context, taken: Taken) -> None:
    """Take the archives out of landing/ of which every file's fate is on record."""
    for landed in taken.archives:
        context.landing.remove(landed)


def _kept_folders(
    context: Context, folders: Iterable[RosterFolder], only_source: str | None
) -> Taken:
    """Return the rosters in folders as kept; one that is not whole, or not still, waits."""
    source = roster_source(context)
    taken = Taken()
    if source is None or only_source not in (None, source.name):
        return taken
    for folder in folders:
        if folder.whole:
            with packed(context, [file.path for file in folder.files]) as path:
                taken = _folder_taken(context, source, folder, path, taken)
    return taken


def _folder_taken(
    context: Context, source: Source, folder: RosterFolder, path: Path, taken: Taken
) -> Taken:
    """Keep a roster that stood in a folder and is packed in a zip now, or refuse its tables."""
    name, district = f"{readable(folder.path.name)}.zip", folder.files[0].district_id
    try:
        kept = keep(context, source, path, name, district, taken.incoming)
    except FileRefused as error:
        outcome = recorded_refusal(context, context.raw.keep(path), name, district, error)
        for file in folder.files:
            context.landing.refuse(file, error)
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
    kept = []
    with archive:
        for member in members(archive):
            with opened(archive, member) as stream:
                raw = context.raw.keep_stream(stream)
            if fits(raw.path, source):
                kept.append(registered(context, source, raw, member.name, district_id))
    # Of an archive without any file of the source, the archive itself is refused in its words.
    return kept or [keep(context, source, path, path.name, district_id)]


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
