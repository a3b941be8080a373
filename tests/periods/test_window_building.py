"""A rolling window that is built while scores come in, of days that have to come back from the archive first."""

from datetime import timedelta
from typing import Any

import pytest

from leaderboard.boards import windows
from tests.conftest import START, Service
from tests.periods.running import FreeRun


def top(service: Service) -> dict[str, int]:
    answer = service.get("/boards/b/top?window=30d", headers={"Cache-Control": "no-cache"})
    return {entry["player"]: entry["score"] for entry in answer["entries"]}


@pytest.mark.parametrize("operator", ["sum", "best"])
def test_a_score_that_comes_in_before_the_archived_days_are_back(
    service: Service, monkeypatch: pytest.MonkeyPatch, operator: str
) -> None:
    ties = "first" if operator == "best" else "shared"
    definition: dict[str, Any] = {"operator": operator, "periods": ["day"], "retention": {"day": 1}, "ties": ties}
    service.put_board("b", **definition)
    service.submit("ada", 10)
    service.clock.advance(days=10)
    service.services.sealing.run(service.clock.now(), FreeRun())
    service.put_board("b", **definition, rolling=["30d"])
    revival = service.services.revival
    bring = type(revival).bring

    def later(self: Any, board: Any, *args: Any) -> None:
        if board.game == service.game:  # the job goes through the boards of other tests too
            monkeypatch.setattr(type(revival), "bring", bring)
            service.submit("ada", 1)
        bring(self, board, *args)

    monkeypatch.setattr(type(revival), "bring", later)
    service.services.windows.run(service.clock.now(), FreeRun())
    assert top(service) == {"ada": 11 if operator == "sum" else 10}


def test_a_window_that_takes_long_to_build_is_not_begun_by_every_reader(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock lives ten seconds and is not renewed, while a window of thirty large days takes minutes."""
    service.put_board("b", rolling=["30d"])
    service.bulk([{"board": "b", "player": f"p{number}", "score": number} for number in range(20)])
    store, rolling = service.services.store, service.services.windows
    board = service.services.registry.get(service.game, "b")
    lock = board.keys.lock_of("r30d:2026-11-23")
    left: list[int] = []

    def time_passes() -> None:
        """After each piece: four seconds of the ten."""
        before = int(store.client.pttl(lock))
        left.append(before)
        store.client.pexpire(lock, max(1, before - 4000))

    window = windows.current(board.calendar, "30d", service.clock.now())
    rolling.ensure(board, window, time_passes)
    assert len(left) == 30
    assert min(left) > 0, f"the lock had {left[:5]} ms left"


def test_another_retention_costs_no_round_trip_a_key(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of the change lives ten seconds: with some thousand periods on a store a network away, it is a 503."""
    service.put_board("b", periods=["hour"], retention={"hour": 10_000})
    items = [
        {"board": "b", "player": "ada", "score": 1, "at": (START - timedelta(hours=number)).isoformat()}
        for number in range(300)
    ]
    service.bulk(items, backfill="true")
    client, calls = service.services.store.client, []
    expireat = type(client).expireat

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self is client:
            calls.append(args)
        return expireat(self, *args, **kwargs)

    monkeypatch.setattr(type(client), "expireat", counted)
    service.put_board("b", periods=["hour"], retention={"hour": 9_000})
    assert len(calls) < 300
