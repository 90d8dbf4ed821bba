"""The only module that speaks to Great Expectations; `page_view` is what it is given to draw with.

It is told to keep everything in memory, to send nothing, to draw no progress bars, and to keep
every value of the frames out of its results.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from configs.errors import ConfigurationError, listed
from configs.models import ExpectationSpec, Suite

# With no partial list and no index, these results hold counts only. Others observe values (the
# smallest, the most common, the distinct ones), which Data Docs would then show.
COUNTING_TYPES = (
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_values_to_be_null",
    "expect_column_values_to_be_unique",
    "expect_column_values_to_match_regex",
    "expect_column_values_to_not_be_in_set",
    "expect_column_values_to_not_be_null",
    "expect_compound_columns_to_be_unique",
    "expect_table_row_count_to_be_between",
)
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}
_SEVERITY = {"hold": "critical", "warn": "warning"}


@dataclass(frozen=True)
class Outcome:
    """What Great Expectations found for one expectation, in counts."""

    spec: ExpectationSpec
    success: bool
    counts: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run of a suite: outcomes by asset, what could not be evaluated, and its context."""

    name: str
    outcomes: dict[str, list[Outcome]]
    broken: list[str]
    context: Any


def run_suite(suite: Suite, frames: Mapping[str, pd.DataFrame], docs: Path, run_name: str) -> Run:
    """Evaluate every expectation of a suite over its frame.

    Raises:
        ConfigurationError: an expectation is of a type whose results would hold values.
    """
    refuse_telling_types(suite)
    with _quiet():
        session = _Session(docs, run_name)
        outcomes = {
            asset: session.outcomes(f"{suite.name}.{asset}", frames[asset], specs)
            for asset, specs in suite.expectations.items()
        }
    return Run(run_name, outcomes, session.broken, session.context)


def build_pages(run: Run) -> None:
    """Write the Data Docs pages of one run; a page that could not be written is left out.

    Great Expectations tells such a fault as a whole stack and goes on: who needs the pages must
    look whether they are there.
    """
    with _quiet(logging.CRITICAL):
        run.context.build_data_docs(build_index=False)


def refuse_telling_types(suite: Suite) -> None:
    """Make sure that no expectation's result could hold a student's value.

    Raises:
        ConfigurationError: names every expectation of another type.
    """
    types = {spec.type for specs in suite.expectations.values() for spec in specs}
    telling = types - set(COUNTING_TYPES)
    if telling:
        raise ConfigurationError(
            "TELLING_EXPECTATION",
            where=f"suites/{suite.name}.yml",
            found=f"{listed(telling)}, whose results could show students' values in Data Docs",
            expected=f"one of {listed(COUNTING_TYPES)}",
            remedy="put the rule in terms of one of these, or of a figure of the profile",
        )


@contextmanager
def _quiet(threshold: int = logging.ERROR) -> Iterator[None]:
    """Keep Great Expectations from reporting home and from talking into our logs."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(threshold)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


class _Session:
    """One context in memory, which a run's suites are evaluated in."""

    def __init__(self, docs: Path, run_name: str) -> None:
        self.run_name = run_name
        self.context = _context(docs)
        self.source = self.context.data_sources.add_pandas("frames")
        self.broken: list[str] = []

    def outcomes(
        self, name: str, frame: pd.DataFrame, specs: list[ExpectationSpec]
    ) -> list[Outcome]:
        """Return the outcomes in the order of `specs`."""
        results = self._results(name, frame, specs)
        in_order = [results[position] for position in range(len(specs))]
        self.broken += [
            f"{name}: {spec.code}"
            for spec, result in zip(specs, in_order, strict=True)
            if _raised(result.exception_info)
        ]
        return [
            Outcome(spec, bool(result.success), dict(result.result))
            for spec, result in zip(specs, in_order, strict=True)
        ]

    def _results(
        self, name: str, frame: pd.DataFrame, specs: list[ExpectationSpec]
    ) -> dict[int, Any]:
        """Return the results by the position of their expectation; GX gives them in any order."""
        import great_expectations as gx
        from great_expectations.core.run_identifier import RunIdentifier

        asset = self.source.add_dataframe_asset(name)
        batch = asset.add_batch_definition_whole_dataframe(name)
        suite = self.context.suites.add(
            gx.ExpectationSuite(name, expectations=list(map(_expectation, specs, count())))
        )
        definition = self.context.validation_definitions.add(
            gx.ValidationDefinition(name=name, data=batch, suite=suite)
        )
        run = definition.run(
            batch_parameters={"dataframe": frame},
            result_format=_COUNTS_ONLY,
            run_id=RunIdentifier(run_name=self.run_name),
        )
        return {result.expectation_config.meta["position"]: result for result in run.results}


def _context(docs: Path) -> Any:
    import great_expectations as gx
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    view = {"module_name": "validation.page_view", "class_name": "PageView"}
    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_section_builders": {name: {"view": view} for name in ("expectations", "validations")},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(docs.resolve()),
        },
    }
    config = DataContextConfig(
        config_version=4.0,
        analytics_enabled=False,
        progress_bars=ProgressBarsConfig(globally=False),
        store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
        data_docs_sites={"docs": site},
    )
    return gx.get_context(project_config=config, mode="ephemeral")


def _expectation(spec: ExpectationSpec, position: int) -> Any:
    import great_expectations as gx

    kind = getattr(gx.expectations, "".join(word.title() for word in spec.type.split("_")))
    parser = {"condition_parser": "pandas"} if "row_condition" in spec.kwargs else {}
    return kind(
        **spec.kwargs,
        **parser,
        meta={"code": spec.code, "position": position},
        notes=spec.meaning,
        severity=_SEVERITY[spec.severity],
    )


def _raised(info: Any) -> bool:
    """Return whether an expectation failed to run; GX nests this by metric where one raised."""
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(nested) for nested in info.values() if isinstance(nested, dict))
