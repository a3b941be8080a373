"""Events in bulks of 1,000 on one worker, what each costs the store, and the same commands sent raw; and what a year of
hourly stats takes in the store before and after it is rolled up.

The raw commands are those that the scripts sent to the store during some bulks (MONITOR tells), replayed in
pipelines against a copy of the data. Processor time is the store's own, from /proc.
"""

import argparse
import random
import re
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchlib import machine
from benchlib.cases import applied
from benchlib.machine import Meter
from benchlib.service import GAME, Service, running
from benchlib.wire import Load, Sample, command, http
from leaderboard.boards.periods import Calendar
from leaderboard.config import Settings
from leaderboard.services import build
from leaderboard.stats.events import Event
from leaderboard.store.embedded import EmbeddedStore

_ITEMS = 1000
_PLAYERS = 1_000_000
_COUNTRIES = [f"C{number}" for number in range(20)]
_PLATFORMS = ("ios", "android", "pc")
_ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb"\\(x[0-9a-f]{2}|.)")
_NAMES = 200
_EVENTS_AN_HOUR = 5
_HOUR_PLAYERS = 500


@dataclass(frozen=True)
class _Case:
    name: str
    names: int
    has_properties: bool


_CASES = (
    _Case("one name", 1, has_properties=False),
    _Case("one name, two properties (60 combinations)", 1, has_properties=True),
    _Case("200 names", _NAMES, has_properties=False),
    _Case("200 names, two properties", _NAMES, has_properties=True),
)


def main() -> int:
    """Exit status 0."""
    parser = argparse.ArgumentParser(prog="bench-events", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, metavar="S", help="of each case (8)")
    parser.add_argument("--connections", type=int, default=4, metavar="N", help="(4)")
    parser.add_argument("--days", type=int, default=365, metavar="N", help="of hourly stats; 0 leaves them out (365)")
    options = parser.parse_args()
    for warning in machine.unrest():
        print(f"NOT A QUIET MACHINE: {warning}")
    with running(1, {"WORKERS": "1"}) as service:
        _events(service, options)
    if options.days:
        _year(options.days)
    return 0


def _events(service: Service, options: argparse.Namespace) -> None:
    store = service.store()
    store_pid = int(store.info("server")["process_id"])
    print("| 1,000 events a bulk | events/s | p50 ms | p99 ms | worker us/event | store us/event | raw us/event |")
    print("|---|---|---|---|---|---|---|")
    for case in _CASES:
        bulks = _bulks(service, case)
        load = Load((service.host, service.port), options.connections, bulks, http, applied)
        load.run(1.0)
        meter = Meter({"workers": service.workers(), "store": [store_pid]})
        sample = load.run(options.seconds)
        used, _ = meter.read()
        events = sample.answered * _ITEMS
        if sample.failures or sample.tally != len(sample.latencies) * _ITEMS:
            sys.exit(f"Not every event was taken: {dict(sample.failures)}")
        raw = _raw_cost(service, store_pid, load, options.seconds)
        print(
            f"| {case.name} | {sample.per_second * _ITEMS:,.0f} | {sample.milliseconds(50):.1f} "
            f"| {sample.milliseconds(99):.1f} | {1e6 * used['workers'] / events:.2f} "
            f"| {1e6 * used['store'] / events:.2f} | {raw:.2f} |",
            flush=True,
        )


def _bulks(service: Service, case: _Case) -> Iterator[bytes]:
    chance = random.Random(case.name)
    bodies = [_body(chance, case) for _ in range(64)]
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: {service.host}:{service.port}\r\nAuthorization: Bearer {service.key}\r\n"
        "Content-Type: application/x-ndjson\r\nContent-Length: "
    )
    requests = [f"{head}{len(body)}\r\n\r\n".encode() + body for body in bodies]
    while True:
        yield from requests


def _body(chance: random.Random, case: _Case) -> bytes:
    lines = []
    for _ in range(_ITEMS):
        name = f"event-{chance.randrange(case.names)}"
        properties = ""
        if case.has_properties:
            country, platform = chance.choice(_COUNTRIES), chance.choice(_PLATFORMS)
            properties = f',"properties":{{"country":"{country}","platform":"{platform}"}}'
        player, value = chance.randrange(_PLAYERS), chance.randrange(1000)
        lines.append(f'{{"name":"{name}","player":"player-{player}","value":{value}{properties}}}\n')
    return "".join(lines).encode()


def _raw_cost(service: Service, store_pid: int, load: Load, seconds: float) -> float:
    """The store's microseconds an event for the commands of the scripts alone."""
    commands = _monitored(service.socket, lambda: load.run(0.5))
    pieces = [commands[start : start + _ITEMS] for start in range(0, len(commands), _ITEMS)]
    events = _count_bulks(commands) * _ITEMS
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(service.socket)
    stream = connection.makefile("rb")
    meter, rounds, began = Meter({"store": [store_pid]}), 0, time.perf_counter()
    while time.perf_counter() - began < seconds / 2:
        for piece in pieces:
            connection.sendall(b"".join(piece))
            for _ in piece:
                _skip_reply(stream)
        rounds += 1
    used, _ = meter.read()
    connection.close()
    return 1e6 * used["store"] / (rounds * events)


def _monitored(path: str, work: Callable[[], Sample]) -> list[bytes]:
    """What scripts sent while the work was done, ready to be sent again."""
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(path)
    connection.sendall(command("MONITOR"))
    stream = connection.makefile("rb")
    stream.readline()
    connection.settimeout(0.5)
    collected: list[bytes] = []
    done = threading.Event()

    def collect() -> None:
        while not done.is_set():
            try:
                line = stream.readline()
            except TimeoutError:
                continue
            if b" lua]" in line[:60]:
                collected.append(line)

    thread = threading.Thread(target=collect)
    thread.start()
    work()
    time.sleep(0.3)
    done.set()
    thread.join()
    connection.close()
    return [command(*map(_unescape, _ARGUMENT.findall(line.split(b"]", 1)[1]))) for line in collected]


def _unescape(text: bytes) -> bytes:
    plain = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}
    return _ESCAPE.sub(
        lambda match: bytes([int(match[1][1:], 16)]) if match[1][:1] == b"x" and len(match[1]) == 3
        else plain.get(match[1], match[1]),
        text,
    )  # fmt: skip


def _count_bulks(commands: list[bytes]) -> int:
    """Every bulk notes its game once."""
    return sum(b"stats:games" in one for one in commands)


def _skip_reply(stream: Any) -> None:
    line = stream.readline()
    if line[:1] == b"$" and line != b"$-1\r\n":
        stream.read(int(line[1:]) + 2)
    elif line[:1] == b"*" and line != b"*-1\r\n":
        for _ in range(int(line[1:])):
            _skip_reply(stream)
    elif line[:1] == b"-":
        sys.exit(f"The store refused a replayed command: {line!r}")


def _year(days: int) -> None:
    """Hourly events of 200 names: the store's bytes before the roll-up, after it, and when the hours are dropped."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    start = now.replace(hour=0) - timedelta(days=days)
    with tempfile.TemporaryDirectory() as folder, EmbeddedStore.start(Path(folder), owner="bench") as store:
        services = build(Settings(data_dir=Path(folder), redis_url=store.url))
        client = services.store.client
        empty = client.info("memory")["used_memory"]
        calendar, chance = Calendar(), random.Random(1)
        began = time.perf_counter()
        for hour in range(days * 24):
            services.recorder.record(GAME, list(_hour(start + timedelta(hours=hour), chance)), now, calendar)
        recorded = time.perf_counter() - began
        before = client.info("memory")["used_memory"] - empty
        began = time.perf_counter()
        counts = services.rollup.run(now, _FreeRun(), lambda _game: calendar)
        rolled = time.perf_counter() - began
        after = client.info("memory")["used_memory"] - empty
        # Hours live a week longer; as if that were over, with those of the last week left.
        latest = (now - timedelta(days=7)).strftime("%Y-%m-%dT%H")
        for key in client.scan_iter(match="st:*T*", count=10_000):
            if key.rsplit(b"}:", 1)[1].decode() < latest:
                client.unlink(key)
        time.sleep(1)
        dropped = client.info("memory")["used_memory"] - empty
        keys = client.dbsize()
        services.close()
    events = days * 24 * _NAMES * _EVENTS_AN_HOUR
    print(f"\n{days} days of {_NAMES} names, {_EVENTS_AN_HOUR} events an hour each: {events:,} events")
    print(f"recorded in {recorded:.0f} s ({events / recorded:,.0f}/s); rolled up in {rolled:.0f} s: {counts}")
    print("| in the store | bytes | a name and day |")
    print("|---|---|---|")
    for name, size in (
        ("before the roll-up", before),
        ("after it", after),
        (f"hours dropped ({keys:,} keys)", dropped),
    ):
        print(f"| {name} | {size:,} | {size / days / _NAMES:,.0f} |")


def _hour(at: datetime, chance: random.Random) -> Iterator[Event]:
    for name in range(_NAMES):
        for _ in range(_EVENTS_AN_HOUR):
            yield Event(f"event-{name}", f"player-{chance.randrange(_HOUR_PLAYERS)}", chance.randrange(100), at)


class _FreeRun:
    token = ""

    def checkpoint(self) -> None:
        pass
