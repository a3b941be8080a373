"""Pages of events and counters: the figures in their tables are those that were sent."""

from typing import Any

import pytest

from leaderboard.store.stat_keys import StatKeys
from tests.conftest import START, Service
from tests.web.analytics_stage import Visitor, send

_EVIL = "<script>alert(1)</script>"


def _match(player: str, at: str, value: float | None = None, **properties: str) -> dict[str, Any]:
    return {"name": "match", "player": player, "at": at, "value": value, "properties": properties}


def _three_days(service: Service) -> None:
    """Today is 2026-11-23."""
    send(
        service,
        _match("ada", "2026-11-21T10:00:00Z", 10, mode="ranked"),
        _match("bob", "2026-11-21T11:00:00Z", 20, mode="casual"),
        _match("ada", "2026-11-23T09:00:00Z", 3, mode="ranked"),
        _match("ada", "2026-11-23T10:00:00Z", 5, mode="ranked"),
        {"name": "login", "player": "cid", "at": "2026-11-23T11:30:00Z"},
    )


@pytest.fixture
def visitor(service: Service) -> Visitor:
    return Visitor(service)


def test_a_game_without_events_is_told_how_to_send_one(service: Service, visitor: Visitor) -> None:
    page = visitor.get()
    assert page.status == 200
    assert "No events yet" in page.text
    assert "curl -X POST http://localhost/v1/events/match" in page.text
    assert page.tags.count("h1") == 1


def test_the_command_of_the_empty_page_works(service: Service, visitor: Visitor) -> None:
    text = visitor.get().text
    body = text[text.index("-d '") + 4 : text.index("}}'") + 2]
    reply = service.request("POST", "/v1/events/match", data=body, headers={"Content-Type": "application/json"})
    assert reply.status == 200, reply.body
    assert visitor.get().table("Events")[1][0] == "match"


def test_the_overview_has_todays_figures(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    page = visitor.get()
    assert page.table("Events") == [
        ["Event", "14 days", "Today", "Players today", "In 14 days", "Properties"],
        ["login", "", "1", "1", "1", "none"],
        ["match", "", "2", "1", "4", "mode"],
    ]
    assert "match: 4 in 14 days, 2 today" in page.html
    assert page.stats == {
        "Players today": "2",
        "New today": "1",
        "Players of 7 days": "3",
        "Players of 30 days": "3",
        "Stickiness": "66.7 %",
    }
    days = {row[0]: row[1:] for row in page.table("Active players")}
    assert days["2026-11-21"] == ["2", "2", "2", "2"]
    assert days["2026-11-22"] == ["0", "2", "2", "0"]
    assert days["2026-11-23"] == ["2", "3", "3", "1"]


def test_events_are_found_by_name_and_paged(service: Service, visitor: Visitor) -> None:
    send(service, *({"name": f"e{number:03}", "at": "2026-11-23T09:00:00Z"} for number in range(60)))
    first, third = visitor.get(), visitor.get(page=3)
    assert [row[0] for row in first.table("Events")[1:]] == [f"e{number:03}" for number in range(25)]
    assert [row[0] for row in third.table("Events")[1:]] == [f"e{number:03}" for number in range(50, 60)]
    assert "page=2" in first.html
    assert visitor.get(page=99).table("Events") == third.table("Events")
    assert [row[0] for row in visitor.get(q="E05").table("Events")[1:]] == [f"e{number:03}" for number in range(50, 60)]
    nothing = visitor.get(q=_EVIL)
    assert "No event has this in its name" in nothing.text
    assert nothing.fields["q"] == _EVIL


def test_an_event_by_days(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    page = visitor.get("/events/match", range="7d")
    assert page.status == 200
    stats = page.stats
    assert {name: stats[name] for name in ("Events", "Sum", "Mean", "Least", "Most")} == {
        "Events": "4",
        "Sum": "38",
        "Mean": "9.50",
        "Least": "3",
        "Most": "20",
    }
    assert stats["Players in the busiest day"] == "2"
    assert page.table("match: events")[1:] == [
        [f"2026-11-{day}", count] for day, count in zip(range(17, 24), "0000202", strict=True)
    ]
    assert page.table("match: different players")[-3:] == [
        ["2026-11-21", "2"],
        ["2026-11-22", "0"],
        ["2026-11-23", "1"],
    ]
    assert page.table("match: sum of values")[-3:] == [["2026-11-21", "30"], ["2026-11-22", "0"], ["2026-11-23", "8"]]
    assert page.table("match: mean value")[-3:] == [["2026-11-21", "15"], ["2026-11-22", "–"], ["2026-11-23", "4"]]


def test_an_event_by_hours(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    rows = visitor.get("/events/match", range="24h").table("match: events")[1:]
    assert len(rows) == 24
    assert rows[-1][0] == "2026-11-23 12:00"
    assert {row[0] for row in rows if row[1] == "1"} == {"2026-11-23 09:00", "2026-11-23 10:00"}


def test_a_range_of_ones_own(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    asked = {"from": "2026-11-21", "to": "2026-11-23", "step": "day"}
    page = visitor.get("/events/match", **asked)
    assert page.table("match: events")[1:] == [["2026-11-21", "2"], ["2026-11-22", "0"]]
    assert (page.fields["from"], page.fields["to"]) == ("2026-11-21", "2026-11-23")
    months = visitor.get("/events/match", **{**asked, "from": "2026-10-01", "step": "month"})
    assert months.table("match: events")[1:] == [["2026-10", "0"], ["2026-11", "4"]]


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({"from": "yesterday"}, "A date such as 2026-11-22, or a time with an offset"),
        ({"from": "2026-11-31"}, "There is no such day."),
        ({"from": "2026-11-23", "to": "2026-11-20"}, "Not after from."),
        ({"from": "2027-01-01"}, "Not before now."),
        ({"from": "1950-01-01", "step": "hour"}, "More than 750 hours; ask for a shorter range."),
        ({"from": "2026-11-20", "step": "fortnight"}, "One of hour, day, week, month, year."),
        ({"from": _EVIL}, "A date such as 2026-11-22, or a time with an offset"),
        ({"from": "x" * 50}, "A date or a time has 40 characters at most."),
        ({"range": "5y"}, "There is no such range; choose one of 24h, 7d, 30d, 90d"),
    ],
)
def test_a_bad_range_is_refused_at_the_form_and_kept(
    service: Service, visitor: Visitor, asked: dict[str, str], error: str
) -> None:
    _three_days(service)
    page = visitor.get("/events/match", **asked)
    assert page.status == 422
    assert len(page.errors) == 1
    assert page.errors[0].startswith(error)
    assert page.fields["from"] == asked.get("from", "")
    assert page.fields["to"] == asked.get("to", "")
    assert not page.tables


@pytest.mark.parametrize(
    ("typed", "kind"), [("2026-11-20", "date"), ("2026-11-31", "text"), ("2026-11-20T08:00:00Z", "text"), ("x", "text")]
)
def test_a_field_of_dates_holds_dates_only(service: Service, visitor: Visitor, typed: str, kind: str) -> None:
    """A browser shows nothing in one whose value is none, and what was typed would be lost."""
    _three_days(service)
    assert f'name="from" type="{kind}" value="{typed}"' in visitor.get("/events/match", **{"from": typed}).html


def test_hours_that_are_not_kept_are_told_of_at_the_form(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    wired, keys = service.services, StatKeys(service.game, "match")
    wired.rollup.run(START.replace(day=25), _Run(), wired.calendar_of)
    wired.store.client.delete(keys.bucket("2026-11-21T10"))
    page = visitor.get("/events/match", **{"from": "2026-11-21", "to": "2026-11-22", "step": "hour"})
    assert page.status == 422
    assert page.errors == ["The hour 2026-11-21T10 is not kept any more; ask for days."]
    assert page.fields["from"] == "2026-11-21"
    days = visitor.get("/events/match", **{"from": "2026-11-21", "to": "2026-11-22", "step": "day"})
    assert days.stats["Events"] == "2"


def test_an_event_by_a_property(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    page = visitor.get("/events/match", range="7d", by="mode")
    assert page.table("Events by mode") == [
        ["mode", "Events", "Share", "Sum", "Mean"],
        ["ranked", "3", "75.0 %", "18", "6"],
        ["casual", "1", "25.0 %", "20", "20"],
    ]
    assert page.table("match: events by mode")[-3:] == [
        ["2026-11-21", "1", "1"],
        ["2026-11-22", "0", "0"],
        ["2026-11-23", "2", "0"],
    ]


def test_only_the_events_of_a_value(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    page = visitor.get("/events/match", range="7d", where="mode", value="ranked")
    assert page.stats["Events"] == "3"
    assert page.fields["value"] == "ranked"
    assert "range=30d" in page.html.replace("&amp;", "&")
    assert "where=mode&value=ranked" in page.html.replace("&amp;", "&")


@pytest.mark.parametrize("asked", [{"by": _EVIL}, {"where": "weather", "value": "rain"}])
def test_an_unknown_property_is_refused_at_the_form(service: Service, visitor: Visitor, asked: dict[str, str]) -> None:
    _three_days(service)
    page = visitor.get("/events/match", **asked)
    assert page.status == 422
    assert len(page.errors) == 1
    assert page.errors[0].startswith("No event of this name has had a property")
    assert _EVIL not in page.html


def test_names_of_values_are_text(service: Service, visitor: Visitor) -> None:
    send(service, _match("ada", "2026-11-23T09:00:00Z", mode=_EVIL))
    page = visitor.get("/events/match", by="mode")
    assert page.table("Events by mode")[1][0] == _EVIL
    assert _EVIL not in page.html


def test_the_file_has_the_same_figures(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    reply = visitor.raw("/events/match", range="7d", format="csv")
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert reply.headers["Content-Disposition"] == 'attachment; filename="match.csv"'
    lines = reply.get_data(as_text=True).splitlines()
    assert lines[0] == "at,count,sum,min,max,mean,players"
    assert lines[-1] == "2026-11-23T00:00:00Z,2,8,3,5,4.0,1"


def test_an_event_that_nobody_sent_is_not_there(service: Service, visitor: Visitor) -> None:
    _three_days(service)
    assert visitor.get("/events/nothing").status == 404
    assert visitor.get("/events/" + "x" * 65).status == 404
    assert visitor.get("/events/{a}").status == 404


def test_a_game_that_nobody_made_is_not_there(service: Service, visitor: Visitor) -> None:
    service.game = "nowhere"
    for rest in ("", "/counters", "/events/match", "/active", "/retention", "/funnels", "/funnels/f"):
        assert visitor.get(rest).status == 404, rest


def test_counters(service: Service, visitor: Visitor) -> None:
    assert "No counters yet" in visitor.get("/counters").text
    for name, by in (("coins", 2**60), ("deaths", -3)):
        assert service.request("POST", f"/v1/counters/{name}", json={"by": by}).status == 200
    page = visitor.get("/counters")
    assert page.table("Counters") == [["Counter", "Value"], ["coins", str(2**60)], ["deaths", "-3"]]
    assert visitor.get("/counters", q="dea").table("Counters")[1:] == [["deaths", "-3"]]


def test_who_is_not_signed_in_sees_nothing(service: Service) -> None:
    client = service.app.test_client()
    for rest in ("", "/counters", "/events/match", "/active", "/retention", "/funnels"):
        reply = client.get(f"/games/{service.game}/analytics{rest}")
        assert reply.status_code == 303, rest
        assert reply.headers["Location"].startswith("/signin?next="), rest


class _Run:
    """A job's run that nobody interrupts."""

    def checkpoint(self) -> None:
        """Goes on."""
