"""The pages of games: made, listed with their boards, settings and limits."""

import secrets

import pytest

from leaderboard.errors import StoreUnavailable
from leaderboard.store.connection import Store
from tests.conftest import Service
from tests.web.visitor import Visitor


def test_a_game_is_made_once(service: Service) -> None:
    visitor, name = Visitor(service, "editor"), "g-" + secrets.token_hex(5)
    made = visitor.post("/games/new", {"name": name}, on="/games/new")
    assert (made.status, made.headers["Location"]) == (303, f"/games/{name}")
    page = visitor.get(f"/games/{name}")
    assert "This game has no boards yet" in page.text
    assert f"Game {name} is made." in page.text
    again = visitor.post("/games/new", {"name": name}, on="/games/new")
    assert again.status == 409
    assert f"There is a game {name!r} already." in again.text
    assert again.form("/games/new")["name"] == name


@pytest.mark.parametrize("name", ["", "UPPER", "a b", "x" * 33, "<b>", "../x"])
def test_a_bad_name_is_kept_and_told(service: Service, name: str) -> None:
    page = Visitor(service).post("/games/new", {"name": name}, on="/games/new")
    assert page.status == 422
    assert page.dom.one("p", class_="field__error").text.startswith("A game's name has 1 to 32")
    assert page.form("/games/new")["name"] == name


def test_the_boards_of_a_game(service: Service) -> None:
    service.put_board("points", public=True)
    service.put_board("times", order="asc", operator="last", periods=["week"], rolling=["7d"])
    for player, score in (("ada", 5), ("bob", 7)):
        service.submit(player, score, board="points")
        service.submit(player, score, board="times")
    service.put_board("wide", partitions=4)
    page = Visitor(service, "viewer").get(f"/games/{service.game}")
    rows = [
        [cell.text for cell in row.children if not isinstance(cell, str)] for row in page.dom.one("tbody").all("tr")
    ]
    assert rows == [
        ["points public", "Highest first, best counts", "All time, Month, Week, Day", "2", "bob", "7"],
        ["times", "Lowest first, last counts", "Week, Last 7 days", "2", "ada", "5"],
        ["wide", "Highest first, best counts", "All time, Month, Week, Day", "0", "–", "–"],
    ]
    assert "New board" not in page.text


def test_a_hundred_boards_take_two_round_trips(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(105):
        service.put_board(f"b{number:03}", periods=["all"])
    visitor, trips = Visitor(service), []
    run_all = Store.run_all

    def counted(store: Store, *args: object, **more: object) -> object:
        trips.append(args)
        return run_all(store, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Store, "run_all", counted)
    page = visitor.get(f"/games/{service.game}")
    assert len(trips) == 1  # besides the one that compares definitions
    assert len(page.dom.one("tbody").all("tr")) == 100
    more = visitor.get(next(one.attributes["href"] for one in page.dom.all("a", rel="next")))
    assert [row.one("th").text for row in more.dom.one("tbody").all("tr")] == [f"b{n}" for n in range(100, 105)]
    found = visitor.get(f"/games/{service.game}", q="B04")
    assert len(found.dom.one("tbody").all("tr")) == 10
    assert "No board's name has" in visitor.get(f"/games/{service.game}", q="<zz>").text


def test_boards_are_listed_while_the_store_is_away(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.put_board("points")
    visitor = Visitor(service)

    def away(*_: object, **__: object) -> None:
        raise StoreUnavailable("The store is away: test.")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "run_all", away)
        broken.setattr(type(service.services.registry), "current", away)
        page = visitor.get(f"/games/{service.game}")
    assert page.status == 200
    assert "points" in page.text
    assert "The store does not answer for some boards." in page.text


def test_an_unknown_game_is_a_page_that_says_so(service: Service) -> None:
    visitor = Visitor(service)
    for path in ("", "/settings", "/boards/new"):
        page = visitor.get(f"/games/nobody-made-it{path}")
        assert page.status == 404
        assert "There is no game 'nobody-made-it'." in page.text


def test_the_settings_of_a_game(service: Service) -> None:
    visitor, path = Visitor(service, "editor"), f"/games/{service.game}/settings"
    form = visitor.get(path).form(path)
    assert {name: form[name] for name in ("time_zone", "week_start", "day_start")} == {
        "time_zone": "UTC",
        "week_start": "monday",
        "day_start": "00:00",
    }
    wrong = visitor.post(path, {**form, "time_zone": "Mars", "day_start": "5"})
    assert wrong.status == 422
    assert [one.attributes["id"] for one in wrong.dom.all("p", class_="field__error")] == ["error-day_start"]
    assert wrong.form(path)["time_zone"] == "Mars"
    changed = {**form, "time_zone": "Europe/Vienna", "week_start": "sunday", "client_events": "yes"}
    assert visitor.post(path, changed).status == 303
    game = service.get("/game")
    assert (game["time_zone"], game["week_start"], game["client_events"]) == ("Europe/Vienna", "sunday", True)
    service.services.games.bind(service.game)
    late = visitor.post(path, {**changed, "time_zone": "UTC"})
    assert late.status == 409
    assert "The game has events already, so time_zone cannot change." in late.text
    assert service.get("/game")["time_zone"] == "Europe/Vienna"


def test_limits_are_an_administrators(service: Service) -> None:
    path, limits = f"/games/{service.game}/settings", f"/games/{service.game}/limits"
    admin, editor = Visitor(service), Visitor(service, "editor")
    assert set(editor.get(path).form(limits)) == {"csrf_token"}
    assert editor.post(limits, {"key_reads": "1/1s"}, on=path).status == 403
    form = admin.get(path).form(limits)
    wrong = admin.post(limits, {**form, "key_reads": "lots"})
    assert wrong.status == 422
    assert "A limit is like '6000/60s', or 'none', not 'lots'." in wrong.text
    assert wrong.form(limits)["key_reads"] == "lots"
    assert admin.post(limits, {**form, "key_reads": "6000/60s"}).status == 303
    assert service.get("/game")["limits"]["key_reads"] == "6000/60s"
    assert admin.get(path).form(limits)["key_reads"] == "6000/60s"
    assert admin.post(limits, form).status == 303
    assert service.get("/game")["limits"]["key_reads"] is None
