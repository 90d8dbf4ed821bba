"""People are told once of what needs them, by webhook and e-mail, in counts and codes."""

from __future__ import annotations

import http.server
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from configs.errors import InfrastructureError
from flows import notifying
from flows.context import Context, open_context
from flows.notifying import News, tell_people, text_of
from flows.outcome import BuildOutcome
from flows.running import run_again, run_nightly
from tests.flow.small_files import results
from warehouse.locks import lock

SECRET_NAME = "Ada_Invented_scores.csv"


class Hook(http.server.BaseHTTPRequestHandler):
    """A webhook that keeps what it is told, and answers with the status it is given."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.append(json.loads(body))  # type: ignore[attr-defined]
        self.send_response(self.server.status)  # type: ignore[attr-defined]
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


class Mail(socketserver.StreamRequestHandler):
    """As much of SMTP as takes one letter."""

    def handle(self) -> None:
        self.say("220 here")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "DATA":
                self.say("354 go on")
                lines = iter(self.rfile.readline, b".\r\n")
                self.server.told.append(b"".join(lines).decode())  # type: ignore[attr-defined]
            self.say("221 bye" if verb == "QUIT" else "250 ok")
            if verb == "QUIT":
                return

    def say(self, words: str) -> None:
        self.wfile.write(f"{words}\r\n".encode())


@contextmanager
def served(server: socketserver.TCPServer) -> Iterator[socketserver.TCPServer]:
    server.told, server.status = [], 200  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def hook() -> Iterator[http.server.HTTPServer]:
    with served(http.server.HTTPServer(("127.0.0.1", 0), Hook)) as server:
        yield server


@pytest.fixture
def mail() -> Iterator[socketserver.TCPServer]:
    with served(socketserver.TCPServer(("127.0.0.1", 0), Mail)) as server:
        yield server


def address(server: socketserver.TCPServer, kind: str = "json") -> str:
    return f"{kind}://127.0.0.1:{server.server_address[1]}"


@pytest.fixture
def told(hook, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, str]]:
    monkeypatch.setenv("ROCI_NOTIFY_URLS", address(hook))
    monkeypatch.setattr(notifying.time, "sleep", lambda _: None)
    return hook.told


def spoilt(context: Context, name: str = SECRET_NAME) -> None:
    results(context.workspace.landing / "0199017" / name, bad_rows=20)


def test_a_failed_load_is_told_once_in_codes_and_ids(context, told):
    spoilt(context)
    run = run_nightly(context)
    (load,) = run.loads
    (message,) = told
    assert message["title"] == "roci: 1 failed"
    assert message["message"] == (
        f"failed: {load.load_id} results_csv TOO_MANY_REJECTS  -> roci explain {load.load_id}"
    )
    assert not any(word in json.dumps(message) for word in ("Ada", "0199017", "9000000"))
    run_nightly(context)
    assert len(told) == 1


def test_a_load_that_fails_again_in_the_same_way_is_not_told_again(context, told):
    spoilt(context)
    run_nightly(context)
    run_again(context, [], failed=True, code=None, engine="direct")
    run_nightly(context)
    assert [load.state for load in context.ledger.loads()] == ["failed", "failed"]
    assert len(told) == 1
    spoilt(context, "another.csv")
    results(context.workspace.landing / "0199017" / "more.csv", rows=30, bad_rows=20)
    run_nightly(context)
    assert [message["title"] for message in told] == ["roci: 1 failed", "roci: 1 failed"]


def test_nothing_is_told_of_a_night_that_went_well(context, told):
    results(context.workspace.landing / "results.csv")
    run_nightly(context)
    assert told == []


def test_a_channel_that_refuses_fails_no_run_and_is_told_by_the_next_night(context, told, hook):
    hook.status = 500
    spoilt(context)
    assert run_nightly(context).exit_code == 1
    assert len(told) == 3
    hook.status = 200
    run_nightly(context)
    run_nightly(context)
    assert len(told) == 4


def test_an_address_that_is_none_fails_no_run_and_is_not_logged(context, monkeypatch, caplog, told):
    url = "nonsense://user:secret-word@127.0.0.1"
    monkeypatch.setenv("ROCI_NOTIFY_URLS", url)
    spoilt(context)
    run_nightly(context)
    assert "notify=failed" in caplog.text and "secret-word" not in caplog.text
    assert told == []


def test_a_letter_reaches_people(context, mail, monkeypatch):
    where = address(mail, "mailto") + "?from=roci@example.org&to=team@example.org&mode=insecure"
    monkeypatch.setenv("ROCI_NOTIFY_URLS", where)
    spoilt(context)
    run_nightly(context)
    (letter,) = mail.told
    (load,) = context.ledger.loads()
    assert "team@example.org" in letter and "roci: 1 failed" in letter
    assert load.load_id in letter and "Ada" not in letter


def test_each_of_two_channels_is_told(context, told, hook, monkeypatch):
    monkeypatch.setenv("ROCI_NOTIFY_URLS", f"{address(hook)} {address(hook)}/second")
    spoilt(context)
    run_nightly(context)
    assert len(told) == 2
    monkeypatch.setenv("ROCI_NOTIFY_URLS", f"{address(hook)} {address(hook)}/third")
    run_nightly(context)
    assert len(told) == 3


def test_a_publication_that_is_held_is_told(context, told):
    build = BuildOutcome(None, "held", code="LAKE_AHEAD", message="of people")
    tell_people(context, build)
    tell_people(context, build)
    (message,) = told
    assert message["title"] == "roci: 1 publication held"
    assert "LAKE_AHEAD; nothing stays published" in message["message"]


def test_a_night_that_stops_is_told_even_without_the_ledger(context, told, monkeypatch):
    def stop(*_: object) -> None:
        raise InfrastructureError(
            "DATABASE_AWAY", where="here", found="Ada", expected="that", remedy="so"
        )

    monkeypatch.setattr("flows.running.load_all", stop)
    with pytest.raises(InfrastructureError, match="DATABASE_AWAY"):
        run_nightly(context)
    (message,) = told
    assert message["title"] == "roci: the nightly stopped"
    assert message["message"].startswith("DATABASE_AWAY: ") and "Ada" not in message["message"]


def test_a_channel_that_breaks_hides_nothing_of_what_stopped_the_night(
    context, told, monkeypatch, caplog
):
    def breaks(self, **_: object) -> bool:
        raise RuntimeError(f"{self.url()} is no address")

    monkeypatch.setattr("apprise.plugins.custom_json.NotifyJSON.notify", breaks)
    monkeypatch.setattr("flows.locking.WAIT_SECONDS", 0)
    with (
        lock(context.workspace, "nightly"),
        pytest.raises(InfrastructureError, match="LOCKED"),
        caplog.at_level("INFO"),
    ):
        run_nightly(context)
    assert "notify=broken cause=RuntimeError" in caplog.text
    assert "notify=failed channel=1" in caplog.text
    assert "127.0.0.1" not in caplog.text


def test_the_site_says_of_what_people_are_told(workspace_home, tmp_path, monkeypatch, told):
    place = tmp_path / "site" / "profiles" / "default.yml"
    place.parent.mkdir(parents=True)
    late = [{"source": "results_csv", "by": "day 1"}]
    place.write_text(yaml.safe_dump({"notify": {"about": ["late"]}, "expected": late}))
    monkeypatch.setenv("ROCI_CONFIG", str(tmp_path / "site"))
    context = open_context()
    (context.workspace.landing / "unknown.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    run_nightly(context)
    run_nightly(context)
    assert [message["title"] for message in told] == ["roci: 1 late"]
    assert "late: results_csv since" in told[0]["message"]
    context.database.close()


def test_a_long_list_is_cut():
    text = text_of([News("failed", (f"L{n}",), f"line {n}") for n in range(30)])
    assert len(text.splitlines()) == 21
    assert text.endswith("and 10 more  -> roci status")
