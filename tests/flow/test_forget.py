"""What is forgotten is nowhere any more, in no spelling, and does not come back."""

from __future__ import annotations

import gzip
import json
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from configs.errors import UsageError
from flows.backing_up import back_up
from flows.context import Context, open_context
from flows.explaining import explanation_lines
from flows.forget_told import Order, forget, record
from flows.locking import nightly_lock
from flows.morning import status_lines, status_of
from flows.running import run_again, run_build, run_ingest, run_nightly
from flows.stages.exporting import export_rows
from flows.stages.forget_proof import known_backups, remaining
from flows.stages.forget_target import Request, Target, target_of
from flows.stages.intake import ingest_files
from flows.stages.loading import load_incoming
from flows.stages.restating import compare_folder
from tests.command_line import Finished
from tests.flow.small_files import results, roster_of_schools

HOME, OTHER = "0199017", "0199018"
STUDENT = "9000000001"


def ingest(context: Context, path: Path, district: str = HOME) -> str:
    (file,) = ingest_files(context, "results_csv", [path], district)
    return load_incoming(context, file, suites=False).load_id


def land(context: Context, path: Path, district: str = HOME) -> Path:
    target = context.workspace.landing / district / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(path, target))


def met(home: Path, text: str) -> list[str]:
    """Every file that holds a text, packed or not: a search of the test's own."""
    found = []
    for path in sorted(one for one in home.rglob("*") if one.is_file()):
        content = path.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content += gzip.decompress(content)
        if content[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(path) as archive:
                content += b"".join(map(archive.read, archive.namelist()))
        if path.suffix == ".parquet":
            told = duckdb.sql(f"SELECT * FROM read_parquet('{path}', hive_partitioning = false)")
            content = str(told.fetchall()).encode()  # its bytes are packed: digits meet by chance
        if text.encode() in content:
            found.append(path.relative_to(home).as_posix())
    return found


def lake(context: Context, sql: str) -> list[tuple]:
    scan = context.lake.scan_sql("student_result")
    return [] if scan is None else duckdb.sql(sql.format(lake=scan)).fetchall()


def a_district(context: Context, folder: Path) -> dict[str, str]:
    """Two years of one district, and an earlier file of one of them; two rows were rejected."""
    loads = {
        "first": ingest(context, results(folder / "first.csv", year=2024)),
        "second": ingest(context, results(folder / "second.csv", score=2510, bad_rows=2)),
        "before": ingest(context, results(folder / "before.csv", year=2023)),
    }
    run_build(context, everything=False, engine="direct")
    export_rows(context, loads["second"], None, understood=False)
    compare_folder(context).mkdir(parents=True, exist_ok=True)
    (compare_folder(context) / "x.csv").write_text("school,n\nElm,3\n")
    return loads


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A workspace that each test gets a copy of."""
    folder = tmp_path_factory.mktemp("pattern")
    made = open_context({"ROCI_HOME": str(folder / "home")})
    loads = a_district(made, folder)
    made.database.close()
    return folder, loads


@pytest.fixture
def context(workspace_home: Path, pattern: tuple[Path, dict[str, str]]) -> Iterator[Context]:
    shutil.copytree(pattern[0] / "home", workspace_home)
    opened = open_context()
    yield opened
    opened.database.close()


@pytest.fixture
def years(pattern: tuple[Path, dict[str, str]], tmp_path: Path) -> dict[str, str]:
    """The loads of the workspace; their files are at hand."""
    for path in pattern[0].glob("*.csv"):
        shutil.copy(path, tmp_path)
    return pattern[1]


def student(context: Context, *, once: bool = False) -> None:
    request = Request(HOME, None, STUDENT)
    assert forget(context, request, Order("by contract", once, True), as_json=True) == 0


def test_a_student_stands_nowhere_any_more(context, years, capsys):
    home = context.workspace.home
    assert {path.split("/")[0] for path in met(home, STUDENT)} == {
        "lake", "marts", "quarantine", "raw"
    }  # fmt: skip
    others = lake(context, "SELECT count(*) FROM {lake} WHERE student_id <> '" + STUDENT + "'")
    student(context)
    assert met(home, STUDENT) == []
    assert lake(context, "SELECT count(*) FROM {lake}") == others
    told = json.loads(capsys.readouterr().out)
    assert told["remaining"] == {}
    assert told["found"]["raw files"] == 3
    assert STUDENT not in json.dumps(told)
    assert context.publisher.shown() is not None
    mart = context.publisher.path("student_result", "restricted")
    assert duckdb.sql(f"SELECT count(*) FROM '{mart}'").fetchall() == others


def test_the_others_are_counted_as_before_and_lake_and_ledger_agree(context, years, tmp_path):
    student(context)
    assert run_build(context, everything=True, engine="direct").build.state == "published"
    live = context.ledger.live_partitions("student_result")
    rows = lake(context, "SELECT partition, count(*) FROM {lake} GROUP BY 1 ORDER BY 1")
    assert sorted((part.partition, part.rows) for part in live) == rows
    assert run_ingest(
        context, "results_csv", [results(tmp_path / "third.csv", year=2025, score=2533, level=2)],
        district=HOME, engine="direct",
    ).loads[0].state == "loaded"  # fmt: skip


def test_without_yes_nothing_changes_and_the_counts_are_told(context, years, capsys):
    before = met(context.workspace.home, STUDENT)
    assert forget(context, Request(HOME, None, STUDENT), Order(), as_json=False) == 0
    said = capsys.readouterr().out
    assert "nothing is changed yet" in said and "raw files" in said and STUDENT not in said
    assert met(context.workspace.home, STUDENT) == before
    assert context.forgotten.certificates() == []


def test_a_load_of_a_destroyed_file_says_so_and_cannot_be_done_again(context, years):
    student(context)
    with pytest.raises(UsageError, match="RAW_FORGOTTEN"):
        run_again(context, [years["before"]], failed=False, code=None, engine="direct")
    assert any("roci forget" in line for line in explanation_lines(context, years["before"]))


def test_the_same_file_is_refused_and_nothing_of_it_is_kept(context, years, tmp_path):
    student(context)
    land(context, tmp_path / "before.csv")
    run = run_nightly(context)
    assert [(load.state, load.code) for load in run.loads] == [("failed", "RAW_FORGOTTEN")]
    assert met(context.workspace.home, STUDENT) == []
    assert [path.name for path in context.workspace.refused.iterdir()] == ["before.csv.why.txt"]


def test_later_rows_of_the_student_are_set_aside_and_counted(context, years, tmp_path):
    student(context)
    land(context, results(tmp_path / "later.csv", year=2025, score=2533, level=2, rows=41))
    (load,) = run_nightly(context).loads
    assert (load.state, load.loaded, load.set_aside) == ("loaded", 40, 1)
    counts = context.ledger.rejected_counts(load.load_id)
    assert [(one.kind, one.code, one.rows) for one in counts] == [("set_aside", "FORGOTTEN", 1)]
    assert lake(context, "SELECT count(*) FROM {lake} WHERE student_id = '" + STUDENT + "'") == [
        (0,)
    ]


def test_a_rejected_row_of_the_student_is_not_kept_in_quarantine(context, years, tmp_path):
    student(context)
    land(context, results(tmp_path / "later.csv", year=2025, score=2533, rows=60, bad_rows=2))
    (load,) = run_nightly(context).loads
    assert (load.quarantined, context.quarantine.read(load.load_id).num_rows) == (2, 1)


def test_for_once_a_later_file_may_bring_the_student_again(context, years, tmp_path):
    student(context, once=True)
    land(context, results(tmp_path / "later.csv", year=2025, score=2533, level=2))
    (load,) = run_nightly(context).loads
    assert (load.loaded, load.set_aside) == (40, 0)


def test_the_student_of_another_district_stays(context, years, tmp_path):
    path = results(tmp_path / "other.csv", year=2022, score=2533)
    path.write_text(path.read_text().replace("01990176", "01990186"))
    ingest(context, path, OTHER)
    forget(context, Request(OTHER, None, STUDENT), Order(None, False, True), as_json=True)
    kept = (
        "SELECT district_id, count(*) FROM {lake} WHERE student_id = '" + STUDENT + "' GROUP BY 1"
    )
    assert lake(context, kept) == [(HOME, 1)]
    raw = [context.raw.path(context.ledger.load(one).sha256) for one in years.values()]
    assert all(path.exists() for path in raw)
    assert context.quarantine.read(years["second"]).num_rows == 2
    assert lake(context, "SELECT count(*) FROM {lake} WHERE district_id = '" + OTHER + "'") == [
        (39,)
    ]


def test_the_ledger_and_the_key_hold_no_id(context, years):
    student(context)
    with context.database.read("ledger") as connection:
        dump = str(connection.exec_driver_sql("SELECT * FROM forgetting").all())
        dump += str(connection.exec_driver_sql("SELECT * FROM forgotten_id").all())
    assert STUDENT not in dump
    key = context.workspace.home / "forgotten.key"
    assert key.stat().st_mode & 0o077 == 0
    key.unlink()
    again = open_context()
    with pytest.raises(Exception, match="FORGOTTEN_KEY_GONE"):
        again.forgotten.digest(HOME, STUDENT)
    again.database.close()


def test_a_district_goes_and_the_other_stays(context, years, tmp_path):
    path = results(tmp_path / "other.csv", year=2022, score=2533)
    path.write_text(path.read_text().replace("01990176", "01990186"))
    ingest(context, path, OTHER)
    forget(context, Request(HOME), Order(None, False, True), as_json=True)
    assert lake(context, "SELECT DISTINCT district_id FROM {lake}") == [(OTHER,)]
    assert remaining(context, Target(HOME, None)) == {}
    assert len([p for p in context.workspace.raw.glob("??/*") if p.is_file()]) == 1
    shown = context.publisher.path("mart_achievement", "reporting")
    orgs = {one for (one,) in duckdb.sql(f"SELECT DISTINCT org_id FROM '{shown}'").fetchall()}
    assert not [one for one in orgs if one.startswith(HOME)]
    (load,) = run_ingest(
        context, "results_csv", [results(tmp_path / "new.csv", year=2026, score=2533)],
        district=HOME, engine="direct",
    ).loads  # fmt: skip
    assert load.code == "ONLY_FORGOTTEN"
    assert met(context.workspace.home, STUDENT) == met(context.workspace.home, "9000000005")
    assert met(context.workspace.home, "2026,MATH") == []


def test_all_that_is_there_may_go(context, years):
    forget(context, Request(HOME), Order(None, False, True), as_json=True)
    assert lake(context, "SELECT * FROM {lake}") == []
    assert list(context.workspace.raw.glob("??/*")) == []
    assert not context.publisher.path("mart_achievement", "reporting").exists()
    assert met(context.workspace.home, STUDENT) == []


def test_a_year_of_a_district_goes_and_the_others_stay(context, years):
    forget(context, Request(HOME, 2023), Order(None, False, True), as_json=True)
    assert lake(context, "SELECT DISTINCT school_year FROM {lake}") == [(2024,)]
    assert remaining(context, Target(HOME, 2023)) == {}
    assert context.raw.path(context.ledger.load(years["second"]).sha256).exists()
    assert not context.raw.path(context.ledger.load(years["before"]).sha256).exists()
    assert context.ledger.load(years["before"]).state == "discarded"
    assert context.quarantine.read(years["second"]).num_rows == 2


def test_files_that_wait_or_were_refused_go_too(context, years, tmp_path):
    waiting = land(context, results(tmp_path / "waiting.csv", year=2027))
    packed = context.workspace.refused / "old.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inner/a.csv", f"id,x\n00{STUDENT},1\n")
    note = packed.with_name("old.zip.why.txt")
    note.write_text("why")
    other = context.workspace.landing / "other.csv"
    other.write_text("id\n19000000001\n")
    student(context)
    assert [path.exists() for path in (waiting, packed, note, other)] == [False, False, False, True]


class Cut(BaseException):
    """The process ends here."""


CUTS = [
    "warehouse.forgotten.Forgotten.bury", "flows.stages.forgetting._empty_lake",
    "warehouse.lake.Lake.replace", "flows.stages.forgetting.note_slices_left",
    "warehouse.lake_forgetting.LakeForgetting.remove_history",
    "flows.stages.forgetting._clear_work", "flows.stages.forgetting._rebuild",
    "flows.stages.forgetting.sweep", "flows.stages.forgetting.remaining",
    "warehouse.forgotten.Forgotten.end",
]  # fmt: skip


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_cut_off_anywhere_the_next_nightly_does_the_rest(context, years, monkeypatch, cut, when):
    import importlib

    module, _, name = cut.rpartition(".")
    try:
        owner = importlib.import_module(module)
    except ModuleNotFoundError:
        outer, _, cls = module.rpartition(".")
        owner = getattr(importlib.import_module(outer), cls)
    real = getattr(owner, name)

    def ends(*args, **kwargs):
        if when == "after":
            real(*args, **kwargs)
        raise Cut

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, ends)
        with pytest.raises(Cut):
            student(context)
    assert (context.workspace.work / "forget.json").exists()
    assert (context.workspace.work / "forget.json").stat().st_mode & 0o077 == 0
    assert run_nightly(context).exit_code == 0
    assert met(context.workspace.home, STUDENT) == []
    (certificate,) = context.forgotten.certificates()
    assert certificate.remaining == {} and certificate.found["raw files"] == 3
    assert not (context.workspace.work / "forget.json").exists()


def test_a_second_time_finds_nothing(context, years, capsys):
    student(context)
    student(context)
    newest = context.forgotten.certificates()[0]
    assert not any(newest.found.values())
    assert STUDENT not in str(record(newest))


def test_what_cannot_be_taken_away_is_named_and_no_certificate_given(context, years):
    stray = context.workspace.home / "notes.txt"
    stray.write_text(f"ask about {STUDENT}\n")
    with pytest.raises(Exception, match="FORGET_UNFINISHED") as caught:
        student(context)
    assert "notes.txt" in str(caught.value) and STUDENT not in str(caught.value)
    assert run_nightly(context).exit_code == 0
    assert context.forgotten.certificates()[0].ended_at is None
    assert any("roci forget --go-on" in line for line in status_lines(status_of(context)))
    stray.unlink()
    run_nightly(context)
    assert context.forgotten.certificates()[0].ended_at is not None


@pytest.mark.parametrize("request_of", [
    Request(), Request(None, None, STUDENT), Request(HOME, 2024, STUDENT), Request(HOME, None, " "),
])  # fmt: skip
def test_a_student_is_named_with_the_district_and_nobody_is_refused(context, request_of):
    with pytest.raises(UsageError, match="FORGET_WHOM"):
        target_of(context, request_of)


def test_a_reason_names_nobody(context, years):
    with pytest.raises(UsageError, match="REASON_NAMES"):
        forget(context, Request(HOME, None, STUDENT), Order(f"asked for {STUDENT}"), as_json=False)


def test_zeros_before_an_id_do_not_count(context, years):
    target = target_of(context, Request(HOME, None, f"00{STUDENT}"))
    assert target.ids["student_id"] == {STUDENT}


@pytest.fixture
def in_postgres(
    workspace_home: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> Iterator[Context]:
    monkeypatch.setenv("ROCI_DATABASE_URL", postgres_url)
    opened = open_context()
    yield opened
    opened.database.close()


def test_it_is_so_on_postgresql_too(in_postgres, tmp_path):
    ingest(in_postgres, results(tmp_path / "first.csv"))
    ingest(in_postgres, results(tmp_path / "second.csv", year=2023))
    student(in_postgres)
    assert met(in_postgres.workspace.home, STUDENT) == []
    with nightly_lock(in_postgres):
        assert remaining(in_postgres, target_of(in_postgres, Request(HOME, 2023))) != {}
    forget(in_postgres, Request(HOME, 2023), Order(None, False, True), as_json=True)
    assert remaining(in_postgres, Target(HOME, 2023)) == {}


def test_the_command_line_reads_the_id_from_the_input(roci: Callable[..., Finished], tmp_path):
    path = results(tmp_path / "first.csv")
    assert roci("ingest", "results_csv", path, "--district", HOME).code == 0
    done = roci("forget", "--district", HOME, "--student", STUDENT, "--yes", "--json")
    assert (done.code, done.json["remaining"]) == (0, {})
    assert STUDENT not in done.said
    assert roci("forget", "--certificates").said.count("done at") == 1
    assert roci("forget").code == 2


def test_a_student_of_a_roster_goes_under_every_id_and_the_others_stay(context, years, tmp_path):
    schools = {"6990013": "Elm", "6990021": "Oak"}
    path = roster_of_schools(tmp_path / "roster.zip", "0199017", schools, "2023-08-15")
    (file,) = ingest_files(context, "oneroster", [path], HOME)
    assert load_incoming(context, file, suites=False).state == "loaded"
    request = Request(HOME, None, "u1", "sourced_id")
    assert target_of(context, request).ids == {
        "sourced_id": {"u1"}, "student_id": {"7000000001"}, "local_student_id": set()
    }  # fmt: skip
    forget(context, request, Order(None, False, True), as_json=True)
    scan = context.lake.scan_sql("student_roster")
    assert duckdb.sql(f"SELECT student_id, sourced_id FROM {scan}").fetchall() == [
        ("7000000000", "u0")
    ]
    assert met(context.workspace.home, "7000000001") == []
    assert context.raw.path(context.ledger.load(years["second"]).sha256).exists()
    assert lake(context, "SELECT count(*) FROM {lake}") == [(78,)]


def test_one_number_as_two_kinds_of_id_is_refused_until_the_kind_is_told(context, years, tmp_path):
    path = roster_of_schools(tmp_path / "roster.zip", "0199017", {"6990013": "Elm"}, "2023-08-15")
    with zipfile.ZipFile(path) as archive:
        tables = {one: archive.read(one).decode() for one in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for one, text in tables.items():
            archive.writestr(one, text.replace("u0", STUDENT))
    (file,) = ingest_files(context, "oneroster", [path], HOME)
    assert load_incoming(context, file, suites=False).state == "loaded"
    with pytest.raises(UsageError, match="AMBIGUOUS_STUDENT") as caught:
        target_of(context, Request(HOME, None, STUDENT))
    assert STUDENT not in str(caught.value)
    ids = target_of(context, Request(HOME, None, STUDENT, "student_id")).ids
    assert ids["student_id"] == {STUDENT} and not ids["sourced_id"]


def test_a_backup_takes_the_key_along_and_is_named_by_the_next_certificate(context, tmp_path):
    context.forgotten.digest(HOME, STUDENT)  # the first use makes the key
    made = back_up(context, tmp_path / "all.tar.gz", outside=True, logs=False)
    with tarfile.open(made.path) as archive:
        assert [one.name for one in archive if one.name.endswith("forgotten.key")]
    assert known_backups(context) == [str(made.path)]
