"""Keys, their roles, and games that never see each other's data."""

from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
ONE = {"player": "a", "score": 1}
READS = [
    *("/boards", "/boards/b", "/boards/b/top", "/boards/b/players/a", "/boards/b/scores", "/boards/b/rank?score=1"),
    *("/boards/b/percentile?p=1", "/boards/b/distribution", "/boards/b/periods", "/players/a"),
]
CALLS: list[tuple[str, str, Any]] = [
    *(("GET", path, None) for path in READS),
    ("POST", "/boards/b/lookup", {"players": ["a"]}),
    ("PUT", "/boards/b", {}),
    ("POST", "/boards/b/scores", ONE),
    ("POST", "/scores", {"scores": [{"board": "b", **ONE}]}),
    ("DELETE", "/boards/b/players/a", None),
    ("DELETE", "/players/a", None),
    ("DELETE", "/boards/b", None),
]
ANALYTICS: list[tuple[str, str, Any, int]] = [  # with what a client's key gets
    ("GET", "/game", None, 200),
    ("PUT", "/game", {}, 403),
    ("POST", "/counters/deaths", {"by": 1}, 403),
    ("POST", "/counters", {"counters": [{"name": "deaths"}]}, 403),
    ("GET", "/counters", None, 200),
    ("GET", "/counters/deaths", None, 404),
    ("DELETE", "/counters/deaths", None, 403),
    ("POST", "/events", {"events": [{"name": "match"}]}, 403),
    ("POST", "/events/match", {}, 403),
    ("GET", "/stats", None, 200),
    ("GET", "/stats/match", None, 404),
    ("GET", "/analytics/active", None, 200),
    ("GET", "/analytics/retention", None, 200),
    ("GET", "/analytics/players/ada", None, 404),
    ("PUT", "/funnels/start", {"steps": ["a", "b"]}, 403),
    ("GET", "/funnels", None, 200),
    ("GET", "/analytics/funnels/start", None, 404),
    ("DELETE", "/funnels/start", None, 403),
]


def problem(reply: Any, status: int, code: str | None = None) -> None:
    assert reply.status == status, reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert code is None or reply.json["code"] == code


def top(service: Any, board: str = "b") -> dict[str, Any]:
    rows = service.get(f"/boards/{board}/top", headers=FRESH)["entries"]
    return {row["player"]: row["score"] for row in rows}


def test_a_client_reads_everything(service: Any) -> None:
    service.put_board()
    service.submit("a", 1)
    for path in READS:
        assert service.request("GET", f"/v1{path}", key="client").status == 200, path
    assert service.request("POST", "/v1/boards/b/lookup", json={"players": ["a"]}, key="client").status == 200


@pytest.mark.parametrize("writes", ["server", "client", "signed"])
def test_a_client_changes_nothing_but_its_scores(service: Any, writes: str) -> None:
    service.put_board(writes=writes)
    service.submit("a", 1)
    for method, path, body in (
        ("PUT", "/boards/b", {"writes": "client"}),
        ("PUT", "/boards/new", {}),
        ("DELETE", "/boards/b", None),
        ("DELETE", "/boards/none", None),
        ("DELETE", "/boards/b/players/a", None),
        ("DELETE", "/players/a", None),
        ("POST", "/scores?backfill=true", {"scores": [{"board": "b", **ONE}]}),
    ):
        problem(service.request(method, f"/v1{path}", json=body, key="client"), 403, "forbidden")
    assert (top(service), service.get("/boards/b")["writes"]) == ({"a": 1}, writes)
    assert service.request("GET", "/v1/boards/new").status == 404


@pytest.mark.parametrize(("writes", "allowed"), [("server", False), ("signed", False), ("client", True)])
def test_a_client_submits_where_the_board_allows_it(service: Any, writes: str, allowed: bool) -> None:
    service.put_board(writes=writes)
    reply = service.request("POST", "/v1/boards/b/scores", json=ONE, key="client")
    assert reply.status == (200 if allowed else 403)
    items = {"scores": [{"board": "b", "player": "b", "score": 2}]}
    report = service.request("POST", "/v1/scores", json=items, key="client")
    assert report.status == 200
    assert (report.json["applied"], [one["code"] for one in report.json["rejected"]]) == (
        (1, []) if allowed else (0, ["forbidden"])
    )
    assert top(service) == ({"b": 2, "a": 1} if allowed else {})
    assert service.submit("s", 3)["updated"]  # a server always may


def test_a_clients_batch_for_several_boards(service: Any) -> None:
    service.put_board("mine", writes="client")
    service.put_board("theirs")
    items = [{"board": board, **ONE} for board in ("mine", "theirs", "none", "mine")]
    items.append({"board": "mine", "player": "b", "score": 1, "at": "2026-11-23T11:59:00Z"})
    report = service.request("POST", "/v1/scores", json={"scores": items}, key="client").json
    assert [(one["index"], one["code"]) for one in report["rejected"]] == [
        (1, "forbidden"),
        (2, "unknown_board"),
        (4, "forbidden"),
    ]
    assert (top(service, "mine"), top(service, "theirs")) == ({"a": 1}, {})


def test_a_client_may_not_say_when(service: Any) -> None:
    service.put_board(writes="client")
    item = {**ONE, "at": "2026-11-23T11:59:00Z"}
    problem(service.request("POST", "/v1/boards/b/scores", json=item, key="client"), 403, "forbidden")
    assert top(service) == {}
    assert service.request("POST", "/v1/boards/b/scores", json={**ONE, "at": None}, key="client").status == 200


BAD_KEYS = [
    {},
    {"Authorization": ""},
    {"Authorization": "Bearer"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer lb_server_nonsense"},
    {"Authorization": "Bearer null"},
    {"Authorization": "Basic dXNlcjpwYXNz"},
    {"Authorization": "lb_server_nonsense"},
    {"Authorization": "Bearer ä"},
]


@pytest.mark.parametrize("headers", BAD_KEYS, ids=str)
def test_without_a_good_key_nothing_is_told(service: Any, headers: dict[str, str]) -> None:
    service.put_board()
    for method, path, body in CALLS:
        reply = service.request(method, f"/v1{path}", json=body, key=None, headers=headers)
        problem(reply, 401)
        assert reply.headers["WWW-Authenticate"].startswith("Bearer")
        assert service.game not in reply.body.decode()


def test_a_key_is_no_key_of_another_kind(service: Any) -> None:
    service.put_board()
    for key in (
        service.keys["server"][:-1],
        service.keys["server"] + "x",
        service.keys["server"].upper(),
        service.game,
    ):
        problem(service.request("GET", "/v1/boards", key=key), 401)
    assert service.request("GET", "/v1/boards", key=None, headers={"Authorization": f"bearer {service.keys['client']}"})


def test_only_a_hash_of_a_key_is_kept(service: Any) -> None:
    service.put_board()
    kept = b"".join(service.services.store.client.scan_iter(count=10_000))
    database = (service.services.settings.data_dir / "leaderboard.sqlite3").read_bytes()
    for key in service.keys.values():
        assert key.encode() not in kept
        assert key.encode() not in database
        assert key[-24:].encode() not in database


def test_a_key_that_was_revoked_is_none(service: Any) -> None:
    access = service.services.access
    key = access.create_key(service.game, "server", service.clock.now())  # never used: no cache knows it
    access.revoke(key, service.clock.now())
    problem(service.request("GET", "/v1/boards", key=key), 401)


def test_games_never_see_each_others_data(service: Any) -> None:
    service.put_board(operator="sum")
    service.submit("a", 5, metadata={"secret": 1})
    service.put_board("only-here")
    first = dict(service.keys)
    service.new_game()
    for method, path, body in CALLS:
        reply = service.request(method, f"/v1{path}", json=body)
        if path in ("/boards", "/players/a", "/scores") or method == "PUT":
            assert b"only-here" not in reply.body
            assert b"secret" not in reply.body
        elif method == "DELETE" and path == "/boards/b":
            assert reply.status == 204  # its own, made by the PUT above
        else:
            assert reply.status in (200, 204, 404)
    assert service.request("GET", "/v1/boards").json == {"boards": []}
    service.put_board(operator="sum", order="asc")
    service.submit("a", 100)
    service.submit("b", 1)
    service.request("DELETE", "/v1/players/b")
    assert top(service) == {"a": 100}
    service.keys = first
    assert top(service) == {"a": 5}
    assert {board["name"] for board in service.get("/boards")["boards"]} == {"b", "only-here"}
    assert service.get("/boards/b")["order"] == "desc"


def test_games_whose_names_begin_alike_are_two(service: Any) -> None:
    """Neither does a board's name reach into another game's keys."""
    access, now = service.services.access, service.clock.now()
    games = {game: access.create_key(game, "server", now) for game in (service.game, service.game + "-x")}
    for game, board in (
        (service.game, "x:b"),
        (service.game + "-x", "b"),
        (service.game, "b:all"),
        (service.game, "b"),
    ):
        service.keys = {"server": games[game]}
        service.put_board(board)
        service.submit(f"{game}/{board}", 1, board)
        assert top(service, board) == {f"{game}/{board}": 1}


def test_analytics_are_read_by_clients_and_made_by_servers(service: Any) -> None:
    for method, path, body, status in ANALYTICS:
        assert service.request(method, f"/v1{path}", json=body, key="client").status == status, path
        problem(service.request(method, f"/v1{path}", json=body, key=None), 401)


def test_clients_send_events_where_the_game_lets_them(service: Any) -> None:
    service.request("PUT", "/v1/game", json={"client_events": True})
    assert service.request("POST", "/v1/events/match", json={"player": "ada"}, key="client").status == 200
    assert service.request("POST", "/v1/counters/deaths", json={}, key="client").json["value"] == 1
    past = {"name": "match", "at": "2026-11-23T11:00:00Z"}
    report = service.request("POST", "/v1/events", json={"events": [past, {"name": "match"}]}, key="client").json
    assert (report["applied"], report["rejected"][0]["code"]) == (1, "forbidden")
    problem(service.request("POST", "/v1/events?backfill=true", json={"events": [past]}, key="client"), 403)
    problem(service.request("POST", "/v1/events/match", json={"at": past["at"]}, key="client"), 403)
    service.request("PUT", "/v1/game", json={})
    problem(service.request("POST", "/v1/events/match", json={}, key="client"), 403)
