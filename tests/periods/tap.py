"""Between the service and its two stores: where others may go on, where things break, and what got through."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa

from leaderboard.errors import DatabaseUnavailable, StoreUnavailable
from leaderboard.services import Services
from leaderboard.store.scripts import Call
from tests.periods.turns import Turns


class Killed(RuntimeError):
    """The process ended here."""


@dataclass
class Fault:
    """Breaks the n-th call or transaction: before it, after it took effect, or after a part of a pipeline did."""

    at: int
    when: str  # before, part or after
    kills: bool
    count: int = 0
    struck: bool = False

    def strikes(self) -> bool:
        self.count += 1
        self.struck = self.struck or self.count == self.at
        return self.count == self.at

    def error(self, *, database: bool) -> Exception:
        if self.kills:
            return Killed("The test ends it here.")
        return DatabaseUnavailable("The test broke it.") if database else StoreUnavailable("The test broke it.")


Watch = Callable[[Call, Any], None]


class Tap:
    """In the place of the methods that send scripts and begin transactions."""

    def __init__(self, services: Services, turns: Turns, monkeypatch: pytest.MonkeyPatch) -> None:
        store, database = services.store, services.database
        self._run, self._run_all, self._begin = store.run, store.run_all, database.begin
        self._turns = turns
        self._here = threading.local()
        monkeypatch.setattr(store, "run", self.run)
        monkeypatch.setattr(store, "run_all", self.run_all)
        monkeypatch.setattr(database, "begin", self.begin)

    @contextmanager
    def set(self, *, fault: Fault | None = None, watch: Watch | None = None) -> Iterator[None]:
        """What holds for everything that this thread does in the block."""
        before = getattr(self._here, "fault", None), getattr(self._here, "watch", None)
        self._here.fault, self._here.watch = fault, watch
        try:
            yield
        finally:
            self._here.fault, self._here.watch = before

    @property
    def watch(self) -> Watch | None:
        """What this thread watches with."""
        return getattr(self._here, "watch", None)

    def run(self, name: str, keys: Sequence[str], args: Sequence[Any], *, resend: bool = True) -> Any:
        return self._pass([Call(name, keys, args)], resend=resend)[0]

    def run_all(self, calls: Sequence[Call], *, resend: bool = True) -> list[Any]:
        return self._pass(list(calls), resend=resend)

    @contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        if getattr(self._here, "inside", False):
            with self._begin() as connection:
                yield connection
            return
        self._turns.switch("transaction")
        fault = self._fault()
        if fault is not None and fault.when != "after":
            raise fault.error(database=True)
        self._here.inside = True  # nobody else may go on while the database is locked
        try:
            with self._begin() as connection:
                yield connection
        finally:
            self._here.inside = False
        if fault is not None:
            raise fault.error(database=True)
        self._turns.switch()

    def _pass(self, calls: list[Call], *, resend: bool) -> list[Any]:
        inside = getattr(self._here, "inside", False)
        if not inside:
            self._turns.switch()
        fault = self._fault()
        if fault is not None and fault.when == "before":
            raise fault.error(database=False)
        if fault is not None and fault.when == "part":
            calls = calls[: len(calls) // 2]
        answers = self._send(calls, resend=resend)
        if self.watch is not None:
            for call, answer in zip(calls, answers, strict=True):
                self.watch(call, answer)
        if fault is not None:
            raise fault.error(database=False)
        if not inside:
            self._turns.switch()
        return answers

    def _send(self, calls: list[Call], *, resend: bool) -> list[Any]:
        if not calls:
            return []
        if len(calls) == 1:
            return [self._run(calls[0].script, calls[0].keys, calls[0].args, resend=resend)]
        return self._run_all(calls, resend=resend)

    def _fault(self) -> Fault | None:
        fault: Fault | None = getattr(self._here, "fault", None)
        return fault if fault is not None and fault.strikes() else None
