"""What a review found: each the least that shows it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from leaderboard.services import build
from leaderboard.stats import names
from leaderboard.store import stat_keys
from leaderboard.store.connection import Store
from leaderboard.store.stat_keys import StatKeys, funnel_counts
from scheduler import jobs
from tests.analytics.drive import expire
from tests.conftest import Service
from tests.periods.running import FreeRun

FRESH = {"Cache-Control": "no-cache"}
NOON = "2026-11-23T12:00:00Z"


def send(service: Service, *events: dict[str, Any]) -> Any:
    reply = service.request("POST", "/v1/events", json={"events": [*events]})
    assert (reply.status, reply.json["applied"]) == (200, len(events)), reply.json
    return reply.json


@pytest.mark.parametrize("query", ["prop=1&prop.country=AT", "prop.country=AT&prop=1", "prop=1"])
def test_a_parameter_called_like_the_beginning_of_others_is_refused(service: Service, query: str) -> None:
    send(service, {"name": "match", "properties": {"country": "AT"}})
    assert service.request("GET", f"/v1/stats/match?{query}").status == 422


@pytest.mark.parametrize("value", ["1e309", "1e401", "-1e99999", "9" * 5000])
def test_a_value_beyond_every_double_is_refused(service: Service, value: str) -> None:
    headers = {"Content-Type": "application/json"}
    reply = service.request("POST", "/v1/events/match", data=f'{{"value": {value}}}', headers=headers)
    assert (reply.status, reply.json["code"]) == (422, "validation_error")


def test_names_of_properties_that_are_not_kept_take_no_memory(service: Service) -> None:
    for number in range(3):
        answer = send(
            service, *({"name": "match", "properties": {f"p{number}-{n}-{k}": 1 for k in range(8)}} for n in range(50))
        )
        assert len(answer["warnings"][0]["detail"]) < 5000
    assert service.services.store.client.hlen(StatKeys(service.game, "match").cut("2026")) <= 100


def test_a_year_keeps_no_combinations_beyond_those_and_the_coarser_ones(service: Service) -> None:
    """Also of names alone: 16 properties, each `other` or missing, would be 39,202."""
    keys, client = StatKeys(service.game, "match"), service.services.store.client
    send(service, {"name": "match", "properties": {"a": "x"}})
    client.hset(keys.admitted("2026"), "c", 4000)
    send(service, *({"name": "match", "properties": {f"p{n}": "other", "a": "x"}} for n in range(10)))
    assert client.hlen(keys.series) <= 2
    assert service.get("/stats/match", query={"from": "2026-11-23"}, headers=FRESH)["total"]["count"] == 11


@pytest.mark.parametrize("path", ["active", "retention", "funnels/f"])
def test_a_range_that_is_too_long_is_no_fault_of_a_step_that_cannot_be_given(service: Service, path: str) -> None:
    assert service.request("PUT", "/v1/funnels/f", json={"steps": ["a", "b"]}).status == 201
    reply = service.request("GET", f"/v1/analytics/{path}", query={"from": "2020-01-01"})
    assert reply.json["code"] == "too_many_points"
    assert "step" not in reply.json["errors"]
    assert "longer steps" not in reply.json["detail"]


def test_an_unknown_property_is_a_fault_of_the_parameter_that_named_it(service: Service) -> None:
    send(service, {"name": "match", "properties": {"country": "AT"}})
    for query, field in (({"group_by": "step"}, "group_by"), ({"prop.from": "x"}, "prop.from")):
        reply = service.request("GET", "/v1/stats/match", query=query)
        assert (reply.json["code"], list(reply.json["errors"])) == ("unknown_property", [field])


def test_the_description_tells_how_groups_and_files_are_asked_for(service: Service) -> None:
    operation = service.request("GET", "/openapi.json", key=None).json["paths"]["/v1/stats/{event}"]["get"]
    parameters = {one["name"]: one for one in operation["parameters"]}
    # An array is exploded where nothing is said: group_by=a&group_by=b, which is refused as given twice.
    assert parameters["group_by"]["schema"]["type"] != "array" or parameters["group_by"].get("explode") is False
    assert {"text/csv", "application/x-ndjson"} <= operation["responses"]["200"]["content"].keys()


@pytest.fixture
def elsewhere(service: Service, store_url: str) -> Iterator[Any]:
    """The funnels of another process over the same stores."""
    if store_url == "memory":
        pytest.skip("one process alone has it")
    wired = build(service.services.settings, clock=service.clock.now)
    yield wired.funnels.definitions
    wired.close()


def make_while_recording(service: Service, definitions: Any, patch: pytest.MonkeyPatch) -> Any:
    """A funnel is made after this request has looked for funnels, and before its events reach the store."""
    assert service.request("POST", "/v1/events/warm", json={"player": "bob"}).status == 200
    run_all, pending = Store.run_all, [True]

    def run(self: Store, calls: Any, **more: Any) -> Any:
        if pending and any(call.script == "stat_record" for call in calls):
            pending.clear()
            definitions.put(service.game, "start", ["install", "level_1"], 86_400, service.clock.now())
        return run_all(self, calls, **more)

    with patch.context() as patched:
        patched.setattr(Store, "run_all", run)
        send(service, {"name": "install", "player": "ada"}, {"name": "level_1", "player": "ada"})
    answer = service.get("/analytics/funnels/start", query={"from": "2026-11-23"}, headers=FRESH)
    return answer["days"][0]["players"]


def test_a_funnel_that_another_process_makes_meanwhile_has_the_times(
    service: Service, elsewhere: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_while_recording(service, elsewhere, monkeypatch) == [1, 1]


def test_a_funnel_that_another_thread_makes_meanwhile_has_the_times(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert make_while_recording(service, service.services.funnels.definitions, monkeypatch) == [1, 1]


def test_a_game_whose_calendar_is_not_known_keeps_no_other_from_being_counted(alone: Service) -> None:
    broken, whole = Service(alone.app, alone.clock), Service(alone.app, alone.clock)
    broken.new_game()
    whole.new_game()
    if broken.game > whole.game:
        broken, whole = whole, broken
    client = alone.services.store.client
    try:
        for one in (broken, whole):
            assert one.request("PUT", "/v1/funnels/start", json={"steps": ["install", "level_1"]}).status == 201
            send(one, {"name": "install", "player": "ada"})
        client.set(stat_keys.calendar(broken.game), "Mars/Base monday 00:00")
        alone.services.games._calendars.clear()
        alone.clock.advance(days=3)
        jobs.prune(alone.services, alone.clock.now(), FreeRun())
        assert client.hlen(funnel_counts(whole.game, "start")) == 1
    finally:
        client.delete(stat_keys.calendar(broken.game))
        alone.services.games._calendars.clear()


def test_what_no_job_rolled_up_in_time_is_not_answered_as_nothing(alone: Service) -> None:
    """Days, weeks, months and years are kept for 20 years, whether a scheduler ran or not."""
    begin = datetime(2031, 3, 1, 12, tzinfo=UTC)
    alone.clock.set(begin)
    send(alone, {"name": "match", "player": "ada", "value": 3})
    alone.clock.advance(days=40)
    expire(alone, begin)
    jobs.stats(alone.services, alone.clock.now(), FreeRun())
    query = {"from": "2031-03-01", "to": "2031-03-02"}
    reply = alone.request("GET", "/v1/stats/match", query=query, headers=FRESH)
    assert reply.status == 422 or reply.json["total"]["sum"] == 3, reply.json["total"]


def test_what_was_refused_whole_may_come_again_corrected(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    key = {"Idempotency-Key": "once"}
    with monkeypatch.context() as patch:
        patch.setattr(names, "MOST_NAMES", 0)
        reply = service.request("POST", "/v1/events/match", json={}, headers=key)
        assert (reply.status, reply.json["code"]) == (422, "too_many_stats")
    assert service.request("POST", "/v1/events/match", json={"value": 1}, headers=key).status == 200


def test_nothing_added_makes_no_counter(service: Service) -> None:
    reply = service.request("POST", "/v1/counters", json={"counters": [{"name": "wins", "by": 0}]})
    assert (reply.json["unchanged"], reply.json["applied"]) == (1, 0)
    assert service.get("/counters")["counters"] == []
