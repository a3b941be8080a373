"""What the web processes of this machine count, as Prometheus is told it.

Where there is but one process, which tells nobody (a development server), it is asked for its own figures.
"""

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from leaderboard.metrics import FOLDER, exposition
from leaderboard.services import Services

_MOST_ROUTES: Final = 15
_REQUESTS: Final = "leaderboard_http_requests"
_DURATIONS: Final = "leaderboard_http_request_duration_seconds"
_SHARED: Final = "leaderboard_shared_reads"
_BUILDING: Final = "leaderboard_shared_building_seconds"
_REFUSED: Final = "leaderboard_limit_refusals"
_ASKED: Final = "leaderboard_limit_asks"
_ALONE: Final = "leaderboard_limit_alone"
_COUNTED: Final = {  # those that are shown, and their headings
    "leaderboard_requests": "Requests, by the way they went",
    "leaderboard_top_reads": "Reads of tops, by where the answer came from",
    "leaderboard_combined_requests": "Requests that shared round trips, by kind",
    "leaderboard_queue_refusals": "Requests that were not taken up, by reason",
    "leaderboard_sign_ins": "Attempts to sign in, by outcome",
}
_SHOWN: Final = {
    "leaderboard_workers": "Web processes",
    "leaderboard_requests_waiting": "Requests that wait for a thread",
    "leaderboard_stream_listeners": "Listeners to changes of boards",
    "leaderboard_event_loop_lag_seconds": "Lag of the slowest event loop, seconds",
}


@dataclass(frozen=True, slots=True)
class Counted:
    """A counter of all web processes: label -> count since the service began."""

    heading: str
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@dataclass
class Route:
    """What was asked for by a method and a route, since the service began."""

    name: str
    requests: int = 0
    failed: int = 0  # answered 500 or above
    refused: int = 0  # answered 400 to 499
    buckets: Counter[float] = field(default_factory=Counter)  # upper bound in seconds -> requests up to it

    def within(self, share: float) -> str:
        """Within which time so large a share of them was answered, as finely as that is counted; '' if it is not."""
        total = self.buckets.get(math.inf, 0)
        if not total:
            return ""
        bound = next(bound for bound, count in sorted(self.buckets.items()) if count >= share * total)
        return "longer" if bound == math.inf else f"{bound * 1000:g} ms"


@dataclass(frozen=True, slots=True)
class Kept:
    """What became of the expensive reads."""

    hits: int
    waits: int
    misses: int
    early: int
    stale: int
    building_seconds: float

    @property
    def asked(self) -> int:
        """Every question ends in one of these; one that waited too long was made besides."""
        return self.hits + self.misses + self.early + self.stale

    @property
    def hit_share(self) -> str:
        """The share that was there already."""
        return f"{100 * self.hits / self.asked:.1f} %" if self.asked else "nothing was asked for"


@dataclass(frozen=True, slots=True)
class Limited:
    """What was done about limits; `asked`: the store."""

    refusals: Mapping[str, int]
    asked: int
    alone: int


@dataclass(frozen=True, slots=True)
class Processes:
    """All that the web processes of this machine count since the service began; `routes`: those that are asked most.

    `kept` and `limited` are None where the processes do not add them up.
    """

    counters: Sequence[Counted]
    gauges: Sequence[tuple[str, float]]
    routes: Sequence[Route]
    kept: Kept | None = None
    limited: Limited | None = None


def kept(services: Services) -> Kept:
    """The cache of finished answers of this process alone, since it began."""
    figures = services.cache.figures
    return Kept(
        figures.hits, figures.waits, figures.misses, figures.early, figures.stale, figures.building_seconds
    )  # fmt: skip


def limited(services: Services) -> Limited:
    """The limits of this process alone, since it began."""
    figures = services.keeper.figures
    return Limited(dict(figures.refusals), figures.asked, figures.alone)


def processes() -> Processes:
    """What was never counted is left out."""
    families = {family.name: family for family in text_string_to_metric_families(exposition()[0].decode())}
    counters = [Counted(heading, _by_label(families[name])) for name, heading in _COUNTED.items() if name in families]
    gauges = [
        (heading, sum(sample.value for sample in families[name].samples))
        for name, heading in _SHOWN.items()
        if name in families
    ]
    routes = _routes(families[name] for name in (_REQUESTS, _DURATIONS) if name in families)
    counted = [one for one in counters if one.total]
    return Processes(counted, gauges, routes, _kept_by_all(families), _limited_by_all(families))


def _kept_by_all(families: Mapping[str, Metric]) -> Kept | None:
    if FOLDER not in os.environ or _SHARED not in families:
        return None
    found = Counter(_by_label(families[_SHARED]))
    return Kept(
        found["hits"], found["waits"], found["misses"], found["early"], found["stale"], _total(families, _BUILDING)
    )  # fmt: skip


def _limited_by_all(families: Mapping[str, Metric]) -> Limited | None:
    if FOLDER not in os.environ or _ASKED not in families:
        return None
    refusals = _by_label(families[_REFUSED]) if _REFUSED in families else {}
    return Limited(refusals, int(_total(families, _ASKED)), int(_total(families, _ALONE)))


def _total(families: Mapping[str, Metric], name: str) -> float:
    family = families.get(name)
    return sum(sample.value for sample in family.samples if sample.name == name + "_total") if family else 0.0


def _by_label(family: Metric) -> dict[str, int]:
    found: Counter[str] = Counter()
    for sample in family.samples:
        if sample.name == family.name + "_total":
            found[", ".join(sample.labels.values())] += int(sample.value)
    return dict(found)


def _routes(families: Iterable[Metric]) -> list[Route]:
    found: dict[str, Route] = {}
    for sample in (sample for family in families for sample in family.samples):
        name = " ".join(sample.labels.get(label, "") for label in ("method", "route"))
        route = found.setdefault(name, Route(name))
        if sample.name == _REQUESTS + "_total":
            status, count = sample.labels.get("status", ""), int(sample.value)
            route.requests += count
            route.failed += count if status.startswith("5") else 0
            route.refused += count if status.startswith("4") else 0
        elif sample.name == _DURATIONS + "_bucket":
            route.buckets[float(sample.labels["le"])] += int(sample.value)
    asked = [route for route in found.values() if route.requests]
    return sorted(asked, key=lambda route: (-route.requests, route.name))[:_MOST_ROUTES]
