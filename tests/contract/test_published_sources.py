"""Published results say what the publisher's file says: invented rows in the exact layouts."""

import csv
import io
import os
from pathlib import Path

import pytest

from configs.catalogue import load_catalogue
from configs.source_models import Layout, as_list
from transforms.encode import Encoded, Encoder
from transforms.fill import Landing, Setting
from transforms.layouts import match_layout
from transforms.read import examine, read_pieces
from validation.rows import check_rows

CATALOGUE = load_catalogue()
REALDATA = os.environ.get("ROCI_REALDATA")
PUBLISHED = [one for one in CATALOGUE.sources.values() if one.table == "published_result"]

SHARES = ["pct_level_1", "pct_level_2", "pct_level_3", "pct_level_4"]
COUNTS = ["n_level_1", "n_level_2", "n_level_3", "n_level_4"]
STATUSES = ["count_status", "score_status"]

# A row of the Smarter Balanced file of 2021 to 2023.
SB_2023 = {"County Code": "99", "District Code": "10017", "School Code": "0112607",
           "Test Year": "2023", "Student Group ID": "1", "Test Type": "B", "Grade": "3",
           "Test ID": "1", "Students Enrolled": "40", "Students Tested": "39",
           "Mean Scale Score": "2431.5", "Percentage Standard Exceeded": "40.00",
           "Percentage Standard Met": "30.00", "Percentage Standard Met and Above": "70.00",
           "Percentage Standard Nearly Met": "20.00", "Percentage Standard Not Met": "10.00",
           "Students with Scores": "38", "Type ID": "7"}  # fmt: skip
AREAS = {f"Area {n} Percentage {word} Standard": f"{n}{tens}.00"
         for n in (1, 2, 3, 4)
         for word, tens in (("Above", 3), ("Near", 2), ("Below", 1))}  # fmt: skip


def layout_of(source: str, name: str) -> Layout:
    return next(one for one in CATALOGUE.sources[source].layouts if one.name == name)


def encoded(source_name: str, layout: str, *rows: dict[str, str], file_name: str = "") -> Encoded:
    """Encode rows that are written in a layout; columns that a row does not name are blank."""
    source, header = CATALOGUE.sources[source_name], layout_of(source_name, layout).columns
    assert {name for row in rows for name in row} <= set(header)
    out = io.StringIO()
    writer = csv.DictWriter(out, header, restval="", delimiter=source.format.delimiters[0])
    writer.writeheader()
    writer.writerows(rows)
    stream = io.BytesIO(out.getvalue().encode())
    probe = examine(stream, source)
    match = match_layout(probe.columns, source)
    assert match.layout.name == layout
    encoder = Encoder(Setting(source, match, CATALOGUE, Landing(file_name)))
    (piece,) = read_pieces(stream, probe, encoder.columns, encoder.plain_columns)
    made = encoder.encode(piece)
    found = check_rows(made.table, source, CATALOGUE, made.faults)
    assert [*made.faults.to_pylist(), *found.rejects.to_pylist()] == []
    return made


def records(source: str, layout: str, *rows: dict[str, str], **more: str) -> list[dict]:
    return encoded(source, layout, *rows, **more).table.to_pylist()


def only(found: list[dict], *fields: str) -> list[tuple]:
    return [tuple(one[name] for name in fields) for one in found]


def sb(*rows: dict[str, str]) -> list[dict]:
    return records("ca_caaspp_research", "sb_2021", *rows)


def test_a_row_is_one_record_for_the_test_and_one_for_each_of_its_areas():
    found = sb(SB_2023 | AREAS)
    assert only(found, "domain", *SHARES, "pct_proficient", "mean_scale_score", "n_scored") == [
        ("OVERALL", 10.0, 20.0, 30.0, 40.0, 70.0, 2431.5, 38),
        ("READING", 11.0, 12.0, 13.0, None, None, None, None),
        ("WRITING", 21.0, 22.0, 23.0, None, None, None, None),
        ("LISTENING", 31.0, 32.0, 33.0, None, None, None, None),
        ("RESEARCH_INQUIRY", 41.0, 42.0, 43.0, None, None, None, None),
    ]
    assert set(only(found, "assessment", "subject", "grade", "district_id", "school_id")) == {
        ("caaspp_sb", "ela", "03", "9910017", "0112607")
    }


def test_an_area_means_what_its_test_says_and_mathematics_has_no_fourth():
    three = {name: text for name, text in AREAS.items() if "4" not in name}
    found = sb(SB_2023 | three | {"Test ID": "2"})
    assert only(found, "subject", "domain") == [
        ("math", "OVERALL"),
        ("math", "CONCEPTS_PROCEDURES"),
        ("math", "PROBLEM_SOLVING"),
        ("math", "COMMUNICATING_REASONING"),
    ]


def test_an_asterisk_is_null_and_suppressed_wherever_it_stands():
    tokens = {name: "*" for name in [*SB_2023, *AREAS] if "Percent" in name or "Student" in name}
    tokens |= {"Student Group ID": "1", "Students Enrolled": "40", "Mean Scale Score": "*"}
    found = sb(SB_2023 | AREAS | tokens)
    assert (found[0]["domain"], len(found)) == ("OVERALL", 5)
    assert {one[name] for one in found for name in [*SHARES, "n_tested", "n_scored"]} == {None}
    assert found[0]["mean_scale_score"] is None and found[0]["n_enrolled"] == 40
    assert set(only(found, *STATUSES)) == {("SUPPRESSED", "SUPPRESSED")}


@pytest.mark.parametrize("token", ["", "N/A", "NA"])
def test_a_blank_is_not_available_rather_than_suppressed(token):
    shares = {name: token for name in SB_2023 if "Percent" in name}
    (found,) = sb(SB_2023 | shares | {"Students Tested": token, "Students with Scores": token})
    assert only([found], *STATUSES, "n_tested", *SHARES) == [
        ("NOT_AVAILABLE", "NOT_AVAILABLE", None, None, None, None, None)
    ]


def test_a_number_beside_a_suppressed_share_stays_published():
    (found,) = sb(SB_2023 | {name: "*" for name in SB_2023 if "Percent" in name})
    assert only([found], *STATUSES, "n_tested") == [("PUBLISHED", "SUPPRESSED", 39)]


def test_grade_13_is_all_grades_and_has_no_mean():
    (found,) = sb(SB_2023 | {"Grade": "13", "Mean Scale Score": ""})
    assert only([found], "grade", "mean_scale_score", "score_status") == [
        ("all", None, "PUBLISHED")
    ]


@pytest.mark.parametrize("layout, near", [("sb_2015", "At or Near"), ("sb_2016", "Near")])
def test_2015_spells_the_middle_band_otherwise(layout, near):
    row = {"County Code": "99", "District Code": "10017", "School Code": "0112607",
           "Test Year": layout[3:], "Subgroup ID": "160", "Grade": "03", "Test Id": "1",
           "Area 1 Percentage Below Standard": "50",
           f"Area 1 Percentage {near} Standard": "30",
           "Area 1 Percentage Above Standard": "20"}  # fmt: skip
    reading = records("ca_caaspp_research", layout, row)[1]
    assert only([reading], "domain", "student_group", *SHARES[:3]) == [
        ("READING", "EL", 50.0, 30.0, 20.0)
    ]


@pytest.mark.parametrize(
    "county, district, school, entity",
    [
        ("00", "00000", "0000000", "STATE"),
        ("99", "00000", "0000000", "COUNTY"),
        ("99", "10017", "0000000", "DISTRICT"),
        ("99", "10017", "0112607", "SCHOOL"),
    ],
)
def test_zeros_tell_what_a_row_is_before_there_was_a_type(county, district, school, entity):
    place = {"County Code": county, "District Code": district, "School Code": school}
    row = place | {"Test Year": "2017", "Subgroup ID": "1", "Grade": "13", "Test Id": "2"}
    (found,) = records("ca_caaspp_research", "sb_2017", row)
    assert only([found], "entity_type", "county_code", "district_id", "school_id") == [
        (entity, county, county + district, school)
    ]
    star = place | {"Test Year": "2012", "Subgroup ID": "1", "Grade": "05", "Test Type": "C",
                    "Test Id": "8"}  # fmt: skip
    (found,) = records("ca_star_research", "star_csv", star)
    assert (found["entity_type"], found["district_id"]) == (entity, county + district)


def test_since_2024_areas_have_their_numbers_and_composites_are_parts_of_their_own():
    row = {name: text for name, text in SB_2023.items() if name[:8] not in ("Students", "Filler")}
    row |= AREAS | {"Test Year": "2025", "Total Students Tested": "39",
                    "Total Students Tested with Scores": "38", "Count Standard Exceeded": "15",
                    "Count Standard Met and Above": "27", "Area 1 Count Above Standard": "7",
                    "Area 1 Total": "37", "Composite Area 2 Percentage Below Standard": "5.50",
                    "Composite Area 2 Percentage Above Standard": "60.25",
                    "Composite Area 2 Total": "36"}  # fmt: skip
    found = {one["domain"]: one for one in records("ca_caaspp_research", "sb_2024", row)}
    assert len(found) == 6
    overall, reading = found["OVERALL"], found["READING"]
    assert (overall["n_scored"], overall["n_level_4"], overall["n_proficient"]) == (38, 15, 27)
    assert (reading["n_scored"], reading["n_level_3"], reading["pct_level_3"]) == (37, 7, 13.0)
    composite = found["COMPOSITE_WRITING_RESEARCH"]
    assert only([composite], *SHARES[:3], "n_scored") == [(5.5, None, 60.25, 36)]


def test_domains_of_science_run_from_below_to_above():
    row = SB_2023 | {"Test ID": "17", "Grade": "5"}
    for domain in ("Life Sciences", "Physical Sciences", "Earth and Space Sciences"):
        for word, share in (("Below", "50"), ("Near", "30"), ("Above", "20")):
            row[f"{domain} Domain Percent {word} Standard"] = share
    found = records("ca_caaspp_research", "cast_2021", row)
    assert only(found, "domain", "assessment", "subject", *SHARES[:3])[1:] == [
        ("LIFE_SCIENCES", "cast", "science", 50.0, 30.0, 20.0),
        ("PHYSICAL_SCIENCES", "cast", "science", 50.0, 30.0, 20.0),
        ("EARTH_SPACE_SCIENCES", "cast", "science", 50.0, 30.0, 20.0),
    ]


def test_the_group_243_and_the_place_01_mean_something_else_in_elpac_files():
    caaspp = sb(SB_2023 | {"Student Group ID": "243"})
    row = {"CountyCode": "99", "DistrictCode": "10017", "SchoolCode": "0112607", "RecordType": "01",
           "TestYear": "2022", "StudentGroupId": "243", "Grade": "KN", "TotalEnrolled": "20",
           "TotalTested": "19", "TotalTestedWithScores": "18", "OverallMeanSclScr": "1420.1",
           "OverallPerfLvl1Pcnt": "25.00", "OverallPerfLvl1Count": "5", "OverallTotal": "18",
           "OverallPerfLvl4Pcnt": "*", "SpeakingDomainBeginPcnt": "40.00",
           "SpeakingDomainDevelopedPcnt": "12.50", "SpeakingDomainTotal": "16"}  # fmt: skip
    elpac = records("ca_elpac_research", "summative_2019", row)
    assert {one["student_group"] for one in caaspp} == {"ADEL"}
    place = ("student_group", "entity_type", "assessment", "grade")
    assert set(only(elpac, *place)) == {("EL_YEAR_2", "SCHOOL", "elpac_summative", "KG")}
    found = {one["domain"]: one for one in elpac}
    assert list(found) == ["OVERALL", "ORAL_LANGUAGE", "WRITTEN_LANGUAGE", "LISTENING", "SPEAKING",
                           "READING", "WRITING"]  # fmt: skip
    assert only([found["OVERALL"]], "n_scored", "pct_level_1", "n_level_1", "score_status") == [
        (18, 25.0, 5, "SUPPRESSED")
    ]
    assert only([found["SPEAKING"]], "n_scored", *SHARES) == [(16, 40.0, None, 12.5, None)]


def test_levels_of_the_initial_test_are_novice_intermediate_fluent():
    row = {"CountyCode": "00", "DistrictCode": "00000", "SchoolCode": "0000000", "TypeID": "4",
           "TestYear": "2025", "TestID": "22", "StudentGroupID": "001", "Grade": "13",
           "NoviceELPerfLvlPcnt": "50.1", "IntermediateELPerfLvlPcnt": "30.2",
           "IFEPPerfLvlPcnt": "19.7", "OralLangWellDevelopedPerfLvlPcnt": "9"}  # fmt: skip
    found = records("ca_elpac_research", "initial_2024", row)
    assert only(found, "assessment", "domain", *SHARES[:3]) == [
        ("elpac_initial", "OVERALL", 50.1, 30.2, 19.7),
        ("elpac_initial", "ORAL_LANGUAGE", None, None, 9.0),
        ("elpac_initial", "WRITTEN_LANGUAGE", None, None, None),
    ]
    assert {one["entity_type"] for one in found} == {"STATE"}


def test_capa_levels_are_tests_of_their_own_and_the_survey_is_set_aside():
    row = {"County Code": "99", "District Code": "00000", "School Code": "0000000",
           "Test Year": "2009", "Subgroup ID": "1", "Grade": "13", "Test Type": "P",
           "Test Id": "30", "Percentage Advanced": "44", "Percentage At Or Above Proficient": "80",
           "Percentage Far Below Basic": "2"}  # fmt: skip
    survey = row | {"Test Type": "N", "Test Id": "2"}
    both = [row | {"CAPA Assessment Level": level} for level in ("1", "2")]
    made = encoded("ca_star_research", "star_csv", *both, survey)
    found = made.table.to_pylist()
    assert only(found, "assessment", "domain", "pct_level_5", "pct_level_1", "pct_proficient") == [
        ("capa", "CAPA_LEVEL_1", 44.0, 2.0, 80.0),
        ("capa", "CAPA_LEVEL_2", 44.0, 2.0, 80.0),
    ]
    assert made.set_aside["code"].to_pylist() == ["NORM_REFERENCED"]


def test_the_dashboard_has_distances_and_its_own_english_learners():
    row = {"cds": "99100170112607", "rtype": "S", "studentgroup": "EL", "currdenom": "25",
           "currstatus": "-37.4", "change": "4.1", "statuslevel": "2", "changelevel": "4",
           "color": "3", "ReportingYear": "2023"}  # fmt: skip
    hidden = {"currdenom": "5", "currstatus": "", "change": "", "studentgroup": "ELO"}
    found = records(
        "ca_dashboard", "dashboard_2019", row, row | hidden, file_name="eladownload2023.txt"
    )
    fields = ("subject", "student_group", "n_scored", "distance_from_standard", "distance_change",
              "status_level", "performance_color", "score_status")  # fmt: skip
    assert only(found, *fields) == [
        ("ela", "EL_DASHBOARD", 25, -37.4, 4.1, 2, 3, "PUBLISHED"),
        ("ela", "EL", 5, None, None, 2, 3, "NOT_AVAILABLE"),
    ]
    assert {one["school_year"] for one in found} == {2023}


def test_the_dashboard_of_2017_has_its_year_from_the_layout():
    row = {"cds": "99100170000000", "rtype": "L", "studentgroup": "ALL", "currstatus": "3.5"}
    (found,) = records("ca_dashboard", "dashboard_2017", row, file_name="mathdownload2017.txt")
    assert only([found], "school_year", "subject", "entity_type", "status_level") == [
        (2017, "math", "DISTRICT", None)
    ]


def test_every_group_of_the_vocabulary_is_one_of_a_publisher_and_each_id_one_group():
    systems = {"caaspp": "ca_caaspp_research", "elpac": "ca_elpac_research",
               "dashboard": "ca_dashboard"}  # fmt: skip
    groups = CATALOGUE.vocabularies["student_group"].codes
    assert all(group.external for group in groups.values())
    for system, source in systems.items():
        ids = {one.external[system]: code for code, one in groups.items() if system in one.external}
        read = CATALOGUE.sources[source].fields["student_group"].codes or {}
        assert ids.items() <= read.items()
        assert {code.lstrip("0") for code in read} == set(ids)


def test_levels_of_a_published_result_are_no_more_than_its_assessment_has():
    for source in PUBLISHED:
        spec = source.fields["assessment"]
        for name in {*(spec.codes or {}).values(), spec.value} - {None}:
            most = len(CATALOGUE.assessments[name].levels)
            assert most <= 5
            if most == 5 and name != "ca_dashboard":
                assert "pct_level_5" in source.fields or source.name == "ca_star_county_means"


@pytest.mark.realdata
@pytest.mark.skipif(not REALDATA, reason="ROCI_REALDATA is not set")
def test_every_group_and_test_that_the_state_lists_is_known():
    folder = Path(REALDATA or ".") / "california"
    read = CATALOGUE.sources["ca_caaspp_research"].fields
    files = sorted(folder.glob("StudentGroups_*.txt"))
    assert len(files) == 4
    for path in [*files, folder / "Tests_2022.txt"]:
        text = path.read_text(encoding="cp1252")
        rows = list(csv.DictReader(io.StringIO(text), delimiter="^"))
        kind = "student_group" if path in files else "assessment"
        listed = {row[name] for row in rows for name in list(row)[:2]}
        assert listed and listed <= set(read[kind].codes or {}), path.name


@pytest.mark.realdata
@pytest.mark.skipif(not REALDATA, reason="ROCI_REALDATA is not set")
def test_every_test_that_star_lists_is_known():
    path = Path(REALDATA or ".") / "california_star_2013" / "test_names.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        ids = {row["Test ID"] for row in csv.DictReader(stream)}
    fields = CATALOGUE.sources["ca_star_research"].fields
    assert ids and ids <= set(fields["subject"].codes or {})
    assert as_list(fields["subject"].column) == ["Test Id"]
