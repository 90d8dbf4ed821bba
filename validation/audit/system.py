"""Attacks one system in every way, and names the groups that fall."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

from validation.audit.attacks import look_at_shown, look_at_view, may_be_small
from validation.audit.exact import Clock, look_at_ranges
from validation.audit.finder import Finder
from validation.audit.other_counts import look_at_others
from validation.audit.published import Publication, System
from validation.audit.releases import look_at_both, look_at_releases
from validation.audit.result import SystemAudit
from validation.audit.scheme import Scheme
from validation.audit.view import read_views


def audit_system(  # noqa: PLR0913  all but three have defaults that most callers want
    publications: Sequence[Publication],
    system: System,
    scheme: Scheme,
    exact_seconds: float = 0,
    absent_is_empty: bool = False,
    tested_only: bool = False,
) -> SystemAudit:
    """Return what falls in one system.

    Args:
        publications: the one to audit, and if there is one the publication before.
        system: school_year, assessment, subject, test_window.
        scheme: the public configuration.
        exact_seconds: how long to solve for true ranges; 0: not at all.
        absent_is_empty: whether the reader holds that a code without any row has no students.
        tested_only: leave out the counts of other students, of which most of the time is.
    """
    view = read_views(publications[:1], system, scheme)[0]
    finder = Finder(view, scheme, system)
    look_at_shown(finder)
    bounds, pairs = look_at_view(finder, absent_is_empty)
    if not tested_only:
        look_at_others(finder, publications[0], pairs, bounds)
    if len(publications) > 1:
        look_at_releases(finder, publications, absent_is_empty)
    if exact_seconds and not bounds.broken.any():
        look_at_ranges(finder, bounds, Clock(exact_seconds))
    return _audited(finder, int(may_be_small(finder, bounds).sum()))


def audit_two(
    publications: Sequence[Publication], system: System, scheme: Scheme
) -> SystemAudit | None:
    """Return what falls in one system by holding two publications together, and by neither alone.

    Args:
        publications: the one to audit and the one before.
        system: school_year, assessment, subject, test_window.
        scheme: the public configuration.

    Returns:
        Null where the publication before does not have the system.
    """
    if system not in dict(publications[1].systems()):
        return None
    now, then = read_views(publications, system, scheme)
    finder = Finder(now, scheme, system)
    look_at_both(finder, then, absent_is_empty=False)
    return _audited(finder, int((~now.shown[: now.cells.named]).sum()))


def _audited(finder: Finder, hidden: int) -> SystemAudit:
    order = attrgetter("kind", "cell", "statistic", "mart")
    falls = tuple(sorted(finder.falls, key=order))
    return SystemAudit(finder.name, falls, finder.view.cells.named, hidden, finder.figures)
