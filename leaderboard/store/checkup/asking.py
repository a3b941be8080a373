"""Asking a store all that a check-up wants to know. What it refuses to tell is None, never an error."""

import ipaddress
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import redis
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from leaderboard.store.checkup.told import LatencyEvent, Machine, SlowCommand, Told, Transport

_PARAMETERS = (
    "appendfsync", "auto-aof-rewrite-percentage", "bind", "dir", "latency-monitor-threshold", "min-replicas-to-write",
    "no-appendfsync-on-rewrite", "port", "protected-mode", "replica-read-only", "save", "stop-writes-on-bgsave-error",
    "tls-port",
)  # fmt: skip
_ROUND_TRIPS = 100
_SLOW_COMMANDS = 128
_CREDENTIALS = ("username", "password", "credential_provider", "ssl_certfile", "ssl_keyfile", "ssl_password")
_OVERCOMMIT = Path("/proc/sys/vm/overcommit_memory")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_SERVERS = ("valkey", "redis")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Node:
    """A server, and a client that speaks to it and no other."""

    name: str
    client: "redis.Redis"

    @property
    def transport(self) -> Transport:
        options = self.client.connection_pool.connection_kwargs
        if "path" in options:
            return "socket"
        host = str(options.get("host", "localhost"))
        with suppress(ValueError):
            return "loopback" if ipaddress.ip_address(host).is_loopback else "network"
        return "loopback" if host == "localhost" else "network"

    @property
    def tls(self) -> bool:
        return issubclass(self.client.connection_pool.connection_class, redis.SSLConnection)


def ask(node: Node, now: Callable[[], float], *, embedded: bool = False) -> Told:
    """All of it; `now` is the time here, in Unix seconds. Raises RedisError if it does not answer."""
    client = node.client
    client.ping()
    info: Mapping[str, Any] = _or_none(client.info) or {}
    config: Any = _or_none(lambda: client.config_get(*_PARAMETERS))
    transport = node.transport
    server_time = _or_none(client.time)
    return Told(
        info=info,
        config=None if config is None else {str(name): str(value) for name, value in config.items()},
        transport=transport,
        tls=node.tls,
        embedded=embedded,
        lets_anybody_in=_lets_anybody_in(client),
        commands=_commands(client),
        round_trips_ms=_round_trips(client),
        events=_events(client, server_time),
        slow=_slow(client, server_time),
        clock_ahead_ms=_clock_ahead(client, now),
        machine=_machine(info, config or {}) if transport != "network" else None,
    )


def _or_none(question: Callable[[], T]) -> T | None:
    """Its answer; None where the store has something against the question."""
    try:
        return question()
    except ResponseError:
        return None


def _commands(client: "redis.Redis") -> frozenset[str] | None:
    names: Any = _or_none(client.command_list)
    return None if names is None else frozenset(_text(name).lower() for name in names)


def _round_trips(client: "redis.Redis") -> list[float]:
    sample = []
    for _ in range(_ROUND_TRIPS):
        begun = time.perf_counter()
        client.ping()
        sample.append((time.perf_counter() - begun) * 1000)
    return sample


def _clock_ahead(client: "redis.Redis", now: Callable[[], float]) -> float | None:
    best: tuple[float, float] | None = None  # the quickest answer is the most exact
    for _ in range(5):
        before = now()
        told: Any = _or_none(client.time)
        after = now()
        if told is None:
            return None
        ahead = told[0] + told[1] / 1e6 - (before + after) / 2
        if best is None or after - before < best[0]:
            best = (after - before, ahead)
    return None if best is None else best[1] * 1000


def _events(client: "redis.Redis", server_time: Any) -> list[LatencyEvent] | None:
    rows: Any = _or_none(client.latency_latest)
    if rows is None or server_time is None:
        return None
    return [LatencyEvent(_text(row[0]), server_time[0] - row[1], row[2], row[3]) for row in rows]


def _slow(client: "redis.Redis", server_time: Any) -> list[SlowCommand] | None:
    rows: Any = _or_none(lambda: client.slowlog_get(_SLOW_COMMANDS))
    if rows is None or server_time is None:
        return None
    return [
        SlowCommand(
            _text(row["command"]).split(" ")[0].upper(), server_time[0] - row["start_time"], row["duration"] / 1000
        )
        for row in rows
    ]


def _lets_anybody_in(client: "redis.Redis") -> bool | None:
    """Whether a stranger gets an answer."""
    with plain(client, credentials=False) as stranger:
        try:
            stranger.ping()
        except (AuthenticationError, ResponseError):
            return False
        except RedisError as error:
            return False if _is_shut_out(error, client) else None
    return True


def _is_shut_out(error: RedisError, client: "redis.Redis") -> bool:
    """Whether a closed connection means that strangers get none: by protected mode, or for want of a certificate."""
    if isinstance(error, redis.TimeoutError):
        return False
    return "protected mode" in str(error).lower() or "ssl_certfile" in client.connection_pool.connection_kwargs


@contextmanager
def plain(
    client: "redis.Redis", address: tuple[str, int] | None = None, *, credentials: bool = True
) -> "Iterator[redis.Redis]":
    """A client of its own, with the options of another: to the same server, or to that at an address."""
    pool = client.connection_pool
    left_out = ("connection_pool", "retry", *(() if credentials else _CREDENTIALS))
    options = {name: value for name, value in pool.connection_kwargs.items() if name not in left_out}
    if address is not None:
        options |= {"host": address[0], "port": address[1]}
    kind = pool.connection_class
    if not ("path" in options or kind in (redis.Connection, redis.SSLConnection)):  # one that Sentinels direct
        kind = redis.SSLConnection if issubclass(kind, redis.SSLConnection) else redis.Connection
    made = redis.Redis(connection_pool=redis.ConnectionPool(connection_class=kind, **options))
    try:
        yield made
    finally:
        made.close()
        made.connection_pool.disconnect()


def _machine(info: Mapping[str, Any], config: Mapping[str, Any]) -> Machine | None:
    """This machine, if the server's process is on it (and not in a container of its own)."""
    process = Path(f"/proc/{info.get('process_id', 0)}")
    name = _read(process / "comm")
    if name is None or not any(server in name for server in _SERVERS):
        return None
    disk = None
    with suppress(OSError):
        disk = shutil.disk_usage(config["dir"]) if config.get("dir") else None
    return Machine(
        overcommit=_read(_OVERCOMMIT),
        huge_pages=_chosen(_read(_HUGE_PAGES)),
        open_files=_open_files(_read(process / "limits")),
        disk_free=disk and disk.free,
        disk_total=disk and disk.total,
    )


def _read(path: Path) -> str | None:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _chosen(text: str | None) -> str | None:
    """Of `always [madvise] never`, the one in brackets."""
    return None if text is None else text.partition("[")[2].partition("]")[0] or None


def _open_files(limits: str | None) -> int | None:
    for line in (limits or "").splitlines():
        if line.startswith("Max open files"):
            soft = line.removeprefix("Max open files").split()[0]
            return int(soft) if soft.isdigit() else None
    return None


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode(errors="replace")
