"""A state machine that does to a workspace what people and machines do, beside a simple model.

The model is a dictionary: school year -> the file whose rows are published, and how many they are.
The marts are asked after every step. The statistical rules of a load are switched off by a site of
the machine's own, so that its file sizes may vary; what holds a load is that a partition loses half
of its rows, or that an older file would replace a newer one.
"""

from __future__ import annotations

import csv
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flows.context import Context, open_context
from flows.repair_verbs import replay_corrected
from flows.running import discard_load, run_again, run_build, run_nightly, run_release
from flows.stages import building, loading
from flows.stages.exporting import export_rows
from flows.stages.repairs import origin_of
from tests.flow.as_configured import publishing
from tests.flow.small_files import RESULTS_HEADER, results
from tests.flow.test_loads import WHOLE
from tests.soak.forge import Forge
from tests.soak.story import DISTRICT, Place
from warehouse.ledger_records import Load

YEARS = (2023, 2024)
PERSON = "Invented Person"
WRITES = st.integers(1, 400)
ALLOWED_PCT, FLOOR = 20, 0.5
SITE = (
    f"threshold: {{rejected_pct: {ALLOWED_PCT}, row_floor_pct: {100 * FLOOR:g}, "
    "row_ceiling_pct: 100000, group_shift_points: 1000, mean_shift_sd: 1000, same_rows_pct: 100}\n"
)
steps: Counter[str] = Counter()


@dataclass
class File:
    """A file that has been landed: what its rows would come to."""

    name: str
    content: bytes
    year: int
    rows: int
    bad: int
    readable: bool = True
    mended: bool = False

    @property
    def good(self) -> int:
        return self.rows - (0 if self.mended else self.bad)

    @property
    def is_refused(self) -> bool:
        return not self.readable or 100 * (self.rows - self.good) > ALLOWED_PCT * self.rows


class Published(RuleBasedStateMachine):
    """What is published is what the model says, after any sequence of steps."""

    forge: Forge

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="roci-model-"))
        self.home, site = self.folder / "home", self.folder / "site"
        publishing(site)
        (site / "sources").mkdir()
        (site / "suites").mkdir()
        (site / "sources" / "results_csv.yml").write_text(SITE, "utf-8")
        profile = "name: batch\nover: batch\nexpectations: {profile: []}\n"
        (site / "suites" / "batch.yml").write_text(profile, "utf-8")
        self.environment = {"ROCI_HOME": str(self.home), "ROCI_CONFIG": str(site)}
        self.context: Context = open_context(self.environment)
        self.files: dict[str, File] = {}
        self.waiting: list[File] = []
        self.published: dict[int, tuple[File, int]] = {}
        self.landed = 0
        self.land(YEARS[0], 20, 2, night=True)

    def teardown(self) -> None:
        if hasattr(self, "context"):
            self.context.database.close()
            shutil.rmtree(self.folder)

    # --- what arrives ----------------------------------------------------------------------------

    @rule(
        year=st.sampled_from(YEARS), rows=st.integers(4, 40),
        bad=st.sampled_from([0, 0, 0, 1, 2, 10]), night=st.booleans(),
    )  # fmt: skip
    def land(self, year: int, rows: int, bad: int, night: bool) -> None:
        """A new or corrected file of a year arrives; it replaces what was there."""
        self._land(File("", b"", year, rows, min(bad, rows)))
        if night:
            self.nightly()

    @rule(year=st.sampled_from(YEARS), how=st.sampled_from(["header", "cut", "bytes", "empty"]))
    def land_corrupt(self, year: int, how: str) -> None:
        """A file arrives that cannot be read."""
        self._land(File("", b"", year, 20, 0, readable=False), how)

    @precondition(lambda self: self.files)
    @rule(which=st.integers(0, 99), night=st.booleans())
    def land_again(self, which: int, night: bool) -> None:
        """The very same file comes again."""
        files = [file for file in self.files.values() if file.readable]
        if files and not self.waiting:
            self._put(files[which % len(files)])
            if night:
                self.nightly()

    # --- what is done ----------------------------------------------------------------------------

    @rule()
    def nightly(self) -> None:
        steps["nightly"] += 1
        run_nightly(self.context)
        self._all_taken()

    @rule(write=st.integers(20, 900), year=st.sampled_from(YEARS), rows=st.integers(4, 40))
    def crash(self, write: int, year: int, rows: int) -> None:
        """A nightly with a new file is killed at one of its writes; the next one follows."""
        steps["crash"] += 1
        self._land(File("", b"", year, rows, 0))
        self.context.database.close()
        place = Place(self.home, None, self.forge)
        config = self.environment["ROCI_CONFIG"]
        ended = place.nightly(mode="kill", site="", nth=write, config=config)
        assert ended.was_killed or ended.code in (0, 1), ended.said
        steps["crash that killed"] += ended.was_killed
        self.context = open_context(self.environment)
        self.nightly()

    @precondition(lambda self: self.files and not self.waiting)
    @rule(which=st.integers(0, 99))
    def rerun(self, which: int) -> None:
        loads = [one for one in self.context.ledger.loads("results_csv") if one.sha256]
        if loads:
            steps["rerun"] += 1
            load = loads[which % len(loads)]
            expected = self._comes_to(self._file(load), from_raw=True)
            run = run_again(self.context, [load.load_id], failed=False, code=None, engine="direct")
            assert [one.state for one in run.loads] == [expected], (run, expected)

    @precondition(lambda self: self.files and not self.waiting)
    @rule()
    def rerun_failed(self) -> None:
        steps["rerun --failed"] += 1
        run = run_again(self.context, [], failed=True, code=None, engine="direct")
        for one in run.loads:
            load = self.context.ledger.load(one.load_id)
            assert one.state == self._comes_to(self._file(load), from_raw=True), one

    @precondition(lambda self: self._held())
    @rule(which=st.integers(0, 99))
    def release(self, which: int) -> None:
        steps["release"] += 1
        load = self._held()[which % len(self._held())]
        run = run_release(self.context, load.load_id)
        assert run.loads[0].state in ("loaded", "unchanged"), run
        file = self._file(load)
        if run.loads[0].state == "loaded":
            self.published[file.year] = (file, file.good)

    @precondition(lambda self: self._held())
    @rule(which=st.integers(0, 99))
    def discard(self, which: int) -> None:
        steps["discard"] += 1
        discard_load(self.context, self._held()[which % len(self._held())].load_id)

    @precondition(lambda self: self._mendable() and not self.waiting)
    @rule(which=st.integers(0, 99))
    def repair(self, which: int) -> None:
        """Rejected rows of a live load are handed out, corrected, and taken back."""
        steps["repair"] += 1
        load = self._mendable()[which % len(self._mendable())]
        file, path = self._file(load), self._handed_out(load)
        replay_corrected(self.context, load.load_id, path, PERSON, as_json=True)
        file.mended = True
        self.published[file.year] = (file, file.good)

    # --- what is done, and cut off ---------------------------------------------------------------

    @precondition(lambda self: self.files and not self.waiting)
    @rule(which=st.integers(0, 99), write=WRITES, again=st.booleans())
    def rerun_cut_off(self, which: int, write: int, again: bool) -> None:
        """A rerun is killed at one of its writes; it is given again, or the nightly follows."""
        loads = [one for one in self.context.ledger.loads("results_csv") if one.sha256]
        if loads:
            load = loads[which % len(loads)]
            file = self._file(load)
            before, after = self.published.get(file.year), self._would_be(file)
            killed = self._cut_off("rerun", write, "rerun", load.load_id)
            if killed and again:
                run_again(self.context, [load.load_id], failed=False, code=None, engine="direct")
            self._settle(file, [after] if again or not killed else [before, after])

    @precondition(lambda self: self._held())
    @rule(which=st.integers(0, 99), write=WRITES, again=st.booleans())
    def release_cut_off(self, which: int, write: int, again: bool) -> None:
        load = self._held()[which % len(self._held())]
        file = self._file(load)
        before, after = self.published.get(file.year), (file, file.good)
        killed = self._cut_off("release", write, "release", load.load_id)
        still_held = self.context.ledger.load(load.load_id).state == "held"
        if killed and again and still_held:
            run_release(self.context, load.load_id)
        self._settle(file, [after] if again or not killed else [before, after])

    @precondition(lambda self: self._held())
    @rule(which=st.integers(0, 99), write=st.integers(1, 12), again=st.booleans())
    def discard_cut_off(self, which: int, write: int, again: bool) -> None:
        load = self._held()[which % len(self._held())]
        self._cut_off("discard", write, "discard", load.load_id)
        if again and self.context.ledger.load(load.load_id).state == "held":
            discard_load(self.context, load.load_id)
        self._settle(self._file(load), [self.published.get(self._file(load).year)])

    @precondition(lambda self: self._mendable() and not self.waiting)
    @rule(which=st.integers(0, 99), write=WRITES, again=st.booleans())
    def repair_cut_off(self, which: int, write: int, again: bool) -> None:
        load = self._mendable()[which % len(self._mendable())]
        file, path = self._file(load), self._handed_out(load)
        before = self.published.get(file.year)
        words = ("quarantine", "replay", load.load_id, str(path), "--by", PERSON)
        killed = self._cut_off("repair", write, *words)
        if killed and again:
            replay_corrected(self.context, load.load_id, path, PERSON, as_json=True)
        file.mended = bool(self.context.repairs.of_file(origin_of(load)))
        assert file.mended or (killed and not again), "a correction is lost"
        after = (file, file.good)
        self._settle(file, [after] if again or not killed else [before, after])

    def _cut_off(self, verb: str, write: int, *words: str) -> bool:
        """Give a command of which a write kills it, and return whether it did."""
        self.context.database.close()
        place = Place(self.home, None, self.forge)
        config = self.environment["ROCI_CONFIG"]
        ended = place.run(*words, mode="kill", site="", nth=write, config=config)
        self.context = open_context(self.environment)
        steps[f"{verb} cut off"] += 1
        steps[f"{verb} killed"] += ended.was_killed
        assert ended.was_killed or ended.code in (0, 1), ended.said
        return ended.was_killed

    def _settle(self, file: File, allowed: list[tuple[File, int] | None]) -> None:
        """Let a night pass; of the file's year one of the allowed is live then, in the lake too."""
        run_nightly(self.context)
        found = self._live(file.year)
        assert found in allowed, (found, allowed)
        if found is not None:
            self.published[file.year] = found

    def _live(self, year: int) -> tuple[File, int] | None:
        """Return the file whose rows are live of a year, and how many they are."""
        for part in self.context.ledger.live_partitions("student_result"):
            if part.partition == str(year):
                return self._file(self.context.ledger.load(part.load_id)), part.rows
        return None

    def _would_be(self, file: File) -> tuple[File, int] | None:
        """Return what a rerun of the file would leave published of its year."""
        before = dict(self.published)
        self._comes_to(file, from_raw=True)
        after, self.published = self.published.get(file.year), before
        return after

    @rule()
    def build_again(self) -> None:
        steps["build"] += 1
        run_build(self.context, everything=True, engine="direct")

    # --- what is seen ----------------------------------------------------------------------------

    @invariant()
    def the_marts_show_what_the_model_says(self) -> None:
        if not hasattr(self, "context"):
            return
        steps["compared"] += 1
        name = "mart_achievement_unsuppressed.parquet"
        path = self.home / "marts" / "restricted" / name
        shown: dict[int, int] = {}
        if path.exists():
            with duckdb.connect() as con:
                query = f"SELECT school_year, n_tested FROM '{path}' WHERE {WHOLE}"
                shown = dict(con.execute(query).fetchall())
        assert shown == {year: rows for year, (_, rows) in self.published.items()}

    # --- the model -------------------------------------------------------------------------------

    def _comes_to(self, file: File, *, from_raw: bool) -> str:
        """Return the state that a load of the file ends in, and publish it where it is loaded."""
        live = self.published.get(file.year)
        if file.is_refused:
            return "failed"
        if live is not None and live[0] is file and live[1] == file.good:
            return "unchanged"
        if live is not None and file.good < FLOOR * live[1]:
            return "held"
        if live is not None and from_raw and self._seen(live[0]) > self._seen(file):
            return "held"
        self.published[file.year] = (file, file.good)
        return "loaded"

    def _all_taken(self) -> None:
        for file in self.waiting:
            self._comes_to(file, from_raw=False)
        self.waiting = []

    def _land(self, file: File, how: str = "") -> None:
        self.landed += 1
        path = self.folder / f"results_{self.landed}.csv"
        header = RESULTS_HEADER.replace("ssid", "pupil") if how == "header" else RESULTS_HEADER
        results(
            path, file.rows, year=file.year, score=2001 + self.landed % 999, bad_rows=file.bad,
            header=header,
        )  # fmt: skip
        content = path.read_bytes()
        if how == "cut":
            content = content[:-20]
        elif how == "bytes":
            content = b"\x00\xff" * 50 + bytes([self.landed % 256])
        elif how == "empty":
            content = b""
        file.name, file.content = path.name, content
        path.unlink()
        self._put(file)

    def _put(self, file: File) -> None:
        import hashlib

        steps["land"] += 1
        self.landed += 1
        folder = self.context.workspace.landing / DISTRICT
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file.name).write_bytes(file.content)
        os.utime(folder / file.name, (1_700_000_000 + self.landed,) * 2)
        self.files[hashlib.sha256(file.content).hexdigest()] = file
        self.waiting.append(file)

    def _file(self, load: Load) -> File:
        return self.files[load.sha256 or ""]

    def _seen(self, file: File) -> Any:
        import hashlib

        raw = self.context.ledger.raw(hashlib.sha256(file.content).hexdigest())
        assert raw is not None
        return raw.first_seen_at

    def _held(self) -> list[Load]:
        return [] if self.waiting else self.context.ledger.loads("results_csv", state="held")

    def _handed_out(self, load: Load) -> Path:
        """Return a spreadsheet of a load's rejected rows, as a person has corrected it."""
        self.landed += 1
        target = self.folder / f"{load.load_id}.{self.landed}.csv"
        path, _ = export_rows(self.context, load.load_id, target, understood=True)
        _correct(path)
        return path

    def _mendable(self) -> list[Load]:
        """Return live loads of which rows are rejected."""
        live = {part.load_id for part in self.context.ledger.live_partitions("student_result")}
        loads = [self.context.ledger.load(load_id) for load_id in sorted(live)]
        return [one for one in loads if self._file(one).bad and not self._file(one).mended]


def _correct(path: Path) -> None:
    """Give every row of an export a gender, as a person would."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        header, *rows = csv.reader(stream)
    for row in rows:
        row[header.index("gender")] = "F"
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def without_suites(monkeypatch: Any) -> None:
    """Leave out the suites of Great Expectations in this process: they take most of the time."""
    monkeypatch.setattr(loading, "check_batch", lambda *_: None)
    monkeypatch.setattr(building, "_check", lambda *_: None)
    from flows.stages import protecting
    from tests.soak.forge import AtOnce

    monkeypatch.setattr(protecting, "ProcessPoolExecutor", AtOnce)
