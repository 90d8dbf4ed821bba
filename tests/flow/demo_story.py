"""The demonstration played through once, as a person would, for every test that looks at it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock

from flows.context import Context, open_context
from flows.demo import DemoPlan, write_demo
from tests.command_line import Finished, run_roci
from warehouse.ledger_records import Load

PRIVATE_VIEW = "values"


@dataclass(frozen=True)
class DemoStory:
    """A workspace after the demonstration, and each command that was typed, by a name."""

    home: Path
    commands: dict[str, Finished]
    marts_before: dict[str, str]
    marts_after: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """Return the settings under which the demonstration's commands are typed."""
        return settings_of(self.home)

    @property
    def extracts(self) -> Path:
        """Return a folder with the very files that the demonstration took in."""
        return self.home.parent / "extracts"

    @cached_property
    def plan(self) -> DemoPlan:
        """Return what was planted in the extracts."""
        return write_demo(self.extracts)

    @cached_property
    def context(self) -> Context:
        """Return the opened workspace."""
        return open_context(self.environment)

    @cached_property
    def demo_loads(self) -> list[Load]:
        """Return the loads of the demonstration itself, without what was typed after it."""
        later = {load["load_id"] for load in self.commands["release"].json["loads"]}
        return [one for one in self.context.ledger.loads() if one.load_id not in later]

    def load_of(self, path: str) -> Load:
        """Return the load of a file under landing/, by folder and name."""
        folder, _, name = path.rpartition("/")
        (found,) = [
            load
            for load in self.demo_loads
            if load.file_name == name and (load.district_id or "") == folder
        ]
        return found


def settings_of(home: Path) -> dict[str, str]:
    return {"ROCI_HOME": str(home), "ROCI_CONFIG": str(home / "demo-config")}


def told_once(shared: Path) -> DemoStory:
    """Play the demonstration unless another worker has, and return what became of it."""
    home, record = shared / "demo" / "home", shared / "demo" / "story.json"
    record.parent.mkdir(exist_ok=True)
    with FileLock(shared / "demo.lock"):
        if not record.exists():
            record.write_text(json.dumps(_play(home)), encoding="utf-8")
    told: dict[str, Any] = json.loads(record.read_text(encoding="utf-8"))
    commands = {
        name: Finished(**{**one, "words": tuple(one["words"])})
        for name, one in told["commands"].items()
    }
    return DemoStory(home, commands, told["before"], told["after"])


def _play(home: Path) -> dict[str, Any]:
    """Type every command in order; the later ones must change nothing."""
    commands = {"demo": run_roci(["demo"], {"ROCI_HOME": str(home)}, fresh=True)}

    def type_in(name: str, *words: str) -> Finished:
        commands[name] = run_roci(words, settings_of(home))
        return commands[name]

    type_in("status", "status", "--json")
    loads = type_in("loads", "loads", "--json").json
    before = contents(home)
    loaded = _first(loads, ["loaded"], quarantined=True)
    held = _first(loads, ["held"])
    type_in("second run", "run")
    type_in("rerun", "rerun", loaded)
    type_in("status in words", "status")
    type_in("sources", "sources", "list", "--json")
    type_in("quarantine", "quarantine", "list", "--json")
    type_in("quarantined", "quarantine", "show", loaded, "--json")
    type_in(PRIVATE_VIEW, "quarantine", "show", loaded, "--values", "--json")
    type_in("explain json", "explain", loaded, "--json")
    type_in("explain loaded", "explain", loaded)
    type_in("explain held", "explain", held)
    type_in("demo again", "demo")
    type_in("release", "release", held, "--json")
    return {
        "commands": {name: asdict(one) for name, one in commands.items()},
        "before": before,
        "after": contents(home),
    }


def contents(home: Path) -> dict[str, str]:
    """Return what tells one publication from the next: name -> its file's change time and size."""
    marts = [*(home / "marts").rglob("*.*"), *(home / "warehouse").glob("re*.sqlite")]
    return {
        path.relative_to(home).as_posix(): f"{path.stat().st_mtime_ns} {path.stat().st_size}"
        for path in sorted(marts)
    }


def _first(loads: Sequence[dict[str, Any]], states: list[str], quarantined: bool = False) -> str:
    return next(
        str(load["load_id"])
        for load in loads
        if load["state"] in states and (load["rows_quarantined"] or not quarantined)
    )
