"""How the scores of a board are spread, and how its top changed: known answers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from leaderboard.archive.copies import Copies
from leaderboard.boards.housekeeping import Housekeeping
from leaderboard.store.scripts import Call
from tests.captures import capture
from tests.conftest import START, Service
from tests.periods.running import FreeRun

DAY = timedelta(days=1)
MIDNIGHT = datetime(2026, 11, 24, 0, 5, tzinfo=UTC)  # of START's day


def fill(service: Service, scores: dict[str, Any], board: str = "b", **more: Any) -> None:
    items = [{"board": board, "player": player, "score": score, **more} for player, score in scores.items()]
    assert service.bulk(items)["rejected"] == []


def seal(service: Service) -> None:
    assert service.services.sealing.run(service.clock.now(), FreeRun())["dropped"] >= 1


def changes(service: Service, query: str = "", board: str = "b") -> Any:
    """What it is compared with; (player, rank now, rank then, change) of the top; the same of those who left."""
    answer = service.get(f"/boards/{board}/changes?{query}")
    rows = [
        [(one["player"], one["rank"], one["previous_rank"], one["change"]) for one in answer[name]]
        for name in ("entries", "left")
    ]
    return answer["compared_with"], *rows


@pytest.mark.parametrize(
    ("order", "percentiles", "counts"),
    [
        ("desc", {"p50": 30, "p90": 76, "p99": Decimal("97.6")}, [3, 1, 1]),
        ("asc", {"p50": 30, "p90": 14, "p99": Decimal("10.4")}, [3, 1, 1]),
    ],
)
def test_how_scores_are_spread(service: Service, order: str, percentiles: Any, counts: list[int]) -> None:
    service.put_board(order=order)
    fill(service, {"a": 10, "b": 20, "c": 30, "d": 40, "e": 100})
    assert service.get("/boards/b/analytics?bins=3&period=week") == {
        "board": "b",
        "period": {
            "name": "week",
            "id": "2026-W48",
            "starts_at": "2026-11-23T00:00:00Z",
            "ends_at": "2026-11-30T00:00:00Z",
            "state": "open",
        },
        "total": 5,
        "min": 10,
        "max": 100,
        "percentiles": percentiles,
        "bins": [
            {"from": low, "to": low + 30, "count": count} for low, count in zip((10, 40, 70), counts, strict=True)
        ],
    }
    assert len(service.get("/boards/b/analytics")["bins"]) == 20


def test_how_nothing_and_one_score_are_spread(service: Service) -> None:
    service.put_board()
    answer = service.get("/boards/b/analytics")
    none = {"p50": None, "p90": None, "p99": None}
    assert (answer["total"], answer["min"], answer["max"]) == (0, None, None)
    assert (answer["percentiles"], answer["bins"]) == (none, [])
    service.submit("a", 7)
    answer = service.get("/boards/b/analytics")
    assert answer["percentiles"] == dict.fromkeys(none, 7)
    assert answer["bins"] == [{"from": 7, "to": 7, "count": 1}]


@pytest.mark.parametrize(
    "definition",
    [
        {},
        {"order": "asc", "ties": "dense"},
        {"ties": "last"},
        {"score": {"decimals": 2}},
        {"subscore": {"order": "asc", "min": 0, "max": 9}},
        {"score": {"type": "integer", "min": 0, "max": 2**61}},
    ],
    ids=str,
)
def test_it_is_what_percentile_and_distribution_say_wherever_the_period_is(service: Service, definition: Any) -> None:
    service.put_board(**definition, rolling=["7d"], retention={"day": 0}, periods=["day"])
    big = 2**60 if "type" in definition.get("score", {}) else 0
    more = {"subscore": 3} if "subscore" in definition else {}
    fill(service, {f"p{number}": big + number * number % 41 for number in range(30)}, **more)

    def read(path: str, query: str) -> Any:
        return service.get(f"/boards/b/{path}?{query}")

    def check(query: str) -> Any:
        answer = read("analytics", query + "&bins=7")
        scores = [row["score"] for row in read("top", query + "&limit=100")["entries"]]
        assert (answer["min"], answer["max"], answer["total"]) == (min(scores), max(scores), 30)
        for name, score in answer["percentiles"].items():
            assert score == read("percentile", f"{query}&p={name[1:]}")["score"]
        assert answer["bins"] == read("distribution", query + "&bins=7")["bins"]
        return answer

    open_ = check("period=day")
    check("window=7d")
    service.clock.set(START + 8 * DAY)
    seal(service)
    archived = check("period=day&id=2026-11-23")
    assert archived["period"]["state"] == "archived"
    assert {**archived, "period": None} == {**open_, "period": None}


class Restless:
    """A store in which somebody is better than everybody before each read of how scores are spread."""

    def __init__(self, service: Service, times: int) -> None:
        self._service = service
        self._store = service.services.store
        self._left = times
        self._best = 100

    def run_all(self, calls: list[Call], **more: Any) -> list[Any]:
        if calls[0].script == "analysis" and self._left:
            self._left -= 1
            self._best += 100
            self._service.submit(f"best {self._best}", self._best)
        return self._store.run_all(calls, **more)


@pytest.mark.parametrize(("times", "status"), [(3, 200), (4, 200), (9, 503)])
def test_it_is_one_moment_of_a_board_whose_ends_move(
    service: Service, monkeypatch: pytest.MonkeyPatch, times: int, status: int
) -> None:
    service.put_board()
    fill(service, {"a": 0, "b": 100})
    monkeypatch.setattr(service.services.rankings, "_store", Restless(service, times))
    reply = service.request("GET", "/v1/boards/b/analytics?bins=2")
    assert reply.status == status
    if status == 200:
        answer = reply.json
        assert (answer["total"], answer["max"]) == (2 + times, 100 + 100 * times)
        assert sum(one["count"] for one in answer["bins"]) == answer["total"]
        assert answer["bins"][-1]["to"] == answer["max"]


@pytest.mark.parametrize("path", ["analytics", "changes"])
@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("period=hour", 422, "period_not_kept"),
        ("window=24h", 422, None),
        ("period=day&id=2026-11", 422, "invalid_period"),
        ("bins=0", 422, "validation_error"),
        ("limit=0", 422, "validation_error"),
        ("limit=101", 422, "validation_error"),
        ("nonsense=1", 422, "validation_error"),
    ],
)
def test_what_cannot_be_asked(service: Service, path: str, query: str, status: int, code: str | None) -> None:
    service.put_board()
    reply = service.request("GET", f"/v1/boards/b/{path}?{query}")
    assert (reply.status, code or reply.json["code"]) == (status, reply.json["code"])
    assert service.request("GET", f"/v1/boards/none/{path}").json["code"] == "unknown_board"


def test_a_window_has_no_past(service: Service) -> None:
    service.put_board(rolling=["7d"])
    assert service.get("/boards/b/analytics?window=7d")["bins"] == []
    reply = service.request("GET", "/v1/boards/b/changes?window=7d")
    assert (reply.status, list(reply.json["errors"])) == (422, ["window"])


@pytest.mark.parametrize("where", ["live", "archived"])
@pytest.mark.parametrize(("order", "sign"), [("desc", 1), ("asc", -1)])
def test_who_rose_fell_came_and_left_since_yesterday(service: Service, where: str, order: str, sign: int) -> None:
    service.put_board(order=order, retention={"day": 0})
    fill(service, {"ada": sign * 50, "bob": sign * 40, "cid": sign * 30, "dan": sign * 20})
    service.clock.set(START + DAY)
    fill(service, {"bob": sign * 90, "ada": sign * 60, "eve": sign * 55, "cid": sign * 10})
    if where == "archived":
        seal(service)
    answer = service.get("/boards/b/changes?period=day&limit=3")
    at = "2026-11-24T00:00:00Z"
    assert answer["compared_with"] == {"at": at, "id": "2026-11-23", "depth": 4, "complete": True}
    assert (answer["board"], answer["period"]["id"], answer["total"]) == ("b", "2026-11-24", 4)
    one = {"rank": 1, "player": "bob", "score": sign * 90, "subscore": None}
    assert answer["entries"][0] == {**one, "previous_rank": 2, "previous_score": sign * 40, "change": 1}
    gone = {"player": "cid", "rank": 4, "score": sign * 10, "subscore": None}
    assert answer["left"] == [{**gone, "previous_rank": 3, "previous_score": sign * 30, "change": -1}]
    _, entries, left = changes(service, "period=day&limit=4")
    assert entries == [("bob", 1, 2, 1), ("ada", 2, 1, -1), ("eve", 3, None, None), ("cid", 4, 3, -1)]
    assert left == [("dan", None, 4, None)]
    # Who was there, but not in the top.
    _, entries, left = changes(service, "period=day&limit=1")
    assert (entries, left) == ([("bob", 1, 2, 1)], [("ada", 2, 1, -1)])
    # A day that is over: with the one before that, when nobody played.
    assert changes(service, "period=day&id=2026-11-23&limit=1") == (None, [("ada", 1, None, None)], [])


def test_days_and_hours_that_have_nothing_before_them(service: Service) -> None:
    service.put_board(periods=["all", "day", "hour"])
    assert changes(service, "period=day") == (None, [], [])
    service.submit("ada", 1)
    nothing = (None, [("ada", 1, None, None)], [])
    assert changes(service, "period=day") == changes(service, "period=hour") == nothing
    service.clock.advance(hours=1)
    service.submit("bob", 2)
    then, entries, left = changes(service, "period=hour")
    assert (then["id"], then["at"]) == ("2026-11-23T12", "2026-11-23T13:00:00Z")
    assert (entries, left) == ([("bob", 1, None, None)], [("ada", None, 1, None)])
    assert changes(service, "period=day&id=2026-11-24")[0] is None  # the one before it is not over
    assert changes(service, "period=hour&id=1900-01-01T00") == (None, [], [])  # known time begins with it


def test_a_day_whose_standings_the_archive_removed(service: Service) -> None:
    service.put_board(retention={"day": 0})
    service.submit("ada", 1)
    service.clock.set(START + DAY)
    service.submit("ada", 2)
    service.clock.set(START + 2 * DAY)
    service.submit("ada", 3)
    seal(service)
    services = service.services
    tidy = Housekeeping(services.registry, services.database, Copies(services.database), {"day": 1.2})
    tidy.prune(service.clock.now(), FreeRun())
    assert changes(service, "period=day")[0]["id"] == "2026-11-24"
    assert changes(service, "period=day&ago=1") == (None, [("ada", 1, None, None)], [])
    reply = service.request("GET", "/v1/boards/b/changes?period=day&ago=2")
    assert (reply.status, reply.json["code"]) == (404, "period_gone")


def test_since_the_boards_day_began(service: Service) -> None:
    service.put_board(time_zone="America/New_York", periods=["all", "year", "month", "week"])
    fill(service, {"ada": 50, "bob": 40, "cid": 30})
    everybody = [("ada", 1, None, None), ("bob", 2, None, None), ("cid", 3, None, None)]
    assert changes(service) == (None, everybody, [])
    assert capture(service) == 4
    service.clock.set(MIDNIGHT)  # not yet in New York
    fill(service, {"bob": 60, "dan": 45})
    assert capture(service) == 0
    at = {"at": "2026-11-23T12:00:00Z", "depth": 3, "complete": True}
    moved = [("bob", 1, 2, 1), ("ada", 2, 1, -1), ("dan", 3, None, None)]
    for query, period_id in (("", "all"), ("period=year", "2026"), ("period=week", "2026-W48")):
        assert changes(service, query + "&limit=3") == ({**at, "id": period_id}, moved, [("cid", 4, 3, -1)])
    service.clock.set(MIDNIGHT + timedelta(hours=5))
    assert changes(service)[0] is None
    assert (capture(service), capture(service)) == (4, 0)
    then, entries, left = changes(service)
    assert then == {"at": "2026-11-24T05:05:00Z", "id": "all", "depth": 4, "complete": True}
    assert (entries[0], left) == (("bob", 1, 1, 0), [])


def test_a_job_that_comes_late_says_so(service: Service) -> None:
    service.put_board(periods=["all"])
    service.submit("ada", 1)
    service.clock.set(START + 3 * DAY)
    capture(service)
    service.submit("bob", 2)
    service.clock.advance(hours=2)
    assert capture(service) == 0
    then, entries, _ = changes(service)
    assert then["at"] == "2026-11-26T12:00:00Z"
    assert entries == [("bob", 1, None, None), ("ada", 2, 1, -1)]


def test_a_week_that_nobody_has_played_in_yet_is_compared_with_nothing(service: Service) -> None:
    service.put_board(periods=["week"])
    service.submit("ada", 1)
    service.clock.set(START + 7 * DAY)
    assert capture(service) == 1
    service.submit("bob", 1)
    assert capture(service) == 0  # or bob would seem to have been there as the week began
    assert changes(service, "period=week") == (None, [("bob", 1, None, None)], [])


def test_a_week_that_is_over_is_compared_with_its_last_capture(service: Service) -> None:
    service.put_board(periods=["week"], retention={"week": 0})
    service.submit("ada", 1)
    capture(service)
    service.clock.set(START + 5 * DAY)
    service.submit("bob", 2)
    capture(service)
    service.submit("ada", 3)
    service.clock.set(START + 9 * DAY)
    seal(service)
    then, entries, left = changes(service, "period=week&ago=1")
    assert (then["id"], then["at"]) == ("2026-W48", "2026-11-28T12:00:00Z")
    assert (entries, left) == ([("ada", 1, 2, 1), ("bob", 2, 1, -1)], [])
    assert changes(service, "period=week&id=2026-W50") == (None, [], [])


@pytest.mark.parametrize(
    ("ties", "ranks"),
    [("shared", [1, 2, 2, 4]), ("dense", [1, 2, 2, 3]), ("first", [1, 2, 3, 4]), ("last", [1, 3, 2, 4])],
)
@pytest.mark.parametrize("period", ["all", "day"])
def test_ranks_then_are_those_of_the_board(service: Service, ties: str, ranks: list[int], period: str) -> None:
    service.put_board(ties=ties, score={"min": 0, "max": 99}, subscore={"min": 0, "max": 9})
    for player, score, subscore in (("ada", 9, 1), ("bob", 5, 5), ("cid", 5, 5), ("dan", 5, 4)):
        service.submit(player, score, subscore=subscore)
        service.clock.advance(seconds=1)
    before = {row["player"]: row for row in service.get("/boards/b/top")["entries"]}
    assert [before[player]["rank"] for player in ("ada", "bob", "cid", "dan")] == ranks
    service.clock.set(MIDNIGHT)
    capture(service)
    fill(service, {"dan": 9, "ada": 9, "bob": 5, "cid": 5, "new": 1}, subscore=5)
    answer = service.get(f"/boards/b/changes?period={period}")
    ranks_now = {row["player"]: row["rank"] for row in service.get(f"/boards/b/top?period={period}")["entries"]}
    assert [row["player"] for row in answer["entries"]] == list(ranks_now)
    for row in answer["entries"]:
        then = before.get(row["player"])
        assert row["rank"] == ranks_now[row["player"]]
        assert (row["previous_rank"], row["previous_score"]) == (then and then["rank"], then and then["score"])
        assert row["change"] == (then and then["rank"] - row["rank"])


def test_no_more_than_the_first_hundred_are_known(service: Service) -> None:
    service.put_board(periods=["all"])
    fill(service, {f"p{number:03}": 1000 - number for number in range(101)})
    capture(service)
    fill(service, {"p100": 2000, "p099": 1999})
    then, entries, left = changes(service, "limit=100")
    assert (then["depth"], then["complete"]) == (100, False)
    assert entries[:3] == [("p100", 1, None, None), ("p099", 2, 100, 98), ("p000", 3, 1, -2)]
    assert left == [("p098", 101, 99, -2)]


def test_a_forgotten_player_was_never_there(service: Service) -> None:
    service.put_board(ties="dense")
    scores = {"ada": 50, "bob": 40, "b%b": 40, "cid": 30}
    fill(service, scores)
    capture(service)
    etag = service.request("GET", "/v1/boards/b/changes").headers["ETag"]
    assert service.request("DELETE", "/v1/players/bob").status == 200
    then, entries, left = changes(service)
    assert (then["depth"], then["complete"]) == (3, True)
    assert (entries, left) == ([("ada", 1, 1, 0), ("b%b", 2, 2, 0), ("cid", 3, 3, 0)], [])
    assert service.request("DELETE", "/v1/boards/b/players/ada").status == 204
    assert changes(service)[1:] == ([("b%b", 1, 1, 0), ("cid", 2, 2, 0)], [])
    reply = service.request("GET", "/v1/boards/b/changes", headers={"If-None-Match": etag})
    assert reply.status == 200
    headers = {"If-None-Match": reply.headers["ETag"]}
    assert service.request("GET", "/v1/boards/b/changes", headers=headers).status == 304


def test_a_capture_changes_the_etag(service: Service) -> None:
    service.put_board()
    service.submit("ada", 1)
    before = service.request("GET", "/v1/boards/b/changes").headers["ETag"]
    capture(service)
    assert service.request("GET", "/v1/boards/b/changes", headers={"If-None-Match": before}).status == 200


def test_a_board_made_anew_is_compared_with_nothing_of_the_old_one(service: Service) -> None:
    for _ in range(2):
        service.put_board()
        service.submit("ada", 1)
        assert changes(service) == (None, [("ada", 1, None, None)], [])
        assert capture(service) == 3
        assert changes(service)[0] is not None
        assert service.request("DELETE", "/v1/boards/b").status == 204


def test_periods_taken_off_a_board_and_another_order_leave_their_captures_behind(service: Service) -> None:
    service.put_board(periods=["all", "week"])
    service.submit("ada", 1)
    capture(service)
    service.put_board(periods=["week"])
    service.put_board(periods=["all", "week"])
    service.submit("ada", 2)
    assert changes(service)[0] is None
    assert changes(service, "period=week")[0] is not None
    service.put_board(periods=["day"])  # now there are no scores, so that everything can change
    service.put_board(periods=["week"], order="asc")
    service.submit("bob", 1)
    assert changes(service, "period=week") == (None, [("bob", 1, None, None)], [])


def test_metadata_is_shown_where_it_is_asked_for(service: Service) -> None:
    service.put_board()
    service.submit("ada", 1, metadata={"car": 7})
    capture(service)
    assert service.get("/boards/b/changes?metadata=true")["entries"][0]["metadata"] == {"car": 7}
    assert "metadata" not in service.get("/boards/b/changes")["entries"][0]
