"""When players did what, to the second: how it is written, where it is, how long it is kept.

Of each event that is a step of some funnel, the times of a day of the game lie in hashes, the shards; a player's shard
follows from their id. So a reader has all times of some players at once, and never those of all.

The times of a day are all kept until the same moment, which its first write sets. What comes later is not written, for
with new times alone the day would look whole; it is marked instead.

Memory on Valkey 9.1 (growth of used_memory by such days, ids of 14 bytes, one time each): 86 bytes a player with 100
players a day, 26 with 1,000, 21 with 10,000, 39 with 100,000, 45 with 1,000,000; a further time takes 3 bytes. A shard
of up to 512 players is one packed string, a larger one a table.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any, Final
from zlib import crc32

from leaderboard.stats.events import Event
from leaderboard.stats.funnels.paths import Shard
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, translated
from leaderboard.store.scripts import Call
from leaderboard.store.stat_keys import FunnelKeys

SHARDS: Final = 128  # of a (name, day)
MOST_EVENTS: Final = 1000  # one script call takes at most so many: bounds how long the store is busy with it
AFTER_END: Final = timedelta(days=65)  # after a day's end, its times are kept: the longest window, and 35 days
AFTER_FIRST: Final = timedelta(days=35)  # after the first of them came
# That keys outlive their times: no reader finds a day half gone; and a request that comes again counts as of its first
# time, up to a day ago.
SPARE: Final = timedelta(days=2)
DAYS_KEPT: Final = timedelta(days=500)  # what is known of days, after the last write
_SECOND: Final = timedelta(seconds=1)
_LONGEST_FIELD = 64  # bytes; a hash with a longer one is no packed string any more
_KEYS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class KeptDay:
    """What is known of the times of a (name, day): until when they are kept, and when they were last written.

    Both are Unix seconds. `version` grows with every change. `late`: some came when the others were gone.
    """

    until: int
    version: int
    written: int
    late: bool

    @classmethod
    def parse(cls, text: bytes | str) -> "KeptDay":
        """As the store has it."""
        until, version, written, late = map(int, text.split())
        return cls(until, version, written, bool(late))


@dataclass(slots=True)
class _Day:
    """New times of a day: shard -> player -> seconds."""

    period: PeriodLike
    shards: dict[int, dict[str, set[int]]] = field(default_factory=dict)


def field_of(player: str) -> str:
    """What a player is called in a shard: by their id, unless it is long."""
    name = player.encode()
    if len(name) <= _LONGEST_FIELD:
        return player
    return "\x7f" + blake2b(name, digest_size=16).hexdigest()  # no id has that character


def shard_of(field: str, shards: int) -> int:
    """The shard of a player."""
    return crc32(field.encode()) % shards


def record_calls(
    keys: FunnelKeys,
    events: Sequence[Event],
    shards: int,
    now: datetime,
    calendar: CalendarLike,
    pack: Callable[[Any], bytes],
) -> Iterator[Call]:
    """What keeps the times of events of one name, all of them with players. Raises what the calendar raises."""
    for some in batched(events, MOST_EVENTS):
        spelled, days = [keys.days], []
        for day in _by_day(some, shards, calendar):
            written = []
            for number, players in day.shards.items():
                spelled.append(keys.shard(day.period.id, number))
                written.append([len(spelled), [[player, sorted(times)] for player, times in players.items()]])
            until = max(span(day.period)[1] + AFTER_END, now + AFTER_FIRST)
            days.append([day.period.id, seconds(until), written])
        message = [seconds(now), seconds(now + DAYS_KEPT), SPARE // _SECOND, days]
        yield Call("funnel_record", spelled, [pack(message)])


def read_days(store: Store, game: str, wanted: Mapping[str, Sequence[str]]) -> dict[tuple[str, str], KeptDay]:
    """What is known of (name, day id)s; without those that never had times. Raises StoreUnavailable."""
    with translated():
        pipeline = store.client.pipeline(transaction=False)
        for name, ids in wanted.items():
            pipeline.hmget(FunnelKeys(game, name).days, list(ids))
        answers = pipeline.execute()
    return {
        (name, day_id): KeptDay.parse(text)
        for (name, ids), row in zip(wanted.items(), answers, strict=True)
        for day_id, text in zip(ids, row, strict=True)
        if text
    }


def read_shards(store: Store, game: str, wanted: Sequence[tuple[str, str]], shards: int) -> Iterator[Shard]:
    """The times of (name, day id)s, some players at a time, all times of a player together. Raises StoreUnavailable."""
    for numbers in batched(range(shards if wanted else 0), max(1, _KEYS_AT_ONCE // max(1, len(wanted)))):
        with translated():
            pipeline = store.client.pipeline(transaction=False)
            for number in numbers:
                for name, day_id in wanted:
                    pipeline.hgetall(FunnelKeys(game, name).shard(day_id, number))
            answers = iter(pipeline.execute())
        for _ in numbers:
            yield {name: next(answers) for name in wanted}


def _by_day(events: Sequence[Event], count: int, calendar: CalendarLike) -> list[_Day]:
    days: dict[str, _Day] = {}
    for event in events:
        period = calendar.containing("day", event.at)
        player = field_of(event.player or "")
        shards = days.setdefault(period.id, _Day(period)).shards
        players = shards.setdefault(shard_of(player, count), {})
        players.setdefault(player, set()).add((event.at - span(period)[0]) // _SECOND)
    return list(days.values())


def live_until(pipeline: Any, key: str, at: datetime) -> None:
    """Lets a key live until then at least."""
    pipeline.expireat(key, seconds(at), nx=True)
    pipeline.expireat(key, seconds(at), gt=True)


def seconds(at: datetime) -> int:
    """Unix seconds."""
    return int(at.timestamp())
