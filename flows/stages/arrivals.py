"""What stands in landing/, in order of time: files, rosters in folders, and files of archives."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from configs.errors import RociError
from flows.context import Context
from flows.load_key import load_key
from flows.outcome import UNCLAIMED, LoadOutcome
from flows.stages.archives import Unpacked, several_files, unpacked
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

    An archive stays where it is: the file of it is put beside the refused ones.
    """
    if isinstance(arrival, ArchivedFile):
        file, district = arrival.file, arrival.archive.district_id
        context.landing.refuse_copy(file.raw.path, file.name, district, error)
        return _recorded(context, file.raw, file.name, district, error)
    if isinstance(arrival, RosterFolder):
        with packed(context, [file.path for file in arrival.files]) as path:
            raw = context.raw.keep(path)
    else:
        raw = context.raw.keep(arrival.path)
    outcome = _recorded(context, raw, arrival.name, arrival.district_id, error)
    for landed in arrival.files if isinstance(arrival, RosterFolder) else [arrival]:
        context.landing.refuse(landed, error)
    return outcome


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
