"""A trial: what would become of a sample's columns and rows, without loading anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from configs.source_models import Source, as_list
from flows.context import Context
from flows.stages.extract import Extract, open_extract
from flows.stages.intake import Incoming
from flows.stages.rows import check_piece
from flows.stages.trial_codes import CodedColumns, partition_counts
from transforms.layouts import LayoutMatch
from warehouse.files import original

USED, UNUSED, UNKNOWN = "fills", "not used", "not in the layout"


@dataclass(frozen=True)
class Trial:
    """What a sample is, and what a load of it would do.

    form: how its bytes are written, `delimited`, `workbook` and so on.
    years: the school years of the rows that would be loaded.
    codes: a record per column, coded field and value, as of `CodedColumns`.
    partitions: a record per partition that would be replaced: `partition`, `rows`.
    columns: a record per column: `column` and `use`, the fields it fills or why it fills none.
    reasons: a record per code and field: `code`, `field`, `rows`.
    """

    layout: str
    encoding: str
    rows: int
    rejected: int
    columns: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    form: str
    years: list[int]
    codes: list[dict[str, Any]]
    partitions: list[dict[str, Any]]


def try_sample(context: Context, source: Source, sample: Path, district_id: str | None) -> Trial:
    """Read, code and check every row of a sample; nothing is kept.

    Raises:
        FileRefused, LoadHeld: as a load of the file would.
    """
    incoming = Incoming(source.name, sample.name, sha256="", district_id=district_id)
    rows = rejected = 0
    reasons: Counter[tuple[str, str | None]] = Counter()
    loaded: Counter[tuple[Any, ...]] = Counter()
    with original(sample) as stream:
        extract = open_extract(context, source, incoming, stream)
        coded = CodedColumns(source, extract.match, context.catalogue)
        for piece in extract.pieces:
            coded.take(piece)
            checked = check_piece(piece, extract.encoder, source, context.catalogue)
            rows += checked.received + checked.made
            rejected += checked.rejected
            loaded.update(_partitions(checked.good, source))
            for table in (checked.rejects, checked.set_aside, checked.flags):
                codes, fields = table["code"].to_pylist(), table["field"].to_pylist()
                reasons.update(zip(codes, fields, strict=True))
        return Trial(
            layout=extract.match.layout.name,
            encoding=extract.probe.encoding,
            rows=rows,
            rejected=rejected,
            columns=_columns(extract, source),
            reasons=[
                {"code": code, "field": field, "rows": count}
                for (code, field), count in sorted(reasons.items(), key=str)
            ],
            form=extract.probe.kind,
            years=_years(loaded, source),
            codes=coded.records(),
            partitions=partition_counts(loaded, source.partition),
        )


def _partitions(good: pa.Table, source: Source) -> Counter[tuple[Any, ...]]:
    columns = [good[name].to_pylist() for name in source.partition]
    return Counter(zip(*columns, strict=True))


def _years(loaded: Counter[tuple[Any, ...]], source: Source) -> list[int]:
    if "school_year" not in source.partition:
        return []
    place = source.partition.index("school_year")
    return sorted({key[place] for key in loaded if key[place] is not None})


def _columns(extract: Extract, source: Source) -> list[dict[str, Any]]:
    match, filled = extract.match, _filled(extract, source)
    known, records = set(match.layout.columns), _of_records(match, filled)
    return [
        {"column": column, "use": records.get(column) or _use(column, filled, known)}
        for column in match.columns
    ]


def _filled(extract: Extract, source: Source) -> dict[str, list[str]]:
    """Return what each column fills, of the file or of its records."""
    filled: dict[str, list[str]] = {}
    for field, columns in extract.match.bindings.items():
        for column in columns:
            filled.setdefault(column, []).append(field)
    flags = source.race.columns if source.race else {}
    for race, names in flags.items():
        for column in as_list(names):
            filled.setdefault(column, []).append(f"race flag {race}")
    return filled


def _of_records(match: LayoutMatch, filled: dict[str, list[str]]) -> dict[str, str]:
    """Return the use of the file's columns of which records are made."""
    uses: dict[str, list[str]] = {}
    for record in match.records:
        which = ", ".join(record.codes.values())
        for column, physical in record.columns.items():
            if physical is not None:
                fields = ", ".join(filled.get(column, []))
                told = f"{USED} {fields}" if fields else UNUSED
                of_record = f" of {which}" if which else ""
                uses.setdefault(physical, []).append(f"{column}{of_record}: {told}")
    return {physical: "; ".join(dict.fromkeys(told)) for physical, told in uses.items()}


def _use(column: str, filled: dict[str, list[str]], known: set[str]) -> str:
    if column in filled:
        return f"{USED} " + ", ".join(filled[column])
    return UNUSED if column in known else UNKNOWN
