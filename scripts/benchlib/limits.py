"""How exactly limits are kept by two workers whose clients ask ten times as often, and what a limit costs a request
that it lets through.

The clients send at a fixed pace, so that what they ask is known. What may be let through is reckoned from when the
first request was sent: a bucket begins full, a window empty. For the cost, the same requests are sent as fast as the
answers come, without limits and with limits that are never reached, in turns.
"""

import argparse
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchlib import machine
from benchlib.cases import Requests, forever
from benchlib.players import Players
from benchlib.service import BOARD, Home, Service, home
from benchlib.wire import Load, Sample, http

_WORKERS = 2
_TIMES = 10  # as often as the limit as they ask
_PLAYERS = 32  # with a bucket each
_REFUSED = "HTTP 429 rate_limited"
_FREE = {"LIMIT_KEY_READS": "1000000000/60s", "LIMIT_DAILY_SUBMISSIONS": "1000000000/day"}
_TOKENS = {"LIMIT_PLAYER_SUBMISSIONS": "10000/s burst 10000"}


@dataclass(frozen=True)
class _Pressure:
    """One limit under pressure: its setting, what is sent, and what may pass in so many seconds."""

    name: str
    setting: str
    text: str
    requests: Callable[[Requests, Players], Iterator[bytes]]
    allowed: Callable[[float], float]
    per_second: float  # that the limit lets through on average


@dataclass
class _Cost:
    """What was measured of one kind of request, with and without limits."""

    rates: list[float] = field(default_factory=list)
    halves: list[float] = field(default_factory=list)  # p50, milliseconds
    tails: list[float] = field(default_factory=list)  # p99

    def add(self, sample: Sample) -> None:
        self.rates.append(sample.per_second)
        self.halves.append(sample.milliseconds(50))
        self.tails.append(sample.milliseconds(99))

    def row(self) -> str:
        rate, half, tail = (statistics.median(one) for one in (self.rates, self.halves, self.tails))
        return f"{rate:,.0f} | {half:.2f} | {tail:.2f}"


def main() -> int:
    """Exit status 1 where a limit was not kept within 1 %."""
    parser = argparse.ArgumentParser(prog="bench-limits", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, metavar="S", help="under pressure, for each limit (60)")
    parser.add_argument("--connections", type=int, default=64, metavar="N", help="(64)")
    parser.add_argument("--rate", type=int, default=400, metavar="N", help="what a limit lets through a second (400)")
    parser.add_argument("--cost-seconds", type=float, default=5.0, metavar="S", help="of a run for the cost (5)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="of these runs (3)")
    options = parser.parse_args()
    for warning in machine.unrest():
        print(f"NOT A QUIET MACHINE: {warning}")
    with home() as place:
        kept = _press(place, options)
        if options.cost_seconds:
            _weigh(place, options)
    return 0 if kept else 1


def _press(place: Home, options: argparse.Namespace) -> bool:
    print("| limit | may pass | passed | off by | refused | asked for, times the limit |")
    print("|---|---|---|---|---|---|")
    worst = 0.0
    for case in _cases(options):
        service = place.start(_WORKERS, {case.setting: case.text})
        requests, players = _prepare(service, _PLAYERS)
        if (_midnight() - time.time()) < options.seconds + 5:
            time.sleep(_midnight() - time.time() + 1)  # a quota that is renewed meanwhile would be none
        source = paced(case.requests(requests, players), case.per_second * _TIMES)
        sample = Load((service.host, service.port), options.connections, source, http).run(options.seconds)
        refused = sample.failures.pop(_REFUSED, 0)
        if sample.failures:
            sys.exit(f"Something went wrong: {dict(sample.failures)}")
        passed, allowed = sample.answered - refused, case.allowed(sample.seconds)
        off = passed / allowed - 1
        worst = max(worst, abs(off))
        print(
            f"| {case.name} {case.text} | {allowed:,.0f} | {passed:,} | {100 * off:+.2f} % | {refused:,} "
            f"| {sample.answered / (case.per_second * sample.seconds):.1f} |",
            flush=True,
        )
    return worst <= 0.01


def _cases(options: argparse.Namespace) -> list[_Pressure]:
    rate, tokens = options.rate, max(1, options.rate // _PLAYERS)
    quota = int(rate * options.seconds)
    return [
        _Pressure(
            "token bucket of each of 32 players,",
            "LIMIT_PLAYER_SUBMISSIONS",
            f"{tokens}/s burst {tokens}",
            lambda requests, _: _submits(requests),
            lambda seconds: _PLAYERS * (tokens * seconds + tokens),
            _PLAYERS * tokens,
        ),
        _Pressure(
            "sliding window of a key,",
            "LIMIT_KEY_READS",
            f"{rate}/s",
            lambda requests, _: forever(requests.get("top?limit=10")),
            lambda seconds: rate * seconds,
            rate,
        ),
        _Pressure(
            "fixed window of a game,",
            "LIMIT_DAILY_SUBMISSIONS",
            f"{quota}/day",
            lambda requests, players: requests.submits(players),
            lambda _: quota,
            rate,
        ),
    ]


def _submits(requests: Requests) -> Iterator[bytes]:
    """Submissions of all players in turn."""
    one = next(requests.submits(Players(1)))
    name = Players.name(0).encode()
    made = [one.replace(name, Players.name(number).encode()) for number in range(_PLAYERS)]
    return itertools.cycle(made)


def paced(requests: Iterator[bytes], per_second: float) -> Iterator[bytes]:
    """At most so many a second, evenly."""
    began = time.perf_counter()
    for number, request in enumerate(requests):
        ahead = began + number / per_second - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        yield request


def _weigh(place: Home, options: argparse.Namespace) -> None:
    found: dict[tuple[str, str], _Cost] = {}
    settings: Mapping[str, Mapping[str, str]] = {
        "none": {},
        "window, quota": _FREE,
        "window, quota, bucket": {**_FREE, **_TOKENS},
    }
    for _ in range(options.rounds):
        for limits, setting in settings.items():
            service = place.start(_WORKERS, setting)
            requests, players = _prepare(service, 10_000)
            for kind, source in (
                ("top from memory", forever(requests.get("top?limit=10"))),
                ("player", requests.players(players, "")),
                ("submission", requests.submits(players)),
            ):
                load = Load((service.host, service.port), options.connections, source, http)
                load.run(1.0)
                sample = load.run(options.cost_seconds)
                if sample.failures:
                    sys.exit(f"Something went wrong: {dict(sample.failures)}")
                found.setdefault((kind, limits), _Cost()).add(sample)
    print("\n| request | limits | requests/s | p50 ms | p99 ms |")
    print("|---|---|---|---|---|")
    for (kind, limits), cost in sorted(found.items()):
        print(f"| {kind} | {limits} | {cost.row()} |", flush=True)


def _prepare(service: Service, count: int) -> tuple[Requests, Players]:
    """A board with players on it."""
    service.call("PUT", f"/boards/{BOARD}", {"periods": ["all", "day"]})
    requests, players = Requests(f"{service.host}:{service.port}", service.key, BOARD), Players(count)
    for chunk in players.chunks(1000):  # a backfill is not limited
        scores = [{"board": BOARD, "player": Players.name(one), "score": players.best[one]} for one in chunk]
        service.call("POST", "/scores?backfill=true", {"scores": scores})
    return requests, players


def _midnight() -> float:
    """The next one, UTC, in Unix seconds."""
    now = datetime.now(UTC)
    return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() + 86_400
