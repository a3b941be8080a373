"""Funnels over HTTP."""

from datetime import timedelta
from typing import Any

import pytest

from leaderboard.stats.events import Event
from tests.conftest import START, Service
from tests.stats.drive import FakeRun

STEPS = ["install", "tutorial", "level_1"]


def put(service: Service, name: str = "start", key: str = "server", **definition: Any) -> Any:
    return service.request("PUT", f"/v1/funnels/{name}", json={"steps": STEPS, **definition}, key=key)


def record(service: Service, *events: tuple[str, str, timedelta]) -> None:
    services, now = service.services, service.clock.now()
    some = [Event(name, player, None, START + after) for name, player, after in events]
    services.store.run_all(services.funnels.calls(service.game, some, now, services.calendar_of(service.game)))


def refused(reply: Any) -> tuple[int, str]:
    return reply.status, reply.json["code"]


def test_defining(service: Service) -> None:
    shown = {"name": "start", "steps": STEPS, "window_seconds": 86_400, "created_at": "2026-11-23T12:00:00Z"}
    reply = put(service)
    assert (reply.status, reply.json) == (201, shown)
    service.clock.advance(days=1)
    assert (put(service).status, put(service, window_seconds=60).json) == (200, {**shown, "window_seconds": 60})
    assert put(service, "a:first").status == 201
    assert [one["name"] for one in service.get("/funnels", key="client")["funnels"]] == ["a:first", "start"]
    assert service.get("/funnels/start", key="client") == {**shown, "window_seconds": 60}
    assert service.request("DELETE", "/v1/funnels/start").status == 204
    for method, path in (("GET", "/funnels/start"), ("DELETE", "/funnels/start"), ("GET", "/analytics/funnels/start")):
        assert refused(service.request(method, "/v1" + path)) == (404, "unknown_funnel")


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        ({"steps": ["a"]}, "steps"),
        ({"steps": [f"s{number}" for number in range(11)]}, "steps"),
        ({"steps": ["a", "b", "a"]}, "steps"),
        ({"steps": ["a", "b c"]}, "steps.1"),
        ({"steps": ["a", ".."]}, "steps.1"),
        ({"steps": ["a", 7]}, "steps.1"),
        ({"steps": None}, "steps"),
        ({"window_seconds": 59}, "window_seconds"),
        ({"window_seconds": 30 * 86_400 + 1}, "window_seconds"),
        ({"window": 60}, "window"),
    ],
)
def test_definitions_that_are_not_taken(service: Service, definition: dict[str, Any], field: str) -> None:
    reply = put(service, **definition)
    assert (refused(reply), list(reply.json["errors"])) == ((422, "validation_error"), [field])
    assert service.get("/funnels") == {"funnels": []}


def test_who_may(service: Service) -> None:
    assert put(service, key="client").status == 403
    assert service.request("DELETE", "/v1/funnels/start", key="client").status == 403
    assert refused(put(service, "a b")) == (422, "invalid_funnel_name")
    for number in range(20):
        assert put(service, f"f{number}").status == 201
    assert refused(put(service)) == (422, "too_many_funnels")


def test_reading(service: Service) -> None:
    put(service)
    hour = timedelta(hours=1)
    record(
        service,
        *((step, "ada", number * hour) for number, step in enumerate(STEPS)),
        ("install", "bob", -hour),
        ("tutorial", "bob", hour),
        ("install", "lin", 0 * hour),
        ("install", "tom", hour),
    )
    document = service.get("/analytics/funnels/start?from=2026-11-22&to=2026-11-25", key="client")
    assert document == {
        "funnel": "start",
        "steps": STEPS,
        "window_seconds": 86_400,
        "time_zone": "UTC",
        "from": "2026-11-22T00:00:00Z",
        "to": "2026-11-25T00:00:00Z",
        "approximate": False,
        "days": [
            {
                "day": "2026-11-22",
                "at": "2026-11-22T00:00:00Z",
                "players": [None, None, None],
                "conversion": [None, None, None],
                "complete": False,
            },
            {
                "day": "2026-11-23",
                "at": "2026-11-23T00:00:00Z",
                "players": [4, 2, 1],
                "conversion": [1, 0.5, 0.25],
                "complete": False,
            },
            {
                "day": "2026-11-24",
                "at": "2026-11-24T00:00:00Z",
                "players": [0, 0, 0],
                "conversion": [None, None, None],
                "complete": False,
            },
        ],
        "total": {"players": [4, 2, 1], "conversion": [1, 0.5, 0.25]},
        "warnings": [],
    }
    assert len(service.get("/analytics/funnels/start")["days"]) == 30
    assert service.get("/analytics/funnels/start?to=2026-11-22")["total"]["players"] == [0, 0, 0]
    assert len(service.get("/analytics/funnels/start?from=2026-08-24")["days"]) == 92
    too_long = service.request("GET", "/v1/analytics/funnels/start?from=2026-08-23")
    assert refused(too_long) == (422, "too_many_points")
    service.clock.advance(days=2)
    assert service.get("/analytics/funnels/start?from=2026-11-23")["days"][0]["complete"]


def test_events_come_in_by_their_own_way(service: Service) -> None:
    put(service)
    for step, at in (("tutorial", "2026-11-23T11:00:00Z"), ("install", "2026-11-23T10:00:00Z")):
        assert service.request("POST", f"/v1/events/{step}", json={"player": "ada", "at": at}).status == 200
    path = "/analytics/funnels/start?from=2026-11-23"
    assert service.get(path)["total"]["players"] == [1, 1, 0]
    assert service.request("DELETE", "/v1/players/ada").status == 200
    assert service.get(path)["total"]["players"] == [0, 0, 0]


def test_warnings(service: Service) -> None:
    put(service, window_seconds=60)
    many = [("install", "ada", timedelta(minutes=2 * number)) for number in range(30)]
    record(service, *many, ("tutorial", "ada", timedelta(minutes=25)))
    path = "/analytics/funnels/start?from=2026-11-23&to=2026-11-24"
    document = service.get(path)
    assert document["approximate"]
    assert [(one["code"], one["name"]) for one in document["warnings"]] == [("times_cut_off", "start")]
    service.clock.advance(days=10)
    services = service.services
    services.funnels.keep_counts(service.clock.now(), FakeRun(), lambda _: services.calendar_of(service.game))
    service.clock.advance(days=60)
    record(service, ("tutorial", "ada", timedelta()))
    document = service.get(path)
    assert [one["code"] for one in document["warnings"]] == ["times_cut_off", "events_too_late"]
    put(service, window_seconds=61)
    assert refused(service.request("GET", "/v1" + path)) == (422, "step_not_kept")
