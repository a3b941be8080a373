"""The store without the service: a copy of the data, a yardstick, and the same commands through redis-py."""

import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from benchlib.cases import AROUND, BULK_ITEMS, FLOOR_KEYS
from benchlib.players import Players
from benchlib.wire import Load, Sample, command, resp

_YARDSTICK_KEY = "bench:{yardstick}"
_YARDSTICK_CLIENTS = 50
_DEPTH = 64
_CHUNK = 10_000


def copy_players(store: Any, players: Players) -> None:
    """Fills the four sorted sets of the floor with what the service has been given."""
    for chunk in players.chunks(_CHUNK):
        store.zadd(FLOOR_KEYS[0], {Players.name(player): -players.best[player] for player in chunk})
    for key in FLOOR_KEYS[1:]:
        store.copy(FLOOR_KEYS[0], key)


def settle(store: Any) -> None:
    """Waits until the store does nothing of its own, such as rewriting its append-only file."""
    while any(store.info("persistence")[name] for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")):
        time.sleep(0.1)


def yardstick(socket: str, seconds: float, members: int) -> dict[str, Sample]:
    """ZADDs of random members and scores into a set of so many, alone and in pipelines."""
    fill = (_adds(range(start, start + _DEPTH)) for start in range(0, members, _DEPTH))
    Load(socket, _YARDSTICK_CLIENTS, fill, resp(_DEPTH)).run(None)
    found = {}
    for depth in (1, _DEPTH):
        source = _random_adds(depth, members)
        found[f"{depth} deep"] = Load(socket, _YARDSTICK_CLIENTS, source, resp(depth)).run(seconds)
    return found


def _add_template(depth: int) -> bytes:
    return command("ZADD", _YARDSTICK_KEY, "1234567", "member-1234567").replace(b"1234567", b"%07d") * depth


def _adds(members: Sequence[int]) -> bytes:
    return _add_template(len(members)) % tuple(number for member in members for number in (member, member))


def _random_adds(depth: int, members: int) -> Iterator[bytes]:
    template, draw, count = _add_template(depth), random.Random(1).random, 2 * depth
    while True:
        yield template % tuple([int(draw() * members) for _ in range(count)])


def redis_py(store: Any, players: Players, threads: int, seconds: float) -> dict[str, float]:
    """Rounds a second of each case through redis-py, one thread a connection."""
    found = {}
    for name, act in _ACTS.items():
        counts = [0] * threads
        stop = threading.Event()

        def work(number: int, act: Callable[[Any, Players], Any] = act, stop: threading.Event = stop) -> None:
            while not stop.is_set():
                act(store, players)
                counts[number] += 1  # noqa: B023 - the thread ends within this round

        workers = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(threads)]
        began = time.perf_counter()
        for worker in workers:
            worker.start()
        time.sleep(seconds)
        found[name] = sum(counts) / (time.perf_counter() - began)
        stop.set()
        for worker in workers:
            worker.join()
    return found


def _submit(store: Any, players: Players, *, ranks: bool = True) -> None:
    player, score = players.attempt()
    pipeline = store.pipeline(transaction=False)
    for key in FLOOR_KEYS:
        pipeline.zadd(key, {Players.name(player): -score}, lt=True, ch=True)
    for key in FLOOR_KEYS if ranks else ():
        pipeline.zcount(key, "-inf", f"({-score}")
    pipeline.execute()


def _bulk(store: Any, players: Players) -> None:
    pipeline = store.pipeline(transaction=False)
    for _ in range(BULK_ITEMS):
        player, score = players.attempt()
        for key in FLOOR_KEYS:
            pipeline.zadd(key, {Players.name(player): -score}, lt=True, ch=True)
    pipeline.execute()


def _around(store: Any, players: Players) -> None:
    start = max(0, store.zrank(FLOOR_KEYS[0], Players.name(players.random())) - AROUND // 2)
    store.zrange(FLOOR_KEYS[0], start, start + AROUND - 1, withscores=True)


def _player(store: Any, players: Players) -> None:
    key = store.zscore(FLOOR_KEYS[0], Players.name(players.random()))
    store.zcount(FLOOR_KEYS[0], "-inf", f"({key}")


_ACTS: dict[str, Callable[[Any, Players], Any]] = {
    "submit, four ranks": _submit,
    "submit, ranks=none": lambda store, players: _submit(store, players, ranks=False),
    "bulk of 1,000": _bulk,
    "top 10": lambda store, _: store.zrange(FLOOR_KEYS[0], 0, 9, withscores=True),
    f"around, {AROUND} rows": _around,
    "player": _player,
}
