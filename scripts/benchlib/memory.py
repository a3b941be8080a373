"""Watches the memory of every process of the service for as long as a mixed load lasts.

A cache fills up and stops; a leak goes on. So what a process has in the last third of the time is held against the
second third. The store grows by what it is given: the markers of keyed submissions stay for a day.
"""

import argparse
import itertools
import random
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchlib.cases import Requests, forever
from benchlib.limits import paced
from benchlib.players import Players
from benchlib.service import BOARD, Service, running
from benchlib.wire import Load, http

_EVENTS = b'{"events":[{"name":"match","player":"player-%07d","value":3,"properties":{"mode":"m%d"}}]}'
_POINTS = 60  # looks in all
_COLUMNS = 10


def main() -> int:
    """Exit status 1 where a process other than the store grew for good."""
    parser = argparse.ArgumentParser(prog="bench-memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, metavar="M", help="of load (30)")
    parser.add_argument("--rate", type=float, default=500.0, metavar="N", help="requests a second (500)")
    parser.add_argument("--connections", type=int, default=64, metavar="N", help="(64)")
    parser.add_argument("--players", type=int, default=50_000, metavar="N", help="on the board before (50,000)")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="(2)")
    options = parser.parse_args()
    with running(options.workers, {}) as service:
        service.call("PUT", f"/boards/{BOARD}", {"periods": ["all", "month", "day", "hour"]})
        requests, players = Requests(f"{service.host}:{service.port}", service.key, BOARD), Players(options.players)
        for request in requests.everybody(players):
            Load((service.host, service.port), 1, iter([request]), http).run(None)
        watch = _Watch(service, 60 * options.minutes / _POINTS)
        source = paced(_mixed(service, requests, players), options.rate)
        watch.start()
        sample = Load((service.host, service.port), options.connections, source, http).run(60 * options.minutes)
        watch.stop()
    print(f"{sample.answered:,} requests, {sum(sample.failures.values())} failed {dict(sample.failures) or ''}\n")
    return watch.report()


def _mixed(service: Service, requests: Requests, players: Players) -> Iterator[bytes]:
    """What a game sends, in no order."""
    head = f" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key}\r\n"

    def events() -> Iterator[bytes]:
        for player in players.draws("uniform"):
            body = _EVENTS % (player, player % 5)
            yield (
                f"POST /v1/events{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                + body
            )

    sources = [
        (30, requests.submits(players)),
        (4, requests.marked_submits(players)),
        (0.2, requests.bulks(players)),
        (25, (requests.get(f"top?limit={1 + number % 1000}") for number in itertools.count())),
        (15, requests.players(players, "")),
        (10, requests.players(players, "?around=11&period=day")),
        (5, (requests.get(f"rank?score={number % 60_000_000}") for number in itertools.count(20_000_000, 997))),
        (2, (requests.get(f"percentile?p={number % 100}") for number in itertools.count())),
        (2, (requests.get(f"distribution?bins={2 + number % 60}") for number in itertools.count())),
        (1, forever(requests.get("periods?period=hour"))),
        (5, events()),
        (1, forever(f"GET /v1/stats/match?from=2026-01-01&to=2027-01-01&step=month{head}\r\n".encode())),
    ]
    chance = random.Random(7)
    weights, each = zip(*sources, strict=True)
    while True:
        yield next(chance.choices(each, weights)[0])


class _Watch(threading.Thread):
    """Looks at the processes again and again."""

    def __init__(self, service: Service, seconds: float) -> None:
        super().__init__(daemon=True)
        self._service = service
        self._seconds = seconds
        self._ending = threading.Event()
        self._names = _processes(service)
        self._seen: list[tuple[float, dict[int, float]]] = []

    def run(self) -> None:
        while True:
            self._seen.append((time.monotonic(), {pid: _megabytes(pid) for pid in self._names}))
            if self._ending.wait(self._seconds):
                return

    def stop(self) -> None:
        self._ending.set()
        self.join()

    def report(self) -> int:
        """A table of looks at even distances; 1 where a process of ours grew from the second third to the last."""
        count, grew = len(self._seen), []
        shown = [round(number * (count - 1) / _COLUMNS) for number in range(_COLUMNS + 1)]
        began = self._seen[0][0]
        minutes = [(self._seen[at][0] - began) / 60 for at in shown]
        print(f"| MB after minutes | {' | '.join(f'{one:.0f}' for one in minutes)} | last third against the second |")
        print("|---" * (_COLUMNS + 3) + "|")
        for pid, name in self._names.items():
            sizes = [seen[pid] for _, seen in self._seen]
            second, last = (
                statistics.mean(part) for part in (sizes[count // 3 : 2 * count // 3], sizes[2 * count // 3 :])
            )
            told = " | ".join(f"{sizes[at]:.0f}" for at in shown)
            print(f"| {name} | {told} | {100 * (last / second - 1):+.1f} % |")
            if name != "store" and last > 1.03 * second + 1:
                grew.append(name)
        if grew:
            print(f"\nGrew by more than 3 % from the second third to the last: {', '.join(grew)}")
        return 1 if grew else 0


def _processes(service: Service) -> dict[int, str]:
    """The service's processes, with a name for each."""
    workers = service.workers()
    found = {service.pid: "arbiter"} | {pid: f"worker {number}" for number, pid in enumerate(workers, 1)}
    for pid in _children(service.pid):
        if pid not in found:
            said = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace").replace("\0", " ")
            found[pid] = "scheduler" if "scheduler" in said else "watcher of the store"
    found[int(service.store().info("server")["process_id"])] = "store"
    return found


def _children(pid: int) -> Sequence[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8").split()]


def _megabytes(pid: int) -> float:
    """What a process alone has in memory: pages that it shares with none, as its forks share what was there before."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    kilobytes = sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("Private_"))
    return kilobytes / 1024
