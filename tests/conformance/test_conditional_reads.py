"""ETags: the same answer is not sent twice, and an old one is never taken for the new."""

from datetime import UTC, datetime
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
PATHS = [
    "/boards/b/top",
    "/boards/b/top?period=day&limit=2",
    "/boards/b/players/a",
    "/boards/b/players/a?around=3&period=week",
    "/boards/b/scores?min=1",
    "/boards/b/rank?score=4",
    "/boards/b/percentile?p=50",
    "/boards/b/distribution?bins=3",
    "/boards/b/periods?period=day",
    "/players/a",
]
every_path = pytest.mark.parametrize("path", PATHS)


def ask(service: Any, path: str, etag: str | None = None) -> Any:
    headers = FRESH if etag is None else {**FRESH, "If-None-Match": etag}
    reply = service.request("GET", f"/v1{path}", headers=headers)
    assert reply.status in (200, 304), reply.body
    return reply


def fill(service: Any, **definition: Any) -> None:
    service.put_board(**definition)
    service.bulk([{"board": "b", "player": player, "score": ord(player) % 10} for player in "abc"])


@every_path
def test_a_tag_that_still_holds_is_answered_304(service: Any, path: str) -> None:
    fill(service)
    first = ask(service, path)
    again = ask(service, path, first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "Cache-Control" in first.headers
    assert "no-store" not in first.headers["Cache-Control"]
    assert ask(service, path, '"other"').status == 200
    assert ask(service, path, f'"other", {first.headers["ETag"]}').status == 304
    assert ask(service, path, f"W/{first.headers['ETag']}").status == 304
    assert ask(service, path, "*").status == 304


@every_path
def test_a_tag_ends_with_every_write(service: Any, path: str) -> None:
    fill(service)
    service.put_board("elsewhere")
    tags = [ask(service, path).headers["ETag"]]
    for write in (
        lambda: service.submit("d", 1),
        lambda: service.submit("a", 100, query={"ranks": "none"}),
        lambda: service.bulk([{"board": "b", "player": "e", "score": -5}]),
        lambda: service.request("DELETE", "/v1/boards/b/players/d"),
        lambda: service.request("DELETE", "/v1/players/e"),
    ):
        write()
        reply = ask(service, path, ", ".join(tags))
        assert reply.status == 200
        tags.append(reply.headers["ETag"])
    assert len(set(tags)) == len(tags)
    service.submit("a", 1)  # does not improve anything
    service.submit("x", 1, "elsewhere")
    assert ask(service, path, tags[-1]).status == 304


@pytest.mark.parametrize(
    ("path", "period"),
    [
        ("/boards/b/top?period=day", "day"),
        ("/boards/b/players/a?period=day", "day"),
        ("/boards/b/top?period=week", "week"),
        ("/boards/b/top?period=month", "month"),
        ("/boards/b/scores?period=day", "day"),
        ("/boards/b/distribution?period=day", "day"),
        ("/boards/b/percentile?p=5&period=day", "day"),
        ("/boards/b/rank?score=1&period=day", "day"),
        ("/boards/b/periods?period=day", "day"),
        ("/players/a?period=day", "day"),
        ("/boards/b/top?period=day&id=2026-11-30", "day"),
        ("/boards/b/top?period=day&ago=0", "day"),
    ],
)
def test_a_tag_ends_with_its_period(service: Any, path: str, period: str) -> None:
    """The last instant of a day, a week and, on the 30th, a month; then the first of the next."""
    service.clock.set(datetime(2026, 11, 30 if period != "week" else 29, 23, 59, 59, 999_000, tzinfo=UTC))
    fill(service)
    tag = ask(service, path).headers["ETag"]
    assert ask(service, path, tag).status == 304
    service.clock.advance(milliseconds=1)
    reply = service.request("GET", f"/v1{path}", headers={**FRESH, "If-None-Match": tag})
    assert reply.status in (200, 404)  # another period, in which nobody has played yet; or the same one, closed now
    assert reply.headers.get("ETag") != tag


def test_a_closed_period_has_a_lasting_tag(service: Any) -> None:
    fill(service)
    service.clock.advance(days=1)
    path = "/boards/b/top?period=day&id=2026-11-23"
    first = ask(service, path)
    assert first.json["period"]["state"] == "closed"
    service.clock.advance(hours=5)
    assert ask(service, path, first.headers["ETag"]).status == 304


@every_path
def test_a_tag_does_not_outlive_its_board(service: Any, path: str) -> None:
    fill(service)
    tags = []
    for _ in range(4):  # the same board, the same players, the same number of writes
        tags.append(ask(service, path).headers["ETag"])
        service.request("DELETE", "/v1/boards/b")
        fill(service)
        reply = ask(service, path, ", ".join(tags))
        assert reply.status == 200
    assert len(set(tags)) == 4


def test_tags_are_not_shared_between_questions(service: Any) -> None:
    fill(service)
    service.put_board("c")
    service.bulk([{"board": "c", "player": player, "score": 5} for player in "abc"])
    paths = [*PATHS, "/boards/c/top", "/boards/b/top?limit=2", "/boards/b/top?metadata=true", "/boards/b/players/b"]
    tags = [ask(service, path).headers["ETag"] for path in paths]
    assert len(set(tags)) == len(tags)


def test_tags_are_not_shared_between_games(service: Any) -> None:
    fill(service)
    tag = ask(service, "/boards/b/top").headers["ETag"]
    service.new_game()
    fill(service)
    assert ask(service, "/boards/b/top", tag).status == 200


def test_a_changed_definition_ends_a_tag(service: Any) -> None:
    fill(service)
    tag = ask(service, "/boards/b/top").headers["ETag"]
    service.put_board(periods=["all", "hour"])
    reply = ask(service, "/boards/b/top", tag)
    assert (reply.status, reply.json["total"]) == (200, 3)


def test_a_past_period_is_answered_afresh_after_a_backfill(service: Any) -> None:
    fill(service)
    service.clock.advance(days=2)
    path = "/boards/b/top?period=day&ago=2"
    tag = ask(service, path).headers["ETag"]
    service.bulk([{"board": "b", "player": "z", "score": 50, "at": "2026-11-23T10:00:00Z"}], backfill="true")
    reply = ask(service, path, tag)
    assert (reply.status, reply.json["total"]) == (200, 4)


@pytest.mark.parametrize("etag", ["", "x", '"', 'W/"', "ä", '"a" "b"', ","])
def test_tags_that_are_none_are_passed_over(service: Any, etag: str) -> None:
    fill(service)
    assert ask(service, "/boards/b/top", etag.encode().decode("latin-1")).status == 200
