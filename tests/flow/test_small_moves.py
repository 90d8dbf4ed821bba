"""Two publications do not tell what one record changed: what moves by few students waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.errors import UsageError
from configs.models import EmbargoRule
from flows.context import Context
from flows.embargo import set_rule
from flows.forget_told import Order, forget
from flows.morning import status_lines, status_of
from flows.notifying import news_of
from flows.outcome import BuildOutcome
from flows.running import run_build, run_ingest, run_release
from flows.stages import building
from flows.stages.forget_target import Request
from flows.waiting import release_moves
from tests.flow.as_configured import Opened, opened_again
from tests.flow.small_files import EACH_LEVEL, RESULTS_HEADER, results
from tests.flow.two_districts import in_sql, rows_of
from warehouse.ledger import Ledger
from warehouse.publish import Publisher

DISTRICT = "0199017"
YEARS = (2023, 2024)


@pytest.fixture
def opened(workspace_home: Path, tmp_path, monkeypatch) -> Iterator[Opened]:
    """Open a workspace with the site's configuration as it is now; nothing is said of moves."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.setenv("ROCI_CONFIG", str(site))
    with opened_again() as opens:
        yield opens


@pytest.fixture
def waiting(opened: Opened) -> Context:
    """A workspace whose small moves wait, as shipped."""
    return opened()


def load(context: Context, path: Path) -> BuildOutcome:
    run = run_ingest(context, "results_csv", [path], district=DISTRICT, engine="direct")
    assert [one.state for one in run.loads] == ["loaded"], run.loads
    return run.build


def file(tmp_path: Path, name: str, rows: int = 80, *, year: int = 2024, header=None) -> Path:
    """Write a year's file; no two years are alike, or the second would be held as the first."""
    return results(
        tmp_path / f"{name}.csv", rows, level=EACH_LEVEL, year=year, score=score_of(year),
        header=header or RESULTS_HEADER,
    )  # fmt: skip


def score_of(year: int) -> int:
    return 2500 + 10 * (year - 2024)


def corrected(tmp_path: Path, name: str, *, year: int = 2024, score: int = 2900) -> Path:
    """Write the file of that year with another score of one student."""
    path = file(tmp_path, name, year=year)
    lines = path.read_text().splitlines()
    assert lines[1].endswith(f"{score_of(year)},1")
    lines[1] = lines[1].replace(f"{score_of(year)},1", f"{score},1")
    path.write_text("\n".join(lines) + "\n")
    return path


def numbers(context: Context, year: int) -> list[tuple]:
    """Return what readers are shown of a year in Parquet; the same must stand in SQL."""
    path = context.publisher.path("mart_achievement", "reporting")
    what = "org_level, org_id, grade, ethnicity, el_status, gender, n_tested, mean_scale_score"
    found = rows_of(path, what, f"school_year = {year} AND NOT suppressed")
    sql = in_sql(
        context,
        f"SELECT count(*), sum(n_tested), sum(mean_scale_score) FROM mart_achievement "
        f"WHERE school_year = {year} AND n_tested IS NOT NULL",
    )
    sums = rows_of(
        path, "count(*), sum(n_tested), sum(mean_scale_score)",
        f"school_year = {year} AND n_tested IS NOT NULL",
    )  # fmt: skip
    assert [[float(one or 0) for one in row] for row in sql] == [
        [float(one or 0) for one in row] for row in sums
    ]
    return found


def exact_mean(context: Context, year: int) -> float:
    """Return the restricted mean of all students of a year."""
    path = context.publisher.path("student_result", "restricted")
    return float(rows_of(path, "avg(scale_score)", f"school_year = {year}")[0][0])


def two_years(context: Context, tmp_path: Path) -> None:
    for year in YEARS:
        assert load(context, file(tmp_path, f"first_{year}", year=year)).state == "published"


def test_where_the_site_says_so_one_corrected_record_is_published_at_once(
    publishing, context, tmp_path
):
    two_years(context, tmp_path)
    before = numbers(context, 2024)
    outcome = load(context, corrected(tmp_path, "again"))
    assert (outcome.state, outcome.waiting) == ("published", ())
    assert numbers(context, 2024) != before
    assert status_of(context)["small_moves"] == []


def test_one_corrected_record_waits_and_what_was_published_stands(waiting, tmp_path):
    two_years(waiting, tmp_path)
    shown, before = waiting.publisher.shown(), numbers(waiting, 2024)
    outcome = load(waiting, corrected(tmp_path, "again"))
    assert (outcome.state, outcome.waiting) == ("waiting", ("results_csv|2024",))
    assert not outcome.needs_attention
    assert waiting.publisher.shown() == shown
    assert numbers(waiting, 2024) == before
    assert exact_mean(waiting, 2024) == 2500.0


def test_the_other_slices_are_published_beside_one_that_waits(waiting, tmp_path):
    two_years(waiting, tmp_path)
    before = numbers(waiting, 2024)
    load(waiting, corrected(tmp_path, "again"))
    outcome = load(waiting, file(tmp_path, "new", year=2022))
    assert (outcome.state, outcome.waiting) == ("published", ("results_csv|2024",))
    assert len(numbers(waiting, 2022)) > 10
    assert numbers(waiting, 2024) == before
    assert exact_mean(waiting, 2024) == 2500.0
    last = waiting.ledger.last_publication()
    assert last.publication_id == waiting.publisher.shown() == outcome.publication_id
    assert numbers(waiting, 2024) == before


def test_a_school_that_a_waiting_file_has_no_more_keeps_its_row(waiting, tmp_path):
    first, again = file(tmp_path, "first"), file(tmp_path, "again")
    lines = first.read_text().splitlines()
    lines += [line.replace("6990013", "6990039").replace(",900", ",800") for line in lines[1:6:2]]
    first.write_text("\n".join(lines) + "\n")
    load(waiting, first)
    assert load(waiting, again).waiting == ("results_csv|2024",)
    outcome = load(waiting, file(tmp_path, "next", year=2025))
    assert (outcome.state, outcome.waiting) == ("published", ("results_csv|2024",))
    schools = rows_of(waiting.publisher.path("dim_school", "reporting"), "school_year, school_id")
    assert [one for one in schools if one[1].endswith("6990039")] == [
        (2024, "0199017/6990039")
    ]  # fmt: skip


def test_status_says_what_waits_since_when_and_what_to_type(waiting, tmp_path):
    two_years(waiting, tmp_path)
    load(waiting, corrected(tmp_path, "again"))
    (one,) = status_of(waiting)["small_moves"]
    assert (one["assessment"], one["school_year"]) == ("results_csv", 2024)
    assert one["cells"] > 0 and one["since"] is not None
    (line,) = [line for line in status_lines(status_of(waiting)) if "SMALL_MOVES" in line]
    assert line.startswith(f"waiting: results_csv 2024 as published since {one['since']:%Y-%m-%d}")
    assert line.endswith("-> roci marts release results_csv --year 2024")
    load(waiting, file(tmp_path, "new", year=2021))
    (later,) = status_of(waiting)["small_moves"]
    assert (later["since"], later["cells"]) == (one["since"], one["cells"])
    (news,) = news_of(waiting, BuildOutcome(None, "waiting"))
    assert news.kind == "small_moves" and "results_csv 2024" in news.line


def test_what_is_released_is_published_and_who_said_so_is_on_record(waiting, tmp_path, monkeypatch):
    monkeypatch.setattr("flows.waiting.getuser", lambda: "maria")
    two_years(waiting, tmp_path)
    before = numbers(waiting, 2024)
    load(waiting, corrected(tmp_path, "again"))
    outcome = release_moves(waiting, "results_csv", 2024, everything=False).build
    assert (outcome.state, outcome.waiting) == ("published", ())
    assert numbers(waiting, 2024) != before
    assert exact_mean(waiting, 2024) == 2505.0
    assert status_of(waiting)["small_moves"] == []
    checks = waiting.ledger.checks(outcome.publication_id)
    (told,) = [check for check in checks if check.suite == "moves"]
    assert (told.name, told.severity, told.expected) == ("results_csv|2024", "release", "maria")
    assert run_build(waiting, everything=False, engine="direct").build.state == "unchanged"
    with pytest.raises(UsageError, match="NOT_WAITING"):
        release_moves(waiting, "results_csv", 2024, everything=False)


def test_a_release_lets_no_later_move_through(waiting, tmp_path):
    two_years(waiting, tmp_path)
    load(waiting, corrected(tmp_path, "again"))
    release_moves(waiting, "results_csv", 2024, everything=False)
    outcome = load(waiting, corrected(tmp_path, "once_more", score=2100))
    assert outcome.waiting == ("results_csv|2024",)


def test_a_move_of_enough_students_asks_nobody(waiting, tmp_path):
    two_years(waiting, tmp_path)
    more = file(tmp_path, "more", 240)
    held = run_ingest(waiting, "results_csv", [more], district=DISTRICT, engine="direct")
    assert held.loads[0].code == "ROW_COUNT_SHIFT"
    outcome = run_release(waiting, held.loads[0].load_id).build
    assert (outcome.state, outcome.waiting) == ("published", ())
    assert status_of(waiting)["small_moves"] == []


def test_a_new_slice_never_waits(waiting, tmp_path):
    assert load(waiting, file(tmp_path, "first", year=2023)).state == "published"
    load(waiting, corrected(tmp_path, "again", year=2023))
    outcome = load(waiting, file(tmp_path, "next", year=2024))
    assert (outcome.state, outcome.waiting) == ("published", ("results_csv|2023",))
    assert len(numbers(waiting, 2024)) > 10


def test_what_looks_back_on_a_slice_that_waits_waits_with_it(waiting, tmp_path):
    two_years(waiting, tmp_path)
    outcome = load(waiting, corrected(tmp_path, "again", year=2023))
    assert outcome.waiting == ("results_csv|2023", "results_csv|2024")
    growth = waiting.publisher.path("mart_growth", "reporting")
    before = rows_of(growth, "*")
    with pytest.raises(UsageError, match="WAITS_BEHIND"):
        release_moves(waiting, "results_csv", 2024, everything=False)
    assert rows_of(growth, "*") == before
    outcome = release_moves(waiting, "results_csv", 2023, everything=False).build
    assert (outcome.state, outcome.slices_built) == ("published", 2)


def test_a_correction_that_is_taken_back_waits_no_more(waiting, tmp_path):
    two_years(waiting, tmp_path)
    load(waiting, corrected(tmp_path, "again"))
    outcome = load(waiting, file(tmp_path, "back", header=f"{RESULTS_HEADER} "))
    assert (outcome.state, outcome.waiting) in {("published", ()), ("unchanged", ())}
    assert status_of(waiting)["small_moves"] == []


def test_twice_is_the_same_and_everything_anew_too(waiting, tmp_path):
    two_years(waiting, tmp_path)
    before = numbers(waiting, 2024)
    first = load(waiting, corrected(tmp_path, "again"))
    again = run_build(waiting, everything=False, engine="direct").build
    assert (again.state, again.publication_id) == ("waiting", first.publication_id)
    whole = run_build(waiting, everything=True, engine="direct").build
    assert whole.waiting == first.waiting
    assert numbers(waiting, 2024) == before
    after = run_build(waiting, everything=False, engine="direct").build
    assert after.waiting == first.waiting
    assert numbers(waiting, 2024) == before


@pytest.mark.parametrize("killed", [(Publisher, "publish"), (Ledger, "record_publication")])
def test_killed_between_it_waits_all_the_same(waiting, tmp_path, monkeypatch, killed):
    two_years(waiting, tmp_path)
    before = numbers(waiting, 2024)
    load(waiting, corrected(tmp_path, "again"))

    def kill(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(*killed, kill)
        with pytest.raises(KeyboardInterrupt):
            load(waiting, file(tmp_path, "new", year=2022))
    assert numbers(waiting, 2024) == before
    outcome = run_build(waiting, everything=False, engine="direct").build
    assert outcome.waiting == ("results_csv|2024",)
    assert len(numbers(waiting, 2022)) > 10
    assert numbers(waiting, 2024) == before
    (one,) = status_of(waiting)["small_moves"]
    assert one["school_year"] == 2024
    release_moves(waiting, "results_csv", 2024, everything=False)
    assert exact_mean(waiting, 2024) == 2505.0


def test_an_embargo_waits_for_nobody(opened, tmp_path):
    context = opened()
    two_years(context, tmp_path)
    load(context, corrected(tmp_path, "again"))
    rule = {"assessment": "results_csv", "school_year": 2024, "state": "reviewing"}
    set_rule(context, EmbargoRule(**rule))
    outcome = run_build(opened(), everything=False, engine="direct").build
    assert (outcome.state, outcome.waiting) == ("published", ())
    assert numbers(context, 2024) == []


def test_a_forgetting_waits_for_nobody(waiting, tmp_path):
    two_years(waiting, tmp_path)
    load(waiting, corrected(tmp_path, "again"))
    student = Request(DISTRICT, None, "9000000001")
    assert forget(waiting, student, Order(None, True, True), as_json=True) == 0
    path = waiting.publisher.path("student_result", "restricted")
    assert rows_of(path, "DISTINCT school_year, count(*)", "true GROUP BY ALL") == [
        (2023, 79), (2024, 79),
    ]  # fmt: skip
    assert rows_of(path, "*", "student_id = '9000000001'") == []
    assert status_of(waiting)["small_moves"] == []


def test_marts_of_other_columns_hold_everything_until_a_person_decides(
    waiting, tmp_path, monkeypatch
):
    two_years(waiting, tmp_path)
    before = numbers(waiting, 2024)
    monkeypatch.setattr("flows.stages.small_moves._of_other_columns", lambda *_: {"mart_gap"})
    outcome = load(waiting, corrected(tmp_path, "again"))
    assert (outcome.state, outcome.code) == ("held", "SMALL_MOVES")
    assert numbers(waiting, 2024) == before
    assert status_of(waiting)["held_publication"]["next"] == "roci marts release --all"
    assert release_moves(waiting, None, None, everything=True).build.state == "published"
    assert numbers(waiting, 2024) != before


def test_a_lost_mart_is_no_mart_to_keep_from(waiting, tmp_path):
    two_years(waiting, tmp_path)
    waiting.publisher.path("mart_gap", "reporting").unlink()
    outcome = load(waiting, corrected(tmp_path, "again"))
    assert (outcome.state, outcome.code) == ("held", "SMALL_MOVES")
    assert "mart_gap" in outcome.message


def test_without_a_choice_the_release_asks_for_one(waiting):
    for given in ((None, None, False), ("star", None, False), ("star", 2024, True)):
        with pytest.raises(UsageError, match="NOTHING_CHOSEN"):
            release_moves(waiting, *given[:2], everything=given[2])


def test_the_verbs_say_it(roci, workspace_home, tmp_path):
    first, again = file(tmp_path, "first"), corrected(tmp_path, "again")
    assert roci("ingest", "results_csv", first).code == 0
    said = roci("ingest", "results_csv", again)
    assert said.code == 0 and "nothing is published, what has changed waits" in said.out
    assert "roci marts release results_csv --year 2024" in said.out
    listed = roci("marts", "waiting").out
    assert "results_csv  2024" in listed and "SMALL_MOVES" in listed
    assert "roci marts release ASSESSMENT --year YEAR" in listed
    assert roci("marts", "waiting", "--json").json[0]["cells"] > 0
    assert roci("marts", "release", "results_csv", "--year", "2023").code == 2
    assert roci("marts", "release", "results_csv", "--year", "2024").code == 0
    assert roci("marts", "waiting").out == "nothing waits\n"


def test_what_is_published_is_attacked_and_nothing_else(waiting, tmp_path, monkeypatch):
    two_years(waiting, tmp_path)
    checked: list[tuple[str, ...]] = []
    require = building.require_nothing_follows
    monkeypatch.setattr(
        building,
        "require_nothing_follows",
        lambda context, folder, exact, slices: (
            checked.append(tuple(slices)), require(context, folder, exact, slices)
        ),
    )  # fmt: skip
    load(waiting, corrected(tmp_path, "again"))
    load(waiting, file(tmp_path, "new", year=2022))
    assert checked == [("results_csv|2022", "results_csv|2023")]  # which looks back on it
