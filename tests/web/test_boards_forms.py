"""Boards made, changed and removed by forms: what is wrong stands at its field, and nothing typed is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from leaderboard import jsontext
from leaderboard.boards.definition import read_definition
from leaderboard.errors import Conflict
from leaderboard.web.boardfields import FIELDS
from leaderboard.web.boardform import BoardForm, document_of, values_of, written
from tests.conftest import Service
from tests.web.visitor import Page, Visitor

DEFINITIONS: list[dict[str, Any]] = [
    {},
    {"order": "asc", "operator": "last", "ties": "first", "score": {"type": "integer", "min": 0, "max": 999}},
    {"subscore": {"order": "asc", "min": -1, "max": 2.5, "decimals": 1}, "score": {"min": 0, "max": 9}},
    {"periods": ["day", "hour"], "rolling": ["7d", "24h"], "time_zone": "Europe/Vienna", "day_start": "04:30"},
    {"max_entries": 100, "retention": {"hour": 0}, "public": True, "writes": "client", "partitions": 4},
]


def errors_of(page: Page) -> dict[str, str]:
    """What is wrong, by input."""
    dom = page.dom
    told = {word for one in dom.all() for word in one.attributes.get("aria-describedby", "").split()}
    found = {one.attributes["id"]: one.text for one in dom.all("p", class_="field__error")}
    assert set(found) <= told
    return {name.removeprefix("error-"): text for name, text in found.items()}


def make(visitor: Visitor, game: str, **changed: Any) -> Page:
    path = f"/games/{game}/boards/new"
    form = {**visitor.get(path).form(path), **changed}
    return visitor.post(path, {name: value for name, value in form.items() if value is not None})


@pytest.mark.parametrize("definition", DEFINITIONS)
def test_a_definition_survives_its_form(definition: dict[str, Any]) -> None:
    read = read_definition(jsontext.loads(jsontext.dumps(definition)))
    assert read_definition(document_of(values_of(read))) == read
    assert BoardForm.of(read).definition() == read
    assert read_definition(jsontext.loads(written(read))) == read


def test_every_field_of_a_definition_has_an_input() -> None:
    definition = read_definition({"subscore": {"min": jsontext.loads("0"), "max": jsontext.loads("1")}})
    names = set()
    for name, value in definition.items():
        names |= {name} if not isinstance(value, dict) else {f"{name}.{inner}" for inner in value}
    assert names | {"subscore"} == set(FIELDS)


def test_a_board_is_made(service: Service) -> None:
    visitor = Visitor(service, "editor")
    made = make(visitor, service.game, name="weekly", order="asc", periods=["all", "week"], max_entries="10")
    assert (made.status, made.headers["Location"]) == (303, f"/games/{service.game}/boards/weekly")
    board = service.get("/boards/weekly")
    assert (board["order"], board["periods"], board["max_entries"]) == ("asc", ["all", "week"], 10)
    assert board["public"] is False
    assert "Board weekly is made." in visitor.get(made.headers["Location"]).text


def test_of_several_who_make_the_same_board_at_once_one_does(service: Service) -> None:
    registry, now, gate = service.services.registry, service.clock.now(), threading.Barrier(4)

    refused: list[str] = []

    def put(most: int) -> int | None:
        definition = read_definition({"max_entries": most})
        gate.wait(10)
        try:
            board, is_new = registry.put(service.game, "b", definition, now, must_be_new=True)
        except Conflict as error:
            refused.append(error.code)
            return None
        assert is_new
        return int(board.definition["max_entries"])

    with ThreadPoolExecutor(4) as pool:
        made = [most for most in pool.map(put, (10, 20, 30, 40)) if most is not None]
    assert made == [service.get("/boards/b")["max_entries"]]
    assert refused == ["board_exists"] * 3
    with pytest.raises(Conflict):  # nor is it made where nothing would change
        registry.put(service.game, "b", read_definition({"max_entries": made[0]}), now, must_be_new=True)


def test_a_form_changes_no_board_that_was_made_meanwhile(service: Service) -> None:
    visitor = Visitor(service, "editor")
    path = f"/games/{service.game}/boards/new"
    form = visitor.get(path).form(path) | {"name": "b", "max_entries": "10"}
    service.put_board("b", max_entries=99)
    page = visitor.post(path, form)
    assert page.status == 409
    assert errors_of(page) == {"name": "There is a board 'b' already."}
    assert service.get("/boards/b")["max_entries"] == 99


def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(service: Service) -> None:
    typed = {
        "name": "no/name",
        "score.min": "a lot",
        "late_grace_seconds": "-1",
        "time_zone": "Mars/Olympus",
        "periods": ["week", "fortnight"],
        "day_start": "25:00",
    }
    page = make(Visitor(service), service.game, **typed)
    assert page.status == 422
    found = errors_of(page)
    assert set(found) == {"name", "score.min", "late_grace_seconds", "periods", "day_start"}
    assert found["score.min"] == "Not a valid number."
    sent = page.form(f"/games/{service.game}/boards/new")
    assert {name: sent[name] for name in typed if name != "periods"} | {"periods": ["week"]} == {
        **typed,
        "periods": ["week"],
    }
    assert service.get("/boards")["boards"] == []


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"max_entries": "5", "operator": "sum"}, "max_entries"),
        ({"ties": "dense", "partitions": "2"}, "ties"),
        ({"score.min": "2", "score.max": "1"}, "score.type"),
        ({"subscore": "yes", "subscore.min": ""}, "subscore.min"),
        ({"score.type": "integer", "score.decimals": "2"}, "score.type"),
        ({"ties": "first", "score.max": "1e30"}, "score.type"),
        ({"periods": None}, "periods"),
    ],
)
def test_what_does_not_go_together(service: Service, wrong: dict[str, Any], place: str) -> None:
    page = make(Visitor(service), service.game, name="b", **wrong)
    assert page.status == 422
    assert list(errors_of(page)) == [place]


def test_a_name_that_is_taken_changes_nothing(service: Service) -> None:
    service.put_board("b", order="asc")
    page = make(Visitor(service), service.game, name="b")
    assert page.status == 409
    assert errors_of(page) == {"name": "There is a board 'b' already."}
    assert service.get("/boards/b")["order"] == "asc"


def change(visitor: Visitor, game: str, board: str = "b", **changed: Any) -> Page:
    path = f"/games/{game}/boards/{board}/settings"
    form = {**visitor.get(path).form(path), **changed}
    return visitor.post(path, {name: value for name, value in form.items() if value is not None})


def test_a_board_without_scores_changes_in_everything(service: Service) -> None:
    service.put_board("b", public=True)
    page = change(Visitor(service), service.game, order="asc", ties="first", public=None, partitions="3")
    assert page.status == 303
    board = service.get("/boards/b")
    assert (board["order"], board["ties"], board["public"], board["partitions"]) == ("asc", "first", False, 3)


def test_what_is_fixed_is_shown_disabled_and_stays(service: Service) -> None:
    service.put_board("b", score={"type": "integer", "min": -5, "max": 100}, subscore={"min": 0, "max": 3})
    service.submit("ada", 5, subscore=1)
    visitor = Visitor(service)
    path = f"/games/{service.game}/boards/b/settings"
    page = visitor.get(path)
    sent = page.form(path)
    assert not {"order", "score.min", "subscore", "time_zone", "partitions", "fixed_sent"} & set(sent)
    assert {"periods", "public", "retention.day", "max_entries"} - set(sent) == {"public"}
    assert "Fixed, because the board has scores" in page.text
    before = service.get("/boards/b")
    assert change(visitor, service.game, public="yes", late_grace_seconds="5").status == 303
    assert service.get("/boards/b") == {**before, "public": True, "late_grace_seconds": 5}


def test_a_conflict_is_told_and_nothing_is_changed(service: Service) -> None:
    service.put_board("b")
    visitor = Visitor(service)
    path = f"/games/{service.game}/boards/b/settings"
    form = visitor.get(path).form(path) | {"order": "asc"}
    service.submit("ada", 5)  # after the form was made
    page = visitor.post(path, form)
    assert page.status == 409
    assert "There are scores already, so order cannot change." in page.text
    assert service.get("/boards/b")["order"] == "desc"


def test_a_change_of_somebody_else_is_not_overwritten_unseen(service: Service) -> None:
    service.put_board("b")
    visitor = Visitor(service)
    path = f"/games/{service.game}/boards/b/settings"
    form = visitor.get(path).form(path) | {"late_grace_seconds": "7"}
    service.put_board("b", late_grace_seconds=99)
    page = visitor.post(path, form)
    assert page.status == 409
    assert "Somebody changed this board since" in page.text
    assert service.get("/boards/b")["late_grace_seconds"] == 99
    again = page.form(path)
    assert again["late_grace_seconds"] == "7"
    assert visitor.post(path, again).status == 303
    assert service.get("/boards/b")["late_grace_seconds"] == 7


def test_scores_are_lost_only_where_that_is_said(service: Service) -> None:
    service.put_board("b", periods=["all", "day"])
    service.submit("ada", 5)
    visitor = Visitor(service)
    page = change(visitor, service.game, periods=["all"])
    assert page.status == 409
    assert "All scores of these periods, past ones too: day." in page.text
    assert service.get("/boards/b")["periods"] == ["all", "day"]
    path = f"/games/{service.game}/boards/b/settings"
    assert visitor.post(path, {**page.form(path), "lose": "yes"}).status == 303
    assert service.get("/boards/b")["periods"] == ["all"]


def test_a_board_is_removed_by_its_name_typed(service: Service) -> None:
    service.put_board("b")
    service.submit("ada", 5)
    visitor = Visitor(service, "editor")
    settings = f"/games/{service.game}/boards/b/settings"
    page = visitor.post(f"{settings}/delete", {"confirm": "B"}, on=settings)
    assert page.status == 422
    assert errors_of(page)["confirm"] == "Type b to remove it. Nothing is removed."
    assert service.get("/boards/b/top")["total"] == 1
    page = visitor.post(f"{settings}/delete", {"confirm": "b"}, on=settings)
    assert (page.status, page.headers["Location"]) == (303, f"/games/{service.game}")
    assert service.request("GET", "/v1/boards/b").status == 404


def test_who_may_only_look(service: Service) -> None:
    service.put_board("b")
    visitor = Visitor(service, "viewer")
    path = f"/games/{service.game}/boards/b/settings"
    page = visitor.get(path)
    assert page.status == 200
    assert set(page.form(path)) == {"csrf_token", "seen", "fixed_sent"}  # all else is disabled
    assert f'action="{path}/delete"' not in page.html
    assert visitor.get(f"/games/{service.game}/boards/new").status == 403
    sent = {"csrf_token": page.form(path)["csrf_token"], "confirm": "b"}
    assert visitor.post(f"{path}/delete", sent).status == 403
    assert visitor.post(path, sent).status == 403
    assert service.request("GET", "/v1/boards/b").status == 200


def test_the_json_of_a_definition_is_shown_as_text(service: Service) -> None:
    shown = service.put_board("b", subscore={"min": 0, "max": 5}, max_entries=3)
    page = Visitor(service).get(f"/games/{service.game}/boards/b/settings")
    document = jsontext.loads(page.dom.one("textarea", id="json").text)
    again = service.request(
        "PUT", "/v1/boards/c", data=jsontext.dumps(document), headers={"Content-Type": "application/json"}
    )
    assert again.status == 201
    assert again.json == {**shown, "name": "c"}


def test_a_public_board_shows_its_addresses(service: Service) -> None:
    service.put_board("b", public=True)
    page = Visitor(service).get(f"/games/{service.game}/boards/b/settings")
    address = f"http://localhost/b/{service.game}/b"
    assert (
        f'<iframe src="{address}/embed?period=all&limit=10" title="Leaderboard"'
        in page.dom.one("textarea", id="embed").text
    )
    assert page.dom.one("textarea", id="overlay").text == f"{address}/embed?period=all&limit=10&overlay=1"
