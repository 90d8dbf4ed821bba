"""Every YAML that is shipped, held against what it must be; a new one is tested once it exists."""

import csv
import gzip
import itertools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from configs.references import needed_columns
from configs.source_models import FieldSource, Layout, Source, as_list

CATALOGUE = load_catalogue()
SOURCES = sorted(CATALOGUE.sources)
REALDATA = os.environ.get("ROCI_REALDATA")
realdata = pytest.mark.realdata
needs_realdata = pytest.mark.skipif(not REALDATA, reason="ROCI_REALDATA is not set")

CODES = {
    "subject": "ela reading math science spanish eld",
    "test_window": "annual fall winter spring",
    "grade": "IT PR PK TK KG 01 02 03 04 05 06 07 08 09 10 11 12 13 PS UG",
    "ethnicity": "AIAN ASIAN BLACK FILIPINO HISPANIC MENA NHPI WHITE MULTI UNKNOWN",
    "el_status": "EO IFEP EL RFEP TBD ADEL NOT_EL UNKNOWN",
    "gender": "F M X UNKNOWN",
    "econ_status": "SED NOT_SED UNKNOWN",
    "disability_status": "SWD NOT_SWD UNKNOWN",
    "participation": "TESTED TESTED_NO_SCORE NOT_TESTED EXEMPT INVALIDATED",
    "entity_type": "STATE COUNTY DISTRICT SCHOOL CHARTER_DIRECT CHARTER_LOCAL",
}


# --- vocabularies -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CODES)
def test_a_vocabulary_has_every_code_of_the_contract(name):
    assert set(CODES[name].split()) <= set(CATALOGUE.vocabularies[name].codes)


@pytest.mark.parametrize("name", CATALOGUE.vocabularies)
def test_a_vocabulary_is_cited_and_in_order(name):
    vocabulary = CATALOGUE.vocabularies[name]
    orders = [code.order for code in vocabulary.codes.values()]
    assert orders == sorted(set(orders)), "the order is written out and ascends"
    assert vocabulary.citation
    labels = [code.label for code in vocabulary.codes.values()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", CATALOGUE.vocabularies)
def test_no_spelling_is_a_code_itself(name):
    vocabulary = CATALOGUE.vocabularies[name]
    assert not set(vocabulary.spellings) & set(vocabulary.codes)


@pytest.mark.parametrize("spelling, code", [("K", "KG"), ("KN", "KG"), ("3", "03"), ("9", "09")])
def test_a_grade_is_known_by_its_spellings(spelling, code):
    assert CATALOGUE.vocabularies["grade"].spellings[spelling] == code


def test_no_external_id_stands_for_two_groups_except_where_the_system_is_coarser():
    for vocabulary in CATALOGUE.vocabularies.values():
        for system in ("caaspp", "caaspp_reporting", "dashboard", "edfacts_major"):
            ids = [
                code.external[system]
                for code in vocabulary.codes.values()
                if system in code.external
            ]
            assert len(set(ids)) == len(ids), (vocabulary.name, system)


# --- assessments ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(CATALOGUE.assessments))
def test_an_assessment_is_cited_and_its_ranges_hold_together(name):
    assessment = CATALOGUE.assessments[name]
    assert assessment.citation and assessment.subjects
    for one in assessment.score_ranges:
        ladder = [one.lowest, *one.cuts, one.highest]
        assert ladder == sorted(ladder)
        assert one.from_year is None or one.to_year is None or one.from_year <= one.to_year


@pytest.mark.parametrize("name", sorted(CATALOGUE.assessments))
def test_no_two_eras_of_one_test_overlap(name):
    def years(one):
        return set(range(one.from_year or 1990, (one.to_year or 2100) + 1))

    for one, other in itertools.combinations(CATALOGUE.assessments[name].score_ranges, 2):
        if (one.subject, one.grade) == (other.subject, other.grade):
            assert not years(one) & years(other)


PROFICIENT_FROM = {
    "ca_dashboard": 4,
    "caaspp_caa": 3,
    "caaspp_sb": 3,
    "capa": 4,
    "cast": 3,
    "cma": 4,
    "csa": 3,
    "cst": 4,
    "sts": 4,
    "elpac_initial": 3,
    "elpac_summative": 4,
    "sb_ica": 3,
    "dibels8": 3,
    "fountas_pinnell": None,
    "iready": 4,
    "iready_on_level": 3,
    "lectura": 3,
    "local_benchmark": 3,
    "map_growth": 3,
    "renaissance_star": 4,
    "writing_rubric_4": 3,
    "writing_rubric_6": 4,
    "results_csv": 3,
    "state_long": 3,
    "access": 5,
    "alternate_access": 6,
    "alternate_access_2026": 5,
    "staar_3_8": 3,
    "staar_alt": 2,
    "staar_eoc": 3,
    "staar_interim": 3,
}
VERTICAL = {"caaspp_sb", "iready", "iready_on_level", "map_growth", "renaissance_star",
            "results_csv", "state_long"}  # fmt: skip


@pytest.mark.parametrize("name", PROFICIENT_FROM)
def test_what_is_proficient_is_as_published(name):
    assert CATALOGUE.assessments[name].proficient_from == PROFICIENT_FROM[name]


@pytest.mark.parametrize("name", PROFICIENT_FROM)
def test_only_a_scale_that_runs_through_the_grades_is_vertical(name):
    is_vertical = CATALOGUE.assessments[name].scale == "vertical"
    assert is_vertical == (name in VERTICAL)


# --- sources ----------------------------------------------------------------------------------


def has_header(layout: Layout) -> bool:
    return layout.positions is None and not layout.headerless


WITH_HEADER = [
    (name, layout.name)
    for name in SOURCES
    for layout in CATALOGUE.sources[name].layouts
    if has_header(layout)
]


def layout_of(source: str, name: str) -> Layout:
    return next(one for one in CATALOGUE.sources[source].layouts if one.name == name)


def fits(source: Source, layout: Layout, header: set[str]) -> bool:
    needed = [names for _, names in needed_columns(source, layout)]
    known = {*header, *layout.record_columns}
    whole = header >= set(layout.signature) and not header & set(layout.without)
    return whole and all(known & set(names) for names in needed)


@pytest.mark.parametrize("source, layout", WITH_HEADER)
def test_a_header_decides_which_layout_it_is(source, layout):
    """Another layout may fit only if it reads the header alike; the closer one is preferred."""
    mine = layout_of(source, layout)
    header = set(mine.columns)
    assert fits(CATALOGUE.sources[source], mine, header)
    for other in CATALOGUE.sources[source].layouts:
        if (other.record_length, other.headerless) != (mine.record_length, mine.headerless):
            continue
        if other.name != mine.name and fits(CATALOGUE.sources[source], other, header):
            assert (other.constants, other.absent) == (mine.constants, mine.absent)
            assert other.columns != mine.columns


def test_the_windows_of_a_year_leave_no_day_out_and_none_twice():
    days = [
        f"{month:02d}-{day:02d}"
        for month in range(1, 13)
        for day in range(1, 32)
        if day <= (29 if month == 2 else 30 if month in (4, 6, 9, 11) else 31)
    ]
    for name in SOURCES:
        windows = CATALOGUE.sources[name].windows
        for day in days if windows else []:
            within = [
                one
                for one, window in windows.items()
                if (window.from_day <= day <= window.to_day)
                or (
                    window.from_day > window.to_day
                    and (day >= window.from_day or day <= window.to_day)
                )
            ]
            assert len(within) == 1, (name, day, within)


def test_every_place_of_a_ca_row_is_cut_from_one_code():
    for name in ("ca_caaspp_student", "results_csv", "oneroster"):
        fields = CATALOGUE.sources[name].fields
        assert fields["district_id"].slice == (0, 7)
        assert fields["school_id"].slice == (7, 14)


def test_results_csv_repairs_nothing_and_strips_nothing():
    source = CATALOGUE.sources["results_csv"]
    assert not source.format.strip
    assert all(spec.pad is None for spec in source.fields.values())
    read = [spec for spec in source.fields.values() if spec.value is None]
    assert all(spec.required for spec in read)


# --- against the published files ----------------------------------------------------------------


def shared(*parts: str) -> Path:
    return Path(REALDATA or ".").joinpath(*parts)


def reference(name: str) -> list[dict[str, str]]:
    path = shared("..", "reference", name)
    if not path.is_file():
        pytest.skip(f"no {name} beside ROCI_REALDATA")
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@realdata
@needs_realdata
def test_the_smarter_balanced_ranges_are_the_published_table():
    published = {
        (row["subject"].lower(), row["grade"].zfill(2), row["era"] == "2020-21+"): [
            float(row[k]) for k in ("loss", "level2_min", "level3_min", "level4_min", "hoss")
        ]
        for row in reference("smarter_balanced.csv")
    }
    ours = {
        (one.subject, one.grade, one.from_year == 2021): [one.lowest, *one.cuts, one.highest]
        for one in CATALOGUE.assessments["caaspp_sb"].score_ranges
    }
    assert ours == published
    assert {
        (one.from_year, one.to_year) for one in CATALOGUE.assessments["caaspp_sb"].score_ranges
    } == {(None, 2020), (2021, None)}


@realdata
@needs_realdata
def test_the_science_ranges_are_the_published_table():
    published = {
        row["grade"]: [float(row[k]) for k in ("l1_min", "l2_min", "l3_min", "l4_min", "l4_max")]
        for row in reference("sb_cutscores.csv")
        if row["subject"] == "CAST"
    }
    published |= dict.fromkeys(("10", "11", "12"), published.pop("10-12"))
    ours = {
        one.grade: [one.lowest, *one.cuts, one.highest]
        for one in CATALOGUE.assessments["cast"].score_ranges
    }
    assert ours == {grade.zfill(2): ladder for grade, ladder in published.items()}


@realdata
@needs_realdata
def test_the_student_group_ids_exist_in_the_published_list():
    groups = {row["id"] for row in reference("caaspp_student_groups.csv")}
    for name in ("ethnicity", "el_status", "gender", "econ_status", "disability_status"):
        ids = {
            code.external["caaspp"]
            for code in CATALOGUE.vocabularies[name].codes.values()
            if "caaspp" in code.external
        }
        assert ids and ids <= groups


@realdata
@needs_realdata
@pytest.mark.parametrize(
    "name, header",
    [
        ("2021_22", "TOMS_CAASPP_2022_365.txt"),
        ("2022_23", "TOMS_CAASPP_2023_363.txt"),
        ("2023_24", "TOMS_CAASPP_2024_375.txt"),
    ],
)
def test_a_caaspp_header_is_the_published_one(name, header):
    path = shared("..", "layouts", "headers", header)
    if not path.is_file():
        pytest.skip(f"no {header} beside ROCI_REALDATA")
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    published = [line.split("\t", 1)[1] for line in lines]
    assert published == layout_of("ca_caaspp_student", name).columns


@realdata
@needs_realdata
def test_results_csv_accepts_the_codes_of_the_hand_written_script():
    path = shared("..", "bench", "base_duckdb.sql")
    if not path.is_file():
        pytest.skip("no bench beside ROCI_REALDATA")
    script = path.read_text(encoding="utf-8").split("-- @stage rejects")[0]
    lists = dict(re.findall(r"(\w+) IN \(([^)]*)\)", script))
    accepted = {column: set(re.findall(r"'([^']*)'", text)) for column, text in lists.items()}
    ours = {
        as_list(spec.column)[0]: set(spec.codes)
        for spec in CATALOGUE.sources["results_csv"].fields.values()
        if spec.codes
    }
    years = accepted.pop("test_year")
    assert ours == accepted
    pattern = CATALOGUE.sources["results_csv"].fields["school_year"].pattern
    assert {str(year) for year in range(1900, 2200) if re.fullmatch(pattern, str(year))} == years


def rows_of(path: Path) -> tuple[list[str], Iterator[list[str]]]:
    raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252")
    rows = csv.reader(text.splitlines(), delimiter="^" if "^" in text[:500] else ",")
    return next(rows), rows


REAL_FILES = [
    ("state_long", "state_long/state_long.csv.gz", 1),
    ("iready_diagnostic", "iready_synthetic/*diagnostic_results*.csv", 2),
    ("iready_diagnostic", "vendor_samples/assessments/i-Ready/data/*.csv", 2),
    ("ca_school_directory", "california/*entities*.txt", 16),
    ("ca_school_directory", "california_star_2013/ca2013entities_csv.txt", 1),
]


def unknown_values(source: Source, spec: FieldSource, position: int, rows: list[list[str]]):
    """Return the values of a coded or graded column that the source would reject."""
    grades = CATALOGUE.vocabularies["grade"]
    known = set(spec.codes or {**grades.codes, **grades.spellings})
    values = {row[position].strip() for row in rows}
    return values - known - set(source.missing) - set(spec.missing)


@realdata
@needs_realdata
@pytest.mark.parametrize("name, pattern, count", REAL_FILES)
def test_every_code_of_the_real_files_is_known(name, pattern, count):
    source = CATALOGUE.sources[name]
    paths = sorted(shared().glob(pattern))
    assert len(paths) == count
    for path in paths:
        header, body = rows_of(path)
        assert header in [layout.columns for layout in source.layouts], path.name
        rows = list(body)
        for field, spec in source.fields.items():
            found = [column for column in as_list(spec.column) if column in header]
            if found and (spec.codes or spec.parse == "grade") and not spec.otherwise:
                position = header.index(found[0])
                assert not unknown_values(source, spec, position, rows), (path.name, field)


@realdata
@needs_realdata
def test_the_directory_knows_its_programme_by_the_files_name():
    spec = CATALOGUE.sources["ca_school_directory"].fields["programme"]
    names = [path.name for path in sorted(shared("california").glob("*entities*"))]
    given = {re.search(spec.pattern, name).group(1) for name in names}
    assert {spec.codes[part] for part in given} == {"SB", "CAST"}
    assert layout_of("ca_school_directory", "star_2013").constants == {"programme": "STAR"}
