"""The dimensions of the marts: schools, assessments and student groups."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from configs.assessment_models import Assessment, Level
from configs.mart_models import Marts
from configs.models import Vocabulary, VocabularyCode

if TYPE_CHECKING:
    import pyarrow as pa

PROGRAMMES = ("SB", "CAST")
SCHOOL_TYPES = ("SCHOOL", "CHARTER_DIRECT", "CHARTER_LOCAL")
GROUP_ALL = "all"
# The systems whose names of a group are columns.
EXTERNAL_COLUMNS = {
    "caaspp": "caaspp_group_id",
    "edfacts": "edfacts_code",
    "edfi": "edfi_descriptor",
    "dashboard": "dashboard_code",
}


def dim_school_sql(
    results: str, directory: str, partners: str, programmes: Sequence[str] = PROGRAMMES
) -> str:
    """Return SQL of `dim_school`: every school of the directory and of the results, by year.

    Grain: `school_year`, `school_id` (district id + '/' + school id, the `org_id` of its rows in
    the marts). Further columns: `school_name`, `district_id`, `district_name`, `is_partner`.
    Ordered by its grain. Names are the directory's, else those of the results (the commonest of the
    year), else the id.

    Args:
        results: relation with `school_year`, `district_id`, `district_name`, `school_id`,
            `school_name`; scored or not.
        directory: relation with the columns of the table `school`; its entities that are no school
            only give districts their names.
        partners: `school_key` of the partner schools.
        programmes: whose names are preferred, first to last, where the directories of several
            programmes list a school; programmes not named come after these, in their order.
    """
    keys = "SELECT school_year, district_id, school_id"
    school = "school_year, district_id, school_id"
    schools = f"(FROM {directory} WHERE entity_type IN {SCHOOL_TYPES})"
    # A charter school's row names the charter where others name their district, under one code.
    named = f"(FROM {directory} WHERE entity_type = 'DISTRICT')"
    return f"""
        WITH ids AS ({keys} FROM {schools} UNION {keys} FROM {results}),
        listed AS ({_preferred(schools, school, ("school_name", "district_name"), programmes)}),
        districts AS (
            {_preferred(named, "school_year, district_id", ("district_name",), programmes)}
        ),
        tested AS ({_commonest(results, school, "school_name")}),
        tested_districts AS ({_commonest(results, "school_year, district_id", "district_name")})
        SELECT ids.school_year, ids.district_id || '/' || ids.school_id AS school_id,
            coalesce(listed.school_name, tested.school_name, ids.school_id) AS school_name,
            ids.district_id,
            coalesce(
                districts.district_name, tested_districts.district_name, listed.district_name,
                ids.district_id
            ) AS district_name,
            ids.district_id || '/' || ids.school_id IN (SELECT school_key FROM {partners})
                AS is_partner
        FROM ids
        LEFT JOIN listed USING ({school})
        LEFT JOIN tested USING ({school})
        LEFT JOIN districts USING (school_year, district_id)
        LEFT JOIN tested_districts USING (school_year, district_id)
        ORDER BY ids.school_year, ids.district_id, ids.school_id
    """


def _preferred(directory: str, key: str, names: Sequence[str], programmes: Sequence[str]) -> str:
    """Return SQL of each name that the most preferred programme gives for a key, nulls passed."""
    rank = f"(coalesce(list_position({list(programmes)}, programme), {len(programmes) + 1})"
    order = f"ORDER BY {rank}), programme, {{name}}"
    chosen = ", ".join(
        f"first({name} {order.format(name=name)}) FILTER ({name} IS NOT NULL) AS {name}"
        for name in names
    )
    return f"SELECT {key}, {chosen} FROM {directory} GROUP BY {key}"


def _commonest(results: str, key: str, name: str) -> str:
    return f"""
        SELECT {key}, first({name} ORDER BY rows_count DESC, {name}) AS {name}
        FROM (
            SELECT {key}, {name}, count(*) AS rows_count FROM {results}
            WHERE {name} IS NOT NULL GROUP BY {key}, {name}
        ) GROUP BY {key}
    """


def dim_assessment(assessments: Mapping[str, Assessment]) -> pa.Table:
    """Return `dim_assessment`: one row per assessment, subject and performance level.

    Columns: `assessment`, `title`, `subject`, `performance_level` (1 the lowest), `level_label`,
    `is_proficient`, `proficient_from` (the lowest proficient level), `proficient_label` (what the
    assessment calls proficient), `scale` ('vertical': one scale over all grades; 'by_grade': scores
    of different grades must not be averaged), `citation`. An assessment without levels has one row
    per subject, in which all that a level would say is null.
    """
    import pyarrow as pa

    rows = [
        (
            name,
            assessment.title,
            subject,
            *_level(level, assessment.proficient_from),
            assessment.proficient_from,
            assessment.proficient_label if assessment.levels else None,
            assessment.scale,
            assessment.citation,
        )
        for name, assessment in sorted(assessments.items())
        for subject in assessment.subjects
        for level in _levels(assessment)
    ]
    text, number = pa.string(), pa.int32()
    schema = pa.schema(
        [
            ("assessment", text),
            ("title", text),
            ("subject", text),
            ("performance_level", number),
            ("level_label", text),
            ("is_proficient", pa.bool_()),
            ("proficient_from", number),
            ("proficient_label", text),
            ("scale", text),
            ("citation", text),
        ]
    )
    return _table(rows, schema)


def _levels(assessment: Assessment) -> Sequence[Level | None]:
    """Return the levels; where there are none, one that says nothing."""
    return assessment.levels or [None]


def _level(level: Level | None, standard: int | None) -> tuple[int | None, str | None, bool | None]:
    """Return a level's order, its label and whether it meets the standard."""
    if level is None:
        return None, None, None
    return level.order, level.label, None if standard is None else level.order >= standard


def dim_student_group(vocabularies: Mapping[str, Vocabulary], marts: Marts) -> pa.Table:
    """Return `dim_student_group`: one row per dimension and code, 'all' first in each.

    Columns: `dimension` (the column of the marts), `dimension_kind` ('grade', 'crossed', 'one_way'
    or 'rollup'), `code`, `label`, `group_order` (0 for 'all'), `rolls_up` (the dimension whose
    codes a roll-up joins, else null), `members` (a JSON list of those; '[]' where it joins none),
    `external_ids` (a JSON object: system -> what it calls the group; '{}' where none is known), and
    of these in columns of their own `caaspp_group_id`, `edfacts_code`, `edfi_descriptor`,
    `dashboard_code`, null where the system has no such group.

    Args:
        vocabularies: the closed lists by name; a dimension's has the dimension's name.
        marts: the dimensions that are built.
    """
    import pyarrow as pa

    kinds = {
        "grade": "grade",
        **dict.fromkeys(marts.crossed, "crossed"),
        **dict.fromkeys(marts.one_way, "one_way"),
        **dict.fromkeys(marts.rollups, "rollup"),
    }
    rows = [row for name, kind in kinds.items() for row in _group_rows(kind, vocabularies[name])]
    text = pa.string()
    schema = pa.schema(
        [
            ("dimension", text),
            ("dimension_kind", text),
            ("code", text),
            ("label", text),
            ("group_order", pa.int32()),
            ("rolls_up", text),
            ("members", text),
            ("external_ids", text),
            *((column, text) for column in EXTERNAL_COLUMNS.values()),
        ]
    )
    return _table(rows, schema)


def _group_rows(kind: str, vocabulary: Vocabulary) -> list[tuple[object, ...]]:
    """Return the rows of one dimension."""
    base = vocabulary.rolls_up
    everyone = VocabularyCode(label="All students", order=0)
    return [
        (
            vocabulary.name,
            kind,
            code,
            entry.label,
            position if entry.order is None else entry.order,
            base,
            json.dumps(entry.members),
            json.dumps(entry.external, sort_keys=True),
            *(entry.external.get(system) for system in EXTERNAL_COLUMNS),
        )
        for position, (code, entry) in enumerate([(GROUP_ALL, everyone), *vocabulary.codes.items()])
    ]


def _table(rows: Sequence[tuple[object, ...]], schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
