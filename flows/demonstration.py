"""`roci demo`: an invented network's extracts, the nightly on them, and what to look at."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any

import typer

from configs.errors import UsageError
from flows.console import as_table, show_run
from flows.context import Context, open_context
from flows.explaining import row_counts, row_lines
from flows.outcome import RunOutcome

TRY_SQL = (
    "SELECT org_name, ethnicity, n_tested, pct_proficient FROM mart_achievement "
    "WHERE assessment = 'caaspp_sb' AND subject = 'ela' AND school_year = 2024 AND grade = 'all' "
    "AND org_level = 'district' AND ethnicity <> 'all' AND el_status = 'all' AND gender = 'all' "
    "AND NOT suppressed ORDER BY org_name, ethnicity;",
    "SELECT school_year, org_level, el_status, n_tested, pct_proficient FROM mart_achievement "
    "WHERE assessment = 'caaspp_sb' AND subject = 'math' AND grade = 'all' AND ethnicity = 'all' "
    "AND gender = 'all' AND org_level IN ('partner', 'rest') AND el_status IN ('EL', 'EO') "
    "AND NOT suppressed ORDER BY el_status, school_year, org_level;",
)


def run_demo(context: Context, *, workers: int | None, as_json: bool) -> int:
    """Make the demo's extracts, run the nightly through Prefect and compare with what was planted.

    Returns:
        0 if exactly the planted faults were found, else 1.

    Raises:
        UsageError: the workspace holds other loads.
    """
    _refuse_other_loads(context)
    from flows.demo import expected_outcome, site_configuration, write_demo
    from flows.running import run_nightly

    typer.echo("making three school years of extracts for an invented network ...", err=True)
    site = context.workspace.home / "demo-config"
    site_configuration(site)
    os.environ["ROCI_CONFIG"] = str(site)
    plan = write_demo(context.workspace.landing)
    demo = open_context()
    typer.echo("running the nightly through Prefect ...", err=True)
    run = run_nightly(demo, engine="prefect", workers=workers)
    differences = compare(expected_outcome(plan), found_faults(demo))
    build_failed = run.build is None or run.build.needs_attention
    if as_json:
        show_run(run, demo, as_json=True)
    else:
        _tell(demo, run, differences, site)
    return int(bool(differences) or build_failed)


def _refuse_other_loads(context: Context) -> None:
    if context.ledger.loads(limit=1) or context.landing.files():
        raise UsageError(
            "WORKSPACE_IN_USE",
            where=str(context.workspace.home),
            found="a workspace that holds loads or files in landing/",
            expected="an empty one, so that the demo never mixes with real data",
            remedy="set ROCI_HOME to an empty folder, or remove this one if it was a demo",
        )


def found_faults(context: Context) -> Counter[tuple[str, str]]:
    """Count what the ledger holds against (source, code): rows by reason, files by code."""
    found: Counter[tuple[str, str]] = Counter()
    for load in context.ledger.loads(limit=None):
        if load.fault:
            found[(load.source, load.fault.code)] += 1
        if load.state == "loaded":
            for count in row_counts(context, load.load_id):
                found[(load.source, count.code)] += count.rows
    return found


def compare(
    expected: dict[tuple[str, str], int], found: Counter[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Return a record for every (source, code) whose planted and found counts differ."""
    keys = sorted({*expected, *found})
    return [
        {
            "source": source,
            "code": code,
            "planted": expected.get((source, code), 0),
            "found": found.get((source, code), 0),
        }
        for source, code in keys
        if expected.get((source, code), 0) != found.get((source, code), 0)
    ]


def _tell(context: Context, run: RunOutcome, differences: list[dict[str, Any]], site: Path) -> None:
    show_run(run, context, as_json=False)
    typer.echo("\nWhat was set aside, refused or remarked, and why")
    for load in run.loads:
        counts = row_counts(context, load.load_id) if load.state == "loaded" else []
        if counts:
            typer.echo(f"\n{load.load_id} {load.source} {load.file_name}")
            typer.echo("\n".join(row_lines(counts, context.catalogue.codes)))
    if differences:
        typer.echo("\nNot exactly the planted faults were found:")
        typer.echo(as_table(differences))
    else:
        typer.echo("\nExactly the faults that the demo planted were found.")
    _say_where(context, site)


def _say_where(context: Context, site: Path) -> None:
    home = context.workspace
    typer.echo(f"\nMarts:      {home.marts_reporting}\nSQL marts:  {home.reporting_path}")
    typer.echo(f"Data Docs:  {home.docs / 'index.html'}")
    typer.echo(f"Partner schools: named in {site / 'network.yml'}; before any other command here:")
    typer.echo(f"  export ROCI_HOME={home.home} ROCI_CONFIG={site}")
    typer.echo("\nTry:")
    for sql in TRY_SQL:
        typer.echo(f'  sqlite3 -header -column {home.reporting_path} "{sql}"')
