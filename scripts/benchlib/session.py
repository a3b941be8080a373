"""The run itself: services are started group by group, workloads measured round by round, and all is checked."""

import argparse
import itertools
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchlib import extras, figures, machine, workloads
from benchlib.figures import Probe
from benchlib.results import Measure, Row, Run, Usage
from benchlib.service import home
from benchlib.stage import Stage
from benchlib.wire import Load, Sample, http
from benchlib.workloads import Case, Workload
from benchlib.yardstick import Yardstick, settle

_WARM_SHARE = 0.2  # of a measurement's seconds, before it
_YARDSTICK_SECONDS = 1.0
_FLOOR_SHARE = 0.5  # of the service's seconds


@dataclass(frozen=True)
class Group:
    """What is measured on one service; those in one place have one data folder, one after the other."""

    title: str
    place: str
    workers: int
    workloads: Sequence[Workload]
    settings: dict[str, str] = field(default_factory=dict)
    probes: Sequence[Probe] = ()


def plan(options: argparse.Namespace) -> list[Group]:
    """The groups, with what of them was asked for."""
    wanted, workers = options.case or [""], options.workers
    groups = [
        Group("usual", "usual", workers, workloads.usual()),
        Group("bulks", "many", 1, workloads.bulks(), probes=(figures.MEMORY, figures.START)),
        Group(
            "cache off",
            "many",
            workers,
            (*workloads.uncached(), *workloads.growth(options)),
            {"READ_STALENESS_MS": "0"},
        ),
    ]
    chosen = []
    for group in groups:
        found = [one for one in group.workloads if any(text in one.name for text in wanted)]
        probes = [one for one in group.probes if any(text in one.name for text in wanted)]
        if found or probes:
            chosen.append(Group(group.title, group.place, group.workers, found, group.settings, probes))
    return chosen


class Session:
    """One run over all groups."""

    def __init__(self, options: argparse.Namespace, yardstick: Yardstick, run: Run) -> None:
        self._options = options
        self._yardstick = yardstick
        self._run = run

    def run(self, groups: Sequence[Group]) -> None:
        """Everything; what was found is in the run."""
        for _, some in itertools.groupby(groups, key=lambda group: group.place):
            with home() as place:
                stage = Stage(place, self._options)
                for group in some:
                    self._measure_yardstick()
                    self._group(stage, group)
                self._run.problems += stage.problems
        self._measure_yardstick()
        self._run.figures += figures.growth(self._run.rows, self._options.growth)

    def _measure_yardstick(self) -> None:
        with _Progress("yardstick"):
            self._yardstick.measure(_YARDSTICK_SECONDS)

    def _group(self, stage: Stage, group: Group) -> None:
        def start() -> float:
            return stage.start(group.workers, group.settings)

        workers = "1 worker" if group.workers == 1 else f"{group.workers} workers"
        print(f"{group.title}: {workers}, ready after {start():.1f} s", flush=True)
        if not self._run.machine:
            self._describe(stage)
        for probe in group.probes:
            with _Progress(probe.name):
                self._run.figures.append(probe.run(stage, self._yardstick, start))
        pairs = [(self._row(group, one), one.make(stage)) for one in group.workloads]
        for turn in range(self._options.rounds):
            for row, case in pairs:
                with _Progress(f"{row.name}, round {turn + 1} of {self._options.rounds}"):
                    self._measure(stage, row, case)
        self._run.rows += [row for row, _ in pairs]
        stage.check()
        self._extras(stage, group)
        stage.clear()

    def _describe(self, stage: Stage) -> None:
        info = stage.store().info("server")
        version = info.get("valkey_version") or info["redis_version"]
        self._run.machine = machine.describe(f"{info.get('server_name', 'redis')} {version}")

    def _row(self, group: Group, workload: Workload) -> Row:
        connections = workload.connections or self._options.connections
        title = ", ".join([group.title, *(f"{name}={value}" for name, value in group.settings.items())])
        return Row(workload.name, title, workload.scores, connections, workload.target)

    def _measure(self, stage: Stage, row: Row, case: Case) -> None:
        seconds = self._options.seconds
        to_service = Load(stage.address, row.connections, case.source, http, case.tally)
        row.service.append(self._measured(stage, row, to_service.run, seconds))
        if case.floor is not None:
            to_store = Load(stage.service.socket, row.connections, *case.floor)
            row.floor.append(self._measured(stage, row, to_store.run, seconds * _FLOOR_SHARE))

    def _measured(self, stage: Stage, row: Row, run: Callable[[float], Sample], seconds: float) -> Measure:
        store = stage.store()
        self._note(row, run(seconds * _WARM_SHARE))
        settle(store)
        pids = {"workers": stage.service.workers(), "store": [store.info("server")["process_id"]]}
        meter = machine.Meter({**pids, "bench": [os.getpid()]})
        sample = run(seconds)
        usage = Usage(*meter.read())
        self._note(row, sample)
        return Measure.of(sample, usage, row.scores)

    def _note(self, row: Row, sample: Sample) -> None:
        self._run.problems += [f"{row.name}: {count} x {what}" for what, count in sample.failures.most_common()]

    def _extras(self, stage: Stage, group: Group) -> None:
        seconds, connections = self._options.seconds, self._options.connections
        if self._options.wrk and any(one.name.startswith("top 10") for one in group.workloads):
            with _Progress("wrk"):
                self._run.notes.append(f"{group.title}: {extras.wrk(stage.service, connections, seconds)}")
        if self._options.redis_py and group.place == "usual":
            with _Progress("redis-py"):
                rates = extras.redis_py(stage.store(), stage.bare("main"), connections, seconds)
            threads = f"redis-py, {connections} threads"
            self._run.notes += [f"{threads}, {name}: {rate:,.0f}/s" for name, rate in rates.items()]


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
