"""Events as a game sends them: literals, faults, bodies; and what each of them is to the model."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from random import Random
from typing import Any

import zstandard

PLAYERS = ["ada", "bob", "WAC/St. Andrä", "7", "Zoë", "x y", "per%cent", "q?a=b&c", *(f"p{n}" for n in range(16))]
PROPERTIES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "match": {"country": ["AT", "DE", 'Côte d\'Ivoire, "CI"'], "platform": ["ios", "web"], "n": [5, "5", 0, -1, True]},
    "shot": {},
    "login": {},
    "shop": {"n": range(12)},
    "install": {"country": ["AT", "DE"]},
    "tutorial": {},
    "level_1": {"ok": [True, False]},
}
NAMES = tuple(PROPERTIES)
FUNNELS: Mapping[str, Sequence[str]] = {
    "start": ("install", "tutorial", "level_1"),
    "back": ("level_1", "install"),
    "buy": ("login", "shop"),
}
IN_FUNNELS = {step for steps in FUNNELS.values() for step in steps}
_JSON = {"Content-Type": "application/json"}
_NDJSON = {"Content-Type": "application/x-ndjson"}
_PACKINGS: list[tuple[str, Callable[[bytes], bytes]]] = [
    *[("", bytes)] * 3,
    ("gzip", gzip.compress),
    ("zstd", zstandard.ZstdCompressor().compress),
]
_ZONES = [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=11))]
_FUTURE = timedelta(minutes=2)


@dataclass(frozen=True)
class Draft:
    """An event to be sent. `code`: that of the refusal, "" for any; None for one that is good."""

    item: Any
    at: datetime | None = None
    value: Fraction | None = None
    code: str | None = None

    @property
    def name(self) -> str:
        return str(self.item["name"])

    @property
    def properties(self) -> dict[str, str]:
        """As they are read."""
        return {name: text_of(value) for name, value in self.item.get("properties", {}).items()}


def text_of(value: Any) -> str:
    """A property's value, as it is read."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def written(chance: Random, at: datetime) -> str:
    """A time, in one of the ways in which it may be written."""
    text = at.astimezone(chance.choice(_ZONES)).isoformat()
    return text.replace("+00:00", "Z") if chance.random() < 0.8 else text


def draft(chance: Random, name: str, player: str | None, at: datetime | None) -> Draft:
    """A good event, with some value and properties."""
    item: dict[str, Any] = {"name": name}
    if player is not None:
        item["player"] = player
    if at is not None:
        item["at"] = written(chance, at)
    value = _value(chance)
    if value is not None or chance.random() < 0.2:
        item["value"] = value
    known = [one for one in PROPERTIES[name] if chance.random() < 0.7]
    if known or chance.random() < 0.1:
        item["properties"] = {one: chance.choice(PROPERTIES[name][one]) for one in known}
    return Draft(item, at, None if value is None else Fraction(value))


def bad_draft(chance: Random, now: datetime, *, backfill: bool) -> Draft:
    """An event that is refused."""
    item, code = chance.choice(
        [
            ("an event", ""),
            ({}, ""),
            ({"name": "a b"}, ""),
            ({"name": ""}, ""),
            ({"name": "match", "player": ""}, ""),
            ({"name": "match", "player": 7}, ""),
            ({"name": "match", "player": "a\n"}, ""),
            ({"name": "match", "score": 1}, ""),
            ({"name": "match", "value": "1"}, ""),
            ({"name": "match", "value": True}, ""),
            ({"name": "match", "value": 1e301}, ""),
            ({"name": "match", "value": 2**53 + 1}, "value_not_exact"),
            ({"name": "match", "at": "yesterday"}, ""),
            ({"name": "match", "at": "2026-11-23T12:00:00"}, ""),
            ({"name": "match", "properties": ["AT"]}, ""),
            ({"name": "match", "properties": {"country": 1.5}}, ""),
            ({"name": "match", "properties": {"country": ""}}, ""),
            ({"name": "match", "properties": {"country": "x" * 65}}, ""),
            ({"name": "match", "properties": {"country": "a\tb"}}, ""),
            ({"name": "match", "properties": {"a b": "x"}}, ""),
            ({"name": "match", "properties": {"x" * 33: "x"}}, ""),
            ({"name": "match", "properties": {f"p{number}": 1 for number in range(9)}}, ""),
            *([] if backfill else [({"name": "match", "at": written(chance, now + _FUTURE)}, "time_in_future")]),
        ]
    )
    return Draft(item, code=code)


def body_of(chance: Random, items: Sequence[Any], *, name: str = "events") -> tuple[bytes, dict[str, str]]:
    """A bulk body in one of the ways in which it may be sent, and its headers."""
    if chance.random() < 0.5:
        body, kind = json.dumps({name: items}), _JSON
    else:
        body, kind = "".join(f"{json.dumps(item, ensure_ascii=False)}\n" for item in items), _NDJSON
    encoding, pack = chance.choice(_PACKINGS)
    return pack(body.encode()), {**kind, **({"Content-Encoding": encoding} if encoding else {})}


def single_body(item: Mapping[str, Any]) -> tuple[bytes, dict[str, str]]:
    """The body of a single event, whose name is in the path."""
    return json.dumps({name: value for name, value in item.items() if name != "name"}).encode(), dict(_JSON)


def _value(chance: Random) -> int | float | None:
    return chance.choice(
        [None, None, 0, 1, 3.0, chance.randint(-1000, 1000), chance.randint(-999, 999) / 4, chance.randint(0, 2**40)]
    )
