"""What Prometheus is told. In gunicorn every worker counts into a file of its own, and `/metrics` adds them up.

The folder of these files is in the environment before this module is first imported (`serving/options.py`): that is how
prometheus_client knows that there are several processes. What is counted very often is counted in plain integers, and
brought here once a second.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client import Counter

FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"


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
    }


class Meters:
    """Brings the totals of one worker to the counters."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], float] = {}

    def bring(self, figures: Mapping[tuple[str, str], float]) -> None:
        """Takes in totals since the worker began: (counter, label or '') -> total."""
        for key, total in figures.items():
            name, label = key
            counter = _counters()[name].labels(label) if label else _counters()[name]
            counter.inc(total - self._seen.get(key, 0))
            self._seen[key] = total


def exposition() -> tuple[bytes, str]:
    """All of it as text, and its media type."""
    from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest  # noqa: PLC0415
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    registry = REGISTRY
    if FOLDER in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
