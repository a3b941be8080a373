"""`/metrics`: what the workers of a running service count, added up."""

import re
import time
from pathlib import Path
from urllib.request import Request, urlopen

from tests.e2e.processes import run, serving

_SECONDS = 20


def _counts(url: str) -> dict[str, float]:
    with urlopen(f"{url}/metrics", timeout=_SECONDS) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain")
        lines = answer.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_workers_count_together(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as (_, url):
        key = run(tmp_path, "keys", "create", "game").stdout.strip()
        head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

        def ask(method: str, path: str, body: bytes | None = None) -> None:
            with urlopen(Request(url + path, body, head, method=method), timeout=_SECONDS):
                pass

        ask("PUT", "/v1/boards/b", b"{}")
        for number in range(40):
            ask("POST", "/v1/boards/b/scores", b'{"player":"p%d","score":1}' % number)
            ask("GET", "/v1/boards/b/top")
        for _ in range(3):
            ask("GET", "/v1/boards/b/distribution")
        asked = 80
        deadline = time.monotonic() + _SECONDS
        while (found := _counts(url)).get('leaderboard_requests_total{way="short"}', 0) < asked - 6 or found[
            'leaderboard_shared_reads_total{outcome="misses"}'
        ] < 1:
            assert time.monotonic() < deadline, found  # workers bring their counts once a second
            time.sleep(0.1)
        tops = sum(value for name, value in found.items() if re.match(r"leaderboard_top_reads_total\{", name))
        assert 34 <= tops <= 40 + found['leaderboard_top_reads_total{source="early"}']
        assert found['leaderboard_top_reads_total{source="memory"}'] > 0
        assert found['leaderboard_combined_requests_total{kind="write"}'] >= 34
        assert found["leaderboard_top_age_seconds_total"] > 0
