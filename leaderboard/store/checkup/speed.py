"""How long the store takes to answer, what held it up, and whether its clock is ours."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from leaderboard.store.checkup.findings import Finding, fail, listed, ok, unknown, warn
from leaderboard.store.checkup.told import Told

_SLOW_P50_MS = 2.0
_SLOW_P99_MS = 25.0
_TOO_SLOW_MS = 250.0  # so long a lookup of a key waits
_EVENT_MS = 250.0
_SLOW_COMMAND_MS = 100.0
_LATELY_SECONDS = 86_400.0
_WRONG_CLOCK_MS = 1_000.0
_USELESS_CLOCK_MS = 60_000.0
_REMEDIES = {
    "fork": "Forks are slow on this machine: less memory a server (a Cluster), or a machine with faster forks.",
    "aof-fsync-always": "The disk is slow: a faster one, or appendfsync everysec with a replica.",
    "aof-write-pending-fsync": "The disk is slow: a faster one, that nobody else keeps busy.",
    "aof-write-active-child": "The disk is too busy during a rewrite: a faster one.",
    "expire-cycle": "Very many keys expire at once.",
    "eviction-cycle": "The store evicts: see 'eviction'.",
}


def speed(told: Told) -> Iterator[Finding]:
    """All of it."""
    yield _latency(told.round_trips_ms)
    yield _events(told)
    yield _slow_commands(told)
    yield _clock(told)


def percentile(sample: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of a sample does not exceed."""
    ordered = sorted(sample)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def _latency(sample: Sequence[float]) -> Finding:
    if not sample:
        return unknown("latency", "how long a round trip takes")
    p50, p99 = percentile(sample, 0.5), percentile(sample, 0.99)
    seen = f"{len(sample)} round trips: p50 {p50:.2g} ms, p99 {p99:.2g} ms"
    remedy = (
        "Bring service and store closer together; see which commands or forks hold it up, and what its machine does."
    )
    if p50 >= _TOO_SLOW_MS:
        return fail("latency", f"{seen}: requests give up before that", remedy)
    if p50 >= _SLOW_P50_MS or p99 >= _SLOW_P99_MS:
        return warn("latency", seen, remedy)
    return ok("latency", seen)


def _events(told: Told) -> Finding:
    if told.events is None:
        return unknown("latency-events", "what held the store up (LATENCY LATEST)")
    late = [event for event in told.events if event.age_seconds < _LATELY_SECONDS and event.last_ms >= _EVENT_MS]
    if late:
        seen = ", ".join(f"{event.name} {event.last_ms:.0f} ms (longest {event.longest_ms:.0f})" for event in late)
        hints = [_REMEDIES[event.name] for event in late if event.name in _REMEDIES]
        return warn("latency-events", seen, " ".join(hints) or "LATENCY DOCTOR says more; LATENCY RESET forgets them.")
    if told.setting("latency-monitor-threshold") == "0":
        return ok("latency-events", "not watched; CONFIG SET latency-monitor-threshold 50 would")
    return ok("latency-events", "nothing held the store up within a day")


def _slow_commands(told: Told) -> Finding:
    if told.slow is None:
        return unknown("slow-commands", "which commands took long (SLOWLOG)")
    late = [one for one in told.slow if one.age_seconds < _LATELY_SECONDS and one.ms >= _SLOW_COMMAND_MS]
    if late:
        times = Counter(one.command for one in late)
        names = [f"{name} ({count} times)" for name, count in times.most_common()]
        seen = f"{listed(names)} took up to {max(one.ms for one in late):.0f} ms, in which nobody was answered"
        remedy = "Of EVALSHA: lower LEADERBOARD_CHUNK_ITEMS, or give the store a core. Others: see who sends them "
        remedy += "(SLOWLOG GET), nothing here does; SLOWLOG RESET forgets them."
        return warn("slow-commands", seen, remedy)
    return ok("slow-commands", f"none of {_SLOW_COMMAND_MS:.0f} ms within a day")


def _clock(told: Told) -> Finding:
    ahead = told.clock_ahead_ms
    if ahead is None:
        return unknown("clock", "what time it is in the store")
    seen = f"the store's clock is {abs(ahead) / 1000:.3g} s {'ahead of' if ahead > 0 else 'behind'} this machine's"
    remedy = "Let all machines keep their clocks by NTP or chrony."
    if abs(ahead) >= _USELESS_CLOCK_MS:
        return fail("clock", seen, remedy)
    if abs(ahead) >= _WRONG_CLOCK_MS:
        return warn("clock", seen, remedy)
    return ok("clock", f"the store's clock and this machine's are {abs(ahead):.0f} ms apart")
