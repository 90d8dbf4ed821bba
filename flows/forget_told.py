"""What is, or would be, destroyed on request, as a person reads it; never whose it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from getpass import getuser
from typing import Any

import typer

from configs.errors import UsageError
from flows.context import Context
from flows.locking import nightly_lock
from flows.stages.forget_proof import known_backups
from flows.stages.forget_survey import survey
from flows.stages.forget_target import Request, Target, target_of
from flows.stages.forgetting import forget as forget_target
from flows.stages.forgetting import take_up_forgetting
from warehouse.forgotten import Asked, Certificate
from warehouse.lake_forgetting import ID_COLUMNS


@dataclass(frozen=True)
class Order:
    """How a person wants it done. `is_sure`: do it, rather than say what would go."""

    reason: str | None = None
    is_once: bool = False
    is_sure: bool = False


def forget(context: Context, request: Request, order: Order, *, as_json: bool) -> int:
    """Say what would go, or destroy it and print the certificate.

    Raises:
        UsageError: nobody is named (FORGET_WHOM), the student's id is not of one student
            (AMBIGUOUS_STUDENT), or the reason names the student (REASON_NAMES).
        InfrastructureError: something is still there at the end (FORGET_UNFINISHED).
    """
    if request.column is not None and request.column not in ID_COLUMNS:
        raise _no_such_column(request.column)
    with nightly_lock(context):
        target = target_of(context, request)
        _require_no_name(order.reason, target)
        if not order.is_sure:
            return _show_plan(context, target, as_json)
        return _show(forget_target(context, target, _asked(context, target, order)), as_json)


def go_on(context: Context, *, as_json: bool) -> int:
    """Finish the forgetting that was cut off, and print its certificate."""
    with nightly_lock(context):
        certificate = take_up_forgetting(context)
    if certificate is None:
        typer.echo("[]" if as_json else "nothing is unfinished")
        return 0
    return _show(certificate, as_json)


def show_certificates(context: Context, *, as_json: bool) -> int:
    """Print every certificate, the newest first."""
    found = context.forgotten.certificates()
    if as_json:
        typer.echo(json.dumps([record(one) for one in found], default=str, indent=2))
    else:
        lines = [line for one in found for line in [*certificate_lines(one), ""]]
        typer.echo("\n".join(lines or ["nothing was ever forgotten"]))
    return 0


def record(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as plain values; the student is a keyed digest in it."""
    told = asdict(certificate)
    return told.pop("asked") | told


def certificate_lines(one: Certificate) -> Iterator[str]:
    """Yield a certificate as lines for a terminal."""
    yield f"{one.forgetting_id}: {_whom(one.asked)}"
    yield f"  asked by {one.asked.asked_by} at {one.asked_at:%Y-%m-%d %H:%M UTC}"
    if one.asked.reason:
        yield f"  reason: {one.asked.reason}"
    if one.ended_at is None:
        yield "  not done to its end yet: roci forget --go-on"
        return
    yield f"  done at {one.ended_at:%Y-%m-%d %H:%M UTC}; there were:"
    yield from _count_lines(one.found)
    yield "  found by a search of the whole workspace afterwards: 0"
    yield from _backup_lines(one.backups)
    yield (
        "  later files may bring them again"
        if one.asked.is_once
        else "  rows of them in later files are set aside (FORGOTTEN)"
    )


def _whom(asked: Asked) -> str:
    district = f"district {asked.district_id}" if asked.district_id else "every district"
    if asked.digest:
        return f"a student of {district}, known by the keyed digest {asked.digest[:16]}"
    return (
        f"{district}, {f'school year {asked.school_year}' if asked.school_year else 'every year'}"
    )


def _count_lines(counts: Any) -> Iterator[str]:
    for what, count in counts.items():
        if count:
            yield f"  {count:>9,}  {what}"
    if not any(counts.values()):
        yield "          0  of anything"


def _backup_lines(backups: Any) -> Iterator[str]:
    if backups:
        yield "  backups that cannot be edited and hold it still, as far as roci knows:"
        yield from (f"    {path}" for path in backups)
    yield "  backups that roci does not know of, and whoever got an export, hold it still too"


def _asked(context: Context, target: Target, order: Order) -> Asked:
    digest = None
    if target.ids:
        first = min(target.all_ids)
        digest = context.forgotten.digest(target.district_id or "", first)
    return Asked(
        target.district_id, target.school_year, digest, order.reason, getuser(), order.is_once
    )


def _show(certificate: Certificate, as_json: bool) -> int:
    if as_json:
        typer.echo(json.dumps(record(certificate), default=str, indent=2))
    else:
        typer.echo("\n".join(certificate_lines(certificate)))
    return 0


def _show_plan(context: Context, target: Target, as_json: bool) -> int:
    counts, backups = survey(context, target).counts(), known_backups(context)
    ids = {name: len(ids) for name, ids in target.ids.items() if ids}
    if as_json:
        typer.echo(json.dumps({"goes": counts, "ids": ids, "backups": backups}, indent=2))
        return 0
    typer.echo("\n".join(_plan_lines(counts, ids, backups)))
    return 0


def _plan_lines(counts: dict[str, int], ids: dict[str, int], backups: list[str]) -> Iterator[str]:
    yield "This would be destroyed; nothing is changed yet:"
    yield from _count_lines(counts)
    for name, count in ids.items():
        yield f"  {count:>9,}  ids of the student in {name}"
    if counts["rejected rows in them"]:
        yield "  rejected rows of others in the same files go too: correct them first"
    yield from _backup_lines(backups)
    yield "  every mart is built anew, and the whole workspace searched afterwards"
    yield "Do it: the same command with --yes"


def _require_no_name(reason: str | None, target: Target) -> None:
    search = target.search
    if reason and search is not None and search.in_text(reason):
        raise UsageError(
            "REASON_NAMES",
            where="--reason",
            found="an id of the student",
            expected="words that name nobody: they are kept in the ledger",
            remedy="refer to the request by its date or number",
        )


def _no_such_column(column: str) -> UsageError:
    return UsageError(
        "UNKNOWN_COLUMN",
        where="--column",
        found=column,
        expected=f"one of {', '.join(ID_COLUMNS)}",
        remedy="choose one, or leave it out",
    )
