"""The job that keeps the top of boards, for the boards of one game: those of other tests are none of its business."""

from typing import Any

from leaderboard.archive.captures import BoardCaptures
from leaderboard.boards.captures import Capturing
from leaderboard.boards.definition import Board
from tests.conftest import Service
from tests.periods.running import FreeRun


class OneGame:
    """A registry that knows of no other game."""

    def __init__(self, service: Service) -> None:
        self._registry = service.services.registry
        self._game = service.game

    def everywhere(self) -> list[Board]:
        return self._registry.all(self._game)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._registry, name)


def capturing(service: Service, store: Any = None) -> Capturing:
    """The job, over this game."""
    services = service.services
    registry: Any = OneGame(service)
    return Capturing(store or services.store, registry, BoardCaptures(services.database))


def capture(service: Service) -> int:
    """Runs it now; answers how many captures it took."""
    return capturing(service).run(service.clock.now(), FreeRun())["captured"]
