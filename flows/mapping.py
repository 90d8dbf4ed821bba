"""Says in the site's own layer which code a value of a column is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from configs.catalogue import Catalogue, allowed_codes, load_catalogue
from configs.errors import ConfigurationError, UsageError, listed
from configs.models import TableField
from configs.references import spelled_out
from configs.source_models import FieldSource, Source
from flows.context import Context

MISSING = "missing"
LEVEL = "performance_level"
UNKNOWN_CODE = "UNKNOWN_CODE"
CONFIGURATION = ("*.yml", "*.txt", "*.csv")


@dataclass(frozen=True)
class Mapping:
    """What a person says: in this column of this source, the value is the code."""

    source: str
    column: str
    value: str
    code: str
    field: str | None = None


@dataclass(frozen=True)
class Mapped:
    """What was kept: fields, file, and the loads that have rows waiting for it."""

    fields: list[str]
    path: Path
    changed: bool
    loads: list[str]


def map_value(context: Context, asked: Mapping) -> Mapped:
    """Keep in ROCI_CONFIG which code a value is; the file is replaced whole, once it is good.

    Raises:
        UsageError: there is no layer, the column fills no coded field, the code is none of the
            field's, or several fields could be meant.
        ConfigurationError: the file could not be good with it.
    """
    site = _site(context)
    source = context.catalogue.source(asked.source)
    if source.format.strip:
        asked = replace(asked, value=asked.value.strip())
    fields = _fields(context.catalogue, source, asked)
    path = site / "sources" / f"{source.name}.yml"
    changed = any(not _says(source.fields[name], asked) for name in fields)
    if changed:
        text = _edited(path, {name: _change(context, source, name, asked) for name in fields})
        _require_good(site, path, text, fields, asked)
        replace_file(path, text)
    return Mapped(fields, path, changed, _waiting(context, source.name, fields))


def _site(context: Context) -> Path:
    if context.site is None:
        raise UsageError(
            "NO_SITE_CONFIGURATION",
            where="roci sources map",
            found="ROCI_CONFIG is not set",
            expected="a folder of your own for what you change; an upgrade replaces configs/",
            remedy="export ROCI_CONFIG=FOLDER (it may be empty) and type the command again",
        )
    return context.site


def _fields(catalogue: Catalogue, source: Source, asked: Mapping) -> list[str]:
    """Return the fields that are meant."""
    table = catalogue.tables[source.table].fields
    columns = _columns(source, asked.column)
    reading = [name for name, spec in source.fields.items() if _reads(spec, columns)]
    _refuse_personal([name for name in reading if table[name].personal], asked)
    coded = [name for name in reading if _is_coded(source.fields[name], table[name])]
    if asked.code == MISSING:
        coded = reading
    if asked.field is not None:
        coded = [name for name in coded if name == asked.field]
    if not coded:
        raise _no_field(catalogue, source, asked)
    taking = [name for name in coded if _takes(catalogue, source, name, asked.code)]
    if not taking:
        raise _no_code(catalogue, source, coded, asked)
    if len(taking) > 1 and asked.code != MISSING:
        raise UsageError(
            "SEVERAL_FIELDS",
            where=f"column {asked.column} of {source.name}",
            found=f"several fields that read it and have code {asked.code}: {listed(taking)}",
            expected="one",
            remedy="say which with --field",
        )
    return taking


def _columns(source: Source, column: str) -> set[str]:
    """Return the column, and the columns of records that are made of it."""
    return {column} | {
        name
        for layout in source.layouts
        for one in layout.records
        for name in one.columns
        if any(column in names for names in spelled_out(one, name))
    }


def _reads(spec: FieldSource, columns: set[str]) -> bool:
    return spec.join is None and any(columns & set(names) for names in spec.spellings)


def _is_coded(spec: FieldSource, field: TableField) -> bool:
    by_date = spec.parse in ("window_of_date", "date")
    return spec.codes is not None or (field.kind == "code" and not by_date)


def _takes(catalogue: Catalogue, source: Source, name: str, code: str) -> bool:
    codes = _codes(catalogue, source, name)
    return code == MISSING or not codes or code in codes


def _codes(catalogue: Catalogue, source: Source, name: str) -> list[str]:
    """Return the codes that a field may have; none where its list is open."""
    vocabulary = catalogue.tables[source.table].fields[name].vocabulary
    if vocabulary:
        return allowed_codes(catalogue, vocabulary)
    if name != LEVEL:
        return []
    own = source.fields.get("assessment")
    names = [own.value, *(own.codes or {}).values()] if own else []
    known = [catalogue.assessments[one] for one in names if one in catalogue.assessments]
    orders = {level.order for one in known for level in one.levels}
    return [str(order) for order in sorted(orders)]


def _refuse_personal(personal: list[str], asked: Mapping) -> None:
    if personal:
        raise UsageError(
            "PERSONAL_FIELD",
            where=f"column {asked.column}",
            found=f"it fills {listed(personal)}, which is of a person",
            expected="a column of codes: configuration holds nobody's id, name or birth date",
            remedy="mend the value where it comes from and export again",
        )


def _no_field(catalogue: Catalogue, source: Source, asked: Mapping) -> UsageError:
    table = catalogue.tables[source.table].fields
    known = {
        column
        for name, spec in source.fields.items()
        if _is_coded(spec, table[name])
        for names in spec.spellings
        for column in names
    }
    meant = f"field {asked.field} does not read it by codes" if asked.field else "no coded field"
    return UsageError(
        "NO_CODED_FIELD",
        where=f"column {asked.column} of {source.name}",
        found=meant + " of the source reads that column" * (asked.field is None),
        expected=f"one of {listed(known)}",
        remedy="check the spelling of the column: `roci sources check` shows what each fills",
    )


def _no_code(catalogue: Catalogue, source: Source, fields: list[str], asked: Mapping) -> UsageError:
    codes = {
        code: None for name in fields for code in _codes(catalogue, source, name)
    }  # in the order of the vocabulary
    return UsageError(
        "NO_SUCH_CODE",
        where=f"column {asked.column} of {source.name}, field {listed(fields)}",
        found=f"{asked.code}, which its vocabulary lacks",
        expected=f"one of {', '.join(codes)}, or {MISSING}",
        remedy="choose the one that the publisher's own document says",
    )


def _says(spec: FieldSource, asked: Mapping) -> bool:
    if asked.code == MISSING:
        return asked.value in spec.missing
    return (spec.codes or {}).get(asked.value) == asked.code


def _change(context: Context, source: Source, name: str, asked: Mapping) -> dict[str, Any]:
    """Return what the site's file must say of a field."""
    spec = source.fields[name]
    if asked.code == MISSING:
        return {"missing": [*spec.missing, asked.value]}
    if spec.codes is not None:
        return {"codes": {asked.value: asked.code}}
    # It was read by its vocabulary: with codes of its own it must have all of those it had.
    table = context.catalogue.tables[source.table].fields
    known = context.catalogue.vocabularies[table[name].vocabulary or ""]
    own = {code: code for code in known.codes} | known.spellings
    return {"codes": own | {asked.value: asked.code}}


def _edited(path: Path, changes: dict[str, dict[str, Any]]) -> str:
    """Return the file's text with the changes in it; its comments stay."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 110
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else None
    if content is None:
        content = CommentedMap()
    fields = content.setdefault("fields", CommentedMap())
    for name, change in changes.items():
        field = fields.setdefault(name, CommentedMap())
        for key, value in change.items():
            _put(field, key, value)
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _put(field: Any, key: str, value: Any) -> None:
    """Set a list, or lay codes over those that are there. Quoted: a bare No is no text in YAML."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import SingleQuotedScalarString as Quoted

    if isinstance(value, list):
        field[key] = [Quoted(one) for one in value]
        return
    known = field.get(key)
    if known is None or known.anchor.value is not None:
        # Codes that another field shares by an anchor stay as they are there.
        known = field[key] = CommentedMap(known or {})
    for raw, code in value.items():
        known[Quoted(raw)] = Quoted(code)


def _require_good(site: Path, path: Path, text: str, fields: list[str], asked: Mapping) -> None:
    """Refuse a text with which the configuration would not be good or would not say it.

    Raises:
        ConfigurationError: with the faults.
    """
    with copy_of_site(site) as copy:
        tried = copy / path.relative_to(site)
        tried.parent.mkdir(parents=True, exist_ok=True)
        tried.write_text(text, encoding="utf-8")
        try:
            catalogue = load_catalogue(copy)
        except ConfigurationError as error:
            raise _not_good(path, error.found.replace(str(copy), str(site))) from None
    known = catalogue.source(asked.source).fields
    if not all(_says(known[name], asked) for name in fields):
        raise _not_good(path, "the value is not read back as it was written")


def _not_good(path: Path, found: str) -> ConfigurationError:
    return ConfigurationError(
        "BAD_CONFIGURATION",
        where=str(path),
        found=found,
        expected="a file that is good with the new code; nothing was changed",
        remedy="add the code to the field's codes by hand, then run `roci check`",
    )


@contextmanager
def copy_of_site(site: Path) -> Iterator[Path]:
    """Yield a copy of the site's configuration in which a change can be tried."""
    with tempfile.TemporaryDirectory(prefix="roci-map-") as folder:
        for pattern in CONFIGURATION:
            for path in site.rglob(pattern):
                to = Path(folder) / path.relative_to(site)
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, to)
        yield Path(folder)


def replace_file(path: Path, text: str) -> None:
    """Put the new text in the file's place in one step, with the file's own mode."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        if path.exists():
            shutil.copymode(path, part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _waiting(context: Context, source: str, fields: list[str]) -> list[str]:
    """Return the loads with rows that were rejected for an unknown code in these fields."""
    return [
        load.load_id
        for load in reversed(context.ledger.loads(source=source))
        if load.state in ("loaded", "held", "failed")
        and any(
            count.code == UNKNOWN_CODE and count.field in fields
            for count in context.ledger.rejected_counts(load.load_id)
        )
    ]
