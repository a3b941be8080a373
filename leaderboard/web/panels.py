"""Parts of a page that are read side by side, each for so long and no longer: one that hangs takes no other along.

Each part is read in a thread of its own, of which there is at most one at a time in a process. What is not there in
time goes on being read, and the next one who asks is given it; so what takes minutes may be a part of a page too.
"""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.exceptions import NoPermissionError, RedisClusterException, RedisError, ResponseError

from leaderboard.errors import LeaderboardError

_FAILED_SECONDS: Final = 2.0  # for which nobody tries again what failed
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """One of them: how it is read, and for how many seconds what was read will do."""

    read: Callable[[], Any]
    kept_seconds: float = 2.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of it: a value, or a problem in a sentence; `is_late`: it is still being read."""

    value: Any = None
    problem: str = ""
    is_late: bool = False
    age_seconds: int = 0

    @property
    def is_there(self) -> bool:
        return not self.problem and not self.is_late


@dataclass(slots=True)
class _Kept:
    part: Part
    future: "Future[Reading]"
    done_at: float | None = None


class Panels:
    """The parts, as one process reads them."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        """`seconds`: a clock that never goes back."""
        self._seconds = seconds
        self._kept: dict[str, _Kept] = {}
        self._guard = threading.Lock()

    def read(self, parts: Mapping[str, Part], wait_seconds: float) -> dict[str, Reading]:
        """What came of each within so many seconds, for all together."""
        begun = {name: self._begun(name, part) for name, part in parts.items()}
        wait([kept.future for kept in begun.values()], wait_seconds)
        return {name: self._reading(kept) for name, kept in begun.items()}

    def forget(self, name: str) -> None:
        """Has a part read anew the next time, unless it is being read now."""
        with self._guard:
            kept = self._kept.get(name)
            if kept is not None and kept.future.done():
                del self._kept[name]

    def _begun(self, name: str, part: Part) -> _Kept:
        with self._guard:
            kept = self._kept.get(name)
            if kept is not None and (kept.done_at is None or self._seconds() < kept.done_at + _lasts(kept)):
                return kept
            kept = self._kept[name] = _Kept(part, Future())
        threading.Thread(target=self._carry_out, args=(name, kept), name=f"panel {name}", daemon=True).start()
        return kept

    def _carry_out(self, name: str, kept: _Kept) -> None:
        reading = _read(name, kept.part)
        kept.done_at = self._seconds()
        kept.future.set_result(reading)

    def _reading(self, kept: _Kept) -> Reading:
        if not kept.future.done():
            return Reading(is_late=True)
        found = kept.future.result()
        age = 0 if kept.done_at is None else int(self._seconds() - kept.done_at)
        return Reading(found.value, found.problem, age_seconds=age)


def _lasts(kept: _Kept) -> float:
    return kept.part.kept_seconds if kept.future.done() and not kept.future.result().problem else _FAILED_SECONDS


def _read(name: str, part: Part) -> Reading:
    try:
        return Reading(part.read())
    except LeaderboardError as error:
        return Reading(problem=error.detail)
    except NoPermissionError:
        return Reading(problem="The store does not let the service's user read this.")
    except ResponseError:
        return Reading(problem="The store does not tell this.")
    except (RedisError, RedisClusterException) as error:
        return Reading(problem=f"The store does not answer: {type(error).__name__}.")
    except Exception:  # noqa: BLE001 - the other parts are shown
        _log.exception("a part of a page cannot be read", part=name)
        return Reading(problem="Something unexpected happened; the log tells more.")
