"""What stands in landing/, in order of time: files, rosters in folders, and files of archives."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from configs.errors import FileRefused, RociError
from flows.context import Context
from flows.load_key import load_key
from flows.outcome import UNCLAIMED, LoadOutcome
from flows.stages.archives import Unpacked, several_files, unpacked
from flows.stages.buried import require_unforgotten
from flows.stages.oneroster import RosterFolder, packed, split_folders
from transforms.refusals import empty
from warehouse.landing import LandedFile
from warehouse.raw import RawFile

log = logging.getLogger("roci.intake")


@dataclass(frozen=True)
class ArchivedFile:
    """A file of an archive that stands in landing/."""

    archive: LandedFile
    file: Unpacked


Arrival = LandedFile | RosterFolder | ArchivedFile


def in_landing(context: Context) -> list[LandedFile | RosterFolder]:
    """Return the files and the rosters in folders, in order of time."""
    folders, files = split_folders(context.landing.files())
    found: list[LandedFile | RosterFolder] = [*folders, *files]
    return sorted(found, key=lambda one: one.modified_at)


def files_of(context: Context, landed: LandedFile) -> list[ArchivedFile] | None:
    """Return the files of an archive, which are kept; none of one that is still being written.

    Null for a file that is no archive.

    Raises:
        FileRefused: it cannot be unpacked, is not safe to unpack or holds no file of data.
    """
    archive = several_files(landed.path)
    if archive is None:
        return None
    if not context.landing.is_still(landed):
        archive.close()
        return []
    found = unpacked(context, archive)
    if not found:
        raise empty("an archive without a file of data")
    return [ArchivedFile(landed, one) for one in found]


def told_as(arrival: Arrival) -> str:
    """Return the name under which people are told of it."""
    if isinstance(arrival, ArchivedFile):
        return f"{arrival.archive.name}: {arrival.file.name}"
    return arrival.name


def refuse(context: Context, arrival: Arrival, error: RociError) -> LoadOutcome:
    """Keep what no source could take, record why, and move it to landing/refused.

    An archive stays where it is: the file of it is put beside the refused ones. Of a file that was
    destroyed on request only the note is left.
    """
    raw, name, district = _kept(context, arrival)
    landed = _standing(arrival)
    try:
        require_unforgotten(context, raw, name)
    except FileRefused as forgotten:
        context.landing.leave_note(name, district, forgotten)
        for file in landed:
            context.landing.remove(file)
        return _recorded(context, raw, name, district, forgotten)
    if isinstance(arrival, ArchivedFile):
        context.landing.refuse_copy(raw.path, name, district, error)
    outcome = _recorded(context, raw, name, district, error)
    for file in landed:
        context.landing.refuse(file, error)
    return outcome


def _kept(context: Context, arrival: Arrival) -> tuple[RawFile, str, str | None]:
    """Return what arrived as it is in the raw store, its name and its district's folder."""
    if isinstance(arrival, ArchivedFile):
        return arrival.file.raw, arrival.file.name, arrival.archive.district_id
    if isinstance(arrival, RosterFolder):
        with packed(context, [file.path for file in arrival.files]) as path:
            return context.raw.keep(path), arrival.name, arrival.district_id
    return context.raw.keep(arrival.path), arrival.name, arrival.district_id


def _standing(arrival: Arrival) -> list[LandedFile]:
    """Return what of it leaves landing/ by itself; an archive stays until all of it is done."""
    if isinstance(arrival, ArchivedFile):
        return []
    return list(arrival.files) if isinstance(arrival, RosterFolder) else [arrival]


def _recorded(
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
