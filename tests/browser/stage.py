"""A served site with something to look at on every page; what the browser tests and the screenshots visit."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

from tests.e2e.processes import run, serving

GAME, BOARD, ORDERED = "arcade", "daily", "scores"
PLAYER = "ada"
ODD_PLAYER = "<script>alert(1)</script>/#1?"  # a name as anybody may choose one
NAME, PASSWORD = "grace", "correct horse battery"
_PLAYERS = 70
_DAYS = 14
_SECONDS = 20
_LINK = re.compile(r"(https?://\S+/signin/link/\S+)")


@dataclass
class Site:
    """Where it is, and how to get in."""

    url: str
    folder: Path
    keys: dict[str, str] = field(default_factory=dict)

    def api(self, method: str, path: str, document: Any = None, *, key: str | None = None) -> tuple[int, Any]:
        """One request to the API, as the game's server; its status and its JSON."""
        body = None if document is None else json.dumps(document).encode()
        head = {"Authorization": f"Bearer {key or self.keys[GAME]}", "Content-Type": "application/json"}
        try:
            with urlopen(Request(f"{self.url}/v1{path}", body, head, method=method), timeout=_SECONDS) as answer:
                text, status = answer.read(), answer.status
        except HTTPError as error:
            with error:
                text, status = error.read(), error.code
        return status, json.loads(text) if text else None

    def do(self, method: str, path: str, document: Any = None) -> Any:
        """The same, which has to go well."""
        status, found = self.api(method, path, document)
        assert status < 300, found
        return found

    def submit(self, player: str, score: int, board: str = BOARD) -> None:
        self.do("POST", f"/boards/{board}/scores", {"player": player, "score": score})

    def link(self, *args: str) -> str:
        """A one-time link."""
        said = run(self.folder, "signin", "--url", self.url, *args).stdout
        found = _LINK.search(said)
        assert found, said
        return found[1]


# What there is to see: name -> path. `test_every_route_is_visited` holds it and the app's routes together.
_BOARD_URL, _GAME_URL = f"/games/{GAME}/boards/{BOARD}", f"/games/{GAME}"
SIGNED_OUT = {
    "signin": "/signin",
    "public": f"/b/{GAME}/{BOARD}",
    "public-player": f"/b/{GAME}/{BOARD}?player={PLAYER}",
    "embed": f"/b/{GAME}/{BOARD}/embed",
    "embed-dark": f"/b/{GAME}/{BOARD}/embed?theme=dark&limit=5",
    "overlay": f"/b/{GAME}/{BOARD}/embed?overlay=1&limit=5",
}
SIGNED_IN = {
    "home": "/",
    "account": "/account",
    "accounts": "/accounts",
    "account-other": f"/accounts/{NAME}",
    "game-new": "/games/new",
    "game": _GAME_URL,
    "game-boards": f"{_GAME_URL}/boards",
    "game-settings": f"{_GAME_URL}/settings",
    "board-new": f"{_GAME_URL}/boards/new",
    "board": _BOARD_URL,
    "board-week": f"{_BOARD_URL}?period=week",
    "board-player": f"{_BOARD_URL}?player={PLAYER}",
    "board-distribution": f"{_BOARD_URL}/distribution",
    "board-history": f"{_BOARD_URL}/history?period=day",
    "board-settings": f"{_BOARD_URL}/settings",
    "analytics": f"{_GAME_URL}/analytics",
    "analytics-event": f"{_GAME_URL}/analytics/events/purchase",
    "analytics-counters": f"{_GAME_URL}/analytics/counters",
    "analytics-active": f"{_GAME_URL}/analytics/active",
    "analytics-retention": f"{_GAME_URL}/analytics/retention",
    "analytics-funnels": f"{_GAME_URL}/analytics/funnels",
    "analytics-funnel": f"{_GAME_URL}/analytics/funnels/onboarding",
    "players": f"{_GAME_URL}/players",
    "player": f"{_GAME_URL}/players/{PLAYER}",
    "player-odd": f"{_GAME_URL}/players/{quote(ODD_PLAYER)}",
    "keys": f"{_GAME_URL}/keys",
    "operations": "/operations",
    "operations-checkup": "/operations/checkup",
    "operations-boards": "/operations/boards",
    "operations-job": "/operations/jobs/seal",
    "football": "/games/football/boards/points",
}
PAGES = {**SIGNED_OUT, **SIGNED_IN}


@contextmanager
def open_site(folder: Path) -> Iterator[Site]:
    """`leaderboard serve` on its embedded store, two workers, the sample results, and a game of our own."""
    with serving(folder, "--workers", "2") as (_, url):
        site = Site(url, folder)
        run(folder, "demo", "--url", url)
        site.keys[GAME] = run(folder, "keys", "create", GAME).stdout.strip()
        run(folder, "accounts", "create", NAME, "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n".encode())
        _fill(site, datetime.now(UTC))
        yield site


def _fill(site: Site, now: datetime) -> None:
    site.do("PUT", f"/boards/{BOARD}", {"periods": ["day", "week", "all"], "public": True})
    site.do("PUT", f"/boards/{ORDERED}", {"operator": "sum", "subscore": {"min": 0, "max": 100}})
    players = [PLAYER, ODD_PLAYER, *(f"player {number}" for number in range(_PLAYERS))]
    scores = [
        {"board": BOARD, "player": player, "score": 1000 - place * 10 - day, "at": _text(now - timedelta(days=day))}
        for day in range(3)
        for place, player in enumerate(players)
    ]
    scores += [{"board": ORDERED, "player": player, "score": len(player), "subscore": 7} for player in players]
    site.do("POST", "/scores?backfill=true", {"scores": scores})
    site.do("PUT", "/funnels/onboarding", {"steps": ["signup", "level", "purchase"], "window_seconds": 86_400})
    site.do("POST", "/events?backfill=true", {"events": list(_events(players, now))})
    site.do("POST", "/counters/coins", {"by": 1234})


def _events(players: list[str], now: datetime) -> Iterator[dict[str, Any]]:
    """Everybody signs up on some day; half of them reach a level, a quarter buys; and they come back ever less."""
    for number, player in enumerate(players):
        first = now - timedelta(days=number % _DAYS, minutes=10)
        yield {"name": "signup", "player": player, "at": _text(first)}
        if number % 2 == 0:
            yield {"name": "level", "player": player, "value": 2, "at": _text(first + timedelta(minutes=1))}
        if number % 4 == 0:
            yield {"name": "purchase", "player": player, "value": 5, "at": _text(first + timedelta(minutes=2))}
        for day in range(1 + number % 3, number % _DAYS + 1, 1 + number % 3):
            yield {"name": "level", "player": player, "value": day, "at": _text(first + timedelta(days=day))}


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
