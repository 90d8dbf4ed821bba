"""A publication of an earlier day that was built again, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import typer

from flows.console import as_table
from flows.context import Context
from flows.stages.as_of import Rebuilt, build_as_of


def show_as_of(context: Context, asked: str, out: Path | None, *, as_json: bool) -> int:
    """Build what was published then and print where it is and how it differs."""
    told = build_as_of(context, asked, out)
    if as_json:
        typer.echo(json.dumps(asdict(told), indent=2))
    else:
        typer.echo("\n".join(as_of_lines(told)))
    return 0


def as_of_lines(told: Rebuilt) -> Iterator[str]:
    """Yield it as lines for a terminal."""
    yield f"{told.publication_id}, published {told.published_at}, built again with today's code"
    if told.changed:
        yield f"  made otherwise than then: {', '.join(told.changed)}"
    yield (
        as_table(
            [
                {"mart": name, "rows": mart["rows"], "as it was": mart["as_then"]}
                for name, mart in told.marts.items()
            ]
        )
        if told.marts
        else "no rows"
    )
    for name in told.missing:
        yield f"  not built any more: {name}"
    yield f"  in {told.folder} (restricted marts too: its owner only)"
