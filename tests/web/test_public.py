"""Public boards: seen by everybody, framed by anybody, and no other board even hinted at."""

import gzip
from datetime import timedelta
from typing import Any

import pytest
import zstandard

from leaderboard.boards.rankings import Rankings
from leaderboard.errors import StoreUnavailable
from tests.conftest import START, Service
from tests.web.visitor import ATTACKS, Page, Visitor


@pytest.fixture
def anybody(service: Service) -> Visitor:
    return Visitor(service, None)


def public(visitor: Visitor, path: str = "", **query: Any) -> Page:
    return visitor.get(f"/b/{visitor.service.game}/b{path}", **query)


@pytest.mark.parametrize("path", ["", "/embed"])
def test_only_a_public_board_is_shown(service: Service, anybody: Visitor, path: str) -> None:
    service.put_board("b")
    service.submit("ada", 5)
    hidden = public(anybody, path)
    unknown = [anybody.get(f"/b/{service.game}/nope{path}"), anybody.get(f"/b/no-game/b{path}")]
    assert hidden.status == 404
    for page in unknown:  # whether it exists is not told
        assert (page.status, page.html) == (404, hidden.html)
        assert set(page.headers.keys()) == set(hidden.headers.keys())
    assert Visitor(service, "admin").get(f"/b/{service.game}/b{path}").status == 404
    service.put_board("b", public=True)
    assert public(anybody, path).rows() == [["1", "", "ada", "5"]]
    service.put_board("b", public=False)
    service.clock.advance(seconds=1)
    assert public(anybody, path).status == 404


def test_what_another_worker_changed_is_seen(service: Service, anybody: Visitor) -> None:
    service.put_board("b")
    service.submit("ada", 5)
    registry = service.services.registry
    private = registry.get(service.game, "b")
    service.put_board("b", public=True)
    registry._cached[service.game, "b"] = private  # what a worker knows that was not asked since
    assert public(anybody).rows() == [["1", "", "ada", "5"]]
    shown = registry.get(service.game, "b")
    service.put_board("b", public=False)
    registry._cached[service.game, "b"] = shown
    service.clock.advance(seconds=1)
    assert public(anybody).status == 404


@pytest.mark.parametrize(("path", "ancestors"), [("", "'none'"), ("/embed", "*"), ("/embed?overlay=1", "*")])
def test_headers(service: Service, anybody: Visitor, path: str, ancestors: str) -> None:
    service.put_board("b", public=True)
    for visitor in (anybody, Visitor(service, "admin")):
        page = public(visitor, path)
        assert page.status == 200
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert policy.endswith(f"frame-ancestors {ancestors}")
        assert ("X-Frame-Options" in page.headers) == (ancestors != "*")
        assert page.headers["Cache-Control"].startswith("public, max-age=2")
        assert "Set-Cookie" not in page.headers
        assert page.headers["Vary"] == "Accept-Encoding", "never by the cookie: everybody is shown the same"
        assert "csrf" not in page.html


def test_nothing_that_would_need_a_looser_policy(service: Service, anybody: Visitor) -> None:
    service.put_board("b", public=True)
    service.submit("ada", 5)
    for path in ("", "/embed", "/embed?overlay=1&theme=dark", "?player=ada", "?period=nope"):
        dom = public(anybody, path).dom
        assert not dom.all("style")
        assert not [one for one in dom.all() if "style" in one.attributes]
        scripts = dom.all("script")
        assert all(one.attributes["src"].startswith("/static/") and not one.children for one in scripts)


def test_the_page(service: Service, anybody: Visitor) -> None:
    service.put_board("b", public=True, periods=["all", "day"], rolling=["24h"])
    service.bulk([{"board": "b", "player": f"p{n:02}", "score": 100 - n} for n in range(60)])
    page = public(anybody)
    assert len(page.rows()) == 50
    assert f'data-stream="/b/{service.game}/b/stream?period=all&amp;limit=50"' in page.html
    links = {one.text: one.attributes["href"] for one in page.dom.all("a")}
    assert links["Day"] == f"/b/{service.game}/b?period=day"
    assert not [address for address in links.values() if address.startswith("/games")]
    rest = anybody.get(links["Next"])
    assert [row[2] for row in rest.rows()] == [f"p{n}" for n in range(50, 60)]
    me = anybody.get(links["p20"])
    assert [row[2] for row in me.rows()] == [f"p{n}" for n in range(15, 26)]
    assert me.dom.one(data_live_standing_rank="").text == "21"
    assert "'zoe' has no score here." in public(anybody, player="zoe").text


def test_the_past_of_a_public_board(service: Service, anybody: Visitor) -> None:
    service.put_board("b", public=True, periods=["day"])
    service.submit("ada", 5)
    service.clock.set(START + timedelta(days=1))
    page = public(anybody)
    assert page.rows() == []
    before = next(one.attributes["href"] for one in page.dom.all("a", rel="prev"))
    past = anybody.get(before)
    assert past.rows() == [["1", "", "ada", "5"]]
    assert "data-stream" not in past.html


def test_the_frame(service: Service, anybody: Visitor) -> None:
    service.put_board("b", public=True, periods=["all", "day"])
    service.bulk([{"board": "b", "player": f"p{n:02}", "score": 100 - n} for n in range(20)])
    page = public(anybody, "/embed", theme="dark", limit=3, period="day", overlay=1)
    assert [row[2] for row in page.rows()] == ["p00", "p01", "p02"]
    assert page.dom.one("html").attributes["data-theme"] == "dark"
    assert page.dom.one("body").attributes["class"] == "embed embed--overlay"
    assert not page.dom.all("a")
    plain = public(anybody, "/embed", theme='"><script>')
    assert "data-theme" not in plain.dom.one("html").attributes
    assert plain.dom.one("body").attributes["class"] == "embed"
    assert len(plain.rows()) == 10


@pytest.mark.parametrize(
    "query", [{"limit": 101}, {"limit": "x"}, {"period": "year"}, {"id": "nope"}, {"window": "7d"}, {"cursor": "x"}]
)
def test_what_is_not_there_is_told(service: Service, anybody: Visitor, query: dict[str, Any]) -> None:
    service.put_board("b", public=True)
    for path in ("", "/embed"):
        page = public(anybody, path, **{"period": "day", **query})
        assert page.status == 422
        assert page.headers["Cache-Control"] == "no-store"
        assert page.dom.one("main").text


@pytest.mark.parametrize("player", ATTACKS)
def test_names_are_text(service: Service, anybody: Visitor, player: str) -> None:
    service.put_board("b", public=True)
    service.submit(player, 5)
    for page in (public(anybody), public(anybody, "/embed"), public(anybody, player=player)):
        assert [one for one in page.dom.all("bdi") if "".join(map(str, one.children)) == player]
        assert not [one for one in page.dom.all("script") if "src" not in one.attributes]
        assert not page.dom.all("img")
        assert not [name for one in page.dom.all() for name in one.attributes if name.startswith("on")]
    address = next(one.attributes["href"] for one in public(anybody).dom.one("tbody").all("a"))
    assert anybody.get(address).dom.one(data_live_standing_rank="").text == "1"


def test_many_who_look_ask_the_store_once_a_second(
    service: Service, anybody: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.put_board("b", public=True)
    service.submit("ada", 5)
    asked, top = [], Rankings.top

    def counted(rankings: Rankings, *args: Any) -> Any:
        asked.append(args)
        return top(rankings, *args)

    monkeypatch.setattr(Rankings, "top", counted)
    for _ in range(5):
        assert public(anybody).rows() == [["1", "", "ada", "5"]]
    service.submit("bob", 7)
    assert len(asked) == 1
    service.clock.advance(seconds=1)
    assert len(public(anybody).rows()) == 2
    assert len(asked) == 2
    public(anybody, limit=10)
    public(anybody, period="day")
    assert len(asked) == 4


def test_the_store_away(service: Service, anybody: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board("b", public=True)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store is away: test.")

    monkeypatch.setattr(Rankings, "top", away)
    page = public(anybody, "/embed")
    assert (page.status, page.headers["Retry-After"]) == (503, "1")
    assert page.headers["Content-Security-Policy"].endswith("frame-ancestors *")
    assert "The board cannot be shown now" in page.text


def test_a_page_is_packed_for_who_takes_it_so(service: Service) -> None:
    service.put_board("b", public=True)
    service.submit("ada", 5)
    client, path = service.app.test_client(), f"/b/{service.game}/b"
    plain = client.get(path)
    assert "Content-Encoding" not in plain.headers
    assert "Accept-Encoding" in plain.headers["Vary"]
    for accepted, used in (("gzip, deflate, br, zstd", "zstd"), ("gzip, zstd;q=0", "gzip"), ("br", None)):
        page = client.get(path, headers={"Accept-Encoding": accepted})
        assert page.headers.get("Content-Encoding") == used
        assert int(page.headers["Content-Length"]) == len(page.data)
        unpack = {"zstd": zstandard.decompress, "gzip": gzip.decompress, None: bytes}[used]
        assert unpack(page.data) == plain.data
