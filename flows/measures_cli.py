"""The verb of the command line that says what every measure is."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.verbs import Json, told


@told
def measures(
    mart: Annotated[str | None, typer.Option(help="Only this mart, its cards in full.")] = None,
    json: Json = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="The page docs/measures.md.")
    ] = False,
) -> int:
    """Say what each measure of the published marts is, of whom, and when it is missing."""
    from flows.measures_told import show_measures, show_page

    if markdown:
        return show_page()
    return show_measures(mart, as_json=json)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(measures)
