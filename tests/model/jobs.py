"""The scheduler's jobs, run by hand at any moment of a game."""

from __future__ import annotations

import secrets
from contextlib import suppress
from unittest.mock import patch

from leaderboard.errors import Interrupted

from .plays import Job
from .wire import Caller, Service


class Run:
    """A run under no claim; it ends at the checkpoint of that number, if there is one."""

    def __init__(self, last: int | None) -> None:
        self.token = secrets.token_hex(8)
        self.left = last

    def checkpoint(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                raise Interrupted("The play ends it here.")


def run_job(caller: Caller, job: Job) -> None:
    """One run over the boards of the play; those of others in the same store would only make it slow."""
    services, game = caller.service.services, caller.service.game
    work = {"sealing": services.sealing, "windows": services.windows}[job.name]
    with patch.object(services.registry, "everywhere", lambda: services.registry.all(game)), suppress(Interrupted):
        work.run(caller.now, Run(job.last))


def dropped_parts(service: Service, board: str, period_id: str) -> list[int]:
    """The partitions of a board in which the store has no standings of a period."""
    parts = service.services.registry.get(service.game, board).parts
    client = service.services.store.client
    return [number for number, part in enumerate(parts) if not client.exists(part.keys.standings(period_id))]
