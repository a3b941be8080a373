"""Script calls over the nodes of a Cluster.

redis-py's own pipeline for Clusters sends what failed again, whatever it was, and it must be known of a submission
whether it was sent. So its table of slots and its connections are used, and the sending is here: to every node at
once, an answer or an error for each call, and again only what surely did not run, or may run twice.

A slot that moves: its old node answers MOVED or ASK, and the call goes where that says. While the keys of one call are
on both nodes the answer is TRYAGAIN; who waits alone tries again for a while, a batch of many does not.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.cluster import ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import (
    AskError,
    BusyLoadingError,
    ClusterDownError,
    MovedError,
    RedisClusterException,
    ResponseError,
    TryAgainError,
)

from leaderboard.store.carriers import Answers, Command, Wait
from leaderboard.store.scouting import Scout

_MOST_ROUNDS = 64
_MOST_REDIRECTIONS = 5
_PATIENCE_SECONDS = 1.5
_PAUSE_SECONDS = 0.05
_TROUBLE = (redis.ConnectionError, redis.TimeoutError, OSError)


class NotSent(redis.ConnectionError):
    """The node could not be reached, so what was for it did not run."""


class Hanging(NotSent):
    """The node let somebody wait in vain, and has not answered since."""


class Clustered:
    """Sends commands to the primaries of a Cluster."""

    def __init__(
        self, client: Callable[[], RedisCluster], retries: int, wait: Wait, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`client` connects when it is first called, and may raise then."""
        self._client = client
        self._retries = retries
        self._wait = wait
        self._clock = clock
        self._scout = Scout(client)
        self._new_nodes: dict[tuple[str, int], ClusterNode] = {}  # that have no slot yet: the table has none of those

    def carry(self, commands: Sequence[Command], *, resend: bool, patient: bool) -> Answers:
        """As `Carrier` says; but that a node is away is the answer of its commands only."""
        answers: Answers = [None] * len(commands)
        pending: dict[int, AskError | None] = dict.fromkeys(range(len(commands)))  # with what redirects them
        end = self._clock() + (_PATIENCE_SECONDS if patient else 0.0)
        retries = self._retries if resend and patient else 0
        redirections = 0
        for _ in range(_MOST_ROUNDS):
            self._send(commands, pending, answers)
            errors = {number: answers[number] for number in pending if isinstance(answers[number], Exception)}
            if any(isinstance(error, (*_TROUBLE, ClusterDownError)) for error in errors.values()):
                self._scout.look_round()
            if any(isinstance(error, _TROUBLE) for error in errors.values()):
                retries -= 1
            pending = {}
            for number, error in errors.items():
                if isinstance(error, AskError) and redirections < _MOST_REDIRECTIONS:
                    pending[number] = error
            redirections += bool(pending)
            if self._clock() < end:
                again = [number for number, error in errors.items() if _may_go_again(error, resend and retries >= 0)]
                pending |= dict.fromkeys(again)
                if again:
                    time.sleep(_PAUSE_SECONDS)
            if not pending:
                break
        return answers

    def _send(self, commands: Sequence[Command], pending: "dict[int, AskError | None]", answers: Answers) -> None:
        """Puts down the answers of what is pending, from all nodes at once."""
        parcels: dict[str, _Parcel] = {}
        for number, reason in pending.items():
            try:
                node = self._node_for(commands[number], reason)
            except RedisClusterException as error:
                answers[number] = NotSent(str(error))
                continue
            parcel = parcels.setdefault(node.name, _Parcel(self._client().get_redis_connection(node)))
            parcel.add(number, asking=_is_ask(reason))
        try:
            for name, parcel in parcels.items():
                parcel.write(commands, self._wait, self._scout.is_hanging(name))
        finally:
            for name, parcel in parcels.items():
                for number, answer in parcel.read(commands, self._wait).items():
                    answers[number] = answer
                if parcel.is_late:
                    self._scout.look_round(late=name)

    def _node_for(self, command: Command, reason: AskError | None) -> ClusterNode:
        client = self._client()
        if reason is not None:
            if not _is_ask(reason):
                client.nodes_manager.move_slot(reason)
            else:
                node = client.nodes_manager.get_node(reason.host, reason.port)
                return node or self._new_node(reason.host, reason.port)
        return client.nodes_manager.get_node_from_slot(key_slot(command.key.encode()))

    def _new_node(self, host: str, port: int) -> ClusterNode:
        return self._new_nodes.setdefault((host, port), ClusterNode(host, port))  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Ends what is under way beside the calls."""
        self._scout.close()
        for node in self._new_nodes.values():
            if node.redis_connection is not None:
                node.redis_connection.close()


class _Parcel:
    """What goes to one node, and comes back, on one connection."""

    def __init__(self, client: redis.Redis) -> None:
        self._client: Any = client
        self._numbers: list[int] = []
        self._asking: set[int] = set()
        self._connection: Any = None
        self._error: Exception | None = None
        self._after = 0  # commands behind those

    @property
    def is_late(self) -> bool:
        """Whether the node did not answer in time."""
        causes = (self._error, getattr(self._error, "__cause__", None))
        return any(isinstance(error, redis.TimeoutError) for error in causes)

    def add(self, number: int, *, asking: bool) -> None:
        self._numbers.append(number)
        if asking:
            self._asking.add(number)

    def write(self, commands: Sequence[Command], wait: Wait, is_hanging: bool) -> None:  # noqa: FBT001
        if is_hanging:
            self._error = Hanging("The node does not answer.")
            return
        words: list[tuple[Any, ...]] = []
        for number in self._numbers:
            if number in self._asking:
                words.append(("ASKING",))
            words.append(commands[number].words)
        after = wait.commands_after([commands[number] for number in self._numbers])
        self._after = len(after)
        words += after
        try:
            self._connection = self._client.connection_pool.get_connection()
        except _TROUBLE as error:
            self._error = NotSent(str(error))
            self._error.__cause__ = error
            return
        with self._noting():
            self._connection.send_packed_command(self._connection.pack_commands(words))

    def read(self, commands: Sequence[Command], wait: Wait) -> dict[int, Any]:
        """The answers; of those that have none, why."""
        answers: list[Any] = []
        more: list[Any] = [redis.ConnectionError("The node did not come to it.")] * self._after
        with self._noting():
            for number in self._numbers if self._error is None else ():
                if number in self._asking:
                    self._parse("ASKING")
                answers.append(self._parse(commands[number].words[0]))
            if self._error is None:
                more = [self._parse("WAIT") for _ in range(self._after)]
        if self._after:  # also where the node died meanwhile: then nobody knows whether a replica has what it answered
            came = [commands[number] for number in self._numbers[: len(answers)]]
            answers = wait.judged(came, [*answers, *more])
        if self._connection is not None:
            self._client.connection_pool.release(self._connection)
        missing = len(self._numbers) - len(answers)
        return dict(zip(self._numbers, [*answers, *[self._error] * missing], strict=True))

    def _parse(self, command: str) -> Any:
        try:
            return self._client.parse_response(self._connection, command)
        except BusyLoadingError as error:  # an answer like any other; the connection is well
            return NotSent(str(error))
        except ResponseError as error:
            return error

    @contextmanager
    def _noting(self) -> Iterator[None]:
        try:
            yield
        except _TROUBLE as error:
            self._error = error
            self._connection.disconnect()


def _is_ask(reason: Exception | None) -> bool:
    return isinstance(reason, AskError) and not isinstance(reason, MovedError)


def _may_go_again(error: Exception, may_run_twice: bool) -> bool:  # noqa: FBT001
    """Whether it is worth a second try, and does no harm."""
    if isinstance(error, (TryAgainError, ClusterDownError, NotSent)):
        return True
    return may_run_twice and isinstance(error, _TROUBLE)
