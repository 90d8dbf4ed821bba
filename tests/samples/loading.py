"""Reads a sample as a load does: form, layout, typed rows, row rules; nothing is kept."""

from __future__ import annotations

import fnmatch
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from configs.source_models import Source
from tests.samples.demands import Reading
from tests.samples.patterns import text_matching
from transforms.encode import Encoder
from transforms.fill import Landing, Setting
from transforms.layouts import LayoutMatch, match_layout
from transforms.probe import Probe
from transforms.read import examine, read_pieces
from validation.rows import check_rows

Fault = tuple[int, str, str | None]


class AnySchool:
    """A directory that knows every name."""

    def find(self, name: str) -> str:
        """Return the one school."""
        return "6990013"


@dataclass
class Loaded:
    """What became of a file.

    Attributes:
        rows: the typed rows, by field.
        faults: (row of the file, code, field) of all that would be rejected.
        set_aside: rows that leave without a fault, by code.
    """

    match: LayoutMatch
    probe: Probe
    rows: list[dict[str, Any]] = field(default_factory=list)
    faults: set[Fault] = field(default_factory=set)
    set_aside: list[str] = field(default_factory=list)
    rows_in: int = 0
    rows_made: int = 0
    wrong_width: int = 0

    @property
    def layout(self) -> str:
        """Return the name of the layout that the file was matched to."""
        return self.match.layout.name

    @property
    def values(self) -> list[dict[str, Any]]:
        """Return the rows without where they stood."""
        return [{k: v for k, v in row.items() if k != "source_row"} for row in self.rows]

    @property
    def is_balanced(self) -> bool:
        """Return whether every row of the file is somewhere."""
        out = len(self.rows) + self.wrong_width + len(self.set_aside)
        return self.rows_in + self.rows_made == out


def load(content: bytes, reading: Reading) -> Loaded:
    """Return what becomes of a file as one of the layout's source; any of its layouts may fit.

    Raises:
        FileRefused: it is not taken.
    """
    source, catalogue, stream = reading.source, reading.catalogue, io.BytesIO(content)
    probe = examine(stream, source)
    match = match_layout(probe.columns, source, probe.layout)
    landing = Landing(file_name(source), "0199017", schools=AnySchool())
    encoder = Encoder(Setting(source, match, catalogue, landing))
    loaded = Loaded(match, probe)
    for piece in read_pieces(stream, probe, encoder.columns, encoder.plain_columns):
        made = encoder.encode(piece)
        found = check_rows(made.table, source, catalogue, made.faults)
        faults = [*made.faults.to_pylist(), *found.rejects.to_pylist()]
        loaded.rows += made.table.to_pylist()
        loaded.faults |= {(one["source_row"], one["code"], one["field"]) for one in faults}
        loaded.set_aside += made.set_aside["code"].to_pylist()
        loaded.wrong_width += piece.faults.num_rows
        loaded.rows_in += made.rows_in
        loaded.rows_made += made.rows_made
    return loaded


def file_name(source: Source) -> str:
    """Return a name that the source expects and that tells what its fields read from it."""
    return _telling_name(source, "file_name", source.file_names)


def sheet_name(source: Source) -> str:
    """Return a sheet's name that the source reads and that tells what its fields read from it."""
    return _telling_name(source, "sheet_name", source.format.sheets)


def _telling_name(source: Source, derivation: str, globs: list[str]) -> str:
    specs = [one for one in source.fields.values() if one.derive == derivation]
    patterns = [one.pattern or "" for one in specs]
    names = list(_names(globs, patterns))
    telling = [name for name in names if all(re.search(one, name) for one in patterns)]
    assert telling, f"no name like {globs} tells what {patterns} look for"
    return telling[0]


def _names(globs: list[str], patterns: list[str]) -> Iterator[str]:
    told = [text_matching(one) for one in patterns]
    for one in globs:
        for text in ["x", *told, *(f" {part} " for part in told)]:
            yield re.sub(r"\[.*?\]", "1", one.replace("*", text))
        yield from (text for text in told if fnmatch.fnmatch(text, one))
