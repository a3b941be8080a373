"""What may happen in a game, as values: submissions, deletions, changes of a board, time that passes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any


@dataclass(frozen=True)
class Draft:
    """A submission before it is known when it is sent; `at` is a literal, or milliseconds beside now."""

    board: str
    player: str
    score: str
    subscore: str | None
    at: int | str | None
    metadata: dict[str, str] | None

    def item(self, now: datetime) -> dict[str, Any]:
        """The item sent at that time; its numbers are the text of their literals."""
        item: dict[str, Any] = {"board": self.board, "player": self.player, "score": self.score}
        if self.subscore is not None:
            item["subscore"] = self.subscore
        if isinstance(self.at, int):
            zone = timezone(timedelta(minutes=345 * (self.at % 3 - 1)))
            moment = (now + timedelta(milliseconds=self.at)).astimezone(zone)
            item["at"] = moment.isoformat(timespec="milliseconds")
        elif self.at is not None:
            item["at"] = self.at
        if self.metadata is not None:
            item["metadata"] = self.metadata
        return item


@dataclass(frozen=True)
class Submit:
    draft: Draft
    ranks: str | None  # None asks for all, "none" for none, "some" for every other period of the board


@dataclass(frozen=True)
class Bulk:
    drafts: tuple[Draft, ...]
    ndjson: bool
    backfill: bool


@dataclass(frozen=True)
class DeletePlayer:
    board: str | None  # None: everywhere
    player: str


@dataclass(frozen=True)
class DeleteBoard:
    board: str
    remake: bool


@dataclass(frozen=True)
class PutBoard:
    """Make the board again, or change its periods, its windows or what it retains."""

    board: str
    periods: tuple[str, ...] | None
    rolling: tuple[str, ...] | None = None
    retention: int | None = None  # of every name


@dataclass(frozen=True)
class Move:
    milliseconds: int
    after: str | None = None  # the end of the present period of that name, if it has one


@dataclass(frozen=True)
class Job:
    """The scheduler does something: "sealing" or "windows"; it ends at the checkpoint of that number."""

    name: str
    last: int | None = None


@dataclass(frozen=True)
class Check:
    seed: int


Operation = Submit | Bulk | DeletePlayer | DeleteBoard | PutBoard | Move | Job | Check


@dataclass(frozen=True)
class Play:
    """A whole example: boards, when it starts, what happens, and a seed for the questions at the end."""

    definitions: dict[str, dict[str, Any]]
    start: datetime
    operations: list[Operation]
    seed: int

    def written(self) -> str:
        """The example as Python, one line an operation."""
        steps = "".join(f"        {operation!r},\n" for operation in self.operations)
        return (
            f"Play(\n    definitions={self.definitions!r},\n    start={self.start!r},\n"
            f"    operations=[\n{steps}    ],\n    seed={self.seed},\n)"
        )
