"""California's student files, held against the published header rows, documents and tables."""

import csv
import itertools
import os
import re
from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from configs.source_models import Layout

CATALOGUE = load_catalogue()
REALDATA = os.environ.get("ROCI_REALDATA")
needs_realdata = pytest.mark.skipif(not REALDATA, reason="ROCI_REALDATA is not set")

HEADERS = [
    ("ca_caaspp_student_2016", "2015_16", "TOMS_CAASPP_2016_165.txt"),
    ("ca_caaspp_student", "2017_18", "TOMS_CAASPP_2018_249.txt"),
    ("ca_caaspp_student", "2018_19", "TOMS_CAASPP_2019_292.txt"),
    ("ca_caaspp_student", "2020_21", "TOMS_CAASPP_2021_351.txt"),
    ("ca_caaspp_student", "2024_25", "TOMS_CAASPP_2025q_401.txt"),
    ("ca_elpac_summative", "2018_19", "TOMS_ELPAC_2019_99.txt"),
    ("ca_elpac_summative", "2019_20", "TOMS_ELPAC_2020_293.txt"),
    ("ca_elpac_summative", "2020_21", "TOMS_ELPAC_2021_343.txt"),
    ("ca_elpac_summative", "2021_22", "TOMS_ELPAC_2022_370.txt"),
    ("ca_elpac_summative", "2022_23", "TOMS_ELPAC_2023_369.txt"),
    ("ca_elpac_summative", "2023_24", "TOMS_ELPAC_2024_370.txt"),
    ("ca_elpac_summative", "2024_25", "TOMS_ELPAC_2025_376.txt"),
    ("ca_elpac_initial", "2018_19", "TOMS_ELPAC_INITIAL_2019_74.txt"),
    ("ca_elpac_initial", "2021_22", "TOMS_ELPAC_INITIAL_2022_278.txt"),
    ("ca_elpac_initial", "2022_23", "TOMS_ELPAC_INITIAL_2023_289.txt"),
    ("ca_elpac_initial", "2024_25", "TOMS_ELPAC_INITIAL_2025_290.txt"),
    ("cers_export", "columns_59", "CERS_59.txt"),
    ("cers_export", "columns_64", "CERS_64.txt"),
]
# With each layout of fixed width: its document, the header row that names its fields by number
# (there is none of 2016-17), and the fields that the reading of the document joined or left out.
FIXED = [
    ("ca_caaspp_student", "2016_17_fixed", "CAASPP.student_data_layout.2017", None, {}),
    (
        "ca_caaspp_student",
        "2018_19_fixed",
        "CAASPP.student_data_layout_v2.2019",
        "2018_19",
        {127: (1366, 1377)},
    ),
    ("ca_caaspp_student", "2020_21_fixed", "CAASPP.student_data_layout.2021", "2020_21", {}),
    (
        "ca_caaspp_student",
        "2021_22_fixed",
        "CAASPP.student_data_layout.2022",
        "2021_22",
        {69: (943, 1042), 70: (1043, 1056), 275: (3343, 3353), 276: (3354, 3364)},
    ),
    ("ca_elpac_summative", "2018_19_fixed", "ELPAC.student-data-layout.2018-19", "2018_19", {}),
    ("ca_elpac_summative", "2019_20_fixed", "ELPAC.student-data-layout.2019-20", "2019_20", {}),
    (
        "ca_elpac_summative",
        "2020_21_fixed",
        "ELPAC.student-data-layout.2020-21",
        "2020_21",
        {
            289: (3724, 3736),
            290: (3737, 3743),
            298: (3817, 3831),
            299: (3832, 3846),
            300: (3847, 3861),
            301: (3862, 3876),
            330: (3932, 3935),
            331: (3936, 3936),
            332: (3937, 3940),
            333: (3941, 3943),
        },
    ),
    (
        "ca_elpac_initial",
        "2022_23_fixed",
        "Initial-ELPAC.student-data-layout.2022-23",
        "2022_23",
        {},
    ),
]
# Entries of a document that are no field: two fillers under one number, and a second reading.
NO_FIELD = {("2020_21_fixed", 8, 134), ("2019_20_fixed", 41, 343)}


def layout_of(source: str, name: str) -> Layout:
    return next(one for one in CATALOGUE.sources[source].layouts if one.name == name)


def published(*parts: str) -> Path:
    path = Path(REALDATA or ".").joinpath("..", *parts)
    if not path.is_file():
        pytest.skip(f"no {path.name} beside ROCI_REALDATA")
    return path


def documented(document: str, layout: str) -> dict[int, tuple[int, int]]:
    """Return where a layout document places each of its numbered fields."""
    path = published("layouts", f"{document}.layout_clean.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["field"].isdigit()]
    places = [(int(row["field"]), int(row["start"]), int(row["end"])) for row in rows]
    return {
        field: (start, end)
        for field, start, end in places
        if (layout, field, start) not in NO_FIELD
    }


@pytest.mark.realdata
@needs_realdata
@pytest.mark.parametrize("source, name, header", HEADERS)
def test_a_header_is_the_published_one(source, name, header):
    lines = published("layouts", "headers", header).read_text(encoding="utf-8").splitlines()[1:]
    columns = [line.split("\t", 1)[1].strip() for line in lines]
    assert columns == layout_of(source, name).columns


@pytest.mark.realdata
@needs_realdata
@pytest.mark.parametrize("source, name, document, header, repaired", FIXED)
def test_the_positions_are_those_of_the_layout_document(source, name, document, header, repaired):
    ours = {one.column: (one.start, one.end) for one in layout_of(source, name).positions}
    theirs = documented(document, name) | repaired
    if header is None:
        assert [*ours.values()] == [*theirs.values()]
    else:
        columns = layout_of(source, header).columns
        assert ours == {columns[field - 1]: place for field, place in theirs.items()}


@pytest.mark.realdata
@needs_realdata
def test_the_columns_of_2016_17_are_named_as_its_document_names_them():
    """As the header rows of the years beside it spell them; fillers are numbered."""
    path = published("layouts", "CAASPP.student_data_layout.2017.layout_clean.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        theirs = [letters(row["name"]) for row in csv.DictReader(stream)]
    ours = [letters(name) for name in layout_of("ca_caaspp_student", "2016_17_fixed").columns]
    numbered = [re.sub(r"^blank\d+$", "blank", name) for name in ours]
    assert numbered == theirs


def letters(name: str) -> str:
    return re.sub("[^a-z0-9]", "", name.lower())


@pytest.mark.parametrize("source, name", [(one[0], one[1]) for one in FIXED])
def test_records_of_fixed_width_are_covered_without_overlap_to_their_end(source, name):
    layout = layout_of(source, name)
    places = sorted((one.start, one.end) for one in layout.positions)
    assert all(end < start for (_, end), (start, _) in itertools.pairwise(places))
    assert (places[0][0], places[-1][1]) == (1, layout.record_length)


@pytest.mark.realdata
@needs_realdata
@pytest.mark.parametrize("table", ["elpac_summative.csv", "elpac_cutscores_2020_21.csv"])
def test_the_elpac_ranges_are_the_published_tables(table):
    with published("reference", table).open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["score"] == "Overall"]
    theirs = {}
    for row in rows:
        first, _, last = row["grade"].replace("K", "0").partition("-")
        numbers = [float(text) for text in (row.get(name) for name in ladder(row)) if text]
        theirs |= dict.fromkeys(range(int(first), int(last or first) + 1), numbers)
    ours = {
        int(one.grade.replace("KG", "0")): [one.lowest, *one.cuts, one.highest]
        for one in CATALOGUE.assessments["elpac_summative"].score_ranges
    }
    assert ours == theirs


def ladder(row: dict[str, str]) -> list[str]:
    if "l1_min" in row:
        return ["l1_min", "l2_min", "l3_min", "l4_min", "l4_max"]
    return ["min", "level2_min", "level3_min", "level4_min", "max"]


def test_a_test_of_2015_16_never_passes_for_a_later_one_of_the_same_number():
    rule = CATALOGUE.sources["ca_caaspp_student_2016"].set_aside["OTHER_TEST"]
    assert {text.zfill(2) for text in rule.unless} == {"01", "02", "03", "04"}
    assert {"05", "06"} <= set(CATALOGUE.sources["ca_caaspp_student"].fields["subject"].codes)
