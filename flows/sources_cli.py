"""The verbs of the command line that are about sources."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.verbs import District, Json, opened, told

sources_app = typer.Typer(help="The catalogue of sources.", no_args_is_help=True)
SourceName = Annotated[str, typer.Argument(help="The source's name (`roci sources list`).")]


@sources_app.command("list")
@told
def sources_list(
    json: Json = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The page docs/sources.md.")] = False,
) -> int:
    """List the sources, their tables, layouts, years, files and last load."""
    from flows.source_page import source_page
    from flows.source_reporting import show_sources

    if markdown:
        typer.echo(source_page(opened().catalogue), nl=False)
        return 0

    return show_sources(opened(), as_json=json)


@sources_app.command("check")
@told
def sources_check(
    source: SourceName,
    sample: Annotated[Path, typer.Option(help="A file to hold against the source.")],
    district: District = None,
    json: Json = False,
) -> int:
    """Say what would happen to every column and code of a sample, without loading it."""
    from flows.source_reporting import show_source_check

    return show_source_check(opened(), source, sample, district, as_json=json)


@sources_app.command("draft")
@told
def sources_draft(
    file: Annotated[Path, typer.Argument(help="A file that no source knows.")],
    name: Annotated[str | None, typer.Option(help="What the source is to be called.")] = None,
    table: Annotated[str, typer.Option(help="The table that it fills.")] = "student_result",
    district: District = None,
    out: Annotated[Path | None, typer.Option(help="Write the YAML there instead.")] = None,
    json: Json = False,
) -> int:
    """Write a first YAML for an unknown file into ROCI_CONFIG, everything unsure marked."""
    from flows.drafting import Request
    from flows.source_reporting import show_draft

    request = Request(file, name=name, table=table, district=district, out=out)
    return show_draft(request, as_json=json)


@sources_app.command("map")
@told
def sources_map(
    source: SourceName,
    column: Annotated[str, typer.Argument(help="The column, as the file spells it.")],
    value: Annotated[str, typer.Argument(help="The value as it stands there.")],
    code: Annotated[str, typer.Argument(help="The code that it is, or `missing`.")],
    field: Annotated[str | None, typer.Option(help="Only this of the column's fields.")] = None,
    json: Json = False,
) -> int:
    """Say in ROCI_CONFIG which code a value is, so that a rerun takes its rows in."""
    from flows.mapping import Mapping
    from flows.source_reporting import show_mapping

    return show_mapping(opened(), Mapping(source, column, value, code, field), as_json=json)
