"""The top of boards, kept as their days begin: by jobs that come twice or late, and what may happen meanwhile."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.app import create_app
from leaderboard.archive.captures import BoardCaptures, Capture, drop_captures, ranked
from leaderboard.archive.database import Database
from leaderboard.archive.tables import board_captures, boards, games
from leaderboard.boards import captures as captures_module
from leaderboard.config import Settings
from leaderboard.errors import Interrupted
from tests.captures import capture, capturing
from tests.conftest import START, FakeClock, Service
from tests.periods.running import DoomedRun, FreeRun

NOW = datetime(2026, 11, 23, 0, 5, tzinfo=UTC)
DAY = timedelta(days=1)
KEYS = [("arena", "a"), ("arena", "b"), ("brawl", "a")]
ODD = ['"', "\\", "%", "_", "/", "a/b", "é", "A", "a", '","a"', "日本", "\u2028"]


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """One with the boards of KEYS, and no captures."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    database = Database.connect(Settings(data_dir=tmp_path, redis_url="memory", database_url=url))
    empty(database)
    with database.begin() as connection:
        connection.execute(sa.insert(games), [{"name": name, "created_at": NOW} for name in ("arena", "brawl")])
        row = {"rev": "r1", "definition": "{}", "created_at": NOW, "changed_at": NOW}
        connection.execute(sa.insert(boards), [{"game": game, "name": name, **row} for game, name in KEYS])
    yield database
    empty(database)  # no other test could read these boards
    database.close()


def empty(database: Database) -> None:
    with database.begin() as connection:
        for table in (board_captures, boards, games):
            connection.execute(sa.delete(table))


def taken(board: tuple[str, str] = KEYS[0], **more: Any) -> Capture:
    values: dict[str, Any] = {"born": "b1", "period": "all", "day": "2026-11-23", "taken_at": NOW, **more}
    players = values.pop("players", ["ada", "bob"])
    top = ranked([(player, -9.5) for player in players], "unique")
    return Capture(*board, **{"total": len(top), "top": top, **values})


def add(captures: BoardCaptures, *which: Capture, rev: str = "r1") -> int:
    return captures.add(KEYS, lambda: [(rev, one) for one in which])


def test_each_is_written_once(database: Database) -> None:
    captures = BoardCaptures(database)
    first = [taken(), taken(KEYS[1]), taken(KEYS[2]), taken(period="2026-W48"), taken(day="2026-11-22")]
    assert add(captures, *first) == 5
    later = taken(taken_at=NOW + DAY, players=["eve"])
    assert add(captures, later, taken(born="b2")) == 1
    assert captures.newest(*KEYS[0], "b1", "all") == first[0]
    assert captures.newest(*KEYS[0], "b1", "all", "2026-11-22") == first[4]
    assert captures.newest(*KEYS[0], "b1", "2026-11") is None
    wanted = [(*KEYS[0], "b1"), (*KEYS[2], "b1"), (*KEYS[1], "other")]
    there = {first[0].key, first[2].key, first[3].key}
    assert captures.there(wanted, {"2026-11-23", "2026-11-24"}) == there
    assert captures.there([], {"2026-11-23"}) == captures.there(wanted, []) == set()


def test_two_at_once_write_each_once(database: Database) -> None:
    captures, counts = BoardCaptures(database), list[int]()
    threads = [Thread(target=lambda: counts.append(add(captures, *map(taken, KEYS)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(counts) == [0, 0, 0, 3]


def test_nothing_is_written_of_a_board_that_changed_or_is_gone(database: Database) -> None:
    captures = BoardCaptures(database)
    assert add(captures, taken(), rev="r0") == 0
    assert add(captures, taken(("arena", "none"))) == 0
    assert captures.add(KEYS[1:], lambda: [("r1", taken())]) == 0


@pytest.mark.parametrize("what", ["forget", "delete", "change"])
def test_others_wait_until_it_is_written(database: Database, what: str) -> None:
    captures = BoardCaptures(database)

    def change() -> None:
        with database.begin() as connection:
            connection.execute(sa.update(boards).where(boards.c.name == "a").values(rev="r2"))
            drop_captures(connection, *KEYS[0])

    def delete() -> None:
        with database.begin() as connection:
            connection.execute(sa.delete(boards).where(boards.c.game == "arena", boards.c.name == "a"))
            drop_captures(connection, *KEYS[0])

    others: dict[str, Callable[[], None]] = {
        "forget": lambda: captures.forget(*KEYS[0], "ada", "unique"),
        "delete": delete,
        "change": change,
    }
    other = Thread(target=others[what])

    def read() -> list[tuple[str, Capture]]:
        other.start()
        other.join(0.05)
        assert other.is_alive()
        return [("r1", taken())]

    assert captures.add(KEYS, read) == 1
    other.join()
    found = captures.newest(*KEYS[0], "b1", "all")
    assert (found and [place.player for place in found.top]) == (["bob"] if what == "forget" else None)


def test_a_player_is_forgotten_whatever_the_name(database: Database) -> None:
    captures, left = BoardCaptures(database), list(ODD)
    add(captures, taken(players=ODD, total=200), taken(KEYS[1], players=ODD))
    for player in ODD:
        captures.forget(*KEYS[0], player, "unique")
        left.remove(player)
        found = captures.newest(*KEYS[0], "b1", "all")
        assert found is not None
        assert found.top == ranked([(one, -9.5) for one in left], "unique")
    assert found.total == 200 - len(ODD)
    other = captures.newest(*KEYS[1], "b1", "all")
    assert other is not None
    assert len(other.top) == len(ODD)


def test_two_forgotten_at_once_are_both_gone(database: Database) -> None:
    captures = BoardCaptures(database)
    add(captures, taken(players=ODD))
    threads = [Thread(target=captures.forget, args=(*KEYS[0], player, "shared")) for player in ODD]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = captures.newest(*KEYS[0], "b1", "all")
    assert found is not None
    assert (found.total, found.top) == (0, [])


def test_old_ones_go_and_those_of_boards_that_are_gone(database: Database) -> None:
    captures = BoardCaptures(database)
    days = [(NOW - number * DAY).date().isoformat() for number in range(12)]
    add(captures, *(taken(day=day, taken_at=NOW - 2 * DAY) for day in days))
    add(captures, taken(born="b0", day=days[2], taken_at=NOW - 2 * DAY), taken(born="b0"), taken(KEYS[1]))
    run = FreeRun()
    living = {(*KEYS[0], "b1"), (*KEYS[1], "b1")}
    assert captures.prune(NOW, living, run.checkpoint) == 2 + 1
    assert run.checkpoints == 2
    kept = {(*KEYS[0], "b1", "all", day) for day in days[:10]}
    assert captures.there([(*KEYS[0], "b1"), (*KEYS[0], "b0")], days) == kept | {taken(born="b0").key}
    with database.begin() as connection:
        drop_captures(connection, *KEYS[0], lambda period: period != "all")
    assert captures.there([(*KEYS[0], "b1")], days) == set()
    assert captures.prune(NOW + DAY, {(*KEYS[1], "b1")}, run.checkpoint) == 0


def test_ranks_by_the_rule_for_ties() -> None:
    rows = [("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 3.0)]
    for ties, ranks in (("shared", [1, 2, 2, 4]), ("dense", [1, 2, 2, 3]), ("unique", [1, 2, 3, 4])):
        assert [place.rank for place in ranked(rows, ties)] == ranks


class Counting:
    """A store that counts the boards whose standings are read."""

    def __init__(self, service: Service) -> None:
        self._store = service.services.store
        self.boards = 0

    def run_all(self, calls: list[Any]) -> list[Any]:
        self.boards += len(calls)
        return self._store.run_all(calls)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


def test_only_boards_with_scores_and_something_due_are_read(service: Service) -> None:
    for name, periods in (("empty", ["all"]), ("fast", ["day", "hour"]), ("one", ["all", "week"]), ("two", ["year"])):
        service.put_board(name, periods=periods)
    for name in ("fast", "one", "two"):
        service.submit("ada", 1, board=name)
    store = Counting(service)
    job, run = capturing(service, store), FreeRun()
    assert job.run(START, run) == {"captured": 3}
    assert (store.boards, run.checkpoints) == (2, 1)
    service.submit("ada", 1, board="empty")
    assert job.run(START, FreeRun()) == {"captured": 1}
    assert store.boards == 3
    service.put_board("two", periods=["year", "month"])
    service.submit("ada", 1, board="two")
    assert job.run(START, FreeRun()) == {"captured": 1}  # this year's is there


def test_a_run_that_is_ended_anywhere_goes_on(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures_module, "_BOARDS_AT_ONCE", 2)
    for number in range(5):
        service.put_board(f"b{number}", periods=["all"])
        service.submit("ada", 1, board=f"b{number}")
    job, counts = capturing(service), list[int]()
    for last in (1, 2, 3, 4):
        try:
            counts.append(job.run(START, DoomedRun(last))["captured"])
        except Interrupted:
            assert last < 4
    assert counts == [1]  # the last of them; the other four were taken before
    assert job.run(START, FreeRun()) == {"captured": 0}


def test_a_definition_that_changed_behind_its_fence_is_made_good(service: Service) -> None:
    service.put_board(periods=["all"])
    service.submit("ada", 1)
    keys = service.services.registry.get(service.game, "b").keys
    service.services.store.client.hdel(keys.meta, "rev")  # a change that died
    assert capture(service) == 1


@pytest.mark.parametrize("seed", range(4))
def test_what_it_says_is_what_was_read_then_and_is_read_now(service: Service, seed: int) -> None:
    dice = random.Random(seed)
    service.put_board(
        order=dice.choice(["asc", "desc"]),
        ties=["shared", "dense", "first", "last"][seed],
        operator=dice.choice(["best", "last", "sum"]),
    )
    players = [f"p{number}" for number in range(14)]

    def score() -> int:
        return dice.randrange(-5, 6)

    def play(count: int) -> None:
        for _ in range(3):
            service.clock.advance(seconds=1)
            service.bulk([{"board": "b", "player": dice.choice(players), "score": score()} for _ in range(count)])

    def read(query: str) -> list[Any]:
        return service.get(f"/boards/b/top?limit=100&{query}")["entries"]

    def check(query: str, then: list[Any]) -> None:
        now, before = read(query), {row["player"]: row for row in then}
        for limit in (1, 6, 100):
            answer = service.get(f"/boards/b/changes?limit={limit}&{query}")
            assert answer["compared_with"]["depth"] == len(then)
            assert [(row["player"], row["rank"], row["score"]) for row in answer["entries"]] == [
                (row["player"], row["rank"], row["score"]) for row in now[:limit]
            ]
            top = {row["player"] for row in now[:limit]}
            assert [row["player"] for row in answer["left"]] == [
                row["player"] for row in then[:limit] if row["player"] not in top
            ]
            here = {row["player"]: row for row in now}
            for row in answer["entries"] + answer["left"]:
                old, new = before.get(row["player"], {}), here.get(row["player"], {})
                assert (row["previous_rank"], row["previous_score"]) == (old.get("rank"), old.get("score"))
                assert (row["rank"], row["score"]) == (new.get("rank"), new.get("score"))
                assert row["change"] == (old["rank"] - new["rank"] if old and new else None)

    play(9)
    day = read("period=day")
    service.clock.set(START + DAY)
    capture(service)
    for player in dice.sample(players, 3):  # as if they had never been there
        service.request("DELETE", f"/v1/players/{player}")
        day = [row for row in day if row["player"] != player]
        check("period=month", read("period=month"))
    day, month = read("period=day&ago=1"), read("period=month")
    play(9)
    check("period=month", month)
    check("period=day", day)


def test_the_job_and_what_it_is_for_on_postgresql(postgres_url: str, valkey_url: str, tmp_path: Path) -> None:
    clock = FakeClock(START)
    app = create_app(
        Settings(data_dir=tmp_path, read_staleness_ms=0, redis_url=valkey_url, database_url=postgres_url),
        clock=clock.now,
    )
    service = Service(app, clock)
    service.new_game()
    service.put_board()
    service.submit("ada", 1)
    assert (capture(service), capture(service)) == (3, 0)
    service.submit("bob", 2)
    assert service.get("/boards/b/changes")["entries"][1]["change"] == -1
    service.request("DELETE", "/v1/players/ada")
    assert service.get("/boards/b/changes")["compared_with"] is None
    assert service.services.housekeeping.prune(START + 10 * DAY, FreeRun())["rows"] >= 3
    service.services.close()
