"""Nothing lost, nothing doubled: clients record every answer while faults strike. `scripts/chaos` is the long form."""

import os
import secrets
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from leaderboard.config import Settings
from leaderboard.store.connection import Store
from tests.topologies import Sentinels

sys.path.append(str(Path(__file__).resolve().parents[2] / "scripts"))

from chaoslib.main import describe, is_well
from chaoslib.plays import Mix
from chaoslib.session import Options, Outcome, run

pytestmark = pytest.mark.long


def _run(**options: Any) -> Outcome:
    seed = int(os.environ.get("CHAOS_SEED") or secrets.randbelow(1_000_000))
    print(f"CHAOS_SEED={seed}")  # noqa: T201 - shown when it fails: to see the same again
    outcome = run(Options(seed=seed, clients=8, **options))
    print(describe(outcome, verbose=True))  # noqa: T201
    return outcome


def _struck(outcome: Outcome) -> dict[str, int]:
    return {kind: row["struck"] for kind, row in outcome.figures["faults"].items()}


def _is_busy(outcome: Outcome) -> bool:
    """Whether enough was done for the checks to mean something."""
    answers = outcome.figures["answers"]
    return bool(answers["200"] > 300 and outcome.figures["replayed"] > 10 and outcome.figures["reads"]["200"] > 10)


def test_one_store() -> None:
    counts = {"store-kill": 5, "store-pause": 1, "worker-kill": 5}
    outcome = _run(seconds=20, counts=counts, partitions=4)
    assert is_well(outcome)
    assert _struck(outcome) == counts
    assert _is_busy(outcome)


def test_a_store_that_keeps_no_log_is_found_out() -> None:
    outcome = _run(seconds=5, counts={"store-kill": 1}, appendonly=False)
    assert outcome.findings.lost


def test_clients_that_send_no_keys_are_found_out() -> None:
    outcome = _run(seconds=3, mix=Mix(forgets_keys=True))
    assert outcome.findings.doubled
    assert not outcome.findings.lost


def test_sentinels() -> None:
    counts = {"failover": 2, "worker-kill": 2}
    outcome = _run(topology="sentinel", seconds=20, counts=counts, partitions=4, wait_replicas=1)
    assert is_well(outcome)
    assert _struck(outcome) == counts
    assert _is_busy(outcome)


def test_a_cluster() -> None:
    counts = {"failover": 1, "slot-move": 2, "worker-kill": 2}
    outcome = _run(topology="cluster", seconds=20, counts=counts, partitions=4, wait_replicas=1)
    assert is_well(outcome)
    assert _struck(outcome) == counts
    assert _is_busy(outcome)


def test_an_answer_is_for_who_asked_though_the_store_paused() -> None:
    """A connection that somebody gave up waiting at must not be the next one's."""
    with Sentinels(down_after_ms=60_000) as stage:
        settings = Settings(redis_url=stage.url, redis_timeout_seconds=0.5)
        store, stop = Store.connect(settings, stage.url), threading.Event()

        def ask(number: int) -> tuple[int, int, int]:
            right = wrong = failed = 0
            while not stop.is_set():
                word = f"{number} {right} {failed}".encode()
                pipeline = store.client.pipeline(transaction=False)
                try:
                    told = pipeline.execute_command("ECHO", word).execute()
                    right, wrong = right + (told == [word]), wrong + (told != [word])
                except redis.RedisError:
                    failed += 1
                time.sleep(0.002)
            return right, wrong, failed

        with ThreadPoolExecutor(8) as threads:
            asking = [threads.submit(ask, number) for number in range(8)]
            try:
                for _ in range(3):
                    time.sleep(0.2)
                    stage.primary().pause()
                    time.sleep(1.0)
                    stage.primary().resume()
                    time.sleep(0.8)
            finally:
                stop.set()
            right, wrong, failed = map(sum, zip(*(one.result(30) for one in asking), strict=True))
        store.close()
    assert right > 100
    assert failed > 0
    assert wrong == 0
