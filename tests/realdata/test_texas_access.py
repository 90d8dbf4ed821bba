"""Samples of Texas' STAAR and of WIDA's ACCESS: the forms of one file agree, every era loads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from tests.command_line import Finished

ASSESSMENTS = "vendor_samples/assessments"
STAAR = f"{ASSESSMENTS}/STAAR_Summative/data/sample_anonymized_file"
INTERIM = f"{ASSESSMENTS}/STAAR_Interim/data/sample_anonymized_file.csv"
ACCESS = f"{ASSESSMENTS}/ACCESS/data"
Run = Callable[..., Finished]


def results(home: Path) -> list[dict]:
    """The results of the lake without what tells one load from another."""
    place = home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        rows = con.sql(f"SELECT * FROM '{place}'").to_arrow_table().to_pylist()
    said = [{k: v for k, v in row.items() if k not in TOLD_BY_LOAD} for row in rows]
    return sorted(said, key=str)


TOLD_BY_LOAD = {"load_id", "source_row", "source_record", "layout", "load_date", "loaded_at"}


def test_the_csv_and_the_fixed_width_records_of_staar_give_the_same_results(
    roci, workspace_home, realdata
):
    found = []
    for ending in ("csv", "txt"):
        done = roci("ingest", "tx_staar", realdata / f"{STAAR}.{ending}")
        assert done.code == 0, done.said
        found.append(results(workspace_home))
    assert len(found[0]) == 20
    assert found[0] == found[1]


def test_staar_says_subject_level_and_groups_as_its_own_columns_do(roci, workspace_home, realdata):
    assert roci("ingest", "tx_staar", realdata / f"{STAAR}.txt").code == 0
    place = workspace_home / "marts" / "restricted" / "student_result.parquet"
    with duckdb.connect() as con:
        rows = con.execute(
            "SELECT subject, performance_level, count(*), min(scale_score), max(scale_score) "
            f"FROM '{place}' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
        groups = con.execute(
            "SELECT ethnicity, race_flags, el_status, econ_status, count(*) "
            f"FROM '{place}' GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert rows == [
        ("ela", 1, 4, 1047, 1213), ("ela", 2, 6, 1345, 1444),
        ("math", 1, 6, 1272, 1327), ("math", 2, 4, 1360, 1423)]  # fmt: skip
    assert groups == [
        ("BLACK", "BLACK", "NOT_EL", "NOT_SED", 4), ("BLACK", "BLACK", "NOT_EL", "SED", 12),
        ("HISPANIC", "HISPANIC+BLACK", "EL", "SED", 4)]  # fmt: skip


@pytest.mark.parametrize("source, sample, rows, levels", [
    ("tx_staar_interim", INTERIM, 5, {None}),
    ("access_for_ells", f"{ACCESS}/2021_to_2025_sample_anonymized_file_ACCESS.csv", 5, {1, 2}),
    ("access_for_ells", f"{ACCESS}/sample_anonymized_file_ACCESS.csv", 4, {1, 3}),
    ("alternate_access", f"{ACCESS}/2021_to_2025_sample_anonymized_file_Alternate_ACCESS.csv",
     5, {None, 1, 4, 5}),
    ("alternate_access", f"{ACCESS}/sample_anonymized_file_alternate_Alternate_ACCESS.csv",
     3, {1, 2}),
])  # fmt: skip
def test_every_row_of_a_sample_loads(roci, workspace_home, realdata, source, sample, rows, levels):
    done = roci("ingest", source, realdata / sample)
    assert done.code == 0, done.said
    found = results(workspace_home)
    assert len(found) == rows
    assert {row["performance_level"] for row in found} == levels


def test_who_declined_alternate_access_counts_as_not_tested(roci, workspace_home, realdata):
    sample = f"{ACCESS}/2021_to_2025_sample_anonymized_file_Alternate_ACCESS.csv"
    assert roci("ingest", "alternate_access", realdata / sample).code == 0
    found = results(workspace_home)
    said = [(row["condition_code"], row["scale_score"]) for row in found
            if row["participation"] == "NOT_TESTED"]  # fmt: skip
    assert said == [("DEC", None)]
    assert {row["el_status"] for row in found} == {"EL"}
