"""An opened extract: how its file is written, which layout it has, and its rows as they come."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import duckdb
import pyarrow as pa

from configs.errors import LoadHeld, listed
from configs.source_models import Source
from flows.context import Context
from flows.stages.intake import Incoming
from transforms.encode import Encoder
from transforms.file_year import encoder_of_file
from transforms.fill import Landing, Setting
from transforms.layouts import LayoutMatch, match_layout
from transforms.mending import NO_MENDS, Mends
from transforms.pieces import Piece
from transforms.probe import Probe
from transforms.read import examine, raw_rows, read_pieces
from transforms.schools import SchoolNames
from transforms.survey import Named, survey_schools

SCHOOL_COLUMNS = "district_id, school_id, school_name, school_year"


@dataclass(frozen=True)
class Extract:
    """A file that can be read as its source's: probe, layout and encoder."""

    stream: BinaryIO
    probe: Probe
    match: LayoutMatch
    encoder: Encoder

    @property
    def pieces(self) -> Iterator[Piece]:
        """Yield the file's records in bounded pieces, only the columns that are used."""
        return read_pieces(
            self.stream, self.probe, self.encoder.columns, self.encoder.plain_columns
        )

    def raw_rows(self, source_rows: Sequence[int]) -> pa.Table:
        """Return rows as they stand in the file, for quarantine."""
        return raw_rows(self.stream, self.probe, source_rows)


def open_extract(
    context: Context,
    source: Source,
    incoming: Incoming,
    stream: BinaryIO,
    mends: Mends = NO_MENDS,
) -> Extract:
    """Find out how a file is to be read, `mends` laid over it; nothing of it is kept yet.

    Raises:
        FileRefused: the file is empty, unreadable, cut off, of an unknown header or of no district.
        LoadHeld: it names schools that the district's directory does not know (UNKNOWN_SCHOOL).
    """
    probe = replace(examine(stream, source), mends=mends)
    match = match_layout(probe.columns, source, probe.layout)
    landing = Landing(file_name=incoming.file_name, district_id=incoming.district_id)
    named = survey_schools(stream, probe, match, source, context.catalogue)
    if named.schools and incoming.district_id is not None:
        schools = _schools(context, incoming, named, incoming.district_id)
        landing = replace(landing, schools=schools)
    setting = Setting(source, match, context.catalogue, landing)
    return Extract(stream, probe, match, encoder_of_file(stream, probe, setting))


def _schools(context: Context, incoming: Incoming, named: Named, district_id: str) -> SchoolNames:
    """Return the district's schools by name, all that the file names among them.

    Raises:
        LoadHeld: the directory lacks some of them.
    """
    year = max(named.years, default=None)
    schools = SchoolNames.of(known_schools(context), district_id, year)
    unmatched = [name for name in named.schools if schools.find(name) is None]
    if unmatched:
        raise LoadHeld(
            "UNKNOWN_SCHOOL",
            where=f"{incoming.file_name}, district {district_id}",
            found=f"school names that the district's directory does not have: {listed(unmatched)}",
            expected="names of the directory (sources of table school, and the roster's schools)",
            remedy="load the directory or roster that has them, or correct the names; then "
            "`roci rerun --code UNKNOWN_SCHOOL`",
        )
    return schools


def known_schools(context: Context) -> pa.Table:
    """Return every school that a directory or a roster names, by district and school year."""
    scans = [
        f"SELECT DISTINCT {SCHOOL_COLUMNS} FROM {scan}"
        for table in ("school", "student_roster")
        if (scan := context.lake.scan_sql(table)) is not None
    ]
    if not scans:
        empty = {name: pa.nulls(0, pa.string()) for name in SCHOOL_COLUMNS.split(", ")}
        return pa.table(empty)
    with duckdb.connect() as con:
        return con.sql(" UNION ".join(scans)).to_arrow_table()
