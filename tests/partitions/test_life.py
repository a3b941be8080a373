"""The life of a board with parts: made, changed, broken and mended, cleared, measured, written out and read in."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leaderboard.archive.copies import Copies
from leaderboard.boards.definition import Board
from leaderboard.boards.housekeeping import Housekeeping
from leaderboard.boards.snapshotfile import DamagedSnapshot, PeriodHead, Writer
from leaderboard.boards.usage import Usage
from leaderboard.errors import Conflict
from leaderboard.store.connection import Store
from tests.conftest import START, Service
from tests.periods.running import FreeRun

pytestmark = pytest.mark.parametrize("store_url", ["valkey"], indirect=True)
PLAYERS = [f"p{n}" for n in range(40)]
NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


def board_of(service: Service, name: str = "b") -> Board:
    return service.services.registry.fresh(service.game, name)


def fill(service: Service, name: str = "b") -> None:
    service.bulk([{"board": name, "player": player, "score": n % 7} for n, player in enumerate(PLAYERS)])


def names(service: Service) -> set[str]:
    """The keys of all boards of the game."""
    return {key.decode() for key in service.services.store.client.scan_iter(f"*{{{service.game}:*")}


def top(service: Service, path: str = "/boards/b/top?limit=100", **more: Any) -> Any:
    return service.get(path, **more)["entries"]


def test_the_number_of_parts_is_fixed_once_there_are_scores(service: Service) -> None:
    for partitions in (1, 4, 2, 64, 1, 3):
        assert service.put_board(partitions=partitions)["partitions"] == partitions
        assert len(board_of(service).parts) == partitions
        assert service.get("/boards/b/top")["total"] == 0
    fill(service)
    reply = service.request("PUT", "/v1/boards/b", json={"partitions": 4})
    assert (reply.status, reply.json["code"]) == (409, "board_has_scores")
    assert service.get("/boards/b/top")["total"] == len(PLAYERS)
    service.put_board(partitions=3, periods=["all", "hour"], late_grace_seconds=5)
    assert [one["player"] for one in top(service)][:2] == ["p13", "p20"]
    assert all(part.keys.prefix + "meta" in names(service) for part in board_of(service).parts)


@pytest.mark.parametrize("definition", [{"partitions": 0}, {"partitions": 65}, {"partitions": 2, "ties": "dense"}])
def test_what_does_not_go_together(service: Service, definition: dict[str, Any]) -> None:
    reply = service.request("PUT", "/v1/boards/b", json=definition)
    assert reply.status == 422
    assert service.request("GET", "/v1/boards/b").status == 404


def test_nothing_is_left_of_a_board_that_is_deleted(service: Service) -> None:
    service.put_board(partitions=4, rolling=["7d"], retention={"day": 0})
    fill(service)
    service.get("/boards/b/top?window=7d")
    service.clock.set(NEXT_DAY)
    service.services.sealing.run(NEXT_DAY, FreeRun())
    assert service.request("DELETE", "/v1/boards/b").status == 204
    assert not {name for name in names(service) if name.startswith("lb:")}
    service.put_board(partitions=4)
    assert top(service, "/boards/b/top?period=day&id=2026-11-23") == []


@pytest.mark.parametrize("lost", ["b", "b#0", "b#3"])
@pytest.mark.parametrize("fields", [["rev"], ["rev", "def", "version"]])
def test_a_lost_copy_of_the_definition_is_made_good(service: Service, lost: str, fields: list[str]) -> None:
    service.put_board(partitions=4)
    fill(service)
    before = top(service)
    client = service.services.store.client
    client.hdel(f"lb:{{{service.game}:{lost}}}:meta", *fields)
    assert top(service, headers={"Cache-Control": "no-cache"}) == before
    client.hdel(f"lb:{{{service.game}:{lost}}}:meta", *fields)
    for player in PLAYERS[:8]:
        service.submit(player, 100)
    assert service.services.registry.current([board_of(service)])[0].rev == board_of(service).rev


def test_a_change_that_dies_half_way_is_finished_by_who_comes_next(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board(partitions=3)
    fill(service)
    real, calls = Store.run_all, 0

    def dying(store: Store, some: Any, **more: Any) -> Any:
        nonlocal calls
        if some and some[0].script == "define":
            calls += 1
            if calls == 2:  # the parts know it, the board itself does not
                raise RuntimeError("The process ended here.")
        return real(store, some, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "run_all", dying)
        assert service.request("PUT", "/v1/boards/b", json={"partitions": 3, "periods": ["all"]}).status == 500
    assert service.get("/boards/b")["periods"] == ["all"]
    service.submit("p1", 50)
    assert top(service)[0]["player"] == "p1"


def test_who_knows_another_number_of_parts_learns_it(service: Service) -> None:
    registry = service.services.registry
    for before, now in ((1, 4), (4, 1), (2, 5)):
        service.put_board(partitions=before)
        old = board_of(service)
        service.put_board(partitions=now)
        for body in ({"player": "ada", "score": 1}, None):
            registry._cached[service.game, "b"] = old
            if body:
                assert service.submit(**body)["periods"]["all"]["rank"] == 1
            else:
                fill(service)
        registry._cached[service.game, "b"] = old
        assert service.get("/boards/b/top")["total"] == len(PLAYERS) + 1
        registry._cached[service.game, "b"] = old
        assert service.get("/boards/b/players/ada")["rank"] == 29
        service.request("DELETE", "/v1/boards/b")


@pytest.mark.parametrize(("before", "after"), [(4, 1), (1, 3), (4, 0)])
def test_the_first_metadata_of_a_board_that_is_made_anew_meanwhile(
    service: Service, monkeypatch: pytest.MonkeyPatch, before: int, after: int
) -> None:
    service.put_board(partitions=before)
    registry = service.services.registry
    real = registry.keep_metadata

    def keep_metadata(board: Board, now: datetime) -> Board:
        registry.delete(board.game, board.name)
        if after:
            registry.put(board.game, board.name, {**board.definition, "partitions": after}, now)
        return real(board, now)

    monkeypatch.setattr(registry, "keep_metadata", keep_metadata)
    reply = service.request("POST", "/v1/boards/b/scores", json={"player": "p3", "score": 1, "metadata": {"n": 1}})
    if after:
        assert reply.status == 200
        (row,) = top(service, "/boards/b/top?metadata=true")
        assert (row["player"], row["metadata"]) == ("p3", {"n": 1})
    else:
        assert (reply.status, reply.json["code"]) == (404, "unknown_board")


def test_a_period_that_is_sealed_in_one_part_takes_no_late_scores_in_another(service: Service) -> None:
    service.put_board(partitions=4, periods=["day"])
    service.submit("p0", 1)
    service.services.sealing.run(NEXT_DAY, FreeRun())
    # A worker that was held up, and believes that the grace has not passed yet.
    service.clock.set(datetime(2026, 11, 24, 0, 5, tzinfo=UTC))
    for player in PLAYERS[:9]:
        reply = service.request(
            "POST", "/v1/boards/b/scores", json={"player": player, "score": 9, "at": START.isoformat()}
        )
        assert (reply.status, reply.json["code"]) == (422, "period_closed")


def test_the_archive_of_parts_is_looked_after(service: Service) -> None:
    name = "b" * 64
    service.put_board(name, partitions=3, retention={"day": 0})
    fill(service, name)
    services = service.services
    services.sealing.run(NEXT_DAY, FreeRun())
    later = NEXT_DAY + timedelta(days=3)
    service.clock.set(later)
    path = f"/boards/{name}/top?period=day&id=2026-11-23&limit=100"
    services.housekeeping.prune(later, FreeRun())  # what other tests left behind
    assert services.housekeeping.prune(later, FreeRun())["given_up"] == 0
    assert len(top(service, path)) == len(PLAYERS)
    short = Housekeeping(services.registry, services.database, Copies(services.database), {"day": 1})
    short.prune(later, FreeRun())
    assert service.request("GET", "/v1" + path).json["code"] == "period_gone"
    assert service.get("/players/p13?period=day&id=2026-11-23")["boards"] == []
    (period,) = service.get(f"/boards/{name}/periods?period=day")["periods"]
    assert (period["total"], period["winner"]["player"], period["state"]) == (len(PLAYERS), "p13", "archived")


def test_a_period_is_put_back_from_the_archive(service: Service) -> None:
    service.put_board(partitions=3, periods=["day"], retention={"day": 0})
    fill(service)
    services, board = service.services, board_of(service)
    services.sealing.run(NEXT_DAY, FreeRun())
    service.clock.set(NEXT_DAY)
    services.sealing.run(NEXT_DAY, FreeRun())
    period = board.named("2026-11-23")
    back = services.restoring.put_back(board, period, NEXT_DAY, keep=timedelta(days=1))
    assert back == len(PLAYERS)
    with pytest.raises(Conflict):
        services.restoring.put_back(board, period, NEXT_DAY, keep=timedelta(days=1))


@pytest.mark.parametrize("with_archive", [False, True])
def test_a_snapshot_brings_every_part_back(service: Service, with_archive: bool) -> None:
    service.put_board(partitions=4, periods=["all", "day"], retention={"day": 0})
    fill(service)
    service.submit("p1", 3, metadata={"a": 1})
    service.services.sealing.run(NEXT_DAY, FreeRun())
    service.clock.set(NEXT_DAY)
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(9)])
    file = io.BytesIO()
    services = service.services
    done = services.snapshots.write(service.game, ["b"], file, NEXT_DAY, with_archive=with_archive)
    assert (done.boards, done.periods) == (1, 3 if with_archive else 2)
    restored = services.restoring.restore(file, "b", service.game, "again", NEXT_DAY)
    assert (restored.entries, restored.periods, restored.archived) == (done.entries, 2, int(with_archive))
    for query in ("", "&period=day", *(["&period=day&ago=1"] if with_archive else [])):
        ask = f"/boards/{{}}/top?limit=100&metadata=true{query}"
        assert top(service, ask.format("again")) == top(service, ask.format("b"))
    service.submit("p5", 99, board="again")
    assert service.services.sealing.run(NEXT_DAY + timedelta(days=2), FreeRun())["sealed"] > 0
    assert top(service, "/boards/again/top?limit=1")[0]["player"] == "p5"


def test_rows_in_a_part_that_is_not_theirs_are_no_snapshot(service: Service) -> None:
    service.put_board(partitions=4)
    fill(service)
    board, services = board_of(service), service.services

    class Mixed(Writer):
        def begin_period(self, head: PeriodHead) -> None:
            super().begin_period(PeriodHead(head.id, head.name, head.open, head.archived, (head.part + 1) % 5))

    file = io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leaderboard.boards.snapshots.Writer", Mixed)
        services.snapshots.write(service.game, ["b"], file, START)
    with pytest.raises(DamagedSnapshot):
        services.restoring.restore(file, "b", service.game, "again", START)
    assert board.name == "b"
    assert service.request("GET", "/v1/boards/again").status == 404


def test_what_it_costs_is_that_of_all_parts(service: Service) -> None:
    service.put_board("big", partitions=4, periods=["all", "day"])
    service.put_board("bigger", periods=["all"])
    fill(service, "big")
    usage = Usage(service.services.store, service.services.registry)
    for which in ("big", None):
        found = {board.name: board for board in usage.boards(service.game, which, START)}
        assert found.keys() == ({"big"} if which else {"big", "bigger"})
        periods = found["big"].periods.values()
        assert {(one.id, one.state, one.entries) for one in periods} == {
            ("all", "open", len(PLAYERS)),
            ("2026-11-23", "open", len(PLAYERS)),
        }
