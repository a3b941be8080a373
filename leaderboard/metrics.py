"""What Prometheus is told. In gunicorn every worker counts into a file of its own, and `/metrics` adds them up.

The folder of these files is in the environment before this module is first imported (`serving/options.py`): that is how
prometheus_client knows that there are several processes. What is counted very often is counted in plain integers, and
brought here once a second. docs/monitoring/README.md has the table of all of it.
"""

import atexit
import os
import shutil
import tempfile
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge, Histogram
    from prometheus_client.metrics_core import Metric

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
SEEN: Final = "leaderboard.seen"  # where a request carries its `Seen`
GONE: Final = 499  # the status of a request whose client went away before its answer
NO_ROUTE: Final = "(none)"
# Upper bounds in seconds. The short way takes a fraction of a millisecond, and nobody waits for longer than 5 s.
BOUNDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIGN_INS: Final = ("password", "link", "failed", "limited")
_METHODS: Final = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
_STREAM: Final = "/stream"  # how routes end whose answers last as long as somebody listens


def prepare_processes() -> None:
    """To be called in the process that the workers are forked from, before any of them counts."""
    if FOLDER in os.environ:
        return
    folder, owner = tempfile.mkdtemp(prefix="leaderboard-metrics-"), os.getpid()
    os.environ[FOLDER] = folder

    def remove() -> None:
        if os.getpid() == owner:  # workers end here too
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)


def forget_process(pid: int) -> None:
    """A worker has ended: what it counted stays, what it showed does not."""
    if FOLDER in os.environ:
        from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415

        mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Seen:
    """One request, as far as it is to be told of; whoever finds out more of it fills it in."""

    __slots__ = ("game", "method", "route", "span", "status")

    def __init__(self, method: str) -> None:
        self.method = method if method in _METHODS else "other"  # a client may send any word
        self.route = NO_ROUTE
        self.status = GONE
        self.game = ""
        self.span: Any = None  # see `tracing.py`


class Requests:
    """Requests of one worker since they were last taken, with their durations. For its event loop alone."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, int], list[float]] = {}

    def note(self, seen: Seen, seconds: float) -> None:
        """Counts one request that is over."""
        key = seen.method, seen.route, seen.status
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = [0] * (len(BOUNDS) + 2)  # one for each bound, one above them, and their sum
        row[bisect_left(BOUNDS, seconds)] += 1
        row[-1] += seconds

    def take(self) -> dict[tuple[str, str, int], list[float]]:
        """By method, route and status: how many took up to each of `BOUNDS` and longer; last the seconds of all."""
        taken, self._rows = self._rows, {}
        return taken


@cache
def _counters() -> "dict[str, Counter]":
    from prometheus_client import Counter  # noqa: PLC0415 - after the folder is known

    return {
        "top_reads": Counter("leaderboard_top_reads", "Reads of tops, by where the answer came from", ["source"]),
        "top_age": Counter("leaderboard_top_age_seconds", "Age of all tops that were served from memory"),
        "shared_reads": Counter("leaderboard_shared_reads", "Expensive reads, by what became of them", ["outcome"]),
        "building": Counter("leaderboard_shared_building_seconds", "Time that went into making expensive reads"),
        "limit_refusals": Counter("leaderboard_limit_refusals", "What was refused, by limit", ["limit"]),
        "limit_asks": Counter("leaderboard_limit_asks", "Calls of the store for limits"),
        "limit_alone": Counter("leaderboard_limit_alone", "Decisions on limits without the store"),
        "ways": Counter("leaderboard_requests", "Requests, by the way they went", ["way"]),
        "jobs": Counter("leaderboard_combined_requests", "Requests that shared round trips", ["kind"]),
        "batches": Counter("leaderboard_combined_batches", "The round trips they shared", ["kind"]),
        "http": Counter("leaderboard_http_requests", "Requests, by what they asked", ["method", "route", "status"]),
        "refusals": Counter("leaderboard_queue_refusals", "Requests that were not taken up", ["reason"]),
        "streams_begun": Counter("leaderboard_streams", "Streams of events that were begun"),
        "streams_told": Counter("leaderboard_stream_updates", "Updates sent, one for each listener"),
        "sign_ins": Counter("leaderboard_sign_ins", "Attempts to sign in to the dashboard", ["outcome"]),
    }


@cache
def _gauges() -> "dict[str, Gauge]":
    from prometheus_client import Gauge  # noqa: PLC0415 - after the folder is known

    def gauge(name: str, text: str, mode: Any = "livesum") -> "Gauge":
        return Gauge(name, text, multiprocess_mode=mode)

    return {
        "workers": gauge("leaderboard_workers", "Web processes that serve"),
        "waiting": gauge("leaderboard_requests_waiting", "Requests that wait for a thread"),
        "streams": gauge("leaderboard_stream_listeners", "Who listens to changes of boards now"),
        "lag": gauge("leaderboard_event_loop_lag_seconds", "How late the slowest event loop was last", "livemax"),
    }


@cache
def _durations() -> "Histogram":
    from prometheus_client import Histogram  # noqa: PLC0415 - after the folder is known

    name, text = "leaderboard_http_request_duration_seconds", "From a request to the end of its answer"
    return Histogram(name, text, ["method", "route"], buckets=BOUNDS)


def count_sign_in(outcome: str) -> None:
    """Counts an attempt to sign in; its outcome is one of `SIGN_INS`."""
    _counters()["sign_ins"].labels(outcome).inc()


class Meters:
    """Brings the totals of one worker to the counters."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}
        for outcome in SIGN_INS:  # a rate of what is not there yet is nothing, rather than 0
            _counters()["sign_ins"].labels(outcome)

    def bring(self, figures: Mapping[tuple[str, str], float]) -> None:
        """Takes in totals since the worker began: (counter, label or '') -> total."""
        for key, total in figures.items():
            name, label = key
            counter = _counters()[name].labels(label) if label else _counters()[name]
            counter.inc(total - self._seen.get(key, 0))
            self._seen[key] = total

    def bring_requests(self, requests: Requests) -> None:
        """Takes in what has been counted there, and empties it."""
        for (method, route, status), (*buckets, seconds) in requests.take().items():
            _counters()["http"].labels(method, route, str(status)).inc(sum(buckets))
            if route.endswith(_STREAM):
                continue
            # To observe them one by one would take a core's half at full load, and there is no public way for many.
            durations = _durations().labels(method, route)
            durations._sum.inc(seconds)  # noqa: SLF001
            for bucket, count in zip(durations._buckets, buckets, strict=True):  # noqa: SLF001
                if count:
                    bucket.inc(count)

    def show(self, name: str, value: float) -> None:
        """How something is now in this worker; `/metrics` has the sum of all, or the worst of them."""
        _gauges()[name].set(value)


def exposition(found: "Iterable[Metric]" = ()) -> tuple[bytes, str]:
    """All of it as text, and its media type; `found` is what was looked up for this answer."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = REGISTRY
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    also = CollectorRegistry()
    also.register(_Found(list(found)))
    return generate_latest(registry) + generate_latest(also), CONTENT_TYPE_LATEST


class _Found:
    """Metrics as prometheus_client collects them."""

    def __init__(self, metrics: "list[Metric]") -> None:
        self._metrics = metrics

    def collect(self) -> "list[Metric]":
        return self._metrics
