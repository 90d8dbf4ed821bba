"""Destroys what was asked for everywhere, builds the marts anew, and looks whether any is left.

A plan is written first; whatever cuts this off, `take_up_forgetting` does the rest. Every step may
be done twice.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import duckdb

from configs.errors import InfrastructureError
from flows.context import Context
from flows.stages.agreement import lake_lock
from flows.stages.building import build_marts
from flows.stages.forget_proof import known_backups, remaining
from flows.stages.forget_survey import Holdings, survey
from flows.stages.forget_target import Target, personal_tables
from flows.stages.slicing import slices_of, view
from flows.stages.small_moves import Release
from warehouse.files import whole_file
from warehouse.forgotten import Asked, Certificate, note_rows_left, note_slices_left
from warehouse.lake import PartitionLoad
from warehouse.lake_forgetting import LakeForgetting
from warehouse.locks import lock
from warehouse.sql_forgetting import scrub_names, sweep
from warehouse.workspace import FORGET_PLAN, PLANS, PRIVATE_FILE

log = logging.getLogger("roci.forget")

WAIT_SECONDS = 3600
SHOWN_AT_MOST = 10


@dataclass(frozen=True)
class Plan:
    """What remains to be done once a forgetting is certain; it names the student, so it goes last.

    raw: digests of the raw files that were found at first. found: what there was then.
    """

    forgetting_id: str
    target: Target
    raw: tuple[str, ...]
    found: Mapping[str, int]

    def as_text(self) -> str:
        """Return it as JSON."""
        ids = {name: sorted(ids) for name, ids in self.target.ids.items()}
        told = asdict(replace(self, target=Target(None, None))) | {
            "target": {
                "district_id": self.target.district_id,
                "school_year": self.target.school_year,
                "ids": ids,
                "is_shared": self.target.is_shared,
            }
        }
        return json.dumps(told)

    @classmethod
    def read(cls, path: Path) -> Plan:
        """Return the plan that was written there."""
        told = json.loads(path.read_text(encoding="utf-8"))
        target = told.pop("target")
        ids = {name: frozenset(ids) for name, ids in target.pop("ids").items()}
        return cls(**{**told, "raw": tuple(told["raw"])}, target=Target(**target, ids=ids))


def forget(context: Context, target: Target, asked: Asked) -> Certificate:
    """Destroy the data of a target everywhere; the caller holds the nightly's lock.

    Raises:
        InfrastructureError: something of it still stands somewhere (FORGET_UNFINISHED).
    """
    take_up_forgetting(context)
    holdings = survey(context, target)
    digests = {context.forgotten.digest(target.district_id or "", one) for one in target.all_ids}
    forgetting_id = context.forgotten.begin(asked, digests)
    plan = Plan(forgetting_id, target, tuple(sorted(holdings.raw)), holdings.counts())
    with whole_file(_plan_path(context), context.workspace.work, PRIVATE_FILE) as temporary:
        temporary.touch(mode=PRIVATE_FILE)
        temporary.write_text(plan.as_text(), encoding="utf-8")
    return _carry_out(context, plan)


def take_up_forgetting(context: Context) -> Certificate | None:
    """Finish the forgetting that was cut off, if there is one; the nightly's lock is held.

    Raises:
        InfrastructureError: something of it still stands somewhere (FORGET_UNFINISHED).
    """
    path = _plan_path(context)
    return _carry_out(context, Plan.read(path)) if path.exists() else None


def _plan_path(context: Context) -> Path:
    return context.workspace.work / FORGET_PLAN


def _carry_out(context: Context, plan: Plan) -> Certificate:
    with lock(context.workspace, "publication", WAIT_SECONDS, what="forgetting"):
        context.publisher.recover()
    holdings = survey(context, plan.target)
    _destroy_files(context, plan, holdings)
    _empty_lake(context, plan.target)
    _clear_work(context, plan.target)
    _rebuild(context)
    if plan.target.search is not None:
        scrub_names(context.database, plan.target.search)
    sweep(context.database)
    return _certified(context, plan)


def _certified(context: Context, plan: Plan) -> Certificate:
    """Look for what is left; where nothing is, the forgetting has ended and its plan goes."""
    left = remaining(context, plan.target)
    if plan.target.search is None:  # what rows do not tell: files of the district, or of such loads
        left |= {
            what: count for what, count in survey(context, plan.target).counts().items() if count
        }
    begun = context.forgotten.certificate(plan.forgetting_id)
    certificate = replace(begun, found=plan.found, remaining=left, backups=known_backups(context))
    log.info("forgetting=%s remaining=%d", plan.forgetting_id, sum(left.values()))
    if left:
        raise _unfinished(plan.forgetting_id, left)
    context.forgotten.end(certificate)
    _plan_path(context).unlink(missing_ok=True)
    return context.forgotten.certificate(plan.forgetting_id)


def _destroy_files(context: Context, plan: Plan, holdings: Holdings) -> None:
    """Destroy raw files, what was rejected of them, what waits in landing/, and reports."""
    raw = {*plan.raw, *holdings.raw}
    # First, so that none is taken in again from here on, nor a load of one reaches the lake.
    context.forgotten.bury(plan.forgetting_id, raw)
    stopped = [
        load for load in context.ledger.loads(state=("failed", "held")) if load.sha256 in raw
    ]
    for load in stopped:
        context.ledger.finish(load.load_id, "discarded", fault=load.fault)
    for path in (*holdings.set_aside, *holdings.landing, *holdings.reports):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    # Last, since by the raw files the others are found.
    for sha256 in sorted(raw):
        context.raw.path(sha256).unlink(missing_ok=True)


def _empty_lake(context: Context, target: Target) -> None:
    """Take the rows out of every table, and files with such rows out of its history."""
    for table in personal_tables(context):
        if not context.lake.exists(table):
            continue
        forgetting = LakeForgetting(context.lake, table, target.scope)
        with lock(context.workspace, lake_lock(table), WAIT_SECONDS, what="forgetting"):
            for place, rows in sorted(forgetting.live().items(), key=lambda one: str(one[0])):
                # The ledger first: a kill in between is made good by doing both again.
                left = rows.all - rows.matching
                note_rows_left(context.database, table, place, left)
                forgetting.rewrite(place)
                if left:
                    slices = _slices(context, table, place)
                    note_slices_left(context.database, table, place, slices)
            forgetting.remove_history()


def _slices(context: Context, table: str, place: PartitionLoad) -> list[str]:
    """Return the slices of which a live partition has rows."""
    files = context.lake.files(table, place.source, [place.partition])
    with duckdb.connect() as con:
        view(con, "left_over", {place.partition: list(map(Path, files))})
        return slices_of(con, "left_over", table).get(place.partition, [])


def _clear_work(context: Context, target: Target) -> None:
    """Remove what killed runs left half done and may hold the rows; nothing of it is needed."""
    folder = context.workspace.work
    for path in sorted(one for one in folder.rglob("*") if one.is_file()):
        if path.name not in PLANS and remaining(context, target, [path]):
            path.unlink(missing_ok=True)


def _rebuild(context: Context) -> None:
    """Build every mart anew: what is published does not know them any more."""
    # What waits since few students moved is not kept as it was: their rows are in it.
    built = build_marts(context, everything=True, release=Release("roci forget"))
    if built.state == "unchanged":  # nothing is loaded any more
        built = build_marts(context)
    if built.state == "held":
        log.warning("forgetting=held code=%s", built.code)


def _unfinished(forgetting_id: str, left: Mapping[str, int]) -> InfrastructureError:
    return InfrastructureError(
        "FORGET_UNFINISHED",
        where=forgetting_id,
        found="still there: " + _places(left),
        expected="nothing of it anywhere in the workspace",
        remedy="see `roci status` for a publication that is held; remove what is not roci's from "
        "the places named; then give `roci forget --go-on`",
    )


def _places(left: Mapping[str, int]) -> str:
    names: Collection[str] = sorted(left)[:SHOWN_AT_MOST]
    more = f" and {len(left) - len(names)} more" if len(left) > len(names) else ""
    return ", ".join(names) + more
