"""What the verbs about sources print."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from configs.catalogue import load_catalogue
from configs.errors import listed
from configs.source_models import Layout
from flows.console import as_table, show_records
from flows.context import Context
from flows.given_files import require_files

if TYPE_CHECKING:
    from flows.drafting import Drafted, Request
    from flows.mapping import Mapping
    from flows.stages.trial import Trial
    from warehouse.ledger_records import Load


def show_sources(context: Context, *, as_json: bool) -> int:
    """Print the catalogue of sources: tables, layouts with their years, files, last loads."""
    last: dict[str, Load] = {}
    for load in context.ledger.loads():  # the newest first
        last.setdefault(load.source, load)
    records = [
        {
            "source": source.name,
            "title": source.title,
            "table": source.table,
            "layouts": [_layout_words(layout) for layout in source.layouts],
            "files": source.file_names,
            **_last_load(last.get(source.name)),
        }
        for source in context.catalogue.sources.values()
    ]
    unfinished = unfinished_sources(context)
    if as_json:
        show_records([*records, *unfinished], as_json)
    else:
        lines = [*map(_source_words, records), *map(unfinished_line, unfinished)]
        typer.echo("\n".join(lines))
    return 0


def unfinished_sources(context: Context) -> list[dict[str, Any]]:
    """Return how many values of each source that is left out are still to be set."""
    catalogue = context.catalogue
    return [
        {
            "source": name,
            "state": "unfinished",
            "to_set": len(words),
            "files_wait": name in catalogue.drafts,
        }
        for name, words in catalogue.unfinished.items()
    ]


def unfinished_line(record: dict[str, Any]) -> str:
    """Return the line about a source that is left out.

    >>> unfinished_line({"source": "quill", "to_set": 2, "files_wait": True})
    'quill: unfinished, 2 to be set; its files wait in landing/  -> roci check'
    """
    waiting = "; its files wait in landing/" if record["files_wait"] else ""
    return f"{record['source']}: unfinished, {record['to_set']} to be set{waiting}  -> roci check"


def _source_words(record: dict[str, Any]) -> str:
    """Return what is told of a source in four lines."""
    loaded = f"{record['last_load']} {record['state']}, {record['finished_at'] or 'not ended'}"
    lines = (
        f"{record['source']}: {record['title']} ({record['table']})",
        f"layouts: {', '.join(record['layouts'])}",
        f"files: {', '.join(record['files'])}",
        f"last load: {loaded if record['last_load'] else 'none'}",
    )
    return "\n  ".join(lines)


def _last_load(load: Load | None) -> dict[str, Any]:
    return {
        "last_load": load.load_id if load else None,
        "finished_at": load.finished_at if load else None,
        "state": load.state if load else None,
    }


def _layout_words(layout: Layout) -> str:
    """Return a layout's name with its years.

    >>> _layout_words(Layout(name="new", citation="-", header=["id"], years=(2024, None)))
    'new (2024-)'
    """
    first, last = layout.years
    if first is None and last is None:
        return layout.name
    years = str(first) if first == last else f"{first or ''}-{last or ''}"
    return f"{layout.name} ({years})"


def show_source_check(
    context: Context, name: str, sample: Path, district: str | None, *, as_json: bool
) -> int:
    """Print what would become of every column and code of a sample, loading nothing."""
    from flows.stages.trial import try_sample

    require_files([sample], "--sample")
    trial = try_sample(context, context.catalogue.source(name), sample, district)
    if as_json:
        typer.echo(json.dumps(asdict(trial), default=str, indent=2))
    else:
        _show_trial(trial, name)
    return 0


def _show_trial(trial: Trial, name: str) -> None:
    years = ", ".join(map(str, trial.years)) or "none"
    typer.echo(
        f"layout {trial.layout}; {trial.form}, {trial.encoding}; school years: {years}\n"
        f"{trial.rows:,} rows, {trial.rejected:,} would be rejected"
    )
    for title, records in (
        ("columns", trial.columns),
        ("codes", [_code_line(one) for one in trial.codes]),
        ("partitions", [_partition_line(one) for one in trial.partitions]),
        ("rows by reason", trial.reasons),
    ):
        if records:
            typer.echo(f"\n{title}\n{as_table(records)}")
    unknown = [one for one in trial.codes if one["unknown"] and one["value"] is not None]
    if unknown:
        typer.echo("\nto say what an unknown value is, put its code in the place of CODE:")
    for one in unknown:
        typer.echo("  " + map_command(name, one["column"], one["value"]))


def _partition_line(one: dict[str, Any]) -> dict[str, Any]:
    """Return a partition's line; a year is a name, not a number to be grouped by thousands."""
    named = {name: str(value) for name, value in one["partition"].items()}
    return named | {"rows": one["rows"]}


def _code_line(one: dict[str, Any]) -> dict[str, Any]:
    shown = {key: one[key] for key in ("column", "field", "value", "becomes", "rows")}
    return shown | {"value": "(not shown)" if one["value"] is None else one["value"]}


def map_command(source: str, column: str, value: str) -> str:
    """Return the command that says which code a value is."""
    return shlex.join(["roci", "sources", "map", source, column, value]) + " CODE"


def show_draft(request: Request, *, as_json: bool) -> int:
    """Write a first YAML for an unknown file, or print it where there is no layer for it."""
    from flows.drafting import draft, write

    site = os.environ.get("ROCI_CONFIG")
    folder = Path(site).expanduser() if site else None
    catalogue = load_catalogue(folder)
    kept = folder if request.out is None else None
    drafted = draft(catalogue, request, one_file=kept is None)
    paths = write(drafted, kept, request.out)
    if as_json:
        typer.echo(json.dumps(asdict(drafted) | {"written": [str(p) for p in paths]}, indent=2))
    elif paths:
        _show_drafted(drafted, paths, request, kept)
    else:
        for inside, text in drafted.texts.items():
            typer.echo(f"# --- {inside}\n{text}")
        typer.echo("not kept: set ROCI_CONFIG to a folder of your own, and draft again", err=True)
    return 0


def _show_drafted(drafted: Drafted, paths: list[Path], request: Request, kept: Path | None) -> None:
    from flows.drafting import faults_of

    for path in paths:
        typer.echo(f"wrote {path}")
    typer.echo(f"{drafted.columns} columns, {drafted.rows:,} rows looked at")
    typer.echo(f"  read from columns: {', '.join(drafted.read) or 'none'}")
    typer.echo(f"  marked unsure:     {', '.join(drafted.unsure) or 'none'}")
    if kept is None:
        typer.echo("put it into sources/ of the folder that ROCI_CONFIG names")
        return
    if drafted.to_set:
        typer.echo(f"  to be set by you:  {', '.join(drafted.to_set)}")
    words, faults = faults_of(kept, drafted.name)
    if faults:
        typer.echo(words)
    for fault in faults:
        typer.echo(f"  {fault}")
    district = f" --district {request.district}" if request.district else ""
    file = shlex.quote(str(request.file))
    typer.echo(
        f"next: edit {paths[0].name if len(paths) == 1 else 'the files above'}, then\n"
        f"  roci check\n"
        f"  roci sources check {drafted.name} --sample {file}{district}\n"
        f"  roci ingest {drafted.name} {file}{district}"
    )


def show_mapping(context: Context, asked: Mapping, *, as_json: bool) -> int:
    """Keep which code a value is, and say what to type next."""
    from flows.mapping import UNKNOWN_CODE, map_value

    kept = map_value(context, asked)
    if as_json:
        typer.echo(json.dumps(asdict(kept), default=str, indent=2))
        return 0
    for field in kept.fields:
        typer.echo(f"{field}: {asked.value!r} in column {asked.column} is {asked.code}")
    typer.echo(f"in {kept.path}" + ("" if kept.changed else " (as it was)"))
    if kept.loads:
        typer.echo(f"rows wait for it in {listed(kept.loads)}")
        typer.echo(f"next: roci rerun --code {UNKNOWN_CODE}")
    else:
        typer.echo("next: no load has rows waiting for it; the next file is read with it")
    return 0
