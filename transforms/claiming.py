"""Whether a file's header is one of a source's layouts."""

from __future__ import annotations

from typing import BinaryIO

from configs.errors import FileRefused
from configs.source_models import Source
from transforms.layouts import likeness_to, match_layout
from transforms.oneroster import is_oneroster, oneroster_columns
from transforms.probe import probe
from transforms.read import decompressed

HEAD_BYTES = 1 << 20


def header_fits(stream: BinaryIO, source: Source) -> float | None:
    """Return how much of the best layout the header shows (0 to 1), None where none fits."""
    stream.seek(0)
    try:
        match = match_layout(header_columns(stream, source), source)
    except FileRefused:
        return None
    return match.share


def header_likeness(stream: BinaryIO, source: Source) -> float:
    """Return how much of the source's nearest layout the header shows (0 to 1), fitting or not."""
    stream.seek(0)
    try:
        return likeness_to(header_columns(stream, source), source)
    except FileRefused:
        return 0.0


def header_columns(stream: BinaryIO, source: Source) -> tuple[str, ...]:
    """Return the column names that the stream has when read as the source's format."""
    if source.format.kind == "oneroster":
        return oneroster_columns(stream) if is_oneroster(stream) else ()
    return probe(decompressed(stream).read(HEAD_BYTES), source.format).columns
