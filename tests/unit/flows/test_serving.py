"""What answers at the port of Prefect's server, and how a server of our own ends."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading

from flows import serving


def test_a_port_that_speaks_another_language_is_no_prefect_server():
    with socket.create_server(("127.0.0.1", 0)) as other:
        thread = threading.Thread(target=greet_once, args=(other,))
        thread.start()
        assert not serving.answers(f"http://127.0.0.1:{other.getsockname()[1]}/api")
        thread.join()


def greet_once(server: socket.socket) -> None:
    caller, _ = server.accept()
    with caller:
        caller.sendall(b"SSH-2.0-invented\r\n")
        caller.recv(4096)


def test_a_server_that_does_not_stop_when_asked_is_ended(monkeypatch):
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True)\n"
    server = subprocess.Popen(
        [sys.executable, "-c", f"{deaf}while True: signal.pause()"], stdout=subprocess.PIPE
    )
    server.stdout.readline()
    monkeypatch.setattr(serving, "STOP_SECONDS", 0.1)
    serving._stop(server)
    server.stdout.close()
    assert server.returncode == -9
