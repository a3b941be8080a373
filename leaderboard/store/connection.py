"""The hot store: one client a process, its scripts, and every driver error turned into ours."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
import redis
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import (
    ClusterDownError,
    MasterDownError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
    ResponseError,
    TryAgainError,
)
from redis.retry import Retry

from leaderboard.config import Settings
from leaderboard.errors import ConfigError, StoreUnavailable
from leaderboard.store.scripts import Call, Script, load

# What a store answers that is up but cannot serve now; any other answer of its is a mistake of ours.
_REFUSALS = ("OOM", "READONLY", "LOADING", "MISCONF", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "BUSY", "NOREPLICAS")
_REFUSAL_KINDS = (OutOfMemoryError, ReadOnlyError, ClusterDownError, MasterDownError, TryAgainError)
_HANG_SECONDS = 0.5  # for which nobody else waits
_GLANCE_SECONDS = 0.25
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 0.5


class Store:
    """What the service asks of Valkey or Redis."""

    def __init__(
        self,
        client: redis.Redis,
        *,
        once: redis.Redis | None = None,
        hasty: redis.Redis | None = None,
        in_memory: bool = False,
    ) -> None:
        """`client` retries; `once` does not, for what must not be sent twice; `hasty` hardly waits either."""
        self.client = client
        self._once = once or client
        self._hasty = hasty or client
        self._in_memory = in_memory
        self._loaded: frozenset[str] = frozenset()  # scripts that the store was given
        self._hangs_until = 0.0

    @classmethod
    def connect(cls, settings: Settings, url: str) -> "Store":
        """Opens no connection yet; the first command does."""
        if url == "memory":
            return cls(_memory_client(), in_memory=True)
        options: dict[str, Any] = {
            "protocol": 3,
            "socket_timeout": settings.redis_timeout_seconds,
            "max_connections": settings.redis_pool_size,
        }
        if not url.startswith("unix:"):
            options["socket_connect_timeout"] = settings.redis_connect_timeout_seconds
        backoff = ExponentialWithJitterBackoff(base=_FIRST_WAIT_SECONDS, cap=_LONGEST_WAIT_SECONDS)
        again = redis.BlockingConnectionPool.from_url(
            url, timeout=1, retry=Retry(backoff, settings.redis_retries), **options
        )
        never = Retry(backoff, 0)
        once = redis.BlockingConnectionPool.from_url(url, timeout=1, retry=never, **options)
        options["socket_timeout"] = min(_GLANCE_SECONDS, settings.redis_timeout_seconds)
        hasty = redis.BlockingConnectionPool.from_url(url, timeout=_GLANCE_SECONDS, retry=never, **options)
        clients = [redis.Redis(connection_pool=pool) for pool in (again, once, hasty)]
        return cls(clients[0], once=clients[1], hasty=clients[2])

    def pack(self, value: Any) -> bytes:
        """A batch, as this store's Lua unpacks it."""
        return msgspec.json.encode(value) if self._in_memory else msgspec.msgpack.encode(value)

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any], *, resend: bool = True) -> Any:
        """Calls one script and answers what it answers.

        `resend=False` for what must not run twice: then a broken connection is an error at once. Raises
        StoreUnavailable.
        """
        script = self._script(name)
        client = self.client if resend else self._once
        with self.answering():
            try:
                return client.evalsha(script.sha, len(keys), *keys, *args)
            except NoScriptError:  # said before anything ran, so saying it again is safe
                return client.eval(script.text, len(keys), *keys, *args)

    def run_all(self, calls: Sequence[Call], *, resend: bool = True, keep_errors: bool = False) -> list[Any]:
        """Calls several scripts in one round trip, in order.

        A script's first use carries its text along. Where the store has forgotten one since, those calls did nothing,
        and are made once more after the others. `keep_errors`: what the store has against one call stands in the place
        of its answer instead of being raised. Raises StoreUnavailable; then some of them may have run.
        """
        if len(calls) == 1:
            try:
                return [self.run(calls[0].script, calls[0].keys, calls[0].args, resend=resend)]
            except ResponseError as error:
                if keep_errors:
                    return [error]
                raise
        client = self.client if resend else self._once
        with self.answering():
            answers = self._send(client, calls, all_texts=False)
            forgotten = [number for number, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
            if forgotten:
                again = self._send(client, [calls[number] for number in forgotten], all_texts=True)
                for number, answer in zip(forgotten, again, strict=True):
                    answers[number] = answer
            for answer in answers:
                if isinstance(answer, Exception) and not (keep_errors and _is_of_one_call(answer)):
                    raise answer
        return answers

    def _send(self, client: redis.Redis, calls: Sequence[Call], *, all_texts: bool) -> list[Any]:
        """The calls' answers, errors of the store among them. Scripts not sent before go with their texts, or all."""
        seen = set(self._loaded)
        pipeline = client.pipeline(transaction=False)
        for call in calls:
            script = self._script(call.script)
            if call.script in seen and not all_texts:
                pipeline.evalsha(script.sha, len(call.keys), *call.keys, *call.args)
            else:
                pipeline.eval(script.text, len(call.keys), *call.keys, *call.args)
            seen.add(call.script)
        answers: list[Any] = pipeline.execute(raise_on_error=False)
        self._loaded = frozenset(seen)  # a guess: threads may differ, and the store may forget
        return answers

    def glance(self, key: str) -> Any:
        """What a key holds of which there is a copy elsewhere: raises StoreUnavailable soon rather than wait.

        That it did not answer so soon says nothing of the store, which may be busy.
        """
        self._check_answering()
        with translated():
            return self._hasty.get(key)

    @contextmanager
    def answering(self) -> Iterator[None]:
        """`translated`, but that a store which has just let somebody wait in vain is taken to be away for a moment."""
        self._check_answering()
        try:
            with translated():
                yield
        except StoreUnavailable as error:
            if isinstance(error.__cause__, redis.TimeoutError):
                self._hangs_until = time.monotonic() + _HANG_SECONDS
            raise

    def _check_answering(self) -> None:
        if time.monotonic() < self._hangs_until:
            raise StoreUnavailable("The store does not answer.")

    def ping(self) -> None:
        """Raises StoreUnavailable unless the store answers."""
        with translated():
            self.client.ping()

    def risks(self) -> list[str]:
        """What in the store's configuration would lose rankings, in sentences; [] where it cannot be asked."""
        if self._in_memory:
            return ["The store is in this process's memory: nothing is kept when it ends."]
        try:
            memory, persistence = self.client.info("memory"), self.client.info("persistence")
        except RedisError:
            return []
        found = []
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy.startswith("allkeys"):
            found.append(f"The store evicts rankings when it is full (maxmemory-policy {policy}); set noeviction.")
        if not persistence.get("aof_enabled"):
            found.append("The store appends no log (appendonly no): a restart loses what came since the last snapshot.")
        return found

    def close(self) -> None:
        """Closes every connection."""
        for client in (self.client, self._once, self._hasty):
            client.close()

    def _script(self, name: str) -> Script:
        return load(name, json_batches=self._in_memory)


def as_text(value: bytes | str) -> str:
    """What the client answers, as text."""
    return value if isinstance(value, str) else value.decode()


@contextmanager
def translated() -> Iterator[None]:
    """Turns the driver's errors into StoreUnavailable, keeping the cause."""
    try:
        yield
    except RedisError as error:
        if isinstance(error, ResponseError) and not _is_refusal(error):
            raise
        raise StoreUnavailable(f"The store is away: {type(error).__name__}.") from error


def _is_of_one_call(error: Exception) -> bool:
    """Whether the store is well, and has something against one call."""
    return isinstance(error, ResponseError) and not _is_refusal(error)


def _is_refusal(error: ResponseError) -> bool:
    """Whether the store could not serve now. The client strips some prefixes, and puts others in front."""
    return isinstance(error, _REFUSAL_KINDS) or str(error).rpartition(" caused error: ")[2].startswith(_REFUSALS)


def _memory_client() -> redis.Redis:
    try:
        import fakeredis  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ConfigError("The memory store needs the extra: pip install 'leaderboard[memory]'.") from error
    return fakeredis.FakeRedis(protocol=2)
