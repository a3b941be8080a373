"""Sizes at which figures are approximate, cut off or refused; and many who write at once."""

import json
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from leaderboard.boards.periods import Calendar
from scheduler import jobs
from tests.analytics.reference import Model
from tests.conftest import Service
from tests.periods.running import FreeRun

FRESH = {"Cache-Control": "no-cache"}
STANDARD_ERROR = 0.0081
CROWDS = int(os.environ.get("ANALYTICS_LIVES", "2"))


def send(service: Service, events: list[dict[str, Any]], **headers: str) -> Any:
    body = "".join(f"{json.dumps({'name': 'match', **event})}\n" for event in events)
    headers = {"Content-Type": "application/x-ndjson", **headers}
    reply = service.request("POST", "/v1/events", data=body, headers=headers)
    assert (reply.status, reply.json["applied"]) == (200, len(events)), reply.body[:500]
    return reply.json


def read(service: Service, **query: Any) -> Any:
    return service.get("/stats/match", query={"from": "2026-11-22", **query}, headers=FRESH)


def roll_up(service: Service) -> None:
    jobs.stats(service.services, service.clock.now(), FreeRun())


def counts_of(answer: Any, one: str) -> dict[Any, int]:
    return {group["properties"][one]: group["total"]["count"] for group in answer["groups"]}


def test_players_are_within_the_stated_error(alone: Service) -> None:
    """Four standard errors: one figure in 16,000 is farther off; of these names always the same, so never by chance."""
    days = {"2026-11-22T10:00:00Z": range(2100), "2026-11-23T10:00:00Z": range(900, 3000)}
    for at, players in days.items():
        send(alone, [{"player": f"p{one}", "at": at, "properties": {"third": one % 3}} for one in players])
        roll_up(alone)
    answer = read(alone, group_by="third")
    assert answer["expected_error"] == Decimal(str(STANDARD_ERROR))
    figures = [(point["players"], 2100) for point in answer["points"]]
    figures += [(point["players"], 700) for group in answer["groups"] for point in group["points"]]
    figures += [(read(alone, step="month")["points"][0]["players"], 3000)]
    figures += [(read(alone, step="month", **{"prop.third": "1"})["points"][0]["players"], 1000)]
    assert len(figures) == 10
    assert all(abs(found - exact) <= 4 * STANDARD_ERROR * exact for found, exact in figures), figures


def test_values_beyond_300_are_counted_as_other(alone: Service) -> None:
    values = [f"v{number}" for number in range(320)]
    for some in (values[:200], values[100:]):
        report = send(alone, [{"properties": {"level": value}} for value in some])
    assert [(one["code"], one["name"]) for one in report["warnings"]] == [("property_cut_off", "match")]
    for _ in range(2):
        answer = read(alone, group_by="level")
        assert [one["code"] for one in answer["warnings"]] == ["property_cut_off"]
        found = counts_of(answer, "level")
        sent = Counter(values[:200]) + Counter(values[100:])
        other = found.pop("other")
        assert len(found) in (299, 300)
        assert all(sent[value] == count for value, count in found.items())
        assert other + sum(found.values()) == answer["total"]["count"] == sent.total()
        roll_up(alone)


def test_with_too_many_combinations_the_property_with_the_most_values_is_other_first(alone: Service) -> None:
    pairs = [(a, b) for a in range(60) for b in range(36)]
    for start in range(0, len(pairs), 1000):
        report = send(alone, [{"properties": {"a": a, "b": b}} for a, b in pairs[start : start + 1000]])
    assert [one["code"] for one in report["warnings"]] == ["property_cut_off"]
    assert counts_of(read(alone, group_by="b"), "b") == {str(number): 60 for number in range(36)}
    found = counts_of(answer := read(alone, group_by="a"), "a")
    other = found.pop("other")
    assert found.keys() <= {str(number) for number in range(60)}
    assert all(count <= 36 for count in found.values())
    assert other + sum(found.values()) == answer["total"]["count"] == len(pairs)
    both = read(alone, group_by="a,b")
    assert len([group for group in both["groups"] if group["properties"]["a"] != "other"]) <= 2000
    assert sum(group["total"]["count"] for group in both["groups"]) == len(pairs)
    assert both["warnings"]


def test_a_property_beyond_16_is_left_out(alone: Service) -> None:
    names = [f"p{number}" for number in range(17)]
    for some in (names[:8], names[8:16]):
        assert send(alone, [{"properties": dict.fromkeys(some, 1)}])["warnings"] == []
    assert send(alone, [{"properties": {"p16": 1, "p0": 1}}])["warnings"][0]["code"] == "property_cut_off"
    (stat,) = alone.get("/stats", headers=FRESH)["stats"]
    assert sorted(stat["properties"]) == sorted(names[:16])
    answer = read(alone, group_by="p0")
    assert (counts_of(answer, "p0"), answer["total"]["count"]) == ({"1": 2, None: 1}, 3)


def test_more_points_than_an_answer_holds(alone: Service) -> None:
    send(alone, [{"properties": {"level": number}} for number in range(260)])
    for query, status in (
        ({"step": "hour", "to": "2028-01-12"}, 200),
        ({"step": "hour", "to": "2028-01-14"}, 422),
        ({"group_by": "level", "to": "2026-12-01"}, 200),
        ({"group_by": "level", "to": "2027-06-12"}, 422),
    ):
        reply = alone.request("GET", "/v1/stats/match", query={"from": "2026-11-22", **query}, headers=FRESH)
        assert reply.status == status, (query, reply.body[:300])
        assert status == 200 or reply.json["code"] == "too_many_points"


def test_many_at_once(alone: Service) -> None:
    """Every request is sent twice at the same time, with one Idempotency-Key, while hours are rolled up."""

    def write(number: int) -> None:
        events = [{"value": number, "player": f"p{one}", "properties": {"n": one % 3}} for one in range(20)]
        send(alone, events, **{"Idempotency-Key": f"once {number % 20}"})

    def work(number: int) -> None:
        roll_up(alone)
        assert alone.request("POST", "/v1/counters/all", json={"by": number}).status == 200

    with ThreadPoolExecutor(6) as pool:
        done = [pool.submit(write, number % 20) for number in range(40)] + [pool.submit(work, 1) for _ in range(10)]
        for one in done:
            one.result()
    answer = read(alone, group_by="n")
    assert (answer["total"]["count"], answer["total"]["sum"]) == (400, 20 * sum(range(20)))
    assert counts_of(answer, "n") == {"0": 140, "1": 140, "2": 120}
    assert answer["points"][-1]["players"] == 20
    assert alone.get("/counters/all", headers=FRESH)["value"] == 10


@pytest.mark.parametrize("seed", range(CROWDS))
def test_players_with_more_times_a_day_than_are_kept(alone: Service, seed: int) -> None:
    """A funnel is exact, or says that it is not; nobody came less far than it says."""
    chance = Random(f"times {seed}")
    steps, days = ("install", "tutorial", "level_1"), ("2026-11-20", "2026-11-21", "2026-11-22")
    window = timedelta(seconds=chance.choice([60, 600, 3600]))
    model = Model(Calendar())
    model.put_funnel("start", steps, window, alone.clock.now())
    funnel = {"steps": steps, "window_seconds": window.total_seconds()}
    assert alone.request("PUT", "/v1/funnels/start", json=funnel).status == 201
    events = []
    for player in range(30):
        for step in steps:
            times = chance.choice([1, 5, 15, 22, 40])
            at = datetime.fromisoformat(f"{chance.choice(days)}T00:00:00Z") + timedelta(hours=5) * chance.random()
            gaps = [timedelta(minutes=chance.choice([1, 20])) * chance.random() for _ in range(times)]
            events += [(step, f"p{player}", (at := at + gap).replace(microsecond=0)) for gap in gaps]
    chance.shuffle(events)
    for name, player, at in events:
        model.record(name, player, None, at, {}, alone.clock.now())
    for start in range(0, len(events), 200):
        some = events[start : start + 200]
        send(alone, [{"name": name, "player": player, "at": at.isoformat()} for name, player, at in some])
    query = {"from": days[0], "to": "2026-11-23"}
    answer = alone.get("/analytics/funnels/start", query=query, headers=FRESH)
    exact = model.funnel("start", [Calendar().parse("day", day) for day in days], late=True)
    found = [day["players"] for day in answer["days"]]
    assert [players[0] for players in found] == [day.most[0] for day in exact]
    assert all(
        a <= b for players, day in zip(found, exact, strict=True) for a, b in zip(players, day.most, strict=True)
    )
    assert answer["approximate"] or found == [day.most for day in exact]
    assert [one["code"] for one in answer["warnings"]] == ["times_cut_off"] * answer["approximate"]
