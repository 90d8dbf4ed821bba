"""The verbs of the command line that are about the workspace as a whole."""

from __future__ import annotations

import json as json_text
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.verbs import Json, opened, told

if TYPE_CHECKING:
    from flows.context import Context


@told
def backup(
    target: Annotated[Path, typer.Argument(help="A new file: NAME.tar.zst or NAME.tar.gz.")],
    i_understand: Annotated[
        bool,
        typer.Option("--i-understand", help="The file may leave the workspace and is guarded."),
    ] = False,
    logs: Annotated[bool, typer.Option("--logs", help="The run logs too.")] = False,
    json: Json = False,
) -> int:
    """Write the whole workspace into one file, students' data included."""
    from flows.backing_up import back_up

    made = back_up(opened(), target, outside=i_understand, logs=logs)
    if json:
        typer.echo(json_text.dumps(made.__dict__, default=str, indent=2))
    else:
        typer.echo(f"{made.files:,} files of {made.size:,} bytes in {made.path} ({made.packed:,})")
        typer.echo("it holds students' data: keep it where only its readers can come")
    return 0


@told
def restore(
    file: Annotated[Path, typer.Argument(help="What `roci backup` wrote.")],
    home: Annotated[
        Path | None, typer.Option(help="The empty workspace, in place of ROCI_HOME.")
    ] = None,
    json: Json = False,
) -> int:
    """Let an empty workspace be what a backup holds; every file is verified first."""
    from flows.restoring import restore as restore_backup

    if home is not None:
        os.environ["ROCI_HOME"] = str(home)
    context = opened()
    restored = restore_backup(context, file)
    if json:
        typer.echo(json_text.dumps(restored.__dict__, default=str, indent=2))
        return 0
    typer.echo(f"{restored.files:,} files of {restored.created_at} are in {restored.home}")
    typer.echo("before any other command here:")
    typer.echo(f"  export ROCI_HOME={restored.home}")
    if restored.site is not None:
        typer.echo(f"  export ROCI_CONFIG={restored.site}")
    typer.echo("then: roci status")
    return 0


@told
def prune(
    keep_days: Annotated[
        list[str] | None,
        typer.Option(help="Other days than the profile's: N for all, or KIND=N. May be repeated."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    json: Json = False,
) -> int:
    """Remove what the retention lets go: raw files, lake versions, runs, logs; nothing in use."""
    from flows.console import show_records
    from flows.pruning import prune as prune_workspace
    from flows.pruning import with_days

    context = opened()
    retention = with_days(context.catalogue.profile.retention, keep_days or [])
    done = prune_workspace(context, retention, dry_run=dry_run)
    show_records([one.__dict__ for one in done], json)
    if not json:
        size = sum(one.bytes or 0 for one in done)
        typer.echo(f"{size:,} bytes {'would be' if dry_run else 'were'} removed")
    return 0


@told
def init(
    home_district: Annotated[str | None, typer.Option(help="Your district's id.")] = None,
    district_name: Annotated[str | None, typer.Option(help="Its name, for a comment.")] = None,
    partner: Annotated[
        list[str] | None, typer.Option(help="Partner school, DISTRICT/SCHOOL; may be repeated.")
    ] = None,
    network: Annotated[
        list[str] | None, typer.Option(help="NAME=TITLE: SCHOOL, SCHOOL; may be repeated.")
    ] = None,
    window: Annotated[
        list[str] | None,
        typer.Option(help="SOURCE:WINDOW=MM-DD..MM-DD, as fall=08-01..11-15; may be repeated."),
    ] = None,
    nightly: Annotated[str | None, typer.Option(help="When the nightly runs, HH:MM.")] = None,
    timezone: Annotated[str | None, typer.Option(help="Its zone: America/Los_Angeles.")] = None,
    config: Annotated[
        Path | None, typer.Option(help="Where to write it; ROCI_CONFIG unless told.")
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Keep files that are there.")] = False,
) -> int:
    """Ask for district, partner schools, windows and hours; write the site's own layer."""
    from flows.asking import Told, answers
    from flows.site_layer import write_layer

    context, site = _of_site(config)
    said = answers(
        context, Told(home_district, district_name, partner, network, window, nightly, timezone)
    )
    written = write_layer(site, said, merge=merge)
    for name in written.new:
        typer.echo(f"written: {site / name}")
    for name in written.kept:
        typer.echo(f"kept as it is: {site / name}")
    typer.echo("next:")
    typer.echo(f"  export ROCI_HOME={context.workspace.home} ROCI_CONFIG={site}")
    typer.echo("  roci check")
    typer.echo(f"  put files into {context.workspace.landing}, then: roci run")
    return 0


def _of_site(config: Path | None) -> tuple[Context, Path]:
    """Return the workspace with the site's folder, which need not be there yet."""
    from dataclasses import replace

    context = opened()
    site = (config or context.site or context.workspace.home / "config").expanduser().absolute()
    return replace(context, site=site if site.is_dir() else None), site


def register(app: typer.Typer) -> None:
    """Add the verbs to the command line."""
    for verb in (backup, restore, prune, init):
        app.command()(verb)
