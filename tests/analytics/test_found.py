"""What the lives found: each the least that shows it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from scheduler import jobs
from tests.analytics.drive import expire
from tests.conftest import Service
from tests.periods.running import FreeRun

FRESH = {"Cache-Control": "no-cache"}
NOON = "2026-11-23T12:00:00Z"


def send(service: Service, *events: dict[str, Any], **query: str) -> Any:
    reply = service.request("POST", "/v1/events", json={"events": [*events]}, query=query)
    assert (reply.status, reply.json["applied"]) == (200, len(events)), reply.json
    return reply.json


def test_figures_of_events_from_before_the_first_property(service: Service) -> None:
    """They have values and players: min, max and players of the group without the property are not null."""
    send(service, {"name": "match", "player": "ada", "value": 3, "at": NOON})
    send(service, {"name": "match", "player": "bob", "value": 5, "at": NOON, "properties": {"country": "AT"}})
    for query in ({"group_by": "country"}, {"prop.country": ""}):
        answer = service.get("/stats/match", query={"from": "2026-11-23", **query}, headers=FRESH)
        (group,) = [one for one in answer.get("groups", [answer]) if not (one.get("properties") or {}).get("country")]
        point = {"at": "2026-11-23T00:00:00Z", "count": 1, "sum": 3, "min": 3, "max": 3, "mean": 3, "players": 1}
        assert group["points"] == [point]
        assert (group["total"]["min"], group["total"]["max"]) == (3, 3)


def test_a_day_that_begins_within_an_hour(service: Service) -> None:
    """An event counts in its day, not in the one in which its hour began."""
    settings = {"time_zone": "UTC", "day_start": "02:30"}
    assert service.request("PUT", "/v1/game", json=settings).status == 200
    send(service, {"name": "match", "at": "2026-11-22T02:29:59Z"}, {"name": "match", "at": "2026-11-22T02:30:00Z"})
    answer = service.get("/stats/match", query={"from": "2026-11-21", "to": "2026-11-23"}, headers=FRESH)
    found = [(point["at"], point["count"]) for point in answer["points"]]
    assert found == [("2026-11-21T02:30:00Z", 1), ("2026-11-22T02:30:00Z", 1)]


def test_a_step_of_a_counter_beyond_64_bits(service: Service) -> None:
    """`by` is any integer: only what the counter would hold is bounded."""
    for by, value in ((-(2**63), -(2**63)), (2**64 - 1, 2**63 - 1), (1 - 2**64, -(2**63))):
        reply = service.request("POST", "/v1/counters/wins", json={"by": by})
        assert (reply.status, reply.json.get("value")) == (200, value), reply.json


def test_a_client_key_that_says_when(service: Service) -> None:
    """It lacks the right: 403, as for a score."""
    assert service.request("PUT", "/v1/game", json={"client_events": True}).status == 200
    reply = service.request("POST", "/v1/events/match", json={"at": NOON}, key="client")
    assert (reply.status, reply.json["code"]) == (403, "forbidden")


def test_a_backfill_of_long_ago_can_be_read(service: Service) -> None:
    """What is kept for 20 years is kept that long from the last write on."""
    send(service, {"name": "match", "value": 3, "at": "1999-12-31T12:00:00Z"}, backfill="true")
    for step in ("hour", "day", "week", "month", "year"):
        query = {"step": step, "from": "1999-12-31T12:00:00Z", "to": "1999-12-31T12:30:00Z"}
        reply = service.request("GET", "/v1/stats/match", query=query, headers=FRESH)
        assert (reply.status, reply.json.get("total", {}).get("sum")) == (200, 3), reply.json


def test_the_month_before_the_first_day_that_is_kept(alone: Service) -> None:
    """`mau` of a day that is kept does not shrink when the days before it go: exact, or refused."""
    begin = datetime(2031, 3, 1, 12, tzinfo=UTC)
    for player, day in (("ada", 0), ("bob", 10)):
        alone.clock.set(begin + timedelta(days=day))
        send(alone, {"name": "match", "player": player})
    query = {"from": "2031-03-11", "to": "2031-03-12"}
    assert alone.get("/analytics/active", query=query, headers=FRESH)["days"][0]["mau"] == 2
    alone.clock.set(begin + timedelta(days=406))
    for job in (jobs.stats, jobs.prune):
        job(alone.services, alone.clock.now(), FreeRun())
    expire(alone, begin)
    reply = alone.request("GET", "/v1/analytics/active", query=query, headers=FRESH)
    assert reply.status == 422 or reply.json["days"][0]["mau"] in (2, None), reply.json


def test_a_funnel_does_not_know_what_came_before_it(service: Service) -> None:
    """Though another one had the times of one of its steps kept: who did both steps before is not half-way for that."""
    assert service.request("PUT", "/v1/funnels/other", json={"steps": ["install", "shop"]}).status == 201
    send(service, *({"name": name, "player": "ada", "at": NOON} for name in ("install", "level_1")))
    assert service.request("PUT", "/v1/funnels/start", json={"steps": ["install", "level_1"]}).status == 201
    answer = service.get("/analytics/funnels/start", query={"from": "2026-11-23", "to": "2026-11-24"}, headers=FRESH)
    assert answer["days"][0]["players"] in ([0, 0], [1, 1], [None, None])


def test_a_funnel_that_is_made_again_begins_anew(service: Service) -> None:
    """What came between its deletion and its making is not known; neither then is the rest of those days."""
    funnel = {"steps": ["install", "level_1"]}
    assert service.request("PUT", "/v1/funnels/start", json=funnel).status == 201
    send(service, {"name": "install", "player": "ada", "at": NOON})
    assert service.request("DELETE", "/v1/funnels/start").status == 204
    for player, name in (("ada", "level_1"), ("bob", "install"), ("bob", "level_1")):
        send(service, {"name": name, "player": player, "at": NOON})
    assert service.request("PUT", "/v1/funnels/start", json=funnel).status == 201
    answer = service.get("/analytics/funnels/start", query={"from": "2026-11-23", "to": "2026-11-24"}, headers=FRESH)
    assert answer["days"][0]["players"] in ([0, 0], [2, 2], [None, None])


def test_the_first_events_of_a_day_long_past(alone: Service) -> None:
    """The times of a day are kept for 35 days after the first of them came, also if it came after 65 days."""
    begin = datetime(2031, 3, 1, 12, tzinfo=UTC)
    alone.clock.set(begin)
    assert alone.request("PUT", "/v1/funnels/start", json={"steps": ["install", "level_1"]}).status == 201
    for number in range(10):
        if number == 2:  # so that the day before is counted, with nobody in it
            send(alone, {"name": "level_1", "player": "bob", "at": "2031-03-12T11:00:00Z"})
        alone.clock.advance(days=10)
        jobs.prune(alone.services, alone.clock.now(), FreeRun())
    send(alone, *({"name": name, "player": "ada", "at": "2031-03-11T12:00:00Z"} for name in ("install", "level_1")))
    answer = alone.get("/analytics/funnels/start", query={"from": "2031-03-11", "to": "2031-03-12"}, headers=FRESH)
    assert (answer["days"][0]["players"], answer["warnings"]) == ([1, 1], [])


def test_a_player_is_forgotten_and_nothing_came_too_late(alone: Service) -> None:
    """A day that was counted is not said to miss late events because somebody was forgotten since."""
    begin = datetime(2031, 3, 1, 12, tzinfo=UTC)
    alone.clock.set(begin)
    funnel = {"steps": ["install", "level_1"], "window_seconds": 30 * 86_400}
    assert alone.request("PUT", "/v1/funnels/start", json=funnel).status == 201
    send(alone, {"name": "install", "player": "ada"})
    alone.clock.advance(days=20)
    send(alone, {"name": "level_1", "player": "bob"})
    alone.clock.advance(days=35)
    jobs.prune(alone.services, alone.clock.now(), FreeRun())
    alone.clock.advance(days=12)
    expire(alone, begin)
    query = {"from": "2031-03-01", "to": "2031-03-02"}
    for _ in range(2):
        answer = alone.get("/analytics/funnels/start", query=query, headers=FRESH)
        assert (answer["days"][0]["players"], answer["warnings"]) == ([1, 0], [])
        alone.request("DELETE", "/v1/players/bob")
