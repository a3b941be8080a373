"""A run: the stores, the service, the clients and the faults; then healing, and the checks."""

import random
import threading
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from chaoslib import checker, figures
from chaoslib.checker import Findings, Standing
from chaoslib.client import Client, Line, in_threads
from chaoslib.faults import HEAL_SECONDS, WAYS, Faults
from chaoslib.figures import Recovery
from chaoslib.history import GOOD, NO_ANSWER, History, Op
from chaoslib.plays import BoardPlan, Mix, Plays
from chaoslib.service import Service
from chaoslib.standings import Reader
from tests.topologies import Cluster, Sentinels, Single, Topology, TopologyError

_TRIES = 8
_LAST_TRIES = 60
_READ_ANSWERS = (NO_ANSWER, GOOD, 404, 503)  # 404: nobody has scored for that player so far
_RESENT = 150
_RESENT_FAULTS, _RESENT_EACH = 30, 8  # of so many faults, so many that were answered last before it
_AFTERWARDS_SECONDS = 1.0  # that clients go on after the last fault
_STUCK_SECONDS = 300.0  # beyond what is planned, until a run that does not end is broken off
TOPOLOGIES: dict[str, Callable[..., Topology]] = {"single": Single, "sentinel": Sentinels, "cluster": Cluster}


class ChaosError(Exception):
    """The run could not be made; the message is for the person at the screen."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What may be asked for."""

    topology: str = "single"
    seconds: float = 60.0
    seed: int = 0
    clients: int = 16
    workers: int = 2
    partitions: int = 1
    appendonly: bool = True
    appendfsync: str = "always"
    wait_replicas: int = 0
    counts: dict[str, int] = field(default_factory=dict)  # kind of fault -> how often
    ways: Sequence[str] = WAYS[:3]  # to fail over, by turns
    settings: dict[str, str] = field(default_factory=dict)  # of the service
    replicas: int = 1
    mix: Mix = field(default_factory=Mix)
    say: Callable[[str], None] = print


@dataclass
class Outcome:
    """What was found."""

    findings: Findings
    figures: dict[str, Any]
    recoveries: list[Recovery]
    failures: list[str]  # what did not heal, did not answer at the end, or broke in the service


def run(options: Options) -> Outcome:
    """A whole run.

    Raises ChaosError: it could not begin; TopologyError, UnreadableError: it did not heal.
    """
    more: dict[str, Any] = {"replicas": options.replicas} if options.topology == "sentinel" else {}
    with TOPOLOGIES[options.topology](
        appendonly=options.appendonly, appendfsync=options.appendfsync, **more
    ) as topology:
        # Small chunks, so that a bulk is many calls; what is played is not of the past.
        settings = {"REDIS_URL": topology.url, "CHUNK_ITEMS": "10", **options.settings}
        if options.wait_replicas:
            settings["WAIT_REPLICAS"] = str(options.wait_replicas)
        try:
            service = Service(topology.guard, topology.folder, settings, options.workers)
        except TopologyError as error:
            raise ChaosError(f"The service did not start: {error}") from error
        try:
            return _Session(options, topology, service).run()
        finally:
            service.stop()


def board_plans(partitions: int) -> list[BoardPlan]:
    """The boards of a run."""
    plans = [BoardPlan("sum1", "sum"), BoardPlan("best1", "best")]
    if partitions > 1:
        plans += [BoardPlan(f"sum{partitions}", "sum", partitions), BoardPlan(f"best{partitions}", "best", partitions)]
    return plans


class _Session:
    def __init__(self, options: Options, topology: Topology, service: Service) -> None:
        self._options = options
        self._topology = topology
        self._service = service
        self._boards = board_plans(options.partitions)
        self._history = History()
        self._plays = Plays(self._boards, self._history, options.mix)
        self._faults = Faults(topology, service, options.counts, options.seconds, options.seed, options.ways)
        self._failures: list[str] = []

    def run(self) -> Outcome:
        self._make_boards()
        first_day = datetime.now(UTC).date()
        began = time.monotonic()
        self._play()
        ended = time.monotonic()
        self._say(
            f"{len(self._history.ops):,} ops, {len(self._faults.strikes)} faults in {ended - began:.0f} s; healing"
        )
        self._topology.heal(HEAL_SECONDS)
        self._service.await_ready(HEAL_SECONDS)
        found = self._check_history()
        open_ops = self._history.unanswered()
        found.add(checker.check(self._boards, self._history.ops, self._standings(first_day)))
        self._finish(open_ops)
        found.add(checker.check(self._boards, self._history.ops, self._standings(first_day)))
        found.add(checker.check_answers(self._history.ops))
        recoveries = figures.recovery(self._history.ops, self._faults.strikes, ended, found.lost_ops)
        numbers = figures.of_run(self._history, recoveries, began, ended)
        numbers["unanswered_at_the_end"] = len(open_ops)
        odd = {status: count for status, count in self._history.reads.items() if status not in _READ_ANSWERS}
        if odd:
            self._failures.append(f"reads were answered {odd}")
        self._failures += [f"the service's log has {complaint}" for complaint in self._service.complaints()]
        return Outcome(found, numbers, recoveries, self._faults.failures + self._failures)

    def _make_boards(self) -> None:
        line = Line(self._service.target)
        for plan in self._boards:
            status, document, _ = line.ask("PUT", f"/boards/{plan.name}", plan.definition)
            if status not in (200, 201):
                raise ChaosError(f"The service does not make the board {plan.name}: {status} {document}")
        line.close()

    def _play(self) -> None:
        """Clients, for as long as was asked and until all faults have struck."""
        options, stop = self._options, threading.Event()
        began = time.monotonic()
        clients = [self._client(f"{options.seed}/client/{number}") for number in range(options.clients)]
        threads = in_threads(len(clients), lambda number: clients[number].run(stop))
        try:
            self._strike()
            time.sleep(max(_AFTERWARDS_SECONDS, began + options.seconds - time.monotonic()))
        finally:
            stop.set()
            for thread in threads:
                thread.join(_STUCK_SECONDS)
        broken = sum(not client.is_done for client in clients)
        if broken:
            self._failures.append(f"{broken} clients did not come to their end")
        missed = sum(options.counts.values()) - len(self._faults.strikes)
        if missed:
            self._failures.append(f"{missed} faults did not strike")

    def _strike(self) -> None:
        """All faults; it is over when nothing strikes any more, though something should."""
        striking = in_threads(1, lambda _: self._faults.run())[0]
        last = time.monotonic()
        while striking.is_alive() and time.monotonic() < last + self._options.seconds + _STUCK_SECONDS:
            struck = len(self._faults.strikes)
            striking.join(1.0)
            if len(self._faults.strikes) > struck:
                last = time.monotonic()
        if striking.is_alive():
            self._failures.append("the faults did not come to their end")

    def _finish(self, ops: list[Op]) -> None:
        """Sends what was never answered until it is: from then on everything with a key must be there.

        And once more some of what was answered, just before a fault above all: the answers must be the same.
        """
        client = self._client("end")
        for op in ops:
            if not client.insist(op, _LAST_TRIES) and not op.is_refused:
                self._failures.append(f"op {op.number} is not answered, though all is well")
        for op in self._some_answered():
            client.attempt(op)
        client.close()

    def _some_answered(self) -> list[Op]:
        answered = [op for op in self._history.ops if op.key is not None and op.is_acknowledged]
        answered.sort(key=lambda op: op.acknowledged_at)
        times = [op.acknowledged_at for op in answered]
        dice = random.Random(self._options.seed)
        some = {op.number: op for op in dice.sample(answered, min(_RESENT, len(answered)))}
        for strike in dice.sample(self._faults.strikes, min(_RESENT_FAULTS, len(self._faults.strikes))):
            at = bisect_left(times, strike.began)
            some |= {op.number: op for op in answered[max(0, at - _RESENT_EACH) : at]}
        return list(some.values())

    def _check_history(self) -> Findings:
        ops = self._history.ops
        adding = {plan.name for plan in self._boards if plan.operator == "sum"}
        seen = (glimpse for page in self._history.pages if page.board in adding for glimpse in page.glimpses())
        found = checker.check_glimpses(self._boards, ops, [*self._history.glimpses, *seen])
        found.add(checker.check_pages(self._history.pages))
        found.add(checker.check_told(self._boards, ops))
        return found

    def _standings(self, first_day: Any) -> list[Standing]:
        reader = Reader(self._service.target, random.Random(self._options.seed))
        periods = ["all", "day"] if datetime.now(UTC).date() == first_day else ["all"]
        found = [reader.read(plan, period) for plan in self._boards for period in periods]
        reader.close()
        return found

    def _client(self, seed: str) -> Client:
        return Client(self._service.target, self._plays, self._history, seed, _TRIES)

    def _say(self, text: str) -> None:
        self._options.say(text)
