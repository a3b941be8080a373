"""The clients of a store, however it is built: one that retries, one that does not, one that hardly waits."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import MethodType
from typing import Any, cast

import redis
from redis.backoff import AbstractBackoff, ExponentialWithJitterBackoff, NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import ClusterDownError, SlotNotCoveredError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection, SentinelManagedSSLConnection

from leaderboard.config import Settings
from leaderboard.store.carriers import Carrier, Direct, Wait
from leaderboard.store.clustering import Clustered
from leaderboard.store.patience import Patience, PatientRetry
from leaderboard.store.urls import SENTINEL, Location, parse

GLANCE_SECONDS = 0.25
_FIRST_WAIT_SECONDS = 0.02
_LONGEST_WAIT_SECONDS = 0.5
_ASKING_SECONDS = 0.5  # a Sentinel; then the next one
Connect = Callable[[], redis.Redis]


@dataclass(frozen=True, slots=True)
class Clients:
    """How a store is spoken to. The first two connect when they are first called."""

    client: Connect
    hasty: Connect
    carrier: Carrier
    close: Callable[[], None]


def make(settings: Settings, url: str) -> Clients:
    """The clients of the store at a URL. Opens no connection. Raises ConfigError."""
    location = parse(url)
    if location is None:
        again, once, hasty = (_of_one(settings, url, *kind) for kind in _kinds(settings))
    elif location.kind == SENTINEL:
        again, once, hasty = (_of_sentinels(settings, location, *kind) for kind in _kinds(settings))
    else:
        return _of_cluster(settings, location)
    return _direct(again, once, hasty, _wait(settings))


def of_memory(client: redis.Redis) -> Clients:
    """Those of a store in this process."""
    return _direct(client, client, client, Wait())


def _direct(again: redis.Redis, once: redis.Redis, hasty: redis.Redis, wait: Wait) -> Clients:
    def close() -> None:
        for client in (again, once, hasty):
            client.close()

    return Clients(lambda: again, lambda: hasty, Direct(again, once, wait), close)


def _kinds(settings: Settings) -> list[tuple[Retry, float]]:
    """How the client that retries, the one that does not, and the hasty one try again, and how long they wait."""
    seconds, patience = settings.redis_timeout_seconds, Patience()
    return [
        (PatientRetry(_backoff(), settings.redis_retries, patience), seconds),
        (PatientRetry(_backoff(), 0, patience), seconds),
        (PatientRetry(_backoff(), 0, patience, is_hasty=True), min(GLANCE_SECONDS, seconds)),
    ]


def _wait(settings: Settings) -> Wait:
    return Wait(settings.wait_replicas, settings.wait_timeout_ms)


def _backoff() -> AbstractBackoff:
    return ExponentialWithJitterBackoff(base=_FIRST_WAIT_SECONDS, cap=_LONGEST_WAIT_SECONDS)


def _options(settings: Settings, timeout: float) -> dict[str, Any]:
    return {
        "protocol": 3,
        "socket_timeout": timeout,
        "socket_connect_timeout": min(settings.redis_connect_timeout_seconds, timeout),
        "max_connections": settings.redis_pool_size,
        # With these the pools would not look whether an answer was left behind on a connection they hand out.
        "maint_notifications_config": MaintNotificationsConfig(enabled=False),
    }


def _of_one(settings: Settings, url: str, retry: Retry, timeout: float) -> redis.Redis:
    options = _options(settings, timeout)
    if url.startswith("unix:"):
        del options["socket_connect_timeout"]
    waiting = GLANCE_SECONDS if timeout <= GLANCE_SECONDS else 1
    pool = redis.BlockingConnectionPool.from_url(url, timeout=waiting, retry=retry, **options)
    return redis.Redis(connection_pool=pool)


def _of_sentinels(settings: Settings, location: Location, retry: Retry, timeout: float) -> redis.Redis:
    asking = {
        "socket_timeout": _ASKING_SECONDS,
        "socket_connect_timeout": _ASKING_SECONDS,
        "retry": Retry(NoBackoff(), 0),  # the next one may know as well
        **location.asking,
    }
    sentinel = Sentinel(  # type: ignore[no-untyped-call]
        list(location.hosts), sentinel_kwargs=asking
    )
    options = _options(settings, timeout) | dict(location.connecting)
    kind = _TLSConnection if options.pop("ssl", False) else _Connection
    client = sentinel.master_for(  # type: ignore[no-untyped-call]
        location.service, retry=retry, connection_class=kind, **options
    )
    return cast("redis.Redis", client)


def _of_cluster(settings: Settings, location: Location) -> Clients:
    def connecting(retry: Retry, timeout: float) -> _Once:
        options = _options(settings, timeout) | dict(location.connecting)
        return _Once(
            timeout,
            lambda: _Cluster(
                startup_nodes=[ClusterNode(*host) for host in location.hosts],  # type: ignore[no-untyped-call]
                retry=Retry(_backoff(), retry.get_retries()),  # by node is what `Clustered` knows
                require_full_coverage=False,
                **options,
            ),
        )

    again, once, hasty = made = [connecting(*kind) for kind in _kinds(settings)]

    carrier = Clustered(cast("Callable[[], RedisCluster]", once), settings.redis_retries, _wait(settings))

    def close() -> None:
        carrier.close()
        for one in made:
            one.close()

    return Clients(again, hasty, carrier, close)


class _Disconnecting:
    """A connection on which no answer is left behind when somebody stops waiting for it, as the driver's others are."""

    def read_response(self, *args: Any, **options: Any) -> Any:
        return super().read_response(*args, **{**options, "disconnect_on_error": True})  # type: ignore[misc]


class _Connection(_Disconnecting, SentinelManagedConnection):
    pass


class _TLSConnection(_Disconnecting, SentinelManagedSSLConnection):
    pass


class _Cluster(RedisCluster):
    """Asks a node that let it wait in vain no second time.

    Its pipelines take commands of several keys too, as all keys of one command share a tag here.
    """

    ERRORS_ALLOW_RETRY = (redis.ConnectionError, ClusterDownError, SlotNotCoveredError)  # type: ignore[assignment]

    def pipeline(self, transaction: Any = None, shard_hint: Any = None) -> Any:
        made: Any = super().pipeline(transaction, shard_hint)  # type: ignore[no-untyped-call]
        for name in ("mget", "pfcount", "pfmerge", "unlink"):
            setattr(made, name, MethodType(getattr(redis.Redis, name), made))
        return made


class _Once:
    """A client that is made when it is first asked for: a Cluster's connects at once, and the Cluster may be away.

    That may take several timeouts, one a node; so it is made in a thread, for which all wait together, no longer than
    `seconds` from its beginning.
    """

    def __init__(self, seconds: float, connect: Callable[[], RedisCluster]) -> None:
        self._seconds = seconds
        self._connect = connect
        self._client: RedisCluster | None = None
        self._guard = threading.Lock()
        self._making: tuple[float, Future[RedisCluster]] | None = None

    def __call__(self) -> redis.Redis:
        if self._client is None:
            began, making = self._begun()
            try:
                self._client = making.result(max(0.0, began + self._seconds - time.monotonic()))
            except TimeoutError as error:
                raise redis.TimeoutError("The Cluster does not answer.") from error
        return cast("redis.Redis", self._client)  # for commands of one key it is one

    def _begun(self) -> "tuple[float, Future[RedisCluster]]":
        with self._guard:
            if self._making is None or (self._making[1].done() and self._making[1].exception() is not None):
                making: Future[RedisCluster] = Future()
                threading.Thread(target=self._make, args=(making,), daemon=True).start()
                self._making = time.monotonic(), making
            return self._making

    def _make(self, making: "Future[RedisCluster]") -> None:
        try:
            making.set_result(self._connect())
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits
            making.set_exception(error)

    def close(self) -> None:
        if self._client is not None:
            self._client.close()
