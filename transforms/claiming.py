"""Whether a file's header, or its records where it has none, is of one of a source's layouts."""

from __future__ import annotations

from typing import BinaryIO

from configs.errors import FileRefused
from configs.source_models import Source
from transforms.layouts import likeness_to, match_layout
from transforms.read import examine_head, header_columns


def header_fits(stream: BinaryIO, source: Source) -> float | None:
    """Return how much of the best layout the header shows (0 to 1), None where none fits."""
    try:
        found = examine_head(stream, source)
        match = match_layout(found.columns, source, found.layout)
    except FileRefused:
        return None
    return match.share


def header_likeness(stream: BinaryIO, source: Source) -> float:
    """Return how much of the source's nearest layout the header shows (0 to 1), fitting or not."""
    try:
        return likeness_to(header_columns(stream, source), source)
    except FileRefused:
        return 0.0
