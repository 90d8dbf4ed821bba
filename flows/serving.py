"""`roci serve`: the nightly on its schedule, with a Prefect server of its own where none runs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import typer

from configs.errors import InfrastructureError, UsageError
from flows.context import Context
from flows.prefect_settings import prepare

HOST = "127.0.0.1"
DEFAULT_PORT = 4200
HIGHEST_PORT = 65_536
START_SECONDS = 120
STOP_SECONDS = 30
STOPPED = 128 + signal.SIGTERM
INTERRUPTED = 128 + signal.SIGINT


def serve_forever(context: Context) -> int:
    """Serve nightly and reruns until stopped by a signal; a stop leaves the schedule active."""
    # Until Prefect listens for it itself, a stop would end this process and leave its server alone,
    # or be lost in the middle of its start.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(STOPPED))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(INTERRUPTED))
    prepare(context.workspace)
    profile = context.catalogue.profile
    with prefect_server():
        from flows.orchestration import serve_flows

        typer.echo(
            f"nightly at {profile.nightly_cron} ({profile.timezone}); "
            f"Prefect at {os.environ['PREFECT_API_URL']}; stop with Ctrl-C"
        )
        serve_flows(profile.nightly_cron, profile.timezone, profile.workers)
    return 0


@contextmanager
def prefect_server() -> Iterator[None]:
    """Hold a Prefect server open: the one of PREFECT_API_URL, one already here, or a new one."""
    if "PREFECT_API_URL" in os.environ:
        yield
        return
    port = server_port()
    api = f"http://{HOST}:{port}/api"
    os.environ["PREFECT_API_URL"] = api
    if answers(api):
        yield
        return
    server = _start_server(port)
    try:
        _await(api, server)
        yield
    finally:
        _stop(server)


def server_port() -> int:
    """Return the port of the server that is our own: ROCI_PREFECT_PORT, else Prefect's usual one.

    Raises:
        UsageError: the setting is no port.
    """
    told = os.environ.get("ROCI_PREFECT_PORT", str(DEFAULT_PORT))
    if told.isascii() and told.isdigit() and 0 < int(told) < HIGHEST_PORT:
        return int(told)
    raise UsageError(
        "BAD_PORT",
        where="ROCI_PREFECT_PORT",
        found=told,
        expected="a port number",
        remedy=f"unset it for {DEFAULT_PORT}, or give a free port",
    )


def _start_server(port: int) -> subprocess.Popen[bytes]:
    command = [
        sys.executable,
        "-m",
        "prefect",
        "server",
        "start",
        "--host",
        HOST,
        "--port",
        str(port),
        "--no-ui" if os.environ.get("ROCI_NO_UI") else "--ui",
    ]
    environment = {k: v for k, v in os.environ.items() if k != "PREFECT_API_URL"}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(timeout=STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _await(api: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        if answers(api):
            return
        time.sleep(0.5)
    raise InfrastructureError(
        "NO_PREFECT_SERVER",
        where=api,
        found="a Prefect server that ended" if server.poll() is not None else "no answer",
        expected=f"a server that answers within {START_SECONDS} s",
        remedy="see that the port is free, or set PREFECT_API_URL to a running server",
    )


def answers(api: str) -> bool:
    """Return whether a Prefect server answers at this address."""
    try:
        with urllib.request.urlopen(f"{api}/health", timeout=2) as reply:
            return bool(reply.status == 200)
    except (OSError, HTTPException):  # nobody is there, or something that speaks another language
        return False
