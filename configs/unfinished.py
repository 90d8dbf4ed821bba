"""What a draft leaves to a person: a source with nothing else wrong is left out, others go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from configs.assessment_models import Assessment
from configs.references import UNSET, named_assessments
from configs.source_models import Source

ASSESSMENTS = "assessments"
SOURCES = "sources"


def open_values(content: dict[str, Any], path: str) -> list[str]:
    """Return a line for each key of a file whose value is still to be set.

    >>> open_values({"scale": "SET_ME", "fields": {"grade": {"value": "03"}}}, "x.yml")
    ['x.yml: scale: SET_ME stands for a value that a person must set']
    """
    keys = dict.fromkeys(_open_keys(content, ()))
    return [f"{path}: {key}: {UNSET} stands for a value that a person must set" for key in keys]


def _open_keys(content: Any, keys: tuple[str, ...]) -> Iterator[str]:
    """Yield the keys of open values; an open code is told by the list that it is in."""
    if isinstance(content, dict):
        in_list = keys[-1:] == ("codes",)
        for key, value in content.items():
            yield from _open_keys(value, keys if in_list else (*keys, str(key)))
    elif isinstance(content, list):
        for value in content:
            yield from _open_keys(value, keys)
    elif content == UNSET:
        yield ".".join(keys)


def unfinished(
    sources: Mapping[str, Source], open_by_file: Mapping[str, list[str]]
) -> dict[str, list[str]]:
    """Return the open values of each source and of the assessments that it names together.

    An assessment that no source names stands there by its file.
    """
    found: dict[str, list[str]] = {}
    used: set[str] = set()
    for name in sorted({*sources, *_names(open_by_file, SOURCES)}):
        files = [_file(SOURCES, name), *_assessment_files(sources.get(name))]
        used.update(files)
        words = [word for file in files for word in open_by_file.get(file, [])]
        if words:
            found[name] = words
    alone = {file: words for file, words in open_by_file.items() if file not in used}
    return found | alone


def stand_ins(open_by_file: Mapping[str, list[str]]) -> dict[str, Assessment]:
    """Return an assessment without content for each open one: its name can be referred to."""
    return {
        name: Assessment(
            name=name, title=name, citation=UNSET, subjects=[], levels=[], scale="by_grade"
        )
        for name in _names(open_by_file, ASSESSMENTS)
    }


def _assessment_files(source: Source | None) -> list[str]:
    named = named_assessments(source) if source is not None else None
    return [_file(ASSESSMENTS, name) for name in sorted(named or ())]


def _names(files: Mapping[str, list[str]], folder: str) -> list[str]:
    inside = [file.removesuffix(".yml").partition("/") for file in files]
    return [name for place, _, name in inside if place == folder]


def _file(folder: str, name: str) -> str:
    return f"{folder}/{name}.yml"
