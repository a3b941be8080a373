"""A web worker that is paused before it sends a batch, over the end of the grace, while the period is sealed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from tests.conftest import FakeClock, Service
from tests.periods.running import FreeRun

pytestmark = pytest.mark.long  # every writer against every moment

DAY = "2031-03-07"
AT = "2031-03-07T23:30:00Z"
IN_GRACE = datetime(2031, 3, 8, 0, 9, 59, tzinfo=UTC)
JUST_BEFORE = datetime(2031, 3, 7, 23, 59, 59, tzinfo=UTC)
AFTER = datetime(2031, 3, 8, 0, 30, tzinfo=UTC)
LONG_AFTER = AFTER + timedelta(days=3)


class Worker:
    """A process with one request to carry out, that stops itself before it sends it."""

    def __init__(self, service: Service, url: str, **order: Any) -> None:
        settings = service.services.settings
        known = {"url": url, "data_dir": str(settings.data_dir), "key": service.keys["server"]}
        order = {"headers": {}, "stops": 1, **known, **order}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.periods.late_writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode())
        self._process.stdin.close()
        self._process.stdin = None

    def await_stop(self) -> None:
        """Returns when it has stopped itself."""
        _, status = os.waitpid(self._process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it ended instead: {status}"

    def go_on(self) -> tuple[int, Any]:
        """Its answer: status and body."""
        os.kill(self._process.pid, signal.SIGCONT)
        told, _ = self._process.communicate(timeout=30)
        answer = json.loads(told)
        return answer["status"], json.loads(answer["body"])

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture
def service(valkey_url: str, tmp_path: Path) -> Iterator[Service]:
    """Another process on the stores of the worker: it seals, and reads."""
    clock = FakeClock(JUST_BEFORE)
    app = create_app(Settings(data_dir=tmp_path, redis_url=valkey_url), clock=clock.now)
    service = Service(app, clock)
    service.new_game()
    yield service
    service.services.close()


@contextmanager
def stopped(service: Service, url: str, now: datetime, **order: Any) -> Iterator[Worker]:
    worker = Worker(service, url, now=now.isoformat(), **order)
    try:
        worker.await_stop()
        yield worker
    finally:
        worker.kill()


def make_board(service: Service, *periods: str, operator: str = "sum") -> None:
    service.put_board("b", operator=operator, periods=list(periods or ("all", "day")), retention={"day": 1})
    service.submit("ada", 1)
    service.submit("bob", 2)


def seal(service: Service, now: datetime) -> dict[str, int]:
    service.clock.set(now)
    return service.services.sealing.run(now, FreeRun())


def single(**item: Any) -> dict[str, Any]:
    return {"path": "/v1/boards/b/scores", "body": json.dumps({"player": "ada", "score": 40, **item})}


def bulk(count: int = 1, query: str = "", **more: Any) -> dict[str, Any]:
    items = [{"board": "b", "player": str(n or "ada"), "score": 40, "at": AT} for n in range(count)]
    return {"path": "/v1/scores" + query, "body": json.dumps({"scores": items}), **more}


def standing(service: Service, period: str) -> tuple[str, dict[str, int]]:
    query = f"&id={DAY}" if period == "day" else ""
    answer = service.get(f"/boards/b/top?period={period}{query}", headers={"Cache-Control": "no-cache"})
    return answer["period"]["state"], {entry["player"]: entry["score"] for entry in answer["entries"]}


def archived(service: Service) -> dict[str, int]:
    """The day as the archive has it, whatever the store has."""
    archive = service.services.sealing._archive
    board = service.services.registry.get(service.game, "b")
    found = archive.find(service.game, "b", board.born, [DAY])[DAY]
    rows = archive.open(found, board.ties).rows(0, 100)
    return {row.player: int(board.ordering.decode(row.key)[0]) for row in rows}


def check_sealed_as_it_was(service: Service) -> None:
    before = {"ada": 1, "bob": 2}
    assert standing(service, "day") == ("archived", before)
    assert archived(service) == before
    counts = seal(service, LONG_AFTER)
    assert counts["sealed"] == 0
    assert counts["dropped"] >= 1
    assert standing(service, "day") == ("archived", before)


@pytest.mark.parametrize(
    ("now", "order"),
    [
        (JUST_BEFORE, single()),
        (IN_GRACE, single(at=AT)),
        (IN_GRACE, single(at=AT) | {"headers": {"Idempotency-Key": "k"}}),
        (IN_GRACE, single(at=AT) | {"path": "/v1/boards/b/scores?ranks=none"}),
        (IN_GRACE, bulk()),
        (IN_GRACE, bulk(headers={"Idempotency-Key": "k"})),
    ],
    ids=["on time", "late", "late, with a key", "late, without ranks", "bulk", "bulk with a key"],
)
@pytest.mark.parametrize("operator", ["sum", pytest.param("best", marks=pytest.mark.long)])
def test_a_paused_write_counts_only_where_it_is_open(
    service: Service, valkey_url: str, now: datetime, order: dict[str, Any], operator: str
) -> None:
    make_board(service, operator=operator)
    with stopped(service, valkey_url, now, **order) as worker:
        assert seal(service, AFTER)["sealed"] == 1
        status, answer = worker.go_on()
    assert status == 200, answer
    total = 41 if operator == "sum" else 40
    if "periods" in answer:
        assert (answer["score"], answer["updated"]) == (total, True)
        ranks = [] if "ranks" in order["path"] else ["all"]
        assert list(answer["periods"]) == ranks
        assert all(line["rank"] == 1 for line in answer["periods"].values())
    else:
        assert answer == {"received": 1, "applied": 1, "unchanged": 0, "rejected": []}
    assert standing(service, "all") == ("open", {"ada": total, "bob": 2})
    check_sealed_as_it_was(service)


def test_a_paused_write_is_refused_where_nothing_is_open(service: Service, valkey_url: str) -> None:
    make_board(service, "day")
    with stopped(service, valkey_url, IN_GRACE, **single(at=AT)) as worker:
        seal(service, AFTER)
        status, answer = worker.go_on()
    assert (status, answer["code"]) == (422, "period_closed")
    check_sealed_as_it_was(service)


def test_a_paused_bulk_is_answered_the_same_again(service: Service, valkey_url: str) -> None:
    make_board(service)
    order = bulk(1500, headers={"Idempotency-Key": "k"})
    with stopped(service, valkey_url, IN_GRACE, **order) as worker:
        seal(service, AFTER)
        _, answer = worker.go_on()
    assert (answer["applied"], answer["rejected"]) == (1500, [])
    again = service.request(
        "POST",
        order["path"],
        data=order["body"],
        headers={"Content-Type": "application/json", "Idempotency-Key": "k"},
    )
    assert (again.json, again.headers["Idempotency-Replayed"]) == (answer, "true")
    assert standing(service, "all")[1]["ada"] == 41
    check_sealed_as_it_was(service)


def test_a_bulk_whose_worker_died_paused_can_be_sent_again(service: Service, valkey_url: str) -> None:
    make_board(service)
    order = bulk(1500, headers={"Idempotency-Key": "k"})
    with stopped(service, valkey_url, IN_GRACE, **order) as worker:
        seal(service, AFTER)
        worker.kill()
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    for _ in range(2):
        answer = service.request("POST", order["path"], data=order["body"], headers=headers)
        assert answer.status == 200
        assert (answer.json["applied"], answer.json["rejected"]) == (1500, [])
        assert standing(service, "all")[1]["ada"] == 41
    check_sealed_as_it_was(service)


def test_two_tries_of_one_bulk_one_of_them_paused(service: Service, valkey_url: str) -> None:
    make_board(service)
    order = bulk(3, headers={"Idempotency-Key": "k"})
    headers = {"Content-Type": "application/json", "Idempotency-Key": "k"}
    with stopped(service, valkey_url, IN_GRACE, **order) as worker:
        service.clock.set(IN_GRACE)
        other = service.request("POST", order["path"], data=order["body"], headers=headers)
        seal(service, AFTER)
        status, answer = worker.go_on()
    assert (status, answer) == (200, other.json)
    assert standing(service, "all")[1] == {"ada": 41, "bob": 2, "1": 40, "2": 40}
    assert standing(service, "day")[1] == {"ada": 41, "bob": 2, "1": 40, "2": 40}
    assert archived(service) == {"ada": 41, "bob": 2, "1": 40, "2": 40}


@pytest.mark.parametrize("stops", [1, 2])
@pytest.mark.parametrize("gone", [False, True], ids=["sealed meanwhile", "dropped meanwhile"])
def test_a_paused_backfill_is_not_lost(service: Service, valkey_url: str, stops: int, gone: bool) -> None:
    make_board(service)
    if stops == 2:  # it meets a period that is gone, brings it back, and stops before it writes
        seal(service, LONG_AFTER)
    with stopped(service, valkey_url, LONG_AFTER, **bulk(query="?backfill=true"), stops=stops) as worker:
        seal(service, LONG_AFTER if gone else AFTER)
        status, answer = worker.go_on()
    assert (status, answer["applied"]) == (200, 1)
    after = {"ada": 41, "bob": 2}
    assert standing(service, "day") == ("closed", after)
    assert seal(service, LONG_AFTER)["sealed"] == 1
    assert standing(service, "day") == ("archived", after)
    assert archived(service) == after
    assert standing(service, "all")[1] == after
