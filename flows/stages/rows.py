"""Rows: a file is read piece by piece, coded, held against the row rules, staged by partition."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from configs.catalogue import Catalogue
from configs.source_models import Source
from flows.stages.records import RecordNumbers
from transforms.encode import Encoded, Encoder
from transforms.faults import all_faults, all_flags
from transforms.pieces import Piece
from validation.rows import check_rows
from warehouse.staging import StagedFiles, Staging, record_keys

PIECES_AT_ONCE = 2


@dataclass
class RowTally:
    """What became of a file's rows so far, and under which codes.

    received + made = staged + rejected + aside. Records are counted, not row numbers: the records
    of one row of the file all have its number. `forgotten`: how many of those that are set aside
    are of students, districts or years that must not come back.
    """

    received: int = 0
    made: int = 0
    staged: int = 0
    rejected: int = 0
    aside: int = 0
    rejects: list[pa.Table] = field(default_factory=list)
    set_aside: list[pa.Table] = field(default_factory=list)
    forgotten: int = 0
    flags: list[pa.Table] = field(default_factory=list)


@dataclass(frozen=True)
class StagedRows:
    """The good rows of a file, staged by partition, and the tally of all its rows."""

    files: StagedFiles
    rows: dict[str, int]
    tally: RowTally


@dataclass(frozen=True)
class CheckedPiece:
    """One piece after coding and row rules: good rows with their flags, and all faults."""

    good: pa.Table
    received: int
    made: int
    rejected: int
    rejects: pa.Table
    set_aside: pa.Table
    flags: pa.Table


def stage_rows(
    pieces: Iterable[Piece],
    encoder: Encoder,
    source: Source,
    catalogue: Catalogue,
    folder: Path,
) -> StagedRows:
    """Code, check and stage every piece; two pieces are worked on at a time, in order.

    Each record ends in exactly one place: staged, rejected or set aside. A fault in one record
    rejects every record of its row, for in quarantine lies the row of the file.
    """
    tally = RowTally()
    with Staging(folder, source.partition) as staging:
        for checked in _in_order(
            lambda piece: check_piece(piece, encoder, source, catalogue), pieces
        ):
            tally.received += checked.received
            tally.made += checked.made
            tally.staged += checked.good.num_rows
            tally.rejected += checked.rejected
            tally.aside += checked.set_aside.num_rows
            tally.rejects.append(checked.rejects)
            tally.set_aside.append(checked.set_aside)
            tally.flags.append(checked.flags)
            if checked.good.num_rows:
                staging.write(checked.good)
        files = staging.close()
        rows = dict(staging.rows)
    return StagedRows(files, rows, tally)


def check_piece(
    piece: Piece, encoder: Encoder, source: Source, catalogue: Catalogue
) -> CheckedPiece:
    """Return the good rows of a piece and every fault of the others."""
    encoded = encoder.encode(piece)
    numbers = RecordNumbers.of(encoded.table)
    known = numbers.of_every_record(encoded.faults)
    found = check_rows(numbers.numbered(encoded.table), source, catalogue, known)
    rejects = all_faults([encoded.faults, numbers.rejects(found.rejects)])
    flags = all_flags([encoded.flags, numbers.flags(found.flags)])
    good, flags = _good_rows(encoded, rejects, flags)
    return CheckedPiece(
        good=with_flags(good, flags),
        received=encoded.rows_in,
        made=encoded.rows_made,
        rejected=encoded.table.num_rows - good.num_rows + piece.faults.num_rows,
        rejects=rejects,
        set_aside=encoded.set_aside,
        flags=flags,
    )


def _good_rows(encoded: Encoded, rejects: pa.Table, flags: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows without a reject, and the flags of those rows only."""
    if not rejects.num_rows:
        return encoded.table, flags
    leaving = rejects["source_row"].combine_chunks()
    kept = encoded.table.filter(pc.invert(pc.is_in(encoded.table["source_row"], leaving)))
    staying = pc.invert(pc.is_in(flags["source_row"], leaving))
    return kept, flags.filter(staying)


def with_flags(table: pa.Table, flags: pa.Table) -> pa.Table:
    """Return the table with column `flags`: a record's sorted codes and commas, null where none."""
    if not flags.num_rows:
        return table.append_column("flags", pa.nulls(table.num_rows, pa.string()))
    texts = flag_texts(flags)
    place = pc.index_in(record_keys(table), value_set=record_keys(texts))
    return table.append_column("flags", texts["flags"].combine_chunks().take(place))


def flag_texts(flags: pa.Table) -> pa.Table:
    """Return `source_row`, `source_record` and `flags`: the distinct codes, sorted, of each record.

    >>> from transforms.faults import flag_table
    >>> flags = [flag_table([5], [0], "B", None), flag_table([5], [0], "A", "x")]
    >>> flag_texts(pa.concat_tables(flags))["flags"].to_pylist()
    ['A,B']
    """
    codes: dict[tuple[int, int], set[str]] = {}
    columns = (flags[name].to_pylist() for name in ("source_row", "source_record", "code"))
    for row, record, code in zip(*columns, strict=True):
        codes.setdefault((row, record), set()).add(code)
    records = sorted(codes)
    return pa.table(
        {
            "source_row": pa.array([row for row, _ in records], pa.int32()),
            "source_record": pa.array([record for _, record in records], pa.int16()),
            "flags": pa.array([",".join(sorted(codes[one])) for one in records], pa.string()),
        }
    )


def _in_order(
    work: Callable[[Piece], CheckedPiece], pieces: Iterable[Piece]
) -> Iterator[CheckedPiece]:
    """Yield the work on each piece in order, a bounded number of pieces under way."""
    remaining = iter(pieces)
    with ThreadPoolExecutor(PIECES_AT_ONCE) as pool:
        waiting: deque[Future[CheckedPiece]] = deque(
            pool.submit(work, piece) for piece in islice(remaining, PIECES_AT_ONCE)
        )
        while waiting:
            yield waiting.popleft().result()
            waiting.extend(pool.submit(work, piece) for piece in islice(remaining, 1))
