"""Sealing a day of many players, and building a rolling window of theirs, quiet and under bulk submissions.

Bulks go to another board, so that what is sealed stays as large as it is. The store's slow log tells how long it was
busy with one command; the job is a process of its own, whose memory the kernel tells.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from benchlib import machine
from benchlib.cases import Requests, applied
from benchlib.players import Players
from benchlib.service import GAME, Service, running
from benchlib.wire import Load, Sample, http
from leaderboard.store.keys import BoardKeys
from leaderboard.store.scripts import load

_LOADERS = 8
_BUSY_PLAYERS = 100_000
_TAG = BoardKeys(GAME, "day")


@dataclass
class JobRun:
    """What a job took: seconds, the peak of its memory, the store's slowest commands meanwhile, and its counts."""

    seconds: float
    megabytes: float
    slowest: str  # of the job's scripts and of the bulks, in milliseconds
    counts: dict[str, int]


def main() -> int:
    """Exit status 0."""
    parser = argparse.ArgumentParser(prog="bench-periods", description=__doc__)
    parser.add_argument("--players", type=int, default=1_000_000, metavar="N", help="in the day (1000000)")
    parser.add_argument("--connections", type=int, default=8, metavar="N", help="of the bulk submissions (8)")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="of the undisturbed bulks (10)")
    parser.add_argument("--postgresql", action="store_true", help="archive into a private PostgreSQL, not SQLite")
    parser.add_argument("--no-window", action="store_true", help="leave out the rolling window")
    options = parser.parse_args()
    warnings = machine.unrest()
    with ExitStack() as stack:
        settings = {}
        if options.postgresql:
            from tests.archive import postgres  # noqa: PLC0415 - only here

            binaries = postgres.find_binaries()
            if binaries is None:
                sys.exit("There are no binaries of PostgreSQL here.")
            settings["DATABASE_URL"] = stack.enter_context(postgres.running(binaries))
        service = stack.enter_context(running(2, settings))
        for warning in warnings:
            print(f"NOT A QUIET MACHINE: {warning}")
        print(f"{options.players:,} players, archive in {'PostgreSQL' if options.postgresql else 'SQLite'}\n")
        _Bench(options, service, settings).run()
    return 0


class _Bench:
    def __init__(self, options: argparse.Namespace, service: Service, settings: dict[str, str]) -> None:
        self.options, self.service = options, service
        self.store = service.store()
        self.address = (service.host, service.port)
        self.now = datetime.now(UTC)
        data_dir = Path(self.store.config_get("dir")["dir"]).parent
        self.env = {**os.environ, "LEADERBOARD_DATA_DIR": str(data_dir)}
        self.env |= {f"LEADERBOARD_{name}": value for name, value in settings.items()}

    def run(self) -> None:
        """Everything, line by line."""
        self._prepare()
        _say("bulks alone", self._bulks(self.options.seconds))
        tomorrow = (self.now + timedelta(days=1)).replace(hour=0, minute=30)
        _tell("sealing, quiet", self._job("seal", tomorrow), self.options.players)
        self._reopen()
        run, sample = self._job_under_load("seal", tomorrow)
        _tell("sealing, under bulks", run, self.options.players)
        _say("bulks beside it", sample)
        if not self.options.no_window:
            self._measure_window()

    def _prepare(self) -> None:
        players = Players(self.options.players)
        self.service.call("PUT", "/boards/day", {"periods": ["day"]})
        self.service.call("PUT", "/boards/busy", {"periods": ["all"]})
        host = f"{self.address[0]}:{self.address[1]}"
        for board, some in (("day", players), ("busy", Players(_BUSY_PLAYERS))):
            source = Requests(host, self.service.key, board).everybody(some)
            began = time.perf_counter()
            Load(self.address, _LOADERS, source, http, applied).run(None)
            print(f"filled {board}: {some.count:,} players in {time.perf_counter() - began:.1f} s", flush=True)
        self.busy = Requests(host, self.service.key, "busy").bulks(Players(_BUSY_PLAYERS))
        self.store.config_set("slowlog-log-slower-than", 500)
        self.store.config_set("slowlog-max-len", 100_000)

    def _bulks(self, seconds: float | None, process: "subprocess.Popen[bytes] | None" = None) -> Sample:
        def source() -> Iterator[bytes]:
            while process is None or _runs(process):
                yield next(self.busy)

        return Load(self.address, self.options.connections, source(), http, applied).run(seconds)

    def _begin(self, job: str, at: datetime) -> "subprocess.Popen[bytes]":
        self.store.slowlog_reset()
        command = [str(Path(sys.executable).with_name("leaderboard")), "jobs", "run", job, "--json", "--now"]
        return subprocess.Popen([*command, at.isoformat()], env=self.env, stdout=subprocess.PIPE)

    def _end(self, process: "subprocess.Popen[bytes]", began: float) -> JobRun:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit("The job failed.")
        seconds = time.perf_counter() - began
        return JobRun(seconds, usage.ru_maxrss / 1024, self._slowest(), json.loads(output))

    def _slowest(self) -> str:
        """The longest that each script held up the store, and the longest of all other commands."""
        longest: dict[str, float] = {}
        for entry in self.store.slowlog_get(100_000):
            name = _script_of(entry["command"])
            longest[name] = max(longest.get(name, 0.0), entry["duration"] / 1000)
        ordered = sorted(longest.items(), key=lambda one: -one[1])[:3]
        return ", ".join(f"{name} {milliseconds:.1f} ms" for name, milliseconds in ordered)

    def _job(self, job: str, at: datetime) -> JobRun:
        began = time.perf_counter()
        return self._end(self._begin(job, at), began)

    def _job_under_load(self, job: str, at: datetime) -> tuple[JobRun, Sample]:
        began = time.perf_counter()
        process = self._begin(job, at)
        sample = self._bulks(None, process)
        return self._end(process, began), sample

    def _reopen(self) -> None:
        """As a backfill does; the day is sealed once more."""
        self.store.zadd(_TAG.open, {f"{self.now:%Y-%m-%d}": int(self.now.timestamp()) - 1})

    def _measure_window(self) -> None:
        """A window over seven days, each a copy of the one that was filled, while its top is read."""
        self.service.call("PUT", "/boards/day", {"periods": ["day"], "rolling": ["7d"]})
        today = f"{self.now:%Y-%m-%d}"
        for days in range(1, 7):
            day = f"{self.now - timedelta(days=days):%Y-%m-%d}"
            self.store.copy(_TAG.standings(today), _TAG.standings(day))
            self.store.zadd(_TAG.known, {f"day:{day}": 0})
        _tell("window of 7 days, quiet", self._job("windows", self.now.replace(hour=12)), 7 * self.options.players)
        self.store.hset(_TAG.meta, "windows", "")
        run, sample = self._job_under_load("windows", self.now.replace(hour=12))
        _tell("window of 7 days, under bulks", run, 7 * self.options.players)
        _say("bulks beside it", sample)
        top = Requests(f"{self.address[0]}:{self.address[1]}", self.service.key, "day").get("top?limit=10&window=7d")
        process = self._begin("windows", self.now.replace(hour=23, minute=0))  # the one that is read tomorrow
        began = time.perf_counter()

        def reads() -> Iterator[bytes]:
            while _runs(process):
                yield top

        sample = Load(self.address, 2, reads(), http).run(None)
        _tell("tomorrow's window, under reads of today's", self._end(process, began), 7 * self.options.players)
        _say("reads beside it", sample, "reads")


def _script_of(command: bytes) -> str:
    """The script's name, or the command's."""
    words = command.decode(errors="replace").split()
    found = (name for name in ("submit", "copy", "fill", "begin", "seal", "live") if load(name).sha in words[:2])
    return next(found, words[0])


def _runs(process: "subprocess.Popen[bytes]") -> bool:
    """Whether it still does; it is left to be waited for."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None


def _tell(what: str, run: JobRun, rows: int) -> None:
    print(
        f"{what}: {run.seconds:.1f} s, {rows / run.seconds:,.0f} rows/s, peak memory {run.megabytes:.0f} MB, "
        f"slowest commands: {run.slowest or 'none over 0.5 ms'}; {run.counts}",
        flush=True,
    )


def _say(what: str, sample: Sample, unit: str = "bulks of 1,000") -> None:
    failures: Any = dict(sample.failures) or "no failures"
    print(
        f"{what}: {sample.per_second:,.1f} {unit}/s, p50 {sample.milliseconds(50):.1f} ms, "
        f"p99 {sample.milliseconds(99):.1f} ms, worst {sample.milliseconds(100):.1f} ms, {failures}",
        flush=True,
    )
