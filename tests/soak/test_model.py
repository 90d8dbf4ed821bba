"""Random sequences of what people and machines do, against a simple model of what is published."""

from __future__ import annotations

import time

import pytest
from hypothesis import HealthCheck, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.soak.model import Published, steps, without_suites

pytestmark = pytest.mark.soak


def test_what_is_published_is_what_the_model_says(
    forge, soak_seed, soak_budget, monkeypatch, capfd
):
    without_suites(monkeypatch)
    Published.forge = forge
    began, rounds = time.monotonic(), 0
    some = settings(
        max_examples=5, stateful_step_count=30, deadline=None, database=None,
        suppress_health_check=list(HealthCheck), print_blob=True,
    )  # fmt: skip
    while not rounds or time.monotonic() - began < soak_budget:
        machine = seed(soak_seed * 1_000 + rounds)(type("Again", (Published,), {}))
        run_state_machine_as_test(machine, settings=some)
        rounds += 1
    with capfd.disabled():
        print(f"\nsoak=model seed={soak_seed} rounds={rounds} steps={dict(steps)}")  # noqa: T201
