"""Every error is a problem document with all its members, those of the framework too; and never a 500."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.store.connection import Store

JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
MEMBERS = {"type": str, "title": str, "status": int, "detail": str, "code": str, "request_id": str}
ITEM = {"board": "b", "player": "a", "score": 1}
GOOD = json.dumps({"scores": [ITEM]}).encode()
LINE = json.dumps(ITEM).encode() + b"\n"
LIMIT = 8 * 1024 * 1024


def check(status: int, headers: Any, document: Any) -> dict[str, Any]:
    assert headers["Content-Type"] == "application/problem+json"
    for name, kind in MEMBERS.items():
        assert isinstance(document[name], kind), name
        assert document[name] not in ("", 0), name
    assert document["status"] == status
    assert document["code"] == document["code"].lower().replace(" ", "_").replace("-", "_")
    if "errors" in document:
        assert all(isinstance(text, str) for texts in document["errors"].values() for text in texts)
    return dict(document)


def problem(reply: Any, status: int, code: str | None = None) -> dict[str, Any]:
    assert reply.status == status, reply.body[:300]
    document = check(status, reply.headers, reply.json)
    assert code is None or document["code"] == code
    return document


TABLE: list[tuple[str, str, dict[str, Any], int, str | None]] = [
    ("GET", "/v1/nothing", {}, 404, "not_found"),
    ("GET", "/v1/nothing", {"key": None}, 404, "not_found"),
    ("GET", "/nothing", {"key": None}, 404, "not_found"),
    ("GET", "/v1/boards", {"key": None}, 401, None),
    ("GET", "/v1/boards", {"key": "wrong"}, 401, None),
    ("PUT", "/v1/boards/b", {"key": "client", "json": {}}, 403, "forbidden"),
    ("GET", "/v1/boards/none", {}, 404, "unknown_board"),
    ("GET", "/v1/boards/b/players/none", {}, 404, "unknown_player"),
    ("PATCH", "/v1/boards/b", {}, 405, "method_not_allowed"),
    ("POST", "/v1/boards", {"json": {}}, 405, "method_not_allowed"),
    ("PUT", "/v1/scores", {"json": {}}, 405, "method_not_allowed"),
    ("DELETE", "/v1/boards", {}, 405, "method_not_allowed"),
    ("PUT", "/v1/boards/b", {"json": {"order": "asc"}}, 409, None),
    ("POST", "/v1/boards/b/scores", {"data": b"{", "headers": JSON}, 400, "unreadable_body"),
    ("POST", "/v1/boards/b/scores", {"data": b"", "headers": JSON}, 400, "unreadable_body"),
    ("POST", "/v1/boards/b/scores", {"data": b'{"player":"\xff"}', "headers": JSON}, 400, "unreadable_body"),
    ("POST", "/v1/boards/b/scores", {"data": b"[" * 100_000, "headers": JSON}, 400, "unreadable_body"),
    ("PUT", "/v1/boards/b", {"data": b"nonsense", "headers": JSON}, 400, "unreadable_body"),
    ("POST", "/v1/scores", {"data": b"{} {}", "headers": JSON}, 400, "unreadable_body"),
    ("POST", "/v1/boards/b/scores", {"data": b"{}"}, 415, None),
    ("POST", "/v1/boards/b/scores", {"data": b"{}", "headers": {"Content-Type": "text/plain"}}, 415, None),
    ("POST", "/v1/boards/b/scores", {"data": LINE, "headers": NDJSON}, 415, None),
    (
        "PUT",
        "/v1/boards/b",
        {"data": b"a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        415,
        None,
    ),
    ("POST", "/v1/scores", {"data": GOOD, "headers": {**JSON, "Content-Encoding": "br"}}, 415, None),
    ("POST", "/v1/scores", {"data": GOOD, "headers": {"Content-Type": "application/json; charset=latin-1"}}, 415, None),
    ("POST", "/v1/scores", {"data": GOOD, "headers": {**JSON, "Content-Encoding": "gzip"}}, 400, None),
    ("POST", "/v1/scores", {"data": GOOD, "headers": {**JSON, "Content-Encoding": "zstd"}}, 400, None),
    (
        "POST",
        "/v1/scores",
        {"data": gzip.compress(GOOD)[:-9], "headers": {**JSON, "Content-Encoding": "gzip"}},
        400,
        None,
    ),
    ("POST", "/v1/scores", {"data": gzip.compress(GOOD), "headers": JSON}, 400, None),
    ("POST", "/v1/scores", {"data": b" " * (LIMIT + 1), "headers": JSON}, 413, "too_large"),
    ("POST", "/v1/scores", {"data": b"\n" * (LIMIT + 1), "headers": NDJSON}, 413, "too_large"),
    ("POST", "/v1/scores", {"data": LINE * 10_001, "headers": NDJSON}, 413, "too_large"),
    ("POST", "/v1/boards/b/scores", {"data": b" " * (LIMIT + 1), "headers": JSON}, 413, "too_large"),
    ("POST", "/v1/boards/b/scores", {"json": {}}, 422, None),
    ("POST", "/v1/boards/b/scores", {"json": []}, 422, None),
    ("POST", "/v1/scores", {"json": {}}, 422, None),
    ("PUT", "/v1/boards/b", {"json": {"order": "up"}}, 422, None),
    ("PUT", "/v1/boards/new", {"json": {"score": {"min": 0, "max": 2**70, "decimals": 0}}}, 422, "board_does_not_fit"),
    ("GET", "/v1/boards/b/top?limit=0", {}, 422, None),
    ("GET", "/v1/boards/b/top?nonsense=1", {}, 422, None),
    ("GET", "/v1/boards/b/top?cursor=nonsense", {}, 422, "invalid_cursor"),
]


def test_every_error_has_its_shape(service: Any) -> None:
    service.put_board()
    service.submit("somebody", 1)
    for method, path, more, status, code in TABLE:
        document = problem(service.request(method, path, **more), status, code)
        assert document["title"]
    assert service.get("/boards/b/top", headers={"Cache-Control": "no-cache"})["total"] == 1


def test_fields_at_fault_are_named(service: Any) -> None:
    service.put_board()
    for method, path, body, fields in (
        ("POST", "/boards/b/scores", {}, {"player", "score"}),
        ("POST", "/boards/b/scores", {"player": "", "score": "1", "x": 1}, {"player", "score", "x"}),
        ("PUT", "/boards/new", {"order": "up", "ties": 1, "score": {"min": "low"}}, {"order", "ties", "score.min"}),
        ("POST", "/boards/b/lookup", {"players": "a"}, {"players"}),
        ("GET", "/boards/b/top?limit=x&metadata=maybe", None, {"limit", "metadata"}),
        ("GET", "/boards/b/rank", None, {"score"}),
    ):
        found = problem(service.request(method, f"/v1{path}", json=body), 422)
        assert set(found["errors"]) == fields


def test_the_field_that_a_score_is_refused_for_is_named(service: Any) -> None:
    service.put_board(score={"min": 0, "max": 9}, periods=["day"])
    service.put_board("two", subscore={"min": 0, "max": 9})
    service.put_board("timed", ties="first")
    table: list[tuple[str, dict[str, Any], str]] = [
        ("b", {"score": 10}, "score"),
        ("b", {"score": 1, "at": "2036-01-01T00:00:00Z"}, "at"),
        ("b", {"score": 1, "at": "2016-01-01T00:00:00Z"}, "at"),
        ("timed", {"score": 1, "at": "1999-01-01T00:00:00Z"}, "at"),
        ("two", {"score": 10**10, "subscore": 1}, "score"),
        ("two", {"score": 1}, "subscore"),
        ("two", {"score": 1, "subscore": 10}, "subscore"),
        ("two", {"score": 1, "subscore": 0.5}, "subscore"),
    ]
    found = []
    for board, item, _ in table:
        reply = service.request("POST", f"/v1/boards/{board}/scores", json={"player": "a", **item})
        found.append((board, item, *problem(reply, 422)["errors"]))
    assert found == table


def test_what_a_method_is_not_allowed_for(service: Any) -> None:
    service.put_board()
    allowed = service.request("PATCH", "/v1/boards/b").headers["Allow"].split(", ")
    assert {"GET", "PUT", "DELETE"} <= set(allowed)
    assert "POST" not in allowed


def test_a_request_id_is_taken_over_where_it_is_one(service: Any) -> None:
    given = service.request("GET", "/v1/boards/none", headers={"X-Request-ID": "mine-42"})
    assert problem(given, 404)["request_id"] == "mine-42"
    first, second = (problem(service.request("GET", "/v1/boards/none"), 404)["request_id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress), ("identity", bytes)],
)
def test_bodies_may_be_packed_but_not_too_large_unpacked(service: Any, encoding: str, pack: Any) -> None:
    service.put_board()
    for number, (body, kind) in enumerate(((GOOD, JSON), (LINE, NDJSON))):
        reply = service.request("POST", "/v1/scores", data=pack(body), headers={**kind, "Content-Encoding": encoding})
        assert (reply.status, reply.json["applied"]) == (200, int(number == 0))
        bomb = pack(body[:-1] + b" " * LIMIT)
        reply = service.request("POST", "/v1/scores", data=bomb, headers={**kind, "Content-Encoding": encoding})
        problem(reply, 413, "too_large")


@pytest.fixture
def dead(tmp_path: Path) -> Iterator[tuple[Any, str]]:
    """The app beside a store that nobody has started, and a key."""
    app = create_app(Settings(data_dir=tmp_path, redis_url="redis://127.0.0.1:1/0", redis_retries=0))
    services = app.extensions["leaderboard"]
    yield app, services.access.create_key("g", "server", services.clock())
    services.close()


def test_without_a_store_all_is_503(dead: tuple[Any, str]) -> None:
    app, key = dead
    calls = [
        *(("GET", f"/v1/boards/b{rest}", None) for rest in ("", "/top", "/players/a", "/scores", "/periods")),
        ("PUT", "/v1/boards/b", {}),
        ("DELETE", "/v1/boards/b", None),
        ("POST", "/v1/boards/b/scores", {"player": "a", "score": 1}),
        ("POST", "/v1/scores", {"scores": [ITEM]}),
        ("DELETE", "/v1/boards/b/players/a", None),
    ]
    for method, path, body in calls:
        reply = app.test_client().open(path, method=method, json=body, headers={"Authorization": f"Bearer {key}"})
        assert reply.status_code == 503, (method, path)
        assert check(503, reply.headers, reply.get_json())["code"] == "store_unavailable"
        assert int(reply.headers["Retry-After"]) > 0
    assert app.test_client().get("/healthz").status_code == 200
    assert app.test_client().get("/readyz").status_code == 503


def test_a_bug_is_told_without_its_secrets(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board()
    for name in ("run", "run_all"):
        monkeypatch.setattr(Store, name, lambda *_, **__: 1 / 0)
    found = problem(service.request("GET", "/v1/boards/b/top", headers={"Cache-Control": "no-cache"}), 500)
    assert "division" not in json.dumps(found)
