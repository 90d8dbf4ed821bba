"""Which results may be published: rules of an assessment and year, and of single districts."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from configs.models import EmbargoRule

RELEASED = "released"


def slice_rules(
    rules: Collection[EmbargoRule], assessment: str, school_year: int
) -> list[EmbargoRule]:
    """Return the rules of one slice, by district; none where nothing of it is kept back."""
    own = [rule for rule in rules if rule.place[:2] == (assessment, school_year)]
    if all(rule.state == RELEASED for rule in own):
        return []
    return sorted(own, key=_place_text)


def stricter(
    one: Collection[EmbargoRule], other: Collection[EmbargoRule]
) -> tuple[EmbargoRule, ...]:
    """Return rules that release only what both release.

    >>> from configs.models import EmbargoRule
    >>> whole = EmbargoRule(assessment="map", school_year=2026, state="reviewing")
    >>> part = EmbargoRule(assessment="map", school_year=2026, district_id="1", state="released")
    >>> [rule.state for rule in stricter([whole, part], [])]
    ['reviewing', 'released']
    >>> [rule.state for rule in stricter([whole, part], [whole])]
    ['reviewing', 'reviewing']
    """
    rules = []
    for rule in sorted({r.place: r for r in (*one, *other)}.values(), key=_place_text):
        states = [_state(side, rule) for side in (one, other)]
        kept_back = [state for state in states if state != RELEASED]
        state = kept_back[0] if kept_back else RELEASED
        rules.append(rule.model_copy(update={"state": state, "until": None}))
    return tuple(rules)


def _state(rules: Collection[EmbargoRule], of: EmbargoRule) -> str:
    """Return the state of a rule's results by other rules."""
    states = {rule.place: rule.state for rule in rules}
    return states.get(of.place) or states.get((*of.place[:2], None)) or RELEASED


def _place_text(rule: EmbargoRule) -> tuple[str, int, str]:
    return rule.assessment, rule.school_year, rule.district_id or ""


def rules_table(rules: Collection[EmbargoRule]) -> pa.Table:
    """Return the rules as a relation: `assessment`, `school_year`, `district_id`, `state`."""
    import pyarrow as pa

    return pa.table(
        {
            "assessment": pa.array([rule.assessment for rule in rules], pa.string()),
            "school_year": pa.array([rule.school_year for rule in rules], pa.int32()),
            "district_id": pa.array([rule.district_id for rule in rules], pa.string()),
            "state": pa.array([rule.state for rule in rules], pa.string()),
        }
    )


def released_sql(results: str, rules: str) -> str:
    """Return SQL of the rows of `results` that may be published; grain and columns are the same.

    A rule for a row's district goes before one for all districts; without either it is released.

    Args:
        results: a relation with `assessment`, `school_year` and `district_id`.
        rules: a relation as of `rules_table`.
    """
    told = (
        f"SELECT min(state) FROM {rules} AS rule "
        "WHERE (rule.assessment, rule.school_year) = (r.assessment, r.school_year)"
    )
    own = f"({told} AND rule.district_id = r.district_id)"
    whole = f"({told} AND rule.district_id IS NULL)"
    return (
        f"SELECT r.* FROM {results} AS r "
        f"WHERE coalesce({own}, {whole}, '{RELEASED}') = '{RELEASED}'"
    )
