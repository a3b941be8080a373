"""Who waits for a store that hangs: one at a time, and everybody else is told at once.

A store that let somebody wait in vain is taken to be away. After a moment one caller asks it again; whoever comes
meanwhile is refused, and so is nobody held up but that one. An answer of any kind ends it.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, Self

import redis
from redis.backoff import AbstractBackoff
from redis.retry import Retry

PAUSE_SECONDS = 0.5  # between two attempts to find out whether it answers again
_LONGEST_SECONDS = 10.0  # that one attempt may take, should whoever makes it never come back


class Patience:
    """What is known of one store; shared by all connections to it."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        """`seconds`: a clock that never goes back."""
        self._seconds = seconds
        self._guard = threading.Lock()
        self._closed_until: float | None = None  # None: it answers, as far as is known
        self._asking: int | None = None  # the thread that finds out

    def check(self) -> None:
        """Raises Hangs where the caller is not to wait."""
        if self._closed_until is None:
            return
        with self._guard:
            me = threading.get_ident()
            if self._closed_until is None or self._asking == me:  # type: ignore[redundant-expr]  # by another thread
                return
            if self._seconds() < self._closed_until:
                raise Hangs("The store does not answer.")
            self._asking, self._closed_until = me, self._seconds() + _LONGEST_SECONDS

    def answered(self) -> None:
        """It answers."""
        if self._closed_until is not None:
            with self._guard:
                self._closed_until = self._asking = None

    def waited_in_vain(self, *, is_hasty: bool = False) -> None:
        """It does not; of a caller who `is_hasty` that says something only while it is known to hang."""
        with self._guard:
            if not is_hasty or self._asking == threading.get_ident():
                self._closed_until, self._asking = self._seconds() + PAUSE_SECONDS, None

    def __deepcopy__(self, _memo: object) -> Self:
        return self  # the driver copies what it is given for every connection


class Hangs(redis.TimeoutError):
    """Nobody asked the store, for it has just let somebody wait in vain."""


class PatientRetry(Retry):
    """Tries again what broke, but never what was waited for in vain."""

    def __init__(self, backoff: AbstractBackoff, retries: int, patience: Patience, *, is_hasty: bool = False) -> None:
        """`is_hasty`: its timeout is too short to say anything of the store."""
        super().__init__(backoff, retries, supported_errors=(redis.ConnectionError,))
        self._patience = patience
        self._is_hasty = is_hasty

    def call_with_retry(self, do: Callable[[], Any], fail: Any, *args: Any, **kwargs: Any) -> Any:
        """As the driver's, after a look at what is known of the store."""
        self._patience.check()
        try:
            result = super().call_with_retry(do, fail, *args, **kwargs)
        except redis.TimeoutError as error:
            # It disconnects: the answer may still come, and would be taken for that of the next command.
            fail(*((error, 1) if kwargs.get("with_failure_count") else (error,)))
            if not isinstance(error, Hangs):
                self._patience.waited_in_vain(is_hasty=self._is_hasty)
            raise
        except BaseException:  # told by a store that is there, or by one that is gone: nobody waits for either
            self._patience.answered()
            raise
        self._patience.answered()
        return result
