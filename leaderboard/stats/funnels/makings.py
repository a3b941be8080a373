"""What a game's funnels have times under, and how it goes when no funnel has it any more."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from leaderboard.stats.funnels.times import DAYS_KEPT, days_with_times, live_until, seconds
from leaderboard.stats.pieces import batched
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.stat_keys import FUNNELS_UNUSED, FunnelKeys, funnel_makings

# Until the times of what no funnel has are removed: by then nobody records any, or is amidst a read of them.
UNUSED_KEPT: Final = timedelta(minutes=10)
_DAYS_AT_ONCE = 20  # that are removed: bounds how long the store is busy with it


class Makings:
    """Those of all games. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, shards: int) -> None:
        self._store = store
        self._shards = shards

    def renew(self, makings: list[FunnelKeys], now: datetime) -> None:
        """Notes those of a funnel, and lets what is known of them live on."""
        known = funnel_makings(makings[0].game)
        with translated():
            pipeline = self._store.client.pipeline(transaction=False)
            pipeline.sadd(known, *(keys.making for keys in makings))
            for key in (known, *(keys.days for keys in makings)):
                live_until(pipeline, key, now + DAYS_KEPT)
            pipeline.execute()

    def give_up(self, makings: list[FunnelKeys], now: datetime) -> None:
        """Says that no funnel has these any more."""
        members = {f"{keys.game} {keys.making}": seconds(now) for keys in makings}
        with translated():
            self._store.client.zadd(FUNNELS_UNUSED, members)

    def of_game(self, game: str) -> list[FunnelKeys]:
        """All of a game under which there may be times."""
        with translated():
            found = self._store.client.smembers(funnel_makings(game))
        return [FunnelKeys.of(game, making) for making in sorted(map(as_text, found))]

    def sweep(self, now: datetime, checkpoint: Callable[[], None]) -> None:
        """Removes what was given up. May be called by several at once, and break off anywhere.

        `checkpoint` is called between two pieces of work.
        """
        client, latest = self._store.client, seconds(now - UNUSED_KEPT)
        with translated():
            unused: Any = client.zrange(FUNNELS_UNUSED, "-inf", latest, byscore=True)
        for member in map(as_text, unused):
            game, _, making = member.partition(" ")
            self._remove(FunnelKeys.of(game, making), checkpoint)
            with translated():
                client.srem(funnel_makings(game), making)
                client.zrem(FUNNELS_UNUSED, member)

    def _remove(self, keys: FunnelKeys, checkpoint: Callable[[], None]) -> None:
        (days,) = days_with_times(self._store, [keys])
        for some in batched(days, _DAYS_AT_ONCE):
            checkpoint()
            with translated():
                pipeline = self._store.client.pipeline(transaction=True)  # no times without their day
                for day_id in some:
                    pipeline.unlink(*(keys.shard(day_id, number) for number in range(self._shards)))
                pipeline.hdel(keys.days, *some)
                pipeline.execute()
