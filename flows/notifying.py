"""People are told of what needs them: counts, codes and ids of loads, never a name or a value."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from configs.profile_models import Notice
from flows.context import Context
from flows.expecting import late_arrivals
from flows.outcome import BuildOutcome
from flows.standing import STOPPED, still_open
from flows.waiting import waiting_line, waiting_records
from warehouse.ledger_records import Load
from warehouse.notices import note_told, told

if TYPE_CHECKING:
    from apprise import NotifyBase

log = logging.getLogger("roci.notify")

RETRY_DELAYS = (2.0, 10.0)
SHOWN = 20
WORDS: dict[Notice, str] = {
    "failed": "failed",
    "held": "held",
    "late": "late",
    "build_held": "publication held",
    "small_moves": "waiting",
}


@dataclass(frozen=True)
class News:
    """One thing that people are told: its kind, the ids it goes by, and its line.

    `known_as`: the first is its own; who was told of any of them knows.
    """

    kind: Notice
    known_as: tuple[str, ...]
    line: str


def tell_people(
    context: Context,
    build: BuildOutcome | None,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Tell every channel what it has not been told; a channel that fails is told by the next night.

    Whatever happens here, the run has ended as it has: nothing is raised.
    """
    try:
        urls = environment.get(context.catalogue.profile.notify.urls_env, "").split()
        if not urls:
            return
        news = list(news_of(context, build))
        for place, url in enumerate(urls, start=1):
            _tell(context, url, place, news)
    except Exception as error:  # its message may quote an address
        log.warning("notify=failed cause=%s", type(error).__name__)


@contextmanager
def telling_of_an_end(
    context: Context,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[None]:
    """Tell people of an error that ends the nightly; the ledger may be what is away.

    Raises:
        Exception: the error itself, told or not.
    """
    try:
        yield
    except Exception as error:
        code = getattr(error, "code", type(error).__name__)
        urls = environment.get(context.catalogue.profile.notify.urls_env, "").split()
        text = f"{code}: what was loaded stays; nothing half done is shown  -> roci status"
        for place, url in enumerate(urls, start=1):
            sent = _sent(url, "roci: the nightly stopped", text)
            log.info("notify=%s channel=%d", "sent" if sent else "failed", place)
        raise


def news_of(context: Context, build: BuildOutcome | None) -> Iterator[News]:
    """Yield what needs a person now and is to be told, whoever was told of it before."""
    wanted = context.catalogue.profile.notify.about
    loads = context.ledger.loads()
    for load in still_open(loads):
        if load.state in wanted:
            yield _of_load(load, loads)
    if build is not None and build.needs_attention and "build_held" in wanted:
        yield _of_build(context, build)
    if build is not None and "small_moves" in wanted:
        for record in waiting_records(context):
            about = "moves:{assessment}:{school_year}:{since}".format(**record)
            yield News("small_moves", (about,), f"waiting: {waiting_line(record)}")
    if "late" in wanted:
        for late in late_arrivals(context):
            district = f" of district {late.district_id}" if late.district_id else ""
            about = f"late:{late.source}:{late.district_id or ''}:{late.since}"
            line = f"late: {late.source}{district} since {late.since}  -> roci status"
            yield News("late", (about,), line)


def _of_load(load: Load, loads: Iterable[Load]) -> News:
    code = load.fault.code if load.fault else "no code"
    line = f"{load.state}: {load.load_id} {load.source} {code}  -> roci explain {load.load_id}"
    kind: Notice = "held" if load.state == "held" else "failed"
    return News(kind, (load.load_id, *_same_before(load, loads)), line)


def _same_before(load: Load, loads: Iterable[Load]) -> Iterator[str]:
    """Yield the attempts just before that stopped in the same way: people know of them."""
    file = (load.source, load.sha256, load.district_id)
    for earlier in loads:  # the newest first
        if earlier.load_id >= load.load_id:
            continue
        if (earlier.source, earlier.sha256, earlier.district_id) == file:
            if earlier.state not in STOPPED or _code(earlier) != _code(load):
                return
            yield earlier.load_id


def _code(load: Load) -> str | None:
    return load.fault.code if load.fault else None


def _of_build(context: Context, build: BuildOutcome) -> News:
    last = context.ledger.last_publication()
    stays = last.publication_id if last else "nothing"
    about = build.publication_id or f"build:{build.code}:{stays}"
    line = f"publication held: {build.code}; {stays} stays published  -> roci status"
    return News("build_held", (about,), line)


def _tell(context: Context, url: str, place: int, news: list[News]) -> None:
    channel = hashlib.sha256(url.encode()).hexdigest()
    known = told(context.ledger, channel)
    new = [one for one in news if not known & {*one.known_as}]
    if not new:
        return
    if _sent(url, title_of(new), text_of(new)):
        note_told(context.ledger, channel, (one.known_as[0] for one in new))
        log.info("notify=sent channel=%d news=%d", place, len(new))
    else:
        log.warning("notify=failed channel=%d news=%d", place, len(new))


def title_of(news: list[News]) -> str:
    """Return how much there is of each kind.

    >>> title_of([News("held", ("L2",), ""), News("failed", ("L1",), "")])
    'roci: 1 failed, 1 held'
    """
    counts = Counter(one.kind for one in news)
    parts = (f"{counts[kind]} {words}" for kind, words in WORDS.items() if counts[kind])
    return "roci: " + ", ".join(parts)


def text_of(news: list[News]) -> str:
    """Return a line for each, at most twenty."""
    lines = [one.line for one in news[:SHOWN]]
    if len(news) > SHOWN:
        lines.append(f"and {len(news) - SHOWN} more  -> roci status")
    return "\n".join(lines)


def _sent(url: str, title: str, text: str) -> bool:
    """Send through one channel, twice more where it does not answer."""
    import apprise

    logging.getLogger("apprise").propagate = False  # it quotes addresses
    service = apprise.Apprise.instantiate(url, suppress_exceptions=True)
    if service is None:
        return False
    for delay in (*RETRY_DELAYS, None):
        if _taken(service, title, text):
            return True
        if delay is not None:
            time.sleep(delay)
    return False


def _taken(service: NotifyBase, title: str, text: str) -> bool:
    """Return whether a channel took the message; one that breaks must not hide why it was told."""
    try:
        return bool(service.notify(body=text, title=title))
    except Exception as error:  # its message may quote an address
        log.warning("notify=broken cause=%s", type(error).__name__)
        return False
