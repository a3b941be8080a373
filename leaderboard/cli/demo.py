"""`leaderboard demo`: a season of real football to look at."""

import gzip
import json
import sys
from contextlib import suppress
from importlib import resources
from pathlib import Path

import click

from leaderboard.boards.definition import read_definition
from leaderboard.cli.accounts import one_time_link
from leaderboard.cli.context import opened, store_options
from leaderboard.cli.load import load_file
from leaderboard.config import Settings
from leaderboard.errors import Unauthenticated
from leaderboard.jsontext import Numeral
from leaderboard.reports import Marking
from leaderboard.services import Services
from leaderboard.stats.events import Event
from leaderboard.times import parse_time

GAME = "football"
_FOR_GOOD_MS = 20 * 366 * 86_400_000  # as long as its events are kept
PERIODS = ["all", "year", "month", "week", "day"]


def _number(value: int) -> Numeral:
    return Numeral(str(value))


BOARDS = {
    # A table as the league keeps it: points, then goal difference.
    "points": {
        "operator": "sum",
        "periods": PERIODS,
        "score": {"type": "integer", "min": _number(0), "max": _number(1_000_000)},
        "subscore": {"min": _number(-1_000_000), "max": _number(1_000_000)},
    },
    "goals": {"operator": "sum", "periods": PERIODS, "score": {"type": "integer", "min": _number(0)}},
    # Who won by so much first is ahead.
    "biggest_win": {
        "operator": "best",
        "periods": PERIODS,
        "ties": "first",
        "score": {"type": "integer", "min": _number(1), "max": _number(99)},
    },
}


TO_TRY = """
The Premier League of 2023-24 is loaded: boards points, goals and biggest_win of the game 'football'.

  the dashboard  {link}
                 {link_hint}
  the API        {url}/docs/
  a key          {key}

Its matches are events too, with stats by hour, day, week and month:

  {stats}

The final table, and a score of your own:

  curl -s -H 'Authorization: Bearer {key}' '{url}/v1/boards/points/top?limit=8'

  curl -s -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \
-d '{{"player": "Newcastle United FC", "score": 3, "subscore": 2}}' '{url}/v1/boards/points/scores'
"""


@click.command()
@click.option("--url", default="http://127.0.0.1:8000", show_default=True, help="Where the service listens.")
@store_options
def demo(url: str, settings: Settings) -> None:
    """Load the Premier League of 2023-24 into the game 'football', and print what to try."""
    with opened(settings) as services:
        click.echo(load_sample(services, url))


def load_sample(services: Services, url: str) -> str:
    """Makes the sample's game, key, boards and scores, or leaves them as they are; answers what to try."""
    key = _key(services)
    for name, definition in BOARDS.items():
        services.registry.put(GAME, name, read_definition(definition), services.clock())
    sample = resources.files("leaderboard.demo") / "premier_league_2023_24.ndjson.gz"
    with resources.as_file(sample) as path:
        load_file(services, GAME, path)
        _record_events(services, path)
    settings = services.settings
    return TO_TRY.format(
        url=url,
        link=one_time_link(services, url),
        link_hint=_link_hint(settings),
        key=key,
        stats=_stats_command(settings),
    )


def _record_events(services: Services, sample: Path) -> None:
    """Every match of a club as the events `match` (its points) and `goals`, once."""
    calendar, now = services.games.bind(GAME), services.clock()
    with gzip.open(sample, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    results = {3: "win", 1: "draw", 0: "loss"}
    events = []
    for one in found:
        at = parse_time(one["at"])
        if one["board"] == "points":
            events.append(Event("match", one["player"], one["score"], at, (("result", results[one["score"]]),)))
        elif one["board"] == "goals":
            events.append(Event("goals", one["player"], one["score"], at))
    services.recorder.record(GAME, events, now, calendar, marking=Marking("demo", "", _FOR_GOOD_MS))


def _stats_command(settings: Settings) -> str:
    """What shows goals by the month, from another terminal where the store can be reached from there."""
    if settings.in_memory:
        return "GET /v1/stats/goals?from=2023-08-01&to=2024-06-01&step=month"
    return _command(f"stats {GAME} goals --from 2023-08-01 --to 2024-06-01 --step month --field sum", settings)


def _link_hint(settings: Settings) -> str:
    """How long the link is good, and what makes another one, where the store can be reached for it."""
    told = "signs in once, within 10 minutes"
    return told if settings.in_memory else f"{told}; for another: {_command('signin', settings)}"


def _command(words: str, settings: Settings) -> str:
    """A call of this program from another terminal, on the same data."""
    elsewhere = "" if settings.data_dir == Settings().data_dir else f" --data-dir {settings.data_dir}"
    return f"{sys.argv[0]} {words}{elsewhere}"


def _key(services: Services) -> str:
    """A key of the sample's game: the one made before, if it still opens something."""
    file = services.settings.data_dir / "demo.key"
    with suppress(OSError, Unauthenticated):
        known = file.read_text("ascii").strip()
        services.access.identify(known)
        return known
    key = services.access.create_key(GAME, "server", services.clock())
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(key + "\n", "ascii")
    return key
