"""Submissions of many requests together: what comes of each, and what is in the boards afterwards, is as one by one."""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest

from leaderboard.boards.batches import Context, Submission
from leaderboard.boards.definition import Board
from leaderboard.boards.periods import PERIOD_NAMES
from leaderboard.boards.submissions import Result
from leaderboard.boards.together import Order, Outcome
from leaderboard.boards.windows import current
from leaderboard.errors import LeaderboardError, StoreUnavailable, UnknownBoard
from leaderboard.reports import Marking
from leaderboard.services import Services
from leaderboard.store.scripts import Call
from tests.conftest import START, Service

DEFINITIONS: dict[str, dict[str, Any]] = {
    "best": {},
    "asc": {"order": "asc", "ties": "first", "periods": ["all", "day"]},
    "last": {"operator": "last", "ties": "last", "periods": ["day", "hour"], "late_grace_seconds": 0},
    "sum": {"operator": "sum", "periods": ["all", "day"], "score": {"min": -20, "max": 20}},
    "few": {"ties": "dense", "max_entries": 3, "periods": ["all", "hour"]},
    "sub": {"operator": "sum", "subscore": {"min": 0, "max": 1000}, "periods": ["all", "hour"]},
    "open": {"writes": "client", "periods": ["all", "hour"], "rolling": ["24h"]},
    "rolled": {"operator": "sum", "periods": ["all", "hour"], "rolling": ["24h", "7d"]},
}
RANKS = [frozenset(PERIOD_NAMES), frozenset(), frozenset({"all"}), frozenset({"day", "hour"})]


class Two:
    """Two games alike: one takes what comes together, the other one by one."""

    def __init__(self, service: Service, chance: random.Random) -> None:
        self.services: Services = service.services
        self.chance = chance
        self.now = START
        self.games = []
        for _ in range(2):
            game = Service(service.app, service.clock, one_thread=True)
            game.new_game()
            for name, definition in DEFINITIONS.items():
                game.put_board(name, **definition)
            self.games.append(game)
        self.keys: list[str] = []
        self.together = self.alone = 0

    def order(self) -> tuple[str, Submission, frozenset[str], bool, str | None]:
        chance = self.chance
        board = chance.choice(list(DEFINITIONS))
        at = None
        if chance.random() < 0.4:
            at = self.now - timedelta(seconds=chance.choice([-61, -59, 0, 1, 3600, 4000, 86_400, 90_000, 40 * 86_400]))
        score = chance.choice(["1", "-1", "5", "0", "7.0", "1e1", "21", "0.5", "1e400", "x"])
        subscore = chance.choice(["1", "2"]) if board == "sub" or chance.random() < 0.05 else None
        metadata = chance.choice(['{"a":1}', '{"b":[2]}']) if chance.random() < 0.03 else None
        player = chance.choice(["ada", "bob", "cy", "é", "", "a//b"][: 4 if chance.random() < 0.95 else 6])
        key = None
        if chance.random() < 0.25:
            key = chance.choice(self.keys[-4:]) if self.keys and chance.random() < 0.4 else secrets.token_hex(4)
            self.keys.append(key)
        submission = Submission(player, score, subscore, at, metadata)
        return board, submission, chance.choice(RANKS), chance.random() < 0.1, key

    def board(self, game: Service, name: str, get: Callable[[str, str], Board]) -> Board | None:
        try:
            return get(game.game, name)
        except UnknownBoard:
            return None

    def one(self, board: Board, order: Any) -> Result | str:
        _, submission, ranks, by_client, key = order
        context = Context(self.now, ranks=ranks, by_client=by_client)
        try:
            return self.services.submissions.submit(board, submission, context, marking(key, submission))
        except LeaderboardError as error:
            return error.code

    def submit(self, orders: Sequence[Any], boards: Sequence[dict[str, Board]]) -> None:
        """`boards`: as each game's requests knew them."""
        made, numbers = [], []
        for number, order in enumerate(orders):
            if order[0] in boards[0]:
                name, submission, ranks, by_client, key = order
                made.append(Order(boards[0][name], submission, ranks, by_client, marking(key, submission)))
                numbers.append(number)
        found = dict(zip(numbers, self.services.together.submit(made, self.now), strict=True))
        # What the store did first, within a call plain ones before marked ones, group by group; then the rest.
        for number in self.in_order(orders, found):
            order = orders[number]
            if order[0] not in boards[1]:
                continue
            alone = self.one(boards[1][order[0]], order)
            together: Outcome | Result | str = found[number]
            assert not isinstance(together, StoreUnavailable)
            self.together += together is not None
            self.alone += together is None
            if together is None:
                together = self.one(boards[0][order[0]], order)
            assert told(together) == told(alone), order

    def in_order(self, orders: Sequence[Any], found: dict[int, Outcome]) -> list[int]:
        groups: dict[Any, int] = {}

        for name, _, ranks, by_client, key in orders:
            if key is None:
                groups.setdefault((name, ranks, by_client), len(groups))

        def place(number: int) -> Any:
            name, _, ranks, by_client, key = orders[number]
            group = 0 if key else groups[name, ranks, by_client]
            return found.get(number) is None, key is not None, group, number

        return sorted(range(len(orders)), key=place)

    def known(self) -> list[dict[str, Board]]:
        found = []
        for game in self.games:
            boards = {name: self.board(game, name, self.services.registry.get) for name in DEFINITIONS}
            found.append({name: board for name, board in boards.items() if board is not None})
        return found

    def disturb(self) -> None:
        """What others do meanwhile, to both alike; now and then in another process, so that this one knows nothing."""
        cached = self.services.registry._cached
        before = dict(cached)
        self._disturb()
        if self.chance.random() < 0.5:
            cached.clear()
            cached.update(before)

    def _disturb(self) -> None:
        name = self.chance.choice(list(DEFINITIONS))
        kind = self.chance.choice(["redefine", "delete", "recreate", "close", "windows", "forget"])
        for game in self.games:
            if kind == "redefine":
                periods = ["all", "day", "week", "hour"] if self.now.minute % 2 else DEFINITIONS[name].get("periods")
                game.request("PUT", f"/v1/boards/{name}", json={**DEFINITIONS[name], "periods": periods or ["all"]})
            elif kind in ("delete", "recreate"):
                game.request("DELETE", f"/v1/boards/{name}")
            if kind == "recreate":
                game.put_board(name, **DEFINITIONS[name])
            board = self.board(game, name, self.services.registry.fresh)
            if kind == "forget" and board is not None:
                self.services.removal.forget(board, "ada")
            if kind == "windows" and board is not None:
                for one in board.rolling:
                    self.services.windows.ensure(board, current(board.calendar, one, self.now))
            if kind == "close" and board is not None:  # as the sealing job does: nothing older is taken any more
                closed = int((self.now - timedelta(hours=self.chance.choice([1, 30]))).timestamp() * 1000)
                self.services.store.client.hset(board.keys.meta, "closed", self.closed(closed, game))

    def closed(self, at: int, game: Service) -> int:
        """The same for both."""
        if game is self.games[0]:
            self._closed = at
        return self._closed

    def content(self, game: Service) -> Any:
        found = {}
        client = self.services.store.client
        for key in client.scan_iter(match=f"lb:{{{game.game}:*", count=1000):
            name = key.decode().replace(game.game, "game")
            kind = client.type(key).decode()
            if kind == "zset":
                found[name] = client.zrange(key, 0, -1, withscores=True)
            elif kind == "hash" and "meta" not in name and not name.endswith("}"):
                found[name] = client.hgetall(key)
        return found


def marking(key: str | None, submission: Submission) -> Marking | None:
    return Marking(key, repr(submission), 86_400_000, mark_refused=False) if key else None


def told(result: Any) -> Any:
    """A result but for the names of definitions."""
    if not isinstance(result, Result):
        return result
    return replace(result, board=None, born="")


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(2, 12))])
def test_together_as_one_by_one(service: Service, seed: int) -> None:
    chance = random.Random(seed)
    two = Two(service, chance)
    for _ in range(12):
        boards = two.known()
        if chance.random() < 0.3:
            two.disturb()  # the requests know the boards as they were before
        orders = [two.order() for _ in range(chance.choice([1, 2, 10, 40]))]
        two.submit(orders, boards)
        if chance.random() < 0.3:
            two.disturb()
        if chance.random() < 0.5:
            two.now += timedelta(seconds=chance.choice([1, 30, 600, 3000, 50_000]))
            service.clock.set(two.now)
        assert two.content(two.games[0]) == two.content(two.games[1])
    assert min(two.together, two.alone) > 9


def order(service: Service, board: str, player: str = "ada", score: str = "1", key: str | None = None) -> Order:
    submission = Submission(player, score)
    known = service.services.registry.get(service.game, board)
    return Order(known, submission, frozenset(PERIOD_NAMES), by_client=False, marking=marking(key, submission))


def test_a_board_that_the_store_cannot_write_spoils_no_other(service: Service) -> None:
    """One script call fails for a reason that is no refusal: its neighbours in the round trip were applied."""
    for name in ("bad", "good", "fine"):
        service.put_board(name, periods=["all"])
    bad = service.services.registry.get(service.game, "bad")
    service.services.store.client.set(bad.keys.standings("all"), "no sorted set")
    try:
        found: Any = service.services.together.submit(
            [order(service, "good"), order(service, "bad"), order(service, "fine"), order(service, "fine", key="k")],
            START,
        )
    except Exception as error:  # noqa: BLE001 - to be told as a failure
        pytest.fail(f"all of them were told {error!r}")
    assert [isinstance(one, Result) for one in found] == [True, False, True, True]


def test_the_thread_of_all_writes_waits_for_no_lock_of_a_board(service: Service) -> None:
    """While a board is being changed its submissions may wait for that, those of other boards must not."""
    for name in ("changing", "other"):
        service.put_board(name, periods=["all"])
    orders = [order(service, "changing"), order(service, "other")]
    registry = service.services.registry
    registry._cached.pop((service.game, "changing"))  # as a request does that looks at what it is now
    with mock.patch.object(registry, "fresh", side_effect=AssertionError("asked the store")):
        try:
            found = service.services.together.submit(orders, START)
        except AssertionError:
            pytest.fail("the thread waits while one request looks a board up")
    assert found[0] is None
    assert isinstance(found[1], Result)


def test_the_thread_of_all_writes_changes_no_board(service: Service) -> None:
    """The first metadata of a board is noted in the database under its lock."""
    service.put_board("b", periods=["all"])
    plain = order(service, "b")
    with_metadata = replace(plain, submission=Submission("bob", "1", metadata='{"a":1}'))
    registry = service.services.registry
    with mock.patch.object(registry, "keep_metadata", side_effect=AssertionError("changed the board")):
        try:
            found = service.services.together.submit([with_metadata, plain], START)
        except AssertionError:
            pytest.fail("the thread takes the board's lock and writes to the database")
    assert found == [None, found[1]]


def test_what_one_refuses_is_not_lost_to_those_beside_it(service: Service) -> None:
    """A period that the process does not know to be closed sends its own request the long way, not the whole batch."""
    service.put_board("b", periods=["all", "day"], late_grace_seconds=7 * 86_400)
    late = START - timedelta(days=1)
    client = service.services.store.client
    board = service.services.registry.get(service.game, "b")
    client.hset(board.keys.meta, "closed", int((START - timedelta(hours=1)).timestamp() * 1000))
    orders = [order(service, "b", "ada"), order(service, "b", "bob")]
    orders[0] = replace(orders[0], submission=Submission("ada", "1", at=late))
    assert service.services.together.submit(orders, START) == [
        None,
        None,
    ]  # nothing was written, so both may come again
    assert client.zcard(board.keys.standings("all")) == 0


def test_a_batch_is_one_round_trip_and_a_call_a_board(service: Service) -> None:
    for name in ("b", "c"):
        service.put_board(name, periods=["all"])
    store = service.services.store
    orders = [order(service, name, player) for name in ("b", "c") for player in ("ada", "bob", "ada")]
    with mock.patch.object(store, "run_all", wraps=store.run_all) as sent:
        found = service.services.together.submit(orders, START)
    assert all(isinstance(one, Result) for one in found)
    (calls,) = sent.call_args.args
    assert (sent.call_count, len(calls), sent.call_args.kwargs) == (1, 2, {"resend": False, "keep_errors": True})


class Dying:
    """A store that is away after some more script calls, with or without having done the last one."""

    def __init__(self, store: Any, scripts: int) -> None:
        self._store = store
        self._left = scripts

    def run_all(self, calls: Sequence[Call], *, resend: bool = True, keep_errors: bool = False) -> list[Any]:
        assert keep_errors
        some = list(calls[: self._left])
        self._left -= len(some)
        answers = self._store.run_all(some, resend=resend) if some else []
        if len(some) < len(calls):
            raise StoreUnavailable("killed")
        return list(answers)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@pytest.mark.parametrize("scripts", [0, 1, 2, 3, 4])
def test_when_the_store_dies_nobody_is_told_that_nothing_was_written(service: Service, scripts: int) -> None:
    for name in ("b", "c"):
        service.put_board(name, operator="sum", periods=["all"])
    together = service.services.together
    orders = [order(service, "b"), order(service, "c"), order(service, "b", key="k"), order(service, "c", key="l")]
    with mock.patch.object(together, "_store", Dying(service.services.store, scripts)):
        found = together.submit(orders, START)
    assert None not in found
    assert [isinstance(one, StoreUnavailable) for one in found[:2]] == [scripts < 2] * 2
    assert [isinstance(one, StoreUnavailable) for one in found[2:]] == [scripts < 4] * 2
    again = together.submit(orders[2:], START)  # both come again: what was done is replayed the long way
    assert [one is None for one in again] == [scripts > 2, scripts > 3]
    for name in ("b", "c"):
        board = service.services.registry.get(service.game, name)
        plain = 1 if scripts > (name == "c") else 0
        assert service.services.store.client.zscore(board.keys.standings("all"), "ada") == -(plain + 1)
