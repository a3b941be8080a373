"""Scores that come late, early, or long after; and which periods they count in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

FRESH = {"Cache-Control": "no-cache"}
MIDNIGHT = datetime(2026, 11, 24, tzinfo=UTC)  # a Tuesday: a day ends, and nothing else
NEW_YEAR = datetime(2027, 1, 1, tzinfo=UTC)  # a Friday: a day, a month and a year end, and no week


def read(service: Any, path: str, **query: Any) -> Any:
    return service.get(path, query=query, headers=FRESH)


def top(service: Any, board: str = "b", **query: Any) -> dict[str, Any]:
    return {row["player"]: row["score"] for row in read(service, f"/boards/{board}/top", **query)["entries"]}


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def send(service: Any, way: str, **item: Any) -> str:
    """ "ok", or the code of the refusal."""
    if way == "single":
        reply = service.request("POST", "/v1/boards/b/scores", json=item)
        return "ok" if reply.status == 200 else reply.json["code"]
    report = service.bulk([{"board": "b", **item}], **({"backfill": "true"} if way == "backfill" else {}))
    return report["rejected"][0]["code"] if report["rejected"] else "ok"


@pytest.mark.parametrize("way", ["single", "bulk"])
@pytest.mark.parametrize(
    ("grace", "seconds", "counted"),
    [(600, 599, True), (600, 601, False), (0, 1, False), (3600, 3599, True), (3600, 3601, False)],
)
def test_a_late_score_counts_in_its_day_within_the_grace(
    service: Any, way: str, grace: int, seconds: int, counted: bool
) -> None:
    service.put_board(late_grace_seconds=grace)
    service.clock.set(MIDNIGHT + timedelta(seconds=seconds))
    assert send(service, way, player="a", score=5, at=text(MIDNIGHT - timedelta(seconds=1))) == "ok"
    assert top(service) == top(service, period="month") == top(service, period="week") == {"a": 5}
    assert top(service, period="day", id="2026-11-23") == ({"a": 5} if counted else {})
    assert top(service, period="day") == {}


@pytest.mark.parametrize("seconds", [300, 1200])
def test_a_late_score_tells_where_it_counted(service: Any, seconds: int) -> None:
    service.put_board(periods=["all", "year", "month", "week", "day"])
    service.clock.set(NEW_YEAR + timedelta(seconds=seconds))
    answer = service.submit("a", 5, at=text(NEW_YEAR - timedelta(seconds=1)))
    ids = {name: outcome["id"] for name, outcome in answer["periods"].items()}
    closed = {"year": "2026", "month": "2026-12", "day": "2026-12-31"}
    assert ids == {"all": "all", "week": "2026-W53", **(closed if seconds < 600 else {})}
    assert (answer["score"], answer["updated"]) == (5, True)


def test_a_late_score_counts_in_what_is_open_only(service: Any) -> None:
    service.put_board()
    for number, at in enumerate(("2026-11-22T10:00:00Z", "2026-10-31T10:00:00Z", "2020-02-29T10:00:00Z")):
        service.submit(f"p{number}", 5, at=at)
    assert top(service) == {"p0": 5, "p1": 5, "p2": 5}
    assert top(service, period="month") == {"p0": 5}
    for name, period_id in (("day", "2026-11-22"), ("month", "2026-10"), ("week", "2026-W44"), ("day", "2020-02-29")):
        assert top(service, period=name, id=period_id) == {}
    assert read(service, "/boards/b/periods", period="day")["periods"] == []


def test_a_late_score_that_no_period_takes_is_refused(service: Any) -> None:
    service.put_board(periods=["week", "day"])
    for way in ("single", "bulk"):
        assert send(service, way, player="a", score=5, at="2026-11-01T10:00:00Z") != "ok"
    assert [row["total"] for row in read(service, "/boards/b/periods", period="week")["periods"]] == []


def test_a_backfill_fills_periods_long_past(service: Any) -> None:
    service.put_board(periods=["all", "year", "month", "week", "day", "hour"])
    service.submit("a", 9)
    items = [
        {"board": "b", "player": "a", "score": 5, "at": "2020-02-29T10:30:00Z"},
        {"board": "b", "player": "b", "score": 7, "at": "1999-12-31T23:59:59.999Z"},
        {"board": "b", "player": "c", "score": 1, "at": "2020-02-29T23:30:00-02:00"},  # the next day in UTC
    ]
    report = service.bulk(items, backfill="true")
    assert (report["applied"], report["rejected"]) == (3, [])
    assert top(service) == {"a": 9, "b": 7, "c": 1}
    assert top(service, period="day") == {"a": 9}
    for name, period_id, wanted in (
        ("day", "2020-02-29", {"a": 5}),
        ("day", "2020-03-01", {"c": 1}),
        ("hour", "2020-02-29T10", {"a": 5}),
        ("month", "2020-02", {"a": 5}),
        ("month", "2020-03", {"c": 1}),
        ("year", "2020", {"a": 5, "c": 1}),
        ("week", "2020-W09", {"a": 5, "c": 1}),
        ("year", "1999", {"b": 7}),
        ("week", "1999-W52", {"b": 7}),
    ):
        assert top(service, period=name, id=period_id) == wanted, period_id
    closed = read(service, "/boards/b/top", period="year", id="2020")["period"]
    assert closed["state"] in ("closed", "archived")
    assert (closed["starts_at"], closed["ends_at"]) == ("2020-01-01T00:00:00Z", "2021-01-01T00:00:00Z")
    # What was filled in does not stop what comes now.
    service.clock.advance(hours=1)
    assert service.submit("b", 3)["periods"]["day"]["score"] == 3


def test_a_backfill_of_what_is_there_already_changes_nothing(service: Any) -> None:
    service.put_board()
    items = [
        {"board": "b", "player": f"p{number}", "score": number, "at": f"2026-0{1 + number % 9}-05T10:00:00Z"}
        for number in range(30)
    ]
    assert service.bulk(items, backfill="true")["applied"] == 30
    assert service.bulk(items, backfill="true")["unchanged"] == 30


@pytest.mark.parametrize("way", ["single", "bulk"])
def test_a_score_from_the_future(service: Any, way: str) -> None:
    service.put_board()
    for seconds, code in ((30, "ok"), (3600, "time_in_future"), (10**8, "time_in_future")):
        at = text(service.clock.now() + timedelta(seconds=seconds))
        assert send(service, way, player=f"p{seconds}", score=1, at=at) == code
    assert top(service) == {"p30": 1}


def test_a_score_from_just_ahead_counts_in_its_own_day(service: Any) -> None:
    service.put_board()
    service.clock.set(MIDNIGHT - timedelta(seconds=10))
    assert service.submit("a", 1, at=text(MIDNIGHT + timedelta(seconds=5)))["periods"]["day"]["id"] == "2026-11-24"
    assert top(service, period="day") == {}
    service.clock.set(MIDNIGHT + timedelta(seconds=10))
    assert top(service, period="day") == {"a": 1}


@pytest.mark.parametrize("way", ["single", "bulk", "backfill"])
def test_times_that_are_none(service: Any, way: str) -> None:
    service.put_board()
    for at in ("now", "2026-11-23", "2026-11-23T10:00:00", "2026-02-30T10:00:00Z", "2026-11-23T25:00:00Z", "", 0, {}):
        assert send(service, way, player="a", score=1, at=at) == "validation_error", at
    for at in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59Z"):
        assert send(service, way, player="a", score=1, at=at) != "ok", at
    assert top(service) == {}


@pytest.mark.parametrize("ties", ["first", "last"])
def test_boards_that_order_by_time_know_their_century(service: Any, ties: str) -> None:
    board = service.put_board(ties=ties)
    assert (board["tie_from"], board["tie_until"]) == ("2000-01-01T00:00:00Z", "2100-01-01T00:00:00Z")
    assert board["tie_resolution_ms"] in (1, 10, 100, 1000)
    for at, code in (
        ("1999-12-31T23:59:59.999Z", "time_out_of_range"),
        ("2000-01-01T00:00:00Z", "ok"),
        ("2099-12-31T23:59:59.999Z", "ok"),
        ("2100-01-01T00:00:00Z", "time_out_of_range"),
    ):
        assert send(service, "backfill", player=at[:10], score=1, at=at) == code, at
    assert list(top(service)) == (["2000-01-01", "2099-12-31"] if ties == "first" else ["2099-12-31", "2000-01-01"])


def test_a_day_is_that_of_the_boards_zone(service: Any) -> None:
    service.put_board(time_zone="Asia/Tokyo", day_start="04:00", periods=["all", "day"])
    for at, day in (
        ("2026-11-22T18:59:59Z", "2026-11-22"),
        ("2026-11-22T19:00:00Z", "2026-11-23"),
        ("2026-11-23T05:00:00+05:45", "2026-11-23"),
    ):
        service.bulk([{"board": "b", "player": at[:10] + day, "score": 1, "at": at}], backfill="true")
        assert at[:10] + day in top(service, period="day", id=day)
    period = read(service, "/boards/b/top", period="day", id="2026-11-23")["period"]
    assert (period["starts_at"], period["ends_at"]) == ("2026-11-22T19:00:00Z", "2026-11-23T19:00:00Z")
