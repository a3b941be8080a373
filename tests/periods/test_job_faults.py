"""Jobs and backfills that hinder each other, or stop at one board for all others."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leaderboard.archive import copies
from leaderboard.boards import copying, sealing
from leaderboard.errors import LeaderboardError
from tests.conftest import START, Service
from tests.periods.running import FreeRun

DAY = "2026-11-23"
AT = "2026-11-23T12:00:00Z"
NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
LONG_AFTER = NEXT_DAY + timedelta(days=10)


def seal(service: Service, now: datetime = NEXT_DAY) -> dict[str, int]:
    service.clock.set(now)
    return service.services.sealing.run(now, FreeRun())


def day(service: Service, period_id: str = DAY) -> list[tuple[str, int]]:
    answer = service.get(f"/boards/b/top?period=day&id={period_id}")
    return [(entry["player"], entry["score"]) for entry in answer["entries"]]


def change_dies_behind_the_fence(service: Service, board: str) -> None:
    """What a worker leaves that is killed in the middle of a PUT, or whose database was away for a moment."""
    keys = service.services.registry.get(service.game, board).keys
    service.services.store.client.hdel(keys.meta, "rev")


def test_a_board_whose_change_died_does_not_keep_the_windows_of_all_others_from_being_built(service: Service) -> None:
    for name in ("a", "b"):
        service.put_board(name, rolling=["7d"])
        service.submit("ada", 1, board=name)
    change_dies_behind_the_fence(service, "a")
    try:
        for _ in range(3):
            with suppress(LeaderboardError):
                service.services.windows.run(START, FreeRun())
        assert windows(service, "b") == ["7d:" + DAY]
    finally:
        service.services.registry.fresh(service.game, "a")  # or no other test would have its windows


def windows(service: Service, board: str) -> list[str]:
    keys = service.services.registry.get(service.game, board).keys
    return (service.services.store.client.hget(keys.meta, "windows") or b"").decode().split()


def test_a_board_whose_change_died_is_sealed(service: Service) -> None:
    """Nobody reads it or writes to it any more; its keys go by themselves one day."""
    service.put_board("b", periods=["day"], retention={"day": 1})
    service.submit("ada", 1)
    change_dies_behind_the_fence(service, "b")
    board = service.services.registry.get(service.game, "b")
    try:
        for _ in range(3):
            seal(service)
        assert list(service.services.sealing._archive.find(service.game, "b", board.born, [DAY])) == [DAY]
    finally:
        service.services.registry.fresh(service.game, "b")


def test_a_backfill_of_archived_periods_ends_though_their_return_takes_longer_than_the_scheduler_waits(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here a run of the job comes whenever two periods have returned."""
    service.put_board("b", periods=["day"], retention={"day": 0})
    days = [START - timedelta(days=number) for number in (5, 4, 3)]
    service.bulk([{"board": "b", "player": "ada", "score": 1, "at": at.isoformat()} for at in days], backfill="true")
    assert seal(service)["dropped"] >= 3
    revival = service.services.revival
    put_back, calls = revival.put_back, []

    def slowly(*args: Any, **kwargs: Any) -> bool:
        calls.append(args)
        if len(calls) % 2 == 1:
            seal(service)
        return put_back(*args, **kwargs)

    monkeypatch.setattr(type(revival), "put_back", lambda _self, *args, **kwargs: slowly(*args, **kwargs))
    items = [{"board": "b", "player": "bob", "score": 2, "at": at.isoformat()} for at in days]
    reply = service.request("POST", "/v1/scores", json={"scores": items}, query={"backfill": "true"})
    assert reply.status == 200, reply.body
    assert reply.json["applied"] == 3


def test_a_run_that_was_paused_over_an_emptied_period_harms_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board("b", periods=["day"], retention={"day": 1})
    service.submit("ada", 10)
    service.clock.set(NEXT_DAY)
    assert service.request("DELETE", "/v1/boards/b/players/ada").status == 204
    drop = copies.Copies.drop

    def paused(*args: Any) -> None:
        monkeypatch.setattr(copies.Copies, "drop", drop)
        service.bulk([{"board": "b", "player": "bob", "score": 7, "at": AT}], backfill="true")
        assert seal(service, LONG_AFTER)["dropped"] >= 1
        drop(*args)

    monkeypatch.setattr(copies.Copies, "drop", paused)
    seal(service)
    service.clock.set(LONG_AFTER)
    assert day(service) == [("bob", 7)]


def test_a_backfill_into_a_period_whose_standings_were_pruned_keeps_its_total_and_winner(service: Service) -> None:
    service.put_board("b", periods=["day"], retention={"day": 1})
    for player, score in (("ada", 10), ("bob", 7), ("eve", 3)):
        service.submit(player, score)
    seal(service, LONG_AFTER)
    service.services.housekeeping._copies.retire({"day": 1}, LONG_AFTER, checkpoint=lambda: None)
    before = service.get("/boards/b/periods?period=day")["periods"]
    assert (before[0]["total"], before[0]["winner"]["player"]) == (3, "ada")
    service.request(
        "POST",
        "/v1/scores",
        json={"scores": [{"board": "b", "player": "kim", "score": 1, "at": AT}]},
        query={"backfill": "true"},
    )
    seal(service, LONG_AFTER)
    after = service.get("/boards/b/periods?period=day")["periods"]
    assert (after[0]["total"] >= 3, after[0]["winner"]["player"]) == (True, "ada")


def test_a_large_copy_is_verified_with_checkpoints(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without, a copy that takes a minute to read is taken over by another scheduler, again and again."""
    for module in (copying, sealing):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 5)
    monkeypatch.setattr(copies, "_PIECE", 5)
    service.put_board("b", periods=["day"])
    service.bulk([{"board": "b", "player": f"p{number}", "score": number} for number in range(100)])
    run, verify, during = FreeRun(), copies.Copies.verify, []

    def counted(*args: Any, **kwargs: Any) -> Any:
        before = run.checkpoints
        answer = verify(*args, **kwargs)
        during.append(run.checkpoints - before)
        return answer

    monkeypatch.setattr(copies.Copies, "verify", counted)
    service.clock.set(NEXT_DAY)
    assert service.services.sealing.run(NEXT_DAY, run)["entries"] >= 100
    assert during[0] > 0


def test_windows_go_on_with_the_other_boards_when_one_is_deleted_meanwhile(service: Service) -> None:
    for name in ("a", "b"):
        service.put_board(name, rolling=["7d"])
        service.submit("ada", 1, board=name)

    class Run(FreeRun):
        def checkpoint(self) -> None:
            super().checkpoint()
            if self.checkpoints == 1:
                service.request("DELETE", "/v1/boards/a")

    with suppress(LeaderboardError):
        service.services.windows.run(START, Run())
    assert windows(service, "b") == ["7d:" + DAY]
