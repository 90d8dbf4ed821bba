"""Reads every configuration file once, checks it wholly, and reports all faults together.

An installation's own folder (`ROCI_CONFIG`) is laid over the shipped one file by file: a file of
the same relative path is merged key by key, site over shipped, so that an upgrade never meets a
site's edits.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from configs.assessment_models import Assessment
from configs.errors import SHOWN_AT_MOST, ConfigurationError
from configs.mart_models import Marts, Network
from configs.models import CodeWords, Drafting, Embargo, Suite, Table, Vocabulary
from configs.profile_models import Profile
from configs.references import (
    ASSESSMENT,
    UNSET,
    allowed_codes,
    known_vocabularies,
    named_assessments,
    reference_faults,
)
from configs.source_models import Layout, Position, Source
from configs.unfinished import ASSESSMENTS, SOURCES, open_values, stand_ins, unfinished

__all__ = ["Catalogue", "allowed_codes", "digest", "known_vocabularies", "load_catalogue", "merge"]

SHIPPED = Path(__file__).parent
ModelT = TypeVar("ModelT", bound=BaseModel)


@dataclass(frozen=True)
class Catalogue:
    """The whole configuration, checked.

    Attributes:
        unfinished: the lines of what is still to be set, by the source that is left out for it.
        drafts: the sources that are left out, as far as they can be read.
    """

    tables: dict[str, Table]
    vocabularies: dict[str, Vocabulary]
    assessments: dict[str, Assessment]
    sources: dict[str, Source]
    suites: dict[str, Suite]
    marts: Marts
    network: Network
    profile: Profile
    codes: dict[str, CodeWords]
    drafting: Drafting
    embargo: Embargo = field(default_factory=Embargo)
    unfinished: dict[str, list[str]] = field(default_factory=dict)
    drafts: dict[str, Source] = field(default_factory=dict)

    def source(self, name: str) -> Source:
        """Return the source of that name.

        Raises:
            ConfigurationError: there is none, or values of it are still to be set.
        """
        if name in self.unfinished:
            raise _open("UNFINISHED_SOURCE", f"source {name}", self.unfinished[name])
        if name not in self.sources:
            raise ConfigurationError(
                "UNKNOWN_SOURCE",
                where=f"source {name}",
                found="no YAML of that name in configs/sources or in ROCI_CONFIG/sources",
                expected="one of " + ", ".join(sorted(self.sources)),
                remedy="check the spelling, or add the source (README, Adding a source)",
            )
        return self.sources[name]

    def require_finished(self) -> None:
        """Refuse a configuration in which a value is still to be set.

        Raises:
            ConfigurationError: BAD_CONFIGURATION with all of them.
        """
        words = dict.fromkeys(word for words in self.unfinished.values() for word in words)
        if words:
            raise _open("BAD_CONFIGURATION", ", ".join(self.unfinished), list(words))

    def vocabulary_hash(self, name: str) -> str:
        """Return a digest of what the codes and scores of one source may mean.

        It is of the source's table, the vocabularies of the table's fields, and the assessments
        that the source's rows may be of; of all assessments where only a file can tell them.
        """
        return self._vocabulary_hashes[name]

    @cached_property
    def _vocabulary_hashes(self) -> dict[str, str]:
        known = {name: digest(one) for name, one in self.vocabularies.items()}
        given = {name: digest(one) for name, one in self.assessments.items()}
        found = {}
        for name, source in self.sources.items():
            table = self.tables[source.table]
            used = {one.vocabulary for one in table.fields.values()}
            named = named_assessments(source) if ASSESSMENT in used else set()
            vocabularies = {key: value for key, value in known.items() if key in used}
            meant = {k: value for k, value in given.items() if named is None or k in named}
            found[name] = digest([table, vocabularies, meant])
        return found

    def source_hash(self, name: str) -> str:
        """Return a digest of one source's configuration."""
        return self._source_hashes[name]

    @cached_property
    def _source_hashes(self) -> dict[str, str]:
        return {name: digest(source) for name, source in self.sources.items()}

    @cached_property
    def marts_hash(self) -> str:
        """Return a digest of what decides the marts beside the rows.

        It is of marts, network and levels, and of what the codes of the marts' dimensions are: a
        roll-up with other members counts other students.
        """
        codes = {name: self.vocabularies[name] for name in self.marts.dimensions}
        return digest([self.marts, self.network, self.assessments, codes])


def digest(content: Any) -> str:
    """Return the SHA-256 of models and containers of models, independent of key order."""
    return hashlib.sha256(
        json.dumps(_plain(content), sort_keys=True, default=str).encode()
    ).hexdigest()


def _plain(content: Any) -> Any:
    if isinstance(content, BaseModel):
        return content.model_dump(mode="json")
    if isinstance(content, dict):
        return {key: _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    return content


def load_catalogue(site: Path | None = None, shipped: Path = SHIPPED) -> Catalogue:
    """Read, merge and check all configuration.

    Args:
        site: the installation's own folder (`ROCI_CONFIG`), laid over the shipped one.
        shipped: the folder that holds the shipped configuration.

    Raises:
        ConfigurationError: `site` is not a folder, or any file is at fault; all faults are listed.
    """
    if site is not None and not site.is_dir():
        raise ConfigurationError(
            "NO_SITE_CONFIGURATION",
            where=f"ROCI_CONFIG={site}",
            found="no such folder",
            expected="a folder with YAML files laid out as in configs/",
            remedy="create the folder or unset ROCI_CONFIG",
        )
    return _Reader(site, shipped).read()


class _Reader:
    """Collects faults while it reads, so that a person mends them all in one go."""

    def __init__(self, site: Path | None, shipped: Path) -> None:
        self.roots = [root for root in (shipped, site) if root is not None]
        self.faults: list[str] = []
        self.open: dict[str, list[str]] = {}

    def read(self) -> Catalogue:
        catalogue = Catalogue(
            tables=self._entries("fields.yml", Table),
            codes=self._entries("codes.yml", CodeWords),
            vocabularies=self._folder("vocabulary", Vocabulary),
            assessments=self._folder(ASSESSMENTS, Assessment),
            sources=dict(self._sources()),
            suites=self._folder("suites", Suite),
            marts=self._one("marts.yml", Marts),
            network=self._one("network.yml", Network),
            profile=self._one("profiles/default.yml", Profile),
            drafting=self._one("drafting.yml", Drafting),
            embargo=self._one("embargo.yml", Embargo),
        )
        left_out = unfinished(catalogue.sources, self.open)
        self.faults.extend(self._open_in_service(left_out))
        if not self.faults:
            self.faults.extend(self._between_files(catalogue))
        if self.faults:
            told = [*self.faults, *(word for words in self.open.values() for word in words)]
            raise ConfigurationError(
                "BAD_CONFIGURATION",
                where=", ".join(str(root) for root in self.roots),
                found=_counted("fault(s)", list(dict.fromkeys(told))),
                expected="files of the shape that models.py and *_models.py in configs/ state",
                remedy="mend the files named above, then run `roci check`",
            )
        return self._without(catalogue, left_out)

    def _open_in_service(self, left_out: dict[str, list[str]]) -> Iterator[str]:
        """Yield the open values of assessments that a shipped source uses: it is no draft."""
        for name, words in left_out.items():
            path = f"{SOURCES}/{name}.yml"
            if path not in self.open and (self.roots[0] / path).is_file():
                yield from words

    def _between_files(self, catalogue: Catalogue) -> Iterator[str]:
        """Yield the faults between files; what an open value makes wrong is no fault of its own."""
        known = stand_ins(self.open) | catalogue.assessments
        for fault in reference_faults(replace(catalogue, assessments=known)):
            if UNSET not in fault or fault.partition(": ")[0] not in self.open:
                yield fault

    def _without(self, catalogue: Catalogue, left_out: dict[str, list[str]]) -> Catalogue:
        """Return the configuration without what a person has still to finish."""
        sources, assessments = catalogue.sources, catalogue.assessments
        still_open = stand_ins(self.open)
        return replace(
            catalogue,
            sources={name: one for name, one in sources.items() if name not in left_out},
            assessments={n: one for n, one in assessments.items() if n not in still_open},
            unfinished=left_out,
            drafts={name: one for name, one in sources.items() if name in left_out},
        )

    def _entries(self, path: str, model: type[ModelT]) -> dict[str, ModelT]:
        """Return a file whose keys are names and whose values are models."""
        content = self._merged(path)
        models = {
            name: self._model(model, body, f"{path}: {name}") for name, body in content.items()
        }
        return {name: item for name, item in models.items() if item is not None}

    def _sources(self) -> Iterator[tuple[str, Source]]:
        for name, source in self._folder(SOURCES, Source).items():
            layouts = [self._layout(layout, name) for layout in source.layouts]
            yield name, source.model_copy(update={"layouts": layouts})

    def _layout(self, layout: Layout, source: str) -> Layout:
        """Return the layout with the header or the positions of the file that it names."""
        if isinstance(layout.header, str):
            lines = self._lines("headers", layout.header, source)
            return layout.model_copy(update={"header": lines})
        if isinstance(layout.positions, str):
            positions = self._positions(layout.positions, source)
            return layout.model_copy(update={"positions": positions})
        return layout

    def _positions(self, file_name: str, source: str) -> list[Position]:
        """Return the positions of a CSV file with the columns column, start, end."""
        rows = csv.DictReader(self._lines("positions", file_name, source))
        try:
            return [Position.model_validate(row) for row in rows]
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(str(part) for part in first["loc"])
            self.faults.append(f"sources/positions/{file_name}: {key}: {first['msg']}")
            return []

    def _lines(self, folder: str, file_name: str, source: str) -> list[str]:
        for root in reversed(self.roots):
            path = root / "sources" / folder / file_name
            if path.is_file():
                return path.read_text(encoding="utf-8").splitlines()
        self.faults.append(f"sources/{source}.yml: file sources/{folder}/{file_name} missing")
        return []

    def _folder(self, folder: str, model: type[ModelT]) -> dict[str, ModelT]:
        names = {path.name for root in self.roots for path in (root / folder).glob("*.yml")}
        found: dict[str, ModelT] = {}
        for name in sorted(names):
            content, path = self._merged(f"{folder}/{name}"), f"{folder}/{name}"
            if folder in (SOURCES, ASSESSMENTS) and (words := open_values(content, path)):
                self.open[path] = words
            item = self._model(model, content, path)
            if item is None:
                continue
            if item.name != name.removesuffix(".yml"):  # type: ignore[attr-defined]
                self.faults.append(f"{folder}/{name}: name must be {name.removesuffix('.yml')}")
            found[item.name] = item  # type: ignore[attr-defined]
        return found

    def _one(self, path: str, model: type[ModelT]) -> ModelT:
        item = self._model(model, self._merged(path), path)
        return item if item is not None else model.model_construct()

    def _model(self, model: type[ModelT], content: Any, where: str) -> ModelT | None:
        try:
            return model.model_validate(content)
        except ValidationError as error:
            for fault in error.errors():
                if fault["input"] == UNSET and where in self.open:
                    continue
                key = ".".join(str(part) for part in fault["loc"]) or "(file)"
                self.faults.append(f"{where}: {key}: {fault['msg']}")
            return None

    def _merged(self, path: str) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for root in self.roots:
            merged = merge(merged, self._yaml(root / path))
        return merged

    def _yaml(self, path: Path) -> dict[str, Any]:
        if not path.is_file():
            return {}
        try:
            content = _content(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            self.faults.append(f"{path}: not YAML: {str(error).splitlines()[0]}")
            return {}
        if content is None:
            return {}
        if not isinstance(content, dict):
            self.faults.append(f"{path}: found {type(content).__name__}, expected keys and values")
            return {}
        return content


@lru_cache(maxsize=512)
def _content(text: str) -> Any:
    """Return what YAML says, to be read only: whoever tries a change reads the rest once more."""
    return yaml.load(text, Loader=_Loader)


def _counted(what: str, lines: list[str]) -> str:
    """Return how many lines there are, and the first of them."""
    return f"{len(lines)} {what}\n    " + "\n    ".join(lines[:SHOWN_AT_MOST])


def _open(code: str, where: str, words: list[str]) -> ConfigurationError:
    return ConfigurationError(
        code,
        where=where,
        found=_counted("value(s) to be set", words),
        expected=f"no {UNSET}: each stands where only a person can know the value",
        remedy="set them in the files named above, then run `roci check`",
    )


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads YAML, and refuses a key that stands twice: the first of the two would be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping whose keys all differ."""
        counts = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
        twice = sorted(str(key) for key, count in counts.items() if count > 1)
        if twice:
            line = node.start_mark.line + 1
            raise yaml.constructor.ConstructorError(
                problem=f"key {', '.join(twice)} stands twice in the block from line {line}"
            )
        return super().construct_mapping(node, deep)


def merge(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return `above` laid over `below`; nested keys merge, everything else is replaced.

    >>> merge({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}})
    {'a': {'b': 3, 'c': 2}}
    """
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = merge(merged[key], value) if both else value
    return merged
