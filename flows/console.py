"""How a run shows itself: tables and progress on a terminal, lines in a log, JSON on request."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from flows.context import Context
    from flows.outcome import LoadOutcome, RunOutcome
    from warehouse.workspace import Workspace


class DayLog(logging.FileHandler):
    """The log of the day: where it cannot be written that is said once, and the work goes on."""

    _told = False

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line, or say that there is no room for it."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        """Say once what is wrong: the library would print the whole stack for every line."""
        if not self._told:
            self._told = True
            cause = sys.exc_info()[1]
            words = getattr(cause, "strerror", None) or type(cause).__name__
            sys.stderr.write(f"the log {self.baseFilename} cannot be written: {words}\n")


def start_logging(workspace: Workspace) -> None:
    """Write one line a stage, counts and ids only, into the workspace's log of the day."""
    logger = logging.getLogger("roci")
    if any(isinstance(handler, logging.FileHandler) for handler in logger.handlers):
        return
    path = workspace.logs / f"roci-{datetime.now(UTC).date().isoformat()}.log"
    handler = DayLog(path, encoding="utf-8", delay=True)
    handler.setFormatter(
        logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    )
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)


@contextmanager
def progress(total: int, words: str) -> Iterator[Any]:
    """Yield a callable to be called with a label at each step; a bar on a terminal, else silent."""
    if not sys.stderr.isatty() or total == 0:
        yield lambda label="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(words, total=total)
        yield lambda label="": bar.update(task, advance=1, description=f"{words} {label}")


def show_records(records: Sequence[dict[str, Any]], as_json: bool, empty: str = "none") -> None:
    """Print records as a table, or as a JSON list."""
    if as_json:
        typer.echo(json.dumps(list(records), default=str, indent=2))
        return
    if not records:
        typer.echo(empty)
        return
    typer.echo(as_table(records))


def as_table(records: Sequence[dict[str, Any]]) -> str:
    """Return records as aligned text columns, numbers to the right.

    >>> print(as_table([{"code": "A", "rows": 1}, {"code": "BC", "rows": 10}]))
    code  rows
    A        1
    BC      10
    """
    names = list(records[0])
    cells = [[_cell(record.get(name)) for name in names] for record in records]
    widths = [max(len(n), *(len(row[i]) for row in cells)) for i, n in enumerate(names)]
    numeric = [all(_is_number(record.get(name)) for record in records) for name in names]

    def line(values: Sequence[str]) -> str:
        padded = (
            value.rjust(width) if right else value.ljust(width)
            for value, width, right in zip(values, widths, numeric, strict=True)
        )
        return "  ".join(padded).rstrip()

    return "\n".join([line(names), *(line(row) for row in cells)])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def show_run(run: RunOutcome, context: Context, as_json: bool) -> None:
    """Print what a run came to, why anything stopped, and what to type next."""
    if as_json:
        build = run.build.as_record() if run.build else None
        record = {
            "loads": [load.as_record() for load in run.loads],
            "fetches": [fetch.as_record() for fetch in run.fetches],
            "again": [asdict(again) for again in run.again],
            "build": build,
        }
        typer.echo(json.dumps(record, default=str, indent=2))
        return
    for again in run.again:
        typer.echo(again.words)
    for fetch in run.fetches:
        typer.echo(fetch.message or f"fetched from {fetch.remote}: {fetch.files} new files")
    if run.loads:
        typer.echo(as_table([_run_line(load) for load in run.loads]))
    elif run.build is None or run.build.state == "unchanged":
        typer.echo("nothing new")
    for load in run.loads:
        if load.needs_attention:
            typer.echo(f"\n{load.load_id} {load.state}: {load.message}")
            typer.echo(f"  next:     roci explain {load.load_id}")
    _show_build(run, context)


def _run_line(load: LoadOutcome) -> dict[str, Any]:
    return {
        "load": load.load_id,
        "source": load.source,
        "file": load.file_name,
        "state": load.state + (f" ({load.code})" if load.code else ""),
        "received": load.received,
        "loaded": load.loaded,
        "quarantined": load.quarantined,
        "set aside": load.set_aside,
        "seconds": round(load.seconds, 1),
    }


def _show_build(run: RunOutcome, context: Context) -> None:
    build = run.build
    if build is None:
        return
    if build.needs_attention:
        typer.echo(f"\nmarts {build.state}: {build.message}")
    elif build.state == "unchanged":
        typer.echo("\nmarts: unchanged")
    elif build.state == "waiting":
        typer.echo("\nmarts: nothing is published, what has changed waits")
    else:
        rows = ", ".join(f"{name} {count:,}" for name, count in sorted(build.marts.items()))
        typer.echo(f"\nmarts published ({build.publication_id}, {build.seconds:.1f} s): {rows}")
        typer.echo(f"  in {context.workspace.marts_reporting} and {context.workspace.docs}")
    if build.waiting:
        _show_waiting(context)


def _show_waiting(context: Context) -> None:
    from flows.waiting import waiting_lines, waiting_records

    for line in waiting_lines(waiting_records(context)):
        typer.echo(f"  {line}")
