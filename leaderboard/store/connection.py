"""The hot store: one client a process, its scripts, and every driver error turned into ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import redis
from redis.cluster import RedisCluster
from redis.exceptions import (
    AskError,
    ClusterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from leaderboard import tracing
from leaderboard.config import Settings
from leaderboard.errors import ConfigError, StoreUnavailable
from leaderboard.store import clients
from leaderboard.store.carriers import Command
from leaderboard.store.clients import Clients
from leaderboard.store.clustering import Clustered
from leaderboard.store.scripts import ACKNOWLEDGED, Call, Script, load

# What a store answers that is up but cannot serve now; any other answer of its is a mistake of ours.
_REFUSALS = ("OOM", "READONLY", "LOADING", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS")
_REFUSAL_KINDS = (OutOfMemoryError, ReadOnlyError, ClusterDownError, TryAgainError, AskError)


class Store:
    """What the service asks of Valkey or Redis."""

    def __init__(self, made: Clients, *, in_memory: bool = False) -> None:
        self._clients = made
        self._in_memory = in_memory
        self._loaded: frozenset[str] = frozenset()  # scripts that the store was given

    @classmethod
    def connect(cls, settings: Settings, url: str) -> "Store":
        """Opens no connection yet; the first command does. Raises ConfigError for a URL that cannot be one."""
        if url == "memory":
            return cls(clients.of_memory(_memory_client()), in_memory=True)
        return cls(clients.make(settings, url))

    @property
    def client(self) -> redis.Redis:
        """For commands that are no scripts. Raises what `translated` translates, where it has to connect and cannot."""
        return self._clients.client()

    @property
    def is_spread(self) -> bool:
        """Whether a part of it can be away while others answer."""
        return isinstance(self._clients.carrier, Clustered)

    def nodes(self) -> list[tuple[str, redis.Redis]]:
        """The servers that hold the data, with their names: one, or the primaries of a Cluster. Raises as `client`."""
        client: Any = self.client
        if not isinstance(client, RedisCluster):
            return [("", client)]
        return [
            (node.name, client.get_redis_connection(node))
            for node in client.nodes_manager.get_nodes_by_server_type("primary")
        ]

    def pack(self, value: Any) -> bytes:
        """A batch, as this store's Lua unpacks it."""
        return msgspec.json.encode(value) if self._in_memory else msgspec.msgpack.encode(value)

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any], *, resend: bool = True) -> Any:
        """Calls one script and answers what it answers.

        `resend=False` for what must not run twice: then a broken connection is an error at once. Raises
        StoreUnavailable.
        """
        return self._ask([Call(name, keys, args)], resend=resend, keep_errors=False)[0]

    def run_all(self, calls: Sequence[Call], *, resend: bool = True, keep_errors: bool = False) -> list[Any]:
        """Calls several scripts in one round trip, in order for those whose keys are in one place.

        A script's first use carries its text along. Where the store has forgotten one since, those calls did nothing,
        and are made once more after the others. `keep_errors`: what the store has against one call stands in the place
        of its answer instead of being raised, and nothing is waited for. Raises StoreUnavailable; then some of them
        may have run.
        """
        if len(calls) == 1 and not keep_errors:
            return [self.run(calls[0].script, calls[0].keys, calls[0].args, resend=resend)]
        return self._ask(calls, resend=resend, keep_errors=keep_errors)

    def _ask(self, calls: Sequence[Call], *, resend: bool, keep_errors: bool) -> list[Any]:
        with tracing.store_calls(calls), translated():
            answers = self._send(calls, resend=resend, patient=not keep_errors, all_texts=False)
            forgotten = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if forgotten:
                texts = [calls[number] for number in forgotten]
                again = self._send(texts, resend=resend, patient=not keep_errors, all_texts=True)
                for number, answer in zip(forgotten, again, strict=True):
                    answers[number] = answer
            failed = [(number, answer) for number, answer in enumerate(answers) if isinstance(answer, Exception)]
            for number, answer in failed:
                if not keep_errors:
                    raise answer
                answers[number] = _told(answer)
        if answers and len(failed) == len(answers) and isinstance(answers[0], StoreUnavailable):
            raise answers[0]
        return answers

    def _send(self, calls: Sequence[Call], *, resend: bool, patient: bool, all_texts: bool) -> list[Any]:
        """The calls' answers, errors of the store among them. Scripts not sent before go with their texts, or all."""
        seen = set(self._loaded)
        commands = []
        for call in calls:
            script = self._script(call.script)
            known = (call.script in seen or len(calls) == 1) and not all_texts
            words = (
                *(("EVALSHA", script.sha) if known else ("EVAL", script.text)),
                len(call.keys),
                *call.keys,
                *call.args,
            )
            commands.append(Command(call.keys[0], words, call.script in ACKNOWLEDGED))
            seen.add(call.script)
        answers = self._clients.carrier.carry(commands, resend=resend, patient=patient)
        self._loaded = frozenset(seen)  # a guess: threads may differ, nodes too, and the store may forget
        return answers

    def glance(self, key: str) -> Any:
        """What a key holds of which there is a copy elsewhere: raises StoreUnavailable soon rather than wait.

        That it did not answer so soon says nothing of the store, which may be busy.
        """
        with translated():
            return self._clients.hasty().get(key)

    def ping(self) -> None:
        """Raises StoreUnavailable unless the store answers, all of it."""
        with translated():
            for _, node in self.nodes():
                _ping(node)

    def risks(self) -> list[str]:
        """What in the store's configuration would lose rankings, in sentences; [] where it cannot be asked."""
        if self._in_memory:
            return ["The store is in this process's memory: nothing is kept when it ends."]
        try:
            return list(dict.fromkeys(risk for _, node in self.nodes() for risk in _risks_of(node)))
        except (RedisError, RedisClusterException):
            return []

    def close(self) -> None:
        """Closes every connection."""
        self._clients.close()

    def _script(self, name: str) -> Script:
        return load(name, json_batches=self._in_memory)


def as_text(value: bytes | str) -> str:
    """What the client answers, as text."""
    return value if isinstance(value, str) else value.decode()


def _ping(node: redis.Redis) -> None:
    try:
        node.ping()
    except ResponseError as error:
        if not str(error).startswith("MISCONF"):  # it cannot write to its disk, and reads all the same
            raise


def _risks_of(node: redis.Redis) -> Iterator[str]:
    memory, persistence = node.info("memory"), node.info("persistence")
    for name in ("aof_last_write_status", "rdb_last_bgsave_status"):
        if persistence.get(name, "ok") != "ok":
            yield f"The store cannot write to its disk ({name} {persistence[name]}) and may refuse all writes."
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy.startswith("allkeys"):
        yield f"The store evicts rankings when it is full (maxmemory-policy {policy}); set noeviction."
    if not persistence.get("aof_enabled"):
        yield "The store appends no log (appendonly no): a restart loses what came since the last snapshot."


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into StoreUnavailable, keeping the cause."""
    try:
        yield
    except (RedisError, RedisClusterException) as error:
        told = _told(error)
        if told is error:
            raise
        raise told from error


def _told(error: Exception) -> Exception:
    """StoreUnavailable, with its cause, for an error that says so; else the error."""
    if isinstance(error, StoreUnavailable) or (isinstance(error, ResponseError) and not _is_refusal(error)):
        return error
    said = str(error).partition(" ")[0] if isinstance(error, ResponseError) else ""
    told = StoreUnavailable(f"The store is away: {said if said.isupper() else type(error).__name__}.")
    told.__cause__ = error
    return told


def _is_refusal(error: ResponseError) -> bool:
    """Whether the store could not serve now. The client strips some prefixes, and puts others in front."""
    return isinstance(error, _REFUSAL_KINDS) or str(error).rpartition(" caused error: ")[2].startswith(_REFUSALS)


def _memory_client() -> redis.Redis:
    try:
        import fakeredis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("The memory store needs the extra: pip install 'leaderboard[memory]'.") from error
    return fakeredis.FakeRedis(protocol=2)
