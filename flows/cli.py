"""The command line. Each verb imports what it needs when it runs, so that help answers at once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.audit_cli import register as register_audit
from flows.database_cli import database_app
from flows.embargo_cli import embargo_app
from flows.forget_cli import register as register_forget
from flows.measures_cli import register as register_measures
from flows.pseudonyms_cli import pseudonyms_app
from flows.quarantine_cli import quarantine_app
from flows.sources_cli import sources_app
from flows.verbs import District, Json, opened, told
from flows.workspace_cli import register as register_workspace

if TYPE_CHECKING:
    from flows.context import Context
    from flows.outcome import RunOutcome

app = typer.Typer(
    name="roci",
    help="Take in assessment extracts, set bad rows aside with reasons, publish results by group.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
marts_app = typer.Typer(help="Build the marts.", no_args_is_help=True)
app.add_typer(quarantine_app, name="quarantine")
app.add_typer(sources_app, name="sources")
app.add_typer(marts_app, name="marts")
app.add_typer(embargo_app, name="embargo")
app.add_typer(database_app, name="db")
app.add_typer(pseudonyms_app, name="pseudonyms")
register_workspace(app)
register_measures(app)
register_audit(app)
register_forget(app)

Engine = Annotated[str, typer.Option(help="prefect: orchestrated and shown; direct: no server.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Loads at the same time.")]
LoadId = Annotated[str, typer.Argument(help="A load's id, as `roci loads` shows it.")]


def _engine(name: str) -> str:
    from configs.errors import UsageError

    if name not in ("prefect", "direct"):
        raise UsageError(
            "UNKNOWN_ENGINE",
            where="--engine",
            found=name,
            expected="prefect or direct",
            remedy="choose one of the two",
        )
    return name


def _finish(outcome: RunOutcome, context: Context, as_json: bool) -> int:
    from flows.console import show_run

    show_run(outcome, context, as_json)
    return outcome.exit_code


@app.command()
@told
def demo(json: Json = False, workers: Workers = None) -> int:
    """Make extracts of an invented network, run the nightly on them, say where to look."""
    from flows.demonstration import run_demo

    return run_demo(opened(), workers=workers, as_json=json)


@app.command()
@told
def run(
    source: Annotated[str | None, typer.Option(help="Only files of this source.")] = None,
    engine: Engine = "prefect",
    workers: Workers = None,
    json: Json = False,
) -> int:
    """Take in everything new in landing/, then build the marts that changed (the nightly)."""
    from flows.running import run_nightly

    context = opened()
    outcome = run_nightly(context, source=source, engine=_engine(engine), workers=workers)
    return _finish(outcome, context, json)


@app.command()
@told
def ingest(
    source: Annotated[str, typer.Argument(help="The source's name (`roci sources list`).")],
    files: Annotated[list[Path], typer.Argument(help="Files to load; they stay in place.")],
    district: District = None,
    engine: Engine = "direct",
    json: Json = False,
) -> int:
    """Load these files and build the marts they touch."""
    from flows.running import run_ingest

    context = opened()
    outcome = run_ingest(context, source, files, district=district, engine=_engine(engine))
    return _finish(outcome, context, json)


@app.command()
@told
def status(json: Json = False) -> int:
    """Say what is loaded, failed, held or waiting, in a few lines."""
    from flows.reporting import show_status

    return show_status(opened(), as_json=json)


@app.command()
@told
def loads(
    source: Annotated[str | None, typer.Option(help="Only this source.")] = None,
    state: Annotated[str | None, typer.Option(help="Only this state.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most this many.")] = 50,
    json: Json = False,
) -> int:
    """List loads, the newest first."""
    from flows.reporting import show_loads

    return show_loads(opened(), source=source, state=state, limit=limit, as_json=json)


@app.command()
@told
def explain(
    load: Annotated[str, typer.Argument(help="A load's id; with --history also a source.")],
    compare: Annotated[
        bool, typer.Option("--compare", help="What it replaces beside what it brings.")
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Who filled its partitions, one after the other.")
    ] = False,
    json: Json = False,
) -> int:
    """Say what happened to a load, why, and what to type next."""
    from flows.comparing import show_comparison
    from flows.history import show_history
    from flows.reporting import show_explanation

    show = show_comparison if compare else show_history if history else show_explanation
    return show(opened(), load, as_json=json)


@app.command()
@told
def restate(load: LoadId, json: Json = False) -> int:
    """Show how every published number would move if the load's rows were live."""
    from flows.comparing import show_restatement

    return show_restatement(opened(), load, as_json=json)


@app.command()
@told
def rerun(
    load: Annotated[list[str] | None, typer.Argument(help="Loads to do again.")] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Every failed or held load.")] = False,
    code: Annotated[
        str | None,
        typer.Option(help="Loads that stopped for this code, or that have rows rejected for it."),
    ] = None,
    engine: Engine = "direct",
    json: Json = False,
) -> int:
    """Do loads again from the raw file, with today's configuration; safe to repeat."""
    from flows.running import run_again

    context = opened()
    outcome = run_again(context, load or [], failed=failed, code=code, engine=_engine(engine))
    return _finish(outcome, context, json)


@app.command()
@told
def backfill(
    source: Annotated[str, typer.Argument(help="The source's name.")],
    years: Annotated[str, typer.Option(help="Spring years, as A..B.")],
    engine: Engine = "direct",
    json: Json = False,
) -> int:
    """Do again every load of a source that holds a school year of the span."""
    from flows.running import run_backfill

    context = opened()
    return _finish(run_backfill(context, source, years, engine=_engine(engine)), context, json)


@app.command()
@told
def release(load: LoadId, json: Json = False) -> int:
    """Let a held load through, after looking at why it is held."""
    from flows.running import run_release

    context = opened()
    return _finish(run_release(context, load), context, json)


@app.command()
@told
def discard(load: LoadId) -> int:
    """Give up a held or failed load; its file stays in the raw store."""
    from flows.running import discard_load

    return discard_load(opened(), load)


@app.command()
@told
def serve() -> int:
    """Run the nightly on its schedule, with a Prefect server of its own where none runs."""
    from flows.serving import serve_forever

    return serve_forever(opened())


@app.command()
@told
def check(json: Json = False) -> int:
    """Check the whole configuration; every fault is listed with its file and key."""
    from flows.reporting import show_configuration

    return show_configuration(as_json=json)


@marts_app.command("build")
@told
def marts_build(
    mart: Annotated[str | None, typer.Argument(help="Build this one anew, changed or not.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also what has not changed.")] = False,
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="What was published on this day, into --out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="An empty folder; only with --as-of.")] = None,
    engine: Engine = "direct",
    json: Json = False,
) -> int:
    """Build the marts whose loads have changed and publish them, all as one publication."""
    from flows.as_of_told import show_as_of
    from flows.running import require_mart, run_build

    context = opened()
    if as_of is not None:
        return show_as_of(context, as_of, out, as_json=json)
    if mart is not None:
        require_mart(mart)
        everything = True
    return _finish(run_build(context, everything=everything, engine=_engine(engine)), context, json)


@marts_app.command("waiting")
@told
def marts_waiting(json: Json = False) -> int:
    """List what stays as published since the new numbers would tell of few students."""
    from flows.waiting import show_waiting

    return show_waiting(opened(), as_json=json)


@marts_app.command("release")
@told
def marts_release(
    assessment: Annotated[str | None, typer.Argument(help="The assessment, such as star.")] = None,
    year: Annotated[int | None, typer.Option("--year", help="The school year's spring.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that waits.")] = False,
    json: Json = False,
) -> int:
    """Show the new numbers of what waits, although they tell of few students."""
    from flows.waiting import release_moves

    context = opened()
    return _finish(release_moves(context, assessment, year, everything=everything), context, json)


if __name__ == "__main__":
    sys.exit(app())
