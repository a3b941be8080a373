"""The pages of players: found, shown with everything there is, removed and forgotten."""

from typing import Any
from urllib.parse import quote

import pytest

from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import as_text
from leaderboard.store.keys import player_bucket
from tests.conftest import Service
from tests.periods.running import FreeRun
from tests.web.person import Person, words

SCRIPT = "<script>alert(1)</script>"
PERIODS = ["all", "week", "day"]


@pytest.fixture
def board(service: Service) -> str:
    service.put_board("b", periods=PERIODS)
    service.put_board("fast", periods=["all"], order="asc", ties="first")
    for place, player in enumerate(("ada", "bob", "cleo", "dan")):
        service.submit(player, 400 - 100 * place)
    service.submit("ada", 61, "fast", metadata={"car": "<b>red</b>"})
    return f"/games/{service.game}/players"


def test_leaders_to_begin_with(service: Service, board: str) -> None:
    page = Person(service, "viewer").get(board)
    assert "1 ada 400" in words(page)
    assert "4 dan 100" in words(page)
    assert f'href="{board}/dan"' in page
    assert "There is no index of players" in words(page)


def test_a_game_without_boards_says_so(service: Service) -> None:
    assert "This game has no boards yet." in Person(service, "viewer").get(f"/games/{service.game}/players")


def test_search_leads_to_the_player(service: Service, board: str) -> None:
    visitor = Person(service, "viewer")
    answer = visitor.client.get(board, query_string={"player": "team/ada lovelace"})
    assert (answer.status_code, answer.location) == (303, f"{board}/team/ada%20lovelace")
    for wrong in ("", "a//b", "x" * 129):
        answer = visitor.client.get(board, query_string={"player": wrong})
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.text


def test_everything_of_a_player(service: Service, board: str) -> None:
    service.clock.advance(days=1)
    service.submit("bob", 999)
    page = words(Person(service, "viewer").get(f"{board}/bob"))
    assert "All time 1 of 4 999 75.0 % open" in page
    assert "Day 2026-11-24 1 of 1 999 0.0 % open" in page
    assert "Day 2026-11-23 2 of 4 300 50.0 % closed" in page
    assert "Remove" not in page
    metadata = Person(service, "viewer").get(f"{board}/ada")
    assert "&lt;b&gt;red&lt;/b&gt;" in metadata
    assert "<b>red" not in metadata


def test_activity_is_shown(service: Service, board: str) -> None:
    for _ in range(2):
        reply = service.request("POST", "/v1/events/login", json={"player": "ada"})
        assert reply.status == 200, reply.body
        service.clock.advance(days=1)
    page = words(Person(service, "viewer").get(f"{board}/ada"))
    assert "First day 2026-11-23" in page
    assert "Last day 2026-11-24" in page
    assert "Days active 2" in page
    assert "Longest streak 2" in page


def test_the_limit_is_shown_and_asking_takes_nothing(service: Service, board: str) -> None:
    service.services.limits.change(service.game, {"player_submissions": "3/h"})
    service.services.limits._cached.clear()
    service.submit("ada", 5000)
    visitor = Person(service, "viewer")
    for _ in range(3):
        assert "2 of 3 submissions are left now, by the limit 3/h" in words(visitor.get(f"{board}/ada"))


def test_rolling_windows_and_subscores(service: Service, board: str) -> None:
    service.put_board("week", periods=["day"], rolling=["7d"], subscore={"order": "asc", "min": 0, "max": 100})
    service.submit("ada", 10, "week", subscore=7)
    page = words(Person(service, "viewer").get(f"{board}/ada"))
    assert "week Last 7 days 2026-11-23 1 of 1 10 (7)" in page


def test_who_is_not_known(service: Service, board: str) -> None:
    visitor = Person(service, "viewer")
    assert "Nothing is known of this player." in visitor.get(f"{board}/nobody", 404)
    visitor.get("/games/no-such-game/players", 404)
    visitor.get("/games/no-such-game/players/ada", 404)
    assert "segment" in visitor.get(f"{board}/a//b", 422)


@pytest.mark.parametrize("player", [SCRIPT, "team/ada", "a b?c#d%2F&e", "Jos\u00e9 \U0001f680", '"><img src=x>', "new"])
def test_names_are_text_and_addresses_lead_to_them(service: Service, board: str, player: str) -> None:
    service.submit(player, 1000)
    visitor = Person(service, "editor")
    leaders = visitor.get(board)
    address = f"{board}/" + quote(player, safe="!$&'()*+,/:;=@")
    assert f'href="{address.replace("&", "&amp;").replace(chr(39), "&#39;")}"' in leaders
    page = visitor.get(address)
    assert "All time 1 of 5 1000" in words(page)
    for text in (leaders, page):
        assert SCRIPT not in text
        assert "<img" not in text
    answer = visitor.post(address, {"action": "forget", "confirm_forget": player})
    assert answer.status_code == 303
    assert service.request("GET", f"/v1/boards/b/players/{quote(player)}").status == 404


def test_removing_needs_the_id_typed(service: Service, board: str) -> None:
    visitor = Person(service, "editor")
    for action in ("remove", "forget"):
        answer = visitor.post(f"{board}/ada", {"action": action, "board": "b", f"confirm_{action}": "Ada"})
        assert answer.status_code == 422
        assert "nothing was removed" in answer.text
    assert service.get("/boards/b/players/ada")["score"] == 400


def test_removing_from_one_board(service: Service, board: str) -> None:
    visitor = Person(service, "editor")
    form = {"action": "remove", "board": "b", "confirm_remove": "ada"}
    answer = visitor.post(f"{board}/ada", form)
    assert answer.status_code == 303
    assert "Removed from b: 3 periods, archived ones included." in visitor.get(answer.location)
    assert service.request("GET", "/v1/boards/b/players/ada").status == 404
    assert service.get("/boards/fast/players/ada")["score"] == 61
    assert "there was nothing to remove" in visitor.get(visitor.post(f"{board}/ada", form).location)
    answer = visitor.post(f"{board}/ada", {**form, "board": "no-such-board"})
    assert answer.status_code == 422


def test_forgetting_everywhere_is_what_the_api_does(service: Service, board: str) -> None:
    service.services.limits.change(service.game, {"player_submissions": "5/h"})
    service.services.limits._cached.clear()
    service.submit("ada", 5000)
    assert service.request("POST", "/v1/events/login", json={"player": "ada"}).status == 200
    service.clock.advance(days=40)
    assert service.services.sealing.run(service.clock.now(), FreeRun())["sealed"] >= 2
    archived = service.services.registry.get(service.game, "b")
    wanted = [("b", archived.born, "2026-11-23")]
    assert service.services.cold._archive.with_player(service.game, wanted, "ada")
    bucket = player_bucket(service.game, 3600, "ada")
    assert service.services.store.client.exists(bucket)
    visitor = Person(service, "editor")
    answer = visitor.post(f"{board}/ada", {"action": "forget", "confirm_forget": "ada"})
    assert (answer.status_code, answer.location) == (303, board)
    said = words(visitor.get(answer.location))
    assert "The player is forgotten: removed from 2 boards (4 periods)" in said
    assert "ada" not in said
    assert not service.services.store.client.exists(bucket)
    assert not service.services.cold._archive.with_player(service.game, wanted, "ada")
    reply = service.request("DELETE", "/v1/players/ada")
    assert reply.json["boards"] == {}
    assert service.request("GET", "/v1/analytics/players/ada").status == 404
    answer = visitor.post(f"{board}/ada", {"action": "forget", "confirm_forget": "ada"})
    assert "There was nothing of this player to forget." in visitor.get(answer.location)


def held(service: Service, player: str) -> list[str]:
    """The keys of the game that know a player, by their names or by what they hold."""
    client: Any = service.services.store.client
    readers = {
        "hash": lambda key: [text for pair in client.hgetall(key).items() for text in pair],
        "zset": lambda key: client.zrange(key, 0, -1),
        "set": client.smembers,
        "list": lambda key: client.lrange(key, 0, -1),
        "string": lambda key: [client.get(key)],
    }
    found = []
    for key in sorted(map(as_text, client.scan_iter(f"*{service.game}*"))):
        if key.endswith(":u"):
            continue  # a sketch, of hashes; fakeredis has a set in its place
        holds = readers[as_text(client.type(key))](key)
        if player in key or any(player.encode() in bytes(one) for one in holds):
            found.append(key)
    return found


def test_forgetting_leaves_nothing_that_names_the_player(service: Service, board: str) -> None:
    player = "qwzx"
    service.services.limits.change(service.game, {"player_submissions": "5/h"})
    service.services.limits._cached.clear()
    funnel = {"steps": ["login", "win"], "window_seconds": 3600}
    assert service.request("PUT", "/v1/funnels/wins", json=funnel).status == 201
    service.submit(player, 5000, metadata={"a": 1})
    for event in ("login", "win"):
        assert service.request("POST", f"/v1/events/{event}", json={"player": player}).status == 200
        service.clock.advance(minutes=1)
    counters = service.request("POST", "/v1/counters/coins", json={"by": 7})
    assert counters.status == 200, counters.body
    kinds = {key.split(":")[0] for key in held(service, player)}
    assert len(kinds) >= 4, kinds  # scores, limits, activity and funnels
    figures = [service.get("/counters"), service.get("/funnels/wins"), service.get("/analytics/active")]
    visitor = Person(service, "editor")
    answer = visitor.post(f"{board}/{player}", {"action": "forget", "confirm_forget": player})
    assert answer.status_code == 303
    assert held(service, player) == []
    assert [service.get("/counters"), service.get("/funnels/wins"), service.get("/analytics/active")] == figures


def test_who_may(service: Service, board: str) -> None:
    viewer = Person(service, "viewer")
    form = {"action": "forget", "confirm_forget": "ada"}
    assert viewer.post(f"{board}/ada", form, on="/").status_code == 403
    nobody = Person(service, None)
    for path in (board, f"{board}/ada"):
        answer = nobody.client.get(path)
        assert answer.status_code == 303
        assert answer.location.startswith("/signin")
    editor = Person(service, "editor")
    assert editor.client.post(f"{board}/ada", data=form).status_code == 400
    assert service.get("/boards/b/players/ada")["score"] == 400


def test_a_store_that_is_away(service: Service, board: str, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Person(service, "viewer")

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store is away: ConnectionError.")

    monkeypatch.setattr(service.services.store, "run_all", away)
    answer = visitor.client.get(f"{board}/ada")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert "<h1" in answer.text
