"""What every key is, read from the tables in `keys.py` and `stat_keys.py`, where alone they are spelled."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from leaderboard.store import keys, stat_keys

_ROW = re.compile(r"(?P<key>\S+(?: id>\S*)*)\s+(?:hash|sorted set|string|set|list|stream|HyperLogLog)\s+(?P<rest>.*)")
_LASTING = ("board", "game", "data", "for ever")  # as long as what they are of
_TAG = r"\{[^{}]+\}"
_DATE = r"[0-9]{4}[0-9A-Za-z-]*"
_PARTS = {"period id": _DATE, "day id": _DATE, "hour id": _DATE, "year": "[0-9]{4}", "n": "[0-9]*"}
_PIECE = re.compile(r"\{<?[^{}]*\}|<[^<>]+>|r7d(?=:)|.", re.DOTALL)
_SUFFIXES = re.compile(r"with ((?::[a-z]+)(?: and :[a-z]+)*)")


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the tables. `expires`: whether its keys have a lifetime of their own."""

    key: str
    expires: bool
    pattern: re.Pattern[str]

    @property
    def weight(self) -> int:
        """How much of it is spelled out; of several that match a key, the heaviest is meant."""
        return len(re.sub(r"<[^<>]*>|\{[^{}]*\}", "", self.key))


class KeyTable:
    """All rows."""

    def __init__(self, *texts: str) -> None:
        """Of those tables; by default of all there are."""
        rows = [kind for text in texts or _texts() for kind in _rows(text)]
        self.kinds = sorted(rows, key=lambda kind: -kind.weight)

    def kind_of(self, key: str) -> Kind | None:
        """What a key is; None: nothing here makes such keys."""
        return next((kind for kind in self.kinds if kind.pattern.fullmatch(key)), None)


def owner_of(key: str) -> tuple[str, str] | None:
    """The game and the board a key is data of, the board '' for stats and the like; None where it is neither."""
    prefix, brace, rest = key.partition(":{")
    tag, end, name = rest.partition("}")
    if not brace or not end or prefix not in ("lb", "st", "stats", "ct", "act", "fn"):
        return None
    if name.startswith((":idem:", ":lock", ":new:")):  # they outlive a board by their lifetime, or come before it
        return None
    game, _, owner = tag.partition(":")
    return game, owner.partition("#")[0] if prefix == "lb" else ""


def _texts() -> list[str]:
    return [module.__doc__ or "" for module in (keys, stat_keys)]  # '' where Python was told to strip them


def _rows(text: str) -> Iterator[Kind]:
    row: list[str] = []
    for line in [*text.splitlines(), "."]:
        begins = re.match(r"    \S", line) is not None
        if row and (begins or not line.startswith("     ")):
            yield from _kind(" ".join(row))
            row = []
        if begins or row:
            row.append(line.strip() if not begins else line[4:].rstrip() + " ")


def _kind(row: str) -> Iterator[Kind]:
    found = _ROW.match(row)
    if found is None or ":" not in found["key"]:
        return  # the heading
    key, rest = found["key"], found["rest"]
    suffixes = _SUFFIXES.search(rest)
    tail = "(?:" + "|".join(suffixes[1].split(" and ")) + ")?" if suffixes else ""
    if key.endswith(":all"):  # the one period that never ends, with what goes with it
        tail = "(?::dense|:md)?"
    pattern = "".join(map(_piece, _PIECE.findall(key))) + tail
    yield Kind(key, not rest.startswith(_LASTING), re.compile(pattern, re.DOTALL))


def _piece(text: str) -> str:
    if text.startswith("{"):
        return _TAG
    if text.startswith("<"):
        return _PARTS.get(text[1:-1], ".+")
    return "r[0-9]+[hd]" if text == "r7d" else re.escape(text)
