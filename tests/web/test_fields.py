"""Inputs of forms: what a page asks of them besides label and value gets into the HTML."""

from typing import Any

import pytest
from flask import Flask, get_template_attribute

from tests.conftest import Service
from tests.web.person import Person
from tests.web.visitor import read


@pytest.mark.parametrize("type", ["text", "password", "textarea"])
def test_attributes_of_a_field(app: Flask, type: str) -> None:  # noqa: A002 - it is called so in HTML
    with app.test_request_context():
        field: Any = get_template_attribute("_macros.html", "field")
        page = read(
            str(
                field(
                    "a", "A", "x", type=type, required=True, disabled=False, pattern='[a-z"<]+', inputmode=None,
                    maxlength=5, **{"data-x": "1"},
                )
            )
        )  # fmt: skip
    node = page.one("textarea" if type == "textarea" else "input", name="a")
    told = {name: value for name, value in node.attributes.items() if name not in ("id", "name", "type", "value")}
    assert told == {"required": "", "pattern": '[a-z"<]+', "maxlength": "5", "data-x": "1"}


def test_attributes_of_a_select(app: Flask) -> None:
    with app.test_request_context():
        select: Any = get_template_attribute("_macros.html", "select")
        page = read(str(select("a", "A", ["x", "y"], "y", error="No.", disabled=True, autocomplete="off")))
    node = page.one("select", name="a")
    assert node.attributes == {
        "id": "field-a", "name": "a", "aria-describedby": "error-a", "aria-invalid": "true", "disabled": "",
        "autocomplete": "off",
    }  # fmt: skip


def test_pages_have_them(service: Service) -> None:
    form = read(service.app.test_client().get("/signin").text)
    name, password = form.one("input", name="name").attributes, form.one("input", name="password").attributes
    assert (name["autocomplete"], name["maxlength"], name["required"]) == ("username", "64", "")
    assert (password["autocomplete"], password["required"]) == ("current-password", "")
    new = read(Person(service, "editor").get(f"/games/{service.game}/boards/new"))
    assert new.one("input", name="score.min").attributes["inputmode"] == "decimal"
    assert "inputmode" not in new.one("input", name="time_zone").attributes


def test_the_longest_player_can_be_typed(service: Service) -> None:
    """128 characters, each of which browsers may count as two."""
    service.put_board("b")
    player = "\U0001f680" * 128
    service.submit(player, 1)
    visitor = Person(service, "editor")
    pages = [f"/games/{service.game}/players", f"/games/{service.game}/players/{player}"]
    inputs = [node for page in pages for node in read(visitor.get(page)).all("input") if "maxlength" in node.attributes]
    assert [int(node.attributes["maxlength"]) for node in inputs] == [256] * 3
