"""A load's rows read again from the raw store, through the same stages, without committing any."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import duckdb

from configs.source_models import Source
from flows.context import Context
from flows.stages.extract import open_extract
from flows.stages.repairs import known_repairs
from flows.stages.resolving import resolve_rows
from flows.stages.retrying import as_it_came
from flows.stages.rows import stage_rows
from flows.stages.slicing import slices_of, view
from flows.stages.work import Terms, Work
from warehouse.ledger_records import LivePartition
from warehouse.repairs import Origin
from warehouse.staging import StagedFiles


@dataclass(frozen=True)
class Brought:
    """What a load would put into the lake, as staged files and as partitions."""

    load_id: str
    source: Source
    files: StagedFiles
    partitions: list[LivePartition]

    @property
    def names(self) -> set[str]:
        """Return the names of the partitions."""
        return {part.partition for part in self.partitions}


@contextmanager
def read_again(context: Context, load_id: str) -> Iterator[Brought]:
    """Yield the rows of a load as today's configuration reads them; they are gone afterwards.

    Raises:
        UsageError: there is no such load, or no source has claimed its file.
        FileRefused, LoadHeld: the file cannot be read.
        InfrastructureError: the raw store does not have the file any more (RAW_FILE_GONE).
    """
    incoming = as_it_came(context, context.ledger.load(load_id))
    source = context.catalogue.source(incoming.source)
    repairs = known_repairs(context, Origin(source.name, incoming.sha256, incoming.district_id))
    folder = context.workspace.staging / f"{load_id}-again-{uuid4().hex}"
    work = Work(load_id, source, incoming, folder, Terms(True, suites=False, repairs=repairs))
    try:
        with context.raw.open(incoming.sha256) as stream, duckdb.connect() as con:
            extract = open_extract(context, source, incoming, stream, repairs.mends(context))
            staged = stage_rows(extract.pieces, extract.encoder, source, context.catalogue, folder)
            resolved = resolve_rows(context, work, staged, con)
            yield brought(con, work, resolved.files, resolved.rows)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def brought(
    con: duckdb.DuckDBPyConnection, work: Work, files: StagedFiles, rows: dict[str, int]
) -> Brought:
    """Return staged rows with the slices that they belong to."""
    slices: dict[str, list[str]] = {}
    if files:
        view(con, "final", files)
        slices = slices_of(con, "final", work.source.table)
    partitions = [
        LivePartition(work.load_id, work.source.name, name, tuple(slices.get(name, ())), count)
        for name, count in sorted(rows.items())
    ]
    return Brought(work.load_id, work.source, files, partitions)
