"""What a load changes, or would change, as a person reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import typer

from flows.console import as_table
from flows.context import Context
from flows.stages.comparing import Comparison, compare_load
from flows.stages.recounting import read_again
from flows.stages.restating import Restatement, compare_folder, restatement
from warehouse.accesses import Access

# A terminal shows the wide parts; schools are in the file.
ON_A_TERMINAL = 40
WORDS = {
    "moves": "would show another number",
    "appears": "would be shown and are not now",
    "vanishes": "would no longer be shown",
    "same": "would stay as they are",
    "hidden": "are suppressed or missing before and after",
}


def show_comparison(context: Context, load_id: str, *, as_json: bool) -> int:
    """Print what a load would take the place of and what it brings."""
    told = compare_load(context, load_id)
    if as_json:
        typer.echo(json.dumps(asdict(told), default=str, indent=2))
    else:
        typer.echo("\n".join(comparison_lines(told)))
    return 0


def comparison_lines(told: Comparison) -> Iterator[str]:
    """Yield a comparison as lines for a terminal."""
    replaced = ", ".join(told.replaces) or "nothing"
    yield f"{told.load_id} beside what it takes the place of: {replaced}."
    if not told.is_whole:
        yield "Rows that it replaced are no longer kept, so that the side before is not whole."
    shown = [record for record in told.records if record["section"] != "school"]
    yield as_table([_line(record) for record in shown[:ON_A_TERMINAL]]) if shown else "no rows"
    yield f"Every part, schools too, with exact numbers (restricted): {told.path}"


def _line(record: dict[str, Any]) -> dict[str, Any]:
    test = (record["assessment"], record["school_year"], record["subject"], record["test_window"])
    line = {"by": record["section"], "name": record["name"]}
    line["test"] = " ".join(str(part) for part in test if part is not None)
    for measure, word in (
        ("rows", "rows"),
        ("students", "students"),
        ("schools", "schools"),
        ("share_pct", "share"),
        ("mean_scale_score", "mean"),
        ("pct_proficient", "pct"),
    ):
        line[word] = _both(record[f"before_{measure}"], record[f"after_{measure}"])
    return line


def _both(before: Any, after: Any) -> str:
    sides = ("-" if side is None else f"{side:,}" if isinstance(side, int) else str(side)
             for side in (before, after))  # fmt: skip
    return "" if before is None and after is None else " > ".join(sides)


def show_restatement(context: Context, load_id: str, *, as_json: bool) -> int:
    """Print how published numbers would move if the load's rows were live."""
    path = compare_folder(context) / f"{load_id}-published.csv"
    with read_again(context, load_id) as load:
        told = restatement(context, load, path)
    if told.path is not None:
        rows = sum(told.cells.values())
        context.accesses.note(
            Access("restate", "published cells before and after", told.path, rows, load_id)
        )
    if as_json:
        typer.echo(json.dumps(asdict(told), default=str, indent=2))
    else:
        typer.echo("\n".join(restatement_lines(told)))
    return 0


def restatement_lines(told: Restatement) -> Iterator[str]:
    """Yield a restatement as lines for a terminal."""
    now = told.publication_id or "nothing published yet"
    yield f"{told.load_id} beside {now}, in {', '.join(told.slices) or 'no slice'}:"
    if not told.slices:
        yield "nothing published would move."
        return
    for change, words in WORDS.items():
        yield f"  {told.cells.get(change, 0):>9,} cells {words}"
    if told.widest:
        yield "The widest that move, all students, before > after:"
        yield as_table([_moving(record) for record in told.widest])
    yield f"Every cell: {told.path}"


def _moving(record: dict[str, Any]) -> dict[str, Any]:
    test = (record["assessment"], record["school_year"], record["subject"], record["test_window"])
    return {
        "test": " ".join(map(str, test)),
        "grade": record["grade"],
        "of": f"{record['org_level']} {record['org_id']}",
        "n": _both(record["before_n_tested"], record["after_n_tested"]),
        "pct": _both(record["before_pct_proficient"], record["after_pct_proficient"]),
        "mean": _both(record["before_mean_scale_score"], record["after_mean_scale_score"]),
        "change": record["change"],
    }
