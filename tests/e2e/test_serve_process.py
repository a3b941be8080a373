"""`leaderboard serve` as a process: what its start and its end do to who is connected."""

import http.client
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

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
