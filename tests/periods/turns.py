"""Several actors in threads, one at a time: who goes on is decided by seed, wherever an actor says that others may."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

_STUCK_SECONDS = 60


@dataclass(eq=False)
class _Actor:
    name: str
    work: Callable[[], object]
    weight: float
    is_late: bool  # it begins when all others have ended, or lie still
    pauses_at: tuple[str, int]  # where it lies still until then: at the n-th place of that kind; 0 for nowhere
    places: Counter[str] = field(default_factory=Counter)
    go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    error: BaseException | None = None
    done: bool = False
    is_paused: bool = False


class Turns:
    """Hands the baton. Outside of `run`, `switch` does nothing."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._back = threading.Semaphore(0)
        self._here = threading.local()
        self._stays = 0.0

    def run(self, works: Mapping[str, Callable[[], object]]) -> dict[str, BaseException | None]:
        """Runs all to their ends; answers what each raised.

        At times nobody is preferred; at times an actor keeps the baton for long, or somewhere lies still until all
        others have ended, as one does whose process was paused.
        """
        actors = [self._cast(name, work) for name, work in works.items()]
        self._stays = self._chance.choice((0.0, 0.5, 0.85))
        threads = [threading.Thread(target=self._act, args=(actor,), daemon=True) for actor in actors]
        for thread in threads:
            thread.start()
        last: _Actor | None = None
        while alive := [actor for actor in actors if not actor.done]:
            awake = [actor for actor in alive if not actor.is_paused]
            awake = [actor for actor in awake if not actor.is_late] or awake or alive
            if last not in awake or self._chance.random() >= self._stays:
                last = self._chance.choices(awake, [actor.weight for actor in awake])[0]
            assert last is not None
            last.go.release()
            if not self._back.acquire(timeout=_STUCK_SECONDS):
                raise AssertionError(f"{last.name} waits for somebody who does not have the baton")
        for thread in threads:
            thread.join()
        return {actor.name: actor.error for actor in actors}

    def switch(self, place: str = "call") -> None:
        """Others may go on here."""
        actor: _Actor | None = getattr(self._here, "actor", None)
        if actor is not None:
            actor.places[place] += 1
            actor.is_paused = (place, actor.places[place]) == actor.pauses_at
            self._back.release()
            actor.go.acquire()
            actor.is_paused = False

    def _cast(self, name: str, work: Callable[[], object]) -> _Actor:
        chance = self._chance
        place = chance.choice(("call", "transaction", "transaction"))
        count = chance.choice((0, 0, chance.randint(1, 20 if place == "call" else 6)))
        return _Actor(name, work, chance.choice((1.0, 1.0, 0.1)), chance.random() < 0.3, (place, count))

    def _act(self, actor: _Actor) -> None:
        self._here.actor = actor
        actor.go.acquire()
        try:
            actor.work()
        except BaseException as error:  # noqa: BLE001 - it is looked at by who began it
            actor.error = error
        finally:
            actor.done = True
            self._back.release()
