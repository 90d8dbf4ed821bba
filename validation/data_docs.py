"""Data Docs that can be browsed offline and hold no student's value.

Great Expectations writes a page per run and frame. Its pages fetch styles, scripts and an image
from eight hosts, and its index is drawn by such a script: offline it is blank. So the pages lose
every outside reference and get a small style, and the index is ours, made of one small record per
run (`runs/*.json`), which also makes it whole and quick however long the history is.
"""

from __future__ import annotations

import html
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from validation import gx_runner
from validation.page_style import STYLE

if TYPE_CHECKING:
    from validation.suites import Check

log = logging.getLogger("roci.docs")

INDEX = "index.html"
SHOWN_RUNS = 500
_OUTSIDE = re.compile(
    r"<link[^>]*?https?://[^>]*>"
    r"|<script[^>]*?src=[\"']https?://[^>]*>\s*</script>"
    r"|<img[^>]*?https?://[^>]*>",
    re.IGNORECASE,
)
_OUTSIDE_URL = re.compile(r"url\(['\"]?https?://[^)]*\)|(?<=href=)([\"'])https?://[^\"']*\1")


def safe_name(run_name: str) -> str:
    """Return a run name that can be part of a path.

    >>> safe_name("state_long 2021/02")
    'state_long-2021-02'
    """
    return re.sub(r"[^\w.=]+", "-", run_name).strip("-.") or "run"


def build(run: gx_runner.Run, docs: Path, suite: str, checks: Iterable[Check]) -> None:
    """Write the pages of one run, its record, and the index of all runs."""
    gx_runner.build_pages(run)
    pages = sorted(docs.glob(f"validations/{suite}/*/{run.name}/*/*.html"))
    newest = {page.parts[-4]: page for page in pages}
    missing = len(run.outcomes) - len(newest)
    if missing:
        log.warning("docs=incomplete run=%s suite=%s pages_missing=%d", run.name, suite, missing)
    for page in (*newest.values(), *docs.glob(f"expectations/{suite}/*.html")):
        _write(page, without_outside(page.read_text(encoding="utf-8")))
    _write_record(run, docs, suite, checks, newest)
    _write(docs / INDEX, _index(docs))


def without_outside(page: str) -> str:
    """Return a page without any reference to another host, with a style of its own."""
    inside = _OUTSIDE_URL.sub("''", _OUTSIDE.sub("", page))
    return inside.replace("</head>", f"{STYLE}</head>", 1)


def _write_record(
    run: gx_runner.Run, docs: Path, suite: str, checks: Iterable[Check], pages: dict[str, Path]
) -> None:
    now = datetime.now(UTC)
    record = {
        "suite": suite,
        "run_name": run.name,
        "run_time": now.isoformat(timespec="seconds"),
        "pages": {asset: page.relative_to(docs).as_posix() for asset, page in pages.items()},
        "checks": [asdict(check) for check in checks],
    }
    folder = docs / "runs"
    folder.mkdir(exist_ok=True)
    name = f"{now:%Y%m%dT%H%M%S%f}_{suite}_{run.name}.json"
    _write(folder / name, json.dumps(record, indent=1))


def _write(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def _index(docs: Path) -> str:
    newest = sorted((docs / "runs").glob("*.json"), reverse=True)[:SHOWN_RUNS]
    rows = "\n".join(_index_row(json.loads(path.read_text(encoding="utf-8"))) for path in newest)
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>{STYLE}</head>
<body><main><h1>Data Docs</h1>
<p>What was expected of each load and of the marts, and what was found; the newest run first.
No page holds a student's value.</p>
<table><thead><tr><th>Run</th><th>Suite</th><th>Result</th><th>What did not hold</th><th>Pages</th>
</tr></thead><tbody>
{rows}
</tbody></table></main></body></html>
"""


def _index_row(record: dict[str, Any]) -> str:
    missed = [check for check in record["checks"] if not check["success"]]
    worst = "passed"
    if missed:
        worst = "failed" if any(check["severity"] == "hold" for check in missed) else "warned"
    pages = " ".join(
        f'<a href="{html.escape(page)}">{html.escape(asset)}</a>'
        for asset, page in sorted(record["pages"].items())
    )
    total = len(record["checks"])
    cells = (
        f"{html.escape(record['run_name'])}<br><small>{record['run_time']}</small>",
        html.escape(record["suite"]),
        f'<span class="{worst}">{worst}</span><br>'
        f"<small>{total - len(missed)} of {total} hold</small>",
        "<br>".join(_missed(missed)),
        pages,
    )
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _missed(checks: Iterable[dict[str, Any]]) -> Iterator[str]:
    for check in checks:
        words = f"{check['meaning']} Found {check['observed']}; expected {check['expected']}."
        yield f"<b>{html.escape(check['code'])}</b> {html.escape(words)}"
