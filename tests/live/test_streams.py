"""`GET /boards/{board}/stream`, by Flask alone and by a worker's gateway."""

import time
from typing import Any

import pytest

from leaderboard.live import topics
from leaderboard.store.keys import BoardKeys
from tests.conftest import Service
from tests.live.reading import Screen
from tests.live.taps import tapped

WAYS = pytest.mark.parametrize("way", ["flask", "gateway"])
STREAM = "/boards/b/stream"


@WAYS
def test_the_top_and_then_what_becomes_of_it(service: Service, way: str) -> None:
    service.put_board(periods=["all", "day"])
    for n in range(6):
        service.submit(f"p{n}", n)
    with tapped(service, way, f"{STREAM}?limit=3&period=day") as tap:
        assert tap.status == 200
        assert tap.headers["content-type"] == "text/event-stream"
        assert tap.headers["cache-control"] == "no-store"
        assert "content-length" not in tap.headers
        tap.until_score("p5", 5)
        assert (tap.screen.seen, tap.screen.total, tap.screen.period) == (["snapshot"], 6, "2026-11-23")
        service.submit("p0", 9)
        tap.until_score("p0", 9)
        assert tap.screen.entries == service.get("/boards/b/top?limit=3&period=day")["entries"]
        assert tap.screen.seen == ["snapshot", "change"]


@WAYS
def test_a_player_is_told_who_overtakes_them(service: Service, way: str) -> None:
    service.put_board(operator="sum")
    for n in range(1, 4):
        service.submit(f"p{n}", 10 * n)
    with tapped(service, way, f"{STREAM}?limit=1&player=p2", key="client") as tap:
        tap.until(lambda: tap.screen.standing)
        assert tap.screen.standing == {"player": "p2", "rank": 2, "score": 20, "subscore": None, "total": 3}
        service.submit("p1", 15)
        tap.until(lambda: tap.screen.overtaken)
        assert tap.screen.overtaken == [
            {
                "player": "p2",
                "rank": 3,
                "previous_rank": 2,
                "by": [{"player": "p1", "score": 25, "subscore": None}],
                "count": 1,
            }
        ]
        service.submit("p2", 50)
        tap.until(lambda: tap.screen.standing and tap.screen.standing["rank"] == 1)
        assert len(tap.screen.overtaken) == 1


def test_who_is_cut_off_goes_on_with_another_process(service: Service) -> None:
    service.put_board()
    service.submit("a", 1)
    service.submit("b", 2)
    screen = Screen()
    with tapped(service, "gateway", f"{STREAM}?player=b", screen) as tap:
        tap.until(lambda: screen.standing)
    service.submit("c", 3)
    service.submit("a", 9)
    with tapped(service, "flask", f"{STREAM}?player=b", screen) as tap:
        tap.until_score("a", 9)
        tap.until(lambda: screen.overtaken)
    assert screen.seen == ["snapshot", "standing", "change", "standing", "overtaken"]
    assert [one["player"] for one in screen.overtaken[0]["by"]] == ["a", "c"]
    assert screen.entries == service.get("/boards/b/top")["entries"]


def test_one_subscription_of_the_store_for_all_who_follow_a_board(service: Service) -> None:
    service.put_board(partitions=3)
    channel = BoardKeys(service.game, "b").feed
    store = service.services.store.client
    with tapped(service, "gateway", STREAM) as one, tapped(service, "gateway", f"{STREAM}?period=day&limit=3") as two:
        for tap in (one, two):
            tap.until(lambda tap=tap: tap.screen.seen)
        one.until(lambda: store.pubsub_numsub(channel)[0][1] == 1 or service.submit("a", 1) is None, "a subscription")
        service.submit("b", 7)
        for tap in (one, two):
            tap.until_score("b", 7)
        assert store.pubsub_numsub(channel) == [(channel.encode(), 1)]


@WAYS
@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=101", "validation_error"),
        ("limit=0", "validation_error"),
        ("ago=1", "validation_error"),
        ("window=7d", "validation_error"),
        ("player=%0a", "validation_error"),
        ("period=hour", "period_not_kept"),
    ],
)
def test_what_cannot_be_followed_is_refused(service: Service, way: str, query: str, code: str) -> None:
    service.put_board()
    service.one_thread = way == "flask"
    reply = service.request("GET", f"/v1{STREAM}?{query}")
    assert (reply.status, reply.json["code"]) == (422, code)


def test_only_with_a_key_and_a_board(service: Service) -> None:
    assert service.request("GET", f"/v1{STREAM}", key=None).status == 401
    assert service.request("GET", f"/v1{STREAM}").json["code"] == "unknown_board"
    service.put_board()
    assert service.request("HEAD", f"/v1{STREAM}").body == b""


@WAYS
def test_a_board_that_is_deleted_is_gone(service: Service, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "_LOOK_SECONDS", 0.05)
    service.put_board()
    with tapped(service, way, STREAM) as tap:
        tap.until(lambda: tap.screen.seen)
        service.request("DELETE", "/v1/boards/b")
        tap.until(lambda: tap.is_over)
        assert tap.screen.is_gone


@WAYS
@pytest.mark.usefixtures("quick_rounds")
def test_a_key_that_is_revoked_ends_its_streams(service: Service, way: str) -> None:
    service.put_board()
    with tapped(service, way, STREAM, key="client") as revoked, tapped(service, way, STREAM) as good:
        for tap in (revoked, good):
            tap.until(lambda tap=tap: tap.screen.seen)
        service.services.access.revoke(service.keys["client"], service.clock.now())
        revoked.until(lambda: revoked.is_over)
        service.submit("a", 1)
        good.until_score("a", 1)
        assert "a" not in revoked.screen.rows


@WAYS
def test_a_period_that_ends_is_followed_by_the_next(
    service: Service, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topics, "_LOOK_SECONDS", 0.05)
    service.put_board(periods=["all", "day"])
    service.submit("a", 1)
    with tapped(service, way, f"{STREAM}?period=day") as tap:
        tap.until_score("a", 1)
        service.clock.advance(days=1)
        tap.until(lambda: tap.screen.period == "2026-11-24")
        assert (tap.screen.entries, tap.screen.total) == ([], 0)
        service.submit("a", 1)
        tap.until_score("a", 1)


@pytest.mark.usefixtures("quick_rounds")
def test_heartbeats_tell_what_was_seen(service: Service) -> None:
    service.put_board()
    for n in range(5):
        service.submit(f"p{n}", 10 + n)
    with tapped(service, "gateway", f"{STREAM}?limit=1") as tap:
        tap.until(lambda: tap.screen.last_id)
        before = tap.screen.last_id
        service.submit("p0", 11)  # nothing that the first row would show
        tap.until(lambda: tap.screen.last_id != before)
        assert tap.screen.seen == ["snapshot"]


def test_no_more_than_four_times_a_second(service: Service) -> None:
    service.put_board(operator="last")
    service.submit("a", 0)
    with tapped(service, "gateway", STREAM) as tap:
        tap.until_score("a", 0)
        began = time.monotonic()
        for n in range(1, 400):
            service.submit("a", n)
        tap.until_score("a", 399)
        seconds = time.monotonic() - began
    assert 1 <= tap.screen.seen.count("change") <= 4 * seconds + 2


def test_a_worker_that_ends_sends_everyone_away(service: Service) -> None:
    service.put_board()
    with tapped(service, "gateway", STREAM) as tap:
        tap.until(lambda: tap.screen.seen)
        front = service.front
        front._loop.call_soon_threadsafe(front.gateway.send_away)
        tap.until(lambda: tap.is_over)
        with tapped(service, "gateway", STREAM) as late:
            late.until(lambda: late.is_over)
    del service.app.extensions["test_front"]
    front.close()


def test_the_document_tells_of_it(service: Service) -> None:
    document: Any = service.request("GET", "/openapi.json").json
    found = document["paths"]["/v1/boards/{board}/stream"]["get"]
    assert list(found["responses"]["200"]["content"]) == ["text/event-stream"]
    assert {one["name"] for one in found["parameters"]} >= {"period", "limit", "player", "Last-Event-ID"}
