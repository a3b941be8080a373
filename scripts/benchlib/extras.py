"""Cross-checks that are made when asked for: the program wrk, and the floor's commands through redis-py."""

import re
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Any

from benchlib.cases import AROUND
from benchlib.players import Players
from benchlib.raw import Bare
from benchlib.service import BOARD, Service

_WRK_RATE = re.compile(r"Requests/sec:\s*([\d.]+)")
_WRK_P99 = re.compile(r"^\s*99%\s*(\S+)", re.MULTILINE)
_WRK_BAD = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)")


def wrk(service: Service, connections: int, seconds: float) -> str:
    """What wrk finds for the top 10."""
    url = f"http://{service.host}:{service.port}/v1/boards/{BOARD}/top?limit=10"
    options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency"]
    command = ["wrk", *options, "-H", f"Authorization: Bearer {service.key}", url]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rate, p99, bad = _WRK_RATE.search(output), _WRK_P99.search(output), _WRK_BAD.search(output)
    if rate is None:
        return f"wrk said nothing of a rate: {output[-200:]!r}"
    return f"wrk, top 10: {float(rate[1]):,.0f}/s, p99 {p99[1] if p99 else '?'}{f'; {bad[0]}' if bad else ''}"


def redis_py(store: Any, bare: Bare, threads: int, seconds: float) -> dict[str, float]:
    """Rounds a second of some workloads' raw commands through redis-py, one thread a connection."""
    found = {}
    for name, act in _acts(store, bare).items():
        counts = [0] * threads
        stop = threading.Event()

        def work(number: int, act: Callable[[], object] = act, stop: threading.Event = stop) -> None:
            while not stop.is_set():
                act()
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


def _acts(store: Any, bare: Bare) -> dict[str, Callable[[], object]]:
    # Generators cannot be shared between threads, so all that is random comes from methods.
    players, keys = bare.players, bare.keys
    draw = players.attempts

    def submit() -> None:
        player, score = next(draw("uniform"))
        pipeline = store.pipeline(transaction=False)
        for key in keys:
            pipeline.zrank(key, Players.name(player))
            pipeline.zadd(key, {Players.name(player): -score}, lt=True, ch=True)
            pipeline.zrank(key, Players.name(player))
        pipeline.execute()

    def top() -> None:
        store.zrange(keys[0], 0, 9, withscores=True)

    def around() -> None:
        start = max(0, store.zrank(keys[0], Players.name(next(players.draws("uniform")))) - AROUND // 2)
        store.zrange(keys[0], start, start + AROUND - 1, withscores=True)

    return {"submit, four periods": submit, "top 10": top, f"around, {AROUND} rows": around}
