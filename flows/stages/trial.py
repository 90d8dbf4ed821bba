"""A trial: what would become of a sample's columns and rows, without loading anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from configs.source_models import Source, as_list
from flows.context import Context
from flows.stages.extract import Extract, open_extract
from flows.stages.intake import Incoming
from flows.stages.rows import check_piece

USED, UNUSED, UNKNOWN = "fills", "not used", "not in the layout"


@dataclass(frozen=True)
class Trial:
    """What a sample is, and what a load of it would do.

    columns: a record per column: `column` and `use`, the fields it fills or why it fills none.
    reasons: a record per code and field: `code`, `field`, `rows`.
    """

    layout: str
    encoding: str
    rows: int
    rejected: int
    columns: list[dict[str, Any]]
    reasons: list[dict[str, Any]]


def try_sample(context: Context, source: Source, sample: Path, district_id: str | None) -> Trial:
    """Read, code and check every row of a sample; nothing is kept.

    Raises:
        FileRefused, LoadHeld: as a load of the file would.
    """
    incoming = Incoming(source.name, sample.name, sha256="", district_id=district_id)
    rows = rejected = 0
    reasons: Counter[tuple[str, str | None]] = Counter()
    with sample.open("rb") as stream:
        extract = open_extract(context, source, incoming, stream)
        for piece in extract.pieces:
            checked = check_piece(piece, extract.encoder, source, context.catalogue)
            rows += checked.received + checked.made
            rejected += checked.rejected
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
        )


def _columns(extract: Extract, source: Source) -> list[dict[str, Any]]:
    filled: dict[str, list[str]] = {}
    for field, columns in extract.match.bindings.items():
        for column in columns:
            filled.setdefault(column, []).append(field)
    flags = source.race.columns if source.race else {}
    for race, names in flags.items():
        for column in as_list(names):
            filled.setdefault(column, []).append(f"race flag {race}")
    known = set(extract.match.layout.columns)
    return [
        {"column": column, "use": _use(column, filled, known)} for column in extract.match.columns
    ]


def _use(column: str, filled: dict[str, list[str]], known: set[str]) -> str:
    if column in filled:
        return f"{USED} " + ", ".join(filled[column])
    return UNUSED if column in known else UNKNOWN
