"""The boards as they are read at the end, by every way there is."""

import random
import time
from typing import Any
from urllib.parse import quote, urlencode

from chaoslib.checker import AROUND, Probe, Row, Standing
from chaoslib.client import Line, Target
from chaoslib.history import GOOD
from chaoslib.plays import BoardPlan

_PAGE = 1000
_PROBES = 60
_LOOKED_UP = 200
_PATIENCE_SECONDS = 30.0


class UnreadableError(Exception):
    """The service does not answer, though nothing strikes it any more."""


class Reader:
    """Reads boards that nobody writes to."""

    def __init__(self, target: Target, dice: random.Random) -> None:
        self._line = Line(target)
        self._dice = dice

    def read(self, plan: BoardPlan, period: str) -> Standing:
        """One board in full, and what the other ways to read say of some of its players. Raises UnreadableError."""
        total, rows = self._rows(plan.name, period)
        some = self._dice.sample(rows, min(_PROBES, len(rows)))
        probes = [self._probe(plan.name, period, player) for _, player, _ in [*some, *rows[:1], *rows[-1:]]]
        asked = [player for _, player, _ in self._dice.sample(rows, min(_LOOKED_UP, len(rows)))] + [
            "nobody",
            "nobody/2",
        ]
        found = self._ask("POST", f"/boards/{plan.name}/lookup", {"players": asked}, period=period)
        return Standing(plan.name, period, total, rows, probes, asked, _rows(found), found["missing"])

    def close(self) -> None:
        self._line.close()

    def _rows(self, board: str, period: str) -> tuple[int, list[Row]]:
        rows: list[Row] = []
        more: dict[str, Any] = {}
        while True:
            page = self._ask("GET", f"/boards/{board}/top", None, period=period, limit=_PAGE, **more)
            rows += _rows(page)
            if page["next"] is None:
                return page["total"], rows
            more = {"cursor": page["next"]}

    def _probe(self, board: str, period: str, player: str) -> Probe:
        found = self._ask("GET", f"/boards/{board}/players/{quote(player)}", None, period=period)
        around = self._ask("GET", f"/boards/{board}/players/{quote(player)}", None, period=period, around=AROUND)
        row = (found["rank"], found["player"], found["score"])
        return Probe(player, row, found["total"], _rows(around), found["percentile"])

    def _ask(self, method: str, path: str, body: Any, **query: Any) -> Any:
        limit = time.monotonic() + _PATIENCE_SECONDS
        while True:
            status, document, _ = self._line.ask(method, f"{path}?{urlencode(query)}", body, Cache_Control="no-cache")
            if status == GOOD:
                return document
            if time.monotonic() > limit or 400 <= status < 500:
                raise UnreadableError(f"{method} {path} answers {status}: {document}")
            time.sleep(0.1)


def _rows(document: Any) -> list[Row]:
    return [(row["rank"], row["player"], row["score"]) for row in document["entries"]]
