"""Boards with parts on a real Cluster: on all of its nodes, and while a slot moves."""

import io
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from tests.conftest import START, FakeClock, Service
from tests.partitions.test_against_one_part import live_closed_archived_and_back
from tests.partitions.twins import Twins
from tests.topologies import Cluster

pytestmark = pytest.mark.long
FRESH = {"Cache-Control": "no-cache"}


@pytest.fixture
def service(cluster: Cluster, tmp_path: Path) -> Iterator[Service]:
    clock = FakeClock()
    settings = Settings(data_dir=tmp_path, redis_url=cluster.url, read_staleness_ms=0)
    service = Service(create_app(settings, clock=clock.now), clock)
    service.new_game()
    yield service
    service.services.close()


def nodes_of(service: Service, cluster: Cluster) -> list[int]:
    """On which nodes the parts are."""
    parts = service.services.registry.fresh(service.game, "spread").parts
    owners = [cluster.owner(service.services.store.client.keyslot(part.keys.meta)) for part in parts]
    return [node.port for node in owners]


def test_it_answers_as_a_board_without_parts(service: Service, cluster: Cluster) -> None:
    live_closed_archived_and_back(service, 8, {"operator": "sum", "rolling": ["24h"]})
    assert len(set(nodes_of(service, cluster))) > 1


def test_it_comes_back_from_a_snapshot(service: Service) -> None:
    twins = Twins(service, 8)
    twins.bulk([{"player": f"p{n}", "score": n % 9} for n in range(100)])
    file = io.BytesIO()
    services = service.services
    services.snapshots.write(service.game, ["spread"], file, START)
    services.restoring.restore(file, "spread", service.game, "spread", START + timedelta(hours=1), replace=True)
    twins.compare()


def test_reads_and_writes_go_on_while_a_slot_moves(service: Service, cluster: Cluster) -> None:
    service.put_board("spread", partitions=8, operator="sum", periods=["all"])
    players = [f"p{n}" for n in range(60)]
    service.bulk([{"board": "spread", "player": player, "score": 1} for player in players])
    slot = service.services.store.client.keyslot(
        service.services.registry.get(service.game, "spread").parts[0].keys.meta
    )
    to = next(node for node in cluster.primaries() if node is not cluster.owner(slot))
    done, rounds, failures = threading.Event(), 0, []

    def go_on() -> None:
        nonlocal rounds
        while not done.is_set() or rounds < 5:
            items = [{"board": "spread", "player": player, "score": 1} for player in players]
            headers = {"Idempotency-Key": f"round {rounds}"}
            replies = [service.request("POST", "/v1/scores", json={"scores": items}, headers=headers) for _ in range(2)]
            reads = [
                service.request("GET", f"/v1/boards/spread/{path}", headers=FRESH)
                for path in ("top?limit=100", "players/p7?around=9", "percentile?p=50")
            ]
            failures.extend(reply for reply in (*replies, *reads) if reply.status not in (200, 503))
            if all(reply.status == 503 for reply in replies):
                failures.append(replies[-1])
            rounds += 1

    worker = threading.Thread(target=go_on)
    worker.start()
    cluster.move_slot(slot, to, batch=1, atomic=False)
    done.set()
    worker.join(60)
    assert not failures
    entries = service.get("/boards/spread/top?limit=100", headers=FRESH)["entries"]
    assert {entry["score"] for entry in entries} == {1 + rounds}
