"""The verb of the command line that destroys data on request, and shows what was destroyed."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from flows.verbs import Json, opened, told

FROM_INPUT = "-"


@told
def forget(  # noqa: PLR0913 - the options of the verb
    student: Annotated[
        str | None, typer.Option(help="An id of the student; - reads it from the input.")
    ] = None,
    district: Annotated[str | None, typer.Option(help="The district's id.")] = None,
    year: Annotated[int | None, typer.Option(help="The school year, by its spring.")] = None,
    column: Annotated[
        str | None,
        typer.Option(help="Which id it is: student_id, local_student_id or sourced_id."),
    ] = None,
    reason: Annotated[
        str | None, typer.Option(help="Kept in the certificate; name nobody in it.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Let later files bring them again.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without, only say what goes.")] = False,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Finish the one that was cut off.")
    ] = False,
    certificates: Annotated[
        bool, typer.Option("--certificates", help="Show what was destroyed until now.")
    ] = False,
    json: Json = False,
) -> int:
    """Destroy a student's, a district's or a school year's data everywhere, and prove it."""
    from flows import forget_told
    from flows.stages.forget_target import Request

    context = opened()
    if certificates:
        return forget_told.show_certificates(context, as_json=json)
    if go_on:
        return forget_told.go_on(context, as_json=json)
    if student == FROM_INPUT:
        student = sys.stdin.readline().strip()
    request = Request(district, year, student, column)
    asked = forget_told.Order(reason, once, yes)
    return forget_told.forget(context, request, asked, as_json=json)


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command()(forget)
