"""What a board's keys hold, for those who change or remove boards: which periods there are, and getting rid of them."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.slots import closes
from leaderboard.store.connection import Store, as_text, translated
from leaderboard.store.keys import BoardKeys
from leaderboard.store.scripts import Call

_KEYS_AT_ONCE = 1000


class Contents:
    """The data of boards."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def members(self, keys: BoardKeys, name: str, offset: int = 0, count: int = -1) -> list[str]:
        """The periods of one name that have (or had) data, newest first, as `name:id`."""
        _, _, members = self._store.run("known", [keys.meta, keys.known], [name, offset, count])
        return [member.decode() for member in members]

    def relist(self, old: Board, new: Board) -> None:
        """Tells the scheduler of buckets that only rolling windows read so far, and the other way round."""
        for name in set(old.kept) & set(new.kept):
            if (name in old.periods) == (name in new.periods):
                continue
            for members in _batched(self.members(new.keys, name), _KEYS_AT_ONCE):
                ids = [_id_of(member) for member in members]
                with translated():
                    if name in new.periods:
                        closing = {period_id: closes(new, new.named(period_id)) for period_id in ids}
                        self._store.client.zadd(new.keys.open, closing)
                    else:
                        self._store.client.zrem(new.keys.open, *ids)
                        self._store.client.hdel(new.keys.closing, *ids)

    def adapt(self, old: Board, new: Board, now: datetime) -> None:
        """Gives the periods that are there what another retention or max_entries means for them."""
        keep = new.definition["max_entries"]
        if keep is not None and keep != old.definition["max_entries"]:
            # Sealed ones are as they were; of the others, a thousand entries a call.
            for period_id in [*self._store.run("due", [new.keys.open], ["+inf", -1]), b"all"]:
                asked = trim_call(new, period_id.decode())
                while self._store.run(asked.script, asked.keys, asked.args):
                    pass
        if old.definition["retention"] == new.definition["retention"]:
            return
        for name in new.kept:
            for members in _batched(self.members(new.keys, name), _KEYS_AT_ONCE):
                with translated():
                    pipeline = self._store.client.pipeline(transaction=False)
                    for period_id in map(_id_of, members):
                        expires = new.expires_at(new.calendar.parse(name, period_id), now)
                        for key in new.keys.triple(period_id) if expires is not None else ():
                            pipeline.expireat(key, expires or 0)
                    pipeline.execute()

    def clear(self, families: Sequence[BoardKeys]) -> None:
        """Removes all keys of a board, the definitions first, which fences writers out."""
        for keys in reversed(families):
            self.drop_windows(keys, "rev")
        self.remove_definitions(families)
        for keys in families:
            self.purge(keys, reversed(PERIOD_NAMES))  # the narrowest first, as in removal.py
            with translated():
                self._store.client.unlink(keys.known, keys.open, keys.closing, keys.loads, keys.held, keys.feed)

    def remove_definitions(self, families: Sequence[BoardKeys]) -> None:
        """Removes the copies of a board's definition, its own first."""
        for keys in reversed(families):
            with translated():
                self._store.client.delete(keys.meta)

    def drop_windows(self, keys: BoardKeys, fence: str = "windows") -> None:
        """Removes the rolling windows, behind the fence; they are built again as they are wanted."""
        with translated():
            live = as_text(self._store.client.hget(keys.meta, "windows") or "")
            self._store.client.hdel(keys.meta, "windows", fence)
            names = [key for member in live.split() for key in keys.triple("r" + member.rstrip("*"))]
            if names:
                self._store.client.unlink(*names)

    def has_scores(self, keys: BoardKeys) -> bool:
        """Whether any period has entries."""
        members = [member for name in PERIOD_NAMES for member in self.members(keys, name)]
        with translated():
            return any(
                self._store.client.exists(*(keys.standings(_id_of(member)) for member in some))
                for some in _batched(members, _KEYS_AT_ONCE)
            )

    def purge(self, keys: BoardKeys, names: Iterable[str]) -> None:
        """Removes all periods of these names."""
        for name in names:
            for members in _batched(self.members(keys, name), _KEYS_AT_ONCE):
                ids = [_id_of(member) for member in members]
                spelled = [
                    spell(period_id) for period_id in ids for spell in (keys.standings, keys.dense, keys.metadata)
                ]
                with translated():
                    self._store.client.unlink(*spelled)
                    self._store.client.zrem(keys.known, *members)
                    self._store.client.zrem(keys.open, *ids)
                    self._store.client.hdel(keys.closing, *ids)


def trim_call(board: Board, period_id: str) -> Call:
    """Cuts a thousand entries at most off a period that has more than max_entries; answers how many."""
    arguments = [board.definition["max_entries"], board.ties, _KEYS_AT_ONCE, period_id]
    return Call("trim", [*board.keys.triple(period_id), board.keys.closing], arguments)


def _id_of(member: str) -> str:
    return member.split(":", 1)[1]


def _batched(items: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
