"""The Lua scripts, read from their files once, and how they are called.

`--#include other.lua` on a line of its own puts another file in its place. The memory store's Lua has no cmsgpack,
so there a batch travels as JSON.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec

_INCLUDE = re.compile(r"^--#include (\w+\.lua)$", re.MULTILINE)
_JSON_FOR_MSGPACK = "local cmsgpack = {unpack = cjson.decode}\n"

# What these answer is a promise to a client: replicas are waited for, where an operator wants that.
ACKNOWLEDGED = frozenset({"plan", "submit", "count", "stat_record", "activity_mark", "funnel_record", "forget"})

Argument = str | bytes | int | float


@dataclass(frozen=True, slots=True)
class Script:
    """One script: its text and what EVALSHA calls it by."""

    name: str
    text: str
    sha: str


class Call(msgspec.Struct, frozen=True):
    """One call of a script, ready to be sent."""

    script: str
    keys: Sequence[str]
    args: Sequence[Argument]


@cache
def load(name: str, *, json_batches: bool = False) -> Script:
    """Reads `lua/<name>.lua` with its includes."""
    folder = resources.files("leaderboard.store") / "lua"

    def read(file: str) -> str:
        return _INCLUDE.sub(lambda match: read(match[1]), (folder / file).read_text("utf-8"))

    text = (_JSON_FOR_MSGPACK if json_batches else "") + read(f"{name}.lua")
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())
