"""A sealing run that is paused between reading small standings and archiving them, and what others do meanwhile."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.archive import wholes
from leaderboard.archive.tables import archived_periods
from leaderboard.boards import copying, sealing
from leaderboard.errors import Interrupted
from tests.conftest import Service
from tests.periods.running import FreeRun

DAY = "2026-11-23"
AT = "2026-11-23T12:00:00Z"
NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
LONG_AFTER = NEXT_DAY + timedelta(days=3)


def seal(service: Service, now: datetime = NEXT_DAY) -> dict[str, int]:
    service.clock.set(now)
    return service.services.sealing.run(now, FreeRun())


def pause_once(monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """The next run stops where it has read what it copies, and goes on after that."""
    store = wholes.store

    def paused(database: Any, some: Sequence[Any], **kwargs: Any) -> None:
        monkeypatch.setattr(wholes, "store", store)
        meanwhile()
        store(database, some, **kwargs)

    monkeypatch.setattr(wholes, "store", paused)


def day(service: Service) -> list[tuple[str, int]]:
    answer = service.get(f"/boards/b/top?period=day&id={DAY}", headers={"Cache-Control": "no-cache"})
    return [(entry["player"], entry["score"]) for entry in answer["entries"]]


def backfill(service: Service, player: str, score: int) -> None:
    service.bulk([{"board": "b", "player": player, "score": score, "at": AT}], backfill="true")


def forget(service: Service, player: str) -> None:
    assert service.request("DELETE", f"/v1/boards/b/players/{player}").status == 204


@pytest.fixture
def board(service: Service) -> Service:
    service.put_board("b", periods=["all", "day"], retention={"day": 1})
    service.submit("ada", 10)
    service.clock.set(NEXT_DAY)
    return service


def test_what_was_sealed_meanwhile_is_not_replaced(board: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def meanwhile() -> None:
        backfill(board, "ada", 20)
        assert seal(board)["sealed"] >= 1

    pause_once(monkeypatch, meanwhile)
    seal(board)
    assert day(board) == [("ada", 20)]
    seal(board, LONG_AFTER)
    assert day(board) == [("ada", 20)]


def test_who_was_forgotten_meanwhile_stays_forgotten(board: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    backfill(board, "bob", 7)

    def meanwhile() -> None:
        forget(board, "ada")
        assert seal(board)["sealed"] >= 1

    pause_once(monkeypatch, meanwhile)
    seal(board)
    seal(board, LONG_AFTER)
    board.clock.set(LONG_AFTER + timedelta(days=60))
    keys = board.services.registry.get(board.game, "b").keys
    board.services.store.client.delete(*keys.triple(DAY))  # their life is over by then
    assert day(board) == [("bob", 7)]


def test_the_last_one_forgotten_meanwhile_stays_forgotten(board: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pause_once(monkeypatch, lambda: forget(board, "ada"))
    seal(board)
    assert day(board) == []
    assert board.get("/boards/b/periods?period=day")["periods"] == []


def test_a_period_that_was_taken_off_meanwhile_starts_empty(board: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pause_once(monkeypatch, lambda: board.put_board("b", periods=["all"], retention={"day": 1}))
    seal(board)
    board.put_board("b", periods=["all", "day"], retention={"day": 1})
    assert day(board) == []


def test_nothing_is_left_of_a_board_that_was_deleted_meanwhile(board: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    pause_once(monkeypatch, lambda: board.request("DELETE", "/v1/boards/b"))
    seal(board)
    columns = archived_periods.c
    left = sa.select(columns.period).where(columns.game == board.game, columns.state != "gone")
    with board.services.database.begin() as connection:
        assert connection.execute(left).all() == []


def test_metadata_that_a_backfill_changes_is_archived(service: Service) -> None:
    service.put_board("b", periods=["all", "day"], operator="last", retention={"day": 1})
    service.submit("ada", 10, metadata={"level": "1"})
    seal(service)
    again = {"board": "b", "player": "ada", "score": 10, "at": AT, "metadata": {"level": "2"}}
    service.bulk([again], backfill="true")
    path = f"/boards/b/top?period=day&id={DAY}&metadata=true"
    hot = service.get(path)["entries"]
    seal(service, LONG_AFTER)
    assert service.get(path)["entries"] == hot


def test_a_period_that_moves_while_a_player_is_forgotten(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board("b", periods=["day"], retention={"day": 1})
    service.submit("ada", 10)
    service.submit("bob", 7)
    archive = service.services.removal._archive
    look = archive.forget

    def pause_after(*args: Any) -> int:
        monkeypatch.setattr(archive, "forget", look)
        found = look(*args)
        assert seal(service, LONG_AFTER) == {"sealed": 1, "entries": 2, "dropped": 1}
        return found

    monkeypatch.setattr(archive, "forget", pause_after)
    service.request("DELETE", "/v1/boards/b/players/ada")
    assert day(service) == [("bob", 7)]


class DistractedRun(FreeRun):
    """Something happens at its second checkpoint, and it ends at its third."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self._meanwhile = meanwhile

    def checkpoint(self) -> None:
        super().checkpoint()
        if self.checkpoints == 2:
            self._meanwhile()
        if self.checkpoints == 3:
            raise Interrupted("The test ends it here.")


def test_no_copy_is_left_under_way(board: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (copying, sealing):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 1)
    backfill(board, "bob", 7)

    def meanwhile() -> None:
        backfill(board, "ada", 20)
        assert seal(board)["sealed"] >= 1

    with pytest.raises(Interrupted):
        board.services.sealing.run(NEXT_DAY, DistractedRun(meanwhile))
    seal(board)
    seal(board, LONG_AFTER)
    board.services.housekeeping.prune(LONG_AFTER, FreeRun())
    columns = archived_periods.c
    states = sa.select(columns.state).where(columns.game == board.game)
    with board.services.database.begin() as connection:
        assert set(connection.execute(states).scalars()) <= {"complete", "gone"}
