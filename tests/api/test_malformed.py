"""Thousands of requests that nobody should send: every one is refused as a problem, and none leaves a trace."""

import base64
import gzip
import json
import math
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote, unquote_to_bytes

import msgspec
import pytest
import zstandard

from .malformed import BAD_JSON, BOTH, BOUNDED, GOOD, GROUPS, JSON, MANY, NDJSON, ONE, Case, bad_documents, with_body

FRESH = {"Cache-Control": "no-cache"}
Group = Callable[[], Iterator[Case]]


@cache
def cases(group: Group) -> list[Case]:
    return list(group())


def send(service: Any, case: Case) -> Any:
    """Sends it as a server would hand it on: the path decoded to bytes, and beside it as it came."""
    method, _, target = case.request.partition(" ")
    path, _, query = target.partition("?")
    headers = ({"Authorization": f"Bearer {service.keys[case.key]}"} if case.key else {}) | case.headers
    environ = {"PATH_INFO": unquote_to_bytes(path).decode("latin-1"), "RAW_URI": target, "QUERY_STRING": query}
    if "Content-Length" in headers:
        environ["CONTENT_LENGTH"] = headers.pop("Content-Length")
    client = service.app.test_client()
    return client.open("/", method=method, data=case.body, headers=headers, environ_overrides=environ)


def fault(case: Case, reply: Any) -> str | None:
    """What is wrong with a refusal."""
    name = f"{case.request[:150]} {_short(case.body)} {_short(case.headers)} -> {reply.status_code}"
    if reply.status_code not in case.statuses or reply.content_type != "application/problem+json":
        return f"{name}, not {case.statuses}: {reply.get_data()[:150]!r}"
    problem = reply.get_json()
    texts = [problem.get(field) for field in ("type", "title", "detail", "code", "request_id")]
    fields = problem.get("errors", {"field": ["message"]})
    if not (
        all(isinstance(text, str) and text for text in texts)
        and problem["status"] == reply.status_code
        and re.fullmatch("[a-z][a-z0-9_]*", problem["code"])
        and problem["request_id"] == reply.headers["X-Request-ID"]
        and all(messages and all(isinstance(one, str) for one in messages) for messages in fields.values())
        and (reply.status_code != 405 or reply.headers["Allow"])
        and (reply.status_code != 401 or reply.headers["WWW-Authenticate"])
    ):
        return f"{name}: {problem}"
    return None


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:60]} ... {text[-120:]}"


def stored(service: Any) -> dict[bytes, bytes]:
    """Everything of this game that is in the store, and every plan of an idempotent request: key -> type."""
    client = service.services.store.client
    keys = [key for key in client.scan_iter(count=1000) if service.game.encode() in key or key.startswith(b"idem:")]
    return {key: client.type(key) for key in keys}


@pytest.fixture
def boards(service: Any) -> Any:
    service.put_board("b")
    service.put_board("s", **BOUNDED)
    return service


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.__name__)
def test_what_is_malformed_is_refused_and_leaves_no_trace(boards: Any, group: Group) -> None:
    before = stored(boards), boards.get("/boards")
    found = [fault(case, send(boards, case)) for case in cases(group)]
    faults = [one for one in found if one is not None]
    assert not faults, f"{len(faults)} of {len(found)}:\n" + "\n".join(faults)
    assert (stored(boards), boards.get("/boards")) == before
    assert [boards.get(f"/boards/{name}/top", headers=FRESH)["total"] for name in "bs"] == [0, 0]


def test_they_are_thousands() -> None:
    assert sum(len(cases(group)) for group in GROUPS) > 3000


def test_what_they_were_made_from_is_accepted(boards: Any) -> None:
    for like, good in GOOD.items():
        request = like.replace("PUT /v1/boards/b", "PUT /v1/boards/new")
        start, rest = good[:9].encode(), good[9:].encode()
        for case in [
            with_body(request, good),
            with_body(request, f" \r\n\t{good}\n", Content_Type="Application/JSON; Charset=UTF-8"),
            with_body(request, gzip.compress(start) + gzip.compress(rest), Content_Encoding="gzip"),
            with_body(request, zstandard.compress(start) + zstandard.compress(rest), Content_Encoding="ZSTD"),
            with_body(request, good, Content_Encoding="identity", Idempotency_Key="x" * 200),
        ]:
            answer = send(boards, case)
            assert answer.status_code in (200, 201), (case, answer.get_data())
    assert boards.get("/boards/b/top", headers=FRESH)["total"] == 1


def bad_items() -> list[tuple[str, str]]:
    """Items that are refused, one by one, and the board each is for."""
    found = [(document, board) for request, board in ((ONE, "b"), (BOTH, "s")) for document in bad_documents(request)]
    found += [('{"player": "ada"}', "b"), ('{"score": 1}', "b"), ("{}", "b"), ('{"player": "ada", "score": 1}', "s")]
    return found + [
        ('{"player": "ada", "score": 1}', board) for board in ("nope", "", "..", "é", "a/b", "x" * 9999, "\x00")
    ]


@pytest.mark.parametrize("encoding", ["identity", "gzip", "zstd"])
@pytest.mark.parametrize("media_type", [JSON, NDJSON])
def test_bad_items_are_reported_and_the_good_ones_applied(boards: Any, media_type: str, encoding: str) -> None:
    bad = [f'{{"board": {json.dumps(board)}, {document[1:]}'.replace(", }", "}") for document, board in bad_items()]
    bad += [r'{"board": "\ud800", "player": "ada", "score": 1}', '{"player": "ada", "score": 1}']
    bad += ['{"board": 5, "player": "ada", "score": 1}', "null", "1", '"x"', "[]", "[{}]", r'"\ud800"', "1e999999"]
    if media_type == NDJSON:
        bad += [line.decode("latin-1") for line in BAD_JSON if b"\n" not in line and line.strip()]
    items = [x for n, one in enumerate(bad) for x in (one, f'{{"board": "b", "player": "p{n}", "score": {n}}}')]
    text = "\n".join(items) if media_type == NDJSON else f'{{"scores": [{", ".join(items)}]}}'
    raw = text.encode("latin-1" if media_type == NDJSON else "utf-8")
    packed = {"identity": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[encoding](raw)
    answer = send(boards, with_body(MANY, packed, Content_Type=media_type, Content_Encoding=encoding))
    assert answer.status_code == 200, answer.get_data()[:500]
    report = answer.get_json()
    assert [one["index"] for one in report["rejected"]] == list(range(0, len(items), 2))
    assert all(re.fullmatch("[a-z_]+", one["code"]) and one["detail"] for one in report["rejected"])
    assert (report["received"], report["applied"], report["unchanged"]) == (len(items), len(bad), 0)
    assert [boards.get(f"/boards/{name}/top", headers=FRESH)["total"] for name in "bs"] == [len(bad), 0]


def test_cursors_that_were_touched_are_refused(boards: Any) -> None:
    for name in ("one", "two"):
        boards.put_board(name)
        boards.bulk([{"board": name, "player": f"p{n}", "score": n} for n in range(30)])
    cursor = boards.get("/boards/one/top", query={"limit": 10})["next"]
    fields = list(msgspec.msgpack.decode(base64.urlsafe_b64decode(cursor + "==")))
    bad = [f"one/top?cursor={cursor[:length]}" for length in range(1, len(cursor) - 1)]
    bad += [f"one/top?cursor={cursor[:n]}{'B' if cursor[n] == 'A' else 'A'}{cursor[n + 1 :]}" for n in range(20)]
    bad += [
        f"{name}/top?cursor={cursor}{more}" for name, more in (("two", ""), ("one", "&period=day"), ("one", "&x=1"))
    ]
    for place, value in ((0, "x"), (1, "day"), (2, "2026"), (3, math.nan), (3, math.inf), (3, "1"), (4, 5)):
        bad.append(f"one/top?cursor={made([*fields[:place], value, *fields[place + 1 :]])}")
    bad += [f"one/top?cursor={made(other)}" for other in (fields[:4], [*fields, 1], {}, None, [fields], "x", b"x")]
    faults = [fault(case, send(boards, case)) for case in (Case(f"GET /v1/boards/{one}", (422,)) for one in bad)]
    assert not [one for one in faults if one]
    odd = [(0.0, ""), (-0.0, "\x00"), (1e308, "p1"), (-1e308, "x" * 900), (5e-324, "😀"), (-29.0, "é/..")]
    for key, player in odd:  # nothing that the service would have said, yet a place in the standings
        answer = send(boards, Case(f"GET /v1/boards/one/top?cursor={made([*fields[:3], key, player])}", ()))
        assert answer.status_code in (200, 422), (key, player, answer.get_data())
    rest = boards.get("/boards/one/top", query={"limit": 1000, "cursor": cursor})
    assert len(rest["entries"]) == 20


def made(fields: Any) -> str:
    return quote(base64.urlsafe_b64encode(msgspec.msgpack.encode(fields)).decode().rstrip("="))
