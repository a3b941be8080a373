"""`leaderboard serve` as a process: what its start and its end do to who is connected."""

import http.client
import signal
import socket
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.processes import begin, end, run, serving

SECONDS = 8  # far below gunicorn's graceful timeout


def test_it_ends_at_once_when_it_has_just_begun(tmp_path: Path) -> None:
    process = begin(tmp_path, "serve", "--port", "0", "--workers", "3", "--no-scheduler")
    assert process.stdout is not None
    while not process.stdout.readline().startswith("Ready: "):  # of the first worker; the others may not be there yet
        assert process.poll() is None
    began = time.monotonic()
    end(process, signal.SIGINT)
    assert process.wait(SECONDS) == 0
    assert time.monotonic() - began < SECONDS


def test_idle_connections_do_not_hold_it_up(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1", "--no-scheduler") as (process, url):
        key = run(tmp_path, "keys", "create", "game").stdout.strip()
        idle = [http.client.HTTPConnection(urlsplit(url).netloc, timeout=SECONDS) for _ in range(3)]
        for connection in idle[1:]:
            connection.request("GET", "/v1/boards", headers={"Authorization": f"Bearer {key}"})
            assert connection.getresponse().read()
        idle[0].connect()
        began = time.monotonic()
        end(process, signal.SIGTERM)
        assert process.returncode == 0
        assert time.monotonic() - began < SECONDS
        for connection in idle:
            connection.close()


@pytest.mark.long
def test_readiness_goes_red_before_the_end_and_what_runs_is_finished(
    tmp_path: Path,
) -> None:
    with serving(tmp_path, "--workers", "1", drain_seconds=3) as (process, url):
        address = urlsplit(url).netloc
        slow = http.client.HTTPConnection(address, timeout=30)
        slow.putrequest("POST", "/v1/scores")
        slow.putheader("Content-Type", "application/json")
        slow.putheader("Content-Length", "13")
        slow.endheaders(b'{"scores"')  # a request that is under way
        process.send_signal(signal.SIGTERM)
        limit, seen = time.monotonic() + 20, []
        while 503 not in seen and time.monotonic() < limit:
            seen.append(_status(address, "/readyz"))
        assert _status(address, "/healthz") == 200  # it still takes connections, and lives
        slow.send(b":[]}")
        assert slow.getresponse().status == 401  # answered: it has no key
        assert process.wait(30) == 0


@pytest.mark.long
def test_a_client_that_never_finishes_its_headers_is_told_so(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "1") as (_, url):
        parts = urlsplit(url)
        with socket.create_connection((parts.hostname, parts.port), 30) as slow:
            slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow")
            said = b""
            while piece := slow.recv(4096):
                said += piece
    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"code": "request_timeout"' in said


def _status(address: str, path: str) -> int:
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", path)
    status = connection.getresponse().status
    connection.close()
    return status
