"""Two workers over one store: whatever one of them was told, the other knows at once."""

from collections.abc import Iterator
from typing import Any

import pytest

from leaderboard.app import create_app

pytestmark = pytest.mark.parametrize("store_url", ["valkey"], indirect=True)

FRESH = {"Cache-Control": "no-cache"}


@pytest.fixture
def other(service: Any) -> Iterator[Any]:
    """The same game through another worker."""
    app = create_app(service.services.settings, clock=service.clock.now)
    other = type(service)(app, service.clock, service.game, service.keys)
    yield other
    app.extensions["leaderboard"].close()


def top(service: Any, board: str = "b", **query: Any) -> dict[str, Any]:
    rows = service.get(f"/boards/{board}/top", query=query or None, headers=FRESH)["entries"]
    return {row["player"]: row["score"] for row in rows}


def know(*workers: Any) -> None:
    """Lets every worker read the board, so that what it keeps in mind may be out of date later."""
    for worker in workers:
        worker.get("/boards/b/top", headers=FRESH)
        worker.get("/boards/b/rank?score=1", headers=FRESH)


def test_what_one_writes_the_other_reads(service: Any, other: Any) -> None:
    service.put_board()
    know(service, other)
    for number in range(1, 6):
        writer, reader = (service, other) if number % 2 else (other, service)
        writer.submit("a", number)
        assert reader.get("/boards/b/players/a", headers=FRESH)["score"] == number
        assert top(reader) == {"a": number}
    other.request("DELETE", "/v1/boards/b/players/a")
    assert top(service) == {}


def test_a_changed_board_is_changed_for_both(service: Any, other: Any) -> None:
    service.put_board(score={"min": 0, "max": 10})
    know(service, other)
    service.put_board(order="asc", score={"min": 0, "max": 100, "decimals": 1})
    assert other.submit("a", 50.5)["score"] == 50.5 == float(top(service)["a"])
    assert service.submit("b", 7)["periods"]["day"]["rank"] == 1
    assert list(top(other)) == ["b", "a"]


def test_a_rank_that_would_be_is_asked_of_the_board_as_it_is(service: Any, other: Any) -> None:
    service.put_board(score={"min": 0, "max": 10})
    know(service, other)
    service.put_board(score={"min": 0, "max": 100, "decimals": 1})
    answer = other.get("/boards/b/rank?score=50.5", headers=FRESH)
    assert (float(answer["score"]), answer["rank"]) == (50.5, 1)


def test_a_period_that_one_adds_the_other_keeps(service: Any, other: Any) -> None:
    service.put_board(periods=["all"])
    know(service, other)
    service.put_board(periods=["all", "hour"])
    assert top(other, period="hour") == {}
    other.put_board(periods=["all", "day", "hour"])
    service.bulk([{"board": "b", "player": "a", "score": 1}])
    assert top(service, period="day") == top(other, period="day") == {"a": 1}


def test_a_period_that_one_adds_the_other_answers(service: Any, other: Any) -> None:
    service.put_board(periods=["all"])
    know(service, other)
    service.put_board(periods=["all", "day"])
    assert set(other.submit("a", 1)["periods"]) == {"all", "day"}


def test_a_period_that_one_adds_the_other_can_be_asked_for(service: Any, other: Any) -> None:
    service.put_board(periods=["all"])
    know(service, other)
    service.put_board(periods=["all", "week"])
    answer = other.request("POST", "/v1/boards/b/scores?ranks=week", json={"player": "a", "score": 2})
    assert (answer.status, set(answer.json.get("periods", ()))) == (200, {"week"})


def test_a_right_that_one_gives_the_other_grants(service: Any, other: Any) -> None:
    service.put_board()
    know(service, other)
    service.put_board(writes="client")
    assert other.request("POST", "/v1/boards/b/scores", json={"player": "a", "score": 1}, key="client").status == 200
    other.put_board(writes="server")
    assert service.request("POST", "/v1/boards/b/scores", json={"player": "a", "score": 2}, key="client").status == 403
    assert top(service) == {"a": 1}


def test_a_cursor_of_one_goes_on_at_the_other(service: Any, other: Any) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{number}", "score": number} for number in range(6)])
    know(service, other)
    service.put_board(late_grace_seconds=5)
    page = service.get("/boards/b/top?limit=3", headers=FRESH)
    rest = other.request("GET", "/v1/boards/b/top", query={"cursor": page["next"]}, headers=FRESH)
    assert rest.status == 200, rest.body
    assert [row["player"] for row in rest.json["entries"]] == ["p2", "p1", "p0"]


def test_a_board_that_one_deletes_is_gone_for_both(service: Any, other: Any) -> None:
    service.put_board()
    other.submit("a", 1)
    know(service, other)
    service.request("DELETE", "/v1/boards/b")
    for path in ("", "/top", "/players/a", "/scores", "/rank?score=1", "/distribution", "/percentile?p=1", "/periods"):
        reply = other.request("GET", f"/v1/boards/b{path}", headers=FRESH)
        assert (reply.status, reply.json["code"]) == (404, "unknown_board"), path
    reply = other.request("POST", "/v1/boards/b/scores", json={"player": "a", "score": 1})
    assert (reply.status, reply.json["code"]) == (404, "unknown_board")
    assert [one["code"] for one in other.bulk([{"board": "b", "player": "a", "score": 1}])["rejected"]] == [
        "unknown_board"
    ]


def test_a_board_that_one_makes_again_is_the_new_one_for_both(service: Any, other: Any) -> None:
    service.put_board()
    other.submit("a", 1)
    know(service, other)
    tag = other.request("GET", "/v1/boards/b/top", headers=FRESH).headers["ETag"]
    service.request("DELETE", "/v1/boards/b")
    service.put_board(operator="sum", order="asc", ties="first", score={"min": 0, "max": 99, "decimals": 1})
    assert other.request("GET", "/v1/boards/b/top", headers={**FRESH, "If-None-Match": tag}).status == 200
    assert top(other) == {}
    assert other.submit("a", 0.5)["updated"]
    other.bulk([{"board": "b", "player": "a", "score": 0.5}, {"board": "b", "player": "b", "score": 0.5}])
    assert list(top(service)) == ["b", "a"]


def test_metadata_that_one_begins_the_other_keeps(service: Any, other: Any) -> None:
    service.put_board()
    other.submit("old", 1)
    know(service, other)
    service.submit("a", 5, metadata={"n": 1})
    assert other.get("/boards/b/players/a?metadata=true", headers=FRESH)["metadata"] == {"n": 1}
    other.submit("a", 6)  # without: what stands now has none
    assert service.get("/boards/b/players/a?metadata=true", headers=FRESH)["metadata"] is None


def test_a_retry_may_come_to_the_other(service: Any, other: Any) -> None:
    service.put_board(operator="sum")
    for path, body in (
        ("/v1/boards/b/scores", {"player": "a", "score": 10}),
        ("/v1/scores", {"scores": [{"board": "b", "player": "a", "score": 10}]}),
    ):
        first, again = (
            worker.request("POST", path, json=body, headers={"Idempotency-Key": "once"}) for worker in (service, other)
        )
        assert (again.body, again.headers["Idempotency-Replayed"]) == (first.body, "true")
    assert top(service) == {"a": 20}


def test_a_key_that_one_revokes_ends_for_both(service: Any, other: Any) -> None:
    service.put_board()
    key = service.services.access.create_key(service.game, "server", service.clock.now())
    service.services.access.revoke(key, service.clock.now())
    assert [worker.request("GET", "/v1/boards", key=key).status for worker in (service, other)] == [401, 401]


def test_a_funnel_is_followed_by_both_from_the_moment_it_is_made(service: Any, other: Any) -> None:
    for worker in (service, other):  # so that both have in mind that there is none
        assert worker.request("POST", "/v1/events/install", json={"player": "zoe"}).status == 200
    service.request("PUT", "/v1/funnels/start", json={"steps": ["install", "level_1"]})
    for name in ("install", "level_1"):
        assert other.request("POST", f"/v1/events/{name}", json={"player": "ada"}).status == 200
    assert other.get("/analytics/funnels/start")["total"]["players"] == [1, 1]


def test_events_of_both_are_one_stat(service: Any, other: Any) -> None:
    for number, worker in enumerate((service, other, service)):
        worker.request("POST", "/v1/events/match", json={"player": f"p{number}", "value": number})
    for worker in (service, other):
        total = worker.get("/stats/match?step=day")["total"]
        assert (total["count"], total["sum"]) == (3, 3)
        assert worker.get("/analytics/active")["days"][-1]["dau"] == 3
