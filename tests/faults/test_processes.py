"""The service's own processes are killed: web workers, the scheduler, the private store, all of it."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leaderboard.store.folder import EmbeddedPaths
from tests.faults.conftest import Rig, Rigs
from tests.faults.load import BOARD, Load
from tests.faults.service import BOUND_SECONDS, Client, Lost, Serving, kill
from tests.faults.test_store import BACK_SECONDS, FIRST_SECONDS
from tests.faults.waiting import wait_for

pytestmark = pytest.mark.long

CLAIM_SECONDS = 60  # for which a dead scheduler's claim of a job stands
SEALED_SECONDS = CLAIM_SECONDS + 90
DIED = "the store died; starting it again"
PLAYERS = 3000
DAYS = 30


def test_worker_killed_amid_requests(rig: Rig) -> None:
    """Its connections break, the others serve on, and a new one takes its place."""
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        since = time.monotonic()
        for _ in range(5):
            before = rig.serving.workers
            kill(before[0])
            wait_for(lambda old=before: set(rig.serving.workers) - set(old), BACK_SECONDS, "a new worker")  # type: ignore[misc]
            load.await_all_good(BACK_SECONDS)
        for kind in ("keyed", "plain", "bulk", "top", "health", "ready"):
            assert set(load.statuses(kind, since=since)) <= {200, 0}, kind
        assert load.statuses("keyed", "plain", "bulk", "top", "health", "ready", since=since)[200] > 50
        assert load.slowest(since) < BOUND_SECONDS


def test_every_worker_killed_at_once(rig: Rig) -> None:
    with Load(rig.client) as load:
        load.await_all_good(FIRST_SECONDS)
        for pid in rig.serving.workers:
            kill(pid)
        load.await_all_good(BACK_SECONDS)


def test_private_store_killed(tmp_path: Path) -> None:
    """`serve` starts it again. It syncs every second, so a kill may lose something; but nothing counts twice."""
    with Serving(tmp_path / "data", ("--workers", "2", "--no-scheduler")) as serving:
        with Load(serving.client(), keeps_all=False) as load:
            load.await_all_good(FIRST_SECONDS)
            for number in range(3):
                since = time.monotonic()
                kill(store_of(tmp_path / "data"))
                wait_for(lambda many=number: len(serving.logged(DIED)) > many, BOUND_SECONDS, DIED)  # type: ignore[misc]
                load.await_all_good(BACK_SECONDS)
                load.check_all(200, "top", "health", since=since)
        assert len(serving.logged(DIED)) == 3


def store_of(data_dir: Path) -> int:
    """The private store's process id."""

    holder = wait_for(lambda: EmbeddedPaths.of(data_dir).holder(), FIRST_SECONDS, "a private store")
    return holder.server_pid


def answers(client: Client) -> bool:
    try:
        return client.ask("GET", "/healthz").status == 200
    except Lost:
        return False


def test_serve_killed_and_started_again(tmp_path: Path) -> None:
    """The private store outlives nobody: it ends by itself, with everything that was answered."""
    folder = tmp_path / "data"
    with Serving(folder, ("--workers", "2")) as serving:
        client = serving.client()
        client.good("PUT", f"/v1/boards/{BOARD}", {"operator": "sum"})
        for number in range(100):
            body = {"player": "ada", "score": 1}
            client.good("POST", f"/v1/boards/{BOARD}/scores", body, Idempotency_Key=str(number))
        store = store_of(folder)
        kill(serving.process.pid)
        wait_for(lambda: not answers(client), FIRST_SECONDS, "the workers to see that their parent is gone, and end")
        wait_for(lambda: not Path(f"/proc/{store}").exists(), FIRST_SECONDS, "the store to end")
    with Serving(folder, ("--workers", "2")) as serving:
        again = Client(serving.url, client.key)
        assert again.score(BOARD, "ada") == 100
        replayed = again.ask("POST", f"/v1/boards/{BOARD}/scores", body, Idempotency_Key="7")
        assert replayed.headers["idempotency-replayed"] == "true"
        assert again.score(BOARD, "ada") == 100


def test_scheduler_killed_amid_a_seal(rigs: Rigs) -> None:
    """Its claim stands for a minute; then the next one goes on where it was, and nothing is archived twice."""
    rig = rigs.start(args=(), workers=1)
    client = rig.client
    client.good("PUT", "/v1/boards/days", {"periods": ["all", "day"], "retention": {"day": 0}})
    first = datetime.now(UTC) - timedelta(days=DAYS + 2)
    days = [f"{first + timedelta(days=number):%Y-%m-%d}" for number in range(DAYS)]
    for day in days:
        scores = [{"board": "days", "player": f"p{n}", "score": n, "at": f"{day}T12:00:00Z"} for n in range(PLAYERS)]
        client.good("POST", "/v1/scores?backfill=true", {"scores": scores})
    wait_for(lambda: any(state(client, day) == "archived" for day in days), SEALED_SECONDS, "the first sealed day")
    old = rig.serving.scheduler
    kill(old)
    left = [day for day in days if state(client, day) != "archived"]
    assert left, "it was over before the kill"
    wait_for(lambda: rig.serving.scheduler not in (0, old), BACK_SECONDS, "a new scheduler")
    for day in left:
        wait_for(lambda day=day: state(client, day) == "archived", SEALED_SECONDS, f"{day} to be sealed")  # type: ignore[misc]
    for day in days:
        page = client.good("GET", f"/v1/boards/days/top?period=day&id={day}&limit=1000")
        rows: list[Any] = page["entries"]
        while page["next"]:
            page = client.good("GET", f"/v1/boards/days/top?period=day&id={day}&limit=1000&cursor={page['next']}")
            rows += page["entries"]
        assert [(row["rank"], row["player"]) for row in rows] == [
            (rank, f"p{PLAYERS - rank}") for rank in range(1, PLAYERS + 1)
        ]


def state(client: Client, day: str) -> str:
    found: str = client.good("GET", f"/v1/boards/days/top?period=day&id={day}&limit=1", Cache_Control="no-cache")[
        "period"
    ]["state"]
    return found
