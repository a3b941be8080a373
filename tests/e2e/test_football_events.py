"""The real football as events: every figure is what a plain tally says, before and after it is rolled up."""

import gzip
import json
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from leaderboard.app import create_app
from leaderboard.config import Settings
from leaderboard.store.embedded import EmbeddedStore
from scheduler import jobs
from tests.conftest import FakeClock, Service
from tests.e2e import football
from tests.periods.running import FreeRun
from tests.stats.drive import START

FIVE = ("en.1", "de.1", "es.1", "it.1", "fr.1")
BULK = 10_000
EXPECTED_ERROR = 0.0081  # of players
DAY = timedelta(days=1)
Match = dict[str, Any]
Key = tuple[str, str]  # an id and a league
Figures = dict[Key, tuple[int, int]]  # how many, and goals


@dataclass
class Tally:
    """What happened, by the kind of period (or by season), its id and the league; and which clubs played."""

    figures: dict[str, Figures] = field(default_factory=lambda: defaultdict(dict))
    most: dict[Key, int] = field(default_factory=dict)  # of a club in a match, by year
    clubs: dict[str, dict[str, set[str]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(set)))

    def add(self, match: Match) -> None:
        league, goals = match["league"], (match["home_goals"], match["away_goals"])
        ids = football.period_ids(match["date"])
        for kind, one in {**ids, "season": match["season"]}.items():
            matches, scored = self.figures[kind].get((one, league), (0, 0))
            self.figures[kind][one, league] = matches + 1, scored + sum(goals)
            self.clubs[kind][one] |= {match["home"], match["away"]}
        self.most[ids["year"], league] = max(self.most.get((ids["year"], league), 0), *goals)

    def of_clubs(self, kind: str) -> Figures:
        """The same figures where each match counts for both clubs."""
        return {key: (2 * matches, goals) for key, (matches, goals) in self.figures[kind].items()}

    def active(self, first: date, last: date) -> list[tuple[int, int, int, int]]:
        """How many clubs played on each day, in the week and the 30 days that end with it, and for the first time."""
        by_day, known, found = self.clubs["day"], set[str](), []
        for one in sorted(by_day):
            if one < first.isoformat():
                known |= by_day[one]
        for number in range((last - first).days):
            day = first + number * DAY
            today, week, month = (
                set().union(*(by_day.get((day - ago * DAY).isoformat(), ()) for ago in range(days)))
                for days in (1, 7, 30)
            )
            found.append((len(today), len(week), len(month), len(today - known)))
            known |= today
        return found


@dataclass(frozen=True)
class Questions:
    """What is asked of the service, and how its answers are held against the tally."""

    told: Tally
    years: tuple[int, int]  # the first, and the one after the last
    active: tuple[date, date]
    saturdays: Sequence[str]
    season: Key  # one that is asked for alone
    club: str

    @property
    def paths(self) -> dict[str, str]:
        span = f"from={self.years[0]}-01-01&to={self.years[1]}-01-01"
        asked = {
            "seasons": f"/stats/match?{span}&step=year&group_by=league,season",
            "season": f"/stats/match?{span}&step=year&prop.season={self.season[0]}&prop.league={self.season[1]}",
            "goals a year": f"/stats/goal?{span}&step=year&group_by=league",
            "goals a month": f"/stats/goal?{span}&step=month&group_by=league",
            "clubs a month": f"/stats/goal?{span}&step=month",
            "matches a day": f"/stats/match?{span}&step=day",
            "active": f"/analytics/active?from={self.active[0]}&to={self.active[1]}",
            "club": f"/analytics/players/{quote(self.club)}",
        }
        for one in self.saturdays:
            end = date.fromisoformat(one) + 2 * DAY
            asked[one] = f"/stats/match?from={one}&to={end}&step=day&group_by=league"
        return asked

    def ask(self, service: Service) -> dict[str, bytes]:
        """All answers, as they come."""
        answers = {}
        for name, path in self.paths.items():
            began = time.perf_counter()
            reply = service.request("GET", f"/v1{path}")
            assert reply.status == 200, (name, reply.body)
            answers[name] = reply.body
            _say(f"  {name}: {time.perf_counter() - began:.2f} s")
        return answers

    def check(self, bodies: dict[str, bytes]) -> None:
        answers = {name: json.loads(body) for name, body in bodies.items()}
        self._check_leagues(answers)
        self._check_days(answers)
        self._check_clubs(answers)

    def _check_leagues(self, answers: dict[str, Any]) -> None:
        told = self.told
        assert by_league(answers["seasons"], 4) == told.figures["year"]
        assert by_season(answers["seasons"]) == told.figures["season"]
        season = answers["season"]["total"]
        assert (season["count"], season["sum"]) == told.figures["season"][self.season]
        assert by_league(answers["goals a year"], 4) == told.of_clubs("year")
        assert by_league(answers["goals a month"], 7) == told.of_clubs("month")
        assert by_league(answers["goals a month"], 4) == told.of_clubs("year")
        most = {key: point["max"] for key, point in grouped(answers["goals a year"], 4) if point["count"]}
        assert most == told.most
        for name in ("seasons", "goals a year", "goals a month"):  # the groups are all there is
            for key in ("count", "sum"):
                assert sum(group["total"][key] for group in answers[name]["groups"]) == answers[name]["total"][key]

    def _check_days(self, answers: dict[str, Any]) -> None:
        days: dict[str, int] = defaultdict(int)
        for (day, _), (matches, _) in self.told.figures["day"].items():
            days[day] += matches
        assert {
            point["at"][:10]: point["count"] for point in answers["matches a day"]["points"] if point["count"]
        } == days
        for saturday in self.saturdays:
            weekend = {saturday, (date.fromisoformat(saturday) + DAY).isoformat()}
            expected = {key: figures for key, figures in self.told.figures["day"].items() if key[0] in weekend}
            assert by_league(answers[saturday], 10) == expected

    def _check_clubs(self, answers: dict[str, Any]) -> None:
        clubs = self.told.clubs["month"]
        points = answers["clubs a month"]["points"]
        errors = [point["players"] / len(clubs[point["at"][:7]]) - 1 for point in points if point["count"]]
        assert len(errors) == len(clubs)
        assert max(map(abs, errors)) < 4 * EXPECTED_ERROR
        assert (sum(error**2 for error in errors) / len(errors)) ** 0.5 < 2 * EXPECTED_ERROR
        days = answers["active"]["days"]
        assert [(one["dau"], one["wau"], one["mau"], one["new"]) for one in days] == self.told.active(*self.active)
        played = sorted(day for day, some in self.told.clubs["day"].items() if self.club in some)
        club = answers["club"]
        assert (club["first_day"], club["last_day"], club["active_days"]) == (played[0], played[-1], len(played))


def grouped(answer: Any, length: int) -> Iterator[tuple[Key, Any]]:
    """Every point of every league, by so much of its date."""
    for group in answer["groups"]:
        for point in group["points"]:
            yield (point["at"][:length], group["properties"]["league"]), point


def by_league(answer: Any, length: int) -> Figures:
    found: Figures = {}
    for key, point in grouped(answer, length):
        if point["count"]:
            count, goals = found.get(key, (0, 0))
            found[key] = count + point["count"], goals + point["sum"]
    return found


def by_season(answer: Any) -> Figures:
    found = {}
    for group in answer["groups"]:
        properties, total = group["properties"], group["total"]
        found[properties["season"], properties["league"]] = total["count"], total["sum"]
    return found


def tally(matches: Iterable[Match]) -> Tally:
    found = Tally()
    for match in matches:
        found.add(match)
    return found


def events(matches: Iterable[Match]) -> Iterator[dict[str, Any]]:
    """A match is one `match`, so that matches are counted once, and a `goal` of each club, so that both are active."""
    for match in matches:
        at = f"{match['date']}T{(match['time'] or '12:00').zfill(5)}:00Z"
        same = {"at": at, "properties": {"league": match["league"], "season": match["season"]}}
        yield {"name": "match", "value": match["home_goals"] + match["away_goals"], **same}
        for side in ("home", "away"):
            yield {"name": "goal", "player": match[side], "value": match[f"{side}_goals"], **same}


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """A game on a store of its own."""
    with EmbeddedStore.start(tmp_path / "store", owner="tests") as store:
        clock = FakeClock(START)
        service = Service(create_app(Settings(data_dir=tmp_path, redis_url=store.url), clock=clock.now), clock)
        service.new_game()
        yield service
        service.services.close()


def send(service: Service, matches: Sequence[Match], name: str) -> int:
    """Sends the events, every fifth bulk of them twice under its key; answers how many there are."""
    lines = [json.dumps(event, ensure_ascii=False) for event in events(matches)]
    for start in range(0, len(lines), BULK):
        some = lines[start : start + BULK]
        body = gzip.compress("\n".join(some).encode(), 1)
        headers = {
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
            "Idempotency-Key": f"{name}-{start}",
        }
        for _ in range(1 if start % (5 * BULK) else 2):
            reply = service.request("POST", "/v1/events", data=body, headers=headers, query={"backfill": "true"})
            assert reply.status == 200, reply.body
            report = {"received": len(some), "applied": len(some), "unchanged": 0, "rejected": [], "warnings": []}
            assert reply.json == report
    return len(lines)


def roll_up(service: Service) -> Any:
    return jobs.stats(service.services, service.clock.now(), FreeRun())


def memory(service: Service) -> str:
    return f"{service.services.store.client.info('memory')['used_memory'] / 1e6:.1f} MB"


def _say(text: str) -> None:
    print(text)  # noqa: T201 - for -s


def test_a_season_of_five_leagues(service: Service) -> None:
    until_summer = takewhile(lambda one: one["date"] < "2016-07", football.results())
    matches = [one for one in until_summer if one["season"] == "2015-16" and one["league"] in FIVE]
    questions = Questions(
        told=tally(matches),
        years=(2015, 2017),
        active=(date(2015, 8, 8), date(2016, 6, 1)),
        saturdays=["2016-02-13"],
        season=("2015-16", "en.1"),
        club="Arsenal FC",
    )
    half = len(matches) // 2
    count = send(service, matches[:half], "first")
    assert roll_up(service)["events"] == count
    more = send(service, matches[half:], "second")
    before = questions.ask(service)
    questions.check(before)
    assert roll_up(service)["events"] == more
    assert roll_up(service) == {"hours": 0, "events": 0}
    assert questions.ask(service) == before
    assert by_season(json.loads(before["seasons"]))["2015-16", "en.1"] == (380, 1026)
    # By hand. 5:1 at Chelsea on Saturday, 0:6 at Villa and Welbeck's 2:1 in the last minute on Sunday.
    weekend = by_league(json.loads(before["2016-02-13"]), 10)
    assert (weekend["2016-02-13", "en.1"], weekend["2016-02-14", "en.1"]) == ((7, 22), (3, 12))
    # The last day of the season was short of one match: Old Trafford was evacuated, and it was played on Tuesday.
    days = service.get("/stats/match?from=2016-05-15&to=2016-05-18&prop.league=en.1")
    assert [point["count"] for point in days["points"]] == [9, 0, 1]


@pytest.mark.long
def test_sixteen_years(service: Service) -> None:
    matches = list(football.results())
    questions = Questions(
        told=tally(matches),
        years=(2010, 2027),
        active=(date(2018, 1, 1), date(2020, 9, 1)),
        saturdays=["2010-08-14", "2016-02-13", "2020-05-16", "2025-12-27"],
        season=("2023-24", "en.1"),
        club="Arsenal FC",
    )
    empty, began = memory(service), time.perf_counter()
    count = send(service, matches, "all")
    seconds = time.perf_counter() - began
    _say(f"{count} events in {seconds:.1f} s, {count / seconds:.0f} a second; {empty} empty, {memory(service)} loaded")
    before = questions.ask(service)
    questions.check(before)
    check_facts(service, {name: json.loads(body) for name, body in before.items()})
    began = time.perf_counter()
    assert roll_up(service)["events"] == count
    _say(f"rolled up in {time.perf_counter() - began:.1f} s, {memory(service)}")
    assert roll_up(service) == {"hours": 0, "events": 0}
    assert questions.ask(service) == before


def check_facts(service: Service, answers: dict[str, Any]) -> None:
    """What anybody may look up."""
    seasons = by_season(answers["seasons"])
    england = {
        "2014-15": (380, 975),
        "2015-16": (380, 1026),
        "2018-19": (380, 1072),
        "2023-24": (380, 1246),  # the most of any season of 38 rounds
    }
    assert {season: seasons[season, "en.1"] for season in england} == england
    assert (seasons["2018-19", "de.1"], seasons["2019-20", "de.1"]) == ((306, 973), (306, 982))
    assert seasons["2019-20", "fr.1"][0] == 279  # broken off after 28 rounds, of which one match was missing
    most = {key: point["max"] for key, point in grouped(answers["goals a year"], 4)}
    assert most["2019", "en.1"] == 9  # Southampton 0:9 Leicester, 2019-10-25
    assert most["2020", "nl.1"] == 13  # VVV-Venlo 0:13 Ajax, 2020-10-24
    # The spring without football: Germany came back on May 16, England on June 17 with 0:0 at Villa and 3:0 at City.
    assert by_league(answers["2020-05-16"], 10)["2020-05-16", "de.1"] == (6, 16)
    spring = service.get("/stats/match?from=2020-03-09&to=2020-06-18&prop.league=en.1")["points"]
    assert {point["at"][:10]: (point["count"], point["sum"]) for point in spring if point["count"]} == {
        "2020-03-09": (1, 4),
        "2020-06-17": (2, 3),
    }
    # Counted with grep.
    weekend = service.get("/stats/match?from=2016-02-13&to=2016-02-15")["points"]
    assert [point["count"] for point in weekend] == [87, 31]
