"""The run: start, load, measure case by case, check, report, clean up."""

import argparse
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import redis

from benchlib import floor, machine, report
from benchlib.cases import BULK_ITEMS, PERIODS, Case, Requests, applied, make_cases
from benchlib.players import Players
from benchlib.service import BOARD, ENDINGS, Service, ServiceError, running
from benchlib.wire import Load, NoAnswerError, Sample, http

_LOADERS = 8
_WARM_SHARE = 0.2  # of a case's seconds, before them
_CHECKED = 1000


def main() -> int:
    """Exit status 1 when anything failed."""
    options = _options()
    for number in ENDINGS:
        signal.signal(number, _interrupted)
    try:
        return _run(options)
    except (ServiceError, NoAnswerError, OSError, redis.RedisError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Broken off; everything is cleaned up.", file=sys.stderr)
        return 130


def _interrupted(_number: int, _frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description="Measures the service, and beside each case the bare commands on the same store."
    )
    add = parser.add_argument
    add("--connections", type=int, default=64, metavar="N", help="keep-alive connections (64)")
    add("--seconds", type=float, metavar="S", help="for each measurement (10)")
    add("--players", type=int, metavar="N", help=f"a multiple of {BULK_ITEMS} (100000)")
    add("--workers", type=int, default=2, metavar="N", help="web processes of the service (2)")
    add("--quick", action="store_true", help="2 seconds and 10,000 players: whether it works, not how fast")
    add("--case", action="append", metavar="TEXT", help="only cases whose name has this in it; may be repeated")
    add("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the service, such as THREADS=4")
    add("--yardstick", action="store_true", help="also ZADDs of random members of a million, as redis-benchmark does")
    add("--redis-py", action="store_true", help="also the floor's commands through redis-py, a thread a connection")
    add("--json", type=Path, metavar="FILE", help="also write everything as JSON")
    options = parser.parse_args()
    options.seconds = options.seconds or (2.0 if options.quick else 10.0)
    options.players = options.players or (10_000 if options.quick else 100_000)
    if options.players % BULK_ITEMS or not BULK_ITEMS <= options.players <= 1_000_000:
        parser.error(f"--players is a multiple of {BULK_ITEMS}, up to a million")
    if any("=" not in pair for pair in options.set):
        parser.error("--set takes NAME=VALUE")
    if options.connections < 1 or options.workers < 1 or options.seconds <= 0:
        parser.error("--connections, --workers and --seconds are above 0")
    return options


def _run(options: argparse.Namespace) -> int:
    warnings = machine.unrest()
    with running(options.workers, dict(pair.split("=", 1) for pair in options.set)) as service:
        bench = _Bench(options, service)
        store_info = service.store().info("server")
        version = store_info.get("valkey_version") or store_info["redis_version"]
        described = machine.describe(f"{store_info.get('server_name', 'redis')} {version}")
        _say_where(described, warnings, options)
        bench.prepare()
        bench.measure()
        bench.check()
        extras = bench.extras()
    print("\n" + report.table(bench.rows))
    for name, figure in extras.items():
        print(f"{name}: {figure:,.0f} a second")
    problems = [*report.failures(bench.samples), *bench.problems]
    for problem in problems:
        print(f"FAILED  {problem}", file=sys.stderr)
    if options.json:
        chosen = {name: getattr(options, name) for name in ("connections", "seconds", "players", "workers", "set")}
        document: dict[str, Any] = {"machine": described, "warnings": warnings, "options": chosen, "load": bench.loaded}
        document |= {"cases": [row.document() for row in bench.rows], "extras": extras, "problems": problems}
        report.write(options.json, document)
    return 1 if problems else 0


def _say_where(described: dict[str, str | int], warnings: list[str], options: argparse.Namespace) -> None:
    print("{cores} cores, {cpu}, {system}, Python {python}, {store}".format(**described))
    if warnings:
        print(f"NOT A QUIET MACHINE: {'; '.join(warnings)}. Take the figures for a lower bound.")
    print(
        f"{options.workers} workers, {options.players:,} players in {len(PERIODS)} periods, "
        f"{options.connections} connections, {options.seconds:g} seconds a measurement"
        f"{''.join(f', {pair}' for pair in options.set)}\n",
        flush=True,
    )


@dataclass
class _Bench:
    """One run against one service."""

    options: argparse.Namespace
    service: Service
    rows: list[report.Row] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    loaded: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.players = Players(self.options.players)
        self.floor_players = Players(self.options.players)  # the same ones: the seed is the same
        self.requests = Requests(f"{self.service.host}:{self.service.port}", self.service.key, BOARD)
        self.address = (self.service.host, self.service.port)
        self.store = self.service.store()

    def prepare(self) -> None:
        """Makes the board, loads all players through the service, and copies them for the floor."""
        definition = {"order": "desc", "operator": "best", "periods": list(PERIODS)}
        self.service.call("PUT", f"/boards/{BOARD}", definition)
        source = self.requests.everybody(self.players)
        sample = self._note("load", Load(self.address, _LOADERS, source, http, applied).run(None))
        rate = sample.tally / sample.seconds
        self.loaded = {"players": sample.tally, "seconds": sample.seconds, "scores_per_second": rate}
        print(f"load: {sample.tally:,} new players in {sample.seconds:.1f} s, {rate:,.0f} scores/s", flush=True)
        if sample.tally != self.players.count:
            self.problems.append(f"load: {sample.tally} of {self.players.count} scores were applied")
        floor.copy_players(self.store, self.floor_players)

    def measure(self) -> None:
        """Case by case, the service and then its floor."""
        wanted = self.options.case or [""]
        for case in make_cases(self.requests, self.players, self.floor_players):
            if any(text in case.name for text in wanted):
                with _Progress(case.name):
                    self.rows.append(self._measure(case))

    def check(self) -> None:
        """Whether the board holds what was submitted: a fast wrong answer is none."""
        numbers = range(min(_CHECKED, self.players.count))
        names = [Players.name(number) for number in numbers]
        found = self.service.call("POST", f"/boards/{BOARD}/lookup", {"players": names})["entries"]
        scores = {entry["player"]: entry["score"] for entry in found}
        wrong = sum(scores.get(Players.name(number)) != self.players.best[number] for number in numbers)
        if wrong:
            self.problems.append(f"check: {wrong} of {len(names)} players do not have their best score")

    def extras(self) -> dict[str, float]:
        """The yardstick and redis-py, where asked for: names to rates."""
        found: dict[str, float] = {}
        seconds, connections = self.options.seconds, self.options.connections
        if self.options.yardstick:
            members = 100_000 if self.options.quick else 1_000_000
            with _Progress("yardstick"):
                samples = floor.yardstick(self.service.socket, seconds, members)
            for name, sample in samples.items():
                self._note(f"yardstick {name}", sample)
                depth = int(name.split()[0])
                found[f"yardstick, ZADD of {members:,} random members, 50 clients, {name}"] = depth * sample.per_second
        if self.options.redis_py:
            with _Progress("redis-py"):
                rates = floor.redis_py(self.store, self.floor_players, connections, seconds)
            found |= {f"redis-py, {connections} threads, {name}": rate for name, rate in rates.items()}
        return found

    def _measure(self, case: Case) -> report.Row:
        seconds, connections = self.options.seconds, self.options.connections
        to_service = Load(self.address, connections, case.service, http, case.tally)
        to_store = Load(self.service.socket, connections, case.floor, case.judge)
        served = self._measured(f"{case.name}, service", to_service.run, seconds)
        bare = self._measured(f"{case.name}, floor", to_store.run, seconds)
        return report.Row(case, *served, *bare)

    def _measured(self, name: str, run: Callable[[float], Sample], seconds: float) -> tuple[Sample, report.Usage]:
        self._note(f"{name}, warming up", run(seconds * _WARM_SHARE))
        floor.settle(self.store)
        store_pid = self.store.info("server")["process_id"]
        groups = {"workers": self.service.workers(), "store": [store_pid], "bench": [os.getpid()]}
        meter = machine.Meter(groups)
        sample = self._note(name, run(seconds))
        return sample, report.Usage(*meter.read())

    def _note(self, name: str, sample: Sample) -> Sample:
        self.samples[name] = sample
        return sample


class _Progress:
    """Tells on a terminal what is being measured."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        if sys.stderr.isatty():
            print(f"\r\033[K{self._name} ...", end="", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if sys.stderr.isatty():
            print("\r\033[K", end="", file=sys.stderr, flush=True)
