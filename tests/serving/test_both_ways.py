"""A request is answered the same whichever way it goes, and leaves the same behind."""

import gzip
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import cycle
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Service
from tests.serving.harness import Answered, Ask, Gate, Headers

EXAMPLES = int(os.environ.get("SERVING_EXAMPLES", "200" if os.environ.get("CI") else "30"))
BOARDS: dict[str, dict[str, Any]] = {
    "best": {},
    "asc": {"order": "asc", "ties": "first"},
    "last": {"operator": "last", "ties": "last", "periods": ["all", "day"]},
    "sum": {"operator": "sum", "periods": ["all", "day"], "score": {"min": -1000, "max": 1000}},
    "dense": {"ties": "dense", "max_entries": 3, "periods": ["day"]},
    "sub": {"subscore": {"order": "asc", "min": 0, "max": 9}, "periods": ["all"]},
    "dec": {"score": {"decimals": 2}, "writes": "client", "periods": ["all", "hour", "year"]},
    "rolling": {"periods": ["all", "day", "hour"], "rolling": ["24h", "7d"], "writes": "client"},
    "roll-sum": {"operator": "sum", "periods": ["all"], "rolling": ["24h"]},
}
PLAYERS = ["ada", "bob", "WAC/St. Andrä", "é", "a b", "x" * 128, "😀", "a%2Fb", "a+b", "...", "a?b"]
JSON = ("Content-Type", "application/json")


@dataclass
class Twins:
    """Two games alike: one is asked through the gateway, the other through Flask alone."""

    gate: Gate
    games: tuple[Service, Service]
    differences: list[str] = field(default_factory=list)
    conditions: Iterator[str] = field(default_factory=lambda: cycle(["{}", "W/{}", '"x", {}', "*"]))

    def compare(self, ask: Ask, one: Answered, other: Answered) -> None:
        if one.same == other.same:
            return
        parts = zip(one.same, other.same, strict=True)
        differ = [f"{str(left)[:200]} != {str(right)[:200]}" for left, right in parts if left != right]
        shown = replace(ask, body=ask.body[:100], headers=ask.headers)
        self.differences.append(f"{shown}: {'; '.join(differ)}")

    def check(self) -> None:
        """That there was no difference since this was asked last."""
        found, self.differences = self.differences, []
        assert not found, f"{len(found)} differences:\n" + "\n".join(found[:20])

    def warm(self) -> None:
        """Lets the process know what it would know of a game that is played."""
        for game in self.games:
            for key in game.keys.values():
                self.gate.services.access.identify(key)

    def key(self, ask: Ask, game: Service) -> Ask:
        keys = game.keys
        headers = [(name, value.format(**keys) if "{" in value else value) for name, value in ask.headers]
        return Ask(ask.method, ask.target, tuple(headers), ask.body)

    def write(self, ask: Ask) -> None:
        """Through either way, on a game each."""
        self.warm()
        short, long = self.gate.ask(self.key(ask, self.games[0])), self.gate.flask(self.key(ask, self.games[1]))
        for answer in (short, long):
            answer.headers.pop("etag", None)  # the board's revision is in it
        self.compare(ask, short, long)

    def read(self, ask: Ask) -> None:
        """Through both ways, of the same game."""
        self.warm()
        one = self.key(ask, self.games[0])
        answer = self.gate.flask(one)
        self.compare(one, self.gate.ask(one), answer)
        if "etag" in answer.headers:
            value = next(self.conditions).format(answer.headers["etag"])
            again = one.plus(("If-None-Match", value))
            self.compare(again, self.gate.ask(again), self.gate.flask(again))

    def check_content(self) -> None:
        auth = ("Authorization", "Bearer {server}")
        for name, board in BOARDS.items():
            views = [f"period={one}" for one in board.get("periods", ["all", "month", "week", "day"])]
            views += [f"window={one}" for one in board.get("rolling", [])]
            for view in views:
                ask = Ask("GET", f"/v1/boards/{name}/top?limit=1000&metadata=true&{view}", (auth,))
                found = [json.loads(self.gate.flask(self.key(ask, game)).body) for game in self.games]
                assert found[0] == found[1], (name, view)
                self.read(ask)
        self.check()


@pytest.fixture(scope="module")
def twins(gate: Gate) -> Twins:
    clock = gate.app.extensions["test_clock"]
    games = Service(gate.app, clock, one_thread=True), Service(gate.app, clock, one_thread=True)
    for game in games:
        game.new_game()
        for name, definition in BOARDS.items():
            game.put_board(name, **definition)
        for number, player in enumerate(PLAYERS[:5]):
            for name in BOARDS:
                subscore = {"subscore": number} if name == "sub" else {}
                game.submit(player, number, name, **subscore)
    return Twins(gate, games)


SERVER, CLIENT = ("Authorization", "Bearer {server}"), ("Authorization", "Bearer {client}")


def submit(board: str = "best", body: Any = None, *headers: tuple[str, str], query: str = "") -> Ask:
    data = body if isinstance(body, bytes) else json.dumps(body or {"player": "ada", "score": 7}).encode()
    return Ask("POST", f"/v1/boards/{board}/scores{query}", (SERVER, JSON, *headers), data)


def test_plain_requests_go_the_short_way(twins: Twins) -> None:
    """Also with what clients and proxies add."""
    usual = (("User-Agent", "x"), ("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("X-Request-ID", "abc"))
    asks = [
        *(submit(name, {"player": "ada", "score": 9, **({"subscore": 1} if name == "sub" else {})}) for name in BOARDS),
        submit("best", {"player": "é", "score": -1.0, "at": "2026-11-23T11:59:59.5Z"}),
        submit("best", None, query="?ranks=day,all"),
        submit("best", None, query="?ranks=none"),
        Ask("POST", "/v1/boards/rolling/scores", (CLIENT, JSON), b'{"player": "ada", "score": 10}'),
        *(Ask("GET", f"/v1/boards/{name}/top?period={board.get('periods', ['all'])[0]}", (SERVER,))
          for name, board in BOARDS.items()),
        Ask("GET", "/v1/boards/rolling/top?window=24h&limit=3", (CLIENT,)),
        Ask("GET", "/v1/boards/best/top?period=day&ago=1", (SERVER,)),
        Ask("GET", "/v1/boards/best/top?period=day&id=2026-11-23", (SERVER, ("Cache-Control", "no-cache"))),
        Ask("GET", "/v1/boards/best/rank?score=3", (SERVER,)),
        Ask("GET", "/v1/boards/dec/rank?score=-3.25&period=hour", (CLIENT,)),
        *(Ask("GET", f"/v1/boards/best/players/{quote(player)}?around=2", (SERVER,)) for player in PLAYERS[:5]),
    ]  # fmt: skip
    for ask in asks:
        for headers in ((), usual, usual):
            act = twins.write if ask.method == "POST" else twins.read
            act(ask)  # the first time tells the process of windows
            one = ask.plus(*headers, *((("Idempotency-Key", secrets.token_hex(4)),) if ask.method == "POST" else ()))
            before = len(twins.gate.long)
            act(one)
            assert twins.gate.long[before:] == [], one
    twins.check_content()


PATHS = [
    "/v1/boards/{board}/top", "/v1/boards/{board}/top/", "/v1/boards/{board}/top//", "/v1//boards/{board}/top",
    "//v1/boards/{board}/top", "/v1/boards//{board}/top", "/v1/boards/{board}//top", "/v1/boards/{board}/Top",
    "/v1/boards/{board}/top/x", "/v1/boards/{board}/top;x=1", "/v1/boards/./{board}/top", "/v1/boards/../v1/boards/x",
    "/v1/boards/{board}/rank", "/v1/boards/{board}/rank/", "/v1/boards/{board}/players", "/v1/boards/{board}/players/",
    "/v1/boards/{board}/players/ada", "/v1/boards/{board}/players/ada/", "/v1/boards/{board}/players//ada",
    "/v1/boards/{board}/players/a%64a", "/v1/boards/{board}/players/WAC/St.%20Andr%C3%A4",
    "/v1/boards/{board}/players/WAC%2FSt.%20Andr%C3%A4", "/v1/boards/{board}/players/%C3%A9",
    "/v1/boards/{board}/players/\xc3\xa9", "/v1/boards/{board}/players/%E9", "/v1/boards/{board}/players/%ff",
    "/v1/boards/{board}/players/.", "/v1/boards/{board}/players/..", "/v1/boards/{board}/players/...",
    "/v1/boards/{board}/players/%2e%2e", "/v1/boards/{board}/players/../top", "/v1/boards/{board}/players/a/./b",
    "/v1/boards/{board}/players/%00", "/v1/boards/{board}/players/a%0Ab", "/v1/boards/{board}/players/a%C2%85",
    "/v1/boards/{board}/players/%ED%A0%80", "/v1/boards/{board}/players/a%", "/v1/boards/{board}/players/a%zz",
    "/v1/boards/{board}/players/a%2", "/v1/boards/{board}/players/a%252Fb", "/v1/boards/{board}/players/a%2fb",
    "/v1/boards/{board}/players/a+b", "/v1/boards/{board}/players/a%2Bb", "/v1/boards/{board}/players/" + "x" * 128,
    "/v1/boards/{board}/players/" + "x" * 129, "/v1/boards/{board}/players/" + "%F0%9F%98%80" * 128,
    "/v1/boards/{board}/players/%F0%9F%98%80", "/v1/boards/{board}/players/a%3Fb", "/v1/boards/{board}/players/a%23b",
    "/v1/boards/%62est/top", "/v1/boards/be%2Fst/top", "/v1/boards/b\xc3\xa9st/top", "/v1/boards//top",
    "/v1/boards/none/top", "/v1/boards/../top", "/v1/boards/" + "b" * 65 + "/top", "/V1/boards/{board}/top",
    "http://localhost/v1/boards/{board}/top", "/v1/boards/{board}", "/v1/boards/{board}/scores", "/v1/boards",
    "/v1/boards/{board}/top%20", "/v1/boards/{board}/t%6Fp", "/v1/boards/{board}%2Ftop", "/docs/", "/v1", "*",
]  # fmt: skip
QUERIES = [
    "", "?", "?limit=2", "?limit=0", "?limit=1001", "?limit=1&limit=2", "?limit=", "?limit", "?&&limit=2&", "?Limit=2",
    "?lim%69t=2", "?limit=%32", "?limit=+2", "?limit= 2", "?limit=2;period=day", "?limit=1e1", "?limit=-1", "?x=1",
    "?period=day", "?period=hour", "?period=week&ago=1", "?period=day&ago=0", "?period=day&ago=99999999", "?ago=1",
    "?period=day&id=2026-11-23", "?period=day&id=2026-11-24", "?period=day&id=2026-11-01", "?period=day&id=x",
    "?period=week&id=2026-W47", "?period=day&id=2026-11-23&ago=1", "?period=month&id=1999-01", "?id=all", "?period=",
    "?window=24h", "?window=7d&limit=1", "?window=24h&period=all", "?window=30d", "?window=x", "?metadata=true",
    "?metadata=false", "?metadata=1", "?metadata=True", "?cursor=x", "?cursor=", "?cursor=====", "?cursor=%FF",
    "?cursor=" + "x" * 2001, "?score=3", "?score=3&subscore=1", "?score=1e400", "?score=NaN", "?score=", "?score=03",
    "?score=-0", "?score=1.255", "?score=1e1", "?score=%2B1", "?score=1_000", "?score=٣", "?score=1&score=1",
    "?around=1", "?around=0", "?around=1000", "?around=1001", "?around=1&metadata=true&period=day", "?=1", "?=",
    "?a=b=c",
    "?\xc3\xa9=1", "?%", "?%00=1", "?limit=2#x", "?ranks=all", "?period=day&window=7d&limit=x&y=2", "?limit=2&amp;x=1",
]  # fmt: skip
READ_HEADERS: list[Headers] = [
    (SERVER,), (CLIENT,), (), (("authorization", "bearer {server}"),), (("Authorization", "BEARER {server}"),),
    (("Authorization", "Bearer  {server}"),), (("Authorization", "Bearer {server} "),), (SERVER, SERVER),
    (("Authorization", "Bearer\t{server}"),), (("Authorization", "Bearer"),), (("Authorization", "Bearer "),),
    (("Authorization", "Basic {server}"),), (("Authorization", "{server}"),), (("Authorization", "Bearer é"),),
    (("Authorization", "Bearer {server},Bearer {server}"),), (("Authorization", "Bearer x"),),
    (SERVER, ("If-None-Match", "*")), (SERVER, ("If-None-Match", "")), (SERVER, ("If-None-Match", '"')),
    (SERVER, ("If-None-Match", '"x"'), ("If-None-Match", "*")), (SERVER, ("If-None-Match", "W/*")),
    (SERVER, ("If-None-Match", "\xe9")), (SERVER, ("If-Match", '"x"')), (SERVER, ("If-Modified-Since", "x")),
    (SERVER, ("Cache-Control", "no-cache")), (SERVER, ("Cache-Control", "No-Cache, max-age=0")),
    (SERVER, ("Cache-Control", "max-age=0"), ("Cache-Control", "no-cache")), (SERVER, ("Pragma", "no-cache")),
    (SERVER, ("Accept", "text/csv")), (SERVER, ("Range", "bytes=0-1")), (SERVER, ("Content-Type", "x/y")),
    (SERVER, ("X-Request-ID", "a b")), (SERVER, ("X-Request-ID", "x" * 129)), (SERVER, ("X-Request-ID", "\xe9")),
    (SERVER, ("Content-Length", "0")), (SERVER, ("Expect", "100-continue")), (SERVER, ("Idempotency-Key", "")),
    (SERVER, ("X-HTTP-Method-Override", "DELETE")), (SERVER, ("Host", "evil.example")),
    (SERVER, ("Content-Encoding", "x")),
]  # fmt: skip


def test_each_odd_read_by_itself(twins: Twins) -> None:
    for path in PATHS:
        for method in ("GET", "HEAD"):
            twins.read(Ask(method, path.replace("{board}", "best"), (SERVER,)))
    for query in QUERIES:
        raw = query.encode().decode("latin-1")
        for kind, more in (
            ("top", ""),
            ("rank", ""),
            ("rank", "&score=1"),
            ("players/ada", ""),
            ("players/nobody", ""),
        ):
            board = "rolling" if "window" in query else "sub" if "subscore" in query else "best"
            twins.read(Ask("GET", f"/v1/boards/{board}/{kind}{raw or '?'}{more}", (SERVER,)))
    for headers in READ_HEADERS:
        for target in ("/v1/boards/best/top?limit=3", "/v1/boards/sum/players/ada", "/v1/boards/dec/rank?score=1"):
            twins.read(Ask("GET", target, headers))
    for method in ("get", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE", "X"):
        for target in ("/v1/boards/best/top", "/v1/boards/best/rank?score=1"):
            twins.read(Ask(method, target, (SERVER,)))
    twins.check()


SCORES = [
    "7", "-7", "7.0", "7.5", "7.25", "7.255", "1e2", "1E+2", "1e400", "1e-7", "-0", "0.0", "9007199254740993", "NaN",
    "Infinity", "9" * 400, "1" + "0" * 399, "true", "null", '"7"', "[]", "{}", "07", "+7", "7.", ".7", "", "1001",
    "7 8",
]  # fmt: skip
FIELDS = [
    "", ',"subscore":1', ',"subscore":null', ',"subscore":1.5', ',"subscore":10', ',"metadata":{}', ',"metadata":null',
    ',"metadata":{"a":1.50,"b":[1e3]}', ',"metadata":[]', ',"metadata":{"a":"' + "x" * 1015 + '"}', ',"x":1',
    ',"metadata":{"a":"' + "x" * 1016 + '"}', ',"metadata":{"\\ud800":1}', ',"at":null', ',"at":"2026-11-23T12:00:00Z"',
    ',"at":"2026-11-23T12:01:00Z"', ',"at":"2026-11-23T12:01:00.001Z"', ',"at":"2026-11-22T23:59:59Z"', ',"at":"x"',
    ',"at":"2026-11-23T14:00:00+02:00"', ',"at":"1999-01-01T00:00:00Z"', ',"at":"2026-10-01T00:00:00Z"', ',"at":1',
    ',"at":"0001-01-01T00:00:00Z"', ',"at":"2026-11-23t12:00:00z"', ',"score":8', ',"player":"bob"', ',"board":"best"',
    ',"at":"2026-11-23T12:00:00"', ',"at":""', ',"sc\\u006fre":9', ',"metadata":{"a":1,"a":2}',
]  # fmt: skip
NAMES = [
    '"ada"', '"\\u0061da"', '"é"', '"\\ud83d\\ude00"', '"a/b"', '"a//b"', '".."', '"."', '""', '"a\\u0000"', '"a\\n"',
    '"\\ud800"', '"' + "x" * 128 + '"', '"' + "x" * 129 + '"', "1", "null", "[]", '"x', '"a b"', '"\x7f"',
]  # fmt: skip
BODIES = [
    b"", b" ", b"{}", b"[]", b"null", b"1", b'"x"', b"{", b"}", b"NaN", b'\xef\xbb\xbf{"player":"a","score":1}',
    b'{"player":"a","score":1}x', b'{"player":"a","score":1} ', b'\n{"player":"a","score":1}\n', b'{"player":"a",}',
    b'{"player":"\xff","score":1}', b'{"player":"\xed\xa0\x80","score":1}', b'{"player":"a","score":1}\x00',
    '{"player":"a","score":1}'.encode("utf-16"), b"[" * 100_000,
    b'{"player":"a","score":1,"metadata":' + b'{"a":' * 2000,
    b'{"player":"a","score":1' + b" " * 1024 * 1024 + b"}", b'{"player":"a"}', b'{"score":1}', b"player=a&score=1",
    b'[{"player":"a","score":1}]', b'{"scores":[]}', b"'x'", b'{"player":"a","score":1}{"player":"a","score":1}',
]  # fmt: skip
WRITE_HEADERS: list[Headers] = [
    (SERVER, JSON), (CLIENT, JSON), (SERVER,), (JSON,), (SERVER, JSON, JSON), (SERVER, ("Content-Type", "text/plain")),
    (SERVER, ("Content-Type", "application/json; charset=utf-8")), (SERVER, ("Content-Type", "Application/JSON")),
    (SERVER, ("Content-Type", "application/json; charset=latin-1")), (SERVER, ("Content-Type", "application/json;")),
    (SERVER, ("Content-Type", "application/jsonx")), (SERVER, ("Content-Type", "")), (SERVER, ("Content-Type", "\xe9")),
    (SERVER, JSON, ("Content-Encoding", "identity")), (SERVER, JSON, ("Content-Encoding", "gzip")),
    (SERVER, JSON, ("Content-Encoding", "")), (SERVER, JSON, ("Content-Encoding", "br")),
    (SERVER, JSON, ("Idempotency-Key", "k1")), (SERVER, JSON, ("Idempotency-Key", "k1")),
    (SERVER, JSON, ("Idempotency-Key", "")), (SERVER, JSON, ("Idempotency-Key", "x" * 200)),
    (SERVER, JSON, ("Idempotency-Key", "x" * 201)), (SERVER, JSON, ("Idempotency-Key", "\xe9 \xa0")),
    (SERVER, JSON, ("Idempotency-Key", "a"), ("Idempotency-Key", "b")), (CLIENT, JSON, ("Idempotency-Key", "k1")),
    (SERVER, JSON, ("If-None-Match", "*")), (SERVER, JSON, ("If-Match", "*")),
    (SERVER, JSON, ("Expect", "100-continue")),
    (SERVER, JSON, ("Cache-Control", "no-cache")),
    (("Authorization", "bearer {server}"), JSON), (SERVER, JSON, ("X-Request-ID", "mine")),
    (SERVER, JSON, ("Transfer-Encoding", "chunked")),
]  # fmt: skip
SUBMIT_QUERIES = [
    "", "?", "?ranks=", "?ranks", "?ranks=none", "?ranks=all", "?ranks=all,day", "?ranks=day,all,day", "?ranks=hour",
    "?ranks=x", "?ranks=all,none", "?ranks=all&ranks=day", "?ranks=%61ll", "?ranks=all%2Cday", "?ranks=all, day",
    "?x=1", "?ranks=All", "?ranks=all,", "?&ranks=all", "?ranks=24h",
]  # fmt: skip


def test_each_odd_submission_by_itself(twins: Twins) -> None:
    texts = [f'{{"player":"ada","score":{score}}}' for score in SCORES]
    texts += [f'{{"player":"ada","score":7{field}}}' for field in FIELDS]
    texts += [f'{{"player":{name},"score":7}}' for name in NAMES]
    for data in [text.encode("utf-8", "surrogatepass") for text in texts] + BODIES:
        for board in ("best", "asc", "sum", "dec", "sub") if len(data) < 1000 else ("best", "rolling"):
            twins.write(submit(board, data))
    good = b'{"player": "ada", "score": 11}'
    for headers in WRITE_HEADERS:
        for board in ("best", "dec"):
            twins.write(Ask("POST", f"/v1/boards/{board}/scores", headers, good))
    twins.write(submit("best", gzip.compress(good), ("Content-Encoding", "gzip")))
    for query in SUBMIT_QUERIES:
        for board in ("best", "sum"):
            twins.write(submit(board, good, query=query))
    for path in PATHS:
        target = path.replace("{board}", "best").replace("/top", "/scores")
        twins.write(Ask("POST", target, (SERVER, JSON), good))
    for board in ("none", "", ".", "best%20", "%62est"):
        twins.write(submit(board, good))
    twins.check_content()


def mostly(usual: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.integers(0, 9).flatmap(lambda n: usual if n else odd)


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    player = draw(
        mostly(st.sampled_from(PLAYERS[:6]).map(json.dumps), st.sampled_from(NAMES) | st.text().map(json.dumps))
    )
    numbers = st.integers(-50, 50).map(str) | st.decimals(-9, 9, places=2).map(str)
    score = draw(mostly(numbers, st.sampled_from(SCORES) | st.floats().map(repr)))
    fields = draw(st.lists(st.sampled_from(FIELDS), max_size=2))
    text = f'{{"player":{player},"score":{score}{"".join(fields)}}}'
    return text.encode("utf-8", "surrogatepass")


@st.composite
def requests(draw: st.DrawFn) -> Ask:
    board = draw(st.sampled_from(list(BOARDS)))
    if draw(st.booleans()):
        headers = draw(mostly(st.sampled_from(WRITE_HEADERS[:2]), st.sampled_from(WRITE_HEADERS)))
        if draw(st.integers(0, 3)) == 0:
            headers += (("Idempotency-Key", draw(st.sampled_from("abcdefgh"))),)
        query = draw(mostly(st.just(""), st.sampled_from(SUBMIT_QUERIES)))
        return Ask("POST", f"/v1/boards/{board}/scores{query}", headers, draw(bodies()))
    player = quote(draw(st.sampled_from(PLAYERS)), safe=draw(st.sampled_from(["", "/", "/ é"])))
    path = f"/v1/boards/{board}/" + draw(
        st.sampled_from(["top", "rank", "players/" + player.encode().decode("latin-1")])
    )
    path = draw(mostly(st.just(path), st.sampled_from(PATHS).map(lambda text: text.replace("{board}", board))))
    parts = draw(st.lists(st.sampled_from(QUERIES).map(lambda text: text[1:]), max_size=3))
    query = "&".join(parts).encode().decode("latin-1")
    headers = draw(mostly(st.sampled_from(READ_HEADERS[:2]), st.sampled_from(READ_HEADERS)))
    return Ask(draw(mostly(st.just("GET"), st.just("HEAD"))), f"{path}?{query}" if query else path, headers)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(asks=st.lists(requests(), min_size=5, max_size=5))
def test_any_requests(twins: Twins, asks: list[Ask]) -> None:
    for ask in asks:
        if ask.method == "POST":
            twins.write(ask)
        else:
            twins.read(ask)
    twins.check()


def test_and_all_that_is_the_same_in_the_end(twins: Twins) -> None:
    twins.check_content()
