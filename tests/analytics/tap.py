"""Between the service and its store: where it breaks, and where others go on meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol

import pytest

from leaderboard.errors import StoreUnavailable
from leaderboard.store.scripts import Call
from tests.conftest import Service


class Tap(Protocol):
    def take(self, calls: Sequence[Call], /) -> Sequence[Call] | None:
        """None to let the calls through; otherwise those that still get through before the store is away."""


@dataclass
class Fault:
    """The n-th call does not come back: nothing of it took effect, or a part, or all."""

    left: int
    share: float
    struck: bool = False

    @classmethod
    def any(cls, chance: Random) -> "Fault":
        return cls(chance.randint(1, 4), chance.choice([0, 0.5, 1]))

    def take(self, calls: Sequence[Call]) -> Sequence[Call] | None:
        self.left -= 1
        if self.left:
            return None
        self.struck = True
        return calls[: round(len(calls) * self.share)]


@dataclass
class Meanwhile:
    """Something else happens just before the n-th call."""

    left: int
    act: Callable[[], None]

    def take(self, _calls: Sequence[Call]) -> Sequence[Call] | None:
        self.left -= 1
        if not self.left:
            self.act()
        return None


@contextmanager
def tapped(service: Service, tap: Tap) -> Iterator[None]:
    """All that the service's store is asked to do goes through the tap."""
    store = service.services.store
    run_one, run_all = store.run, store.run_all

    def send(calls: Sequence[Call], *, resend: bool) -> list[Any]:
        if len(calls) == 1:
            return [run_one(calls[0].script, calls[0].keys, calls[0].args, resend=resend)]
        return run_all([*calls], resend=resend) if calls else []

    def run_some(calls: Sequence[Call], *, resend: bool = True) -> list[Any]:
        some = tap.take(calls)
        if some is None:
            return send(calls, resend=resend)
        send(some, resend=resend)
        raise StoreUnavailable("The test broke it.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "run_all", run_some)
        patch.setattr(store, "run", lambda name, keys, args, **more: run_some([Call(name, keys, args)], **more)[0])
        yield
