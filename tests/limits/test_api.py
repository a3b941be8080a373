"""What a client sees of limits, whichever way its requests go."""

import json
import os
import secrets
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import START, Service
from tests.front import Reply
from tests.serving.harness import Ask, Gate

EXAMPLES = int(os.environ.get("LIMITS_EXAMPLES", "50" if os.environ.get("CI") else "3"))
HEADERS = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
JSON = ("Content-Type", "application/json")


@pytest.fixture(autouse=True)
def by_its_clock(service: Service) -> Iterator[None]:
    """The limits go by the test's clock, in the store too."""
    keeper = service.services.keeper
    before = keeper._seconds
    keeper.store_ms = lambda: int(service.clock.now().timestamp() * 1000)
    keeper._seconds = lambda: service.clock.now().timestamp()
    yield
    keeper.store_ms, keeper._seconds = None, before


def limit(service: Service, **limits: str | None) -> None:
    service.services.limits.change(service.game, limits)


def send(service: Service, player: str = "ada", score: Any = 1, board: str = "b", **more: Any) -> Reply:
    return service.request("POST", f"/v1/boards/{board}/scores", json={"player": player, "score": score}, **more)


def standing(reply: Reply) -> list[str | None]:
    return [reply.headers.get(name) for name in HEADERS]


def refused(reply: Reply, retry_after: int) -> bool:
    """Whether it is a 429 in every way."""
    body = reply.json
    assert (reply.status, body["code"], body["status"]) == (429, "rate_limited", 429)
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert reply.headers["Retry-After"] == reply.headers["RateLimit-Reset"] == str(retry_after)
    assert reply.headers["RateLimit-Remaining"] == "0"
    assert str(retry_after) in body["detail"]
    return True


def test_a_player_has_a_bucket(service: Service) -> None:
    service.put_board()
    limit(service, player_submissions="1/10s burst 3")
    for left, reset in ((2, 10), (1, 20), (0, 30)):
        reply = send(service)
        assert reply.status == 200
        assert standing(reply) == ["3", str(left), str(reset), "1;w=10;burst=3"]
    for _ in range(3):
        assert refused(send(service), 10)
    assert send(service, "bob").status == 200
    service.clock.advance(seconds=9.5)
    assert refused(send(service), 1)
    service.clock.advance(seconds=0.5)
    assert standing(send(service)) == ["3", "0", "30", "1;w=10;burst=3"]
    service.clock.advance(seconds=30)
    assert standing(send(service, key="server"))[1] == "2"
    assert {one["player"]: one["score"] for one in service.get("/boards/b/top")["entries"]} == {"ada": 1, "bob": 1}


def test_client_keys_have_the_same_bucket(service: Service) -> None:
    service.put_board(writes="client")
    limit(service, player_submissions="1/10s burst 2")
    replies = [send(service, key=key) for key in ("client", "server", "client", "server")]
    assert [reply.status for reply in replies] == [200, 200, 429, 429]


def test_what_was_refused_has_changed_nothing_and_works_later(service: Service) -> None:
    service.put_board(operator="sum")
    limit(service, player_submissions="1/10s")
    head = {"Idempotency-Key": "again"}
    assert send(service).status == 200
    for _ in range(2):
        assert refused(send(service, score=5, headers=head), 10)
    service.clock.advance(seconds=10)
    assert send(service, score=5, headers=head).json["score"] == 6
    service.clock.advance(seconds=10)
    replay = send(service, score=5, headers=head)  # a retry costs a token like any request
    assert (replay.json["score"], replay.headers["Idempotency-Replayed"]) == (6, "true")
    assert refused(send(service, score=5, headers=head), 10)


@pytest.mark.parametrize("score", [1000, "x"])
def test_what_is_refused_for_another_reason_is_counted_once_or_not_at_all(service: Service, score: Any) -> None:
    """Ten is too much, which the short way leaves to the long one; a text is no score, and never taken up."""
    service.put_board(score={"max": 10})
    limit(service, player_submissions="1/10s burst 4")
    for number in range(1, 5):
        reply = send(service, score=score)
        assert reply.status == 422
        assert standing(reply)[1] == (None if score == "x" else str(4 - number))
    assert (send(service).status == 429) == (score == 1000)


def test_ids_that_no_player_can_have_cost_nothing(service: Service) -> None:
    service.put_board()
    limit(service, player_submissions="1/10s burst 2", daily_submissions="4/day")
    for _ in range(4):
        reply = send(service, "x" * 129)
        assert reply.status == 422
        assert standing(reply) == [None] * 4
    report = service.bulk([{"board": "b", "player": "\n", "score": 1}] * 9)
    assert {one["code"] for one in report["rejected"]} == {"validation_error"}
    assert send(service).headers["RateLimit-Remaining"] == "1"


def test_items_of_a_bulk_that_are_over_the_limit_are_rejected_and_the_others_count(service: Service) -> None:
    service.put_board(operator="sum")
    limit(service, player_submissions="1/10s burst 3")
    items = [{"board": "b", "player": player, "score": 1} for player in "abacadaea"]
    reply = service.request("POST", "/v1/scores", json={"scores": items})
    assert (reply.json["received"], reply.json["applied"]) == (9, 7)
    assert [(one["index"], one["code"]) for one in reply.json["rejected"]] == [(6, "rate_limited"), (8, "rate_limited")]
    assert "1/10s burst 3" in reply.json["rejected"][0]["detail"]
    assert standing(reply) == ["3", "0", "10", "1;w=10;burst=3"]
    assert service.get("/boards/b/players/a")["score"] == 3
    assert refused(send(service, "a"), 10)
    assert send(service, "b").status == 200


def test_a_backfill_is_not_limited(service: Service) -> None:
    service.put_board(operator="sum")
    limit(service, player_submissions="1/10s", daily_submissions="2/day", key_reads="100/s")
    items = [{"board": "b", "player": "ada", "score": 1}] * 5
    for _ in range(2):
        reply = service.request("POST", "/v1/scores", json={"scores": items}, query={"backfill": "true"})
        assert reply.json["applied"] == 5
        assert standing(reply) == [None] * 4


def test_a_bulk_that_comes_again_leaves_out_the_same_items(service: Service, monkeypatch: Any) -> None:
    """Also one that died half-way, whose chunks are cut by what was left out the first time."""
    service.put_board(operator="sum")
    limit(service, daily_submissions="7/day")
    body = {"scores": [{"board": "b", "player": f"p{number}", "score": 1} for number in range(10)]}
    head = {"Idempotency-Key": "again"}
    plans = service.services.plans
    with monkeypatch.context() as patch:
        patch.setattr(type(plans), "finish", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            service.app.test_client().post(
                "/v1/scores", json=body, headers={**head, "Authorization": f"Bearer {service.keys['server']}"}
            )
    limit(service, daily_submissions="100/day")
    for _ in range(3):
        reply = service.request("POST", "/v1/scores", json=body, headers=head)
        assert (reply.status, reply.json["applied"]) == (200, 7)
        assert [one["index"] for one in reply.json["rejected"]] == [7, 8, 9]
    assert service.get("/boards/b/top")["total"] == 7


READS = [
    "/boards/b/top",
    "/boards/b/players/ada",
    "/boards/b/rank?score=1",
    "/boards",
    "/boards/b/distribution",
    "/game",
]


@pytest.mark.parametrize("path", READS)
def test_the_reads_of_a_key_have_a_window(service: Service, path: str) -> None:
    service.put_board()
    send(service)
    limit(service, key_reads="4/10s")
    for left in (3, 2, 1, 0):
        reply = service.request("GET", f"/v1{path}")
        assert reply.status == 200
        assert standing(reply) == ["4", str(left), "11", "4;w=10"]
        service.clock.advance(seconds=1)
    assert refused(service.request("GET", f"/v1{path}"), 7)
    assert refused(service.request("POST", "/v1/boards/b/lookup", json={"players": ["ada"]}), 7)
    assert service.request("GET", f"/v1{path}", key="client").status == 200
    assert send(service).status == 200
    assert service.request("POST", "/v1/counters/deaths", json={"by": 1}).status == 200
    service.clock.advance(seconds=6.1)
    assert service.request("GET", f"/v1{path}").status == 200
    assert service.request("GET", f"/v1{path}").status == 429


def test_reads_that_find_nothing_new_or_nothing_at_all_tell_the_standing_too(service: Service) -> None:
    service.put_board()
    limit(service, key_reads="10/10s")
    etag = service.request("GET", "/v1/boards/b/top").headers["ETag"]
    for path, head, status in (
        ("/boards/b/top", {"If-None-Match": etag}, 304),
        ("/boards/c/top", {}, 404),
        ("/boards/b/top?limit=0", {}, 422),
        ("/boards/b/players/nobody", {}, 404),
    ):
        left = []
        for _ in range(2):
            reply = service.request("GET", f"/v1{path}", headers=head)
            assert reply.status == status
            left.append(int(reply.headers["RateLimit-Remaining"]))
        assert left[1] == left[0] - 1


def test_a_game_has_a_quota_until_midnight(service: Service) -> None:
    service.put_board(operator="sum")
    limit(service, daily_submissions="5/day")
    until = int((datetime(2026, 11, 24, tzinfo=UTC) - START).total_seconds())
    for left, player in ((4, "ada"), (3, "bob")):
        assert standing(send(service, player)) == ["5", str(left), str(until), "5;w=86400"]
    report = service.bulk([{"board": "b", "player": player, "score": 1} for player in "abcdef"])
    assert report["applied"] == 3
    assert [one["index"] for one in report["rejected"]] == [3, 4, 5]
    assert refused(send(service), until)
    service.clock.advance(seconds=until - 1)
    assert refused(send(service), 1)
    service.clock.advance(seconds=1)
    assert standing(send(service))[:2] == ["5", "4"]


def test_of_two_limits_the_nearest_is_told_and_the_quota_counts_what_is_taken_up(service: Service) -> None:
    service.put_board()
    limit(service, player_submissions="1/10s burst 2", daily_submissions="5/day")
    told = [standing(send(service, player))[:2] for player in ("a", "a", "b")]
    assert told == [["2", "1"], ["2", "0"], ["2", "1"]]
    for _ in range(4):
        assert refused(send(service, "a"), 10)
    assert [standing(send(service, player))[:2] for player in "cd"] == [["2", "1"], ["5", "0"]]
    assert refused(send(service, "e"), 12 * 3600)
    assert refused(send(service, "a"), 10)


def test_a_quota_is_exact_whoever_asks_at_once(service: Service) -> None:
    service.put_board()
    limit(service, daily_submissions="150/day")
    statuses: list[int] = []

    def act(number: int) -> None:
        statuses.extend(send(service, f"p{number}-{turn}").status for turn in range(20))

    threads = [threading.Thread(target=act, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {200: 150, 429: 50}
    assert service.get("/boards/b/top")["total"] == 150


def test_limits_are_shown_and_are_not_the_clients_to_set(service: Service) -> None:
    limit(service, key_reads="5000/s")
    limits = {"player_submissions": None, "key_reads": "5000/s", "daily_submissions": None}
    shown = service.get("/game", key="client")
    assert shown["limits"] == limits
    reply = service.request("PUT", "/v1/game", json={**shown, "week_start": "sunday"})
    assert (reply.status, reply.json["week_start"], reply.json["limits"]) == (200, "sunday", limits)
    for wrong in ({**limits, "key_reads": None}, {}, None, 7):
        reply = service.request("PUT", "/v1/game", json={**shown, "limits": wrong})
        assert (reply.status, list(reply.json["errors"])) == (422, ["limits"])
    assert service.request("PUT", "/v1/game", json={}).json["limits"] == limits
    assert service.get("/game")["limits"] == limits


def test_a_player_who_is_forgotten_leaves_no_bucket(service: Service) -> None:
    service.put_board()
    limit(service, player_submissions="1/day burst 30")
    for player in ("ada", "bob"):
        send(service, player)
    client = service.services.store.client
    pattern = f"rl:{{{service.game}#*"
    assert len(list(client.scan_iter(pattern))) == 2
    assert service.request("DELETE", "/v1/players/ada").status == 200
    (left,) = client.scan_iter(pattern)
    assert left.endswith(b":bob")


def test_the_document_tells_what_may_be_refused(service: Service) -> None:
    paths = service.app.test_client().get("/openapi.json").json["paths"]
    limited = {
        (method, path)
        for path, item in paths.items()
        for method, described in item.items()
        if "429" in described["responses"]
    }
    reads = {
        (method, path) for path, item in paths.items() for method in item if path.startswith("/v1") and method == "get"
    }
    writes = {("post", "/v1/scores"), ("post", "/v1/boards/{board}/scores"), ("post", "/v1/boards/{board}/lookup")}
    assert limited == reads | writes
    told = paths["/v1/scores"]["post"]["responses"]
    assert set(told["429"]["headers"]) == {"Retry-After", *HEADERS}
    assert set(told["200"]["headers"]) == set(HEADERS)


@pytest.fixture(scope="module")
def gate(app: Any) -> Iterator[Gate]:
    gate = Gate(app, read_staleness_ms=0)
    yield gate
    gate.close()


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_both_ways_refuse_the_same(service: Service, gate: Gate, seed: int) -> None:
    """Two games alike, one asked through the gateway and one through Flask alone."""
    chance = Random(seed)
    games = [Service(service.app, service.clock, one_thread=True) for _ in range(2)]
    rules = {
        "player_submissions": chance.choice(("none", "1/s burst 2", "2/3s burst 3")),
        "key_reads": chance.choice(("none", "3/2s")),
        "daily_submissions": chance.choice(("none", "4/day", "9/day")),
    }
    service.clock.set(START + timedelta(hours=11, minutes=59, seconds=chance.randrange(50, 59)))
    for game in games:
        game.new_game()
        game.put_board(score={"max": 5})
        limit(game, **rules)
    statuses, long_before = set(), len(gate.long)
    for _ in range(40):
        service.clock.advance(seconds=chance.choice((0, 0, 0, 0.3, 1)))
        player, score = chance.choice("ab"), chance.choice((1, 2, 9))
        body = json.dumps({"player": player, "score": score}).encode()
        ask = chance.choice(
            [Ask("POST", "/v1/boards/b/scores", (JSON,), body)] * 4
            + [Ask("GET", f"/v1/boards/b/{path}") for path in ("top", "players/a", "rank?score=2")]
        )
        if ask.method == "POST" and chance.random() < 0.3:
            ask = ask.plus(("Idempotency-Key", secrets.token_hex(4)))
        asks = [ask.plus(("Authorization", f"Bearer {game.keys['server']}")) for game in games]
        short, long = gate.ask(asks[0]), gate.flask(asks[1])
        for answer in (short, long):
            answer.headers.pop("etag", None)
        assert short.same == long.same, ask
        statuses.add(short.status)
    assert 200 in statuses
    assert len(gate.long) - long_before <= 30  # the others were answered the short way
