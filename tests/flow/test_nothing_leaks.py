"""No student id, name or birth date outside the places that are open to their owner only."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import duckdb
import pytest

from tests.command_line import run_roci
from tests.flow.demo_story import PRIVATE_VIEW, DemoStory
from tests.flow.leaks import People, people_of, texts_of_parquet, texts_of_sqlite

pytestmark = pytest.mark.slow

RESTRICTED = ("raw", "lake", "quarantine", "marts/restricted", "work")
RESTRICTED_FILE = "warehouse/restricted.sqlite"
# Pictures and fonts that Great Expectations ships.
SHIPPED = {".otf", ".gif", ".png", ".ico", ".svg"}
SIZES = frozenset({"size_bytes"})
BLOCKS = frozenset({"block_type", "block_schema"})


@pytest.fixture(scope="module")
def people(demo: DemoStory) -> People:
    assert demo.plan.files
    return people_of(demo.extracts)


def open_files(home: Path) -> list[Path]:
    """Every file of a workspace that others may see, wherever it is."""
    files = []
    for path in sorted(home.rglob("*")):
        place = path.relative_to(home).as_posix()
        is_restricted = place.startswith(tuple(f"{part}/" for part in RESTRICTED))
        # Files wait in landing/ as they came; the notes beside refused ones are ours.
        is_landed = place.startswith("landing/") and not place.endswith(".why.txt")
        if path.is_file() and not is_restricted and not is_landed and place != RESTRICTED_FILE:
            files.append(path)
    return files


def leaks(home: Path, people: People) -> dict[str, list[str]]:
    """Return what was found, by file; the databases and marts by their values too."""
    found: dict[str, set[str]] = {}
    for path in open_files(home):
        here = people.found_in(path.name)
        if path.suffix in (".sqlite", ".db"):
            for text in texts_of_sqlite(path, SIZES):
                here |= people.found_in(text)
        elif path.suffix == ".parquet":
            for text in texts_of_parquet(path):
                here |= people.found_in(text)
        if path.suffix not in SHIPPED and path.name != "reporting.sqlite":
            here |= people.found_in_bytes(path.read_bytes())
        if path.name == "prefect.db":
            here -= people.births & set(people.found_in(shipped_with_prefect(path)))
        if here:
            found[path.relative_to(home).as_posix()] = here
    return {place: sorted(here)[:5] for place, here in found.items()}


def shipped_with_prefect(path: Path) -> str:
    """Return the texts that Prefect itself brings: the version of an API looks like a birth."""
    return "\n".join(texts_of_sqlite(path, only_tables=BLOCKS))


def test_the_search_knows_every_student(people):
    """State ids of 6,000 students, local ids of the same, and the long file's own."""
    assert len(people.ids) > 13_000
    assert {len(one) for one in people.ids} >= {6, 7, 10}
    assert len(people.names) == 60
    assert len(people.births) > 3_000


def test_no_student_stands_in_any_open_file(demo, people):
    places = {path.relative_to(demo.home).parts[0] for path in open_files(demo.home)}
    assert {"logs", "prefect", "docs", "warehouse", "marts", "landing"} <= places
    assert leaks(demo.home, people) == {}


def test_no_student_stands_in_what_the_commands_print(demo, people):
    printed = {
        name: people.found_in(done.said)
        for name, done in demo.commands.items()
        if name != PRIVATE_VIEW
    }
    assert {name: found for name, found in printed.items() if found} == {}


@pytest.mark.parametrize("extract", ["iready*.csv", "caaspp*"], ids=["diagnostic", "state"])
def test_a_file_without_its_header_shows_nobody(extract, demo, people, tmp_path):
    whole = min(demo.extracts.rglob(extract), key=lambda path: path.name)
    home = tmp_path / "home"
    landed = home / "landing" / "0199017" / whole.name
    landed.parent.mkdir(parents=True)
    landed.write_bytes(whole.read_bytes().partition(b"\n")[2])
    done = run_roci(["run", "--engine", "direct"], {"ROCI_HOME": str(home)})
    assert "UNKNOWN_HEADER" in done.said
    assert list(home.rglob("*.why.txt"))
    assert people.found_in(done.said) == set()
    assert leaks(home, people) == {}


def test_only_the_view_of_values_shows_students(demo, people):
    shown = demo.commands[PRIVATE_VIEW]
    assert len(people.found_in(shown.out)) >= len(shown.json) > 0


@pytest.mark.parametrize("words", [
    "load=L1 student={id}", '{{"id":{id}}}', "{given} {family}", "{family}, {given}",
    "'{given}','{family}'", "{escaped}", "{upper}", "born {iso}", "born {us}", "born {bare}",
])  # fmt: skip
@pytest.mark.parametrize("place", ["logs/roci.log", "docs/index.html", "landing/refused/a.why.txt"])
def test_the_search_finds_a_planted_student(words, place, people, tmp_path):
    day = min(people.births)
    year, month, date = day.split("-")
    planted = words.format(
        id=min(people.ids), given=min(people.names), family=max(people.names),
        escaped="Pe\\u00f1aluze", upper=max(people.names).upper(), iso=day,
        us=f"{int(month)}/{int(date)}/{year}", bare=day.replace("-", ""),
    )  # fmt: skip
    path = tmp_path / place
    path.parent.mkdir(parents=True)
    path.write_text(f"an ordinary line 12:30\n{planted}\n", encoding="utf-8")
    assert leaks(tmp_path, people)


def test_the_search_finds_a_student_in_a_database_and_in_a_mart(people, tmp_path):
    (tmp_path / "prefect").mkdir()
    with sqlite3.connect(tmp_path / "prefect" / "prefect.db") as con:
        con.execute("CREATE TABLE log (message TEXT, number INTEGER)")
        con.execute("INSERT INTO log VALUES ('rows=3', ?)", [int(max(people.ids, key=len))])
    con.close()
    mart = tmp_path / "marts" / "reporting" / "mart.parquet"
    mart.parent.mkdir(parents=True)
    duckdb.sql(f"COPY (SELECT '{min(people.ids)}' AS org_id) TO '{mart}' (FORMAT parquet)")
    assert set(leaks(tmp_path, people)) == {"prefect/prefect.db", "marts/reporting/mart.parquet"}


def test_ordinary_numbers_and_dates_are_no_students(people):
    assert (
        people.found_in(
            "2026-11-21T23:17:41.410012+00:00 rows=3793 f410012ab seconds=0.410012 L20261121-0001"
        )
        == set()
    )


@pytest.mark.parametrize("folder", RESTRICTED)
def test_restricted_folders_are_open_to_their_owner_only(demo, folder):
    assert stat.S_IMODE((demo.home / folder).stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("folder", ["raw", "lake", "quarantine", "marts/restricted"])
def test_files_of_students_are_readable_by_their_owner_only(demo, folder):
    files = [path for path in (demo.home / folder).rglob("*") if path.is_file()]
    assert files
    open_to_others = [path.name for path in files if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert open_to_others == []


def test_the_restricted_database_and_the_ledger_are_readable_by_their_owner_only(demo):
    for name in ("restricted.sqlite", "ledger.sqlite"):
        mode = stat.S_IMODE((demo.home / "warehouse" / name).stat().st_mode)
        assert mode & 0o077 == 0, name
