"""What happened to a load, in plain words: counts, reasons, row numbers and the next command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from configs.models import CodeWords
from flows.context import Context
from flows.load_key import changed_parts
from flows.outcome import UNCLAIMED
from flows.repairs_told import repair_lines, repairs_of
from flows.stages.repairs import inputs_today
from flows.standing import STOPPED, done_again
from transforms.pieces import ROWS_OF_A_SHEET
from warehouse.ledger_records import Load

KIND_WORDS = {
    "reject": "Rows set aside in quarantine",
    "flag": "Rows loaded with a remark",
    "set_aside": "Rows not needed, and counted",
}
STATE_WORDS = {
    "loaded": "The file is loaded.",
    "held": "The file waits for a person; nothing of it is shown yet and nothing was replaced.",
    "failed": "The file was refused; nothing of it is loaded and nothing was replaced.",
    "superseded": "The file was loaded, and a later one has taken its place.",
    "discarded": "The file was given up by a person.",
    "loading": "The file is being loaded, or was cut off; the next run does it again.",
    "received": "The file has arrived and is not loaded yet.",
}

COMMANDS = {
    "compare": "roci explain {} --compare   (what it would replace)",
    "restate": "roci restate {}   (what published numbers would become)",
    "show": "roci quarantine show {}",
    "correct": "roci quarantine export {}   (to correct the rows in a spreadsheet)",
    "mend": "roci rerun {}   (after mending the cause; or land a mended file)",
    "rerun": "roci rerun {}",
    "release": "roci release {}",
    "discard": "roci discard {}",
    "give_up": "roci discard {}   (once a mended file has been landed, or none is)",
}
# What is offered for a load that stopped, unless its code has a `next` of its own.
NEXT_STEPS = {
    "held": ("compare", "restate", "rerun", "release", "discard"),
    "failed": ("mend", "discard"),
}


@dataclass(frozen=True)
class RowCount:
    """How many rows of a load carry a code in a field, as `reject`, `set_aside` or `flag`."""

    kind: str
    code: str
    field: str | None
    rows: int
    first_rows: tuple[int, ...] = ()


def row_counts(context: Context, load_id: str) -> list[RowCount]:
    """Return how many rows of a load carry which code: rejected, set aside, remarked."""
    rejected = [
        RowCount(count.kind, count.code, count.field, count.rows, count.first_rows)
        for count in context.ledger.rejected_counts(load_id)
    ]
    flags = context.ledger.flags(load_id)
    return rejected + [
        RowCount("flag", flag.code, flag.field, flag.rows, flag.first_rows) for flag in flags
    ]


def explanation(context: Context, load_id: str) -> dict[str, Any]:
    """Return everything that the ledger knows of a load, as one record.

    Raises:
        UsageError: there is no such load.
    """
    load = context.ledger.load(load_id)
    newest = _done_again(context, load)
    return {
        "load": asdict(load),
        "words": state_words(load, newest),
        "changed_since": _changed_since(context, load),
        "repairs": [asdict(row) for row in repairs_of(context, load_id)],
        "rows": [asdict(count) for count in row_counts(context, load_id)],
        "steps": [asdict(step) for step in context.ledger.steps(load_id)],
        "checks": [asdict(check) for check in context.ledger.checks(load_id)],
        "next": next_commands(load, context.catalogue.codes, newest),
    }


def _done_again(context: Context, load: Load) -> Load | None:
    """Return the newest later attempt at the file of a load that stopped."""
    return done_again(context, load) if load.state in STOPPED else None


def state_words(load: Load, newest: Load | None = None) -> str:
    """Return what a load's state means; `newest` is a later attempt at its file."""
    if newest is not None:
        ended = "refused" if load.state == "failed" else load.state
        return f"The file was {ended}, and done again since: {newest.load_id} is {newest.state}."
    if load.state == "superseded" and load.rows_loaded is None:
        return "A person let the file through; the load that followed has its rows."
    return STATE_WORDS[load.state]


def _changed_since(context: Context, load: Load) -> list[str]:
    """Return which parts of the load's key differ from today's: what makes it stale."""
    if load.source not in context.catalogue.sources or load.sha256 is None:
        return []
    return changed_parts(context.ledger.inputs(load.load_id), inputs_today(context, load))


def next_commands(
    load: Load, codes: Mapping[str, CodeWords], newest: Load | None = None
) -> list[str]:
    """Return what a person would type next; `newest` is a later attempt at the load's file."""
    if newest is not None:
        return [f"roci explain {newest.load_id}"]
    return [COMMANDS[step].format(load.load_id) for step in _next_steps(load, codes)]


def _next_steps(load: Load, codes: Mapping[str, CodeWords]) -> Sequence[str]:
    if load.state in STOPPED and load.source == UNCLAIMED:
        return ("give_up",)
    if load.state in STOPPED:
        words = codes.get(load.fault.code) if load.fault else None
        return (words.next if words else ()) or NEXT_STEPS[load.state]
    if load.rows_quarantined:
        # Rows of a file that another has taken the place of are not taken back.
        return ("show", "correct") if load.state == "loaded" else ("show",)
    return ()


def explanation_lines(context: Context, load_id: str) -> Iterator[str]:
    """Yield the explanation of a load as lines for a terminal."""
    load = context.ledger.load(load_id)
    newest = _done_again(context, load)
    yield f"{load.load_id}  {load.source}  {load.file_name}"
    yield state_words(load, newest)
    yield from _forgotten_lines(context, load)
    if load.layout:
        yield f"Read as: layout {load.layout}; {load.written}."
    yield from _cause_lines(load, context.catalogue.codes)
    if load.rows_received:
        yield (
            f"Rows: {load.rows_received:,} received = {load.rows_loaded:,} loaded"
            f" + {load.rows_quarantined:,} quarantined + {load.rows_set_aside:,} set aside."
        )
    yield from _made_lines(context, load_id)
    yield from row_lines(row_counts(context, load_id), context.catalogue.codes)
    yield from repair_lines(repairs_of(context, load_id))
    yield from _check_lines(context, load_id)
    changed = _changed_since(context, load)
    is_kept = load.sha256 is None or context.forgotten.tombstone(load.sha256) is None
    if is_kept and changed and newest is None and load.state in ("loaded", "held", "failed"):
        yield f"Changed since then: {', '.join(changed)}. `roci rerun {load_id}` would apply it."
    if newest is None:
        yield from _retry_lines(load, context.catalogue.codes)
    for command in next_commands(load, context.catalogue.codes, newest):
        yield f"Next: {command}"


def _forgotten_lines(context: Context, load: Load) -> Iterator[str]:
    """Yield what to know of a load whose original file was destroyed on request."""
    buried = context.forgotten.tombstone(load.sha256) if load.sha256 else None
    if buried is not None:
        yield (
            f"Its original file was destroyed on {buried[1]:%Y-%m-%d} by `roci forget` "
            f"({buried[0]}): what the lake still has of it stays, and it cannot be done again."
        )


def _retry_lines(load: Load, codes: Mapping[str, CodeWords]) -> Iterator[str]:
    """Yield what the nightly does about a load by itself."""
    words = codes.get(load.fault.code) if load.fault else None
    if words is None or words.retry is None or load.state not in ("failed", "held"):
        return
    if words.kind == "infrastructure":
        yield "The next nightly does it again by itself."
    else:
        tables = "".join(f"new rows of its district in {name}, or " for name in words.waits_for)
        yield f"A nightly does it again by itself after {tables}a change of its configuration."


def _made_lines(context: Context, load_id: str) -> Iterator[str]:
    """Yield what to know of a file whose rows hold several records."""
    for step in context.ledger.steps(load_id):
        if step.rows_made:
            yield (
                f"      {step.rows_in:,} rows of the file made {step.rows_in + step.rows_made:,} "
                "records, which are what is counted here; reasons below count rows of the file."
            )


def _cause_lines(load: Load, codes: Mapping[str, CodeWords]) -> Iterator[str]:
    fault = load.fault
    if fault is None:
        return
    words = codes.get(fault.code)
    yield f"Why: {fault.code}" + (f". {words.meaning}" if words else "")
    for label, part in (
        ("where", fault.where),
        ("found", fault.found),
        ("expected", fault.expected),
        ("to do", fault.remedy),
    ):
        yield f"  {label + ':':<10}{part}"


def row_lines(counts: list[RowCount], codes: Mapping[str, CodeWords]) -> Iterator[str]:
    """Yield a line or two for each reason that rows carry, by kind."""
    for kind, title in KIND_WORDS.items():
        of_kind = [count for count in counts if count.kind == kind]
        if of_kind:
            yield f"{title}:"
        for count in of_kind:
            words = codes.get(count.code)
            field = f" in {count.field}" if count.field else ""
            yield f"  {count.rows:>7,}  {count.code}{field}: {words.meaning if words else ''}"
            rows = ", ".join(place_of(row) for row in count.first_rows)
            more = ", ..." if count.rows > len(count.first_rows) else ""
            if rows:
                yield f"           rows {rows}{more} of the file, as a spreadsheet numbers them"
            if words:
                yield f"           to do: {words.remedy}"


def place_of(source_row: int) -> str:
    """Return where a row stands, for people.

    >>> place_of(1_204), place_of(20_000_015)
    ('1,204', '15 of sheet 3')
    """
    sheet, row = divmod(source_row, ROWS_OF_A_SHEET)
    return f"{row:,} of sheet {sheet + 1}" if sheet else f"{row:,}"


def _check_lines(context: Context, load_id: str) -> Iterator[str]:
    failed = [check for check in context.ledger.checks(load_id) if not check.success]
    if failed:
        yield "Checks of the whole file that did not pass:"
    for check in failed:
        yield (
            f"  {check.code} ({check.severity}): {check.name}: found {check.observed}, "
            f"expected {check.expected}"
        )
