"""Tables of requests that nobody should send, and the statuses that refuse them.

They are for two boards: `b`, as boards are when nothing is said, and `s` with a subscore and bounds.
"""

import gzip
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple

import zstandard

# fmt: off
JSON, NDJSON = "application/json", "application/x-ndjson"
PUT, ONE, BOTH = "PUT /v1/boards/b", "POST /v1/boards/b/scores", "POST /v1/boards/s/scores"
MANY, LOOKUP = "POST /v1/scores", "POST /v1/boards/b/lookup"
BOUNDED = {"score": {"min": 0, "max": 99, "decimals": 0}, "subscore": {"min": 0, "max": 9}}  # board s
GOOD = {
    PUT: '{"order": "asc", "periods": ["all", "day"], "score": {"type": "integer", "min": 0}, "retention": {"day": 3}}',
    ONE: '{"player": "ada", "score": 12.5, "at": "2026-11-23T11:59:00Z", "metadata": {"a": "é"}}',
    BOTH: '{"player": "ada", "score": 12, "subscore": 3}',
    MANY: '{"scores": [{"board": "b", "player": "ada", "score": 1e3, "metadata": {"a": [true, null]}}]}',
    LOOKUP: '{"players": ["ada", "é"]}',
}
READS = {
    "/v1/boards/b/top": "limit", "/v1/boards/b/scores": "limit", "/v1/boards/b/periods": "limit",
    "/v1/boards/b/players/ada": "around", "/v1/boards/b/distribution": "bins", "/v1/boards/b/rank?score=1": "",
    "/v1/boards/b/percentile?p=50": "", "/v1/players/ada": "",
}
ALLOWED = {
    "/v1/boards": "GET", "/v1/boards/b": "GET PUT DELETE", "/v1/boards/b/scores": "GET POST", "/v1/scores": "POST",
    "/v1/boards/b/lookup": "POST", "/v1/boards/b/top": "GET", "/v1/boards/b/rank": "GET", "/v1/players/a": "GET DELETE",
    "/v1/boards/b/percentile": "GET", "/v1/boards/b/distribution": "GET", "/v1/boards/b/periods": "GET",
    "/v1/boards/b/players/a/b": "GET DELETE", "/healthz": "GET", "/readyz": "GET", "/openapi.json": "GET", "/": "GET",
}
DEEP, DIGITS = "[" * 100_000, "9" * 10_000
NUMBERS = f"0 -1 1.5 1e999999 -1e999999 1e9999999999 {DIGITS}"
VALUES = [
    *NUMBERS.split(), "null", "true", "false", '""', '"x"', '"12"', r'"\ud800"', r'"\udc00x"', r'"\u0000"', "[]", "{}",
    "[null]", "[[]]", r'["\ud800"]', '{"a": 1}', r'{"\ud800": 1}', "[" * 300 + "]" * 300, '"' + "x" * 5000 + '"',
]
FIELDS = {  # request -> field -> those of VALUES that are no mistake there
    PUT: {
        "order": "", "operator": "", "ties": "", "week_start": "", "day_start": "", "writes": "", "time_zone": "",
        "periods": "", "rolling": "[]", "score": "{}", "subscore": "null", "retention": "{}", "max_entries": "null",
        "late_grace_seconds": "0", "partitions": "", "public": "true false", "score.type": "",
        "score.min": "null 0 -1 1.5", "score.max": "null 0 -1 1.5", "score.decimals": "null 0",
        "subscore.order": "", "subscore.min": "0 -1 1.5", "subscore.max": "0 -1 1.5", "subscore.decimals": "0",
        "retention.hour": "0", "retention.day": "0", "retention.week": "0", "retention.month": "0",
        "retention.year": "0",
    },
    ONE: {  # what a board without a subscore does with a numeric one is left open
        "player": '"x" "12"', "score": "0 -1 1.5", "at": "null", "metadata": 'null {} {"a":1}',
        "subscore": f"null {NUMBERS}",
    },
    BOTH: {"player": '"x" "12"', "score": "0", "subscore": "0", "at": "null", "metadata": 'null {} {"a":1}'},
    LOOKUP: {"players": "[]"},
}
BAD_JSON = [
    b"", b" ", b"\n", b"{", b"}", b"[", b"]", b'"', b"nul", b"True", b"None", b"undefined", b"NaN", b"Infinity", b"01",
    b"-Infinity", b"+1", b".5", b"1.", b"1e", b"0x10", b"1_000", b"--1", b"{'a': 1}", b"{a: 1}", b'{"a" 1}', b'{"a":}',
    b'{"a": 1,}', b'{"a": NaN}', b'{"a": [1,]}', b"{} {}", b"{}x", b"{}\x00", b"\x00", b'{"\x01": 1}', b'{"a": "\n"}',
    b'{"a": "\x00"}', b'{"a": "\xff"}', b'{"\xc3": 1}', b'{"a": "\xed\xa0\x80"}', b'{"a": "\xe9"}', b'{"a": "\\x41"}',
    b'{"a": "\\ud8"}', b"\xef\xbb\xbf{}", "{}".encode("utf-16"), "{}".encode("utf-32-le"), b"// x\n{}", b"/**/{}",
    b"<a/>", b"a=1&b=2", DEEP.encode(), b'{"a":' * 100_000, (DEEP + DEEP.replace("[", "]")).encode(), b"\x80\x04N.",
    b'{"players": ' + DEEP.encode(), gzip.compress(b"{}"), b"1e999999999 x", b"{}" + b" " * 70_000 + b",", b"{]",
]
NOT_OBJECTS = ["null", "true", "1", "1.5", "1e999999", DIGITS, '""', '"x"', "[]", "[{}]", r'"\ud800"', "[[[]]]"]
STRANGE_KEYS = ["x", "", "_schema", "Player", "player ", "__class__", "score.min", r"\ud800", r"\u0000", "é", "k" * 999]
MEDIA_TYPES = [
    "", "text/plain", "text/json", "json", "application/jsonx", "application/xml", "application/problem+json", "/", ";",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x", "*/*", "\xe9",
    "application/json, application/json", "application/json; charset=latin-1", "application/json; charset=utf-16",
    "application/json; charset=nope", "application/json; charset=" + "x" * 5000, 'application/json; charset="utf-7"',
]
ENCODINGS = ["br", "deflate", "compress", "x-gzip", "gzip, gzip", "identity, gzip", "utf-8", "*", "\xe9", "g" * 5000]
WHOLE = ["0", "-1", "1001", "abc", "%D9%A1", "1e3", "", "1.0", "0x1", "1_0", "%201", "%00", "9" * 30, "%ff", "null"]
IDS = {
    "all": ["x", "2026", "ALL", "%00"],
    "day": ["2026-11-31", "2026-02-29", "2026-1-1", "0000-01-01", "2026-11", "20261122", "2026-11-22T10", "%D9%A1"],
    "week": ["2026-W00", "2026-W54", "2025-W53", "2026-w01", "2026-W1", "2026W01", "2026-W01-1", "0000-W01"],
    "month": ["2026-13", "2026-00", "2026-1", "2026", "-2026-01", "99999-01", "2026-11%0A", "%EF%BC%92026-11"],
    "year": ["2026", "x"],  # the board keeps none
}
PERIODS = [
    "period=x", "period=", "period=All", "period=day,week", "period=%ff", "period=%00", "period=all&period=all", "id=",
    "id=" + "x" * 21, "ago=-1", "ago=1000001", "ago=abc", "ago=", "ago=1.0", "ago=1e3", "ago=%D9%A1", "ago=+1", "x=1",
    "ago=" + "9" * 30, "period=day&ago=1&id=2026-11-22", "window=x", "window=7d&period=day", "window=",
    "metadata=1", "metadata=TRUE", "metadata=", "metadata=true&metadata=true", "%00=1", "=1", "limit[]=1", "%ff=1",
    "Period=all", "%ED%A0%80=1", "period=%ED%A0%80", "period=day&ago=900000", "period=month&ago=100000", "bins[]=",
]
NO_NUMBERS = ["", "x", "NaN", "inf", "Infinity", "1e999999", DIGITS, "%D9%A1", "1,5", "0x1", "+1", "%ff", "null", "1.",
    "1e9999999999", "1%00", "--1", "true", ".5", "01", "1_0"]
OWN = {
    "/v1/boards/b/rank": ["", "score=1&score=1", "score=1&subscore=1", "score=1&subscore=x", "subscore=1",
        "window=24h&score=1", *(f"score={text}" for text in NO_NUMBERS)],
    "/v1/boards/b/percentile": ["", "p=-1", "p=101", "p=90%25", "p=50&p=50", "p=1e-999999", "p=0.0000001",
        "p=100.0000001", "window=24h&p=1", *(f"p={text}" for text in NO_NUMBERS)],
    "/v1/boards/b/scores": ["min=5&max=1", "min=1&min=1", "window=24h",
        *(f"{m}={x}" for m in ("min", "max") for x in NO_NUMBERS)],
    "/v1/boards/b/top": ["cursor=", "cursor=x", "cursor=%00", "cursor====", "cursor=%ff", "cursor=" + "A" * 2001,
        "cursor=" + "A" * 400, "cursor=lQ", "cursor=3QAAAAA", "cursor=%C3%A9", "cursor=a+b/", "cursor=x&cursor=x",
        "window=24h"],
}
SUBMIT_QUERIES = ["ranks=nope", "ranks=", "ranks=day,", "ranks=none,day", "ranks=hour", "ranks=%ff", "ranks=DAY", "x=1",
    "ranks=all&ranks=all", "backfill=true", "ranks=week,%20day", "ranks=%ED%A0%80", "=", "%00=1"]
BULK_QUERIES = ["backfill=1", "backfill=", "backfill=TRUE", "backfill=true&backfill=true", "ranks=all", "%00=", "x=%ff"]
BAD_ZONES = ["Europe", "../etc/passwd", "/etc/passwd", "UTC ", "utc\n", "Europe/", "a/" * 2000, "é", "localtime", "."]
BAD_TIMES = [
    "", "x", "2026-11-23", "2026-11-23T12:00:00", "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "١", "-1",
    "2026-11-23T25:00:00Z", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-11-23T12:02:00Z", "now",
    "2026-11-23T12:00:00+24:00", "2026-11-23T12:00:00Z\n", "2026-11-23T12:00:60Z", "1764000000", "2026-11-23T12:00Z",
]
BAD_IDS = ["", "a/", "/", "..", "a//b", "\x00", "\x7f", "\x85", "a\n", "x" * 129, "\ud800", "a/./b", "é\udc00"]
BAD_BOARDS = [
    "%ff", "%00", "b%00", "%2e%2e", "%2E", "..", ".", "a%2Fb", "%2F", "b%2f", "a%20b", "%C3%A9", "a" * 65, "%ED%A0%80",
    "%F0%9F%92%A9", "b%0A", "a,b", "~", "%", "%zz", "a%5Cb", "b%3Fx", "b;x", "{b}", "*", "b%09", "b+", "b%25", "%C3",
]
BAD_PLAYERS = [
    "", "%00", "a%0A", "%7F", "%C2%85", "a//b", "a%2F%2Fb", "/a", "a/", "a%2F", "%2e%2e", "..", ".", "a/../b", "./a",
    "a/%2E/b", "%ff", "a/%ff", "%ED%A0%80", "x" * 129, "%C3%A9" * 129, "%C3", "a/%00/b", "%2F", "%2F%2F", "a%1Fb",
    "%0A", "a%0Ab", "a/%0A",
]
NOWHERE = [
    "/nope", "/v1", "/v1/", "/v2/boards", "/v1/boards/b/nope", "/v1/boards/b/top/x", "/docs/nope", "/V1/boards", "/%ff",
    "/docs/..%2f..%2fapp.py", "/docs/%2e%2e/%2e%2e/etc/passwd", "/.env", "/v1/boards/b/players", "/%2e%2e", "/v1/%ff",
    "/v1/boards/b/", "/v1/players", "/v1/scores/", "/healthz/x", "/static/x", "/v1//boards", "/v1/boards/b/%ff", "/%C3",
    "/healthz%ff", "/docs/%ff", "/docs/%00", "/%00", "/v1/boards/b%2Ftop", "/v1%2Fboardz", "/v1;x/boards", "/*",
]
KEYS = ["", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "Bearer  ", "bearer\tx", "lb_server_x", "Bearer a b c",
    "Bearer \xe9", "Bearer " + "x" * 7000, "Bearer \x7f", "Token x", "Bearer null", "=?utf-8?q?x?="]
HEADERS = [
    ("Accept", "\xff"), ("Accept", "x" * 7000), ("If-None-Match", '"'), ("If-None-Match", "W/" * 999), ("Range", "x"),
    ("Range", "bytes=5-1"), ("Cookie", "=;" * 900), ("Cache-Control", "no-cache=\xff"), ("X-Request-ID", "x" * 200),
    ("X-Request-ID", "\x01"), ("X-Request-ID", ""), ("If-Modified-Since", "x"), ("Content-Length", "0"), ("Date", "x"),
    ("Accept-Language", "\x00"), ("Origin", "null"), ("X-HTTP-Method-Override", "DELETE"), ("Upgrade", "websocket"),
    ("Last-Event-ID", "\xff"), ("X-Forwarded-For", "x" * 999), ("X-Forwarded-Host", "\x00"), ("Connection", "\xff"),
    ("Content-Length", "x"), ("Content-Length", "-1"), ("Content-Length", "9" * 30),
]
HOSTS = ["", "a b", "\xff", "x" * 999, "a:99999", "[::", "<>", "\x00", "a:b:c"]
# fmt: on


class Case(NamedTuple):
    """A request (`GET /path?query`) and the statuses that it may get."""

    request: str
    statuses: tuple[int, ...]
    body: bytes | None = None
    headers: dict[str, str] = {}  # noqa: RUF012 - never written to
    key: str = "server"


def with_body(request: str, body: bytes | str, *statuses: int, **headers: str) -> Case:
    sent = {"Content-Type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Case(request, statuses, body.encode() if isinstance(body, str) else body, sent)


def documents() -> Iterator[Case]:
    """What is no JSON, or JSON of another shape."""
    for request, good in GOOD.items():
        raw = good.encode()
        for bad in [*BAD_JSON, *(raw[:length] for length in range(1, len(raw))), raw[1:], raw * 2, "\ufeff" + good]:
            yield with_body(request, bad, 400)
        for document in NOT_OBJECTS:
            yield with_body(request, document, 422)
    for line in BAD_JSON:
        if b"\n" not in line and line.strip():
            yield with_body(MANY, line, 400, Content_Type=NDJSON)
            yield with_body(MANY, b"\n" + line + b"\n[\n", 400, Content_Type=NDJSON)


def bad_documents(request: str) -> Iterator[str]:
    """The request's good body with one field that is wrong or unknown."""
    for field, fine in FIELDS[request].items():
        yield from (_replaced(GOOD[request], field, x) for x in VALUES if x.replace(" ", "") not in fine.split())
    yield from (f'{{"{name}": 1, {GOOD[request][1:]}' for name in STRANGE_KEYS)


def _replaced(good: str, field: str, value: str) -> str:
    """The document with one (dotted) field holding this JSON text."""
    document = json.loads(good)
    outer, _, inner = field.rpartition(".")
    if outer:
        document[outer] = {"min": 0, "max": 9} if outer == "subscore" else {}
    (document[outer] if outer else document)[inner] = "@"
    return json.dumps(document).replace('"@"', value)


def fields() -> Iterator[Case]:
    """Every field with values of the wrong kind, unknown fields, missing fields."""
    for request in FIELDS:
        yield from (with_body(request, document, 422) for document in bad_documents(request))
    for name in STRANGE_KEYS:
        yield with_body(MANY, f'{{"{name}": 1, {GOOD[MANY][1:]}', 422)
        for field in ("score", "subscore", "retention"):
            yield with_body(PUT, f'{{"{field}": {{"{name}": 1}}}}', 422)
    for document in ('{"player": "ada"}', '{"score": 1}', "{}", '{"player": "ada", "score": 1}'):
        yield with_body(BOTH, document, 422)
    yield from (with_body(request, "{}", 422) for request in (ONE, LOOKUP, MANY))


def texts() -> Iterator[Case]:
    """Strings that look right and are not."""
    yield from (with_body(PUT, json.dumps({"time_zone": zone}), 422) for zone in BAD_ZONES)
    yield from (with_body(ONE, json.dumps({"player": "ada", "score": 1, "at": at}), 422) for at in BAD_TIMES)
    for player in BAD_IDS:
        yield with_body(ONE, json.dumps({"player": player, "score": 1}), 422)
        yield with_body(LOOKUP, json.dumps({"players": ["ada", player]}), 422)
    for metadata in ({"a": "x" * 1024}, {"\ud800": 1}, {"a": "\ud800"}, {"a": {"\udfff": 1}}, {"a": [["\ud800"]]}):
        yield with_body(ONE, json.dumps({"player": "ada", "score": 1, "metadata": metadata}), 422)


def media() -> Iterator[Case]:
    """Types, charsets and encodings that are not spoken here, or broken."""
    for request, good in GOOD.items():
        yield from (with_body(request, good, 415, Content_Type=media_type) for media_type in MEDIA_TYPES)
        yield from (with_body(request, good, 415, Content_Encoding=encoding) for encoding in ENCODINGS)
        yield from (Case(request, (415,), body) for body in (good.encode(), b"", None))
        packed, zipped = gzip.compress(good.encode()), zstandard.compress(good.encode())
        corrupt = [packed[:-8] + bytes(8), b"\x1f\x8b" + bytes(30), packed + b"x", packed[:20] + b"\xff" * 30]
        for bad in [b"", good.encode(), zipped, *corrupt, *(packed[:n] for n in range(0, len(packed), 5))]:
            yield with_body(request, bad, 400, Content_Encoding="gzip")
        for bad in [b"", good.encode(), packed, zipped + b"x", *(zipped[:n] for n in range(0, len(zipped), 5))]:
            yield with_body(request, bad, 400, Content_Encoding="zstd")
    whole = "\n".join(f'{{"board": "b", "player": "a{n * 7919 % 9973}", "score": {n}}}' for n in range(9000)).encode()
    for encoding, packed in (("gzip", gzip.compress(whole)), ("zstd", zstandard.compress(whole))):
        for share in (0.3, 0.6, 0.9, 0.9999):  # the first blocks are whole
            cut = packed[: int(len(packed) * share)]
            yield with_body(MANY, cut, 400, Content_Type=NDJSON, Content_Encoding=encoding)


def sizes() -> Iterator[Case]:
    """Too many bytes, as they are or unpacked, and too many items."""
    spaces = ((1 << 17 << 3) | 2).to_bytes(3, "little") + b" "  # a zstd block: 128 Ki times the same byte
    zstd_bomb = b"\x28\xb5\x2f\xfd\xc0\x38" + (2**37).to_bytes(8, "little") + spaces * 2**15  # 4 GiB from 128 KiB
    member = gzip.compress(b" " * 2**25)
    for request in GOOD:
        yield from (with_body(request, bomb, 413, Content_Encoding="gzip") for bomb in (member, member * 64))
        yield with_body(request, zstd_bomb, 413, Content_Encoding="zstd")
        yield with_body(request, b" " * (9 * 1024 * 1024), 413)
    items = [f'{{"board": "b", "player": "a{number}", "score": 1}}' for number in range(10_001)]
    for extra in ("", ', {"x": 1}'):  # with and without something odd
        yield with_body(MANY, f'{{"scores": [{", ".join(items)}{extra}]}}', 413)
        yield with_body(MANY, "\n".join([*items, extra[2:]]), 413, Content_Type=NDJSON)
    yield with_body(MANY, items[0] + "\n" + " " * (9 * 1024 * 1024), 413, Content_Type=NDJSON)
    yield with_body(LOOKUP, json.dumps({"players": [f"a{number}" for number in range(1001)]}), 422, 413)


def queries() -> Iterator[Case]:
    """Parameters that are wrong, unknown or given twice."""
    ids = [f"period={name}&id={one}" for name, some in IDS.items() for one in some]
    kept_by_none = ["period=hour", "period=year&id=2026", "period=year&id=x"]
    for read, whole in READS.items():
        own = [f"{whole}={text}" for text in [*WHOLE, f"1&{whole}=1"]] if whole else []
        for query in [*PERIODS, *ids, *own]:
            if not (read.startswith("/v1/players") and query in kept_by_none):
                yield Case(f"GET {read}{'&' if '?' in read else '?'}{query}", (422,))
    yield from (Case(f"GET {path}?{query}", (422,)) for path, own in OWN.items() for query in own)
    for request, bad in ((LOOKUP, PERIODS), (ONE, SUBMIT_QUERIES), (MANY, BULK_QUERIES)):
        yield from (with_body(f"{request}?{query}", GOOD[request], 422) for query in bad)
    for request in ("GET /v1/boards", "GET /v1/boards/b", "DELETE /v1/boards/b", "DELETE /v1/players/ada", PUT):
        for query in ("x=1", "period=all", "=", "%ff=%ff", "limit=1", "metadata=true"):
            yield with_body(f"{request}?{query}", GOOD[PUT], 422)


def paths() -> Iterator[Case]:
    """Names that nothing can have, routes that are not there, and methods that a route does not know."""
    for path, methods in ALLOWED.items():
        if path.startswith("/v1/boards/b"):
            for method in methods.split():
                yield from (with_body(f"{method} /v1/boards/{name}{path[12:]}", "{}", 422) for name in BAD_BOARDS)
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT", "PROPFIND", "BREW", "get-"):
            if method not in methods.split():
                yield Case(f"{method} {path}", (405,))
    for route in ("/v1/players/", "/v1/boards/b/players/"):
        yield from (Case(f"{method} {route}{name}", (422,)) for method in ("GET", "DELETE") for name in BAD_PLAYERS)
    yield from (Case(f"GET {path}", (404, 405, 422)) for path in NOWHERE)


def callers() -> Iterator[Case]:
    """Headers: no key or a wrong one, absurd ones, and an Idempotency-Key of the wrong length."""
    requests = [f"{method} {path}" for path, methods in ALLOWED.items() if "/v1" in path for method in methods.split()]
    for request in requests:
        body = GOOD.get(request, "{}").encode()
        for value in KEYS:
            yield Case(request, (401,), body, {"Content-Type": JSON, "Authorization": value}, key="")
        yield Case(request, (401,), b"{" * 99, {"Content-Type": "x"}, key="")
        if request.split()[0] in ("PUT", "DELETE"):
            yield Case(request, (403,), b"{}", {"Content-Type": JSON}, key="client")
    for request, good in ((ONE, GOOD[ONE]), (f"{MANY}?backfill=true", GOOD[MANY])):
        yield with_body(request, good, 403)._replace(key="client")
    for name, value in HEADERS:
        yield Case("GET /v1/boards/nope/top", (404, 400), None, {name: value})
        yield with_body(ONE, '{"player": "", "score": 1}', 422, 400, 413, **{name: value})
    yield from (Case("GET /v1/boards/nope/top", (404, 400), None, {"Host": host}) for host in HOSTS)
    for key in ("x" * 201, "x" * 7000, ""):
        yield from (with_body(request, GOOD[request], 422, Idempotency_Key=key) for request in (ONE, BOTH, MANY))


GROUPS: list[Callable[[], Iterator[Case]]] = [documents, fields, texts, media, sizes, queries, paths, callers]
