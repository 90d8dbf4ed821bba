"""Takes spoilt files in as a nightly does and says what is not as it must be."""

from __future__ import annotations

import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from configs.errors import FileRefused, LoadHeld
from flows.context import Context
from flows.outcome import LoadOutcome
from flows.stages.intake import ingest_files, leave_archives, take_in
from flows.stages.loading import load_incoming
from tests.samples.loading import file_name
from tests.soak.mutations import spoilt_file

UNCLAIMED = ("NO_SOURCE", "AMBIGUOUS_SOURCE")
DISTRICT = "0199017"


@dataclass
class Fates:
    """What became of spoilt files."""

    files: int = 0
    sources: set[str] = field(default_factory=set)
    states: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def told(self, seed: int) -> str:
        """Return one line of figures."""
        return (
            f"soak=mutations seed={seed} files={self.files} sources={len(self.sources)} "
            f"faults={len(self.faults)} states={dict(self.states)} codes={dict(self.codes)}"
        )


class Fuzzer:
    """Takes one spoilt file after the other into one workspace."""

    def __init__(self, context: Context, seed: int, fates: Fates) -> None:
        self.context = context
        self.seed = seed
        self.fates = fates

    def take(self, number: int) -> None:
        """Take in the file of that number, through landing/ or by its source's name."""
        reading, ending, content, done = spoilt_file(number, self.seed)
        told = f"file {number} of seed {self.seed} ({reading}, {done})"
        self.fates.files += 1
        self.fates.sources.add(reading.source.name)
        landed = self.context.workspace.landing / DISTRICT / self._name(reading.source, ending)
        landed.parent.mkdir(parents=True, exist_ok=True)
        landed.write_bytes(content)
        suites = number % 25 == 0
        try:
            outcomes = self._nightly(suites)
            if all(one.code in UNCLAIMED for one in outcomes):
                outcomes = self._ingested(reading.source.name, landed.name, content, suites)
        except Exception as error:
            self._fault(told, "".join(traceback.format_exception(error)[-6:]))
            landed.unlink(missing_ok=True)
            return
        if not outcomes:
            self._fault(told, "no outcome at all")
        if landed.exists():
            self._fault(told, "it is still in landing/")
        for one in outcomes:
            self._judge(told, one)

    def _name(self, source, ending: str) -> str:
        stem = file_name(source).rsplit(".", 1)
        return f"{stem[0]}{ending}" if ending != ".csv" else ".".join(stem)

    def _nightly(self, suites: bool) -> list[LoadOutcome]:
        taken = take_in(self.context)
        loaded = [load_incoming(self.context, one, suites=suites) for one in taken.incoming]
        leave_archives(self.context, taken)
        return [*taken.refused, *loaded]

    def _ingested(self, source: str, name: str, content: bytes, suites: bool) -> list[LoadOutcome]:
        path = self.context.workspace.work / name
        path.write_bytes(content)
        try:
            incoming = ingest_files(self.context, source, [path], DISTRICT)
            return [load_incoming(self.context, one, suites=suites) for one in incoming]
        except (FileRefused, LoadHeld) as refused:
            return [LoadOutcome("", source, name, "failed", refused.code, str(refused))]
        finally:
            path.unlink()

    def _judge(self, told: str, one: LoadOutcome) -> None:
        self.fates.states[one.state] += 1
        if one.code is not None:
            self.fates.codes[one.code] += 1
        if one.state not in ("loaded", "unchanged", "held", "failed"):
            self._fault(told, f"state {one.state}")
        if one.state in ("held", "failed"):
            self._judge_code(told, one)
        if one.received != one.loaded + one.quarantined + one.set_aside:
            self._fault(told, f"{one.received} rows in, {one}")
        for step in self.context.ledger.steps(one.load_id) if one.load_id else []:
            out = step.rows_out + step.rows_rejected + step.rows_set_aside
            if step.rows_in + step.rows_made != out:
                self._fault(told, f"step {step}")

    def _judge_code(self, told: str, one: LoadOutcome) -> None:
        if one.code == "UNEXPECTED" or one.code not in self.context.catalogue.codes:
            self._fault(told, f"code {one.code}: {one.message}")
        words = one.message or ""
        if not all(part in words for part in ("found:", "expected:", "to do:")):
            self._fault(told, f"no four parts: {words}")
        if "Traceback" in words:
            self._fault(told, words)

    def _fault(self, told: str, what: str) -> None:
        self.fates.faults.append(f"{told}: {what}")
        print(self.fates.faults[-1], flush=True)  # noqa: T201 - a soak may run for hours


def fuzz(folder: Path, numbers: range, seed: int, fates: Fates) -> None:
    """Take spoilt files into a workspace of their own."""
    from flows.context import open_context

    context = open_context({"ROCI_HOME": str(folder)})
    try:
        fuzzer = Fuzzer(context, seed, fates)
        for number in numbers:
            fuzzer.take(number)
    finally:
        context.database.close()
