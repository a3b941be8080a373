"""When players did what, to the second: how it is written, where it is, how long it is kept.

Every making of a funnel has times of its own, so that it knows what came since, and of each of its steps the same. Of
each step, the times of a day of the game lie in hashes, the shards; a player's shard follows from their id. So a reader
has all times of some players at once, and never those of all.

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
from itertools import count
from typing import Any, Final
from zlib import crc32

from leaderboard.stats.events import Event
from leaderboard.stats.funnels.paths import Shard
from leaderboard.stats.lifetimes import CalendarLike, PeriodLike, span
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, as_text, translated
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
    """What is known of the times of a (name, day).

    `until`: when they go, Unix seconds. `added` and `removed` grow whenever some are. `late`: some came when the others
    were gone.
    """

    until: int
    added: int
    removed: int
    late: bool

    @classmethod
    def parse(cls, text: bytes | str) -> "KeptDay":
        """As the store has it."""
        until, added, removed, late = map(int, text.split())
        return cls(until, added, removed, bool(late))

    @property
    def first_came(self) -> int:
        """When the first of them came at the latest, Unix seconds."""
        return self.until - AFTER_FIRST // _SECOND


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
    makings: Sequence[FunnelKeys],
    events: Sequence[Event],
    shards: int,
    now: datetime,
    calendar: CalendarLike,
    pack: Callable[[Any], bytes],
) -> Iterator[Call]:
    """What keeps the times of events of one name, all of them with players. Raises what the calendar raises."""
    for some in batched(events, MOST_EVENTS):
        days = _by_day(some, shards, calendar)
        numbers = count(2)
        rows, expires = [], now + DAYS_KEPT
        for day in days:
            until = max(span(day.period)[1] + AFTER_END, now + AFTER_FIRST)
            expires = max(expires, until + SPARE)
            players = [[[player, sorted(times)] for player, times in some.items()] for some in day.shards.values()]
            rows.append([day.period.id, seconds(until), [[next(numbers), row] for row in players]])
        message = pack([seconds(now), seconds(expires), SPARE // _SECOND, rows])
        for keys in makings:
            spelled = [keys.shard(day.period.id, number) for day in days for number in day.shards]
            yield Call("funnel_record", [keys.days, *spelled], [message])


def read_days(store: Store, wanted: Mapping[FunnelKeys, Sequence[str]]) -> dict[tuple[str, str], KeptDay]:
    """What is known of some days of a making, by name and id. Raises StoreUnavailable.

    Without days that never had times.
    """
    with translated():
        pipeline = store.client.pipeline(transaction=False)
        for keys, ids in wanted.items():
            pipeline.hmget(keys.days, list(ids))
        answers = pipeline.execute()
    return {
        (keys.name, day_id): KeptDay.parse(text)
        for (keys, ids), row in zip(wanted.items(), answers, strict=True)
        for day_id, text in zip(ids, row, strict=True)
        if text
    }


def days_with_times(store: Store, makings: Sequence[FunnelKeys]) -> list[list[str]]:
    """The ids of all days of each that ever had times. Raises StoreUnavailable."""
    found: list[list[str]] = []
    for some in batched(makings, _KEYS_AT_ONCE):
        with translated():
            pipeline = store.client.pipeline(transaction=False)
            for keys in some:
                pipeline.hkeys(keys.days)
            found += [sorted(map(as_text, ids)) for ids in pipeline.execute()]
    return found


def read_shards(store: Store, wanted: Sequence[tuple[FunnelKeys, str]], shards: int) -> Iterator[Shard]:
    """The times of some days, some players at a time, all times of a player together. Raises StoreUnavailable."""
    for numbers in batched(range(shards if wanted else 0), max(1, _KEYS_AT_ONCE // max(1, len(wanted)))):
        with translated():
            pipeline = store.client.pipeline(transaction=False)
            for number in numbers:
                for keys, day_id in wanted:
                    pipeline.hgetall(keys.shard(day_id, number))
            answers = iter(pipeline.execute())
        for _ in numbers:
            yield {(keys.name, day_id): next(answers) for keys, day_id in wanted}


def _by_day(events: Sequence[Event], shards: int, calendar: CalendarLike) -> list[_Day]:
    days: dict[str, _Day] = {}
    for event in events:
        period = calendar.containing("day", event.at)
        player = field_of(event.player or "")
        day = days.setdefault(period.id, _Day(period))
        players = day.shards.setdefault(shard_of(player, shards), {})
        players.setdefault(player, set()).add((event.at - span(period)[0]) // _SECOND)
    return list(days.values())


def live_until(pipeline: Any, key: str, at: datetime) -> None:
    """Lets a key live until then at least."""
    pipeline.expireat(key, seconds(at), nx=True)
    pipeline.expireat(key, seconds(at), gt=True)


def seconds(at: datetime) -> int:
    """Unix seconds."""
    return int(at.timestamp())
