"""Random lives of two games at once: what they send, over HTTP, what the scheduler does meanwhile, and time."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote

from leaderboard.boards.periods import WEEKDAYS, Calendar
from leaderboard.errors import Interrupted, StoreUnavailable
from scheduler import jobs
from tests.analytics.reads import Journal, Reader
from tests.analytics.reference import Model
from tests.analytics.tap import Fault, Meanwhile, tapped
from tests.analytics.writes import (
    FUNNELS,
    IN_FUNNELS,
    NAMES,
    PLAYERS,
    Draft,
    bad_draft,
    body_of,
    draft,
    single_body,
)
from tests.conftest import Reply, Service
from tests.periods.running import DoomedRun, FreeRun

BEGIN = datetime.fromisoformat("2031-01-15T10:00:00Z")
ZONES = ("UTC", "Europe/Vienna", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Australia/Lord_Howe")
LONGEST_WITHOUT_ROLLUP = timedelta(days=20)
RETRIED_FOR = timedelta(hours=23)
DAY = timedelta(days=1)
WINDOWS = [60, 3600, 86_400, 7 * 86_400, 30 * 86_400]  # seconds
SHORT_WAITS = [(timedelta(minutes=20), 1), (timedelta(hours=5), 1), (DAY, 1), (4 * DAY, 1)]
LATE = [timedelta(minutes=30), timedelta(hours=7), 6 * DAY, 6 * DAY, 40 * DAY, 200 * DAY]


@dataclass(frozen=True)
class Sent:
    """A request with an Idempotency-Key, and the answer that its retries get."""

    path: str
    body: bytes
    headers: dict[str, str]
    query: dict[str, str]
    at: datetime
    answer: bytes


@dataclass
class Game:
    """One game, its model, and all that may happen to it."""

    service: Service
    chance: Random
    journal: Journal
    model: Model = field(init=False)
    sent: list[Sent] = field(default_factory=list)
    client_events: bool = False

    def __post_init__(self) -> None:
        self.service.new_game()
        calendar = random_calendar(self.chance)
        self.model = Model(calendar)
        self._put_settings()
        self.reader = Reader(self.service, self.model, self.chance, self.journal)
        self._send_many([self._draft(name, backfill=False) for name in NAMES])
        for _ in range(self.chance.choice([0, 2, 4])):
            self.put_funnel()

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    def act(self) -> None:
        moves = [*[self.single] * 3, *[self.bulk] * 4, *[self.journeys] * 2]
        moves += [self.retry, self.count, self.count_many, self.forget, self.put_funnel, self.settings, self.trespass]
        rarely = [self.delete_funnel, self.delete_counter, self.delete_stat]
        self.chance.choice(rarely if self.chance.random() < 0.03 else moves)()

    def single(self) -> None:
        one = self._draft(self.chance.choice(NAMES), backfill=False)
        as_client = one.at is None and self.client_events and self.chance.random() < 0.3
        body, headers = single_body(one.item)
        reply = self._post(f"/v1/events/{one.name}", body, headers, key="client" if as_client else "server")
        assert reply.status == 200, (one, reply.json)
        assert reply.json == {"name": one.name, "recorded": True, "warnings": []}
        self._take(one)

    def bulk(self) -> None:
        backfill = self.chance.random() < 0.3
        drafts = [self._draft(self.chance.choice(NAMES), backfill=backfill) for _ in range(self.chance.randint(1, 15))]
        for _ in range(self.chance.choice([0, 0, 1, 4])):
            drafts.insert(self.chance.randint(0, len(drafts)), bad_draft(self.chance, self.now, backfill=backfill))
        self._send_many(drafts, backfill=backfill)

    def journeys(self) -> None:
        """Some players on their way through a funnel, told of in any order, in several requests."""
        drafts = []
        steps = self.chance.choice([*FUNNELS.values()])
        begin = self.now - self.chance.choice(LATE) * self.chance.random()
        for player in self.chance.sample(PLAYERS, self.chance.randint(1, 4)):
            at = begin
            for step in self.chance.choices(steps, k=2) if self.chance.random() < 0.3 else steps:
                gap = self.chance.choice([0, 1, *WINDOWS[:3]]) * self.chance.choice([1, 1, self.chance.random()])
                at = (at + timedelta(seconds=gap)).replace(microsecond=0)
                if at <= self.now:
                    drafts.append(draft(self.chance, step, player, at))
        self.chance.shuffle(drafts)
        half = self.chance.randint(0, len(drafts))
        for some in (drafts[:half], drafts[half:]):
            if some:
                self._send_many(some)

    def retry(self) -> None:
        """The same request again: the same answer, and nothing is counted twice."""
        fresh = [one for one in self.sent if self.now - one.at < RETRIED_FOR]
        for one in self.chance.sample(fresh, min(2, len(fresh))):
            reply = self._request("POST", one.path, data=one.body, headers=one.headers, query=one.query)
            assert (reply.status, reply.body) == (200, one.answer), reply.body
            assert reply.headers["Idempotency-Replayed"] == "true"
            self.journal.tell("retried")
            kind = one.path.split("/")[2]
            body = {kind: []} if one.path.endswith(kind) else {"by": 7} if kind == "counters" else {"value": 7.5}
            headers = {name: value for name, value in one.headers.items() if name == "Idempotency-Key"}
            reply = self._request("POST", one.path, body, headers=headers, query=one.query)
            assert (reply.status, reply.json["code"]) == (422, "idempotency_key_reused"), reply.json

    def count(self) -> None:
        name, by = self.chance.choice(["wins", "losses"]), self._by()
        before = self.model.counters.get(name)
        value = self.model.count(name, by)
        body, headers = single_body({"by": by})
        reply = self._post(f"/v1/counters/{name}", body, headers)
        if value is None:
            assert (reply.status, reply.json["code"]) == (422, "counter_out_of_range"), (before, by)
            return
        assert reply.status == 200, reply.json
        assert reply.json == {"name": name, "value": value}

    def count_many(self) -> None:
        items: list[Any] = [
            {"name": self.chance.choice(["wins", "losses"]), "by": self._by()} for _ in range(self.chance.randint(1, 6))
        ]
        good = [*items]
        if self.chance.random() < 0.3:
            items.insert(0, self.chance.choice([{"name": "wins", "by": 1.5}, {"by": 1}, {"name": "a b"}, 7]))
        body, headers = body_of(self.chance, items, name="counters")
        reply = self._post("/v1/counters", body, headers)
        assert reply.status == 200, reply.json
        rejected, applied = {}, 0
        for index, item in enumerate(items):
            if not isinstance(item, dict) or item not in good:
                rejected[index] = ""
            elif self.model.count(item["name"], item["by"]) is None:
                rejected[index] = "counter_out_of_range"
            else:
                applied += item["by"] != 0
        self._check_report(reply, len(items), rejected, applied)

    def forget(self) -> None:
        player = self.chance.choice(PLAYERS)
        was_known = self.model.forget(player)
        reply = self._request("DELETE", f"/v1/players/{quote(player, safe='')}")
        assert reply.status in ({200, 204} if was_known else {200, 204, 404}), reply.body
        self.journal.tell("forgotten")

    def put_funnel(self) -> None:
        """Makes a funnel, maybe once more, or changes its window."""
        name = self.chance.choice([*FUNNELS])
        window = self.chance.choice(WINDOWS)
        reply = self._request("PUT", f"/v1/funnels/{name}", {"steps": FUNNELS[name], "window_seconds": window})
        assert reply.status == (200 if name in self.model.funnels else 201), reply.json
        self.model.put_funnel(name, FUNNELS[name], timedelta(seconds=window), self.now)

    def delete_funnel(self) -> None:
        for name in self.chance.sample([*self.model.funnels], min(1, len(self.model.funnels))):
            assert self._request("DELETE", f"/v1/funnels/{name}").status == 204
            self.model.delete_funnel(name)

    def delete_counter(self) -> None:
        name = self.chance.choice(["wins", "losses"])
        reply = self._request("DELETE", f"/v1/counters/{name}")
        assert reply.status == 204 if self.model.counters.pop(name, None) is not None else reply.status in (204, 404)

    def delete_stat(self) -> None:
        name = self.chance.choice(NAMES)
        reply = self._request("DELETE", f"/v1/stats/{name}")
        assert reply.status == 204 if self.model.drop(name) else reply.status in (204, 404), reply.body

    def trespass(self) -> None:
        """A client key does what it may not; nothing changes."""
        reply = self._request("DELETE", "/v1/counters/wins", key="client")
        assert (reply.status, reply.json["code"]) == (403, "forbidden")
        dated = self._request("POST", "/v1/events/shot", {"at": self.now.isoformat()}, key="client")
        assert (dated.status, dated.json["code"]) == (403, "forbidden"), dated.json
        if not self.client_events:
            for path, body in (("events/shot", {}), ("counters/wins", {"by": 1})):
                reply = self._request("POST", f"/v1/{path}", body, key="client")
                assert (reply.status, reply.json["code"]) == (403, "forbidden"), path

    def settings(self) -> None:
        self.client_events = self.chance.random() < 0.5
        self._put_settings()
        other = {"time_zone": "Asia/Tokyo", "client_events": not self.client_events}
        reply = self.service.request("PUT", "/v1/game", json=other)
        assert (reply.status, reply.json["code"]) == (409, "cannot_change"), reply.json

    def _put_settings(self) -> None:
        calendar = self.model.calendar
        settings = {
            "time_zone": calendar.time_zone,
            "week_start": calendar.week_start,
            "day_start": calendar.day_start,
            "client_events": self.client_events,
        }
        reply = self.service.request("PUT", "/v1/game", json=settings)
        no_limits = {"player_submissions": None, "key_reads": None, "daily_submissions": None}
        assert (reply.status, reply.json) == (200, {"name": self.service.game, "limits": no_limits, **settings})

    def _draft(self, name: str, *, backfill: bool) -> Draft:
        """An event of now or of some other time; nobody is known to have played ahead of time."""
        player = self.chance.choice([None, *self.chance.sample(PLAYERS, 5)])
        if self.chance.random() < 0.4:
            return draft(self.chance, name, player, None)
        if self.chance.random() < 0.1:
            ahead = 20 * DAY if backfill else timedelta(seconds=59)
            return draft(self.chance, name, None, self.now + ahead * self.chance.random())
        back = self.chance.choice([*LATE, 400 * DAY] if backfill else LATE) * self.chance.random()
        at = self.now - back
        return draft(self.chance, name, player, at.replace(microsecond=0) if name in IN_FUNNELS else at)

    def _by(self) -> int:
        edge = 2**63
        return self.chance.choice([0, 1, 1, -1, self.chance.randint(-99, 99), edge - 1, -edge, 1 - 2 * edge, -edge - 1])

    def _send_many(self, drafts: list[Draft], *, backfill: bool = False) -> None:
        body, headers = body_of(self.chance, [one.item for one in drafts])
        query = {"backfill": "true"} if backfill else {}
        may_wait = all(one.at and one.code != "time_in_future" for one in drafts)
        reply = self._post("/v1/events", body, headers, query, may_wait=may_wait)
        assert reply.status == 200, (drafts, reply.json)
        rejected = {index: one.code for index, one in enumerate(drafts) if one.code is not None}
        self._check_report(reply, len(drafts), rejected, len(drafts) - len(rejected))
        assert reply.json["warnings"] == []
        for one in drafts:
            if one.code is None:
                self._take(one)

    def _post(
        self,
        path: str,
        body: bytes,
        headers: dict[str, str],
        query: dict[str, str] | None = None,
        key: str = "server",
        *,
        may_wait: bool = False,
    ) -> Reply:
        """Sends it, with an Idempotency-Key or not; with one, it may die half-way a few times."""
        query = query or {}
        if key == "client" or self.chance.random() < 0.5:
            with self._meanwhile():
                return self._request("POST", path, data=body, headers=headers, query=query, key=key)
        headers = {**headers, "Idempotency-Key": f"once {self.chance.getrandbits(64)}"}
        while self.model.events and self.chance.random() < 0.4:
            with tapped(self.service, fault := Fault.any(self.chance)):
                reply = self._request("POST", path, data=body, headers=headers, query=query, key=key)
            assert reply.status == (503 if fault.struck else reply.status)
            self.journal.tell("died" if fault.struck else "was to die")
            if may_wait and self.chance.random() < 0.3:
                self.service.clock.advance(minutes=self.chance.randint(1, 30))
        with self._meanwhile():
            reply = self._request("POST", path, data=body, headers=headers, query=query, key=key)
        if reply.status == 200:
            self.sent.append(Sent(path, body, headers, query, self.now, reply.body))
        return reply

    def _meanwhile(self) -> AbstractContextManager[None]:
        """Hours are rolled up just then, or not."""
        if self.chance.random() < 0.9:
            return nullcontext()
        self.journal.note("rolled up between the calls of the next request")
        roll_up = partial(jobs.stats, self.service.services, self.now, FreeRun())
        return tapped(self.service, Meanwhile(self.chance.randint(1, 3), roll_up))

    def _take(self, one: Draft) -> None:
        at = one.at or self.now
        self.model.record(one.name, one.item.get("player"), one.value, at, one.properties, self.now)

    def _check_report(self, reply: Reply, received: int, rejected: dict[int, str], applied: int) -> None:
        report = reply.json
        assert {line["index"]: bool(line["detail"]) for line in report["rejected"]} == dict.fromkeys(rejected, True)
        for line in report["rejected"]:
            assert rejected[line["index"]] in ("", line["code"]), (line, rejected)
        unchanged = received - applied - len(rejected)
        assert [report[one] for one in ("received", "applied", "unchanged")] == [received, applied, unchanged], report

    def _request(self, method: str, path: str, json: Any = None, **more: Any) -> Reply:
        reply = self.service.request(method, path, json=json, **more)
        self.journal.note(f"{self.service.game} {method} {path} {json} {more} -> {reply.status} {reply.body.decode()}")
        return reply


class MeddlingRun(FreeRun):
    """A run in which something else happens at its n-th checkpoint."""

    def __init__(self, number: int, act: Callable[[], None]) -> None:
        super().__init__()
        self._number = number
        self._act = act

    def checkpoint(self) -> None:
        super().checkpoint()
        if self.checkpoints == self._number:
            self._act()


@dataclass
class World:
    """Two games that share a service, a scheduler and the time."""

    service: Service
    chance: Random
    journal: Journal
    began: datetime
    until: datetime
    games: list[Game] = field(init=False)
    rolled_up: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.rolled_up = self.began
        services = [Service(self.service.app, self.service.clock) for _ in range(2)]
        self.games = [Game(one, self.chance, self.journal) for one in services]

    def act(self) -> None:
        if self.chance.random() < 0.3:
            self.wait()
        elif self.chance.random() < 0.1:
            self.work()
        else:
            self.chance.choice(self.games).act()

    def look(self) -> None:
        reader = self.chance.choice(self.games).reader
        if self.chance.random() < 0.9:
            reader.look()
            return
        self.journal.note("jobs are done between the calls of the next read")
        with tapped(self.service, Meanwhile(self.chance.randint(1, 3), partial(self.work, whole=True))):
            reader.look()

    def wait(self) -> None:
        """Time passes; but hours are rolled up before they could be lost."""
        longest, most = self.chance.choice([*SHORT_WAITS, *[(18 * DAY, 1)] * 2, *[(18 * DAY, 8)] * 2])
        for _ in range(self.chance.randint(1, most)):
            now = min(self.now + longest * self.chance.random(), self.until).replace(microsecond=0)
            if now - self.rolled_up > LONGEST_WITHOUT_ROLLUP:
                self.work(whole=True)
            self.service.clock.set(max(now, self.now))  # a request may have waited meanwhile
            self.journal.note(f"it is {now}")
            for game in self.games:
                if over := expire(game.service, self.began):
                    self.journal.note(f"over: {over}")

    def work(self, *, whole: bool = False) -> None:
        """The scheduler's jobs, which may come to a bad end."""
        services = self.service.services
        for job in self.chance.sample([jobs.stats, jobs.prune], 2):
            self.journal.note(f"{job.__name__}")
            if whole or self.chance.random() < 0.5:
                job(services, self.now, FreeRun())
            elif self.chance.random() < 0.4:
                job(services, self.now, MeddlingRun(self.chance.randint(1, 5), self.chance.choice(self.games).act))
            else:
                with suppress(Interrupted, StoreUnavailable), tapped(self.service, Fault.any(self.chance)):
                    job(services, self.now, DoomedRun(self.chance.randint(1, 6)))
        if whole:
            self.rolled_up = self.now

    def end(self) -> None:
        """Leaves nothing behind that costs others time."""
        client = self.service.services.store.client
        for game in self.games:
            for funnel in game.model.funnels:
                game.service.request("DELETE", f"/v1/funnels/{funnel}")
            if names := [*client.scan_iter(match=f"*{game.service.game}*", count=10_000)]:
                client.delete(*names)

    @property
    def now(self) -> datetime:
        return self.service.clock.now()


def expire(service: Service, began: datetime) -> list[bytes]:
    """The store's own clock lags behind: what it would have let go of by now goes."""
    client = service.services.store.client
    names = [*client.scan_iter(match=f"*{service.game}*", count=10_000)]
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.expiretime(name)
    # What lives for a time by the store's clock expires before the game began.
    begin, end = began.timestamp(), service.clock.now().timestamp()
    over = [name for name, at in zip(names, pipeline.execute(), strict=True) if begin <= at <= end]
    if over:
        client.delete(*over)
    return over


def random_calendar(chance: Random) -> Calendar:
    return Calendar(
        chance.choice(ZONES),
        chance.choice(["monday", *WEEKDAYS]),
        chance.choice(["00:00", "00:00", "04:00", "02:30", "23:15"]),
    )
