"""What a second pair of eyes looked for: lost or repeated events, wrong rows, leaks, and who sees what they may not."""

import asyncio
import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import EnvironBuilder

from leaderboard.errors import BoardsChanged
from leaderboard.live import topics, tracks, wakeups
from leaderboard.live.feed import Question, look
from leaderboard.live.following import Live
from leaderboard.live.hub import Hub
from leaderboard.live.listeners import Subscription
from leaderboard.live.topics import Sources
from leaderboard.live.wakeups import Wakeups
from leaderboard.serving import intake
from leaderboard.store.steps import finish
from tests.conftest import START, Service
from tests.front import scope_of
from tests.live.reading import Screen
from tests.live.taps import SECONDS, Tap, _by_gateway, tapped
from tests.live.test_following import Follower, World

STREAM = "/boards/b/stream"


def subscription(service: Service, **more: Any) -> Subscription:
    asked = Subscription(service.game, "b", "all", 10, None, None, "somebody", lambda: True)
    return replace(asked, **more)


# Rows.


def test_who_joins_while_a_look_is_under_way_gets_all_their_rows(service: Service) -> None:
    """The answer that is on its way was asked for with fewer rows than they want."""
    service.put_board()
    service.submit("a", 1)
    world = World(service, "all")
    one, all_of_it = Follower(1, None), Follower(20, None)
    one.connect(world.track, "all")
    world.look()
    now, period = START, world.board.calendar.ago("all", START, 0)
    question = world.track.question(world.board, period)
    all_of_it.connect(world.track, "all")  # the board has one player, so all there is is known
    for n in range(9):
        service.submit(f"p{n}", 10 + n)
    world.track.bring(world.board, period, finish(service.services.store, look(world.board, question, now)), 1.0)
    world.look()
    world.check(all_of_it)


# The version says nothing of a store that lost its last writes.


@pytest.fixture
def lossy(service: Service) -> "Lossy":
    require_own_store(service)
    return Lossy(service)


def require_own_store(service: Service) -> None:
    """For what is done to a server as such."""
    if not str(service.services.settings.redis_url).startswith("unix:"):
        pytest.skip("one server of this run's own")


class Lossy:
    """Puts a board's keys back to what they were, as a replica that was behind, or a log without its last second."""

    def __init__(self, service: Service) -> None:
        self._client = service.services.store.client
        self._pattern = f"lb:{{{service.game}:b*}}:*"
        self._kept: dict[bytes, bytes] = {}

    def remember(self) -> None:
        self._kept = {key: self._client.dump(key) for key in self._client.scan_iter(self._pattern)}

    def lose(self) -> None:
        for key in self._client.scan_iter(self._pattern):
            self._client.delete(key)
        for key, data in self._kept.items():
            self._client.restore(key, 0, data)
        self._client.replicaof("127.0.0.1", 1)  # what takes over, or starts anew, has another history
        self._client.replicaof("NO", "ONE")


@pytest.mark.parametrize("more", [0, 1], ids=["the same version", "a later version"])
@pytest.mark.parametrize("how", ["stays", "comes back"])
def test_a_store_that_lost_its_last_writes(service: Service, lossy: "Lossy", how: str, more: int) -> None:
    service.put_board()
    service.submit("a", 1)
    world, follower = World(service, "all"), Follower(5, None)
    follower.connect(world.track, "all")
    world.look()
    lossy.remember()
    service.submit("lost", 9)
    world.look()
    world.check(follower)
    if how == "comes back":
        follower.break_off(world.track)
    lossy.lose()
    for n in range(1 + more):
        service.submit(f"new{n}", 5 + n)
    if how == "comes back":
        world = World(service, "all")
        follower.connect(world.track, "all")
    world.look()
    world.check(follower)


# Boards of every kind, with windows beside the periods, and scores of other times.

MORE_KINDS: list[dict[str, Any]] = [
    {"rolling": ["7d"], "periods": ["all", "month", "day"]},
    {"rolling": ["7d", "24h"], "operator": "sum", "ties": "dense", "periods": ["week", "day", "hour"]},
    {"rolling": ["7d"], "operator": "last", "partitions": 2},
    {"order": "asc", "max_entries": 5, "partitions": 2},
    {"partitions": 64, "ties": "first", "score": {"type": "integer", "min": 0, "max": 1000}},
    {"operator": "sum", "score": {"type": "number", "decimals": 2, "min": -500, "max": 500}},
    {"ties": "last", "order": "asc", "max_entries": 4, "score": {"type": "integer", "min": 0, "max": 1000}},
    {"subscore": {"min": 0, "max": 9}, "score": {"type": "integer", "min": 0, "max": 99}, "rolling": ["7d"]},
    {"ties": "dense", "max_entries": 5, "late_grace_seconds": 7200},
]
NAMES = [*(f"p{n}" for n in range(10)), "\u2028", "é" * 128, "z / z"]


def act(service: Service, chance: random.Random, definition: dict[str, Any], boards: tuple[str, ...]) -> None:
    """The same to some boards."""
    does, player, score = chance.random(), chance.choice(NAMES), chance.randrange(30)
    more: dict[str, Any] = {"subscore": chance.randrange(9)} if "subscore" in definition else {}
    if chance.random() < 0.2:
        more["metadata"] = {"n": score}
    hours = chance.choice([0, 0, 0, 1, 5, 30, 200])
    if does < 0.97 and hours:
        more["at"] = (service.clock.now() - timedelta(hours=hours)).isoformat()
    backfill = "true" if hours > 1 else "false"
    some = chance.sample(NAMES, 6) if does > 0.7 else [player]
    ranks = chance.choice(["all", "none"])
    for board in boards:
        if does < 0.9 and (len(some) > 1 or hours > 1):
            service.bulk(
                [{"board": board, "player": one, "score": score + n, **more} for n, one in enumerate(some)],
                backfill=backfill,
            )
        elif does < 0.9:
            reply = service.request(
                "POST",
                f"/v1/boards/{board}/scores",
                json={"player": player, "score": score, **more},
                query={"ranks": ranks},
            )
            assert reply.status in (200, 422), reply.body
        elif does < 0.97:
            service.request("DELETE", f"/v1/boards/{board}/players/{quote(player)}")
    if does >= 0.97:
        service.clock.advance(hours=7)


@pytest.mark.parametrize("kind", range(len(MORE_KINDS)))
def test_a_screen_is_the_board_and_the_board_as_if_nobody_looked(service: Service, kind: int) -> None:
    chance = random.Random(100 + kind)
    definition = {"periods": ["all", "day"], **MORE_KINDS[kind]}
    for name in ("b", "c"):  # nobody follows c
        service.put_board(name, **definition)
    period: Any = definition["periods"][-1]
    world = World(service, period)
    followers = [Follower(1, None), Follower(5, None), Follower(40, None), Follower(3, "p3"), Follower(4, NAMES[-2])]
    for turn in range(70):
        act(service, chance, definition, ("b", "c"))
        for follower in followers:
            if follower.listener is None:
                follower.connect(world.track, period)
            elif chance.random() < 0.2:
                follower.screen.read(follower.listener.take())
                follower.break_off(world.track)
        if chance.random() < 0.5:
            world.look()
            for follower in followers:
                if follower.listener is not None:
                    world.check(follower)
        if turn % 14 == 13:
            check_twins(service, definition)


FRESH = {"Cache-Control": "no-cache"}


def check_twins(service: Service, definition: dict[str, Any]) -> None:
    shown = [("period", name) for name in definition["periods"]]
    for what, name in shown + [("window", name) for name in definition.get("rolling", [])]:
        followed, alone = (
            service.get(f"/boards/{board}/top?{what}={name}&limit=50", headers=FRESH) for board in ("b", "c")
        )
        assert (followed["entries"], followed["total"]) == (alone["entries"], alone["total"]), (what, name)


# What is told, and what is not.


def test_nobody_overtakes_who_was_ahead(service: Service) -> None:
    """A dense rank falls when two who were level ahead part."""
    service.put_board(ties="dense")
    for player, score in (("a", 10), ("b", 10), ("p", 5)):
        service.submit(player, score)
    world, follower = World(service, "all"), Follower(5, "p")
    follower.connect(world.track, "all")
    world.look()
    service.submit("a", 20)
    world.look()
    world.check(follower)
    assert follower.screen.standing is not None
    assert follower.screen.standing["rank"] == 3
    assert follower.screen.overtaken == []


class Patient(Screen):
    """Takes a change twice, as it may come: the second time it changes nothing."""

    def _change(self, data: dict[str, Any]) -> None:
        for player in data["left"]:
            self.rows.pop(player, None)
        self.rows |= {
            row["player"]: {name: row[name] for name in row if name != "previous_rank"} for row in data["entries"]
        }
        self.total = data["total"]


@pytest.mark.parametrize("blocks", range(4))
def test_who_is_cut_off_amid_a_round_is_overtaken_once(service: Service, blocks: int) -> None:
    service.put_board()
    for player, score in (("a", 1), ("p", 5)):
        service.submit(player, score)
    world, follower = World(service, "all"), Follower(5, "p", Patient())
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)
    service.submit("a", 9)
    world.look()
    assert follower.listener is not None
    told = follower.listener.take().split(b"\n\n")
    follower.screen.read(b"".join(one + b"\n\n" for one in told[:blocks]))
    follower.break_off(world.track)
    follower.connect(world.track, "all")
    world.look()
    world.check(follower)
    assert [one["count"] for one in follower.screen.overtaken] == [1]


def test_who_comes_from_long_ago_takes_nothing_from_the_others(service: Service) -> None:
    """An id is whatever somebody sends."""
    service.put_board(periods=["all"])
    service.submit("a", 1)
    world, honest, hostile = World(service, "all"), Follower(5, None), Follower(5, None)
    honest.connect(world.track, "all")
    world.look()
    names = [f"{n:03}" * 40 for n in range(250)]
    for turn in range(60):
        if turn == 58:
            world.look()
            world.check(honest)
            honest.break_off(world.track)
        service.bulk([{"board": "b", "player": name, "score": turn} for name in names])
    service.submit("a", 1000)
    hostile.screen.last_id = without_versions(honest.screen.last_id) + "0"
    world = World(service, "all")
    for follower in (honest, hostile):
        follower.connect(world.track, "all")
    question = world.track.question(world.board, world.board.calendar.ago("all", START, 0))
    assert question.since == (0,)
    answer = finish(service.services.store, look(world.board, question, START))
    assert 3 <= sum(len(entries) for entries in answer._entries) < 60
    world.look()
    for follower in (honest, hostile):
        world.check(follower)
    assert honest.screen.seen == ["snapshot", "change", "change"]
    assert hostile.screen.seen == ["snapshot"]


def without_versions(last: str | None) -> str:
    assert last is not None
    return last.rpartition("~")[0] + "~"


HOSTILE = ["", "~~~", "9" * 18, "0.0", ".".join("1" * 64), ".".join("1" * 65), "١", "-1", "1e5", "1~1~nan", "1~1~-inf"]
HOSTILE += ["1~1~1e999", "1~000~1", "1~999999999999999999~1", "1~0~", "1~5~", "1~1~1~1", "999999999999999999~1~inf"]


@pytest.mark.parametrize("end", HOSTILE)
def test_hostile_ids_spoil_nothing(service: Service, end: str) -> None:
    service.put_board()
    for n in range(5):
        service.submit(f"p{n}", n)
    world, good, other = World(service, "all"), Follower(5, "p2"), Follower(3, "p2")
    good.connect(world.track, "all")
    world.look()
    world.check(good)
    base = "~".join(str(good.screen.last_id).split("~")[:-3]) + "~"
    other.screen.last_id = base + end
    other.connect(world.track, "all")
    service.submit("p1", 9)
    world.look()
    world.check(good)
    assert other.listener is not None
    other.screen.read(other.listener.take())
    assert other.screen.standing is not None
    assert other.screen.standing["rank"] == 4


def test_a_board_made_anew_is_told_anew(service: Service) -> None:
    service.put_board()
    service.submit("a", 1)
    world, follower = World(service, "all"), Follower(5, "a")
    follower.connect(world.track, "all")
    world.look()
    service.request("DELETE", "/v1/boards/b")
    service.put_board(partitions=2)
    service.submit("b", 2)
    world.look()
    world.check(follower)


def test_a_place_among_the_parts_of_a_board_that_is_another_by_then(service: Service) -> None:
    service.put_board(partitions=2)
    service.submit("a", 1)
    board = World(service, "all").board
    steps = look(board, Question("all", 5, None, ["a"]), START)
    asked = service.services.store.run_all(next(steps))
    steps.send(asked)
    with pytest.raises(BoardsChanged):
        steps.send([[b"another", 0, 0]] * 2)


# Submissions.


def test_a_store_that_lets_nobody_publish_takes_scores_once(service: Service) -> None:
    """Whoever's user may not use channels gets no wake-ups, and no half of a submission either."""
    client = service.services.store.client
    service.put_board(operator="sum")
    service.submit("a", 1)
    world, follower = World(service, "all"), Follower(5, None)
    follower.connect(world.track, "all")
    world.look()
    require_own_store(service)
    client.execute_command("ACL", "SETUSER", "default", "resetchannels", "-xadd", "-del")
    try:
        for _ in range(2):
            reply = service.request(
                "POST",
                "/v1/boards/b/scores",
                json={"player": "a", "score": 10},
                headers={"Idempotency-Key": "k"},
            )
            assert reply.status == 200, reply.body
    finally:
        client.execute_command("ACL", "SETUSER", "default", "allchannels", "+@all")
    world.look()
    world.check(follower)
    assert [row["score"] for row in follower.screen.entries] == [11]


def test_a_mark_of_a_clock_that_was_wrong_is_none(service: Service) -> None:
    service.put_board()
    service.submit("a", 1)
    world = World(service, "all")
    Follower(1, None).connect(world.track, "all")
    service.clock.advance(days=3650)
    world.look()
    service.clock.set(START)
    service.submit("a", 2)
    assert not service.services.store.client.exists(world.board.keys.feed)


# Many, and slow ones.


def test_many_who_come_back_at_once_are_told_what_was_worked_out_once(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board()
    service.submit("a", 1)
    here, one = World(service, "all"), Follower(5, None)
    one.connect(here.track, "all")
    here.look()
    here.check(one)
    for n in range(100):
        service.submit(f"p{n}", n)
    there = World(service, "all")
    crowd = [Follower(5, None, Screen(dict(one.screen.rows), last_id=one.screen.last_id)) for _ in range(1000)]
    for follower in crowd:
        follower.connect(there.track, "all")
    worked = []
    undo = tracks.unwound
    monkeypatch.setattr(tracks, "unwound", lambda *given: worked.append(given) or undo(*given))
    there.look()
    assert len(worked) == 1
    for follower in crowd[::250]:
        there.check(follower)
        assert follower.screen.seen == ["change"]


def test_a_thread_that_reads_slowly_has_no_more_waiting_than_others(service: Service) -> None:
    service.put_board()
    live = Live(Sources(service.services.store, service.services.registry, service.clock.now))
    pieces = iter(live.follow(subscription(service)))
    size = len(next(pieces))
    _, hub_ = live._running()
    loop = hub_._loop
    (listener,) = on(loop, lambda: [one for topic in hub_._topics.values() for one in topic.listeners])
    for _ in range(50):
        on(loop, lambda: listener.put([b":" + b" " * 50_000 + b"\n\n"], 0.0))
    on(loop, hub_.end)
    size += sum(map(len, pieces))
    assert size < 300_000
    live.close()


def on(loop: asyncio.AbstractEventLoop, action: Callable[[], Any]) -> Any:
    async def act() -> Any:
        return action()

    return asyncio.run_coroutine_threadsafe(act(), loop).result(SECONDS)


def test_a_server_that_closes_the_answer_ends_the_listening(service: Service) -> None:
    service.put_board()
    live = Live(Sources(service.services.store, service.services.registry, service.clock.now))
    answer = live.follow(subscription(service))
    pieces = iter(answer)
    assert next(pieces)
    _, hub_ = live._running()
    assert hub_.figures.listeners == 1
    answer.close()
    assert hub_.figures.listeners == 0
    live.close()


def test_closing_does_not_wait_for_who_reads(service: Service) -> None:
    service.put_board()
    live = Live(Sources(service.services.store, service.services.registry, service.clock.now))
    pieces = iter(live.follow(subscription(service)))
    assert next(pieces)
    live.close()
    began = time.monotonic()
    assert sum(map(len, pieces)) < 10_000  # whatever was on its way
    assert time.monotonic() - began < 2


def test_nothing_is_left_of_who_came_and_went(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_APART_SECONDS", 0.01)
    for n in range(5):
        service.put_board(f"b{n}")

    async def come_and_go() -> Hub:
        loop = asyncio.get_running_loop()
        made = Hub(Sources(service.services.store, service.services.registry, service.clock.now), loop)
        chance, there = random.Random(1), []
        for _ in range(300):
            if there and chance.random() < 0.5:
                made.leave(there.pop(chance.randrange(len(there))))
            else:
                board = f"b{chance.randrange(6)}"  # one of them is not there
                there.append(made.join(subscription(service, board=board, limit=chance.randrange(1, 9)), list))
            if chance.random() < 0.2:
                await asyncio.sleep(0.001)
        for one in there:
            made.leave(one)
        async with asyncio.timeout(SECONDS):
            while made._topics or made._tasks or made._wakeups._wanted:
                await asyncio.sleep(0.01)
        await made.close()
        return made

    made = asyncio.run(come_and_go())
    assert made.figures.listeners == 0


# Farewells.


def by_gateway(service: Service, path: str, tap: Tap) -> Any:
    headers = {"Authorization": f"Bearer {service.keys['server']}"}
    return _by_gateway(service, EnvironBuilder(path=path, headers=headers), tap)


def test_who_reads_slowly_hears_that_the_board_is_gone(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The farewell comes while what was before is still being sent."""
    monkeypatch.setattr(topics, "_LOOK_SECONDS", 0.05)
    service.put_board()
    tap = Tap(Screen())

    def read(data: bytes) -> None:
        tap.screen.read(data)
        if b"event: snapshot" in data:
            listener = next(
                one
                for topic in service.front.gateway._hub._topics.values()
                for one in topic.listeners
                if one.subscription.game == service.game
            )
            listener.put([b": more\n\n"], 0.0)  # all of this happens while the snapshot is on its way
            listener.end(b'event: gone\ndata: {"reason":"unknown_board"}\n\n')

    monkeypatch.setattr(tap, "read", read)
    with by_gateway(service, "/v1" + STREAM, tap):
        tap.until(lambda: tap.is_over)
    assert tap.screen.is_gone


# Who may see what.


def test_a_board_that_became_private_is_not_shown_by_a_process_that_did_not_know(service: Service) -> None:
    service.put_board(public=True)
    service.submit("a", 1)
    known = service.services.registry.get(service.game, "b")
    service.put_board(public=False)
    service.submit("secret", 9)
    tap = Tap(Screen())
    service.services.registry._cached[service.game, "b"] = known
    with by_gateway(service, f"/b/{service.game}/b/stream", tap):
        tap.until(lambda: tap.is_over or tap.screen.rows)
    assert not tap.screen.rows


def test_a_board_that_becomes_private_is_shown_to_the_public_no_more(service: Service) -> None:
    """Those who listen, and who joins with what the process knew, hear nothing of it as it is now."""
    service.put_board(public=True)
    service.submit("a", 1)
    known = service.services.registry.get(service.game, "b")
    tap = Tap(Screen())
    with tapped(service, "gateway", STREAM) as inside, by_gateway(service, f"/b/{service.game}/b/stream", tap):
        inside.until_score("a", 1)
        tap.until(lambda: "a" in tap.screen.rows)
        service.put_board(public=False)
        service.submit("secret", 9)
        inside.until_score("secret", 9)
        tap.until(lambda: tap.is_over)
        assert "secret" not in tap.screen.rows
        late = Tap(Screen())
        service.services.registry._cached[service.game, "b"] = known
        with by_gateway(service, f"/b/{service.game}/b/stream", late):
            late.until(lambda: late.is_over or late.screen.rows)
        assert not late.screen.rows


@pytest.mark.usefixtures("quick_rounds")
@pytest.mark.parametrize("trouble", ["raises", "hangs"])
def test_one_whose_rights_nobody_can_tell_keeps_nobody_from_anything(service: Service, trouble: str) -> None:
    service.put_board()
    is_over = threading.Event()

    def is_allowed() -> bool:
        if trouble == "hangs":
            is_over.wait(SECONDS)
            return True
        raise ValueError("something nobody thought of")

    sent: list[bytes] = []

    async def follow() -> None:
        loop = asyncio.get_running_loop()
        made = Hub(Sources(service.services.store, service.services.registry, service.clock.now), loop)
        beaten = asyncio.Event()

        def beat() -> None:
            sent.append(other.take())
            if b": \n" in sent[-1]:
                beaten.set()

        made.join(subscription(service, who="strange", is_allowed=is_allowed), list)
        refused = made.join(subscription(service, who="refused", is_allowed=lambda: False), list)
        other = made.join(subscription(service, who="other"), lambda: loop.call_soon(beat) and None)
        try:
            async with asyncio.timeout(SECONDS):
                await beaten.wait()
                while trouble == "raises" and b"not_allowed" not in refused.take():
                    await asyncio.sleep(0.01)
        finally:
            is_over.set()
            await made.close()

    asyncio.run(follow())


def test_wakeups_outlive_what_nobody_thought_of(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wakeups, "_PAUSE_SECONDS", 0.01)
    heard, calls = threading.Event(), []

    def woken(channel: str) -> None:
        calls.append(channel)
        if len(calls) == 1:
            raise ValueError("something nobody thought of")
        heard.set()

    made = Wakeups(service.services.store, woken)
    made.follow("lb:{g:b}:feed")
    assert heard.wait(SECONDS)
    assert made._thread is not None
    made.close()
    made._thread.join(SECONDS)


# The receive of a body in pieces is in a hurry (serving/intake.py); a stream that was asked for with one is not.
def test_a_stream_that_is_asked_for_with_a_body_goes_on(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "_REST_SECONDS", 0.2)
    service.put_board()
    environ = EnvironBuilder(
        path="/v1" + STREAM, headers={"Authorization": f"Bearer {service.keys['server']}"}
    ).get_environ()
    seen = Screen()

    async def ask() -> bool:
        pieces = [b"{", b"}"]
        going = asyncio.get_running_loop().create_future()

        async def receive() -> Any:
            if not pieces:
                await going
                return {"type": "http.disconnect"}
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                seen.read(message["body"])

        running = asyncio.ensure_future(service.front.gateway(scope_of(environ), receive, send))
        done, _ = await asyncio.wait([running], timeout=1)
        going.set_result(None)
        await running
        return not done

    assert asyncio.run_coroutine_threadsafe(ask(), service.front._loop).result(SECONDS)
    assert seen.seen == ["snapshot"]
