"""The verbs of the command line that say what is shown when."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.verbs import Json, opened, told

if TYPE_CHECKING:
    from configs.models import EmbargoRule

embargo_app = typer.Typer(
    help="Results that wait before the reporting marts show them.", no_args_is_help=True
)
Assessment = Annotated[str, typer.Argument(help="The assessment, such as iready.")]
Year = Annotated[int, typer.Option("--year", help="The school year's spring.")]
OneDistrict = Annotated[str | None, typer.Option("--district", help="Only this district's.")]


@embargo_app.command("list")
@told
def embargo_list(json: Json = False) -> int:
    """List the rules, with the state that each has today."""
    from flows.console import show_records
    from flows.embargo import embargo_records

    records = embargo_records(opened())
    if not json:  # a year is no count
        records = [{**one, "school_year": str(one["school_year"])} for one in records]
    show_records(records, json, "nothing is under embargo")
    return 0


@embargo_app.command("set")
@told
def embargo_set(
    assessment: Assessment,
    year: Year,
    district: OneDistrict = None,
    state: Annotated[str, typer.Option(help="loading or reviewing: keep back.")] = "reviewing",
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Released from this day on.")
    ] = None,
    build: Annotated[bool, typer.Option(help="Build the marts at once.")] = True,
    json: Json = False,
) -> int:
    """Keep results back from the reporting marts, in ROCI_CONFIG."""
    given = {"state": state, "until": until.date() if until else None}
    rule = _rule(assessment=assessment, school_year=year, district_id=district, **given)
    return _say(rule, build=build, as_json=json)


@embargo_app.command("release")
@told
def embargo_release(
    assessment: Assessment,
    year: Year,
    district: OneDistrict = None,
    build: Annotated[bool, typer.Option(help="Build the marts at once.")] = True,
    json: Json = False,
) -> int:
    """Let the reporting marts show results from now on."""
    rule = _rule(assessment=assessment, school_year=year, district_id=district, state="released")
    return _say(rule, build=build, as_json=json)


def _rule(**given: Any) -> EmbargoRule:
    from pydantic import ValidationError

    from configs.errors import UsageError
    from configs.models import EmbargoRule

    try:
        return EmbargoRule(**given)
    except ValidationError as error:
        raise UsageError(
            "UNKNOWN_VALUE",
            where="roci embargo set",
            found=str(error.errors()[0]["input"]),
            expected="a state that is loading, reviewing or released",
            remedy="check the spelling",
        ) from None


def _say(rule: EmbargoRule, *, build: bool, as_json: bool) -> int:
    """Keep the rule, then build the marts with it."""
    from flows.console import show_run
    from flows.embargo import set_rule, still_kept
    from flows.running import run_build

    path = set_rule(opened(), rule)
    whose = f"district {rule.district_id}" if rule.district_id else "all districts"
    if not as_json:
        typer.echo(f"{rule.assessment} {rule.school_year}, {whose}: {rule.state} (in {path})")
    # Opened anew, since the configuration is another now.
    context = opened()
    for district in still_kept(context, rule):
        typer.echo(f"district {district} is still kept back, by a rule of its own", err=True)
    if not build:
        return 0
    outcome = run_build(context, everything=False, engine="direct")
    show_run(outcome, context, as_json)
    return outcome.exit_code
