"""Pages of funnels: declared in a form, read as a table, changed and removed."""

from datetime import timedelta

import pytest

from tests.conftest import START, Service
from tests.web.analytics_stage import Visitor, send

_FORM = {"name": "way", "steps": "visit\nsign_up\n buy ", "window": "2", "unit": "hours"}
_EVIL = "<img src=x onerror=1>"


@pytest.fixture
def editor(service: Service) -> Visitor:
    return Visitor(service, "editor")


def _steps(service: Service) -> None:
    """Of four who came, two signed up in time, and one bought."""
    at = START - timedelta(hours=5)
    ways = {"ada": (0, 10, 20), "bob": (0, 30), "cid": (0,), "dan": (0, 130)}
    events = [
        {"name": name, "player": player, "at": (at + timedelta(minutes=late)).isoformat()}
        for player, minutes in ways.items()
        for name, late in zip(("visit", "sign_up", "buy"), minutes, strict=False)
    ]
    send(service, *events)


def test_a_funnel_is_declared_and_read(service: Service, editor: Visitor) -> None:
    assert "No funnels yet" in editor.get("/funnels").text
    page = editor.post("/funnels", **_FORM)
    assert page.status == 200
    assert "Funnel way is declared." in page.text
    declared = service.get("/funnels/way")
    assert (declared["steps"], declared["window_seconds"]) == (["visit", "sign_up", "buy"], 7200)
    _steps(service)
    page = editor.get("/funnels/way", range="7d")
    expected = [
        ["1. visit", "4", "100.0 %", "–"],
        ["2. sign_up", "2", "50.0 %", "50.0 %"],
        ["3. buy", "1", "25.0 %", "50.0 %"],
    ]
    assert [row[:4] for row in page.table("Steps of way")[1:]] == expected
    days = page.table("Players of each day")
    assert days[0] == ["Day", "visit", "sign_up", "buy", "Whole way", "State"]
    assert days[1] == ["2026-11-23", "4", "2", "1", "25.0 %", "still counting"]
    assert len(days) == 8
    chart = page.table("Players who came to each step")
    assert chart[0] == ["Day", "2. sign_up", "3. buy"]
    assert chart[-1] == ["2026-11-23", "50.0 %", "25.0 %"]
    listed = editor.get("/funnels")
    assert [row[:4] for row in listed.table("Steps of way")[1:]] == expected
    assert "Within 2 hours" in listed.text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"name": "a b"}, "A funnel's name has 1 to 64 letters"),
        ({"name": ""}, "A funnel's name has 1 to 64 letters"),
        ({"steps": "visit"}, "Length must be between 2 and 10."),
        ({"steps": "visit\nvisit"}, "An event is there twice."),
        ({"steps": f"visit\n{_EVIL}"}, f"'{_EVIL}': 1 to 64 letters"),
        ({"window": "soon"}, "A whole number."),
        ({"window": ""}, "A whole number."),
        ({"window": "31", "unit": "days"}, "From one minute to 30 days."),
        ({"window": "0"}, "From one minute to 30 days."),
        ({"unit": "years"}, "There is no such unit."),
    ],
)
def test_a_bad_funnel_is_refused_at_its_field_and_kept(
    service: Service, editor: Visitor, change: dict[str, str], error: str
) -> None:
    page = editor.post("/funnels", **{**_FORM, **change})
    assert page.status == 422
    assert len(page.errors) == 1
    assert page.errors[0].startswith(error)
    assert page.fields["name"] == {**_FORM, **change}["name"]
    assert page.fields["window"] == {**_FORM, **change}["window"]
    assert {**_FORM, **change}["steps"].strip().split("\n")[0] in page.text
    assert _EVIL not in page.html
    assert service.get("/funnels")["funnels"] == []


def test_every_fault_is_told_at_once(service: Service, editor: Visitor) -> None:
    page = editor.post("/funnels", name="", steps="one", window="x", unit="days")
    assert len(page.errors) == 3


def test_a_name_that_is_taken_is_not_overwritten(service: Service, editor: Visitor) -> None:
    editor.post("/funnels", **_FORM)
    page = editor.post("/funnels", **{**_FORM, "steps": "a\nb"})
    assert page.status == 409
    assert page.errors == ["There is a funnel 'way' already; change it on its own page."]
    assert service.get("/funnels/way")["steps"] == ["visit", "sign_up", "buy"]


def test_the_twenty_first_funnel_is_refused(service: Service, editor: Visitor) -> None:
    for number in range(20):
        assert service.request("PUT", f"/v1/funnels/f{number}", json={"steps": ["a", "b"]}).status == 201
    page = editor.post("/funnels", **_FORM)
    assert page.status == 422
    assert page.errors == ["A game has up to 20 funnels."]


def test_a_funnel_is_changed(service: Service, editor: Visitor) -> None:
    editor.post("/funnels", **_FORM)
    _steps(service)
    page = editor.get("/funnels/way")
    assert page.fields["window"] == "2"
    assert "visit sign_up buy" in page.text
    page = editor.post("/funnels/way", **{**_FORM, "window": "5", "unit": "minutes"})
    assert "Funnel way is saved." in page.text
    assert "Within 5 minutes" in page.text
    assert [row[1] for row in page.table("Steps of way")[1:]] == ["4", "0", "0"]
    refused = editor.post("/funnels/way", **{**_FORM, "steps": "visit"})
    assert refused.status == 422
    assert refused.errors == ["Length must be between 2 and 10."]
    assert service.get("/funnels/way")["window_seconds"] == 300


def test_a_window_that_no_unit_divides_is_kept(service: Service, editor: Visitor) -> None:
    body = {"steps": ["a", "b"], "window_seconds": 90}
    assert service.request("PUT", "/v1/funnels/odd", json=body).status == 201
    page = editor.get("/funnels/odd")
    assert "Within 90 seconds" in page.text
    editor.post("/funnels/odd", steps="a\nb", window="90", unit="seconds")
    assert service.get("/funnels/odd")["window_seconds"] == 90


def test_a_funnel_is_removed_by_who_means_it(service: Service, editor: Visitor) -> None:
    editor.post("/funnels", **_FORM)
    page = editor.post("/funnels/way/remove")
    assert page.status == 422
    assert "Nothing is removed" in page.text
    assert len(service.get("/funnels")["funnels"]) == 1
    page = editor.post("/funnels/way/remove", confirm="yes")
    assert "Funnel way is removed." in page.text
    assert service.get("/funnels")["funnels"] == []
    assert editor.get("/funnels/way").status == 404
    assert editor.post("/funnels/way/remove", confirm="yes").status == 404
    assert editor.post("/funnels/way", **_FORM).status == 404


def test_a_viewer_reads_and_changes_nothing(service: Service) -> None:
    body = {"steps": ["a", "b"]}
    assert service.request("PUT", "/v1/funnels/way", json=body).status == 201
    viewer = Visitor(service)
    assert "Declare" not in viewer.get("/funnels").text
    assert "Change it" not in viewer.get("/funnels/way").text
    for rest in ("/funnels", "/funnels/way", "/funnels/way/remove"):
        assert viewer.post(rest, **_FORM, confirm="yes").status == 403, rest
    assert service.get("/funnels/way")["steps"] == ["a", "b"]


def test_a_form_from_elsewhere_is_refused(service: Service, editor: Visitor) -> None:
    path = f"/games/{service.game}/analytics/funnels"
    assert editor.client.post(path, data=_FORM).status_code == 400
    assert service.get("/funnels")["funnels"] == []
