"""Which results wait before the reporting marts show them: said in the site's own layer."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

from configs.catalogue import Catalogue, load_catalogue
from configs.errors import ConfigurationError, UsageError
from configs.models import EmbargoRule
from flows.context import Context
from flows.mapping import copy_of_site, replace_file
from transforms.embargo import RELEASED

FILE = "embargo.yml"


def embargo_records(context: Context) -> list[dict[str, Any]]:
    """Return every rule with its state as it stands today."""
    records = []
    for rule, now in zip(context.catalogue.embargo.rules, context.embargo, strict=True):
        records.append(
            {
                "assessment": rule.assessment,
                "school_year": rule.school_year,
                "district_id": rule.district_id or "all",
                "state": now.state,
                "until": rule.until.isoformat() if rule.until else None,
            }
        )
    return records


def embargo_lines(context: Context) -> list[str]:
    """Return a line for all that is kept back; none where nothing is."""
    kept = [
        f"{rule['assessment']} {rule['school_year']}"
        + ("" if rule["district_id"] == "all" else f" district {rule['district_id']}")
        + f" ({rule['state']}{', until ' + rule['until'] if rule['until'] else ''})"
        for rule in embargo_records(context)
        if rule["state"] != RELEASED
    ]
    return [f"under embargo: {', '.join(kept)}  -> roci embargo list"] if kept else []


def still_kept(context: Context, rule: EmbargoRule) -> list[str]:
    """Return the districts whose own rules keep results back that a rule for all releases."""
    return [
        one.district_id
        for one in context.embargo
        if (one.assessment, one.school_year) == (rule.assessment, rule.school_year)
        and one.district_id is not None
        and rule.district_id is None
        and rule.state == RELEASED != one.state
    ]


def set_rule(context: Context, rule: EmbargoRule) -> Path:
    """Keep a rule in ROCI_CONFIG in the place of the one for the same results; return the file.

    Raises:
        UsageError: there is no layer of the site, no such assessment, or the rule is over already.
        ConfigurationError: the file could not be good with it.
    """
    site = _site(context)
    _require_assessment(context.catalogue, rule)
    _require_ahead(context, rule)
    path = site / FILE
    text = _edited(path, context.catalogue, rule)
    with copy_of_site(site) as copy:
        (copy / FILE).write_text(text, encoding="utf-8")
        tried = load_catalogue(copy)
    if rule not in tried.embargo.rules:
        raise ConfigurationError(
            "BAD_CONFIGURATION",
            where=str(path),
            found="the rule is not read back as it was written",
            expected="a file that holds it; nothing was changed",
            remedy="write the rule by hand, then run `roci check`",
        )
    replace_file(path, text)
    return path


def _site(context: Context) -> Path:
    if context.site is None:
        raise UsageError(
            "NO_SITE_CONFIGURATION",
            where="roci embargo",
            found="ROCI_CONFIG is not set",
            expected="a folder of your own for what you change; an upgrade replaces configs/",
            remedy="export ROCI_CONFIG=FOLDER (it may be empty) and type the command again",
        )
    return context.site


def _require_assessment(catalogue: Catalogue, rule: EmbargoRule) -> None:
    if rule.assessment not in catalogue.assessments:
        raise UsageError(
            "UNKNOWN_VALUE",
            where="roci embargo",
            found=rule.assessment,
            expected="one of " + ", ".join(sorted(catalogue.assessments)),
            remedy="check the spelling",
        )


def _require_ahead(context: Context, rule: EmbargoRule) -> None:
    """Refuse a rule that would keep nothing back, since its last day is over."""
    if rule.state != RELEASED and rule.on(context.today).state == RELEASED:
        raise UsageError(
            "EMBARGO_OVER",
            where="roci embargo set --until",
            found=f"{rule.until}, from which day on the results would be shown: at once",
            expected=f"a day after {context.today}",
            remedy="check the year; to show the results now, type `roci embargo release`",
        )


def _edited(path: Path, catalogue: Catalogue, rule: EmbargoRule) -> str:
    """Return the file's text with the rule in it; its comments stay."""
    from ruamel.yaml import YAML
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_text(encoding="utf-8")) if path.is_file() else None
    if content is None:
        content = CommentedMap()
    rules = content.get("rules")
    if rules is None:
        # A list of the site's stands in the place of the shipped one, whose rules must stay.
        rules = content["rules"] = CommentedSeq(map(_entry, catalogue.embargo.rules))
    if not rules:
        rules.fa.set_block_style()
    _put(rules, rule)
    stream = StringIO()
    yaml.dump(content, stream)
    return stream.getvalue()


def _put(rules: Any, rule: EmbargoRule) -> None:
    entry = _entry(rule)
    for at, known in enumerate(rules):
        if EmbargoRule.model_validate(dict(known)).place == rule.place:
            rules[at] = entry
            return
    rules.append(entry)


def _entry(rule: EmbargoRule) -> Any:
    """Return a rule as it is written; ids are quoted, or a leading zero would be lost."""
    from ruamel.yaml.comments import CommentedMap
    from ruamel.yaml.scalarstring import SingleQuotedScalarString as Quoted

    entry = CommentedMap(rule.model_dump(exclude_none=True))
    if rule.district_id is not None:
        entry["district_id"] = Quoted(rule.district_id)
    entry.fa.set_flow_style()
    return entry
