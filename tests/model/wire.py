"""How the model's values look on the wire: requests, numbers, rows and periods."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol
from urllib.parse import quote

from .periods import Period
from .rules import Field, Rules
from .standing import PlayerAnswer, Row, Values

JSON_TYPE = {"Content-Type": "application/json"}
NDJSON_TYPE = {"Content-Type": "application/x-ndjson"}


class Response(Protocol):
    """What the `service` fixture answers; numbers are exact, int or Decimal."""

    status: int
    json: Any
    headers: Mapping[str, str]


class Clock(Protocol):
    def set(self, moment: datetime) -> None: ...


class Service(Protocol):
    """The `service` fixture."""

    clock: Clock
    services: Any  # for the jobs, which nobody can ask for over HTTP
    game: str

    def new_game(self) -> Any: ...

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        key: str | None = "server",
        now: datetime | None = None,
    ) -> Response: ...


@dataclass
class Caller:
    """Sends requests as of a time the test moves."""

    service: Service
    now: datetime

    def move_to(self, now: datetime) -> None:
        self.now = now
        self.service.clock.set(now)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: str | None = None,
        kind: Mapping[str, str] = JSON_TYPE,
        query: Mapping[str, str] | None = None,
    ) -> Response:
        headers = {"Cache-Control": "no-cache", **(kind if body is not None else {})}
        data = None if body is None else body.encode()
        return self.service.request(
            method, path, data=data, headers=headers, query=query or None, key="server", now=self.now
        )

    def read(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """The body of a read that must succeed."""
        answer = self.send("GET", path, query=query)
        assert answer.status == 200, (path, query, answer.status, answer.json)
        return answer.json


def board_path(board: str, *rest: str) -> str:
    return "/".join(("/v1/boards", quote(board, safe=""), *rest))


def player_path(player: str, board: str | None = None, *, slashes: bool = False) -> str:
    """A player's path, everywhere or on a board, its slashes bare or percent-encoded."""
    start = "/v1" if board is None else board_path(board)
    return f"{start}/players/{quote(player, safe='/' if slashes else '')}"


def item_text(item: Mapping[str, Any]) -> str:
    """A submission with its literals exactly as they stand."""
    numbers = {"score", "subscore"}
    parts = (f"{json.dumps(name)}: {value if name in numbers else json.dumps(value)}" for name, value in item.items())
    return "{" + ", ".join(parts) + "}"


def batch_text(items: Sequence[Mapping[str, Any]], *, ndjson: bool) -> tuple[str, Mapping[str, str]]:
    """The body of a batch and its content type."""
    if ndjson:
        return "".join(f"{item_text(item)}\n" for item in items), NDJSON_TYPE
    return f'{{"scores": [{", ".join(map(item_text, items))}]}}', JSON_TYPE


def exact(number: Any) -> Fraction:
    """The number of an answer as it is written."""
    assert isinstance(number, int | Decimal), f"not a number: {number!r}"
    assert not isinstance(number, bool), f"not a number: {number!r}"
    return Fraction(number)


def seen(field: Field, number: Any) -> Fraction:
    """A score of an answer; on a board of doubles, the double its literal stands for."""
    value = exact(number)
    if field.decimals is None:
        return Fraction(float(value))
    if field.is_integer:
        assert isinstance(number, int), f"an integer board answers {number!r}"
    return value


def seen_values(rules: Rules, answer: Mapping[str, Any]) -> Values | None:
    """Score and subscore of an answer, None when it has no score."""
    if answer["score"] is None:
        assert answer.get("subscore") is None, answer
        return None
    values = [seen(rules.fields[0], answer["score"])]
    if len(rules.fields) > 1:
        values.append(seen(rules.fields[1], answer["subscore"]))
    else:
        assert answer["subscore"] is None, answer
    return tuple(values)


def seen_rows(rules: Rules, answer: Sequence[Mapping[str, Any]]) -> list[tuple[int, str, Values | None]]:
    return [(row["rank"], row["player"], seen_values(rules, row)) for row in answer]


def told_rows(rows: Sequence[Row]) -> list[tuple[int, str, Values | None]]:
    return [(row.rank, row.player, row.values) for row in rows]


def utc(text: str | None) -> datetime | None:
    """A time of an answer, which must be UTC and say so."""
    if text is None:
        return None
    assert text.endswith("Z"), text
    return datetime.fromisoformat(text).astimezone(UTC)


def check_period(
    answer: Mapping[str, Any], period: Period, now: datetime, states: Collection[str] = ("closed", "archived")
) -> None:
    """The description of a period, which may be in one of these states once it is over."""
    assert (answer["name"], answer["id"]) == (period.name, period.id)
    assert utc(answer["starts_at"]) == period.starts_at, answer
    assert utc(answer["ends_at"]) == period.ends_at, answer
    states = {"open"} if period.is_open(now) else states
    assert answer["state"] in states, (answer, states)


def check_player(rules: Rules, answer: Mapping[str, Any], line: PlayerAnswer) -> None:
    """Rank, numbers, percentile and total of one player."""
    assert (answer["rank"], answer["total"]) == (line.row.rank, line.total), answer
    assert seen_values(rules, answer) == line.row.values
    assert abs(exact(answer["percentile"]) - line.percentile) < Fraction(1, 10**9), answer


def same_edge(told: Any, expected: Fraction) -> bool:
    """An integer says what it is; anything with a point or an exponent stands for the nearest double."""
    return bool(told == expected if isinstance(told, int) else float(exact(told)) == float(expected))


def check_error(answer: Response, status: int) -> str:
    """The code of an error that has the shape every error has."""
    assert answer.status == status, (answer.status, answer.json)
    assert answer.headers["Content-Type"].split(";")[0] == "application/problem+json"
    problem = answer.json
    assert {"type", "title", "status", "detail", "code", "request_id"} <= problem.keys(), problem
    assert problem["status"] == status
    return str(problem["code"])
