"""Names of boards and players: which are taken, which are refused, and always with 422, also in a path."""

from typing import Any
from urllib.parse import quote

import pytest

FRESH = {"Cache-Control": "no-cache"}
JSON = {"Content-Type": "application/json"}

GOOD_BOARDS = ["b", "B", "0", "a.b_c-d:1", "...", ".a", "a..", "x" * 64, "scores", "-", ":", "_"]
# As they stand in a path; decoded they are what no board can be called.
BAD_BOARDS = [
    *("a%2Fb", "a%2fb", "b%2Ftop", "%2F", "%2e%2e%2F", ".", "..", "%2e", "%2E%2E", ".%2e", "", "%20", "a%20b", "a+b"),
    *(
        "x" * 65,
        "%C3%A4",
        "a%00",
        "a%0A",
        "a%5Cb",
        "a%25",
        "a%252Fb",
        "a%3Fb",
        "a%23b",
        "b;x",
        "b,c",
        "b*",
        "%F0%9F%A6%8A",
    ),
    *("a@b", "{b}", "%EF%BC%A1", "%D9%A1", "b%7F"),
]
UNDER_BOARD = [
    *(("GET", ""), ("PUT", ""), ("DELETE", ""), ("GET", "/top"), ("POST", "/scores"), ("GET", "/scores")),
    *(("POST", "/lookup"), ("GET", "/rank?score=1"), ("GET", "/percentile?p=1"), ("GET", "/distribution")),
    *(("GET", "/periods"), ("GET", "/players/a"), ("DELETE", "/players/a")),
]
BODIES = {"/scores": {"player": "a", "score": 1}, "/lookup": {"players": ["a"]}, "": {}}

GOOD_PLAYERS = [
    *(
        "WAC/St. Andrä",
        "50% + x",
        "a#b?c=d&e",
        "～tilde",
        "🦊",
        'q"uo\\te',
        "...",
        "..a",
        "a..",
        ".a/b.",
        "a b",
        " ",
        "+",
    ),
    *(
        "%2F",
        "%2e%2e",
        "%",
        "%%",
        "%zz",
        "a;b,c",
        "top",
        "players/top",
        "a/players/b",
        "x" * 128,
        "🦊" * 128,
        "é",
        "e\u0301",
    ),
    *(
        "\u200b",
        "\u2028",
        "\ufeff",
        "\ufffd",
        "a/b/c/d/e/f",
        "null",
        "0",
        "-0",
        "A",
        "a",
        "<script>",
        "'; --",
        "~",
        "@:!$&'()*",
    ),
]
BAD_PLAYERS = [
    *("", ".", "..", "/", "//", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", "a/..", "./a", "x" * 129, "🦊" * 129),
    *("a\0b", "\n", "a\r", "\t", "\x1b[0m", "\x7f", "\x80", "\x85", "\x9f"),
]


def problem(reply: Any, status: int, code: str | None = None) -> None:
    assert reply.status == status, reply.body
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert code is None or reply.json["code"] == code


def test_good_names_of_boards(service: Any) -> None:
    for name in GOOD_BOARDS:
        path = f"/v1/boards/{quote(name)}"
        assert service.request("PUT", path, json={"periods": ["all"]}).status == 201, name
        assert service.request("PUT", path, json={"periods": ["all"]}).status == 200
        assert service.request("POST", f"{path}/scores", json={"player": "a", "score": 1}).status == 200
        assert service.get(f"/boards/{quote(name)}/top", headers=FRESH)["board"] == name
    listed = service.get("/boards")["boards"]
    assert sorted(board["name"] for board in listed) == sorted(GOOD_BOARDS)
    report = service.bulk([{"board": name, "player": "b", "score": 1} for name in GOOD_BOARDS])
    assert report["applied"] == len(GOOD_BOARDS)


def test_bad_names_of_boards_in_a_path(service: Any) -> None:
    service.put_board()
    wrong = []
    for name in BAD_BOARDS:
        for method, rest in UNDER_BOARD:
            body = BODIES.get(rest) if method in ("PUT", "POST") else None
            reply = service.request(method, f"/v1/boards/{name}{rest}", json=body)
            if (reply.status, reply.json["code"]) != (422, "invalid_board_name"):
                wrong.append((method, name, rest, reply.status))
    assert wrong == []
    assert [board["name"] for board in service.get("/boards")["boards"]] == ["b"]


def test_bad_names_of_boards_in_a_batch(service: Any) -> None:
    service.put_board()
    names = ["", ".", "..", "a/b", "a b", "x" * 65, "ä", "b\0", "b\n", " b", "b ", None, 1, ["b"], {}]
    report = service.bulk([{"board": name, "player": "a", "score": 1} for name in names])
    assert [one["index"] for one in report["rejected"]] == list(range(len(names)))
    assert (report["applied"], service.get("/boards/b/top", headers=FRESH)["total"]) == (0, 0)


def ways_to_write(player: str) -> set[str]:
    """A player at the end of a path: its slashes as they are, and percent-encoded, in either case."""
    encoded = quote(player, safe="")
    return {quote(player, safe="/"), encoded, encoded.replace("%2F", "%2f")}


def test_good_names_of_players(service: Any) -> None:
    service.put_board()
    for number, player in enumerate(GOOD_PLAYERS):
        assert service.submit(player, -number)["player"] == player
    ranked = service.get("/boards/b/top?limit=1000", headers=FRESH)["entries"]
    assert [row["player"] for row in ranked] == GOOD_PLAYERS
    found = service.request("POST", "/v1/boards/b/lookup", json={"players": GOOD_PLAYERS}, headers=FRESH).json
    assert (len(found["entries"]), found["missing"]) == (len(GOOD_PLAYERS), [])
    for number, player in enumerate(GOOD_PLAYERS):
        for written in ways_to_write(player):
            answer = service.get(f"/boards/b/players/{written}?around=1", headers=FRESH)
            assert (answer["player"], answer["rank"]) == (player, number + 1)
            assert answer["entries"][0]["player"] == player
            everywhere = service.get(f"/players/{written}", headers=FRESH)
            assert (everywhere["player"], len(everywhere["boards"])) == (player, 1)


@pytest.mark.parametrize("way", [0, 1, -1])
def test_good_names_of_players_can_be_deleted(service: Any, way: int) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": player, "score": 1} for player in GOOD_PLAYERS])
    for number, player in enumerate(GOOD_PLAYERS):
        written = sorted(ways_to_write(player))[way if len(ways_to_write(player)) > 1 else 0]
        where = "/v1/boards/b/players/" if number % 2 else "/v1/players/"
        assert service.request("DELETE", where + written).status in (200, 204), player
        assert service.get("/boards/b/top", headers=FRESH)["total"] == len(GOOD_PLAYERS) - number - 1


def test_bad_names_of_players_in_a_path(service: Any) -> None:
    service.put_board()
    wrong = []
    for player in BAD_PLAYERS:
        for written in ways_to_write(player) | {quote(player, safe="").replace(".", "%2E")}:
            for path in ("/v1/boards/b/players/", "/v1/players/"):
                for method in ("GET", "DELETE"):
                    reply = service.request(method, path + written)
                    if (reply.status, reply.json["code"]) != (422, "invalid_player"):
                        wrong.append((method, path + written, reply.status))
    assert wrong == []


def test_bad_names_of_players_in_a_body(service: Any) -> None:
    service.put_board()
    names = [*BAD_PLAYERS, None, 1, True, ["a"], {}]
    for name in names:
        problem(service.request("POST", "/v1/boards/b/scores", json={"player": name, "score": 1}), 422)
        problem(service.request("POST", "/v1/boards/b/lookup", json={"players": [name]}), 422)
    report = service.bulk([{"board": "b", "player": name, "score": 1} for name in names])
    assert [one["index"] for one in report["rejected"]] == list(range(len(names)))
    assert service.get("/boards/b/top", headers=FRESH)["total"] == 0


def test_surrogates_are_in_no_name(service: Any) -> None:
    service.put_board()
    for escape in ("\\ud800", "\\udfff", "a\\ud83d", "\\ude00\\ud83d"):
        item = f'{{"player":"{escape}","score":1}}'
        problem(service.request("POST", "/v1/boards/b/scores", data=item, headers=JSON), 422)
        bulk = f'{{"scores":[{{"board":"b","player":"{escape}","score":1}},{{"board":"b","player":"a","score":1}}]}}'
        reply = service.request("POST", "/v1/scores", data=bulk, headers=JSON)
        assert reply.status in (200, 400), reply.body  # an item of its own, or a body that is no text
        if reply.status == 200:
            assert [one["index"] for one in reply.json["rejected"]] == [0]
    pair = '{"player":"\\ud83e\\udd8a","score":1}'  # both halves together are a fox
    assert service.request("POST", "/v1/boards/b/scores", data=pair, headers=JSON).json["player"] == "🦊"


def test_a_path_that_is_no_text_is_refused(service: Any) -> None:
    """As a server hands it on: the bytes, decoded, each a character."""
    service.put_board()
    for raw in ("\xff", "\xed\xa0\x80", "a\xc3", "\xf8\x88\x80\x80\x80", "\xc0\xaf"):
        for where in ("/v1/boards/b/players/", "/v1/players/", "/v1/boards/"):
            path = where + raw + ("/top" if where.endswith("boards/") else "")
            client = service.app.test_client()
            reply = client.get(
                "/v1/x",
                headers={"Authorization": f"Bearer {service.keys['server']}"},
                environ_overrides={"PATH_INFO": path, "RAW_URI": quote(path, encoding="latin-1"), "REQUEST_URI": ""},
            )
            assert reply.status_code == 422, path
            assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_board_may_be_called_like_part_of_a_path(service: Any) -> None:
    for name in ("top", "scores", "players", "lookup", "boards"):
        service.put_board(name)
        service.submit("top", 1, name)
        assert service.get(f"/boards/{name}/players/top", headers=FRESH)["board"] == name


def test_slashes_are_never_folded_or_redirected(service: Any) -> None:
    service.put_board()
    for path in ("//v1/boards", "/v1//boards", "/v1/boards/b/", "/v1/boards/b/top/", "/v1/boards/b//top", "/v1/"):
        reply = service.request("GET", path)
        assert reply.status in (404, 422), path
        assert reply.headers["Content-Type"] == "application/problem+json"


def test_a_bulk_for_thousands_of_boards_that_are_none_costs_one_look(service: Any) -> None:
    service.put_board("b")
    names = [f"none-{number}" for number in range(3000)] + ["no name", "..", "\x00"]
    items = [{"board": name, "player": "ada", "score": 1} for name in ["b", *names, "b"]]
    service.services.registry._cached.clear()
    looked: list[str] = []
    fences = service.services.registry._fences
    find = fences.find
    fences.find = lambda game, name: looked.append(name) or find(game, name)
    try:
        report = service.bulk(items)
    finally:
        fences.find = find
    assert set(looked) == {"b"}
    assert [one["index"] for one in report["rejected"]] == list(range(1, 3004))
    assert {one["code"] for one in report["rejected"]} == {"unknown_board"}
    assert (report["received"], report["applied"], report["unchanged"]) == (3005, 1, 1)
