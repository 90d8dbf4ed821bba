"""Rejected rows handed out as a spreadsheet, corrected by a person, and taken back."""

from __future__ import annotations

import csv
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

import duckdb
import openpyxl
import pytest

from configs.errors import UsageError
from flows.context import Context, open_context
from flows.explaining import explanation_lines
from flows.outcome import LoadOutcome
from flows.repair_verbs import replay_corrected
from flows.running import load_all, run_again, run_build
from flows.stages.exporting import export_rows
from flows.stages.intake import Taken, ingest_files
from flows.stages.loading import load_incoming
from flows.stages.repairing import Repair, Trial, take_corrections
from flows.stages.retrying import as_it_came
from tests.command_line import environment
from tests.flow.small_files import RESULTS_HEADER, results
from tests.flow.test_loads import everyone, mart
from transforms.mending import NO_MENDS
from warehouse.formulas import harmless

pytestmark = pytest.mark.usefixtures("publishing")

PERSON = "Invented Person"
Cells = dict[str, str]


def ingest(context: Context, file: Path, source: str = "results_csv") -> LoadOutcome:
    """Load a file; no marts are built."""
    (incoming,) = ingest_files(context, source, [file], "0199017")
    return load_incoming(context, incoming)


def spoilt(context: Context, folder: Path, bad_rows: int = 3, rows: int = 200) -> str:
    """Load a file whose first rows have no gender that is known; return the load's id."""
    load = ingest(context, results(folder / "spoilt.csv", rows, bad_rows=bad_rows))
    assert (load.state, load.quarantined) == ("loaded", bad_rows)
    return load.load_id


def exported(context: Context, load_id: str) -> Path:
    path, _ = export_rows(context, load_id, None, understood=False)
    return path


def corrected(path: Path, changes: Mapping[int, Cells], target: Path | None = None) -> Path:
    """Write into an exported workbook as a person would: `changes` by row of the file."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    header = [cell.value for cell in sheet[1]]
    for cells in sheet.iter_rows(min_row=2):
        for name, value in changes.get(int(cells[0].value), {}).items():
            cells[header.index(name)].value = value
    target = target or path.with_name(f"{path.stem}.corrected.xlsx")
    book.save(target)
    return target


def replay(context: Context, load_id: str, path: Path) -> tuple[Repair, LoadOutcome | None]:
    """Take corrections back, as the verb does but for the marts."""
    repair = take_corrections(context, load_id, path, PERSON)
    again = load_incoming(context, as_it_came(context, repair.current)) if repair.waits else None
    return repair, again


def lake_rows(context: Context) -> int:
    scan = context.lake.scan_sql("student_result")
    return duckdb.sql(f"SELECT count(DISTINCT student_id) FROM {scan}").fetchall()[0][0]


def require_nothing_twice(context: Context, load_id: str) -> None:
    """Hold that the load's counts balance, and that no row is both loaded and in quarantine."""
    load = context.ledger.load(load_id)
    told = load.rows_loaded + load.rows_quarantined + load.rows_set_aside
    assert load.rows_received == told
    scan = context.lake.scan_sql("student_result")
    loaded = {row for (row,) in duckdb.sql(f"SELECT source_row FROM {scan}").fetchall()}
    table = context.quarantine.read(load_id)
    waiting = set(table["source_row"].to_pylist()) if table else set()
    assert len(waiting) == load.rows_quarantined and not loaded & waiting
    assert len(loaded) == load.rows_loaded


def test_corrected_rows_are_loaded_and_the_others_wait(either_context, tmp_path):
    context = either_context
    first = spoilt(context, tmp_path)
    file = corrected(exported(context, first), {2: {"gender": "F"}, 3: {"gender": "M"}})
    repair, run = replay(context, first, file)
    assert (repair.handed, repair.taken, repair.wrong) == (3, (2, 3), ())
    load = run
    assert (load.state, load.received, load.loaded, load.quarantined) == ("loaded", 200, 199, 1)
    require_nothing_twice(context, load.load_id)
    assert context.ledger.load(first).state == "superseded"
    assert {one.code for one in context.ledger.rejected_reasons(first)} == {"UNKNOWN_CODE"}


def test_a_repaired_file_gives_the_marts_of_one_that_was_right_from_the_start(
    context, tmp_path, monkeypatch
):
    load_id = spoilt(context, tmp_path)
    right = {row: {"gender": "FM"[row % 2]} for row in (2, 3, 4)}
    run_build(context, everything=False, engine="direct")
    assert everyone(context)[0] == 197
    path = corrected(exported(context, load_id), right)
    assert replay_corrected(context, load_id, path, PERSON, as_json=False) == 0
    assert everyone(context)[0] == 200
    repaired = mart(context, "mart_achievement_unsuppressed")
    monkeypatch.setenv("ROCI_HOME", str(tmp_path / "other"))
    other = open_context()
    ingest(other, results(tmp_path / "right.csv", 200))
    run_build(other, everything=False, engine="direct")
    assert repaired == mart(other, "mart_achievement_unsuppressed")
    other.database.close()


def test_the_same_spreadsheet_twice_changes_nothing(either_context, tmp_path):
    context = either_context
    first = spoilt(context, tmp_path)
    file = corrected(exported(context, first), {2: {"gender": "F"}})
    _, run = replay(context, first, file)
    repair, again = replay(context, first, file)
    assert (repair.taken, repair.wrong, repair.waits) == ((), (), False)
    assert again is None
    assert len(context.ledger.loads()) == 2
    assert len(context.repairs.of_load(first)) == 1
    require_nothing_twice(context, run.load_id)


def test_a_row_that_is_changed_and_still_wrong_stays_as_it_was(context, tmp_path):
    first = spoilt(context, tmp_path)
    sheet = exported(context, first)
    file = corrected(sheet, {2: {"gender": "F"}, 3: {"gender": "?!"}, 4: {"gender": "X1"}})
    repair, run = replay(context, first, file)
    assert repair.taken == (2,)
    assert [(one.source_row, one.code, one.field) for one in repair.wrong] == [
        (3, "UNKNOWN_CODE", "gender"),
        (4, "UNKNOWN_CODE", "gender"),
    ]
    now = run.load_id
    table = context.quarantine.read(now)
    assert table.select(["source_row", "gender"]).to_pylist() == [
        {"source_row": 3, "gender": "?"},
        {"source_row": 4, "gender": "?"},
    ]
    require_nothing_twice(context, now)
    repair, run = replay(context, first, corrected(sheet, {3: {"gender": "M"}}))
    assert repair.taken == (3,) and run.loaded == 199


def test_a_correction_never_pushes_a_good_row_out(context, tmp_path):
    first = spoilt(context, tmp_path)
    same_student = {"gender": "F", "ssid": "9000000100", "scale_score": "2400", "grade": "3"}
    file = corrected(exported(context, first), {2: same_student, 3: {"gender": "M"}})
    repair, run = replay(context, first, file)
    assert repair.taken == (3,)
    assert {(one.source_row, one.code) for one in repair.wrong} == {(2, "DUPLICATE_CONFLICT")}
    assert run.loaded == 198 and lake_rows(context) == 198


def test_of_two_rows_that_contradict_each_other_one_correction_frees_both(context, tmp_path):
    file = results(tmp_path / "results.csv", 200)
    lines = file.read_text("utf-8").splitlines()
    lines[2] = lines[2].replace("9000000001", "9000000000")
    file.write_text("\n".join(lines) + "\n", "utf-8")
    load = ingest(context, file)
    assert (load.loaded, load.quarantined) == (198, 2)
    sheet = corrected(exported(context, load.load_id), {3: {"ssid": "9000000001"}})
    _, run = replay(context, load.load_id, sheet)
    assert (run.loaded, run.quarantined) == (200, 0)


def test_a_row_that_would_move_where_another_file_is_stays(context, tmp_path):
    ingest(context, results(tmp_path / "earlier.csv", 200, year=2023, score=2400))
    first = spoilt(context, tmp_path)
    file = corrected(exported(context, first), {2: {"gender": "F", "test_year": "2023"}})
    repair, run = replay(context, first, file)
    assert [(one.source_row, one.code) for one in repair.wrong] == [(2, "REPAIR_MOVES")]
    assert run is None and context.repairs.of_load(first) == []


def test_a_refused_file_is_loaded_once_enough_of_its_rows_are_mended(context, tmp_path):
    refused = ingest(context, results(tmp_path / "bad.csv", 40, bad_rows=4))
    assert refused.code == "TOO_MANY_REJECTS"
    sheet = exported(context, refused.load_id)
    right = {row: {"gender": "F"} for row in (2, 3, 4)}
    repair, run = replay(context, refused.load_id, corrected(sheet, right))
    assert repair.taken == (2, 3, 4)
    load = run
    assert (load.state, load.loaded, load.quarantined) == ("loaded", 39, 1)
    require_nothing_twice(context, load.load_id)


def test_a_rerun_keeps_the_repairs(context, tmp_path):
    first = spoilt(context, tmp_path)
    _, run = replay(context, first, corrected(exported(context, first), {2: {"gender": "F"}}))
    repaired = run
    again = run_again(context, [repaired.load_id], failed=False, code=None, engine="direct")
    assert [load.state for load in again.loads] == ["unchanged"]
    again = run_again(context, [first], failed=False, code=None, engine="direct")
    assert [load.state for load in again.loads] == ["unchanged"]
    # The same file handed in once more is the repaired one.
    landed = ingest(context, tmp_path / "spoilt.csv")
    assert (landed.state, landed.loaded) == ("unchanged", 198)


def test_a_rerun_with_another_configuration_keeps_the_repairs(context, tmp_path, monkeypatch):
    first = spoilt(context, tmp_path)
    replay(context, first, corrected(exported(context, first), {2: {"gender": "F"}}))
    site = tmp_path / "site"
    (site / "sources").mkdir(parents=True)
    (site / "sources" / "results_csv.yml").write_text(
        "fields: {gender: {codes: {'?': X}}}\n", encoding="utf-8"
    )
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    mended = open_context()
    load = load_incoming(mended, as_it_came(mended, mended.ledger.load(first)))
    assert (load.state, load.loaded, load.quarantined) == ("loaded", 200, 0)
    scan = mended.lake.scan_sql("student_result")
    found = duckdb.sql(f"SELECT gender FROM {scan} WHERE source_row < 5 ORDER BY source_row")
    assert found.fetchall() == [("F",), ("X",), ("X",)]
    mended.database.close()


def test_a_repair_says_what_else_has_changed_since(context, tmp_path, monkeypatch, capfd):
    first = spoilt(context, tmp_path)
    sheet = exported(context, first)
    site = tmp_path / "site"
    (site / "sources").mkdir(parents=True)
    (site / "sources" / "results_csv.yml").write_text("title: Another title\n", encoding="utf-8")
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    changed = open_context()
    repair, run = replay(changed, first, sheet)
    assert (repair.waits, repair.changed_since, run) == (False, ("source",), None)
    repair, run = replay(changed, first, corrected(sheet, {2: {"gender": "F"}}))
    assert (repair.waits, repair.changed_since) == (True, ("source",))
    changed.database.close()


def test_a_correction_with_which_loaded_rows_would_be_lost_is_refused(context, tmp_path):
    first = spoilt(context, tmp_path)
    harming = Trial(context, context.ledger.load(first), NO_MENDS)
    with pytest.raises(UsageError, match="REPAIR_HARMS") as caught:
        harming._require_harmless({2, 3, 9})
    assert "rows 9" in caught.value.where and "1 loaded rows" in caught.value.found
    harming._require_harmless({2, 3})


def test_a_correction_is_changed_by_another_one_and_taken_back(context, tmp_path):
    first = spoilt(context, tmp_path)
    sheet = exported(context, first)
    replay(context, first, corrected(sheet, {2: {"gender": "F"}}))
    _, run = replay(context, first, corrected(sheet, {2: {"gender": "M", "grade": "5"}}))
    scan = context.lake.scan_sql("student_result")
    row = duckdb.sql(f"SELECT gender, grade FROM {scan} WHERE source_row = 2").fetchall()
    assert row == [("M", "05")] and run.loaded == 198
    assert [one.columns for one in context.repairs.of_load(first)] == [
        ("gender",),
        ("gender", "grade"),
    ]


def test_a_repair_cut_off_between_lake_and_ledger_is_finished_by_the_next_run(
    context, tmp_path, workspace_home
):
    first = spoilt(context, tmp_path)
    file = corrected(exported(context, first), {2: {"gender": "F"}})
    assert killed("Ledger.finish_loaded", workspace_home, first, file) == 9
    run = load_all(context, Taken())
    (load,) = run.loads
    assert (load.state, load.loaded, load.quarantined) == ("loaded", 198, 2)
    assert everyone(context)[0] == 198
    require_nothing_twice(context, load.load_id)
    assert [one.load_id for one in context.repairs.of_load(first)] == [load.load_id]


def test_a_repair_cut_off_before_its_load_is_finished_by_the_same_command(
    context, tmp_path, workspace_home
):
    first = spoilt(context, tmp_path)
    file = corrected(exported(context, first), {2: {"gender": "F"}})
    assert killed("Ledger.open_load", workspace_home, first, file) == 9
    assert lake_rows(context) == 197
    repair, run = replay(context, first, file)
    assert (repair.taken, repair.waits) == ((), True)
    assert run.loaded == 198 and lake_rows(context) == 198
    assert len(context.repairs.of_load(first)) == 1


KILLED = """
import os, sys
from warehouse.ledger import Ledger
{method} = lambda *a, **k: os._exit(9)
from flows.cli import app
sys.argv = ["roci", "quarantine", "replay", *sys.argv[1:], "--by", "somebody"]
app()
"""


def killed(method: str, home: Path, load_id: str, file: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", KILLED.format(method=method), load_id, str(file)],
        env=environment({"ROCI_HOME": str(home)}), capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode


def test_rows_of_another_width_come_back_by_their_columns(context, tmp_path):
    file = results(tmp_path / "results.csv", 200)
    lines = file.read_text("utf-8").splitlines()
    lines[1] = lines[1].replace(",F,", ",F,stray,")
    file.write_text("\n".join(lines) + "\n", "utf-8")
    load = ingest(context, file)
    assert (load.loaded, load.quarantined) == (199, 1)
    sheet = exported(context, load.load_id)
    names = RESULTS_HEADER.split(",")
    values = [one for one in lines[1].split(",") if one != "stray"]
    right = dict(zip(names, values, strict=True))
    with pytest.raises(UsageError, match="NOT_THE_EXPORT"):
        take_corrections(
            context, load.load_id, corrected(sheet, {2: {"unparsed": "other"}}), PERSON
        )
    repair, run = replay(context, load.load_id, corrected(sheet, {2: right}))
    assert repair.taken == (2,) and (run.loaded, run.quarantined) == (200, 0)
    assert context.repairs.of_load(load.load_id)[0].columns == ("unparsed",)


def test_the_export_shows_the_values_the_reasons_and_what_to_do(context, tmp_path):
    book = openpyxl.load_workbook(exported(context, spoilt(context, tmp_path)))
    rows, words = book.worksheets
    header, first, *_ = rows.iter_rows(values_only=True)
    assert header == ("source_row", "reasons", "load_id", *RESULTS_HEADER.split(","))
    assert first[:2] == (
        2,
        "UNKNOWN_CODE in gender: " + context.catalogue.codes["UNKNOWN_CODE"].meaning,
    )
    assert first[3:7] == ("01990176990013", "9000000000", "2024", "MATH")
    told = [cell for row in words.iter_rows(values_only=True) for cell in row if cell]
    assert "UNKNOWN_CODE" in told and any("students' data" in cell for cell in told)


DANGEROUS = ['=HYPERLINK("http://a.invalid")', "+1+1", "-2+3", "@SUM(A1)", "_x0041_", " 007 "]


def dangerous(path: Path) -> Path:
    """Write a file of which some rejected rows have values that a spreadsheet would work out."""
    lines = results(path, 200, bad_rows=6).read_text("utf-8").splitlines()
    for number, value in enumerate(DANGEROUS, start=1):
        quoted = '"' + value.replace('"', '""') + '"'
        lines[number] = lines[number].replace(",?,", f",{quoted},")
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("ending", ["xlsx", "csv"])
def test_nothing_in_an_export_is_a_formula_and_all_comes_back_as_it_was(context, tmp_path, ending):
    load = ingest(context, dangerous(tmp_path / "results.csv"))
    assert load.quarantined == 6
    path = tmp_path / f"out.{ending}"
    export_rows(context, load.load_id, path, understood=True)
    if ending == "xlsx":
        cells = [c for s in openpyxl.load_workbook(path) for row in s.iter_rows() for c in row]
        assert {cell.data_type for cell in cells} <= {"s", "n", "inlineStr"}
        assert DANGEROUS[0] in {cell.value for cell in cells}
    else:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            found = [row["gender"] for row in csv.DictReader(stream)]
        assert found == [harmless(value) for value in DANGEROUS] != DANGEROUS
    repair, run = replay(context, load.load_id, path)
    assert (repair.handed, repair.taken, repair.wrong) == (6, (), ())
    assert run is None


def test_a_csv_comes_back_too(context, tmp_path):
    load_id = spoilt(context, tmp_path)
    path = tmp_path / "out.csv"
    export_rows(context, load_id, path, understood=True)
    text = path.read_text("utf-8-sig").replace('"?"', '"F"')
    path.write_text(text, "utf-8")
    repair, run = replay(context, load_id, path)
    assert repair.taken == (2, 3, 4) and run.loaded == 200


def test_an_export_is_only_for_its_owner_and_never_overwrites(context, tmp_path):
    load_id = spoilt(context, tmp_path)
    path = exported(context, load_id)
    assert path == context.workspace.quarantine / "exports" / f"{load_id}.xlsx"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    with pytest.raises(UsageError, match="FILE_EXISTS"):
        exported(context, load_id)
    outside = tmp_path / "outside.xlsx"
    for refused in (outside, path.parent / ".." / ".." / "outside.xlsx"):
        with pytest.raises(UsageError, match="UNPROTECTED_EXPORT"):
            export_rows(context, load_id, refused, understood=False)
    export_rows(context, load_id, outside, understood=True)
    assert stat.S_IMODE(outside.stat().st_mode) == 0o600
    with pytest.raises(UsageError, match="UNKNOWN_ENDING"):
        export_rows(context, load_id, tmp_path / "outside.ods", understood=True)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sheet: sheet.append([77, "", sheet["C2"].value, *(["a"] * 12)]),
        lambda sheet: sheet.append([2, "", sheet["C2"].value, *(["a"] * 12)]),
        lambda sheet: sheet.append(["two", "", sheet["C2"].value, *(["a"] * 12)]),
        lambda sheet: sheet.delete_cols(4),
        lambda sheet: sheet.delete_cols(1),
        lambda sheet: sheet.cell(1, 16, "checked by"),
    ],
    ids=["not rejected", "twice", "no number", "column gone", "numbers gone", "column more"],
)
def test_a_spreadsheet_that_is_not_the_export_is_refused(context, tmp_path, spoil):
    load_id = spoilt(context, tmp_path)
    book = openpyxl.load_workbook(exported(context, load_id))
    spoil(book.worksheets[0])
    book.save(tmp_path / "other.xlsx")
    with pytest.raises(UsageError, match="NOT_THE_EXPORT"):
        take_corrections(context, load_id, tmp_path / "other.xlsx", PERSON)
    assert context.repairs.of_load(load_id) == []


def test_a_spreadsheet_of_another_load_is_refused_though_its_row_numbers_are_there(
    context, tmp_path
):
    first = spoilt(context, tmp_path)
    sheet = corrected(exported(context, first), {2: {"gender": "F"}})
    other = ingest(context, results(tmp_path / "b.csv", 200, bad_rows=150, score=2510))
    assert (other.state, other.code) == ("failed", "TOO_MANY_REJECTS")
    with pytest.raises(UsageError, match="NOT_THE_EXPORT") as refused:
        take_corrections(context, other.load_id, sheet, PERSON)
    assert refused.value.found == f"rows of {first}"
    assert context.repairs.of_load(other.load_id) == []


def test_columns_may_stand_in_another_order(context, tmp_path):
    load_id = spoilt(context, tmp_path)
    book = openpyxl.load_workbook(corrected(exported(context, load_id), {3: {"gender": "M"}}))
    sheet = book.worksheets[0]
    for row in sheet.iter_rows():
        for cell, value in zip(row, [cell.value for cell in reversed(row)], strict=True):
            cell.value = value
    book.save(tmp_path / "moved.xlsx")
    repair, run = replay(context, load_id, tmp_path / "moved.xlsx")
    assert (repair.handed, repair.taken, run.loaded) == (3, (3,), 198)
    require_nothing_twice(context, run.load_id)


def test_columns_that_are_odd_are_named_and_no_value_of_a_header_is(context, tmp_path):
    load_id = spoilt(context, tmp_path)
    sheet = exported(context, load_id)
    book = openpyxl.load_workbook(sheet)
    book.worksheets[0].cell(1, 15, "9000000001")
    book.save(tmp_path / "odd.xlsx")
    with pytest.raises(UsageError, match="NOT_THE_EXPORT") as refused:
        take_corrections(context, load_id, tmp_path / "odd.xlsx", PERSON)
    assert "it lacks level; not of the export, counted from the left: column 15" in str(
        refused.value
    )
    assert "9000000001" not in str(refused.value)


def test_what_a_spreadsheet_program_does_to_ids_in_a_csv_is_no_correction(context, tmp_path):
    load_id = spoilt(context, tmp_path)
    path = tmp_path / "out.csv"
    export_rows(context, load_id, path, understood=True)
    text = path.read_text("utf-8-sig").replace('"?"', '"F"')
    text = text.replace('"01990176990013"', "1.99018E+12").replace(
        '"01990176990021"', "1990176990021"
    )
    path.write_text(text, "utf-8")
    repair, run = replay(context, load_id, path)
    assert repair.taken == (2, 3, 4) and run.loaded == 200
    assert {row.columns for row in context.repairs.of_load(load_id)} == {("gender",)}


def test_a_row_that_is_still_wrong_names_what_was_changed_in_it(context, tmp_path, capsys):
    load_id = spoilt(context, tmp_path)
    sheet = corrected(exported(context, load_id), {2: {"gender": "F", "cds_code": "12"}})
    assert replay_corrected(context, load_id, sheet, PERSON, as_json=False) == 0
    said = capsys.readouterr().out
    assert "row 2 stays as it was (changed: cds_code, gender). BAD_FORMAT" in said
    assert "BAD_FORMAT in school_id (column cds_code)" in said and " 12" not in said


def test_rows_of_a_file_that_another_one_has_replaced_are_refused(context, tmp_path):
    first = spoilt(context, tmp_path)
    sheet = corrected(exported(context, first), {2: {"gender": "F"}})
    ingest(context, results(tmp_path / "later.csv", 200, score=2510))
    with pytest.raises(UsageError, match="REPAIR_SUPERSEDED"):
        take_corrections(context, first, sheet, PERSON)


def test_who_repaired_what_and_when_is_told(context, tmp_path):
    first = spoilt(context, tmp_path)
    _, run = replay(
        context, first,
        corrected(exported(context, first), {2: {"gender": "F"}, 3: {"gender": "M", "sed": "N"}}),
    )  # fmt: skip
    now = run.load_id
    for load_id in (first, now):
        (line,) = [one for one in explanation_lines(context, load_id) if "repaired" in one]
        assert line.startswith(f"2 rows were repaired by {now} (of {first}, by {PERSON} on 20")
        assert line.endswith("column gender 2, column sed 1")


def test_a_step_of_a_repair_tells_no_value(context, tmp_path, workspace_home, capfd):
    secret = "9123456789"
    first = spoilt(context, tmp_path)
    sheet = exported(context, first)
    file = corrected(sheet, {2: {"gender": "F", "ssid": secret}, 3: {"gender": secret}})
    assert replay_corrected(context, first, file, PERSON, as_json=False) == 0
    assert replay_corrected(context, first, file, PERSON, as_json=True) == 0
    printed = "".join(capfd.readouterr())
    assert "still wrong" in printed and not {secret, "9000000000"} & set(printed.split())
    assert secret not in printed and "9000000000" not in printed
    with closing(sqlite3.connect(context.workspace.ledger_path)) as ledger:
        dump = "\n".join(ledger.iterdump())
    assert PERSON in dump and secret not in dump and "9000000000" not in dump
    for log in context.workspace.logs.rglob("*"):
        assert not log.is_file() or secret not in log.read_text("utf-8", "replace")
    kept = list((context.workspace.quarantine / "repairs").iterdir())
    assert [stat.S_IMODE(one.stat().st_mode) for one in kept] == [0o600]
    before = duckdb.sql(f"SELECT \"column\", before, after FROM '{kept[0]}' ORDER BY 1").fetchall()
    assert before == [("gender", "?", "F"), ("ssid", "9000000000", secret)]


def test_the_command_line_refuses_an_unprotected_export_and_repairs(
    roci: Callable, workspace_home: Path, tmp_path: Path
):
    file = results(tmp_path / "results.csv", 200, bad_rows=1)
    load_id = roci("ingest", "results_csv", file, "--json").json["loads"][0]["load_id"]
    out = tmp_path / "out.xlsx"
    refused = roci("quarantine", "export", load_id, out)
    assert refused.code == 2 and "[UNPROTECTED_EXPORT]" in refused.err and not out.exists()
    done = roci("quarantine", "export", load_id, out, "--i-understand")
    assert done.code == 0 and out.exists() and "9000000000" not in done.said
    done = roci(
        "quarantine", "replay", load_id, corrected(out, {2: {"gender": "F"}}, out), "--json"
    )
    assert done.code == 0, done.err
    assert done.json["taken"] == [2] and done.json["loads"][0]["loaded"] == 200
    assert os.environ.get("ROCI_HOME") == str(workspace_home)
