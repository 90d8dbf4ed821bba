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
from transforms.encode import Encoded, Encoder
from transforms.faults import all_faults
from transforms.pieces import Piece
from validation.rows import check_rows
from warehouse.staging import StagedFiles, Staging

PIECES_AT_ONCE = 2


@dataclass
class RowTally:
    """What became of a file's rows so far, and under which codes.

    received + made = staged + rejected + aside. Rows are counted, not row numbers: of a record that
    makes several rows (OneRoster) all have one number.
    """

    received: int = 0
    made: int = 0
    staged: int = 0
    rejected: int = 0
    aside: int = 0
    rejects: list[pa.Table] = field(default_factory=list)
    set_aside: list[pa.Table] = field(default_factory=list)
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

    Each row of the file ends in exactly one place: staged, rejected or set aside.
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
    found = check_rows(encoded.table, source, catalogue, encoded.faults)
    rejects = all_faults([encoded.faults, found.rejects])
    flags = all_faults([encoded.flags, found.flags])
    good, flags = _good_rows(encoded, rejects, flags)
    return CheckedPiece(
        good=with_flags(good, flags),
        received=piece.rows_in,
        made=piece.rows_made,
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
    """Return the table with column `flags`: sorted codes joined by commas, null where none."""
    if not flags.num_rows:
        return table.append_column("flags", pa.nulls(table.num_rows, pa.string()))
    texts = flag_texts(flags)
    place = pc.index_in(table["source_row"], value_set=texts["source_row"].combine_chunks())
    return table.append_column("flags", texts["flags"].combine_chunks().take(place))


def flag_texts(flags: pa.Table) -> pa.Table:
    """Return `source_row` and `flags`, a row for each flagged row: its distinct codes, sorted.

    >>> from transforms.faults import fault_table
    >>> flag_texts(pa.concat_tables([fault_table([5], "B", None), fault_table([5], "A", "x")]))[
    ...     "flags"].to_pylist()
    ['A,B']
    """
    codes: dict[int, set[str]] = {}
    pairs = zip(flags["source_row"].to_pylist(), flags["code"].to_pylist(), strict=True)
    for row, code in pairs:
        codes.setdefault(row, set()).add(code)
    rows = sorted(codes)
    return pa.table(
        {
            "source_row": pa.array(rows, pa.int32()),
            "flags": pa.array([",".join(sorted(codes[row])) for row in rows], pa.string()),
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
