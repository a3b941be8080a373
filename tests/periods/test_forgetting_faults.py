"""What forgetting a player leaves behind: a half-finished sealing, an old ETag, a key, a counted total."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leaderboard.archive import wholes
from leaderboard.errors import DatabaseUnavailable
from tests.conftest import Service
from tests.periods.running import FreeRun

DAY = "2026-11-23"
AT = "2026-11-23T12:00:00Z"
NEXT_DAY = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)
LONG_AFTER = NEXT_DAY + timedelta(days=3)


def seal(service: Service, now: datetime = NEXT_DAY) -> dict[str, int]:
    service.clock.set(now)
    return service.services.sealing.run(now, FreeRun())


def day(service: Service) -> list[tuple[str, int]]:
    answer = service.get(f"/boards/b/top?period=day&id={DAY}")
    return [(entry["player"], entry["score"]) for entry in answer["entries"]]


def backfill(service: Service, player: str, score: int) -> None:
    service.bulk([{"board": "b", "player": player, "score": score, "at": AT}], backfill="true")


def forget(service: Service, player: str) -> int:
    return service.request("DELETE", f"/v1/boards/b/players/{player}").status


def test_a_sealing_that_was_broken_off_and_a_player_forgotten(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sealed in the store, not complete in the archive; the forgetting takes the token that would have told so."""
    service.put_board("b", periods=["day"], retention={"day": 1})
    for player, score in (("ada", 10), ("bob", 7), ("eve", 3)):
        service.submit(player, score)
    seal(service)
    backfill(service, "ada", 20)

    def away(*_: Any) -> set[str]:
        raise DatabaseUnavailable("The database is away: OperationalError.")

    with monkeypatch.context() as patched:
        patched.setattr(wholes, "complete", away)
        with pytest.raises(DatabaseUnavailable):
            seal(service)
    assert forget(service, "eve") == 204
    assert day(service) == [("ada", 20), ("bob", 7)]
    seal(service)
    seal(service, LONG_AFTER)
    assert day(service) == [("ada", 20), ("bob", 7)]


def test_an_etag_of_an_archived_period_whose_player_was_forgotten(service: Service) -> None:
    service.put_board("b", periods=["day"], retention={"day": 1})
    service.submit("ada", 10)
    service.submit("bob", 7)
    seal(service, LONG_AFTER)
    path = f"/v1/boards/b/top?period=day&id={DAY}"
    before = service.request("GET", path)
    assert before.json["period"]["state"] == "archived"
    assert forget(service, "ada") == 204
    after = service.request("GET", path, headers={"If-None-Match": before.headers["ETag"]})
    assert after.status == 200
    assert [entry["player"] for entry in after.json["entries"]] == ["bob"]


def test_nothing_is_left_of_a_board_that_is_deleted_while_a_player_is_forgotten(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board("b", periods=["day"])
    service.submit("ada", 10)
    registry, removal = service.services.registry, service.services.removal
    board = registry.get(service.game, "b")
    look = removal._archive.forget

    def deleted_meanwhile(*args: Any) -> set[str]:
        monkeypatch.setattr(removal._archive, "forget", look)
        service.request("DELETE", "/v1/boards/b")
        return look(*args)

    monkeypatch.setattr(removal._archive, "forget", deleted_meanwhile)
    forget(service, "ada")
    left = [key.decode() for key in service.services.store.client.keys(board.keys.prefix + "*")]
    assert left == []


def test_a_hot_period_that_the_archive_has_pruned_is_dropped_when_a_player_was_forgotten(service: Service) -> None:
    service.put_board("b", periods=["day"], retention={"day": 3})
    for player, score in (("ada", 10), ("bob", 7)):
        service.submit(player, score)
    seal(service)
    copies = service.services.housekeeping._copies
    copies.retire({"day": 1}, NEXT_DAY + timedelta(days=2), checkpoint=lambda: None)
    assert forget(service, "bob") == 204
    seal(service, NEXT_DAY + timedelta(days=10))
    keys = service.services.registry.get(service.game, "b").keys
    assert not service.services.store.client.exists(keys.standings("2026-11-23"))
