"""A real `leaderboard serve` against clients that send too much, too little or nonsense, byte by byte."""

import gzip
import json
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest

from ..e2e.processes import run, serving

HUGE = 100 * 1024 * 1024
MOST_RESIDENT_KB = 300 * 1024
TIMEOUT_SECONDS = 20
NDJSON = "application/x-ndjson"
PLAYERS = [
    "WAC/St. Andrä",
    "a/b/c",
    "100%",
    "a?b",
    "a#b",
    "a%2Fb",
    "x+y",
    "q&a=1",
    "~.-_",
    "日本",
    "...",
    "a/.b/c..",
    "\\",
]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def problem(self) -> Any:
        assert self.headers["content-type"] == "application/problem+json", self
        found = json.loads(self.body)
        assert found["status"] == self.status
        assert found["request_id"] == self.headers["x-request-id"]
        return found


@dataclass(frozen=True)
class Live:
    """The running service, as a client sees it, and as its machine does."""

    pid: int
    port: int
    key: str

    def connect(self) -> HTTPConnection:
        return HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_SECONDS)

    def ask(self, method: str, target: str, body: Any = None, connection: Any = None, **headers: str) -> Answer:
        """One request, on a connection of its own or on this one; the target goes out as it is written."""
        if connection is None:
            with closing(self.connect()) as own:
                return self.ask(method, target, body, own, **headers)
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, target, body, sent, encode_chunked="Transfer-Encoding" in sent)
        return read(connection.getresponse())

    def raw(self, data: bytes) -> Answer | None:
        """What comes back for these bytes and no more; None when the connection is closed instead."""
        address = ("127.0.0.1", self.port)
        with socket.create_connection(address, TIMEOUT_SECONDS) as sent, closing(HTTPResponse(sent)) as answer:
            try:
                sent.sendall(data)
                sent.shutdown(socket.SHUT_WR)
                answer.begin()
                return read(answer)
            except TimeoutError:
                raise
            except (HTTPException, OSError):
                return None

    def head(self, request: str, *headers: str) -> bytes:
        lines = (f"{request} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {self.key}", *headers)
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")

    def total(self, board: str) -> int:
        answer = self.ask("GET", f"/v1/boards/{board}/top", Cache_Control="no-cache")
        assert answer.status == 200, answer
        return int(json.loads(answer.body)["total"])

    def is_well(self) -> None:
        assert self.ask("GET", "/readyz").status == 200
        if sys.platform == "linux":
            assert max(_peak_kb(pid) for pid in self.workers()) < MOST_RESIDENT_KB

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children if _command(int(child)) == _command(self.pid)]


def read(answer: HTTPResponse) -> Answer:
    return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def _peak_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    data_dir = tmp_path_factory.mktemp("live")
    with serving(data_dir, "--workers", "2") as (process, url):
        key = run(data_dir, "keys", "create", "game").stdout.strip()
        live = Live(process.pid, urlsplit(url).port or 0, key)
        assert live.ask("PUT", "/v1/boards/b", "{}").status == 201
        yield live
        live.is_well()
        assert process.poll() is None


@pytest.fixture
def connection(live: Live) -> Iterator[HTTPConnection]:
    with closing(live.connect()) as connection:
        yield connection


def spaces(size: int) -> Iterator[bytes]:
    yield from [b" " * 65_536] * (size // 65_536)


@pytest.mark.parametrize("request_line", ["POST /v1/scores", "PUT /v1/boards/b", "POST /v1/boards/b/scores"])
@pytest.mark.parametrize("framing", [{"Content_Length": str(HUGE)}, {"Transfer_Encoding": "chunked"}])
def test_a_huge_body_is_refused_and_never_kept(live: Live, connection: Any, request_line: str, framing: Any) -> None:
    answer = live.ask(*request_line.split(), spaces(HUGE), connection, **framing)
    assert (answer.status, answer.problem["code"]) == (413, "too_large")
    assert live.ask("GET", "/v1/boards", connection=connection).status == 200
    live.is_well()


@pytest.mark.parametrize("request_line", ["POST /v1/scores", "PUT /v1/boards/b", "POST /v1/boards/b/scores"])
def test_a_bomb_is_not_unpacked(live: Live, request_line: str) -> None:
    bomb = gzip.compress(b" " * 2**25) * 24  # 768 MiB from 780 KiB
    assert live.ask(*request_line.split(), bomb, Content_Encoding="gzip").problem["status"] in (400, 413)
    live.is_well()


@pytest.mark.parametrize(
    ("name", "length", "end"),
    [
        ("after a line", "Content-Length: 1000", ""),
        ("within a line", "Content-Length: 1000", '{"board": "b", "pla'),
        ("before the last chunk", "Transfer-Encoding: chunked", "\r\n"),
        ("within a chunk", "Transfer-Encoding: chunked", ""),
        ("with no chunk", "Transfer-Encoding: chunked", "\r\nzz\r\n"),
    ],
)
def test_a_body_that_breaks_off_stores_nothing(live: Live, name: str, length: str, end: str) -> None:
    before, board = live.total("b"), name.replace(" ", "-")
    live.ask("PUT", f"/v1/boards/{board}", "{}")
    lines = b"".join(b'{"board": "%s", "player": "a%d", "score": 1}\n' % (board.encode(), n) for n in range(9))
    size = f"{len(lines) + 30 * (name == 'within a chunk'):x}\r\n" if "chunk" in name else ""
    head = live.head("POST /v1/scores", f"Content-Type: {NDJSON}", length, f"Idempotency-Key: {board}")
    answer = live.raw(head + size.encode() + lines + end.encode())
    assert (live.total(board), live.total("b")) == (0, before)
    assert answer is None or 400 <= answer.status < 500, answer
    again = live.ask("POST", "/v1/scores", lines, Content_Type=NDJSON, Idempotency_Key=board)
    assert (again.status, live.total(board)) == (200, 9), again


def test_connections_that_are_dropped_do_no_harm(live: Live) -> None:
    whole = live.head("POST /v1/scores", f"Content-Type: {NDJSON}", "Content-Length: 1000") + b'{"board": "b", "pla'
    for length in range(1, len(whole), 5):
        with socket.create_connection(("127.0.0.1", live.port), timeout=TIMEOUT_SECONDS) as dropped:
            dropped.sendall(whole[:length])
    live.is_well()
    assert live.total("b") == 0


@pytest.mark.parametrize("size", [0, 60_000, 900_000])
@pytest.mark.parametrize(
    ("status", "target", "headers"),
    [
        (401, "/v1/scores", {"Authorization": "Bearer wrong"}),
        (404, "/v1/nope", {}),
        (405, "/v1/boards", {}),
        (415, "/v1/scores", {"Content_Type": "text/plain"}),
        (422, "/v1/boards/b%2Fc/scores", {}),
        (422, "/v1/scores?x=1", {}),
    ],
)
def test_an_answer_before_the_body_was_read_arrives(
    live: Live, connection: Any, status: int, target: str, headers: dict[str, str], size: int
) -> None:
    answer = live.ask("POST", target, b"x" * size, connection, **headers)
    assert answer.problem["status"] == status
    if answer.headers.get("connection", "") != "close":  # it may also say that it ends
        assert live.ask("GET", "/v1/boards", connection=connection).status == 200


@pytest.mark.parametrize("size", [8190 - 22, 8190, 9000, 70_000, 1_000_000])
def test_a_request_line_that_is_too_long_is_refused(live: Live, size: int) -> None:
    for target in (f"/v1/players/{'x' * size}", f"/v1/boards?{'x' * size}", "/" + "%C3%A9" * (size // 6)):
        answer = live.raw(live.head(f"GET {target}"))
        assert answer is None or 400 <= answer.status < 500, answer
    live.is_well()


# fmt: off
HEALTH = b"GET /healthz HTTP/1.1\r\n"
NO_HTTP = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", b"\r\n\r\n", b"\x00" * 100, b"x" * 100_000, b"GET", b"GET  / HTTP/1.1",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"GET /healthz\r\n\r\n", HEALTH.replace(b"1.1", b"3.7") + b"\r\n", HEALTH[:-4],
    HEALTH.lower() + b"\r\n", HEALTH + b"nocolon\r\n\r\n", HEALTH + b"A: \x00\r\n\r\n", HEALTH + b"A: b\r\n c:\r\n\r\n",
    HEALTH + b"A: b\r\n" * 500 + b"\r\n", HEALTH + b"A: " + b"b" * 20_000 + b"\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n",
]
# fmt: on


@pytest.mark.parametrize("data", NO_HTTP, ids=range(len(NO_HTTP)))
def test_what_is_no_http_is_refused(live: Live, data: bytes) -> None:
    answer = live.raw(data)
    assert answer is None or 400 <= answer.status < 500, answer
    assert live.ask("GET", "/healthz").status == 200


@pytest.mark.parametrize(
    ("headers", "start"),
    [
        *((f"Content-Length: {length}", b"") for length in ("x", "-1", "1\r\nContent-Length: 2", "+9", "0x9")),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", b"5\r\n"),
        ("Transfer-Encoding: gzip", b""),
        *(("Transfer-Encoding: chunked", start) for start in (b"zz\r\n", b"-5\r\n", b"5\r\n", b"", b"f" * 50)),
    ],
)
def test_bodies_framed_wrongly_are_refused(live: Live, headers: str, start: bytes) -> None:
    before = live.total("b")
    line = b'{"board": "b", "player": "framed", "score": 1}\n'
    answer = live.raw(live.head("POST /v1/scores", f"Content-Type: {NDJSON}", headers) + start + line)
    assert live.total("b") == before
    assert answer is None or 400 <= answer.status < 500, answer


REFUSED_BOARDS = ["a%2Fb", "b%2ftop", "b%2Ftop?limit=1", "%2F/top", "%2e%2e/top", "../top", "%ff/top", "b%00/top"]


@pytest.mark.parametrize(
    "target",
    [*(f"/v1/boards/{name}" for name in REFUSED_BOARDS), "/v1/bo%61rds/b%2Ftop", "http://localhost/v1/boards/b%2Ftop"],
)
def test_a_board_name_with_a_slash_is_refused(live: Live, target: str) -> None:
    answer = live.ask("GET", target)
    assert answer.status == 422, answer
    assert answer.problem["code"] in ("invalid_board_name", "invalid_path")


@pytest.mark.parametrize("player", PLAYERS)
def test_players_with_slashes_work_encoded_or_not(live: Live, player: str) -> None:
    live.ask("PUT", "/v1/boards/players", "{}")
    submitted = live.ask("POST", "/v1/boards/players/scores", json.dumps({"player": player, "score": 5}))
    assert json.loads(submitted.body)["player"] == player
    for route in ("/v1/boards/players/players", "/v1/players"):
        for written in (quote(player), quote(player, safe="")):
            answer = live.ask("GET", f"{route}/{written}", Cache_Control="no-cache")
            assert (answer.status, json.loads(answer.body)["player"]) == (200, player)
    assert live.ask("DELETE", f"/v1/boards/players/players/{quote(player)}").status == 204


@pytest.mark.parametrize(
    "player", ["", "a//b", "a/", "/a", "..", "a/../b", "%2E%2E/b", "a%2F%2Fb", "a%00", "%ff", "a%0A"]
)
def test_players_that_no_path_can_carry_are_refused(live: Live, player: str) -> None:
    for route in ("GET /v1/players/", "DELETE /v1/boards/b/players/"):
        assert live.ask(*f"{route}{player}".split()).problem["code"] in ("invalid_player", "invalid_path")


def test_head_and_options(live: Live, connection: Any) -> None:
    for target, status in (("/healthz", 200), ("/v1/boards/b/top", 200), ("/v1/boards/no/top", 404)):
        head = live.ask("HEAD", target, connection=connection)
        shown = live.ask("GET", target, connection=connection)
        assert (head.status, shown.status, head.body) == (status, status, b"")
        assert head.headers["content-type"] == shown.headers["content-type"]
    assert live.ask("HEAD", "/v1/scores", connection=connection).status == 405
    for target, allowed in (("/v1/boards/b", "DELETE GET PUT"), ("/v1/scores", "POST"), ("/healthz", "GET")):
        answer = live.ask("OPTIONS", target, connection=connection)
        assert answer.status in (200, 204)
        assert sorted(set(answer.headers["allow"].split(", ")) - {"HEAD", "OPTIONS"}) == allowed.split()


@pytest.mark.parametrize(("request_line", "status"), [("GET /" + "x" * 9000, 414), ("GET / nonsense", 400)])
def test_the_servers_own_errors_are_problems_too(live: Live, request_line: str, status: int) -> None:
    answer = live.raw(live.head(request_line))
    assert answer is not None
    problem = json.loads(answer.body)
    assert (answer.status, problem["status"], problem["code"]) == (status, status, "malformed_request")
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "detail", "request_id"} <= problem.keys()
