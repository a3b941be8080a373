"""What the pages of a board show, without scripts: the live table, its pages, past periods, a player, winners."""

from datetime import timedelta

import pytest

from tests.conftest import START, Service
from tests.periods.running import FreeRun
from tests.web.visitor import ATTACKS, Page, Visitor

TOMORROW = START + timedelta(days=1)


@pytest.fixture
def visitor(service: Service) -> Visitor:
    return Visitor(service, "viewer")


def board(visitor: Visitor, path: str = "", **query: object) -> Page:
    page = visitor.get(f"/games/{visitor.service.game}/boards/b{path}", **query)
    assert page.status == 200, page.text
    return page


def to_tomorrow(service: Service, visitor: Visitor) -> None:
    service.clock.set(TOMORROW)
    visitor.come_back()


def stream(page: Page) -> str | None:
    found = [one.attributes["data-stream"] for one in page.dom.all() if "data-stream" in one.attributes]
    return found[0] if found else None


def link(page: Page, text: str) -> str:
    return next(one.attributes["href"] for one in page.dom.all("a") if one.text == text)


def test_the_table(service: Service, visitor: Visitor) -> None:
    service.put_board(score={"decimals": 2}, subscore={"min": 0, "max": 9})
    for player, score, subscore in (("ada", 12.5, 1), ("bob", 12.5, 3), ("cy", 1000000.25, 0)):
        service.submit(player, score, subscore=subscore)
    page = board(visitor)
    assert page.rows() == [
        ["1", "", "cy", "1000000.25", "0"],
        ["2", "", "bob", "12.5", "3"],
        ["3", "", "ada", "12.5", "1"],
    ]
    assert page.dom.one(data_live_total="").text == "3"
    assert stream(page) == f"/games/{service.game}/boards/b/stream?period=all&limit=50"
    assert link(page, "cy") == f"/games/{service.game}/players/cy"
    assert page.dom.one("div", data_empty="").attributes["hidden"] == ""


def test_integers_beyond_doubles_keep_their_digits(service: Service, visitor: Visitor) -> None:
    service.put_board(score={"type": "integer", "min": 0, "max": 2**60})
    service.request(
        "POST",
        "/v1/boards/b/scores",
        data=b'{"player": "ada", "score": 1152921504606846975}',
        headers={"Content-Type": "application/json"},
    )
    assert board(visitor).rows() == [["1", "", "ada", "1152921504606846975"]]


def test_an_empty_board(service: Service, visitor: Visitor) -> None:
    service.put_board()
    page = board(visitor)
    assert page.rows() == []
    assert "hidden" not in page.dom.one("div", data_empty="").attributes
    assert "Nobody has a score here" in board(visitor, "/distribution").text
    assert "No period has scores" in board(visitor, "/history").text


def test_all_of_a_board_is_there_page_by_page(service: Service, visitor: Visitor) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{n}", "score": n // 2} for n in range(25)])
    page, seen = board(visitor, limit=10), []
    while True:
        seen += [row[2] for row in page.rows()]
        nexts = [one for one in page.dom.all("a", rel="next") if one.text.startswith("Next")]
        if not nexts:
            break
        page = visitor.get(nexts[0].attributes["href"])
        assert stream(page) is None  # only the first page is followed
        assert link(page, "From the top") == f"/games/{service.game}/boards/b?period=all"
    everybody = service.get("/boards/b/top", query={"limit": 100})["entries"]
    assert seen == [entry["player"] for entry in everybody]
    assert len(seen) == 25


def test_a_page_goes_on_in_its_period_when_that_is_over(service: Service, visitor: Visitor) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(15)])
    first = board(visitor, period="day", limit=10)
    to_tomorrow(service, visitor)
    page = visitor.get(link(first, "Next"))
    assert [row[2] for row in page.rows()] == ["p4", "p3", "p2", "p1", "p0"]
    assert "closed" in page.text


def test_periods_windows_and_the_past(service: Service, visitor: Visitor) -> None:
    service.put_board(periods=["all", "day"], rolling=["24h"])
    service.submit("ada", 5)
    to_tomorrow(service, visitor)
    service.submit("bob", 7)
    page = board(visitor, period="day")
    assert [row[2] for row in page.rows()] == ["bob"]
    assert "Day 2026-11-24" in page.text
    options = [one.text for one in page.dom.one("select", name="id").all("option")]
    assert options == ["2026-11-24, open, players: 1", "2026-11-23, closed, players: 1"]
    before = visitor.get(link(page, "← Before"))
    assert [row[2] for row in before.rows()] == ["ada"]
    assert stream(before) is None
    assert [one.text for one in before.dom.all(class_="badge")] == ["closed"]
    assert link(before, "After →") == f"/games/{service.game}/boards/b?period=day"
    assert board(visitor, period="day", ago=1).rows() == before.rows()
    window = board(visitor, window="24h")
    assert [row[2] for row in window.rows()] == ["bob"]
    assert stream(window) is None
    tabs = [one.text for one in window.dom.one("nav", aria_label="Periods").all("a")]
    assert tabs == ["All time", "Day", "Last 24 hours"]


def test_an_archived_period_is_shown_as_that(service: Service, visitor: Visitor) -> None:
    service.put_board(periods=["all", "day"])
    service.submit("ada", 5)
    to_tomorrow(service, visitor)
    service.services.sealing.run(TOMORROW, FreeRun())
    page = board(visitor, period="day", id="2026-11-23")
    assert page.rows() == [["1", "", "ada", "5"]]
    assert [one.text for one in page.dom.all(class_="badge")] == ["archived"]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"period": "year"}, "This board keeps no periods 'year'. It keeps: all, month, week, day."),
        ({"period": "day", "id": "2026-02-30"}, "There is no such period"),
        ({"period": "day", "id": "2027-01-01"}, "2027-01-01 has not begun"),
        ({"period": "day", "ago": "-1"}, "ago is a number from 0 to 1000000."),
        ({"period": "day", "ago": "999999"}, "There is no such period"),
        ({"window": "7d"}, "This board keeps no window of 7d."),
        ({"limit": "0"}, "limit is a number from 1 to 100."),
        ({"cursor": "x"}, "This is no cursor of this service."),
    ],
)
def test_what_is_not_there_is_told(service: Service, visitor: Visitor, query: dict[str, str], told: str) -> None:
    service.put_board()
    page = visitor.get(f"/games/{service.game}/boards/b", **query)
    assert page.status == 422
    assert told in page.text


@pytest.mark.parametrize("path", ["boards/nope", "boards/nope/history", "boards/nope/settings", "boards/no%20name"])
def test_an_unknown_board_is_a_page_that_says_so(service: Service, visitor: Visitor, path: str) -> None:
    page = visitor.get(f"/games/{service.game}/{path}")
    assert page.status == 404
    assert page.headers["Content-Type"].startswith("text/html")
    assert "This game has no board" in page.text


def test_around_a_player(service: Service, visitor: Visitor) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{n:02}", "score": 100 - n} for n in range(40)])
    page = board(visitor, player="p20")
    assert [row[2] for row in page.rows()] == [f"p{n}" for n in range(15, 26)]
    assert page.dom.one("tr", class_="is-wanted").attributes["data-player"] == "p20"
    assert page.dom.one(data_live_standing_rank="").text == "21"
    assert page.dom.one(data_live_standing_score="").text == "80"
    assert page.dom.one(data_live_standing_percentile="").text == "Percentile 47.5"
    assert stream(page) == f"/games/{service.game}/boards/b/stream?period=all&limit=1&player=p20"
    missing = board(visitor, player="P20")
    assert "'P20' has no score here." in missing.text
    assert len(missing.rows()) == 40
    assert "no control characters" in board(visitor, player="a\x07").text


@pytest.mark.parametrize("player", ATTACKS)
def test_names_are_text_everywhere(service: Service, visitor: Visitor, player: str) -> None:
    service.put_board(periods=["all", "day"])
    service.submit(player, 5)
    pages = [
        board(visitor),
        board(visitor, period="day"),
        board(visitor, player=player),
        board(visitor, "/history"),
        visitor.get(f"/games/{service.game}"),
    ]
    to_tomorrow(service, visitor)
    pages.append(board(visitor, period="day", id="2026-11-23"))
    for page in pages:
        assert [one for one in page.dom.all("bdi") if "".join(map(str, one.children)) == player]
        assert not [one for one in page.dom.all("script") if "src" not in one.attributes]
        assert not page.dom.all("img")
        assert not [name for one in page.dom.all() for name in one.attributes if name.startswith("on")]
    link_to = next(one.attributes["href"] for one in pages[0].dom.one("tbody").all("a"))
    assert visitor.get(link_to).status == 200
    missing = board(visitor, player=player + "x")
    assert f"{player}x" in missing.dom.one("input", name="player").attributes["value"]


def test_the_winners(service: Service, visitor: Visitor) -> None:
    service.put_board(periods=["day", "hour"])
    for day in range(4):
        service.clock.set(START + timedelta(days=day))
        service.submit(f"p{day}", day)
    visitor.come_back()
    page = board(visitor, "/history")
    rows = [[cell.text for cell in row.all("td")][:4] for row in page.dom.one("tbody").all("tr")]
    assert rows == [
        ["open", "1", "p3 so far", "3"],
        ["closed", "1", "p2", "2"],
        ["closed", "1", "p1", "1"],
        ["closed", "1", "p0", "0"],
    ]
    assert link(page, "2026-11-24") == f"/games/{service.game}/boards/b?period=day&id=2026-11-24"
    for hour in range(30):
        service.clock.set(START + timedelta(days=5, hours=hour))
        service.submit("ada", hour)
    visitor.come_back()
    first = board(visitor, "/history", period="hour")
    second = visitor.get(link(first, "Next"))
    ids = [row.one("th").text for page in (first, second) for row in page.dom.one("tbody").all("tr")]
    assert len(ids) == len(set(ids)) == 34
    assert ids == sorted(ids, reverse=True)
    assert link(second, "Previous") == f"/games/{service.game}/boards/b/history?period=hour"


def test_the_distribution(service: Service, visitor: Visitor) -> None:
    service.put_board()
    service.bulk([{"board": "b", "player": f"p{n}", "score": n} for n in range(101)])
    page = board(visitor, "/distribution")
    figures = [one.text for one in page.dom.all(class_="stat")]
    assert figures == ["Lowest 0", "Median 50", "90th percentile 90", "99th percentile 99", "Highest 100"]
    rows = [
        [cell.text for cell in row.children if not isinstance(cell, str)] for row in page.dom.all("tbody")[0].all("tr")
    ]
    assert len(rows) == 20
    assert rows[0] == ["0 to 5", "5"]
    assert sum(int(row[1]) for row in rows) == 101


def test_a_change_of_another_worker_is_seen(service: Service, visitor: Visitor) -> None:
    service.put_board(periods=["all"])
    registry = service.services.registry
    board(visitor)
    old = registry.get(service.game, "b")
    service.put_board(periods=["all", "day"])
    registry._cached[service.game, "b"] = old
    service.submit("ada", 1)
    registry._cached[service.game, "b"] = old
    assert [row[2] for row in board(visitor, period="day").rows()] == ["ada"]


def test_a_board_called_new_can_be_read(service: Service, visitor: Visitor) -> None:
    service.put_board("new")
    service.submit("ada", 1, board="new")
    address = link(visitor.get(f"/games/{service.game}"), "new")
    page = visitor.get(address)
    assert [row[2] for row in page.rows()] == ["ada"]
    assert visitor.get(link(page, "Settings")).status == 200


def test_signed_out_visitors_sign_in_first(service: Service) -> None:
    service.put_board()
    page = Visitor(service, None).get(f"/games/{service.game}/boards/b", period="day")
    assert page.status == 303
    assert page.headers["Location"] == f"/signin?next=/games/{service.game}/boards/b?period%3Dday"
