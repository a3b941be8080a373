"""What is no rate: memory, the time of a start, and how latencies grow with the number of players."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchlib.cases import PERIODS
from benchlib.results import Figure, Row
from benchlib.stage import FEW, Stage
from benchlib.workloads import GROWING, growth_name
from benchlib.yardstick import Yardstick, settle, used_memory

_MOST_GROWTH = 1.5
_MOST_MEMORY = 1.05
_MOST_START_SECONDS = 3.0
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Probe:
    """Something that is measured before the workloads of a group, on a service that has just started."""

    name: str
    what: str
    run: Callable[[Stage, Yardstick, Callable[[], float]], Figure]  # the last: starts the service anew, in seconds


def memory(stage: Stage, yardstick: Yardstick, _again: Callable[[], float]) -> Figure:
    """Growth of used_memory with the load, against that of a bare sorted set; for each player and period."""
    before = used_memory(stage.store())
    _, players = stage.board("many")
    entries = players.count * len(PERIODS)
    bytes_each, bare = (used_memory(stage.store()) - before) / entries, yardstick.bare_bytes(players)
    note = f"{bytes_each:.1f} bytes a player and period, in a bare sorted set {bare:.1f}"
    return Figure("memory of a set", "of bare", [bytes_each / bare], _MOST_MEMORY, note=note)


def start(stage: Stage, _yardstick: Yardstick, again: Callable[[], float]) -> Figure:
    """Seconds from `leaderboard serve` to its line `Ready`, with many players in the store."""
    _, players = stage.board("many")
    settle(stage.store())
    size = int(stage.store().info("persistence")["aof_current_size"])
    values = [again() for _ in range(stage.options.rounds)]
    note = f"{players.count:,} players in {len(PERIODS)} periods, an append-only file of {size / _MIB:.0f} MiB"
    return Figure("start", "s", values, _MOST_START_SECONDS, is_time=True, note=note)


def growth(rows: Sequence[Row], count: int) -> list[Figure]:
    """How many times as long a p99 is with so many players as with few; round by round."""
    named, found = {row.name: row for row in rows}, []
    for kind in GROWING:
        few, many = (named.get(growth_name(kind, size)) for size in (FEW, count))
        if few is None or many is None:
            continue
        pairs = zip(few.service, many.service, strict=True)
        values = [large.p99_ms / small.p99_ms for small, large in pairs if small.p99_ms]
        note = f"p99 {few.p99.median:.2f} to {many.p99.median:.2f} ms, {FEW:,} to {count:,} players"
        found.append(Figure(f"growth of {kind}", "times", values, _MOST_GROWTH, note=note))
    return found


MEMORY = Probe("memory", "bytes a player and period in the store, against a bare sorted set", memory)
START = Probe("start", "seconds from `leaderboard serve` to `Ready` with many players in the store", start)
