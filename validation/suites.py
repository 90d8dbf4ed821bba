"""Runs the suites over a whole load and over the marts, and says what each check found.

Great Expectations sees frames that are handed to it and nothing else: its context lives in memory,
its results hold counts and no values, and the only files are the Data Docs (validation/data_docs).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from configs.catalogue import Catalogue, allowed_codes
from configs.errors import ConfigurationError, listed
from configs.models import ExpectationSpec, Suite
from configs.source_models import Source, Threshold
from validation import data_docs, gx_runner

NOTHING_TO_COMPARE = "nothing to compare with"
# Great Expectations keeps the last context that was opened as the one of the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Check:
    """What one expectation found: in words and figures, without any student's value."""

    suite: str
    name: str
    code: str
    severity: Literal["hold", "warn"]
    success: bool
    observed: str
    expected: str
    meaning: str


@dataclass(frozen=True)
class SuiteResult:
    """All checks of one run of a suite, and the page that shows them."""

    suite: str
    run_name: str
    checks: list[Check]
    index_page: Path

    def failed(self, severity: Literal["hold", "warn"]) -> list[Check]:
        """Return the checks of this severity that did not hold."""
        return [c for c in self.checks if not c.success and c.severity == severity]


def suite_for(catalogue: Catalogue, name: str, source: Source | None = None) -> Suite:
    """Return a suite of the catalogue, ready to run.

    Args:
        catalogue: the whole configuration.
        name: `batch` or `marts`.
        source: whose load a batch is; expectations of other tables than its own are left out.

    Raises:
        ConfigurationError: a setting or vocabulary that the suite names does not exist.
    """
    suite = catalogue.suites[name]
    expectations = {
        asset: [
            spec.model_copy(update={"kwargs": _filled_in(spec, catalogue, name, source)})
            for spec in specs
            if not spec.tables or source is None or source.table in spec.tables
        ]
        for asset, specs in suite.expectations.items()
    }
    return suite.model_copy(update={"expectations": expectations})


def needed_columns(suite: Suite) -> dict[str, list[str]]:
    """Return which columns of which frame the suite looks at, so that no others are made."""
    return {
        asset: sorted({str(s.kwargs["column"]) for s in specs if "column" in s.kwargs})
        for asset, specs in suite.expectations.items()
    }


def run_batch_suite(
    suite: Suite, batch: pd.DataFrame, profile: pd.DataFrame, docs: Path, run_name: str
) -> SuiteResult:
    """Check one load before it replaces anything; the Data Docs show the run under its name.

    Args:
        suite: `suite_for(catalogue, "batch", table)`.
        batch: the load's good rows, with the columns of `needed_columns(suite)["rows"]`.
        profile: `validation.profile.batch_profile` of the same rows.
        docs: the folder of the Data Docs.
        run_name: names the load; never holds a student's value.

    Raises:
        ConfigurationError: an expectation cannot be evaluated; that is never the data's fault.
    """
    return _run(suite, {"rows": batch, "profile": profile}, docs, run_name)


def run_marts_suite(
    suite: Suite,
    marts: Mapping[str, pd.DataFrame],
    violations: pd.DataFrame,
    docs: Path,
    run_name: str,
) -> SuiteResult:
    """Check the reporting marts before they are published.

    Args:
        suite: `suite_for(catalogue, "marts")`.
        marts: by name, each with the columns of `needed_columns(suite)[name]`.
        violations: `validation.mart_rules.mart_violations` of the same marts.
        docs: the folder of the Data Docs.
        run_name: names the publication.

    Raises:
        ConfigurationError: an expectation cannot be evaluated; that is never the data's fault.
    """
    return _run(suite, {**marts, "violations": violations}, docs, run_name)


def _run(
    suite: Suite, frames: Mapping[str, pd.DataFrame], docs: Path, run_name: str
) -> SuiteResult:
    absent = sorted(set(suite.expectations) - set(frames))
    if absent:
        raise _broken(suite, f"no frame {listed(absent)} was handed to it")
    docs.mkdir(parents=True, exist_ok=True)
    with _ONE_AT_A_TIME:
        run = gx_runner.run_suite(suite, frames, docs, data_docs.safe_name(run_name))
        if run.broken:
            raise _broken(suite, f"could not be evaluated: {listed(run.broken)}")
        checks = _checks(suite, run, frames)
        data_docs.build(run, docs, suite.name, checks)
    return SuiteResult(suite.name, run_name, checks, docs / data_docs.INDEX)


def _checks(suite: Suite, run: gx_runner.Run, frames: Mapping[str, pd.DataFrame]) -> list[Check]:
    return [
        _check(suite, asset, outcome, frames[asset], name)
        for asset, outcomes in run.outcomes.items()
        for name, outcome in zip(_names(asset, outcomes), outcomes, strict=True)
    ]


def _broken(suite: Suite, found: str) -> ConfigurationError:
    return ConfigurationError(
        "BROKEN_SUITE",
        where=f"suites/{suite.name}.yml",
        found=found,
        expected="expectations over frames and columns that exist",
        remedy="correct the suite; `roci check` reads it",
    )


def _filled_in(
    spec: ExpectationSpec, catalogue: Catalogue, suite: str, source: Source | None
) -> dict[str, object]:
    try:
        return {key: _value(value, catalogue, source) for key, value in spec.kwargs.items()}
    except (KeyError, AttributeError) as error:
        where = f"suites/{suite}.yml: {spec.code}"
        raise ConfigurationError(
            "BROKEN_SUITE",
            where=where,
            found=f"no such setting or vocabulary: {error}",
            expected="{vocabulary: name}, or {profile: setting}, marts, threshold or minus",
            remedy="correct the suite; `roci check` reads it",
        ) from None


def _value(value: object, catalogue: Catalogue, source: Source | None) -> object:
    match value:
        case {"vocabulary": str(name), "plus": list(more)}:
            return [*allowed_codes(catalogue, name), *more]
        case {"vocabulary": str(name)}:
            return allowed_codes(catalogue, name)
        case {"profile": str(name)}:
            return getattr(catalogue.profile, name)
        case {"marts": "minimum_n"}:
            return catalogue.marts.suppression.minimum_n
        case {"marts": str(name)}:
            return getattr(catalogue.marts, name)
        case {"threshold": str(name)}:
            return _threshold(name, catalogue, source)
        case {"minus": str(name)}:
            return -_threshold(name, catalogue, source)
    return value


def _threshold(name: str, catalogue: Catalogue, source: Source | None) -> float:
    """Return what a source allows, or else the profile for the number of rows."""
    own = getattr(source.threshold if source else Threshold(), name)
    if own is not None:
        return float(own)
    return float(getattr(catalogue.profile, name.replace("row_", "row_count_")))


def _names(asset: str, outcomes: list[gx_runner.Outcome]) -> Iterator[str]:
    """Yield a name for every check: its asset and code, and its column where codes repeat."""
    codes = [outcome.spec.code for outcome in outcomes]
    for outcome in outcomes:
        code, column = outcome.spec.code, outcome.spec.kwargs.get("column", "table")
        yield f"{asset}.{code}" if codes.count(code) == 1 else f"{asset}.{code}.{column}"


def _check(
    suite: Suite, asset: str, outcome: gx_runner.Outcome, frame: pd.DataFrame, name: str
) -> Check:
    spec = outcome.spec
    observed = _profile_words(outcome, frame) if asset == "profile" else _words(outcome, frame)
    return Check(
        suite=suite.name,
        name=name,
        code=spec.code,
        severity=spec.severity,
        success=outcome.success,
        observed=observed,
        expected=_expected(spec),
        meaning=spec.meaning,
    )


def _expected(spec: ExpectationSpec) -> str:
    """Return in words what the expectation asks for.

    >>> _expected(ExpectationSpec(type="expect_x", kwargs={"min_value": 1}, code="A", meaning="b"))
    'at least 1'
    """
    low, high = spec.kwargs.get("min_value"), spec.kwargs.get("max_value")
    if low is not None and high is not None:
        return str(low) if low == high else f"{low} to {high}"
    if low is not None or high is not None:
        return f"at least {low}" if high is None else f"at most {high}"
    allowed = spec.kwargs.get("value_set")
    return f"one of {listed(allowed)}" if isinstance(allowed, list) else spec.meaning


def _words(outcome: gx_runner.Outcome, frame: pd.DataFrame) -> str:
    """Return what was found: a count of rows, never a value of one.

    The frame of violations has a single row of counts, so there the count itself is told.
    """
    counts: Mapping[str, Any] = outcome.counts
    if "observed_value" in counts:
        return str(counts["observed_value"])
    column = outcome.spec.kwargs.get("column")
    if len(frame) == 1 and frame[column].dtype.kind == "i":
        return str(frame[column].iloc[0])
    return f"{counts.get('unexpected_count', 0)} of {counts.get('element_count', 0)} rows"


def _profile_words(outcome: gx_runner.Outcome, frame: pd.DataFrame) -> str:
    """Return the figures of the load that broke the expectation, or the one that was looked at."""
    kwargs = outcome.spec.kwargs
    column = str(kwargs["column"])
    looked_at = frame.query(str(kwargs["row_condition"])) if "row_condition" in kwargs else frame
    looked_at = looked_at[looked_at[column].notna()]
    if looked_at.empty:
        return NOTHING_TO_COMPARE
    low = kwargs.get("min_value", float("-inf"))
    high = kwargs.get("max_value", float("inf"))
    missed = looked_at[(looked_at[column] < low) | (looked_at[column] > high)]
    told = missed if len(missed) else looked_at if len(looked_at) == 1 else missed
    if told.empty:
        return f"{len(looked_at)} figures, none outside"
    return "; ".join(_figure(figure) for figure in told.head(20).itertuples())


def _figure(figure: Any) -> str:
    name = f"{figure.field} {figure.code}".strip()
    if figure.kind.endswith("_count"):
        return f"{figure.value:.0f} after {figure.last:.0f} ({figure.pct_of_last:.0f}%)"
    if figure.kind == "mean_score":
        return f"{name}: mean {figure.value:.6g} after {figure.last:.6g}"
    if pd.isna(figure.last):
        return f"{name} {figure.value:.6g}%".strip()
    return f"{name} {figure.value:.6g}% after {figure.last:.6g}%".strip()
