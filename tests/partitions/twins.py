"""A board with parts, and one without that is told the same: what they answer must be alike."""

import json
import random
from datetime import datetime
from typing import Any

from tests.conftest import Service
from tests.front import Reply
from tests.periods.running import FreeRun

WHOLE, SPREAD = "whole", "spread"
KEY = "Idempotency-Key"


class Twins:
    """Both boards of one game."""

    def __init__(self, service: Service, partitions: int, **definition: Any) -> None:
        self.service = service
        self.max_entries = definition.get("max_entries")
        service.put_board(WHOLE, **definition)
        service.put_board(SPREAD, partitions=partitions, **definition)

    def submit(self, player: str, score: Any, **more: Any) -> Any:
        """Submits to both; answers what both said."""
        query = more.pop("query", None)
        body = {"player": player, "score": score, **more}
        told = [
            self.service.request("POST", f"/v1/boards/{board}/scores", json=body, query=query)
            for board in (WHOLE, SPREAD)
        ]
        assert [reply.status for reply in told] == [told[0].status] * 2
        assert told[0].json == told[1].json
        return told[0].json

    def bulk(self, items: list[dict[str, Any]], **query: Any) -> None:
        """The items to both."""
        told = [self.service.bulk([{"board": board, **item} for item in items], **query) for board in (WHOLE, SPREAD)]
        if self.max_entries is None:  # else a part takes whom it keeps, though others are ahead of them elsewhere
            assert told[0] == told[1]

    def seal(self, now: datetime) -> None:
        self.service.clock.set(now)
        self.service.services.sealing.run(now, FreeRun())

    def ask(self, path: str, method: str = "GET", **more: Any) -> Any:
        """What both answer to `path`, in which {} stands for the board."""
        headers = {"Cache-Control": "no-cache"}
        replies = [
            self.service.request(method, "/v1" + path.replace("{}", board), headers=headers, **more)
            for board in (WHOLE, SPREAD)
        ]
        plain, spread = [_plain(reply) for reply in replies]
        assert spread == plain, path
        return plain

    def pages(self, query: str, limit: int) -> list[str]:
        """All players, page by page."""
        cursors: list[str | None] = ["", ""]
        seen: list[str] = []
        while cursors[0] is not None:
            paths = [f"/boards/{board}/top?{query}&limit={limit}" for board in (WHOLE, SPREAD)]
            more = [f"&cursor={cursor}" if cursor else "" for cursor in cursors]
            pages = [self.service.get(path + cursor) for path, cursor in zip(paths, more, strict=True)]
            cursors = [page["next"] for page in pages]
            assert pages[0]["entries"] == pages[1]["entries"]
            assert [cursor is None for cursor in cursors] == [cursors[0] is None] * 2
            seen += [entry["player"] for entry in pages[0]["entries"]]
        assert len(set(seen)) == len(seen)
        return seen

    def compare(self, query: str = "", seed: int = 0) -> list[str]:
        """Asks everything that can be asked of a period, and answers its players."""
        chance = random.Random(seed)
        players = self.pages(query, 37)
        some = [*chance.sample(players, min(2, len(players))), *players[:1], *players[-1:], "nobody"]
        for player in some:
            self.ask(f"/boards/{{}}/players/{player}?{query}&metadata=true")
            self.ask(f"/boards/{{}}/players/{player}?{query}&around={chance.choice((1, 2, 5, 40))}")
        self.ask(f"/boards/{{}}/top?{query}&limit=10&metadata=true")
        self.ask(f"/boards/{{}}/lookup?{query}", "POST", json={"players": [*some, *players[10:60]]})
        for _ in range(2):
            low, high = sorted(chance.sample(range(-5, 30), 2))
            self.ask(f"/boards/{{}}/scores?{query}&min={low}&max={high}&limit={chance.randint(1, 99)}")
            self.ask(f"/boards/{{}}/rank?{query}&score={low}")
            self.ask(f"/boards/{{}}/percentile?{query}&p={chance.choice((0, 12.5, 50, 99, 99.9, 100))}")
        for bins in (1, 7):
            self.ask(f"/boards/{{}}/distribution?{query}&bins={bins}")
            self.ask(f"/boards/{{}}/analytics?{query}&bins={bins}")
        if "window" not in query:
            self.ask(f"/boards/{{}}/changes?{query}&limit=20")
        return players


def _plain(reply: Reply) -> tuple[int, Any]:
    document = json.loads(reply.body.replace(SPREAD.encode(), WHOLE.encode()) or b"{}")
    if reply.status >= 400:
        return reply.status, document["code"]
    if isinstance(document.get("next"), str):
        document["next"] = True
    return reply.status, document
