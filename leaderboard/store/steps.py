"""Work that asks the store in rounds: a generator that yields script calls and is sent their answers.

So the one who runs it decides how they travel: one request's alone, or those of many requests in one round trip.
"""

from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from leaderboard.store.connection import Store
from leaderboard.store.scripts import Call

_T = TypeVar("_T")
Steps = Generator[Sequence[Call], list[Any], _T]


def finish(store: Store, steps: Steps[_T]) -> _T:
    """Carries out some work alone. Raises what it raises, and StoreUnavailable."""
    try:
        calls = next(steps)
        while True:
            calls = steps.send(store.run_all(calls) if calls else [])
    except StopIteration as end:
        found: _T = end.value
        return found


def finish_together(store: Store, works: Sequence[Steps[_T]]) -> list[_T | Exception]:
    """Carries out the work of several, a round trip a round for all; each one's result, or what it raised.

    When the store is away everyone's result is that.
    """
    results: list[Any] = [None] * len(works)
    waiting: list[tuple[int, Sequence[Call]]] = []

    def advance(number: int, answers: list[Any] | None) -> None:
        work = works[number]
        try:
            failed = next((one for one in answers or () if isinstance(one, Exception)), None)
            if failed is not None:
                waiting.append((number, work.throw(failed)))
            else:
                waiting.append((number, next(work) if answers is None else work.send(answers)))
        except StopIteration as end:
            results[number] = end.value
        except Exception as error:  # noqa: BLE001 - it is that one's, and must not be the others' too
            results[number] = error

    for number in range(len(works)):
        advance(number, None)
    while waiting:
        asking, waiting = waiting, []
        try:
            answers = iter(store.run_all([call for _, calls in asking for call in calls], keep_errors=True))
        except Exception as error:  # noqa: BLE001
            for number, _ in asking:
                results[number] = error
            break
        for number, calls in asking:
            advance(number, [next(answers) for _ in calls])
    return results
