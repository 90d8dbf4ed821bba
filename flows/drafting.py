"""Drafts a first YAML for a file that no source knows, into the site's own layer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any, BinaryIO

from configs.catalogue import Catalogue, load_catalogue
from configs.errors import ConfigurationError, UsageError
from configs.references import UNSET
from flows.draft_text import (
    HEADER_INLINE,
    DraftLevels,
    DraftSource,
    assessment_text,
    source_text,
    unsure_fields,
)
from flows.given_files import require_files
from transforms.draft_values import fitting_assessments, ordered_levels, proficient_from
from transforms.drafting import LEVEL, FieldGuess, Guesses, guess
from transforms.parse import later_year
from transforms.pieces import Piece
from transforms.probe import Probe
from transforms.profiles import is_column_name, profiles_of, repeated_rows
from transforms.read import examine_any, read_pieces

SAMPLE_ROWS = 200_000
LETTER = re.compile(r"[^\W\d_]")
NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Request:
    """What a person asked to be drafted."""

    file: Path
    name: str | None = None
    table: str = "student_result"
    district: str | None = None
    out: Path | None = None


@dataclass(frozen=True)
class Drafted:
    """A draft: the texts of its files by path under the site's layer, and what is left to do."""

    name: str
    texts: dict[str, str]
    rows: int
    columns: int
    read: list[str]
    unsure: list[str]
    to_set: list[str]


def draft(catalogue: Catalogue, request: Request, *, one_file: bool) -> Drafted:
    """Return a first YAML for a file; nothing is written.

    Args:
        catalogue: what shipped and own sources teach of names and codes.
        request: the file and what it is to be called.
        one_file: the header stands in the YAML, however long it is.

    Raises:
        UsageError: the name is taken or no name, the table does not exist, or the file has no
            header.
        FileRefused: the file cannot be read.
    """
    name = _name(catalogue, request)
    _require_table(catalogue, request.table)
    require_files([request.file], "roci sources draft")
    with request.file.open("rb") as stream:
        sample = _Sample(stream, catalogue, request.table)
        guesses, levels = _with_assessment(name, sample, catalogue)
        source = _source(name, request, sample, guesses)
    long = len(source.header) > HEADER_INLINE and not one_file
    texts = {}
    if long:
        texts[f"sources/headers/{name}.txt"] = "\n".join(source.header) + "\n"
        source = replace(source, header_file=f"{name}.txt")
    texts[f"sources/{name}.yml"] = source_text(source)
    if levels is not None:
        texts[f"assessments/{name}.yml"] = assessment_text(name, levels)
    return _drafted(name, texts, source)


def _drafted(name: str, texts: dict[str, str], source: DraftSource) -> Drafted:
    fields = source.guesses.fields
    return Drafted(
        name=name,
        texts=texts,
        rows=source.rows,
        columns=len(source.header),
        read=[one.field for one in fields.values() if one.column],
        unsure=[one.field for one in unsure_fields(source.guesses)],
        to_set=[one.field for one in fields.values() if _is_unset(one)],
    )


def _is_unset(one: FieldGuess) -> bool:
    return UNSET in (one.spec.get("value"), *one.spec.get("codes", {}).values())


class _Sample:
    """The first rows of a file, looked at twice: column by column, then rows against rows."""

    def __init__(self, stream: BinaryIO, catalogue: Catalogue, table: str) -> None:
        self.stream = stream
        self.probe: Probe = examine_any(stream)
        self.header = _header(self.probe.columns)
        self.profiles = profiles_of(self._pieces(self.header), self.header, SAMPLE_ROWS)
        self.guesses: Guesses = guess(self.profiles, catalogue, table)
        self.grain = list(catalogue.tables[table].grain)

    @property
    def rows(self) -> int:
        """Return how many rows were looked at."""
        return self.profiles[0].rows

    def _pieces(self, columns: Sequence[str]) -> Iterator[Piece]:
        return read_pieces(self.stream, self.probe, columns)

    def repeated(self) -> int:
        """Return how many rows are of one grain with an earlier row."""
        fields = [self.guesses.fields.get(name) for name in self.grain]
        read = [one.column for one in fields if one is not None and one.column in self.header]
        columns = list(dict.fromkeys(name for name in read if name))
        return repeated_rows(self._pieces(columns), columns, SAMPLE_ROWS) if columns else 0

    def mean_scores(self) -> dict[str, float]:
        """Return the mean score of the rows of each level."""
        scores: dict[str, list[float]] = {}
        pairs = list(zip(self._members(LEVEL), self._members("scale_score"), strict=False))
        for level, score in pairs:
            for piece in islice(self._pieces([level, score]), 1):
                columns = (piece.table[level].to_pylist(), piece.table[score].to_pylist())
                for label, text in zip(*columns, strict=True):
                    if re.fullmatch(r"\d+(\.\d+)?", text.strip()):
                        scores.setdefault(label.strip(), []).append(float(text))
        return {label: fmean(values) for label, values in scores.items()}

    def _members(self, name: str) -> list[str]:
        """Return the columns of the file that a field is read from."""
        one, records = self.guesses.fields.get(name), self.guesses.records
        if one is None or one.column is None:
            return []
        inner = records.members if records else {}
        return inner.get(one.column, [one.column] if one.column in self.header else [])

    def years(self) -> list[int]:
        """Return the school years that the year column shows."""
        one = self.guesses.fields.get("school_year")
        if one is None or one.column not in self.header:
            return []
        values = next(p for p in self.profiles if p.name == one.column).values()
        if one.spec.get("parse") == "school_year_span":
            return [year for value in values if (year := later_year(value)) is not None]
        return [int(v) for v in values if one.spec.get("parse") == "school_year" and v.isdigit()]


def _header(columns: Sequence[str]) -> list[str]:
    """Return the columns of the header whose names may be told.

    Raises:
        UsageError: NO_HEADER where the first row is a student's record.
    """
    named = [column for column in columns if column]
    kept = [column for column in named if is_column_name(column)]
    if any(not LETTER.search(column) for column in named) or 2 * len(kept) < len(named):
        raise UsageError(
            "NO_HEADER",
            where="the first row of the file",
            found=f"{len(named)} cells, of which {len(named) - len(kept)} are no names of columns",
            expected="a header",
            remedy="put a header row on top, or write the YAML by hand with headerless: true",
        )
    if len(set(kept)) < len(kept):
        raise UsageError(
            "NO_HEADER",
            where="the first row of the file",
            found="the name of a column twice",
            expected="each column once",
            remedy="give both columns names of their own, or read the first alone",
        )
    return kept


def _with_assessment(
    name: str, sample: _Sample, catalogue: Catalogue
) -> tuple[Guesses, DraftLevels | None]:
    """Return the guesses with their assessment and levels; a new assessment where none fits."""
    guesses = sample.guesses
    named = guesses.fields.get("assessment")
    if named is None or named.column is not None or not guesses.levels:
        return guesses, None
    fitting = fitting_assessments(guesses.levels, catalogue)
    if fitting:
        labels = [level.label for level in fitting[0].levels]
        note = f"its levels are those of {', '.join(one.name for one in fitting)}"
        chosen = FieldGuess("assessment", {"value": fitting[0].name}, (note,))
        return _with(guesses, chosen, _leveled(guesses, labels, "of that assessment")), None
    labels, by = _ordered(sample, catalogue)
    new = DraftLevels(
        labels, proficient_from(labels, catalogue.drafting), _subjects(guesses), by
    )  # fmt: skip
    note = f"no assessment has these levels: assessments/{name}.yml is a first one"
    chosen = FieldGuess("assessment", {"value": name}, (note,))
    return _with(guesses, chosen, _leveled(guesses, labels, f"guessed {by}")), new


def _ordered(sample: _Sample, catalogue: Catalogue) -> tuple[list[str], str]:
    labels = sample.guesses.levels
    if all(label.isdigit() for label in labels):
        return [f"Level {n}" for n in range(1, max(map(int, labels)) + 1)], "by their numbers"
    return ordered_levels(labels, catalogue.drafting, sample.mean_scores())


def _leveled(guesses: Guesses, labels: Sequence[str], by: str) -> FieldGuess:
    """Return the level field with the order of each level."""
    level = guesses.fields[LEVEL]
    if "codes" not in level.spec:
        return level
    order = {label.casefold(): str(at) for at, label in enumerate(labels, start=1)}
    seen = sorted(guesses.levels, key=lambda one: int(order.get(one.casefold(), "99")))
    codes = {label: order.get(label.casefold(), UNSET) for label in seen}
    return replace(
        level, spec={**level.spec, "codes": codes}, notes=(*level.notes, f"the order is {by}")
    )


def _with(guesses: Guesses, *changed: FieldGuess) -> Guesses:
    return replace(guesses, fields=guesses.fields | {one.field: one for one in changed})


def _subjects(guesses: Guesses) -> list[str]:
    if guesses.records is not None and "subject" in guesses.records.over:
        return list(guesses.records.over["subject"])
    subject = guesses.fields.get("subject")
    return list(dict.fromkeys(subject.spec.get("codes", {}).values())) if subject else []


def _source(name: str, request: Request, sample: _Sample, guesses: Guesses) -> DraftSource:
    return DraftSource(
        name=name,
        table=request.table,
        file_name=_file_pattern(name, request.file),
        format=_format(sample.probe),
        header=sample.header,
        hidden=len([column for column in sample.probe.columns if column]) - len(sample.header),
        rows=sample.rows,
        years=sample.years(),
        guesses=guesses,
        grain=sample.grain,
        repeated=sample.repeated(),
    )


def _file_pattern(name: str, file: Path) -> str:
    """Return a pattern of names like this one: numbers, as of days and years, may be others."""
    stem = re.sub(r"[\W\d_]*\d[\W\d_]*", "*", file.name.lower().partition(".")[0])
    suffix = "".join(file.suffixes[-2:]).lower()
    return re.sub(r"\*+", "*", f"*{stem if LETTER.search(stem) else name}*{suffix}")


def _format(probe: Probe) -> dict[str, Any]:
    """Return how the file is written, as a source says it."""
    if probe.kind != "delimited":
        return {"kind": "table"}
    encodings = list(dict.fromkeys([probe.encoding, "utf-8", "cp1252"]))
    return {"delimiters": [probe.delimiter], "encodings": _narrow(encodings)}


def _narrow(encodings: list[str]) -> list[str]:
    """Return the encodings, UTF-8 before cp1252, which can read nearly every byte."""
    return sorted(encodings, key=lambda one: one == "cp1252")


def _name(catalogue: Catalogue, request: Request) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", request.file.name.partition(".")[0].lower()).strip("_")
    name = request.name or plain
    if not NAME.fullmatch(name):
        raise UsageError(
            "BAD_NAME",
            where="--name",
            found=name,
            expected="small letters, digits and _, a letter first",
            remedy="give another with --name",
        )
    if name in {*catalogue.sources, *catalogue.unfinished}:
        raise _taken(name, "a source of that name")
    return name


def _taken(name: str, found: str) -> UsageError:
    return UsageError(
        "ALREADY_THERE",
        where=f"roci sources draft --name {name}",
        found=found,
        expected="a name that is free; a draft never replaces anything",
        remedy="give another with --name, or move what is there away",
    )


def _require_table(catalogue: Catalogue, table: str) -> None:
    if table not in catalogue.tables:
        raise UsageError(
            "UNKNOWN_VALUE",
            where="--table",
            found=table,
            expected="one of " + ", ".join(sorted(catalogue.tables)),
            remedy="check the spelling",
        )


def write(drafted: Drafted, site: Path | None, out: Path | None = None) -> list[Path]:
    """Write a draft's files; none of them where one is there already.

    Args:
        drafted: the draft.
        site: the site's layer; null keeps nothing there.
        out: where the source's YAML goes in its stead, any other file beside it.

    Raises:
        UsageError: ALREADY_THERE.
    """
    if out is not None:
        own = f"sources/{drafted.name}.yml"
        beside = {inside: out.with_name(inside.replace("/", "_")) for inside in drafted.texts}
        paths = {**beside, own: out}
    else:
        paths = {inside: site / inside for inside in drafted.texts} if site is not None else {}
    there = [path for path in paths.values() if path.exists()]
    if there:
        raise _taken(drafted.name, ", ".join(map(str, there)))
    for inside, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as stream:
            stream.write(drafted.texts[inside])
    return list(paths.values())


def faults_of(site: Path, name: str) -> tuple[str, list[str]]:
    """Return what is wrong with a draft in a layer, under the words that say what it stops."""
    try:
        still_open = load_catalogue(site).unfinished.get(name, [])
    except ConfigurationError as error:
        faults = [line.strip() for line in error.found.splitlines()[1:]]
        return "until these are mended roci refuses to run with this ROCI_CONFIG:", faults
    return f"until these are set roci leaves {name} out; all others go on:", still_open
