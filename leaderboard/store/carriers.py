"""How script calls travel to where their keys are.

WAIT tells how many replicas have what *this connection* wrote. An answer may rest on what another wrote: a retry finds
its marker, or a score that is there already. So a write of no meaning goes before it, as replicas have all up to that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import redis
from redis.exceptions import ResponseError

from leaderboard.errors import StoreUnavailable
from leaderboard.store.keys import waiting

_MARK_MS = 1000
Answers = list[Any]


@dataclass(frozen=True, slots=True)
class Command:
    """One command, sent where `key` is."""

    key: str
    words: tuple[Any, ...]
    is_awaited: bool = False  # not to be answered before replicas have it, where they are waited for


class NotReplicated(StoreUnavailable):
    """A write is in the store, but not on as many replicas as were asked for; a failover could lose it."""

    def __init__(self, there: int, wanted: int) -> None:
        super().__init__(f"{there} of {wanted} replicas have it so far; send it again with its Idempotency-Key.")


@dataclass(frozen=True, slots=True)
class Wait:
    """How many replicas must have a write before it is answered."""

    replicas: int = 0
    milliseconds: int = 0

    def commands_after(self, commands: Sequence[Command]) -> list[tuple[Any, ...]]:
        """What is sent after some commands to one server; nothing if none of them is awaited."""
        awaited = [command for command in commands if command.is_awaited] if self.replicas else []
        if not awaited:
            return []
        mark = ("SET", waiting(awaited[0].key), "", "PX", _MARK_MS)
        return [mark, ("WAIT", self.replicas, self.milliseconds)]

    def judged(self, commands: Sequence[Command], answers: Answers) -> Answers:
        """The answers of those commands, with an error for what too few replicas have."""
        *found, mark, there = answers
        if isinstance(mark, Exception) or isinstance(there, Exception):
            there = 0  # whatever the reason: it has run, and is not to be sent again
        if there < self.replicas:
            for number, command in enumerate(commands):
                if command.is_awaited and not isinstance(found[number], Exception):
                    found[number] = NotReplicated(there, self.replicas)
        return found


class Carrier(Protocol):
    """Sends commands in one go."""

    def carry(self, commands: Sequence[Command], *, resend: bool, patient: bool) -> Answers:
        """Their answers in order; what a node has against one of them stands in the place of its answer.

        `resend`: they may run twice. `patient`: nobody else waits for whoever asks. Raises RedisError where none of
        them has an answer.
        """


class Direct:
    """To the one server there is, or to the one that Sentinels name."""

    def __init__(self, client: redis.Redis, once: redis.Redis, wait: Wait) -> None:
        """`client` retries; `once` does not, for what must not be sent twice."""
        self._client = client
        self._once = once
        self._wait = wait

    def carry(self, commands: Sequence[Command], *, resend: bool, patient: bool) -> Answers:  # noqa: ARG002
        client: Any = self._client if resend else self._once
        after = self._wait.commands_after(commands)
        if len(commands) == 1 and not after:
            try:
                return [client.execute_command(*commands[0].words)]
            except ResponseError as error:
                return [error]
        pipeline: Any = client.pipeline(transaction=False)
        for words in (*(command.words for command in commands), *after):
            pipeline.execute_command(*words)
        answers: Answers = pipeline.execute(raise_on_error=False)
        return self._wait.judged(commands, answers) if after else answers
