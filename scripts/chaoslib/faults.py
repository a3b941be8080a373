"""Faults: what strikes, when, in an order drawn from the seed; two at a time, one at the store, one at a worker."""

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import redis

from chaoslib.service import Service
from tests.topologies import Cluster, Sentinels, Single, Topology, TopologyError

HEAL_SECONDS = 90.0
_REST_SECONDS = 1.0  # at least between two faults, or what one costs could not be told from what the next does
WAYS = ("killed", "asked", "paused", "coordinated")
_KINDS = ("store-kill", "store-pause", "failover", "slot-move")


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that struck. Times as of `time.monotonic`; `ended`: the part is well again."""

    kind: str
    what: str
    began: float
    ended: float


class Faults:
    """Strikes a topology and a service so many times by each kind, spread over a time."""

    def __init__(
        self,
        topology: Topology,
        service: Service,
        counts: dict[str, int],
        seconds: float,
        seed: int,
        ways: Sequence[str] = WAYS[:3],
    ) -> None:
        """`ways`: to fail over, by turns."""
        self._topology = topology
        self._service = service
        self._seconds = seconds
        self.strikes: list[Strike] = []
        self.failures: list[str] = []  # of what was to heal and did not
        self._dice = {name: random.Random(f"{seed}/{name}") for name in ("store", "worker")}
        self._plans = {
            "store": [kind for kind in _KINDS for _ in range(counts.get(kind, 0))],
            "worker": ["worker-kill"] * counts.get("worker-kill", 0),
        }
        self._dice["store"].shuffle(self._plans["store"])
        self._ways = {"failover": cycle(ways), "slot-move": cycle(("key by key", "at once"))}

    def run(self) -> None:
        """Until all have struck and what they struck is well again."""
        threads = [threading.Thread(target=self._run, args=(name,), daemon=True) for name in self._plans]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _run(self, name: str) -> None:
        dice, plan = self._dice[name], self._plans[name]
        pause = self._seconds / (len(plan) + 1)
        began = time.monotonic()
        for number, kind in enumerate(plan, 1):
            due = began + pause * (number + dice.uniform(-0.4, 0.4))
            time.sleep(max(_REST_SECONDS, due - time.monotonic()))
            try:
                self._strike(kind, dice)
            except (TopologyError, redis.RedisError, OSError) as error:
                self.failures.append(f"{kind}: {type(error).__name__}: {error}")
                return

    def _strike(self, kind: str, dice: random.Random) -> None:
        acts: dict[str, Callable[[random.Random], str]] = {
            "store-kill": self._kill_store,
            "store-pause": self._pause_store,
            "failover": self._fail_over,
            "slot-move": self._move_slot,
            "worker-kill": self._kill_worker,
        }
        began = time.monotonic()
        what = acts[kind](dice)
        if kind != "worker-kill":
            self._topology.await_healthy(HEAL_SECONDS)
        self.strikes.append(Strike(kind, what, began, time.monotonic()))

    def _kill_worker(self, dice: random.Random) -> str:
        return f"worker {self._service.kill_worker(dice, HEAL_SECONDS)}"

    def _kill_store(self, dice: random.Random) -> str:
        """Killed and run again in its place, soon as often as after a while."""
        node = dice.choice(self._topology.nodes)
        longest = 2.0 if isinstance(self._topology, Single) else 0.5  # less than it takes to be missed
        wait = dice.choice((0.0, dice.uniform(0.0, longest)))
        node.kill()
        time.sleep(wait)
        self._topology.restart(node)
        return f"{node!r}, back after {wait:.2f} s"

    def _pause_store(self, dice: random.Random) -> str:
        node = dice.choice(self._topology.nodes)
        longest = 3.0 if isinstance(self._topology, Single) else 0.6
        wait = dice.uniform(0.1, longest)
        node.pause()
        time.sleep(wait)
        node.resume()
        return f"{node!r} for {wait:.2f} s"

    def _fail_over(self, dice: random.Random) -> str:
        """The primary is killed, or asked to give up its part, or paused until another has it.

        Behind Sentinels it goes on while it is asked, unless that is coordinated.
        """
        way = next(self._ways["failover"])
        if isinstance(self._topology, Sentinels):
            before, after = self._fail_over_sentinels(self._topology, way)
        else:
            assert isinstance(self._topology, Cluster)  # noqa: S101 - the options say so
            slots = sorted(self._topology.slots_in_use("lb:"))
            before, after = self._fail_over_cluster(self._topology, dice.choice(slots), way)
        return f"{way}: {before} gave way to {after}"

    def _fail_over_sentinels(self, stage: Sentinels, way: str) -> tuple[str, str]:
        before = stage.primary()
        if way in ("asked", "coordinated"):
            stage.failover(coordinated=way == "coordinated")
            return repr(before), repr(stage.primary())
        (before.kill if way == "killed" else before.pause)()
        after = stage.await_primary(other_than=before, seconds=HEAL_SECONDS)
        if way == "killed":
            stage.restart(before)
        else:
            before.resume()
        return repr(before), repr(after)

    def _fail_over_cluster(self, stage: Cluster, slot: int, way: str) -> tuple[str, str]:
        before = stage.owner(slot)
        if way in ("asked", "coordinated"):
            return repr(before), repr(stage.failover(slot))
        (before.kill if way == "killed" else before.pause)()
        after = stage.await_owner(slot, other_than=before, seconds=HEAL_SECONDS)
        if way == "killed":
            stage.restart(before)
        else:
            before.resume()
        return repr(before), repr(after)

    def _move_slot(self, dice: random.Random) -> str:
        """A slot that a board lies in; key by key and at once by turns."""
        stage = self._topology
        assert isinstance(stage, Cluster)  # noqa: S101 - the options say so
        slot = dice.choice(sorted(stage.slots_in_use("lb:")))
        source = stage.owner(slot)
        to = dice.choice([node for node in stage.primaries() if node is not source])
        way = next(self._ways["slot-move"])
        keys = stage.move_slot(slot, to, batch=10, atomic=way == "at once")
        return f"slot {slot}, {keys} keys, {source!r} to {to!r}, {way}"
