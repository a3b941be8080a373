"""Whoever follows a board sees what the board is: over random operations, and though their connection breaks."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PeriodName
from leaderboard.boards.views import View
from leaderboard.errors import UnknownPlayer
from leaderboard.live.events import EventId
from leaderboard.live.feed import look
from leaderboard.live.listeners import Listener, Subscription
from leaderboard.live.tracks import Track
from leaderboard.store.steps import finish
from tests.conftest import Service
from tests.live.reading import Screen

KINDS: list[dict[str, Any]] = [
    {},
    {"order": "asc", "operator": "last"},
    {"operator": "sum", "ties": "dense"},
    {"ties": "first", "score": {"type": "integer", "min": 0, "max": 1000}},
    {"max_entries": 6},
    {"operator": "sum", "partitions": 3},
    {"max_entries": 6, "partitions": 4},
    {"ties": "last", "score": {"type": "integer", "min": 0, "max": 1000}, "partitions": 3},
    {"subscore": {"min": 0, "max": 9}, "score": {"type": "integer", "min": -100, "max": 100}},
]
PLAYERS = [f"p{n}" for n in range(14)] + ["Łódź / 1"]


@dataclass(eq=False)
class Follower:
    """Somebody with a screen, who comes back where they were when their connection breaks."""

    limit: int
    player: str | None
    screen: Screen = field(default_factory=Screen)
    listener: Listener | None = None

    def connect(self, track: Track, period: PeriodName) -> None:
        last = EventId.parse(self.screen.last_id)
        subscription = Subscription("", "", period, self.limit, self.player, last, "", lambda: True)
        self.listener = Listener(subscription, lambda: None)
        track.join(self.listener, 1.0)

    def break_off(self, track: Track) -> None:
        assert self.listener is not None
        track.leave(self.listener)
        self.listener = None
        self.screen.lost()


class World:
    """A board, and those who follow a period of it in one process."""

    def __init__(self, service: Service, period: PeriodName = "day") -> None:
        self.service = service
        self.period = period
        self.track = Track()

    @property
    def board(self) -> Board:
        return self.service.services.registry.fresh(self.service.game, "b")

    def look(self) -> None:
        now = self.service.clock.now()
        period = self.board.calendar.ago(self.period, now, 0)
        question = self.track.question(self.board, period)
        moment = finish(self.service.services.store, look(self.board, question, now))
        self.track.bring(self.board, period, moment, 1.0)

    def check(self, follower: Follower) -> None:
        """After a look the screen is the board."""
        assert follower.listener is not None
        screen = follower.screen
        screen.read(follower.listener.take())
        page = self.service.get(f"/boards/b/top?period={self.period}&limit={follower.limit}", headers=FRESH)
        assert screen.entries == page["entries"]
        assert screen.total == page["total"]
        if follower.player is not None:
            assert screen.standing is not None
            assert (screen.standing["rank"], screen.standing["score"]) == self._standing(follower.player)

    def _standing(self, player: str) -> tuple[int | None, Any]:
        board = self.board
        view = View(board, board.calendar.ago(self.period, self.service.clock.now(), 0), self.service.clock.now())
        try:
            entry = self.service.services.rankings.player(view, player).entry
        except UnknownPlayer:
            return None, None
        return entry.rank, entry.score


FRESH = {"Cache-Control": "no-cache"}


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_a_screen_is_the_board(service: Service, kind: int) -> None:
    chance = random.Random(kind)
    definition = {"periods": ["all", "day"], **KINDS[kind]}
    service.put_board(**definition)
    world = World(service)
    followers = [Follower(1, None), Follower(4, None), Follower(20, None), Follower(3, "p3"), Follower(4, "p7")]
    for _ in range(60):
        act(service, chance, definition)
        for follower in followers:
            if follower.listener is None:
                follower.connect(world.track, "day")
            elif chance.random() < 0.2:
                follower.screen.read(follower.listener.take())
                follower.break_off(world.track)
        if chance.random() < 0.5:
            world.look()
            for follower in followers:
                if follower.listener is not None:
                    world.check(follower)
    seen = {name for follower in followers for name in follower.screen.seen}
    assert seen >= {"snapshot", "change", "standing", "overtaken"}


def act(service: Service, chance: random.Random, definition: dict[str, Any]) -> None:
    """Something that changes the board."""
    does = chance.random()
    player = chance.choice(PLAYERS)
    more = {"subscore": chance.randrange(9)} if "subscore" in definition else {}
    if does < 0.75:
        service.submit(player, chance.randrange(20), **more, query={"ranks": chance.choice(["all", "none"])})
    elif does < 0.9:
        some = chance.sample(PLAYERS, 5)
        service.bulk([{"board": "b", "player": one, "score": chance.randrange(30), **more} for one in some])
    elif does < 0.97:
        service.request("DELETE", f"/v1/boards/b/players/{player}")
    else:
        service.clock.advance(hours=30)


def test_who_comes_back_is_told_what_they_missed_and_no_more(service: Service) -> None:
    """By another process, which never saw what they saw."""
    service.put_board(operator="sum")
    for n in range(8):
        service.submit(f"p{n}", 100 - n)
    here = World(service, "all")
    follower = Follower(5, "p4")
    follower.connect(here.track, "all")
    here.look()
    here.check(follower)
    follower.break_off(here.track)
    seen = len(follower.screen.seen)
    service.submit("p7", 5)  # 98: past p4, and level with p2
    service.submit("new", 99)
    service.submit("p0", 1)
    there = World(service, "all")
    follower.connect(there.track, "all")
    there.look()
    there.check(follower)
    assert follower.screen.seen[seen:] == ["change", "standing", "overtaken"]
    (told,) = follower.screen.overtaken
    assert (told["previous_rank"], told["rank"], told["count"]) == (5, 7, 2)
    assert [one["player"] for one in told["by"]] == ["new", "p7"]


@pytest.mark.parametrize("why", ["removal", "too long ago", "another definition", "nonsense", "another player"])
def test_who_cannot_be_told_what_they_missed_gets_all_of_it(service: Service, why: str) -> None:
    service.put_board()
    service.submit("a", 3)
    world = World(service, "all")
    follower = Follower(5, "a" if why == "another player" else None)
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)
    follower.break_off(world.track)
    service.submit("b", 4)
    if why == "removal":
        service.request("DELETE", "/v1/boards/b/players/a")
    elif why == "too long ago":
        service.clock.advance(minutes=3)
        service.submit("c", 9)
    elif why == "another definition":
        service.put_board(retention={"day": 3})
    elif why == "nonsense":
        follower.screen.last_id = "x~all~" + "9" * 30
    world = World(service, "all")
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)
    assert follower.screen.seen.count("snapshot") == (2 if why != "another player" else 1)


def test_nothing_is_noted_while_nobody_follows(service: Service) -> None:
    service.put_board()
    service.submit("a", 3)
    store, keys = service.services.store.client, World(service).board.keys
    assert not store.exists(keys.feed)
    world = World(service, "all")
    Follower(1, None).connect(world.track, "all")
    world.look()
    service.submit("b", 3)
    assert store.xlen(keys.feed) == 1
    assert 0 < store.ttl(keys.feed) <= 600
    service.clock.advance(minutes=2, seconds=1)
    service.submit("c", 3)
    assert store.xlen(keys.feed) == 1


def test_one_wake_up_for_each_who_waits(service: Service) -> None:
    service.put_board(partitions=3)
    store, board = service.services.store.client, World(service).board
    pubsub = store.pubsub(ignore_subscribe_messages=True)
    pubsub.subscribe(board.keys.feed)
    while not pubsub.subscribed or pubsub.get_message(timeout=0.05) is not None:
        pass

    def heard() -> int:
        return sum(pubsub.get_message(timeout=0.05) is not None for _ in range(6))

    for n in range(5):
        service.submit(f"p{n}", 3)
    assert heard() == 0
    world = World(service, "all")
    Follower(1, None).connect(world.track, "all")
    world.look()
    for n in range(9):
        service.submit(f"p{n}", 4)
    assert heard() == 3  # one a part
    pubsub.close()


def test_many_moves_at_once_are_not_told_one_by_one(service: Service) -> None:
    service.put_board()
    world, follower = World(service, "all"), Follower(3, "p200")
    service.submit("p200", 1)
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(1000)])
    world.look()
    world.check(follower)
    follower.break_off(world.track)
    service.bulk([{"board": "b", "player": f"p{n}", "score": 5000 - n} for n in range(1000)])
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)


def test_a_slow_reader_is_told_everything_once_they_read(service: Service) -> None:
    service.put_board(operator="last")
    world, follower = World(service, "all"), Follower(50, None)
    service.bulk([{"board": "b", "player": f"p{n}" * 20, "score": n} for n in range(50)])
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)
    for turn in range(60):
        service.bulk([{"board": "b", "player": f"p{n}" * 20, "score": n * (turn % 2 * 2 - 1)} for n in range(50)])
        world.look()
    assert follower.listener is not None
    waiting = follower.listener.take()
    assert len(waiting) <= 256 * 1024
    follower.screen.read(waiting)
    world.look()
    world.check(follower)
    assert follower.screen.seen.count("snapshot") >= 2
