"""Finished answers kept for all workers: which will do, who makes them, what is left when the store is away."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from leaderboard.errors import BoardsChanged, InvalidInput, StoreUnavailable
from leaderboard.store import cache as module
from leaderboard.store.cache import MOST_ANSWERS, MOST_BYTES, STALE_SECONDS, Asked, Cache, Finished
from leaderboard.store.keys import BoardKeys
from tests.conftest import Service
from tests.stats.drive import DyingStore

ODD = b'{"a":"\x00\n\xff \xc3\xa4 1 2 3 4"}\n'


@dataclass
class Stage:
    """A board, a time, and workers that remember answers about it."""

    service: Service
    at: float = 1000.0
    luck: float = 0.0  # 0: nothing is ever made ahead of time
    sleep: Callable[[float], None] = lambda _seconds: pytest.fail("nobody should wait")
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.service.put_board()
        self.service.submit("ada", 1)

    def _wait(self, seconds: float) -> None:
        self.sleep(seconds)  # as it is by then

    @property
    def keys(self) -> BoardKeys:
        return BoardKeys(self.service.game, "b")

    def worker(self, staleness_ms: int = 250, store: Any = None, **more: Any) -> Cache:
        hands: dict[str, Any] = {
            "seconds": lambda: self.at,
            "sleep": self._wait,
            "chance": lambda: self.luck,
            "now_ms": lambda: round(self.at * 1000),
        }
        return Cache(store or self.service.services.store, staleness_ms, **(hands | more))

    def asked(self, what: str = "q", *, fresh: bool = False, exact: bool = True) -> Asked:
        rev = self.service.services.registry.fresh(self.service.game, "b").rev
        return Asked(self.keys, rev, "all", None, what, fresh, exact)

    def ask(self, worker: Cache, text: str, *, body: bytes | None = None, takes: float = 0.0, **asked: Any) -> str:
        """The answer, which is `text` if it is made now."""

        def make() -> Finished:
            self.made.append(text)
            self.at += takes
            return Finished(body or text.encode(), ("rev", 7, text))

        found = worker.answer(self.asked(**asked), make)
        return found.body.decode()

    def write(self) -> None:
        self.service.submit(f"p{self.at}-{len(self.made)}", len(self.made))

    def lives(self) -> dict[str, int]:
        """Every key of kept answers -> its lifetime in milliseconds."""
        client = self.service.services.store.client
        prefix = f"cache:{{{self.service.game}:b}}:"
        return {key.decode().removeprefix(prefix): client.pttl(key) for key in client.scan_iter(prefix + "*")}


@pytest.fixture
def stage(service: Service) -> Stage:
    return Stage(service)


def test_an_answer_is_what_was_made(stage: Stage) -> None:
    made = Finished(ODD, ("rev", 2**52 + 1, "day", b"\x00\xff", None))
    asked = stage.asked()
    assert stage.worker().answer(asked, lambda: made) == made
    assert stage.worker().answer(asked, lambda: pytest.fail("made again")) == made
    assert stage.worker().answer(stage.asked("other"), lambda: Finished(b"{}", None)).etag_of is None


def test_with_the_boards_version_it_is_exact_however_old(stage: Stage) -> None:
    one, other = stage.worker(), stage.worker(0)
    assert stage.ask(one, "first") == "first"
    stage.at += 3000
    assert stage.ask(other, "?", fresh=True) == stage.ask(other, "?") == stage.ask(one, "?") == "first"
    stage.write()
    assert stage.ask(one, "second", fresh=True) == stage.ask(other, "?", fresh=True) == "second"
    assert (one.figures.hits, one.figures.misses, other.figures.hits) == (1, 2, 3)


def test_while_it_is_young_it_may_be_of_an_older_version(stage: Stage) -> None:
    one, strict = stage.worker(), stage.worker(0)
    stage.ask(one, "first")
    stage.write()
    stage.at += 0.249
    assert stage.ask(one, "?") == "first"
    stage.at += 0.001
    assert stage.ask(one, "second") == "second"
    stage.write()
    assert stage.ask(one, "?") == "second"
    assert stage.ask(strict, "third") == "third"
    stage.at -= 100  # another store with another clock: nobody knows how old it is
    stage.write()
    assert stage.ask(one, "fourth") == "fourth"


def test_it_is_never_taken_for_newer_than_it_is(stage: Stage) -> None:
    worker = stage.worker()

    def make() -> Finished:
        made = Finished(b"before", None)
        stage.write()
        return made

    worker.answer(stage.asked(), make)
    assert stage.ask(worker, "?") == "before"
    assert stage.ask(worker, "after", fresh=True) == "after"


def test_an_older_answer_does_not_replace_a_newer_one(stage: Stage) -> None:
    slow, quick = stage.worker(), stage.worker(sleep=lambda _: None)

    def make() -> Finished:
        stage.write()
        stage.ask(quick, "newer", fresh=True)
        return Finished(b"older", None)

    assert slow.answer(stage.asked(), make).body == b"older"
    assert stage.ask(slow, "?", fresh=True) == "newer"


def test_one_makes_it_anew_ahead_of_time_and_the_others_get_what_there_is(stage: Stage) -> None:
    one, other = stage.worker(), stage.worker()
    stage.ask(one, "first", takes=0.05)
    stage.at += 0.15  # so that it is 0.2 old, of 0.25; a chance of 1 - 1/e makes it as much earlier as it takes
    stage.luck = 0.5
    stage.write()
    assert stage.ask(one, "?") == "first"
    stage.luck = 0.7

    def make() -> Finished:
        assert stage.ask(other, "?") == "first"
        return Finished(b"second", None)

    assert one.answer(stage.asked(), make).body == b"second"
    assert stage.ask(other, "?") == "second"
    assert (one.figures.early, other.figures.early) == (1, 0)
    stage.at += 3000
    stage.luck = 0.999999  # an exact one need not be made anew
    assert stage.ask(other, "?") == "second"


@pytest.mark.parametrize("fresh", [False, True])
def test_of_many_at_once_one_makes_it(stage: Stage, fresh: bool) -> None:
    crowd = 8
    waiting, done = threading.Semaphore(0), threading.Event()
    waited: set[int] = set()

    def sleep(seconds: float) -> None:
        if threading.get_ident() not in waited:
            waited.add(threading.get_ident())
            waiting.release()
        done.wait(0.5)

    def make() -> Finished:
        stage.made.append("one")
        for _ in range(crowd - 1):
            assert waiting.acquire(timeout=5)
        return Finished(b"one", ("e",))

    workers = [stage.worker(sleep=sleep) for _ in range(2)]
    asked, start, found = stage.asked(fresh=fresh), threading.Barrier(crowd), []

    def ask(number: int) -> None:
        start.wait()
        found.append(workers[number % 2].answer(asked, make))
        done.set()

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(crowd)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [Finished(b"one", ("e",))] * crowd
    assert stage.made == ["one"]
    assert sum(worker.figures.waits for worker in workers) == crowd - 1


@pytest.mark.parametrize("exact", [True, False])
def test_who_waited_long_enough_makes_it(stage: Stage, exact: bool) -> None:
    slept: list[float] = []
    stage.sleep = slept.append
    client = stage.service.services.store.client
    lock = stage.keys.cache_lock(stage.asked().name)
    client.set(lock, "somebody", px=60_000)
    worker = stage.worker()
    assert stage.ask(worker, "mine", exact=exact) == "mine"
    assert 0.9 <= sum(slept) <= 1.1
    assert client.get(lock) == b"somebody"
    assert stage.ask(stage.worker(), "?", exact=exact) == "mine"


def test_a_call_that_is_sent_again_finds_its_own_lock(stage: Stage) -> None:
    worker = stage.worker(store=Twice(stage.service.services.store, 0))
    assert [stage.ask(worker, "made"), stage.ask(worker, "?")] == ["made", "made"]
    assert stage.lives().keys() == {"exact", "exact:made"}


def test_what_was_true_since_it_was_asked_will_do(stage: Stage) -> None:
    """Who allows no old answer, and waits, takes one that was begun meanwhile though the board has changed again."""
    client = stage.service.services.store.client
    lock = stage.keys.cache_lock(stage.asked().name)
    stage.ask(stage.worker(), "old")
    stage.write()
    client.set(lock, "somebody", px=60_000)

    def sleep(_seconds: float) -> None:
        stage.write()
        client.delete(lock)
        stage.ask(stage.worker(), "meanwhile", fresh=True)
        stage.write()

    stage.sleep = sleep
    assert stage.ask(stage.worker(), "?", fresh=True) == "meanwhile"
    stage.sleep = pytest.fail
    assert stage.ask(stage.worker(), "new", fresh=True) == "new"


@pytest.mark.parametrize("error", [InvalidInput("no"), BoardsChanged("b"), StoreUnavailable("away"), KeyError("bug")])
def test_who_fails_to_make_it_stands_in_nobodys_way(stage: Stage, error: Exception) -> None:
    def fail() -> Finished:
        raise error

    with pytest.raises(type(error)):
        stage.worker().answer(stage.asked(), fail)
    assert stage.lives() == {}
    assert stage.ask(stage.worker(), "made") == "made"


def test_a_board_that_is_made_again_has_no_old_answers(stage: Stage) -> None:
    stage.ask(stage.worker(), "old")
    before = stage.asked(fresh=False)
    stage.service.request("DELETE", "/v1/boards/b")
    stage.service.put_board()
    stage.service.submit("ada", 1)
    assert stage.ask(stage.worker(), "new") == "new"
    # One who knows only the old board neither gets nor leaves anything.
    assert stage.worker().answer(before, lambda: Finished(b"outdated", None)).body == b"outdated"
    assert stage.ask(stage.worker(), "?") == "new"


def test_of_a_board_that_is_deleted_meanwhile_nothing_is_kept(stage: Stage) -> None:
    def make() -> Finished:
        stage.service.request("DELETE", "/v1/boards/b")
        return Finished(b"{}", None)

    stage.worker().answer(stage.asked(), make)
    assert stage.lives() == {}


def test_every_key_has_a_lifetime_and_there_are_not_many_answers(stage: Stage) -> None:
    worker = stage.worker()
    for number in range(MOST_ANSWERS + 5):
        stage.at += 0.001
        stage.ask(worker, str(number), what=str(number))
    lives = stage.lives()
    assert lives.keys() == {"exact", "exact:made"}
    assert all(3_500_000 < life <= 3_600_000 for life in lives.values())
    client = stage.service.services.store.client
    answers, order = stage.keys.cache("exact")
    assert client.hlen(answers) == client.zcard(order) == MOST_ANSWERS
    assert stage.ask(worker, "?", what="5") == "5"
    assert stage.ask(worker, "again", what="4") == "again"
    stage.at += 3600.01
    stage.ask(worker, "one", what="one")
    assert (client.hlen(answers), client.zrange(order, 0, -1)) == (1, [stage.asked("one").name.encode()])


def test_large_answers_are_not_kept(stage: Stage) -> None:
    for size, made in ((MOST_BYTES, 1), (MOST_BYTES + 1, 2)):
        what, before = str(size), len(stage.made)
        for _ in range(2):
            assert len(stage.ask(stage.worker(), "", body=b"x" * size, what=what)) == size
        assert len(stage.made) - before == made
    assert "lock" not in "".join(stage.lives())


def test_what_no_version_tells_is_given_while_it_is_young_only(stage: Stage) -> None:
    worker = stage.worker(250)
    assert stage.ask(worker, "first", exact=False) == stage.ask(worker, "?", exact=False) == "first"
    assert all(0 < life <= 250 for life in stage.lives().values())
    assert stage.ask(worker, "second", exact=False, fresh=True) == "second"
    stage.at += 0.25
    assert stage.ask(worker, "third", exact=False) == "third"
    strict = stage.worker(0)
    assert [stage.ask(strict, text, exact=False) for text in "ab"] == ["a", "b"]


def test_by_the_stores_own_clock(stage: Stage) -> None:
    worker = stage.worker(60_000, now_ms=None)
    stage.ask(worker, "first")
    stage.write()
    assert stage.ask(worker, "?") == "first"


def test_while_the_store_is_away_the_last_copy_is_given(stage: Stage) -> None:
    away = Switch(stage.service.services.store)
    worker = stage.worker(store=away)
    assert stage.ask(worker, "good") == "good"
    asked, fresh, other = stage.asked(), stage.asked(fresh=True), stage.asked("other")
    away.on = True
    stage.at += 5
    stale = worker.answer(asked, lambda: pytest.fail("nobody can make it"))
    assert stale == Finished(b"good", ("rev", 7, "good"), pytest.approx(5))
    for one in (fresh, other):
        with pytest.raises(StoreUnavailable):
            worker.answer(one, lambda: pytest.fail("nobody can make it"))
    stage.at += STALE_SECONDS
    with pytest.raises(StoreUnavailable):
        worker.answer(asked, lambda: pytest.fail("nobody can make it"))
    assert worker.figures.stale == 1


def test_a_store_that_dies_while_it_is_made(stage: Stage) -> None:
    away = Switch(stage.service.services.store)
    worker = stage.worker(store=away)
    asked = stage.asked()

    def make() -> Finished:
        away.on = True
        return Finished(b"made", None)

    assert worker.answer(asked, make).body == b"made"  # and could not be kept
    assert worker.answer(asked, make).stale_seconds == 0

    def changed() -> Finished:
        raise BoardsChanged("b")

    away.on = False
    stage.write()
    stage.service.services.store.client.delete(stage.keys.cache_lock(asked.name))
    stage.at += 1
    with pytest.raises(BoardsChanged):  # which is answered by asking anew, not with a copy
        worker.answer(asked, changed)


def test_a_process_keeps_few_bytes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_LOCAL_BYTES", 3 * (1024 + 1))
    away = Switch(stage.service.services.store)
    worker = stage.worker(store=away)
    for text in "abcad":  # c, a and d are left
        assert stage.ask(worker, text, what=text) == text
    asked = {text: stage.asked(text) for text in "abcd"}
    away.on = True
    for text in "cad":
        assert worker.answer(asked[text], lambda: pytest.fail("nobody can")).body == text.encode()
    with pytest.raises(StoreUnavailable):
        worker.answer(asked["b"], lambda: pytest.fail("nobody can"))


class Switch(DyingStore):
    """A store that is away when it is told to be."""

    def __init__(self, store: Any) -> None:
        super().__init__(store, 0)
        self.on = False

    def run(self, *args: Any, **more: Any) -> Any:
        if self.on:
            raise StoreUnavailable("away")
        return self._store.run(*args, **more)


class Twice(DyingStore):
    """A store whose every answer is lost once."""

    def run(self, *args: Any, **more: Any) -> Any:
        self._store.run(*args, **more)
        return self._store.run(*args, **more)
