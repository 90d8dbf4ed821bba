"""What no configuration file can know by itself: that the names it uses are defined in others."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from configs.assessment_models import Assessment, ScoreRange, Testers
from configs.dimensions import dimension_faults
from configs.dropping import drop_faults
from configs.models import Table
from configs.rollups import rollup_faults
from configs.source_models import Layout, RecordSet, Source, as_list

if TYPE_CHECKING:
    from configs.catalogue import Catalogue

ASSESSMENT = "assessment"
# A draft's stand-in for a value that only a person can know; no configuration holds it and is good.
UNSET = "SET_ME"
_VARIABLE = re.compile(r"\{(\w+)\}")


def known_vocabularies(catalogue: Catalogue) -> set[str]:
    """Return the names of all vocabularies; `assessment` is made of the assessment files."""
    return {*catalogue.vocabularies, ASSESSMENT}


def allowed_codes(catalogue: Catalogue, vocabulary: str) -> list[str]:
    """Return the codes of a vocabulary in the order they are written."""
    if vocabulary == ASSESSMENT:
        return sorted(catalogue.assessments)
    return list(catalogue.vocabularies[vocabulary].codes)


def named_assessments(source: Source) -> set[str] | None:
    """Return the assessments that a source's rows may be of; null where the file alone tells."""
    constants = [one.constants[ASSESSMENT] for one in source.layouts if ASSESSMENT in one.constants]
    spec = source.fields.get(ASSESSMENT)
    if spec is None or len(constants) == len(source.layouts):
        return set(constants)
    if spec.value is None and spec.codes is None:
        return None
    said = [spec.value, spec.otherwise, spec.default, *(spec.codes or {}).values()]
    said += [*constants, *(one.code for one in spec.overrides)]
    return {name for name in said if name}


def reference_faults(catalogue: Catalogue) -> Iterator[str]:
    """Yield every fault between the files, each with its file and key."""
    for name, table in catalogue.tables.items():
        yield from _table_faults(name, table, catalogue)
    yield from _vocabulary_faults(catalogue)
    yield from dimension_faults(catalogue)
    for assessment in catalogue.assessments.values():
        for fault in _assessment_faults(assessment, catalogue):
            yield f"assessments/{assessment.name}.yml: {fault}"
    for source in catalogue.sources.values():
        for fault in _source_faults(source, catalogue):
            yield f"sources/{source.name}.yml: {fault}"
    for rule in catalogue.embargo.rules:
        if rule.assessment not in catalogue.assessments:
            yield f"embargo.yml: rules: no assessment {rule.assessment}"
    for school in catalogue.network.partner_schools:
        if school.count("/") != 1:
            yield f"network.yml: partner_schools: {school} is not district_id/school_id"
    yield from _waiting_faults(catalogue)


def _waiting_faults(catalogue: Catalogue) -> Iterator[str]:
    """Yield the faults of what loads wait for, and of what the site waits for."""
    for code, words in catalogue.codes.items():
        for table in words.waits_for:
            if table not in catalogue.tables:
                yield f"codes.yml: {code}.waits_for: no table {table}"
    for expected in catalogue.profile.expected:
        if expected.source not in catalogue.sources:
            yield f"profiles/default.yml: expected: no source {expected.source}"


def _vocabulary_faults(catalogue: Catalogue) -> Iterator[str]:
    for vocabulary in catalogue.vocabularies.values():
        for spelling, code in vocabulary.spellings.items():
            if code not in vocabulary.codes:
                yield f"vocabulary/{vocabulary.name}.yml: spellings.{spelling}: no code {code}"
    yield from rollup_faults(catalogue)


def _table_faults(name: str, table: Table, catalogue: Catalogue) -> Iterator[str]:
    for field_name, field in table.fields.items():
        if field.vocabulary and field.vocabulary not in known_vocabularies(catalogue):
            yield f"fields.yml: {name}.{field_name}: no vocabulary {field.vocabulary}"
    for field_name in table.grain:
        if field_name not in table.fields:
            yield f"fields.yml: {name}.grain: no field {field_name}"


def _assessment_faults(assessment: Assessment, catalogue: Catalogue) -> Iterator[str]:
    yield from _unknown_codes("subjects", assessment.subjects, "subject", catalogue)
    grades = [score_range.grade for score_range in assessment.score_ranges]
    yield from _unknown_codes("score_ranges", grades, "grade", catalogue)
    for one in assessment.score_ranges:
        if one.subject not in assessment.subjects:
            yield f"score_ranges: {one.subject} is not among subjects"
        if not _ascends(one):
            yield f"score_ranges: {_era(one)}: lowest, cuts and highest must ascend"
    for one, other in itertools.combinations(assessment.score_ranges, 2):
        same = (one.subject, one.grade) == (other.subject, other.grade)
        if same and _starts(one) <= _ends(other) and _starts(other) <= _ends(one):
            yield f"score_ranges: {_era(one)} and {_era(other)} overlap"
    if assessment.testers:
        yield from _tester_faults(assessment.testers, catalogue)


def _tester_faults(testers: Testers, catalogue: Catalogue) -> Iterator[str]:
    for key, of_subject in (("grades", testers.grades), ("chosen_grades", testers.chosen_grades)):
        grades = [grade for grades in of_subject.values() for grade in grades]
        yield from _unknown_codes(f"testers.{key}", grades, "grade", catalogue)
    for name in testers.alternates:
        if name not in catalogue.assessments:
            yield f"testers.alternates: no assessment {name}"


def _ascends(one: ScoreRange) -> bool:
    """Return whether each level has scores: the lowest is in the first, the highest in the last."""
    ladder = [one.lowest, *one.cuts]
    return all(a < b for a, b in itertools.pairwise(ladder)) and ladder[-1] <= one.highest


def _era(one: ScoreRange) -> str:
    return f"{one.subject} grade {one.grade} years {one.from_year or ''}..{one.to_year or ''}"


def _starts(one: ScoreRange) -> int:
    return one.from_year if one.from_year is not None else 0


def _ends(one: ScoreRange) -> int:
    return one.to_year if one.to_year is not None else 9999


def _unknown_codes(
    where: str, codes: list[str], vocabulary: str, catalogue: Catalogue
) -> Iterator[str]:
    if vocabulary in known_vocabularies(catalogue):
        unknown = sorted({*codes} - {*allowed_codes(catalogue, vocabulary), UNSET})
        if unknown:
            yield f"{where}: {unknown} not in vocabulary {vocabulary}"


def _source_faults(source: Source, catalogue: Catalogue) -> Iterator[str]:
    if source.table not in catalogue.tables:
        yield f"table: fields.yml has no table {source.table}"
        return
    table = catalogue.tables[source.table]
    yield from _name_faults(source, table)
    yield from _code_faults(source, table, catalogue)
    yield from _need_faults(source)
    yield from drop_faults(source, table)
    for one, other in itertools.combinations(source.layouts, 2):
        if _told_by(one) == _told_by(other):
            yield f"layouts: {one.name} and {other.name} have the same header"
    for layout in source.layouts:
        for fault in _layout_faults(layout, source, table):
            yield f"layout {layout.name}: {fault}"


def _told_by(layout: Layout) -> tuple[object, ...]:
    """Return what tells the layout's files: the header alone, unless they do not have it."""
    without = layout.headerless or layout.positions is not None
    marks = sorted(layout.marks.items()) if without else []
    return layout.columns, layout.headerless, layout.record_length, marks


def _name_faults(source: Source, table: Table) -> Iterator[str]:
    """Yield the names that are no field of the source's table."""
    named = {
        "fields": list(source.fields),
        "grain": source.grain,
        "partition": source.partition,
        "repeat.order": source.repeat.order if source.repeat else [],
        "layouts.constants": [name for one in source.layouts for name in one.constants],
    }
    for where, names in named.items():
        for name in names:
            if name not in table.fields:
                yield f"{where}: table {source.table} has no field {name}"


def _code_faults(source: Source, table: Table, catalogue: Catalogue) -> Iterator[str]:
    """Yield the codes that the field's vocabulary does not hold."""
    yield from _unknown_codes("race.columns", _races(source), "ethnicity", catalogue)
    yield from _unknown_codes("windows", list(source.windows), "test_window", catalogue)
    for name, field in table.fields.items():
        codes = [one.constants[name] for one in source.layouts if name in one.constants]
        if name in source.fields:
            spec = source.fields[name]
            codes += [*(spec.codes or {}).values(), *(one.code for one in spec.overrides)]
            said = (spec.value, spec.otherwise, spec.unflagged, spec.default)
            codes += [code for code in said if code]
        if field.vocabulary:
            yield from _unknown_codes(f"fields.{name}", codes, field.vocabulary, catalogue)


def _races(source: Source) -> list[str]:
    return list(source.race.columns) if source.race else []


def _need_faults(source: Source) -> Iterator[str]:
    """Yield the fields that need a part of the source which is not there."""
    for name, spec in source.fields.items():
        if spec.derive in ("race_flags", "ethnicity") and source.race is None:
            yield f"fields.{name}: derive {spec.derive} needs race"
        if spec.unflagged and source.race is None:
            yield f"fields.{name}: unflagged needs race"
        if spec.parse == "window_of_date" and not source.windows:
            yield f"fields.{name}: parse window_of_date needs windows"


def _layout_faults(layout: Layout, source: Source, table: Table) -> Iterator[str]:
    header = {*layout.columns, *layout.record_columns}
    yield from _header_faults(layout)
    yield from _position_faults(layout)
    yield from _record_faults(layout)
    for name in layout.absent:
        if name not in source.fields:
            yield f"absent: the source has no field {name}"
    for name, field in table.fields.items():
        if field.required and not _fills(name, layout, source):
            yield f"field {name} is required by table {source.table}"
    for name, spellings in needed_columns(source, layout):
        if not header & set(spellings):
            yield f"field {name} needs column {' / '.join(spellings)}"


def _header_faults(layout: Layout) -> Iterator[str]:
    """Yield the columns that the header has twice, or that are named and not in it."""
    header = set(layout.columns)
    if len(header) != len(layout.columns):
        yield "header: a column stands there twice"
    for where, columns in (("signature", layout.signature), ("marks", list(layout.marks))):
        for column in columns:
            if column not in header:
                yield f"{where}: the header has no column {column}"
    for column in sorted(header & set(layout.without)):
        yield f"without: the header has column {column}"


def _position_faults(layout: Layout) -> Iterator[str]:
    """Yield the columns of fixed width that no record can have."""
    assert not isinstance(layout.positions, str), "the catalogue has read the positions"
    for position in layout.positions or []:
        if not position.start <= position.end <= (layout.record_length or 0):
            yield (
                f"positions: column {position.column}: {position.start} to {position.end} "
                f"in records of {layout.record_length}"
            )


def _record_faults(layout: Layout) -> Iterator[str]:
    """Yield what a set of records names without there being any of it."""
    for at, one in enumerate(layout.records, start=1):
        variables, named = set(one.over), {*one.over, *one.columns}
        for column in one.present:
            if column not in named:
                yield f"records {at}: present: the records have no column {column}"
        for column, spellings in one.columns.items():
            used = {name for text in as_list(spellings) for name in _VARIABLE.findall(text)}
            for name in sorted(used - variables):
                yield f"records {at}: columns.{column}: no variable {name} in over"
            if not any(set(layout.columns) & set(names) for names in spelled_out(one, column)):
                yield f"records {at}: columns.{column}: the header has none of its columns"


def spelled_out(records: RecordSet, column: str) -> Iterator[list[str]]:
    """Yield the file's names of a column of the records, for every combination of codes.

    >>> one = RecordSet(over={"subject": {"ela": "ELA"}}, columns={"score": "{subject} Score"},
    ...     present=["score"])
    >>> list(spelled_out(one, "score"))
    [['ELA Score']]
    """
    for spelling in combinations(records):
        parts = {variable: spelled for variable, (_, spelled) in spelling.items()}
        yield [text.format(**parts) for text in as_list(records.columns[column])]


def combinations(records: RecordSet) -> Iterator[dict[str, tuple[str, str]]]:
    """Yield every combination of codes, in order: variable -> (code, spelling)."""
    pairs = [codes.items() for codes in records.over.values()]
    for chosen in itertools.product(*pairs):
        yield dict(zip(records.over, chosen, strict=True))


def _fills(name: str, layout: Layout, source: Source) -> bool:
    """Return whether rows of the layout can have a value in the field."""
    if name in layout.constants:
        return True
    spec = source.fields.get(name)
    if spec is None:
        return False
    filled = spec.if_missing is not None or spec.default is not None
    return filled or name not in layout.absent


def needed_columns(source: Source, layout: Layout) -> Iterator[tuple[str, list[str]]]:
    """Yield each field's columns that a header of this layout must have, by any of their names."""
    for name, spec in source.fields.items():
        if name in layout.absent or name in layout.constants:
            continue
        for spellings in spec.spellings:
            yield name, spellings
        for override in spec.overrides:
            yield name, as_list(override.column)
        if source.race and (spec.unflagged or spec.derive in ("race_flags", "ethnicity")):
            for columns in source.race.columns.values():
                yield name, as_list(columns)
