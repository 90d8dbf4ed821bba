"""Our own faults are told without the values that their messages quote."""

from __future__ import annotations

import errno
import logging
import traceback
from concurrent.futures.process import BrokenProcessPool

import duckdb
import httpx
import pytest

from configs.errors import InfrastructureError, UsageError
from flows.faults import unexpected
from flows.orchestration import telling_no_values


def fault(message: str) -> Exception:
    try:
        raise ValueError(message)
    except ValueError as error:
        return error


def test_a_fault_of_ours_is_told_and_logged_without_its_message(caplog):
    with caplog.at_level(logging.ERROR, logger="roci"):
        told = unexpected(fault("could not convert Okafor,2010-03-04"), "results.csv")
    assert told.code == "UNEXPECTED" and "results.csv" in str(told)
    assert "ValueError" in str(told) and "test_faults.py" in caplog.text
    assert "Okafor" not in str(told) + caplog.text


def test_what_prefect_would_log_of_a_task_shows_no_value():
    with pytest.raises(Exception, match="UNEXPECTED") as caught, telling_no_values():
        raise fault("Okafor")
    shown = "".join(traceback.format_exception(caught.value))
    assert "Okafor" not in shown


def test_an_error_that_is_told_already_stays_as_it_is():
    error = UsageError("BAD", where="here", found="a", expected="b", remedy="c")
    assert unexpected(error) is error


@pytest.mark.parametrize(
    "error",
    [OSError(errno.ENOSPC, "No space left on device"), duckdb.IOException("Okafor.csv")],
    ids=["the system", "DuckDB"],
)
def test_a_full_disk_is_infrastructure_and_can_be_retried(error):
    told = unexpected(error)
    assert isinstance(told, InfrastructureError) and told.code == "STORAGE_FAILED"
    assert "Okafor" not in str(told)


@pytest.mark.parametrize("error", [MemoryError("Okafor"), BrokenProcessPool("Okafor")])
def test_a_process_without_memory_is_infrastructure_and_can_be_retried(error):
    told = unexpected(error)
    assert isinstance(told, InfrastructureError) and told.code == "NO_MEMORY"
    assert "Okafor" not in str(told)


def test_a_server_of_prefect_that_went_away_is_infrastructure():
    told = unexpected(httpx.ConnectError("Okafor"))
    assert isinstance(told, InfrastructureError) and told.code == "NO_PREFECT_SERVER"
    assert "Okafor" not in str(told)
