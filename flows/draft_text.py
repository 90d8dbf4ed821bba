"""Writes a draft down as YAML that a person will read and correct."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from configs.references import UNSET
from transforms.drafting import FieldGuess, Guesses

WIDTH = 108
HEADER_INLINE = 20


@dataclass(frozen=True)
class DraftLevels:
    """The levels of a first assessments file.

    Attributes:
        labels: from the lowest up.
        proficient_from: the first that counts as proficient; null where nothing says it.
        subjects: codes of subjects; empty where nothing says them.
        ordered_by: what the order was guessed by.
    """

    labels: list[str]
    proficient_from: int | None
    subjects: list[str]
    ordered_by: str


@dataclass(frozen=True)
class DraftSource:
    """Everything that a first YAML of a source says."""

    name: str
    table: str
    file_name: str
    format: dict[str, Any]
    header: list[str]
    hidden: int
    rows: int
    years: list[int]
    guesses: Guesses
    grain: list[str]
    repeated: int
    header_file: str | None = None


def source_text(draft: DraftSource) -> str:
    """Return the YAML of a source."""
    return "\n".join(_source_lines(draft)) + "\n"


def _source_lines(draft: DraftSource) -> Iterator[str]:
    about = f"Header row of a sample file, {len(draft.header)} columns."
    yield from _comment(
        f"A first draft from a sample of {draft.rows:,} rows. What is not certain is marked "
        f"unsure: decide it and take the mark away. Where {UNSET} stands a person has to say the "
        "value.",
        "",
    )
    yield from _entry("name", draft.name)
    yield from _entry("title", draft.name)
    yield from _unsure(["who makes these files, and where is their layout described?"], "")
    yield from _entry("publisher", "unknown")
    yield from _entry("citation", about)
    yield from _entry("table", draft.table)
    yield from _unsure(["which names do these files have? Patterns, in lower case"], "")
    yield from _entry("file_names", [draft.file_name])
    yield from _entry("format", draft.format)
    yield from _layout(draft, about)
    yield from _missing(draft.guesses.missing)
    yield "fields:"
    for one in draft.guesses.fields.values():
        yield from _unsure(one.notes, "  ")
        yield from _entry(one.field, one.spec, "  ")
    if draft.guesses.unused:
        yield from _comment("Columns that fill nothing: " + ", ".join(draft.guesses.unused), "")
    yield from _contract(draft)


def _layout(draft: DraftSource, about: str) -> Iterator[str]:
    yield "layouts:"
    yield "  - name: first"
    yield from _entry("citation", about, "    ")
    if draft.years:
        yield from _entry("years", [min(draft.years), None], "    ")
    if draft.hidden:
        yield from _comment(
            f"{draft.hidden} columns are left out: their names may be a student's values.", "    "
        )
    yield from _entry("header", draft.header_file or draft.header, "    ")
    records = draft.guesses.records
    if records is not None:
        yield from _unsure(["are these columns one record each?"], "    ")
        yield "    records:"
        yield from _entry("- over", records.over, "      ")
        yield from _entry("columns", records.columns, "        ")
        yield from _entry("present", _present(draft.guesses), "        ")


def _present(guesses: Guesses) -> list[str]:
    """Return the columns without any of which there is no record: the results'."""
    own = guesses.records.columns if guesses.records else {}
    of_results = [
        one.column
        for name in ("scale_score", "performance_level")
        if (one := guesses.fields.get(name)) is not None and one.column in own
    ]
    return [name for name in of_results if name] or list(own)


def _missing(tokens: Sequence[str]) -> Iterator[str]:
    if tokens:
        yield from _unsure(["does each of these say that there is no value, in every column?"], "")
    yield from _entry("missing", ["", *tokens])


def _contract(draft: DraftSource) -> Iterator[str]:
    if draft.repeated:
        yield from _unsure(
            [f"{draft.repeated:,} rows of the sample are of the same as another row: see repeat"],
            "",
        )
    yield from _entry("grain", draft.grain)
    yield from _unsure(
        ["a file replaces what is loaded of these. Add school_id where a file is of one school"], ""
    )
    yield from _entry("partition", _partition(draft))
    order = [name for name in ("test_date", "scale_score") if _is_read(draft, name)]
    if draft.repeated and order:
        yield from _unsure(["which of the rows counts?"], "")
        reason = "Of several results of one student and window the latest counts, then the highest."
        yield from _entry("repeat", {"order": order, "reason": reason})
    yield from _unsure(["of more rejected rows, in percent, a file is refused whole"], "")
    yield from _entry("threshold", {"rejected_pct": 5})
    yield from _entry("known_gaps", ["Drafted from one file; no other was seen."])


def _partition(draft: DraftSource) -> list[str]:
    wanted = ["school_year", "district_id", "subject", "test_window"]
    return [name for name in wanted if name in draft.guesses.fields]


def _is_read(draft: DraftSource, name: str) -> bool:
    one = draft.guesses.fields.get(name)
    return one is not None and one.column is not None


def assessment_text(name: str, levels: DraftLevels) -> str:
    """Return the YAML of a first assessments file."""
    return "\n".join(_assessment_lines(name, levels)) + "\n"


def _assessment_lines(name: str, levels: DraftLevels) -> Iterator[str]:
    yield from _entry("name", name)
    yield from _entry("title", name)
    yield from _unsure(["where does its publisher say what its levels and scores mean?"], "")
    yield from _entry("citation", "The levels that a sample file shows.")
    yield from _unsure(["are these all its subjects?"], "")
    yield from _entry("subjects", levels.subjects or [UNSET])
    yield from _unsure(
        [f"the order, the lowest first, was guessed {levels.ordered_by}", "are these all?"], ""
    )
    yield "levels:"
    for order, label in enumerate(levels.labels, start=1):
        yield f"  - {_inline({'order': order, 'label': label})}"
    yield from _unsure(["the lowest level that counts as proficient"], "")
    yield from _entry("proficient_from", levels.proficient_from or UNSET)
    yield from _unsure(
        ["vertical, if one scale runs over all grades; by_grade, if each has its own"], ""
    )
    yield from _entry("scale", "by_grade")


def unsure_fields(guesses: Guesses) -> list[FieldGuess]:
    """Return the fields that carry a mark."""
    return [one for one in guesses.fields.values() if one.notes]


def _unsure(notes: Sequence[str], indent: str) -> Iterator[str]:
    for note in notes:
        yield from _comment(f"unsure: {note}", indent)


def _comment(text: str, indent: str) -> list[str]:
    mark = f"{indent}# "
    return textwrap.wrap(text, WIDTH, initial_indent=mark, subsequent_indent=mark)


def _entry(key: str, value: Any, indent: str = "") -> Iterator[str]:
    """Yield a key and its value: in one line where it fits, else in block form."""
    line = f"{indent}{key}: {_inline(value)}"
    if len(line) <= WIDTH or not isinstance(value, dict | list):
        yield line
    elif isinstance(value, dict):
        yield f"{indent}{key}:"
        for name, inner in value.items():
            yield from _entry(_inline(name), inner, indent + "  " + "  " * key.startswith("- "))
    else:
        words = _inline(value)[1:-1]
        deeper = indent + "  "
        yield f"{indent}{key}:"
        yield from _wrapped([_inline(one) for one in value], deeper) if words else [f"{deeper}[]"]


def _wrapped(items: Sequence[str], indent: str) -> Iterator[str]:
    line = f"{indent}["
    for at, item in enumerate(items):
        text = item + ("," if at < len(items) - 1 else "]")
        if len(line) + len(text) + 1 > WIDTH and line.strip(" ["):
            yield line.rstrip()
            line = f"{indent} "
        line += text + " "
    yield line.rstrip()


def _inline(value: Any) -> str:
    text = yaml.safe_dump(
        [value], default_flow_style=True, sort_keys=False, allow_unicode=True, width=10**6
    )
    return text.strip()[1:-1]
