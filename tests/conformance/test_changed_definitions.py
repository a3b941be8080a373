"""A definition that changes under way: nothing is lost, nothing stale is answered, nothing dropped comes back."""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leaderboard.app import create_app
from leaderboard.boards.definitions import Definitions
from leaderboard.config import Settings
from leaderboard.errors import DatabaseUnavailable
from leaderboard.store.connection import Store
from tests.conftest import START, Service


@pytest.fixture
def other(service: Service, store_url: str) -> Iterator[Service]:
    """A second worker of the same service: its own process copy of every board."""
    settings = service.services.settings
    store = service.services.store if settings.in_memory else None
    app = create_app(Settings(data_dir=settings.data_dir, redis_url=store_url), clock=service.clock.now, store=store)
    yield Service(app, service.clock, service.game, service.keys)
    app.extensions["leaderboard"].database.close()


def players(service: Service, **query: Any) -> list[str]:
    return [entry["player"] for entry in service.get("/boards/b/top", query=query)["entries"]]


def test_a_worker_with_an_old_copy_looks_again_before_it_refuses(service: Service, other: Service) -> None:
    bounds = {"type": "integer", "min": 0, "max": 10}
    service.put_board(score=bounds)
    assert players(other) == []  # now it has a copy
    service.put_board(score={**bounds, "max": 1000}, periods=["all", "hour"])
    assert other.get("/boards/b/rank", query={"score": "500"})["rank"] == 1
    service.put_board(score={**bounds, "max": 1000}, periods=["all", "day"])
    assert set(other.submit("ada", 5, query={"ranks": "day"})["periods"]) == {"day"}
    service.put_board(score={**bounds, "max": 1000}, periods=["all", "day", "year"])
    assert set(other.submit("ada", 6)["periods"]) == {"all", "day", "year"}


def test_a_cursor_outlives_a_change_that_does_not_touch_the_order(service: Service, other: Service) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(4)])
    page = other.get("/boards/b/top", query={"limit": 2})
    service.put_board(late_grace_seconds=5)
    rest = other.get("/boards/b/top", query={"limit": 2, "cursor": page["next"]})
    assert [entry["player"] for entry in rest["entries"]] == ["p1", "p0"]


def test_a_worker_with_an_old_copy_answers_in_the_new_time_zone(service: Service, other: Service) -> None:
    service.clock.set(datetime(2026, 11, 23, 20, 0, tzinfo=UTC))
    service.put_board()
    assert other.get("/boards/b/top", query={"period": "day"})["period"]["id"] == "2026-11-23"
    service.put_board(time_zone="Asia/Tokyo")
    assert other.get("/boards/b/top", query={"period": "day"})["period"]["id"] == "2026-11-24"


def test_a_change_that_cannot_be_saved_loses_nothing(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board()
    service.submit("ada", 5)

    def fail(*_: Any, **__: Any) -> None:
        raise DatabaseUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(Definitions, "save", fail)
        assert service.request("PUT", "/v1/boards/b", json={"periods": ["all", "day"]}).status == 503
    assert service.get("/boards/b")["periods"] == ["all", "month", "week", "day"]
    assert players(service, period="week") == ["ada"]
    assert service.submit("ada", 7)["periods"]["week"]["score"] == 7


def test_a_dropped_period_that_comes_back_is_empty(service: Service) -> None:
    service.put_board()
    service.submit("ada", 5)
    service.put_board(periods=["all", "day"])
    service.put_board(periods=["all", "day", "week"])
    assert players(service, period="week") == []
    # The day's best did not move, but the week is younger and must not be passed over.
    assert service.submit("ada", 4)["periods"]["week"] == {
        "id": "2026-W48", "score": 4, "rank": 1, "previous_rank": None, "updated": True,
    }  # fmt: skip


def test_metadata_is_kept_right_when_the_stores_copy_is_filled_in_again(service: Service) -> None:
    service.put_board()
    service.submit("ada", 5, metadata={"car": "red"})
    board = service.services.registry.fresh(service.game, "b")
    service.services.store.client.hdel(board.keys.meta, "rev", "def")
    service.submit("ada", 9)
    entry = service.get("/boards/b/top", query={"metadata": "true"})["entries"][0]
    assert (entry["score"], entry["metadata"]) == (9, None)


def test_the_first_metadata_through_an_old_copy_is_kept(service: Service, other: Service) -> None:
    service.put_board()
    assert players(other) == []  # now it has a copy
    service.put_board(late_grace_seconds=5)
    other.submit("ada", 5, metadata={"car": "red"})
    entry = service.get("/boards/b/top", query={"metadata": "true"})["entries"][0]
    assert entry["metadata"] == {"car": "red"}


def test_the_first_metadata_is_kept_when_the_stores_copy_is_gone(service: Service) -> None:
    service.put_board()
    keys = service.services.registry.fresh(service.game, "b").keys
    service.services.store.client.hdel(keys.meta, "rev", "def")
    service.submit("ada", 5, metadata={"car": "red"})
    entry = service.get("/boards/b/top", query={"metadata": "true"})["entries"][0]
    assert entry["metadata"] == {"car": "red"}


def test_no_304_for_another_day_on_a_players_page(service: Service) -> None:
    service.put_board()
    for day in (START - timedelta(days=1), START):
        service.clock.set(day)
        service.submit("ada", day.day)
    query = {"period": "day", "ago": "1"}
    first = service.request("GET", "/v1/players/ada", query=query)
    service.clock.advance(days=1)
    then = service.request("GET", "/v1/players/ada", query=query, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.json["boards"][0]["score"], then.status) == (22, 200)
    assert then.json["boards"][0]["score"] == 23


def test_a_player_who_plays_while_forgotten_is_forgotten_or_whole(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board(periods=["all", "day", "hour"])
    service.submit("ada", 9)
    service.clock.advance(hours=1)
    real, played = Store.run_all, []

    def run_all(self: Store, calls: Any, **more: Any) -> list[Any]:
        answers = real(self, calls, **more)
        if calls[0].script == "known" and not played:  # a new hour begins after the hours were listed
            played.append(service.submit("ada", 7))
        return answers

    monkeypatch.setattr(Store, "run_all", run_all)
    assert service.request("DELETE", "/v1/boards/b/players/ada").status == 204
    assert played
    assert [players(service, period=name) for name in ("hour", "day", "all")] == [[], [], []]
    assert service.submit("ada", 6)["periods"]["day"]["score"] == 6


def test_a_replay_is_not_read_by_another_boards_rules(service: Service) -> None:
    service.put_board()
    headers = {"Idempotency-Key": "k"}
    body = {"player": "ada", "score": 120}
    assert service.request("POST", "/v1/boards/b/scores", json=body, headers=headers).status == 200
    service.request("DELETE", "/v1/boards/b")
    service.put_board(order="asc")
    again = service.request("POST", "/v1/boards/b/scores", json=body, headers=headers)
    assert (again.status, again.json["code"]) == (409, "board_replaced")
    assert players(service) == []


def test_more_retention_keeps_what_is_there_longer(service: Service) -> None:
    service.put_board(retention={"day": 1})
    service.submit("ada", 5)
    client, keys = service.services.store.client, service.services.registry.fresh(service.game, "b").keys
    before = client.expiretime(keys.standings("2026-11-23"))
    service.put_board(retention={"day": 1000})
    assert client.expiretime(keys.standings("2026-11-23")) == before + 999 * 86_400
    assert client.expiretime(keys.standings("all")) == -1


def test_a_new_calendar_starts_without_the_periods_of_the_old(service: Service) -> None:
    service.put_board(periods=["all", "hour"], time_zone="Europe/Vienna")
    item = {"board": "b", "player": "ada", "score": 1, "at": "2026-10-25T01:30:00Z"}
    assert service.bulk([item], backfill="true")["applied"] == 1
    assert service.get("/boards/b/periods", query={"period": "hour"})["periods"][0]["id"] == "2026-10-25T02b"
    service.request("DELETE", "/v1/boards/b/players/ada")
    service.put_board(periods=["all", "hour"], time_zone="UTC")
    assert service.get("/boards/b/periods", query={"period": "hour"})["periods"] == []


def test_a_lower_max_entries_cuts_at_once(service: Service) -> None:
    service.put_board(ties="dense", max_entries=5)
    service.bulk([{"board": "b", "player": f"p{n}", "score": n // 2} for n in range(5)])
    service.put_board(ties="dense", max_entries=2)
    for period in ("all", "month", "week", "day"):
        assert players(service, period=period) == ["p4", "p2"]
    levels = service.services.registry.fresh(service.game, "b").keys.dense("all")
    assert service.services.store.client.zcard(levels) == 2


def test_a_percentile_that_the_board_can_hold_is_exact(service: Service) -> None:
    service.put_board(score={"decimals": 2})
    service.bulk([{"board": "b", "player": "ada", "score": -1}])
    line = b'{"board": "b", "player": "ada", "score": 90071992547409.91}'
    service.request("POST", "/v1/scores", data=line, headers={"Content-Type": "application/x-ndjson"})
    assert str(service.get("/boards/b/percentile", query={"p": 50})["score"]) == "90071992547409.91"


def test_the_last_moment_of_the_grace_still_counts(service: Service) -> None:
    service.put_board(periods=["day"], late_grace_seconds=600)
    item = {"board": "b", "player": "ada", "score": 1, "at": "2026-11-23T12:00:00Z"}
    service.clock.set(datetime(2026, 11, 24, 0, 10, tzinfo=UTC))
    assert service.bulk([item])["applied"] == 1
    service.clock.advance(seconds=1)
    assert service.bulk([{**item, "score": 2}])["rejected"][0]["code"] == "period_closed"


def test_a_body_of_a_million_parts_is_refused_at_once(service: Service) -> None:
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    reply = service.request("POST", "/v1/scores", data=gzip.compress(b"") * 100_000, headers=headers)
    assert reply.status == 413


def test_a_distribution_is_answered_while_scores_come_in(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(10)])
    store, real, number = service.services.store, service.services.store.run, iter(range(100))

    def run(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "counts":
            store_run_all([{"board": "b", "player": f"new{next(number)}", "score": 4}])
        return real(name, *args, **kwargs)

    def store_run_all(items: list[dict[str, Any]]) -> None:
        monkeypatch.undo()
        service.bulk(items)
        monkeypatch.setattr(store, "run", run)

    monkeypatch.setattr(store, "run", run)
    answer = service.get("/boards/b/distribution", query={"bins": 3})
    assert [one["count"] for one in answer["bins"]] == [3, 4, 4]
    assert answer["total"] == 11
