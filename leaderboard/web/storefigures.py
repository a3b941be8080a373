"""What the servers of the store say of themselves, and which commands kept them busy."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from typing import Any, Final

from redis.exceptions import RedisError

from leaderboard.store.checkup.findings import size
from leaderboard.store.checkup.keytable import owner_of
from leaderboard.store.checkup.layout import laid_out
from leaderboard.store.connection import Store
from leaderboard.store.scripts import load

SLOW_COMMANDS: Final = 32  # of each server
_LONGEST_ARGUMENT: Final = 128  # that SLOWLOG keeps whole
_MORE = re.compile(rb"\.\.\. \((\d+) more (?:bytes|arguments)\)\Z")  # how SLOWLOG ends what it cuts off
_SHOWN_TAGS = ("lb", "cache", "st", "stats", "ct", "act", "fn")  # others may name players, sessions or keys


@dataclass(frozen=True, slots=True)
class Server:
    """A server's figures, in the words of the page; `problem`: it does not answer."""

    name: str
    version: str = ""
    figures: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    memory_used: int = 0
    memory_most: int = 0
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SlowCommand:
    """A command that took long; of whose data, and of how many keys and arguments."""

    server: str
    at: datetime
    ms: float
    command: str
    script: str
    owner: str
    arguments: int


def servers(store: Store) -> list[Server]:
    """All of them, replicas included. Raises RedisError where none can be found."""
    with laid_out(store.client) as layout:
        return [_server(node.name or "the store", node.client) for node in layout.nodes]


def slow_commands(store: Store) -> list[SlowCommand]:
    """The slow commands of all servers that hold the data, the newest first. Raises RedisError."""
    nodes: list[tuple[str, Any]] = list(store.nodes())
    found = [  # asked word by word: the client would join the arguments, and a script's text has spaces
        _slow_command(name, row)
        for name, client in nodes
        for row in client.execute_command("SLOWLOG", "GET", SLOW_COMMANDS)
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


def _server(name: str, client: Any) -> Server:
    try:
        info = client.info()
    except RedisError as error:
        return Server(name, problem=f"It does not answer: {type(error).__name__}.")
    kind = "valkey" if "valkey_version" in info else "redis"
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    return Server(
        name,
        version=f"{kind.capitalize()} {info.get(kind + '_version', '')}".strip(),
        figures=tuple(_figures(info)),
        warnings=tuple(_warnings(info)),
        memory_used=used,
        memory_most=most,
    )


def _figures(info: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    most = int(info.get("maxmemory", 0))
    yield "Role", "primary" if info.get("role") == "master" else "replica"
    yield "Memory used", size(int(info.get("used_memory", 0)))
    yield "Memory at its peak", size(int(info.get("used_memory_peak", 0)))
    yield "Memory limit", f"{size(most)}, {info.get('maxmemory_policy', '')}" if most else "none"
    yield "Clients", f"{info.get('connected_clients', 0):,}"
    yield "Commands a second", f"{info.get('instantaneous_ops_per_sec', 0):,}"
    yield "Lookups that found a key", _share(info.get("keyspace_hits", 0), info.get("keyspace_misses", 0))
    yield "Keys", f"{sum(one.get('keys', 0) for name, one in info.items() if _is_database(name, one)):,}"
    yield "Keys evicted", f"{info.get('evicted_keys', 0):,}"
    yield "Keys expired", f"{info.get('expired_keys', 0):,}"
    yield "Replication", _replication(info)
    yield "Append-only log", _log_state(info)
    yield "Running for", _length(int(info.get("uptime_in_seconds", 0)))


def _warnings(info: Mapping[str, Any]) -> Iterator[str]:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used >= 0.9 * most:
        yield f"{100 * used // most} % of the memory limit is used."
    if info.get("evicted_keys", 0):
        yield f"{info['evicted_keys']:,} keys were evicted since it started: rankings may be missing."
    for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status"):
        if info.get(name, "ok") != "ok":
            yield f"The last write to its disk failed ({name} {info[name]})."
    if info.get("role") == "slave" and info.get("master_link_status") != "up":
        yield "This replica has lost its primary."


def _is_database(name: str, value: Any) -> bool:
    return name.startswith("db") and name[2:].isdigit() and isinstance(value, dict)


def _share(hits: int, misses: int) -> str:
    return f"{100 * hits / (hits + misses):.1f} %" if hits + misses else "none were asked for"


def _replication(info: Mapping[str, Any]) -> str:
    if info.get("role") == "master":
        count = int(info.get("connected_slaves", 0))
        return f"{count} replica{'' if count == 1 else 's'}" if count else "no replica"
    return f"of {info.get('master_host')}:{info.get('master_port')}, link {info.get('master_link_status')}"


def _log_state(info: Mapping[str, Any]) -> str:
    if not info.get("aof_enabled"):
        return "off"
    return "on, being rewritten" if info.get("aof_rewrite_in_progress") else "on"


def _length(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    return f"{days} d {hours} h" if days else f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min"


def _slow_command(server: str, row: Sequence[Any]) -> SlowCommand:
    _, at, microseconds, words, *_ = row
    command = _text(words[0]).upper()
    more = _MORE.match(bytes(words[-1]))
    count = len(words) - 1 + (int(more[1]) - 1 if more and len(words) > 1 and b"arguments" in more[0] else 0)
    subject, script = words[1:], ""
    if command in ("EVALSHA", "EVAL") and len(words) > 2:
        script = _scripts_name(command, words[1])
        subject, count = words[3:], count - 2
    return SlowCommand(
        server, datetime.fromtimestamp(int(at), UTC), int(microseconds) / 1000, command, script,
        _owner(_text(subject[0])) if subject else "", count,
    )  # fmt: skip


def _scripts_name(command: str, word: Any) -> str:
    if command == "EVALSHA":
        return _by_sha().get(_text(word), "a script of somebody else")
    more = _MORE.search(bytes(word))
    text = bytes(word)[: more.start()] if more else bytes(word)
    length = len(text) + (int(more[1]) if more else 0)
    return _by_beginning().get((text[:_LONGEST_ARGUMENT], length), "a script of somebody else")


@cache
def _names() -> tuple[str, ...]:
    folder = resources.files("leaderboard.store") / "lua"
    return tuple(sorted(file.name.removesuffix(".lua") for file in folder.iterdir() if file.name.endswith(".lua")))


@cache
def _by_sha() -> Mapping[str, str]:
    return {load(name).sha: name for name in _names()}


@cache
def _by_beginning() -> Mapping[tuple[bytes, int], str]:
    """By what SLOWLOG keeps of a script's text: how it begins, and how long it is."""
    texts = {name: load(name).text.encode() for name in _names()}
    return {(text[:_LONGEST_ARGUMENT], len(text)): name for name, text in texts.items()}


def _owner(key: str) -> str:
    """Whose data a key is, without anything that names a person."""
    owner = owner_of(key)
    if owner is not None:
        return "/".join(filter(None, owner))
    kind, brace, rest = key.partition(":{")
    if brace and kind in _SHOWN_TAGS:
        return rest.partition("}")[0].partition("#")[0].replace(":", "/", 1)
    return f"{kind}:…" if brace else "…"


def _text(word: Any) -> str:
    return word.decode("utf-8", "replace") if isinstance(word, bytes) else str(word)
