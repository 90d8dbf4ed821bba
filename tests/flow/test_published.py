"""Published results into the lake: from landing/, replaced by county, kept from the marts."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb

from configs.catalogue import load_catalogue
from flows.context import Context
from flows.running import run_ingest, run_nightly
from tests.flow.small_files import results

SOURCE, TABLE = "ca_caaspp_research", "published_result"
HEADER = next(
    one.columns for one in load_catalogue().sources[SOURCE].layouts if one.name == "sb_2021"
)
GROUPS = ["1", "3", "4", "160"]
PARTS = 5


def research_file(path: Path, counties: list[str], *, mean: str) -> Path:
    """Write ELA of grade 3 for each county and group, reading suppressed; return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, HEADER, restval="", delimiter="^", lineterminator="\r\n")
        writer.writeheader()
        for county in counties:
            for group in GROUPS:
                areas = {f"Area {n} Percentage Above Standard": "25.00" for n in (2, 3, 4)}
                writer.writerow({
                    "County Code": county, "District Code": "00000", "School Code": "0000000",
                    "Test Year": "2023", "Student Group ID": group, "Test Type": "B", "Grade": "3",
                    "Test ID": "1", "Students Enrolled": "900", "Students Tested": "880",
                    "Mean Scale Score": mean, "Percentage Standard Met and Above": "51.25",
                    "Students with Scores": "870", "Type ID": "5",
                    "Area 1 Percentage Above Standard": "*", **areas,
                })  # fmt: skip
    return path


def asked(context: Context, select: str) -> list[tuple]:
    with duckdb.connect() as con:
        scan = context.lake.scan_sql(TABLE)
        return con.execute(f"{select} FROM {scan} GROUP BY ALL ORDER BY ALL").fetchall()


def test_a_research_file_in_landing_is_claimed_loaded_and_counted(context):
    research_file(context.workspace.landing / "sb_ca2023_all_csv_v1.txt", ["98", "99"], mean="2400")
    run = run_nightly(context, engine="direct")
    (load,) = run.loads
    rows = 2 * len(GROUPS)
    assert (load.source, load.state) == (SOURCE, "loaded")
    assert (load.received, load.loaded, load.quarantined, load.set_aside) == (
        rows * PARTS, rows * PARTS, 0, 0,
    )  # fmt: skip
    assert asked(context, "SELECT domain, score_status, count(*)") == [
        ("LISTENING", "PUBLISHED", rows),
        ("OVERALL", "PUBLISHED", rows),
        ("READING", "SUPPRESSED", rows),
        ("RESEARCH_INQUIRY", "PUBLISHED", rows),
        ("WRITING", "PUBLISHED", rows),
    ]
    steps = context.ledger.steps(load.load_id)
    assert [(s.rows_in + s.rows_made, s.rows_out) for s in steps] == [(rows * PARTS,) * 2] * 3


def test_a_file_of_a_county_replaces_that_county_and_no_other(context, tmp_path):
    state = research_file(tmp_path / "sb_ca2023_all_csv_v1.txt", ["98", "99"], mean="2400")
    county = research_file(tmp_path / "sb_ca2023_99_csv_v1.txt", ["99"], mean="2500")
    for path in (state, county, county):
        run_ingest(context, SOURCE, [path], district=None, engine="direct")
    assert [load.state for load in reversed(context.ledger.loads())] == ["loaded", "loaded"]
    means = "SELECT county_code, mean_scale_score, count(mean_scale_score)"
    assert [row for row in asked(context, means) if row[1] is not None] == [
        ("98", 2400.0, len(GROUPS)),
        ("99", 2500.0, len(GROUPS)),
    ]


def test_published_results_of_a_year_change_nothing_of_its_marts(context, tmp_path):
    students = results(tmp_path / "results.csv", year=2023)
    first = run_ingest(context, "results_csv", [students], district="0199017", engine="direct")
    assert first.build is not None and first.build.state == "published"
    state = research_file(tmp_path / "sb_ca2023_all_csv_v1.txt", ["98"], mean="2400")
    second = run_ingest(context, SOURCE, [state], district=None, engine="direct")
    assert [load.state for load in second.loads] == ["loaded"]
    assert second.build is not None and second.build.state == "unchanged"
    assert context.ledger.last_publication().publication_id == first.build.publication_id
