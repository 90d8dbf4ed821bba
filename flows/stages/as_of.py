"""What was published on an earlier day, built again beside what is published now."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from zoneinfo import ZoneInfo

from configs.errors import UsageError
from configs.models import EmbargoRule
from flows.context import Context
from flows.load_key import code_hash
from flows.stages.building import mart_record
from flows.stages.marts import MartFiles, connect, write_marts
from flows.stages.supposing import SupposedContext, plan_slices, suppose
from transforms.embargo import stricter
from warehouse.accesses import Access
from warehouse.lake import PartitionLoad
from warehouse.lake_moments import LakeHistory
from warehouse.ledger_records import LivePartition, MartRecord, Publication
from warehouse.publish import MART_AREAS
from warehouse.published import SIDECAR, Basis
from warehouse.sql_marts import file_mode

PARTS = ("code", "configuration", "embargo")


@dataclass(frozen=True)
class Rebuilt:
    """A publication built again.

    marts: rows, and whether the content is what it was then, by mart.
    changed: what differs from what it was made with then: `code`, `configuration` (marts.yml,
        network.yml, the assessments), `embargo`; `unknown` where it was not noted. The vocabularies
        and sources are those that the rows were loaded with.
    missing: marts of then that are not built any more.
    """

    publication_id: str
    published_at: str
    folder: str
    marts: dict[str, dict[str, object]]
    changed: list[str]
    missing: list[str]


def build_as_of(context: Context, asked: str, out: Path | None = None) -> Rebuilt:
    """Build the marts as they were published at a moment, with today's code, into a folder.

    Args:
        context: the opened workspace; its publication is not touched.
        asked: a day, whose end is meant, or a moment, in the profile's timezone where it has none.
        out: where to; by default a folder of its own under marts/as-of/.

    Raises:
        UsageError: the moment cannot be read (BAD_DATE), nothing was published yet (NOT_PUBLISHED),
            the lake's version is gone (PRUNED), or `out` holds something (FOLDER_NOT_EMPTY).
    """
    then = _publication(context, asked)
    basis = context.ledger.basis(then.publication_id)
    moment = dt.datetime.fromisoformat(basis.planned_at) if basis else then.published_at
    supposed = _as_it_was(context, moment, basis)
    own = context.workspace.home / "marts" / "as-of" / then.publication_id
    folder = _folder(context, own if out is None else out, is_ours=out is None)
    plan = plan_slices(supposed)
    try:
        with connect(supposed) as con:
            files = write_marts(supposed, plan, con, then.publication_id)
            records = {n: mart_record(con, n, path) for n, path in files.all.items()}
        _leave(folder, files, then)
        context.accesses.note(_access(folder, files, records, then))
    finally:
        supposed.publisher.discard_staged()
    return _rebuilt(then, folder, records, _changed(supposed, basis))


def _publication(context: Context, asked: str) -> Publication:
    moment = _moment(asked, ZoneInfo(context.catalogue.profile.timezone))
    found = context.ledger.publication_at(moment)
    if found is None:
        raise UsageError(
            "NOT_PUBLISHED",
            where=f"--as-of {asked}",
            found="nothing published by then",
            expected="a day on which something was published",
            remedy="choose a later day",
        )
    return found


def _moment(asked: str, zone: ZoneInfo) -> dt.datetime:
    """Return the moment that is meant: of a day, its end."""
    try:
        moment = dt.datetime.fromisoformat(asked)
    except ValueError:
        raise UsageError(
            "BAD_DATE",
            where="--as-of",
            found=asked,
            expected="a day such as 2026-09-30, or a moment such as 2026-09-30T14:00",
            remedy="write year, month and day",
        ) from None
    if len(asked) == len("2026-09-30"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _as_it_was(context: Context, moment: dt.datetime, basis: Basis | None) -> SupposedContext:
    """Return the workspace with the rows that were live at the moment."""
    live = context.ledger.partitions_at(moment)
    history = LakeHistory(context.lake)
    files = {
        table: history.files_at(table, _places(parts), moment) for table, parts in live.items()
    }
    return suppose(context, live, files, _embargo(context, basis))


def _places(parts: Sequence[LivePartition]) -> set[PartitionLoad]:
    return {PartitionLoad(part.source, part.partition, part.load_id) for part in parts}


def _embargo(context: Context, basis: Basis | None) -> tuple[EmbargoRule, ...]:
    """Return what was kept back then or is now: to look back releases nothing."""
    then = [EmbargoRule.model_validate(rule) for rule in basis.embargo] if basis else []
    return stricter(then, context.embargo)


def _folder(context: Context, folder: Path, *, is_ours: bool) -> Path:
    """Return an empty folder; ours is cleared, another's must be empty and elsewhere."""
    workspace = context.workspace
    if is_ours:
        shutil.rmtree(folder, ignore_errors=True)
    published = {workspace.marts_reporting.resolve(), workspace.marts_restricted.resolve()}
    here = folder.resolve()
    taken = here.exists() and any(here.iterdir())
    if taken or published & {here, *here.parents, here / "reporting", here / "restricted"}:
        raise UsageError(
            "FOLDER_NOT_EMPTY",
            where=f"--out {folder}",
            found="a folder that holds something, or that of the marts themselves",
            expected="an empty folder, or none yet",
            remedy="choose another; what is published now is never written over",
        )
    return here


def _leave(folder: Path, files: MartFiles, then: Publication) -> None:
    """Copy the marts into the folder, which is its owner's only: it holds students."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for area in MART_AREAS:
        (folder / area).mkdir(exist_ok=True)
        for name, path in files.of(area).items():
            target = folder / area / f"{name}.parquet"
            shutil.copyfile(path, target)
            target.chmod(file_mode(area))
    told = {
        "publication_id": then.publication_id,
        "published_at": then.published_at.isoformat(timespec="seconds"),
        "built_again_at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "marts": sorted(files.reporting),
    }
    (folder / "reporting" / SIDECAR).write_text(json.dumps(told), encoding="utf-8")


def _access(
    folder: Path, files: MartFiles, records: Mapping[str, MartRecord], then: Publication
) -> Access:
    rows = sum(records[name].rows for name in files.restricted)
    what = f"restricted marts: {', '.join(sorted(files.restricted))}"
    return Access("marts build --as-of", what, str(folder), rows, then.publication_id)


def _changed(supposed: SupposedContext, basis: Basis | None) -> list[str]:
    if basis is None:
        return ["unknown"]
    rules = [rule.model_dump(mode="json") for rule in supposed.embargo]
    now = Basis(basis.planned_at, code_hash(), supposed.catalogue.marts_hash, rules)
    then, today = asdict(basis), asdict(now)
    return [part for part in PARTS if then[part] != today[part]]


def _rebuilt(
    then: Publication, folder: Path, records: Mapping[str, MartRecord], changed: list[str]
) -> Rebuilt:
    was = {mart.name: mart.content_hash for mart in then.marts}
    marts: dict[str, dict[str, object]] = {
        name: {"rows": record.rows, "as_then": record.content_hash == was.get(name)}
        for name, record in sorted(records.items())
    }
    return Rebuilt(
        publication_id=then.publication_id,
        published_at=then.published_at.isoformat(timespec="seconds"),
        folder=str(folder),
        marts=marts,
        changed=changed,
        missing=sorted(set(was) - set(records)),
    )
