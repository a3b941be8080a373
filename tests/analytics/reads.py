"""Random reads of a game, each compared with the model's answer."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any
from urllib.parse import quote

from leaderboard.boards.periods import Period, PeriodName
from tests.analytics.reference import Figures, Group, Model, Series
from tests.analytics.writes import NAMES, PLAYERS, PROPERTIES, text_of, written
from tests.conftest import Reply, Service

FRESH = {"Cache-Control": "no-cache"}
LENGTHS = {"hour": 30, "day": 40, "week": 90, "month": 300, "year": 900}  # the longest range of each step, in days
DEFAULT_STEPS: Mapping[str, int] = {"hour": 24, "day": 30, "week": 12, "month": 12, "year": 5}
MOST_STEPS = 10_000
FUNNEL_DAYS = 92
DAY = timedelta(days=1)
_NUMBERS = ("count", "sum", "min", "max", "mean", "players")


@dataclass
class Journal:
    """What happened, for whom a life that fails is to be told; and how often what was looked at."""

    lines: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def note(self, line: str) -> None:
        self.lines.append(line)

    def tell(self, what: str) -> None:
        self.counts[what] += 1


@dataclass
class Reader:
    """Reads one game as of now."""

    service: Service
    model: Model
    chance: Random
    journal: Journal

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    def look(self) -> None:
        """One read of any kind."""
        self.chance.choice(
            [*[self.stat] * 6, self.active, self.retention, self.player, self.counters, self.names, self.funnel]
        )()

    def look_everywhere(self) -> None:
        for name in NAMES:
            for step in LENGTHS:
                self.stat(name, step)
        for _ in range(3):
            self.active()
            self.retention()
        for player in PLAYERS:
            self.player(player)
        self.counters()
        self.names()
        for funnel in self.model.funnels:
            for _ in range(3):
                self.funnel(funnel)

    def stat(self, name: str | None = None, step: str | None = None) -> None:
        name = name or self.chance.choice(NAMES)
        step = step or self.chance.choice([*LENGTHS])
        query, steps = self._range(step, LENGTHS[step])  # type: ignore[arg-type]
        properties = sorted(self.model.properties(name))
        by = [one for one in properties if self.chance.random() < 0.3]
        self.chance.shuffle(by)
        where = {one: self._values(name, one) for one in properties if self.chance.random() < 0.2}
        query["step"] = step
        if by:
            query["group_by"] = ",".join(by)
        query |= {f"prop.{one}": values for one, values in where.items()}
        path = f"/v1/stats/{name}"
        reply = self._read(path, query)
        if not self.model.of(name):
            assert (reply.status, reply.json["code"]) == (404, "unknown_stat")
            return
        if len(steps) > MOST_STEPS:
            assert (reply.status, reply.json["code"]) == (422, "too_many_points"), reply.json
            return
        if reply.status == 422 and step == "hour":
            assert reply.json["code"] == "step_not_kept", reply.json
            assert not self.model.keeps_hours(name, steps, self.now), (query, reply.json)
            self.journal.tell("hours refused")
            return
        assert reply.status == 200, (path, query, reply.json)
        series, groups = self.model.stat(name, steps, where, by)
        self.journal.tell(f"stat {step}{' grouped' if by else ''}{' filtered' if where else ''}")
        self._compare_stat(reply.json, steps, by, series, groups)
        assert (reply.json["name"], reply.json["step"]) == (name, step)
        self._compare_files(path, query, reply.json, by)

    def names(self) -> None:
        found = self._good("/v1/stats")["stats"]
        wanted = [(name, self.model.properties(name)) for name in sorted(self.model.names())]
        assert [(one["name"], set(one["properties"])) for one in found] == wanted

    def active(self) -> None:
        query, days = self._range("day", 60)
        reply = self._read("/v1/analytics/active", query)
        if self._is_refused(reply, days):
            return
        for day, found, wanted in zip(days, self._head(reply, days)["days"], self.model.active(days), strict=True):
            where = (query, found, wanted)
            assert (found["day"], instant(found["at"])) == (day.id, day.start), where
            assert (found["dau"], found["new"]) == (wanted.dau, wanted.new), where
            if found["mau"] is not None:
                assert found["mau"] == wanted.mau, where
                assert near(found["stickiness"], wanted.stickiness), where
            else:
                assert not self.model.keeps_days(month_to(day), self.now), where
                assert found["stickiness"] is None, where
                self.journal.tell("month not known")
            if found["wau"] is not None:
                assert found["wau"] == wanted.wau, where
            else:
                assert not self.model.keeps_days(month_to(day)[:7], self.now), where
        self.journal.tell("active")

    def retention(self) -> None:
        query, days = self._range("day", 60)
        offsets = [1, 3, 7, 14, 30]
        if self.chance.random() < 0.6:
            offsets = self.chance.sample(range(1, 100), self.chance.randint(1, 6))
            query["days"] = ",".join(map(str, offsets))
        reply = self._read("/v1/analytics/retention", query)
        today = self.model.calendar.containing("day", self.now).id
        later = [day_after(day, offset) for day in days for offset in offsets]
        if self._is_refused(reply, [*days, *(day for day in later if day.id <= today)]):
            return
        cohorts = self.model.retention(days, offsets, self.now)
        for day, found, wanted in zip(days, self._head(reply, days)["cohorts"], cohorts, strict=True):
            where = (query, found, wanted)
            assert (found["day"], instant(found["at"]), found["size"]) == (day.id, day.start, wanted.size), where
            assert found["retention"].keys() == {str(offset) for offset in offsets}, where
            assert all(near(found["retention"][str(one)], share) for one, share in wanted.retention.items()), where
        self.journal.tell("retention")

    def player(self, player: str | None = None) -> None:
        player = player or self.chance.choice(PLAYERS)
        reply = self._read(f"/v1/analytics/players/{quote(player, safe=self.chance.choice(['', '/']))}", {})
        if player not in self.model.persons:
            assert (reply.status, reply.json["code"]) == (404, "unknown_player"), (player, reply.json)
            return
        assert reply.status == 200, (player, reply.json)
        found = reply.json
        wanted = self.model.player(player, found["since"], self.now)
        assert wanted is not None
        assert found == {"player": player, **vars(wanted), "since": found["since"]}, wanted
        today = self.model.calendar.containing("day", self.now)
        since = self.model.calendar.parse("day", found["since"])
        assert since.start is not None
        assert since.start <= self.now - 399 * DAY, found
        assert since.id <= today.id
        self.journal.tell("player")

    def counters(self) -> None:
        found = self._good("/v1/counters")["counters"]
        assert found == [{"name": name, "value": value} for name, value in sorted(self.model.counters.items())]
        for name in self.chance.sample(["wins", "losses", "never"], 2):
            reply = self._read(f"/v1/counters/{name}", {})
            if name in self.model.counters:
                assert reply.json == {"name": name, "value": self.model.counters[name]}
            else:
                assert (reply.status, reply.json["code"]) == (404, "unknown_counter")
        self.journal.tell("counters")

    def funnel(self, name: str | None = None) -> None:
        names = [name] if name else [*self.model.funnels]
        if not names:
            return
        name = self.chance.choice(names)
        funnel = self.model.funnels[name]
        known = [event.at for event in self.model.events[funnel.since :] if event.name in funnel.steps]
        query, days = self._range("day", 60, known)
        reply = self._read(f"/v1/analytics/funnels/{name}", query)
        if len(days) > FUNNEL_DAYS:
            assert (reply.status, reply.json["code"]) == (422, "too_many_points"), reply.json
            return
        if reply.status == 422:
            assert reply.json["code"] == "step_not_kept", reply.json
            assert self.model.has_lost(name, days, self.now), (query, funnel, reply.json)
            self.journal.tell("funnel refused")
            return
        assert reply.status == 200, reply.json
        answer = self._head(reply, days)
        assert answer["funnel"] == name
        assert tuple(answer["steps"]) == funnel.steps
        assert answer["window_seconds"] == funnel.window.total_seconds()
        if answer["warnings"]:
            assert [one["code"] for one in answer["warnings"]] == ["events_too_late"]
            assert self.model.may_warn(name, days), (query, answer["warnings"])
        reached = self.model.funnel(name, days, late=not answer["warnings"])
        total, unknown = [0] * len(funnel.steps), 0
        for day, found, wanted in zip(days, answer["days"], reached, strict=True):
            where = (query, found, wanted)
            assert (found["day"], instant(found["at"])) == (day.id, day.start), where
            assert day.start is not None
            assert day.end is not None
            assert found["complete"] is (day.end + funnel.window <= self.now), where
            if found["players"][0] is None:  # begun before the funnel was made
                assert day.start < funnel.made, where
                assert not any(found["conversion"]), where
                unknown += 1
                continue
            players = found["players"]
            assert all(a <= b <= c for a, b, c in zip(wanted.least, players, wanted.most, strict=True)), where
            compare_conversion(found["conversion"], players)
            total = [a + b for a, b in zip(total, players, strict=True)]
        assert answer["total"]["players"] == total
        compare_conversion(answer["total"]["conversion"], total)
        exact = not unknown and all(one.least == one.most for one in reached)
        how = f"{' exactly' * exact}{' too late' * len(answer['warnings'])}"
        self.journal.tell(f"funnel reached to {sum(map(bool, total))}{how}")

    def _range(
        self, step: PeriodName, days: int, times: Sequence[datetime] = ()
    ) -> tuple[dict[str, Any], list[Period]]:
        """The query of a range, mostly about one of these times or of any event, and its steps."""
        model, chance = self.model, self.chance
        if chance.random() < 0.1:
            steps = [model.calendar.containing(step, self.now)]
            while len(steps) < DEFAULT_STEPS[step]:
                steps.insert(0, steps[0].previous())
            return {}, steps
        length = days * DAY * chance.random() ** 2
        if step == "hour" and chance.random() < 0.7:
            length = min(length, 6 * DAY)
            begin = self.now - length * chance.random()
        else:
            begin = chance.choice(times or [event.at for event in model.events]) - length * chance.random()
        first = self._bound(begin)
        query = {"from": self._told(first)}
        last = None if chance.random() < 0.1 and model.beginning(first) < self.now else self._bound(begin + length)
        if last is not None and model.beginning(last) <= model.beginning(first):
            last = model.beginning(first) + chance.choice([1, 3600, 86400, 10**6]) * timedelta(seconds=1)
        if last is not None:
            query["to"] = self._told(last)
        return query, model.steps(step, model.beginning(first), self.now if last is None else model.beginning(last))

    def _bound(self, at: datetime) -> date | datetime:
        way = self.chance.random()
        if way < 0.4:
            return at.date()
        if way < 0.6:
            period = self.model.calendar.containing(self.chance.choice(["hour", "day"]), at)
            assert period.start is not None
            return period.start
        return at

    def _told(self, bound: date | datetime) -> str:
        return written(self.chance, bound) if isinstance(bound, datetime) else bound.isoformat()

    def _values(self, name: str, one: str) -> list[str]:
        known = [*map(text_of, PROPERTIES[name][one]), "", "nobody's"]
        return self.chance.sample(sorted(set(known)), self.chance.randint(1, 2))

    def _read(self, path: str, query: Mapping[str, Any]) -> Reply:
        key = "client" if self.chance.random() < 0.2 else "server"
        reply = self.service.request("GET", path, query=dict(query), headers=FRESH, key=key)
        self.journal.note(f"{self.service.game} {path} {dict(query)} -> {reply.status} {reply.body.decode()[:1500]}")
        return reply

    def _good(self, path: str) -> Any:
        reply = self._read(path, {})
        assert reply.status == 200, (path, reply.json)
        return reply.json

    def _is_refused(self, reply: Reply, needed: Sequence[Period]) -> bool:
        """Whether it is refused, because some days are not kept."""
        if reply.status == 200:
            return False
        assert (reply.status, reply.json["code"]) == (422, "step_not_kept"), reply.json
        assert not self.model.keeps_days(needed, self.now), reply.json
        self.journal.tell("days refused")
        return True

    def _head(self, reply: Reply, days: Sequence[Period]) -> Any:
        assert reply.json["time_zone"] == self.model.calendar.time_zone
        assert reply.json["approximate"] is False
        assert (instant(reply.json["from"]), instant(reply.json["to"])) == (days[0].start, days[-1].end)
        return reply.json

    def _compare_stat(
        self, answer: Any, steps: Sequence[Period], by: Sequence[str], series: Series, groups: Mapping[Group, Series]
    ) -> None:
        assert (instant(answer["from"]), instant(answer["to"])) == (steps[0].start, steps[-1].end), answer
        assert (answer["time_zone"], answer["approximate"]) == (self.model.calendar.time_zone, True)
        assert (answer["expected_error"], answer["warnings"]) == (Decimal("0.0081"), [])
        self._compare_series(answer["name"], answer, steps, series)
        if not by:
            assert "groups" not in answer
            return
        found = {tuple(group["properties"][one] for one in by): group for group in answer["groups"]}
        assert len(found) == len(answer["groups"])
        assert all(group["properties"].keys() == set(by) for group in answer["groups"])
        assert found.keys() == groups.keys()
        counts = [group["total"]["count"] for group in answer["groups"]]
        assert counts == sorted(counts, reverse=True)
        for key, group in groups.items():
            self._compare_series(answer["name"], found[key], steps, group)

    def _compare_series(self, name: str, answer: Any, steps: Sequence[Period], series: Series) -> None:
        for step, point, figures in zip(steps, answer["points"], series.points, strict=True):
            assert point.keys() == {"at", *_NUMBERS}
            assert instant(point["at"]) == step.start
            compare_figures(point, figures)
            if point["players"] is None:
                assert not self.model.keeps_players(name, step, self.now), (point, self.now)
            else:
                assert point["players"] == figures.players, (point, figures)
        assert answer["total"].keys() == set(_NUMBERS) - {"players"}
        compare_figures(answer["total"], series.total)

    def _compare_files(self, path: str, query: dict[str, Any], answer: Any, by: Sequence[str]) -> None:
        """The files carry the same points."""
        ways = [self._from_csv, self._from_ndjson]
        for way in self.chance.sample(ways, self.chance.choice([0, 0, 1])):
            wanted = {}
            for group in answer["groups"] if by else [{"properties": {}, "points": answer["points"]}]:
                for point in group["points"]:
                    key = (point["at"], tuple(group["properties"].get(one) for one in by))
                    wanted[key] = [None if point[one] is None else Fraction(point[one]) for one in _NUMBERS]
            assert way(path, query, by) == wanted

    def _from_csv(self, path: str, query: dict[str, Any], by: Sequence[str]) -> dict[Any, list[Fraction | None]]:
        reply = self._read(path, {**query, "format": "csv"})
        assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (200, "text/csv"), reply.body
        rows = [*csv.DictReader(io.StringIO(reply.body.decode(), newline=""))]
        found = {
            (row["at"], tuple(row[f"prop.{one}"] or None for one in by)): [
                Fraction(row[one]) if row[one] else None for one in _NUMBERS
            ]
            for row in rows
        }
        assert len(found) == len(rows)
        return found

    def _from_ndjson(self, path: str, query: dict[str, Any], by: Sequence[str]) -> dict[Any, list[Fraction | None]]:
        reply = self._read(path, {**query, "format": "ndjson"})
        assert reply.status == 200, reply.body
        rows = [json.loads(line, parse_float=Decimal) for line in reply.body.decode().splitlines()]
        found = {
            (row["at"], tuple(row.get("properties", {}).get(one) for one in by)): [
                None if row[one] is None else Fraction(row[one]) for one in _NUMBERS
            ]
            for row in rows
        }
        assert len(found) == len(rows)
        return found


def instant(text: str) -> datetime:
    """A time of an answer, which is UTC and says so."""
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text).astimezone(UTC)


def day_after(day: Period, count: int) -> Period:
    return day.calendar.parse("day", str(date.fromisoformat(day.id) + count * DAY))


def month_to(day: Period) -> list[Period]:
    """The 30 days that end with this one."""
    return [day_after(day, -back) for back in range(30)]


def near(found: Any, wanted: float | None) -> bool:
    """Whether a share is the one that is wanted, as far as a double tells."""
    return found is None if wanted is None else found is not None and abs(float(found) - wanted) < 1e-12


def compare_figures(found: Mapping[str, Any], wanted: Figures) -> None:
    told = [None if found[one] is None else Fraction(found[one]) for one in _NUMBERS[:4]]
    assert told == [wanted.count, wanted.sum, wanted.min, wanted.max], (found, wanted)
    assert (None if found["mean"] is None else float(found["mean"])) == wanted.mean, (found, wanted)


def compare_conversion(found: Sequence[Any], players: Sequence[int]) -> None:
    if players[0]:
        assert all(near(one, count / players[0]) for one, count in zip(found, players, strict=True)), (found, players)
    else:
        assert not any(found)
