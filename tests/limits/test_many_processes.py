"""Limits over a real Cluster, and by the two workers of a real service."""

import http.client
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from leaderboard.config import Settings
from leaderboard.limits.admission import Candidate, admit
from leaderboard.limits.keeper import Keeper
from leaderboard.limits.rules import rules_of
from leaderboard.store.connection import Store
from tests.e2e.processes import run, serving
from tests.topologies import Cluster

pytestmark = pytest.mark.long

CLIENTS = 16
PER_SECOND = 100
SECONDS = 5.0
NOTICE_SECONDS = 5.0


def test_a_game_lies_on_all_nodes_of_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    with closing(Store.connect(Settings(data_dir=tmp_path, redis_url=cluster.url), cluster.url)) as store:
        keeper = Keeper(store, 2, lambda: int(time.time() * 1000))
        rules = rules_of({"player_submissions": "1/day burst 2", "daily_submissions": "1500/day"})
        candidates = [Candidate("g", rules, f"p{number % 500}") for number in range(2000)]
        first = admit(keeper, candidates)
        assert [one is not None and not one.is_refused for one in first] == [True] * 1000 + [False] * 1000
        more = admit(keeper, [Candidate("g", rules, f"q{number}") for number in range(600)])
        assert sum(not one.is_refused for one in more if one is not None) == 500
        assert keeper.figures.alone == 0
        counts = [sum(1 for _ in node.client.scan_iter("rl:*")) for node in cluster.nodes[:3]]
        assert sum(counts) == 1101
        assert min(counts) > 0


def test_two_workers_keep_a_limit_that_is_set_while_they_run(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2") as (_, url):
        key = run(tmp_path, "keys", "create", "game").stdout.strip()
        head = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        host = url.removeprefix("http://")
        passed: list[float] = []
        statuses: Counter[int] = Counter()

        def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> int:
            connection.request(method, path, body, head)
            with closing(connection.getresponse()) as answer:
                answer.read()
                return answer.status

        def press(until: float) -> None:
            with closing(http.client.HTTPConnection(host, timeout=20)) as connection:
                while time.monotonic() < until:
                    status = ask(connection, "GET", "/v1/boards/b/top")
                    statuses[status] += 1
                    if status == 200:
                        passed.append(time.monotonic())
                    time.sleep(CLIENTS / (PER_SECOND * 12))

        with closing(http.client.HTTPConnection(host, timeout=20)) as one:
            assert ask(one, "PUT", "/v1/boards/b", b"{}") == 201
            run(tmp_path, "games", "limits", "game", "--key-reads", f"{PER_SECOND}/s")
            deadline = time.monotonic() + NOTICE_SECONDS
            for other in (http.client.HTTPConnection(host, timeout=20) for _ in range(8)):  # of either worker
                with closing(other):
                    while not _is_limited(other, head):
                        assert time.monotonic() < deadline
                        time.sleep(0.05)
        time.sleep(1.1)  # the window is empty again
        began = time.monotonic()
        threads = [threading.Thread(target=press, args=(began + SECONDS,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(statuses) == {200, 429}
        took = time.monotonic() - began
        assert PER_SECOND * (int(SECONDS) - 1) <= len(passed) <= PER_SECOND * (int(took) + 1) * 1.01
        if sum(statuses.values()) > 10 * PER_SECOND * SECONDS * 0.8:  # of what was meant
            assert len(passed) >= PER_SECOND * SECONDS * 0.99


def _is_limited(connection: http.client.HTTPConnection, head: dict[str, str]) -> bool:
    connection.request("GET", "/v1/boards/b/top", headers=head)
    with closing(connection.getresponse()) as answer:
        answer.read()
        return answer.headers["RateLimit-Policy"] == f"{PER_SECOND};w=1"
