"""How the two stores and the jobs are doing, for Prometheus: asked when it asks, and never waited for long."""

import platform
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from typing import TYPE_CHECKING, Any

from leaderboard import __version__
from leaderboard.archive.job_runs import JobHealth, JobRuns
from leaderboard.errors import Unavailable
from leaderboard.services import Services
from leaderboard.store import figures
from leaderboard.store.figures import NodeFigures

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

_PATIENCE_SECONDS = 1.0  # Prometheus gives up after ten by default, and would take the service for down


def _unix(job: JobHealth) -> float:
    return 0.0 if job.succeeded_at is None else job.succeeded_at.timestamp()


_STORE_FIGURES: tuple[tuple[str, str, bool, Callable[[NodeFigures], float | None]], ...] = (
    ("leaderboard_store_memory_used_bytes", "Memory that the store uses", False, lambda one: one.memory_used),
    ("leaderboard_store_memory_max_bytes", "Memory that it may use; 0: all", False, lambda one: one.memory_max),
    ("leaderboard_store_clients", "Connections to the store", False, lambda one: one.clients),
    ("leaderboard_store_replicas", "Replicas that follow it", False, lambda one: one.replicas),
    ("leaderboard_store_disk_failing", "Whether its last write to disk failed", False, lambda one: one.disk_fails),
    ("leaderboard_store_commands", "Commands that the store carried out", True, lambda one: one.commands),
    ("leaderboard_store_evicted_keys", "Keys that it threw away to have memory", True, lambda one: one.evicted),
)
_JOB_FIGURES: tuple[tuple[str, str, Callable[[JobHealth], float | None]], ...] = (
    ("leaderboard_job_last_success_timestamp_seconds", "When it last ended well; 0: never", _unix),
    ("leaderboard_job_last_duration_seconds", "What its last run took", lambda one: one.seconds),
    ("leaderboard_job_failures_since_success", "Runs that failed since one ended well", lambda one: one.failures),
)


class Vitals:
    """Asks both stores, each in a thread of its own: one that hangs is told of as away, beside the other."""

    def __init__(self, services: Services) -> None:
        jobs = JobRuns(services.database)
        self._store = _Question("store", services.store.ping, lambda: figures.read(services.store))
        self._database = _Question("database", services.database.ping, jobs.health)

    def metrics(self) -> "list[Metric]":
        """All that is known after at most a second."""
        self._store.ask()
        self._database.ask()
        deadline = time.monotonic() + _PATIENCE_SECONDS
        store, nodes = self._store.answer(deadline)
        database, jobs = self._database.answer(deadline)
        about = {"version": __version__, "python": platform.python_version()}
        build = _gauge("leaderboard_build_info", "The release that runs", list(about))
        build.add_metric(list(about.values()), 1)
        return [build, *store, *database, *_of_nodes(nodes or ()), *_of_jobs(jobs or ())]


class _Question:
    """Whether one of them answers, how soon, and what it says."""

    def __init__(self, name: str, ping: Callable[[], None], read: Callable[[], Any]) -> None:
        self._name = name
        self._ping = ping
        self._read = read
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"vitals-{name}")
        self._guard = threading.Lock()
        self._coming: Future[tuple[float, Any]] | None = None

    def ask(self) -> None:
        """Asks, unless the last question is still open."""
        with self._guard:
            if self._coming is None or self._coming.done():
                self._coming = self._thread.submit(self._look)

    def answer(self, deadline: float) -> "tuple[list[Metric], Any]":
        """Whether it is up and how long it took to say so, and what it says, if it does so in time."""
        coming = self._coming
        assert coming is not None  # noqa: S101 - it was asked
        up = _gauge(f"leaderboard_{self._name}_up", f"Whether the {self._name} answers this worker")
        try:
            seconds, said = coming.result(max(0.0, deadline - time.monotonic()))
        except (Unavailable, NotYet):
            up.add_metric([], 0)
            return [up], None
        up.add_metric([], 1)
        took = _gauge(f"leaderboard_{self._name}_ping_seconds", f"How long the {self._name} took to answer")
        took.add_metric([], seconds)
        return [up, took], said

    def _look(self) -> tuple[float, Any]:
        began = time.perf_counter()
        self._ping()
        return time.perf_counter() - began, self._read()


def _of_nodes(nodes: Iterable[NodeFigures]) -> "Iterable[Metric]":
    from prometheus_client.metrics_core import CounterMetricFamily  # noqa: PLC0415 - after the folder is known

    for name, text, counts, read in _STORE_FIGURES:
        found = CounterMetricFamily(name, text, labels=["node"]) if counts else _gauge(name, text, ["node"])
        for node in nodes:
            value = read(node)
            if value is not None:
                found.add_metric([node.node], float(value))
        yield found


def _of_jobs(jobs: Iterable[JobHealth]) -> "Iterable[Metric]":
    for name, text, read in _JOB_FIGURES:
        found = _gauge(name, text, ["name"])  # `job` is what Prometheus calls those it asks
        for job in jobs:
            value = read(job)
            if value is not None:
                found.add_metric([job.job], value)
        yield found


def _gauge(name: str, text: str, labels: list[str] | None = None) -> Any:
    from prometheus_client.metrics_core import GaugeMetricFamily  # noqa: PLC0415 - after the folder is known

    return GaugeMetricFamily(name, text, labels=labels or [])
