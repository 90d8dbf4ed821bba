"""Building the marts: what changed is counted, protected, checked and published as one."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from configs.catalogue import digest
from configs.errors import PublicationHeld
from configs.models import Suite
from flows.context import Context
from flows.faults import unexpected
from flows.load_key import code_hash
from flows.outcome import BuildOutcome
from flows.slices import of_slices, slice_parts
from flows.stages.agreement import require_agreement
from flows.stages.attacking import require_nothing_follows
from flows.stages.marts import KEYS, STUDENT_ROWS, MartFiles, connect, write_marts
from flows.stages.planning import BuildPlan, plan_build
from flows.stages.small_moves import (
    NOBODY,
    Release,
    following,
    is_as_published,
    require_room_to_wait,
    small_moves,
)
from warehouse.bulk import quoted as quoted_name
from warehouse.lake import path_literal
from warehouse.ledger_records import Check, MartRecord
from warehouse.locks import lock
from warehouse.publish import Mart, MartArea
from warehouse.published import Basis
from warehouse.waits import Wait, end_waits, note_waiting, wait_check

log = logging.getLogger("roci.marts")

WAIT_SECONDS = 3600


@dataclass(frozen=True)
class Build:
    """A publication in the making: its id and plan, whom people let through, and what waits.

    is_held_against: whether its slices have been held, by attack, against what is published.
    """

    publication_id: str
    plan: BuildPlan
    release: Release = NOBODY
    waits: tuple[Wait, ...] = ()
    let_through: tuple[Check, ...] = ()
    is_held_against: bool = False


def build_marts(
    context: Context, *, everything: bool = False, release: Release = NOBODY
) -> BuildOutcome:
    """Build and publish the slices whose inputs have changed; the others stay as they are.

    Afterwards Parquet and SQL hold the same rows. Where lake and ledger disagree, or the marts do
    not pass their own suite, the last publication stays and the outcome is `held`. Unless the site
    says otherwise, slices that would tell of few students beside what is published stay as well,
    where `release` has them not; the outcome is `waiting` where nothing else has changed.

    Raises:
        InfrastructureError, OSError: storage or database failed; the last publication stays.
    """
    started = time.perf_counter()
    with lock(context.workspace, "publication", WAIT_SECONDS, what="publication"):
        context.publisher.recover()
        try:
            require_agreement(context)
        except PublicationHeld as held:
            return _held_back(context, held)
        plan = plan_build(context, everything=everything)
        if plan.nothing_to_do:
            context.ledger.withdraw_held()
            end_waits(context.ledger)
            return BuildOutcome(None, "unchanged", slices_kept=len(plan.kept))
        publication_id = context.ledger.new_publication_id(context.publisher.shown())
        outcome = _publish(context, Build(publication_id, plan, release))
    outcome = replace(outcome, seconds=time.perf_counter() - started)
    log.info(
        "publication=%s state=%s slices_built=%d slices_kept=%d seconds=%.2f",
        outcome.publication_id,
        outcome.state,
        outcome.slices_built,
        outcome.slices_kept,
        outcome.seconds,
    )
    return outcome


def _held_back(context: Context, held: PublicationHeld) -> BuildOutcome:
    """Note once that nothing can be published, so that it is told in the morning too."""
    before = context.ledger.held_publication()
    if before is not None and before.fault is not None and before.fault.found == held.found:
        publication_id = before.publication_id
    else:
        new_id = context.ledger.new_publication_id(context.publisher.shown())
        publication_id = context.ledger.record_publication(
            {}, [], publication_id=new_id, state="held", fault=held
        )
    return BuildOutcome(publication_id, "held", code=held.code, message=str(held))


def _publish(context: Context, build: Build) -> BuildOutcome:
    """Build and publish, or record why the last publication stays."""
    plan, publication_id = build.plan, build.publication_id
    try:
        return _build(context, build)
    except PublicationHeld as held:
        context.ledger.record_publication(
            plan.fingerprints, [], publication_id=publication_id, state="held", fault=held
        )
        return BuildOutcome(publication_id, "held", code=held.code, message=str(held))
    except Exception as broken:
        raise unexpected(broken) from None
    finally:
        context.publisher.discard_staged()


def _build(context: Context, build: Build) -> BuildOutcome:
    """Write every mart aside, check what is to be published, then publish and record it."""
    asked, (build, files, records) = build.plan, _written(context, build)
    waiting = tuple(wait.slice_name for wait in build.waits)
    kept = len(build.plan.kept)
    if waiting and is_as_published(context, build.plan, records):
        noted = note_waiting(context.ledger, build.publication_id, asked.fingerprints, build.waits)
        return BuildOutcome(noted, "waiting", slices_kept=kept, waiting=waiting)
    basis = basis_of(context, build.plan)
    context.publisher.publish(
        build.publication_id,
        reporting=_marts(context, build, files, "reporting"),
        restricted=_marts(context, build, files, "restricted"),
        digests={"code": basis.code, "configuration": basis.configuration},
        provided=lambda: _check(context, build, files),
    )
    context.ledger.record_publication(
        build.plan.fingerprints, records, publication_id=build.publication_id, basis=basis
    )
    rows = {mart.name: mart.rows for mart in records}
    built = len(build.plan.changed)
    return BuildOutcome(build.publication_id, "published", built, kept, rows, waiting=waiting)


def _written(context: Context, build: Build) -> tuple[Build, MartFiles, list[MartRecord]]:
    """Write every mart aside, and again without the slices that have to wait, if there are any."""
    with connect(context) as con:
        files = write_marts(context, build.plan, con, build.publication_id)
        records = [mart_record(con, *named) for named in sorted(files.all.items())]
        moves = small_moves(context, build.plan, con, files, build.release)
        build, waits = replace(build, let_through=moves.let_through), moves.waits
        if not waits and not build.is_held_against:
            waits = following(context, build.plan, con, files, moves)
            build = replace(build, is_held_against=True)
        if not waits:
            return build, files, records
        require_room_to_wait(context, con, files, build.publication_id, waits)
    context.publisher.discard_staged()
    plan = build.plan.without([wait.slice_name for wait in waits])
    return _written(context, replace(build, plan=plan, waits=(*build.waits, *waits)))


def _check(context: Context, build: Build, files: MartFiles) -> None:
    """Run the marts suite over what is to be published; dimensions alone have no numbers to check.

    Raises:
        PublicationHeld: a check of severity `hold` did not pass.
    """
    if "mart_achievement" not in files.reporting:
        return
    from flows.stages.batch import recorded
    from validation.mart_rules import mart_violations
    from validation.suites import needed_columns, run_marts_suite, suite_for

    suite = _asked_of(suite_for(context.catalogue, "marts"), files)
    wanted = needed_columns(suite)
    with connect(context) as con:
        _relate_marts(con, build.plan, files)
        violations = mart_violations(con, context.catalogue.marts.dimensions)
        frames = {
            name: con.sql(f"SELECT {', '.join(wanted.get(name) or ['*'])} FROM {name}").df()
            for name in files.reporting
            if name in suite.expectations
        }
    folder = files.reporting["mart_achievement"].parent
    require_nothing_follows(context, folder, files.released, build.plan.changed)
    result = run_marts_suite(
        suite, frames, violations, context.workspace.docs, build.publication_id
    )
    moves = (*map(wait_check, build.waits), *build.let_through)
    context.ledger.record_checks(
        build.publication_id, [*(recorded(c) for c in result.checks), *moves]
    )
    failed = result.failed("hold")
    if failed:
        raise PublicationHeld(
            failed[0].code,
            where=f"publication {build.publication_id}",
            found="; ".join(f"{check.meaning} Found {check.observed}" for check in failed[:5]),
            expected="marts that pass their own suite",
            remedy="the last publication stays; keep the log and report this fault of roci",
        )


def _relate_marts(con: duckdb.DuckDBPyConnection, plan: BuildPlan, files: MartFiles) -> None:
    """Make views of the reporting marts, and of the exact cells of what has changed."""
    from validation.mart_rules import EXACT_CELLS

    for name, path in files.reporting.items():
        con.execute(f"CREATE VIEW {name} AS FROM read_parquet({path_literal(path)})")
    exact = files.restricted.get(EXACT_CELLS)
    if exact is not None and plan.changed:
        fresh = f"read_parquet({path_literal(exact)}) WHERE {of_slices(plan.changed)}"
        con.execute(f"CREATE VIEW {EXACT_CELLS} AS FROM {fresh}")


def _asked_of(suite: Suite, files: MartFiles) -> Suite:
    """Return the suite without the expectations of marts that have no rows."""
    there = {*files.reporting, "violations"}
    kept = {name: specs for name, specs in suite.expectations.items() if name in there}
    return suite.model_copy(update={"expectations": kept})


def _marts(context: Context, build: Build, files: MartFiles, area: MartArea) -> dict[str, Mart]:
    """Return what the publisher needs of each mart of an area."""
    by_slice = build.plan.stands and bool(build.plan.kept) and not build.plan.gone
    marts = {}
    for name, path in files.of(area).items():
        sliced = by_slice and name in files.sliced
        slices = _slices(build.plan) if sliced else None
        marts[name] = replace(sql_table(context, name, path), slices=slices)
    return marts


def sql_table(context: Context, name: str, path: Path) -> Mart:
    """Return a whole mart with what SQL needs to know of it."""
    config = context.catalogue.marts
    return Mart(
        path=path,
        key=KEYS[name](config.dimensions),
        sql=name not in STUDENT_ROWS or config.sql_student_rows,
    )


def _slices(plan: BuildPlan) -> list[dict[str, str | int]]:
    parts = [slice_parts(name) for name in plan.changed]
    return [{"assessment": assessment, "school_year": year} for assessment, year in parts]


def basis_of(context: Context, plan: BuildPlan) -> Basis:
    """Return what beside the loads the plan is made from, as the ledger keeps it."""
    moment = plan.planned_at or datetime.now(UTC)
    rules = [rule.model_dump(mode="json") for rule in plan.embargo]
    return Basis(moment.isoformat(), code_hash(), context.catalogue.marts_hash, rules)


def mart_record(con: duckdb.DuckDBPyConnection, name: str, path: Path) -> MartRecord:
    """Return a mart's rows and a digest of them: equal rows, equal digest, in whatever order.

    Two sums of 64 bits each of which every row is a term: what tells publications apart is chance,
    not malice.
    """
    file = f"read_parquet({path_literal(path)})"
    columns = con.execute(f"DESCRIBE FROM {file}").fetchall()
    row = ", ".join(quoted_name(column[0]) for column in columns)
    told = con.execute(
        f"SELECT count(*), sum(hash({row})::HUGEINT)::VARCHAR, "
        f"sum(hash('again', {row})::HUGEINT)::VARCHAR FROM {file}"
    ).fetchall()[0]
    shape = [(column[0], column[1]) for column in columns]
    return MartRecord(name, told[0], digest([shape, list(told)]))
