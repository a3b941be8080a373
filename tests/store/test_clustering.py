"""Script calls over a Cluster: each once, wherever its slot is, whoever is away."""

import secrets
from collections.abc import Iterator

import pytest
from redis.crc import key_slot

from leaderboard.config import Settings
from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call
from tests.topologies import Cluster

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def stage() -> Iterator[Cluster]:
    with Cluster() as found:
        yield found


@pytest.fixture
def store(stage: Cluster) -> Iterator[Store]:
    stage.heal()
    found = Store.connect(Settings(redis_url=stage.url, redis_timeout_seconds=1.0, redis_retries=2), stage.url)
    yield found
    found.close()


def add(tag: str) -> Call:
    """Adds 1 to the counter of a tag, and answers what that makes."""
    return Call("count", [f"{{{tag}}}:c", f"{{{tag}}}:m"], [1000, 0, "", "n", "1"])


def value(answer: object) -> int:
    return int(answer[2] if isinstance(answer, list) else answer)  # type: ignore[call-overload]


def tags(stage: Cluster, count: int = 12) -> list[str]:
    """Some tags whose slots lie on all primaries."""
    found: dict[int, list[str]] = {}
    while sum(map(len, found.values())) < count or len(found) < 3:
        tag = secrets.token_hex(4)
        found.setdefault(stage.owner(key_slot(tag.encode())).port, []).append(tag)
    return [tag for some in found.values() for tag in some]


def test_one_round_goes_to_all_nodes_and_every_node_learns_the_script(stage: Cluster, store: Store) -> None:
    some = tags(stage)
    for round_number in range(1, 4):
        answers = store.run_all([add(tag) for tag in some], resend=False)
        assert [value(answer) for answer in answers] == [round_number] * len(some)
        for node in stage.primaries():  # one that was replaced knows none
            node.client.script_flush()


@pytest.mark.parametrize("atomic", [False, True])
def test_a_slot_that_moved_is_followed_without_a_second_run(stage: Cluster, store: Store, atomic: bool) -> None:
    some = tags(stage, 6)
    store.run_all([add(tag) for tag in some], resend=False)
    slot = key_slot(some[0].encode())
    source = stage.owner(slot)
    to = next(node for node in stage.primaries() if node is not source)
    stage.move_slot(slot, to, atomic=atomic)
    assert [value(answer) for answer in store.run_all([add(tag) for tag in some], resend=False)] == [2] * len(some)


def test_keys_on_their_way_are_refused_or_found_but_never_doubled(stage: Cluster, store: Store) -> None:
    """Between the first key's move and the last one's, a script over several answers TRYAGAIN."""
    tag = tags(stage, 1)[0]
    slot = key_slot(tag.encode())
    store.run("count", *_parts(add(tag)), resend=False)
    source = stage.owner(slot)
    to = next(node for node in stage.primaries() if node is not source)
    source.client.set(f"{{{tag}}}:m", "there")  # so that one of two is left
    to.client.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", stage.id_of(source))
    source.client.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", stage.id_of(to))
    source.client.execute_command("MIGRATE", "127.0.0.1", to.port, "", 0, 5000, "KEYS", f"{{{tag}}}:c")
    with pytest.raises(StoreUnavailable):
        store.run("count", *_parts(add(tag)), resend=False)
    with pytest.raises(StoreUnavailable):
        store.run_all([add(tag), add(tag)], resend=False, keep_errors=True)
    source.client.delete(f"{{{tag}}}:m")
    for node in (to, source, *stage.primaries()):
        node.client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", stage.id_of(to))
    assert value(store.run("count", *_parts(add(tag)), resend=False)) == 2


def test_a_node_that_is_away_is_away_for_its_own_keys_only(stage: Cluster, store: Store) -> None:
    some = tags(stage)
    store.run_all([add(tag) for tag in some])
    victim = stage.owner(key_slot(some[0].encode()))
    there = [stage.owner(key_slot(tag.encode())) is not victim for tag in some]
    victim.pause()
    try:
        for _ in range(2):  # the second time nobody waits for it
            answers = store.run_all([add(tag) for tag in some], resend=False, keep_errors=True)
            assert [not isinstance(answer, StoreUnavailable) for answer in answers] == there
    finally:
        victim.resume()


def test_a_failover_is_followed(stage: Cluster, store: Store) -> None:
    some = tags(stage)
    store.run_all([add(tag) for tag in some])
    slot = key_slot(some[0].encode())
    victim = stage.owner(slot)
    lost = [stage.owner(key_slot(tag.encode())) is victim for tag in some]
    victim.kill()
    stage.await_owner(slot, other_than=victim)
    found = [value(answer) for answer in store.run_all([add(tag) for tag in some])]
    assert all(now in ((1, 2) if was_there else (2,)) for was_there, now in zip(lost, found, strict=True))


def test_a_replica_is_waited_for(stage: Cluster) -> None:
    """What was answered is on the replica; without one the write is there, but is not answered."""
    tag = tags(stage, 1)[0]
    settings = Settings(redis_url=stage.url, wait_replicas=1, wait_timeout_ms=300)
    store, slot = Store.connect(settings, stage.url), key_slot(tag.encode())
    stage.heal()
    owner = stage.owner(slot)
    assert value(store.run("count", *_parts(add(tag)), resend=False)) == 1
    (replica,) = stage.replicas_of(owner)
    replica.pause()
    try:
        with pytest.raises(StoreUnavailable, match="0 of 1 replicas"):
            store.run("count", *_parts(add(tag)), resend=False)
        answers = store.run_all([add(tag), Call("release", [f"{{{tag}}}:lock"], ["x"])], resend=False, keep_errors=True)
        assert [isinstance(answer, StoreUnavailable) for answer in answers] == [
            True,
            False,
        ]  # the other promises nothing
    finally:
        replica.resume()
    assert value(store.run("count", *_parts(add(tag)), resend=False)) == 4
    store.close()


def _parts(call: Call) -> tuple[list[str], list[object]]:
    return list(call.keys), list(call.args)
