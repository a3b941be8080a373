"""A client of streams of events: what it shows is what it was told."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Screen:
    """What somebody sees who follows a board."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    total: int | None = None
    period: str | None = None
    standing: dict[str, Any] | None = None
    overtaken: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)  # the names of all events
    last_id: str | None = None
    is_gone: bool = False
    _rest: bytes = b""

    def read(self, data: bytes) -> None:
        """Takes in some bytes, as the HTML standard says."""
        *blocks, self._rest = (self._rest + data).split(b"\n\n")
        for block in blocks:
            fields: dict[str, str] = {}
            for line in block.decode().split("\n"):
                if not line.startswith(":"):
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
            if "id" in fields:
                self.last_id = fields["id"]
            if "data" in fields:
                self.seen.append(fields["event"])
                getattr(self, "_" + fields["event"])(json.loads(fields["data"]))

    @property
    def entries(self) -> list[dict[str, Any]]:
        """The table."""
        return sorted(self.rows.values(), key=lambda row: (row["rank"], row["player"].encode()))

    def lost(self) -> None:
        """The connection broke: what was half there is gone."""
        self._rest = b""

    def _snapshot(self, data: dict[str, Any]) -> None:
        self.rows = {row["player"]: row for row in data["entries"]}
        self.total, self.period = data["total"], data["period"]["id"]

    def _change(self, data: dict[str, Any]) -> None:
        for player in data["left"]:
            del self.rows[player]
        for row in data["entries"]:
            before = row.pop("previous_rank")
            assert before == (self.rows[row["player"]]["rank"] if row["player"] in self.rows else None)
            self.rows[row["player"]] = row
        self.total = data["total"]

    def _standing(self, data: dict[str, Any]) -> None:
        self.standing = data

    def _overtaken(self, data: dict[str, Any]) -> None:
        self.overtaken.append(data)

    def _gone(self, _data: dict[str, Any]) -> None:
        self.is_gone = True
